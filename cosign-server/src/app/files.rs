//! Files with secrets: made once, readable by their owner only.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{domain::ports::Entropy, signer::SoftwareKey};

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system says no.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Others can read a secret.
    #[error("{path}: readable by others; run `chmod 600 {path}` after making sure that nobody copied it")]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
    /// It does not hold what it should.
    #[error("{path}: {what}")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl FileError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |error| Self::Io { path: path.to_owned(), error }
    }

    pub(super) fn content(path: &Path, what: impl ToString) -> Self {
        Self::Content { path: path.to_owned(), what: what.to_string() }
    }
}

/// Makes a folder for its owner only; one that exists is left as it is.
pub(super) fn make_folder(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(FileError::io(path))
}

/// Writes a new file and makes it durable. A file that exists is never overwritten.
pub(super) fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(content)?;
        file.sync_all()?;
        // The name too must survive the loss of power.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(FileError::io(path))
}

/// Reads a file that only its owner may read.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let mut file = fs::File::open(path).map_err(FileError::io(path))?;
    let metadata = file.metadata().map_err(FileError::io(path))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(FileError::Exposed { path: path.to_owned() });
    }
    // Room for all of it, so that no copy is left behind by growing.
    let capacity = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1);
    let mut content = Zeroizing::new(Vec::with_capacity(capacity));
    file.read_to_end(&mut content).map_err(FileError::io(path))?;
    Ok(content)
}

/// Reads the master key: exactly 32 bytes.
pub(super) fn read_master_key(path: &Path) -> Result<SoftwareKey, FileError> {
    let content = read_secret(path)?;
    let mut key = Zeroizing::new([0; 32]);
    if content.len() != key.len() {
        return Err(FileError::content(
            path,
            "a master key file holds exactly 32 bytes; restore it from its backup",
        ));
    }
    key.copy_from_slice(&content);
    Ok(SoftwareKey::new(key))
}

/// Reads a master key, or makes a new one if there is no such file.
pub(super) fn open_or_make_master_key(path: &Path, entropy: &dyn Entropy) -> Result<SoftwareKey, FileError> {
    if !path.exists() {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(key.as_mut()).map_err(|error| FileError::content(path, error))?;
        write_new(path, &key[..], 0o600)?;
    }
    read_master_key(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        write_new(&path, &[7; 32], 0o600).unwrap();
        assert!(read_master_key(&path).is_ok());
        assert!(matches!(write_new(&path, &[8; 32], 0o600), Err(FileError::Io { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_master_key(&path), Err(FileError::Exposed { .. })));
    }

    #[test]
    fn a_master_key_has_32_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        write_new(&path, &[7; 31], 0o600).unwrap();
        assert!(matches!(read_master_key(&path), Err(FileError::Content { .. })));
        assert!(matches!(read_master_key(&folder.path().join("none")), Err(FileError::Io { .. })));
    }
}
