//! Random access to a file through one buffer.

use std::io::{Read, Seek, SeekFrom};

use crate::error::Error;

use super::parser::Parser;

/// Longest object, the bytes of streams not counted.
pub const MAX_OBJECT_LEN: usize = 8 << 20;

/// Most bytes that are looked at in all while a document is open, streams that are only passed on not counted: what a file
/// makes work by naming the same thing often.
pub const MAX_WORK: u64 = 1 << 30;

/// What looking at something costs at least, in bytes.
const LEAST_WORK: u64 = 64;

/// Fewest bytes that are read at a time.
const READ_AHEAD: usize = 16 * 1024;

/// Longest object that is expected; longer ones are begun again.
const FIRST_WINDOW: usize = 2 * 1024;

/// A file, of which a window is in memory.
#[derive(Debug)]
pub(super) struct Source<R> {
    inner: R,
    len: u64,
    start: u64,
    buffer: Vec<u8>,
    work: u64,
}

impl<R: Read + Seek> Source<R> {
    pub(super) fn new(mut inner: R) -> Result<Self, Error> {
        let len = inner.seek(SeekFrom::End(0))?;
        Ok(Self { inner, len, start: 0, buffer: Vec::new(), work: 0 })
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }

    /// `want` bytes from an offset, or as many as there are before the end of the file.
    pub(super) fn window(&mut self, offset: u64, want: usize) -> Result<&[u8], Error> {
        let available = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = want.min(available);
        if self.buffered(offset, want).is_none() {
            let fill = want.max(READ_AHEAD).min(available);
            self.inner.seek(SeekFrom::Start(offset))?;
            self.buffer.resize(fill, 0);
            self.start = offset;
            if let Err(error) = self.inner.read_exact(&mut self.buffer) {
                self.buffer.clear();
                return Err(error.into());
            }
        }
        Ok(self.buffered(offset, want).unwrap_or_default())
    }

    fn buffered(&self, offset: u64, want: usize) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.buffer.get(at..at.checked_add(want)?)
    }

    /// Parses at an offset, and says how many bytes that took.
    pub(super) fn parse<T>(
        &mut self,
        offset: u64,
        read: impl Fn(&mut Parser<'_>) -> Result<T, Error>,
    ) -> Result<(T, u64), Error> {
        let mut want = FIRST_WINDOW;
        loop {
            let rest = self.len.saturating_sub(offset);
            let mut parser = Parser::new(self.window(offset, want)?, Some(offset));
            let result = read(&mut parser);
            let (starved, position) = (parser.starved(), parser.position() as u64);
            self.spend(position)?;
            if !starved || want as u64 >= rest {
                return result.map(|value| (value, position));
            }
            if want >= MAX_OBJECT_LEN {
                return Err(Error::TooLarge("length of an object"));
            }
            want *= 8;
        }
    }

    /// Counts bytes that are looked at.
    pub(super) const fn spend(&mut self, bytes: u64) -> Result<(), Error> {
        self.work = self.work.saturating_add(bytes).saturating_add(LEAST_WORK);
        if self.work > MAX_WORK { Err(Error::TooLarge("work that a document makes")) } else { Ok(()) }
    }

    /// A reader of a part of the file, which goes around the buffer.
    pub(super) fn part(&mut self, offset: u64, len: u64) -> Result<std::io::Take<&mut R>, Error> {
        self.inner.seek(SeekFrom::Start(offset))?;
        Ok((&mut self.inner).take(len))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn windows_are_what_the_file_has_there() {
        let file: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
        let mut source = Source::new(Cursor::new(&file)).unwrap();
        for (offset, want) in
            [(0, 10), (5, 10), (16_380, 10), (99_995, 10), (0, 60_000), (100_000, 5), (200_000, 5)]
        {
            let end = (offset + want).min(file.len());
            let expected = file.get(offset..end).unwrap_or_default();
            assert_eq!(source.window(offset as u64, want).unwrap(), expected, "{offset} {want}");
        }
    }
    #[test]
    fn an_object_that_is_too_long_and_too_much_work_are_refused() {
        let mut long = b"(".to_vec();
        long.resize(9 << 20, b'a');
        long.push(b')');
        let mut source = Source::new(Cursor::new(&long)).unwrap();
        let result = source.parse(0, |parser| parser.value());
        assert_eq!(result.unwrap_err(), Error::TooLarge("length of an object"));
        let mut source = Source::new(Cursor::new(b"(ab)")).unwrap();
        assert_eq!(source.parse(0, |parser| parser.value()).unwrap().1, 4);
        assert!(source.spend(MAX_WORK - 4 - 2 * LEAST_WORK).is_ok());
        assert!(matches!(source.parse(0, |parser| parser.value()), Err(Error::TooLarge(_))));
    }
}
