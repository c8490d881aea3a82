//! One key of the store: the protocol's record, and what people call it.

use cosign_core::{KeyId, LocalRecord, Purpose};
use serde::{Deserialize, Serialize};
use sm_primitives::sm2::{DistId, PublicKey};

use crate::{
    address::ServerAddress,
    api::{KeyPurpose, KeyStatus},
    error::Error,
    tls::Trust,
};

/// Length of a label in characters, at most.
pub const MAX_LABEL: usize = 64;
/// Age of the shares from which a refresh is advised, milliseconds: 90 days.
pub const REFRESH_AFTER_MS: u64 = 90 * 24 * 3_600_000;

/// What the store keeps beside the protocol's record. Nothing in it is secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Layout of this file; 1.
    pub format: u8,
    /// The key's id, 32 hexadecimal digits.
    pub key_id: String,
    /// What the key is for.
    pub purpose: KeyPurpose,
    /// What its owner calls it.
    pub label: String,
    /// The server that holds the other share.
    pub server: ServerAddress,
    /// The CA certificates that vouch for the server, PEM.
    pub ca: String,
    /// The public key, SPKI PEM.
    pub public_key: String,
    /// The distinguishing id that goes into Z, UTF-8.
    pub distid: String,
    /// Whether the server confirmed the activation.
    pub active: bool,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// When its shares were last renewed, unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_ms: Option<u64>,
}

impl KeyInfo {
    /// That of a key which the server has not confirmed yet.
    pub(crate) fn new(
        key_id: KeyId,
        purpose: Purpose,
        public_key: &PublicKey,
        chosen: NewKeyInfo<'_>,
    ) -> Self {
        Self {
            format: 1,
            key_id: key_id.to_string(),
            purpose: purpose.into(),
            label: chosen.label.to_owned(),
            server: chosen.server.clone(),
            ca: chosen.trust.pem().to_owned(),
            public_key: public_key.to_spki_pem(),
            distid: chosen.distid.to_owned(),
            active: false,
            created_ms: chosen.created_ms,
            renewed_ms: None,
        }
    }

    /// Whether a refresh is advised at `now_ms`: the shares are as old as [`REFRESH_AFTER_MS`]. Nothing is refreshed by
    /// itself, because it needs the PIN.
    #[must_use]
    pub fn is_refresh_due(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.renewed_ms.unwrap_or(self.created_ms)) >= REFRESH_AFTER_MS
    }
}

/// A key of the store, checked: its records and its description belong together.
pub struct StoredKey {
    pub(super) record: LocalRecord,
    pub(super) next: Option<LocalRecord>,
    /// The description.
    pub info: KeyInfo,
}

impl StoredKey {
    /// Describes a fresh record.
    #[must_use]
    pub fn new(record: LocalRecord, info: NewKeyInfo<'_>) -> Self {
        let info = KeyInfo::new(record.key_id(), record.purpose(), record.public_key(), info);
        Self { record, next: None, info }
    }

    /// The protocol's record; the old one while a refresh is not confirmed.
    #[must_use]
    pub const fn record(&self) -> &LocalRecord {
        &self.record
    }

    /// The record of the next epoch, while the server has not confirmed it.
    #[must_use]
    pub const fn next(&self) -> Option<&LocalRecord> {
        self.next.as_ref()
    }

    /// Whether the key came from another device or from recovery, and the server has not confirmed that this device has
    /// it now. Its first record here is that of the refresh which makes it this device's; a key that was generated here
    /// begins with epoch 1.
    #[must_use]
    pub const fn is_arriving(&self) -> bool {
        !self.info.active && self.record.epoch() > 1
    }

    /// Whether this view of the server says that it holds the other half of the record.
    #[must_use]
    pub fn is_confirmed_by(&self, view: &KeyStatus) -> bool {
        !matches!(view.status.as_str(), "pending" | "arriving") && view.epoch == self.record.epoch()
    }

    /// The record to use the key with.
    ///
    /// # Errors
    /// [`Error::RefreshUnconfirmed`] while there are two records, [`Error::ArrivalUnconfirmed`] for a key that has not
    /// arrived: none is used then, and [`Client::complete_refresh`](crate::Client::complete_refresh) comes first.
    pub fn into_record(self) -> Result<LocalRecord, Error> {
        match self.next {
            None if self.is_arriving() => {
                Err(Error::ArrivalUnconfirmed { key_id: self.record.key_id(), cause: None })
            }
            None => Ok(self.record),
            Some(next) => Err(Error::RefreshUnconfirmed { key_id: next.key_id(), cause: None }),
        }
    }

    /// The key's id.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.record.key_id()
    }

    /// What the key is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        self.record.purpose()
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        *self.record.public_key()
    }

    /// The distinguishing id. One that is too long for the standard does not get into a store.
    #[must_use]
    pub fn distid(&self) -> DistId {
        DistId::new(self.info.distid.as_bytes()).unwrap_or_default()
    }

    /// Why the files do not belong together, if they do not.
    pub(super) fn mismatch(&self, folder: &str) -> Option<&'static str> {
        let follows = |next: &LocalRecord| {
            next.key_id() == self.record.key_id()
                && next.purpose() == self.record.purpose()
                && next.public_key() == self.record.public_key()
                && next.epoch().checked_sub(1) == Some(self.record.epoch())
        };
        if self.info.format != 1 {
            Some("unknown format")
        } else if self.info.key_id != folder || self.record.key_id().to_string() != folder {
            Some("the key id is not the folder's")
        } else if self.info.purpose != self.record.purpose().into() {
            Some("the purposes differ")
        } else if !self.next.as_ref().is_none_or(follows) {
            Some("the next record does not follow the record")
        } else if PublicKey::from_spki_pem(&self.info.public_key) != Ok(self.public_key()) {
            Some("the public keys differ")
        } else if DistId::new(self.info.distid.as_bytes()).is_err() {
            Some("the distinguishing id is too long")
        } else if Trust::from_pem(&self.info.ca).is_err() {
            Some("the CA certificates do not parse")
        } else {
            None
        }
    }

    /// Whether `wanted` names this key: its label, its id, or the beginning of its id (4 digits or more).
    pub(super) fn is_named(&self, wanted: &str) -> bool {
        let by_id = wanted.len() >= 4 && self.info.key_id.starts_with(&wanted.to_ascii_lowercase());
        self.info.label == wanted || by_id
    }
}

/// What the owner decides about a new key.
#[derive(Clone, Copy)]
pub struct NewKeyInfo<'a> {
    /// What to call it.
    pub label: &'a str,
    /// The server that makes it.
    pub server: &'a ServerAddress,
    /// Who vouches for the server.
    pub trust: &'a Trust,
    /// The distinguishing id that goes into Z.
    pub distid: &'a str,
    /// Now, unix milliseconds.
    pub created_ms: u64,
}

/// Checks a label: 1 to 64 characters, none of them a control character, and not looking like a key id.
///
/// # Errors
/// What is wrong with it, as text.
pub fn check_label(label: &str) -> Result<(), &'static str> {
    if label.is_empty() || label.chars().count() > MAX_LABEL {
        Err("a label has 1 to 64 characters")
    } else if label.chars().any(char::is_control) {
        Err("a label has no control characters")
    } else if label.parse::<KeyId>().is_ok() {
        Err("a label must not look like a key id")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_is_advised_after_ninety_days() {
        let json = serde_json::json!({
            "format": 1, "key_id": "00", "purpose": "sign", "label": "a", "server": "localhost:8443", "ca": "",
            "public_key": "", "distid": "", "active": true, "created_ms": 1000
        });
        let mut info: KeyInfo = serde_json::from_value(json).unwrap();
        assert_eq!(info.renewed_ms, None, "keys from before there was such a field");
        assert!(!info.is_refresh_due(999 + REFRESH_AFTER_MS));
        assert!(info.is_refresh_due(1000 + REFRESH_AFTER_MS));
        info.renewed_ms = Some(5000);
        assert!(!info.is_refresh_due(1000 + REFRESH_AFTER_MS));
        assert!(info.is_refresh_due(5000 + REFRESH_AFTER_MS));
        assert!(!info.is_refresh_due(0), "a clock that went back");
    }
}
