//! Authorise, spend, audit, commit, then answer: what happens when the commit does not.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use cosign_core::{
    Code, DeviceId, KeyId, Progress, Purpose,
    audit::{Frontier, Hash, Node},
};
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::{
    domain::{
        audit::{Entry, SealedAuditKey, SignedTreeHead},
        ca::AuthorityKey,
        device::Device,
        key::{IssuedKey, StoredKey, WrappedKey},
        once::Outcome,
        opening::OpeningKey,
        page::Page,
        ports::{LiveSession, RecordsOfKey, Store, StoreError, Unit, Write},
    },
    testing::{Phone, WRONG_PIN, World, digest, records, row, status},
};

/// Storage whose commits of private-key operations can be held back or made to fail.
pub(super) struct Obstinate {
    inner: Arc<dyn Store>,
    pub(super) fails: AtomicBool,
    commits_left: AtomicUsize,
    pub(super) gate: Semaphore,
    /// What becomes of the next commits, one after the other; those behind are committed.
    pub(super) fates: Mutex<VecDeque<Fate>>,
    /// Commits of operations that happened.
    pub(super) committed: AtomicUsize,
}

/// What becomes of a commit.
pub(super) enum Fate {
    Happens,
    /// It does not happen.
    Fails,
    /// It happens, and the connection breaks before anybody hears of it.
    IsNotHeardOf,
    /// It tells that it was asked for, and happens when it is told to.
    Waits(oneshot::Sender<()>, oneshot::Receiver<()>),
}

impl Obstinate {
    pub(super) fn around(inner: Arc<dyn Store>) -> Arc<Self> {
        let (fails, commits_left) = (AtomicBool::new(false), AtomicUsize::new(usize::MAX));
        let (fates, committed) = (Mutex::default(), AtomicUsize::new(0));
        Arc::new(Self { inner, fails, commits_left, gate: Semaphore::new(1_000_000), fates, committed })
    }

    /// The commit of an operation.
    async fn commit_operation(&self, unit: Unit) -> Result<(), StoreError> {
        let fate = self.fates.lock().unwrap().pop_front();
        let heard_of = match fate {
            Some(Fate::Fails) => return Err(StoreError::Unavailable),
            Some(Fate::IsNotHeardOf) => false,
            Some(Fate::Waits(asked_for, go_on)) => {
                asked_for.send(()).unwrap();
                go_on.await.unwrap();
                true
            }
            Some(Fate::Happens) | None => true,
        };
        self.inner.commit(unit).await?;
        self.committed.fetch_add(1, Ordering::SeqCst);
        if heard_of { Ok(()) } else { Err(StoreError::Unavailable) }
    }

    /// Commits so many units, and no more.
    pub(super) fn stop_after(&self, commits: usize) {
        self.commits_left.store(commits, Ordering::SeqCst);
    }
}

fn is_operation(unit: &Unit) -> bool {
    unit.0.iter().any(|write| matches!(write, Write::Spend(_) | Write::SaveKey(_) | Write::Log(_)))
}

impl Store for Obstinate {
    fn commit(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if is_operation(&unit) {
                self.gate.acquire().await.unwrap().forget();
                if self.fails.load(Ordering::SeqCst) {
                    return Err(StoreError::Unavailable);
                }
            }
            let left = |left: usize| left.checked_sub(1);
            if self.commits_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_err() {
                return Err(StoreError::Unavailable);
            }
            if is_operation(&unit) {
                self.commit_operation(unit).await
            } else {
                self.inner.commit(unit).await
            }
        })
    }

    fn has_expired(&self, now_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.inner.has_expired(now_ms)
    }

    fn key<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<StoredKey>, StoreError>> {
        self.inner.key(key_id)
    }

    fn key_version<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<i64>, StoreError>> {
        self.inner.key_version(key_id)
    }

    fn keys<'a>(
        &'a self,
        device: Option<&'a DeviceId>,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<StoredKey>, StoreError>> {
        self.inner.keys(device, page)
    }

    fn shares<'a>(&'a self, public_key: &'a [u8; 64]) -> BoxFuture<'a, Result<Vec<StoredKey>, StoreError>> {
        self.inner.shares(public_key)
    }

    fn issued<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<IssuedKey>, StoreError>> {
        self.inner.issued(key_id)
    }

    fn key_counts<'a>(
        &'a self,
        device: &'a DeviceId,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>> {
        self.inner.key_counts(device, now_ms)
    }

    fn device<'a>(&'a self, device: &'a DeviceId) -> BoxFuture<'a, Result<Option<Device>, StoreError>> {
        self.inner.device(device)
    }

    fn outcome<'a>(
        &'a self,
        device: &'a DeviceId,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Outcome>, StoreError>> {
        self.inner.outcome(device, key)
    }

    fn wrapping_keys(&self) -> BoxFuture<'_, Result<Vec<WrappedKey>, StoreError>> {
        self.inner.wrapping_keys()
    }

    fn sealed_before(
        &self,
        version: u32,
        after: Option<KeyId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredKey>, StoreError>> {
        self.inner.sealed_before(version, after, limit)
    }

    fn live_sessions(&self, now_ms: u64) -> BoxFuture<'_, Result<Vec<LiveSession>, StoreError>> {
        self.inner.live_sessions(now_ms)
    }

    fn audit(&self, after: u64, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.inner.audit(after, limit)
    }

    fn audit_of_key<'a>(&'a self, wanted: &'a RecordsOfKey) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        self.inner.audit_of_key(wanted)
    }

    fn audit_tree(&self) -> BoxFuture<'_, Result<Frontier, StoreError>> {
        self.inner.audit_tree()
    }

    fn audit_nodes(&self, nodes: Vec<Node>) -> BoxFuture<'_, Result<HashMap<Node, Hash>, StoreError>> {
        self.inner.audit_nodes(nodes)
    }

    fn audit_growth(&self) -> watch::Receiver<u64> {
        self.inner.audit_growth()
    }

    fn tree_head(&self, size: Option<u64>) -> BoxFuture<'_, Result<Option<SignedTreeHead>, StoreError>> {
        self.inner.tree_head(size)
    }

    fn tree_heads(&self, skip: u64, limit: u32) -> BoxFuture<'_, Result<Vec<SignedTreeHead>, StoreError>> {
        self.inner.tree_heads(skip, limit)
    }

    fn opening_keys(&self) -> BoxFuture<'_, Result<Vec<OpeningKey>, StoreError>> {
        self.inner.opening_keys()
    }

    fn authority_keys(&self) -> BoxFuture<'_, Result<Vec<AuthorityKey>, StoreError>> {
        self.inner.authority_keys()
    }

    fn personal_key(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.inner.personal_key()
    }

    fn audit_key(&self) -> BoxFuture<'_, Result<Option<SealedAuditKey>, StoreError>> {
        self.inner.audit_key()
    }
}

pub(super) async fn obstinate() -> (World, Arc<Obstinate>) {
    let mut made = None;
    let world = World::with_store(|inner| {
        let store = Obstinate::around(inner);
        made = Some(Arc::clone(&store));
        store
    })
    .await;
    (world, made.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_signature_leaves_before_its_commit() {
    let (world, store) = obstinate().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let (frame, awaiting) = phone.start(&world, &key, &[digest(1)]);
    let held = store.gate.acquire_many(u32::try_from(store.gate.available_permits()).unwrap()).await.unwrap();
    let answer = phone.ask(&world, &frame);
    tokio::pin!(answer);
    let waited = tokio::time::timeout(std::time::Duration::from_millis(300), answer.as_mut()).await;
    assert!(waited.is_err(), "the answer left before its commit");
    drop(held);
    assert!(matches!(awaiting.finish(&answer.await), Ok(Progress::Done(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_commit_is_refused_and_leaves_nothing_behind() {
    let (world, store) = obstinate().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let guess = phone.unlock(&record, WRONG_PIN);
    let head = world.database.audit_tree().await.unwrap();

    store.fails.store(true, Ordering::SeqCst);
    let (frame, _) = phone.start(&world, &key, &[digest(1)]);
    assert_eq!(status(&phone.ask(&world, &frame).await), Some(Code::Internal));
    // A wrong PIN that cannot be counted is not judged either.
    let (wrong, _) = phone.start(&world, &guess, &[digest(2)]);
    assert_eq!(status(&phone.ask(&world, &wrong).await), Some(Code::Internal));
    assert_eq!(world.database.audit_tree().await.unwrap(), head);
    assert!(world.database.live_sessions(0).await.unwrap().len() <= 1, "only the activation's session");

    store.fails.store(false, Ordering::SeqCst);
    assert_eq!(row(&world, &record.key_id()).await.gate.fails, 0);
    // The identical frame is not taken for one in progress, and is computed now.
    assert_eq!(status(&phone.ask(&world, &frame).await), None);
    assert_eq!(status(&phone.ask(&world, &wrong).await), Some(Code::Pin));
    assert_eq!(row(&world, &record.key_id()).await.gate.fails, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_signature_is_in_the_log_and_no_secret_is_on_disk() {
    let world = World::on_file().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (_, key) = phone.key(&world, Purpose::Sign).await;
    let digests: Vec<_> = (1..=5).map(digest).collect();
    let (frame, awaiting) = phone.start(&world, &key, &digests);
    let answer = phone.ask(&world, &frame).await;
    let Progress::Done(signed) = awaiting.finish(&answer).unwrap() else { panic!("busy") };

    let records = records(&world).await;
    let logged = &records.iter().find(|record| record.event.count == 5).unwrap().event.items;
    for ((item, digest), signature) in logged.iter().zip(&digests).zip(&signed.signatures) {
        assert_eq!(&item.digest, digest.as_bytes());
        assert_eq!(item.r, signature.r().to_bytes());
    }
    world.operator.verify_audit(None).await.unwrap().unwrap();

    // Neither the tag nor any second half of an answer is anywhere in the files.
    let folder = world.folder.path().to_owned();
    world.signer.drain().await;
    let files: Vec<u8> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    let holds = |needle: &[u8]| files.windows(needle.len()).any(|window| window == needle);
    assert!(holds(&logged[0].r), "the search does not find what is there");
    assert!(!holds(&frame[48..80]), "the tag was stored");
    for item in answer[22..].chunks(96) {
        assert!(!holds(&item[64..]), "s2 was stored");
    }
}

async fn tamper(world: &World, statement: &'static str, key_id: &KeyId) {
    use sqlx::Connection as _;
    let url = format!("sqlite://{}", world.file().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::query(statement).bind(key_id.as_bytes().to_vec()).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_was_changed_behind_the_servers_back_is_not_used() {
    let world = World::on_file().await;
    let phone = Phone::enrolled(&world, 1).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let (other, _) = phone.key(&world, Purpose::Sign).await;
    let key_id = record.key_id();
    assert_ne!(other.key_id(), key_id);
    for (what, change, undo) in [
        ("epoch", "UPDATE keys SET epoch = 2 WHERE key_id = ?", "UPDATE keys SET epoch = 1 WHERE key_id = ?"),
        (
            "purpose",
            "UPDATE keys SET purpose = 2 WHERE key_id = ?",
            "UPDATE keys SET purpose = 1 WHERE key_id = ?",
        ),
        ("suite", "UPDATE keys SET suite = 2 WHERE key_id = ?", "UPDATE keys SET suite = 1 WHERE key_id = ?"),
        (
            "PIN mode",
            "UPDATE keys SET mode = 'oblivious' WHERE key_id = ?",
            "UPDATE keys SET mode = 'base' WHERE key_id = ?",
        ),
        (
            "another key's share",
            "UPDATE keys SET pending_sign = pending_sign, share = \
             (SELECT share FROM keys k WHERE k.key_id <> keys.key_id) WHERE key_id = ?",
            "SELECT 1",
        ),
    ] {
        tamper(&world, change, &key_id).await;
        // Out of memory, so that the row is read.
        world.clock.advance(60_000);
        world.signer.maintain().await;
        let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(1)]).0).await;
        assert_eq!(status(&answer), Some(Code::Internal), "{what}");
        if undo.starts_with("UPDATE") {
            tamper(&world, undo, &key_id).await;
            assert!(phone.sign(&world, &key, digest(1)).await.is_ok(), "{what} undone");
        }
    }
}
