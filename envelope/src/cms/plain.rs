//! Reading messages with content in the clear: data and signedData.

use alloc::vec::Vec;

use super::compat::Compat;
use super::hash::ContentHasher;
use super::header::{Decoded, HeaderDecoder};
use super::kind::ContentType;
use super::quirk::Quirks;
use super::scan::Scanner;
use super::signers::{ContentId, SignatureSet, Trailer};
use super::walker::{Event, Extent, Walker};
use crate::error::{Error, InvalidMessage};

/// Everything in a message up to the first byte of its content: data or signedData.
///
/// Nothing of it is authenticated: it says what a message claims to be.
#[derive(Debug)]
pub struct PlainHeader {
    content_type: ContentType,
    extent: Extent,
    content: ContentId,
    quirks: Quirks,
    walker: Walker,
}

impl PlainHeader {
    pub(super) const fn new(
        content_type: ContentType,
        extent: Extent,
        content: ContentId,
        quirks: Quirks,
        walker: Walker,
    ) -> Self {
        Self { content_type, extent, content, quirks, walker }
    }

    /// Reads the header of a message that lies in memory, in DER or BER, and returns what follows it.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`].
    pub fn from_bytes(message: &[u8]) -> Result<(Self, &[u8]), Error> {
        let mut rest = message;
        match HeaderDecoder::new(Compat::STRICT).push(&mut rest)? {
            Decoded::Plain(header) => Ok((header, rest)),
            Decoded::Header(_) => Err(InvalidMessage::NotSignedData.into()),
            Decoded::NeedsMore(_) => Err(InvalidMessage::Truncated.into()),
        }
    }

    /// The type of the message: [`ContentType::Data`] or [`ContentType::Signed`].
    #[must_use]
    pub const fn content_type(&self) -> ContentType {
        self.content_type
    }

    /// What the content of a signed message is; `None` for a type that is not of GM/T 0010.
    #[must_use]
    pub fn inner_type(&self) -> Option<ContentType> {
        self.content.content_type()
    }

    /// Whether the message carries its content. Without it the signatures are detached, or there are none.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.extent != Extent::Absent
    }

    /// Length of the content in bytes. `None` if there is none, or if the message does not say it in advance.
    #[must_use]
    pub const fn content_len(&self) -> Option<u64> {
        match self.extent {
            Extent::Exact(len) => Some(len),
            Extent::Absent | Extent::Segments => None,
        }
    }

    /// A hasher for the content as it comes. Signatures without attributes need the keys of their signers in advance:
    /// [`ContentHasher::with_key`]. Where they are not known, read the message twice: see [`PlainHeader::scan`].
    #[must_use]
    pub fn hasher(&self, compat: Compat) -> ContentHasher {
        ContentHasher::new(compat, Some(&self.content))
    }

    /// Begins to read the content, whose bytes follow those of the header.
    #[must_use]
    pub fn read_content(self) -> PlainReader {
        let Self { content, quirks, walker, .. } = self;
        PlainReader { content, trailer: Trailer::default(), quirks, walker }
    }

    /// Begins to read what follows the content, and passes the content by: who signed, before anything is hashed.
    #[must_use]
    pub fn scan(self) -> Scanner {
        Scanner::new(self.content, self.quirks, self.walker)
    }

    /// What was tolerated so far. The end of the message may add to it, see [`SignatureSet::quirks`].
    #[must_use]
    pub const fn quirks(&self) -> Quirks {
        self.quirks
    }
}

/// Gives the content of a message from pieces of any size.
///
/// **What comes out is not verified**: [`SignatureSet::verify`] decides, after the end of the message.
#[derive(Debug)]
pub struct PlainReader {
    content: ContentId,
    trailer: Trailer,
    quirks: Quirks,
    walker: Walker,
}

impl PlainReader {
    /// Takes the next bytes of the message after its header, and appends what is content to `content`: at most
    /// `input.len()` bytes.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`]: the structure after the header is broken, or bytes follow the message. Every later
    /// call fails as well.
    pub fn push(&mut self, mut input: &[u8], content: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            match self.walker.next(&mut input)? {
                Event::NeedInput | Event::End => return Ok(()),
                Event::Content(bytes) => content.extend_from_slice(bytes),
                Event::Field(field, bytes) => self.trailer.field(field, &bytes, &mut self.quirks)?,
                Event::HeaderEnd(_) => return Err(InvalidMessage::Malformed.into()),
            }
        }
    }

    /// Ends the message and gives its signatures, which are not verified yet. A message of type data has none.
    ///
    /// # Errors
    /// [`InvalidMessage::Truncated`].
    pub fn finish(mut self) -> Result<SignatureSet, Error> {
        self.walker.finish()?;
        self.quirks.insert_all(self.walker.quirks());
        Ok(self.trailer.finish(self.content, self.quirks))
    }
}
