//! Lives of keys that come to another device: a share that travels, a key from a key centre.

use cosign_core::{
    ClientKey, KeyId, PinMode, Purpose, Suite, import,
    server::{Issued, Origin, Status},
    split::{self, Kind, Receiver},
};
use cosign_tests::{
    model::{DEVICE, NOW, done},
    naive,
};
use sm_primitives::{Zeroizing, sm2::PrivateKey};

use crate::{
    Life, record,
    watch::{Secret, left_behind},
};

impl Life {
    /// Key generation, and the key moves to another device.
    fn travel(mut self, suite: Suite, purpose: Purpose) -> Vec<Secret> {
        let (_, key, share) = self.generate(suite, purpose);
        record(&mut self.server).status = Status::Active;
        self.hand_over(&key, &share);
        drop(key);
        self.learned.map(|learned| learned.secrets).unwrap_or_default()
    }

    /// The share of `key` goes to another device, which is this one again, and is refreshed there.
    fn hand_over(&mut self, key: &ClientKey, share: &[u8; 32]) {
        let (of, to) = (key.key_id(), KeyId::from_bytes([10; 16]));
        let (suite, purpose, origin) = (key.suite(), key.purpose(), Origin::Split(of));
        self.server.issued.insert(to, Issued { device: DEVICE, suite, purpose, mode: PinMode::Base, origin });
        let receiver = Receiver::new(of, to, DEVICE, &mut self.source).unwrap();
        let waiting = split::start(key, receiver.invitation(), Kind::Move, NOW, &mut self.source).unwrap();
        let (frame, answer) = (Zeroizing::new(waiting.frame().to_vec()), self.ask(waiting.frame()));
        let handover = done(waiting.finish(&answer, &mut self.source).unwrap());
        let travelled = receiver.open(&handover.sealed).unwrap();
        self.learn(|learned, server, source| {
            learned.server_share(" that arrives", &record(server).share.expose_bytes()[..]);
            let (r_a, auth) = frame[99..].split_at(32);
            let input = [of.as_bytes(), to.as_bytes(), &frame[20..24], r_a, &answer[22..54]].concat();
            let t = naive::to_scalar("split", &input);
            let new = naive::bytes(&(naive::int(share) * &t % &*naive::N));
            let [old_half, new_half] = [of, to].map(|id| server.keys[&id].share.expose_bytes());
            let product = |client: &[u8], server: &[u8]| naive::int(client) * naive::int(server) % &*naive::N;
            assert_eq!(
                product(&new, &new_half[..32]),
                product(share, &old_half[..32]),
                "the share that travels"
            );
            learned.scalar("t of the split", &naive::bytes(&t));
            learned.scalar("dA that travels", &new);
            let point = key.public_key().as_point().to_bytes();
            let start = [&[1, suite.byte(), purpose.byte()][..], to.as_bytes(), &point].concat();
            learned.bytes("package", &[&start[..], &new, auth].concat());
            learned.bytes("rA of the split", r_a);
            // rB leaves with the answer, which is the transport's.
            learned.sent.extend(&answer[22..54]);
            learned.draws("split", source);
        });
        drop((frame, receiver));
        self.refresh(&travelled, true);
    }

    /// A decryption key from a key centre is split, and refreshed.
    fn recover(mut self) -> Vec<Secret> {
        let (key_id, suite, purpose) = (KeyId::from_bytes([9; 16]), Suite::D, Purpose::Encrypt);
        let kept = PrivateKey::from_bytes(&[0x42; 32]).unwrap();
        let origin = Origin::Recovered(*kept.public_key());
        self.server
            .issued
            .insert(key_id, Issued { device: DEVICE, suite, purpose, mode: PinMode::Base, origin });
        let waiting = import::start(key_id, suite, PinMode::Base, &kept, &mut self.source).unwrap();
        let answer = self.ask(waiting.frame());
        self.learn(|learned, server, source| {
            learned.scalar("d", &kept.expose_bytes());
            learned.server_share(" of the import", &record(server).share.expose_bytes()[..]);
            learned.draws("import", source);
        });
        drop(kept);
        let travelled = waiting.finish(&answer).unwrap();
        self.refresh(&travelled, true);
        drop(travelled);
        self.learned.map(|learned| learned.secrets).unwrap_or_default()
    }
}

#[test]
fn nothing_of_a_share_that_travels_stays_behind() {
    for (suite, purpose) in
        [(Suite::D, Purpose::Sign), (Suite::F2, Purpose::Sign), (Suite::D, Purpose::Encrypt)]
    {
        let secrets = Life::new(true).travel(suite, purpose);
        assert!(secrets.len() > 60, "{} secrets", secrets.len());
        let found = left_behind(secrets, || drop(Life::new(false).travel(suite, purpose)));
        assert_eq!(found, Vec::<&str>::new(), "{suite:?} {purpose:?}");
    }
}

#[test]
fn nothing_of_a_recovered_key_stays_behind() {
    let secrets = Life::new(true).recover();
    assert!(secrets.len() > 30, "{} secrets", secrets.len());
    let found = left_behind(secrets, || drop(Life::new(false).recover()));
    assert_eq!(found, Vec::<&str>::new());
}
