//! Keys with their shares unsealed, in memory, each behind its own lock.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use cosign_core::{
    Digest, KeyId,
    server::{KeyRecord, PendingRefresh, read_secrets},
    sm_primitives::{point::PublicPoint, sm2::PublicKey},
};
use thiserror::Error;
use tokio::sync::OwnedMutexGuard;

use super::seal::{Content, Place, SealError, WrappingKeys};
use crate::domain::{
    device::Name,
    key::{Seats, Status, StoredKey},
    ports::Entropy,
};

/// Why a stored key is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum LoadError {
    /// Its sealed part does not open.
    #[error("{0}")]
    Seal(#[from] SealError),
    /// The audit log has seen a later epoch of it active.
    #[error("the row is older than the audit log: it was rolled back")]
    RolledBack,
    /// What was sealed is not a share, or that of a key in the other PIN mode.
    #[error("what was sealed is not a share of such a key")]
    Malformed,
}

/// A key as the protocol uses it, with the row that it came from.
pub(super) struct Hot {
    pub(super) record: KeyRecord,
    pub(super) stored: StoredKey,
}

impl Hot {
    /// Unseals a row. A revoked key has nothing to unseal: `None`.
    pub(super) fn unseal(stored: StoredKey, keys: &WrappingKeys) -> Result<Option<Self>, LoadError> {
        if stored.status == Status::Revoked {
            return Ok(None);
        }
        if stored.epoch < stored.logged_epoch {
            return Err(LoadError::RolledBack);
        }
        let share = keys.open(&active(&stored), &stored.share)?;
        let (share, oprf) = read_secrets(stored.mode, &share).ok_or(LoadError::Malformed)?;
        let pending = match &stored.pending {
            Some(sealed) => {
                let bytes = keys.open(&pending_of(&stored), sealed)?;
                Some(PendingRefresh::from_bytes(&bytes).ok_or(LoadError::Malformed)?)
            }
            None => None,
        };
        let record = KeyRecord {
            key_id: stored.key_id,
            device: stored.device,
            suite: stored.suite,
            purpose: stored.purpose,
            status: stored.status,
            epoch: stored.epoch,
            rid: stored.rid,
            public_key: public_key(&stored.public_key).ok_or(LoadError::Malformed)?,
            created_ms: stored.created_ms,
            gate: stored.gate,
            decrypts: stored.decrypts,
            pending_sign: match &stored.pending_sign {
                Some(digest) => Some(Digest::from_bytes(digest).ok_or(LoadError::Malformed)?),
                None => None,
            },
            parent: stored.parent,
            seat: stored.seat,
            share,
            oprf,
            pending,
        };
        Ok(Some(Self { record, stored }))
    }

    /// The row as it must be stored now. The share is sealed again when it is another one, or its wrapping key is not the newest.
    pub(super) fn seal(&self, keys: &WrappingKeys, entropy: &dyn Entropy) -> Result<StoredKey, SealError> {
        seal_record(&self.record, self.stored.clone(), keys, entropy)
    }
}

/// The row of a record that is new: nothing of it is sealed yet.
pub(super) fn new_row(record: &KeyRecord, label: Name) -> StoredKey {
    StoredKey {
        key_id: record.key_id,
        device: record.device,
        label,
        suite: record.suite,
        purpose: record.purpose,
        mode: record.pin_mode(),
        status: record.status,
        epoch: record.epoch,
        rid: record.rid,
        public_key: record.public_key.as_point().to_bytes(),
        created_ms: record.created_ms,
        gate: record.gate,
        decrypts: record.decrypts,
        pending_sign: None,
        share: Vec::new(),
        pending: None,
        parent: record.parent,
        seat: record.seat,
        seats: Seats::default(),
        logged_epoch: 0,
        version: 1,
    }
}

/// The row of a record; what the protocol does not know is taken from `base`.
pub(super) fn seal_record(
    record: &KeyRecord,
    base: StoredKey,
    keys: &WrappingKeys,
    entropy: &dyn Entropy,
) -> Result<StoredKey, SealError> {
    let renewed = base.rid != record.rid || !keys.is_current(&base.share);
    let mut row = StoredKey {
        status: record.status,
        epoch: record.epoch,
        rid: record.rid,
        gate: record.gate,
        decrypts: record.decrypts,
        pending_sign: record.pending_sign.map(|digest| *digest.as_bytes()),
        ..base
    };
    if renewed {
        row.share = keys.seal(&active(&row), &record.expose_secrets(), entropy)?;
    }
    row.pending = match &record.pending {
        Some(pending) => Some(keys.seal(&pending_of(&row), &pending.expose_bytes(), entropy)?),
        None => None,
    };
    Ok(row)
}

fn public_key(bytes: &[u8; 64]) -> Option<PublicKey> {
    PublicPoint::from_bytes(bytes).map(PublicKey::from)
}

pub(super) const fn active(stored: &StoredKey) -> Place<'_> {
    Place {
        key_id: &stored.key_id,
        epoch: stored.epoch,
        suite: stored.suite,
        purpose: stored.purpose,
        mode: stored.mode,
        public_key: &stored.public_key,
        content: Content::Share,
    }
}

pub(super) const fn pending_of(stored: &StoredKey) -> Place<'_> {
    Place { epoch: stored.epoch.saturating_add(1), content: Content::PendingRefresh, ..active(stored) }
}

/// A key under its lock; `None` inside until it is loaded, and when there is no such key.
pub(super) type Locked = OwnedMutexGuard<Option<Hot>>;

struct Cell {
    lock: Arc<tokio::sync::Mutex<Option<Hot>>>,
    used_ms: u64,
}

/// The keys in memory. At most one lock exists per key at any time.
pub(super) struct Vault {
    cells: Mutex<HashMap<KeyId, Cell>>,
    capacity: usize,
    idle_ms: u64,
}

impl Vault {
    /// Keeps about `capacity` keys, each no longer than `idle_ms` after its last use.
    pub(super) fn new(capacity: usize, idle_ms: u64) -> Self {
        Self { cells: Mutex::new(HashMap::new()), capacity: capacity.max(1), idle_ms }
    }

    fn cells(&self) -> std::sync::MutexGuard<'_, HashMap<KeyId, Cell>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks a key; waits for whoever has it.
    pub(super) async fn lock(&self, key_id: &KeyId, now_ms: u64) -> Locked {
        let lock = {
            let mut cells = self.cells();
            if cells.len() >= self.capacity && !cells.contains_key(key_id) {
                evict(&mut cells, self.capacity / 2);
            }
            let cell = cells.entry(*key_id).or_insert_with(|| Cell { lock: Arc::default(), used_ms: now_ms });
            cell.used_ms = now_ms;
            Arc::clone(&cell.lock)
        };
        lock.lock_owned().await
    }

    /// Wipes a key from memory.
    pub(super) async fn forget(&self, key_id: &KeyId, now_ms: u64) {
        let mut locked = self.lock(key_id, now_ms).await;
        *locked = None;
        self.release(key_id, locked);
    }

    /// Gives a key back. A cell in which there is no key is not kept, so unknown ids cost no memory.
    pub(super) fn release(&self, key_id: &KeyId, locked: Locked) {
        let empty = locked.is_none();
        drop(locked);
        if empty {
            let mut cells = self.cells();
            if cells.get(key_id).is_some_and(is_idle_and_empty) {
                cells.remove(key_id);
            }
        }
    }

    /// Wipes keys that were not used for a while.
    pub(super) fn purge(&self, now_ms: u64) {
        let idle_ms = self.idle_ms;
        self.cells().retain(|_, cell| !is_idle(cell) || now_ms.saturating_sub(cell.used_ms) < idle_ms);
    }

    /// Number of keys in memory.
    pub(super) fn len(&self) -> usize {
        self.cells().len()
    }
}

/// Nobody holds or waits for the lock: clones are made only under the lock of the map.
fn is_idle(cell: &Cell) -> bool {
    Arc::strong_count(&cell.lock) == 1
}

fn is_idle_and_empty(cell: &Cell) -> bool {
    is_idle(cell) && cell.lock.try_lock().is_ok_and(|hot| hot.is_none())
}

/// Drops the idle keys that were used longest ago until about `keep` are left.
fn evict(cells: &mut HashMap<KeyId, Cell>, keep: usize) {
    let mut used: Vec<u64> = cells.values().filter(|cell| is_idle(cell)).map(|cell| cell.used_ms).collect();
    let surplus = cells.len().saturating_sub(keep).min(used.len());
    if surplus == 0 {
        return;
    }
    let (_, &mut last, _) = used.select_nth_unstable(surplus - 1);
    let mut left = surplus;
    cells.retain(|_, cell| {
        let drops = left > 0 && is_idle(cell) && cell.used_ms <= last;
        left -= usize::from(drops);
        !drops
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: u64) -> KeyId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&index.to_be_bytes());
        KeyId::from_bytes(bytes)
    }

    #[tokio::test]
    async fn unknown_keys_cost_no_memory() {
        let vault = Vault::new(100, 1000);
        for index in 0..1000 {
            let locked = vault.lock(&id(index), 0).await;
            vault.release(&id(index), locked);
        }
        assert_eq!(vault.len(), 0);
    }

    #[tokio::test]
    async fn a_key_has_one_lock_whatever_is_evicted() {
        let vault = Vault::new(4, 1000);
        let zero = id(0);
        let held = vault.lock(&zero, 0).await;
        for index in 1..100 {
            drop(vault.lock(&id(index), index).await);
        }
        assert!(vault.len() <= 5);
        let again = vault.lock(&zero, 200);
        tokio::pin!(again);
        assert!(futures_util::poll!(again.as_mut()).is_pending());
        drop(held);
        drop(again.await);
        vault.purge(2000);
        assert_eq!(vault.len(), 0);
    }
}
