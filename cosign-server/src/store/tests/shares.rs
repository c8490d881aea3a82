//! Several shares of one public key: which rows may stand beside each other.

use super::*;

const OTHER: KeyId = KeyId::from_bytes([3; 16]);
const THIRD: KeyId = KeyId::from_bytes([4; 16]);

fn split(key_id: KeyId, kind: Kind) -> StoredKey {
    StoredKey {
        status: Status::Arriving,
        parent: Some(Parent { key_id: KEY, kind, active: false }),
        seat: kind == Kind::Share,
        ..key(key_id, 1)
    }
}

fn recovered(key_id: KeyId) -> StoredKey {
    StoredKey { status: Status::Arriving, ..key(key_id, 1) }
}

fn change(key_id: KeyId, from: Status, to: Status) -> Write {
    Write::SetStatus { key_id, from, to }
}

fn revoke(key_id: KeyId) -> Write {
    change(key_id, Status::Active, Status::Revoked)
}

const fn seats(max: u32) -> Write {
    Write::SetSeats { public_key: [1; 64], max }
}

async fn add(store: &Database, key: StoredKey) -> Result<(), StoreError> {
    store.commit([Write::AddKey(Box::new(key))].into()).await
}

/// With an active key and two more key ids.
async fn with_ids() -> (tempfile::TempDir, Database) {
    ids_in(fresh().await).await
}

async fn ids_in((folder, store): (tempfile::TempDir, Database)) -> (tempfile::TempDir, Database) {
    with_key(&store).await;
    store.commit([issue(OTHER), issue(THIRD)].into()).await.unwrap();
    (folder, store)
}

async fn stored(store: &Database, key_id: KeyId) -> StoredKey {
    store.key(&key_id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_database_of_before_is_taken_over_with_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::migrate!("migrations/sqlite").run_to(4, &mut connection).await.unwrap();
    let (device, key_id) = (DEVICE.as_bytes().to_vec(), KEY.as_bytes().to_vec());
    for insert in [
        "INSERT INTO wrapping_keys (version, wrapped, created_ms) VALUES (x'00000001', ?1, length(?2))",
        "INSERT INTO devices (device_id, name, enrolled_ms) VALUES (?1, 'phone', length(?2))",
        "INSERT INTO key_ids (device_id, key_id, suite, purpose, label, issued_ms, expires_ms, used_ms) \
         VALUES (?1, ?2, 2, 1, 'key', 1, 100, 7)",
        "INSERT INTO keys (device_id, key_id, suite, purpose, status, epoch, rid, public_key, created_ms, fails, total, \
         unlock_at_ms, refresh_required, decrypts, pending_sign, share, pending, version) \
         VALUES (?1, ?2, 2, 1, 'active', 3, zeroblob(16), zeroblob(64), 4, 5, 6, 7, 1, 8, zeroblob(32), \
         x'020000000109', x'020000000108', 9)",
        "INSERT INTO audit (record, hashes, key_id) VALUES (?1, zeroblob(32), ?2)",
    ] {
        sqlx::query(insert).bind(&device).bind(&key_id).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let store = migrated(&path).await;
    let expected = StoredKey {
        suite: Suite::F2,
        epoch: 3,
        rid: RefreshId::from_bytes([0; 16]),
        public_key: [0; 64],
        created_ms: 4,
        gate: Gate { fails: 5, total: 6, unlock_at_ms: 7, refresh_required: true, charge: None },
        decrypts: 8,
        pending_sign: Some([0; 32]),
        version: 9,
        ..key(KEY, 0)
    };
    assert_eq!(format!("{:?}", stored(&store, KEY).await), format!("{expected:?}"));
    let issued = store.issued(&KEY).await.unwrap().unwrap();
    assert_eq!((issued.origin, issued.used_ms), (Origin::Generated, Some(7)));
    store.close().await;

    // What the tables promise, they promise still.
    let options = SqliteConnectOptions::new().filename(&path).foreign_keys(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert!(broken.is_empty());
    for refused in [
        "DELETE FROM wrapping_keys",
        "DELETE FROM key_ids",
        "DELETE FROM audit",
        "UPDATE audit SET record = x''",
        "UPDATE keys SET share = x'020000000209'",
        "UPDATE keys SET status = 'other'",
        "UPDATE keys SET parent = key_id",
        "UPDATE key_ids SET split_of = key_id, recovers = zeroblob(64)",
    ] {
        assert!(sqlx::query(refused).execute(&mut connection).await.is_err(), "{refused}");
    }
    let names = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE tbl_name IN ('keys', 'audit') ORDER BY name",
    );
    let names: Vec<String> = names.fetch_all(&mut connection).await.unwrap();
    let expected = [
        "audit",
        "audit_epochs",
        "audit_keeps_records",
        "audit_keeps_values",
        "audit_of_key",
        "keys",
        "keys_of_device",
        "keys_of_parent",
        "keys_of_pending_key",
        "keys_of_public_key",
        "keys_of_share_key",
        "keys_revoked",
        "keys_waiting",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_generated_key_is_new_and_a_recovered_one_is_alone() {
    let (_folder, store) = with_ids().await;
    assert_eq!(add(&store, key(OTHER, 1)).await, Err(StoreError::Duplicate));
    assert_eq!(add(&store, recovered(OTHER)).await, Err(StoreError::Duplicate));
    store.commit([revoke(KEY)].into()).await.unwrap();
    assert_eq!(add(&store, key(OTHER, 1)).await, Err(StoreError::Duplicate), "what was once is not new");
    add(&store, recovered(OTHER)).await.unwrap();
    assert_eq!(add(&store, recovered(THIRD)).await, Err(StoreError::Duplicate), "once");
    let row = stored(&store, OTHER).await;
    assert_eq!(
        (row.status, row.parent, row.seat, row.seats),
        (Status::Arriving, None, false, Seats::default())
    );
}

#[tokio::test]
async fn a_split_share_stands_beside_the_active_one_that_it_was_split_from() {
    let (_folder, store) = with_ids().await;
    store.commit([seats(1)].into()).await.unwrap();
    for kind in [Kind::Move, Kind::Share] {
        let good = || split(OTHER, kind);
        let strange = Some(Parent { key_id: THIRD, kind, active: true });
        let wrong = [
            StoredKey { public_key: [2; 64], ..good() },
            StoredKey { parent: strange, ..good() },
            StoredKey { seat: !good().seat, ..good() },
        ];
        for wrong in wrong {
            assert_eq!(add(&store, wrong.clone()).await, Err(StoreError::Stale), "{wrong:?}");
        }
        store.commit([change(KEY, Status::Active, Status::Suspended)].into()).await.unwrap();
        assert_eq!(add(&store, good()).await, Err(StoreError::Stale), "{kind:?} of a frozen one");
        store.commit([change(KEY, Status::Suspended, Status::Active)].into()).await.unwrap();
    }
    add(&store, split(OTHER, Kind::Move)).await.unwrap();
    add(&store, split(THIRD, Kind::Share)).await.unwrap();
    let (moved, seat) = (stored(&store, OTHER).await, stored(&store, THIRD).await);
    let parent = |kind| Some(Parent { key_id: KEY, kind, active: false });
    assert_eq!((moved.parent, moved.seat), (parent(Kind::Move), false));
    assert_eq!((seat.parent, seat.seat), (parent(Kind::Share), true));
    assert_eq!(moved.seats, Seats { max: 1, taken: 1 }, "the owner takes the seats along");
    assert_eq!(seat.seats, Seats { max: 0, taken: 1 });
    let all = store.shares(&[1; 64]).await.unwrap();
    assert_eq!(all.iter().map(|row| row.key_id).collect::<Vec<_>>(), [KEY, OTHER, THIRD]);
    assert!(store.shares(&[2; 64]).await.unwrap().is_empty());
}

/// As after a crash between the two files: a revocation is on record before it happens, a move after it.
#[tokio::test]
async fn a_move_that_is_not_on_record_does_not_end_the_key() {
    let (folder, store) = ids_in(fresh_file().await).await;
    let tombstones = folder.path().join("a.tombstones");
    add(&store, split(OTHER, Kind::Move)).await.unwrap();
    add(&store, StoredKey { public_key: [2; 64], ..key(THIRD, 2) }).await.unwrap();
    store.commit([revoke(THIRD)].into()).await.unwrap();
    let before = std::fs::read(&tombstones).unwrap();
    // A file that became shorter is not written to.
    std::fs::write(&tombstones, []).unwrap();
    assert_eq!(store.commit([revoke(KEY)].into()).await, Err(StoreError::Unavailable));
    assert_eq!(store.key_version(&KEY).await, Ok(Some(1)));
    let arrives = change(OTHER, Status::Arriving, Status::Active);
    let unit = || Unit(vec![arrives.clone(), Write::MoveAway { key_id: KEY }]);
    assert_eq!(store.commit(unit()).await, Err(StoreError::Unavailable));
    std::fs::write(&tombstones, before).unwrap();
    let statuses = [stored(&store, KEY).await.status, stored(&store, OTHER).await.status];
    assert_eq!(statuses, [Status::Revoked, Status::Active]);
    assert_eq!(stored(&store, KEY).await.share.len(), 0);
    assert_eq!(store.commit(unit()).await, Err(StoreError::Stale), "once");
    store.close().await;
    open(&folder.path().join("a.db")).await.close().await;
    assert!(std::fs::read(&tombstones).unwrap().chunks(32).any(|record| record[..16] == KEY.as_bytes()[..]));
}

#[tokio::test]
async fn seats_are_counted_where_they_are_taken() {
    let (_folder, store) = with_ids().await;
    assert_eq!(add(&store, split(OTHER, Kind::Share)).await, Err(StoreError::Stale), "none by default");
    store.commit([seats(1)].into()).await.unwrap();
    // Both were judged while the seat was free.
    let unit = |key_id| Unit(vec![Write::AddKey(Box::new(split(key_id, Kind::Share)))]);
    let (one, two) = tokio::join!(store.commit(unit(OTHER)), store.commit(unit(THIRD)));
    assert_eq!((one, two), (Ok(()), Err(StoreError::Stale)));
    assert_eq!(stored(&store, KEY).await.seats, Seats { max: 1, taken: 1 });

    // A seat is withdrawn, and free.
    store.commit([change(OTHER, Status::Arriving, Status::Revoked)].into()).await.unwrap();
    assert_eq!(stored(&store, KEY).await.seats.free(), 1);
    store.commit(unit(THIRD)).await.unwrap();
    assert_eq!(stored(&store, KEY).await.seats.free(), 0);

    // A seat that moves is one, and a seat gives none.
    store.commit([change(THIRD, Status::Arriving, Status::Active), seats(2)].into()).await.unwrap();
    let fourth = KeyId::from_bytes([5; 16]);
    store.commit([issue(fourth)].into()).await.unwrap();
    let parent = |kind| Some(Parent { key_id: THIRD, kind, active: false });
    let given = StoredKey { parent: parent(Kind::Share), ..split(fourth, Kind::Share) };
    assert_eq!(add(&store, given).await, Err(StoreError::Stale), "only the owner gives");
    let moving = StoredKey { parent: parent(Kind::Move), seat: true, ..split(fourth, Kind::Move) };
    add(&store, moving).await.unwrap();
    assert_eq!(stored(&store, KEY).await.seats, Seats { max: 2, taken: 1 });
    assert_eq!(stored(&store, fourth).await.seats.max, 0);
    store.commit([revoke(THIRD), change(fourth, Status::Arriving, Status::Active)].into()).await.unwrap();
    assert_eq!(stored(&store, KEY).await.seats, Seats { max: 2, taken: 1 });
}

#[tokio::test]
async fn seats_are_set_for_what_the_owner_has() {
    let (_folder, store) = with_ids().await;
    store.commit([seats(3)].into()).await.unwrap();
    add(&store, split(OTHER, Kind::Share)).await.unwrap();
    add(&store, split(THIRD, Kind::Move)).await.unwrap();
    store.commit([seats(5)].into()).await.unwrap();
    let max = async |key_id| stored(&store, key_id).await.seats.max;
    assert_eq!((max(KEY).await, max(OTHER).await, max(THIRD).await), (5, 0, 5));
    for key_id in [KEY, OTHER, THIRD] {
        let from = stored(&store, key_id).await.status;
        store.commit([change(key_id, from, Status::Revoked)].into()).await.unwrap();
    }
    assert_eq!(store.commit([seats(6)].into()).await, Err(StoreError::Stale));
}

#[tokio::test]
async fn the_quota_is_one_for_all_shares() {
    let (_folder, store) = with_ids().await;
    store.commit([seats(1)].into()).await.unwrap();
    store.commit([spend(1, 1, 1)].into()).await.unwrap();
    let counted = StoredKey { decrypts: 2, ..split(OTHER, Kind::Share) };
    add(&store, counted).await.unwrap();
    assert_eq!(stored(&store, OTHER).await.decrypts, 2, "not counted twice");
    let Write::Spend(of_key) = spend(1, 2, 2) else { panic!("not a spend") };
    let of_other = |sid, decrypts| {
        let sid = SessionId::from_bytes([sid; 16]);
        Write::Spend(Spend { key_id: OTHER, sid, decrypts, ..of_key.clone() })
    };
    store.commit([of_other(3, 2)].into()).await.unwrap();
    assert_eq!((stored(&store, KEY).await.decrypts, stored(&store, OTHER).await.decrypts), (4, 4));
    assert_eq!(store.commit([Write::Spend(of_key.clone())].into()).await, Err(StoreError::Stale));
    store.commit([revoke(KEY)].into()).await.unwrap();
    assert_eq!(store.commit([of_other(4, 2)].into()).await, Err(StoreError::Stale), "revoked ones count on");
    store.commit([of_other(5, 1)].into()).await.unwrap();
    // Of another key nothing is counted.
    let third = StoredKey { public_key: [7; 64], ..key(THIRD, 7) };
    add(&store, third).await.unwrap();
    assert_eq!(stored(&store, THIRD).await.decrypts, 0);

    // What was judged on does not overwrite what was counted.
    let save = StoredKey { decrypts: 0, ..split(OTHER, Kind::Share) };
    store.commit([Write::SaveKey(Box::new(save))].into()).await.unwrap();
    assert_eq!(stored(&store, OTHER).await.decrypts, 5);
}

#[tokio::test]
async fn the_number_of_live_shares_can_be_relied_on() {
    let (_folder, store) = with_ids().await;
    let expect = |live| Unit(vec![Write::ExpectShares { public_key: [1; 64], live }]);
    store.commit(expect(1)).await.unwrap();
    add(&store, split(OTHER, Kind::Move)).await.unwrap();
    assert_eq!(store.commit(expect(1)).await, Err(StoreError::Stale));
    store.commit([revoke(KEY)].into()).await.unwrap();
    store.commit(expect(1)).await.unwrap();
    assert_eq!(store.commit(expect(0)).await, Err(StoreError::Stale));
    store.commit([Write::ExpectShares { public_key: [2; 64], live: 0 }].into()).await.unwrap();
}

#[tokio::test]
async fn where_the_shares_of_an_issued_id_come_from_is_kept() {
    let (_folder, store) = fresh().await;
    store.commit([device()].into()).await.unwrap();
    let origins = [Origin::Generated, Origin::Split(KEY), Origin::Recovered(*log_key().public_key())];
    for (byte, origin) in (10..).zip(origins) {
        let Write::IssueKey(issued) = issue(KeyId::from_bytes([byte; 16])) else { panic!("not an issue") };
        let issued = IssuedKey { origin, ..issued };
        store.commit([Write::IssueKey(issued.clone())].into()).await.unwrap();
        assert_eq!(store.issued(&issued.key_id).await.unwrap().unwrap(), issued);
    }
}

#[tokio::test]
async fn what_never_arrived_is_purged_after_a_day() {
    let (_folder, store) = with_ids().await;
    let used = [KEY, OTHER].map(|key_id| Write::UseKeyId { key_id, now_ms: 1 });
    store.commit(used.into()).await.unwrap();
    add(&store, split(OTHER, Kind::Move)).await.unwrap();
    let purge = |now_ms| Unit(vec![purge(now_ms)]);
    store.commit(purge(PENDING_TTL_MS + 1)).await.unwrap();
    assert_eq!(stored(&store, OTHER).await.status, Status::Arriving);
    store.commit(purge(PENDING_TTL_MS + 2)).await.unwrap();
    let row = stored(&store, OTHER).await;
    assert_eq!((row.status, row.share.len(), row.pending, row.version), (Status::Revoked, 0, None, 2));
    assert_eq!(stored(&store, KEY).await.status, Status::Active);
}
