//! The key schedule, the single block, and the choice of path for many blocks.

use zeroize::Zeroizing;

use super::sbox::substitute;
use super::{BLOCK_LEN, KEY_LEN, planes};

/// Number of rounds.
pub(super) const ROUNDS: usize = 32;

/// The round keys in the order of their use.
///
/// Decryption is encryption with the round keys in reverse order (GB/T 32907-2016, clause 7.2).
pub(super) struct RoundKeys(Zeroizing<[u32; ROUNDS]>);

impl RoundKeys {
    /// Clause 7.3: K_i = MK_i + FK_i, then rk_i = K_(i+4) = K_i + T'(K_(i+1) + K_(i+2) + K_(i+3) + CK_i).
    pub(super) fn new(key: &[u8; KEY_LEN]) -> Self {
        const FK: [u32; 4] = [0xa3b1_bac6, 0x56aa_3350, 0x677d_9197, 0xb270_22dc];
        let mut k = Zeroizing::new(load(key));
        for (word, fk) in k.iter_mut().zip(FK) {
            *word ^= fk;
        }
        let mut keys = Zeroizing::new([0; ROUNDS]);
        for (rk, ck) in keys.iter_mut().zip(CK) {
            let b = substitute(k[1] ^ k[2] ^ k[3] ^ ck);
            *rk = k[0] ^ b ^ b.rotate_left(13) ^ b.rotate_left(23);
            *k = [k[1], k[2], k[3], *rk];
        }
        Self(keys)
    }

    /// The same keys for the other direction.
    pub(super) fn reversed(&self) -> Self {
        let mut keys = self.0.clone();
        keys.reverse();
        Self(keys)
    }

    pub(super) fn as_words(&self) -> &[u32; ROUNDS] {
        &self.0
    }
}

/// Clause 7.3 (2): byte j of CK_i is 7 (4 i + j) mod 256.
const CK: [u32; ROUNDS] = {
    let mut ck = [0; ROUNDS];
    let mut byte: u32 = 0;
    let mut i = 0;
    while i < 4 * ROUNDS {
        ck[i / 4] = (ck[i / 4] << 8) | (byte % 256);
        byte += 7;
        i += 1;
    }
    ck
};

/// A block as four big-endian words.
fn load(block: &[u8; BLOCK_LEN]) -> [u32; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

/// Encrypts one block (decrypts, with the keys reversed). For modes that must wait for each block.
pub(super) fn crypt_block(keys: &RoundKeys, block: &mut [u8; BLOCK_LEN]) {
    // Clause 7.1: X_(i+4) = X_i + T(X_(i+1) + X_(i+2) + X_(i+3) + rk_i), then the four last words reversed.
    let mut x = load(block);
    for rk in keys.as_words().as_chunks::<4>().0 {
        x[0] ^= t(x[1] ^ x[2] ^ x[3] ^ rk[0]);
        x[1] ^= t(x[2] ^ x[3] ^ x[0] ^ rk[1]);
        x[2] ^= t(x[3] ^ x[0] ^ x[1] ^ rk[2]);
        x[3] ^= t(x[0] ^ x[1] ^ x[2] ^ rk[3]);
    }
    for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(x.iter().rev()) {
        *bytes = word.to_be_bytes();
    }
}

/// The transformation T of clause 6.2: the S-boxes, then the linear L.
#[inline(always)]
fn t(word: u32) -> u32 {
    let b = substitute(word);
    b ^ b.rotate_left(2) ^ b.rotate_left(10) ^ b.rotate_left(18) ^ b.rotate_left(24)
}

/// Encrypts independent blocks (decrypts, with the keys reversed).
///
/// The one place where the path for many blocks is chosen.
pub(super) fn crypt_blocks(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_LEN]]) {
    if let [block] = blocks {
        crypt_block(keys, block);
    } else {
        planes::crypt_blocks(keys, blocks);
    }
}
