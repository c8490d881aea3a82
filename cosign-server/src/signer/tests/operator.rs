//! What an operator does in another process is obeyed by the next operation.

use std::sync::Arc;

use cosign_core::{Code, Purpose, decrypt, sm_primitives::sm2::pke};

use sqlx::Connection as _;

use crate::{
    domain::{
        Error,
        key::{Change, Status},
        services::Operator,
    },
    store::{Access, Database},
    telemetry::Telemetry,
    testing::{Phone, World, digest, records, row, status},
};

/// A second process: its own connections to the same file.
pub(super) async fn elsewhere(world: &World) -> (Operator, Arc<Database>) {
    let store =
        Database::open(&world.source, &world.tombstones(), Access::Existing, Arc::new(Telemetry::new()))
            .await
            .unwrap();
    let store = Arc::new(store);
    (
        Operator::new(
            Arc::clone(&store) as _,
            Arc::clone(&world.clock) as _,
            Arc::clone(&world.entropy) as _,
        ),
        store,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn freeze_unfreeze_and_revoke_are_obeyed_at_once() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let key_id = record.key_id();
    let (operator, store) = elsewhere(&world).await;
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());
    let (replayed, _) = phone.start(&world, &key, &[digest(2)]);
    assert_eq!(status(&phone.ask(&world, &replayed).await), None);

    for round in 0..3 {
        operator.change(&key_id, Change::Freeze).await.unwrap();
        let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(round)]).0).await;
        assert_eq!(status(&answer), Some(Code::Key), "frozen, round {round}");
        assert_eq!(
            status(&phone.ask(&world, &replayed).await),
            Some(Code::Key),
            "a stored answer, round {round}"
        );
        operator.change(&key_id, Change::Unfreeze).await.unwrap();
        assert!(phone.sign(&world, &key, digest(round)).await.is_ok(), "unfrozen, round {round}");
    }

    operator.change(&key_id, Change::Revoke).await.unwrap();
    let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(3)]).0).await;
    assert_eq!(status(&answer), Some(Code::Key));
    let gone = row(&world, &key_id).await;
    assert_eq!((gone.status, gone.share.len(), gone.pending), (Status::Revoked, 0, None));
    assert!(matches!(operator.change(&key_id, Change::Unfreeze).await, Err(Error::Conflict(_))));
    store.close().await;
    // Both processes appended to one unbroken log.
    world.operator.verify_audit(None).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_admitted_after_a_freeze_is_answered() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let (operator, store) = elsewhere(&world).await;
    for round in 0..20u8 {
        let before: Vec<_> = (0..4).map(|index| phone.start(&world, &key, &[digest(index)]).0).collect();
        let (after, _) = phone.start(&world, &key, &[digest(round)]);
        let racing = futures_util::future::join_all(before.iter().map(|frame| phone.ask(&world, frame)));
        let freezing = async {
            operator.change(&record.key_id(), Change::Freeze).await.unwrap();
            phone.ask(&world, &after).await
        };
        let (_, answer) = tokio::join!(racing, freezing);
        assert_eq!(status(&answer), Some(Code::Key), "round {round}");
        operator.change(&record.key_id(), Change::Unfreeze).await.unwrap();
        world.clock.advance(60_000);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decryptions_are_counted_over_restarts() {
    let world = World::on_file().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Encrypt).await;
    let ciphertext = || pke::encrypt(key.public_key(), b"sealed", &mut getrandom::SysRng).unwrap();
    let (frame, awaiting) =
        decrypt::start(&key, &[ciphertext(), ciphertext()], world.now_ms(), &mut world.rng()).unwrap();
    let cosign_core::Progress::Done(opened) = awaiting.finish(&phone.ask(&world, &frame).await).unwrap()
    else {
        panic!("busy");
    };
    assert_eq!(&opened.plaintexts[1][..], b"sealed");
    let (one, _) = decrypt::start(&key, &[ciphertext()], world.now_ms(), &mut world.rng()).unwrap();
    phone.ask(&world, &one).await;
    let world = world.restart().await;
    assert_eq!(row(&world, &record.key_id()).await.decrypts, 3);

    // What storage has counted decides, whatever is in memory.
    let one = || decrypt::start(&key, &[ciphertext()], world.now_ms(), &mut world.rng()).unwrap().0;
    let two =
        || decrypt::start(&key, &[ciphertext(), ciphertext()], world.now_ms(), &mut world.rng()).unwrap().0;
    assert_eq!(status(&phone.ask(&world, &one()).await), None);
    let url = format!("sqlite://{}", world.file().display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("UPDATE keys SET decrypts = 1048575").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    assert_eq!(status(&phone.ask(&world, &two()).await), Some(Code::Quota));
    assert_eq!(status(&phone.ask(&world, &one()).await), None);
    assert_eq!(status(&phone.ask(&world, &one()).await), Some(Code::Quota));
}

pub(super) fn copy_file(from: &std::path::Path, to: &std::path::Path) {
    std::fs::copy(from, to).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_backup_brings_no_revoked_key_back() {
    let world = World::on_file().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let (_, other) = phone.key(&world, Purpose::Sign).await;
    let key_id = record.key_id();
    let backup = tempfile::tempdir().unwrap();
    let (database, copy) = (world.file(), backup.path().join("copy"));
    let world = world.restart_after(|_| copy_file(&database, &copy)).await;
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());
    world.operator.change(&key_id, Change::Revoke).await.unwrap();

    let world = world.restart_after(|_| copy_file(&copy, &database)).await;
    let restored = row(&world, &key_id).await;
    assert_eq!((restored.status, restored.share.len(), restored.pending), (Status::Revoked, 0, None));
    let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(2)]).0).await;
    assert_eq!(status(&answer), Some(Code::Key));
    assert!(phone.sign(&world, &other, digest(3)).await.is_ok());
    assert!(records(&world).await.iter().any(|record| record.event.note == "on record as revoked"));
    world.operator.verify_audit(None).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_on_record_is_obeyed_before_the_database_knows_it() {
    let world = World::on_file().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let key_id = record.key_id();
    // Another process put it on record, and was lost before it could commit.
    let elsewhere = tempfile::tempdir().unwrap();
    let backup = elsewhere.path().join("copy");
    let lost = world.restart_after(|folder| copy_file(&folder.join("cosign.db"), &backup)).await;
    lost.operator.change(&key_id, Change::Revoke).await.unwrap();
    let tombstones = std::fs::read(lost.tombstones()).unwrap();
    assert_eq!((tombstones.len(), &tombstones[..16]), (32, &key_id.as_bytes()[..]));
    let world = lost
        .restart_after(|folder| {
            copy_file(&backup, &folder.join("cosign.db"));
            std::fs::write(folder.join("tombstones"), []).unwrap();
        })
        .await;
    assert_eq!(row(&world, &key_id).await.status, Status::Active, "the record is lost with the database");
    std::fs::write(world.tombstones(), tombstones).unwrap();
    let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(2)]).0).await;
    assert_eq!(status(&answer), Some(Code::Key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_share_is_gone_from_the_files() {
    let world = World::on_file().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, _) = phone.key(&world, Purpose::Sign).await;
    let sealed = row(&world, &record.key_id()).await.share;
    assert!(world.has_on_disk(&sealed));
    world.operator.change(&record.key_id(), Change::Revoke).await.unwrap();
    world.erased(&sealed).await;
}
