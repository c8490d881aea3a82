//! The content key of a new message, and who gets it.

use alloc::vec::Vec;

use sm_primitives::rand_core::{TryCryptoRng, TryRng};

use super::{MAX_PLAINTEXT_LEN, Sealing};
use crate::cms::cipher::{Algorithm, Cipher};
use crate::cms::dialect::Dialect;
use crate::cms::kind::ContentType;
use crate::cms::recipients::{MAX_RECIPIENTS, version_of};
use crate::der::{INTEGER, OCTET_STRING, SEQUENCE, SET, element};
use crate::error::{ApiMisuse, Error};
use crate::key::ContentKey;
use crate::recipient::{Recipient, RecipientId, RecipientInfo};

pub(super) fn algorithm(cipher: Cipher, rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<Algorithm, Error> {
    match cipher {
        Cipher::Cbc => {
            let mut iv = [0; 16];
            rng.try_fill_bytes(&mut iv).map_err(|_| Error::RandomFailed)?;
            Ok(Algorithm::Cbc { iv })
        }
        Cipher::Gcm => {
            let mut nonce = [0; 12];
            rng.try_fill_bytes(&mut nonce).map_err(|_| Error::RandomFailed)?;
            Ok(Algorithm::Gcm { nonce: nonce.to_vec(), tag_len: 16 })
        }
        Cipher::Ecb => Err(ApiMisuse::EcbWritten.into()),
    }
}

/// A new content key with what goes with it.
pub(super) struct Envelope {
    pub(super) key: ContentKey,
    pub(super) algorithm: Algorithm,
    entries: Vec<RecipientInfo>,
}

impl Envelope {
    pub(super) fn make(
        sealing: &Sealing,
        recipients: &[&dyn Recipient],
        plaintext_len: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
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
        let algorithm = algorithm(sealing.cipher, rng)?;
        let wrap = |recipient: &&dyn Recipient| recipient.wrap_key(&key, &mut ErasedRng(rng));
        let entries = recipients.iter().map(wrap).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { key, algorithm, entries })
    }

    /// version and recipientInfos.
    pub(super) fn fields(&self, content_type: ContentType, dialect: Dialect) -> Result<Vec<u8>, Error> {
        let mut infos = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            infos.push(recipient_info(entry, dialect)?);
        }
        infos.sort_unstable(); // X.690, 11.6
        let infos: Vec<&[u8]> = infos.iter().map(Vec::as_slice).collect();
        let versions = self.entries.iter().map(|entry| entry_version(entry.id(), dialect));
        let version = match content_type {
            ContentType::Enveloped => versions.max().unwrap_or(1),
            _ => 1,
        };
        let mut fields = element(INTEGER, &[&[version]]);
        fields.extend(element(SET, &infos));
        Ok(fields)
    }
}

/// RFC 5652, 6.2.1 counts from 0 where the standard counts from 1.
const fn entry_version(id: &RecipientId, dialect: Dialect) -> u8 {
    match id {
        RecipientId::IssuerAndSerial(_) if dialect.is_rfc() => 0,
        id => version_of(id),
    }
}

/// RecipientInfo, or KeyTransRecipientInfo in the words of RFC 5652, 6.2.1.
fn recipient_info(entry: &RecipientInfo, dialect: Dialect) -> Result<Vec<u8>, Error> {
    if dialect == Dialect::GmSsl && matches!(entry.id(), RecipientId::SubjectKeyId(_)) {
        return Err(ApiMisuse::Dialect.into());
    }
    let id = entry.id().to_der();
    let ciphertext = entry.ciphertext()?;
    if ciphertext.c2().len() != ContentKey::LEN {
        return Err(ApiMisuse::ContentKeyLength.into());
    }
    let encrypted_key = ciphertext.to_der().map_err(|_| ApiMisuse::HeaderTooLarge)?;
    Ok(element(
        SEQUENCE,
        &[
            &element(INTEGER, &[&[entry_version(entry.id(), dialect)]]),
            &id,
            &dialect.key_encryption_algorithm(),
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
