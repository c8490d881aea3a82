//! What can still be read of a bid that is broken.

use std::{
    collections::BTreeMap,
    fmt,
    io::{Read, Seek, SeekFrom},
    ops::Range,
};

use zeroize::Zeroizing;

use super::read::read_header;
use crate::{
    bid::{
        BodyKey, Entry, HEAD_LEN, Header, Index, MAX_INDEX_LEN, OVERHEAD,
        internal::{ChunkHead, Search},
    },
    io::{BUFFER_LEN, Error},
};

/// Chunks that do not open although their heads look right, before the search is given up: a file could be full of heads.
const MAX_FAILURES: u64 = 1024;

/// Chunks that belong nowhere near by, before chunks are taken by their heads only.
const MAX_SEARCHES: u64 = 4;

/// The chunks of a broken bid that are whole, wherever they stand in the file: also what was moved, under its head or that of
/// another place, or follows bytes that were lost or added. Nothing is given out that does not authenticate; the signature of the bid is not looked at.
pub struct Salvage<R> {
    input: R,
    key: BodyKey,
    /// Index of a chunk to its place in the file.
    found: BTreeMap<u64, u64>,
    /// Index and plaintext length of the last chunk, if it was found.
    last: Option<(u64, u32)>,
    index: Option<Index>,
    full: u64,
}

impl<R: Read + Seek> Salvage<R> {
    /// The header, from which the key is to be had.
    ///
    /// # Errors
    /// [`Error::Io`]; a header that is broken: then nothing can be saved.
    pub fn header(input: &mut R) -> Result<Header, Error> {
        input.seek(SeekFrom::Start(0))?;
        read_header(input)
    }

    /// Searches the file for chunks that open.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn search(mut input: R, header: &Header, key: BodyKey) -> Result<Self, Error> {
        let end = input.seek(SeekFrom::End(0))?;
        let full = u64::from(key.manifest().terms().chunk_size.bytes());
        let mut salvage = Self { input, key, found: BTreeMap::new(), last: None, index: None, full };
        let mut at = header.len();
        let mut failures = 0;
        let mut search = Search::new(MAX_SEARCHES);
        while end.saturating_sub(at) > OVERHEAD as u64 && failures < MAX_FAILURES {
            let head = salvage.head(at)?;
            let len = u64::from(head.len) + OVERHEAD as u64;
            if salvage.looks_right(&head) && len <= end - at {
                if let Some(head) = salvage.true_head(at, &head, &mut search)? {
                    salvage.found.entry(head.index).or_insert(at);
                    if head.is_last() {
                        salvage.last = Some((head.index, head.len));
                    }
                    at += len;
                    continue;
                }
                failures += 1;
                if end - at - len > OVERHEAD as u64 && salvage.head(at + len)?.id == head.id {
                    at += len;
                    continue;
                }
            }
            at = salvage.next_id(at + 1, end)?;
        }
        salvage.index = salvage.read_index()?;
        Ok(salvage)
    }

    fn head(&mut self, at: u64) -> Result<ChunkHead, Error> {
        let mut head = [0; HEAD_LEN];
        self.input.seek(SeekFrom::Start(at))?;
        self.input.read_exact(&mut head)?;
        Ok(ChunkHead::from_bytes(&head))
    }

    /// Whether this is the head of any chunk of the bid.
    fn looks_right(&self, head: &ChunkHead) -> bool {
        head.check(self.key.manifest(), head.index).is_ok()
    }

    /// The bytes of the chunk that stands there.
    fn chunk(&mut self, at: u64, head: &ChunkHead) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut chunk = Zeroizing::new(vec![0; head.len as usize + OVERHEAD]);
        self.input.seek(SeekFrom::Start(at))?;
        self.input.read_exact(&mut chunk)?;
        Ok(chunk)
    }

    /// The head under which the chunk that stands there opens, if there is one: its own, or that of a place near by.
    fn true_head(
        &mut self,
        at: u64,
        head: &ChunkHead,
        search: &mut Search,
    ) -> Result<Option<ChunkHead>, Error> {
        let mut chunk = self.chunk(at, head)?;
        let sealed = chunk.clone();
        if self.key.open_as(head, &mut chunk) {
            return Ok(Some(*head));
        }
        Ok(search.head_of(&self.key, head.index, head.is_last(), &sealed))
    }

    /// The head of a chunk that was found.
    fn head_of(&self, index: u64) -> ChunkHead {
        let last = self.last.filter(|(last, _)| *last == index);
        let len = last.map_or(self.key.manifest().terms().chunk_size.bytes(), |(_, len)| len);
        ChunkHead::new(self.key.manifest(), index, len, last.is_some())
    }

    /// The next place from `at` on where a chunk could begin.
    fn next_id(&mut self, mut at: u64, end: u64) -> Result<u64, Error> {
        let id = self.key.manifest().digest().first_chunk::<8>().copied().unwrap_or_default();
        let mut buffer = vec![0; BUFFER_LEN];
        while end.saturating_sub(at) >= id.len() as u64 {
            let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(BUFFER_LEN);
            let part = buffer.get_mut(..len).unwrap_or_default();
            self.input.seek(SeekFrom::Start(at))?;
            self.input.read_exact(part)?;
            if let Some(found) = part.windows(id.len()).position(|window| window == id) {
                return Ok(at + found as u64);
            }
            at += (len - id.len() + 1) as u64;
        }
        Ok(end)
    }

    fn read_index(&mut self) -> Result<Option<Index>, Error> {
        let Some(body) = self.body_len() else { return Ok(None) };
        let Some(length) = body.checked_sub(4) else { return Ok(None) };
        let Some(bytes) = self.bytes(length..body)? else { return Ok(None) };
        let index_len = bytes.first_chunk().map_or(0, |len| u32::from_be_bytes(*len));
        let content = length.checked_sub(u64::from(index_len));
        let Some(content) = content.filter(|_| index_len as usize <= MAX_INDEX_LEN) else { return Ok(None) };
        let Some(bytes) = self.bytes(content..length)? else { return Ok(None) };
        Ok(Index::from_bytes(&bytes, content).ok())
    }

    /// Bytes of the body, if all of them were found.
    fn bytes(&mut self, range: Range<u64>) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        if !self.is_whole(&range) {
            return Ok(None);
        }
        let len = usize::try_from(range.end - range.start).unwrap_or(0);
        let mut out = Zeroizing::new(Vec::with_capacity(len));
        self.copy(range, |_, text| {
            out.extend_from_slice(text);
            Ok(())
        })?;
        Ok(Some(out))
    }

    /// Length of the body, if its end was found.
    #[must_use]
    pub fn body_len(&self) -> Option<u64> {
        self.last.map(|(index, len)| index * self.full + u64::from(len))
    }

    /// The files, if the list of them was found.
    #[must_use]
    pub const fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// Whether every byte of a file was found.
    #[must_use]
    pub fn has(&self, entry: &Entry) -> bool {
        self.is_whole(&(entry.offset()..entry.end()))
    }

    fn is_whole(&self, range: &Range<u64>) -> bool {
        if range.is_empty() {
            return true;
        }
        let (first, last) = (range.start / self.full, (range.end - 1) / self.full);
        self.found.range(first..=last).count() as u64 == last - first + 1
    }

    /// The parts of the body that were found, and in what lies between them is lost. Behind the last of them there may be
    /// more that is lost, if the end was not found.
    #[must_use]
    pub fn ranges(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for &index in self.found.keys() {
            let start = index * self.full;
            let len =
                self.last.filter(|(last, _)| *last == index).map_or(self.full, |(_, len)| u64::from(len));
            match ranges.last_mut() {
                Some(range) if range.end == start => range.end = start + len,
                _ => ranges.push(start..start + len),
            }
        }
        ranges
    }

    /// The parts of the body that are lost, as far as is known.
    #[must_use]
    pub fn lost(&self) -> Vec<Range<u64>> {
        let mut lost = Vec::new();
        let mut at = 0;
        for range in self.ranges() {
            if range.start > at {
                lost.push(at..range.start);
            }
            at = range.end;
        }
        lost
    }

    /// Gives `sink` the bytes of a range that was found, in order, with the place of each piece; it leaves out what was
    /// not.
    ///
    /// # Errors
    /// [`Error::Io`]; what `sink` gave.
    pub fn copy(
        &mut self,
        range: Range<u64>,
        mut sink: impl FnMut(u64, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if range.is_empty() {
            return Ok(());
        }
        let (first, last) = (range.start / self.full, (range.end - 1) / self.full);
        let places: Vec<_> = self.found.range(first..=last).map(|(&index, &at)| (index, at)).collect();
        for (index, at) in places {
            let head = self.head_of(index);
            let mut chunk = self.chunk(at, &head)?;
            // Changed under our hands otherwise; then it is lost.
            if self.key.open_as(&head, &mut chunk) {
                let start = head.index * self.full;
                let text = chunk.get(HEAD_LEN..HEAD_LEN + head.len as usize).unwrap_or_default();
                let from = usize::try_from(range.start.saturating_sub(start)).unwrap_or(usize::MAX);
                let to = usize::try_from(range.end - start).unwrap_or(usize::MAX).min(text.len());
                sink(start.max(range.start), text.get(from..to).unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

impl<R> fmt::Debug for Salvage<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Salvage").field("found", &self.found.len()).finish_non_exhaustive()
    }
}
