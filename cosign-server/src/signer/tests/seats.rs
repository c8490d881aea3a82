//! A key is shared: seats are given, counted, withdrawn, and the operator acts on all shares at once.

use cosign_core::{
    ClientKey, Code, PinMode, Progress, Purpose, Suite, decrypt, sm_primitives::sm2::pke, split::Kind,
};

use sqlx::Connection as _;

use super::{
    durable::obstinate,
    moves::{arrive, code, given, hand_over, invite},
};
use crate::{
    domain::{
        Error,
        audit::Act,
        key::{Change, Seats, Status, StoredKey},
        ports::{Store as _, Write},
        services::Wanted,
    },
    testing::{Phone, World, digest, name, records, row, status},
};

struct Shared {
    world: World,
    owner: Phone,
    own: ClientKey,
    other: Phone,
    theirs: ClientKey,
}

/// A key with a seat that is taken.
async fn shared(world: World, purpose: Purpose) -> Shared {
    let (owner, other) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (record, own) = owner.key(&world, purpose).await;
    world.operator.set_seats(&record.key_id(), 1).await.unwrap();
    let travelled = given(&world, (&owner, &own), &other, Kind::Share).await;
    let theirs = arrive(&world, &other, &travelled).await.unwrap();
    Shared { world, owner, own, other, theirs }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sign_until_one_share_is_withdrawn() {
    let Shared { world, owner, own, other, theirs } = shared(World::new().await, Purpose::Sign).await;
    assert!(owner.sign(&world, &own, digest(1)).await.is_ok());
    assert!(other.sign(&world, &theirs, digest(2)).await.is_ok());
    assert_eq!(row(&world, &own.key_id()).await.status, Status::Active);
    let view = world.operator.key(&theirs.key_id()).await.unwrap();
    assert_eq!((view.parent, view.seat, view.seats.max), (Some(own.key_id()), true, 0));
    assert_eq!(world.operator.key(&own.key_id()).await.unwrap().seats, Seats { max: 1, taken: 1 });

    world.operator.change(&theirs.key_id(), Change::Revoke).await.unwrap();
    assert_eq!(code(other.sign(&world, &theirs, digest(3)).await), Some(Code::Key));
    assert!(owner.sign(&world, &own, digest(3)).await.is_ok());
    assert_eq!(row(&world, &own.key_id()).await.seats.free(), 1);
    world.operator.verify_audit(None).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seat_outlives_the_owner_and_may_move_but_gives_none() {
    let Shared { world, owner, own, other, theirs } = shared(World::new().await, Purpose::Sign).await;
    let receiver = invite(&world, &owner, theirs.key_id()).await;
    let to = receiver.invitation();
    let given_on = hand_over(&world, &other, &theirs, to, Kind::Share).await;
    assert_eq!(code(given_on), Some(Code::Quota));
    let new = Phone::enrolled(&world, 3).await;
    let moved = given(&world, (&other, &theirs), &new, Kind::Move).await;
    let moved = arrive(&world, &new, &moved).await.unwrap();
    let there = row(&world, &moved.key_id()).await;
    assert_eq!((there.seat, there.seats), (true, Seats { max: 0, taken: 1 }));
    world.operator.change(&own.key_id(), Change::Revoke).await.unwrap();
    assert!(new.sign(&world, &moved, digest(1)).await.is_ok());
    assert_eq!(code(other.sign(&world, &theirs, digest(1)).await), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_splits_at_once_take_one_seat() {
    let world = World::new().await;
    let (owner, other) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (record, own) = owner.key(&world, Purpose::Sign).await;
    let key_id = record.key_id();
    let receivers = [invite(&world, &other, key_id).await, invite(&world, &other, key_id).await];
    let ask = |index: usize| hand_over(&world, &owner, &own, receivers[index].invitation(), Kind::Share);
    assert_eq!(code(ask(0).await), Some(Code::Quota), "none without the operator");
    world.operator.set_seats(&key_id, 1).await.unwrap();
    let (one, two) = tokio::join!(ask(0), ask(1));
    let mut codes = [code(one), code(two)];
    codes.sort_by_key(Option::is_some);
    assert_eq!(codes, [None, Some(Code::Quota)]);
    assert_eq!(row(&world, &key_id).await.seats, Seats { max: 1, taken: 1 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decryptions_of_all_shares_are_counted_together() {
    let Shared { world, owner, own, other, theirs } = shared(World::on_file().await, Purpose::Encrypt).await;
    let open = async |phone: &Phone, key: &ClientKey, count: usize| {
        let ciphertexts: Vec<_> = (0..count)
            .map(|_| pke::encrypt(key.public_key(), b"bid", &mut getrandom::SysRng).unwrap())
            .collect();
        let (frame, waiting) = decrypt::start(key, &ciphertexts, world.now_ms(), &mut world.rng()).unwrap();
        match waiting.finish(&phone.ask(&world, &frame).await) {
            Ok(Progress::Done(opened)) => Ok(opened.plaintexts.len()),
            Ok(_) => panic!("busy"),
            Err(error) => Err(error.code()),
        }
    };
    assert_eq!(open(&owner, &own, 2).await, Ok(2));
    assert_eq!(open(&other, &theirs, 3).await, Ok(3));
    let url = format!("sqlite://{}", world.file().display());
    let mut sql = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("UPDATE keys SET decrypts = 1048570 WHERE NOT seat").execute(&mut sql).await.unwrap();
    sql.close().await.unwrap();
    // Neither record in memory has seen that; three of the others are counted too.
    assert_eq!(open(&other, &theirs, 4).await, Err(Some(Code::Quota)));
    assert_eq!(open(&other, &theirs, 2).await, Ok(2));
    assert_eq!(open(&owner, &own, 2).await, Err(Some(Code::Quota)));
    assert_eq!(open(&owner, &own, 1).await, Ok(1));
    let world_row = row(&world, &theirs.key_id()).await;
    assert_eq!(world_row.decrypts, 1 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_shares_are_frozen_and_revoked_together() {
    let Shared { world, owner, own, other, theirs } = shared(World::new().await, Purpose::Sign).await;
    world.operator.set_seats(&own.key_id(), 2).await.unwrap();
    let arriving = given(&world, (&owner, &own), &other, Kind::Share).await;
    let ids = |views: Vec<crate::domain::services::KeyView>| {
        let mut ids: Vec<_> = views.into_iter().map(|view| (view.key_id, view.status)).collect();
        ids.sort_by_key(|(key_id, _)| *key_id);
        ids
    };
    let sorted = |mut expected: Vec<_>| {
        expected.sort_by_key(|(key_id, _): &(cosign_core::KeyId, Status)| *key_id);
        expected
    };
    let frozen = ids(world.operator.change_all(&theirs.key_id(), Change::Freeze).await.unwrap());
    let expected = vec![(own.key_id(), Status::Suspended), (theirs.key_id(), Status::Suspended)];
    assert_eq!(frozen, sorted(expected));
    for (phone, key) in [(&owner, &own), (&other, &theirs)] {
        assert_eq!(code(phone.sign(&world, key, digest(1)).await), Some(Code::Key));
    }
    assert_eq!(code(arrive(&world, &other, &arriving).await), Some(Code::Key), "and none arrives");
    assert!(ids(world.operator.change_all(&own.key_id(), Change::Freeze).await.unwrap()).is_empty());

    let revoked = ids(world.operator.change_all(&own.key_id(), Change::Revoke).await.unwrap());
    let all = [own.key_id(), theirs.key_id(), arriving.key_id()];
    assert_eq!(revoked, sorted(all.map(|key_id| (key_id, Status::Revoked)).to_vec()));
    let log = records(&world).await;
    for key_id in all {
        assert_eq!(row(&world, &key_id).await.share.len(), 0);
        let of_key =
            |act| log.iter().filter(|r| r.event.key_id == Some(key_id) && r.event.act == act).count();
        assert_eq!(of_key(Act::REVOKE), 1);
    }
    assert_eq!(std::fs::read(world.tombstones()).unwrap().len(), 3 * 32);
    assert!(world.operator.change_all(&own.key_id(), Change::Revoke).await.unwrap().is_empty());
    let refused = world.operator.change_all(&own.key_id(), Change::Freeze).await;
    assert!(matches!(refused, Err(Error::Conflict("the key is revoked"))));
}

/// Between the look at the shares and the commit one more is added, or one arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_share_escapes_what_is_done_to_all() {
    for arrives in [false, true] {
        let (world, store) = obstinate().await;
        let (owner, other) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
        let (_, own) = owner.key(&world, Purpose::Sign).await;
        world.operator.set_seats(&own.key_id(), 2).await.unwrap();
        let first = given(&world, (&owner, &own), &other, Kind::Share).await.key_id();
        let second = invite(&world, &other, own.key_id()).await.invitation().key_id();
        let added = StoredKey { key_id: second, ..row(&world, &first).await };
        let meanwhile = if arrives {
            Write::SetStatus { key_id: first, from: Status::Arriving, to: Status::Active }
        } else {
            Write::AddKey(Box::new(added))
        };
        let permits = u32::try_from(store.gate.available_permits()).unwrap();
        let held = store.gate.acquire_many(permits).await.unwrap();
        let change = if arrives { Change::Freeze } else { Change::Revoke };
        let own_id = own.key_id();
        let done = world.operator.change_all(&own_id, change);
        tokio::pin!(done);
        let waited = tokio::time::timeout(std::time::Duration::from_millis(300), done.as_mut()).await;
        assert!(waited.is_err(), "it was done before its commit");
        world.database.commit([meanwhile].into()).await.unwrap();
        drop(held);
        let done: Vec<_> = done.await.unwrap().into_iter().map(|view| view.key_id).collect();
        let missed = if arrives { first } else { second };
        assert!(done.contains(&missed) && done.contains(&own_id), "{change:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_operator_is_told_what_cannot_be() {
    let Shared { world, owner, own, other, theirs } = shared(World::new().await, Purpose::Sign).await;
    let set = async |key_id| world.operator.set_seats(&key_id, 3).await.map(|view| view.seats.max);
    assert!(matches!(set(theirs.key_id()).await, Err(Error::Conflict(_))), "a seat");
    assert_eq!(set(own.key_id()).await, Ok(3));
    let logged = records(&world).await.pop().unwrap().event;
    assert_eq!((logged.act, &logged.note[..], logged.device), (Act::SEATS, "seats=3", None));
    let arriving = given(&world, (&owner, &own), &other, Kind::Move).await;
    for change in [Change::Freeze, Change::Unfreeze] {
        let refused = world.operator.change(&arriving.key_id(), change).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{change:?}");
    }
    assert!(matches!(world.operator.unlock(&arriving.key_id()).await, Err(Error::Conflict(_))));
    world.operator.change_all(&own.key_id(), Change::Revoke).await.unwrap();
    assert!(matches!(set(own.key_id()).await, Err(Error::Conflict("the key is revoked"))));
    // Nobody asks for a share of what is not active.
    let asked = world.keys.issue(&other.device, Wanted::ShareOf(own.key_id()), name("x"), None).await;
    assert_eq!(asked.unwrap_err(), Error::NotFound);
    let keygen = Wanted::New(Suite::D, Purpose::Sign, PinMode::Base);
    assert!(world.keys.issue(&other.device, keygen, name("x"), None).await.is_ok());
    let answer = owner.ask(&world, &owner.start(&world, &own, &[digest(1)]).0).await;
    assert_eq!(status(&answer), Some(Code::Key));
}
