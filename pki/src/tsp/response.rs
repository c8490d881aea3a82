//! Responses. Source: RFC 3161, 2.4.2.

use core::fmt;

use crate::error::Error;
use crate::fields::{BIT_STRING, Fields, SEQUENCE};
use crate::name::text;
use crate::tsp::TimeStampToken;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PkiStatus {
    /// There is a stamp.
    Granted = 0,
    /// There is one, which differs from what was asked for.
    GrantedWithMods = 1,
    /// There is none.
    Rejection = 2,
    /// Not yet.
    Waiting = 3,
    /// The authority's certificate is about to be revoked.
    RevocationWarning = 4,
    /// It has been.
    RevocationNotification = 5,
}

impl PkiStatus {
    const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Granted,
            1 => Self::GrantedWithMods,
            2 => Self::Rejection,
            3 => Self::Waiting,
            4 => Self::RevocationWarning,
            5 => Self::RevocationNotification,
            _ => return None,
        })
    }

    /// Whether there is a stamp.
    #[must_use]
    pub const fn is_granted(self) -> bool {
        matches!(self, Self::Granted | Self::GrantedWithMods)
    }

    /// The name in RFC 3161.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::GrantedWithMods => "grantedWithMods",
            Self::Rejection => "rejection",
            Self::Waiting => "waiting",
            Self::RevocationWarning => "revocationWarning",
            Self::RevocationNotification => "revocationNotification",
        }
    }
}

impl fmt::Display for PkiStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names of PKIFailureInfo by their bits.
const FAILURES: [(usize, &str); 8] = [
    (0, "badAlg"),
    (2, "badRequest"),
    (5, "badDataFormat"),
    (14, "timeNotAvailable"),
    (15, "unacceptedPolicy"),
    (16, "unacceptedExtension"),
    (17, "addInfoNotAvailable"),
    (25, "systemFailure"),
];

/// A response of a time-stamping authority.
#[derive(Debug)]
pub struct TimeStampResponse {
    /// What became of the request. Nobody signs it.
    pub status: PkiStatus,
    /// What the authority says about it.
    pub texts: Vec<String>,
    /// Why there is no stamp, by the names of RFC 3161.
    pub failures: Vec<&'static str>,
    /// The stamp, if the status is one of those that grant it, and only then.
    pub token: Option<TimeStampToken>,
}

impl TimeStampResponse {
    /// Reads a response in DER, exactly.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::UnsupportedAlgorithm`].
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const WHAT: &str = "time-stamp response";
        let mut fields = Fields::inside(der, SEQUENCE, WHAT)?;
        let mut info = fields.sequence()?;
        let status = PkiStatus::from_number(info.small()?).ok_or_else(|| info.error())?;
        let mut texts = Vec::new();
        if let Some(list) = info.optional(SEQUENCE)? {
            let mut list = Fields::new(list.body, WHAT);
            while !list.is_empty() {
                let element = list.next()?;
                texts.extend(text(element.tag, element.body));
            }
        }
        let failures = match info.optional(BIT_STRING)? {
            Some(bits) => failures(bits.body),
            None => Vec::new(),
        };
        info.finish()?;
        let token =
            if fields.is_empty() { None } else { Some(TimeStampToken::from_der(fields.next()?.whole)?) };
        fields.finish()?;
        if token.is_some() != status.is_granted() {
            return Err(Error::Malformed(WHAT));
        }
        Ok(Self { status, texts, failures, token })
    }
}

fn failures(body: &[u8]) -> Vec<&'static str> {
    let octets = body.get(1..).unwrap_or_default();
    let is_set = |bit: usize| octets.get(bit / 8).is_some_and(|octet| octet & 0x80 >> (bit % 8) != 0);
    FAILURES.iter().filter(|(bit, _)| is_set(*bit)).map(|(_, name)| *name).collect()
}
