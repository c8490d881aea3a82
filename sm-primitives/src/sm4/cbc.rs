//! CBC mode (NIST SP 800-38A, section 6.2; GB/T 17964-2021) and PKCS#7 padding (RFC 5652, section 6.3).
//!
//! No authenticity: whoever may send ciphertexts and learns which of them have a good padding can decrypt.
//! Check a MAC or a signature over the ciphertext first, or use [`gcm`](super::gcm). The initial vector of a
//! message must not be predictable.

use alloc::vec::Vec;
use core::iter;

use subtle::{ConstantTimeEq, ConstantTimeGreater};
use zeroize::Zeroizing;

use super::block::{EachKeys, RoundKeys, xor};
use super::{BLOCK_LEN, KEY_LEN};
use crate::{Error, ct};

/// Blocks decrypted at a time.
const BATCH: usize = 64;

/// CBC encryption of one message in pieces of whole blocks. Wiped on drop.
pub struct Encryptor {
    keys: RoundKeys,
    /// The last block of ciphertext; at first the initial vector.
    previous: [u8; BLOCK_LEN],
}

impl Encryptor {
    /// Begins a message.
    #[must_use]
    pub fn new(key: &[u8; KEY_LEN], iv: &[u8; BLOCK_LEN]) -> Self {
        Self { keys: RoundKeys::new(key), previous: *iv }
    }

    /// Encrypts the next blocks of the message in place, a multiple of 16 bytes; 0 bytes are no blocks.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if `data` ends inside a block; `data` and the chaining are then untouched.
    pub fn encrypt(&mut self, data: &mut [u8]) -> Result<(), Error> {
        self.encrypt_blocks(whole_blocks(data)?);
        Ok(())
    }

    fn encrypt_blocks(&mut self, blocks: &mut [[u8; BLOCK_LEN]]) {
        self.keys.cbc_encrypt(&mut self.previous, blocks);
    }
}

/// Encrypts the next blocks of several messages at once: each slice in place with its encryptor, as
/// [`Encryptor::encrypt`] does it.
///
/// The blocks of one message have to wait for each other, those of different messages do not: 16 messages together
/// take about twice as long as one of them. Any number of messages, of different lengths and under different keys, is
/// taken in turns; equal lengths, or the longest ones first, keep the turns full. Timing depends on lengths only.
///
/// # Errors
/// [`Error::InvalidLength`] if one of the slices ends inside a block; all data and chaining is then untouched.
pub fn encrypt_many(messages: &mut [(&mut Encryptor, &mut [u8])]) -> Result<(), Error> {
    if messages.iter().any(|(_, data)| data.len() % BLOCK_LEN != 0) {
        return Err(Error::InvalidLength);
    }
    let mut waiting = messages
        .iter_mut()
        .map(|(encryptor, data)| Lane { encryptor, blocks: data.as_chunks_mut().0 })
        .filter(|lane| !lane.blocks.is_empty());
    let Some(first) = waiting.next() else { return Ok(()) };
    let mut keys = EachKeys::new(&first.encryptor.keys);
    let mut waiting = iter::once(first).chain(waiting);
    let mut lanes = [const { None::<Lane> }; LANES];
    let mut state = [[0; BLOCK_LEN]; LANES];
    loop {
        for (i, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.is_none()) {
            *lane = waiting.next();
            if let Some(lane) = lane {
                keys.set(i, &lane.encryptor.keys);
                state[i] = lane.encryptor.previous;
            }
        }
        let mut running = lanes.iter_mut().flatten();
        match (running.next(), running.next()) {
            (None, _) => return Ok(()),
            // Alone it is faster on its own.
            (Some(lane), None) => {
                lane.encryptor.encrypt_blocks(lane.blocks);
                return Ok(());
            }
            _ => {}
        }
        let steps = lanes.iter().flatten().map(|lane| lane.blocks.len()).min().unwrap_or_default();
        let used = lanes.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        for step in 0..steps {
            for (state, lane) in state.iter_mut().zip(&lanes) {
                lane.as_ref().into_iter().for_each(|lane| xor(state, &lane.blocks[step]));
            }
            keys.crypt(&mut state, used);
            for (state, lane) in state.iter().zip(&mut lanes) {
                lane.as_mut().into_iter().for_each(|lane| lane.blocks[step] = *state);
            }
        }
        for (state, lane) in state.iter().zip(&mut lanes) {
            *lane = lane.take().and_then(|lane| lane.after(steps, state));
        }
    }
}

/// Messages that are encrypted side by side.
const LANES: usize = 16;

/// A message in its turn.
struct Lane<'m> {
    encryptor: &'m mut Encryptor,
    blocks: &'m mut [[u8; BLOCK_LEN]],
}

impl Lane<'_> {
    /// What is left to do when `steps` blocks, of which `last` was the last, are done.
    fn after(self, steps: usize, last: &[u8; BLOCK_LEN]) -> Option<Self> {
        let Self { encryptor, blocks } = self;
        encryptor.previous = *last;
        let blocks = &mut blocks[steps..];
        (!blocks.is_empty()).then_some(Self { encryptor, blocks })
    }
}

/// CBC decryption of one message in pieces of whole blocks. Wiped on drop.
pub struct Decryptor {
    keys: RoundKeys,
    /// The last block of ciphertext; at first the initial vector.
    previous: [u8; BLOCK_LEN],
}

impl Decryptor {
    /// Begins a message.
    #[must_use]
    pub fn new(key: &[u8; KEY_LEN], iv: &[u8; BLOCK_LEN]) -> Self {
        Self { keys: RoundKeys::new(key).reversed(), previous: *iv }
    }

    /// Decrypts the next blocks of the message in place, a multiple of 16 bytes; 0 bytes are no blocks.
    ///
    /// # Errors
    /// [`Error::InvalidLength`] if `data` ends inside a block; `data` and the chaining are then untouched.
    pub fn decrypt(&mut self, data: &mut [u8]) -> Result<(), Error> {
        let mut ciphertext = [[0; BLOCK_LEN]; BATCH];
        for blocks in whole_blocks(data)?.chunks_mut(BATCH) {
            let ciphertext = &mut ciphertext[..blocks.len()];
            ciphertext.copy_from_slice(blocks);
            self.keys.crypt_blocks(blocks);
            for (block, previous) in blocks.iter_mut().zip([&self.previous].into_iter().chain(&*ciphertext)) {
                xor(block, previous);
            }
            self.previous = ciphertext[ciphertext.len() - 1];
        }
        Ok(())
    }
}

fn whole_blocks(data: &mut [u8]) -> Result<&mut [[u8; BLOCK_LEN]], Error> {
    match data.as_chunks_mut() {
        (blocks, []) => Ok(blocks),
        _ => Err(Error::InvalidLength),
    }
}

/// Encrypts a whole message of any length with PKCS#7 padding; the result is 1 to 16 bytes longer.
#[must_use]
pub fn encrypt_padded(key: &[u8; KEY_LEN], iv: &[u8; BLOCK_LEN], message: &[u8]) -> Vec<u8> {
    let (blocks, tail) = message.as_chunks::<BLOCK_LEN>();
    let mut out = Vec::with_capacity(message.len() + BLOCK_LEN);
    out.extend_from_slice(blocks.as_flattened());
    out.extend_from_slice(&pad_block(tail));
    Encryptor::new(key, iv).encrypt_blocks(out.as_chunks_mut().0);
    out
}

/// Decrypts a whole message and takes the PKCS#7 padding off.
///
/// Timing is independent of the plaintext up to the answer: whether the padding is good, and how long it is.
///
/// # Errors
/// [`Error::InvalidLength`] if the ciphertext is not 16, 32, 48 ... bytes long,
/// [`Error::DecryptionFailed`] if the padding is bad.
pub fn decrypt_padded(
    key: &[u8; KEY_LEN],
    iv: &[u8; BLOCK_LEN],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut out = Zeroizing::new(ciphertext.to_vec());
    Decryptor::new(key, iv).decrypt(&mut out)?;
    let length = match out.as_chunks().0 {
        [.., last] => out.len() - BLOCK_LEN + unpad(last)?,
        [] => return Err(Error::InvalidLength),
    };
    out.truncate(length);
    Ok(out)
}

/// The last block of a message with its PKCS#7 padding.
///
/// `tail` is what follows the last whole block, 0 to 15 bytes. (Of more bytes than that, whole blocks at the
/// beginning are passed over.)
#[must_use]
pub fn pad_block(tail: &[u8]) -> [u8; BLOCK_LEN] {
    let tail = tail.as_chunks::<BLOCK_LEN>().1;
    let [.., padding] = (BLOCK_LEN - tail.len()).to_be_bytes();
    let mut block = [padding; BLOCK_LEN];
    block[..tail.len()].copy_from_slice(tail);
    block
}

/// How many bytes of the last block are message, 0 to 15; the rest is PKCS#7 padding.
///
/// Timing is independent of the block; only the answer tells something about it.
///
/// # Errors
/// [`Error::DecryptionFailed`] if the block does not end in n bytes of value n, 1 <= n <= 16.
pub fn unpad(last: &[u8; BLOCK_LEN]) -> Result<usize, Error> {
    let padding = last[BLOCK_LEN - 1];
    let mut bad = padding.ct_eq(&0) | padding.ct_gt(&16);
    for (after, byte) in (0..16_u8).zip(last.iter().rev()) {
        // The byte has `after` bytes behind it, so it is padding if there are more padding bytes than that.
        bad |= padding.ct_gt(&after) & byte.ct_ne(&padding);
    }
    if ct::into_public_choice(bad) {
        return Err(Error::DecryptionFailed);
    }
    let mut length = 16_u8.wrapping_sub(padding);
    ct::into_public(&mut length);
    Ok(usize::from(length))
}
