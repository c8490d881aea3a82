//! HMAC with SM3 (RFC 2104): 32-byte tags.

use alloc::{vec, vec::Vec};
use core::slice;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use super::compress::{BLOCK, IV, State, compress_blocks, to_bytes};
use super::{DIGEST_LEN, Sm3, digest};

/// The HMAC-SM3 tag of the concatenation of `parts`, 32 bytes.
///
/// Timing depends on lengths only.
#[must_use]
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST_LEN] {
    let mut mac = HmacSm3::new(key);
    for part in parts {
        mac.update(part);
    }
    mac.finalize()
}

/// An HMAC key with both of its padded blocks absorbed: every tag made from it costs two compressions less
/// than one made from the bytes of the key.
///
/// Wiped on drop; neither cloned nor printed.
///
/// ```compile_fail,E0599
/// let key = sm_primitives::sm3::hmac::HmacKey::new(b"key");
/// let copy = key.clone();
/// ```
pub struct HmacKey {
    inner: Zeroizing<State>,
    outer: Zeroizing<State>,
}

impl HmacKey {
    /// Takes a key of any length; one longer than 64 bytes is hashed first.
    ///
    /// Timing depends on the length of the key only. Source: RFC 2104, section 2, steps (1) to (3) and (5), (6).
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut pad = [0; BLOCK];
        if key.len() > BLOCK {
            let mut hashed = digest(key);
            pad[..DIGEST_LEN].copy_from_slice(&hashed);
            hashed.zeroize();
        } else {
            pad[..key.len()].copy_from_slice(key);
        }
        let mut absorbed = Self { inner: Zeroizing::new(IV), outer: Zeroizing::new(IV) };
        for byte in &mut pad {
            *byte ^= 0x36;
        }
        compress_blocks(&mut absorbed.inner, slice::from_ref(&pad));
        for byte in &mut pad {
            *byte ^= 0x36 ^ 0x5c;
        }
        compress_blocks(&mut absorbed.outer, slice::from_ref(&pad));
        pad.zeroize();
        absorbed
    }

    /// Begins a tag.
    #[must_use]
    pub fn start(&self) -> HmacSm3 {
        HmacSm3 { message: Sm3::resume(*self.inner, 1), outer: self.outer.clone() }
    }

    /// The tags of many messages, 32 bytes each, in the order of the messages; on processors with vectors, 8 or 16
    /// messages at once.
    ///
    /// Timing depends on the lengths of the messages only.
    #[must_use]
    pub fn tag_all<M: AsRef<[u8]>>(&self, messages: &[M]) -> Vec<[u8; DIGEST_LEN]> {
        let mut tags = vec![[0; DIGEST_LEN]; messages.len()];
        Sm3::resume(*self.inner, 1).finalize_each(messages, &mut tags);
        let outer = Sm3::resume(*self.outer, 1);
        let mut inner = Zeroizing::new([[0; DIGEST_LEN]; 64]);
        for tags in tags.chunks_mut(inner.len()) {
            let inner = &mut inner[..tags.len()];
            inner.copy_from_slice(tags);
            outer.finalize_each(inner, tags);
        }
        tags
    }

    /// The tag of a 32-byte message in two compressions; `message` is replaced by its tag.
    ///
    /// `block` is scratch made by [`digest_block`], kept by the caller so that a chain of tags sets up the
    /// padding once.
    pub(super) fn chain_digest(&self, message: &mut State, block: &mut [u8; BLOCK]) {
        for chaining in [&self.inner, &self.outer] {
            block[..DIGEST_LEN].copy_from_slice(&to_bytes(message));
            *message = **chaining;
            compress_blocks(message, slice::from_ref(block));
        }
    }
}

/// An HMAC-SM3 computation that takes its message in pieces of any length.
///
/// Wiped on drop; neither cloned nor printed.
pub struct HmacSm3 {
    message: Sm3,
    outer: Zeroizing<State>,
}

impl HmacSm3 {
    /// Begins a tag under `key`, any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        HmacKey::new(key).start()
    }

    /// Absorbs `data`, any length.
    pub fn update(&mut self, data: &[u8]) {
        self.message.update(data);
    }

    /// Absorbs `data` and returns the computation, to write a message as a chain of its parts.
    #[must_use]
    pub fn chain(mut self, data: &[u8]) -> Self {
        self.update(data);
        self
    }

    /// The tag, 32 bytes.
    #[must_use]
    pub fn finalize(self) -> [u8; DIGEST_LEN] {
        Sm3::resume(*self.outer, 1).chain(&self.message.finalize()).finalize()
    }

    /// Whether `tag` is the tag of what was absorbed. A tag that is not 32 bytes long is wrong.
    ///
    /// Timing is independent of both tags.
    #[must_use]
    pub fn verify(self, tag: &[u8]) -> Choice {
        self.finalize().as_slice().ct_eq(tag)
    }
}

/// The last block of a message that is one block and one digest long, with the place of the digest left zero.
pub(super) fn digest_block() -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[DIGEST_LEN] = 0x80;
    // (64 + 32) * 8 = 768 bits.
    block[BLOCK - 2..].copy_from_slice(&768_u16.to_be_bytes());
    block
}
