//! A client with a scripted link and disk, and the server that it talks to, in memory.

use std::cell::Cell;

use cosign_core::{DeviceKey, Digest, KeyId, MIN_ITERATIONS, PinMode, Purpose, Suite};
use sm_primitives::sm2::dsa;
use tempfile::TempDir;

use super::super::{Renewed, complete, renew};
use crate::{
    client::{Credentials, evaluate, session},
    error::Error,
    store::{NewKeyInfo, Store, StoredKey},
    testing::{Fate, Link, Model, ServerIdentity, pin},
};

pub(super) const OLD: &str = "271828";
pub(super) const NEW: &str = "161803";
pub(super) const WRONG: &str = "314159";

/// A server in memory, a link to it that fails as told, and a device with one key.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) key_id: KeyId,
    pub(super) link: Link,
    sessions: Cell<u64>,
    device: [u8; 32],
    /// Goes with the world.
    _folder: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self::in_mode(PinMode::Base)
    }

    pub(super) fn in_mode(mode: PinMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let device = store.device_or_new().unwrap().secret;
        let mut model = Model::new();
        model.mode = mode;
        let (record, _) = model.keygen(1, Suite::D, Purpose::Sign, &pin(OLD), &device);
        let info = NewKeyInfo {
            label: "a",
            server: &"localhost:8443".parse().unwrap(),
            trust: &ServerIdentity::new().trust,
            distid: "1234567812345678",
            created_ms: 1,
        };
        let key = StoredKey::new(record, info);
        store.insert(&key).unwrap();
        Self {
            store,
            key_id: key.key_id(),
            link: Link::new(model),
            sessions: Cell::new(1),
            device: *device.expose_bytes(),
            _folder: folder,
        }
    }

    /// The message after so many meets this fate.
    pub(super) fn meets(&self, after: usize, fate: Fate) {
        self.link.meets(after, fate);
    }

    pub(super) fn credentials(&self, digits: &str) -> Credentials {
        Credentials { pin: pin(digits), device: DeviceKey::from_bytes(self.device) }
    }

    pub(super) fn change(&self, from: &str, to: &str) -> Result<Renewed, Error> {
        let (old, new) = (self.credentials(from), self.credentials(to));
        renew(&self.link.links(), &self.store, self.key_id, [&old, &new], MIN_ITERATIONS)
    }

    pub(super) fn complete(&self, digits: &str) -> Result<Renewed, Error> {
        complete(&self.link.links(), &self.store, self.key_id, &self.credentials(digits))
    }

    pub(super) fn key(&self) -> StoredKey {
        self.store.key(self.key_id).unwrap()
    }

    pub(super) fn sign(&self, digits: &str) -> Result<u8, Error> {
        let record = self.key().into_record()?;
        let key = evaluate::unlock(&self.link, &record, &self.credentials(digits))?;
        let digest = Digest::reduce(&[7; 32]);
        let counter = || {
            self.sessions.set(self.sessions.get() + 1);
            self.sessions.get()
        };
        let signed = session::sign(&self.link, &key, &[digest], counter)?;
        dsa::verify_digest(key.public_key(), digest.as_bytes(), &signed.signatures[0]).unwrap();
        Ok(signed.failures)
    }

    fn server_epoch(&self) -> u32 {
        self.link.model.borrow().keys[&self.key_id].epoch
    }

    pub(super) fn wrong_pins(&self) -> u8 {
        self.link.model.borrow().keys[&self.key_id].gate.total
    }

    /// A new client takes over: the PIN with which the key works now, `old` or `new`.
    pub(super) fn comes_back(&self, old: &'static str, new: &'static str) -> &'static str {
        let key = self.key();
        let before = key.record().epoch();
        let current = if key.next().is_some() {
            assert!(
                matches!(self.sign(new), Err(Error::RefreshUnconfirmed { cause: None, .. })),
                "two records sign nothing"
            );
            match self.complete(new) {
                Ok(renewed) => {
                    assert_eq!(renewed.epoch, before + 1);
                    new
                }
                Err(Error::RefreshUndone(_)) => old,
                Err(error) => panic!("{error}"),
            }
        } else if before == 1 {
            old
        } else {
            new
        };
        let key = self.key();
        assert!(key.next().is_none(), "one record");
        assert_eq!(key.record().epoch(), self.server_epoch(), "the server's other half");
        let failures = self.sign(current).unwrap();
        // In oblivious mode an evaluation without a request behind it counts.
        if key.record().pin_mode() == PinMode::Base {
            assert_eq!((failures, self.wrong_pins()), (0, 0), "no wrong PIN was counted");
        }
        current
    }
}
