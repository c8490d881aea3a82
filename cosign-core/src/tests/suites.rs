//! A key keeps its suite: frames and answers of the other one change nothing.

use std::{
    collections::BTreeMap,
    string::{String, ToString as _},
    vec::Vec,
};

use getrandom::SysRng;

use super::{
    life::{NOW, Pair, pin},
    model::OWN,
    script::Script,
};
use crate::{
    ClientKey, Code, Digest, Error, KeyId, LocalRecord, MIN_ITERATIONS, Op, PinMode, Purpose, SessionId,
    Suite, decrypt, keygen, refresh,
    server::{Claim, Issued, Origin, Status, Unreadable, receive},
    sign,
};

fn code(answer: &[u8]) -> Option<Code> {
    Code::from_status(answer[2])
}

const fn other(suite: Suite) -> Suite {
    match suite {
        Suite::D => Suite::F2,
        Suite::F2 => Suite::D,
    }
}

/// The key as somebody would use it who takes it for one of the other suite.
fn mistaken(key: &ClientKey, record: &LocalRecord, pair: &Pair) -> ClientKey {
    let unlocked = record.unlock(&pin("258013"), &pair.device_key).unwrap();
    ClientKey { suite: other(key.suite()), ..unlocked }
}

/// The frame is refused, nothing has changed, and nothing was computed: the random source is empty.
fn refused(pair: &mut Pair, frame: &[u8], expected: Code) {
    let before: BTreeMap<String, String> = pair.model.snapshot();
    let logged = pair.model.audit.len();
    let answer = pair.model.handle(frame, &OWN, NOW, &mut Script::new(Vec::new()));
    assert_eq!(code(&answer), Some(expected));
    assert_eq!(pair.model.snapshot(), before);
    assert_eq!((pair.model.audit.len(), pair.model.record_changed), (logged, false));
    assert_eq!(pair.model.cache().open(), 0);
}

#[test]
fn every_operation_of_another_suite_is_refused() {
    for suite in [Suite::D, Suite::F2] {
        let digest = Digest::reduce(&[7; 32]);
        let mut pair = Pair::active(suite, Purpose::Sign);
        let key = mistaken(&pair.key, &pair.record, &pair);
        let (frame, _waiting) = sign::start(&key, &[digest], NOW, 1, &mut SysRng).unwrap();
        refused(&mut pair, &frame, Code::Key);
        let (frame, _waiting) =
            refresh::start(&key, &pin(""), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng).unwrap();
        refused(&mut pair, &frame, Code::Key);
        let mut record = *pair.record.to_bytes();
        record[1] = other(suite).byte();
        assert_eq!(
            LocalRecord::from_bytes(&record).and_then(|r| r.unlock(&pin("258013"), &pair.device_key)).err(),
            Some(Error::InvalidRecord),
            "the record is under the device's MAC"
        );
        // Nor is it refused for another reason: its own suite is answered.
        pair.sign(&[digest]).unwrap();

        let mut pair = Pair::active(suite, Purpose::Encrypt);
        let key = mistaken(&pair.key, &pair.record, &pair);
        let ciphertext =
            sm_primitives::sm2::pke::encrypt(pair.key.public_key(), b"bid", &mut SysRng).unwrap();
        let (frame, _waiting) = decrypt::start(&key, &[ciphertext], NOW, &mut SysRng).unwrap();
        refused(&mut pair, &frame, Code::Key);
    }
}

#[test]
fn a_confirmation_of_another_suite_activates_nothing() {
    for suite in [Suite::D, Suite::F2] {
        let mut pair = Pair::active(suite, Purpose::Sign);
        let (r1, waiting) =
            refresh::start(&pair.key, &pin("777213"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng)
                .unwrap();
        let r2 = pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
        let share = super::life::done(waiting.finish(&r2, &pair.device_key));
        let stored = share.record.to_bytes();
        let (mut r3, waiting) =
            share.confirm(&stored[..], &pin("777213"), &pair.device_key, NOW, &mut SysRng).unwrap();
        r3[1] = other(suite).byte();
        refused(&mut pair, &r3, Code::Key);
        r3[1] = suite.byte();
        let r4 = pair.model.handle(&r3, &OWN, NOW, &mut SysRng);
        let active = refresh::Confirmation::Active { failures: 0 };
        assert_eq!(super::life::done(waiting.finish(&r4)), active);
        pair.key = share.record.unlock(&pin("777213"), &pair.device_key).unwrap();
        assert_eq!(pair.key.suite(), suite);
        pair.sign(&[Digest::reduce(&[1; 32])]).unwrap();
    }
}

/// An operation that a suite does not have is unknown in it.
#[test]
fn operations_belong_to_suites() {
    for (suite, op) in [(1, 6), (1, 7), (2, 1), (0, 1), (3, 1), (3, 6), (1, 9), (2, 9)] {
        for length in [4, 82, 114, 210, 242] {
            let mut frame = std::vec![0; length];
            frame[..3].copy_from_slice(&[1, suite, op]);
            frame[3..24.min(length)].iter_mut().skip(1).for_each(|byte| *byte = 5);
            let unreadable = receive(&frame).unwrap_err();
            // Version 1, suite D, no session.
            let answer = [&[1, 1, 1, 0][..], &[0; 18]].concat();
            assert_eq!(unreadable, Unreadable { frame: answer, claim: None }, "suite {suite}, op {op}");
        }
    }
    // 04 is not offered; its frames are told apart from unknown ones by their sid.
    let frame = [&[1, 2, 4, 0][..], &[7; 100]].concat();
    let unreadable = receive(&frame).unwrap_err();
    assert_eq!(
        (&unreadable.frame[..20], unreadable.claim),
        (&[&[1, 2, 1, 0][..], &[7; 16]].concat()[..], None)
    );
    // A frame of a known operation with a flag, or too long: it says what it wants to be.
    for (op, suite) in [(Op::Sign, Suite::D), (Op::Commit, Suite::F2), (Op::Reveal, Suite::F2)] {
        for flags in [0, 1] {
            let frame = [&[1, suite.byte(), op.byte(), flags][..], &[7; 16], &[0; 4], &[8; 3000]].concat();
            let (key_id, sid) = (KeyId::from_bytes([7; 16]), SessionId::from_bytes([8; 16]));
            let claim = receive(&frame).unwrap_err().claim;
            assert_eq!(claim, Some(Claim { suite, op, key_id, sid }));
        }
    }
}

#[test]
fn key_generation_fixes_the_suite() {
    for suite in [Suite::D, Suite::F2] {
        // The key id was issued for this suite.
        let mut pair = Pair::active(suite, Purpose::Sign);
        let key_id = KeyId::from_bytes([3; 16]);
        let issued = Issued {
            device: OWN,
            suite,
            purpose: Purpose::Sign,
            mode: PinMode::Base,
            origin: Origin::Generated,
        };
        pair.model.issued.insert(key_id, issued);
        let (frame, _waiting) = keygen::start(key_id, other(suite), Purpose::Sign, &mut SysRng).unwrap();
        refused(&mut pair, &frame, Code::Key);
        // So was the commitment made in it, and the opening of it.
        let (k1, waiting) = keygen::start(key_id, suite, Purpose::Sign, &mut SysRng).unwrap();
        let k2 = pair.model.handle(&k1, &OWN, NOW, &mut SysRng);
        let mut turned = k2.clone();
        turned[1] = other(suite).byte();
        let (k1_again, mistaken) = keygen::start(key_id, suite, Purpose::Sign, &mut SysRng).unwrap();
        assert_eq!(k1_again[1], suite.byte());
        let finished = mistaken.finish(&turned, &pin(""), &pair.device_key, MIN_ITERATIONS, &mut SysRng);
        assert_eq!(finished.err(), Some(Error::InvalidMessage(Code::Version)));
        let (mut k3, waiting) =
            waiting.finish(&k2, &pin("258013"), &pair.device_key, MIN_ITERATIONS, &mut SysRng).unwrap();
        k3[1] = other(suite).byte();
        refused(&mut pair, &k3, Code::Key);
        k3[1] = suite.byte();
        let k4 = pair.model.handle(&k3, &OWN, NOW, &mut SysRng);
        let (record, key) = waiting.finish(&k4).unwrap();
        assert_eq!((record.suite(), key.suite(), record.to_bytes()[1]), (suite, suite, suite.byte()));
        assert_eq!(pair.model.keys[&key_id].suite, suite);
    }
}

/// A key generation that the network relabels: the suite is in what both sides prove and commit to.
#[test]
fn proofs_of_one_suite_are_none_of_the_other() {
    for suite in [Suite::D, Suite::F2] {
        let mut pair = Pair::active(suite, Purpose::Sign);
        let key_id = KeyId::from_bytes([4; 16]);
        pair.model.issued.insert(
            key_id,
            Issued {
                device: OWN,
                suite,
                purpose: Purpose::Sign,
                mode: PinMode::Base,
                origin: Origin::Generated,
            },
        );
        let (mut k1, waiting) = keygen::start(key_id, other(suite), Purpose::Sign, &mut SysRng).unwrap();
        k1[1] = suite.byte();
        let mut k2 = pair.model.handle(&k1, &OWN, NOW, &mut SysRng);
        assert_eq!(code(&k2), None);
        k2[1] = other(suite).byte();
        let finished = waiting.finish(&k2, &pin(""), &pair.device_key, MIN_ITERATIONS, &mut SysRng);
        assert_eq!(finished.err(), Some(Error::PeerMisbehaved(Code::Verify)));
    }
}

#[test]
fn only_a_request_of_its_suite_activates_a_key() {
    for suite in [Suite::D, Suite::F2] {
        let mut pair = Pair::pending(suite, Purpose::Sign);
        let info = crate::csr::info("somebody", pair.key.public_key());
        let id = sm_primitives::sm2::DistId::default();
        let digest = Digest::reduce(&id.digest(pair.key.public_key(), &info));
        let signature = pair.sign(&[digest]).unwrap().remove(0);
        let request = crate::csr::assemble(&info, &signature);
        let (mut frame, waiting) = keygen::activate(&pair.key, &request, &mut SysRng).unwrap();
        frame[1] = other(suite).byte();
        refused(&mut pair, &frame, Code::Key);
        frame[1] = suite.byte();
        waiting.finish(&pair.model.handle(&frame, &OWN, NOW, &mut SysRng)).unwrap();
        assert_eq!(pair.model.keys[&pair.key.key_id()].status, Status::Active);
    }
}

/// A signature in one suite, an answer of the other: the client takes neither for the other.
#[test]
fn a_client_takes_answers_of_its_suite_only() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let (frame, waiting) = sign::start(&pair.key, &[Digest::reduce(&[7; 32])], NOW, 1, &mut SysRng).unwrap();
    let mut answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    answer[1] = 2;
    assert_eq!(waiting.finish(&answer).err(), Some(Error::InvalidMessage(Code::Version)));
}

#[test]
fn names_are_read_as_written() {
    for suite in [Suite::D, Suite::F2] {
        assert_eq!(Suite::from_name(suite.as_str()), Some(suite));
        assert_eq!(Suite::from_byte(suite.byte()), Some(suite));
    }
    assert_eq!((Suite::from_name("f2"), Suite::from_name(""), Suite::from_byte(0)), (None, None, None));
}

#[test]
fn ids_are_read_as_written() {
    let id = KeyId::from_bytes([0x1f, 0xe2, 0, 0xff, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    let text = "1fe200ff0405060708090a0b0c0d0e0f";
    assert_eq!(id.to_string(), text);
    for text in [text, "1FE200FF0405060708090a0b0c0d0e0f"] {
        assert_eq!(text.parse(), Ok(id));
    }
    for wrong in
        ["", "1f", &text[1..], "1ge200ff0405060708090a0b0c0d0e0f", "+fe200ff0405060708090a0b0c0d0e0f"]
    {
        assert!(wrong.parse::<KeyId>().is_err(), "{wrong}");
    }
}
