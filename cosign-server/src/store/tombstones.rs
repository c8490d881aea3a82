//! Revocations outside of the database: no restored backup brings a revoked key back.
//!
//! ```text
//! record = key id 16 | unix milliseconds 8 | check 8
//! check  = first 8 bytes of SM3(label || number of the record 8 || key id || milliseconds)
//! ```
//! The file only grows. A record is durable before the database commits the revocation; so it may name a key that the
//! database still takes for active, and is obeyed all the same. Every process that revokes appends under a file lock.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use cosign_core::{KeyId, sm_primitives::sm3::Sm3};

const LABEL: &[u8] = b"cosign-tombstone-v1";
const RECORD: usize = 32;
const RECORD_LEN: u64 = 32;

/// The file, and what was read of it.
pub(super) struct Tombstones {
    path: PathBuf,
    file: File,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    /// When each key was revoked, unix milliseconds.
    keys: HashMap<KeyId, u64>,
    records: u64,
}

impl Tombstones {
    /// Opens or makes the file. Whatever a crash left of an unfinished record at its end is cut off.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        let tombstones = Self { path: path.to_owned(), file, read: Mutex::default() };
        tombstones.locked(|tombstones, read| tombstones.read_on(read, true))?;
        Ok(tombstones)
    }

    fn state(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked<T>(&self, run: impl FnOnce(&Self, &mut Read) -> io::Result<T>) -> io::Result<T> {
        let mut read = self.state();
        self.file.lock()?;
        let outcome = run(self, &mut read);
        self.file.unlock()?;
        outcome
    }

    /// Reads the records that were appended since. `repair`: nobody else is writing.
    fn read_on(&self, read: &mut Read, repair: bool) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        while (read.records + 1) * RECORD_LEN <= length {
            let mut record = [0; RECORD];
            self.file.read_exact_at(&mut record, read.records * RECORD_LEN)?;
            let Some((key_id, at_ms)) = parse(read.records, &record) else {
                // The last record of a file whose writer was cut off; its revocation was never confirmed.
                if (read.records + 2) * RECORD_LEN > length {
                    break;
                }
                let what = format!("{}: record {} is damaged", self.path.display(), read.records);
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            };
            read.keys.entry(key_id).or_insert(at_ms);
            read.records += 1;
        }
        let whole = read.records * RECORD_LEN;
        if length < whole {
            let what = format!("{}: the file became shorter", self.path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        if repair && length > whole {
            tracing::warn!(path = %self.path.display(), "an unfinished tombstone was cut off");
            self.file.set_len(whole)?;
        }
        Ok(())
    }

    /// When a key was revoked, unix milliseconds; also by another process.
    pub(super) fn revoked_ms(&self, key_id: &KeyId) -> io::Result<Option<u64>> {
        let mut read = self.state();
        self.read_on(&mut read, false)?;
        Ok(read.keys.get(key_id).copied())
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<(KeyId, u64)> {
        self.state().keys.iter().map(|(key_id, at_ms)| (*key_id, *at_ms)).collect()
    }

    /// Appends those that are not there yet, and makes them durable.
    pub(super) fn append(&self, revoked: &[(KeyId, u64)]) -> io::Result<()> {
        if revoked.is_empty() {
            return Ok(());
        }
        self.locked(|tombstones, read| {
            tombstones.read_on(read, true)?;
            let mut bytes = Vec::new();
            let new = revoked.iter().filter(|(key_id, _)| !read.keys.contains_key(key_id));
            for (number, (key_id, at_ms)) in (read.records..).zip(new) {
                bytes.extend(record(number, key_id, *at_ms));
            }
            (&tombstones.file).write_all(&bytes)?;
            tombstones.file.sync_all()?;
            tombstones.read_on(read, false)
        })
    }
}

fn record(number: u64, key_id: &KeyId, at_ms: u64) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..16].copy_from_slice(key_id.as_bytes());
    record[16..24].copy_from_slice(&at_ms.to_be_bytes());
    let hash = Sm3::new().chain(LABEL).chain(&number.to_be_bytes()).chain(&record[..24]).finalize();
    record[24..].copy_from_slice(&hash[..8]);
    record
}

fn parse(number: u64, bytes: &[u8; RECORD]) -> Option<(KeyId, u64)> {
    let (key_id, rest) = bytes.split_first_chunk::<16>()?;
    let at_ms = u64::from_be_bytes(*rest.first_chunk()?);
    let key_id = KeyId::from_bytes(*key_id);
    (record(number, &key_id, at_ms) == *bytes).then_some((key_id, at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> KeyId {
        KeyId::from_bytes([byte; 16])
    }

    #[test]
    fn what_one_process_appends_the_other_sees() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tombstones");
        let (one, two) = (Tombstones::open(&path).unwrap(), Tombstones::open(&path).unwrap());
        one.append(&[(id(1), 10), (id(2), 20)]).unwrap();
        assert_eq!(two.revoked_ms(&id(2)).unwrap(), Some(20));
        two.append(&[(id(2), 99), (id(3), 30)]).unwrap();
        assert_eq!(one.revoked_ms(&id(3)).unwrap(), Some(30));
        assert_eq!(one.revoked_ms(&id(4)).unwrap(), None);
        assert_eq!(path.metadata().unwrap().len(), 3 * RECORD_LEN);
        assert_eq!(Tombstones::open(&path).unwrap().revoked_ms(&id(2)).unwrap(), Some(20));
    }

    #[test]
    fn an_unfinished_record_is_cut_off_and_a_damaged_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tombstones");
        Tombstones::open(&path).unwrap().append(&[(id(1), 1), (id(2), 2), (id(3), 3)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 65..96 {
            std::fs::write(&path, &whole[..length]).unwrap();
            let tombstones = Tombstones::open(&path).unwrap();
            assert_eq!((tombstones.all().len(), path.metadata().unwrap().len()), (2, 64), "{length}");
            tombstones.append(&[(id(4), 4)]).unwrap();
            assert_eq!(Tombstones::open(&path).unwrap().revoked_ms(&id(4)).unwrap(), Some(4));
        }
        for index in 0..64 {
            let mut damaged = whole.clone();
            damaged[index] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            assert!(Tombstones::open(&path).is_err(), "byte {index}");
        }
    }
}
