//! Decrypting content as it comes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use sm_primitives::sm4::{Sm4, cbc, gcm};
use zeroize::Zeroizing;

use super::{Algorithm, BLOCK};
use crate::error::{Error, InvalidMessage};
use crate::key::ContentKey;

/// Decrypts content in pieces of any size.
pub(in crate::cms) enum Decryptor {
    /// `held`: ciphertext not decrypted yet, because the last block is known as such only when the message ends; 0 to
    /// 16 bytes.
    Cbc {
        running: cbc::Decryptor,
        held: Vec<u8>,
    },
    /// `held`: what may be the tag, at most `tag_len` bytes.
    Gcm {
        running: Box<gcm::Decryptor>,
        tag_len: usize,
        held: Vec<u8>,
    },
    Ecb {
        key: Sm4,
        held: Vec<u8>,
        any: bool,
    },
}

impl Decryptor {
    pub(in crate::cms) fn new(key: &ContentKey, algorithm: &Algorithm) -> Self {
        let key = key.expose_bytes();
        match algorithm {
            Algorithm::Cbc { iv } => {
                Self::Cbc { running: cbc::Decryptor::new(key, iv), held: Vec::with_capacity(BLOCK) }
            }
            Algorithm::Gcm { nonce, tag_len } => Self::Gcm {
                running: Box::new(gcm::Decryptor::new(key, nonce, &[]).expect("a nonce of 1 to 64 bytes")),
                tag_len: *tag_len,
                held: Vec::with_capacity(gcm::TAG_LEN),
            },
            Algorithm::Ecb => Self::Ecb { key: Sm4::new(key), held: Vec::with_capacity(BLOCK), any: false },
        }
    }

    /// Appends the plaintext of what certainly is neither last block nor tag: at most `bytes.len() + 16` bytes.
    pub(in crate::cms) fn push(&mut self, bytes: &[u8], plaintext: &mut Vec<u8>) -> Result<(), Error> {
        let (held, keep) = match self {
            Self::Cbc { held, .. } => {
                // The last block, whole or begun: 1 to 16 bytes.
                let total = held.len() + bytes.len();
                (held, total - total.saturating_sub(1) / BLOCK * BLOCK)
            }
            Self::Gcm { held, tag_len, .. } => (held, *tag_len),
            Self::Ecb { held, .. } => {
                let total = held.len() + bytes.len();
                (held, total % BLOCK)
            }
        };
        let start = plaintext.len();
        release(held, keep, bytes, plaintext);
        let ready = plaintext.get_mut(start..).unwrap_or_default();
        match self {
            Self::Cbc { running, .. } => running.decrypt(ready).map_err(|_| Error::DecryptionFailed),
            Self::Gcm { running, .. } => {
                running.decrypt(ready).map_err(|_| InvalidMessage::BlockLength.into())
            }
            Self::Ecb { key, any, .. } => {
                *any |= !ready.is_empty();
                key.decrypt_blocks(ready.as_chunks_mut().0);
                Ok(())
            }
        }
    }

    /// Appends the plaintext of the last block, or checks the tag.
    pub(in crate::cms) fn finish(self, plaintext: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Cbc { mut running, held } => {
                let last = held.as_slice().try_into().map_err(|_| InvalidMessage::BlockLength)?;
                let mut last = Zeroizing::<[u8; BLOCK]>::new(last);
                running.decrypt(&mut *last).map_err(|_| Error::DecryptionFailed)?;
                let len = cbc::unpad(&last).map_err(|_| Error::DecryptionFailed)?;
                plaintext.extend(last.iter().take(len));
                Ok(())
            }
            Self::Gcm { running, tag_len, held } => {
                if held.len() != tag_len {
                    return Err(InvalidMessage::BlockLength.into());
                }
                running.finish(&held).map_err(|_| Error::DecryptionFailed)
            }
            Self::Ecb { held, any, .. } if any && held.is_empty() => Ok(()),
            Self::Ecb { .. } => Err(InvalidMessage::BlockLength.into()),
        }
    }
}

/// Moves all but the last `keep` bytes of `held` and `bytes` to `out`; those stay in `held`.
pub(super) fn release(held: &mut Vec<u8>, keep: usize, bytes: &[u8], out: &mut Vec<u8>) {
    let ready = (held.len() + bytes.len()).saturating_sub(keep);
    out.reserve(ready);
    let from_held = ready.min(held.len());
    out.extend(held.drain(..from_held));
    // All of `held` is out, or nothing of `bytes` goes.
    let (now, later) = bytes.split_at_checked(ready - from_held).unwrap_or((bytes, &[]));
    out.extend_from_slice(now);
    held.extend_from_slice(later);
}
