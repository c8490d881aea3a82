//! Signed answers. Source: RFC 6960, 4.2.1 and 4.2.2.

use core::fmt;
use core::ops::Range;

use envelope::cms::Time;

use crate::algorithm::{Defect, SignatureAlgorithm, SignatureValue, Signed};
use crate::certificate::{Certificate, range};
use crate::crl::RevocationReason;
use crate::error::Error;
use crate::extension::{self, Extension};
use crate::fields::{ENUMERATED, Fields, GENERALIZED_TIME, OCTET_STRING, SEQUENCE, constructed, primitive};
use crate::name::Name;
use crate::ocsp::{CertId, UNDATED_AGE, nonce};
use crate::oid;
use crate::validate::Purpose;

/// Most certificates that come with an answer.
const MAX_CERTIFICATES: usize = 16;
/// Most certificates that an answer is about.
const MAX_SINGLES: usize = 1024;

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
    /// Whether it speaks of a moment, clocks being at most `tolerance` seconds apart. Without nextUpdate it
    /// counts for [`UNDATED_AGE`].
    #[must_use]
    pub fn is_current(&self, at: Time, tolerance: u64) -> bool {
        !self.is_from_after(at, tolerance) && !self.is_stale(at, tolerance)
    }

    fn is_from_after(&self, at: Time, tolerance: u64) -> bool {
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

/// A signed answer. Nothing about it is verified by being here.
#[derive(Clone, Debug)]
pub struct BasicResponse {
    der: Vec<u8>,
    tbs: Range<usize>,
    responder: ResponderId,
    produced_at: Time,
    singles: Vec<SingleResponse>,
    extensions: Vec<Extension>,
    certificates: Vec<Certificate>,
    signature: SignatureValue,
}

const WHAT: &str = "OCSP answer";

impl BasicResponse {
    pub(super) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::inside(der, SEQUENCE, WHAT)?;
        let signed = Signed::read(&mut fields)?;
        let mut certificates = Vec::new();
        if let Some(list) = fields.optional(constructed(0))? {
            let list = Fields::inside(list.body, SEQUENCE, WHAT)?.all(SEQUENCE)?;
            // What cannot be read can have signed nothing that is verified here.
            let read =
                list.iter().take(MAX_CERTIFICATES).filter_map(|der| Certificate::from_der(der.whole).ok());
            certificates.extend(read);
        }
        fields.finish()?;
        let mut tbs = Fields::inside(signed.tbs, SEQUENCE, WHAT)?;
        if let Some(version) = tbs.optional(constructed(0))?
            && Fields::new(version.body, WHAT).small()? != 0
        {
            return Err(Error::Malformed("OCSP version"));
        }
        let responder = tbs.next()?;
        let responder = match responder.tag {
            0xa1 => ResponderId::Name(Name::from_der(responder.body)?),
            0xa2 => {
                let mut hash = Fields::new(responder.body, WHAT);
                let octets = hash.expect(OCTET_STRING)?.body.to_vec();
                hash.finish()?;
                ResponderId::Key(octets)
            }
            _ => return Err(tbs.error()),
        };
        if tbs.peek() != Some(GENERALIZED_TIME) {
            return Err(tbs.error());
        }
        let produced_at = tbs.time()?;
        let list = tbs.sequence()?.all(SEQUENCE)?;
        if list.len() > MAX_SINGLES {
            return Err(Error::Malformed("number of certificates in an OCSP answer"));
        }
        let singles = list.iter().map(|single| read_single(single.body)).collect::<Result<_, _>>()?;
        let extensions = match tbs.optional(constructed(1))? {
            Some(list) => extension::read_list(Fields::inside(list.body, SEQUENCE, WHAT)?)?,
            None => Vec::new(),
        };
        tbs.finish()?;
        let (tbs, signature) = (range(der, signed.tbs), SignatureValue::of(&signed));
        let der = der.to_vec();
        Ok(Self { der, tbs, responder, produced_at, singles, extensions, certificates, signature })
    }

    /// Who answers.
    #[must_use]
    pub const fn responder(&self) -> &ResponderId {
        &self.responder
    }

    /// When it was signed.
    #[must_use]
    pub const fn produced_at(&self) -> Time {
        self.produced_at
    }

    /// How it is signed.
    #[must_use]
    pub const fn algorithm(&self) -> SignatureAlgorithm {
        self.signature.algorithm
    }

    /// What is said of each certificate.
    #[must_use]
    pub fn singles(&self) -> &[SingleResponse] {
        &self.singles
    }

    /// The nonce of the request.
    #[must_use]
    pub fn nonce(&self) -> Option<Vec<u8>> {
        nonce(&self.extensions)
    }

    /// The certificates that came along, at most 16.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// What is said of a certificate; of several answers the newest.
    #[must_use]
    pub fn find(&self, certificate: &Certificate, issuer: &Certificate) -> Option<&SingleResponse> {
        let about = self.singles.iter().filter(|single| single.id.names(certificate, issuer));
        about.max_by_key(|single| single.this_update)
    }

    /// Who signed it for `issuer`: the issuer itself, or whom it has appointed by a certificate for that purpose, valid when
    /// the answer was signed. Whether that certificate has been revoked is not asked. Variable time.
    ///
    /// # Errors
    /// [`OcspDefect`].
    pub fn verify_signature<'a>(&'a self, issuer: &'a Certificate) -> Result<&'a Certificate, OcspDefect> {
        let unknown = |extension: &Extension| extension.critical && extension.id != oid::OCSP_NONCE;
        if self.extensions.iter().any(unknown) {
            return Err(OcspDefect::UnknownCriticalExtension);
        }
        let mut why = OcspDefect::Responder;
        if self.responder.names(issuer) {
            match self.is_signed_by(issuer) {
                Ok(()) => return Ok(issuer),
                Err(defect) => why = OcspDefect::Signature(defect),
            }
        }
        for delegate in self.certificates.iter().filter(|delegate| self.responder.names(delegate)) {
            match self
                .is_appointed(delegate, issuer)
                .and_then(|()| self.is_signed_by(delegate).map_err(OcspDefect::Signature))
            {
                Ok(()) => return Ok(delegate),
                Err(defect) => why = defect,
            }
        }
        Err(why)
    }

    fn is_signed_by(&self, signer: &Certificate) -> Result<(), Defect> {
        let key = signer.key().sm2().ok_or(Defect::Unsupported)?;
        self.signature.verify(key, self.der.get(self.tbs.clone()).unwrap_or_default())
    }

    /// Source: RFC 6960, 4.2.2.2.
    fn is_appointed(&self, delegate: &Certificate, issuer: &Certificate) -> Result<(), OcspDefect> {
        let extensions = delegate.extensions();
        let clean = extensions.unknown_critical.is_empty()
            && extensions.malformed.is_empty()
            && extensions.duplicates.is_empty();
        let appointed = delegate.issuer() == issuer.subject()
            && Purpose::OcspSigning.permits(delegate).is_ok()
            && clean
            && issuer.key().sm2().is_some_and(|key| delegate.verify_signature(key).is_ok());
        let validity = delegate.validity();
        match (appointed, validity.not_before <= self.produced_at && self.produced_at <= validity.not_after) {
            (false, _) => Err(OcspDefect::Responder),
            (true, false) => Err(OcspDefect::ResponderExpired),
            (true, true) => Ok(()),
        }
    }

    /// Everything at once: what is said of `certificate` at a moment, in answer to a request with this nonce.
    ///
    /// `tolerance`: seconds that clocks may be apart, see [`TOLERANCE`](super::TOLERANCE).
    ///
    /// # Errors
    /// [`OcspDefect`].
    pub fn check(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        nonce: Option<&[u8]>,
        at: Time,
        tolerance: u64,
    ) -> Result<CertStatus, OcspDefect> {
        self.verify_signature(issuer)?;
        if nonce.is_some() && self.nonce().as_deref() != nonce {
            return Err(OcspDefect::Nonce);
        }
        let single = self.find(certificate, issuer).ok_or(OcspDefect::OtherCertificate)?;
        if single.has_unknown_critical {
            return Err(OcspDefect::UnknownCriticalExtension);
        }
        let produced_after = self.produced_at.as_unix() > at.as_unix().saturating_add(tolerance);
        if produced_after || single.is_from_after(at, tolerance) {
            return Err(OcspDefect::NotYet);
        }
        if single.is_stale(at, tolerance) {
            return Err(OcspDefect::Stale);
        }
        Ok(single.status)
    }
}

fn read_single(body: &[u8]) -> Result<SingleResponse, Error> {
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
    Ok(SingleResponse { id, status, this_update, next_update, has_unknown_critical })
}

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
