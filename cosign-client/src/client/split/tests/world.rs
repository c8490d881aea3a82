//! A device that has a key, one that gets it, and the server of both, in memory.

use std::cell::Cell;

use cosign_core::{
    ClientKey, DeviceKey, Digest, KeyId, MIN_ITERATIONS, PinMode, Purpose, Suite,
    server::Origin,
    split::{Handover, Kind, Receiver},
};
use getrandom::SysRng;
use sm_primitives::sm2::dsa;
use tempfile::TempDir;

use super::super::{ShareRequest, hand_over};
use crate::{
    client::{Credentials, evaluate, refresh, session},
    error::Error,
    store::{KeyInfo, NewKeyInfo, Store, StoredKey},
    testing::{Link, Model, ServerIdentity, device_key, pin},
    transfer,
};

pub(super) const NEW: &str = "161803";
pub(super) const WRONG: &str = "314159";

pub(super) struct World {
    pub(super) link: Link,
    /// Of the device that gets the key.
    pub(super) store: Store,
    device: [u8; 32],
    trust: crate::tls::Trust,
    /// The key on the device that has it.
    pub(super) owned: ClientKey,
    /// Id of the share that was asked for last.
    issued: Cell<u8>,
    sessions: Cell<u64>,
    /// Goes with the world.
    _folder: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Suite::D, Purpose::Sign, PinMode::Base)
    }

    pub(super) fn with(suite: Suite, purpose: Purpose, mode: PinMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let device = store.device_or_new().unwrap().secret;
        let mut model = Model::new();
        model.mode = mode;
        let (_, owned) = model.keygen(1, suite, purpose, &pin("271828"), &device_key());
        Self {
            link: Link::new(model),
            store,
            device: *device.expose_bytes(),
            trust: ServerIdentity::new().trust,
            owned,
            issued: Cell::new(1),
            sessions: Cell::new(1),
            _folder: folder,
        }
    }

    pub(super) fn credentials(&self, digits: &str) -> Credentials {
        Credentials { pin: pin(digits), device: DeviceKey::from_bytes(self.device) }
    }

    /// As the server's API does it for the device that gets the key.
    pub(super) fn asks(&self) -> ShareRequest {
        self.issued.set(self.issued.get() + 1);
        let (of, suite, purpose) = (self.owned.key_id(), self.owned.suite(), self.owned.purpose());
        let mode = self.owned.pin_mode();
        let key_id = self.link.model.borrow_mut().issue(self.issued.get(), suite, purpose, Origin::Split(of));
        let device = self.store.device().unwrap().unwrap().identity.id();
        let receiver = Receiver::new(of, key_id, device, &mut SysRng).unwrap();
        ShareRequest { receiver, suite, purpose, mode }
    }

    pub(super) fn gives(&self, to: &ShareRequest, kind: Kind) -> Result<Handover, Error> {
        hand_over(&self.link, &self.owned, to.invitation(), kind)
    }

    /// A share on its way, opened.
    pub(super) fn travelled(&self, kind: Kind) -> ClientKey {
        let request = self.asks();
        let handover = self.gives(&request, kind).unwrap();
        request.open(&transfer::share_text(&handover.sealed)).unwrap()
    }

    pub(super) fn info(&self, key: &ClientKey, label: &str) -> KeyInfo {
        let info = NewKeyInfo {
            label,
            server: &"localhost:8443".parse().unwrap(),
            trust: &self.trust,
            distid: "1234567812345678",
            created_ms: 1,
        };
        KeyInfo::new(key.key_id(), key.purpose(), key.public_key(), info)
    }

    pub(super) fn take_over(&self, key: &ClientKey) -> Result<refresh::Renewed, Error> {
        let (info, credentials) = (self.info(key, "a"), self.credentials(NEW));
        refresh::take_over(&self.link.links(), &self.store, key, &info, &credentials, MIN_ITERATIONS)
    }

    pub(super) fn complete(&self, key_id: KeyId, digits: &str) -> Result<refresh::Renewed, Error> {
        refresh::complete(&self.link.links(), &self.store, key_id, &self.credentials(digits))
    }

    /// The key of the store, if there is one.
    pub(super) fn arrived(&self) -> Option<StoredKey> {
        self.store.keys().unwrap().pop()
    }

    fn sign_with(&self, key: &ClientKey) -> Result<u8, Error> {
        let digest = Digest::reduce(&[7; 32]);
        let counter = || {
            self.sessions.set(self.sessions.get() + 1);
            self.sessions.get()
        };
        let signed = session::sign(&self.link, key, &[digest], counter)?;
        dsa::verify_digest(key.public_key(), digest.as_bytes(), &signed.signatures[0]).unwrap();
        Ok(signed.failures)
    }

    /// On the device that got the key.
    pub(super) fn sign_here(&self, digits: &str) -> Result<u8, Error> {
        let record = self.arrived().expect("a key").into_record()?;
        let key = evaluate::unlock(&self.link, &record, &self.credentials(digits))?;
        self.sign_with(&key)
    }

    /// On the device that had it.
    pub(super) fn sign_there(&self) -> Result<u8, Error> {
        self.sign_with(&self.owned)
    }

    /// After a move that was cut off: what is in the store is completed, and exactly one of the two devices signs. True
    /// if it is the new one.
    pub(super) fn comes_back(&self) -> bool {
        if let Some(key) = self.arrived().filter(|key| !key.info.active) {
            let key_id = key.key_id();
            assert!(key.is_arriving() && key.next().is_none());
            let sent = self.link.sent();
            let unused = self.sign_here(NEW);
            assert!(
                matches!(unused, Err(Error::ArrivalUnconfirmed { key_id: id, cause: None }) if id == key_id)
            );
            assert_eq!(self.link.sent(), sent, "nothing is sent for it");
            match self.complete(key_id, NEW) {
                Ok(renewed) => assert_eq!(renewed.epoch, 2),
                Err(Error::ArrivalUndone(id)) => assert_eq!(id, key_id),
                Err(error) => panic!("{error}"),
            }
        }
        let here = self.arrived().is_some();
        if here {
            assert_eq!(self.sign_here(NEW).unwrap(), 0, "no wrong PIN was counted");
            assert!(matches!(self.sign_there(), Err(Error::KeyRefused)), "moved");
        } else {
            assert_eq!(self.sign_there().unwrap(), 0, "as before");
        }
        here
    }
}
