//! Opening the database, and the `Store` port on top of it.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cosign_core::{
    DeviceId, KeyId,
    audit::{Frontier, Hash, Node},
};
use futures_util::future::BoxFuture;
use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use thiserror::Error;
use tokio::sync::watch;

use super::{read, registry, tombstones::Tombstones, writer::Writer};
use crate::{
    domain::{
        audit::{Act, Entry, Event, SealedAuditKey, SignedTreeHead},
        ca::AuthorityKey,
        device::Device,
        key::{IssuedKey, Status, StoredKey, WrappedKey},
        once::Outcome,
        opening::OpeningKey,
        ports::{LiveSession, RecordsOfKey, Store, StoreError, Unit, Write},
    },
    telemetry::Telemetry,
};

const READERS: u32 = 4;
/// `PRAGMA synchronous` as SQLite reports FULL.
const FULL: i64 = 2;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether opening may make a new database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Make it if it is not there.
    Create,
    /// It must be there.
    Existing,
}

/// Why the database cannot be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It cannot be opened or read.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] sqlx::Error),
    /// Its tables cannot be brought to this version.
    #[error("the database cannot be brought to this version: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// There is none.
    #[error("{0} does not exist; `cosign-server init --data DIR` makes a data folder with a database")]
    Missing(PathBuf),
    /// The file system does not do what commits rely on.
    #[error(
        "{0}: the file system does not allow a write-ahead log with full synchronisation; use a local disk"
    )]
    NotDurable(PathBuf),
    /// The file of tombstones cannot be used.
    #[error(
        "{path}: {error}; bring it back, because without it a restored backup brings revoked keys back (if it is lost \
         for good, make an empty one: those that the database knows are put on record again)"
    )]
    Tombstones {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A revocation in it could not be applied.
    #[error("a revocation that is on record could not be applied to the database: {0:?}")]
    Revocation(StoreError),
    /// It cannot be copied.
    #[error("{path}: {error}")]
    Copy {
        /// To where.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is not whole.
    #[error("the database is damaged: {0}; restore a backup")]
    Damaged(String),
    /// It belongs to another master key.
    #[error(
        "the database belongs to another master key (it names {stored}, the configuration gives {given})"
    )]
    OtherMasterKey {
        /// Name of the key that the database was made with.
        stored: String,
        /// Name of the key that was given.
        given: String,
    },
}

/// The database: write-ahead log, full synchronisation, foreign keys, deleted bytes overwritten.
pub struct SqliteStore {
    readers: SqlitePool,
    writer: Writer,
    tombstones: Arc<Tombstones>,
}

impl SqliteStore {
    /// Opens the database file, brings its tables to this version, starts its writer, and applies the revocations on
    /// record in the file `tombstones` to it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        path: &Path,
        tombstones: &Path,
        access: Access,
        telemetry: Arc<Telemetry>,
    ) -> Result<Self, OpenError> {
        if access == Access::Existing && !path.exists() {
            return Err(OpenError::Missing(path.to_owned()));
        }
        if access == Access::Create {
            // For its owner only; SQLite gives the files beside it the same mode.
            let made = File::options().append(true).create(true).mode(0o600).open(path);
            made.map_err(sqlx::Error::Io)?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("secure_delete", "ON")
            // Journals of savepoints hold pages as they were before, destroyed shares among them: not on the disk.
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", "4000");
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await?;
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await?;
        if mode != "wal" || synchronous != FULL {
            return Err(OpenError::NotDurable(path.to_owned()));
        }
        sqlx::migrate!().run(&mut connection).await?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await?;
        let on_record = open_tombstones(&mut connection, tombstones).await?;
        let on_record = Arc::new(on_record);
        let writer = Writer::start(connection, Arc::clone(&on_record), telemetry);
        let store = Self { readers, writer, tombstones: on_record };
        let revoked = store.revoke_again().await.map_err(OpenError::Revocation)?;
        // Those that are not on record: the file is new, or the key was never activated in time.
        let revoked: Vec<_> = revoked.into_iter().map(|key_id| (key_id, 0)).collect();
        let appended = store.tombstones.append(&revoked);
        appended.map_err(|error| OpenError::Tombstones { path: tombstones.to_owned(), error })?;
        Ok(store)
    }

    /// Revokes what the database takes for usable although its revocation is on record: it is a restored backup.
    /// Returns what was revoked before.
    async fn revoke_again(&self) -> Result<HashSet<KeyId>, StoreError> {
        let revoked: HashSet<_> = read::revoked(&self.readers).await?.into_iter().collect();
        for (key_id, at_ms) in self.tombstones.all() {
            if revoked.contains(&key_id) {
                continue;
            }
            // The backup may be older than the key.
            let Some(key) = read::key(&self.readers, &key_id).await? else { continue };
            tracing::warn!(%key_id, "the database is older than the revocation of this key; revoked again");
            let set = Write::SetStatus { key_id, from: key.status, to: Status::Revoked };
            let event = Event::administration(at_ms, Act::REVOKE, "on record as revoked");
            let event = Event { epoch: key.epoch, ..event.about(key_id, None) };
            match self.writer.commit([set, Write::Log(event)].into()).await {
                // Another process does the same.
                Ok(()) | Err(StoreError::Stale) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(revoked)
    }

    /// A key; without its secrets if its revocation is on record, whatever the row says.
    async fn live_key(&self, key_id: &KeyId) -> Result<Option<StoredKey>, StoreError> {
        let Some(mut key) = read::key(&self.readers, key_id).await? else { return Ok(None) };
        if key.status != Status::Revoked {
            let revoked = self.tombstones.revoked_ms(key_id).map_err(|error| {
                tracing::error!(%error, "the revocations on record cannot be read");
                StoreError::Unavailable
            })?;
            if revoked.is_some() {
                tracing::error!(%key_id, "the database takes a key for usable whose revocation is on record");
                key = StoredKey { status: Status::Revoked, share: Vec::new(), pending: None, ..key };
            }
        }
        Ok(Some(key))
    }

    /// Ties the database to a master key by its name, or checks that it is tied to this one.
    ///
    /// # Errors
    /// [`OpenError::OtherMasterKey`]; database faults.
    pub async fn bind_master_key(&self, name: &[u8; 4]) -> Result<(), OpenError> {
        sqlx::query("INSERT INTO meta (name, value) VALUES ('master_key', ?) ON CONFLICT DO NOTHING")
            .bind(&name[..])
            .execute(&self.readers)
            .await?;
        let stored: Vec<u8> = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'master_key'")
            .fetch_one(&self.readers)
            .await?;
        if stored == name {
            return Ok(());
        }
        Err(OpenError::OtherMasterKey { stored: hex::encode(stored), given: hex::encode(name) })
    }

    pub(super) const fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Stops taking units, commits those that wait, closes the file. Later commits fail.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// A database that has had a file of tombstones is not opened without it: its disk may just not be there.
async fn open_tombstones(connection: &mut SqliteConnection, path: &Path) -> Result<Tombstones, OpenError> {
    let failed = |error| OpenError::Tombstones { path: path.to_owned(), error };
    let had: Option<i64> = sqlx::query_scalar("SELECT 1 FROM meta WHERE name = 'tombstones'")
        .fetch_optional(&mut *connection)
        .await?;
    if had.is_some() && !path.exists() {
        return Err(failed(std::io::ErrorKind::NotFound.into()));
    }
    let tombstones = Tombstones::open(path).map_err(failed)?;
    sqlx::query("INSERT INTO meta (name, value) VALUES ('tombstones', x'') ON CONFLICT DO NOTHING")
        .execute(connection)
        .await?;
    Ok(tombstones)
}

impl Store for SqliteStore {
    fn commit(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.writer.commit(unit))
    }

    fn key<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<StoredKey>, StoreError>> {
        Box::pin(self.live_key(key_id))
    }

    fn key_version<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<i64>, StoreError>> {
        Box::pin(read::key_version(&self.readers, key_id))
    }

    fn keys<'a>(
        &'a self,
        device: Option<&'a DeviceId>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<StoredKey>, StoreError>> {
        Box::pin(read::keys(&self.readers, device, limit))
    }

    fn shares<'a>(&'a self, public_key: &'a [u8; 64]) -> BoxFuture<'a, Result<Vec<StoredKey>, StoreError>> {
        Box::pin(read::shares(&self.readers, public_key))
    }

    fn issued<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<IssuedKey>, StoreError>> {
        Box::pin(read::issued(&self.readers, key_id))
    }

    fn key_counts<'a>(
        &'a self,
        device: &'a DeviceId,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>> {
        Box::pin(read::key_counts(&self.readers, device, now_ms))
    }

    fn device<'a>(&'a self, device: &'a DeviceId) -> BoxFuture<'a, Result<Option<Device>, StoreError>> {
        Box::pin(read::device(&self.readers, device))
    }

    fn outcome<'a>(
        &'a self,
        device: &'a DeviceId,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Outcome>, StoreError>> {
        Box::pin(read::outcome(&self.readers, device, key))
    }

    fn wrapping_keys(&self) -> BoxFuture<'_, Result<Vec<WrappedKey>, StoreError>> {
        Box::pin(read::wrapping_keys(&self.readers))
    }

    fn sealed_before(
        &self,
        version: u32,
        after: Option<KeyId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredKey>, StoreError>> {
        Box::pin(read::sealed_before(&self.readers, version, after, limit))
    }

    fn live_sessions(&self, now_ms: u64) -> BoxFuture<'_, Result<Vec<LiveSession>, StoreError>> {
        Box::pin(read::live_sessions(&self.readers, now_ms))
    }

    fn audit(&self, after: u64, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(read::audit(&self.readers, after, limit))
    }

    fn audit_of_key<'a>(&'a self, wanted: &'a RecordsOfKey) -> BoxFuture<'a, Result<Vec<Entry>, StoreError>> {
        Box::pin(read::audit_of_key(&self.readers, wanted))
    }

    fn audit_tree(&self) -> BoxFuture<'_, Result<Frontier, StoreError>> {
        Box::pin(read::audit_tree(&self.readers))
    }

    fn audit_nodes(&self, nodes: Vec<Node>) -> BoxFuture<'_, Result<HashMap<Node, Hash>, StoreError>> {
        Box::pin(async move { read::audit_nodes(&self.readers, &nodes).await })
    }

    fn audit_growth(&self) -> watch::Receiver<u64> {
        self.writer.audit_growth()
    }

    fn tree_head(&self, size: Option<u64>) -> BoxFuture<'_, Result<Option<SignedTreeHead>, StoreError>> {
        Box::pin(read::tree_head(&self.readers, size))
    }

    fn tree_heads(&self, skip: u64, limit: u32) -> BoxFuture<'_, Result<Vec<SignedTreeHead>, StoreError>> {
        Box::pin(read::tree_heads(&self.readers, skip, limit))
    }

    fn opening_keys(&self) -> BoxFuture<'_, Result<Vec<OpeningKey>, StoreError>> {
        Box::pin(read::opening_keys(&self.readers))
    }

    fn authority_keys(&self) -> BoxFuture<'_, Result<Vec<AuthorityKey>, StoreError>> {
        Box::pin(registry::read::authority_keys(&self.readers))
    }

    fn audit_key(&self) -> BoxFuture<'_, Result<Option<SealedAuditKey>, StoreError>> {
        Box::pin(read::audit_key(&self.readers))
    }
}
