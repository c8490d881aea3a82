//! Tokens. Source: RFC 3161, 2.4.2; RFC 5816.

use core::fmt;

use envelope::error::InvalidSignature;

use crate::certificate::{Certificate, from_text};
use crate::cms::Message;
use crate::error::Error;
use crate::oid;
use crate::tsp::{TimeStampRequest, TstInfo};
use crate::validate::{Purpose, Report, Revocation, Terms, Validator};

/// Why a time stamp does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TspDefect {
    /// The signature does not hold: why.
    Signature(InvalidSignature),
    /// There is not exactly one signature.
    SignatureCount,
    /// The signature is not over attributes that say it is of a time stamp.
    ContentType,
    /// No certificate of the signer came along or was given.
    NoCertificate,
    /// The signature is not bound to its certificate, or to another.
    CertificateBinding,
    /// The signer's certificate is not for time stamps: what forbids it.
    Purpose(&'static str),
    /// It is of another content.
    Imprint,
    /// It does not repeat the nonce of the request.
    Nonce,
    /// It is under another policy than was asked for.
    Policy,
    /// There is a critical extension that is not known.
    UnknownCriticalExtension,
}

impl TspDefect {
    /// A stable name in lower case with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature(_) => "bad-signature",
            Self::SignatureCount => "signature-count",
            Self::ContentType => "content-type",
            Self::NoCertificate => "no-certificate",
            Self::CertificateBinding => "certificate-binding",
            Self::Purpose(_) => "wrong-usage",
            Self::Imprint => "other-content",
            Self::Nonce => "nonce",
            Self::Policy => "policy",
            Self::UnknownCriticalExtension => "unknown-critical-extension",
        }
    }
}

impl fmt::Display for TspDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature(why) => return why.fmt(f),
            Self::SignatureCount => "the time stamp does not have exactly one signature",
            Self::ContentType => "what is signed does not say that it is a time stamp",
            Self::NoCertificate => "there is no certificate of who signed the time stamp",
            Self::CertificateBinding => "the signature of the time stamp is not bound to its certificate",
            Self::Purpose(why) => return write!(f, "who signed may not stamp times: {why}"),
            Self::Imprint => "the time stamp is of another content",
            Self::Nonce => "the time stamp does not repeat the nonce of the request",
            Self::Policy => "the time stamp is under another policy than was asked for",
            Self::UnknownCriticalExtension => "the time stamp has a critical extension that is not known",
        })
    }
}

impl core::error::Error for TspDefect {}

/// A time stamp. Nothing about it is verified by being here.
#[derive(Debug)]
pub struct TimeStampToken {
    der: Vec<u8>,
    info: TstInfo,
    message: Message,
    content: Vec<u8>,
}

/// A time stamp whose signature holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verified {
    /// Who stamped.
    pub certificate: Certificate,
    /// What is found about the certificate at the moment of the stamp, for the purpose of time stamps. **The stamp counts
    /// only if this is valid.**
    pub report: Report,
}

impl TimeStampToken {
    /// Reads a token: DER, or PEM.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::UnsupportedAlgorithm`]: a hash other than SM3, SHA-256, SHA-384 and SHA-512.
    pub fn from_der(bytes: &[u8]) -> Result<Self, Error> {
        const MESSAGE: Error = Error::Malformed("signed message of a time stamp");
        let der = from_text(bytes)?;
        let (message, content) = Message::attached(&der).map_err(|_| MESSAGE)?;
        let info = TstInfo::from_der(&content)?;
        Ok(Self { der, info, message, content })
    }

    /// The token, as it came.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// What the stamp says.
    #[must_use]
    pub const fn info(&self) -> &TstInfo {
        &self.info
    }

    /// The certificates that came along and can be read.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        self.message.certificates()
    }

    /// Whether the stamp is of a content.
    ///
    /// # Errors
    /// [`TspDefect::Imprint`].
    pub fn check_content(&self, content: &[u8]) -> Result<(), TspDefect> {
        if self.info.imprint.is_of(content) { Ok(()) } else { Err(TspDefect::Imprint) }
    }

    /// Whether the stamp is what was asked for: of the same content, with the same nonce, under the same policy.
    ///
    /// # Errors
    /// [`TspDefect::Imprint`], [`TspDefect::Nonce`], [`TspDefect::Policy`].
    pub fn check_request(&self, request: &TimeStampRequest) -> Result<(), TspDefect> {
        if self.info.imprint != request.imprint {
            return Err(TspDefect::Imprint);
        }
        if request.nonce.is_some() && self.info.nonce != request.nonce {
            return Err(TspDefect::Nonce);
        }
        if request.policy.is_some_and(|policy| policy != self.info.policy) {
            return Err(TspDefect::Policy);
        }
        Ok(())
    }

    /// Who stamped: the signature holds, is bound to this certificate, and the certificate is for time stamps. Its path is
    /// not looked at. `others`: certificates that did not come along.
    ///
    /// # Errors
    /// [`TspDefect`].
    pub fn verify_signature(&self, others: &[Certificate]) -> Result<Certificate, TspDefect> {
        let [signer] = self.message.signers() else { return Err(TspDefect::SignatureCount) };
        let attributes = signer.attributes();
        let attributes = attributes.filter(|has| has.content_type() == Some(oid::TST_INFO.as_bytes()));
        let attributes = attributes.ok_or(TspDefect::ContentType)?;
        let mut digester = self.message.digester(others);
        digester.update(&self.content);
        let verified = self.message.verify(signer, others, &digester.finish());
        let certificate = verified.map_err(|why| match why {
            InvalidSignature::NoCertificate => TspDefect::NoCertificate,
            InvalidSignature::SigningCertificate => TspDefect::CertificateBinding,
            why => TspDefect::Signature(why),
        })?;
        // Those that are there were compared with the certificate; one must be there.
        if !attributes.names_certificate() {
            return Err(TspDefect::CertificateBinding);
        }
        Purpose::TimeStamping.permits(&certificate).map_err(TspDefect::Purpose)?;
        if self.info.extensions.iter().any(|extension| extension.critical) {
            return Err(TspDefect::UnknownCriticalExtension);
        }
        Ok(certificate)
    }

    /// Verifies the stamp and judges who stamped, at the moment of the stamp.
    ///
    /// # Errors
    /// [`TspDefect`]; what is wrong with the certificate is in [`Verified::report`].
    pub fn verify(
        &self,
        validator: &Validator,
        others: &[Certificate],
        revocation: Revocation,
    ) -> Result<Verified, TspDefect> {
        let certificate = self.verify_signature(others)?;
        let mut known = self.certificates().to_vec();
        known.extend_from_slice(others);
        let terms = Terms::at(self.info.time).for_purpose(Purpose::TimeStamping).with_revocation(revocation);
        let report = validator.validate(&certificate, &known, terms);
        Ok(Verified { certificate, report })
    }
}
