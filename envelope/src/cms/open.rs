//! Decrypting the content of a message.

use alloc::vec::Vec;
use core::fmt;

use super::cipher::{Algorithm, Decryptor};
use super::kind::ContentType;
use super::quirk::Quirks;
use super::signers::{ContentId, SignatureSet, Trailer};
use super::walker::{Event, Walker};
use crate::error::{ApiMisuse, Error, InvalidMessage};
use crate::key::ContentKey;

/// Decrypts the content from pieces of any size.
///
/// **What comes out before [`Opener::finish`] has returned `Ok` may be cut short, and all of it may be forged** (see
/// the [module documentation](crate::cms)), with SM4-GCM as with SM4-CBC. Write it to a place that is discarded on
/// error.
pub struct Opener {
    decryptor: Decryptor,
    content_type: ContentType,
    content: ContentId,
    trailer: Trailer,
    quirks: Quirks,
    walker: Walker,
}

impl Opener {
    pub(super) fn new(
        key: &ContentKey,
        algorithm: &Algorithm,
        content_type: ContentType,
        content: ContentId,
        quirks: Quirks,
        walker: Walker,
    ) -> Self {
        let decryptor = Decryptor::new(key, algorithm);
        Self { decryptor, content_type, content, trailer: Trailer::default(), quirks, walker }
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
                Event::Content(bytes) => self.decryptor.push(bytes, plaintext)?,
                Event::Field(field, bytes) => self.trailer.field(field, &bytes, &mut self.quirks)?,
                Event::HeaderEnd(_) => return Err(InvalidMessage::Malformed.into()),
            }
        }
    }

    /// Ends a message without signatures: appends the plaintext of the last block and tells what was tolerated in the
    /// whole message.
    ///
    /// # Errors
    /// [`InvalidMessage::Truncated`], [`InvalidMessage::BlockLength`], or [`Error::DecryptionFailed`] if the padding
    /// (SM4-CBC) or the tag (SM4-GCM) is wrong, which says nothing about why. Timing of that check: independent of the
    /// plaintext. [`ApiMisuse::SignaturesIgnored`] for signedAndEnvelopedData, which takes
    /// [`Opener::finish_signed`].
    pub fn finish(self, plaintext: &mut Vec<u8>) -> Result<Quirks, Error> {
        if self.content_type.is_signed() {
            return Err(ApiMisuse::SignaturesIgnored.into());
        }
        self.finish_signed(plaintext).map(|set| set.quirks())
    }

    /// Ends a message of any encrypted type: as [`Opener::finish`], and gives the signatures of the plaintext, which are
    /// not verified yet. A type that has none gives an empty set.
    ///
    /// # Errors
    /// As [`Opener::finish`].
    pub fn finish_signed(mut self, plaintext: &mut Vec<u8>) -> Result<SignatureSet, Error> {
        self.walker.finish()?;
        self.decryptor.finish(plaintext)?;
        self.quirks.insert_all(self.walker.quirks());
        Ok(self.trailer.finish(self.content, self.quirks))
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(..)")
    }
}
