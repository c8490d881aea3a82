//! Reading what follows the content without the content.

use super::quirk::Quirks;
use super::signers::{ContentId, SignatureSet, Trailer};
use super::walker::{Event, Walker};
use crate::error::{ApiMisuse, Error, InvalidMessage};

/// Finds the signatures of a message before its content is read.
///
/// A signature without attributes is over a hash that begins with the signer's key, which a message names only after
/// its content. So a message is read twice: first by this, which may leap over the content where the source can seek,
/// then with [`SignatureSet::hasher`].
#[derive(Debug)]
pub struct Scanner {
    content: ContentId,
    trailer: Trailer,
    quirks: Quirks,
    walker: Walker,
}

impl Scanner {
    pub(super) fn new(content: ContentId, quirks: Quirks, walker: Walker) -> Self {
        Self { content, trailer: Trailer::default(), quirks, walker }
    }

    /// Takes the next bytes of the message after its header.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`]. Every later call fails as well.
    pub fn push(&mut self, mut input: &[u8]) -> Result<(), Error> {
        loop {
            match self.walker.next(&mut input)? {
                Event::NeedInput | Event::End => return Ok(()),
                Event::Content(_) => {}
                Event::Field(field, bytes) => self.trailer.field(field, &bytes, &mut self.quirks)?,
                Event::HeaderEnd(_) => return Err(InvalidMessage::Malformed.into()),
            }
        }
    }

    /// How many bytes come next that need not be pushed: see [`Scanner::skip`].
    #[must_use]
    pub fn skippable(&self) -> u64 {
        self.walker.skippable()
    }

    /// Leaves out the next `len` bytes, at most [`Scanner::skippable`] of them.
    ///
    /// # Errors
    /// [`ApiMisuse::SkippedTooFar`].
    pub fn skip(&mut self, len: u64) -> Result<(), Error> {
        if len > self.walker.skippable() {
            return Err(ApiMisuse::SkippedTooFar.into());
        }
        Ok(self.walker.skip(len)?)
    }

    /// Ends the message.
    ///
    /// # Errors
    /// [`InvalidMessage::Truncated`].
    pub fn finish(mut self) -> Result<SignatureSet, Error> {
        self.walker.finish()?;
        self.quirks.insert_all(self.walker.quirks());
        Ok(self.trailer.finish(self.content, self.quirks))
    }
}
