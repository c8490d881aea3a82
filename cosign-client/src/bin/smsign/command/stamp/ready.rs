//! A document whose digest is known, and which waits for its signature.

use std::{
    fs::{File, metadata},
    io::Write,
    path::Path,
    time::SystemTime,
};

use cosign_client::Error;
use seal::document::{Document, Prepared, Sealing};
use sm_primitives::sm2::Signature;

use super::{bad_file, open};
use crate::output::Failure;

/// It is open still, or it is worked out again.
pub(super) enum Ready<'a> {
    Open(Box<Prepared<'a, File>>, Look),
    Closed([u8; 32]),
}

/// What a file looks like from outside.
#[derive(PartialEq, Eq)]
pub(super) struct Look {
    len: u64,
    modified: Option<SystemTime>,
}

impl Look {
    fn at(path: &Path) -> Result<Self, Failure> {
        let metadata = metadata(path).map_err(|error| Error::file(path, error))?;
        Ok(Self { len: metadata.len(), modified: metadata.modified().ok() })
    }
}

impl<'a> Ready<'a> {
    /// Leaves the document open, in `document`.
    pub(super) fn open(
        path: &Path,
        document: &'a mut Option<Document<File>>,
        sealing: &Sealing<'_>,
    ) -> Result<Self, Failure> {
        let look = Look::at(path)?;
        let prepared =
            document.insert(open(path)?).prepare(sealing).map_err(|error| bad_file(path, error))?;
        Ok(Self::Open(Box::new(prepared), look))
    }

    /// Keeps nothing but the digest.
    pub(super) fn closed(path: &Path, sealing: &Sealing<'_>) -> Result<Self, Failure> {
        let mut document = open(path)?;
        let prepared = document.prepare(sealing).map_err(|error| bad_file(path, error))?;
        Ok(Self::Closed(*prepared.digest()))
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        match self {
            Self::Open(prepared, _) => *prepared.digest(),
            Self::Closed(digest) => *digest,
        }
    }

    /// Writes the document with its signature. A document that is no longer what was signed fails.
    pub(super) fn write(
        self,
        path: &Path,
        sealing: &Sealing<'_>,
        signature: &Signature,
        token: Option<&[u8]>,
        out: impl Write,
    ) -> Result<(), Failure> {
        let bad = |error: seal::Error| bad_file(path, error);
        let changed = || Err(bad_file(path, "it was changed while it was sealed"));
        match self {
            Self::Open(prepared, before) => {
                prepared.write(signature, token, out).map_err(bad)?;
                if Look::at(path)? == before { Ok(()) } else { changed() }
            }
            Self::Closed(digest) => {
                let mut document = open(path)?;
                let prepared = document.prepare(sealing).map_err(bad)?;
                if *prepared.digest() != digest {
                    return changed();
                }
                prepared.write(signature, token, out).map_err(bad)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_to_looks_different() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"one").unwrap();
        let before = Look::at(&path).unwrap();
        assert!(before == Look::at(&path).unwrap());
        std::fs::write(&path, b"more").unwrap();
        assert!(before != Look::at(&path).unwrap());
        let file = File::options().write(true).open(&path).unwrap();
        let look = Look::at(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(look != Look::at(&path).unwrap());
    }
}
