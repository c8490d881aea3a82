//! The two records of a refresh, side by side until the server says which one it holds the other half of.
//!
//! `next` is the record of the epoch after that of `record`. It appears whole, then becomes `record` by one rename, or
//! goes. So there is always a `record` that can be read, and after a crash there is the old one, both, or the new one.

use cosign_core::{KeyId, LocalRecord, RefreshId};
use zeroize::Zeroizing;

use super::{KeyInfo, NEXT, RECORD, Store, StoredKey, atomic, info_json};
use crate::error::Error;

impl Store {
    /// Puts the record of the next epoch beside the one it was made from. Durable when it returns; gives the bytes back
    /// as they were read from the disk.
    ///
    /// # Errors
    /// [`Error::Epoch`] if the key was renewed meanwhile, [`Error::RefreshUnconfirmed`] if another refresh of it waits
    /// for its confirmation, [`Error::NoSuchKey`], [`Error::StoreBusy`], [`Error::Store`].
    pub(crate) fn stage(&self, from: RefreshId, next: &LocalRecord) -> Result<Zeroizing<Vec<u8>>, Error> {
        let _lock = self.lock()?;
        let key = self.key(next.key_id())?;
        if key.next.is_some() {
            return Err(Error::RefreshUnconfirmed { key_id: next.key_id(), cause: None });
        }
        if key.record.refresh_id() != from {
            return Err(Error::Epoch { active: key.record.epoch() });
        }
        let folder = self.key_folder(next.key_id());
        atomic::replace(&folder, NEXT, &next.to_bytes()[..]).map_err(|error| Error::store(&folder, error))?;
        self.read_secret(&folder.join(NEXT))
    }

    /// The server confirmed the refresh: its record takes the place of the old one. Durable when it returns. Without
    /// such a record it changes nothing.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::StoreBusy`], [`Error::Store`].
    pub(crate) fn promote(&self, key_id: KeyId, refresh: RefreshId, now_ms: u64) -> Result<(), Error> {
        let _lock = self.lock()?;
        let key = self.key(key_id)?;
        if !is_staged(&key, refresh) {
            return Ok(());
        }
        let folder = self.key_folder(key_id);
        let io = |error| Error::store(&folder, error);
        // What was refreshed is active, even if nobody noted it before; a record of a later epoch never stands with a note
        // that it is not, unless it arrives.
        let info = info_json(&KeyInfo { active: true, renewed_ms: Some(now_ms), ..key.info });
        atomic::replace(&folder, "info.json", &info).map_err(io)?;
        atomic::supersede(&folder, NEXT, RECORD).map_err(io)
    }

    /// The server does not know the refresh: its record goes, the old one stays. Durable when it returns. Without such
    /// a record it changes nothing.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::StoreBusy`], [`Error::Store`].
    pub(crate) fn discard(&self, key_id: KeyId, refresh: RefreshId) -> Result<(), Error> {
        let _lock = self.lock()?;
        if !is_staged(&self.key(key_id)?, refresh) {
            return Ok(());
        }
        let folder = self.key_folder(key_id);
        atomic::delete(&folder, NEXT).map_err(|error| Error::store(&folder, error))
    }
}

fn is_staged(key: &StoredKey, refresh: RefreshId) -> bool {
    key.next.as_ref().is_some_and(|next| next.refresh_id() == refresh)
}
