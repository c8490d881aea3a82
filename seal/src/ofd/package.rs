//! The package: a ZIP file in which every reader sees the same files.
//!
//! A signature holds for the bytes of files, so it must be certain which bytes those are. Programs read ZIP files in two
//! ways: by the directory at the end, or from the beginning, header by header. This reader takes only what is the same in
//! both: the entries fill the file without gap or overlap, each header agrees with the directory, no two names are the same,
//! not even when case does not count. Source: GB/T 33190-2016, clause 6; the ZIP file format specification, version 6.3.

mod directory;
mod write;

pub(crate) use write::Writer;

use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use sha2::{Digest, Sha256};
use sm_primitives::sm3::Sm3;

use crate::error::Error;

/// Longest package, in bytes.
pub const MAX_PACKAGE: u64 = 2 << 30;
/// Most entries of a package.
pub const MAX_ENTRIES: usize = 60_000;
/// Longest file of a package, in bytes.
pub const MAX_FILE: u64 = 1 << 30;
/// Longest sum of all files of a package, in bytes.
pub const MAX_TOTAL: u64 = 4 << 30;
/// How many times its packed length a file longer than [`FREE_LEN`] may be.
pub const MAX_RATIO: u64 = 300;
/// Length of a file up to which it may be packed however well, in bytes.
pub const FREE_LEN: u64 = 1 << 20;
/// Longest name of an entry, in bytes.
pub const MAX_NAME: usize = 1024;

const CHUNK: usize = 64 << 10;

/// A file or a directory of the package.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// From the root, with a slash in front: `/Doc_0/Document.xml`. A directory has one at the end.
    pub(crate) path: String,
    /// Whether another name was read than stands there, so that no reference can name the file.
    pub(crate) foreign_name: bool,
    /// Its record in the directory of the package, as it stands there.
    record: Vec<u8>,
    deflated: bool,
    crc: u32,
    packed: u64,
    len: u64,
    /// Where its header begins.
    start: u64,
    /// Where its data begin.
    data: u64,
    /// Where the next entry begins.
    end: u64,
}

impl Entry {
    pub(crate) fn is_directory(&self) -> bool {
        self.path.ends_with('/')
    }
}

/// A hash function of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SM3.
    Sm3,
    /// SHA-256.
    Sha256,
}

/// A package that is read from a stream; only its directory is in memory.
#[derive(Debug)]
pub struct Package<R> {
    source: R,
    entries: Vec<Entry>,
    names: HashMap<String, usize>,
    digests: HashMap<(usize, Hash), [u8; 32]>,
    deviations: Vec<String>,
}

impl<R: Read + Seek> Package<R> {
    /// Reads the directory and the header of each entry. No file is unpacked.
    ///
    /// # Errors
    /// [`Error::Malformed`]: no ZIP file, or one that two programs could read in two ways; [`Error::Unsupported`]: an
    /// encrypted one, ZIP64, another method than deflate; [`Error::TooLarge`]: beyond the limits of this module;
    /// [`Error::Io`].
    pub fn open(mut source: R) -> Result<Self, Error> {
        let entries = directory::read(&mut source)?;
        let mut names = HashMap::with_capacity(entries.len());
        let mut folded = HashSet::with_capacity(entries.len());
        let mut deviations = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if entry.foreign_name {
                deviations.push(format!("{}: the name is not in UTF-8", entry.path));
            }
            if !folded.insert(entry.path.trim_end_matches('/').to_lowercase()) {
                return Err(Error::Malformed("package: two files of the same name"));
            }
            if !entry.is_directory() {
                names.insert(entry.path.clone(), index);
            }
        }
        Ok(Self { source, entries, names, digests: HashMap::new(), deviations })
    }

    /// The paths of all files, from the root with a slash in front, in the order of the package.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter(|entry| !entry.is_directory()).map(|entry| entry.path.as_str())
    }

    /// The length of all files in bytes, unpacked.
    pub(crate) fn total(&self) -> u64 {
        self.entries.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.len))
    }

    /// Whether there is such a file. Case counts.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.names.contains_key(path)
    }

    /// The length of a file in bytes, unpacked.
    #[must_use]
    pub fn len_of(&self, path: &str) -> Option<u64> {
        self.entry(path).map(|entry| entry.len)
    }

    /// What was tolerated, for people.
    #[must_use]
    pub fn deviations(&self) -> &[String] {
        &self.deviations
    }

    /// A whole file.
    ///
    /// # Errors
    /// [`Error::Malformed`]: there is none, or it is damaged; [`Error::TooLarge`]: it is longer than `limit`; [`Error::Io`].
    pub fn read(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let entry = self.entry(path).ok_or(Error::Malformed("package: a file is not there"))?;
        if entry.len > limit {
            return Err(Error::TooLarge("package: a file that is read as a whole"));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(entry.len).unwrap_or(0));
        self.copy(path, &mut bytes)?;
        Ok(bytes)
    }

    /// Writes a file, unpacked.
    ///
    /// # Errors
    /// [`Error::Malformed`]: there is none, or it is damaged, which shows when some of it is written already;
    /// [`Error::Io`].
    pub fn copy(&mut self, path: &str, out: &mut impl Write) -> Result<(), Error> {
        let index = self.names.get(path).ok_or(Error::Malformed("package: a file is not there"))?;
        let entry = self.entries.get(*index).ok_or(Error::Malformed("package: a file is not there"))?;
        self.source.seek(SeekFrom::Start(entry.data))?;
        let mut packed = (&mut self.source).take(entry.packed);
        if !entry.deflated {
            return pour(&mut packed, entry, out);
        }
        let mut inflated = DeflateDecoder::new(packed);
        pour(&mut inflated, entry, out)?;
        if inflated.total_in() != entry.packed {
            return Err(Error::Malformed("package: something behind the end of packed data"));
        }
        Ok(())
    }

    /// The digest of a file. Each file is hashed once.
    ///
    /// # Errors
    /// As [`Package::copy`].
    pub fn digest(&mut self, path: &str, hash: Hash) -> Result<[u8; 32], Error> {
        let index = *self.names.get(path).ok_or(Error::Malformed("package: a file is not there"))?;
        if let Some(digest) = self.digests.get(&(index, hash)) {
            return Ok(*digest);
        }
        let digest = match hash {
            Hash::Sm3 => {
                let mut hasher = Hasher { hasher: Sm3::new(), update: Sm3::update };
                self.copy(path, &mut hasher)?;
                hasher.hasher.finalize()
            }
            Hash::Sha256 => {
                let mut hasher =
                    Hasher { hasher: Sha256::new(), update: |hasher, bytes| hasher.update(bytes) };
                self.copy(path, &mut hasher)?;
                hasher.hasher.finalize().into()
            }
        };
        self.digests.insert((index, hash), digest);
        Ok(digest)
    }

    pub(crate) fn entry(&self, path: &str) -> Option<&Entry> {
        self.names.get(path).and_then(|index| self.entries.get(*index))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Writes the bytes of an entry with its header as they stand there.
    fn copy_raw(&mut self, index: usize, out: &mut impl Write) -> Result<(), Error> {
        let entry = self.entries.get(index).ok_or(Error::Malformed("package: a file is not there"))?;
        self.source.seek(SeekFrom::Start(entry.start))?;
        let len = entry.end - entry.start;
        let copied = std::io::copy(&mut (&mut self.source).take(len), out)?;
        if copied == len { Ok(()) } else { Err(Error::Malformed("package: it ends early")) }
    }
}

/// Everything of a file, which must be as long as it says and have the checksum that it says.
fn pour(from: &mut impl Read, entry: &Entry, out: &mut impl Write) -> Result<(), Error> {
    let mut buffer = vec![0; CHUNK];
    let (mut crc, mut left) = (Crc::new(), entry.len);
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error)
                if entry.deflated
                    && matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::UnexpectedEof) =>
            {
                return Err(Error::Malformed("package: packed data are damaged"));
            }
            Err(error) => return Err(error.into()),
        };
        let Some(bytes) = buffer.get(..read) else { break };
        left = left
            .checked_sub(read as u64)
            .ok_or(Error::Malformed("package: a file is longer than it says"))?;
        crc.update(bytes);
        out.write_all(bytes)?;
    }
    if left > 0 {
        return Err(Error::Malformed("package: a file is shorter than it says"));
    }
    if crc.sum() != entry.crc {
        return Err(Error::Malformed("package: the checksum of a file is wrong"));
    }
    Ok(())
}

/// Hashes what is written.
struct Hasher<H> {
    hasher: H,
    update: fn(&mut H, &[u8]),
}

impl<H> Write for Hasher<H> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (self.update)(&mut self.hasher, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
