//! Opening the database, and the `Store` port on top of it.

use std::{
    collections::HashMap,
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

use super::{read, writer::Writer};
use crate::{
    domain::{
        audit::{Entry, SealedAuditKey, SignedTreeHead},
        device::Device,
        key::{IssuedKey, StoredKey},
        once::Outcome,
        ports::{LiveSession, RecordsOfKey, Store, StoreError, Unit},
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
    /// It was sealed under another master key.
    #[error("the database belongs to another master key (it names {stored}, the file holds {given})")]
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
}

impl SqliteStore {
    /// Opens the database file, brings its tables to this version and starts its writer.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(path: &Path, access: Access, telemetry: Arc<Telemetry>) -> Result<Self, OpenError> {
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
            .pragma("wal_autocheckpoint", "4000");
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await?;
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut connection).await?;
        if mode != "wal" || synchronous != FULL {
            return Err(OpenError::NotDurable(path.to_owned()));
        }
        sqlx::migrate!().run(&mut connection).await?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await?;
        Ok(Self { readers, writer: Writer::start(connection, telemetry) })
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

    /// Stops taking units, commits those that wait, closes the file. Later commits fail.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

impl Store for SqliteStore {
    fn commit(&self, unit: Unit) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.writer.commit(unit))
    }

    fn key<'a>(&'a self, key_id: &'a KeyId) -> BoxFuture<'a, Result<Option<StoredKey>, StoreError>> {
        Box::pin(read::key(&self.readers, key_id))
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

    fn audit_key(&self) -> BoxFuture<'_, Result<Option<SealedAuditKey>, StoreError>> {
        Box::pin(read::audit_key(&self.readers))
    }
}
