//! Refresh: two messages, restarts in between.

use cosign_core::{Code, Pin, Progress, Purpose, refresh};

use crate::testing::{PIN, Phone, World, digest, row, status};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_survives_restarts_at_every_step() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let new_pin = Pin::new("161803").unwrap();
    let mut rng = world.rng();
    let (first, awaiting) = refresh::start(
        &key,
        &new_pin,
        phone.device_key(),
        cosign_core::MIN_ITERATIONS,
        world.now_ms(),
        &mut rng,
    )
    .unwrap();
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
        refresh::start(&key, &pin, phone.device_key(), cosign_core::MIN_ITERATIONS, world.now_ms(), &mut rng)
            .unwrap();
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
    use sqlx::Connection as _;
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let url = format!("sqlite://{}", world.database().display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("CREATE TABLE backup AS SELECT * FROM keys").execute(&mut other).await.unwrap();

    let pin = Pin::new(PIN).unwrap();
    let mut rng = world.rng();
    let (frame, awaiting) =
        refresh::start(&key, &pin, phone.device_key(), cosign_core::MIN_ITERATIONS, world.now_ms(), &mut rng)
            .unwrap();
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
