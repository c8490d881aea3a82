//! Encrypting content as it comes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use sm_primitives::sm4::{cbc, gcm};
use zeroize::Zeroizing;

use super::{Algorithm, BLOCK, decrypt::release};
use crate::error::{ApiMisuse, Error};
use crate::key::ContentKey;

/// Encrypts content in pieces of any size.
pub(in crate::cms) enum Encryptor {
    /// `held`: plaintext that does not fill a block yet, 0 to 15 bytes.
    Cbc {
        running: cbc::Encryptor,
        held: Zeroizing<Vec<u8>>,
    },
    Gcm(Box<gcm::Encryptor>),
}

impl Encryptor {
    pub(in crate::cms) fn new(key: &ContentKey, algorithm: &Algorithm) -> Result<Self, Error> {
        let key = key.expose_bytes();
        match algorithm {
            Algorithm::Cbc { iv } => Ok(Self::Cbc {
                running: cbc::Encryptor::new(key, iv),
                held: Zeroizing::new(Vec::with_capacity(BLOCK)),
            }),
            Algorithm::Gcm { nonce, .. } => {
                let running = gcm::Encryptor::new(key, nonce, &[]);
                Ok(Self::Gcm(Box::new(running.map_err(|_| ApiMisuse::PlaintextTooLong)?)))
            }
            Algorithm::Ecb => Err(ApiMisuse::EcbWritten.into()),
        }
    }

    /// Appends what can be encrypted already: at most `plaintext.len() + 15` bytes.
    pub(in crate::cms) fn push(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        match self {
            Self::Cbc { running, held } => {
                let keep = (held.len() + plaintext.len()) % BLOCK;
                release(held, keep, plaintext, out);
                // Cannot fail: these are whole blocks.
                running.encrypt(out.get_mut(start..).unwrap_or_default())
            }
            Self::Gcm(running) => {
                out.extend_from_slice(plaintext);
                running.encrypt(out.get_mut(start..).unwrap_or_default())
            }
        }
        .map_err(|_| ApiMisuse::PlaintextLength.into())
    }

    /// Appends the last block, or the tag.
    pub(in crate::cms) fn finish(self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Cbc { mut running, held } => {
                let mut last = Zeroizing::new(cbc::pad_block(&held));
                running.encrypt(&mut *last).map_err(|_| ApiMisuse::PlaintextLength)?;
                out.extend_from_slice(&*last);
            }
            Self::Gcm(running) => out.extend_from_slice(&running.finish()),
        }
        Ok(())
    }
}
