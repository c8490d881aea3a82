//! Files that the commands of authorities read and write.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::Path,
};

use pki::key_file::KeyFile;
use sm_primitives::sm2::PrivateKey;
use zeroize::Zeroizing;

use crate::cli::Failure;

/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Failure + '_ {
    move |error| Failure::File { path: path.to_owned(), error }
}

pub(super) fn wrong(path: &Path, what: impl std::fmt::Display) -> Failure {
    Failure::Content { path: path.to_owned(), what: what.to_string() }
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes)).map_err(failed(path))?;
    Ok(bytes)
}

/// Writes a file under another name first, so that nobody sees half of it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    });
    written.map_err(failed(path))
}

pub(super) fn certificates(path: &Path) -> Result<Vec<pki::Certificate>, Failure> {
    pki::Certificate::all(&read(path)?).map_err(|error| wrong(path, error))
}

/// A private key. The password of a locked file is the next line of standard input.
pub(super) fn private_key(path: &Path) -> Result<Box<PrivateKey>, Failure> {
    let bytes = Zeroizing::new(read(path)?);
    match KeyFile::read(&bytes).map_err(|error| wrong(path, error))? {
        KeyFile::Open(key) => Ok(key),
        KeyFile::Locked(locked) => {
            let mut password = Zeroizing::new(String::new());
            io::stdin().read_line(&mut password).map_err(failed(path))?;
            let pairs =
                locked.open(password.trim_end_matches(['\r', '\n'])).map_err(|error| wrong(path, error))?;
            let first = pairs.into_iter().next();
            first.map(|pair| Box::new(pair.key)).ok_or_else(|| wrong(path, "there is no key in it"))
        }
    }
}
