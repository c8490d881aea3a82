//! The entries of a revocation list. Source: RFC 5280, 5.3.

use core::fmt;

use envelope::cms::Time;

use crate::error::Error;
use crate::extension::{self, Extension};
use crate::fields::{ENUMERATED, Fields, INTEGER, SEQUENCE};
use crate::oid;

/// Why a certificate was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RevocationReason {
    /// Not said.
    Unspecified = 0,
    /// The private key is known to others, or may be.
    KeyCompromise = 1,
    /// That of the CA is.
    CaCompromise = 2,
    /// The subject is called otherwise now, or belongs elsewhere.
    AffiliationChanged = 3,
    /// There is a newer certificate.
    Superseded = 4,
    /// It is not needed any more.
    CessationOfOperation = 5,
    /// For the time being.
    CertificateHold = 6,
    /// Of a delta list: it is not revoked any more.
    RemoveFromCrl = 8,
    /// The subject may not do any more what the certificate says.
    PrivilegeWithdrawn = 9,
    /// The attribute authority's key is known to others, or may be.
    AaCompromise = 10,
}

impl RevocationReason {
    /// From its number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            _ => return None,
        })
    }

    /// From its name in RFC 5280.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        (0..=10).filter_map(Self::from_number).find(|reason| reason.name() == name)
    }

    /// The name in RFC 5280.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its serial number, as the body of its INTEGER.
    pub serial: Vec<u8>,
    /// When it was revoked.
    pub date: Time,
    /// Why; unspecified if that is not said.
    pub reason: RevocationReason,
    /// Since when the key may be known to others, or the certificate is not to be relied on.
    pub invalidity: Option<Time>,
    /// Whether the entry has a critical extension that is not known, such as another issuer.
    pub has_unknown_critical: bool,
}

const WHAT: &str = "entry of a revocation list";

/// The serial number of an entry, given the elements inside it.
pub(super) fn serial(entry: &[u8]) -> Option<&[u8]> {
    Some(Fields::new(entry, WHAT).expect(INTEGER).ok()?.body)
}

impl Entry {
    pub(super) fn read(entry: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::new(entry, WHAT);
        let serial = fields.expect(INTEGER)?.body.to_vec();
        let mut read = Self {
            serial,
            date: fields.time()?,
            reason: RevocationReason::Unspecified,
            invalidity: None,
            has_unknown_critical: false,
        };
        if let Some(list) = fields.optional(SEQUENCE)? {
            for extension in extension::read_list(Fields::new(list.body, WHAT))? {
                read.extension(&extension)?;
            }
        }
        fields.finish()?;
        Ok(read)
    }

    fn extension(&mut self, extension: &Extension) -> Result<(), Error> {
        let mut value = Fields::new(&extension.value, WHAT);
        match extension.id {
            oid::REASON_CODE => {
                let [number] = value.expect(ENUMERATED)?.body else { return Err(value.error()) };
                self.reason = RevocationReason::from_number(*number).ok_or(Error::Malformed(WHAT))?;
            }
            oid::INVALIDITY_DATE => self.invalidity = Some(value.time()?),
            _ => {
                self.has_unknown_critical |= extension.critical;
                return Ok(());
            }
        }
        value.finish()
    }
}
