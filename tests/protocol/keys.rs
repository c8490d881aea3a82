//! P4, P5, P7.

use cosign_core::{Code, Digest, Error, Pin, Purpose, Suite, sign};
use cosign_tests::{
    model::{DEVICE, NOW, PIN, Pair},
    naive::{self, G, int},
};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::cases;

/// `d` of a pair, which nobody else ever computes.
fn joint_key(pair: &Pair, pin: &str) -> num_bigint::BigUint {
    let client = naive::client_share(&pair.record.to_bytes()[..], pin, &pair.device_key.expose_bytes());
    naive::joint_key(&client, &int(&pair.server_record().share.expose_bytes()[..32]))
}

/// P4: both sides have the same `P`, and it is that of `(dA*dB)^-1 - 1`.
#[test]
fn both_sides_generate_the_same_key() {
    TestRunner::new(cases(6))
        .run(&any::<u64>(), |seed| {
            for purpose in [Purpose::Sign, Purpose::Encrypt] {
                let pair = Pair::active(Suite::D, purpose, seed);
                prop_assert_eq!(pair.server_record().public_key, *pair.key.public_key());
                let point = pair.key.public_key().as_point().to_bytes();
                prop_assert_eq!(G.mul(&joint_key(&pair, PIN)).to_bytes(), point);
            }
            Ok(())
        })
        .unwrap();
}

/// P5: refreshes compose; after each the old and the new half of different epochs are not halves of the key.
#[test]
fn refreshes_compose_and_halves_of_two_epochs_do_not() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 3);
    let d = joint_key(&pair, PIN);
    let mut old_pin = PIN;
    for (epoch, pin) in (2..).zip([PIN, "864209", "000000"]) {
        let old_server = int(&pair.server_record().share.expose_bytes()[..32]);
        let old_record = pair.refresh(pin);
        assert_eq!((pair.server_record().epoch, pair.record.epoch()), (epoch, epoch));
        assert_eq!(joint_key(&pair, pin), d);
        let device_key = pair.device_key.expose_bytes();
        let old_client = naive::client_share(&old_record.to_bytes()[..], old_pin, &device_key);
        let client = naive::client_share(&pair.record.to_bytes()[..], pin, &device_key);
        let server = int(&pair.server_record().share.expose_bytes()[..32]);
        assert_ne!(naive::joint_key(&client, &old_server), d);
        assert_ne!(naive::joint_key(&old_client, &server), d);
        assert!(pair.sign(&[Digest::reduce(&[9; 32])]).is_ok());
        old_pin = pin;
    }
}

/// P7: the PIN gives the share back; any other gives another share, without an error, and the server says so.
#[test]
fn only_the_server_tells_a_wrong_pin() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 4);
    let pins = prop_oneof!["[0-9]{6}", "[0-9]{7,32}", Just(String::new())];
    let pair = std::cell::RefCell::new(&mut pair);
    TestRunner::new(cases(16))
        .run(&pins, |digits| {
            let Pair { server, record, device_key, rng, .. } = &mut **pair.borrow_mut();
            let key = record.unlock(&Pin::new(&digits).unwrap(), device_key).unwrap();
            let (frame, waiting) = sign::start(&key, &[Digest::reduce(&[1; 32])], NOW, 1, rng).unwrap();
            let error = waiting.finish(&server.handle(&frame, &DEVICE, NOW, rng)).err();
            if digits == PIN {
                prop_assert_eq!(error, None);
            } else {
                prop_assert_eq!(error.as_ref().and_then(Error::code), Some(Code::Pin));
            }
            server.keys.values_mut().for_each(|record| record.gate = Default::default());
            // The right one again, as a control.
            let key = record.unlock(&Pin::new(PIN).unwrap(), device_key).unwrap();
            let (frame, waiting) = sign::start(&key, &[Digest::reduce(&[1; 32])], NOW, 2, rng).unwrap();
            prop_assert!(waiting.finish(&server.handle(&frame, &DEVICE, NOW, rng)).is_ok());
            Ok(())
        })
        .unwrap();
}
