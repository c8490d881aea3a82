//! The key that signs seals. It is derived from that of the audit log, so it is nowhere else.

use std::sync::Arc;

use cosign_core::sm_primitives::sm2::{PrivateKey, PublicKey, Signature, dsa};

use super::rng::EntropyRng;
use crate::domain::{Error, office::providers::SealMaker, ports::Entropy};

/// What the key is derived for.
pub const SEAL_KEY: &[u8] = b"cosign seals 1";

/// Signs seals.
pub struct SealMakerKey {
    key: Box<PrivateKey>,
    entropy: Arc<dyn Entropy>,
}

impl SealMakerKey {
    /// With a key that was derived for it.
    #[must_use]
    pub fn new(key: PrivateKey, entropy: Arc<dyn Entropy>) -> Self {
        Self { key: Box::new(key), entropy }
    }
}

impl SealMaker for SealMakerKey {
    fn public_key(&self) -> PublicKey {
        *self.key.public_key()
    }

    fn sign(&self, digest: &[u8; 32]) -> Result<Signature, Error> {
        let mut rng = EntropyRng::new(Arc::clone(&self.entropy));
        dsa::sign_digest(&self.key, digest, &mut rng).map_err(|_| Error::Internal)
    }
}
