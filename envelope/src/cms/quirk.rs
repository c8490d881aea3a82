//! What other tools write and the standard does not say: read, and reported.
//!
//! This is the whole list. Whoever wants only messages by the book checks [`Quirks::is_empty`]. Deviations that change
//! what a message means are accepted only on request, see [`Switch`](super::Switch).

use core::fmt;

/// One deviation from what this crate writes that was accepted while reading.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Quirk {
    /// Outer or inner content type of RFC 5652 (1.2.840.113549.1.7) instead of GM/T 0010.
    RfcContentType,
    /// The inner content type is not data, for example a signed message inside the envelope.
    ContentNotData,
    /// A version number other than 1 (issuer and serial number) or 2 (subject key identifier).
    Version,
    /// SM2 key encryption under another identifier than 1.2.156.10197.1.301.3: 301 or 301.1, 301.2 (GmSSL),
    /// 301.3.2.1 (BouncyCastle).
    KeyEncryptionOid,
    /// NULL parameters of the key encryption, digest or signature algorithm (CFCA SADK, gmsm).
    NullParameters,
    /// The content encryption is the bare SM4 identifier 1.2.156.10197.1.104 with an initial vector, meaning CBC
    /// (CFCA SADK).
    BareSm4Oid,
    /// An encrypted key in raw bytes instead of the DER SM2Cipher; only with [`Switch`](super::Switch).
    RawKey,
    /// A recipient entry of another kind than key transport: passed over.
    ForeignRecipient,
    /// The recipient entries are not in the order of DER.
    UnsortedRecipients,
    /// BER: a length in more octets than needed.
    NonMinimalLength,
    /// BER: an indefinite length.
    IndefiniteLength,
    /// BER: a string other than the content given in segments.
    ConstructedString,
    /// BER: the content given in segments (streaming writers; BouncyCastle).
    SegmentedContent,
    /// `sharedInfo1` or `sharedInfo2` after the content: passed over.
    SharedInfo,
    /// Unprotected attributes after the content: passed over.
    UnprotectedAttributes,
    /// The content is encrypted with SM4-ECB without padding; only with [`Switch`](super::Switch).
    EcbContent,
    /// An SM2 signature under another identifier than 1.2.156.10197.1.301.1: 501 (GmSSL, Tongsuo, BouncyCastle) or
    /// 301; or SM3 as 401.1.
    SignatureOid,
    /// The signed attributes are not in the order of DER.
    UnsortedAttributes,
    /// Something else than a certificate among the certificates: passed over.
    ForeignCertificate,
    /// An issuer that is left out, with two zero bytes in its place.
    EmptyIssuer,
    /// An SM2 signature as r and s in 64 bytes instead of DER.
    RawSignature,
}

impl Quirk {
    /// Every quirk, in the order of the type.
    pub const ALL: [Self; 21] = [
        Self::RfcContentType,
        Self::ContentNotData,
        Self::Version,
        Self::KeyEncryptionOid,
        Self::NullParameters,
        Self::BareSm4Oid,
        Self::RawKey,
        Self::ForeignRecipient,
        Self::UnsortedRecipients,
        Self::NonMinimalLength,
        Self::IndefiniteLength,
        Self::ConstructedString,
        Self::SegmentedContent,
        Self::SharedInfo,
        Self::UnprotectedAttributes,
        Self::EcbContent,
        Self::SignatureOid,
        Self::UnsortedAttributes,
        Self::ForeignCertificate,
        Self::EmptyIssuer,
        Self::RawSignature,
    ];

    /// A stable name in lower case with hyphens, for reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RfcContentType => "rfc-content-type",
            Self::ContentNotData => "content-not-data",
            Self::Version => "version",
            Self::KeyEncryptionOid => "key-encryption-oid",
            Self::NullParameters => "null-parameters",
            Self::BareSm4Oid => "bare-sm4-oid",
            Self::RawKey => "raw-key",
            Self::ForeignRecipient => "foreign-recipient",
            Self::UnsortedRecipients => "unsorted-recipients",
            Self::NonMinimalLength => "non-minimal-length",
            Self::IndefiniteLength => "indefinite-length",
            Self::ConstructedString => "constructed-string",
            Self::SegmentedContent => "segmented-content",
            Self::SharedInfo => "shared-info",
            Self::UnprotectedAttributes => "unprotected-attributes",
            Self::EcbContent => "ecb-content",
            Self::SignatureOid => "signature-oid",
            Self::UnsortedAttributes => "unsorted-attributes",
            Self::ForeignCertificate => "foreign-certificate",
            Self::EmptyIssuer => "empty-issuer",
            Self::RawSignature => "raw-signature",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of quirks. Empty: the message is by the book.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks(u32);

impl Quirks {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn insert(&mut self, quirk: Quirk) {
        self.0 |= quirk.bit();
    }

    pub(crate) fn insert_all(&mut self, quirks: Self) {
        self.0 |= quirks.0;
    }

    /// Whether nothing had to be tolerated.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this quirk was met.
    #[must_use]
    pub const fn contains(self, quirk: Quirk) -> bool {
        self.0 & quirk.bit() != 0
    }

    /// The quirks that were met.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL.into_iter().filter(move |quirk| self.contains(*quirk))
    }
}

impl fmt::Debug for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Quirks {
    /// The names, with commas between them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, quirk) in self.iter().enumerate() {
            write!(f, "{}{quirk}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_quirk_has_its_own_bit_and_name() {
        let mut all = Quirks::default();
        assert!(all.is_empty());
        for (i, quirk) in Quirk::ALL.into_iter().enumerate() {
            assert!(!all.contains(quirk), "{quirk}");
            all.insert(quirk);
            assert_eq!(all.iter().count(), i + 1);
            assert_eq!(Quirk::ALL.into_iter().filter(|other| other.name() == quirk.name()).count(), 1);
        }
        let mut two = Quirks::default();
        two.insert(Quirk::SharedInfo);
        two.insert(Quirk::RfcContentType);
        assert_eq!(two.to_string(), "rfc-content-type, shared-info");
    }
}
