//! Devices: who is calling.

use std::net::IpAddr;

use cosign_core::DeviceId;
use serde::{Deserialize, Serialize};

use super::Error;

/// Longest device name and key label, in bytes.
pub const MAX_NAME: usize = 128;

/// Who sent a request, as the channel authenticated it.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// SM3 of the client certificate's public key; `None` without a certificate.
    pub device: Option<DeviceId>,
    /// Where the packets come from.
    pub source: IpAddr,
}

/// An enrolled device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// SM3 of the client certificate's SubjectPublicKeyInfo.
    pub id: DeviceId,
    /// What its owner calls it.
    pub name: Name,
    /// When it was enrolled, unix milliseconds.
    pub enrolled_ms: u64,
}

/// A short text for people: 1..=128 bytes, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        if text.is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
            return Err(Error::BadRequest("a name has 1 to 128 bytes and no control characters"));
        }
        Ok(Self(text))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}
