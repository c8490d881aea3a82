//! The protocol's replay cache, cut into shards so that keys do not wait for each other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cosign_core::{KeyId, server::ReplayCache};

const SHARDS: usize = 64;

/// One replay cache per shard; a key always has the same shard.
pub(super) struct Replays(Vec<Mutex<ReplayCache>>);

impl Replays {
    /// Room for `entries` requests, `bytes` bytes of answers and `nonces` nonces of open sessions in all.
    pub(super) fn new(entries: usize, bytes: usize, nonces: usize) -> Self {
        let [entries, bytes, nonces] = [entries, bytes, nonces].map(|all| all.div_ceil(SHARDS));
        Self((0..SHARDS).map(|_| Mutex::new(ReplayCache::new(entries, bytes, nonces))).collect())
    }

    /// The cache for a key. Key ids are random, so their last byte spreads them evenly.
    pub(super) fn of(&self, key_id: &KeyId) -> MutexGuard<'_, ReplayCache> {
        let index = usize::from(key_id.as_bytes()[15]) % SHARDS;
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what has expired.
    pub(super) fn purge(&self, now_ms: u64) {
        for shard in &self.0 {
            shard.lock().unwrap_or_else(PoisonError::into_inner).purge(now_ms);
        }
    }

    /// Requests remembered.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }
}
