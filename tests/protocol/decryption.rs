//! P6.

use std::collections::BTreeSet;

use cosign_core::{Code, Error, Purpose, Suite, decrypt};
use cosign_tests::model::{DEVICE, NOW, Pair, done};
use proptest::{prelude::*, test_runner::TestRunner};
use sm_primitives::sm2::{Ciphertext, pke};

use crate::cases;

#[test]
fn what_was_encrypted_comes_back_and_requests_differ() {
    let mut pair = Pair::active(Suite::D, Purpose::Encrypt, 5);
    let lengths = prop_oneof![1usize..=100, Just(65_536), 1usize..=65_536];
    let messages = lengths.prop_flat_map(|length| prop::collection::vec(any::<u8>(), length));
    let strategy = (prop::collection::vec(messages, 1..4), any::<prop::sample::Index>());
    let pair = std::cell::RefCell::new(&mut pair);
    let points = std::cell::RefCell::new(BTreeSet::new());
    TestRunner::new(cases(24))
        .run(&strategy, |(messages, flipped)| {
            let Pair { server, key, rng, .. } = &mut **pair.borrow_mut();
            let sealed: Vec<_> = messages
                .iter()
                .map(|message| pke::encrypt(key.public_key(), message, rng).unwrap())
                .collect();
            // The same ciphertexts twice: no blinded point comes twice.
            for _ in 0..2 {
                let (frame, waiting) = decrypt::start(key, &sealed, NOW, rng).unwrap();
                for t1 in frame[82..].chunks(64) {
                    prop_assert!(points.borrow_mut().insert(t1.to_vec()));
                }
                let answer = server.handle(&frame, &DEVICE, NOW, rng);
                let opened = done(waiting.finish(&answer).unwrap());
                prop_assert_eq!(opened.plaintexts.len(), messages.len());
                for (plain, message) in opened.plaintexts.iter().zip(&messages) {
                    prop_assert_eq!(&plain[..], &message[..]);
                }
            }
            // One bit of C3 or C2 of one of them: none is released.
            let mut changed = sealed.clone();
            let last = changed.last_mut().unwrap();
            let mut bytes = last.to_c1c3c2();
            let at = 65 + flipped.index(bytes.len() - 65);
            bytes[at] ^= 1;
            *last = Ciphertext::from_c1c3c2(&bytes).unwrap();
            let (frame, waiting) = decrypt::start(key, &changed, NOW, rng).unwrap();
            let error = waiting.finish(&server.handle(&frame, &DEVICE, NOW, rng)).err();
            prop_assert_eq!(error, Some(Error::PeerMisbehaved(Code::Verify)));
            Ok(())
        })
        .unwrap();
}
