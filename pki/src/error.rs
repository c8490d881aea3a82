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
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "not well-formed: {what}"),
            Self::UnsupportedAlgorithm(what) => write!(f, "algorithm not supported: {what}"),
        }
    }
}

impl core::error::Error for Error {}
