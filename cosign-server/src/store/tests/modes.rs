//! PIN modes, and the evaluation that a gate has counted.

use cosign_core::PinMode;

use super::*;
use crate::domain::key::Charge;

const CHARGED: Gate = Gate {
    fails: 2,
    total: 5,
    unlock_at_ms: 7,
    refresh_required: false,
    charge: Some(Charge { session: SessionId::from_bytes([6; 16]), fails: 1, total: 2 }),
};

fn oblivious() -> [Write; 2] {
    let Write::IssueKey(issued) = issue(KEY) else { panic!("not an issue") };
    let row = StoredKey { mode: PinMode::Oblivious, gate: CHARGED, ..key(KEY, 1) };
    [Write::IssueKey(IssuedKey { mode: PinMode::Oblivious, ..issued }), Write::AddKey(Box::new(row))]
}

async fn with_oblivious_key() -> (tempfile::TempDir, Database) {
    oblivious_key_in(fresh().await).await
}

async fn oblivious_key_in((folder, store): (tempfile::TempDir, Database)) -> (tempfile::TempDir, Database) {
    store.bind_master_key(b"aaaa").await.unwrap();
    let [issue, add] = oblivious();
    store.commit([wrapping_key(1), device(), issue, add].into()).await.unwrap();
    (folder, store)
}

async fn stored(store: &Database) -> StoredKey {
    store.key(&KEY).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_mode_is_kept_from_its_issue_on() {
    let (_folder, store) = with_oblivious_key().await;
    assert_eq!(stored(&store).await.mode, PinMode::Oblivious);
    assert_eq!(store.issued(&KEY).await.unwrap().unwrap().mode, PinMode::Oblivious);
    // It is no part of what is saved.
    let base = StoredKey { mode: PinMode::Base, ..stored(&store).await };
    store.commit([Write::SaveKey(Box::new(base))].into()).await.unwrap();
    assert_eq!(stored(&store).await.mode, PinMode::Oblivious);
}

#[tokio::test]
async fn a_charge_is_kept_until_it_is_taken_out_or_the_key_is_unlocked() {
    let (_folder, store) = with_oblivious_key().await;
    let added = stored(&store).await;
    assert_eq!(added.gate, CHARGED);
    let other = Charge { session: SessionId::from_bytes([8; 16]), fails: 0, total: 1 };
    for charge in [Some(other), None, CHARGED.charge] {
        let gate = Gate { charge, ..CHARGED };
        let version = stored(&store).await.version;
        let row = StoredKey { gate, version, ..added.clone() };
        store.commit([Write::SaveKey(Box::new(row.clone()))].into()).await.unwrap();
        let saved = stored(&store).await;
        assert_eq!((saved.gate, saved.version), (gate, version + 1));
        // Whoever judged by the row of before judges again.
        assert_eq!(store.commit([Write::SaveKey(Box::new(row))].into()).await, Err(StoreError::Stale));
    }
    store.commit([Write::Unlock { key_id: KEY }].into()).await.unwrap();
    assert_eq!(stored(&store).await.gate, Gate { refresh_required: true, ..Gate::default() });
}

#[tokio::test]
async fn what_is_no_mode_or_half_a_charge_is_not_stored() {
    let (folder, store) = oblivious_key_in(fresh_file().await).await;
    store.close().await;
    let options = SqliteConnectOptions::new().filename(folder.path().join("a.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    for refused in [
        "UPDATE keys SET mode = 'other'",
        "UPDATE key_ids SET mode = 'other'",
        "UPDATE keys SET charge = NULL",
        "UPDATE keys SET charge_fails = NULL",
        "UPDATE keys SET charge_total = NULL",
        "UPDATE keys SET charge = x'00'",
        "UPDATE keys SET charge = NULL, charge_fails = NULL",
        "UPDATE keys SET charge = NULL, charge_total = NULL",
    ] {
        assert!(sqlx::query(refused).execute(&mut connection).await.is_err(), "{refused}");
    }
    let all = "UPDATE keys SET charge = NULL, charge_fails = NULL, charge_total = NULL";
    sqlx::query(all).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn rows_from_before_there_were_modes_are_in_base_mode_and_count_no_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::migrate!("migrations/sqlite").run_to(5, &mut connection).await.unwrap();
    let (device, key_id) = (DEVICE.as_bytes().to_vec(), KEY.as_bytes().to_vec());
    for insert in [
        "INSERT INTO devices (device_id, name, enrolled_ms) VALUES (?1, 'phone', length(?2))",
        "INSERT INTO key_ids (device_id, key_id, purpose, label, issued_ms, expires_ms) \
         VALUES (?1, ?2, 1, 'key', 1, 100)",
        "INSERT INTO keys (device_id, key_id, suite, purpose, status, epoch, rid, public_key, created_ms, fails, share) \
         VALUES (?1, ?2, 1, 1, 'revoked', 1, zeroblob(16), zeroblob(64), 1, 3, x'')",
    ] {
        sqlx::query(insert).bind(&device).bind(&key_id).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let store = migrated(&path).await;
    let row = stored(&store).await;
    assert_eq!((row.mode, row.gate), (PinMode::Base, Gate { fails: 3, ..Gate::default() }));
    assert_eq!(store.issued(&KEY).await.unwrap().unwrap().mode, PinMode::Base);
}
