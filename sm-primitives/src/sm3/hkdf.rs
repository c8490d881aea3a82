//! HKDF with HMAC-SM3 (RFC 5869).

use zeroize::Zeroize;

use super::DIGEST_LEN;
use super::hmac::{HmacKey, hmac};
use crate::Error;

/// Fills `out` with key material derived from `ikm`, 0 to 255 * 32 = 8160 bytes.
///
/// `salt` and `info` may be empty; an empty salt is the same as 32 zero bytes. Different `info` gives
/// independent keys. Timing depends on lengths only. Source: RFC 5869, sections 2.2 (extract) and 2.3 (expand).
///
/// # Errors
/// [`Error::InvalidLength`] if `out` is longer than 8160 bytes; `out` is then untouched.
pub fn hkdf(ikm: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) -> Result<(), Error> {
    if out.len() > 255 * DIGEST_LEN {
        return Err(Error::InvalidLength);
    }
    let mut prk = hmac(salt, &[ikm]);
    let key = HmacKey::new(&prk);
    prk.zeroize();

    // T(i) = HMAC(PRK, T(i-1) || info || i), T(0) empty.
    let mut t = [0; DIGEST_LEN];
    let mut previous = 0;
    for (i, piece) in (1..=255_u8).zip(out.chunks_mut(DIGEST_LEN)) {
        t = key.start().chain(&t[..previous]).chain(info).chain(&[i]).finalize();
        previous = DIGEST_LEN;
        piece.copy_from_slice(&t[..piece.len()]);
    }
    t.zeroize();
    Ok(())
}
