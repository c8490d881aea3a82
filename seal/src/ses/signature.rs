//! Signatures as the structures carry them.

use pki::{Certificate, ObjectIdentifier, SubjectKey};
use sm_primitives::sm2::{DistId, Signature, dsa};

use crate::error::Error;

/// SM2 with SM3.
pub(super) const SM2_WITH_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");
/// SM2 as an algorithm of signatures, which some write instead.
const SM2_SIGNATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.301.1");

/// A signature, its algorithm and the certificate of who made it, as they came.
#[derive(Clone, Debug)]
pub struct SignatureValue {
    /// The certificate, DER; not checked.
    pub certificate: Vec<u8>,
    /// What it says the algorithm is.
    pub algorithm: ObjectIdentifier,
    /// The octets of the signature: a DER structure, or r and s of 32 bytes each as some write them.
    pub value: Vec<u8>,
}

impl SignatureValue {
    /// The certificate.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn certificate(&self) -> Result<Certificate, Error> {
        Ok(Certificate::from_der(&self.certificate)?)
    }

    /// Whether the octets are r and s without a structure. That deviates, and is accepted.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        self.value.len() == 64 && Signature::from_der(&self.value).is_err()
    }

    /// Whether it is the signature of `message` by the key of its certificate, which it gives.
    ///
    /// # Errors
    /// [`Error::Certificate`], [`Error::Unsupported`]: another algorithm than SM2 with SM3; [`Error::InvalidSignature`].
    pub fn verify(&self, message: &[u8]) -> Result<Certificate, Error> {
        let certificate = self.certificate()?;
        let SubjectKey::Sm2(key) = certificate.key() else {
            return Err(Error::Unsupported("a key that is not SM2"));
        };
        if self.algorithm != SM2_WITH_SM3 && self.algorithm != SM2_SIGNATURE {
            return Err(Error::Unsupported("a signature that is not SM2 with SM3"));
        }
        let signature = match self.value.as_slice().try_into() {
            Ok(raw) if self.is_raw() => Signature::from_bytes(raw),
            _ => Signature::from_der(&self.value),
        };
        let signature = signature.map_err(|_| Error::InvalidSignature)?;
        dsa::verify(key, &DistId::default(), message, &signature).map_err(|_| Error::InvalidSignature)?;
        Ok(certificate)
    }
}
