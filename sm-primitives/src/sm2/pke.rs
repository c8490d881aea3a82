//! Public-key encryption. Source: GB/T 32918.4-2016 (GM/T 0003.4-2012).

mod encoding;

use alloc::vec::Vec;
use core::{array, mem};

use rand_core::TryCryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::{PrivateKey, PublicKey};
use crate::{Error, PublicPoint, SecretPoint, SecretScalar, ct, sm3::Sm3};

/// A ciphertext: the point C1, the hash C3 and the masked message C2, which is as long as the message and not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ciphertext {
    c1: PublicPoint,
    c3: [u8; 32],
    c2: Vec<u8>,
}

impl Ciphertext {
    /// The point C1 = \[k\]G.
    #[must_use]
    pub fn c1(&self) -> &PublicPoint {
        &self.c1
    }

    /// The hash C3 = SM3(x2 || M || y2).
    #[must_use]
    pub fn c3(&self) -> &[u8; 32] {
        &self.c3
    }

    /// The masked message C2, at least one byte.
    #[must_use]
    pub fn c2(&self) -> &[u8] {
        &self.c2
    }

    /// Opens the ciphertext with the shared point \[d\]C1 = (x2, y2), wherever that was computed.
    ///
    /// Timing: depends on the length of the message and on whether it opens.
    ///
    /// # Errors
    /// [`Error::DecryptionFailed`] if C3 does not fit or the key stream is all zeros.
    pub fn open(&self, shared: &SecretPoint) -> Result<Zeroizing<Vec<u8>>, Error> {
        // GB/T 32918.4-2016, clause 7.1. B4: t = KDF(x2 || y2, klen), refused if all zero.   B5: M' = C2 xor t.
        let point = shared.expose_bytes();
        let mut message = Zeroizing::new(self.c2.clone());
        let degenerate = xor_key_stream(&point, &mut message);
        // B6: u = SM3(x2 || M' || y2) = C3.
        let fits = Zeroizing::new(c3(&point, &message)).as_slice().ct_eq(&self.c3);
        // The outcome is the answer.
        if ct::into_public_choice(fits & !degenerate) { Ok(message) } else { Err(Error::DecryptionFailed) }
    }
}

/// Encrypts `message`, at least one byte. Timing: depends on the length of the message only.
///
/// # Errors
/// [`Error::InvalidLength`] if `message` is empty or longer than 2^37 - 32 bytes (128 GiB), [`Error::RandomFailed`] if `rng`
/// fails.
pub fn encrypt(
    key: &PublicKey,
    message: &[u8],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Ciphertext, Error> {
    check_length(message)?;
    // A one-byte message needs another nonce once in 256 times, longer ones less often.
    for _ in 0..MAX_NONCES {
        if let Some(ciphertext) = encrypt_with_nonce(key, message, SecretScalar::random(rng)?) {
            return Ok(ciphertext);
        }
    }
    Err(Error::RandomFailed)
}

/// Nonces tried before a random source is given up: 256^-32 for a one-byte message.
const MAX_NONCES: usize = 32;

/// Refuses an empty message, and one for which the block counter of the KDF has too few bits.
pub(super) fn check_length(message: &[u8]) -> Result<(), Error> {
    if message.is_empty() || u32::try_from(message.len().div_ceil(KDF_BLOCK)).is_err() {
        return Err(Error::InvalidLength);
    }
    Ok(())
}

/// The ciphertext of a `message` of checked length with nonce `k`, `None` if another nonce is needed.
pub(super) fn encrypt_with_nonce(key: &PublicKey, message: &[u8], k: SecretScalar) -> Option<Ciphertext> {
    // GB/T 32918.4-2016, clause 6.1. A2: C1 = [k]G.   A4: (x2, y2) = [k]P.
    let c1 = PublicPoint::mul_base(&k);
    let point = key.as_point().mul_secret(&k).expose_bytes();
    // A5: t = KDF(x2 || y2, klen), another k if all zero.   A6: C2 = M xor t.
    let mut c2 = Zeroizing::new(message.to_vec());
    let degenerate = xor_key_stream(&point, &mut c2);
    if ct::into_public_choice(degenerate) {
        return None;
    }
    // A7: C3 = SM3(x2 || M || y2).
    let mut c3 = c3(&point, message);
    ct::into_public(&mut c3);
    ct::into_public_bytes(&mut c2);
    Some(Ciphertext { c1, c3, c2: mem::take(&mut *c2) })
}

/// Decrypts `ciphertext`, the result is as long as C2. Timing: independent of `key`.
///
/// # Errors
/// [`Error::DecryptionFailed`] if it does not open with this key.
pub fn decrypt(key: &PrivateKey, ciphertext: &Ciphertext) -> Result<Zeroizing<Vec<u8>>, Error> {
    // B1, B2: C1 is on the curve by its type; the cofactor is 1.   B3: (x2, y2) = [d]C1.
    ciphertext.open(&ciphertext.c1.mul_secret(key.d()))
}

/// Bytes of the key stream for each value of the counter.
const KDF_BLOCK: usize = 32;

/// Values of the counter that are hashed at once, a whole number of vectors.
const KDF_BATCH: usize = 32;

/// Xors KDF(point, len) to `data`, of checked length, and tells whether all of it was zero.
///
/// KDF(Z, len) is SM3(Z || 00000001) || SM3(Z || 00000002) || .. cut to the length. Source: GB/T 32918.4-2016,
/// clause 5.4.3.
fn xor_key_stream(point: &[u8; 64], data: &mut [u8]) -> Choice {
    let prefix = Sm3::new().chain(point);
    let mut any = Zeroizing::new(0_u8);
    let mut stream = Zeroizing::new([[0; KDF_BLOCK]; KDF_BATCH]);
    let mut counter = 0_u32;
    for piece in data.chunks_mut(KDF_BLOCK * KDF_BATCH) {
        let counters: [_; KDF_BATCH] = array::from_fn(|_| {
            // Wraps beyond the last block of the longest message only.
            counter = counter.wrapping_add(1);
            counter.to_be_bytes()
        });
        let blocks = piece.len().div_ceil(KDF_BLOCK);
        prefix.finalize_each(&counters[..blocks], &mut stream[..blocks]);
        for (byte, mask) in piece.iter_mut().zip(stream.as_flattened()) {
            *byte ^= mask;
            *any |= mask;
        }
    }
    any.ct_eq(&0)
}

/// SM3(x2 || M || y2).
fn c3(point: &[u8; 64], message: &[u8]) -> [u8; 32] {
    let (x2, y2) = point.split_at(32);
    Sm3::new().chain(x2).chain(message).chain(y2).finalize()
}
