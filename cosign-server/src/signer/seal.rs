//! Sealing of server shares at rest, under wrapping keys that the master key wraps.
//!
//! ```text
//! key    = HKDF-SM3(wrapping key, info = label || key id, 16 bytes)
//! sealed = form 2 | version of the wrapping key 4 | nonce 12 | SM4-GCM ciphertext | tag 16
//! aad    = label || form || version 4 || key id || epoch 4 || purpose 1 || P 64 || suite 1 || mode 1
//! ```
//! The mode is that of the PIN. It is left out in base mode, and with it the suite if that is D. The label tells an active
//! share from a pending refresh, from the audit key, from opening keys and from keys of
//! authorities. The associated data ties a record to its key, its epoch and its
//! place, so a row that was moved, mixed or rolled back does not open.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use cosign_core::{
    KeyId, PinMode, Purpose, Suite,
    sm_primitives::{sm3, sm4::gcm},
};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::domain::ports::Entropy;

const FORM: u8 = 2;
const VERSION_LEN: usize = 4;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;
const HEADER_LEN: usize = 1 + VERSION_LEN + NONCE_LEN;

/// Why a sealed record does not open, or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// It is not a sealed record of a form that this program knows.
    #[error("not a sealed record of a known form")]
    Format,
    /// It was wrapped by another master key.
    #[error("wrapped by another master key; name the present one in the configuration and restart")]
    OtherMasterKey,
    /// It was sealed under a wrapping key that is not there.
    #[error("sealed under wrapping key {0}, which is not there")]
    NoWrappingKey(u32),
    /// It was changed, or belongs to another key, epoch or place.
    #[error("the record was changed or moved")]
    Forged,
    /// The random source failed.
    #[error("the random source failed")]
    RandomFailed,
    /// The security module that holds the master key did not do it.
    #[error("the security module that holds the master key did not do it")]
    Token,
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
    /// The private key that bids are time-locked to.
    OpeningKey,
    /// A private key of a certification authority.
    AuthorityKey,
    /// The key of personal data.
    PersonalKey,
}

/// What a sealed record is, where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The key.
    pub key_id: &'a KeyId,
    /// The epoch of the share inside.
    pub epoch: u32,
    /// How the key signs.
    pub suite: Suite,
    /// What the key is for.
    pub purpose: Purpose,
    /// How its PIN is turned into its mask.
    pub mode: PinMode,
    /// X || Y of the joint public key, of the audit key or of the opening key.
    pub public_key: &'a [u8; 64],
    /// What it is.
    pub content: Content,
}

impl<'a> Place<'a> {
    /// The place of the audit key.
    #[must_use]
    pub const fn audit_key(public_key: &'a [u8; 64]) -> Self {
        Self::whole_key(public_key, Content::AuditKey)
    }

    /// The place of an opening key.
    #[must_use]
    pub const fn opening_key(public_key: &'a [u8; 64]) -> Self {
        Self::whole_key(public_key, Content::OpeningKey)
    }

    /// The place of a key of an authority.
    #[must_use]
    pub const fn authority_key(public_key: &'a [u8; 64]) -> Self {
        Self::whole_key(public_key, Content::AuthorityKey)
    }

    /// The place of the key of personal data.
    #[must_use]
    pub const fn personal_key() -> Self {
        Self::whole_key(&[0; 64], Content::PersonalKey)
    }

    const fn whole_key(public_key: &'a [u8; 64], content: Content) -> Self {
        const NO_KEY: KeyId = KeyId::from_bytes([0; 16]);
        Self {
            key_id: &NO_KEY,
            epoch: 0,
            suite: Suite::D,
            purpose: Purpose::Sign,
            mode: PinMode::Base,
            public_key,
            content,
        }
    }

    const fn label(&self) -> &'static [u8] {
        match self.content {
            Content::Share => b"cosign-rec-v1",
            Content::PendingRefresh => b"cosign-pnd-v1",
            Content::AuditKey => b"cosign-log-v1",
            Content::OpeningKey => b"cosign-opn-v1",
            Content::AuthorityKey => b"cosign-cak-v1",
            Content::PersonalKey => b"cosign-pky-v1",
        }
    }

    fn aad(&self, version: u32) -> Vec<u8> {
        let mut aad = Vec::with_capacity(112);
        aad.extend(self.label());
        aad.push(FORM);
        aad.extend(version.to_be_bytes());
        aad.extend(self.key_id.as_bytes());
        aad.extend(self.epoch.to_be_bytes());
        aad.push(self.purpose.byte());
        aad.extend(self.public_key);
        // What was sealed before there was a choice has neither: it is of suite D and in base mode.
        if self.suite != Suite::D || self.mode != PinMode::Base {
            aad.push(self.suite.byte());
        }
        if self.mode != PinMode::Base {
            aad.push(self.mode.byte());
        }
        aad
    }
}

/// A wrapping key; on the heap, so that it is not copied when its map grows.
pub(super) type WrappingKey = Box<Zeroizing<[u8; 32]>>;

/// The wrapping keys by their versions, unwrapped. Records are sealed under the newest. Wiped on drop.
pub struct WrappingKeys(RwLock<Arc<BTreeMap<u32, WrappingKey>>>);

impl fmt::Debug for WrappingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKeys(..)")
    }
}

impl WrappingKeys {
    pub(super) fn new(keys: BTreeMap<u32, WrappingKey>) -> Self {
        Self(RwLock::new(Arc::new(keys)))
    }

    fn keys(&self) -> Arc<BTreeMap<u32, WrappingKey>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes these keys instead.
    pub(super) fn set(&self, keys: BTreeMap<u32, WrappingKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// The versions, oldest first.
    #[must_use]
    pub fn versions(&self) -> Vec<u32> {
        self.keys().keys().copied().collect()
    }

    /// The version that records are sealed under.
    #[must_use]
    pub fn newest(&self) -> Option<u32> {
        self.keys().last_key_value().map(|(version, _)| *version)
    }

    /// Whether a record is sealed under the newest key.
    pub(super) fn is_current(&self, sealed: &[u8]) -> bool {
        version_of(sealed).is_some_and(|version| Some(version) == self.newest())
    }

    /// Whether the key that a record is sealed under is there.
    pub(super) fn knows(&self, sealed: &[u8]) -> bool {
        version_of(sealed).is_some_and(|version| self.keys().contains_key(&version))
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
        let keys = self.keys();
        let (&version, key) = keys.last_key_value().ok_or(SealError::NoWrappingKey(0))?;
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce).map_err(|_| SealError::RandomFailed)?;
        let mut sealed = Vec::with_capacity(HEADER_LEN + secret.len() + TAG_LEN);
        sealed.push(FORM);
        sealed.extend(version.to_be_bytes());
        sealed.extend(nonce);
        // Encrypted in a buffer of its own, so that no plaintext is left behind if the vector grows.
        let mut body = Zeroizing::new(secret.to_vec());
        let sealing = gcm::seal_in_place(&*record_key(key, place)?, &nonce, &place.aad(version), &mut body);
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
        let version = version_of(sealed).ok_or(SealError::Format)?;
        let (header, rest) = sealed.split_at_checked(HEADER_LEN).ok_or(SealError::Format)?;
        let (body, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(SealError::Format)?;
        let nonce = header.last_chunk::<NONCE_LEN>().ok_or(SealError::Format)?;
        let keys = self.keys();
        let key = keys.get(&version).ok_or(SealError::NoWrappingKey(version))?;
        let mut secret = Zeroizing::new(body.to_vec());
        gcm::open_in_place(&*record_key(key, place)?, nonce, &place.aad(version), &mut secret, tag)
            .map_err(|_| SealError::Forged)?;
        Ok(secret)
    }
}

fn version_of(sealed: &[u8]) -> Option<u32> {
    let (&form, rest) = sealed.split_first()?;
    let version = rest.first_chunk::<VERSION_LEN>()?;
    (form == FORM).then(|| u32::from_be_bytes(*version))
}

fn record_key(key: &[u8; 32], place: &Place<'_>) -> Result<Zeroizing<[u8; 16]>, SealError> {
    let mut derived = Zeroizing::new([0; 16]);
    let info = [place.label(), place.key_id.as_bytes()].concat();
    sm3::hkdf(key, &[], &info, derived.as_mut()).map_err(|_| SealError::Format)?;
    Ok(derived)
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
            suite: Suite::D,
            purpose: Purpose::Sign,
            mode: PinMode::Base,
            public_key: &[7; 64],
            content: Content::Share,
        }
    }

    fn keys(versions: &[u32]) -> WrappingKeys {
        let key = |version: &u32| Box::new(Zeroizing::new([u8::try_from(*version).unwrap(); 32]));
        WrappingKeys::new(versions.iter().map(|version| (*version, key(version))).collect())
    }

    #[test]
    fn a_record_opens_in_its_place_only() {
        let sealed = keys(&[1]).seal(&place(), &[9; 96], &CountingEntropy::default()).unwrap();
        assert_eq!(sealed.len(), 17 + 96 + 16);
        assert_eq!(&keys(&[1]).open(&place(), &sealed).unwrap()[..], &[9; 96]);

        let other_key = KeyId::from_bytes([2; 16]);
        for (what, other) in [
            ("key", Place { key_id: &other_key, ..place() }),
            ("older epoch", Place { epoch: 2, ..place() }),
            ("newer epoch", Place { epoch: 4, ..place() }),
            ("suite", Place { suite: Suite::F2, ..place() }),
            ("mode", Place { mode: PinMode::Oblivious, ..place() }),
            ("purpose", Place { purpose: Purpose::Encrypt, ..place() }),
            ("public key", Place { public_key: &[8; 64], ..place() }),
            ("pending", Place { content: Content::PendingRefresh, ..place() }),
            ("audit key", Place { content: Content::AuditKey, ..place() }),
            ("opening key", Place { content: Content::OpeningKey, ..place() }),
        ] {
            assert_eq!(keys(&[1]).open(&other, &sealed).unwrap_err(), SealError::Forged, "{what}");
        }
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_refused() {
        let sealed = keys(&[1]).seal(&place(), &[9; 96], &CountingEntropy::default()).unwrap();
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(keys(&[1]).open(&place(), &changed).is_err(), "byte {index}");
            assert!(keys(&[1]).open(&place(), &sealed[..index]).is_err(), "cut {index}");
        }
    }

    #[test]
    fn records_are_sealed_under_the_newest_key_and_name_it() {
        let both = keys(&[1, 2]);
        let old = keys(&[1]).seal(&place(), &[9; 96], &CountingEntropy::default()).unwrap();
        let new = both.seal(&place(), &[9; 96], &CountingEntropy::default()).unwrap();
        assert_eq!((both.is_current(&old), both.is_current(&new)), (false, true));
        assert_eq!(&both.open(&place(), &old).unwrap()[..], &[9; 96]);
        assert_eq!(&keys(&[2]).open(&place(), &new).unwrap()[..], &[9; 96]);
        assert_eq!(keys(&[2]).open(&place(), &old).unwrap_err(), SealError::NoWrappingKey(1));
        assert!(!keys(&[2]).knows(&old));
    }

    #[test]
    fn equal_secrets_never_look_equal() {
        let entropy = CountingEntropy::default();
        let first = keys(&[1]).seal(&place(), &[9; 96], &entropy).unwrap();
        let second = keys(&[1]).seal(&place(), &[9; 96], &entropy).unwrap();
        assert_ne!(first[17..], second[17..]);
    }
}
