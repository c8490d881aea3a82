//! What the server checks of evaluations, and what they cost.

use std::vec;

use super::*;
use crate::{
    Op, SessionId, hash::evaluation_session, replay::Step, server::ReplayCache, sign, wire::body_len,
};

/// The frame of an evaluation of the pair's record.
fn frame(pair: &Pair) -> Vec<u8> {
    let (pin, device_key) = (pin("258013"), device_key(pair));
    let waiting = evaluate::unlock(&pair.record, &pin, &device_key, NOW, &mut SysRng).unwrap();
    waiting.frame().to_vec()
}

fn send(pair: &mut Pair, frame: &[u8]) -> u8 {
    pair.model.handle(frame, &OWN, NOW, &mut SysRng)[2]
}

fn record(pair: &mut Pair) -> &mut crate::server::KeyRecord {
    let key_id = pair.key.key_id();
    pair.model.keys.get_mut(&key_id).unwrap()
}

#[test]
fn an_evaluation_is_checked_before_it_is_counted() {
    let mut pair = active(Suite::D, Purpose::Sign);
    let good = frame(&pair);
    assert_eq!(good.len(), 82 + 64);
    let put = |at: usize, bytes: &[u8]| {
        let mut frame = good.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let two = [&put(80, &[0, 2])[..], &good[82..]].concat();
    let cases = [
        (put(3, &[1]), Code::Version),
        (good[..81].to_vec(), Code::Length),
        (put(80, &[0, 0]), Code::Batch),
        ([&put(80, &[0, 3])[..], &good[82..], &good[82..]].concat(), Code::Batch),
        (good[..145].to_vec(), Code::Length),
        ([&good[..], &[0]].concat(), Code::Length),
        (put(48, &[1]), Code::Version),
        (put(4, &[8; 16]), Code::Key),
        (put(20, &[0, 0, 0, 0]), Code::Epoch),
        (put(20, &[0, 0, 0, 3]), Code::Epoch),
        (put(82, &[7; 64]), Code::Point),
        ([&two[..146], &[7; 64]].concat(), Code::Point),
        (put(40, &(NOW - 120_001).to_be_bytes()), Code::Time),
    ];
    for (frame, code) in cases {
        assert_eq!(send(&mut pair, &frame), code.byte(), "{code:?}");
        assert_eq!(gate(&pair), Gate::default());
    }
    assert_eq!(pair.model.handle(&good, &OTHER, NOW, &mut SysRng)[2], Code::Key.byte());
    for status in [Status::Suspended, Status::Revoked] {
        record(&mut pair).status = status;
        assert_eq!(send(&mut pair, &good), Code::Key.byte());
    }
    record(&mut pair).status = Status::Pending;
    assert_eq!(send(&mut pair, &two), Code::Batch.byte());
    let oprf = record(&mut pair).oprf.take();
    for status in [Status::Pending, Status::Arriving, Status::Active] {
        record(&mut pair).status = status;
        assert_eq!(send(&mut pair, &good), Code::Key.byte(), "a key in base mode");
        assert_eq!(send(&mut pair, &put(82, &[7; 64])), Code::Key.byte(), "before its items are read");
    }
    record(&mut pair).oprf = oprf;
    record(&mut pair).created_ms = NOW - crate::server::PENDING_TTL_MS - 1;
    for status in [Status::Pending, Status::Arriving] {
        record(&mut pair).status = status;
        assert_eq!(send(&mut pair, &good), Code::Key.byte());
    }
    assert_eq!(gate(&pair), Gate::default());

    record(&mut pair).status = Status::Active;
    record(&mut pair).gate.unlock();
    assert_eq!(send(&mut pair, &good), 0, "a refresh is required: that needs it");
    assert!(pair.model.record_changed);
    let next = put(20, &[0, 0, 0, 2]);
    let (next, sid) = ([&next[..24], &[6; 16], &next[40..]].concat(), SessionId::from_bytes([6; 16]));
    assert_eq!(send(&mut pair, &next), 0, "a refresh may wait for its confirmation");
    assert_eq!(gate(&pair).charge.map(|charge| charge.session), Some(sid));
    let audited = pair.model.audit.last().unwrap();
    assert_eq!((audited.op, audited.sid, audited.code), (Op::Evaluate, sid, None));
}

/// A key that is not active yet may be evaluated for, which lets none of the ops in that its status refuses.
#[test]
fn a_status_allows_what_it_allows_in_base_mode() {
    let mut pair = active(Suite::D, Purpose::Sign);
    for (status, refused) in [
        (Status::Pending, [Op::Decrypt, Op::Refresh, Op::Confirm, Op::Split]),
        (Status::Arriving, [Op::Sign, Op::Decrypt, Op::Split, Op::Split]),
    ] {
        record(&mut pair).status = status;
        for op in refused {
            let (sid, body) = (SessionId::from_bytes([op.byte(); 16]), vec![0; body_len(op, 1)]);
            let frame = match op {
                Op::Confirm => pair.key.header(op, &sid, NOW, 1, [0; 32]).frame(&body),
                _ => pair.key.tagged_frame(op, &sid, NOW, 1, &body).0,
            };
            assert_eq!(send(&mut pair, &frame), Code::Key.byte(), "{op:?} while {}", status.as_str());
        }
        let good = frame(&pair);
        assert_eq!(send(&mut pair, &good), 0);
    }
}

#[test]
fn the_identical_evaluation_is_free_and_no_other_of_its_session() {
    let mut pair = active(Suite::D, Purpose::Sign);
    let good = frame(&pair);
    let first = pair.model.handle(&good, &OWN, NOW, &mut SysRng);
    let charged = gate(&pair);
    assert_eq!((first[2], first[3], charged.total), (0, 0, 1));
    assert_eq!(pair.model.handle(&good, &OWN, NOW, &mut SysRng), first);
    let other = [&good[..82], &frame(&pair)[82..]].concat();
    assert_eq!(send(&mut pair, &other), Code::SidConflict.byte());
    assert_eq!(gate(&pair), charged);

    // After a restart the answer is made again while the charge is open, locked or not, and never after it.
    let (key_id, sid) = (pair.key.key_id(), SessionId::from_bytes(good[24..40].try_into().unwrap()));
    let restart = |pair: &mut Pair| {
        pair.model.cache = Some(ReplayCache::new(10, 1 << 20, 10));
        pair.model.cache().restore(key_id, sid, crate::hash::fingerprint(&good), NOW + 1000);
    };
    restart(&mut pair);
    record(&mut pair).gate.total = 30;
    assert_eq!(pair.model.handle(&good, &OWN, NOW, &mut SysRng), first);
    assert_eq!(gate(&pair), Gate { total: 30, ..charged });
    restart(&mut pair);
    assert_eq!(send(&mut pair, &other), Code::SidConflict.byte());
    record(&mut pair).gate = Gate { charge: None, ..charged };
    assert_eq!(send(&mut pair, &good), Code::Session.byte());

    // In a session that nobody knows any more the same frame is an attempt like any other.
    record(&mut pair).gate = charged;
    pair.model.cache = Some(ReplayCache::new(10, 1 << 20, 10));
    assert_eq!(send(&mut pair, &good), 0);
    assert_eq!(counts(&pair), (2, 2));
}

#[test]
fn an_evaluation_waits_like_a_guess_and_a_busy_server_counts_none() {
    let mut pair = active(Suite::D, Purpose::Sign);
    record(&mut pair).gate = Gate { fails: 5, total: 5, unlock_at_ms: NOW + 1, ..Gate::default() };
    let good = frame(&pair);
    let answer = pair.model.handle(&good, &OWN, NOW, &mut SysRng);
    assert_eq!((answer[2], &answer[22..]), (Code::Pin.byte(), &[5, 0, 0, 0, 1][..]));
    assert_eq!(counts(&pair), (5, 5));
    for locked in [Gate { fails: 10, ..Gate::default() }, Gate { total: 30, ..Gate::default() }] {
        record(&mut pair).gate = locked;
        assert_eq!(send(&mut pair, &good), Code::Key.byte());
        assert_eq!(gate(&pair), locked);
    }
    record(&mut pair).gate = Gate::default();
    pair.model.cache = Some(ReplayCache::new(0, 1 << 20, 10));
    assert_eq!(send(&mut pair, &good), Code::Busy.byte());
    assert_eq!(gate(&pair), Gate::default());
    let fp = crate::hash::fingerprint(&good);
    let sid = SessionId::from_bytes(good[24..40].try_into().unwrap());
    pair.model.cache = Some(ReplayCache::new(1, 1 << 20, 10));
    let key_id = pair.key.key_id();
    assert!(pair.model.cache().begin(key_id, sid, Step::First, fp, NOW));
    assert_eq!(send(&mut pair, &good), Code::Busy.byte(), "this very frame is being computed");
    assert_eq!(gate(&pair), Gate::default());
}

#[test]
fn the_last_attempt_is_judged_after_it_was_counted() {
    let mut pair = active(Suite::D, Purpose::Sign);
    for last in [Gate { fails: 9, total: 9, ..Gate::default() }, Gate { total: 29, ..Gate::default() }] {
        record(&mut pair).gate = last;
        unlock(&mut pair, "258013").unwrap();
        assert!(gate(&pair).is_locked());
        let key = core::mem::replace(&mut pair.key, Pair::pending(Suite::D, Purpose::Sign).key);
        unlock(&mut pair, "258013").unwrap_err();
        pair.key = key;
        pair.sign(&[digest(1)]).unwrap();
        assert_eq!(gate(&pair), Gate { total: last.total, ..Gate::default() });
    }
    record(&mut pair).gate = Gate { fails: 9, total: 9, ..Gate::default() };
    unlock(&mut pair, "000000").unwrap();
    assert_eq!(pair.sign(&[digest(1)]).unwrap_err().code(), Some(Code::Pin));
    assert_eq!(pair.sign(&[digest(1)]).unwrap_err().code(), Some(Code::Key));
}

/// A recorded request of the owner, sent again after a restart, gives nothing back for a session that somebody charged
/// after it.
#[test]
fn a_repeated_request_gives_no_evaluation_back() {
    let mut pair = active(Suite::D, Purpose::Sign);
    let (request, _waiting) = sign::start(&pair.key, &[digest(1)], NOW, 1, &mut SysRng).unwrap();
    assert_eq!(send(&mut pair, &request), 0);
    let (key_id, sid) = (pair.key.key_id(), SessionId::from_bytes(request[24..40].try_into().unwrap()));
    let mut guess = frame(&pair);
    guess[24..40].copy_from_slice(evaluation_session(&key_id, &sid).as_bytes());
    assert_eq!(send(&mut pair, &guess), 0);
    pair.model.cache = Some(ReplayCache::new(10, 1 << 20, 10));
    pair.model.cache().restore(key_id, sid, crate::hash::fingerprint(&request), NOW + 1000);
    assert_eq!(send(&mut pair, &request), 0);
    assert_eq!(counts(&pair), (0, 1));
}

/// Key generation in the mode of the key id, and the shape of its first frame.
#[test]
fn key_generation_is_in_the_mode_of_the_key_id() {
    let right = pin("258013");
    let (oblivious, waiting) =
        keygen::start_oblivious(TO, Suite::D, Purpose::Sign, &right, MIN_ITERATIONS, &mut SysRng).unwrap();
    let (base, _waiting) = keygen::start(TO, Suite::D, Purpose::Sign, &mut SysRng).unwrap();
    assert_eq!((oblivious.len(), oblivious[2], base.len()), (133, 0x14, 69));
    let mut pair = Pair::pending(Suite::D, Purpose::Sign);
    let issue = |pair: &mut Pair, mode| {
        let issued =
            Issued { device: OWN, suite: Suite::D, purpose: Purpose::Sign, mode, origin: Origin::Generated };
        pair.model.issued.insert(TO, issued);
    };
    issue(&mut pair, PinMode::Base);
    assert_eq!(send(&mut pair, &oblivious), Code::Key.byte());
    issue(&mut pair, PinMode::Oblivious);
    assert_eq!(send(&mut pair, &base), Code::Key.byte());
    let off_curve = [&oblivious[..69], &[7; 64]].concat();
    for (frame, code) in [
        (oblivious[..132].to_vec(), Code::Length),
        (oblivious[..69].to_vec(), Code::Length),
        ([&oblivious[..], &[0]].concat(), Code::Length),
        ([&base[..], &[0; 64]].concat(), Code::Length),
        (off_curve, Code::Point),
    ] {
        assert_eq!(send(&mut pair, &frame), code.byte());
    }
    let k2 = pair.model.handle(&oblivious, &OWN, NOW, &mut SysRng);
    assert_eq!((k2.len(), pair.model.issued.len()), (244, 0), "one evaluation for one key id");
    assert_eq!(send(&mut pair, &oblivious), Code::Key.byte());
    let mut wrong = k2.clone();
    wrong[180..].fill(7);
    let finished = waiting.finish(&wrong, &pair.device_key).err();
    assert_eq!(finished, Some(Error::InvalidMessage(Code::RespPoint)));
}
