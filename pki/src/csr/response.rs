//! What a certification authority answers to a request for two certificates.

use envelope::{
    Certificate, armor,
    der::{CONSTRUCTED, SEQUENCE, SET, context, element},
    enveloped_key,
};
use sm_primitives::sm2::PrivateKey;

use crate::{Error, asn1::Reader};

const WHAT: &str = "response to a certification request";
const KEY: u8 = context(0) | CONSTRUCTED;
const ENCRYPTION: u8 = context(1) | CONSTRUCTED;

/// CSRResponse: the certificates, and the encryption key sealed to the temporary key of the request.
///
/// ```text
/// CSRResponse ::= SEQUENCE {
///   signCertificate CertificateSet,
///   encryptedPrivateKey [0] IMPLICIT SM2EnvelopedKey OPTIONAL,
///   encryptCertificate [1] IMPLICIT CertificateSet OPTIONAL }
/// ```
/// Read with explicit tags too. Certificates are kept as they are, not verified.
///
/// Source: GM/T 0092-2020, clause 8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Signing certificate and its chain, DER, at least one.
    pub sign_certificates: Vec<Vec<u8>>,
    /// SM2EnvelopedKey, DER.
    pub encrypted_key: Option<Vec<u8>>,
    /// Encryption certificate and its chain, DER.
    pub encryption_certificates: Vec<Vec<u8>>,
}

impl Response {
    /// Reads a response in DER or BER, PEM or base64.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.first() == Some(&SEQUENCE) {
            return Self::from_ber(bytes);
        }
        Self::from_ber(&armor::decode(bytes).map_err(|_| Error::Malformed(WHAT))?)
    }

    fn from_ber(bytes: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::whole(bytes, WHAT)?;
        let sign_certificates = certificates(outer.enter(SET)?)?;
        let key = outer.optional(KEY)?;
        let encrypted_key = key.map(|key| element(SEQUENCE, &[within(SEQUENCE, key.body)]));
        let encryption = outer.optional(ENCRYPTION)?;
        let encryption = encryption.map(|set| certificates(Reader::new(within(SET, set.body), WHAT)));
        let encryption_certificates = encryption.transpose()?.unwrap_or_default();
        outer.finish()?;
        if let Some(key) = &encrypted_key {
            enveloped_key::public_key(key).map_err(|_| Error::Malformed("SM2EnvelopedKey"))?;
        }
        if sign_certificates.is_empty() {
            return Err(Error::Malformed(WHAT));
        }
        Ok(Self { sign_certificates, encrypted_key, encryption_certificates })
    }

    /// Writes the response in DER.
    ///
    /// # Errors
    /// [`Error::Unusable`] if it has no signing certificate, or something in it is not what it should be.
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        let mut parts = vec![element(SET, &[&sorted(&self.sign_certificates)])];
        if let Some(key) = &self.encrypted_key {
            let fields = Reader::new(key, WHAT).expect(SEQUENCE).map_err(|_| Error::Unusable(WHAT))?;
            parts.push(element(KEY, &[fields.body]));
        }
        if !self.encryption_certificates.is_empty() {
            parts.push(element(ENCRYPTION, &[&sorted(&self.encryption_certificates)]));
        }
        let der = element(SEQUENCE, &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        // What does not read is not written.
        Self::read(&der).map_err(|_| Error::Unusable(WHAT))?;
        Ok(der)
    }

    /// Opens the encryption key with the temporary private key of the request.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`]: it is sealed to another key, damaged, or none of the encryption certificates is for it.
    /// [`Error::Malformed`]: there is none.
    pub fn open(&self, temporary: &PrivateKey) -> Result<PrivateKey, Error> {
        let sealed = self.encrypted_key.as_deref().ok_or(Error::Malformed("response without a key"))?;
        let key = enveloped_key::open(sealed, temporary).map_err(|_| Error::KeyMismatch)?;
        let own = |der: &Vec<u8>| {
            Certificate::parse(der).is_ok_and(|certificate| certificate.public_key() == key.public_key())
        };
        if self.encryption_certificates.iter().any(own) { Ok(key) } else { Err(Error::KeyMismatch) }
    }
}

/// What stands under an implicit tag: the fields themselves, or after an explicit one those of the only element, which has
/// the tag that was replaced.
fn within(tag: u8, body: &[u8]) -> &[u8] {
    let mut reader = Reader::new(body, WHAT);
    match reader.expect(tag) {
        Ok(element) if reader.is_empty() => element.body,
        _ => body,
    }
}

fn certificates(mut set: Reader<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let mut certificates = Vec::new();
    while !set.is_empty() {
        certificates.push(set.expect(SEQUENCE)?.whole.to_vec());
    }
    Ok(certificates)
}

/// SET OF in DER is in the order of the encodings.
fn sorted(certificates: &[Vec<u8>]) -> Vec<u8> {
    let mut certificates: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
    certificates.sort_unstable();
    certificates.concat()
}
