//! SM4, the 128-bit block cipher of GB/T 32907-2016 (also ISO/IEC 18033-3:2010/Amd 1:2021), and its modes
//! [`cbc`], [`ctr`] and [`gcm`].
//!
//! Nothing here looks up a table at a place that depends on a key or a message: the S-box is a Boolean circuit, or, on
//! processors that have the instructions, that of AES or an inversion in GF(2^8) between linear maps. Timing depends on
//! lengths only, on processors whose 64-bit multiplication (used by [`gcm`]) takes the same time for all operands.

mod block;
pub mod cbc;
pub mod ctr;
pub mod gcm;
mod ghash;
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod no_engine;
mod planes;
mod sbox;

use block::RoundKeys;

/// Length of an SM4 block in bytes.
pub const BLOCK_LEN: usize = 16;

/// Length of an SM4 key in bytes.
pub const KEY_LEN: usize = 16;

/// An SM4 key, expanded. Wiped on drop.
///
/// It is neither cloned nor printed:
///
/// ```compile_fail,E0599
/// let key = sm_primitives::sm4::Sm4::new(&[0; 16]);
/// let copy = key.clone();
/// ```
/// ```compile_fail,E0277
/// let key = sm_primitives::sm4::Sm4::new(&[0; 16]);
/// println!("{key:?}");
/// ```
pub struct Sm4 {
    encryption: RoundKeys,
    decryption: RoundKeys,
}

impl Sm4 {
    /// Expands `key`. Source: GB/T 32907-2016, clause 7.3.
    #[must_use]
    pub fn new(key: &[u8; KEY_LEN]) -> Self {
        let encryption = RoundKeys::new(key);
        let decryption = encryption.reversed();
        Self { encryption, decryption }
    }

    /// Encrypts one block in place. Source: GB/T 32907-2016, clause 7.1.
    pub fn encrypt_block(&self, block: &mut [u8; BLOCK_LEN]) {
        self.encryption.crypt_block(block);
    }

    /// Decrypts one block in place. Source: GB/T 32907-2016, clause 7.2.
    pub fn decrypt_block(&self, block: &mut [u8; BLOCK_LEN]) {
        self.decryption.crypt_block(block);
    }

    /// Encrypts every block on its own, in place; several times faster than one by one.
    ///
    /// This is not a mode of operation: equal blocks give equal ciphertexts.
    pub fn encrypt_blocks(&self, blocks: &mut [[u8; BLOCK_LEN]]) {
        self.encryption.crypt_blocks(blocks);
    }

    /// Decrypts every block on its own, in place; several times faster than one by one.
    pub fn decrypt_blocks(&self, blocks: &mut [[u8; BLOCK_LEN]]) {
        self.decryption.crypt_blocks(blocks);
    }
}
