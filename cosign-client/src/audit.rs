//! Exports of a server's audit log, checked without the server.
//!
//! The format and the checks are those of [`cosign_core::audit`].

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read, Write},
    path::Path,
};

use cosign_core::audit::{
    EXPORT_MAGIC, Invalid, Item, ItemHeader, Malformed, Record, SignedTreeHead, Verified, Verifier,
};
use sm_primitives::sm2::PublicKey;

use crate::error::Error;

/// Why an export does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An item does not decode.
    Malformed {
        /// Where the item starts, in bytes.
        at: u64,
        /// What it should be.
        what: Malformed,
    },
    /// The file ends within an item.
    CutOff,
    /// The items are not those of a log that holds.
    Invalid(Invalid),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { at, what } => write!(f, "at byte {at}: {what}"),
            Self::CutOff => f.write_str("the file was cut off"),
            Self::Invalid(invalid) => invalid.fmt(f),
        }
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// Checks a whole export. `trusted` is the log's key if it is known, `earlier` a tree head seen before; `record` hears of
/// every record, which holds only if there was no fault in the end. Memory does not grow with the file.
///
/// # Errors
/// [`Error::File`], [`Error::BadFile`] for a file that is no export, and what `record` gave. The inner error is a log
/// that does not verify.
pub fn verify_export(
    path: &Path,
    trusted: Option<PublicKey>,
    earlier: Option<SignedTreeHead>,
    mut record: impl FnMut(Record) -> Result<(), Error>,
) -> Result<Result<Verified, Fault>, Error> {
    let mut items = Items::open(path)?;
    let mut verifier = Verifier::new(trusted, earlier);
    loop {
        let item = match items.next()? {
            Ok(Some(item)) => item,
            Ok(None) => return Ok(verifier.finish().map_err(Fault::from)),
            Err(fault) => return Ok(Err(fault)),
        };
        match verifier.take(item) {
            Ok(Some(placed)) => record(placed)?,
            Ok(None) => {}
            Err(invalid) => return Ok(Err(invalid.into())),
        }
    }
}

/// The last tree head of an export, or of a file that holds nothing else. It is not verified before it is compared.
///
/// # Errors
/// [`Error::File`], [`Error::BadFile`].
pub fn last_head(path: &Path) -> Result<SignedTreeHead, Error> {
    let bad = |what: String| Error::BadFile { path: path.to_owned(), what };
    let (mut items, mut last) = (Items::open(path)?, None);
    while let Some(item) = items.next()?.map_err(|fault| bad(fault.to_string()))? {
        if let Item::Head(head) = item {
            last = Some(head);
        }
    }
    last.ok_or_else(|| bad("there is no tree head in it".to_owned()))
}

/// Writes a tree head for [`last_head`] to read.
///
/// # Errors
/// Those of `out`.
pub fn write_head(out: &mut impl Write, log_key: &PublicKey, head: &SignedTreeHead) -> io::Result<()> {
    out.write_all(EXPORT_MAGIC)?;
    out.write_all(&Item::LogKey(*log_key).encode())?;
    out.write_all(&Item::Head(*head).encode())
}

struct Items<'p> {
    path: &'p Path,
    file: BufReader<File>,
    at: u64,
}

impl<'p> Items<'p> {
    fn open(path: &'p Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| Error::file(path, error))?;
        let mut this = Self { path, file: BufReader::new(file), at: 0 };
        let magic = this.read(EXPORT_MAGIC.len())?;
        if magic.as_deref() != Some(&EXPORT_MAGIC[..]) {
            return Err(Error::BadFile {
                path: path.to_owned(),
                what: "not an export of an audit log".to_owned(),
            });
        }
        Ok(this)
    }

    /// The next `length` bytes; `None` when the file ends before.
    fn read(&mut self, length: usize) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = Vec::with_capacity(length);
        let read = self.file.by_ref().take(length as u64).read_to_end(&mut bytes);
        self.at += read.map_err(|error| Error::file(self.path, error))? as u64;
        Ok((bytes.len() == length).then_some(bytes))
    }

    fn next(&mut self) -> Result<Result<Option<Item>, Fault>, Error> {
        let at = self.at;
        let Some(header) = self.read(ItemHeader::LEN)? else {
            return Ok(if self.at == at { Ok(None) } else { Err(Fault::CutOff) });
        };
        let malformed = |what| Fault::Malformed { at, what };
        let header = header.first_chunk().map(ItemHeader::decode);
        let header = match header {
            Some(Ok(header)) => header,
            Some(Err(what)) => return Ok(Err(malformed(what))),
            None => return Ok(Err(Fault::CutOff)),
        };
        Ok(match self.read(header.length)? {
            Some(body) => Item::decode(header.kind, &body).map(Some).map_err(malformed),
            None => Err(Fault::CutOff),
        })
    }
}
