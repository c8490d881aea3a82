//! Sealing files into a bid.

use std::io::{Read, Write};

use sm_primitives::rand_core::TryCryptoRng;

use super::pipeline::{self, Cell};
use crate::{
    bid::internal::{ChunkTree, IndexWriter, chunk_digest, trailer},
    bid::{Draft, Header, Statement},
    io::{Error, read_some},
};

/// A bid that lacks its trailer.
#[derive(Debug)]
pub struct Sealed<W> {
    header: Header,
    tree: ChunkTree,
    output: W,
}

impl<W: Write> Sealed<W> {
    /// What stands before the chunks.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// What the announced signer is to sign; `None` if there is none.
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        let manifest = self.header.manifest();
        manifest.signer().map(|_| self.tree.statement(manifest))
    }

    /// Writes the trailer and gives back the output, flushed. `signature` is a GM/T 0010 SignedData over
    /// [`Sealed::statement`], empty if no signer was announced.
    ///
    /// # Errors
    /// [`Error::Io`]; [`ApiMisuse::BidSignature`](crate::error::ApiMisuse::BidSignature).
    pub fn finish(mut self, signature: &[u8]) -> Result<W, Error> {
        self.output.write_all(&trailer(self.header.manifest(), signature)?)?;
        self.output.flush()?;
        Ok(self.output)
    }
}

/// Seals files, read one after another to their ends, and writes everything but the trailer. Names are relative paths, see
/// [`is_file_name`](crate::bid::is_file_name).
///
/// # Errors
/// [`Error::Io`]; as [`Draft::begin`]; [`ApiMisuse::BidName`](crate::error::ApiMisuse::BidName),
/// [`ApiMisuse::BidTooLarge`](crate::error::ApiMisuse::BidTooLarge). On any error the output is worthless.
pub fn seal<R: Read + Send, W: Write + Send>(
    draft: Draft,
    files: impl Iterator<Item = std::io::Result<(String, R)>> + Send,
    mut output: W,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Sealed<W>, Error> {
    let (header, bytes, key) = draft.begin(rng)?;
    output.write_all(&bytes)?;
    let chunk_size = header.manifest().terms().chunk_size;
    let signed = header.manifest().signer().is_some();
    let mut body = Body::new(files);
    let mut tree = ChunkTree::default();
    let mut next = 0;
    pipeline::run(
        u64::MAX,
        |cell| {
            if body.is_finished() {
                return Ok(false);
            }
            cell.prepare(chunk_size.bytes() as usize);
            let len = body.fill(cell.text_mut())?;
            cell.set_len(len);
            (cell.index, cell.last) = (next, body.is_finished());
            next += 1;
            Ok(true)
        },
        |cell: &mut Cell| {
            let (index, last) = (cell.index, cell.last);
            key.seal_chunk(index, last, cell.chunk_mut())?;
            cell.digest = signed.then(|| chunk_digest(cell.chunk()));
            Ok::<_, Error>(())
        },
        |cell| {
            if let Some(digest) = cell.digest {
                tree.push(digest);
            }
            Ok(output.write_all(cell.chunk())?)
        },
    )?;
    Ok(Sealed { header, tree, output })
}

/// The files, then the index.
struct Body<I, R> {
    files: I,
    /// The file that is being read, and how much of it has been.
    current: Option<(String, R, u64)>,
    index: Option<IndexWriter>,
    tail: Vec<u8>,
    tail_at: usize,
}

impl<I: Iterator<Item = std::io::Result<(String, R)>>, R: Read> Body<I, R> {
    fn new(files: I) -> Self {
        Self { files, current: None, index: Some(IndexWriter::default()), tail: Vec::new(), tail_at: 0 }
    }

    /// Everything has been taken. The index is never empty, so this is known in time for the last chunk.
    fn is_finished(&self) -> bool {
        self.index.is_none() && self.tail_at == self.tail.len()
    }

    /// Fills `out`, but for the end.
    fn fill(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
            if let Some((name, reader, size)) = &mut self.current {
                let len = read_some(reader, room)?;
                filled += len;
                *size += len as u64;
                if len == 0 {
                    if let Some(index) = &mut self.index {
                        index.add(name, *size)?;
                    }
                    self.current = None;
                }
            } else if let Some(index) = self.index.take() {
                match self.files.next().transpose()? {
                    Some((name, reader)) => {
                        self.current = Some((name, reader, 0));
                        self.index = Some(index);
                    }
                    None => self.tail = index.finish()?,
                }
            } else {
                let rest = self.tail.get(self.tail_at..).unwrap_or_default();
                let len = rest.len().min(room.len());
                room.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                self.tail_at += len;
                filled += len;
                if len == 0 {
                    break;
                }
            }
        }
        Ok(filled)
    }
}
