//! The protocol's replay cache, cut into shards so that keys do not wait for each other.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use cosign_core::{KeyId, server::ReplayCache};

const SHARDS: usize = 64;

/// One replay cache per shard; a key always has the same shard. The shards share their room: each may hold as much as
/// is still free, so that one busy key has half of all there is and never the room of everybody else.
pub(super) struct Replays {
    shards: Vec<Mutex<ReplayCache>>,
    entries: Room,
    bytes: Room,
}

/// What all shards together may hold, and hold.
struct Room {
    all: usize,
    used: AtomicUsize,
}

impl Room {
    const fn new(all: usize) -> Self {
        Self { all, used: AtomicUsize::new(0) }
    }

    fn free(&self) -> usize {
        self.all.saturating_sub(self.used.load(Ordering::Relaxed))
    }

    fn changed(&self, before: usize, after: usize) {
        // Wraps to the right sum when it is less than before.
        self.used.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }
}

/// The cache of a key, locked.
pub(super) struct Shard<'a> {
    cache: MutexGuard<'a, ReplayCache>,
    before: [usize; 2],
    replays: &'a Replays,
}

impl Replays {
    /// Room for `entries` requests, `bytes` bytes of answers and `nonces` nonces of open sessions in all.
    pub(super) fn new(entries: usize, bytes: usize, nonces: usize) -> Self {
        let nonces = nonces.div_ceil(SHARDS);
        let shards = (0..SHARDS).map(|_| Mutex::new(ReplayCache::new(0, 0, nonces))).collect();
        Self { shards, entries: Room::new(entries), bytes: Room::new(bytes) }
    }

    /// The cache for a key. Key ids are random, so their last byte spreads them evenly.
    pub(super) fn of(&self, key_id: &KeyId) -> Shard<'_> {
        let index = usize::from(key_id.as_bytes()[15]) % SHARDS;
        let mut shard = self.lock(&self.shards[index]);
        shard.limit(self.entries.free(), self.bytes.free());
        shard
    }

    /// Drops what has expired.
    pub(super) fn purge(&self, now_ms: u64) {
        for shard in &self.shards {
            self.lock(shard).purge(now_ms);
        }
    }

    /// Requests remembered.
    pub(super) fn len(&self) -> usize {
        self.entries.used.load(Ordering::Relaxed)
    }

    fn lock<'a>(&'a self, shard: &'a Mutex<ReplayCache>) -> Shard<'a> {
        let cache = shard.lock().unwrap_or_else(PoisonError::into_inner);
        Shard { before: [cache.len(), cache.bytes()], cache, replays: self }
    }
}

impl Deref for Shard<'_> {
    type Target = ReplayCache;

    fn deref(&self) -> &ReplayCache {
        &self.cache
    }
}

impl DerefMut for Shard<'_> {
    fn deref_mut(&mut self) -> &mut ReplayCache {
        &mut self.cache
    }
}

impl Drop for Shard<'_> {
    fn drop(&mut self) {
        let [entries, bytes] = self.before;
        self.replays.entries.changed(entries, self.cache.len());
        self.replays.bytes.changed(bytes, self.cache.bytes());
    }
}

#[cfg(test)]
mod tests {
    use cosign_core::SessionId;

    use super::*;

    fn key(last: u8) -> KeyId {
        let mut bytes = [7; 16];
        bytes[15] = last;
        KeyId::from_bytes(bytes)
    }

    fn fill(replays: &Replays, key_id: KeyId, count: u8, until_ms: u64) {
        for number in 0..count {
            replays.of(&key_id).restore(key_id, SessionId::from_bytes([number; 16]), [0; 32], until_ms);
        }
    }

    #[test]
    fn shards_share_their_room_and_give_it_back() {
        let replays = Replays::new(100, 1000, 0);
        assert_eq!((replays.entries.free(), replays.bytes.free()), (100, 1000));
        fill(&replays, key(1), 60, 1000);
        fill(&replays, key(2), 30, 2000);
        assert_eq!((replays.len(), replays.entries.free()), (90, 10));
        replays.purge(1001);
        assert_eq!((replays.len(), replays.entries.free()), (30, 70));
        replays.purge(2001);
        assert_eq!((replays.len(), replays.entries.free()), (0, 100));
    }
}
