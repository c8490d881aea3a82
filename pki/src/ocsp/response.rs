//! The frame of answers. Source: RFC 6960, 4.2.1.

use core::fmt;

use crate::certificate::from_text;
use crate::error::Error;
use crate::fields::{ENUMERATED, Fields, OCTET_STRING, SEQUENCE, constructed};
use crate::ocsp::BasicResponse;
use crate::oid;

/// What a responder made of a request. Nobody signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ResponseStatus {
    /// There is an answer.
    Successful = 0,
    /// The request is not well-formed.
    MalformedRequest = 1,
    /// Something is wrong with the responder.
    InternalError = 2,
    /// Later perhaps.
    TryLater = 3,
    /// The request must be signed.
    SignatureRequired = 5,
    /// Not for this client, or not about this certificate.
    Unauthorized = 6,
}

impl ResponseStatus {
    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Successful,
            1 => Self::MalformedRequest,
            2 => Self::InternalError,
            3 => Self::TryLater,
            5 => Self::SignatureRequired,
            6 => Self::Unauthorized,
            _ => return None,
        })
    }

    /// The name in RFC 6960.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Successful => "successful",
            Self::MalformedRequest => "malformedRequest",
            Self::InternalError => "internalError",
            Self::TryLater => "tryLater",
            Self::SignatureRequired => "sigRequired",
            Self::Unauthorized => "unauthorized",
        }
    }
}

impl fmt::Display for ResponseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An answer as it comes from a responder.
#[derive(Clone, Debug)]
pub struct OcspResponse {
    /// What became of the request.
    pub status: ResponseStatus,
    /// The answer, if the status is successful, and only then.
    pub basic: Option<BasicResponse>,
}

impl OcspResponse {
    /// Reads an answer in DER, exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::UnsupportedAlgorithm`]: an answer that is not of the basic type.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "OCSP answer";
        let mut fields = Fields::inside(der, SEQUENCE, WHAT)?;
        let [number] = fields.expect(ENUMERATED)?.body else { return Err(fields.error()) };
        let status = ResponseStatus::from_number(*number).ok_or_else(|| fields.error())?;
        let bytes = fields.optional(constructed(0))?;
        fields.finish()?;
        let basic = match bytes {
            Some(bytes) if status == ResponseStatus::Successful => {
                let mut bytes = Fields::inside(bytes.body, SEQUENCE, WHAT)?;
                if bytes.oid()? != oid::OCSP_BASIC {
                    return Err(Error::UnsupportedAlgorithm("type of an OCSP answer"));
                }
                let basic = BasicResponse::from_der(bytes.expect(OCTET_STRING)?.body)?;
                bytes.finish()?;
                Some(basic)
            }
            None if status != ResponseStatus::Successful => None,
            _ => return Err(Error::Malformed(WHAT)),
        };
        Ok(Self { status, basic })
    }

    /// Reads an answer in DER or PEM.
    ///
    /// # Errors
    /// As [`OcspResponse::from_der`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_der(&from_text(bytes)?)
    }
}
