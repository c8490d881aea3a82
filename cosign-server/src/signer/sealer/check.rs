//! Whether everything sealed in a database opens.

use super::{BATCH, Sealer, SealerError};
use crate::{
    domain::key::StoredKey,
    signer::{
        seal::{Place, SealError},
        vault::{active, pending_of},
    },
};

impl Sealer {
    /// Opens every sealed record, and wipes what was in it. How many there are.
    ///
    /// # Errors
    /// [`SealerError::Record`]: the first that does not open; storage faults.
    pub async fn check(&self) -> Result<usize, SealerError> {
        self.check_first(usize::MAX).await
    }

    /// The same for a sample: every key of the server itself, then shares until so many are open.
    ///
    /// # Errors
    /// Those of [`Sealer::check`].
    pub async fn check_first(&self, most: usize) -> Result<usize, SealerError> {
        let mut opened = 0;
        let mut open = |place: &Place<'_>, sealed: &[u8], what: &dyn Fn() -> String| {
            opened += 1;
            match self.keys.open(place, sealed) {
                Ok(_secret) => Ok(()),
                Err(error) => Err(SealerError::Record { what: what(), error }),
            }
        };
        if let Some(key) = self.store.audit_key().await? {
            open(&Place::audit_key(&key.public_key), &key.sealed, &|| "the audit key".to_owned())?;
        }
        if let Some(sealed) = self.store.personal_key().await? {
            open(&Place::personal_key(), &sealed, &|| "the key of personal data".to_owned())?;
        }
        for key in self.store.opening_keys().await? {
            let place = key.public_key.as_point().to_bytes();
            open(&Place::opening_key(&place), &key.sealed, &|| format!("opening key {}", key.id()))?;
        }
        for key in self.store.authority_keys().await? {
            let place = key.public_key.as_point().to_bytes();
            let what = || format!("the key of {} to {}", key.authority, key.duty.as_str());
            open(&Place::authority_key(&place), &key.sealed, &what)?;
        }
        let mut after = None;
        loop {
            // Whatever wrapping key they name.
            let rows = self.store.sealed_before(u32::MAX, after, BATCH).await?;
            for row in &rows {
                opened += self.check_share(row).map_err(|error| {
                    let what = format!("the share of key {}", row.key_id);
                    SealerError::Record { what, error }
                })?;
            }
            after = rows.last().map(|row| row.key_id);
            if after.is_none() || opened >= most {
                return Ok(opened);
            }
        }
    }

    fn check_share(&self, row: &StoredKey) -> Result<usize, SealError> {
        drop(self.keys.open(&active(row), &row.share)?);
        let Some(pending) = &row.pending else { return Ok(1) };
        drop(self.keys.open(&pending_of(row), pending)?);
        Ok(2)
    }
}
