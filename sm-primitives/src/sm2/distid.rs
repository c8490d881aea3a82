//! The distinguishing identifier of a signer and the hash Z made of it.

use alloc::vec::Vec;

use super::PublicKey;
use crate::{
    Error, PublicPoint,
    mid::{field::FieldElement, point::B},
    sm3::Sm3,
};

/// The identifier used when nothing else is agreed. Source: GM/T 0009-2012, clause 10.
const DEFAULT: &[u8] = b"1234567812345678";

/// Longest identifier: its length in bits is written in 16 bits.
const MAX_LEN: usize = 8191;

/// The distinguishing identifier of a signer, 0 to 8191 bytes. The default is `1234567812345678`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistId(Vec<u8>);

impl DistId {
    /// An identifier of 0 to 8191 bytes.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if it is longer.
    pub fn new(id: &[u8]) -> Result<Self, Error> {
        if id.len() > MAX_LEN {
            return Err(Error::InvalidLength);
        }
        Ok(Self(id.to_vec()))
    }

    /// Z = SM3(ENTL || ID || a || b || xG || yG || xA || yA), 32 bytes. Source: GB/T 32918.2-2016, clause 5.5.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn z(&self, key: &PublicKey) -> [u8; 32] {
        let bits = u16::try_from(8 * self.0.len()).expect("at most 8191 bytes");
        let a = -FieldElement::ONE.triple();
        Sm3::new()
            .chain(&bits.to_be_bytes())
            .chain(&self.0)
            .chain(&a.to_bytes())
            .chain(&B.to_bytes())
            .chain(&PublicPoint::generator().to_bytes())
            .chain(&key.as_point().to_bytes())
            .finalize()
    }

    /// The digest that is signed for `message`: e = SM3(Z || message), 32 bytes.
    #[must_use]
    pub fn digest(&self, key: &PublicKey, message: &[u8]) -> [u8; 32] {
        self.hasher(key).chain(message).finalize()
    }

    /// The digests that are signed for many messages under one key, 32 bytes each, in the order of the messages; on
    /// processors with vectors, 8 or 16 messages at once.
    #[must_use]
    pub fn digest_all<M: AsRef<[u8]>>(&self, key: &PublicKey, messages: &[M]) -> Vec<[u8; 32]> {
        self.hasher(key).finalize_all(messages)
    }

    /// A hasher that has absorbed Z, for a message that comes in pieces.
    #[must_use]
    pub fn hasher(&self, key: &PublicKey) -> Sm3 {
        Sm3::new().chain(&self.z(key))
    }
}

impl Default for DistId {
    fn default() -> Self {
        Self(DEFAULT.to_vec())
    }
}
