//! Signed answers. Source: RFC 6960, 4.2.1 and 4.2.2.

use core::ops::Range;

use envelope::cms::Time;

use crate::algorithm::{Defect, SignatureAlgorithm, SignatureValue, Signed};
use crate::certificate::{Certificate, range};
use crate::error::Error;
use crate::extension::{self, Extension};
use crate::fields::{Fields, GENERALIZED_TIME, OCTET_STRING, SEQUENCE, constructed};
use crate::name::Name;
use crate::ocsp::nonce;
use crate::ocsp::single::{CertStatus, OcspDefect, ResponderId, SingleResponse};
use crate::oid;
use crate::validate::Purpose;

/// Most certificates that come with an answer.
const MAX_CERTIFICATES: usize = 16;
/// Most certificates that an answer is about.
const MAX_SINGLES: usize = 1024;

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
        let singles =
            list.iter().map(|single| SingleResponse::read(single.body)).collect::<Result<_, _>>()?;
        let extensions = match tbs.optional(constructed(1))? {
            Some(list) => extension::read_list(Fields::inside(list.body, SEQUENCE, WHAT)?)?,
            None => Vec::new(),
        };
        tbs.finish()?;
        let (tbs, signature) = (range(der, signed.tbs), SignatureValue::of(&signed));
        let der = der.to_vec();
        Ok(Self { der, tbs, responder, produced_at, singles, extensions, certificates, signature })
    }

    /// As a responder sends it: OCSPResponse, DER.
    #[must_use]
    pub fn to_response(&self) -> Vec<u8> {
        crate::issue::successful(&self.der)
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
        self.signature.verify(signer.key(), self.der.get(self.tbs.clone()).unwrap_or_default())
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
            && delegate.verify_signature(issuer.key()).is_ok();
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
