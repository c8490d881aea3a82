//! The wrapping keys of a database: made, followed, rotated, and wrapped under another master key.
//!
//! At every moment each record names a wrapping key that the database holds: the database refuses records and deletions
//! that would break it. So a rotation may stop anywhere, and other processes may serve meanwhile.

mod check;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use cosign_core::KeyId;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    master::MasterKey,
    seal::{Place, SealError, WrappingKey, WrappingKeys},
    vault::{active, pending_of},
};
use crate::domain::{
    Error as DomainError,
    ca::ports::RegistryWrite,
    key::{Resealed, StoredKey, WrappedKey},
    office::ports::OfficeWrite,
    ports::{Clock, Entropy, Store, StoreError, Unit, Write},
};

/// Records sealed again at a time.
const BATCH: u32 = 256;

/// Why wrapping keys cannot be used or changed.
#[derive(Debug, Error)]
pub enum SealerError {
    /// One does not open.
    #[error("wrapping key {version}: {error}")]
    Seal {
        /// Its version.
        version: u32,
        /// Why.
        error: SealError,
    },
    /// A record does not open.
    #[error("{what} does not open: {error}")]
    Record {
        /// Which.
        what: String,
        /// Why.
        error: SealError,
    },
    /// Another process changed them meanwhile.
    #[error("another process changed the wrapping keys or the master key meanwhile; try again")]
    Changed,
    /// Storage, or randomness.
    #[error("{0}")]
    Domain(#[from] DomainError),
}

impl From<StoreError> for SealerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale | StoreError::Duplicate => Self::Changed,
            error => Self::Domain(error.into()),
        }
    }
}

/// The wrapping keys of a database, and the master key that wraps them.
pub struct Sealer {
    master: Box<dyn MasterKey>,
    keys: WrappingKeys,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// The last key that the background pass looked at.
    cursor: Mutex<Option<KeyId>>,
}

impl Sealer {
    /// Unwraps the wrapping keys; makes the first if there is none. The database must be bound to the master key.
    ///
    /// # Errors
    /// [`SealerError`].
    pub async fn open(
        master: Box<dyn MasterKey>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, SealerError> {
        let keys = WrappingKeys::new(BTreeMap::new());
        let sealer = Self { master, keys, store, clock, entropy, cursor: Mutex::default() };
        if sealer.store.wrapping_keys().await?.is_empty() {
            match sealer.add(1).await {
                Ok(()) | Err(SealerError::Changed) => {}
                Err(error) => return Err(error),
            }
        }
        sealer.catch_up().await?;
        Ok(sealer)
    }

    /// The wrapping keys.
    #[must_use]
    pub const fn keys(&self) -> &WrappingKeys {
        &self.keys
    }

    async fn add(&self, version: u32) -> Result<(), SealerError> {
        let mut key = Zeroizing::new([0; 32]);
        self.entropy.fill(key.as_mut())?;
        let wrapped = self
            .master
            .wrap_key(version, &key, &*self.entropy)
            .map_err(|error| SealerError::Seal { version, error })?;
        let key = WrappedKey { version, wrapped, created_ms: self.clock.now_ms() };
        Ok(self.store.commit([Write::AddWrappingKey { master: self.master.name(), key }].into()).await?)
    }

    fn unwrapped(&self, stored: &[WrappedKey]) -> Result<BTreeMap<u32, WrappingKey>, SealerError> {
        let unwrap = |key: &WrappedKey| {
            let opened = self.master.unwrap_key(key.version, &key.wrapped);
            let opened = opened.map_err(|error| SealerError::Seal { version: key.version, error })?;
            Ok((key.version, Box::new(opened)))
        };
        stored.iter().map(unwrap).collect()
    }

    /// Takes over wrapping keys that another process made or dropped. Whether there were any.
    ///
    /// # Errors
    /// [`SealerError`]; the keys are as they were.
    pub async fn catch_up(&self) -> Result<bool, SealerError> {
        let stored = self.store.wrapping_keys().await?;
        if stored.iter().map(|key| key.version).eq(self.keys.versions()) {
            return Ok(false);
        }
        self.keys.set(self.unwrapped(&stored)?);
        Ok(true)
    }

    /// Makes a new wrapping key. Records are sealed under it from now on.
    ///
    /// # Errors
    /// [`SealerError`].
    pub async fn rotate(&self) -> Result<u32, SealerError> {
        self.catch_up().await?;
        let version =
            self.keys.newest().and_then(|newest| newest.checked_add(1)).ok_or(SealerError::Changed)?;
        self.add(version).await?;
        self.catch_up().await?;
        Ok(version)
    }

    /// Seals the next records under the newest wrapping key, in transactions of their own. Goes through all keys in the
    /// order of their ids, starting after `after`, and before the first through the audit key, the opening keys and those of authorities; returns the last one looked
    /// at, or `None` at the end, and how many shares were sealed again.
    ///
    /// # Errors
    /// Storage faults. A record that does not open is logged and left.
    pub async fn reseal(&self, after: Option<KeyId>) -> Result<(Option<KeyId>, usize), SealerError> {
        let Some(newest) = self.keys.newest() else { return Ok((None, 0)) };
        if after.is_none() {
            self.reseal_audit_key().await?;
            self.reseal_personal_key().await?;
            self.reseal_opening_keys().await?;
            self.reseal_authority_keys().await?;
        }
        let rows = self.store.sealed_before(newest, after, BATCH).await?;
        let last =
            (u32::try_from(rows.len()) == Ok(BATCH)).then(|| rows.last().map(|row| row.key_id)).flatten();
        let mut commits = Vec::new();
        for row in &rows {
            match self.resealed(row) {
                Ok(resealed) => {
                    commits.push(self.store.commit(Unit(vec![Write::Reseal(Box::new(resealed))])));
                }
                Err(error) => {
                    tracing::error!(key_id = %row.key_id, %error, "the record was not sealed again");
                }
            }
        }
        let mut done = 0;
        for outcome in futures_util::future::join_all(commits).await {
            match outcome {
                Ok(()) => done += 1,
                // Saved or revoked meanwhile; whoever saved it sealed it under the newest key that he knew.
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok((last, done))
    }

    async fn reseal_audit_key(&self) -> Result<(), SealerError> {
        let Some(key) = self.store.audit_key().await?.filter(|key| !self.keys.is_current(&key.sealed)) else {
            return Ok(());
        };
        let new = match self.again(&Place::audit_key(&key.public_key), &key.sealed) {
            Ok(new) => new,
            Err(error) => {
                tracing::error!(%error, "the audit key was not sealed again");
                return Ok(());
            }
        };
        self.replace_sealed(Write::ResealAuditKey { old: key.sealed, new }).await
    }

    async fn reseal_personal_key(&self) -> Result<(), SealerError> {
        let Some(old) = self.store.personal_key().await?.filter(|sealed| !self.keys.is_current(sealed))
        else {
            return Ok(());
        };
        match self.again(&Place::personal_key(), &old) {
            Ok(new) => self.replace_sealed(Write::Office(OfficeWrite::ResealPersonalKey { old, new })).await,
            Err(error) => {
                tracing::error!(%error, "the key of personal data was not sealed again");
                Ok(())
            }
        }
    }

    async fn reseal_opening_keys(&self) -> Result<(), SealerError> {
        for key in self.store.opening_keys().await? {
            if self.keys.is_current(&key.sealed) {
                continue;
            }
            match self.again(&Place::opening_key(&key.public_key.as_point().to_bytes()), &key.sealed) {
                Ok(new) => self.replace_sealed(Write::ResealOpeningKey { old: key.sealed, new }).await?,
                Err(error) => {
                    tracing::error!(key = %key.id(), %error, "the opening key was not sealed again");
                }
            }
        }
        Ok(())
    }

    async fn reseal_authority_keys(&self) -> Result<(), SealerError> {
        for key in self.store.authority_keys().await? {
            if self.keys.is_current(&key.sealed) {
                continue;
            }
            match self.again(&Place::authority_key(&key.public_key.as_point().to_bytes()), &key.sealed) {
                Ok(new) => {
                    let write = RegistryWrite::ResealKey { old: key.sealed, new };
                    self.replace_sealed(Write::Registry(write)).await?;
                }
                Err(error) => {
                    tracing::error!(authority = %key.authority, %error, "the key was not sealed again");
                }
            }
        }
        Ok(())
    }

    async fn replace_sealed(&self, write: Write) -> Result<(), SealerError> {
        match self.store.commit([write].into()).await {
            // Another process does the same.
            Ok(()) | Err(StoreError::Stale) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn again(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let secret = self.keys.open(place, sealed)?;
        self.keys.seal(place, &secret, &*self.entropy)
    }

    fn resealed(&self, row: &StoredKey) -> Result<Resealed, SealError> {
        let pending = row.pending.as_ref().map(|sealed| self.again(&pending_of(row), sealed));
        Ok(Resealed {
            key_id: row.key_id,
            old: (row.share.clone(), row.pending.clone()),
            new: (self.again(&active(row), &row.share)?, pending.transpose()?),
        })
    }

    /// Drops the wrapping keys that are not the newest and that no record names.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn drop_unused(&self) -> Result<(), SealerError> {
        self.store.commit([Write::DropWrappingKeys].into()).await?;
        self.catch_up().await.map(drop)
    }

    /// One step of what a server does beside its work: follows other processes, seals some records again.
    ///
    /// # Errors
    /// [`SealerError`].
    pub async fn maintain(&self) -> Result<(), SealerError> {
        self.catch_up().await?;
        if self.keys.versions().len() < 2 {
            return Ok(());
        }
        let after = *self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, done) = self.reseal(after).await?;
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = last;
        if done > 0 {
            tracing::info!(records = done, "sealed again under the newest wrapping key");
        }
        if last.is_none() {
            self.drop_unused().await?;
        }
        Ok(())
    }

    /// Wraps all wrapping keys under another master key and binds the database to it, in one transaction.
    ///
    /// # Errors
    /// [`SealerError`]; then nothing has changed.
    pub async fn replace(&self, new: &dyn MasterKey) -> Result<(), SealerError> {
        let stored = self.store.wrapping_keys().await?;
        let unwrapped = self.unwrapped(&stored)?;
        let mut keys = Vec::with_capacity(stored.len());
        for (old, (version, key)) in stored.iter().zip(&unwrapped) {
            let version = *version;
            let wrapped = new
                .wrap_key(version, key, &*self.entropy)
                .map_err(|error| SealerError::Seal { version, error })?;
            // What cannot be read back must not replace what can.
            match new.unwrap_key(version, &wrapped) {
                Ok(again) if again[..] == key[..] => {}
                Ok(_) => return Err(SealerError::Seal { version, error: SealError::Forged }),
                Err(error) => return Err(SealerError::Seal { version, error }),
            }
            keys.push(WrappedKey { version, wrapped, created_ms: old.created_ms });
        }
        let (from, to) = (self.master.name(), new.name());
        Ok(self.store.commit([Write::ReplaceMasterKey { from, to, keys }].into()).await?)
    }
}
