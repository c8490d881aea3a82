//! What must hold of keys that come from another one: issued for that, and one owner at any time.

use std::collections::BTreeSet;

use cosign_core::{
    KeyId, Purpose,
    server::{Issued, KeyRecord, Origin, PENDING_TTL_MS, Status},
    split::Kind,
};
use sm_primitives::{PublicPoint, Scalar, SecretScalar};

use super::{Before, State, states};
use crate::{model::Server, naive};

/// Checks what a frame made and used up, and that every key has one owner.
pub(super) fn check(before: &Before, server: &Server, frame: &[u8], success: bool) {
    let made = server.keys.values().filter(|record| !before.states.contains_key(&record.key_id));
    let made: Vec<_> = made.collect();
    let uses = success && matches!(before.op, 0x08 | 0x10 | 0x13 | 0x14);
    for (key_id, issued) in &before.issued {
        let used = if matches!(before.op, 0x10 | 0x14) {
            *key_id == before.key_id
        } else {
            made.iter().any(|new| new.key_id == *key_id)
        };
        let kept = if uses && used { None } else { Some(issued) };
        assert_eq!(server.issued.get(key_id), kept, "an id is used up by what it was issued for");
    }
    assert!(server.issued.len() <= before.issued.len());
    assert!(made.len() <= 1, "a frame makes one key");
    for record in made {
        match before.op {
            0x08 => check_split(before, record, frame),
            0x13 => check_import(before, record),
            _ => {}
        }
    }
    check_owners(server);
}

/// The id, device, suite and purpose are those of the invitation, the rest is the parent's.
fn check_split(before: &Before, record: &KeyRecord, frame: &[u8]) {
    let parent = before.key().unwrap();
    let State { suite, purpose, .. } = *parent;
    assert_eq!(record.key_id.as_bytes()[..], frame[82..98]);
    let issued = Issued {
        device: record.device,
        suite,
        purpose,
        mode: record.pin_mode(),
        origin: Origin::Split(before.key_id),
    };
    assert_eq!(
        before.issued.get(&record.key_id),
        Some(&issued),
        "a share for an id that was not issued for it"
    );
    let kind = Kind::from_byte(frame[98]).unwrap();
    let now = State::of(record);
    assert_eq!((now.suite, now.purpose, now.public_key), (suite, purpose, parent.public_key));
    assert_eq!(now.function_key.is_some(), parent.function_key.is_some(), "a key stays in its mode");
    assert!(now.function_key.is_none() || now.function_key != parent.function_key);
    assert_eq!(now.parent, Some((before.key_id, kind)));
    assert_eq!(now.seat, parent.seat || kind == Kind::Share);
    assert!(kind == Kind::Move || (!parent.seat && before.free_seats > 0), "a share that nobody allowed");
}

/// The public key is the one that the id was issued for, and nobody has a share of it.
fn check_import(before: &Before, record: &KeyRecord) {
    let origin = Origin::Recovered(record.public_key);
    let issued = Issued {
        device: record.device,
        suite: record.suite,
        purpose: Purpose::Encrypt,
        mode: record.pin_mode(),
        origin,
    };
    assert_eq!((record.key_id, record.purpose), (before.key_id, Purpose::Encrypt));
    assert_eq!(
        before.issued.get(&record.key_id),
        Some(&issued),
        "a key for an id that was not issued for it"
    );
    assert!((record.parent, record.seat) == (None, false));
    let mut others = before.states.values().filter(|key| key.status != Status::Revoked);
    assert!(others.all(|key| key.public_key != record.public_key), "a share was left");
}

/// Whether this frame is the arrival that a key moves away with.
pub(super) fn moves_away(before: &Before, server: &Server, key_id: &KeyId) -> bool {
    let arrived = before.op == 5
        && before.own
        && before.key().is_some_and(|then| then.status == Status::Arriving)
        && server.keys[&before.key_id].status == Status::Active;
    arrived && before.key().unwrap().parent == Some((*key_id, Kind::Move))
}

/// A key that was moved is served here or there: what it was moved from is gone once it has arrived.
fn check_owners(server: &Server) {
    let states = states(server);
    for state in states.values().filter(|state| state.epoch > 1) {
        if let Some((parent, Kind::Move)) = state.parent {
            assert_eq!(states[&parent].status, Status::Revoked, "a key with two owners");
        }
    }
    let owns = |state: &State| !state.seat && !matches!(state.status, Status::Arriving | Status::Revoked);
    let mut owned = BTreeSet::new();
    for (key_id, _) in states.iter().filter(|(_, state)| owns(state)) {
        assert!(owned.insert(root(&states, key_id)), "a key with two owners");
    }
}

/// What a key comes from in the end.
fn root<'a>(states: &'a super::States, key_id: &'a KeyId) -> &'a KeyId {
    match &states[key_id].parent {
        Some((parent, _)) => root(states, parent),
        None => key_id,
    }
}

/// An arriving key has a day, and what it was split from must be active.
pub(super) fn check_usable(before: &Before, record: &KeyRecord) {
    assert!(before.now_ms - record.created_ms <= PENDING_TTL_MS, "too late to arrive");
    let parent = before.key().unwrap().parent;
    assert!(parent.is_none_or(|(parent, _)| before.states[&parent].status == Status::Active));
}

/// `dB' = dB/t` for the factor that both sides drew, `PB' = dB'^-1 * G`, and the MAC key is the one that was sent.
pub(super) fn check_halves(before: &Before, server: &Server, item: &[u8], body: &[u8]) {
    let (to, rest) = item.split_first_chunk().unwrap();
    let (r_a, auth) = rest[1..].split_at(32);
    let (r_b, point) = body.split_at(32);
    let [old, new] = [before.key_id, KeyId::from_bytes(*to)].map(|id| server.keys[&id].share.expose_bytes());
    let epoch = before.key().unwrap().epoch.to_be_bytes();
    let input = [before.key_id.as_bytes(), &to[..], &epoch, r_a, r_b].concat();
    let t = Scalar::reduce(&naive::bytes(&naive::to_scalar("split", &input)));
    let scalar = |bytes: &[u8]| Scalar::reduce(bytes.try_into().unwrap());
    assert_eq!(scalar(&new[..32]) * t, scalar(&old[..32]));
    let inverse = SecretScalar::from_public(scalar(&new[32..64])).unwrap();
    assert_eq!(PublicPoint::mul_base(&inverse).to_bytes()[..], *point);
    assert_eq!(new[64..], *auth);
}
