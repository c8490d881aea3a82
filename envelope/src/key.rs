//! The key that encrypts the content of one message.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::rand_core::TryCryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::error::{ApiMisuse, Error};

/// A 16-byte SM4 key made for one message. Wiped on drop; never copied, printed or compared.
pub struct ContentKey([u8; Self::LEN]);

impl ContentKey {
    /// Length in bytes.
    pub const LEN: usize = 16;

    /// Draws a new key: 16 bytes of `rng`.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn random(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<Self, Error> {
        let mut key = Self([0; Self::LEN]);
        rng.try_fill_bytes(&mut key.0).map_err(|_| Error::RandomFailed)?;
        Ok(key)
    }

    /// Takes a key that was unwrapped elsewhere, for example by two-party decryption.
    ///
    /// # Errors
    /// [`ApiMisuse::ContentKeyLength`] unless there are exactly 16 bytes.
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Self, Error> {
        if bytes.len() != Self::LEN {
            return Err(ApiMisuse::ContentKeyLength.into());
        }
        let mut key = Self([0; Self::LEN]);
        key.0.copy_from_slice(&bytes);
        Ok(key)
    }

    /// The key itself, for wrapping it.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl Drop for ContentKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(..)")
    }
}
