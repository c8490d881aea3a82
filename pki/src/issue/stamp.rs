//! Time stamps. Source: RFC 3161; RFC 5816; GM/T 0033-2014.

use der::asn1::ObjectIdentifier;
use envelope::cms::{self, Dialect, SignedWriter, Signer, Signing, Time};
use sm_primitives::sm2::Signature;

use super::encode::{digits, explicit, flag, id, seq, unsigned_body};
use super::{Failure, SerialNumber};
use crate::asn1::number;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::fields::{BOOLEAN, GENERALIZED_TIME, INTEGER, element, primitive};
use crate::oid;
use crate::tsp::{Accuracy, PkiStatus, TimeStampRequest};
use crate::validate::Purpose;

/// Longest nonce that is repeated, in octets.
const MAX_NONCE: usize = 128;

/// A time-stamping authority.
#[derive(Clone, Debug)]
pub struct StampAuthority {
    certificate: Certificate,
    signer: Signer,
    policies: Vec<ObjectIdentifier>,
    accuracy: Option<Accuracy>,
    ordering: bool,
    named: bool,
    dialect: Dialect,
    chain: Vec<Certificate>,
}

impl StampAuthority {
    /// The holder of a certificate for time stamps, under a policy. Messages are written by GM/T 0010, as GM/T 0033 says.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a certificate that is not for time stamps; [`Error::UnsupportedAlgorithm`].
    pub fn new(certificate: Certificate, policy: ObjectIdentifier) -> Result<Self, Error> {
        Purpose::TimeStamping.permits(&certificate).map_err(Error::Unusable)?;
        let signer = Signer::new(certificate.as_der());
        let signer = signer.map_err(|_| Error::UnsupportedAlgorithm("key of a time-stamping authority"))?;
        Ok(Self {
            certificate,
            signer,
            policies: vec![policy],
            accuracy: None,
            ordering: false,
            named: false,
            dialect: Dialect::Standard,
            chain: Vec::new(),
        })
    }

    /// Adds a policy that may be asked for; the first is that of requests that ask for none.
    #[must_use]
    pub fn with_policy(mut self, policy: ObjectIdentifier) -> Self {
        self.policies.push(policy);
        self
    }

    /// Says how far times may be off.
    ///
    /// # Errors
    /// [`Error::Unusable`]: more than 999 milliseconds or microseconds, or nothing at all.
    pub fn with_accuracy(mut self, accuracy: Accuracy) -> Result<Self, Error> {
        let Accuracy { seconds, millis, micros } = accuracy;
        if millis > 999 || micros > 999 || seconds == 0 && millis == 0 && micros == 0 {
            return Err(Error::Unusable("accuracy of time stamps"));
        }
        self.accuracy = Some(accuracy);
        Ok(self)
    }

    /// Promises that stamps can be ordered by their times.
    #[must_use]
    pub const fn with_ordering(mut self) -> Self {
        self.ordering = true;
        self
    }

    /// Puts the authority's name into stamps.
    #[must_use]
    pub const fn with_name(mut self) -> Self {
        self.named = true;
        self
    }

    /// Writes messages with the identifiers of RFC 5652 in place of those of GM/T 0010.
    #[must_use]
    pub const fn with_rfc_identifiers(mut self) -> Self {
        self.dialect = Dialect::Rfc;
        self
    }

    /// Adds a certificate above that of the authority, for those who ask for certificates.
    #[must_use]
    pub fn with_chain(mut self, certificate: Certificate) -> Self {
        self.chain.push(certificate);
        self
    }

    /// Reads a request.
    ///
    /// # Errors
    /// What to reject it with ([`rejection`](super::rejection)).
    pub fn read(der: &[u8]) -> Result<TimeStampRequest, Failure> {
        TimeStampRequest::from_der(der).map_err(|error| match error {
            Error::UnsupportedAlgorithm(_) => Failure::BadAlg,
            _ => Failure::BadDataFormat,
        })
    }

    /// The stamp that a request asks for. `serial` has not been used before; `micros`: microseconds after `time`, 0 to
    /// 999,999.
    ///
    /// # Errors
    /// What to reject the request with ([`rejection`](super::rejection)): [`Failure::UnacceptedPolicy`], [`Failure::UnacceptedExtension`],
    /// [`Failure::BadRequest`] for a nonce of more than 128 octets, [`Failure::TimeNotAvailable`] for a time that is none
    /// or at which the authority's certificate is not valid.
    pub fn stamp(
        &self,
        request: &TimeStampRequest,
        serial: &SerialNumber,
        time: Time,
        micros: u32,
    ) -> Result<UnsignedStamp, Failure> {
        let policy = match request.policy {
            None => self.policies.first().copied(),
            wanted => wanted.filter(|wanted| self.policies.contains(wanted)),
        };
        let policy = policy.ok_or(Failure::UnacceptedPolicy)?;
        if !request.extensions.is_empty() {
            return Err(Failure::UnacceptedExtension);
        }
        if request.nonce.as_ref().is_some_and(|nonce| nonce.len() > MAX_NONCE) {
            return Err(Failure::BadRequest);
        }
        let validity = self.certificate.validity();
        if micros > 999_999 || time < validity.not_before || validity.not_after < time {
            return Err(Failure::TimeNotAvailable);
        }
        let nonce = request.nonce.as_ref().map_or_else(Vec::new, |nonce| element(INTEGER, &[nonce]));
        let name = match self.named {
            true => explicit(0, &[&explicit(4, &[self.certificate.subject().as_der()])]),
            false => Vec::new(),
        };
        let content = seq(&[
            &number(1),
            &id(policy),
            &request.imprint.to_der(),
            &element(INTEGER, &[serial.as_bytes()]),
            &element(GENERALIZED_TIME, &[instant(time, micros).as_bytes()]),
            &self.accuracy.map_or_else(Vec::new, accuracy),
            &flag(BOOLEAN, self.ordering),
            &nonce,
            &name,
        ]);
        let unsigned = self.sign(&content, request.wants_certificate).map_err(|_| Failure::SystemFailure)?;
        Ok(UnsignedStamp { unsigned, content })
    }

    fn sign(&self, content: &[u8], with_certificate: bool) -> Result<cms::Unsigned, envelope::Error> {
        let signing = Signing::start(vec![self.signer.clone()], self.dialect, content.len() as u64)?;
        let signing = signing.with_content_type(oid::TST_INFO.as_bytes())?;
        let mut signing = match with_certificate {
            true => {
                self.chain.iter().fold(signing, |signing, above| signing.with_certificate(above.as_der()))
            }
            false => signing.without_certificates(),
        };
        signing.update(content)?;
        signing.finish()
    }
}

/// GeneralizedTime with a fraction, if there is one, without zeros at its end. Source: RFC 3161, 2.4.2.
fn instant(time: Time, micros: u32) -> String {
    let fraction = format!(".{micros:06}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction}Z", digits(time))
}

fn accuracy(Accuracy { seconds, millis, micros }: Accuracy) -> Vec<u8> {
    let part = |tag: u8, value: u32| match value {
        0 => Vec::new(),
        _ => element(tag, &[&unsigned_body(&value.to_be_bytes())]),
    };
    seq(&[&part(INTEGER, seconds), &part(primitive(0), millis), &part(primitive(1), micros)])
}

/// A time stamp that waits for its signature.
#[derive(Debug)]
pub struct UnsignedStamp {
    unsigned: cms::Unsigned,
    content: Vec<u8>,
}

impl UnsignedStamp {
    /// The digest that is signed: that of the signed attributes, with Z.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        const NONE: &[u8; 32] = &[0; 32];
        // There is one signer.
        self.unsigned.digests().first().unwrap_or(NONE)
    }

    /// The response in DER: granted, with the stamp.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`] if it is not one of the authority's key over this.
    pub fn assemble(self, signature: &Signature) -> Result<Vec<u8>, Error> {
        let Self { unsigned, content } = self;
        let write = || -> Result<Vec<u8>, envelope::Error> {
            let signed = unsigned.complete(core::slice::from_ref(signature))?;
            let mut token = Vec::new();
            let mut writer = SignedWriter::start(signed, &mut token);
            writer.push(&content, &mut token)?;
            writer.finish(&mut token)?;
            Ok(token)
        };
        let token = write().map_err(|_| Error::InvalidSignature)?;
        Ok(seq(&[&seq(&[&number(PkiStatus::Granted as u32)]), &token]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_end_with_a_digit_that_counts() {
        let time = Time::from_unix(0).unwrap();
        for (micros, text) in [
            (0, "19700101000000Z"),
            (500_000, "19700101000000.5Z"),
            (1, "19700101000000.000001Z"),
            (120, "19700101000000.00012Z"),
        ] {
            assert_eq!(instant(time, micros), text);
        }
    }

    #[test]
    fn accuracies_without_zeros() {
        let of = |seconds, millis, micros| accuracy(Accuracy { seconds, millis, micros });
        assert_eq!(of(1, 0, 0), [0x30, 3, 2, 1, 1]);
        assert_eq!(of(0, 500, 0), [0x30, 4, 0x80, 2, 1, 0xf4]);
        assert_eq!(of(200, 0, 5), [0x30, 7, 2, 2, 0, 200, 0x81, 1, 5]);
    }
}
