//! keyUsage.

use crate::error::Error;
use crate::fields::{BIT_STRING, Fields};

/// What a key may be used for, by its number in keyUsage. Source: RFC 5280, 4.2.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Usage {
    /// Signatures other than those below.
    DigitalSignature = 0,
    /// Signatures that bind (contentCommitment).
    NonRepudiation = 1,
    /// Encrypting keys.
    KeyEncipherment = 2,
    /// Encrypting data.
    DataEncipherment = 3,
    /// Agreeing on keys.
    KeyAgreement = 4,
    /// Signing certificates.
    KeyCertSign = 5,
    /// Signing revocation lists.
    CrlSign = 6,
    /// With keyAgreement: only to encrypt.
    EncipherOnly = 7,
    /// With keyAgreement: only to decrypt.
    DecipherOnly = 8,
}

impl Usage {
    /// All, in order.
    pub const ALL: [Self; 9] = [
        Self::DigitalSignature,
        Self::NonRepudiation,
        Self::KeyEncipherment,
        Self::DataEncipherment,
        Self::KeyAgreement,
        Self::KeyCertSign,
        Self::CrlSign,
        Self::EncipherOnly,
        Self::DecipherOnly,
    ];

    /// The name in RFC 5280.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DigitalSignature => "digitalSignature",
            Self::NonRepudiation => "nonRepudiation",
            Self::KeyEncipherment => "keyEncipherment",
            Self::DataEncipherment => "dataEncipherment",
            Self::KeyAgreement => "keyAgreement",
            Self::KeyCertSign => "keyCertSign",
            Self::CrlSign => "cRLSign",
            Self::EncipherOnly => "encipherOnly",
            Self::DecipherOnly => "decipherOnly",
        }
    }
}

/// The uses that keyUsage permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// Whether a use is permitted.
    #[must_use]
    pub const fn permits(self, usage: Usage) -> bool {
        self.0 & 1 << usage as u8 != 0
    }

    /// Whether one of these uses is permitted.
    #[must_use]
    pub fn permits_any(self, usages: &[Usage]) -> bool {
        usages.iter().any(|usage| self.permits(*usage))
    }

    /// The uses, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Usage> {
        Usage::ALL.into_iter().filter(move |usage| self.permits(*usage))
    }

    /// A BIT STRING, with or without trailing zeros.
    pub(super) fn read(value: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields::new(value, "keyUsage");
        let (unused, octets) = match fields.expect(BIT_STRING)?.body {
            [unused @ 0..=7, octets @ ..] if *unused == 0 || !octets.is_empty() => (*unused, octets),
            _ => return Err(fields.error()),
        };
        fields.finish()?;
        let bits = u32::try_from(octets.len() * 8).unwrap_or(0).saturating_sub(u32::from(unused));
        let bit = |n: u8| {
            let octet = octets.get(usize::from(n / 8)).copied().unwrap_or(0);
            u32::from(n) < bits && octet & 0x80 >> (n % 8) != 0
        };
        Ok(Self((0..9).filter(|n| bit(*n)).fold(0, |set, n| set | 1 << n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_left() {
        let names = |value: &[u8]| KeyUsage::read(value).map(|usage| usage.iter().map(Usage::name).collect());
        assert_eq!(names(&[3, 2, 6, 0xc0]), Ok(vec!["digitalSignature", "nonRepudiation"]));
        assert_eq!(names(&[3, 2, 1, 6]), Ok(vec!["keyCertSign", "cRLSign"]));
        assert_eq!(names(&[3, 3, 7, 0, 0x80]), Ok(vec!["decipherOnly"]));
        assert_eq!(names(&[3, 2, 0, 0xc0]), names(&[3, 2, 6, 0xc0]));
        assert_eq!(names(&[3, 2, 7, 0xff]), Ok(vec!["digitalSignature"]));
        assert_eq!(names(&[3, 1, 0]), Ok(vec![]));
        for malformed in [&[3, 0][..], &[3, 1, 1], &[3, 2, 8, 0], &[4, 2, 0, 0], &[3, 2, 0, 0, 0]] {
            assert!(KeyUsage::read(malformed).is_err(), "{malformed:?}");
        }
    }
}
