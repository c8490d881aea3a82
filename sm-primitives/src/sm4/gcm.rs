//! SM4-GCM, authenticated encryption (NIST SP 800-38D with the block cipher SM4, as in RFC 8998); the tag
//! is always 16 bytes.
//!
//! A nonce must never be used twice under one key: that gives away the difference of two messages and the
//! key of the authentication. The nonce should be 12 bytes long and counted; other lengths are for formats
//! that ask for them. A message that does not fit memory goes through an [`Encryptor`] and a [`Decryptor`].
//!
//! ```
//! use sm_primitives::sm4::gcm;
//!
//! let mut text = *b"sixteen bytes or any other length";
//! let tag = gcm::seal_in_place(&[7; 16], &[0; 12], b"header", &mut text)?;
//! gcm::open_in_place(&[7; 16], &[0; 12], b"header", &mut text, &tag)?;
//! assert_eq!(&text, b"sixteen bytes or any other length");
//! # Ok::<(), sm_primitives::Error>(())
//! ```

mod stream;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

pub use stream::{Decryptor, Encryptor};

use super::block::{RoundKeys, advance, xor};
use super::ctr::xor_stream;
use super::ghash::{Ghash, HashKey};
use super::{BLOCK_LEN, KEY_LEN};
use crate::low::scratch::Scratch;
use crate::{Error, ct};

/// Length of a tag in bytes.
pub const TAG_LEN: usize = 16;

/// Encrypts `buf` in place and returns the tag over it and `aad`: [`Gcm::seal_in_place`] with a key used once.
///
/// # Errors
/// Those of [`Gcm::seal_in_place`].
pub fn seal_in_place(
    key: &[u8; KEY_LEN],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
) -> Result<[u8; TAG_LEN], Error> {
    Gcm::new(key).seal_in_place(nonce, aad, buf)
}

/// Decrypts `buf` in place if `tag` is right: [`Gcm::open_in_place`] with a key used once.
///
/// # Errors
/// Those of [`Gcm::open_in_place`].
pub fn open_in_place(
    key: &[u8; KEY_LEN],
    nonce: &[u8],
    aad: &[u8],
    buf: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> Result<(), Error> {
    Gcm::new(key).open_in_place(nonce, aad, buf, tag)
}

/// An SM4-GCM key, expanded, for many messages. Wiped on drop; neither cloned nor printed.
///
/// ```compile_fail,E0599
/// let key = sm_primitives::sm4::gcm::Gcm::new(&[0; 16]);
/// let copy = key.clone();
/// ```
pub struct Gcm {
    keys: RoundKeys,
    hash_key: HashKey,
}

impl Gcm {
    /// Expands `key`.
    #[must_use]
    pub fn new(key: &[u8; KEY_LEN]) -> Self {
        let keys = RoundKeys::new(key);
        let mut h = Zeroizing::new([0; BLOCK_LEN]);
        keys.crypt_block(&mut h);
        Self { keys, hash_key: HashKey::new(&h) }
    }

    /// Encrypts `buf` in place and returns the tag over it and `aad`, 16 bytes.
    ///
    /// `nonce` has at least 1 byte, better 12; `buf` has at most 2^36 - 32 bytes. Timing depends on lengths
    /// only. Source: NIST SP 800-38D, section 7.1.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if the nonce is empty or something is too long; `buf` is then untouched.
    pub fn seal_in_place(&self, nonce: &[u8], aad: &[u8], buf: &mut [u8]) -> Result<[u8; TAG_LEN], Error> {
        check_lengths(nonce.len() as u64, aad.len() as u64, buf.len() as u64)?;
        let stream = Stream::new(self, nonce, buf.len());
        let mut hash = self.hash(aad);
        for (index, stripe) in buf.chunks_mut(STRIPE_LEN).enumerate() {
            stream.apply(&self.keys, index, stripe);
            hash.update(stripe);
        }
        Ok(tag_of(hash, &stream, aad, buf))
    }

    /// Decrypts `buf` in place and checks `tag` over what it was and `aad`. If that does not hold, no text is left.
    ///
    /// Timing depends on lengths and on success only. Source: NIST SP 800-38D, section 7.2.
    ///
    /// # Errors
    /// [`Error::DecryptionFailed`] if key, nonce, `aad`, `buf` and `tag` do not belong together,
    /// [`Error::InvalidLength`] as for sealing; `buf` is then overwritten with zeros.
    pub fn open_in_place(
        &self,
        nonce: &[u8],
        aad: &[u8],
        buf: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Error> {
        let checked = check_lengths(nonce.len() as u64, aad.len() as u64, buf.len() as u64).and_then(|()| {
            let stream = Stream::new(self, nonce, buf.len());
            let mut hash = self.hash(aad);
            for (index, stripe) in buf.chunks_mut(STRIPE_LEN).enumerate() {
                hash.update(stripe);
                stream.apply(&self.keys, index, stripe);
            }
            let expected = Zeroizing::new(tag_of(hash, &stream, aad, buf));
            if ct::into_public_choice(expected.ct_eq(tag)) { Ok(()) } else { Err(Error::DecryptionFailed) }
        });
        if checked.is_err() {
            buf.zeroize();
        }
        checked
    }

    /// J_0 of section 7.1, step 2.
    fn first_counter(&self, nonce: &[u8]) -> u128 {
        if let Ok(nonce) = <&[u8; 12]>::try_from(nonce) {
            let mut block = [0; BLOCK_LEN];
            block[..12].copy_from_slice(nonce);
            block[BLOCK_LEN - 1] = 1;
            u128::from_be_bytes(block)
        } else {
            let mut hash = Ghash::new(&self.hash_key);
            hash.update(nonce);
            hash.update_lengths(0, nonce.len());
            u128::from_be_bytes(hash.finish())
        }
    }

    /// GHASH over `aad`, to be continued with the ciphertext.
    fn hash(&self, aad: &[u8]) -> Ghash<'_> {
        let mut hash = Ghash::new(&self.hash_key);
        hash.update(aad);
        hash
    }
}

/// Section 7.1, steps 5 and 6: what was hashed, with the lengths of both strings, encrypted with J_0.
fn tag_of(mut hash: Ghash<'_>, stream: &Stream, aad: &[u8], text: &[u8]) -> [u8; TAG_LEN] {
    hash.update_lengths(aad.len(), text.len());
    let mut tag = hash.finish();
    xor(&mut tag, &stream.first.0[0]);
    tag
}

/// GCTR of section 6.5 for one message: the blocks that J_0 and its successors are encrypted to.
struct Stream {
    j0: u128,
    /// The block of J_0, for the tag, and behind it those for all of a short message: made together, they take not much
    /// longer than one.
    first: Scratch<{ SHORT + 1 }>,
}

/// Blocks of a short message.
const SHORT: usize = 15;
/// Bytes that are encrypted and hashed before the next ones: so many stay in the first cache. Whole blocks.
const STRIPE_LEN: usize = 16 << 10;

impl Stream {
    fn new(gcm: &Gcm, nonce: &[u8], length: usize) -> Self {
        let j0 = gcm.first_counter(nonce);
        let mut first = Scratch::new();
        let blocks = if length <= SHORT * BLOCK_LEN { length.div_ceil(BLOCK_LEN) } else { 0 };
        gcm.keys.ctr(j0, &mut first.0[..=blocks]);
        Self { j0, first }
    }

    /// Adds the stream to stripe `index` of a message as long as `new` was told, counted from 0.
    fn apply(&self, keys: &RoundKeys, index: usize, stripe: &mut [u8]) {
        // Only all of a message can be short at its first stripe.
        if index == 0 && stripe.len() <= SHORT * BLOCK_LEN {
            xor(stripe, self.first.0[1..].as_flattened());
        } else {
            let counter = advance(self.j0, 1 + (index * (STRIPE_LEN / BLOCK_LEN)) as u128);
            xor_stream(keys, counter, stripe, &mut Zeroizing::new([0; BLOCK_LEN]));
        }
    }
}

/// The limits of section 5.2.1.1, in bytes: 2^39 - 256 bits of text, 2^64 - 1 bits of the others.
fn check_lengths(nonce: u64, aad: u64, text: u64) -> Result<(), Error> {
    const LONGEST: u64 = (1 << 61) - 1;
    const LONGEST_TEXT: u64 = (1 << 36) - 32;
    if nonce == 0 || nonce > LONGEST || aad > LONGEST || text > LONGEST_TEXT {
        return Err(Error::InvalidLength);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// The same as in pieces that end elsewhere, and back; a wrong tag leaves nothing.
    #[test]
    fn stripes_make_one_message() {
        let key = Gcm::new(&[0x5a; 16]);
        for length in [
            SHORT * BLOCK_LEN,
            SHORT * BLOCK_LEN + 1,
            STRIPE_LEN - 1,
            STRIPE_LEN,
            STRIPE_LEN + 1,
            3 * STRIPE_LEN + 240,
        ] {
            for nonce in [&[7; 12][..], &[9; 16]] {
                let text: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
                let mut buf = text.clone();
                let tag = key.seal_in_place(nonce, b"header", &mut buf);

                let mut expected = text.clone();
                let in_pieces = Encryptor::new(&[0x5a; 16], nonce, b"header").and_then(|mut encryptor| {
                    expected.chunks_mut(1000).try_for_each(|piece| encryptor.encrypt(piece))?;
                    Ok(encryptor.finish())
                });
                assert_eq!((&buf, tag), (&expected, in_pieces), "{length}");

                let mut tag = tag.unwrap_or_default();
                assert_eq!(key.open_in_place(nonce, b"header", &mut buf, &tag), Ok(()));
                assert_eq!(buf, text, "{length}");
                tag[15] ^= 1;
                assert_eq!(
                    key.open_in_place(nonce, b"header", &mut expected, &tag),
                    Err(Error::DecryptionFailed)
                );
                assert!(expected.iter().all(|&byte| byte == 0), "{length}");
            }
        }
    }

    #[test]
    fn limits() {
        let (longest, longest_text) = ((1 << 61) - 1, (1 << 36) - 32);
        assert_eq!(check_lengths(1, 0, 0), Ok(()));
        assert_eq!(check_lengths(longest, longest, longest_text), Ok(()));
        for (nonce, aad, text) in
            [(0, 0, 0), (longest + 1, 0, 0), (1, longest + 1, 0), (1, 0, longest_text + 1), (1, 0, u64::MAX)]
        {
            assert_eq!(check_lengths(nonce, aad, text), Err(Error::InvalidLength));
        }
    }
}
