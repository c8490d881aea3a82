//! Errors.

use core::fmt;
use std::io;

/// Why something could not be read or made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not the structure that they should be. What was expected, for people.
    Malformed(&'static str),
    /// Well-formed, with something that this crate does not handle. What, for people.
    Unsupported(&'static str),
    /// More than is looked at: a bomb, or far beyond what documents are. What there is too much of, for people.
    TooLarge(&'static str),
    /// What the caller asked for cannot be done. Why, for people.
    Unusable(&'static str),
    /// The font has no such character.
    MissingGlyph(char),
    /// A signature does not verify.
    InvalidSignature,
    /// A certificate cannot be used. Why.
    Certificate(pki::Error),
    /// Reading or writing failed.
    Io(io::ErrorKind),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "not well-formed: {what}"),
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::TooLarge(what) => write!(f, "more than is looked at: {what}"),
            Self::Unusable(what) => write!(f, "cannot be done: {what}"),
            Self::MissingGlyph(character) => write!(f, "not in the font: {character}"),
            Self::InvalidSignature => f.write_str("the signature does not verify"),
            Self::Certificate(error) => write!(f, "certificate: {error}"),
            Self::Io(kind) => write!(f, "reading or writing failed: {kind}"),
        }
    }
}

impl core::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

impl From<pki::Error> for Error {
    fn from(error: pki::Error) -> Self {
        Self::Certificate(error)
    }
}
