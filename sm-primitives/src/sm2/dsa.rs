//! Signatures. Source: GB/T 32918.2-2016 (GM/T 0003.2-2012).

mod der;
pub mod many;
#[cfg(feature = "parallel")]
pub mod parallel;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::{DistId, PreparedKey, PrivateKey, PublicKey};
use crate::{
    Error, PublicPoint, Scalar, SecretScalar,
    mid::{ops, scalar::ScalarElement},
    sm3::Sm3,
};

/// A signature: r and s in [1, n-1] with r + s != 0 mod n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    r: Scalar,
    s: Scalar,
}

impl Signature {
    /// `None` if r, s or r + s mod n is 0: no signature has such values, so a check of one may skip them.
    #[must_use]
    pub fn from_scalars(r: Scalar, s: Scalar) -> Option<Self> {
        (!r.is_zero() && !s.is_zero() && !(r + s).is_zero()).then_some(Self { r, s })
    }

    /// Reads r || s, 32 big-endian bytes each.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`] if a value is out of range.
    pub fn from_bytes(bytes: &[u8; 64]) -> Result<Self, Error> {
        let (halves, _) = bytes.as_chunks();
        let scalar = |bytes| Scalar::from_bytes(bytes).ok_or(Error::InvalidSignature);
        Self::from_scalars(scalar(&halves[0])?, scalar(&halves[1])?).ok_or(Error::InvalidSignature)
    }

    /// r || s, 32 big-endian bytes each.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 64] {
        let mut out = [0; 64];
        out[..32].copy_from_slice(&self.r.to_bytes());
        out[32..].copy_from_slice(&self.s.to_bytes());
        out
    }

    /// r.
    #[must_use]
    pub fn r(&self) -> &Scalar {
        &self.r
    }

    /// s.
    #[must_use]
    pub fn s(&self) -> &Scalar {
        &self.s
    }
}

/// Verifies `signature` of `message` by the holder of `key` with identifier `id`. Variable time.
///
/// # Errors
/// [`Error::InvalidSignature`] if it does not verify.
pub fn verify(key: &PublicKey, id: &DistId, message: &[u8], signature: &Signature) -> Result<(), Error> {
    verify_digest(key, &id.digest(key, message), signature)
}

/// Verifies `signature` of the digest `e` = SM3(Z || message), any 32 bytes. Variable time.
///
/// # Errors
/// [`Error::InvalidSignature`] if it does not verify.
pub fn verify_digest(key: &PublicKey, e: &[u8; 32], signature: &Signature) -> Result<(), Error> {
    check(e, signature, |s, t, x1| ops::verify_vartime(s, t, &key.as_point().0, x1))
}

/// As [`verify`] for a prepared key.
///
/// # Errors
/// [`Error::InvalidSignature`] if it does not verify.
pub fn verify_prepared(
    key: &PreparedKey,
    id: &DistId,
    message: &[u8],
    signature: &Signature,
) -> Result<(), Error> {
    verify_digest_prepared(key, &id.digest(key.public_key(), message), signature)
}

/// As [`verify_digest`] for a prepared key.
///
/// # Errors
/// [`Error::InvalidSignature`] if it does not verify.
pub fn verify_digest_prepared(key: &PreparedKey, e: &[u8; 32], signature: &Signature) -> Result<(), Error> {
    check(e, signature, |s, t, x1| ops::verify_with_comb_vartime(s, t, key.comb(), x1))
}

/// Verifies with `has_x`, which says whether the x of \[s\]G + \[t\]P mod n is x1. Neither s nor t is 0.
fn check(
    e: &[u8; 32],
    signature: &Signature,
    has_x: impl FnOnce(&ScalarElement, &ScalarElement, &ScalarElement) -> bool,
) -> Result<(), Error> {
    // GB/T 32918.2-2016, clause 7.1. B1, B2 and the test for t = 0 of B5 are done by the type.
    // B5: t = (r + s) mod n.
    let t = signature.r + signature.s;
    // B6: (x1, y1) = [s]G + [t]P.   B7: R = (e + x1) mod n = r, that is, x1 = r - e mod n.
    let x1 = signature.r - Scalar::reduce(e);
    if has_x(&signature.s.0, &t.0, &x1.0) { Ok(()) } else { Err(Error::InvalidSignature) }
}

/// Signs `message` with identifier `id`. Timing: independent of `key`.
///
/// # Errors
/// [`Error::RandomFailed`] if `rng` fails.
pub fn sign(
    key: &PrivateKey,
    id: &DistId,
    message: &[u8],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Signature, Error> {
    sign_digest(key, &id.digest(key.public_key(), message), rng)
}

/// Nonces tried before a random source is given up. One fails with a probability of about 2^-32.
const MAX_NONCES: u8 = 8;

/// Signs the digest `e` = SM3(Z || message), any 32 bytes. Timing: independent of `key`.
///
/// # Errors
/// [`Error::RandomFailed`] if `rng` fails.
pub fn sign_digest(
    key: &PrivateKey,
    e: &[u8; 32],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Signature, Error> {
    for attempt in 0..MAX_NONCES {
        let signature = nonce(key, e, attempt, rng)?.and_then(|k| sign_with_nonce(key, e, k));
        if let Some(signature) = signature {
            return Ok(signature);
        }
    }
    Err(Error::RandomFailed)
}

/// A nonce that is uniform if `rng` is good, and still unique to key and digest if it is not (hedged):
/// k = SM3("sm-primitives/sm2/k" || 32 bytes of `rng` || d || e || one byte `attempt`), two blocks.
///
/// `None` if k is 0 or not below n, with a probability of about 2^-32: what is drawn again is not biased, and that it was
/// says nothing of it. Source of this: as FIPS 186-5, appendix A.3.2 (rejection) with RFC 6979, section 3.6 (hedging).
fn nonce(
    key: &PrivateKey,
    e: &[u8; 32],
    attempt: u8,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Option<SecretScalar>, Error> {
    let mut random = Zeroizing::new([0; 32]);
    rng.try_fill_bytes(random.as_mut_slice()).map_err(|_| Error::RandomFailed)?;
    let d = key.expose_bytes();
    let hasher = Sm3::new().chain(b"sm-primitives/sm2/k");
    let hasher = hasher.chain(random.as_slice()).chain(d.as_slice()).chain(e).chain(&[attempt]);
    Ok(SecretScalar::from_bytes(&Zeroizing::new(hasher.finalize())))
}

/// The signature with nonce `k`, `None` if another nonce is needed.
pub(super) fn sign_with_nonce(key: &PrivateKey, e: &[u8; 32], k: SecretScalar) -> Option<Signature> {
    // GB/T 32918.2-2016, clause 6.1. A4: (x1, y1) = [k]G.
    let point = PublicPoint::mul_base(&k);
    sign_with_nonce_point(key, e, k, &point)
}

/// The signature with nonce `k` and `point` = \[k\]G, `None` if another nonce is needed.
fn sign_with_nonce_point(
    key: &PrivateKey,
    e: &[u8; 32],
    k: SecretScalar,
    point: &PublicPoint,
) -> Option<Signature> {
    // A5: r = (e + x1) mod n, another k if r = 0 or r + k = n.
    let r = Scalar::reduce(e) + point.x_scalar();
    let r_plus_k = k.add_public(&r)?;
    // A6: s = (1 + d)^-1 (k - r d) = (1 + d)^-1 (r + k) - r, another k if s = 0. s is public: it is the output.
    let s = key.one_plus_d_inverse().mul(&r_plus_k).declassify() - r;
    // r + s = (1 + d)^-1 (r + k) is not 0.
    Signature::from_scalars(r, s)
}
