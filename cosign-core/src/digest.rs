//! What is signed.

use core::fmt;

use sm_primitives::Scalar;

/// The digest `e` of a message: an integer below n, 32 bytes big-endian.
///
/// `SM3(Z || M)` reduced mod n. The reduced value is what both sides hash, log and compare, because `e` and `e + n`
/// have the same signatures.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl Digest {
    /// Reduces a hash value (32 bytes, big-endian) mod n. About one hash in 2^32 changes.
    #[must_use]
    pub fn reduce(hash: &[u8; 32]) -> Self {
        Self(Scalar::reduce(hash).to_bytes())
    }

    /// Takes a value that must already be below n.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        Scalar::from_bytes(bytes).map(|e| Self(e.to_bytes()))
    }

    /// The value, 32 bytes big-endian.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn scalar(&self) -> Scalar {
        Scalar::reduce(&self.0)
    }
}
