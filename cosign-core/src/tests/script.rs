//! Vectors as JSON, and a random source that plays a script.

use std::{string::String, vec::Vec};

use serde_json::Value;
use sm_primitives::{
    Scalar, SecretScalar,
    point::PublicPoint,
    rand_core::{TryCryptoRng, TryRng},
    sm2::PublicKey,
};

use crate::{
    digest::Digest,
    ids::{KeyId, PinMode, Purpose, Suite},
    pin::AuthKey,
    share::{self, ClientKey},
};

/// The file of `tests/vectors/suite-d` with this name. Made by a plain reference of the protocol in another language.
pub(super) fn vectors(name: &str) -> Value {
    load(&std::format!("suite-d/{name}"))
}

/// The file of `tests/vectors` with this name.
pub(super) fn load(name: &str) -> Value {
    let path = std::format!("{}/../tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))).unwrap()
}

pub(super) trait Fields {
    fn text(&self, key: &str) -> &str;
    fn bytes(&self, key: &str) -> Vec<u8>;
    fn array<const N: usize>(&self, key: &str) -> [u8; N] {
        self.bytes(key).try_into().unwrap_or_else(|_| panic!("{key} has another length"))
    }
    fn u64(&self, key: &str) -> u64 {
        u64::from_be_bytes(self.array(key))
    }
    fn u8(&self, key: &str) -> u8 {
        let [byte] = self.array(key);
        byte
    }
    fn point(&self, key: &str) -> PublicPoint {
        PublicPoint::from_bytes(&self.array(key)).unwrap()
    }
    fn secret(&self, key: &str) -> SecretScalar {
        SecretScalar::from_bytes(&self.array(key)).unwrap()
    }
    fn scalar(&self, key: &str) -> Scalar {
        Scalar::from_bytes(&self.array(key)).unwrap()
    }
    fn digest(&self, key: &str) -> Digest {
        Digest::from_bytes(&self.array(key)).unwrap()
    }
    fn list(&self, key: &str) -> &[Value];
}

impl Fields for Value {
    fn text(&self, key: &str) -> &str {
        self[key].as_str().unwrap_or_else(|| panic!("no {key} in {self}"))
    }
    fn bytes(&self, key: &str) -> Vec<u8> {
        unhex(self.text(key))
    }
    fn list(&self, key: &str) -> &[Self] {
        self[key].as_array().unwrap_or_else(|| panic!("no list {key}"))
    }
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

/// Gives the scripted bytes and fails when they run out.
pub(super) struct Script {
    bytes: Vec<u8>,
    used: usize,
}

impl Script {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, used: 0 }
    }

    /// The draws listed under `key`, in order.
    pub(super) fn of(value: &Value, key: &str) -> Self {
        match &value[key] {
            Value::Array(draws) => Self::new(draws.iter().flat_map(|draw| draw.bytes("bytes")).collect()),
            all => Self::new(all.bytes("bytes")),
        }
    }

    pub(super) fn assert_used_up(&self) {
        assert_eq!(self.used, self.bytes.len(), "draws that nobody took");
    }
}

/// The script ran out.
#[derive(Debug)]
pub(super) struct Empty;

impl core::fmt::Display for Empty {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the script ran out")
    }
}

impl core::error::Error for Empty {}

impl TryRng for Script {
    type Error = Empty;
    fn try_next_u32(&mut self) -> Result<u32, Empty> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    }
    fn try_next_u64(&mut self) -> Result<u64, Empty> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_be_bytes(bytes))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Empty> {
        let draw = self.bytes.get(self.used..self.used + out.len()).ok_or(Empty)?;
        out.copy_from_slice(draw);
        self.used += out.len();
        Ok(())
    }
}

impl TryCryptoRng for Script {}

/// The client's key of a vector's `key` object.
pub(super) fn client_key(key: &Value) -> ClientKey {
    let public_key = PublicKey::from(key.point("P"));
    let purpose = key["purpose"].as_str().map_or(1, |_| key.u8("purpose"));
    ClientKey {
        key_id: KeyId::from_bytes(key.array("key_id")),
        suite: Suite::D,
        purpose: Purpose::from_byte(purpose).unwrap(),
        mode: PinMode::Base,
        epoch: u32::from_be_bytes(key.array("epoch")),
        base: sm_primitives::batch::Multiplier::new(share::base(&public_key).unwrap()),
        verifier: once_cell::race::OnceBox::new(),
        public_key,
        share: key.secret("dA"),
        auth: AuthKey::from_bytes(&key.array("K_auth")),
        first: share::Reserved::default(),
    }
}

pub(super) fn hexed(bytes: &[u8]) -> String {
    hex::encode(bytes)
}
