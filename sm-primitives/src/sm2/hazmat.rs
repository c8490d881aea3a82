//! Operations with a nonce chosen by the caller, to reproduce published examples. **Not for use:** a nonce that is
//! known, used twice or not uniform gives the private key away.
#![doc(hidden)]

use super::{Ciphertext, PrivateKey, PublicKey, Signature, dsa, pke};
use crate::{Error, SecretScalar};

/// Signs `e` with nonce `k`.
///
/// # Errors
/// [`Error::InvalidScalar`] if `k` does not give a signature of `e`.
pub fn sign_digest_with_nonce(key: &PrivateKey, e: &[u8; 32], k: SecretScalar) -> Result<Signature, Error> {
    dsa::sign_with_nonce(key, e, k).ok_or(Error::InvalidScalar)
}

/// Encrypts `message` with nonce `k`.
///
/// # Errors
/// [`Error::InvalidLength`] if `message` is empty, [`Error::InvalidScalar`] if `k` gives an all-zero key stream.
pub fn encrypt_with_nonce(key: &PublicKey, message: &[u8], k: SecretScalar) -> Result<Ciphertext, Error> {
    pke::check_length(message)?;
    pke::encrypt_with_nonce(key, message, k).ok_or(Error::InvalidScalar)
}
