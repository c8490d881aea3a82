//! Writing a message.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::rand_core::{TryCryptoRng, TryRng};
use sm_primitives::sm4::cbc;
use zeroize::Zeroizing;

use super::header::{MAX_RECIPIENTS, version_of};
use super::{MAX_HEADER_LEN, oid};
use crate::der::{
    CONSTRUCTED, INTEGER, OCTET_STRING, OID, SEQUENCE, SET, context, element, head_len, put, put_head,
};
use crate::error::{ApiMisuse, Error};
use crate::key::ContentKey;
use crate::recipient::{Recipient, RecipientId, RecipientInfo};

const BLOCK: usize = 16;

/// Longest plaintext of a message in bytes: 2^62. With it every length in the message fits `u64`.
pub const MAX_PLAINTEXT_LEN: u64 = 1 << 62;

/// Encrypts the content of a message whose plaintext length is known.
///
/// Output is DER by the book: outer type 1.2.156.10197.6.1.4.2.3, recipients in DER order, key encryption
/// 1.2.156.10197.1.301.3 without parameters, SM2Cipher in DER, SM4-CBC 1.2.156.10197.1.104.2, content in one piece of
/// definite length. A recipient named by issuer and serial number gets version 1, one named by key gets version 2;
/// the message has the larger of them.
pub struct Sealer {
    encryptor: cbc::Encryptor,
    /// Plaintext that does not fill a block yet: 0 to 15 bytes.
    held: Zeroizing<Vec<u8>>,
    /// Plaintext still to come.
    left: u64,
}

impl Sealer {
    /// Draws a content key (16 bytes of `rng`) and an initial vector (16 bytes), wraps the key for each recipient in
    /// turn and appends the header of the message to `out`. `plaintext_len` is in bytes, at most
    /// [`MAX_PLAINTEXT_LEN`].
    ///
    /// # Errors
    /// [`Error::ApiMisuse`]: no recipients, too many, or too long a plaintext. [`Error::RandomFailed`].
    pub fn start(
        recipients: &[&dyn Recipient],
        plaintext_len: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        if recipients.is_empty() {
            return Err(ApiMisuse::NoRecipients.into());
        }
        if recipients.len() > MAX_RECIPIENTS {
            return Err(ApiMisuse::HeaderTooLarge.into());
        }
        if plaintext_len > MAX_PLAINTEXT_LEN {
            return Err(ApiMisuse::PlaintextTooLong.into());
        }
        let key = ContentKey::random(rng)?;
        let mut iv = [0; BLOCK];
        rng.try_fill_bytes(&mut iv).map_err(|_| Error::RandomFailed)?;
        let entries = recipients
            .iter()
            .map(|recipient| recipient.wrap_key(&key, &mut ErasedRng(rng)))
            .collect::<Result<Vec<_>, _>>()?;
        let header = header(&entries, &iv, plaintext_len)?;
        out.extend_from_slice(&header);
        Ok(Self {
            encryptor: cbc::Encryptor::new(key.expose_bytes(), &iv),
            held: Zeroizing::new(Vec::with_capacity(BLOCK)),
            left: plaintext_len,
        })
    }

    /// Plaintext bytes still to come.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.left
    }

    /// Takes the next bytes of the plaintext and appends what fills whole blocks, encrypted, to `out`: at most
    /// `plaintext.len() + 15` bytes.
    ///
    /// # Errors
    /// [`ApiMisuse::PlaintextLength`] if there is more plaintext than announced.
    pub fn push(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.left = self.left.checked_sub(plaintext.len() as u64).ok_or(ApiMisuse::PlaintextLength)?;
        let ready = (self.held.len() + plaintext.len()) / BLOCK * BLOCK;
        // `ready` is 0 or at least 16, and `held` has at most 15 bytes.
        let Some((now, later)) =
            ready.checked_sub(self.held.len()).and_then(|n| plaintext.split_at_checked(n))
        else {
            self.held.extend_from_slice(plaintext);
            return Ok(());
        };
        out.reserve(ready); // so that no plaintext is left behind by growing
        let start = out.len();
        out.append(&mut self.held);
        out.extend_from_slice(now);
        self.held.extend_from_slice(later);
        self.encrypt(out, start)
    }

    /// Appends the last block.
    ///
    /// # Errors
    /// [`ApiMisuse::PlaintextLength`] if there is less plaintext than announced.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.left != 0 {
            return Err(ApiMisuse::PlaintextLength.into());
        }
        let start = out.len();
        out.reserve(BLOCK);
        out.extend_from_slice(&*Zeroizing::new(cbc::pad_block(&self.held)));
        self.encrypt(out, start)
    }

    /// Encrypts whole blocks in place.
    fn encrypt(&mut self, out: &mut [u8], start: usize) -> Result<(), Error> {
        let blocks = out.get_mut(start..).unwrap_or_default();
        // Cannot fail: these are whole blocks.
        self.encryptor.encrypt(blocks).map_err(|_| ApiMisuse::PlaintextLength.into())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

/// Length of the encrypted content: the padding takes 1 to 16 bytes.
const fn ciphertext_len(plaintext_len: u64) -> u64 {
    (plaintext_len / 16 + 1) * 16
}

/// Everything before the content. Lengths are computed from the inside out; none overflows, because the plaintext
/// has at most 2^62 bytes and the rest at most [`MAX_HEADER_LEN`].
fn header(entries: &[RecipientInfo], iv: &[u8; BLOCK], plaintext_len: u64) -> Result<Vec<u8>, Error> {
    let mut infos = entries.iter().map(recipient_info).collect::<Result<Vec<_>, _>>()?;
    infos.sort_unstable(); // X.690, 11.6
    let infos: Vec<&[u8]> = infos.iter().map(Vec::as_slice).collect();
    let recipients = element(SET, &infos);
    let version = entries.iter().map(|entry| version_of(entry.id())).max().unwrap_or(1);
    let version = element(INTEGER, &[&[version]]);

    let mut content_info = element(OID, &[oid::DATA]);
    put(&mut content_info, SEQUENCE, &[&element(OID, &[oid::SM4_CBC]), &element(OCTET_STRING, &[iv])]);
    let ciphertext_len = ciphertext_len(plaintext_len);
    put_head(&mut content_info, context(0), ciphertext_len);

    let content_info_len = content_info.len() as u64 + ciphertext_len;
    let enveloped_len =
        (version.len() + recipients.len()) as u64 + head_len(content_info_len) + content_info_len;
    let explicit_len = head_len(enveloped_len) + enveloped_len;
    let outer_type = element(OID, &[oid::ENVELOPED_DATA]);
    let message_len = outer_type.len() as u64 + head_len(explicit_len) + explicit_len;

    let mut out = Vec::new();
    put_head(&mut out, SEQUENCE, message_len);
    out.extend_from_slice(&outer_type);
    put_head(&mut out, context(0) | CONSTRUCTED, explicit_len);
    put_head(&mut out, SEQUENCE, enveloped_len);
    out.extend_from_slice(&version);
    out.extend_from_slice(&recipients);
    put_head(&mut out, SEQUENCE, content_info_len);
    out.extend_from_slice(&content_info);
    if out.len() as u64 > MAX_HEADER_LEN {
        return Err(ApiMisuse::HeaderTooLarge.into());
    }
    Ok(out)
}

/// RecipientInfo, or KeyTransRecipientInfo in the words of RFC 5652, 6.2.1.
fn recipient_info(entry: &RecipientInfo) -> Result<Vec<u8>, Error> {
    let id = match entry.id() {
        RecipientId::IssuerAndSerial(name) => {
            element(SEQUENCE, &[name.issuer(), &element(INTEGER, &[name.serial()])])
        }
        RecipientId::SubjectKeyId(id) => element(context(0), &[id.as_bytes()]),
    };
    let ciphertext = entry.ciphertext()?;
    if ciphertext.c2().len() != ContentKey::LEN {
        return Err(ApiMisuse::ContentKeyLength.into());
    }
    let encrypted_key = ciphertext.to_der().map_err(|_| ApiMisuse::HeaderTooLarge)?;
    Ok(element(
        SEQUENCE,
        &[
            &element(INTEGER, &[&[version_of(entry.id())]]),
            &id,
            &element(SEQUENCE, &[&element(OID, &[oid::SM2_ENCRYPTION])]),
            &element(OCTET_STRING, &[&encrypted_key]),
        ],
    ))
}

/// Any random source as the one type that fits a trait object.
struct ErasedRng<'a, R: ?Sized>(&'a mut R);

impl<R: TryCryptoRng + ?Sized> TryRng for ErasedRng<'_, R> {
    type Error = Error;

    fn try_next_u32(&mut self) -> Result<u32, Error> {
        self.0.try_next_u32().map_err(|_| Error::RandomFailed)
    }

    fn try_next_u64(&mut self) -> Result<u64, Error> {
        self.0.try_next_u64().map_err(|_| Error::RandomFailed)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Error> {
        self.0.try_fill_bytes(dst).map_err(|_| Error::RandomFailed)
    }
}

impl<R: TryCryptoRng + ?Sized> TryCryptoRng for ErasedRng<'_, R> {}
