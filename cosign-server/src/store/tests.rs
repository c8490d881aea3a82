//! The database on its own: migrations, group commit, what each write supposes.

mod audit;
mod modes;
mod operators;
mod postgres;
mod shares;
mod versions;
mod wrapping;

use std::{path::Path, sync::Arc};

use cosign_core::{
    DeviceId, KeyId, LogId, PinMode, Purpose, RefreshId, SessionId, Suite,
    audit::{Frontier, TreeHead},
    sm_primitives::sm2::PrivateKey,
};
use futures_util::future::join_all;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{Access, Database, OpenError, Source};
use crate::{
    domain::{
        audit::{Act, Event, Record, SealedAuditKey, SignedTreeHead, Walk},
        device::Device,
        enrolment::CodeHash,
        key::{
            Gate, IssuedKey, Kind, Origin, PENDING_TTL_MS, Parent, Resealed, Seats, Status, StoredKey,
            WrappedKey,
        },
        once::{KEPT_IN_ANY_CASE_MS, KEPT_MS, MANY, Outcome},
        ports::{RecordsOfKey, Spend, Store as _, StoreError, Unit, Write},
    },
    telemetry::Telemetry,
    testing::{name, new_database},
};

const DEVICE: DeviceId = DeviceId::from_bytes([1; 32]);
const KEY: KeyId = KeyId::from_bytes([2; 16]);

/// A file of SQLite.
async fn open(path: &Path) -> Database {
    open_at(&path.to_owned().into(), &path.with_extension("tombstones")).await
}

async fn open_at(source: &Source, tombstones: &Path) -> Database {
    Database::open(source, tombstones, Access::Create, Arc::new(Telemetry::new())).await.unwrap()
}

/// A file of an older program, brought to this version.
async fn migrated(path: &Path) -> Database {
    let (source, tombstones) = (path.to_owned().into(), path.with_extension("tombstones"));
    Database::open(&source, &tombstones, Access::Migrate, Arc::new(Telemetry::new())).await.unwrap()
}

async fn fresh_file() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db")).await;
    (folder, store)
}

async fn fresh() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let source = new_database(folder.path().join("a.db")).await;
    let store = open_at(&source, &folder.path().join("a.tombstones")).await;
    (folder, store)
}

fn log(note: &str) -> Write {
    Write::Log(Event::administration(1, Act::CODE, note))
}

fn purge(now_ms: u64) -> Write {
    Write::Purge { now_ms, rows: 2000, requests_ms: 1000 }
}

fn device() -> Write {
    Write::AddDevice(Device { id: DEVICE, name: name("phone"), enrolled_ms: 1 })
}

fn issue(key_id: KeyId) -> Write {
    Write::IssueKey(IssuedKey {
        key_id,
        device: DEVICE,
        suite: Suite::D,
        purpose: Purpose::Sign,
        mode: PinMode::Base,
        origin: Origin::Generated,
        label: name("key"),
        issued_ms: 1,
        expires_ms: 100,
        used_ms: None,
    })
}

fn key(key_id: KeyId, public_key: u8) -> StoredKey {
    StoredKey {
        key_id,
        device: DEVICE,
        label: name("key"),
        suite: Suite::D,
        purpose: Purpose::Sign,
        mode: PinMode::Base,
        status: Status::Active,
        epoch: 1,
        rid: RefreshId::KEYGEN,
        public_key: [public_key; 64],
        created_ms: 1,
        gate: Gate::default(),
        decrypts: 0,
        pending_sign: None,
        share: sealed(1, 9),
        pending: Some(sealed(1, 8)),
        parent: None,
        seat: false,
        seats: Seats::default(),
        logged_epoch: 0,
        version: 1,
    }
}

fn spend(version: i64, sid: u8, fp: u8) -> Write {
    let sid = SessionId::from_bytes([sid; 16]);
    Write::Spend(Spend {
        key_id: KEY,
        version,
        sid,
        fp: [fp; 32],
        until_ms: 50,
        new: false,
        decrypts: 2,
        quota: 5,
    })
}

/// What looks like a sealed record.
fn sealed(version: u8, content: u8) -> Vec<u8> {
    vec![2, 0, 0, 0, version, content]
}

fn wrapping_key(version: u8) -> Write {
    let key = WrappedKey { version: version.into(), wrapped: vec![version; 65], created_ms: 1 };
    Write::AddWrappingKey { master: *b"aaaa", key }
}

async fn with_key(store: &Database) {
    store.bind_master_key(b"aaaa").await.unwrap();
    store.commit([wrapping_key(1)].into()).await.unwrap();
    store.commit([device(), issue(KEY), Write::AddKey(Box::new(key(KEY, 1)))].into()).await.unwrap();
}

/// Checks the whole log; its size.
async fn walk(store: &Database) -> u64 {
    let mut walk = Walk::new(*log_key().public_key(), None);
    for entry in store.audit(0, 1000).await.unwrap() {
        walk.record(&entry).unwrap();
    }
    let end = walk.finish(None).unwrap().end;
    let tree = store.audit_tree().await.unwrap();
    assert_eq!((end.size, end.root), (tree.size(), tree.root()));
    end.size
}

fn log_key() -> PrivateKey {
    PrivateKey::from_bytes(&[1; 32]).unwrap()
}

async fn audit_notes(store: &Database) -> Vec<String> {
    let entries = store.audit(0, 1000).await.unwrap();
    entries.iter().map(|entry| Record::decode(&entry.record).unwrap().event.note).collect()
}

#[tokio::test]
async fn a_database_opens_again_and_keeps_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let missing = Database::open(
        &path.clone().into(),
        &folder.path().join("t"),
        Access::Existing,
        Arc::new(Telemetry::new()),
    )
    .await;
    assert!(matches!(missing, Err(OpenError::Missing(_))));
    let store = open(&path).await;
    with_key(&store).await;
    store.close().await;
    assert_eq!(store.commit(Unit::default()).await, Err(StoreError::Unavailable));
    let store = open(&path).await;
    let stored = store.key(&KEY).await.unwrap().unwrap();
    assert_eq!(
        (stored.public_key, stored.share, stored.pending),
        ([1; 64], sealed(1, 9), Some(sealed(1, 8)))
    );
}

#[tokio::test]
async fn a_database_is_not_opened_without_its_tombstones() {
    let (folder, store) = fresh_file().await;
    store.close().await;
    let tombstones = folder.path().join("a.tombstones");
    std::fs::remove_file(&tombstones).unwrap();
    let again = async || {
        let telemetry = Arc::new(Telemetry::new());
        Database::open(&folder.path().join("a.db").into(), &tombstones, Access::Existing, telemetry).await
    };
    assert!(matches!(again().await, Err(OpenError::Tombstones { .. })));
    std::fs::write(&tombstones, []).unwrap();
    again().await.map(drop).unwrap();
}

#[tokio::test]
async fn a_database_knows_its_master_key() {
    let (_folder, store) = fresh().await;
    store.bind_master_key(b"aaaa").await.unwrap();
    store.bind_master_key(b"aaaa").await.unwrap();
    assert!(matches!(store.bind_master_key(b"bbbb").await, Err(OpenError::OtherMasterKey { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_failing_unit_does_not_spoil_the_others() {
    let (_folder, store) = fresh().await;
    store.commit([device()].into()).await.unwrap();
    // Every third unit fails at its second write, after its first was applied.
    let units = (0..60u8).map(|index| {
        let id = KeyId::from_bytes([index; 16]);
        let mut unit = Unit(vec![issue(id), log(&index.to_string())]);
        if index % 3 == 0 {
            unit.0.push(device());
        }
        unit
    });
    let outcomes = join_all(units.map(|unit| store.commit(unit))).await;
    for (index, outcome) in outcomes.iter().enumerate() {
        let id = KeyId::from_bytes([u8::try_from(index).unwrap(); 16]);
        let there = store.issued(&id).await.unwrap().is_some();
        if index % 3 == 0 {
            assert_eq!((*outcome, there), (Err(StoreError::Duplicate), false), "{index}");
        } else {
            assert_eq!((*outcome, there), (Ok(()), true), "{index}");
        }
    }
    // The log has no gap where a unit was undone.
    assert_eq!(walk(&store).await, 40);
    assert_eq!(*store.audit_growth().borrow(), 40);
}

#[tokio::test]
async fn a_session_is_spent_on_one_frame() {
    let (_folder, store) = fresh().await;
    with_key(&store).await;
    store.commit([spend(1, 1, 1)].into()).await.unwrap();
    // The identical frame again, as after a restart.
    store.commit([spend(1, 1, 1)].into()).await.unwrap();
    assert_eq!(store.commit([log("no"), spend(1, 1, 2)].into()).await, Err(StoreError::SessionSpent));
    assert_eq!(store.commit([log("no"), spend(2, 2, 2)].into()).await, Err(StoreError::Stale));
    assert!(audit_notes(&store).await.is_empty());
    assert_eq!(store.live_sessions(50).await.unwrap().len(), 1);
    assert_eq!(store.live_sessions(51).await.unwrap().len(), 0);
    assert_eq!(store.commit([spend(1, 3, 3)].into()).await, Err(StoreError::Stale), "over the quota");
    assert_eq!(store.key(&KEY).await.unwrap().unwrap().decrypts, 4);
}

/// A session that is to be new is spent once, whatever travels with it, and a second time changes nothing.
#[tokio::test]
async fn a_session_that_is_to_be_new_is_spent_once() {
    let (_folder, store) = fresh().await;
    with_key(&store).await;
    let unit = |version: i64, sid: u8, fp: u8, until_ms: u64, new: bool| {
        let sid = SessionId::from_bytes([sid; 16]);
        let spend = Spend { key_id: KEY, version, sid, fp: [fp; 32], until_ms, new, decrypts: 0, quota: 5 };
        Unit::from([Write::Spend(spend), log(&format!("{version} {fp} {new}"))])
    };
    store.commit(unit(1, 1, 1, 50, true)).await.unwrap();
    let together = [
        unit(1, 1, 1, 60, true),
        unit(1, 2, 2, 50, true),
        unit(1, 1, 2, 60, true),
        unit(2, 3, 3, 60, true),
        unit(1, 4, 4, 50, false),
    ];
    let outcomes = join_all(together.map(|unit| store.commit(unit))).await;
    assert_eq!(
        outcomes,
        [
            Err(StoreError::SessionKnown),
            Ok(()),
            Err(StoreError::SessionSpent),
            Err(StoreError::Stale),
            Ok(())
        ]
    );
    // In a unit with more in it too.
    for (fp, refused) in [(1, StoreError::SessionKnown), (2, StoreError::SessionSpent)] {
        let Unit(mut more) = unit(1, 1, fp, 60, true);
        more.push(log("no"));
        assert_eq!(store.commit(Unit(more)).await, Err(refused));
    }
    assert_eq!(audit_notes(&store).await, ["1 1 true", "1 2 true", "1 4 false"]);
    assert_eq!(store.live_sessions(50).await.unwrap().len(), 3);
    assert_eq!(store.live_sessions(51).await.unwrap().len(), 0, "nothing is remembered for longer");
}

#[tokio::test]
async fn writes_on_an_old_version_do_nothing() {
    let (_folder, store) = fresh().await;
    with_key(&store).await;
    let frozen = Write::SetStatus { key_id: KEY, from: Status::Active, to: Status::Suspended };
    store.commit([frozen.clone()].into()).await.unwrap();
    assert_eq!(store.key_version(&KEY).await, Ok(Some(2)));
    assert_eq!(store.commit([frozen].into()).await, Err(StoreError::Stale));
    let old = key(KEY, 1);
    assert_eq!(store.commit([Write::SaveKey(Box::new(old))].into()).await, Err(StoreError::Stale));
    assert_eq!(
        store.commit([Write::Expect { key_id: KEY, version: 1 }].into()).await,
        Err(StoreError::Stale)
    );
    store.commit([Write::Expect { key_id: KEY, version: 2 }].into()).await.unwrap();
    assert_eq!(store.key(&KEY).await.unwrap().unwrap().status, Status::Suspended);
    let revoked = Write::SetStatus { key_id: KEY, from: Status::Suspended, to: Status::Revoked };
    store.commit([revoked].into()).await.unwrap();
    let row = store.key(&KEY).await.unwrap().unwrap();
    assert_eq!((row.share.len(), row.pending, row.version), (0, None, 3));
    assert_eq!(store.commit([Write::Unlock { key_id: KEY }].into()).await, Err(StoreError::Stale));
}

#[tokio::test]
async fn key_ids_and_public_keys_are_unique() {
    let (_folder, store) = fresh().await;
    with_key(&store).await;
    let other = KeyId::from_bytes([3; 16]);
    store.commit([issue(other)].into()).await.unwrap();
    let same_public_key = Write::AddKey(Box::new(key(other, 1)));
    assert_eq!(store.commit([log("no"), same_public_key].into()).await, Err(StoreError::Duplicate));
    assert_eq!(store.commit([Write::AddKey(Box::new(key(KEY, 2)))].into()).await, Err(StoreError::Duplicate));
    let unissued = Write::AddKey(Box::new(key(KeyId::from_bytes([4; 16]), 3)));
    assert_eq!(store.commit([unissued].into()).await, Err(StoreError::Stale));
    let used = |now_ms| Write::UseKeyId { key_id: other, now_ms };
    assert_eq!(store.commit([used(100)].into()).await, Err(StoreError::Stale), "expired");
    store.commit([used(99)].into()).await.unwrap();
    assert_eq!(store.commit([used(99)].into()).await, Err(StoreError::Stale), "used");
    assert_eq!(store.issued(&other).await.unwrap().unwrap().used_ms, Some(99));
    assert_eq!(store.key_counts(&DEVICE, 1).await, Ok((1, 1)));
}

#[tokio::test]
async fn a_code_has_its_uses_and_its_time() {
    let (_folder, store) = fresh().await;
    let code = CodeHash([5; 32]);
    store.commit([Write::AddCode { code, uses: 2, created_ms: 1, expires_ms: 10 }].into()).await.unwrap();
    let take = |now_ms| Write::SpendCode { code, now_ms };
    assert_eq!(store.commit([take(10)].into()).await, Err(StoreError::Stale));
    store.commit([take(9)].into()).await.unwrap();
    store.commit([take(9)].into()).await.unwrap();
    assert_eq!(store.commit([take(9)].into()).await, Err(StoreError::Stale));
}

#[tokio::test]
async fn outcomes_are_kept_for_a_day_and_bounded() {
    let (_folder, store) = fresh().await;
    let outcome = |key: &str, created_ms| {
        Write::Remember(Outcome {
            device: DEVICE,
            key: key.to_owned(),
            fingerprint: [1; 32],
            outcome: "{}".to_owned(),
            created_ms,
        })
    };
    store.commit([outcome("a", 1)].into()).await.unwrap();
    assert_eq!(store.commit([outcome("a", KEPT_MS)].into()).await, Err(StoreError::Duplicate));
    store.commit([outcome("a", KEPT_MS + 1)].into()).await.unwrap();
    let many = (1..MANY).map(|index| outcome(&index.to_string(), KEPT_MS + 1 + index)).collect();
    store.commit(Unit(many)).await.unwrap();
    let early = KEPT_MS + KEPT_IN_ANY_CASE_MS;
    assert_eq!(store.commit([outcome("early", early)].into()).await, Err(StoreError::Busy));
    // Those of the last ten minutes stay, and those before them give way when there are newer ones.
    store.commit([outcome("b", early + 1)].into()).await.unwrap();
    assert_eq!(store.outcome(&DEVICE, "a").await, Ok(None));
    assert!(store.outcome(&DEVICE, "1").await.unwrap().is_some());
    store.commit([outcome("c", early + MANY)].into()).await.unwrap();
    assert_eq!(store.outcome(&DEVICE, "1").await, Ok(None));
    let left = (MANY / 16 + 1).to_string();
    assert_eq!(store.commit([outcome(&left, early + MANY)].into()).await, Err(StoreError::Duplicate));
    // So many at a time, the oldest first.
    store.commit([purge(3 * KEPT_MS)].into()).await.unwrap();
    assert_eq!(store.outcome(&DEVICE, &left).await, Ok(None));
}

#[tokio::test]
async fn purging_drops_what_has_expired_and_nothing_else() {
    let (_folder, store) = fresh().await;
    with_key(&store).await;
    let other = KeyId::from_bytes([3; 16]);
    store.commit([issue(other), spend(1, 1, 1)].into()).await.unwrap();
    store.commit([purge(50)].into()).await.unwrap();
    assert_eq!(store.live_sessions(0).await.unwrap().len(), 1);
    assert!(store.issued(&other).await.unwrap().is_some());
    store.commit([Write::UseKeyId { key_id: KEY, now_ms: 5 }, purge(100)].into()).await.unwrap();
    assert_eq!(store.live_sessions(0).await.unwrap().len(), 0);
    assert!(store.issued(&other).await.unwrap().is_none());
    assert!(store.key(&KEY).await.unwrap().is_some());
}

#[tokio::test]
async fn sessions_go_as_they_come_those_first_that_expired_first() {
    let (_folder, store) = fresh().await;
    with_key(&store).await;
    let signed = |sid, until_ms, at_ms| {
        let sid = SessionId::from_bytes([sid; 16]);
        let spend =
            Spend { key_id: KEY, version: 1, sid, new: false, fp: [1; 32], until_ms, decrypts: 0, quota: 5 };
        store.commit([Write::Spend(spend), Write::Log(Event::administration(at_ms, Act::CODE, ""))].into())
    };
    let left = async || {
        let sessions = store.live_sessions(0).await.unwrap();
        let mut left: Vec<_> = sessions.iter().map(|session| session.until_ms).collect();
        left.sort_unstable();
        left
    };
    for sid in 0..6 {
        signed(sid, 10 + u64::from(sid), 1).await.unwrap();
    }
    assert_eq!(left().await, [10, 11, 12, 13, 14, 15]);
    signed(7, 100, 14).await.unwrap();
    assert_eq!(left().await, [12, 13, 14, 15, 100]);
    signed(8, 101, 14).await.unwrap();
    assert_eq!(left().await, [14, 15, 100, 101]);
    signed(9, 102, 14).await.unwrap();
    assert_eq!(left().await, [14, 15, 100, 101, 102], "what lives stays");
}

#[tokio::test]
async fn an_unbound_commit_still_happens() {
    let (_folder, store) = fresh().await;
    // The one who asked goes away: the unit is in the queue and is committed all the same.
    let commit = store.commit([log("asked")].into());
    assert!(futures_util::FutureExt::now_or_never(commit).is_none());
    store.commit(Unit::default()).await.unwrap();
    assert_eq!(audit_notes(&store).await, ["asked"]);
}

#[tokio::test]
async fn rows_from_before_there_was_a_choice_have_suite_d() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::migrate!("migrations/sqlite").run_to(1, &mut connection).await.unwrap();
    let (device, key_id) = (DEVICE.as_bytes().to_vec(), KEY.as_bytes().to_vec());
    for insert in [
        "INSERT INTO devices (device_id, name, enrolled_ms) VALUES (?1, 'phone', length(?2))",
        "INSERT INTO key_ids (device_id, key_id, purpose, label, issued_ms, expires_ms) \
         VALUES (?1, ?2, 1, 'key', 1, 100)",
        "INSERT INTO keys (device_id, key_id, purpose, status, epoch, rid, public_key, created_ms, share) \
         VALUES (?1, ?2, 1, 'revoked', 1, zeroblob(16), zeroblob(64), 1, x'')",
    ] {
        sqlx::query(insert).bind(&device).bind(&key_id).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let store = migrated(&path).await;
    assert_eq!(store.key(&KEY).await.unwrap().unwrap().suite, Suite::D);
    assert_eq!(store.issued(&KEY).await.unwrap().unwrap().suite, Suite::D);
}

#[tokio::test]
async fn a_suite_is_kept_from_its_issue_on() {
    let (_folder, store) = fresh().await;
    let Write::IssueKey(issued) = issue(KEY) else { panic!("not an issue") };
    let issued = IssuedKey { suite: Suite::F2, ..issued };
    let row = StoredKey { suite: Suite::F2, ..key(KEY, 1) };
    store.bind_master_key(b"aaaa").await.unwrap();
    store.commit([wrapping_key(1)].into()).await.unwrap();
    store.commit([device(), Write::IssueKey(issued), Write::AddKey(Box::new(row))].into()).await.unwrap();
    assert_eq!(store.key(&KEY).await.unwrap().unwrap().suite, Suite::F2);
    assert_eq!(store.issued(&KEY).await.unwrap().unwrap().suite, Suite::F2);
}

#[tokio::test]
async fn requests_that_came_to_nothing_go_after_their_time_and_others_stay() {
    use crate::store::query::query;
    let (_folder, store) = fresh().await;
    let authority = "INSERT INTO authorities (authority, label, chain, options, created_ms) VALUES ('a', 'a', $1, '{}', 1)";
    query(authority).bind(&[0][..]).execute(store.readers()).await.unwrap();
    for (id, state, created_ms) in
        [(1, "closed", 1000), (2, "closed", 1001), (3, "review", 1), (4, "closed", 1)]
    {
        let request = "INSERT INTO certificate_requests (request, authority, kind, csr, profile, dual, state, decisions, \
                       created_ms) VALUES ($1, 'a', 'new', $2, 'personal', $3, $4, '[]', $5)";
        let request = query(request)
            .bind(&[id; 16][..])
            .bind(&[0][..])
            .bind(false)
            .bind(state)
            .bind(i64::from(created_ms));
        request.execute(store.readers()).await.unwrap();
    }
    // The last one led to a certificate.
    let certificate = "INSERT INTO certificates (authority, serial, role, state, subject, public_key, request, \
                       not_before_ms, not_after_ms, issued_ms, der) VALUES ('a', $1, 'sign', 'expired', $1, $2, $3, 1, 2, 1, $1)";
    let certificate = query(certificate).bind(&[1][..]).bind(&[0; 64][..]).bind(&[4; 16][..]);
    certificate.execute(store.readers()).await.unwrap();
    store.commit([purge(2000)].into()).await.unwrap();
    let left = query("SELECT request FROM certificate_requests ORDER BY request")
        .all(store.readers())
        .await
        .unwrap();
    let left: Vec<Vec<u8>> = left.iter().map(|row| row.get(0).unwrap()).collect();
    assert_eq!(left, [[2; 16], [3; 16], [4; 16]]);
}
