//! What an answer says of one certificate, and why it may not count. Source: RFC 6960, 4.2.1.

use core::fmt;

use envelope::cms::Time;

use crate::algorithm::Defect;
use crate::certificate::Certificate;
use crate::crl::RevocationReason;
use crate::error::Error;
use crate::extension;
use crate::fields::{ENUMERATED, Fields, SEQUENCE, constructed, primitive};
use crate::name::Name;
use crate::ocsp::{CertId, UNDATED_AGE};

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponderId {
    /// By the subject's name.
    Name(Name),
    /// By a hash of the key: SHA-1, or of those who use nothing else SM3.
    Key(Vec<u8>),
}

impl ResponderId {
    /// Whether it may be the holder of a certificate.
    #[must_use]
    pub fn names(&self, certificate: &Certificate) -> bool {
        use crate::algorithm::HashAlgorithm::{Sha1, Sm3};
        match self {
            Self::Name(name) => name == certificate.subject(),
            Self::Key(hash) => [Sha1, Sm3].iter().any(|by| by.digest(certificate.key_octets()) == *hash),
        }
    }
}

/// What is said of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertStatus {
    /// It is not revoked.
    Good,
    /// It is.
    Revoked {
        /// Since when.
        date: Time,
        /// Why.
        reason: RevocationReason,
    },
    /// The responder does not know it.
    Unknown,
}

/// The answer about one certificate.
#[derive(Clone, Debug)]
pub struct SingleResponse {
    /// Which.
    pub id: CertId,
    /// What is said of it.
    pub status: CertStatus,
    /// As of when.
    pub this_update: Time,
    /// When there will be something newer at the latest; `None`: that is not said.
    pub next_update: Option<Time>,
    /// Whether there is a critical extension that is not known.
    pub has_unknown_critical: bool,
}

impl SingleResponse {
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::new(body, WHAT);
        let id = CertId::read(&mut fields)?;
        let status = fields.next()?;
        let status = match status.tag {
            tag if tag == primitive(0) && status.body.is_empty() => CertStatus::Good,
            tag if tag == primitive(2) && status.body.is_empty() => CertStatus::Unknown,
            tag if tag == constructed(1) => revoked(status.body)?,
            _ => return Err(fields.error()),
        };
        let this_update = fields.time()?;
        let next_update = match fields.optional(constructed(0))? {
            Some(time) => {
                let mut inner = Fields::new(time.body, WHAT);
                let time = inner.time()?;
                inner.finish()?;
                Some(time)
            }
            None => None,
        };
        let extensions = match fields.optional(constructed(1))? {
            Some(list) => extension::read_list(Fields::inside(list.body, SEQUENCE, WHAT)?)?,
            None => Vec::new(),
        };
        fields.finish()?;
        let has_unknown_critical = extensions.iter().any(|extension| extension.critical);
        Ok(Self { id, status, this_update, next_update, has_unknown_critical })
    }

    /// Whether it speaks of a moment, clocks being at most `tolerance` seconds apart. Without nextUpdate it
    /// counts for [`UNDATED_AGE`].
    #[must_use]
    pub fn is_current(&self, at: Time, tolerance: u64) -> bool {
        !self.is_from_after(at, tolerance) && !self.is_stale(at, tolerance)
    }

    pub(super) fn is_from_after(&self, at: Time, tolerance: u64) -> bool {
        self.this_update.as_unix() > at.as_unix().saturating_add(tolerance)
    }

    /// Whether something newer was due.
    #[must_use]
    pub fn is_stale(&self, at: Time, tolerance: u64) -> bool {
        self.due().as_unix().saturating_add(tolerance) < at.as_unix()
    }

    /// When something newer was due: nextUpdate, or [`UNDATED_AGE`] after thisUpdate.
    #[must_use]
    pub fn due(&self) -> Time {
        let undated = Time::from_unix(self.this_update.as_unix().saturating_add(UNDATED_AGE));
        self.next_update.or(undated).unwrap_or(self.this_update)
    }
}

/// Why an answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OcspDefect {
    /// The signature does not verify, or is not supported.
    Signature(Defect),
    /// Who signed is neither the issuer nor whom the issuer has appointed.
    Responder,
    /// Whom the issuer has appointed had no valid certificate.
    ResponderExpired,
    /// There is a critical extension that is not known.
    UnknownCriticalExtension,
    /// It is not about this certificate.
    OtherCertificate,
    /// It does not repeat the nonce of the request.
    Nonce,
    /// It is from after the moment.
    NotYet,
    /// It is out of date.
    Stale,
}

impl fmt::Display for OcspDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature(defect) => return defect.fmt(f),
            Self::Responder => "who signed it may not answer for the issuer",
            Self::ResponderExpired => "who signed it had no valid certificate",
            Self::UnknownCriticalExtension => "it has a critical extension that is not known",
            Self::OtherCertificate => "it is about another certificate",
            Self::Nonce => "it does not repeat the nonce of the request",
            Self::NotYet => "it is from after the moment",
            Self::Stale => "it is out of date",
        })
    }
}

impl core::error::Error for OcspDefect {}

const WHAT: &str = "OCSP answer";

fn revoked(body: &[u8]) -> Result<CertStatus, Error> {
    let mut fields = Fields::new(body, WHAT);
    let date = fields.time()?;
    let reason = match fields.optional(constructed(0))? {
        None => RevocationReason::Unspecified,
        Some(reason) => {
            let mut inner = Fields::new(reason.body, WHAT);
            let [number] = inner.expect(ENUMERATED)?.body else { return Err(inner.error()) };
            inner.finish()?;
            RevocationReason::from_number(*number).ok_or(Error::Malformed(WHAT))?
        }
    };
    fields.finish()?;
    Ok(CertStatus::Revoked { date, reason })
}
