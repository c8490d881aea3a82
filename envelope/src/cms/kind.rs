//! Content types.

use core::fmt;

use super::oid;
use super::quirk::{Quirk, Quirks};

/// The kinds of message of GM/T 0010 that are read and written here.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// data: bytes, neither signed nor encrypted.
    Data,
    /// signedData: content in the clear or elsewhere, and signatures of it. Without signers: certificates only.
    Signed,
    /// envelopedData: content encrypted for recipients.
    Enveloped,
    /// signedAndEnvelopedData: content encrypted for recipients, and signatures of the plaintext.
    SignedAndEnveloped,
    /// encryptedData: content encrypted under a key that the message does not carry.
    Encrypted,
}

impl ContentType {
    const ALL: [(Self, &'static [u8], &'static [u8]); 5] = [
        (Self::Data, oid::DATA, oid::RFC_DATA),
        (Self::Signed, oid::SIGNED_DATA, oid::RFC_SIGNED_DATA),
        (Self::Enveloped, oid::ENVELOPED_DATA, oid::RFC_ENVELOPED_DATA),
        (Self::SignedAndEnveloped, oid::SIGNED_AND_ENVELOPED_DATA, oid::RFC_SIGNED_AND_ENVELOPED_DATA),
        (Self::Encrypted, oid::ENCRYPTED_DATA, oid::RFC_ENCRYPTED_DATA),
    ];

    /// The type under an identifier of either arc; `None` for all others.
    pub(crate) fn of(id: &[u8], quirks: &mut Quirks) -> Option<Self> {
        let &(kind, gm, _) = Self::ALL.iter().find(|(_, gm, rfc)| *gm == id || *rfc == id)?;
        if id != gm {
            quirks.insert(Quirk::RfcContentType);
        }
        Some(kind)
    }

    /// The identifier of GM/T 0010, or that of RFC 5652 and PKCS#7.
    pub(crate) fn id(self, rfc: bool) -> &'static [u8] {
        let entry = Self::ALL.iter().find(|(kind, _, _)| *kind == self);
        entry.map_or(&[], |&(_, gm, other)| if rfc { other } else { gm })
    }

    /// The name in the standard.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Signed => "signedData",
            Self::Enveloped => "envelopedData",
            Self::SignedAndEnveloped => "signedAndEnvelopedData",
            Self::Encrypted => "encryptedData",
        }
    }

    /// Whether messages of the type carry signatures.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Signed | Self::SignedAndEnveloped)
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
