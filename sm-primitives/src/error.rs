//! The one error type of the crate.

use core::fmt;

/// Why an operation of this crate was refused.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A point is not on the curve, is the identity, or has a coordinate >= p.
    InvalidPoint,
    /// An integer is outside its range.
    InvalidScalar,
    /// An input has a length that the operation does not take.
    InvalidLength,
    /// DER, PEM or another encoding is malformed.
    InvalidEncoding,
    /// A signature does not verify.
    InvalidSignature,
    /// A ciphertext does not open. Deliberately says no more.
    DecryptionFailed,
    /// The random source failed or repeats itself.
    RandomFailed,
    /// The caller stopped a long list of work before this item.
    Cancelled,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidPoint => "the point is not on the SM2 curve",
            Self::InvalidScalar => "the integer is outside its range",
            Self::InvalidLength => "the input has the wrong length",
            Self::InvalidEncoding => "the encoding is malformed",
            Self::InvalidSignature => "the signature does not verify",
            Self::DecryptionFailed => "the ciphertext does not open with this key",
            Self::RandomFailed => "the random source failed",
            Self::Cancelled => "the work was cancelled before this item",
        })
    }
}

impl core::error::Error for Error {}
