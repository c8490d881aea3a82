//! Writing an encrypted message.

mod recipients;

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::rand_core::TryCryptoRng;
use sm_primitives::sm3::Sm3;

use self::recipients::{Envelope, algorithm};
use super::cipher::{Algorithm, Cipher, Encryptor};
use super::dialect::Dialect;
use super::frame::{Level, heads};
use super::kind::ContentType;
use super::signed::SignedContent;
use super::walker::MAX_HEADER_LEN;
use crate::der::{CONSTRUCTED, INTEGER, OID, SEQUENCE, SET, context, element};
use crate::error::{ApiMisuse, Error};
use crate::key::ContentKey;
use crate::recipient::Recipient;

/// Longest plaintext of a message in bytes: 2^62. With it every length in the message fits `u64`.
pub const MAX_PLAINTEXT_LEN: u64 = 1 << 62;

/// How to write an encrypted message. The default is what every tool reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// How the content is encrypted: [`Cipher::Cbc`] or [`Cipher::Gcm`].
    pub cipher: Cipher,
    /// Whose form the message has.
    pub dialect: Dialect,
    /// What the plaintext is: [`ContentType::Data`] as a rule; [`ContentType::Signed`] for a signed message inside.
    pub inner_type: ContentType,
}

impl Default for Sealing {
    fn default() -> Self {
        Self { cipher: Cipher::Cbc, dialect: Dialect::Standard, inner_type: ContentType::Data }
    }
}

/// Encrypts the content of a message whose plaintext length is known.
///
/// Unless [`Sealing`] says otherwise, output is DER by the book: outer type 1.2.156.10197.6.1.4.2.3, recipients in DER
/// order, key encryption 1.2.156.10197.1.301.3 without parameters, SM2Cipher in DER, SM4-CBC 1.2.156.10197.1.104.2,
/// content in one piece of definite length. A recipient named by issuer and serial number gets version 1, one named by
/// key gets version 2; the message has the larger of them.
pub struct Sealer {
    encryptor: Encryptor,
    /// Plaintext still to come.
    left: u64,
    signed: Option<Recheck>,
}

/// The plaintext must be the one that was signed.
struct Recheck {
    hash: Sm3,
    digest: [u8; 32],
    trailer: Vec<u8>,
}

impl Sealer {
    /// Begins an envelopedData: draws a content key (16 bytes of `rng`) and an initial vector (16 bytes; with SM4-GCM a
    /// nonce of 12), wraps the key for each recipient in turn and appends the header of the message to `out`.
    /// `plaintext_len` is in bytes, at most [`MAX_PLAINTEXT_LEN`].
    ///
    /// # Errors
    /// [`Error::ApiMisuse`]: no recipients, too many, or too long a plaintext. [`Error::RandomFailed`].
    pub fn start(
        recipients: &[&dyn Recipient],
        plaintext_len: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        Self::start_with(&Sealing::default(), recipients, plaintext_len, rng, out)
    }

    /// As [`Sealer::start`], with a choice of cipher and dialect.
    ///
    /// # Errors
    /// As [`Sealer::start`]; [`ApiMisuse::EcbWritten`]; [`ApiMisuse::Dialect`]: a recipient named by key, which GmSSL
    /// does not read.
    pub fn start_with(
        sealing: &Sealing,
        recipients: &[&dyn Recipient],
        plaintext_len: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        let sealed = Envelope::make(sealing, recipients, plaintext_len, rng)?;
        let fields = sealed.fields(ContentType::Enveloped, sealing.dialect)?;
        let Envelope { key, algorithm, .. } = sealed;
        Self::begin(sealing, ContentType::Enveloped, &fields, (&key, &algorithm), plaintext_len, None, out)
    }

    /// Begins an encryptedData: only the content, under a key that the recipient has already. A key that is used for many
    /// messages takes at most 2^32 of them with SM4-GCM, because nonces are random.
    ///
    /// # Errors
    /// [`Error::ApiMisuse`]: too long a plaintext, SM4-ECB. [`Error::RandomFailed`].
    pub fn start_encrypted(
        sealing: &Sealing,
        key: &ContentKey,
        plaintext_len: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        let version = element(INTEGER, &[&[u8::from(!sealing.dialect.is_rfc())]]);
        let algorithm = algorithm(sealing.cipher, rng)?;
        Self::begin(sealing, ContentType::Encrypted, &version, (key, &algorithm), plaintext_len, None, out)
    }

    /// Begins a signedAndEnvelopedData. The plaintext to push is the content that was signed; it is hashed again on its
    /// way. Dialect and inner type are those of the signature.
    ///
    /// # Errors
    /// As [`Sealer::start_with`]; [`ApiMisuse::Dialect`] for a signed content of another type than data.
    pub fn start_signed(
        cipher: Cipher,
        recipients: &[&dyn Recipient],
        signed: &SignedContent,
        rng: &mut (impl TryCryptoRng + ?Sized),
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        if signed.is_typed() {
            return Err(ApiMisuse::Dialect.into());
        }
        let dialect = signed.dialect();
        let sealing = Sealing { cipher, dialect, inner_type: ContentType::Data };
        let sealed = Envelope::make(&sealing, recipients, signed.content_len(), rng)?;
        let content_type = ContentType::SignedAndEnveloped;
        let mut fields = sealed.fields(content_type, dialect)?;
        fields.extend(element(SET, &[&dialect.digest_algorithm()]));
        let recheck =
            Recheck { hash: Sm3::new(), digest: *signed.digest(), trailer: signed.trailer().to_vec() };
        let Envelope { key, algorithm, .. } = sealed;
        let len = signed.content_len();
        Self::begin(&sealing, content_type, &fields, (&key, &algorithm), len, Some(recheck), out)
    }

    /// `fields`: what stands before EncryptedContentInfo.
    fn begin(
        sealing: &Sealing,
        content_type: ContentType,
        fields: &[u8],
        (key, algorithm): (&ContentKey, &Algorithm),
        plaintext_len: u64,
        signed: Option<Recheck>,
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        if plaintext_len > MAX_PLAINTEXT_LEN {
            return Err(ApiMisuse::PlaintextTooLong.into());
        }
        let ciphertext_len = algorithm.ciphertext_len(plaintext_len)?;
        let rfc = sealing.dialect.is_rfc();
        let outer = element(OID, &[content_type.id(rfc)]);
        let mut inner = element(OID, &[sealing.inner_type.id(rfc)]);
        inner.extend(algorithm.to_der(sealing.dialect.has_bare_sm4()));
        let trailer_len = signed.as_ref().map_or(0, |signed| signed.trailer.len() as u64);
        let levels = [
            Level::new(SEQUENCE, &outer),
            Level::new(context(0) | CONSTRUCTED, &[]),
            Level { tag: SEQUENCE, before: fields, after: trailer_len },
            Level::new(SEQUENCE, &inner),
            Level::new(context(0), &[]),
        ];
        let header = heads(&levels, ciphertext_len).ok_or(ApiMisuse::PlaintextTooLong)?;
        if header.len() as u64 > MAX_HEADER_LEN {
            return Err(ApiMisuse::HeaderTooLarge.into());
        }
        let encryptor = Encryptor::new(key, algorithm)?;
        out.extend_from_slice(&header);
        Ok(Self { encryptor, left: plaintext_len, signed })
    }

    /// Plaintext bytes still to come.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.left
    }

    /// Takes the next bytes of the plaintext and appends what can be encrypted already to `out`: at most
    /// `plaintext.len() + 15` bytes.
    ///
    /// # Errors
    /// [`ApiMisuse::PlaintextLength`] if there is more plaintext than announced.
    pub fn push(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.left = self.left.checked_sub(plaintext.len() as u64).ok_or(ApiMisuse::PlaintextLength)?;
        if let Some(signed) = &mut self.signed {
            signed.hash.update(plaintext);
        }
        self.encryptor.push(plaintext, out)
    }

    /// Appends the last block or the tag, and the signatures.
    ///
    /// # Errors
    /// [`ApiMisuse::PlaintextLength`] if there is less plaintext than announced; [`ApiMisuse::ContentChanged`] if it is
    /// not the one that was signed.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.left != 0 {
            return Err(ApiMisuse::PlaintextLength.into());
        }
        self.encryptor.finish(out)?;
        if let Some(signed) = self.signed {
            if signed.hash.finalize() != signed.digest {
                return Err(ApiMisuse::ContentChanged.into());
            }
            out.extend_from_slice(&signed.trailer);
        }
        Ok(())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}
