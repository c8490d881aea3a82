//! One server, requests in order: every status and body, PIN counters, waits, locks, cache and session rules.

use std::vec::Vec;

use super::{
    model::{Model, device},
    script::{Fields, Script, vectors},
};
use crate::{Code, Error, KeyId, Op, Refusal, SessionId, Suite, replay::Step, server::Gate, wire};

#[test]
fn steps_in_order() {
    let vector = vectors("errors");
    let mut model = Model::load(&vector["state_at_start"], vector.array("nonce_key"));
    let key_id = KeyId::from_bytes(vector["key"].array("key_id"));
    let encryption_id = KeyId::from_bytes(vector["encryption_key"].array("key_id"));
    for step in vector.list("steps") {
        let name = step.text("step");
        let frame = step.bytes("request");
        let sid = SessionId::from_bytes(frame.get(24..40).map_or([0; 16], |sid| sid.try_into().unwrap()));
        let computing = name == "the same frame is being computed";
        if computing {
            assert!(model.cache().begin(
                key_id,
                sid,
                Step::First,
                crate::hash::fingerprint(&frame),
                u64::MAX
            ));
        } else if name.starts_with("total 29") {
            model.keys.get_mut(&key_id).unwrap().gate = Gate { total: 29, ..Gate::default() };
        } else if name.starts_with("decryption quota") {
            model.keys.get_mut(&key_id).unwrap().gate = Gate::default();
            model.keys.get_mut(&encryption_id).unwrap().decrypts = 1 << 20;
        }
        let before = model.keys[&key_id].gate;
        let draws = if step["server_randomness"].is_array() {
            Script::of(step, "server_randomness")
        } else {
            Script::new(Vec::new())
        };
        let mut draws = draws;
        let now_ms = step.u64("now_ms");
        let answer = model.handle(&frame, &device(step.text("device")), now_ms, &mut draws);
        draws.assert_used_up();
        assert_eq!(answer, step.bytes("response"), "{name}");
        let gate = model.keys[&key_id].gate;
        let counters: Vec<_> = step.list("fails_total_after").iter().map(|n| n.as_str().unwrap()).collect();
        assert_eq!(
            [std::format!("{:02x}", gate.fails), std::format!("{:02x}", gate.total)],
            counters[..],
            "{name}"
        );
        assert_eq!(gate.unlock_at_ms, step.u64("unlock_at_ms"), "{name}");
        // A changed counter that the caller is not told of would not become durable.
        assert_eq!(model.record_changed, gate != before, "{name}");
        if computing {
            model.cache().abandon(key_id, sid, Op::Sign);
        }
    }
}

/// Sent again as a new session: what passes by itself, and nothing that somebody has to change.
#[test]
fn what_passes_may_be_tried_again() {
    for code in (0..=u8::MAX).filter_map(Code::from_status) {
        let passes = matches!(code, Code::Busy | Code::Internal | Code::Session);
        assert_eq!(Error::Refused(Refusal::from(code)).is_retryable(), passes, "{code}");
        assert!(!Error::InvalidMessage(code).is_retryable() && !Error::PeerMisbehaved(code).is_retryable());
    }
    assert!(!Error::InvalidRecord.is_retryable() && !Error::RandomFailed.is_retryable());
}

#[test]
fn frames_that_no_step_reaches() {
    let vector = vectors("errors");
    for frame in vector.list("frames_only") {
        let bytes = frame.bytes("response");
        let code = Code::from_status(frame.u8("status")).unwrap();
        assert_eq!(code.name(), frame.text("name"));
        let sid: [u8; 16] = bytes[4..20].try_into().unwrap();
        assert_eq!(wire::refusal(Suite::D, &sid, &Refusal::from(code)), bytes);
    }
}
