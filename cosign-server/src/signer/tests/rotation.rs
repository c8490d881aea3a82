//! Wrapping keys are rotated under a running server, and every record opens wherever a rotation stops.

use std::sync::Arc;

use cosign_core::{Code, Purpose};
use zeroize::Zeroizing;

use super::{super::vault::Hot, durable::Obstinate};
use crate::{
    domain::{
        page::Page,
        ports::{Store, StoreError, Write},
    },
    signer::{MasterKey as _, Place, SealError, Sealer, SealerError, SoftwareKey},
    store::OpenError,
    testing::{MASTER, Phone, WRONG_PIN, World, digest, row, status},
};

async fn sealer(world: &World, store: Arc<dyn Store>, master: [u8; 32]) -> Result<Sealer, SealerError> {
    let master = Box::new(SoftwareKey::new(Zeroizing::new(master)));
    Sealer::open(master, store, Arc::clone(&world.clock) as _, Arc::clone(&world.entropy) as _).await
}

/// As a second process sees the database.
pub(super) async fn elsewhere(world: &World) -> Sealer {
    sealer(world, Arc::clone(&world.database) as _, MASTER).await.unwrap()
}

async fn versions(world: &World) -> Vec<u32> {
    world.database.wrapping_keys().await.unwrap().into_iter().map(|key| key.version).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_obeys_a_rotation_that_it_did_not_see() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let key_id = record.key_id();
    let before = row(&world, &key_id).await.share;

    let other = elsewhere(&world).await;
    assert_eq!(other.rotate().await.unwrap(), 2);
    assert!(phone.sign(&world, &key, digest(1)).await.is_ok());
    assert_eq!(other.reseal(None).await.unwrap(), (None, 1));
    other.drop_unused().await.unwrap();
    assert_eq!(versions(&world).await, [2]);
    let after = row(&world, &key_id).await.share;
    assert_ne!(before, after);

    // The server still has the row and the wrapping key of before.
    assert_eq!(world.sealer.keys().versions(), [1]);
    let (wrong, _) = phone.start(&world, &phone.unlock(&record, WRONG_PIN), &[digest(2)]);
    assert_eq!(status(&phone.ask(&world, &wrong).await), Some(Code::Pin));
    let stored = row(&world, &key_id).await;
    assert_eq!((stored.gate.fails, &stored.share[1..5]), (1, &[0, 0, 0, 2][..]));
    assert_eq!(world.sealer.keys().versions(), [2]);
    assert!(phone.sign(&world, &key, digest(3)).await.is_ok());

    // A new key, while the server is behind again.
    other.rotate().await.unwrap();
    other.reseal(None).await.unwrap();
    other.drop_unused().await.unwrap();
    assert_eq!((world.sealer.keys().versions(), versions(&world).await), (vec![2], vec![3]));
    let (_, second) = phone.key(&world, Purpose::Sign).await;
    let world = world.restart().await;
    assert!(phone.sign(&world, &key, digest(4)).await.is_ok());
    assert!(phone.sign(&world, &second, digest(5)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_seals_the_rest_beside_its_work() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    for _ in 0..3 {
        phone.key(&world, Purpose::Sign).await;
    }
    elsewhere(&world).await.rotate().await.unwrap();
    assert_eq!(world.database.sealed_before(2, None, 10).await.unwrap().len(), 3);
    world.signer.maintain().await;
    assert!(world.database.sealed_before(2, None, 10).await.unwrap().is_empty());
    assert_eq!(versions(&world).await, [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_opens_wherever_a_rotation_or_a_replacement_stops() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    for _ in 0..4 {
        phone.key(&world, Purpose::Sign).await;
    }
    let mut master = MASTER;
    let mut stopped = 0;
    // Making a version, the audit key, the key of personal data, four records, dropping the old version, the other master
    // key: nine commits.
    for commits in 0..=9 {
        let store = Obstinate::around(Arc::clone(&world.database) as _);
        store.stop_after(commits);
        let other = sealer(&world, Arc::clone(&store) as _, master).await.unwrap();
        let next = [master[0] + 1; 32];
        let outcome = async {
            other.rotate().await?;
            other.reseal(None).await?;
            other.drop_unused().await?;
            other.replace(&SoftwareKey::new(Zeroizing::new(next))).await
        };
        let outcome = outcome.await;
        stopped += usize::from(outcome.is_err());
        assert_eq!(outcome.is_ok(), commits == 9, "{commits}");

        let name = SoftwareKey::new(Zeroizing::new(next)).name();
        match world.database.bind_master_key(&name).await {
            Ok(()) => master = next,
            Err(error) => assert!(matches!(error, OpenError::OtherMasterKey { .. }), "{error}"),
        }
        let after = sealer(&world, Arc::clone(&world.database) as _, master).await.unwrap();
        let rows = world.database.keys(None, &Page::default()).await.unwrap();
        assert_eq!(rows.len(), 4);
        for row in rows {
            assert!(Hot::unseal(row, after.keys()).unwrap().is_some(), "after {commits} commits");
        }
        let audit_key = world.database.audit_key().await.unwrap().unwrap();
        let place = Place::audit_key(&audit_key.public_key);
        assert!(after.keys().open(&place, &audit_key.sealed).is_ok(), "after {commits} commits");
        let personal = world.database.personal_key().await.unwrap().unwrap();
        assert!(after.keys().open(&Place::personal_key(), &personal).is_ok(), "after {commits} commits");
    }
    assert_eq!((stopped, master), (9, [MASTER[0] + 1; 32]));
    // The old master key opens nothing any more, and adds nothing.
    let old = sealer(&world, Arc::clone(&world.database) as _, MASTER).await.map(drop).unwrap_err();
    assert!(matches!(old, SealerError::Seal { error: SealError::OtherMasterKey, .. }), "{old}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_key_is_rotated_with_the_shares() {
    let world = World::new().await;
    world.operator.new_code(1, 60_000).await.unwrap();
    let log_key = world.operator.audit_log().log_key().await.unwrap();
    let other = elsewhere(&world).await;
    other.rotate().await.unwrap();
    other.drop_unused().await.unwrap();
    assert_eq!(versions(&world).await, [1, 2], "the audit key is sealed under the first");
    assert_eq!(other.reseal(None).await.unwrap(), (None, 0));
    other.drop_unused().await.unwrap();
    assert_eq!(versions(&world).await, [2]);
    assert_eq!(world.database.audit_key().await.unwrap().unwrap().sealed[1..5], [0, 0, 0, 2]);
    // Both the server that runs and the one after it sign with the same key.
    world.heads.publish().await.unwrap();
    let world = world.restart().await;
    world.operator.new_code(1, 60_000).await.unwrap();
    world.heads.publish().await.unwrap();
    let heads = world.database.tree_heads(0, 10).await.unwrap();
    assert_eq!(Vec::from_iter(heads.iter().map(|head| head.head().size)), [1, 1, 2]);
    assert!(heads.iter().all(|head| head.verify(&log_key).is_ok()));

    // A server does it beside its work.
    elsewhere(&world).await.rotate().await.unwrap();
    world.signer.maintain().await;
    assert_eq!(versions(&world).await, [3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_under_a_replaced_master_key_is_refused() {
    let world = World::new().await;
    let late = elsewhere(&world).await;
    elsewhere(&world).await.replace(&SoftwareKey::new(Zeroizing::new([8; 32]))).await.unwrap();
    assert!(matches!(late.rotate().await, Err(SealerError::Changed)));
    assert_eq!(versions(&world).await, [1]);
    let failed = world.database.commit([Write::DropWrappingKeys].into()).await;
    assert_eq!((failed, versions(&world).await), (Ok::<(), StoreError>(()), vec![1]), "the newest is kept");
}
