//! The one error type of the crate.

use core::fmt;

/// Why an envelope was not sealed or not opened. The variant says whose fault it is.
///
/// A message's header is public, so its errors are precise. The decrypted content is not: whatever is wrong with it
/// is [`Error::DecryptionFailed`] and nothing more.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The calling program asked for something that cannot be done.
    ApiMisuse(ApiMisuse),
    /// The message is broken, cut short or not of a kind that this crate opens.
    InvalidMessage(InvalidMessage),
    /// The certificate cannot stand for a recipient.
    InvalidCertificate(InvalidCertificate),
    /// The message is well-formed, but none of the given identities is among its recipients.
    NoMatchingRecipient,
    /// The recipient entry names this key, but its content key does not open with it.
    WrongKey,
    /// The content does not decrypt to a padded message. Deliberately says no more.
    DecryptionFailed,
    /// The random source failed.
    RandomFailed,
}

/// Mistakes of the calling program.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiMisuse {
    /// A message needs at least one recipient.
    NoRecipients,
    /// More recipients, or longer names in them, than a reader of this crate accepts.
    HeaderTooLarge,
    /// The announced plaintext is longer than 2^62 bytes.
    PlaintextTooLong,
    /// The plaintext has fewer or more bytes than announced.
    PlaintextLength,
    /// A content key has exactly 16 bytes.
    ContentKeyLength,
    /// A subject key identifier has 1 to 64 bytes, an issuer is one DER `Name`, a serial number is not empty.
    RecipientId,
    /// The certificate given with a private key belongs to another key.
    CertificateOfOtherKey,
}

/// Defects of a message.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidMessage {
    /// Not a `ContentInfo` that holds EnvelopedData.
    NotEnvelopedData,
    /// The ASN.1 structure is not that of EnvelopedData, or a length contradicts the one around it.
    Malformed,
    /// Elements are nested deeper than any envelope needs.
    TooDeep,
    /// The message ends before it is complete.
    Truncated,
    /// Bytes follow the end of the message.
    TrailingData,
    /// The part before the content exceeds [`MAX_HEADER_LEN`](crate::cms::MAX_HEADER_LEN).
    HeaderTooLarge,
    /// More than [`MAX_RECIPIENTS`](crate::cms::MAX_RECIPIENTS) recipients.
    TooManyRecipients,
    /// The fields after the content exceed [`MAX_TRAILER_LEN`](crate::cms::MAX_TRAILER_LEN).
    TrailerTooLarge,
    /// A version number that no known profile uses.
    Version,
    /// The message carries no content.
    NoContent,
    /// The encrypted content is empty or not a whole number of 16-byte blocks.
    BlockLength,
    /// SM4-ECB content (the bare SM4 OID without an initial vector): not opened, because it hides too little.
    EcbContent,
    /// A content encryption other than SM4-CBC.
    UnsupportedContentEncryption,
    /// A content key encrypted by something other than SM2.
    UnsupportedKeyEncryption,
    /// The encrypted content key is not an SM2 ciphertext of 16 bytes.
    EncryptedKey,
    /// The text form (PEM or base64) is broken or longer than 1 MiB.
    Armor,
}

/// Defects of a recipient's certificate.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidCertificate {
    /// Not an X.509 certificate in DER or PEM.
    Malformed,
    /// The certificate does not hold an SM2 public key.
    NotSm2,
    /// keyUsage is present and permits neither key encipherment, data encipherment nor key agreement.
    KeyUsage,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiMisuse(misuse) => return misuse.fmt(f),
            Self::InvalidMessage(defect) => return defect.fmt(f),
            Self::InvalidCertificate(defect) => return defect.fmt(f),
            Self::NoMatchingRecipient => "the message is not addressed to any of these keys",
            Self::WrongKey => "the message names this key, but its content key does not open with it",
            Self::DecryptionFailed => "the content does not decrypt",
            Self::RandomFailed => "the random source failed",
        })
    }
}

impl fmt::Display for ApiMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRecipients => "a message needs at least one recipient",
            Self::HeaderTooLarge => "too many recipients for one message",
            Self::PlaintextTooLong => "the plaintext is too long for one message",
            Self::PlaintextLength => {
                "the input is shorter or longer than announced; did it change while being read?"
            }
            Self::ContentKeyLength => "a content key has 16 bytes",
            Self::RecipientId => "the recipient identifier is malformed",
            Self::CertificateOfOtherKey => "the certificate belongs to another private key",
        })
    }
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEnvelopedData => "not an enveloped message (GM/T 0010 or CMS EnvelopedData)",
            Self::Malformed => "the structure of the message is broken",
            Self::TooDeep => "the message is nested too deeply",
            Self::Truncated => "the message is cut short",
            Self::TrailingData => "there are bytes after the end of the message",
            Self::HeaderTooLarge => "the header of the message exceeds 1 MiB",
            Self::TooManyRecipients => "the message has more than 1024 recipients",
            Self::TrailerTooLarge => "the fields after the content exceed 64 KiB",
            Self::Version => "the message has an unknown version",
            Self::NoContent => "the message carries no content",
            Self::BlockLength => "the encrypted content is not a whole number of blocks",
            Self::EcbContent => "the content is encrypted with SM4-ECB, which is not opened",
            Self::UnsupportedContentEncryption => "the content is not encrypted with SM4-CBC",
            Self::UnsupportedKeyEncryption => "the content key is not encrypted with SM2",
            Self::EncryptedKey => "the encrypted content key is not an SM2 ciphertext of 16 bytes",
            Self::Armor => "the text form of the message is broken or longer than 1 MiB",
        })
    }
}

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not an X.509 certificate",
            Self::NotSm2 => "the certificate does not hold an SM2 key",
            Self::KeyUsage => "the certificate's key usage does not permit encryption",
        })
    }
}

impl core::error::Error for Error {}

impl From<ApiMisuse> for Error {
    fn from(misuse: ApiMisuse) -> Self {
        Self::ApiMisuse(misuse)
    }
}

impl From<InvalidMessage> for Error {
    fn from(defect: InvalidMessage) -> Self {
        Self::InvalidMessage(defect)
    }
}

impl From<InvalidCertificate> for Error {
    fn from(defect: InvalidCertificate) -> Self {
        Self::InvalidCertificate(defect)
    }
}
