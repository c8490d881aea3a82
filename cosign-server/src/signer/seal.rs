//! Sealing of server shares at rest.
//!
//! ```text
//! key    = HKDF-SM3(master key, info = label || key id, 16 bytes)
//! sealed = version 1 | master key name 4 | nonce 12 | SM4-GCM ciphertext | tag 16
//! aad    = label || version || master key name || key id || epoch 4 || purpose 1 || P 64
//! ```
//! The label tells an active share from a pending refresh and from the audit key. The associated data ties a record to
//! its key, its epoch and its place, so a row that was moved, mixed or rolled back does not open.

use std::fmt;

use cosign_core::{
    KeyId, Purpose,
    sm_primitives::{sm3, sm4::gcm},
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::ports::Entropy;

const VERSION: u8 = 1;
const NAME_LEN: usize = 4;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
const HEADER_LEN: usize = 1 + NAME_LEN + NONCE_LEN;
const NAME_LABEL: &[u8] = b"cosign-kek-v1";

/// Why a sealed record does not open, or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// It is not a sealed record of a version that this program knows.
    #[error("not a sealed record of a known version")]
    Format,
    /// It was sealed under another master key.
    #[error("sealed under another master key")]
    OtherMasterKey,
    /// It was changed, or belongs to another key, epoch or place.
    #[error("the record was changed or moved")]
    Forged,
    /// The random source failed.
    #[error("the random source failed")]
    RandomFailed,
}

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The active share of a key.
    Share,
    /// A refresh that waits for its confirmation.
    PendingRefresh,
    /// The private key that signs tree heads of the audit log.
    AuditKey,
}

/// What a sealed record is, where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The key.
    pub key_id: &'a KeyId,
    /// The epoch of the share inside.
    pub epoch: u32,
    /// What the key is for.
    pub purpose: Purpose,
    /// X || Y of the joint public key, or of the audit key.
    pub public_key: &'a [u8; 64],
    /// What it is.
    pub content: Content,
}

impl<'a> Place<'a> {
    /// The place of the audit key.
    #[must_use]
    pub const fn audit_key(public_key: &'a [u8; 64]) -> Self {
        const NO_KEY: KeyId = KeyId::from_bytes([0; 16]);
        Self { key_id: &NO_KEY, epoch: 0, purpose: Purpose::Sign, public_key, content: Content::AuditKey }
    }

    const fn label(&self) -> &'static [u8] {
        match self.content {
            Content::Share => b"cosign-rec-v1",
            Content::PendingRefresh => b"cosign-pnd-v1",
            Content::AuditKey => b"cosign-log-v1",
        }
    }

    fn aad(&self, name: &[u8; NAME_LEN]) -> Vec<u8> {
        let mut aad = Vec::with_capacity(112);
        aad.extend(self.label());
        aad.push(VERSION);
        aad.extend(name);
        aad.extend(self.key_id.as_bytes());
        aad.extend(self.epoch.to_be_bytes());
        aad.push(self.purpose.byte());
        aad.extend(self.public_key);
        aad
    }
}

/// The key that seals all shares: 32 random bytes that are never in the database. Wiped on drop.
pub struct MasterKey {
    key: Zeroizing<[u8; 32]>,
    name: [u8; NAME_LEN],
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

impl MasterKey {
    /// Takes the 32 bytes of the key file.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        let hash = sm3::Sm3::new().chain(NAME_LABEL).chain(&key[..]).finalize();
        let mut name = [0; NAME_LEN];
        name.copy_from_slice(&hash[..NAME_LEN]);
        Self { key, name }
    }

    /// A public name of the key, derived one way.
    #[must_use]
    pub const fn name(&self) -> &[u8; NAME_LEN] {
        &self.name
    }

    fn record_key(&self, place: &Place<'_>) -> Result<Zeroizing<[u8; 16]>, SealError> {
        let mut key = Zeroizing::new([0; 16]);
        let info = [place.label(), place.key_id.as_bytes()].concat();
        sm3::hkdf(&self.key[..], &[], &info, key.as_mut()).map_err(|_| SealError::Format)?;
        Ok(key)
    }

    /// Seals `secret` for its place under a fresh nonce. Timing: independent of the secret.
    ///
    /// # Errors
    /// [`SealError::RandomFailed`].
    pub fn seal(
        &self,
        place: &Place<'_>,
        secret: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce).map_err(|_| SealError::RandomFailed)?;
        let mut sealed = Vec::with_capacity(HEADER_LEN + secret.len() + TAG_LEN);
        sealed.push(VERSION);
        sealed.extend(self.name);
        sealed.extend(nonce);
        // Encrypted in a buffer of its own, so that no plaintext is left behind if the vector grows.
        let mut body = Zeroizing::new(secret.to_vec());
        let sealing =
            gcm::seal_in_place(&*self.record_key(place)?, &nonce, &place.aad(&self.name), &mut body);
        let tag = sealing.map_err(|_| SealError::Format)?;
        sealed.extend(&body[..]);
        sealed.extend(tag);
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made for the same place. Timing: independent of the secret.
    ///
    /// # Errors
    /// [`SealError`]; nothing of the content is released.
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (header, rest) = sealed.split_at_checked(HEADER_LEN).ok_or(SealError::Format)?;
        let (body, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(SealError::Format)?;
        let (&version, header) = header.split_first().ok_or(SealError::Format)?;
        let (name, nonce) = header.split_first_chunk::<NAME_LEN>().ok_or(SealError::Format)?;
        if version != VERSION {
            return Err(SealError::Format);
        }
        if *name != self.name {
            return Err(SealError::OtherMasterKey);
        }
        let mut secret = Zeroizing::new(body.to_vec());
        gcm::open_in_place(&*self.record_key(place)?, nonce, &place.aad(name), &mut secret, tag)
            .map_err(|_| SealError::Forged)?;
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ports::testing::CountingEntropy;

    const KEY_ID: KeyId = KeyId::from_bytes([1; 16]);

    fn place() -> Place<'static> {
        Place {
            key_id: &KEY_ID,
            epoch: 3,
            purpose: Purpose::Sign,
            public_key: &[7; 64],
            content: Content::Share,
        }
    }

    fn master(byte: u8) -> MasterKey {
        MasterKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_record_opens_in_its_place_only() {
        let sealed = master(1).seal(&place(), &[9; 96], &CountingEntropy::default()).unwrap();
        assert_eq!(sealed.len(), 17 + 96 + 16);
        assert_eq!(&master(1).open(&place(), &sealed).unwrap()[..], &[9; 96]);

        let other_key = KeyId::from_bytes([2; 16]);
        for (what, other) in [
            ("key", Place { key_id: &other_key, ..place() }),
            ("older epoch", Place { epoch: 2, ..place() }),
            ("newer epoch", Place { epoch: 4, ..place() }),
            ("purpose", Place { purpose: Purpose::Encrypt, ..place() }),
            ("public key", Place { public_key: &[8; 64], ..place() }),
            ("pending", Place { content: Content::PendingRefresh, ..place() }),
            ("audit key", Place { content: Content::AuditKey, ..place() }),
        ] {
            assert_eq!(master(1).open(&other, &sealed).unwrap_err(), SealError::Forged, "{what}");
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_refused() {
        let sealed = master(1).seal(&place(), &[9; 96], &CountingEntropy::default()).unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(master(1).open(&place(), &changed).is_err(), "byte {index}");
            assert!(master(1).open(&place(), &sealed[..index]).is_err(), "cut {index}");
        }
    }

    #[test]
    fn another_master_key_is_named_as_the_cause() {
        let sealed = master(1).seal(&place(), &[9; 96], &CountingEntropy::default()).unwrap();
        assert_eq!(master(2).open(&place(), &sealed).unwrap_err(), SealError::OtherMasterKey);
    }

    #[test]
    fn equal_secrets_never_look_equal() {
        let entropy = CountingEntropy::default();
        let first = master(1).seal(&place(), &[9; 96], &entropy).unwrap();
        let second = master(1).seal(&place(), &[9; 96], &entropy).unwrap();
        assert_ne!(first[17..], second[17..]);
    }
}
