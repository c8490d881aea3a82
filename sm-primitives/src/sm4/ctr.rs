//! CTR mode (NIST SP 800-38A, section 6.5; GB/T 17964-2021): the counter is the whole block, a 128-bit
//! big-endian integer that wraps around.
//!
//! No authenticity: a flipped bit of the ciphertext is a flipped bit of the plaintext. A counter value must
//! never be used twice under one key.

use zeroize::{Zeroize, Zeroizing};

use super::block::{RoundKeys, crypt_blocks};
use super::{BLOCK_LEN, KEY_LEN};

/// Blocks of key stream made at a time.
const BATCH: usize = 64;

/// A CTR key stream. Encryption and decryption are the same. Wiped on drop.
pub struct Ctr {
    keys: RoundKeys,
    counter: u128,
    /// The last block of key stream, of which the bytes from `used` on are still to be used.
    stream: Zeroizing<[u8; BLOCK_LEN]>,
    used: usize,
}

impl Ctr {
    /// Begins at the counter block `iv`.
    #[must_use]
    pub fn new(key: &[u8; KEY_LEN], iv: &[u8; BLOCK_LEN]) -> Self {
        Self {
            keys: RoundKeys::new(key),
            counter: u128::from_be_bytes(*iv),
            stream: Zeroizing::new([0; BLOCK_LEN]),
            used: BLOCK_LEN,
        }
    }

    /// Adds the next `data.len()` bytes of the key stream to `data`, any length: many calls on the pieces of
    /// a message do the same as one on the whole.
    pub fn apply(&mut self, data: &mut [u8]) {
        let left = &self.stream[self.used..];
        let (head, rest) = data.split_at_mut(left.len().min(data.len()));
        xor(head, left);
        self.used += head.len();
        if !rest.is_empty() {
            self.used = match rest.len() % BLOCK_LEN {
                0 => BLOCK_LEN,
                part => part,
            };
            let step = |counter: u128| counter.wrapping_add(1);
            self.stream = xor_stream(&self.keys, &mut self.counter, step, rest);
        }
    }
}

/// Adds the key stream of `counter`, `step(counter)` and so on to `data`; the counter is left behind the
/// last block used. Returns that last block of key stream (zeros if there was none).
pub(super) fn xor_stream(
    keys: &RoundKeys,
    counter: &mut u128,
    step: impl Fn(u128) -> u128,
    data: &mut [u8],
) -> Zeroizing<[u8; BLOCK_LEN]> {
    let mut stream = [[0; BLOCK_LEN]; BATCH];
    let mut last = Zeroizing::new([0; BLOCK_LEN]);
    let widest = data.len().div_ceil(BLOCK_LEN).min(BATCH);
    for piece in data.chunks_mut(BATCH * BLOCK_LEN) {
        let stream = &mut stream[..piece.len().div_ceil(BLOCK_LEN)];
        for block in stream.iter_mut() {
            *block = counter.to_be_bytes();
            *counter = step(*counter);
        }
        crypt_blocks(keys, stream);
        xor(piece, stream.as_flattened());
        *last = stream[stream.len() - 1];
    }
    stream[..widest].as_flattened_mut().zeroize();
    last
}

/// `data ^= other`, as far as both go.
pub(super) fn xor(data: &mut [u8], other: &[u8]) {
    for (byte, other) in data.iter_mut().zip(other) {
        *byte ^= other;
    }
}
