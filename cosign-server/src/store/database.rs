//! The `Store` port on a database.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::Arc,
};

use cosign_core::{
    DeviceId, KeyId,
    audit::{Frontier, Hash, Node},
};
use futures_util::future::BoxFuture;
use sqlx::migrate::Migration;
use tokio::sync::watch;

use super::{
    error::{Access, OpenError},
    migrations, office, postgres,
    query::{Pool, query},
    read, registry,
    source::Source,
    sqlite,
    tombstones::Tombstones,
    writer::Writer,
};
use crate::{
    domain::{
        audit::{Act, Entry, Event, SealedAuditKey, SignedTreeHead},
        ca::AuthorityKey,
        device::Device,
        key::{IssuedKey, Status, StoredKey, WrappedKey},
        once::Outcome,
        opening::OpeningKey,
        page::Page,
        ports::{LiveSession, RecordsOfKey, Store, StoreError, Unit, Write},
    },
    telemetry::Telemetry,
};

/// The database: one writer that commits in groups, and connections that read.
pub struct Database {
    readers: Pool,
    writer: Writer,
    tombstones: Arc<Tombstones>,
}

impl Database {
    /// Opens the database, brings its tables to this version, starts its writer, and applies the revocations on record in the
    /// file `tombstones` to it.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        source: &Source,
        tombstones: &Path,
        access: Access,
        telemetry: Arc<Telemetry>,
    ) -> Result<Self, OpenError> {
        Self::open_with(source, tombstones, access, telemetry, migrations::known(source)).await
    }

    /// The same for a program that knows these migrations.
    pub(super) async fn open_with(
        source: &Source,
        tombstones: &Path,
        access: Access,
        telemetry: Arc<Telemetry>,
        known: &[Migration],
    ) -> Result<Self, OpenError> {
        let (link, readers) = match source {
            Source::File(path) => sqlite::open(path, access, known).await?,
            Source::Server(url) => postgres::open(url, access, known).await?,
        };
        let on_record = open_tombstones(&readers, tombstones).await?;
        let on_record = Arc::new(on_record);
        let writer = Writer::start(link, Arc::clone(&on_record), telemetry);
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
        query("INSERT INTO meta (name, value) VALUES ('master_key', $1) ON CONFLICT DO NOTHING")
            .bind(&name[..])
            .execute(&self.readers)
            .await?;
        let stored = query("SELECT value FROM meta WHERE name = 'master_key'").one(&self.readers).await?;
        let stored: Vec<u8> = stored.get(0)?;
        if stored == name {
            return Ok(());
        }
        Err(OpenError::OtherMasterKey { stored: hex::encode(stored), given: hex::encode(name) })
    }

    /// Follows the number of the newest event of this process.
    pub(super) fn event_watch(&self) -> watch::Receiver<u64> {
        self.writer.event_growth()
    }

    pub(super) const fn readers(&self) -> &Pool {
        &self.readers
    }

    /// Stops taking units, commits those that wait, closes the file. Later commits fail.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// A database that has had a file of tombstones is not opened without it: its disk may just not be there. Each node on a
/// database server has a file of its own, and a new one begins with what the database says.
async fn open_tombstones(pool: &Pool, path: &Path) -> Result<Tombstones, OpenError> {
    let failed = |error| OpenError::Tombstones { path: path.to_owned(), error };
    let had = query("SELECT name FROM meta WHERE name = 'tombstones'").optional(pool).await?;
    if had.is_some() && matches!(pool, Pool::Sqlite(_)) && !path.exists() {
        return Err(failed(std::io::ErrorKind::NotFound.into()));
    }
    let tombstones = Tombstones::open(path).map_err(failed)?;
    query("INSERT INTO meta (name, value) VALUES ('tombstones', $1) ON CONFLICT DO NOTHING")
        .bind(&[][..])
        .execute(pool)
        .await?;
    Ok(tombstones)
}

impl Store for Database {
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
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<StoredKey>, StoreError>> {
        Box::pin(read::keys(&self.readers, device, page))
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

    fn has_expired(&self, now_ms: u64) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(read::has_expired(&self.readers, now_ms))
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

    fn personal_key(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(office::personal_key(&self.readers))
    }

    fn audit_key(&self) -> BoxFuture<'_, Result<Option<SealedAuditKey>, StoreError>> {
        Box::pin(read::audit_key(&self.readers))
    }
}
