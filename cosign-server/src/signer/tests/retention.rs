//! What has expired is dropped from storage, in pieces and when it is time.

use crate::{
    domain::{
        enrolment::CodeHash,
        once::{KEPT_MS, Outcome},
        ports::{Store as _, StoreError, Unit, Write},
    },
    signer::Retention,
    testing::{NOW_MS, RETENTION, World},
};

async fn remember(world: &World, count: u64) {
    let outcome = |index: u64| {
        Write::Remember(Outcome {
            device: cosign_core::DeviceId::from_bytes([1; 32]),
            key: format!("{}-{index}", world.now_ms()),
            fingerprint: [1; 32],
            outcome: "{}".to_owned(),
            created_ms: world.now_ms(),
        })
    };
    world.database.commit(Unit((0..count).map(outcome).collect())).await.unwrap();
}

#[tokio::test]
async fn one_run_drops_all_that_has_expired_in_pieces_and_nothing_else() {
    let world = World::new().await;
    let rows = u64::from(RETENTION.rows);
    remember(&world, 3 * rows + 1).await;
    let log = world.database.audit_tree().await.unwrap().size();
    // A piece is no more than it is.
    let piece = Write::Purge { now_ms: NOW_MS + KEPT_MS, rows: RETENTION.rows, requests_ms: 0 };
    world.database.commit([piece].into()).await.unwrap();
    assert!(world.database.has_expired(NOW_MS + KEPT_MS).await.unwrap());
    assert!(!world.database.has_expired(NOW_MS + KEPT_MS - 1).await.unwrap());
    world.clock.advance(KEPT_MS);
    remember(&world, 1).await;
    world.signer.maintain().await;
    assert!(!world.database.has_expired(world.now_ms()).await.unwrap());
    assert!(world.database.has_expired(world.now_ms() + KEPT_MS).await.unwrap(), "one that is young is gone");
    assert_eq!(world.database.audit_tree().await.unwrap().size(), log);
    let line = format!("cosign_purge_time_seconds {}", world.now_ms() / 1000);
    assert!(world.metrics().await.contains(&line), "{}", world.metrics().await);
}

#[tokio::test]
async fn runs_keep_their_interval_even_if_the_clock_is_set_back() {
    let interval_ms = 60_000;
    let world = World::with_retention(Retention { interval_ms, ..RETENTION }).await;
    let code = |byte| Write::AddCode { code: CodeHash([byte; 32]), uses: 1, created_ms: 0, expires_ms: 1 };
    // An expired code that is still there cannot be made again.
    let is_there =
        async |byte| world.database.commit([code(byte)].into()).await == Err(StoreError::Duplicate);
    world.database.commit([code(1)].into()).await.unwrap();
    world.signer.maintain().await;
    assert!(!is_there(1).await);
    world.clock.advance(interval_ms - 1);
    world.signer.maintain().await;
    assert!(is_there(1).await, "it is not time");
    world.clock.advance(interval_ms / 4 + 2);
    world.signer.maintain().await;
    assert!(!is_there(1).await);
    world.clock.go_back(10 * interval_ms);
    world.signer.maintain().await;
    assert!(!is_there(1).await, "a clock that was set back stops it");
}
