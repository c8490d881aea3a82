//! Encryption of the content: the algorithm as a message names it, and the running ciphers.

mod decrypt;
mod encrypt;

use alloc::vec::Vec;
use core::fmt;

pub(super) use self::{decrypt::Decryptor, encrypt::Encryptor};
use super::compat::{Compat, Switch};
use super::oid;
use super::quirk::{Quirk, Quirks};
use crate::ber::{Reader, octets};
use crate::der::{INTEGER, NULL, OCTET_STRING, OID, SEQUENCE, element};
use crate::error::{ApiMisuse, Error, InvalidMessage};

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
