//! The first request: the commitment, under the PIN.

use super::*;
use crate::{
    DeviceId, KeyId,
    server::{OpenSession, OpenSessions, ReplayCache},
    tests::model::OTHER,
};

#[test]
fn lengths_and_counts() {
    let mut pair = active();
    let items = some_items(&pair, 2);
    let [commit, _] = frames(&pair, sid(1), &items);
    assert_eq!(commit.len(), 82 + 32);
    for (frame, expected) in [
        (commit[..113].to_vec(), Code::Length),
        ([&commit[..], &[0]].concat(), Code::Length),
        (commit[..82].to_vec(), Code::Length),
        (commit[..81].to_vec(), Code::Length),
        ([&commit[..80], &[0, 0], &commit[82..]].concat(), Code::Batch),
        ([&commit[..80], &[1, 1], &commit[82..]].concat(), Code::Batch),
        ([&commit[..3], &[1], &commit[4..]].concat(), Code::Version),
    ] {
        assert_eq!(code(&pair.ask(&frame, NOW)), Some(expected));
    }
    assert_eq!(pair.open(), 0);
    let most = some_items(&pair, 256);
    let [commit, _] = frames(&pair, sid(2), &most);
    assert_eq!(pair.ask(&commit, NOW).len(), 22 + 64 * 256);
}

#[test]
fn key_device_epoch_and_time() {
    let mut pair = active();
    let items = some_items(&pair, 1);
    let [commit, _] = frames(&pair, sid(1), &items);
    let ask_as = |pair: &mut Pair, device: &DeviceId, frame: &[u8], now_ms| {
        code(&pair.model.handle(frame, device, now_ms, &mut SysRng))
    };
    assert_eq!(ask_as(&mut pair, &OTHER, &commit, NOW), Some(Code::Key));
    let mut epoch = commit.clone();
    epoch[23] = 2;
    assert_eq!(ask_as(&mut pair, &OWN, &epoch, NOW), Some(Code::Epoch));
    assert_eq!(ask_as(&mut pair, &OWN, &commit, NOW + 120_001), Some(Code::Time));
    assert_eq!(ask_as(&mut pair, &OWN, &commit, NOW - 120_001), Some(Code::Time));
    let id = pair.key.key_id();
    pair.model.keys.get_mut(&id).unwrap().status = crate::server::Status::Suspended;
    assert_eq!(ask_as(&mut pair, &OWN, &commit, NOW), Some(Code::Key));
    pair.model.keys.get_mut(&id).unwrap().status = crate::server::Status::Active;
    pair.gate().refresh_required = true;
    assert_eq!(ask_as(&mut pair, &OWN, &commit, NOW), Some(Code::Key));
    pair.gate().refresh_required = false;
    assert_eq!((pair.open(), pair.gate().fails), (0, 0));
    assert_eq!(ask_as(&mut pair, &OWN, &commit, NOW + 120_000), None);
    let other_key = Pair::active(Suite::F2, Purpose::Encrypt);
    let items = some_items(&other_key, 1);
    let [commit, _] = frames(&other_key, sid(1), &items);
    let mut pair = other_key;
    assert_eq!(code(&pair.ask(&commit, NOW)), Some(Code::Key), "a key for decryption signs nothing");
}

/// The PIN is judged here, before the server draws anything; whatever the tag covers must be what is sent.
#[test]
fn a_wrong_pin_counts_and_gets_no_point() {
    let mut pair = active();
    let items = some_items(&pair, 1);
    let [commit, reveal] = frames(&pair, sid(1), &items);
    for (fails, position) in (1_u8..).zip([0, 31].map(|at| 48 + at).into_iter().chain([24, 47, 82, 113])) {
        let mut wrong = commit.clone();
        wrong[position] ^= 1;
        let answer = pair.model.handle(
            &wrong,
            &OWN,
            NOW + u64::from(fails) * 10_000_000 * u64::from(fails > 4),
            &mut Script::new(Vec::new()),
        );
        let expected = if fails > 4 { Code::Time } else { Code::Pin };
        assert_eq!(code(&answer), Some(expected), "byte {position}");
        assert_eq!(pair.model.record_changed, fails <= 4, "a failure that nobody makes durable");
        assert_eq!(pair.gate().fails, fails.min(4));
    }
    assert_eq!(pair.open(), 0);
    assert_eq!(code(&pair.ask(&reveal, NOW)), Some(Code::Session));
    pair.gate().fails = 9;
    let mut wrong = commit.clone();
    wrong[48] ^= 1;
    assert_eq!(code(&pair.ask(&wrong, NOW)), Some(Code::Pin));
    assert_eq!(code(&pair.ask(&commit, NOW)), Some(Code::Key), "locked");
    assert_eq!(pair.open(), 0);
}

#[test]
fn the_identical_frame_gets_the_identical_points() {
    let mut pair = active();
    let items = some_items(&pair, 2);
    let [commit, reveal] = frames(&pair, sid(1), &items);
    let answer = pair.ask(&commit, NOW);
    let again = pair.model.handle(&commit, &OWN, NOW, &mut Script::new(Vec::new()));
    assert_eq!(answer, again);
    assert_eq!(pair.open(), 1);
    assert_eq!(code(&pair.ask(&reveal, NOW)), None);
    // The session is over, its first answer is not.
    assert_eq!(pair.ask(&commit, NOW), answer);
    assert_eq!(code(&pair.ask(&[&reveal[..200], &[1; 106]].concat(), NOW)), Some(Code::Session));

    let items = some_items(&pair, 1);
    let [other, _] = frames(&pair, sid(1), &items);
    assert_eq!(code(&pair.ask(&other, NOW)), Some(Code::SidConflict));
    let (key_id, fingerprint) = (pair.key.key_id(), hash::fingerprint(&commit));
    let step = crate::replay::Step::First;
    assert!(pair.model.cache().begin(key_id, sid(3), step, fingerprint, u64::MAX));
    let [mut third, _] = frames(&pair, sid(3), &items);
    assert_eq!(code(&pair.ask(&third, NOW)), Some(Code::SidConflict));
    third[48] ^= 1;
    assert_eq!(code(&pair.ask(&third, NOW)), Some(Code::Pin), "a wrong PIN counts all the same");
    assert_eq!(pair.open(), 0);
}

#[test]
fn a_frame_that_is_being_answered_is_busy() {
    let mut pair = active();
    let items = some_items(&pair, 1);
    let [commit, reveal] = frames(&pair, sid(1), &items);
    let job = |pair: &mut Pair, frame: &[u8]| {
        let Ok(crate::server::Incoming::Operation(operation)) = crate::server::receive(frame) else {
            panic!()
        };
        let id = pair.key.key_id();
        let record = pair.model.keys.get_mut(&id);
        let cache = pair.model.cache.as_mut().unwrap();
        match operation.admit(record, &OWN, NOW, cache) {
            crate::server::Admission::Job(job) => job,
            other => panic!("{other:?}"),
        }
    };
    let first = job(&mut pair, &commit);
    assert_eq!(code(&pair.ask(&commit, NOW)), Some(Code::Busy));
    let executed = first.run(&[1; 32], &mut SysRng);
    pair.model.cache().complete(executed);
    let second = job(&mut pair, &reveal);
    assert_eq!(code(&pair.ask(&reveal, NOW)), Some(Code::Busy));
    let answer = second.run(&[1; 32], &mut SysRng);
    let answer = pair.model.cache().complete(answer);
    assert_eq!(pair.ask(&reveal, NOW), answer);
}

/// What was not made durable is not answered: its nonces are wiped and its session may be begun again.
#[test]
fn an_abandoned_commitment_leaves_nothing() {
    let mut pair = active();
    let items = some_items(&pair, 1);
    let [commit, reveal] = frames(&pair, sid(1), &items);
    let before = pair.ask(&commit, NOW);
    let id = pair.key.key_id();
    pair.model.cache().abandon(id, sid(1), Op::Commit);
    assert_eq!(pair.open(), 0);
    assert_eq!(code(&pair.ask(&reveal, NOW)), Some(Code::Session));
    assert_ne!(pair.ask(&commit, NOW), before, "fresh nonces");
    assert_eq!(code(&pair.ask(&reveal, NOW)), None);
}

#[test]
fn open_sessions_are_bounded_per_key_and_in_all() {
    let mut pair = active();
    let items = some_items(&pair, 1);
    let number = u8::try_from(MAX_OPEN).unwrap();
    let all: Vec<_> = (0..=number).map(|i| frames(&pair, sid(i), &items)).collect();
    for [commit, _] in &all[..MAX_OPEN] {
        assert_eq!(code(&pair.ask(commit, NOW)), None);
    }
    let [one_more, _] = &all[MAX_OPEN];
    let cached = pair.model.cache().len();
    assert_eq!(code(&pair.ask(one_more, NOW)), Some(Code::Busy));
    assert_eq!((pair.open(), pair.model.cache().len()), (MAX_OPEN, cached));
    assert_eq!(code(&pair.ask(&all[0][1], NOW)), None);
    assert_eq!(code(&pair.ask(one_more, NOW)), None, "the identical frame, once there is room");

    // Other keys have their own bound and share the one of all nonces.
    pair.model.cache = Some(ReplayCache::new(1000, 1 << 24, 5));
    let items = some_items(&pair, 3);
    let [commit, reveal] = frames(&pair, sid(40), &items);
    let [other, _] = frames(&pair, sid(41), &items);
    assert_eq!(code(&pair.ask(&commit, NOW)), None);
    assert_eq!(code(&pair.ask(&other, NOW)), Some(Code::Busy));
    let two = some_items(&pair, 2);
    let [fits, _] = frames(&pair, sid(42), &two);
    assert_eq!(code(&pair.ask(&fits, NOW)), None);
    assert_eq!(code(&pair.ask(&reveal, NOW)), None);
    assert_eq!(code(&pair.ask(&other, NOW)), None, "an opening makes room");
    assert_eq!(pair.open(), 2);
    pair.model.cache().purge(NOW + 30_001);
    assert_eq!(pair.open(), 0, "so does time");

    let mut table = OpenSessions::new(usize::MAX);
    for key in 0..3 {
        let key = KeyId::from_bytes([key; 16]);
        assert!((0..number).all(|session| table.reserve(key, sid(session), 1, NOW)));
        assert!(!table.reserve(key, sid(number), 1, NOW));
    }
}

#[test]
fn without_room_to_remember_a_request_it_is_not_begun() {
    let mut pair = active();
    let items = some_items(&pair, 1);
    let [commit, _] = frames(&pair, sid(1), &items);
    pair.gate().fails = 1;
    pair.model.cache = Some(ReplayCache::new(0, 1 << 20, 100));
    assert_eq!(code(&pair.ask(&commit, NOW)), Some(Code::Busy));
    assert_eq!((pair.open(), pair.gate().fails), (0, 0));
    assert!(pair.model.record_changed, "the PIN was right, which is durable before the answer");
    // The same without room for its nonces; nothing changes when it is asked again.
    pair.gate().fails = 1;
    pair.model.cache = Some(ReplayCache::new(10, 1 << 20, 0));
    for changed in [true, false] {
        assert_eq!(code(&pair.ask(&commit, NOW)), Some(Code::Busy));
        assert_eq!((pair.open(), pair.gate().fails, pair.model.record_changed), (0, 0, changed));
    }
}

/// The table by itself, whoever cleans up around it.
#[test]
fn a_session_is_taken_once_and_in_time() {
    let (key_id, mut table) = (KeyId::from_bytes([1; 16]), OpenSessions::new(10));
    for (taken_ms, there) in [(NOW, true), (NOW + 30_000, true), (NOW + 30_001, false)] {
        assert!(table.reserve(key_id, sid(1), 2, NOW));
        assert!(!table.reserve(key_id, sid(1), 1, NOW), "there is room for one of a name");
        let nonces = sign::commit::OpenNonces::draw(&[1; 32], 2, &[2; 32], &mut SysRng).unwrap();
        table.fill(OpenSession { key_id, sid: sid(1), commitment: [0; 32], nonces });
        assert_eq!(table.take(key_id, sid(1), taken_ms).is_some(), there, "{taken_ms}");
        assert!(table.take(key_id, sid(1), taken_ms).is_none());
        assert_eq!(table.len(), 0);
    }
    // Of several sessions each gives back its own room.
    let mut small = OpenSessions::new(4);
    assert!(small.reserve(key_id, sid(1), 2, NOW) && small.reserve(key_id, sid(2), 2, NOW));
    assert!(!small.reserve(key_id, sid(3), 1, NOW));
    small.abandon(key_id, sid(1));
    small.abandon(key_id, sid(2));
    assert!(small.reserve(key_id, sid(3), 4, NOW) && !small.reserve(key_id, sid(4), 1, NOW));
    // Nonces that come too late for their room are wiped.
    let nonces = sign::commit::OpenNonces::draw(&[1; 32], 1, &[2; 32], &mut SysRng).unwrap();
    table.fill(OpenSession { key_id, sid: sid(1), commitment: [0; 32], nonces });
    assert!(table.take(key_id, sid(1), NOW).is_none());
}
