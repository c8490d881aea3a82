//! Refresh: two messages, restarts in between.

use cosign_core::{
    ClientKey, Code, MIN_ITERATIONS, Pin, Progress, Purpose,
    refresh::{self, Confirmation, NewShare},
};

use sqlx::Connection as _;

use crate::{
    domain::ports::{Store as _, Unit},
    testing::{PIN, Phone, World, digest, row, status},
};

pub(super) const NEW_PIN: &str = "161803";
const DAY_MS: u64 = 24 * 3_600_000;

/// R1 and R2.
async fn new_share(world: &World, phone: &Phone, key: &ClientKey) -> NewShare {
    try_new_share(world, phone, key).await.unwrap()
}

pub(super) async fn try_new_share(
    world: &World,
    phone: &Phone,
    key: &ClientKey,
) -> Result<NewShare, cosign_core::Error> {
    let pin = Pin::new(NEW_PIN).unwrap();
    let (frame, awaiting) =
        refresh::start(key, &pin, phone.device_key(), MIN_ITERATIONS, world.now_ms(), &mut world.rng())
            .unwrap();
    match awaiting.finish(&phone.ask(world, &frame).await, phone.device_key())? {
        Progress::Done(share) => Ok(share),
        Progress::Next(_) | Progress::Busy(_) => panic!("busy"),
    }
}

/// R3 and R4.
pub(super) async fn confirm(
    world: &World,
    phone: &Phone,
    share: &NewShare,
    pin: &str,
) -> Result<Confirmation, cosign_core::Error> {
    let (pin, now_ms) = (Pin::new(pin).unwrap(), world.now_ms());
    let (frame, awaiting) =
        refresh::confirm(&share.record, &pin, phone.device_key(), now_ms, &mut world.rng()).unwrap();
    match awaiting.finish(&phone.ask(world, &frame).await)? {
        Progress::Done(confirmation) => Ok(confirmation),
        Progress::Next(_) | Progress::Busy(_) => panic!("busy"),
    }
}

pub(super) const ACTIVE: Result<Confirmation, cosign_core::Error> = Ok(Confirmation::Active { failures: 0 });

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pending_refresh_lapses_after_a_day() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;

    let share = new_share(&world, &phone, &key).await;
    world.clock.advance(DAY_MS);
    assert_eq!(confirm(&world, &phone, &share, NEW_PIN).await, ACTIVE, "to the last millisecond");

    let key = phone.unlock(&share.record, NEW_PIN);
    let share = new_share(&world, &phone, &key).await;
    let world = world.restart().await;
    world.clock.advance(DAY_MS + 1);
    // The owner forgot the new PIN meanwhile: no PIN is asked for what is gone, and none is counted.
    assert_eq!(confirm(&world, &phone, &share, "000000").await, Ok(Confirmation::Unknown));
    let after = row(&world, &record.key_id()).await;
    assert_eq!((after.epoch, after.pending, after.gate.total), (2, None, 0));
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok(), "the old share still works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_the_server_does_not_know_is_refused_without_a_change() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let replaced = new_share(&world, &phone, &key).await;
    let share = new_share(&world, &phone, &key).await;
    let before = row(&world, &record.key_id()).await;
    assert_eq!(confirm(&world, &phone, &replaced, NEW_PIN).await, Ok(Confirmation::Unknown));
    let after = row(&world, &record.key_id()).await;
    assert_eq!((before.epoch, &before.pending, before.gate), (after.epoch, &after.pending, after.gate));

    // A wrong PIN at completion is a wrong PIN, before and after the activation, and takes nothing away.
    let is_counted =
        |outcome| matches!(outcome, Err(cosign_core::Error::Refused(refusal)) if refusal.code == Code::Pin);
    assert!(is_counted(confirm(&world, &phone, &share, PIN).await));
    assert_eq!(row(&world, &record.key_id()).await.gate.total, 1);
    assert_eq!(
        confirm(&world, &phone, &share, NEW_PIN).await,
        Ok(Confirmation::Active { failures: 1 }),
        "the owner hears of it"
    );
    assert_eq!(confirm(&world, &phone, &share, NEW_PIN).await, ACTIVE, "again, after a lost answer");
    assert!(is_counted(confirm(&world, &phone, &share, PIN).await));
    assert_eq!(row(&world, &record.key_id()).await.gate.total, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_locks_between_the_messages_is_completed_after_its_unlock() {
    let world = World::on_file().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let share = new_share(&world, &phone, &key).await;
    // Wrong PINs of many days, with right ones in between.
    let mut other =
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", world.file().display())).await.unwrap();
    sqlx::query("UPDATE keys SET total = 29").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let world = world.restart().await;
    assert!(confirm(&world, &phone, &share, PIN).await.is_err());
    let locked = confirm(&world, &phone, &share, NEW_PIN).await;
    assert!(matches!(locked, Err(cosign_core::Error::Refused(refusal)) if refusal.code == Code::Key));
    world.operator.unlock(&record.key_id()).await.unwrap();
    assert!(phone.sign(&world, &key, digest(1)).await.is_err(), "only a refresh is served");
    assert_eq!(confirm(&world, &phone, &share, NEW_PIN).await, ACTIVE);
    let renewed = phone.unlock(&share.record, NEW_PIN);
    assert!(phone.sign(&world, &renewed, digest(1)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_share_is_gone_from_the_files() {
    let world = World::on_file().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let old = row(&world, &record.key_id()).await.share;
    let share = new_share(&world, &phone, &key).await;
    let pending = row(&world, &record.key_id()).await.pending.unwrap();
    assert!(world.has_on_disk(&old) && world.has_on_disk(&pending));
    // Somebody reads what was there before.
    let mut reader =
        sqlx::SqliteConnection::connect(&format!("sqlite://{}", world.file().display())).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM keys").execute(&mut reader).await.unwrap();
    assert_eq!(confirm(&world, &phone, &share, NEW_PIN).await, ACTIVE);
    world.database.commit(Unit::default()).await.unwrap();
    assert!(world.has_on_disk(&old), "it is still read");
    // Nothing is committed any more that would cut the log on its way.
    reader.close().await.unwrap();
    world.erased(&old).await;
    // What was pending, with rB and PB'.
    world.erased(&pending).await;
    assert!(world.has_on_disk(&row(&world, &record.key_id()).await.share));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_survives_restarts_at_every_step() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let new_pin = Pin::new("161803").unwrap();
    let mut rng = world.rng();
    let (first, awaiting) =
        refresh::start(&key, &new_pin, phone.device_key(), MIN_ITERATIONS, world.now_ms(), &mut rng).unwrap();
    let answer = phone.ask(&world, &first).await;
    // The answer was lost: the identical frame, after a restart, gives the identical answer.
    let world = world.restart().await;
    assert_eq!(phone.ask(&world, &first).await, answer);
    let Progress::Done(share) = awaiting.finish(&answer, phone.device_key()).unwrap() else { panic!("busy") };

    // While it is pending the old share works.
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());
    let stored = share.record.to_bytes();
    let (confirmation, confirming) =
        share.confirm(&stored[..], &new_pin, phone.device_key(), world.now_ms(), &mut rng).unwrap();
    let world = world.restart().await;
    let answer = phone.ask(&world, &confirmation).await;
    assert_eq!(status(&answer), None);
    drop(confirming);

    let world = world.restart().await;
    let after = row(&world, &record.key_id()).await;
    assert_eq!((after.epoch, after.pending.is_none(), after.logged_epoch), (2, true, 2));
    let refused = phone.ask(&world, &phone.start(&world, &key, &[digest(2)]).0).await;
    assert_eq!(status(&refused), Some(Code::Epoch));
    let renewed = share.record.unlock(&new_pin, phone.device_key()).unwrap();
    assert!(phone.sign(&world, &renewed, digest(3)).await.is_ok());
    world.operator.verify_audit(None).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unlocked_key_works_again_after_its_refresh() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    world.operator.unlock(&record.key_id()).await.unwrap();
    let pin = Pin::new(PIN).unwrap();
    let mut rng = world.rng();
    let (frame, awaiting) =
        refresh::start(&key, &pin, phone.device_key(), MIN_ITERATIONS, world.now_ms(), &mut rng).unwrap();
    let answer = phone.ask(&world, &frame).await;
    let Progress::Done(share) = awaiting.finish(&answer, phone.device_key()).unwrap() else { panic!("busy") };
    let (frame, _) = share
        .confirm(&share.record.to_bytes()[..], &pin, phone.device_key(), world.now_ms(), &mut rng)
        .unwrap();
    assert_eq!(status(&phone.ask(&world, &frame).await), None);
    let renewed = share.record.unlock(&pin, phone.device_key()).unwrap();
    assert!(phone.sign(&world, &renewed, digest(1)).await.is_ok());
    assert!(!row(&world, &record.key_id()).await.gate.refresh_required);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_from_before_a_refresh_is_not_taken_back() {
    let world = World::on_file().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let url = format!("sqlite://{}", world.file().display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("CREATE TABLE backup AS SELECT * FROM keys").execute(&mut other).await.unwrap();

    let pin = Pin::new(PIN).unwrap();
    let mut rng = world.rng();
    let (frame, awaiting) =
        refresh::start(&key, &pin, phone.device_key(), MIN_ITERATIONS, world.now_ms(), &mut rng).unwrap();
    let answer = phone.ask(&world, &frame).await;
    let Progress::Done(share) = awaiting.finish(&answer, phone.device_key()).unwrap() else { panic!("busy") };
    let (frame, _) = share
        .confirm(&share.record.to_bytes()[..], &pin, phone.device_key(), world.now_ms(), &mut rng)
        .unwrap();
    assert_eq!(status(&phone.ask(&world, &frame).await), None);

    // The whole row is restored, so it opens; but the log has seen epoch 2.
    let world = world.restart().await;
    let restore =
        "UPDATE keys SET (epoch, rid, share, pending) = (SELECT epoch, rid, share, pending FROM backup)";
    sqlx::query(restore).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(1)]).0).await;
    assert_eq!(status(&answer), Some(Code::Internal));
}
