//! The check of an upload: everything that shows without a key.

use alloc::vec::Vec;

use super::{
    HEAD_LEN, InvalidBid, TAG_LEN,
    chunk::ChunkHead,
    header::{Header, HeaderDecoder},
    trailer::{self, MAX_SIGNATURE_LEN, TRAILER_LEN},
};

/// Reads a bid as it comes and stops at the first defect. Holds the header and at most a trailer, never a chunk.
///
/// A receiver can keep an upload that was cut off: [`Structure::whole_len`] bytes of it are good, and the sender goes on
/// from there.
#[derive(Debug, Default)]
pub struct Structure {
    decoder: HeaderDecoder,
    header: Option<Header>,
    state: State,
    /// Whole chunks so far.
    chunks: u64,
    /// Bytes up to the end of the last whole part.
    whole: u64,
    /// Bytes of the plaintext of whole chunks.
    body_len: u64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Header,
    Head(Vec<u8>),
    /// Bytes of the chunk still to come, its length in the file, and whether it is the last.
    Body {
        left: u64,
        head: ChunkHead,
    },
    Trailer(Vec<u8>),
}

/// A bid whose structure is whole.
#[derive(Clone, Debug)]
pub struct Whole {
    /// What stands before the chunks.
    pub header: Header,
    /// Number of chunks.
    pub chunks: u64,
    /// Length of the body, with its index, in bytes.
    pub body_len: u64,
    /// The signature, empty if there is none. Nobody has verified it.
    pub signature: Vec<u8>,
}

impl Structure {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// The first defect; the value is of no use after that.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), InvalidBid> {
        while !bytes.is_empty() {
            self.step(&mut bytes)?;
        }
        Ok(())
    }

    fn step(&mut self, bytes: &mut &[u8]) -> Result<(), InvalidBid> {
        match &mut self.state {
            State::Header => {
                if let Some(header) = self.decoder.push(bytes)? {
                    self.whole = header.len();
                    self.header = Some(header);
                    self.state = State::Head(Vec::with_capacity(HEAD_LEN));
                }
            }
            State::Head(held) => {
                take(held, HEAD_LEN, bytes);
                if let (Some(head), Some(header)) = (held.first_chunk(), &self.header) {
                    let head = ChunkHead::from_bytes(head);
                    head.check(header.manifest(), self.chunks)?;
                    self.state = State::Body { left: u64::from(head.len) + TAG_LEN as u64, head };
                }
            }
            State::Body { left, head } => {
                let now = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *bytes = bytes.get(now..).unwrap_or_default();
                *left -= now as u64;
                if *left == 0 {
                    self.chunks += 1;
                    self.whole += u64::from(head.len) + super::OVERHEAD as u64;
                    self.body_len += u64::from(head.len);
                    self.state = if head.is_last() {
                        State::Trailer(Vec::new())
                    } else {
                        State::Head(Vec::with_capacity(HEAD_LEN))
                    };
                }
            }
            State::Trailer(held) => {
                take(held, MAX_SIGNATURE_LEN + TRAILER_LEN, bytes);
                if !bytes.is_empty() {
                    return Err(InvalidBid::TrailingData);
                }
            }
        }
        Ok(())
    }

    /// Bytes that [`Structure::push`] would only count: those of a chunk behind its head.
    #[must_use]
    pub const fn skippable(&self) -> u64 {
        match &self.state {
            State::Body { left, .. } => left.saturating_sub(1),
            _ => 0,
        }
    }

    /// Passes over that many bytes, at most [`Structure::skippable`].
    pub fn skip(&mut self, bytes: u64) {
        if let State::Body { left, .. } = &mut self.state {
            *left = left.saturating_sub(bytes).max(1);
        }
    }

    /// Bytes worth pushing before asking [`Structure::skippable`] again, at least 1.
    #[must_use]
    pub fn wants(&self) -> usize {
        match &self.state {
            State::Header => self.decoder.wants(),
            State::Head(held) => HEAD_LEN - held.len(),
            State::Body { .. } => 1,
            State::Trailer(_) => MAX_SIGNATURE_LEN + TRAILER_LEN + 1,
        }
    }

    /// The header, once it has come.
    #[must_use]
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Whole chunks so far.
    #[must_use]
    pub const fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Bytes of the header and of the whole chunks so far: from here the sender of a transfer that was cut off goes on.
    #[must_use]
    pub const fn whole_len(&self) -> u64 {
        self.whole
    }

    /// The end of the bytes.
    ///
    /// # Errors
    /// [`InvalidBid::HeaderTruncated`], [`InvalidBid::NoChunks`], [`InvalidBid::ChunkTruncated`],
    /// [`InvalidBid::Trailer`], [`InvalidBid::TrailingData`], and what a signature has to do with the manifest.
    pub fn finish(self) -> Result<Whole, InvalidBid> {
        let header = self.header.ok_or(InvalidBid::HeaderTruncated)?;
        match self.state {
            State::Header => Err(InvalidBid::HeaderTruncated),
            State::Head(held) if self.chunks == 0 && held.is_empty() => Err(InvalidBid::NoChunks),
            State::Head(_) | State::Body { .. } => Err(InvalidBid::ChunkTruncated(self.chunks)),
            State::Trailer(held) => {
                let signature = trailer::parse(header.manifest(), &held)?.to_vec();
                Ok(Whole { header, chunks: self.chunks, body_len: self.body_len, signature })
            }
        }
    }
}

/// Moves bytes to `held` until it has `len`.
fn take(held: &mut Vec<u8>, len: usize, bytes: &mut &[u8]) {
    let now = len.saturating_sub(held.len()).min(bytes.len());
    let (now, later) = bytes.split_at_checked(now).unwrap_or((bytes, &[]));
    held.extend_from_slice(now);
    *bytes = later;
}
