//! The `Entropy` port as a generator that the protocol accepts.

use std::sync::Arc;

use cosign_core::sm_primitives::rand_core::{TryCryptoRng, TryRng};

use crate::domain::{Error, ports::Entropy};

/// Draws from an [`Entropy`] port.
#[derive(Clone)]
pub struct EntropyRng(Arc<dyn Entropy>);

impl EntropyRng {
    /// A generator over `entropy`.
    #[must_use]
    pub const fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self(entropy)
    }
}

impl TryRng for EntropyRng {
    type Error = Error;

    fn try_next_u32(&mut self) -> Result<u32, Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.0.fill(out)
    }
}

impl TryCryptoRng for EntropyRng {}
