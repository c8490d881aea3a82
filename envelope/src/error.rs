//! The one error type of the crate.

use core::fmt;

pub use crate::bid::InvalidBid;

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
    /// The sealed bid is broken, cut short or not of a version that this crate opens.
    InvalidBid(InvalidBid),
    /// The certificate cannot stand for a recipient or signer.
    InvalidCertificate(InvalidCertificate),
    /// A signature does not hold.
    InvalidSignature(InvalidSignature),
    /// The message is well-formed, but none of the given identities is among its recipients.
    NoMatchingRecipient,
    /// The recipient entry names this key, but its content key does not open with it.
    WrongKey,
    /// The content does not decrypt to a padded message. Deliberately says no more.
    DecryptionFailed,
    /// So many more shares are needed to open the bid.
    MoreShares(u8),
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
    /// A message with signatures was ended as if it had none.
    SignaturesIgnored,
    /// More was to be left out of a message than content is left.
    SkippedTooFar,
    /// SM4-ECB is read on request, never written.
    EcbWritten,
    /// A signed message needs 1 to [`MAX_SIGNERS`](crate::cms::MAX_SIGNERS) signers, and one signature from each.
    SignatureCount,
    /// A time stamp that is no message in DER, or for a signer that there is not.
    TimeStamp,
    /// A signature is not that of the signer for this content.
    SignatureOfOtherKey,
    /// The content is not the one that was hashed for the signature.
    ContentChanged,
    /// Certificates and signatures exceed [`MAX_SIGNATURES_LEN`](crate::cms::MAX_SIGNATURES_LEN).
    SignaturesTooLarge,
    /// Content was given for a message that carries its own.
    ContentTwice,
    /// A dialect that cannot express what was asked for.
    Dialect,
    /// A text or number of a new bid exceeds the limits of the format.
    BidTerms,
    /// Model, threshold and roles of a new bid do not go together.
    BidPolicy,
    /// A share of a new bid has no recipient, or a recipient has no share.
    BidHolders,
    /// A name that no file in a bid may have, or that was given twice.
    BidName,
    /// More files, or more content, than a bid takes.
    BidTooLarge,
    /// The signature of a bid is empty or longer than 64 KiB, or there is none where one was announced.
    BidSignature,
    /// The lock's secret was not given for a bid that has a lock, or given for one that has none.
    BidLock,
}

/// Defects of a message.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidMessage {
    /// Not a `ContentInfo` of a type that is known or was asked for.
    NotEnvelopedData,
    /// An encrypted message where one with content in the clear was asked for.
    NotSignedData,
    /// The ASN.1 structure is not that of the message's type, or a length contradicts the one around it.
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
    /// More than [`MAX_CERTIFICATES`](crate::cms::MAX_CERTIFICATES) certificates.
    TooManyCertificates,
    /// More than [`MAX_CRLS`](crate::cms::MAX_CRLS) certificate revocation lists.
    TooManyCrls,
    /// More than [`MAX_SIGNERS`](crate::cms::MAX_SIGNERS) signers.
    TooManySigners,
    /// The fields after the content exceed [`MAX_TRAILER_LEN`](crate::cms::MAX_TRAILER_LEN), or in a signed message
    /// [`MAX_SIGNATURES_LEN`](crate::cms::MAX_SIGNATURES_LEN).
    TrailerTooLarge,
    /// A version number that no known profile uses.
    Version,
    /// The message carries no content.
    NoContent,
    /// The encrypted content is empty or not a whole number of 16-byte blocks (SM4-CBC, SM4-ECB), or shorter than a
    /// tag or too long (SM4-GCM).
    BlockLength,
    /// SM4-ECB content (the bare SM4 OID without an initial vector): it hides too little to be opened unasked, see
    /// [`Switch::EcbContent`](crate::cms::Switch::EcbContent).
    EcbContent,
    /// A content encryption other than SM4-CBC, SM4-GCM and SM4-ECB.
    UnsupportedContentEncryption,
    /// A content key encrypted by something other than SM2.
    UnsupportedKeyEncryption,
    /// The encrypted content key is not an SM2 ciphertext of 16 bytes.
    EncryptedKey,
    /// The text form (PEM or base64) is broken or longer than 1 MiB.
    Armor,
}

/// Why a signature does not hold.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidSignature {
    /// Not SM2 with SM3; where other algorithms are verified too, none of them.
    UnsupportedAlgorithm,
    /// The key is of another algorithm and too short for its signatures to count.
    WeakKey,
    /// Not the DER encoding of an SM2 signature.
    Encoding,
    /// The signer's certificate is neither in the message nor given.
    NoCertificate,
    /// The content is neither in the message nor given.
    NoContent,
    /// The content was hashed without what this signature needs: the key of its signer was not known in advance.
    NotHashed,
    /// The signed attributes do not hold the digest and the type of the content, once each.
    Attributes,
    /// The signed attributes name another content type than the message.
    ContentType,
    /// The content is not the one that was signed.
    ContentChanged,
    /// The signed attributes name another certificate than the signature does, or one by a hash that is not known.
    SigningCertificate,
    /// The signature is not of this content by this key.
    Wrong,
}

/// Defects of a certificate.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidCertificate {
    /// Not an X.509 certificate in DER or PEM.
    Malformed,
    /// The certificate does not hold an SM2 public key.
    NotSm2,
    /// keyUsage is present and permits neither key encipherment, data encipherment nor key agreement.
    KeyUsage,
    /// keyUsage is present and permits neither digital signatures nor non-repudiation.
    SigningKeyUsage,
    /// The certificate is signed by something other than SM2 with SM3, or its key is on a curve without a name.
    UnsupportedAlgorithm,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiMisuse(misuse) => return misuse.fmt(f),
            Self::InvalidMessage(defect) => return defect.fmt(f),
            Self::InvalidBid(defect) => return defect.fmt(f),
            Self::InvalidCertificate(defect) => return defect.fmt(f),
            Self::InvalidSignature(defect) => return defect.fmt(f),
            Self::NoMatchingRecipient => "the message is not addressed to any of these keys",
            Self::WrongKey => "the message names this key, but its content key does not open with it",
            Self::DecryptionFailed => "the content does not decrypt",
            Self::MoreShares(1) => "one more share is needed to open the bid",
            Self::MoreShares(missing) => {
                return write!(f, "{missing} more shares are needed to open the bid");
            }
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
            Self::SignaturesIgnored => "the message is signed; its signatures have to be looked at",
            Self::SkippedTooFar => "more was to be skipped than there is content",
            Self::EcbWritten => "SM4-ECB is never written",
            Self::SignatureCount => "a signed message needs 1 to 32 signers and a signature from each",
            Self::TimeStamp => "not a time stamp in DER, or of no signer of the message",
            Self::SignatureOfOtherKey => "the signature is not the signer's, or not of this content",
            Self::ContentChanged => "the content changed after it was signed",
            Self::SignaturesTooLarge => "certificates and signatures exceed 1 MiB",
            Self::ContentTwice => "the message carries its content; none is to be given",
            Self::Dialect => "this dialect cannot express that",
            Self::BidTerms => "a text of the bid is too long or has control characters, or a number is out of bounds",
            Self::BidPolicy => "threshold, shares and roles do not go together",
            Self::BidHolders => "every share needs a recipient, and every recipient a share",
            Self::BidName => {
                "a file name is not a plain relative path (no `..`, `\\`, `:` or control characters), or comes twice"
            }
            Self::BidTooLarge => "a bid takes at most 100000 files and 2^48 bytes",
            Self::BidSignature => "a signature has 1 to 65536 bytes",
            Self::BidLock => "the secret of the time lock is missing, or there is no lock",
        })
    }
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEnvelopedData => "not an enveloped message (GM/T 0010 or CMS EnvelopedData)",
            Self::NotSignedData => "not a signed message (GM/T 0010 or CMS SignedData)",
            Self::Malformed => "the structure of the message is broken",
            Self::TooDeep => "the message is nested too deeply",
            Self::Truncated => "the message is cut short",
            Self::TrailingData => "there are bytes after the end of the message",
            Self::HeaderTooLarge => "the header of the message exceeds 1 MiB",
            Self::TooManyRecipients => "the message has more than 1024 recipients",
            Self::TooManyCertificates => "the message has more than 256 certificates",
            Self::TooManyCrls => "the message has more than 256 certificate revocation lists",
            Self::TooManySigners => "the message has more than 32 signers",
            Self::TrailerTooLarge => "the fields after the content exceed what they may take",
            Self::Version => "the message has an unknown version",
            Self::NoContent => "the message carries no content",
            Self::BlockLength => "the encrypted content has a length that cannot be",
            Self::EcbContent => "the content is encrypted with SM4-ECB, which is opened on request only",
            Self::UnsupportedContentEncryption => {
                "the content is encrypted with something other than SM4-CBC or SM4-GCM"
            }
            Self::UnsupportedKeyEncryption => "the content key is not encrypted with SM2",
            Self::EncryptedKey => "the encrypted content key is not an SM2 ciphertext of 16 bytes",
            Self::Armor => "the text form of the message is broken or longer than 1 MiB",
        })
    }
}

impl fmt::Display for InvalidSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsupportedAlgorithm => "the algorithm of the signature is not supported",
            Self::WeakKey => "the key of the signer is too short",
            Self::Encoding => "the signature is not in the encoding of SM2",
            Self::NoCertificate => "the signer's certificate is not in the message; give it",
            Self::NoContent => "the content is not in the message; give it",
            Self::NotHashed => {
                "the signer's key has to be known before the content is read; give the certificate"
            }
            Self::Attributes => "the signed attributes lack the digest or the type of the content",
            Self::ContentType => "the signed attributes name another content type",
            Self::ContentChanged => "the content is not the one that was signed",
            Self::SigningCertificate => "the signature was made under another certificate of the signer",
            Self::Wrong => "the signature does not verify",
        })
    }
}

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not an X.509 certificate",
            Self::NotSm2 => "the certificate does not hold an SM2 key",
            Self::KeyUsage => "the certificate's key usage does not permit encryption",
            Self::SigningKeyUsage => "the certificate's key usage does not permit signatures",
            Self::UnsupportedAlgorithm => {
                "unsupported algorithm: the certificate does not use SM2 with SM3 as they are named"
            }
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

impl From<InvalidBid> for Error {
    fn from(defect: InvalidBid) -> Self {
        Self::InvalidBid(defect)
    }
}

impl From<InvalidCertificate> for Error {
    fn from(defect: InvalidCertificate) -> Self {
        Self::InvalidCertificate(defect)
    }
}

impl From<InvalidSignature> for Error {
    fn from(defect: InvalidSignature) -> Self {
        Self::InvalidSignature(defect)
    }
}
