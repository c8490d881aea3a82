//! The PIN function: what a PIN derives only with the server's help, so that every guess needs the server. Op 0A and key
//! generation in oblivious mode use it ([`crate::evaluate`]).
//!
//! The server holds a key `k_o` and learns nothing of the PIN; the client learns one value for one PIN and nothing of
//! `k_o`. This is 2HashDH (Jarecki, Kiayias, Krawczyk, "Round-optimal password-protected secret sharing and T-PAKE in the
//! password-only model", ASIACRYPT 2014) in the form of the OPRF mode of RFC 9497, with tags of this protocol:
//!
//! ```text
//! client   x = hash_to_curve(PIN || key_id || salt)        tag PREFIX || "oprf/sm2p256v1_XMD:SM3_SSWU_RO_"
//!          alpha = rho*x, rho random in [1, n-1]           -->
//! server                                                   <--  beta = k_o*alpha
//! client   rwd = HKDF-SM3(PIN || key_id || salt || Ser(rho^-1*beta), no salt, info = PREFIX || "rwd", 32 bytes)
//! ```
//!
//! The salt is that of the client's record, 16 bytes, new with each refresh and never sent: what was evaluated before a
//! refresh says nothing about the record after it.
//!
//! Nothing proves that `beta` was made with the right `k_o`: with another one `rwd` is another, which fails like a wrong
//! PIN. The server must count each evaluation as an attempt. Beside a recorded exchange, each of `rho`, `rho^-1*beta` and
//! `rwd` tests PINs offline: none of them is ever stored or sent.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::{
    PublicPoint, SecretScalar, Zeroizing, hash2curve::hash_to_curve, rand_core::TryCryptoRng, sm3,
};

use crate::{
    error::{ApiMisuse, Code, Error},
    ids::KeyId,
    pin::Pin,
};

const TAG: &[u8] = b"SM2-COSIGN-D-V1/oprf/sm2p256v1_XMD:SM3_SSWU_RO_";
const INFO: &[u8] = b"SM2-COSIGN-D-V1/rwd";

/// The server's key `k_o` of one signing or decryption key, in [1, n-1], independent of every other secret. Wiped on drop.
///
/// ```compile_fail,E0599
/// fn copy(key: &cosign_core::oprf::OprfKey) -> cosign_core::oprf::OprfKey {
///     key.clone()
/// }
/// ```
pub struct OprfKey(SecretScalar);

impl OprfKey {
    /// Length of the secret encoding in bytes.
    pub const LEN: usize = 32;

    /// Draws a new key.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn random(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<Self, Error> {
        Ok(Self(SecretScalar::random(rng)?))
    }

    /// `k_o`, big-endian, to be sealed at once.
    #[must_use]
    pub fn expose_bytes(&self) -> Zeroizing<[u8; Self::LEN]> {
        self.0.expose_bytes()
    }

    /// Reads what [`Self::expose_bytes`] gave; `None` unless it is in range.
    ///
    /// Timing: independent of the key where it is accepted.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Option<Self> {
        SecretScalar::from_bytes(bytes).map(Self)
    }

    /// `beta = k_o*alpha`. The caller has counted an attempt, durably, before this leaves.
    ///
    /// Timing: independent of the key.
    #[must_use]
    pub fn evaluate(&self, alpha: &PublicPoint) -> PublicPoint {
        alpha.mul(&self.0)
    }
}

impl fmt::Debug for OprfKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OprfKey(..)")
    }
}

/// What the client remembers until the answer: PIN and `rho`. Used once, wiped on drop.
///
/// ```compile_fail,E0382
/// fn twice(waiting: cosign_core::oprf::Blinded<'_>, beta: &[u8; 64]) {
///     let _ = waiting.finish(beta);
///     let _ = waiting.finish(beta);
/// }
/// ```
pub struct Blinded<'p> {
    pin: &'p Pin,
    key_id: KeyId,
    salt: [u8; 16],
    rho: SecretScalar,
}

/// Blinds a PIN: the 64 bytes `X || Y` of `alpha` to send, which are uniform whatever the PIN, and the state that waits for
/// the answer.
///
/// Timing: depends on the PIN's length only.
///
/// # Errors
/// [`Error::RandomFailed`]. [`Error::ApiMisuse`] for a PIN that hashes to the identity, which nobody can find.
pub fn blind<'p>(
    pin: &'p Pin,
    key_id: KeyId,
    salt: &[u8; 16],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<([u8; 64], Blinded<'p>), Error> {
    let point = hash_to_curve(&[pin.as_bytes(), key_id.as_bytes(), salt], TAG)
        .map_err(|_| Error::ApiMisuse(ApiMisuse::PinFormat))?;
    let rho = SecretScalar::random(rng)?;
    // Uniform in the group without the identity, because rho is uniform and used for nothing else that is sent.
    let alpha = point.mul(&rho).declassify();
    Ok((alpha.to_bytes(), Blinded { pin, key_id, salt: *salt, rho }))
}

impl Blinded<'_> {
    /// Takes the blinding off `beta` and gives `rwd`. **A wrong PIN or a wrong `beta` gives another value, not an error.**
    ///
    /// Timing: depends on the PIN's length only, and on whether `beta` is a point.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`] with `E_RESP_POINT` unless `beta` is a point, `X || Y`.
    pub fn finish(self, beta: &[u8; 64]) -> Result<Rwd, Error> {
        let beta = PublicPoint::from_bytes(beta).ok_or(Error::InvalidMessage(Code::RespPoint))?;
        let point = beta.mul_secret(&self.rho.invert()).expose_bytes();
        let parts = [self.pin.as_bytes(), self.key_id.as_bytes(), &self.salt, &point[..]];
        // As large as it gets: a vector that grows would leave copies behind.
        let mut input = Zeroizing::new(Vec::with_capacity(parts.map(<[u8]>::len).iter().sum()));
        parts.iter().for_each(|part| input.extend_from_slice(part));
        let mut rwd = Zeroizing::new([0; Rwd::LEN]);
        sm3::hkdf(&input, &[], INFO, &mut rwd[..])?;
        Ok(Rwd(rwd))
    }
}

impl fmt::Debug for Blinded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blinded(..)")
    }
}

/// `rwd`: what a PIN is worth for one key, 32 bytes that look random without the server. Wiped on drop.
pub struct Rwd(Zeroizing<[u8; Self::LEN]>);

impl Rwd {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// The bytes, to derive the mask of a share from. Never to be stored or sent.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Rwd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rwd(..)")
    }
}
