//! Randomness of the operating system.

use crate::domain::{Error, ports::Entropy};

/// The system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(out).map_err(|error| {
            tracing::error!(%error, "the random source failed");
            Error::Internal
        })
    }
}
