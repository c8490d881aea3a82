//! Errors.

use core::fmt;

/// Why something could not be read or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not the structure that they should be. What was expected, for people.
    Malformed(&'static str),
    /// A well-formed structure with an algorithm that this crate does not know. What it is for, for people.
    UnsupportedAlgorithm(&'static str),
    /// What is encrypted under a password does not open: another password, or damage. Nothing can tell which.
    Password,
    /// Opening would take more iterations than were permitted; see [`Effort`](crate::password::Effort).
    TooMuchWork,
    /// A private key, a public key or a certificate that should belong together do not.
    KeyMismatch,
    /// A signature does not verify.
    InvalidSignature,
    /// What the caller gave cannot be written. What is wrong with it, for people.
    Unusable(&'static str),
    /// A signed message has content of its own where the content is elsewhere.
    EmbeddedContent,
    /// The random source failed.
    RandomFailed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "not well-formed: {what}"),
            Self::UnsupportedAlgorithm(what) => write!(f, "algorithm not supported: {what}"),
            Self::Password => f.write_str("does not open with this password, or is damaged"),
            Self::TooMuchWork => {
                f.write_str("asks for more iterations of its key derivation than are permitted")
            }
            Self::KeyMismatch => f.write_str("the keys in it do not belong together"),
            Self::InvalidSignature => f.write_str("the signature does not verify"),
            Self::Unusable(what) => write!(f, "cannot be written: {what}"),
            Self::EmbeddedContent => f.write_str("the signed message has a content of its own"),
            Self::RandomFailed => f.write_str("the random source failed"),
        }
    }
}

impl core::error::Error for Error {}
