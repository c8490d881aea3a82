//! A key that comes from another device or from recovery: stored with the record of its first refresh, not active, until
//! the server says that this device has it now, or that it does not know of that.

use cosign_core::{KeyId, LocalRecord, RefreshId};
use zeroize::Zeroizing;

use super::{KeyInfo, RECORD, Store, StoredKey};
use crate::error::Error;

impl Store {
    /// Adds a key that arrives. Durable when it returns; gives the bytes of the record back as they were read from the
    /// disk.
    ///
    /// # Errors
    /// [`Error::LabelTaken`], [`Error::StoreBusy`], [`Error::Store`].
    pub(crate) fn admit(&self, record: &LocalRecord, info: &KeyInfo) -> Result<Zeroizing<Vec<u8>>, Error> {
        let _lock = self.lock()?;
        self.add(record, info)?;
        self.read_secret(&self.key_folder(record.key_id()).join(RECORD))
    }

    /// The server confirmed the arrival. Durable when it returns. Without such a record it changes nothing.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::StoreBusy`], [`Error::Store`].
    pub(crate) fn welcome(&self, key_id: KeyId, refresh: RefreshId) -> Result<(), Error> {
        let _lock = self.lock()?;
        let key = self.key(key_id)?;
        if is_expected(&key, refresh) { self.mark_active(key) } else { Ok(()) }
    }

    /// The server does not know the arrival: the key goes. Durable when it returns. Without such a record it changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::StoreBusy`], [`Error::Store`].
    pub(crate) fn dismiss(&self, key_id: KeyId, refresh: RefreshId) -> Result<(), Error> {
        let _lock = self.lock()?;
        if is_expected(&self.key(key_id)?, refresh) { self.delete(key_id) } else { Ok(()) }
    }
}

fn is_expected(key: &StoredKey, refresh: RefreshId) -> bool {
    key.is_arriving() && key.record.refresh_id() == refresh
}
