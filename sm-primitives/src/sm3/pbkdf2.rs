//! PBKDF2 with HMAC-SM3 (RFC 8018, section 5.2).

use zeroize::Zeroize;

use super::DIGEST_LEN;
use super::compress::{State, to_bytes};
use super::hmac::{HmacKey, digest_block};
use crate::Error;

/// Fills `out` with the key derived from `password`, 1 to (2^32 - 1) * 32 bytes.
///
/// `iterations` is at least 1; one iteration costs two compressions per 32 bytes of output. Timing depends
/// on lengths and on `iterations` only. Source: RFC 8018, section 5.2.
///
/// # Errors
/// [`Error::InvalidScalar`] if `iterations` is 0, [`Error::InvalidLength`] if `out` is empty or too long;
/// `out` is then untouched.
pub fn pbkdf2(password: &[u8], salt: &[u8], iterations: u32, out: &mut [u8]) -> Result<(), Error> {
    if iterations == 0 {
        return Err(Error::InvalidScalar);
    }
    if out.is_empty() || u32::try_from(out.len().div_ceil(DIGEST_LEN)).is_err() {
        return Err(Error::InvalidLength);
    }
    let key = HmacKey::new(password);
    let mut block = digest_block();
    for (i, piece) in (1..=u32::MAX).zip(out.chunks_mut(DIGEST_LEN)) {
        // U_1 = PRF(P, S || INT(i)), U_c = PRF(P, U_(c-1)), T_i = U_1 xor ... xor U_c
        let mut first = key.start().chain(salt).chain(&i.to_be_bytes()).finalize();
        let mut u = words(&first);
        let mut t = u;
        for _ in 1..iterations {
            key.chain_digest(&mut u, &mut block);
            for (sum, word) in t.iter_mut().zip(&u) {
                *sum ^= word;
            }
        }
        first = to_bytes(&t);
        piece.copy_from_slice(&first[..piece.len()]);
        first.zeroize();
        u.zeroize();
        t.zeroize();
    }
    block.zeroize();
    Ok(())
}

/// A digest as the eight words it was made of.
fn words(digest: &[u8; DIGEST_LEN]) -> State {
    let mut words = State::default();
    for (word, bytes) in words.iter_mut().zip(digest.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}
