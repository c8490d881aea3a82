//! A bid that is open.

use std::{
    fmt,
    io::{Read, Seek},
    ops::Range,
};

use zeroize::Zeroizing;

use super::{
    Bid,
    pipeline::{self, Cell},
    read::Chunks,
};
use crate::{
    bid::{
        BodyKey, Entry, Header, Index, InvalidBid, MAX_INDEX_LEN,
        internal::{Search, defect},
    },
    io::Error,
};

/// Bytes at the end of the body that say how long the index is.
const LENGTH: u64 = 4;

/// A bid with its key and its index. Every chunk is authenticated before anything of it is given out.
pub struct OpenBid<R> {
    bid: Bid<R>,
    key: BodyKey,
    index: Index,
}

impl<R: Read + Seek + Send> OpenBid<R> {
    pub(super) fn new(mut bid: Bid<R>, key: BodyKey) -> Result<Self, Error> {
        let defect = |defect: InvalidBid| Error::Envelope(defect.into());
        let body = bid.layout.body_len();
        let before_length = body.checked_sub(LENGTH).ok_or(defect(InvalidBid::Index))?;
        let length = bytes(&mut bid, &key, before_length..body)?;
        let length = length.first_chunk().map_or(0, |length| u32::from_be_bytes(*length));
        if length as usize > MAX_INDEX_LEN {
            return Err(defect(InvalidBid::IndexTooLarge));
        }
        let content = before_length.checked_sub(u64::from(length)).ok_or(defect(InvalidBid::Index))?;
        let index = bytes(&mut bid, &key, content..before_length)?;
        let index = Index::from_bytes(&index, content).map_err(defect)?;
        Ok(Self { bid, key, index })
    }

    /// What stands before the chunks.
    pub const fn header(&self) -> &Header {
        self.bid.header()
    }

    /// The files.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Gives `sink` the bytes of a range of the body, in order, with the place of each piece. All of a file is the range
    /// from [`Entry::offset`] to [`Entry::end`]; a file that was cut off goes on from any place in it.
    ///
    /// # Errors
    /// [`Error::Io`]; the [`InvalidBid`] of the first chunk that is broken; what `sink` gave. What `sink` got before is
    /// authentic.
    pub fn copy(
        &mut self,
        range: Range<u64>,
        sink: impl FnMut(u64, &[u8]) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        copy(&mut self.bid, &self.key, range, sink)
    }

    /// A small file as a whole.
    ///
    /// # Errors
    /// As [`OpenBid::copy`].
    pub fn read(&mut self, entry: &Entry) -> Result<Zeroizing<Vec<u8>>, Error> {
        bytes(&mut self.bid, &self.key, entry.offset()..entry.end())
    }
}

impl<R> fmt::Debug for OpenBid<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenBid").field("bid", &self.bid).field("index", &self.index).finish_non_exhaustive()
    }
}

fn copy<R: Read + Seek + Send>(
    bid: &mut Bid<R>,
    key: &BodyKey,
    range: Range<u64>,
    sink: impl FnMut(u64, &[u8]) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    match copy_chunks(bid, key, range, sink) {
        Err(Error::Envelope(crate::Error::InvalidBid(InvalidBid::ChunkTag(place)))) => {
            Err(crate::Error::from(explain(bid, key, place)?).into())
        }
        copied => copied,
    }
}

/// What is wrong with a chunk whose tag is wrong, as far as that is known after a little work.
fn explain<R: Read + Seek + Send>(bid: &mut Bid<R>, key: &BodyKey, place: u64) -> Result<InvalidBid, Error> {
    let mut cell = Cell::default();
    Chunks::new(&mut bid.input, bid.layout, place, place + 1)?.read(&mut cell)?;
    let head = Search::new(1).head_of(key, place, cell.last, cell.chunk());
    Ok(head.map_or(InvalidBid::ChunkTag(place), |head| defect(place, &head)))
}

fn copy_chunks<R: Read + Seek + Send>(
    bid: &mut Bid<R>,
    key: &BodyKey,
    range: Range<u64>,
    mut sink: impl FnMut(u64, &[u8]) -> Result<(), Error> + Send,
) -> Result<(), Error> {
    let layout = bid.layout;
    let range = range.start..range.end.min(layout.body_len());
    if range.is_empty() {
        return Ok(());
    }
    let (first, end) = (range.start / layout.full, (range.end - 1) / layout.full + 1);
    let mut chunks = Chunks::new(&mut bid.input, layout, first, end)?;
    pipeline::run(
        end - first,
        |cell| chunks.read(cell),
        |cell: &mut Cell| {
            let (place, last) = (cell.index, cell.last);
            Ok::<_, Error>(key.open_chunk(place, last, cell.chunk_mut()).map_err(crate::Error::from)?)
        },
        |cell| {
            let at = cell.index * layout.full;
            let text = cell.text();
            let from = usize::try_from(range.start.saturating_sub(at)).unwrap_or(usize::MAX);
            let to = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(text.len());
            sink(at.max(range.start), text.get(from..to).unwrap_or_default())
        },
    )
}

fn bytes<R: Read + Seek + Send>(
    bid: &mut Bid<R>,
    key: &BodyKey,
    range: Range<u64>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    // Not longer than the file, whatever the index says.
    let len = usize::try_from(range.end - range.start).unwrap_or(0);
    let mut out = Zeroizing::new(Vec::with_capacity(len));
    copy(bid, key, range, |_, text| {
        out.extend_from_slice(text);
        Ok(())
    })?;
    Ok(out)
}
