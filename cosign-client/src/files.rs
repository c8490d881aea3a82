//! Files of the user: hashed as streams, written so that only complete ones appear under their name.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use cosign_core::Digest;
use sm_primitives::{
    sm2::{DistId, PublicKey},
    sm3::Sm3,
};
use tempfile::NamedTempFile;

use crate::error::Error;

/// Bytes read at once.
pub const CHUNK: usize = 128 * 1024;

/// The digest `SM3(Z || M)` of a file, `Z` being that of the signer. `read` hears how many bytes were read each time;
/// its error ends the reading.
///
/// # Errors
/// [`Error::File`], and what `read` gave.
pub fn digest(
    path: &Path,
    distid: &DistId,
    signer: &PublicKey,
    mut read: impl FnMut(u64) -> Result<(), Error>,
) -> Result<Digest, Error> {
    let mut hasher: Sm3 = distid.hasher(signer);
    for_each_chunk(path, |chunk| {
        hasher.update(chunk);
        read(chunk.len() as u64)
    })?;
    Ok(Digest::reduce(&hasher.finalize()))
}

/// Reads a file in pieces of at most [`CHUNK`] bytes.
///
/// # Errors
/// [`Error::File`], and what `take` gave.
pub fn for_each_chunk(path: &Path, mut take: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
    let mut file = File::open(path).map_err(|error| Error::file(path, error))?;
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::file(path, error)),
        };
        take(buffer.get(..length).unwrap_or_default())?;
    }
}

/// Reads a small file, at most `limit` bytes.
///
/// # Errors
/// [`Error::File`], [`Error::BadFile`] if it is longer.
pub fn read_small(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(|error| Error::file(path, error))?;
    let mut content = Vec::new();
    file.take(limit + 1).read_to_end(&mut content).map_err(|error| Error::file(path, error))?;
    if content.len() as u64 > limit {
        return Err(Error::BadFile { path: path.to_owned(), what: format!("longer than {limit} bytes") });
    }
    Ok(content)
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever the user's settings allow.
    Usual,
    /// The user only.
    Private,
}

/// A file in the making, under a temporary name beside its target. Dropped uncommitted, it is gone.
pub struct NewFile {
    temporary: NamedTempFile,
    target: PathBuf,
    replace: bool,
}

impl NewFile {
    /// Begins `target`. An existing one is refused at once unless `replace`.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::File`].
    pub fn create(target: &Path, replace: bool, access: Access) -> Result<Self, Error> {
        check_free(target, replace)?;
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".smsign-").suffix(".part");
        #[cfg(unix)]
        if access == Access::Usual {
            // The user's umask takes away from this.
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        }
        #[cfg(not(unix))]
        let _ = access;
        let temporary = builder.tempfile_in(folder).map_err(|error| Error::file(target, error))?;
        Ok(Self { temporary, target: target.to_owned(), replace })
    }

    /// Makes the content durable, before [`NewFile::commit`] where a crash must not leave an empty file.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn sync(&self) -> Result<(), Error> {
        self.temporary.as_file().sync_all().map_err(|error| Error::file(&self.target, error))
    }

    /// The file as it is so far.
    #[must_use]
    pub fn file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`Error::Exists`] if somebody else took the name meanwhile, [`Error::File`].
    pub fn commit(self) -> Result<(), Error> {
        let Self { temporary, target, replace } = self;
        let persisted =
            if replace { temporary.persist(&target) } else { temporary.persist_noclobber(&target) };
        persisted.map(drop).map_err(|error| Error::file(target, error.error))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.as_file_mut().flush()
    }
}

/// Refuses a target that exists, unless it shall be replaced.
///
/// # Errors
/// [`Error::Exists`].
pub fn check_free(target: &Path, replace: bool) -> Result<(), Error> {
    if !replace && fs::symlink_metadata(target).is_ok() {
        Err(Error::Exists(target.to_owned()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_committed_file_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        let mut file = NewFile::create(&target, false, Access::Private).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!target.exists());
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of an abandoned one");

        let mut file = NewFile::create(&target, false, Access::Private).unwrap();
        file.write_all(b"whole").unwrap();
        file.sync().unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        let late = NewFile::create(&target, false, Access::Usual).unwrap();
        fs::write(&target, b"other").unwrap();
        assert!(matches!(NewFile::create(&target, false, Access::Usual), Err(Error::Exists(_))));
        assert!(matches!(late.commit(), Err(Error::Exists(_))), "also if it came up meanwhile");
        assert_eq!(fs::read(&target).unwrap(), b"other");

        let mut file = NewFile::create(&target, true, Access::Usual).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn plaintext_is_for_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        NewFile::create(&target, false, Access::Private).unwrap().commit().unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn small_files_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, [0; 10]).unwrap();
        assert_eq!(read_small(&path, 10).unwrap().len(), 10);
        assert!(matches!(read_small(&path, 9), Err(Error::BadFile { .. })));
        assert!(matches!(read_small(&folder.path().join("none"), 9), Err(Error::File { .. })));
    }
}
