//! A message from a file, binary or text.

use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};

use super::Error;
use crate::armor;
use crate::der::SEQUENCE;

/// Delivers the bytes of a message: those of the reader if it is binary, or the decoded ones if it is text (PEM or
/// base64, at most 1 MiB).
///
/// A message begins with the byte 0x30, which no text form can begin with.
#[derive(Debug)]
pub struct Input<R>(Source<R>);

#[derive(Debug)]
enum Source<R> {
    Binary(io::Chain<Cursor<Vec<u8>>, R>),
    Seekable(R),
    Text(Cursor<Vec<u8>>),
}

impl<R: Read> Input<R> {
    /// Looks at the first byte. Text is read and decoded whole; binary is left in the reader.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`armor::decode`].
    pub fn new(mut reader: R) -> Result<Self, Error> {
        let mut start = Vec::new();
        reader.by_ref().take(1).read_to_end(&mut start)?;
        if start.first().is_none_or(|first| *first == SEQUENCE || !first.is_ascii()) {
            return Ok(Self(Source::Binary(Cursor::new(start).chain(reader))));
        }
        // One byte more than permitted, so that a longer text is refused and not cut.
        reader.take(armor::MAX_TEXT_LEN as u64).read_to_end(&mut start)?;
        Ok(Self(Source::Text(Cursor::new(armor::decode(&start)?))))
    }
}

impl<R: Read + Seek> Input<R> {
    /// As [`Input::new`], for a reader that stands at its start and can go back to it; so can the input then.
    ///
    /// # Errors
    /// As [`Input::new`].
    pub fn seekable(reader: R) -> Result<Self, Error> {
        match Self::new(reader)?.0 {
            Source::Binary(chain) => {
                let (_, mut reader) = chain.into_inner();
                reader.rewind()?;
                Ok(Self(Source::Seekable(reader)))
            }
            source => Ok(Self(source)),
        }
    }

    /// Whether the message came as text.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self.0, Source::Text(_))
    }
}

impl<R: Read + Seek> Seek for Input<R> {
    /// Positions are those in the decoded message. An input from [`Input::new`] does not seek in binary.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Source::Binary(_) => Err(ErrorKind::Unsupported.into()),
            Source::Seekable(reader) => reader.seek(to),
            Source::Text(reader) => reader.seek(to),
        }
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Binary(reader) => reader.read(buffer),
            Source::Seekable(reader) => reader.read(buffer),
            Source::Text(reader) => reader.read(buffer),
        }
    }
}
