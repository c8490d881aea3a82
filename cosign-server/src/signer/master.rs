//! The master key: wraps the wrapping keys, and is never in the database.
//!
//! ```text
//! key     = HKDF-SM3(master key, info = label || version 4, 16 bytes)
//! wrapped = form 1 | name 4 | nonce 12 | SM4-GCM ciphertext 32 | tag 16
//! aad     = label || form || name || version 4
//! ```
//! A master key that is not made of bytes in this process wraps in a form of its own.

use std::fmt;

use cosign_core::sm_primitives::{sm3, sm4::gcm};
use zeroize::Zeroizing;

use super::seal::SealError;
use crate::domain::ports::Entropy;

const FORM: u8 = 1;
const NAME_LEN: usize = 4;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
const KEY_LEN: usize = 32;
const LABEL: &[u8] = b"cosign-kek-v1";

/// A key that wraps wrapping keys.
pub trait MasterKey: Send + Sync {
    /// A public name, from which the key cannot be found.
    fn name(&self) -> [u8; NAME_LEN];

    /// Wraps the wrapping key of this version under a fresh nonce.
    ///
    /// # Errors
    /// [`SealError::RandomFailed`], [`SealError::Token`].
    fn wrap_key(
        &self,
        version: u32,
        key: &[u8; KEY_LEN],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError>;

    /// Unwraps what [`Self::wrap_key`] made for the same version.
    ///
    /// # Errors
    /// [`SealError`]; nothing of the content is released.
    fn unwrap_key(&self, version: u32, wrapped: &[u8]) -> Result<Zeroizing<[u8; KEY_LEN]>, SealError>;
}

/// The name of a master key, from what makes it this key and no other.
#[must_use]
pub(crate) fn name_of(parts: &[&[u8]]) -> [u8; NAME_LEN] {
    let hash = parts.iter().fold(sm3::Sm3::new().chain(LABEL), |hash, part| hash.chain(part)).finalize();
    let mut name = [0; NAME_LEN];
    name.copy_from_slice(&hash[..NAME_LEN]);
    name
}

/// What a wrapped key is bound to.
pub(crate) fn context(form: u8, name: [u8; NAME_LEN], version: u32) -> Vec<u8> {
    [LABEL, &[form], &name, &version.to_be_bytes()].concat()
}

/// Puts a wrapped key together: the header, then ciphertext and tag.
pub(crate) fn assemble(form: u8, name: [u8; NAME_LEN], nonce: &[u8; NONCE_LEN], body: &[u8]) -> Vec<u8> {
    [&[form], &name[..], nonce, body].concat()
}

/// Takes a wrapped key of this form and name apart: its nonce, and ciphertext with tag.
///
/// # Errors
/// [`SealError::Format`], [`SealError::OtherMasterKey`].
pub(crate) fn parse(
    form: u8,
    name: [u8; NAME_LEN],
    wrapped: &[u8],
) -> Result<(&[u8; NONCE_LEN], &[u8; KEY_LEN + TAG_LEN]), SealError> {
    let (&[found], rest) = wrapped.split_first_chunk().ok_or(SealError::Format)?;
    let (named, rest) = rest.split_first_chunk::<NAME_LEN>().ok_or(SealError::Format)?;
    if (found, *named) != (form, name) {
        return Err(SealError::OtherMasterKey);
    }
    let (nonce, body) = rest.split_first_chunk().ok_or(SealError::Format)?;
    Ok((nonce, body.try_into().map_err(|_| SealError::Format)?))
}

/// A master key of 32 bytes in this process. Wiped on drop.
pub struct SoftwareKey {
    key: Zeroizing<[u8; KEY_LEN]>,
    name: [u8; NAME_LEN],
}

impl fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SoftwareKey(..)")
    }
}

impl SoftwareKey {
    /// Takes the 32 bytes.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; KEY_LEN]>) -> Self {
        let name = name_of(&[&key[..]]);
        Self { key, name }
    }

    fn key_of(&self, version: u32) -> Result<Zeroizing<[u8; 16]>, SealError> {
        let mut key = Zeroizing::new([0; 16]);
        let info = [LABEL, &version.to_be_bytes()].concat();
        sm3::hkdf(&self.key[..], &[], &info, key.as_mut()).map_err(|_| SealError::Format)?;
        Ok(key)
    }
}

impl MasterKey for SoftwareKey {
    fn name(&self) -> [u8; NAME_LEN] {
        self.name
    }

    fn wrap_key(
        &self,
        version: u32,
        key: &[u8; KEY_LEN],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce).map_err(|_| SealError::RandomFailed)?;
        let mut body = Zeroizing::new(key.to_vec());
        let aad = context(FORM, self.name, version);
        let tag = gcm::seal_in_place(&*self.key_of(version)?, &nonce, &aad, &mut body)
            .map_err(|_| SealError::Format)?;
        Ok(assemble(FORM, self.name, &nonce, &[&body[..], &tag].concat()))
    }

    fn unwrap_key(&self, version: u32, wrapped: &[u8]) -> Result<Zeroizing<[u8; KEY_LEN]>, SealError> {
        let (nonce, body) = parse(FORM, self.name, wrapped)?;
        let (body, tag) = body.split_last_chunk::<TAG_LEN>().ok_or(SealError::Format)?;
        let mut key = Zeroizing::new([0; KEY_LEN]);
        key.copy_from_slice(body);
        let aad = context(FORM, self.name, version);
        gcm::open_in_place(&*self.key_of(version)?, nonce, &aad, key.as_mut(), tag)
            .map_err(|_| SealError::Forged)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ports::testing::CountingEntropy;

    fn master(byte: u8) -> SoftwareKey {
        SoftwareKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_wrapped_key_opens_by_its_master_and_version_only() {
        let wrapped = master(1).wrap_key(3, &[9; 32], &CountingEntropy::default()).unwrap();
        assert_eq!(*master(1).unwrap_key(3, &wrapped).unwrap(), [9; 32]);
        assert_eq!(master(1).unwrap_key(4, &wrapped).unwrap_err(), SealError::Forged);
        assert_eq!(master(2).unwrap_key(3, &wrapped).unwrap_err(), SealError::OtherMasterKey);
        for index in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[index] ^= 1;
            assert!(master(1).unwrap_key(3, &changed).is_err(), "byte {index}");
            assert!(master(1).unwrap_key(3, &wrapped[..index]).is_err(), "cut {index}");
        }
    }
}
