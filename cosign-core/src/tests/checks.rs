//! Checks that no vector reaches: one test each fails when the check is taken out.

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::sm2::{Ciphertext, pke};

use super::{
    life::{NOW, Pair, done, pin},
    model::OWN,
};
use crate::{
    Code, Digest, Error, KeyId, LocalRecord, MIN_ITERATIONS, Progress, Purpose, SessionId, Suite, decrypt,
    pin::AuthKey,
    refresh,
    server::{Admission, Incoming, LIFETIME_QUOTA, ReplayCache, ServerShare, receive},
    sign,
};

pub(super) fn digest(seed: u8) -> Digest {
    Digest::reduce(&sm_primitives::sm3::digest(&[seed]))
}

/// A signing request.
pub(super) fn frame(pair: &Pair, counter: u64, now_ms: u64) -> Vec<u8> {
    sign::start(&pair.key, &[digest(1)], now_ms, counter, &mut SysRng).unwrap().0
}

/// A record that was looked up for another key is no record of this one.
#[test]
fn a_record_of_another_key_is_refused() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let frame = frame(&pair, 1, NOW);
    let record = pair.model.keys.get_mut(&pair.key.key_id()).unwrap();
    record.key_id = KeyId::from_bytes([8; 16]);
    let Ok(Incoming::Operation(operation)) = receive(&frame) else { panic!() };
    let mut cache = ReplayCache::new(10, 1000, 0);
    let Admission::Answered(answered) = operation.admit(Some(record), &OWN, NOW, &mut cache) else {
        panic!("a record of another key was used");
    };
    assert_eq!(answered.frame[2], Code::Key.byte());
    assert!(answered.audit.is_none() && cache.is_empty());
}

/// After an unlock by the registration authority nothing but a refresh goes through, until one was activated.
#[test]
fn an_unlocked_key_must_be_refreshed_first() {
    let mut signing = Pair::active(Suite::D, Purpose::Sign);
    let key_id = signing.key.key_id();
    signing.model.keys.get_mut(&key_id).unwrap().gate.unlock();
    assert_eq!(signing.sign(&[digest(1)]).unwrap_err().code(), Some(Code::Key));
    let new = refresh(&mut signing);
    signing.key = new.unlock(&pin("258013"), &signing.device_key).unwrap();
    assert_eq!((new.epoch(), signing.key.epoch()), (2, 2));
    signing.sign(&[digest(1)]).unwrap();

    let mut decrypting = Pair::active(Suite::D, Purpose::Encrypt);
    decrypting.model.keys.get_mut(&key_id).unwrap().gate.unlock();
    let ciphertext = pke::encrypt(decrypting.key.public_key(), b"bid", &mut SysRng).unwrap();
    let (frame, waiting) = decrypt::start(&decrypting.key, &[ciphertext], NOW, &mut SysRng).unwrap();
    let answer = decrypting.model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert_eq!(waiting.finish(&answer).unwrap_err().code(), Some(Code::Key));
}

/// Refreshes under the same PIN.
#[test]
fn a_broken_item_hides_no_other() {
    let mut pair = Pair::active(Suite::D, Purpose::Encrypt);
    let seal = |text: &[u8]| pke::encrypt(pair.key.public_key(), text, &mut SysRng).unwrap();
    let mut changed = seal(b"second").to_c1c3c2();
    *changed.last_mut().unwrap() ^= 1;
    let ciphertexts =
        [seal(b"first"), Ciphertext::from_c1c3c2(&changed).unwrap(), seal(b"third"), seal(b"fourth")];
    let (frame, waiting) = decrypt::start(&pair.key, &ciphertexts, NOW, &mut SysRng).unwrap();
    let (_, other) = decrypt::start(&pair.key, &ciphertexts, NOW, &mut SysRng).unwrap();
    let mut answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    // The answer to the third is that to the first: also a point.
    answer.copy_within(22..86, 22 + 2 * 64);
    let Ok(Progress::Done(opened)) = waiting.finish_each(&answer) else { panic!("not done") };
    let texts: Vec<_> =
        opened.plaintexts.iter().map(|text| text.as_ref().map(|text| text.as_slice())).collect();
    assert_eq!(texts, [Some(&b"first"[..]), None, None, Some(b"fourth")]);
    assert!(matches!(other.finish_each(&answer), Err(Error::InvalidMessage(Code::State))), "another session");

    let (frame, waiting) = decrypt::start(&pair.key, &ciphertexts, NOW, &mut SysRng).unwrap();
    let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert!(matches!(waiting.finish(&answer), Err(Error::PeerMisbehaved(Code::Verify))), "all or none");
}

fn refresh(pair: &mut Pair) -> LocalRecord {
    let (r1, waiting) =
        refresh::start(&pair.key, &pin("258013"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng)
            .unwrap();
    let r2 = pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
    let new = done(waiting.finish(&r2, &pair.device_key));
    let stored = new.record.to_bytes();
    let (r3, waiting) = new.confirm(&stored[..], &pin("258013"), &pair.device_key, NOW, &mut SysRng).unwrap();
    let r4 = pair.model.handle(&r3, &OWN, NOW, &mut SysRng);
    assert_eq!(done(waiting.finish(&r4)), refresh::Confirmation::Active { failures: 0 });
    new.record
}

/// A full cache is busy: it forgets no session that could be replayed. What has expired makes room.
#[test]
fn a_full_replay_cache_is_busy() {
    for (entries, bytes) in [(1, 1 << 20), (100, 1)] {
        let mut pair = Pair::active(Suite::D, Purpose::Sign);
        pair.model.cache = Some(ReplayCache::new(entries, bytes, 0));
        let first = frame(&pair, 1, NOW);
        let answer = pair.model.handle(&first, &OWN, NOW, &mut SysRng);
        assert_eq!(answer[2], 0);
        let second = frame(&pair, 2, NOW);
        // The right PIN behind which there is no room has cleared the counter all the same.
        pair.model.keys.get_mut(&pair.key.key_id()).unwrap().gate.fails = 1;
        assert_eq!(pair.model.handle(&second, &OWN, NOW, &mut SysRng)[2], Code::Busy.byte());
        assert_eq!((pair.model.record_changed, pair.model.keys[&pair.key.key_id()].gate.fails), (true, 0));
        // The identical frame of a known session is still answered.
        assert_eq!(pair.model.handle(&first, &OWN, NOW, &mut SysRng), answer);

        let last = NOW + 240_000;
        let late = frame(&pair, 3, last);
        assert_eq!(pair.model.handle(&late, &OWN, last, &mut SysRng)[2], Code::Busy.byte());
        assert_eq!(pair.model.cache().len(), 1);
        assert!(!pair.model.cache().is_empty());
        let later = frame(&pair, 4, last + 1);
        assert_eq!(pair.model.handle(&later, &OWN, last + 1, &mut SysRng)[2], 0);
    }
}

/// An entry lives `2W` beyond the later of both clocks, whichever that is.
#[test]
fn an_entry_outlives_every_frame_of_its_session() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    for (ts_ms, until_ms) in [(NOW - 120_000, NOW + 240_000), (NOW + 120_000, NOW + 360_000)] {
        pair.model.audit.clear();
        pair.model.handle(&frame(&pair, 1, ts_ms), &OWN, NOW, &mut SysRng);
        assert_eq!(pair.model.audit[0].until_ms, until_ms);
    }
}

/// After a restart the identical frame is computed anew; any other frame of its session is a conflict.
#[test]
fn a_restored_session_takes_its_own_frame_only() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let frame = frame(&pair, 1, NOW);
    let sid = SessionId::from_bytes(frame[24..40].try_into().unwrap());
    let key_id = pair.key.key_id();
    let fingerprint = sm_primitives::sm3::digest(&frame);
    let others = pair.model.cache().len();
    pair.model.cache().restore(key_id, sid, [0; 32], NOW);
    assert_eq!(pair.model.handle(&frame, &OWN, NOW, &mut SysRng)[2], Code::SidConflict.byte());
    pair.model.cache().restore(key_id, sid, fingerprint, NOW);
    let answer = pair.model.handle(&frame, &OWN, NOW, &mut SysRng);
    assert_eq!(answer[2], 0);
    assert_eq!(pair.model.handle(&frame, &OWN, NOW, &mut SysRng), answer);
    assert_eq!(pair.model.cache().len(), others + 1);
}

/// A refused quota is an answer like others: the identical frame gets it again, whatever the quota is then.
#[test]
fn a_used_up_quota_is_answered_the_same_twice() {
    let mut pair = Pair::active(Suite::D, Purpose::Encrypt);
    let key_id = pair.key.key_id();
    let ciphertext = pke::encrypt(pair.key.public_key(), b"bid", &mut SysRng).unwrap();
    let ask = |pair: &mut Pair, decrypts: u32| {
        pair.model.keys.get_mut(&key_id).unwrap().decrypts = decrypts;
        let two = [ciphertext.clone(), ciphertext.clone()];
        let (frame, _waiting) = decrypt::start(&pair.key, &two, NOW, &mut SysRng).unwrap();
        (pair.model.handle(&frame, &OWN, NOW, &mut SysRng), frame)
    };
    assert_eq!(ask(&mut pair, LIFETIME_QUOTA - 2).0[2], 0, "the last two");
    let (answer, frame) = ask(&mut pair, LIFETIME_QUOTA - 1);
    assert_eq!(answer[2], Code::Quota.byte());
    assert_eq!(pair.model.keys[&key_id].decrypts, LIFETIME_QUOTA - 1, "refused whole");
    pair.model.keys.get_mut(&key_id).unwrap().decrypts = 0;
    assert_eq!(pair.model.handle(&frame, &OWN, NOW, &mut SysRng), answer);
}

/// What a caller makes durable of a computation, and what it costs.
#[test]
fn a_job_tells_how_many_items_it_decrypts() {
    for (purpose, count, decrypts) in [(Purpose::Sign, 3, 0), (Purpose::Encrypt, 2, 2)] {
        let mut pair = Pair::active(Suite::D, purpose);
        let frame = if purpose == Purpose::Sign {
            sign::start(&pair.key, &[1, 2, 3].map(digest), NOW, 1, &mut SysRng).unwrap().0
        } else {
            let two = [0, 1].map(|_| pke::encrypt(pair.key.public_key(), b"bid", &mut SysRng).unwrap());
            decrypt::start(&pair.key, &two, NOW, &mut SysRng).unwrap().0
        };
        let Ok(Incoming::Operation(operation)) = receive(&frame) else { panic!() };
        let mut cache = ReplayCache::new(10, 1000, 0);
        let record = pair.model.keys.get_mut(&pair.key.key_id());
        let Admission::Job(job) = operation.admit(record, &OWN, NOW, &mut cache) else { panic!() };
        assert_eq!((job.count(), job.decrypts()), (count, decrypts));
    }
}

/// A fault in a share makes no pending refresh, and activates none.
#[test]
fn a_faulty_share_is_neither_refreshed_nor_activated() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let key_id = pair.key.key_id();
    let faulty = |share: &ServerShare| ServerShare {
        share: share.share.mul(&share.share),
        inverse: share.share.invert(),
        auth: AuthKey::from_bytes(share.auth.expose_bytes()),
    };
    let start = |pair: &Pair| {
        let iterations = MIN_ITERATIONS;
        refresh::start(&pair.key, &pin("258013"), &pair.device_key, iterations, NOW, &mut SysRng).unwrap().0
    };
    let good = std::sync::Arc::clone(&pair.model.keys[&key_id].share);
    pair.model.keys.get_mut(&key_id).unwrap().share = faulty(&good).into();
    let r1 = start(&pair);
    assert_eq!(pair.model.handle(&r1, &OWN, NOW, &mut SysRng)[2], Code::Internal.byte());
    assert!(pair.model.keys[&key_id].pending.is_none());

    pair.model.keys.get_mut(&key_id).unwrap().share = good;
    let (r1, waiting) =
        refresh::start(&pair.key, &pin("258013"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng)
            .unwrap();
    let r2 = pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
    let new = done(waiting.finish(&r2, &pair.device_key));
    let pending = pair.model.keys.get_mut(&key_id).unwrap().pending.as_mut().unwrap();
    pending.share = faulty(&pending.share).into();
    let (r3, waiting) =
        refresh::confirm(&new.record, &pin("258013"), &pair.device_key, NOW, &mut SysRng).unwrap();
    let r4 = pair.model.handle(&r3, &OWN, NOW, &mut SysRng);
    assert_eq!(waiting.finish(&r4).unwrap_err().code(), Some(Code::Internal));
    assert!(pair.model.keys[&key_id].pending.is_some(), "the pending share stays");
    assert_eq!(pair.model.keys[&key_id].epoch, 1);
}

/// What the gate counted before an activation is gone after it.
#[test]
fn an_activated_refresh_resets_the_counters() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let key_id = pair.key.key_id();
    pair.model.keys.get_mut(&key_id).unwrap().gate.total = 29;
    refresh(&mut pair);
    assert_eq!(pair.model.keys[&key_id].gate, crate::server::Gate::default());
}

/// The lock holds for confirmations too: the right MAC is not looked at, and the pending share stays.
#[test]
fn a_locked_gate_confirms_nothing() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let key_id = pair.key.key_id();
    let (r1, waiting) =
        refresh::start(&pair.key, &pin("258013"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng)
            .unwrap();
    let r2 = pair.model.handle(&r1, &OWN, NOW, &mut SysRng);
    let new = done(waiting.finish(&r2, &pair.device_key));
    pair.model.keys.get_mut(&key_id).unwrap().gate.fails = 10;
    let (r3, waiting) =
        refresh::confirm(&new.record, &pin("258013"), &pair.device_key, NOW, &mut SysRng).unwrap();
    let r4 = pair.model.handle(&r3, &OWN, NOW, &mut SysRng);
    assert_eq!(waiting.finish(&r4).unwrap_err().code(), Some(Code::Key));
    assert_eq!(pair.model.keys[&key_id].epoch, 1);
    assert!(pair.model.keys[&key_id].pending.is_some());
}

/// A proof out of range is refused before the gate is asked, so it costs no attempt.
#[test]
fn a_confirmation_out_of_range_is_not_counted() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let (mut r3, _waiting) =
        refresh::confirm(&pair.record, &pin("258013"), &pair.device_key, NOW, &mut SysRng).unwrap();
    for z in [[0; 32], [0xff; 32]] {
        r3[162..194].copy_from_slice(&z);
        assert_eq!(pair.model.handle(&r3, &OWN, NOW, &mut SysRng)[2], Code::Proof.byte());
    }
    assert_eq!(pair.model.keys[&pair.key.key_id()].gate, crate::server::Gate::default());
    r3[162..194].fill(1);
    assert_eq!(pair.model.handle(&r3, &OWN, NOW, &mut SysRng)[2], Code::Pin.byte());
}

/// A confirmation of what is active already: the right MAC clears the counter, durably, and nothing else changes.
#[test]
fn a_repeated_confirmation_changes_the_counter_only() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let key_id = pair.key.key_id();
    let r1 = refresh::start(&pair.key, &pin("258013"), &pair.device_key, MIN_ITERATIONS, NOW, &mut SysRng);
    pair.model.handle(&r1.unwrap().0, &OWN, NOW, &mut SysRng);
    for fails in [2, 0] {
        pair.model.keys.get_mut(&key_id).unwrap().gate.fails = fails;
        let (r3, waiting) =
            refresh::confirm(&pair.record, &pin("258013"), &pair.device_key, NOW, &mut SysRng).unwrap();
        let r4 = pair.model.handle(&r3, &OWN, NOW, &mut SysRng);
        assert_eq!(done(waiting.finish(&r4)), refresh::Confirmation::Active { failures: fails });
        assert_eq!(pair.model.record_changed, fails != 0);
        let record = &pair.model.keys[&key_id];
        assert_eq!((record.gate.fails, record.epoch, record.pending.is_some()), (0, 1, true));
    }
}
