//! Tree heads: when they are signed, and that a log that is not what was signed is not gone on with.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cosign_core::{KeyId, Purpose, audit::SignedTreeHead};
use sqlx::Connection as _;
use zeroize::Zeroizing;

use crate::{
    domain::{
        audit::{Act, Event, Point},
        ports::{Store as _, Write},
    },
    signer::{HeadSettings, LogError, TreeHeads, WrappingKeys},
    testing::{Phone, World, digest},
};

async fn log(world: &World, count: usize) {
    for _ in 0..count {
        let event = Event::administration(world.now_ms(), Act::CODE, "");
        world.database.commit([Write::Log(event)].into()).await.unwrap();
    }
}

async fn heads(world: &World) -> Vec<SignedTreeHead> {
    world.database.tree_heads(0, 1000).await.unwrap()
}

async fn sizes(world: &World) -> Vec<u64> {
    heads(world).await.iter().map(|head| head.head().size).collect()
}

async fn start(world: &World, settings: HeadSettings, keys: &WrappingKeys) -> Result<TreeHeads, LogError> {
    TreeHeads::start(
        settings,
        keys,
        Arc::clone(&world.database) as _,
        Arc::clone(&world.clock) as _,
        Arc::clone(&world.entropy) as _,
    )
    .await
}

async fn starts(world: &World) -> Result<TreeHeads, LogError> {
    start(world, HeadSettings { interval: Duration::from_secs(3600), records: 1000 }, world.sealer.keys())
        .await
}

#[tokio::test]
async fn heads_are_signed_for_records_and_at_every_start() {
    let world = World::new().await;
    assert!(sizes(&world).await.is_empty(), "there is nothing to sign over");
    log(&world, 3).await;
    world.heads.publish().await.unwrap();
    world.heads.publish().await.unwrap();
    assert_eq!(sizes(&world).await, [3]);
    world.clock.advance(1000);
    let world = world.restart().await;
    assert_eq!(sizes(&world).await, [3, 3]);
    log(&world, 2).await;
    world.heads.publish().await.unwrap();
    assert_eq!(sizes(&world).await, [3, 3, 5]);
    let key = world.operator.audit_log().log_key().await.unwrap();
    assert!(heads(&world).await.iter().all(|head| head.verify(&key).is_ok()));
    assert!(heads(&world).await.is_sorted_by_key(|head| head.head().at_ms));
    world.operator.verify_audit(None).await.unwrap().unwrap();
}

async fn until_signed(world: &World, size: u64) {
    while world.database.tree_head(Some(size)).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn records_are_signed_over_after_a_while_or_after_many() {
    let world = World::new().await;
    let soon = start(
        &world,
        HeadSettings { interval: Duration::from_millis(20), records: 1000 },
        world.sealer.keys(),
    )
    .await;
    let soon = soon.unwrap();
    tokio::select! {
        () = soon.run() => {}
        () = async {
            log(&world, 1).await;
            until_signed(&world, 1).await;
        } => {}
    }
    let many =
        start(&world, HeadSettings { interval: Duration::from_secs(3600), records: 4 }, world.sealer.keys())
            .await;
    let many = many.unwrap();
    tokio::select! {
        () = many.run() => {}
        () = async {
            log(&world, 4).await;
            until_signed(&world, 5).await;
        } => {}
    }
    assert_eq!(sizes(&world).await, [1, 1, 5]);
}

async fn edit(world: &World, statements: &[&'static str]) {
    let url = format!("sqlite://{}", world.file().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    for trigger in
        ["audit_keeps_records", "audit_keeps_values", "tree_heads_are_kept", "tree_heads_keep_values"]
    {
        let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER IF EXISTS {trigger}"));
        sqlx::query(drop).execute(&mut connection).await.unwrap();
    }
    for statement in statements {
        sqlx::query(*statement).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

async fn signed_world(records: usize) -> World {
    let world = World::on_file().await;
    log(&world, records).await;
    world.heads.publish().await.unwrap();
    world
}

#[tokio::test]
async fn a_log_that_is_not_what_was_signed_is_not_started_with() {
    type Expected = fn(&LogError) -> bool;
    let cases: [(&str, &[&'static str], Expected); 7] = [
        ("the end cut off", &["DELETE FROM audit WHERE seq = 7"], |error| {
            *error == LogError::Shorter { size: 6, signed: 7 }
        }),
        ("everything cut off", &["DELETE FROM audit"], |error| {
            *error == LogError::Shorter { size: 0, signed: 7 }
        }),
        ("one gone", &["DELETE FROM audit WHERE seq = 4"], |error| {
            *error == LogError::Rewritten { signed: 7 }
        }),
        ("hashes changed", &["UPDATE audit SET hashes = zeroblob(96) WHERE seq = 4"], |error| {
            *error == LogError::Rewritten { signed: 7 }
        }),
        (
            "the head changed",
            &["UPDATE tree_heads SET head = CAST(substr(head, 1, 47) || x'ff' || substr(head, 49) AS BLOB)"],
            |error| *error == LogError::Forged,
        ),
        ("the key gone", &["DELETE FROM audit_key"], |error| *error == LogError::NoKey),
        (
            "the key moved",
            &["UPDATE audit_key SET public_key = CAST(substr(public_key, 1, 63) || x'00' AS BLOB)"],
            |error| matches!(error, LogError::Key(_)),
        ),
    ];
    for (what, statements, expected) in cases {
        let world = signed_world(7).await;
        assert!(starts(&world).await.is_ok());
        edit(&world, statements).await;
        let error = starts(&world).await.err().unwrap_or_else(|| panic!("{what} was not seen"));
        assert!(expected(&error), "{what}: {error:?}");
        assert!(error.to_string().contains("; "), "{error} says no next step");
        // Nor is anything signed in a server that runs.
        world.clock.advance(1);
        log(&world, 1).await;
        let running = world.heads.publish().await;
        assert!(running.is_err() || what.contains("key") || what.contains("the head"), "{what}: {running:?}");
    }
    let world = signed_world(1).await;
    let others = WrappingKeys::new(BTreeMap::from([(1, Box::new(Zeroizing::new([8; 32])))]));
    let other = start(&world, HeadSettings { interval: Duration::from_secs(1), records: 1 }, &others).await;
    assert!(matches!(other.err(), Some(LogError::Key(_))), "another wrapping key");
}

#[tokio::test]
async fn verification_finds_what_a_start_does_not_look_at() {
    for (statement, broken) in [
        (
            "UPDATE audit SET record = CAST(substr(record, 1, length(record) - 1) || 'y' AS BLOB) WHERE seq = 3",
            3,
        ),
        ("UPDATE audit SET key_id = zeroblob(16) WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 5", 5),
        ("UPDATE audit SET record = (SELECT record FROM audit WHERE seq = 1) WHERE seq = 6", 6),
        ("UPDATE tree_heads SET size = 6", 7),
        ("DELETE FROM audit WHERE seq = 7", 7),
    ] {
        let world = World::on_file().await;
        for seq in 1..=7 {
            let event = Event::administration(seq, Act::CODE, "x").about(KeyId::from_bytes([1; 16]), None);
            world.database.commit([Write::Log(event)].into()).await.unwrap();
        }
        world.heads.publish().await.unwrap();
        let walked = world.operator.verify_audit(None).await.unwrap().unwrap();
        assert_eq!((walked.end.size, walked.newest.unwrap().head().root), (7, walked.end.root));
        edit(&world, &[statement]).await;
        let outcome = world.operator.verify_audit(None).await.unwrap();
        if statement.contains("tree_heads") {
            // The size in the column only orders the heads; the one that is signed counts.
            assert!(outcome.is_ok());
        } else {
            assert_eq!(outcome.unwrap_err().seq, broken, "{statement}");
        }
    }
}

#[tokio::test]
async fn what_was_noted_is_found_again_or_its_absence_is_told() {
    let world = signed_world(5).await;
    let noted = world.operator.verify_audit(None).await.unwrap().unwrap().end;
    log(&world, 3).await;
    world.operator.verify_audit(Some(noted)).await.unwrap().unwrap();
    let other = Point { root: [0; 32], ..noted };
    assert_eq!(world.operator.verify_audit(Some(other)).await.unwrap().unwrap_err().seq, 5);
    let longer = Point { size: 9, ..noted };
    assert_eq!(world.operator.verify_audit(Some(longer)).await.unwrap().unwrap_err().seq, 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_tied_to_its_public_key_by_the_record_that_made_it() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    phone.sign(&world, &key, digest(1)).await.unwrap();
    let records = crate::testing::records(&world).await;
    let made: Vec<_> = records.iter().filter(|record| record.event.public_key.is_some()).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].event.key_id, Some(record.key_id()));
    assert_eq!(made[0].event.public_key, Some(key.public_key().as_point().to_bytes()));
}
