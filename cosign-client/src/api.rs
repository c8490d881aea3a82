//! The server's HTTP API as types.

use std::fmt;

use cosign_core::{PinMode, Purpose, Suite};
use serde::{Deserialize, Serialize};

/// What a server says about itself (`GET /v1/server`).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Server {
    /// Software version.
    pub version: String,
    /// Its clock, unix milliseconds.
    pub time_ms: u64,
    /// Protocol suites on offer.
    pub suites: Vec<String>,
    /// Items of one request, at most.
    pub max_batch: usize,
    /// PBKDF2 iterations of a new key, at least.
    pub pbkdf2_iterations_min: u32,
}

/// A device as the server knows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Device {
    /// SM3 of the device certificate's public key, hexadecimal.
    pub device_id: String,
    /// The name given at enrolment.
    pub name: String,
}

/// The right to generate one key, or to receive one share of a key (`POST /v1/keys`).
#[derive(Clone, Debug, Deserialize)]
pub struct NewKey {
    /// Its id, hexadecimal.
    pub key_id: String,
    /// How it signs: `D` or `F2`.
    #[serde(default = "suite_d")]
    pub suite: String,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// How its PIN is protected: `base` or `oblivious`.
    #[serde(default = "base_mode")]
    pub pin_mode: String,
}

/// A key id that was issued to this device and is not used yet (`GET /v1/key-ids/{key_id}`).
#[derive(Clone, Debug, Deserialize)]
pub struct IssuedId {
    /// How the key signs: `D` or `F2`.
    pub suite: String,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// How its PIN is protected: `base` or `oblivious`.
    #[serde(default = "base_mode")]
    pub pin_mode: String,
    /// The key to be recovered under this id, SPKI PEM; `None` if the id is for something else.
    #[serde(default)]
    pub public_key: Option<String>,
}

/// Which of its two purposes a key has, as the API writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPurpose {
    /// Signatures.
    Sign,
    /// Decryption.
    Encrypt,
}

impl KeyPurpose {
    /// `sign` or `encrypt`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Encrypt => "encrypt",
        }
    }
}

impl From<Purpose> for KeyPurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Sign => Self::Sign,
            Purpose::Encrypt => Self::Encrypt,
        }
    }
}

impl From<KeyPurpose> for Purpose {
    fn from(purpose: KeyPurpose) -> Self {
        match purpose {
            KeyPurpose::Sign => Self::Sign,
            KeyPurpose::Encrypt => Self::Encrypt,
        }
    }
}

/// The server's view of a key (`GET /v1/keys/{key_id}`).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KeyStatus {
    /// Its id, hexadecimal.
    pub key_id: String,
    /// How it signs: `D` or `F2`.
    #[serde(default = "suite_d")]
    pub suite: String,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// How its PIN is protected: `base` or `oblivious`.
    #[serde(default = "base_mode")]
    pub pin_mode: String,
    /// The label given at its making.
    #[serde(default)]
    pub label: String,
    /// `pending`, `arriving`, `active`, `suspended` or `revoked`.
    pub status: String,
    /// Share epoch.
    pub epoch: u32,
    /// SPKI PEM; absent before the key exists.
    #[serde(default)]
    pub public_key: Option<String>,
    /// When it was made, unix milliseconds.
    pub created_at_ms: u64,
    /// The PIN gate.
    pub pin: PinState,
    /// Decryptions so far.
    #[serde(default)]
    pub decrypts: u64,
}

/// What servers mean that do not name the suite.
fn suite_d() -> String {
    Suite::D.as_str().to_owned()
}

/// What servers mean that do not name the PIN mode.
fn base_mode() -> String {
    PinMode::Base.as_str().to_owned()
}

/// The PIN gate of a key.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct PinState {
    /// Wrong PINs since the last right one.
    pub failures: u32,
    /// Wrong PINs since the key was made or unlocked.
    pub total: u32,
    /// Whether only the operator can open it.
    pub locked: bool,
    /// Seconds before the next attempt counts.
    pub retry_s: u32,
    /// Wrong PINs that lock the key; `None` from a server that does not say.
    #[serde(default)]
    pub remaining: Option<u32>,
    /// Whether the operator unlocked the key, so that only a PIN change is served.
    #[serde(default)]
    pub refresh_required: bool,
}

/// A certification authority (`GET /v1/authorities`).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Authority {
    /// What requests call it.
    pub authority: String,
    /// What people call it.
    pub label: String,
    /// PEM.
    pub certificate: String,
    /// Whether it issues nothing new.
    pub retired: bool,
    /// Whether a certificate for decryption can be had with one for signing.
    pub makes_decryption_keys: bool,
}

/// What a reviewer decided about a request.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Decision {
    /// Whether it passed.
    pub passed: bool,
    /// Why.
    pub opinion: String,
    /// When, unix milliseconds.
    pub at_ms: u64,
}

/// A request for a certificate (`GET /v1/certificate-requests`).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CertificateRequest {
    /// Its name, hexadecimal.
    pub request: String,
    /// At which authority.
    pub authority: String,
    /// `new`, `renew`, `change`, `reissue` or `revoke`.
    pub kind: String,
    /// Serial number of the certificate that it is about.
    pub certificate: Option<String>,
    /// `draft`, `review`, `returned`, `approved` or `closed`.
    pub state: String,
    /// Whether a certificate for decryption is wanted too.
    pub dual: bool,
    /// When it was made, unix milliseconds.
    pub created_at_ms: u64,
    /// What reviewers decided.
    pub decisions: Vec<Decision>,
}

/// A certificate (`GET /v1/certificates`).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CertificateStatus {
    /// Who issued it.
    pub authority: String,
    /// Its number, hexadecimal.
    pub serial: String,
    /// `sign` or `encrypt`.
    pub role: String,
    /// `valid`, `expired`, `frozen`, `needs-change`, `superseded` or `revoked`.
    pub state: String,
    /// Whether it ends soon.
    pub expiring: bool,
    /// Whose.
    pub subject: String,
    /// The key id of this device.
    pub key_id: Option<String>,
    /// Serial number of the other one of its pair.
    pub pair: Option<String>,
    /// The last moment at which it is valid, unix milliseconds.
    pub not_after_ms: u64,
    /// PEM.
    pub certificate: String,
}

/// A page of a list.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    #[serde(alias = "keys", alias = "requests", alias = "certificates")]
    pub(crate) items: Vec<T>,
    /// Where the next page begins; a server without pages says nothing.
    #[serde(default)]
    pub(crate) next: Option<String>,
}

/// An error of the API (RFC 9457 `application/problem+json`).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Problem {
    /// HTTP status.
    #[serde(default)]
    pub status: u16,
    /// Stable name.
    pub code: String,
    /// Short text.
    #[serde(default)]
    pub title: String,
    /// What it is about.
    #[serde(default)]
    pub detail: Option<String>,
    /// What the server says to do about it.
    #[serde(default)]
    pub next_step: Option<String>,
    /// When to try again, seconds.
    #[serde(default)]
    pub retry_after_s: Option<u64>,
}

impl Problem {
    pub(crate) fn bare(status: u16, code: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
            title: String::new(),
            detail: None,
            next_step: None,
            retry_after_s: None,
        }
    }

    /// Whether the identical request may succeed in a moment.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.code.as_str(), "busy" | "too_many_requests" | "unavailable")
    }

    pub(crate) fn next_step(&self) -> Option<String> {
        let text = match self.code.as_str() {
            "not_enrolled" => "ask the operator for an enrolment code and give it with `--enrol-code`",
            "no_client_certificate" => "this device has no key for the server yet; run `smsign keygen`",
            "enrolment_code_invalid" => {
                "ask the operator for a new code; each one is good for a limited time and number of devices"
            }
            "not_found" => "`smsign keys list` shows the keys of this device",
            "busy" | "too_many_requests" | "unavailable" => match self.retry_after_s {
                Some(wait) => return Some(format!("try again in {wait} s")),
                None => "try again later",
            },
            // Text from outside goes to a terminal: control characters stay out.
            _ => {
                let said = self.next_step.as_deref()?;
                return Some(said.chars().filter(|c| !c.is_control()).collect());
            }
        };
        Some(text.to_owned())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = [self.detail.as_deref(), Some(self.title.as_str())]
            .into_iter()
            .flatten()
            .find(|text| !text.is_empty());
        match text {
            // Text from outside goes to a terminal: control characters stay out.
            Some(text) => text.chars().filter(|c| !c.is_control()).try_for_each(|c| write!(f, "{c}"))?,
            None => f.write_str("no reason given")?,
        }
        write!(f, " ({})", self.code.chars().filter(|c| !c.is_control()).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_well_and_cannot_drive_the_terminal() {
        let problem: Problem = serde_json::from_str(
            r#"{"type":"about:blank","title":"Forbidden","status":403,"code":"not_enrolled","detail":"unknown\u001b[2J device"}"#,
        )
        .unwrap();
        assert_eq!(problem.to_string(), "unknown[2J device (not_enrolled)");
        assert!(problem.next_step().unwrap().contains("--enrol-code"));
        assert_eq!(Problem::bare(500, "internal").to_string(), "no reason given (internal)");
    }

    #[test]
    fn key_status_parses() {
        let status: KeyStatus = serde_json::from_str(
            r#"{"key_id":"00","purpose":"encrypt","label":"x","status":"active","epoch":1,"public_key":"PEM","created_at_ms":5,
                "pin":{"failures":1,"total":2,"locked":false,"retry_s":0},"decrypts":3}"#,
        )
        .unwrap();
        assert_eq!((status.suite.as_str(), status.pin_mode.as_str()), ("D", "base"));
        assert_eq!((status.purpose, status.pin.total, status.decrypts), (KeyPurpose::Encrypt, 2, 3));
        assert!(serde_json::from_str::<KeyStatus>(r#"{"purpose":"both"}"#).is_err());
        let list = format!(r#"{{"keys":[{}]}}"#, serde_json::to_string(&status).unwrap());
        assert_eq!(serde_json::from_str::<Page<KeyStatus>>(&list).unwrap().items[0].created_at_ms, 5);
    }
}
