//! SM4-GCM over a message that comes in pieces.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::super::block::{advance, xor};
use super::super::ctr::xor_stream;
use super::super::{BLOCK_LEN, KEY_LEN};
use super::{Gcm, TAG_LEN, check_lengths};
use crate::{Error, ct};

/// Encrypts a message in pieces of any size; the same result as [`Gcm::seal_in_place`] on the whole. Wiped on drop.
pub struct Encryptor(Running);

impl Encryptor {
    /// Begins a message. `nonce` has at least 1 byte, better 12, and is never used twice under `key`.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] as for [`Gcm::seal_in_place`].
    pub fn new(key: &[u8; KEY_LEN], nonce: &[u8], aad: &[u8]) -> Result<Self, Error> {
        Running::new(key, nonce, aad).map(Self)
    }

    /// Encrypts the next bytes in place, any number of them. Timing depends on lengths only.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if the message gets longer than 2^36 - 32 bytes; `data` is then untouched.
    pub fn encrypt(&mut self, data: &mut [u8]) -> Result<(), Error> {
        self.0.count(data.len())?;
        self.0.apply(data);
        self.0.absorb(data);
        Ok(())
    }

    /// The tag of the message, 16 bytes.
    #[must_use]
    pub fn finish(self) -> [u8; TAG_LEN] {
        self.0.tag()
    }
}

/// Decrypts a message in pieces of any size. Wiped on drop.
///
/// **What [`Decryptor::decrypt`] gives may be forged until [`Decryptor::finish`] has returned `Ok`.** Keep it where it
/// can be thrown away, and act on none of it before. [`Gcm::open_in_place`] gives nothing else than authentic text, for a
/// message in memory.
pub struct Decryptor(Running);

impl Decryptor {
    /// Begins a message.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] as for [`Gcm::seal_in_place`].
    pub fn new(key: &[u8; KEY_LEN], nonce: &[u8], aad: &[u8]) -> Result<Self, Error> {
        Running::new(key, nonce, aad).map(Self)
    }

    /// Decrypts the next bytes in place, any number of them. Timing depends on lengths only.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if the message gets longer than 2^36 - 32 bytes; `data` is then untouched.
    pub fn decrypt(&mut self, data: &mut [u8]) -> Result<(), Error> {
        self.0.count(data.len())?;
        self.0.absorb(data);
        self.0.apply(data);
        Ok(())
    }

    /// Checks the tag, 12 to 16 bytes. Timing: independent of where it differs.
    ///
    /// # Errors
    /// [`Error::DecryptionFailed`]: nothing of what came out is to be used. [`Error::InvalidLength`]: the tag has less
    /// than 12 or more than 16 bytes.
    pub fn finish(self, tag: &[u8]) -> Result<(), Error> {
        if !(12..=TAG_LEN).contains(&tag.len()) {
            return Err(Error::InvalidLength);
        }
        let expected = Zeroizing::new(self.0.tag());
        if ct::into_public_choice(expected[..tag.len()].ct_eq(tag)) {
            Ok(())
        } else {
            Err(Error::DecryptionFailed)
        }
    }
}

/// A message of which `length` bytes have come.
struct Running {
    gcm: Gcm,
    /// J_0 of NIST SP 800-38D, section 7.1.
    first: u128,
    /// The counter of the next block of key stream.
    next: u128,
    /// The block of key stream that `length` stands in, if it is not at the end of one.
    stream: Zeroizing<[u8; BLOCK_LEN]>,
    /// The ciphertext of that block as far as it has come, then zeros.
    held: [u8; BLOCK_LEN],
    sum: Zeroizing<u128>,
    aad: u64,
    length: u64,
    /// Bytes that have been hashed, and those that have been combined with key stream; both reach `length`.
    hashed: u64,
    applied: u64,
}

impl Running {
    fn new(key: &[u8; KEY_LEN], nonce: &[u8], aad: &[u8]) -> Result<Self, Error> {
        check_lengths(nonce.len() as u64, aad.len() as u64, 0)?;
        let gcm = Gcm::new(key);
        let first = gcm.first_counter(nonce);
        let mut sum = Zeroizing::new(0);
        let (blocks, tail) = aad.as_chunks();
        gcm.hash_key.absorb(&mut sum, blocks);
        if !tail.is_empty() {
            gcm.hash_key.absorb(&mut sum, &[filled_up(tail)]);
        }
        Ok(Self {
            gcm,
            first,
            next: advance(first, 1),
            stream: Zeroizing::new([0; BLOCK_LEN]),
            held: [0; BLOCK_LEN],
            sum,
            aad: aad.len() as u64,
            length: 0,
            hashed: 0,
            applied: 0,
        })
    }

    fn count(&mut self, more: usize) -> Result<(), Error> {
        let length = self.length.checked_add(more as u64).ok_or(Error::InvalidLength)?;
        check_lengths(1, 0, length)?;
        self.length = length;
        Ok(())
    }

    /// Combines the next bytes with the key stream.
    fn apply(&mut self, data: &mut [u8]) {
        let at = place(self.applied);
        self.applied += data.len() as u64;
        let left = if at == 0 { 0 } else { BLOCK_LEN - at };
        let (head, rest) = data.split_at_mut(left.min(data.len()));
        xor(head, &self.stream[at..]);
        if !rest.is_empty() {
            xor_stream(&self.gcm.keys, self.next, rest, &mut self.stream);
            self.next = advance(self.next, rest.len().div_ceil(BLOCK_LEN) as u128);
        }
    }

    /// Hashes the next bytes of the ciphertext.
    fn absorb(&mut self, data: &[u8]) {
        let at = place(self.hashed);
        self.hashed += data.len() as u64;
        let mut rest = data;
        if at != 0 {
            let (head, after) = data.split_at((BLOCK_LEN - at).min(data.len()));
            self.held[at..at + head.len()].copy_from_slice(head);
            if at + head.len() < BLOCK_LEN {
                return;
            }
            self.gcm.hash_key.absorb(&mut self.sum, &[self.held]);
            rest = after;
        }
        let (blocks, tail) = rest.as_chunks();
        self.gcm.hash_key.absorb(&mut self.sum, blocks);
        self.held = filled_up(tail);
    }

    /// Section 7.1, steps 5 and 6.
    fn tag(mut self) -> [u8; TAG_LEN] {
        if place(self.hashed) != 0 {
            self.gcm.hash_key.absorb(&mut self.sum, &[self.held]);
        }
        let lengths = u128::from(self.aad) << 67 | u128::from(self.length) << 3;
        self.gcm.hash_key.absorb(&mut self.sum, &[lengths.to_be_bytes()]);
        let mut tag = self.sum.to_be_bytes();
        let mut mask = Zeroizing::new(self.first.to_be_bytes());
        self.gcm.keys.crypt_block(&mut mask);
        xor(&mut tag, &*mask);
        tag
    }
}

/// How far into a block a length reaches.
fn place(length: u64) -> usize {
    usize::from(length.to_le_bytes()[0]) % BLOCK_LEN
}

/// At most a block, with zeros behind it.
fn filled_up(tail: &[u8]) -> [u8; BLOCK_LEN] {
    let mut block = [0; BLOCK_LEN];
    block[..tail.len()].copy_from_slice(tail);
    block
}
