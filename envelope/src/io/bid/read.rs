//! A bid in a file, before it is opened.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
};

use super::{
    OpenBid,
    pipeline::{self, Cell},
};
use crate::{
    bid::internal::{ChunkHead, ChunkTree, TRAILER_LEN, check_presence, chunk_digest, signature_len},
    bid::{
        BodyKey, Header, HeaderDecoder, InvalidBid, OVERHEAD, Signatory, Slot, Statement, Structure, Whole,
    },
    io::{BUFFER_LEN, Error, read_some},
};

/// Where the chunks of a bid stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Place of the first chunk in the file.
    pub(super) start: u64,
    /// Plaintext bytes of all chunks but the last.
    pub(super) full: u64,
    pub(super) chunks: u64,
    /// Plaintext bytes of the last chunk.
    pub(super) last_len: u64,
}

impl Layout {
    pub(super) const fn stride(&self) -> u64 {
        self.full + OVERHEAD as u64
    }

    pub(super) const fn body_len(&self) -> u64 {
        (self.chunks - 1) * self.full + self.last_len
    }

    pub(super) const fn is_last(&self, place: u64) -> bool {
        place + 1 == self.chunks
    }

    pub(super) fn text_len(&self, place: u64) -> usize {
        let len = if self.is_last(place) { self.last_len } else { self.full };
        usize::try_from(len).unwrap_or(0)
    }
}

/// A bid whose header, end and last chunk's head are right. [`Bid::check_structure`] looks at every head, and
/// [`OpenBid`] at every tag that it passes.
pub struct Bid<R> {
    pub(super) input: R,
    pub(super) header: Header,
    pub(super) layout: Layout,
    signature: Vec<u8>,
}

impl<R: Read + Seek + Send> Bid<R> {
    /// Reads header and trailer.
    ///
    /// # Errors
    /// [`Error::Io`]; what is wrong with the header; for what is wrong behind it, the first defect in the file.
    pub fn open(mut input: R) -> Result<Self, Error> {
        input.seek(SeekFrom::Start(0))?;
        let header = read_header(&mut input)?;
        match read_end(&mut input, &header) {
            Ok((layout, signature)) => Ok(Self { input, header, layout, signature }),
            Err(Error::Envelope(defect)) => {
                // The end does not say where it goes wrong; going through all heads does.
                check_structure(&mut input)?;
                Err(defect.into())
            }
            Err(error) => Err(error),
        }
    }

    /// What stands before the chunks.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The signature, empty if there is none. It says nothing before it was verified over [`Bid::statement`].
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Number of chunks.
    pub const fn chunks(&self) -> u64 {
        self.layout.chunks
    }

    /// Length of the body, with its index, in bytes.
    pub const fn body_len(&self) -> u64 {
        self.layout.body_len()
    }

    /// Looks at the head of every chunk. Needs no key.
    ///
    /// # Errors
    /// [`Error::Io`]; the first defect.
    pub fn check_structure(&mut self) -> Result<(), Error> {
        check_structure(&mut self.input).map(drop)
    }

    /// Hashes all chunks to what a signature is to be verified over. Needs no key. `passed` hears how many bytes were
    /// hashed, and can stop it.
    ///
    /// # Errors
    /// [`Error::Io`]; the first defect that a head shows; what `passed` gave.
    pub fn statement(
        &mut self,
        mut passed: impl FnMut(u64) -> Result<(), Error> + Send,
    ) -> Result<Statement, Error> {
        let (layout, manifest) = (self.layout, self.header.manifest());
        let mut tree = ChunkTree::default();
        let mut chunks = Chunks::new(&mut self.input, layout, 0, layout.chunks)?;
        pipeline::run(
            layout.chunks,
            |cell| chunks.read(cell),
            |cell: &mut Cell| {
                if let Some(head) = cell.chunk().first_chunk() {
                    ChunkHead::from_bytes(head).check(manifest, cell.index).map_err(crate::Error::from)?;
                }
                cell.digest = Some(chunk_digest(cell.chunk()));
                Ok::<_, Error>(())
            },
            |cell| {
                tree.push(cell.digest.unwrap_or_default());
                passed(cell.chunk().len() as u64)
            },
        )?;
        Ok(tree.statement(manifest))
    }

    /// Verifies the signature over all chunks; `None` for a bid that names no signer. Needs no key. `passed` as for
    /// [`Bid::statement`]. What is read later is what was signed only if nobody writes to the file meanwhile.
    ///
    /// # Errors
    /// As [`Bid::statement`] and [`Statement::verify`].
    pub fn verify(
        &mut self,
        passed: impl FnMut(u64) -> Result<(), Error> + Send,
    ) -> Result<Option<Signatory>, Error> {
        if self.header.manifest().signer().is_none() {
            return Ok(None);
        }
        let statement = self.statement(passed)?;
        Ok(Some(statement.verify(self.header.manifest(), &self.signature)?))
    }

    /// Reads the index with the key.
    ///
    /// # Errors
    /// [`Error::Io`]; [`InvalidBid::ChunkTag`] and the like for the chunks that hold the index; what is wrong with it.
    pub fn unlock(self, key: BodyKey) -> Result<OpenBid<R>, Error> {
        OpenBid::new(self, key)
    }

    /// Writes the bid with other slots; everything behind the header stays byte for byte.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`Header::rewrap`].
    pub fn rewrap(mut self, slots: Vec<Slot>, mut output: impl Write) -> Result<(), Error> {
        let (_, bytes) = self.header.rewrap(slots)?;
        output.write_all(&bytes)?;
        self.input.seek(SeekFrom::Start(self.header.len()))?;
        io::copy(&mut self.input, &mut output)?;
        Ok(output.flush()?)
    }
}

impl<R> fmt::Debug for Bid<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bid")
            .field("header", &self.header)
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

/// Goes through all heads of a bid without reading what is between them.
///
/// # Errors
/// [`Error::Io`]; the first defect.
pub fn check_structure(input: &mut (impl Read + Seek)) -> Result<Whole, Error> {
    let end = input.seek(SeekFrom::End(0))?;
    let mut at = input.seek(SeekFrom::Start(0))?;
    let mut structure = Structure::default();
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        // Of a chunk that the file ends in, nothing is passed over, so that it shows.
        let skip = structure.skippable().min(end.saturating_sub(at));
        if skip > 0 {
            at = input.seek(SeekFrom::Start(at + skip))?;
            structure.skip(skip);
        }
        let wanted = structure.wants().min(buffer.len());
        let len = read_some(input, buffer.get_mut(..wanted).unwrap_or_default())?;
        if len == 0 {
            return Ok(structure.finish().map_err(crate::Error::from)?);
        }
        at += len as u64;
        structure.push(buffer.get(..len).unwrap_or_default()).map_err(crate::Error::from)?;
    }
}

pub(super) fn read_header(input: &mut impl Read) -> Result<Header, Error> {
    let mut decoder = HeaderDecoder::default();
    let mut buffer = [0; 4096];
    loop {
        let wanted = decoder.wants().min(buffer.len());
        let len = read_some(input, buffer.get_mut(..wanted).unwrap_or_default())?;
        if len == 0 {
            return Err(crate::Error::from(InvalidBid::HeaderTruncated).into());
        }
        let mut bytes = buffer.get(..len).unwrap_or_default();
        if let Some(header) = decoder.push(&mut bytes).map_err(crate::Error::from)? {
            return Ok(header);
        }
    }
}

/// The layout by the length of the file, and the signature.
fn read_end(input: &mut (impl Read + Seek), header: &Header) -> Result<(Layout, Vec<u8>), Error> {
    let defect = |defect: InvalidBid| Error::Envelope(defect.into());
    let len = input.seek(SeekFrom::End(0))?;
    let behind_header = len.saturating_sub(header.len());
    let body = behind_header.checked_sub(TRAILER_LEN as u64).ok_or(defect(InvalidBid::NoChunks))?;
    input.seek(SeekFrom::Start(header.len() + body))?;
    let mut end = [0; TRAILER_LEN];
    input.read_exact(&mut end)?;
    let signature_len = signature_len(&end).map_err(defect)?;
    let body = body.checked_sub(signature_len as u64).ok_or(defect(InvalidBid::Trailer))?;
    check_presence(header.manifest(), signature_len).map_err(defect)?;
    let mut signature = vec![0; signature_len];
    input.seek(SeekFrom::Start(header.len() + body))?;
    input.read_exact(&mut signature)?;

    let full = u64::from(header.manifest().terms().chunk_size.bytes());
    let stride = full + OVERHEAD as u64;
    let chunks = body.div_ceil(stride);
    let last = chunks.checked_sub(1).ok_or(defect(InvalidBid::NoChunks))?;
    let last_len = (body - last * stride).checked_sub(OVERHEAD as u64);
    let last_len = last_len.ok_or(defect(InvalidBid::ChunkTruncated(last)))?;
    let mut head = [0; crate::bid::HEAD_LEN];
    input.seek(SeekFrom::Start(header.len() + last * stride))?;
    input.read_exact(&mut head)?;
    let head = ChunkHead::from_bytes(&head);
    head.check(header.manifest(), last).map_err(defect)?;
    if !head.is_last() || u64::from(head.len) != last_len {
        return Err(defect(InvalidBid::ChunkLength(last)));
    }
    Ok((Layout { start: header.len(), full, chunks, last_len }, signature))
}

/// Reads the chunks of a range one after another.
pub(super) struct Chunks<'a, R> {
    input: &'a mut R,
    layout: Layout,
    next: u64,
    end: u64,
}

impl<'a, R: Read + Seek> Chunks<'a, R> {
    pub(super) fn new(input: &'a mut R, layout: Layout, first: u64, end: u64) -> io::Result<Self> {
        input.seek(SeekFrom::Start(layout.start + first * layout.stride()))?;
        Ok(Self { input, layout, next: first, end })
    }

    pub(super) fn read(&mut self, cell: &mut Cell) -> Result<bool, Error> {
        let place = self.next;
        if place >= self.end {
            return Ok(false);
        }
        let chunk = cell.prepare(self.layout.text_len(place));
        self.input.read_exact(chunk).map_err(|error| match error.kind() {
            // The file has become shorter.
            ErrorKind::UnexpectedEof => Error::Envelope(InvalidBid::ChunkTruncated(place).into()),
            _ => error.into(),
        })?;
        (cell.index, cell.last) = (place, self.layout.is_last(place));
        self.next += 1;
        Ok(true)
    }
}
