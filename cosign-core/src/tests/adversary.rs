//! Peers that do not follow the protocol, and random sources that do not work.

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::rand_core::{TryCryptoRng, TryRng};

use super::{
    life::{NOW, Pair},
    model::{OTHER, OWN},
    script::Script,
};
use crate::{Code, Digest, Error, KeyId, Purpose, Suite, keygen, sign};

/// Gives the same byte for ever.
struct Constant(u8);

impl TryRng for Constant {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_be_bytes([self.0; 4]))
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_be_bytes([self.0; 8]))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Constant {}

fn digest(seed: u8) -> Digest {
    Digest::reduce(&sm_primitives::sm3::digest(&[seed]))
}

/// A random source that only gives zeros, only gives 2^256 - 1, or fails: an error, never a key.
#[test]
fn a_broken_random_source_makes_no_key() {
    let key_id = KeyId::from_bytes([1; 16]);
    for byte in [0, 0xff] {
        assert_eq!(
            keygen::start(key_id, Suite::D, Purpose::Sign, &mut Constant(byte)).err(),
            Some(Error::RandomFailed)
        );
    }
    assert_eq!(
        keygen::start(key_id, Suite::D, Purpose::Sign, &mut Script::new(Vec::new())).err(),
        Some(Error::RandomFailed)
    );
}

/// A random source that repeats itself: hedging keeps all nonces apart all the same.
#[test]
fn repeated_randomness_repeats_no_nonce() {
    let pair = Pair::active(Suite::D, Purpose::Sign);
    let mut points = Vec::new();
    for counter in 0..3 {
        let digests = [digest(1), digest(1), digest(2)];
        let (frame, _waiting) = sign::start(&pair.key, &digests, NOW, counter, &mut Constant(7)).unwrap();
        for item in frame[82..].chunks(160) {
            points.extend([item[32..96].to_vec(), item[96..].to_vec()]);
        }
    }
    let all = points.len();
    points.sort();
    points.dedup();
    assert_eq!(points.len(), all);
}

/// A failing source on the server answers `E_INTERNAL` and gives nothing away.
#[test]
fn a_server_without_randomness_answers_internal() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let (frame, waiting) = sign::start(&pair.key, &[digest(1)], NOW, 1, &mut SysRng).unwrap();
    let answer = pair.model.handle(&frame, &OWN, NOW, &mut Script::new(Vec::new()));
    assert_eq!(answer.len(), 22);
    assert_eq!(waiting.finish(&answer).unwrap_err().code(), Some(Code::Internal));
}

/// The self-check: a share whose two stored halves no longer match releases nothing.
#[test]
fn a_faulty_share_releases_nothing() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let key_id = pair.key.key_id();
    let record = pair.model.keys.get_mut(&key_id).unwrap();
    let faulty = crate::server::ServerShare {
        share: record.share.share.mul(&record.share.share),
        inverse: record.share.share.invert(),
        auth: crate::pin::AuthKey::from_bytes(record.share.auth.expose_bytes()),
    };
    record.share = faulty.into();
    assert_eq!(pair.sign(&[digest(1)]).unwrap_err().code(), Some(Code::Internal));
    assert!(pair.model.audit.last().unwrap().signatures.is_empty());
}

/// Every byte of a request is bound: no change of one bit is answered with a signature.
#[test]
fn no_changed_request_is_signed() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let (frame, _waiting) = sign::start(&pair.key, &[digest(1)], NOW, 1, &mut SysRng).unwrap();
    for position in 0..frame.len() {
        let mut changed = frame.clone();
        changed[position] ^= 0x10;
        pair.model.keys.values_mut().for_each(|key| key.gate = crate::server::Gate::default());
        let answer = pair.model.handle(&changed, &OWN, NOW, &mut SysRng);
        assert_ne!(answer[2], 0, "byte {position}");
        assert!(answer.len() <= 30, "byte {position}: an error answer carries nothing of a nonce");
    }
    assert_eq!(pair.model.audit.iter().map(|audit| audit.signatures.len()).sum::<usize>(), 1);
}

/// A foreign channel, however often, neither signs nor counts.
#[test]
fn another_device_cannot_lock_the_key() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let (frame, waiting) = sign::start(&pair.key, &[digest(1)], NOW, 1, &mut SysRng).unwrap();
    for _ in 0..1000 {
        let answer = pair.model.handle(&frame, &OTHER, NOW, &mut SysRng);
        assert_eq!(answer[2], Code::Key.byte());
    }
    assert_eq!(pair.model.keys[&pair.key.key_id()].gate, crate::server::Gate::default());
    let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert!(waiting.finish(&answer).is_ok());
}

/// Any bytes at all: an error answer of at most 30 bytes, no panic.
#[test]
fn arbitrary_bytes_are_refused() {
    use proptest::prelude::*;
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let (frame, _waiting) = sign::start(&pair.key, &[digest(1), digest(2)], NOW, 1, &mut SysRng).unwrap();
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { cases: 300, ..Default::default() });
    let edits = prop::collection::vec((0..frame.len(), any::<u8>()), 1..6);
    let strategy = (edits, 0..=frame.len());
    let model = std::cell::RefCell::new(&mut pair.model);
    runner
        .run(&strategy, |(edits, length)| {
            let mut bytes = frame.clone();
            for (position, byte) in edits {
                bytes[position] = byte;
            }
            bytes.truncate(length);
            prop_assume!(bytes != frame);
            let answer = model.borrow_mut().handle(&bytes, &OWN, NOW, &mut SysRng);
            prop_assert!(answer[2] != 0 && (22..=30).contains(&answer.len()));
            Ok(())
        })
        .unwrap();
}
