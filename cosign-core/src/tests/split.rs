//! Shares for other devices: a key moves, a key is shared, and each check on the way.

use std::vec::Vec;

use getrandom::SysRng;
use sm_primitives::{
    point::PublicPoint,
    sm2::{PublicKey, pke},
};

use super::{
    checks::digest,
    life::{NOW, Pair, done, pin},
    model::{OTHER, OWN},
};
use crate::{
    ClientKey, Code, DeviceKey, Error, KeyId, LocalRecord, MIN_ITERATIONS, PinMode, Progress, Purpose,
    RefreshId, Suite, decrypt,
    error::ApiMisuse,
    refresh,
    server::{Issued, Origin, PENDING_TTL_MS, Status},
    sign,
    split::{self, Handover, Invitation, Kind, Receiver},
};

const TO: KeyId = KeyId::from_bytes([10; 16]);

fn issue(pair: &mut Pair) -> Issued {
    let (suite, purpose) = (pair.key.suite(), pair.key.purpose());
    let issued = Issued {
        device: OTHER,
        suite,
        purpose,
        mode: PinMode::Base,
        origin: Origin::Split(pair.key.key_id()),
    };
    pair.model.issued.insert(TO, issued);
    issued
}

fn receiver(pair: &Pair) -> Receiver {
    Receiver::new(pair.key.key_id(), TO, OTHER, &mut SysRng).unwrap()
}

/// Asks the server for a share.
fn hand_over(pair: &mut Pair, to: &Invitation, kind: Kind) -> Result<Handover, Error> {
    let waiting = split::start(&pair.key, to, kind, NOW, &mut SysRng)?;
    let answer = pair.model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
    match waiting.finish(&answer, &mut SysRng)? {
        Progress::Done(handover) => Ok(handover),
        Progress::Busy(_) | Progress::Next(_) => panic!("not done"),
    }
}

fn code<T>(outcome: Result<T, Error>) -> Option<Code> {
    outcome.err().and_then(|error| error.code())
}

/// The other device makes what it got its own.
struct Arrival {
    record: LocalRecord,
    device_key: DeviceKey,
    r3: Vec<u8>,
    waiting: refresh::AwaitingActivation,
}

fn refreshed(pair: &mut Pair, key: &ClientKey, now_ms: u64) -> Result<Arrival, Error> {
    let device_key = DeviceKey::random(&mut SysRng).unwrap();
    let new = pin("314159");
    let (r1, waiting) = refresh::start(key, &new, &device_key, MIN_ITERATIONS, now_ms, &mut SysRng).unwrap();
    let r2 = pair.model.handle(&r1, &OTHER, now_ms, &mut SysRng);
    let share = done(Ok(waiting.finish(&r2, &device_key)?));
    let stored = share.record.to_bytes();
    let (r3, waiting) = share.confirm(&stored[..], &new, &device_key, now_ms, &mut SysRng).unwrap();
    Ok(Arrival { record: share.record, device_key, r3, waiting })
}

/// Confirms; the key of the other device.
fn arrive(pair: &mut Pair, key: &ClientKey) -> Result<ClientKey, Error> {
    let Arrival { record, device_key, r3, waiting } = refreshed(pair, key, NOW)?;
    let r4 = pair.model.handle(&r3, &OTHER, NOW, &mut SysRng);
    assert_eq!(done(Ok(waiting.finish(&r4)?)), refresh::Confirmation::Active { failures: 0 });
    Ok(record.unlock(&pin("314159"), &device_key).unwrap())
}

/// Whether a key is served.
fn works(pair: &mut Pair, key: &ClientKey, device: &crate::DeviceId) -> bool {
    if key.purpose() == Purpose::Encrypt {
        let ciphertext = pke::encrypt(key.public_key(), b"bid", &mut SysRng).unwrap();
        let (frame, waiting) = decrypt::start(key, &[ciphertext], NOW, &mut SysRng).unwrap();
        let answer = pair.model.handle(&frame, device, NOW, &mut SysRng);
        return match waiting.finish(&answer) {
            Ok(progress) => done(Ok(progress)).plaintexts[0][..] == b"bid"[..],
            Err(_) => false,
        };
    }
    let (_, mut waiting) = sign::start(key, &[digest(1)], NOW, 99, &mut SysRng).unwrap();
    loop {
        let answer = pair.model.handle(waiting.frame(), device, NOW, &mut SysRng);
        waiting = match waiting.finish(&answer) {
            Ok(Progress::Next(next)) => next,
            Ok(progress) => return done(Ok(progress)).signatures.len() == 1,
            Err(_) => return false,
        };
    }
}

#[test]
fn a_key_moves_and_the_old_share_is_gone() {
    for (suite, purpose) in
        [(Suite::D, Purpose::Sign), (Suite::F2, Purpose::Sign), (Suite::D, Purpose::Encrypt)]
    {
        let mut pair = Pair::active(suite, purpose);
        issue(&mut pair);
        let receiver = receiver(&pair);
        let handover = hand_over(&mut pair, receiver.invitation(), Kind::Move).unwrap();
        let travelled = receiver.open(&handover.sealed).unwrap();
        assert_eq!((travelled.key_id(), travelled.suite(), travelled.purpose()), (TO, suite, purpose));
        let own = pair.key.key_id();
        assert_eq!(pair.model.keys[&TO].status, Status::Arriving);
        assert!(!works(&mut pair, &travelled, &OTHER), "what travelled is good for a refresh only");

        let moved = arrive(&mut pair, &travelled).unwrap();
        assert_eq!((moved.epoch(), moved.public_key()), (2, pair.key.public_key()));
        assert!(works(&mut pair, &moved, &OTHER));
        assert!(!works(&mut pair, &travelled, &OTHER), "the giver knows a share of before");
        assert!(!works(&mut pair, &moved, &OWN));
        assert_eq!(pair.model.keys[&own].status, Status::Revoked);
        assert_eq!(pair.sign(&[digest(2)]).unwrap_err().code(), Some(Code::Key));
    }
}

#[test]
fn a_shared_key_serves_both_until_one_share_is_withdrawn() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    pair.model.free_seats = 1;
    issue(&mut pair);
    let receiver = receiver(&pair);
    let handover = hand_over(&mut pair, receiver.invitation(), Kind::Share).unwrap();
    let theirs = arrive(&mut pair, &receiver.open(&handover.sealed).unwrap()).unwrap();
    pair.sign(&[digest(1)]).unwrap();
    assert!(works(&mut pair, &theirs, &OTHER));
    assert!(pair.model.keys[&TO].seat);
    assert_eq!(pair.model.keys[&TO].parent.map(|parent| parent.kind), Some(Kind::Share));

    // Each with the other half of the other one: nothing.
    let shares = [pair.key.key_id(), TO].map(|key_id| pair.model.keys[&key_id].share.clone());
    let [own, other] = shares.clone();
    pair.model.keys.get_mut(&TO).unwrap().share = own;
    assert!(!works(&mut pair, &theirs, &OTHER));
    pair.model.keys.get_mut(&TO).unwrap().share = other;
    assert!(works(&mut pair, &theirs, &OTHER));

    pair.model.keys.get_mut(&TO).unwrap().status = Status::Revoked;
    assert!(!works(&mut pair, &theirs, &OTHER));
    pair.sign(&[digest(2)]).unwrap();
}

/// A second share is the owner's to give, and not more of them than were allowed.
#[test]
fn only_the_owner_shares_and_only_what_is_allowed() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    issue(&mut pair);
    let receiver = receiver(&pair);
    assert_eq!(code(hand_over(&mut pair, receiver.invitation(), Kind::Share)), Some(Code::Quota));
    pair.model.free_seats = 1;
    let own = pair.key.key_id();
    pair.model.keys.get_mut(&own).unwrap().seat = true;
    assert_eq!(code(hand_over(&mut pair, receiver.invitation(), Kind::Share)), Some(Code::Quota));
    assert!(!pair.model.keys.contains_key(&TO));
    // A share that was given may move all the same, and stays one.
    hand_over(&mut pair, receiver.invitation(), Kind::Move).unwrap();
    assert!(pair.model.keys[&TO].seat);
}

#[test]
fn a_split_is_for_the_key_id_that_was_issued_for_it() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    let receiver = receiver(&pair);
    let to = receiver.invitation().clone();
    assert_eq!(code(hand_over(&mut pair, &to, Kind::Move)), Some(Code::Key), "unknown");
    let issued = issue(&mut pair);
    let others = [
        Issued { origin: Origin::Generated, ..issued },
        Issued { origin: Origin::Split(KeyId::from_bytes([8; 16])), ..issued },
        Issued { origin: Origin::Recovered(*pair.key.public_key()), ..issued },
        Issued { suite: Suite::F2, ..issued },
        Issued { purpose: Purpose::Encrypt, ..issued },
    ];
    for other in others {
        pair.model.issued.insert(TO, other);
        assert_eq!(code(hand_over(&mut pair, &to, Kind::Move)), Some(Code::Key), "{other:?}");
    }
    pair.model.issued.insert(TO, issued);
    hand_over(&mut pair, &to, Kind::Move).unwrap();
    assert_eq!(code(hand_over(&mut pair, &to, Kind::Move)), Some(Code::Key), "used up");

    let foreign = Receiver::new(KeyId::from_bytes([8; 16]), TO, OTHER, &mut SysRng).unwrap();
    let error = split::start(&pair.key, foreign.invitation(), Kind::Move, NOW, &mut SysRng).unwrap_err();
    assert_eq!(error, Error::ApiMisuse(ApiMisuse::Invitation));
}

#[test]
fn an_unlocked_key_is_refreshed_before_it_is_split() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    issue(&mut pair);
    let receiver = receiver(&pair);
    let own = pair.key.key_id();
    pair.model.keys.get_mut(&own).unwrap().gate.unlock();
    assert_eq!(code(hand_over(&mut pair, receiver.invitation(), Kind::Move)), Some(Code::Key));
}

/// A share that has not arrived stops with the one that it was split from, and with the day.
#[test]
fn a_share_arrives_in_time_and_from_an_active_one() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    issue(&mut pair);
    let receiver = receiver(&pair);
    let handover = hand_over(&mut pair, receiver.invitation(), Kind::Move).unwrap();
    let key = receiver.open(&handover.sealed).unwrap();
    let own = pair.key.key_id();
    let late = NOW + PENDING_TTL_MS + 1;
    assert_eq!(code(refreshed(&mut pair, &key, late)), Some(Code::Key));
    for status in [Status::Suspended, Status::Revoked, Status::Pending] {
        pair.model.keys.get_mut(&own).unwrap().status = status;
        assert_eq!(code(refreshed(&mut pair, &key, NOW)), Some(Code::Key), "{status:?}");
    }
    pair.model.keys.get_mut(&own).unwrap().status = Status::Active;
    let Arrival { r3, .. } = refreshed(&mut pair, &key, NOW).unwrap();
    pair.model.keys.get_mut(&own).unwrap().status = Status::Suspended;
    assert_eq!(pair.model.handle(&r3, &OTHER, NOW, &mut SysRng)[2], Code::Key.byte());
    pair.model.keys.get_mut(&own).unwrap().status = Status::Active;
    assert_eq!(pair.model.handle(&r3, &OTHER, NOW, &mut SysRng)[2], 0);
    assert_eq!(pair.model.keys[&own].status, Status::Revoked);
    // Once arrived, it does not depend on the other one any more.
    assert_eq!(pair.model.keys[&TO].status, Status::Active);
}

/// A confirmation of the shares that travelled makes nothing active.
#[test]
fn a_share_does_not_arrive_without_a_refresh() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    issue(&mut pair);
    let receiver = receiver(&pair);
    let handover = hand_over(&mut pair, receiver.invitation(), Kind::Move).unwrap();
    let key = receiver.open(&handover.sealed).unwrap();
    let (r3, waiting) = refresh::confirm_key(&key, RefreshId::KEYGEN, NOW, &mut SysRng).unwrap();
    let r4 = pair.model.handle(&r3, &OTHER, NOW, &mut SysRng);
    assert_eq!(done(waiting.finish(&r4)), refresh::Confirmation::Active { failures: 0 });
    let own = pair.key.key_id();
    assert_eq!(pair.model.keys[&TO].status, Status::Arriving);
    assert_eq!(pair.model.keys[&own].status, Status::Active);
}

#[test]
fn a_wrong_answer_gives_no_share_away() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    issue(&mut pair);
    let receiver = receiver(&pair);
    let waiting = split::start(&pair.key, receiver.invitation(), Kind::Move, NOW, &mut SysRng).unwrap();
    let mut answer = pair.model.handle(waiting.frame(), &OWN, NOW, &mut SysRng);
    let point = answer.len() - 64;
    let other = pair.key.public_key().as_point().to_bytes();
    answer[point..].copy_from_slice(&other);
    assert_eq!(code(waiting.finish(&answer, &mut SysRng)), Some(Code::Verify));
}

/// A fault that makes the shares not fit together gives no new key.
#[test]
fn a_faulty_share_is_not_split() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    issue(&mut pair);
    let own = pair.key.key_id();
    let record = pair.model.keys.get_mut(&own).unwrap();
    let inverse = sm_primitives::SecretScalar::random(&mut SysRng).unwrap();
    let share = sm_primitives::SecretScalar::from_bytes(&record.share.share.expose_bytes()).unwrap();
    let auth = crate::pin::AuthKey::from_bytes(record.share.auth.expose_bytes());
    record.share = std::sync::Arc::new(crate::server::ServerShare { share, inverse, auth });
    let receiver = receiver(&pair);
    assert_eq!(code(hand_over(&mut pair, receiver.invitation(), Kind::Move)), Some(Code::Internal));
    assert!(!pair.model.keys.contains_key(&TO));
}

#[test]
fn a_package_opens_for_its_invitation_only() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    issue(&mut pair);
    let receiver = receiver(&pair);
    let sealed = hand_over(&mut pair, receiver.invitation(), Kind::Move).unwrap().sealed;
    assert_eq!(sealed.len(), 97 + 147);
    let another = Receiver::new(pair.key.key_id(), TO, OTHER, &mut SysRng).unwrap();
    assert_eq!(code(another.open(&sealed)), Some(Code::Verify));
    for at in [0, 70, 200] {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(receiver.open(&changed).is_err());
    }
    assert!(receiver.open(&[]).is_err());

    // Packages that somebody else made for the same protection key.
    let protection = PublicKey::from(
        PublicPoint::from_bytes(&receiver.invitation().to_bytes()[65..].try_into().unwrap()).unwrap(),
    );
    let good =
        [&[1, 1, 1][..], TO.as_bytes(), &pair.key.public_key().as_point().to_bytes(), &[1; 64]].concat();
    let open = |package: &[u8]| {
        let sealed = pke::encrypt(&protection, package, &mut SysRng).unwrap().to_c1c3c2();
        receiver.open(&sealed)
    };
    assert!(open(&good).is_ok());
    let minus_g =
        sm_primitives::SecretScalar::from_public(sm_primitives::Scalar::ZERO - sm_primitives::Scalar::ONE);
    let minus_g = PublicPoint::mul_base(&minus_g.unwrap()).to_bytes();
    let cases: [(usize, &[u8], Code); 8] = [
        (0, &[2], Code::Version),
        (1, &[3], Code::Version),
        (2, &[3], Code::Version),
        (3, &[8; 16], Code::Key),
        (19, &[9; 64], Code::Point),
        (19, &minus_g, Code::Point),
        (83, &[0; 32], Code::RespRange),
        (83, &[0xff; 32], Code::RespRange),
    ];
    for (at, value, expected) in cases {
        let mut package = good.clone();
        package[at..at + value.len()].copy_from_slice(value);
        assert_eq!(code(open(&package)), Some(expected), "at {at}");
    }
    assert_eq!(code(open(&good[..146])), Some(Code::Length));
    assert_eq!(code(open(&[&good[..], &[0]].concat())), Some(Code::Length));
}

#[test]
fn invitations_are_read_back_whole() {
    let receiver = Receiver::new(KeyId::from_bytes([9; 16]), TO, OTHER, &mut SysRng).unwrap();
    let bytes = receiver.invitation().to_bytes();
    assert_eq!(&Invitation::from_bytes(&bytes).unwrap(), receiver.invitation());
    assert_eq!(code(Invitation::from_bytes(&bytes[..128])), Some(Code::Length));
    assert_eq!(code(Invitation::from_bytes(&[&bytes[..], &[0]].concat())), Some(Code::Length));
    let mut changed = bytes;
    changed[0] = 2;
    assert_eq!(code(Invitation::from_bytes(&changed)), Some(Code::Version));
    changed = bytes;
    changed[128] ^= 1;
    assert_eq!(code(Invitation::from_bytes(&changed)), Some(Code::Point));

    let code = receiver.invitation().check_code();
    assert_eq!((code.len(), code.matches('-').count()), (24, 4));
    let other = Receiver::new(KeyId::from_bytes([9; 16]), TO, OTHER, &mut SysRng).unwrap();
    assert_ne!(other.invitation().check_code(), code);
}

/// An unknown kind, and the shape of the frame.
#[test]
fn a_split_has_one_item_of_a_known_kind() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign);
    issue(&mut pair);
    let receiver = receiver(&pair);
    let waiting = split::start(&pair.key, receiver.invitation(), Kind::Move, NOW, &mut SysRng).unwrap();
    let frame = waiting.frame().to_vec();
    assert_eq!(frame.len(), 82 + 81);
    let mut status = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = frame.clone();
        change(&mut frame);
        pair.model.handle(&frame, &OWN, NOW, &mut SysRng)[2]
    };
    assert_eq!(status(&|frame| frame[82 + 16] = 2), Code::Version.byte());
    assert_eq!(status(&|frame| frame[81] = 2), Code::Batch.byte());
    assert_eq!(status(&|frame| frame.push(0)), Code::Length.byte());
    assert_eq!(status(&|frame| frame[82] ^= 1), Code::Pin.byte(), "the tag binds the key id");
    assert_eq!(status(&|frame| frame[82 + 16] ^= 1), Code::Pin.byte(), "and the kind");
    assert_eq!(status(&|_| ()), 0);
}
