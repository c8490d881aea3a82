//! Authorities: their names, keys and default terms.

use std::path::PathBuf;

use cosign_core::sm_primitives::sm2::PublicKey;
use serde::{Deserialize, Serialize};

use super::escrow::Quorum;
use crate::domain::{Error, device::Name};

/// Longest id of an authority in bytes.
const MAX_ID: usize = 32;
/// A year has no more days than this, nor a validity more years than 30.
const MAX_DAYS: u32 = 30 * 366;
/// Longest time between two lists, and longest validity of an OCSP answer, in seconds: 30 days.
const MAX_INTERVAL_S: u32 = 30 * 86_400;

/// What an authority is called in paths and commands: 1 to 32 of `a-z`, `0-9` and `-`, a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuthorityId(String);

impl AuthorityId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AuthorityId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        if !first || text.len() > MAX_ID || !text.bytes().all(known) {
            return Err(Error::BadRequest(
                "an authority is named by 1 to 32 of a-z, 0-9 and -, with a letter first",
            ));
        }
        Ok(Self(text))
    }
}

impl From<AuthorityId> for String {
    fn from(id: AuthorityId) -> Self {
        id.0
    }
}

/// Who signs the certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// This server, with a key that is sealed in its database.
    #[default]
    Embedded,
    /// An institution outside, by way of a folder: requests go out, certificates come in.
    Folder(PathBuf),
}

/// The terms that hold where nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Who signs.
    pub backend: Backend,
    /// Days that a certificate is valid, 1 to 10980.
    pub validity_days: u32,
    /// Seconds until the next full revocation list, at most 30 days.
    pub crl_interval_s: u32,
    /// Seconds until the next delta list, at most 30 days.
    pub delta_interval_s: u32,
    /// Seconds that an OCSP answer is valid, at most 30 days.
    pub ocsp_validity_s: u32,
    /// Where `/ca/` and `/ocsp/` of this server are reached, without a slash at the end. Certificates name it.
    pub base_url: Option<String>,
    /// Object identifier of the certificate policy, dotted.
    pub policy: Option<String>,
    /// How many reviewers pass a request, 1 or 2.
    pub reviewers: u8,
    /// Who can open the escrow of decryption keys. Without it none are made here.
    pub quorum: Option<Quorum>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            backend: Backend::Embedded,
            validity_days: 365,
            crl_interval_s: 86_400,
            delta_interval_s: 3600,
            ocsp_validity_s: 3600,
            base_url: None,
            policy: None,
            reviewers: 1,
            quorum: None,
        }
    }
}

impl Options {
    /// Whether every value is within its bounds.
    ///
    /// # Errors
    /// [`Error::BadRequest`], which says what is not.
    pub fn check(&self) -> Result<(), Error> {
        let interval = |seconds: u32| (60..=MAX_INTERVAL_S).contains(&seconds);
        if !(1..=MAX_DAYS).contains(&self.validity_days) {
            return Err(Error::BadRequest("a certificate is valid for 1 to 10980 days"));
        }
        if ![self.crl_interval_s, self.delta_interval_s, self.ocsp_validity_s].into_iter().all(interval) {
            return Err(Error::BadRequest("intervals are from 60 seconds to 30 days"));
        }
        if !matches!(self.reviewers, 1 | 2) {
            return Err(Error::BadRequest("one or two reviewers pass a request"));
        }
        let is_url = |url: &str| {
            (url.starts_with("http://") || url.starts_with("https://"))
                && !url.ends_with('/')
                && url.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if self.base_url.as_deref().is_some_and(|url| !is_url(url)) {
            return Err(Error::BadRequest(
                "the base URL begins with http:// or https:// and has no / at its end",
            ));
        }
        if self.policy.as_deref().is_some_and(|oid| pki::ObjectIdentifier::new(oid).is_err()) {
            return Err(Error::BadRequest("the policy is no object identifier"));
        }
        self.quorum.as_ref().map_or(Ok(()), Quorum::check)
    }
}

/// An institution that certifies.
#[derive(Clone, Debug)]
pub struct Authority {
    /// What paths and commands call it.
    pub id: AuthorityId,
    /// What people call it.
    pub label: Name,
    /// Its certificate, then those above it.
    pub chain: Vec<pki::Certificate>,
    /// Its terms.
    pub options: Options,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// Since when it issues nothing new, unix milliseconds. It goes on to publish the status of what it issued.
    pub retired_ms: Option<u64>,
    /// Grows with every change that revocation lists show.
    pub status_version: u64,
}

impl Authority {
    /// Its certificate.
    ///
    /// # Errors
    /// [`Error::Internal`] for an authority without one, which no row is.
    pub fn certificate(&self) -> Result<&pki::Certificate, Error> {
        self.chain.first().ok_or(Error::Internal)
    }
}

/// What a key of an authority is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Signs certificates and revocation lists.
    Certify,
    /// Signs OCSP answers.
    Answer,
    /// Signs time stamps.
    Stamp,
}

impl Duty {
    /// `certify`, `answer` or `stamp`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certify => "certify",
            Self::Answer => "answer",
            Self::Stamp => "stamp",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Certify, Self::Answer, Self::Stamp].into_iter().find(|duty| duty.as_str() == name)
    }
}

/// A key of an authority at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityKey {
    /// Whose.
    pub authority: AuthorityId,
    /// What for.
    pub duty: Duty,
    /// Its public key.
    pub public_key: PublicKey,
    /// Its certificate, DER; that of the authority itself for [`Duty::Certify`].
    pub certificate: Vec<u8>,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// The private key, sealed under a wrapping key.
    pub sealed: Vec<u8>,
}
