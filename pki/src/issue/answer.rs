//! Answers of OCSP. Source: RFC 6960, 4.2; RFC 5019; RFC 9654.

use envelope::cms::Time;
use sm_primitives::sm2::PublicKey;

use super::encode::{explicit, extension, generalized, id, octets, seq, sm2_with_sm3};
use super::{Issuer, Unsigned};
use crate::algorithm::HashAlgorithm;
use crate::certificate::Certificate;
use crate::crl::RevocationReason;
use crate::error::Error;
use crate::fields::{ENUMERATED, INTEGER, element, primitive};
use crate::key::SubjectKey;
use crate::ocsp::{CertId, CertStatus, OcspRequest, ResponseStatus};
use crate::oid;
use crate::validate::Purpose;

/// When an answer is made and for how long it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerTimes {
    /// When it is signed.
    pub produced_at: Time,
    /// As of when what it says is known.
    pub this_update: Time,
    /// When there will be something newer at the latest: until then it may be kept.
    pub next_update: Option<Time>,
}

/// Who answers about the certificates of a CA.
#[derive(Clone, Debug)]
pub struct Responder {
    ca: Certificate,
    signer: Certificate,
    key: PublicKey,
    /// AlgorithmIdentifier.
    algorithm: Vec<u8>,
    /// The certificate that goes along, `[0]` whole; nothing of the CA itself.
    certificates: Vec<u8>,
}

impl Responder {
    /// The CA itself.
    #[must_use]
    pub fn of_ca(issuer: &Issuer) -> Self {
        Self {
            ca: issuer.certificate().clone(),
            signer: issuer.certificate().clone(),
            key: *issuer.key(),
            algorithm: issuer.algorithm().to_vec(),
            certificates: Vec::new(),
        }
    }

    /// Whom the CA has appointed by this certificate, which goes along with every answer.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a certificate of another issuer, or one that is not for it; [`Error::InvalidSignature`];
    /// [`Error::UnsupportedAlgorithm`].
    pub fn delegated(issuer: &Issuer, certificate: Certificate) -> Result<Self, Error> {
        let SubjectKey::Sm2(key) = *certificate.key() else {
            return Err(Error::UnsupportedAlgorithm("key of an OCSP responder"));
        };
        if certificate.issuer() != issuer.certificate().subject() {
            return Err(Error::Unusable("certificate of an OCSP responder: another CA issued it"));
        }
        Purpose::OcspSigning.permits(&certificate).map_err(Error::Unusable)?;
        certificate.verify_signature(issuer.certificate().key()).map_err(|_| Error::InvalidSignature)?;
        let null_parameters = issuer.algorithm() == sm2_with_sm3(true);
        let certificates = explicit(0, &[&seq(&[certificate.as_der()])]);
        let ca = issuer.certificate().clone();
        Ok(Self { ca, signer: certificate, key, algorithm: sm2_with_sm3(null_parameters), certificates })
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`ResponseStatus::MalformedRequest`], also for a critical extension that is not known and for a nonce that is not of
    /// 1 to 128 bytes.
    pub fn read(der: &[u8]) -> Result<OcspRequest, ResponseStatus> {
        let request = OcspRequest::from_der(der).map_err(|_| ResponseStatus::MalformedRequest)?;
        let mut extensions = request.extensions().iter();
        let critical = extensions.any(|extension| extension.critical && extension.id != oid::OCSP_NONCE);
        let nonce = request.nonce().is_none_or(|nonce| (1..=128).contains(&nonce.len()));
        if critical || !nonce { Err(ResponseStatus::MalformedRequest) } else { Ok(request) }
    }

    /// Which answer that was signed before serves a request: hash of the identifier and serial number. `None`: it has a
    /// nonce, is about several certificates, or about none of this CA.
    #[must_use]
    pub fn signed_before<'a>(&self, request: &'a OcspRequest) -> Option<(HashAlgorithm, &'a [u8])> {
        let [id] = request.ids() else { return None };
        let hash = id.hash().filter(|_| request.nonce().is_none() && id.is_of(&self.ca))?;
        Some((hash, id.serial()))
    }

    /// An answer about one certificate that nobody has asked about yet, without nonce. `serial`: the body of its INTEGER.
    ///
    /// # Errors
    /// [`Error::Unusable`]: times that contradict each other or are not within the validity of the responder's
    /// certificate; a reason that does not revoke.
    pub fn sign_before(
        &self,
        hash: HashAlgorithm,
        serial: &[u8],
        status: &CertStatus,
        times: AnswerTimes,
    ) -> Result<Unsigned, Error> {
        let name = octets(&hash.digest(self.ca.subject().as_der()));
        let key = octets(&hash.digest(self.ca.key_octets()));
        let cert_id = seq(&[&hash.to_der(), &name, &key, &element(INTEGER, &[serial])]);
        self.unsigned(&single(&cert_id, status, times)?, &[], times)
    }

    /// The answer to a request, with its nonce. `status` is asked for each serial number of this CA; certificates of other
    /// CAs are unknown.
    ///
    /// # Errors
    /// What to refuse with ([`refusal`]): what `status` says; [`ResponseStatus::Unauthorized`] if nothing in the request is
    /// about this CA; [`ResponseStatus::InternalError`] where [`Responder::sign_before`] fails.
    pub fn answer(
        &self,
        request: &OcspRequest,
        times: AnswerTimes,
        mut status: impl FnMut(&[u8]) -> Result<CertStatus, ResponseStatus>,
    ) -> Result<Unsigned, ResponseStatus> {
        let is_own = |id: &CertId| id.is_of(&self.ca);
        if !request.ids().iter().any(is_own) {
            return Err(ResponseStatus::Unauthorized);
        }
        let mut singles = Vec::new();
        for id in request.ids() {
            let status = if is_own(id) { status(id.serial())? } else { CertStatus::Unknown };
            let single = single(id.as_der(), &status, times);
            singles.extend(single.map_err(|_| ResponseStatus::InternalError)?);
        }
        // As it came: some leave out the OCTET STRING.
        let nonce = request.extensions().iter().find(|extension| extension.id == oid::OCSP_NONCE);
        let nonce = nonce.map_or_else(Vec::new, |nonce| extension(oid::OCSP_NONCE, false, &nonce.value));
        self.unsigned(&singles, &nonce, times).map_err(|_| ResponseStatus::InternalError)
    }

    /// ResponseData.
    fn unsigned(&self, singles: &[u8], nonce: &[u8], times: AnswerTimes) -> Result<Unsigned, Error> {
        let AnswerTimes { produced_at, this_update, next_update } = times;
        let validity = self.signer.validity();
        if produced_at < validity.not_before || validity.not_after < produced_at {
            return Err(Error::Unusable("an OCSP answer outside of the validity of who signs it"));
        }
        if this_update > produced_at || next_update.is_some_and(|next| next <= this_update) {
            return Err(Error::Unusable("times of an OCSP answer"));
        }
        // By key; KeyHash is SHA-1 whatever hashes the request has.
        let responder = octets(&HashAlgorithm::Sha1.digest(self.signer.key_octets()));
        let extensions = if nonce.is_empty() { Vec::new() } else { explicit(1, &[&seq(&[nonce])]) };
        let tbs =
            seq(&[&explicit(2, &[&responder]), &generalized(produced_at), &seq(&[singles]), &extensions]);
        Ok(Unsigned::new(tbs, self.algorithm.clone(), self.key).into_answer(self.certificates.clone()))
    }
}

/// SingleResponse.
fn single(cert_id: &[u8], status: &CertStatus, times: AnswerTimes) -> Result<Vec<u8>, Error> {
    let status = match *status {
        CertStatus::Good => element(primitive(0), &[]),
        CertStatus::Revoked { reason: RevocationReason::RemoveFromCrl, .. } => {
            return Err(Error::Unusable("a reason that does not revoke"));
        }
        CertStatus::Revoked { date, reason } => {
            let reason = match reason {
                RevocationReason::Unspecified => Vec::new(),
                reason => explicit(0, &[&element(ENUMERATED, &[&[reason as u8]])]),
            };
            explicit(1, &[&generalized(date), &reason])
        }
        CertStatus::Unknown => element(primitive(2), &[]),
    };
    let next = times.next_update.map_or_else(Vec::new, |next| explicit(0, &[&generalized(next)]));
    Ok(seq(&[cert_id, &status, &generalized(times.this_update), &next]))
}

/// The answer that there is none: a status other than successful, which nobody signs. For successful, internalError.
#[must_use]
pub fn refusal(why: ResponseStatus) -> Vec<u8> {
    let why = if why == ResponseStatus::Successful { ResponseStatus::InternalError } else { why };
    seq(&[&status(why)])
}

/// OCSPResponse around a BasicOCSPResponse.
pub(crate) fn successful(basic: &[u8]) -> Vec<u8> {
    let bytes = seq(&[&id(oid::OCSP_BASIC), &octets(basic)]);
    seq(&[&status(ResponseStatus::Successful), &explicit(0, &[&bytes])])
}

fn status(status: ResponseStatus) -> Vec<u8> {
    element(ENUMERATED, &[&[status as u8]])
}
