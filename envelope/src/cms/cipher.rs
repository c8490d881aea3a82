//! Encryption of the content: the algorithm as a message names it, and the running ciphers.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use sm_primitives::sm4::{Sm4, cbc, gcm};
use zeroize::Zeroizing;

use super::compat::{Compat, Switch};
use super::oid;
use super::quirk::{Quirk, Quirks};
use crate::ber::{Reader, octets};
use crate::der::{INTEGER, NULL, OCTET_STRING, OID, SEQUENCE, element};
use crate::error::{ApiMisuse, Error, InvalidMessage};
use crate::key::ContentKey;

const BLOCK: usize = 16;
/// Length of the tags that are written, in bytes.
const TAG_LEN: u8 = 16;
/// Longest nonce of SM4-GCM that is read, in bytes.
const MAX_NONCE: usize = 64;
/// Longest plaintext of SM4-GCM in bytes: 2^36 - 32 (NIST SP 800-38D, section 5.2.1.1).
const MAX_GCM_LEN: u64 = (1 << 36) - 32;

/// How the content of a message is encrypted.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// SM4-CBC with padding (1.2.156.10197.1.104.2): what every tool reads. Not authenticated.
    #[default]
    Cbc,
    /// SM4-GCM (1.2.156.10197.1.104.8) with parameters of RFC 5084 and a 16-byte tag at the end of the encrypted
    /// content, at most 2^36 - 32 bytes. A changed message does not open.
    Gcm,
    /// SM4-ECB without padding; read on request only ([`Switch::EcbContent`]), never written.
    Ecb,
}

impl Cipher {
    /// The usual name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cbc => "SM4-CBC",
            Self::Gcm => "SM4-GCM",
            Self::Ecb => "SM4-ECB",
        }
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A content encryption algorithm with its parameters.
#[derive(Clone, Debug)]
pub(super) enum Algorithm {
    Cbc {
        iv: [u8; BLOCK],
    },
    /// `nonce`: 1 to 64 bytes; `tag_len`: 12 to 16.
    Gcm {
        nonce: Vec<u8>,
        tag_len: usize,
    },
    Ecb,
}

impl Algorithm {
    pub(super) const fn cipher(&self) -> Cipher {
        match self {
            Self::Cbc { .. } => Cipher::Cbc,
            Self::Gcm { .. } => Cipher::Gcm,
            Self::Ecb => Cipher::Ecb,
        }
    }

    /// Reads an AlgorithmIdentifier. Source: GB/T 33560-2017 annex A; RFC 5084, 3.2.
    pub(super) fn read(bytes: &[u8], compat: Compat, quirks: &mut Quirks) -> Result<Self, InvalidMessage> {
        let mut algorithm = Reader::new(Reader::new(bytes).expect(SEQUENCE, quirks)?.body);
        let id = algorithm.expect(OID, quirks)?.body;
        let parameters = if algorithm.is_empty() { None } else { Some(algorithm.next(quirks)?) };
        algorithm.finish()?;
        let parameters = parameters.filter(|parameters| parameters.tag != NULL);
        match (id, parameters) {
            (oid::SM4_ECB, _) | (oid::SM4, None) if compat.has(Switch::EcbContent) => {
                quirks.insert(Quirk::EcbContent);
                return Ok(Self::Ecb);
            }
            (oid::SM4_ECB, _) | (oid::SM4, None) => return Err(InvalidMessage::EcbContent),
            (oid::SM4_CBC | oid::SM4_GCM, _) => {}
            (oid::SM4, Some(_)) => quirks.insert(Quirk::BareSm4Oid),
            _ => return Err(InvalidMessage::UnsupportedContentEncryption),
        }
        let parameters = parameters.ok_or(InvalidMessage::Malformed)?;
        if id == oid::SM4_GCM {
            return gcm_parameters(Reader::new(parameters.whole).expect(SEQUENCE, quirks)?.body, quirks);
        }
        let iv = octets(&parameters, OCTET_STRING, quirks)?;
        Ok(Self::Cbc { iv: iv.try_into().map_err(|_| InvalidMessage::Malformed)? })
    }

    /// The AlgorithmIdentifier; `bare`: CBC under the identifier without a mode.
    pub(super) fn to_der(&self, bare: bool) -> Vec<u8> {
        let (id, parameters) = match self {
            Self::Cbc { iv } => (if bare { oid::SM4 } else { oid::SM4_CBC }, element(OCTET_STRING, &[iv])),
            Self::Gcm { nonce, .. } => (
                oid::SM4_GCM,
                element(SEQUENCE, &[&element(OCTET_STRING, &[nonce]), &element(INTEGER, &[&[TAG_LEN]])]),
            ),
            Self::Ecb => (oid::SM4, Vec::new()),
        };
        element(SEQUENCE, &[&element(OID, &[id]), &parameters])
    }

    /// What the length of the encrypted content must be.
    pub(super) fn check_len(&self, len: u64) -> Result<(), InvalidMessage> {
        let fits = match self {
            Self::Cbc { .. } | Self::Ecb => len != 0 && len.is_multiple_of(BLOCK as u64),
            Self::Gcm { tag_len, .. } => {
                len.checked_sub(*tag_len as u64).is_some_and(|len| len <= MAX_GCM_LEN)
            }
        };
        if fits { Ok(()) } else { Err(InvalidMessage::BlockLength) }
    }

    /// The length of the encrypted content of so many bytes, at most 2^62.
    pub(super) fn ciphertext_len(&self, plaintext_len: u64) -> Result<u64, Error> {
        match self {
            Self::Cbc { .. } => Ok((plaintext_len / BLOCK as u64 + 1) * BLOCK as u64),
            Self::Gcm { tag_len, .. } if plaintext_len <= MAX_GCM_LEN => Ok(plaintext_len + *tag_len as u64),
            Self::Gcm { .. } | Self::Ecb => Err(ApiMisuse::PlaintextTooLong.into()),
        }
    }
}

/// GCMParameters ::= SEQUENCE { aes-nonce OCTET STRING, aes-ICVlen INTEGER (12..16) DEFAULT 12 }
fn gcm_parameters(body: &[u8], quirks: &mut Quirks) -> Result<Algorithm, InvalidMessage> {
    let mut parameters = Reader::new(body);
    let nonce = octets(&parameters.next(quirks)?, OCTET_STRING, quirks)?;
    let tag_len = match parameters.optional(INTEGER, quirks)? {
        None => 12,
        Some(len) => match len.body {
            [len @ 12..=16] => usize::from(*len),
            _ => return Err(InvalidMessage::Malformed),
        },
    };
    parameters.finish()?;
    if nonce.is_empty() || nonce.len() > MAX_NONCE {
        return Err(InvalidMessage::Malformed);
    }
    Ok(Algorithm::Gcm { nonce, tag_len })
}

/// Decrypts content in pieces of any size.
pub(super) enum Decryptor {
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
    pub(super) fn new(key: &ContentKey, algorithm: &Algorithm) -> Self {
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
    pub(super) fn push(&mut self, bytes: &[u8], plaintext: &mut Vec<u8>) -> Result<(), Error> {
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
    pub(super) fn finish(self, plaintext: &mut Vec<u8>) -> Result<(), Error> {
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
fn release(held: &mut Vec<u8>, keep: usize, bytes: &[u8], out: &mut Vec<u8>) {
    let ready = (held.len() + bytes.len()).saturating_sub(keep);
    out.reserve(ready);
    let from_held = ready.min(held.len());
    out.extend(held.drain(..from_held));
    // All of `held` is out, or nothing of `bytes` goes.
    let (now, later) = bytes.split_at_checked(ready - from_held).unwrap_or((bytes, &[]));
    out.extend_from_slice(now);
    held.extend_from_slice(later);
}

/// Encrypts content in pieces of any size.
pub(super) enum Encryptor {
    /// `held`: plaintext that does not fill a block yet, 0 to 15 bytes.
    Cbc {
        running: cbc::Encryptor,
        held: Zeroizing<Vec<u8>>,
    },
    Gcm(Box<gcm::Encryptor>),
}

impl Encryptor {
    pub(super) fn new(key: &ContentKey, algorithm: &Algorithm) -> Result<Self, Error> {
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
    pub(super) fn push(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
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
    pub(super) fn finish(self, out: &mut Vec<u8>) -> Result<(), Error> {
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
