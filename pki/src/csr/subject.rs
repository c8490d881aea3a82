//! The subject's name in a request.

use der::asn1::ObjectIdentifier;
use envelope::der::{SEQUENCE, SET, element};

use crate::{Error, asn1};

const UTF8_STRING: u8 = 0x0c;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;

/// An attribute of the subject's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectAttribute {
    /// C, two letters.
    Country,
    /// ST.
    Province,
    /// L.
    Locality,
    /// O.
    Organization,
    /// OU.
    OrganizationalUnit,
    /// CN.
    CommonName,
    /// serialNumber.
    SerialNumber,
    /// emailAddress.
    Email,
}

impl SubjectAttribute {
    /// Object identifier, string type, and the most characters. Source: RFC 5280, A.1.
    const fn form(self) -> (ObjectIdentifier, u8, usize) {
        const fn x520(id: &str) -> ObjectIdentifier {
            ObjectIdentifier::new_unwrap(id)
        }
        match self {
            Self::Country => (x520("2.5.4.6"), PRINTABLE_STRING, 2),
            Self::Province => (x520("2.5.4.8"), UTF8_STRING, 128),
            Self::Locality => (x520("2.5.4.7"), UTF8_STRING, 128),
            Self::Organization => (x520("2.5.4.10"), UTF8_STRING, 64),
            Self::OrganizationalUnit => (x520("2.5.4.11"), UTF8_STRING, 64),
            Self::CommonName => (x520("2.5.4.3"), UTF8_STRING, 64),
            Self::SerialNumber => (x520("2.5.4.5"), PRINTABLE_STRING, 64),
            Self::Email => (x520("1.2.840.113549.1.9.1"), IA5_STRING, 255),
        }
    }

    /// RelativeDistinguishedName of this attribute alone.
    pub(super) fn encode(self, value: &str) -> Result<Vec<u8>, Error> {
        let (id, tag, most) = self.form();
        let characters = value.chars().count();
        let permitted = match tag {
            PRINTABLE_STRING => value.chars().all(is_printable),
            IA5_STRING => value.is_ascii(),
            _ => true,
        };
        let length = if self == Self::Country { characters == 2 } else { (1..=most).contains(&characters) };
        if !permitted || !length || value.chars().any(char::is_control) {
            return Err(Error::Unusable("value of a subject's attribute: its length or its characters"));
        }
        let pair = element(SEQUENCE, &[&asn1::oid(id), &element(tag, &[value.as_bytes()])]);
        Ok(element(SET, &[&pair]))
    }
}

/// PrintableString. Source: ITU-T X.680, 41.4.
pub(super) fn is_printable(c: char) -> bool {
    c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c)
}
