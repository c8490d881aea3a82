//! Hashing to the curve of SM2 (RFC 9380): the suite `sm2p256v1_XMD:SM3_SSWU_RO_`, put together as the RFC does for P-256.
//!
//! | parameter | value |
//! |---|---|
//! | expansion | `expand_message_xmd` with SM3 |
//! | field | p, m = 1, L = 48, k = 128 |
//! | map | simplified SWU, Z = -9; two points are added |
//! | cofactor | 1 |
//!
//! ```
//! use sm_primitives::{SecretScalar, hash2curve::hash_to_curve};
//!
//! let secret = hash_to_curve(&[b"123456"], b"example/sm2p256v1_XMD:SM3_SSWU_RO_")?;
//! let blinded = secret.mul(&SecretScalar::from_wide(&[7; 48])).declassify();
//! # Ok::<(), sm_primitives::Error>(())
//! ```

use zeroize::Zeroizing;

use crate::{
    Error, SecretPoint,
    mid::field::FieldElement,
    sm3::{BLOCK_LEN, DIGEST_LEN, Sm3},
};

/// Bytes that make one field element, and two.
const L: usize = 48;
const LENGTH: u8 = 96;
const BLOCKS: usize = LENGTH as usize / DIGEST_LEN;

/// The point for the concatenation of `parts`, secret as the message may be: no one knows its logarithm.
///
/// `tag` separates domains, 1 to 255 bytes; it names the application and ends with the suite. Timing depends on lengths
/// only. Source: RFC 9380, sections 3 and 5.
///
/// # Errors
/// [`Error::InvalidLength`] if the tag is empty or longer than 255 bytes. [`Error::InvalidPoint`] if the point is the
/// identity, which happens for no message that anybody can find.
pub fn hash_to_curve(parts: &[&[u8]], tag: &[u8]) -> Result<SecretPoint, Error> {
    let bytes = expand_message(parts, tag)?;
    let (wide, _) = bytes.as_flattened().as_chunks::<L>();
    let mut u = Zeroizing::new([FieldElement::default(); 2]);
    for (u, wide) in u.iter_mut().zip(wide) {
        *u = FieldElement::from_wide(wide);
    }
    SecretPoint::map(&u).ok_or(Error::InvalidPoint)
}

/// Uniform bytes for two field elements. Source: RFC 9380, section 5.3.1.
fn expand_message(parts: &[&[u8]], tag: &[u8]) -> Result<Zeroizing<[[u8; DIGEST_LEN]; BLOCKS]>, Error> {
    let length = u8::try_from(tag.len()).ok().filter(|&length| length > 0).ok_or(Error::InvalidLength)?;
    let finish = |hash: Sm3, number: u8| hash.chain(&[number]).chain(tag).chain(&[length]).finalize();

    let padded = Sm3::new().chain(&[0; BLOCK_LEN]);
    let message = parts.iter().fold(padded, |hash, part| hash.chain(part));
    let first = Zeroizing::new(finish(message.chain(&[0, LENGTH]), 0));
    let mut previous = Zeroizing::new([0; DIGEST_LEN]);
    let mut blocks = Zeroizing::new([[0; DIGEST_LEN]; BLOCKS]);
    for (number, block) in (1..).zip(blocks.iter_mut()) {
        for (previous, first) in previous.iter_mut().zip(first.iter()) {
            *previous ^= first;
        }
        *block = finish(Sm3::new().chain(&previous[..]), number);
        *previous = *block;
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No message leads here that anybody knows.
    #[test]
    fn the_identity_is_no_point() {
        let one = FieldElement::ONE;
        assert!(SecretPoint::map(&[one, -one]).is_none());
        assert!(SecretPoint::map(&[one, one]).is_some());
    }

    #[test]
    fn tags_have_1_to_255_bytes() {
        for length in [0, 256] {
            assert_eq!(hash_to_curve(&[], &[b'x'; 256][..length]).err(), Some(Error::InvalidLength));
        }
        for length in [1, 255] {
            assert!(hash_to_curve(&[], &[b'x'; 255][..length]).is_ok());
        }
    }
}
