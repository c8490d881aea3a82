//! The phone of a user: its half of each key, and what it makes of it together with the server.

use std::{future::pending, path::Path, sync::Arc, time::Duration};

use cosign_client::{
    Batch, Client, Connection, Credentials, Error, KeygenRequest, NewKeyInfo, ProtectionKey, Recovery, Step,
    Store, StoredKey, Target, Transport, Trust, clock, pin,
};
use cosign_core::{ClientKey, Digest, KeyId, PinMode, Purpose, Suite};
use pki::csr::{Builder, SubjectAttribute};
use serde_json::{Value, json};
use sm_primitives::{
    Zeroizing,
    sm2::{Ciphertext, DistId, PrivateKey},
    sm3,
};
use tempfile::TempDir;

use super::run;
use crate::{
    network::Device,
    process::{PIN, ServerFolder},
};

/// The distinguishing id of GM/T 0009-2012.
const DISTID: &str = "1234567812345678";

/// An enrolled device.
pub struct Phone {
    home: TempDir,
    store: Store,
    target: Target,
    client: Client,
}

/// A certificate on a phone, and its keys, unlocked.
#[derive(Clone)]
pub struct Certified {
    /// What the server shows of it.
    pub holding: Value,
    /// The key that it certifies.
    pub key: Arc<ClientKey>,
    /// The decryption key of its pair.
    pub opener: Option<Arc<ClientKey>>,
}

impl Certified {
    /// How it is called where one is chosen.
    #[must_use]
    pub fn name(&self) -> Value {
        json!({ "authority": self.holding["authority"], "serial": self.holding["serial"] })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/v1/holdings/{}", self.holding["holding_id"].as_str().unwrap())
    }
}

impl Phone {
    /// A new phone, enrolled with a code.
    #[must_use]
    pub fn enrolled(folder: &ServerFolder, code: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("home")).unwrap();
        let target = Target {
            server: folder.address().to_string().parse().unwrap(),
            trust: Trust::from_file(&folder.file("ca.pem")).unwrap(),
            device: Some(store.device_or_new().unwrap().identity),
            transport: Transport::Quic,
            connect_timeout: Duration::from_secs(10),
        };
        let client = Client::new(Connection::new(target.clone()));
        run(async {
            client.enrol(code, "phone").await.unwrap();
            client.connection().close().await;
        });
        Self { home, store, target, client }
    }

    /// The key store.
    #[must_use]
    pub fn store(&self) -> &Path {
        self.store.root()
    }

    /// A folder for files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.home.path()
    }

    /// As it connects.
    #[must_use]
    pub fn device(&self) -> Device {
        Device::of_store(self.store.root())
    }

    /// How the server calls it.
    #[must_use]
    pub fn device_id(&self) -> String {
        self.store.device().unwrap().unwrap().identity.id().to_string()
    }

    /// A PIN as it is entered on this phone.
    #[must_use]
    pub fn entered(&self, digits: &str) -> Arc<Credentials> {
        let device = self.store.device().unwrap().unwrap().secret;
        Arc::new(Credentials { pin: pin::existing(digits).unwrap(), device })
    }

    /// Makes a signing key, with the usual PIN, and unlocks it.
    #[must_use]
    pub fn make_key(&self, label: &str) -> Arc<ClientKey> {
        let request = KeygenRequest {
            suite: Suite::D,
            purpose: Purpose::Sign,
            pin_mode: PinMode::Base,
            label: label.to_owned(),
        };
        let (store, target, called) = (self.store.clone(), self.target.clone(), label.to_owned());
        let keep = move |step| match step {
            Step::Generated(record) => store.insert(&StoredKey::new(*record, new_info(&target, &called))),
            Step::Active(key_id) => store.set_active(key_id),
            Step::Discarded(key_id) => store.remove(key_id),
        };
        let key_id = run(self.client.keygen(request, self.entered(PIN), keep)).unwrap();
        self.unlock(key_id, PIN)
    }

    /// Unlocks a key with a PIN, which may be wrong.
    #[must_use]
    pub fn unlock(&self, key_id: KeyId, digits: &str) -> Arc<ClientKey> {
        let record = self.store.key(key_id).unwrap().into_record().unwrap();
        run(self.client.unlock(record, self.entered(digits))).unwrap()
    }

    /// A certification request for a key, PEM. What it says of the subject does not count.
    #[must_use]
    pub fn csr(&self, key: &Arc<ClientKey>) -> String {
        let builder = Builder::new(*key.public_key()).subject(SubjectAttribute::CommonName, "whoever");
        let unsigned = builder.build().unwrap();
        let mut batch = Batch::new(vec![Digest::reduce(&unsigned.digest())]);
        run(self.client.sign(key, &mut batch, pending(), |_, _| ())).unwrap();
        unsigned.assemble_pem(batch.items()[0].signature().unwrap()).unwrap()
    }

    /// Signs digests (hexadecimal) together with the server: r || s of each, in hexadecimal.
    ///
    /// # Errors
    /// Those of [`Client::sign`].
    pub fn try_sign(&self, key: &Arc<ClientKey>, digests: &[String]) -> Result<Vec<String>, Error> {
        run(sign_with(&self.client, key, digests))
    }

    /// The same over a connection of its own: where there are several nodes, to the next one.
    ///
    /// # Errors
    /// Those of [`Client::sign`].
    pub fn sign_apart(&self, key: &Arc<ClientKey>, digests: &[String]) -> Result<Vec<String>, Error> {
        run(async {
            let client = Client::new(Connection::new(self.target.clone()));
            let signed = sign_with(&client, key, digests).await;
            client.connection().close().await;
            signed
        })
    }

    /// The same, which must work.
    #[track_caller]
    #[must_use]
    pub fn sign(&self, key: &Arc<ClientKey>, digests: &[String]) -> Vec<String> {
        self.try_sign(key, digests).unwrap()
    }

    /// Opens a ciphertext (DER in hexadecimal) together with the server.
    ///
    /// # Errors
    /// Those of [`Client::decrypt`].
    pub fn open(&self, key: &Arc<ClientKey>, ciphertext: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let ciphertext = Ciphertext::from_der(&hex::decode(ciphertext).unwrap()).unwrap();
        run(self.client.decrypt(key, &[ciphertext])).map(|(mut opened, _)| opened.remove(0))
    }

    /// Takes over a decryption key that was delivered to `protection` (DER in hexadecimal), and unlocks it.
    #[must_use]
    pub fn take_over(&self, key_id: &str, delivered: &str, protection: ProtectionKey) -> Arc<ClientKey> {
        let recovery = run(self.client.recovery_under(key_id.parse().unwrap(), protection)).unwrap();
        let key = recovery.open(&hex::decode(delivered).unwrap()).unwrap();
        self.import(&recovery, key)
    }

    /// Begins the recovery of a decryption key that custodians keep.
    #[must_use]
    pub fn recovery(&self, key_id: &str) -> Recovery {
        run(self.client.recovery(key_id.parse().unwrap())).unwrap()
    }

    /// Splits a decryption key with the server, with the usual PIN, and unlocks it.
    #[must_use]
    pub fn import(&self, recovery: &Recovery, key: PrivateKey) -> Arc<ClientKey> {
        let (key_id, label) = (recovery.key_id(), recovery.key_id().to_string());
        let info = new_info(&self.target, &label);
        run(self.client.import(&self.store, recovery, key, self.entered(PIN), info)).unwrap();
        self.unlock(key_id, PIN)
    }

    /// What the server says of the PIN of a key: wrong ones in a row, and whether they have locked it.
    #[must_use]
    pub fn pin_state(&self, key_id: KeyId) -> (u32, bool) {
        let pin = run(self.client.key(key_id)).unwrap().pin;
        (pin.failures, pin.locked)
    }
}

async fn sign_with(client: &Client, key: &Arc<ClientKey>, digests: &[String]) -> Result<Vec<String>, Error> {
    let digest = |text: &String| Digest::reduce(&hex::decode(text).unwrap().try_into().unwrap());
    let mut batch = Batch::new(digests.iter().map(digest).collect());
    client.sign(key, &mut batch, pending(), |_, _| ()).await?;
    let signatures = batch.items().iter().map(|item| hex::encode(item.signature().unwrap().to_bytes()));
    Ok(signatures.collect())
}

fn new_info<'a>(target: &'a Target, label: &'a str) -> NewKeyInfo<'a> {
    NewKeyInfo {
        label,
        server: &target.server,
        trust: &target.trust,
        distid: DISTID,
        created_ms: clock::now_ms(),
    }
}

/// What a user agrees with by signing it, as a phone computes it of what it shows: the word, then kind, nonce, system, scan,
/// time and the digest of what was opened, each behind its length.
#[must_use]
pub fn agreement(scan: &Value, opened: &[String]) -> Vec<u8> {
    let bytes = |value: &Value| value.as_str().unwrap().as_bytes().to_vec();
    let opened: Vec<_> = opened.iter().map(|text| text.as_bytes().to_vec()).collect();
    framed(&[
        bytes(&scan["kind"]),
        bytes(&scan["nonce"]),
        bytes(&scan["system"]["code"]),
        hex::decode(scan["scan_id"].as_str().unwrap()).unwrap(),
        scan["chosen_at_ms"].as_u64().unwrap().to_be_bytes().to_vec(),
        if opened.is_empty() { Vec::new() } else { sm3::digest(&framed(&opened)).to_vec() },
    ])
}

fn framed(fields: &[Vec<u8>]) -> Vec<u8> {
    let field = |field: &Vec<u8>| [&u32::try_from(field.len()).unwrap().to_be_bytes()[..], field].concat();
    [b"cosign scan 1".to_vec(), fields.iter().flat_map(field).collect()].concat()
}

/// What is signed of a message with a key, in hexadecimal.
#[must_use]
pub fn digest_of(key: &ClientKey, message: &[u8]) -> String {
    hex::encode(DistId::default().digest(key.public_key(), message))
}
