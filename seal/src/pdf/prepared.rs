//! What is appended to a file to sign it.

use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;

use crate::error::Error;

/// Bytes that are read of the file at a time.
const BUFFER_LEN: usize = 64 * 1024;

/// What is appended to a file to sign it, with zeros where the value of the signature goes.
#[derive(Clone, Debug)]
pub struct Prepared {
    base: u64,
    bytes: Vec<u8>,
    /// `/Contents` in `bytes`, with its delimiters.
    contents: Range<usize>,
    byte_range: [u64; 4],
    field: String,
    has_xfa: bool,
}

impl Prepared {
    pub(super) const fn new(
        base: u64,
        bytes: Vec<u8>,
        contents: Range<usize>,
        byte_range: [u64; 4],
        field: String,
        has_xfa: bool,
    ) -> Self {
        Self { base, bytes, contents, byte_range, field, has_xfa }
    }

    /// The length of the file that was there.
    #[must_use]
    pub const fn base_len(&self) -> u64 {
        self.base
    }

    /// What the signature covers: two offsets, each with a length.
    #[must_use]
    pub const fn byte_range(&self) -> [u64; 4] {
        self.byte_range
    }

    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// Whether the document has an XFA form, with which some readers show something else than the pages.
    #[must_use]
    pub const fn has_xfa(&self) -> bool {
        self.has_xfa
    }

    /// Gives what the signature covers to `sink`, in pieces and in order. `source` is the file that was there.
    ///
    /// # Errors
    /// [`Error::Unusable`]: it has another length; [`Error::Io`].
    pub fn digest_with(
        &self,
        source: &mut (impl Read + Seek),
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        self.original(source, |piece| {
            sink(piece);
            Ok(())
        })?;
        self.appended(sink);
        Ok(())
    }

    /// Gives what the signature covers behind the file to `sink`.
    pub(crate) fn appended(&self, mut sink: impl FnMut(&[u8])) {
        sink(self.bytes.get(..self.contents.start).unwrap_or_default());
        sink(self.bytes.get(self.contents.end..).unwrap_or_default());
    }

    /// Puts the value of the signature in its place, zeros after it: what is to be written behind the file.
    ///
    /// # Errors
    /// [`Error::Unusable`]: the value is empty or longer than was said.
    pub fn embed(mut self, value: &[u8]) -> Result<Vec<u8>, Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let room = self.bytes.get_mut(self.contents.start + 1..self.contents.end.saturating_sub(1));
        let room = room.unwrap_or_default();
        if value.is_empty() || value.len() > room.len() / 2 {
            return Err(Error::Unusable("the value of a signature is longer than its place"));
        }
        for (digits, byte) in room.chunks_exact_mut(2).zip(value) {
            for (digit, half) in digits.iter_mut().zip([byte >> 4, byte & 0xf]) {
                *digit = DIGITS.get(usize::from(half)).copied().unwrap_or(b'0');
            }
        }
        Ok(self.bytes)
    }

    /// Writes the signed file: `source`, which is the file that was there, and what is appended.
    ///
    /// # Errors
    /// As [`Prepared::digest_with`] and [`Prepared::embed`].
    pub fn write(
        self,
        source: &mut (impl Read + Seek),
        out: &mut impl Write,
        value: &[u8],
    ) -> Result<(), Error> {
        self.original(source, |piece| Ok(out.write_all(piece)?))?;
        out.write_all(&self.embed(value)?)?;
        Ok(out.flush()?)
    }

    fn original(
        &self,
        source: &mut (impl Read + Seek),
        mut sink: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let other = Error::Unusable("this is not the file that was prepared");
        if source.seek(SeekFrom::End(0))? != self.base {
            return Err(other);
        }
        source.seek(SeekFrom::Start(0))?;
        let mut input = source.take(self.base);
        let mut buffer = vec![0; BUFFER_LEN];
        let mut left = self.base;
        while left > 0 {
            let len = input.read(&mut buffer)?;
            let piece = buffer.get(..len).filter(|piece| !piece.is_empty()).ok_or(other)?;
            sink(piece)?;
            left = left.saturating_sub(len as u64);
        }
        Ok(())
    }
}
