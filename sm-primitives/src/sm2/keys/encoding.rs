//! Key files: SubjectPublicKeyInfo, PKCS#8 and SEC1 in DER and PEM, as OpenSSL 3 writes them.
//!
//! Source: RFC 5480 (public keys), RFC 5958 and RFC 5915 (private keys), GB/T 33560-2017 (object identifiers).

use alloc::{string::String, vec::Vec};

use der::{
    AnyRef, Decode, Document, Encode, SecretDocument,
    asn1::{BitStringRef, ObjectIdentifier, OctetStringRef},
    pem::LineEnding,
};
use pkcs8::PrivateKeyInfoRef;
use sec1::{EcParameters, EcPrivateKey};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use super::{PrivateKey, PublicKey};
use crate::{Error, PublicPoint};

/// id-ecPublicKey.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// The SM2 curve.
const SM2_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301");

const SPKI_LABEL: &str = "PUBLIC KEY";
const PKCS8_LABEL: &str = "PRIVATE KEY";
/// OpenSSL 1.1, GmSSL and Tongsuo write the first, OpenSSL 3 the second.
const SEC1_LABELS: [&str; 2] = ["EC PRIVATE KEY", "SM2 PRIVATE KEY"];
/// What may stand before a private key.
const PARAMETERS_END: [&str; 2] = ["-----END EC PARAMETERS-----", "-----END SM2 PARAMETERS-----"];

/// The algorithm of an SM2 key: id-ecPublicKey on the SM2 curve.
fn algorithm() -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters: Some(AnyRef::from(&SM2_CURVE)) }
}

fn check_algorithm(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<(), Error> {
    algorithm.assert_oids(EC_PUBLIC_KEY, SM2_CURVE).map_err(|_| Error::InvalidEncoding)
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo: id-ecPublicKey with the SM2 curve.
    ///
    /// # Errors
    /// [`Error::InvalidEncoding`] if it is none of an SM2 key, [`Error::InvalidPoint`] if the point is not on the
    /// curve.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| Error::InvalidEncoding)?;
        check_algorithm(&spki.algorithm)?;
        let point = spki.subject_public_key.as_bytes().ok_or(Error::InvalidEncoding)?;
        PublicPoint::from_sec1(point).map(Self::from).ok_or(Error::InvalidPoint)
    }

    /// Writes a DER SubjectPublicKeyInfo, 91 bytes.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        let point = self.as_point().to_sec1();
        let subject_public_key = BitStringRef::from_bytes(&point).expect("65 bytes fit a bit string");
        let spki = SubjectPublicKeyInfoRef { algorithm: algorithm(), subject_public_key };
        spki.to_der().expect("91 bytes fit DER")
    }

    /// Reads a PEM `PUBLIC KEY`.
    ///
    /// # Errors
    /// As [`from_spki_der`](Self::from_spki_der).
    pub fn from_spki_pem(pem: &str) -> Result<Self, Error> {
        match Document::from_pem(pem) {
            Ok((SPKI_LABEL, document)) => Self::from_spki_der(document.as_bytes()),
            _ => Err(Error::InvalidEncoding),
        }
    }

    /// Writes a PEM `PUBLIC KEY`.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn to_spki_pem(&self) -> String {
        let document = Document::try_from(self.to_spki_der()).expect("just encoded");
        document.to_pem(SPKI_LABEL, LineEnding::LF).expect("the label is valid")
    }
}

impl PrivateKey {
    /// Reads a DER PKCS#8 PrivateKeyInfo. Public keys inside must fit the private key.
    ///
    /// # Errors
    /// [`Error::InvalidEncoding`] if it is not one of an SM2 key, [`Error::InvalidScalar`] if the key is out of range.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, Error> {
        let info = PrivateKeyInfoRef::from_der(der).map_err(|_| Error::InvalidEncoding)?;
        check_algorithm(&info.algorithm)?;
        let key = Self::from_sec1_der(info.private_key.as_bytes())?;
        match info.public_key {
            Some(public) => key.check_public(public.as_bytes().ok_or(Error::InvalidEncoding)?),
            None => Ok(key),
        }
    }

    /// Reads a DER ECPrivateKey of SEC1 and RFC 5915, with or without the curve and the public key.
    ///
    /// # Errors
    /// As [`from_pkcs8_der`](Self::from_pkcs8_der).
    pub fn from_sec1_der(der: &[u8]) -> Result<Self, Error> {
        let inner = EcPrivateKey::from_der(der).map_err(|_| Error::InvalidEncoding)?;
        if inner.parameters.is_some_and(|curve| curve != EcParameters::NamedCurve(SM2_CURVE)) {
            return Err(Error::InvalidEncoding);
        }
        let bytes = inner.private_key.try_into().map_err(|_| Error::InvalidEncoding)?;
        let key = Self::from_bytes(bytes).ok_or(Error::InvalidScalar)?;
        match inner.public_key {
            Some(public) => key.check_public(public),
            None => Ok(key),
        }
    }

    /// The key, if `public` is its public key.
    fn check_public(self, public: &[u8]) -> Result<Self, Error> {
        if PublicPoint::from_sec1(public).as_ref() == Some(self.public_key().as_point()) {
            Ok(self)
        } else {
            Err(Error::InvalidEncoding)
        }
    }

    /// Writes a DER PKCS#8 PrivateKeyInfo with the public key inside, 138 bytes.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.to_pkcs8().to_bytes()
    }

    fn to_pkcs8(&self) -> SecretDocument {
        let d = self.expose_bytes();
        let public = self.public_key().as_point().to_sec1();
        let inner = EcPrivateKey { private_key: d.as_slice(), parameters: None, public_key: Some(&public) };
        let inner = SecretDocument::encode_msg(&inner).expect("109 bytes fit DER");
        let private_key = OctetStringRef::new(inner.as_bytes()).expect("109 bytes fit DER");
        SecretDocument::encode_msg(&PrivateKeyInfoRef::new(algorithm(), private_key))
            .expect("138 bytes fit DER")
    }

    /// Reads a PEM `PRIVATE KEY` (PKCS#8), `EC PRIVATE KEY` or `SM2 PRIVATE KEY` (SEC1). Parameters in front of it,
    /// as `openssl ecparam -genkey` writes them, are skipped: the key names its curve itself. Encrypted files are not
    /// read.
    ///
    /// # Errors
    /// As [`from_pkcs8_der`](Self::from_pkcs8_der).
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let after_parameters = PARAMETERS_END.iter().find_map(|end| pem.split_once(end));
        let key = after_parameters.map_or(pem, |(_, key)| key.trim_start());
        match SecretDocument::from_pem(key) {
            Ok((PKCS8_LABEL, document)) => Self::from_pkcs8_der(document.as_bytes()),
            Ok((label, document)) if SEC1_LABELS.contains(&label) => Self::from_sec1_der(document.as_bytes()),
            _ => Err(Error::InvalidEncoding),
        }
    }

    /// Writes a PEM `PRIVATE KEY` (PKCS#8, not encrypted).
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        self.to_pkcs8().to_pem(PKCS8_LABEL, LineEnding::LF).expect("the label is valid")
    }
}
