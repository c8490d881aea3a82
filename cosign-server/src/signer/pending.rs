//! Key generations that were started and not opened yet: in memory, for a minute, bounded.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use cosign_core::{
    DeviceId, KeyId, SessionId,
    server::{KeygenOpen, PendingKeygen},
};

/// Most started key generations in all.
const MAX: usize = 4096;
/// Most started key generations per device.
const MAX_PER_DEVICE: usize = 8;

/// The table of started key generations.
#[derive(Default)]
pub(super) struct Pending(Mutex<HashMap<(KeyId, SessionId), Started>>);

struct Started {
    device: DeviceId,
    keygen: PendingKeygen,
}

impl Pending {
    /// Whether a device may start one more.
    pub(super) fn has_room(&self, device: &DeviceId, now_ms: u64) -> bool {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, started| !started.keygen.is_expired(now_ms));
        table.len() < MAX
            && table.values().filter(|started| started.device == *device).count() < MAX_PER_DEVICE
    }

    /// Keeps the server's half.
    pub(super) fn insert(&self, key_id: KeyId, sid: SessionId, device: DeviceId, keygen: PendingKeygen) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.insert((key_id, sid), Started { device, keygen });
    }

    /// Takes out what an opening is for; from then on it is used up. Another device's attempt takes nothing.
    pub(super) fn take(&self, open: &KeygenOpen, device: &DeviceId) -> Option<PendingKeygen> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = (open.key_id(), open.sid());
        if !table.get(&session)?.keygen.is_for(open, device) {
            return None;
        }
        table.remove(&session).map(|started| started.keygen)
    }

    /// Drops what has expired.
    pub(super) fn purge(&self, now_ms: u64) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, started| !started.keygen.is_expired(now_ms));
    }
}
