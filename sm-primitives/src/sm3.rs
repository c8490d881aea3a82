//! SM3, the hash function of GB/T 32905-2016 (also ISO/IEC 10118-3:2018, hash-function 17), with the three
//! constructions built on it: [`hmac`](mod@hmac), [`hkdf`] and [`pbkdf2`].
//!
//! The running time depends on lengths and iteration counts only, never on the content of a message, key or
//! password: SM3 is additions, rotations and Boolean functions of 32-bit words.
//!
//! ```
//! use sm_primitives::sm3;
//!
//! let prefix = sm3::Sm3::new().chain(b"domain");       // absorbed once, continued many times
//! assert_eq!(prefix.clone().chain(b"1").finalize(), sm3::digest(b"domain1"));
//! assert_eq!(prefix.chain(b"2").finalize(), sm3::digest(b"domain2"));
//! ```

mod batch;
mod compress;
mod hkdf;
pub mod hmac;
#[cfg(all(target_arch = "x86_64", not(miri)))]
mod lanes;
mod pbkdf2;

use alloc::{vec, vec::Vec};
use core::slice;

use crate::{Error, low::sm3::compress};
use compress::{BLOCK, IV, State, compress_blocks, to_bytes};

pub use hkdf::hkdf;
pub use hmac::hmac;
pub use pbkdf2::pbkdf2;

/// Length of an SM3 digest in bytes.
pub const DIGEST_LEN: usize = 32;

/// Length of an SM3 message block in bytes.
pub const BLOCK_LEN: usize = BLOCK;

/// The SM3 digest of `message`, 32 bytes.
///
/// Timing depends on the length of the message only. Source: GB/T 32905-2016, clause 5.
#[must_use]
pub fn digest(message: &[u8]) -> [u8; DIGEST_LEN] {
    Sm3::new().chain(message).finalize()
}

/// The SM3 digests of many messages, 32 bytes each, in the order of the messages.
///
/// The messages may have any lengths; on processors with vectors, 8 or 16 of them are hashed at once. Timing depends
/// on the lengths of the messages only. Source: as [`digest`].
#[must_use]
pub fn digest_all<M: AsRef<[u8]>>(messages: &[M]) -> Vec<[u8; DIGEST_LEN]> {
    Sm3::new().finalize_all(messages)
}

/// An SM3 computation that takes its message in pieces of any length.
///
/// Cloning keeps what has been absorbed so far, so that a common prefix is hashed once. The state is wiped
/// when dropped, because it may have absorbed a secret. The message is shorter than 2^61 bytes.
#[derive(Clone)]
pub struct Sm3 {
    state: State,
    /// The bytes of the unfinished block; `filled < BLOCK_LEN` of them are valid.
    buffer: [u8; BLOCK_LEN],
    filled: usize,
    /// Bytes absorbed in all.
    length: u64,
}

impl Sm3 {
    /// The state before the first byte.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: IV, buffer: [0; BLOCK_LEN], filled: 0, length: 0 }
    }

    /// The state after `block`, which is absorbed at compile time where it is known then: the tag of a domain, say.
    #[must_use]
    pub const fn after_block(block: &[u8; BLOCK_LEN]) -> Self {
        let mut state = IV;
        compress(&mut state, block);
        Self { state, buffer: [0; BLOCK_LEN], filled: 0, length: BLOCK_LEN as u64 }
    }

    /// Continues from the chaining value reached after `blocks` whole blocks.
    fn resume(state: State, blocks: u64) -> Self {
        Self { state, buffer: [0; BLOCK_LEN], filled: 0, length: blocks * BLOCK_LEN as u64 }
    }

    /// Absorbs `data`, any length.
    pub fn update(&mut self, data: &[u8]) {
        self.length = self.length.wrapping_add(data.len() as u64);
        let mut rest = data;
        if self.filled > 0 {
            let (head, after) = rest.split_at(rest.len().min(BLOCK_LEN - self.filled));
            self.buffer[self.filled..self.filled + head.len()].copy_from_slice(head);
            self.filled += head.len();
            if self.filled < BLOCK_LEN {
                return;
            }
            compress_blocks(&mut self.state, slice::from_ref(&self.buffer));
            rest = after;
        }
        let (blocks, tail) = rest.as_chunks();
        compress_blocks(&mut self.state, blocks);
        self.buffer[..tail.len()].copy_from_slice(tail);
        self.filled = tail.len();
    }

    /// Absorbs `data` and returns the hasher, to write a message as a chain of its parts.
    #[must_use]
    pub fn chain(mut self, data: &[u8]) -> Self {
        self.update(data);
        self
    }

    /// Pads the message and returns the digest, 32 bytes.
    ///
    /// Source: GB/T 32905-2016, clause 5.2 (padding: a one bit, zeros, the length in bits as 64 bits).
    #[must_use]
    pub fn finalize(mut self) -> [u8; DIGEST_LEN] {
        let bits = self.length << 3;
        self.buffer[self.filled] = 0x80;
        self.buffer[self.filled + 1..].fill(0);
        if self.filled >= BLOCK_LEN - 8 {
            compress_blocks(&mut self.state, slice::from_ref(&self.buffer));
            self.buffer.fill(0);
        }
        self.buffer[BLOCK_LEN - 8..].copy_from_slice(&bits.to_be_bytes());
        compress_blocks(&mut self.state, slice::from_ref(&self.buffer));
        to_bytes(&self.state)
    }

    /// The digests of what was absorbed, continued by each of `messages`, in their order: a common prefix, such as
    /// the Z of a signer, is hashed once, and 8 or 16 messages at once on processors with vectors.
    ///
    /// Timing depends on lengths only.
    #[must_use]
    pub fn finalize_all<M: AsRef<[u8]>>(&self, messages: &[M]) -> Vec<[u8; DIGEST_LEN]> {
        let mut digests = vec![[0; DIGEST_LEN]; messages.len()];
        self.finalize_each(messages, &mut digests);
        digests
    }

    /// [`finalize_all`](Self::finalize_all) without allocation: writes as many digests as there are `messages`.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if `digests` has another length than `messages`; it is then untouched.
    pub fn finalize_all_into<M: AsRef<[u8]>>(
        &self,
        messages: &[M],
        digests: &mut [[u8; DIGEST_LEN]],
    ) -> Result<(), Error> {
        if messages.len() != digests.len() {
            return Err(Error::InvalidLength);
        }
        self.finalize_each(messages, digests);
        Ok(())
    }
}

impl Default for Sm3 {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Sm3 {
    fn drop(&mut self) {
        wipe(&mut self.state);
        wipe(&mut self.buffer);
    }
}

/// Overwrites `secrets` with zeros, a vector at a time where [`zeroize::Zeroize`] goes byte by byte.
fn wipe<T: Copy + Default>(secrets: &mut [T]) {
    secrets.fill(T::default());
    zeroize::optimization_barrier(secrets);
}
