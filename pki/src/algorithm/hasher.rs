//! Hashing in pieces, by any algorithm.

use core::fmt;

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use sm_primitives::sm3::Sm3;

use super::HashAlgorithm;

/// The hash of what has passed so far. A clone goes on from there by itself, so that a common beginning is hashed once.
#[derive(Clone)]
pub enum Hasher {
    /// SM3.
    Sm3(Sm3),
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-384.
    Sha384(Sha384),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hasher {
    /// By which algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        match self {
            Self::Sm3(_) => HashAlgorithm::Sm3,
            Self::Sha256(_) => HashAlgorithm::Sha256,
            Self::Sha384(_) => HashAlgorithm::Sha384,
            Self::Sha512(_) => HashAlgorithm::Sha512,
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sm3(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The hash: [`HashAlgorithm::len`] bytes.
    #[must_use]
    pub fn finalize(self) -> Vec<u8> {
        match self {
            Self::Sm3(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha384(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hasher").field(&self.algorithm()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_clones_hash_as_the_whole() {
        for algorithm in
            [HashAlgorithm::Sm3, HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512]
        {
            let mut hasher = algorithm.hasher().unwrap();
            assert_eq!(hasher.algorithm(), algorithm);
            hasher.update(b"common ");
            let mut other = hasher.clone();
            hasher.update(b"first");
            other.update(b"second");
            assert_eq!(hasher.finalize(), algorithm.digest(b"common first"));
            assert_eq!(other.finalize(), algorithm.digest(b"common second"));
        }
        assert!(HashAlgorithm::Sha1.hasher().is_none());
    }
}
