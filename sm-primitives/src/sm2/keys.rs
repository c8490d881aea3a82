//! Private and public keys and their files.

mod encoding;

use core::fmt;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::{Error, PublicPoint, Scalar, SecretScalar, mid::comb::Comb};

/// A public key: a point of the curve other than the identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey(PublicPoint);

impl PublicKey {
    /// The point.
    #[must_use]
    pub fn as_point(&self) -> &PublicPoint {
        &self.0
    }
}

impl From<PublicPoint> for PublicKey {
    fn from(point: PublicPoint) -> Self {
        Self(point)
    }
}

impl From<PublicKey> for PublicPoint {
    fn from(key: PublicKey) -> Self {
        key.0
    }
}

/// A public key with the multiples of its point that make verification several times faster.
///
/// It takes 256 KB, and as long to make as several verifications.
pub struct PreparedKey {
    key: PublicKey,
    comb: Comb,
}

impl PreparedKey {
    /// Prepares `key`. Variable time.
    #[must_use]
    pub fn new(key: &PublicKey) -> Self {
        Self { key: *key, comb: Comb::new(&key.0.0) }
    }

    /// The key itself.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    pub(super) fn comb(&self) -> &Comb {
        &self.comb
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PreparedKey").field(&self.key).finish()
    }
}

/// A private key: d in [1, n-2]. Wiped on drop; it cannot be cloned or compared, and `{:?}` shows nothing secret.
pub struct PrivateKey {
    d: SecretScalar,
    /// (1 + d)^-1 mod n, which every signature needs.
    one_plus_d_inverse: SecretScalar,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key. Source: GB/T 32918.1-2016, clause 6.1.
    ///
    /// # Errors
    /// [`Error::RandomFailed`] if `rng` fails.
    pub fn generate(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<Self, Error> {
        // d = n - 1 has a probability of 2^-256: a random source that gives it is broken.
        Self::from_scalar(SecretScalar::random(rng)?).ok_or(Error::RandomFailed)
    }

    /// Reads d, 32 big-endian bytes. `None` if it is not in [1, n-2].
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        Self::from_scalar(SecretScalar::from_bytes(bytes)?)
    }

    /// `None` if `d` is n - 1: then 1 + d is 0 and has no inverse.
    fn from_scalar(d: SecretScalar) -> Option<Self> {
        let one_plus_d_inverse = d.add_public(&Scalar::ONE)?.invert();
        let public = PublicKey(PublicPoint::mul_base(&d));
        Some(Self { d, one_plus_d_inverse, public })
    }

    /// d, 32 big-endian bytes, to be stored or sealed.
    #[must_use]
    pub fn expose_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.d.expose_bytes()
    }

    /// The public key \[d\]G.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    pub(super) fn d(&self) -> &SecretScalar {
        &self.d
    }

    pub(super) fn one_plus_d_inverse(&self) -> &SecretScalar {
        &self.one_plus_d_inverse
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}
