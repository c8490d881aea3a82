//! CTR mode (NIST SP 800-38A, section 6.5; GB/T 17964-2021): the counter is the whole block, a 128-bit
//! big-endian integer that wraps around.
//!
//! No authenticity: a flipped bit of the ciphertext is a flipped bit of the plaintext. A counter value must
//! never be used twice under one key.

use zeroize::Zeroizing;

use super::block::{RoundKeys, advance, xor};
use super::{BLOCK_LEN, KEY_LEN};
use crate::low::scratch::Scratch;

/// A CTR key stream. Encryption and decryption are the same. Wiped on drop.
pub struct Ctr {
    keys: RoundKeys,
    counter: u128,
    /// The last block of key stream, of which the bytes from `used` on are still to be used.
    stream: Zeroizing<[u8; BLOCK_LEN]>,
    used: usize,
}

impl Ctr {
    /// Begins at the counter block `iv`, which is not secret: where its low 32 bits wrap around shows in the timing.
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
        }
        let mut rest = rest;
        while !rest.is_empty() {
            // A run ends where the lowest 32 bits carry.
            let blocks = (1 << 32) - (self.counter & u128::from(u32::MAX));
            let length =
                usize::try_from(blocks * BLOCK_LEN as u128).map_or(rest.len(), |run| run.min(rest.len()));
            let (run, after) = rest.split_at_mut(length);
            xor_stream(&self.keys, self.counter, run, &mut self.stream);
            self.counter = self.counter.wrapping_add(run.len().div_ceil(BLOCK_LEN) as u128);
            rest = after;
        }
    }
}

/// Adds the key stream of `counter` and the following ones, of which the lowest 32 bits count, to `data`. If that
/// ends inside a block, the rest of the key stream of this block is left in `last`, at its place.
pub(super) fn xor_stream(keys: &RoundKeys, counter: u128, data: &mut [u8], last: &mut [u8; BLOCK_LEN]) {
    /// Blocks at the end that go together with the broken one.
    const TAIL: usize = 16;
    let whole = match data.len() % BLOCK_LEN {
        0 => data.len(),
        _ => data.len() - data.len() % (TAIL * BLOCK_LEN),
    };
    let (whole, tail) = data.split_at_mut(whole);
    let whole = whole.as_chunks_mut().0;
    keys.ctr(counter, whole);
    if !tail.is_empty() {
        let mut buffer = Scratch::<TAIL>::new();
        let blocks = &mut buffer.0[..tail.len().div_ceil(BLOCK_LEN)];
        blocks.as_flattened_mut()[..tail.len()].copy_from_slice(tail);
        keys.ctr(advance(counter, whole.len() as u128), blocks);
        tail.copy_from_slice(&blocks.as_flattened()[..tail.len()]);
        *last = blocks[blocks.len() - 1];
    }
}
