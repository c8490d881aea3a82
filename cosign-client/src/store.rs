//! What this device keeps: its identity, its secret, and its half of each key.
//!
//! ```text
//! ROOT/            0700
//!   lock           held while a process writes
//!   device/        tls.key (PKCS#8), tls.crt (X.509), secret (32 bytes)
//!   keys/KEY_ID/   record (188 bytes, see cosign-core), info.json
//!                  next: the record of the next epoch, while a refresh is not confirmed
//!                  (a key from another device or from recovery begins with the record of epoch 2, not active)
//! ```
//!
//! Every folder appears, changes and disappears in one step, so that a crash leaves the state before or after. A record
//! is worth nothing without the device secret and the PIN, and nothing here tells a right PIN from a wrong one.
//!
//! **Invariant**: nothing else of the protocol is stored; no point, no answer, no nonce, no unmasked share.

mod arrival;
mod atomic;
mod key;
mod login;
mod refresh;

use std::{
    env, fs,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use cosign_core::{CLIENT_DEADLINE_MS, DeviceKey, KeyId, LocalRecord, PinMode, Purpose};
use getrandom::SysRng;
use zeroize::Zeroizing;

#[cfg(test)]
pub(crate) use self::atomic::Effect;
pub use self::{
    key::{KeyInfo, MAX_LABEL, NewKeyInfo, REFRESH_AFTER_MS, StoredKey, check_label},
    login::Login,
};
use crate::{clock, error::Error, tls::DeviceIdentity};

/// How long a writer waits for another one.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// How long an evaluation waits for another one and the request behind it.
const EVALUATION_WAIT: Duration = Duration::from_millis(2 * CLIENT_DEADLINE_MS);

const RECORD: &str = "record";
const NEXT: &str = "next";

/// A folder of keys.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// What makes this device this device.
pub struct Device {
    /// For TLS.
    pub identity: Arc<DeviceIdentity>,
    /// `K_dev`, mixed into every PIN.
    pub secret: DeviceKey,
}

/// See [`Store::evaluation_lock`]. Ends when it is dropped.
#[derive(Debug)]
pub struct EvaluationLock {
    _file: File,
}

impl Store {
    /// `$SMSIGN_HOME`, else `$XDG_DATA_HOME/smsign`, else `~/.local/share/smsign`; `None` without a home folder.
    #[must_use]
    pub fn default_root() -> Option<PathBuf> {
        let folder =
            |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
        folder("SMSIGN_HOME")
            .or_else(|| {
                folder("XDG_DATA_HOME").filter(|path| path.is_absolute()).map(|path| path.join("smsign"))
            })
            .or_else(|| env::home_dir().map(|home| home.join(".local/share/smsign")))
    }

    /// Opens the store, making an empty one where there is none.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::StorePermissions`] if other users may enter the folder.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let io = |error| Error::store(root, error);
        atomic::create_private_folder(root).map_err(io)?;
        if atomic::is_open_to_others(root).map_err(io)? {
            return Err(Error::StorePermissions(root.to_owned()));
        }
        atomic::create_private_folder(&root.join("keys")).map_err(io)?;
        Ok(Self { root: root.to_owned() })
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// This device, or `None` while no key was ever made.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::StorePermissions`], [`Error::StoreDamaged`].
    pub fn device(&self) -> Result<Option<Device>, Error> {
        let folder = self.device_folder();
        if !folder.exists() {
            return Ok(None);
        }
        let key = self.read_secret(&folder.join("tls.key"))?;
        let certificate =
            atomic::read(&folder.join("tls.crt")).map_err(|error| Error::store(&folder, error))?;
        let secret = self.read_secret(&folder.join("secret"))?;
        let secret: Zeroizing<[u8; 32]> = match secret.as_slice().try_into() {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(_) => {
                return Err(Error::StoreDamaged { path: folder.join("secret"), what: "it has not 32 bytes" });
            }
        };
        let identity = DeviceIdentity::from_der(key, certificate)
            .map_err(|what| Error::StoreDamaged { path: folder.join("tls.key"), what })?;
        Ok(Some(Device { identity: Arc::new(identity), secret: DeviceKey::from_bytes(*secret) }))
    }

    /// This device; its identity and its secret are made at the first call.
    ///
    /// # Errors
    /// As [`Store::device`]; also if keys are there whose device is gone.
    pub fn device_or_new(&self) -> Result<Device, Error> {
        let _lock = self.lock()?;
        if let Some(device) = self.device()? {
            return Ok(device);
        }
        if !self.keys()?.is_empty() {
            let path = self.device_folder();
            return Err(Error::StoreDamaged {
                path,
                what: "there are keys, but their device's secret is gone",
            });
        }
        let identity = DeviceIdentity::generate()?;
        let secret = DeviceKey::random(&mut SysRng).map_err(|_| Error::RandomFailed)?;
        let exposed = secret.expose_bytes();
        let files: [(&str, &[u8]); 3] = [
            ("tls.key", identity.expose_key()),
            ("tls.crt", identity.certificate()),
            ("secret", exposed.as_slice()),
        ];
        atomic::create_folder(&self.root, "device", &files)
            .map_err(|error| Error::store(self.device_folder(), error))?;
        Ok(Device { identity: Arc::new(identity), secret })
    }

    /// Every key, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::StorePermissions`], [`Error::StoreDamaged`].
    pub fn keys(&self) -> Result<Vec<StoredKey>, Error> {
        let folder = self.keys_folder();
        let mut keys = Vec::new();
        for entry in fs::read_dir(&folder).map_err(|error| Error::store(&folder, error))? {
            let name = entry.map_err(|error| Error::store(&folder, error))?.file_name();
            match name.to_str() {
                Some(name) if !name.starts_with('.') => keys.extend(self.read_key(name)?),
                _ => {}
            }
        }
        keys.sort_by(|a, b| (a.info.created_ms, &a.info.key_id).cmp(&(b.info.created_ms, &b.info.key_id)));
        Ok(keys)
    }

    /// The one key that fits. `wanted` is a label, a key id, or the beginning of one; without it the only key counts,
    /// or among several the one labelled `default`.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::AmbiguousKey`], and those of [`Store::keys`].
    pub fn find(&self, wanted: Option<&str>, purpose: Option<Purpose>) -> Result<StoredKey, Error> {
        let mut keys = self.fitting(wanted, purpose)?;
        match (keys.pop(), keys.as_slice()) {
            (Some(key), []) => Ok(key),
            (Some(key), others) => Err(ambiguous(others.iter().chain([&key]))),
            (None, _) => Err(no_such_key(wanted, purpose)),
        }
    }

    /// As [`Store::find`], but two keys for the two purposes with one label fit together.
    ///
    /// # Errors
    /// As [`Store::find`].
    pub fn find_labelled(
        &self,
        wanted: Option<&str>,
        purpose: Option<Purpose>,
    ) -> Result<Vec<StoredKey>, Error> {
        let keys = self.fitting(wanted, purpose)?;
        match keys.as_slice() {
            [] => Err(no_such_key(wanted, purpose)),
            [first, others @ ..] if others.iter().any(|key| key.info.label != first.info.label) => {
                Err(ambiguous(keys.iter()))
            }
            _ => Ok(keys),
        }
    }

    fn fitting(&self, wanted: Option<&str>, purpose: Option<Purpose>) -> Result<Vec<StoredKey>, Error> {
        let mut keys = self.keys()?;
        keys.retain(|key| purpose.is_none_or(|purpose| key.purpose() == purpose));
        match wanted {
            Some(wanted) => {
                keys.retain(|key| key.is_named(wanted));
                // A full id or a label beats the beginning of another key's id.
                if keys.len() > 1
                    && keys.iter().any(|key| key.info.label == wanted || key.info.key_id == wanted)
                {
                    keys.retain(|key| key.info.label == wanted || key.info.key_id == wanted);
                }
            }
            None if keys.len() > 1 => {
                let default = |key: &StoredKey| key.info.label == DEFAULT_LABEL;
                if keys.iter().any(default) {
                    keys.retain(default);
                }
            }
            None => {}
        }
        Ok(keys)
    }

    /// A key by its id.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], and those of [`Store::keys`].
    pub fn key(&self, key_id: KeyId) -> Result<StoredKey, Error> {
        let name = key_id.to_string();
        self.read_key(&name)?.ok_or_else(|| no_such_key(Some(&name), None))
    }

    /// Refuses a label that a key of this purpose has.
    ///
    /// # Errors
    /// [`Error::LabelTaken`], and those of [`Store::keys`].
    pub fn check_label_free(&self, label: &str, purpose: Purpose) -> Result<(), Error> {
        let taken = self.keys()?.iter().any(|key| key.purpose() == purpose && key.info.label == label);
        if taken {
            Err(Error::LabelTaken { purpose: purpose.as_str(), label: label.to_owned() })
        } else {
            Ok(())
        }
    }

    /// Adds a key. Durable when it returns.
    ///
    /// # Errors
    /// [`Error::LabelTaken`], [`Error::StoreBusy`], [`Error::Store`].
    pub fn insert(&self, key: &StoredKey) -> Result<(), Error> {
        let _lock = self.lock()?;
        self.add(&key.record, &key.info)
    }

    /// Under the lock.
    fn add(&self, record: &LocalRecord, info: &KeyInfo) -> Result<(), Error> {
        self.check_label_free(&info.label, record.purpose())?;
        let (bytes, json) = (record.to_bytes(), info_json(info));
        let files: [(&str, &[u8]); 2] = [(RECORD, bytes.as_slice()), ("info.json", &json)];
        atomic::create_folder(&self.keys_folder(), &info.key_id, &files)
            .map_err(|error| Error::store(self.key_folder(record.key_id()), error))
    }

    /// Notes that the server confirmed the key. Durable when it returns.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::StoreBusy`], [`Error::Store`].
    pub fn set_active(&self, key_id: KeyId) -> Result<(), Error> {
        let _lock = self.lock()?;
        self.mark_active(self.key(key_id)?)
    }

    /// Under the lock.
    fn mark_active(&self, key: StoredKey) -> Result<(), Error> {
        let folder = self.key_folder(key.key_id());
        let info = info_json(&KeyInfo { active: true, ..key.info });
        atomic::replace(&folder, "info.json", &info).map_err(|error| Error::store(folder, error))
    }

    /// Deletes a key's record: for keys whose generation failed, and keys that the server does not serve any more.
    ///
    /// # Errors
    /// [`Error::StoreBusy`], [`Error::Store`].
    pub fn remove(&self, key_id: KeyId) -> Result<(), Error> {
        let _lock = self.lock()?;
        self.delete(key_id)
    }

    /// Under the lock.
    fn delete(&self, key_id: KeyId) -> Result<(), Error> {
        atomic::delete_folder(&self.keys_folder(), &key_id.to_string())
            .map_err(|error| Error::store(self.key_folder(key_id), error))
    }

    /// `None` if the folder vanished meanwhile.
    fn read_key(&self, name: &str) -> Result<Option<StoredKey>, Error> {
        let folder = self.keys_folder().join(name);
        let damaged = |what| Error::StoreDamaged { path: folder.clone(), what };
        // The next record is read first: one that takes its place meanwhile is then seen twice, not missed.
        let next = self.read_record(&folder.join(NEXT))?;
        let record = match self.read_record(&folder.join(RECORD))? {
            Some(record) => record,
            None if folder.exists() => return Err(damaged("there is no record")),
            None => return Ok(None),
        };
        let identity = |record: &LocalRecord| (record.key_id(), record.epoch(), record.refresh_id());
        let next = next.filter(|next| identity(next) != identity(&record));
        let info = atomic::read(&folder.join("info.json")).map_err(|error| Error::store(&folder, error))?;
        let info = serde_json::from_slice(&info).map_err(|_| damaged("info.json does not parse"))?;
        let key = StoredKey { record, next, info };
        match key.mismatch(name) {
            Some(what) => Err(damaged(what)),
            None => Ok(Some(key)),
        }
    }

    fn read_record(&self, path: &Path) -> Result<Option<LocalRecord>, Error> {
        let damaged = |_| Error::StoreDamaged { path: path.to_owned(), what: "the record does not parse" };
        match self.read_secret(path) {
            Ok(bytes) => LocalRecord::from_bytes(&bytes).map(Some).map_err(damaged),
            Err(Error::Store { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read_secret(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
        let io = |error| Error::store(path, error);
        let content = Zeroizing::new(atomic::read(path).map_err(io)?);
        if atomic::is_open_to_others(path).map_err(io)? {
            return Err(Error::StorePermissions(path.to_owned()));
        }
        Ok(content)
    }

    /// Waits until no other process is between an evaluation and the request it was made for: a second evaluation would
    /// take the place of the first, which the server then counts as a wrong PIN for good. `None` in base mode.
    ///
    /// Blocks for up to two minutes.
    ///
    /// # Errors
    /// [`Error::StoreBusy`], [`Error::Store`].
    pub fn evaluation_lock(&self, mode: PinMode) -> Result<Option<EvaluationLock>, Error> {
        match mode {
            PinMode::Base => Ok(None),
            PinMode::Oblivious => {
                let file = self.lock_file("evaluation-lock", EVALUATION_WAIT)?;
                Ok(Some(EvaluationLock { _file: file }))
            }
        }
    }

    /// One writer at a time.
    fn lock(&self) -> Result<File, Error> {
        self.lock_file("lock", LOCK_WAIT)
    }

    /// The lock goes with the file handle.
    fn lock_file(&self, name: &str, wait: Duration) -> Result<File, Error> {
        let path = self.root.join(name);
        let io = |error| Error::store(&path, error);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io)?;
        let give_up = clock::instant() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::Error(error)) => return Err(io(error)),
                Err(fs::TryLockError::WouldBlock) if clock::instant() >= give_up => {
                    return Err(Error::StoreBusy(self.root.clone()));
                }
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn device_folder(&self) -> PathBuf {
        self.root.join("device")
    }

    fn keys_folder(&self) -> PathBuf {
        self.root.join("keys")
    }

    fn key_folder(&self, key_id: KeyId) -> PathBuf {
        self.keys_folder().join(key_id.to_string())
    }
}

/// The label of a key that was made without one.
pub const DEFAULT_LABEL: &str = "default";

fn ambiguous<'a>(keys: impl Iterator<Item = &'a StoredKey>) -> Error {
    let names =
        keys.map(|key| format!("{} ({} {})", key.info.label, key.info.purpose.as_str(), key.info.key_id));
    Error::AmbiguousKey(names.collect::<Vec<_>>().join(", "))
}

fn no_such_key(wanted: Option<&str>, purpose: Option<Purpose>) -> Error {
    Error::NoSuchKey {
        purpose: purpose.map_or("", Purpose::as_str),
        wanted: wanted.map_or_else(String::new, |wanted| format!("{wanted:?}")),
    }
}

fn info_json(info: &KeyInfo) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(info).expect("strings and numbers always have a JSON form");
    json.push(b'\n');
    json
}

#[cfg(test)]
mod tests;
