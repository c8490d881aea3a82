//! Decrypting the content of a message.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::sm4::cbc;
use zeroize::Zeroizing;

use super::quirk::Quirks;
use super::walker::{Event, Walker};
use crate::error::{Error, InvalidMessage};
use crate::key::ContentKey;

const BLOCK: usize = 16;

/// Decrypts the content from pieces of any size.
///
/// **What comes out before [`Opener::finish`] has returned `Ok` may be cut short, and all of it may be forged** (see
/// the [module documentation](crate::cms)). Write it to a place that is discarded on error.
pub struct Opener {
    decryptor: cbc::Decryptor,
    /// Ciphertext not decrypted yet: the last block is known as such only when the message ends. 0 to 16 bytes.
    held: Vec<u8>,
    quirks: Quirks,
    walker: Walker,
}

impl Opener {
    pub(super) fn new(key: &ContentKey, iv: &[u8; BLOCK], quirks: Quirks, walker: Walker) -> Self {
        let decryptor = cbc::Decryptor::new(key.expose_bytes(), iv);
        Self { decryptor, held: Vec::with_capacity(BLOCK), quirks, walker }
    }

    /// Takes the next bytes of the message after its header, and appends the plaintext of every block that is
    /// certainly not the last to `plaintext`: at most `input.len() + 15` bytes.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`]: the structure after the header is broken, or bytes follow the message. Every later
    /// call fails as well.
    pub fn push(&mut self, mut input: &[u8], plaintext: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            match self.walker.next(&mut input)? {
                Event::NeedInput | Event::End => return Ok(()),
                Event::Content(bytes) => self.decrypt(bytes, plaintext)?,
                Event::Field(..) | Event::HeaderEnd(_) => return Err(InvalidMessage::Malformed.into()),
            }
        }
    }

    /// Ends the message: appends the plaintext of the last block and tells what was tolerated in the whole message.
    ///
    /// # Errors
    /// [`InvalidMessage::Truncated`], [`InvalidMessage::BlockLength`], or [`Error::DecryptionFailed`] if the padding
    /// is wrong, which says nothing about why. Timing of the padding check: independent of the plaintext.
    pub fn finish(mut self, plaintext: &mut Vec<u8>) -> Result<Quirks, Error> {
        self.walker.finish()?;
        let last = self.held.as_slice().try_into().map_err(|_| InvalidMessage::BlockLength)?;
        let mut last = Zeroizing::<[u8; BLOCK]>::new(last);
        self.decryptor.decrypt(&mut *last).map_err(|_| Error::DecryptionFailed)?;
        let len = cbc::unpad(&last).map_err(|_| Error::DecryptionFailed)?;
        plaintext.extend(last.iter().take(len));
        self.quirks.insert_all(self.walker.quirks());
        Ok(self.quirks)
    }

    /// Decrypts all whole blocks but the last, which stays held with what follows it.
    fn decrypt(&mut self, bytes: &[u8], plaintext: &mut Vec<u8>) -> Result<(), Error> {
        let total = self.held.len() + bytes.len();
        let ready = total.saturating_sub(1) / BLOCK * BLOCK;
        // `ready` is 0 or at least 16, and `held` has at most 16 bytes.
        let Some((now, later)) = ready.checked_sub(self.held.len()).and_then(|n| bytes.split_at_checked(n))
        else {
            self.held.extend_from_slice(bytes);
            return Ok(());
        };
        plaintext.reserve(ready);
        let start = plaintext.len();
        plaintext.append(&mut self.held);
        plaintext.extend_from_slice(now);
        self.held.extend_from_slice(later);
        let blocks = plaintext.get_mut(start..).unwrap_or_default();
        self.decryptor.decrypt(blocks).map_err(|_| Error::DecryptionFailed)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(..)")
    }
}
