//! SM2 keys as recipients and identities.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use sm_primitives::rand_core::TryCryptoRng;
use sm_primitives::sm2::{PrivateKey, PublicKey, pke};

use crate::certificate::Certificate;
use crate::error::{ApiMisuse, Error, InvalidCertificate};
use crate::key::ContentKey;
use crate::recipient::{Identity, Recipient, RecipientId, RecipientInfo};

/// Somebody with an SM2 key.
#[derive(Clone, Debug)]
pub struct Sm2Recipient {
    key: PublicKey,
    id: RecipientId,
}

impl Sm2Recipient {
    /// A key and the name under which the message shall list it.
    #[must_use]
    pub const fn new(key: PublicKey, id: RecipientId) -> Self {
        Self { key, id }
    }

    /// A key named by [`SubjectKeyId::of`](crate::SubjectKeyId::of): the envelope stays openable when certificates
    /// come and go.
    #[must_use]
    pub fn from_public_key(key: &PublicKey) -> Self {
        Self { key: *key, id: RecipientId::of_key(key) }
    }

    /// The holder of a certificate (DER or PEM), named by issuer and serial number: the form that every tool reads.
    /// The certificate's signature and validity are the caller's to check.
    ///
    /// # Errors
    /// [`InvalidCertificate`]: malformed, not SM2, or its key usage does not permit encryption.
    pub fn from_certificate(certificate: &[u8]) -> Result<Self, Error> {
        let certificate = encryption_certificate(certificate)?;
        Ok(Self { key: *certificate.public_key(), id: certificate.id() })
    }

    /// The holder of a certificate (DER or PEM), named by the key as in [`Sm2Recipient::from_public_key`].
    ///
    /// # Errors
    /// As [`Sm2Recipient::from_certificate`].
    pub fn from_certificate_by_key(certificate: &[u8]) -> Result<Self, Error> {
        Ok(Self::from_public_key(encryption_certificate(certificate)?.public_key()))
    }

    /// The key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The name in the message.
    #[must_use]
    pub const fn id(&self) -> &RecipientId {
        &self.id
    }
}

fn encryption_certificate(bytes: &[u8]) -> Result<Certificate, Error> {
    let certificate = Certificate::parse(bytes)?;
    if certificate.permits_encryption() { Ok(certificate) } else { Err(InvalidCertificate::KeyUsage.into()) }
}

impl Recipient for Sm2Recipient {
    /// SM2 encryption of the content key. Timing: independent of the content key and of the nonce.
    fn wrap_key(
        &self,
        key: &ContentKey,
        rng: &mut dyn TryCryptoRng<Error = Error>,
    ) -> Result<RecipientInfo, Error> {
        // The key is valid and the message has 16 bytes: only the random source can fail.
        let ciphertext = pke::encrypt(&self.key, key.expose_bytes(), rng).map_err(|_| Error::RandomFailed)?;
        Ok(RecipientInfo::new(self.id.clone(), ciphertext))
    }
}

/// A local SM2 private key.
///
/// An entry that names the key, or a certificate given with [`Sm2Identity::with_certificate`], must open. Any other
/// entry is tried, and left aside if it does not open: SM2 ciphertexts carry a hash that tells. So a key opens what
/// was sealed to it under a certificate that nobody has any more.
pub struct Sm2Identity<'a> {
    key: &'a PrivateKey,
    ids: Vec<RecipientId>,
}

impl<'a> Sm2Identity<'a> {
    /// The holder of this key.
    #[must_use]
    pub fn new(key: &'a PrivateKey) -> Self {
        Self { key, ids: vec![RecipientId::of_key(key.public_key())] }
    }

    /// Adds the names under which a certificate of the key (DER or PEM) lists it.
    ///
    /// # Errors
    /// [`InvalidCertificate`], or [`ApiMisuse::CertificateOfOtherKey`].
    pub fn with_certificate(mut self, certificate: &[u8]) -> Result<Self, Error> {
        let certificate = Certificate::parse(certificate)?;
        if certificate.public_key() != self.key.public_key() {
            return Err(ApiMisuse::CertificateOfOtherKey.into());
        }
        self.ids.extend(certificate.ids());
        Ok(self)
    }
}

impl Identity for Sm2Identity<'_> {
    /// SM2 decryption of the content key. Timing: independent of the private key.
    fn unwrap_key(&self, entry: &RecipientInfo) -> Result<Option<ContentKey>, Error> {
        let named = self.ids.contains(entry.id());
        let plaintext = entry
            .ciphertext()
            .and_then(|ciphertext| pke::decrypt(self.key, ciphertext).map_err(|_| Error::WrongKey));
        match plaintext {
            Ok(plaintext) => ContentKey::from_bytes(plaintext).map(Some),
            Err(error) if named => Err(error),
            Err(_) => Ok(None),
        }
    }
}

impl fmt::Debug for Sm2Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sm2Identity").field("ids", &self.ids).finish_non_exhaustive()
    }
}
