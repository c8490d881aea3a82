//! A key moves to another device: split, arrival, and everything that may come between.

use cosign_core::{
    ClientKey, Code, Error as CoreError, KeyId, PinMode, Progress, Purpose, Suite, keygen,
    split::{self, Handover, Invitation, Kind, Receiver},
};

use super::{
    durable::obstinate,
    operator::{copy_file, elsewhere},
    refresh::{ACTIVE, NEW_PIN, confirm, try_new_share},
};
use crate::{
    domain::{
        audit::{Act, MOVED},
        key::{Change, PENDING_TTL_MS, Status},
        ports::Store as _,
        services::Wanted,
    },
    testing::{Phone, World, digest, name, records, row, status},
};

/// The other device asks for a share.
pub(super) async fn invite(world: &World, phone: &Phone, of: KeyId) -> Receiver {
    let wanted = Wanted::ShareOf(of);
    let issued = world.keys.issue(&phone.device, wanted, name("theirs"), None).await.unwrap();
    Receiver::new(of, issued.key_id, phone.device.id, &mut world.rng()).unwrap()
}

/// The device that has the key splits its share.
pub(super) async fn hand_over(
    world: &World,
    phone: &Phone,
    key: &ClientKey,
    to: &Invitation,
    kind: Kind,
) -> Result<Handover, CoreError> {
    let mut rng = world.rng();
    let waiting = split::start(key, to, kind, world.now_ms(), &mut rng).unwrap();
    let answer = phone.ask(world, waiting.frame()).await;
    match waiting.finish(&answer, &mut rng)? {
        Progress::Done(handover) => Ok(handover),
        Progress::Busy(_) | Progress::Next(_) => panic!("busy"),
    }
}

/// What the other device gets.
pub(super) async fn given(
    world: &World,
    giver: (&Phone, &ClientKey),
    phone: &Phone,
    kind: Kind,
) -> ClientKey {
    let receiver = invite(world, phone, giver.1.key_id()).await;
    let handover = hand_over(world, giver.0, giver.1, receiver.invitation(), kind).await.unwrap();
    receiver.open(&handover.sealed).unwrap()
}

/// The other device makes it its own.
pub(super) async fn arrive(world: &World, phone: &Phone, key: &ClientKey) -> Result<ClientKey, CoreError> {
    let share = try_new_share(world, phone, key).await?;
    assert_eq!(confirm(world, phone, &share, NEW_PIN).await, ACTIVE);
    Ok(phone.unlock(&share.record, NEW_PIN))
}

pub(super) fn code<T>(outcome: Result<T, CoreError>) -> Option<Code> {
    outcome.err().and_then(|error| error.code())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_moves_over_restarts_and_the_old_share_is_destroyed() {
    for (suite, byte) in [(Suite::D, 1), (Suite::F2, 2)] {
        let world = World::new().await;
        let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
        let (record, key) = old.key_of(&world, suite, Purpose::Sign).await;
        world.operator.set_seats(&record.key_id(), 4).await.unwrap();
        let key_id = record.key_id();
        let travelled = given(&world, (&old, &key), &new, Kind::Move).await;
        let to = travelled.key_id();
        assert_eq!(row(&world, &to).await.status, Status::Arriving);
        let signing = new.sign(&world, &travelled, digest(1)).await;
        assert_eq!(code(signing), Some(Code::Key), "good for a refresh only");

        let world = world.restart().await;
        let share = try_new_share(&world, &new, &travelled).await.unwrap();
        assert!(old.sign(&world, &key, digest(byte)).await.is_ok(), "nothing is lost before the arrival");
        let sealed = row(&world, &key_id).await.share;
        assert_eq!(confirm(&world, &new, &share, NEW_PIN).await, ACTIVE);
        // Out of memory, out of the row, out of the files, and on record.
        world.signer.maintain().await;
        assert!(world.metrics().await.contains("cosign_hot_keys 1\n"));
        assert_eq!(code(old.sign(&world, &key, digest(2)).await), Some(Code::Key));
        let gone = row(&world, &key_id).await;
        assert_eq!((gone.status, gone.share.len(), gone.pending), (Status::Revoked, 0, None));
        let files = std::fs::read_dir(world.folder.path()).unwrap();
        let bytes: Vec<u8> = files.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
        assert!(!bytes.windows(sealed.len()).any(|window| window == sealed));
        assert_eq!(std::fs::read(world.tombstones()).unwrap()[..16], key_id.as_bytes()[..]);

        let world = world.restart().await;
        assert_eq!(confirm(&world, &new, &share, NEW_PIN).await, ACTIVE, "again, after a lost answer");
        let moved = new.unlock(&share.record, NEW_PIN);
        assert_eq!(moved.public_key(), key.public_key());
        assert!(new.sign(&world, &moved, digest(3)).await.is_ok());
        assert_eq!(code(new.sign(&world, &travelled, digest(3)).await), Some(Code::Epoch));
        let there = row(&world, &to).await;
        assert_eq!(
            (there.status, there.seat, there.seats.max, there.logged_epoch),
            (Status::Active, false, 4, 2)
        );
        world.operator.verify_audit(None).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_is_in_the_log_on_both_sides() {
    let world = World::new().await;
    let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (_, key) = old.key(&world, Purpose::Sign).await;
    let travelled = given(&world, (&old, &key), &new, Kind::Move).await;
    let (of, to) = (key.key_id(), travelled.key_id());
    arrive(&world, &new, &travelled).await.unwrap();
    let log = records(&world).await;
    let notes = |key_id| {
        let of_key = log.iter().filter(move |record| record.event.key_id == Some(key_id));
        of_key.map(|record| (record.event.act.as_str(), &record.event.note[..])).collect::<Vec<_>>()
    };
    let of_old = notes(of);
    let words = format!("move to {to}");
    assert_eq!(of_old[of_old.len() - 2..], [("split", &words[..]), ("revoke", MOVED)]);
    let (issue, words) = (format!("sign, split of {of}"), format!("move of {of}"));
    let expected = [("issue", &issue[..]), ("split", &words), ("refresh", ""), ("confirm", "activated")];
    assert_eq!(notes(to), expected);
    let find = |act| &log.iter().rfind(|record| record.event.act == act).unwrap().event;
    let (made, revoked) = (find(Act::operation(cosign_core::Op::Split)), find(Act::REVOKE));
    assert_eq!(made.public_key, Some(key.public_key().as_point().to_bytes()));
    assert_eq!((made.device, revoked.device), (Some(old.device.id), Some(new.device.id)));
    assert_eq!((revoked.epoch, revoked.sid), (1, find(Act::operation(cosign_core::Op::Confirm)).sid));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_arrives_only_while_the_one_that_it_was_split_from_is_active() {
    for kind in [Kind::Move, Kind::Share] {
        let world = World::new().await;
        let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
        let (record, key) = old.key(&world, Purpose::Sign).await;
        let key_id = record.key_id();
        world.operator.set_seats(&key_id, 1).await.unwrap();
        let travelled = given(&world, (&old, &key), &new, kind).await;
        let (operator, store) = elsewhere(&world).await;
        operator.change(&key_id, Change::Freeze).await.unwrap();
        assert_eq!(code(try_new_share(&world, &new, &travelled).await), Some(Code::Key), "{kind:?}");
        operator.change(&key_id, Change::Unfreeze).await.unwrap();
        let share = try_new_share(&world, &new, &travelled).await.unwrap();
        operator.change(&key_id, Change::Freeze).await.unwrap();
        assert_eq!(code(confirm(&world, &new, &share, NEW_PIN).await), Some(Code::Key), "{kind:?}");
        operator.change(&key_id, Change::Unfreeze).await.unwrap();
        operator.change(&key_id, Change::Revoke).await.unwrap();
        assert_eq!(code(confirm(&world, &new, &share, NEW_PIN).await), Some(Code::Key), "{kind:?}");
        assert_eq!(row(&world, &travelled.key_id()).await.status, Status::Arriving);
        store.close().await;
    }
}

/// The other one is frozen between the look at it and the commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_share_arrives_beside_a_freeze() {
    for kind in [Kind::Move, Kind::Share] {
        let (world, store) = obstinate().await;
        let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
        let (record, key) = old.key(&world, Purpose::Sign).await;
        let key_id = record.key_id();
        world.operator.set_seats(&key_id, 1).await.unwrap();
        let travelled = given(&world, (&old, &key), &new, kind).await;
        let share = try_new_share(&world, &new, &travelled).await.unwrap();
        let permits = u32::try_from(store.gate.available_permits()).unwrap();
        let held = store.gate.acquire_many(permits).await.unwrap();
        let confirmed = confirm(&world, &new, &share, NEW_PIN);
        tokio::pin!(confirmed);
        let waited = tokio::time::timeout(std::time::Duration::from_millis(300), confirmed.as_mut()).await;
        assert!(waited.is_err(), "it arrived before its commit");
        let (operator, other) = elsewhere(&world).await;
        operator.change(&key_id, Change::Freeze).await.unwrap();
        drop(held);
        assert_eq!(code(confirmed.await), Some(Code::Key), "{kind:?}");
        assert_eq!(row(&world, &travelled.key_id()).await.status, Status::Arriving);
        assert_eq!(row(&world, &key_id).await.status, Status::Suspended, "{kind:?}");
        operator.change(&key_id, Change::Unfreeze).await.unwrap();
        assert_eq!(confirm(&world, &new, &share, NEW_PIN).await, ACTIVE);
        other.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_moves_to_one_device() {
    let world = World::new().await;
    let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (_, key) = old.key(&world, Purpose::Sign).await;
    let first = given(&world, (&old, &key), &new, Kind::Move).await;
    let second = given(&world, (&old, &key), &old, Kind::Move).await;
    let moved = arrive(&world, &new, &first).await.unwrap();
    assert_eq!(code(arrive(&world, &old, &second).await), Some(Code::Key));
    // On to the next one.
    let third = given(&world, (&new, &moved), &old, Kind::Move).await;
    let back = arrive(&world, &old, &third).await.unwrap();
    assert!(old.sign(&world, &back, digest(1)).await.is_ok());
    assert_eq!(code(new.sign(&world, &moved, digest(1)).await), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_is_for_an_id_that_waits_for_it() {
    let world = World::new().await;
    let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (record, key) = old.key(&world, Purpose::Sign).await;
    let (other, _) = old.key(&world, Purpose::Sign).await;
    let ask = async |receiver: &Receiver| {
        code(hand_over(&world, &old, &key, receiver.invitation(), Kind::Move).await)
    };
    let wrong = [Wanted::New(Suite::D, Purpose::Sign, PinMode::Base), Wanted::ShareOf(other.key_id())];
    for wanted in wrong {
        let issued = world.keys.issue(&new.device, wanted, name("x"), None).await.unwrap();
        let rng = &mut world.rng();
        let receiver = Receiver::new(record.key_id(), issued.key_id, new.device.id, rng).unwrap();
        assert_eq!(ask(&receiver).await, Some(Code::Key), "{wanted:?}");
        assert_eq!(world.database.issued(&issued.key_id).await.unwrap().unwrap().used_ms, None);
    }
    let receiver = invite(&world, &new, record.key_id()).await;
    let to = receiver.invitation().key_id();
    let start = keygen::start(to, Suite::D, Purpose::Sign, &mut world.rng()).unwrap().0;
    assert_eq!(status(&new.ask(&world, &start).await), Some(Code::Key), "no key is generated under it");
    assert_eq!(ask(&receiver).await, None);
    assert_eq!(ask(&receiver).await, Some(Code::Key), "used up");
    let late = invite(&world, &new, record.key_id()).await;
    world.clock.advance(3_600_000);
    assert_eq!(ask(&late).await, Some(Code::Key), "expired");
    assert!(old.sign(&world, &key, digest(1)).await.is_ok());
}

/// Two frames at once for the same id; and the same frame twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_split_happens_once() {
    let world = World::new().await;
    let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (record, key) = old.key(&world, Purpose::Sign).await;
    let receiver = invite(&world, &new, record.key_id()).await;
    let frame = || {
        let to = receiver.invitation();
        split::start(&key, to, Kind::Move, world.now_ms(), &mut world.rng()).unwrap().frame().to_vec()
    };
    let (one, two) = (frame(), frame());
    let answers = tokio::join!(old.ask(&world, &one), old.ask(&world, &two));
    let mut codes = [status(&answers.0), status(&answers.1)];
    codes.sort_by_key(Option::is_some);
    assert_eq!(codes, [None, Some(Code::Key)]);
    assert_eq!(old.ask(&world, &one).await, answers.0, "the identical frame");
    assert_eq!(world.database.shares(&key.public_key().as_point().to_bytes()).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_split_that_is_not_durable_did_not_happen() {
    let (world, store) = obstinate().await;
    let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (record, key) = old.key(&world, Purpose::Sign).await;
    let receiver = invite(&world, &new, record.key_id()).await;
    store.fails.store(true, std::sync::atomic::Ordering::SeqCst);
    let failed = hand_over(&world, &old, &key, receiver.invitation(), Kind::Move).await;
    assert_eq!(code(failed), Some(Code::Internal));
    store.fails.store(false, std::sync::atomic::Ordering::SeqCst);
    let to = receiver.invitation().key_id();
    assert!(world.database.key(&to).await.unwrap().is_none());
    hand_over(&world, &old, &key, receiver.invitation(), Kind::Move).await.unwrap();
    assert_eq!(row(&world, &to).await.status, Status::Arriving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_arrive_in_a_day_is_destroyed_and_stays_so() {
    let world = World::on_file().await;
    let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (_, key) = old.key(&world, Purpose::Sign).await;
    let travelled = given(&world, (&old, &key), &new, Kind::Move).await;
    let to = travelled.key_id();
    let share = try_new_share(&world, &new, &travelled).await.unwrap();
    let backup = tempfile::tempdir().unwrap();
    let (database, copy) = (world.file(), backup.path().join("copy"));
    let world = world.restart_after(|_| copy_file(&database, &copy)).await;
    world.clock.advance(PENDING_TTL_MS + 1);
    assert_eq!(code(confirm(&world, &new, &share, NEW_PIN).await), Some(Code::Key), "late");
    world.signer.maintain().await;
    let gone = row(&world, &to).await;
    assert_eq!((gone.status, gone.share.len(), gone.pending), (Status::Revoked, 0, None));
    assert!(old.sign(&world, &key, digest(1)).await.is_ok());

    // It is on record when the database is opened next; a backup of before does not bring it back.
    let world = world.restart().await;
    assert!(
        std::fs::read(world.tombstones()).unwrap().chunks(32).any(|record| record[..16] == to.as_bytes()[..])
    );
    let world = world.restart_after(|_| copy_file(&copy, &database)).await;
    assert_eq!(row(&world, &to).await.status, Status::Revoked);
    assert_eq!(code(confirm(&world, &new, &share, NEW_PIN).await), Some(Code::Key));
    assert!(old.sign(&world, &key, digest(2)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_brings_no_share_back_that_has_moved() {
    let world = World::on_file().await;
    let (old, new) = (Phone::enrolled(&world, 1).await, Phone::enrolled(&world, 2).await);
    let (record, key) = old.key(&world, Purpose::Sign).await;
    let travelled = given(&world, (&old, &key), &new, Kind::Move).await;
    let backup = tempfile::tempdir().unwrap();
    let (database, copy) = (world.file(), backup.path().join("copy"));
    let world = world.restart_after(|_| copy_file(&database, &copy)).await;
    arrive(&world, &new, &travelled).await.unwrap();
    let world = world.restart_after(|_| copy_file(&copy, &database)).await;
    let restored = row(&world, &record.key_id()).await;
    assert_eq!((restored.status, restored.share.len()), (Status::Revoked, 0));
    assert_eq!(code(old.sign(&world, &key, digest(1)).await), Some(Code::Key));
    assert_eq!(
        code(try_new_share(&world, &new, &travelled).await),
        Some(Code::Key),
        "it does not arrive again"
    );
}
