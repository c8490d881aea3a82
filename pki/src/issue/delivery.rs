//! Two certificates for a request, and the encryption key on its way to its owner. Source: GM/T 0092-2020, clause 8; GM/T
//! 0009-2023, clause 7.4.

use envelope::enveloped_key;
use sm_primitives::rand_core::TryCryptoRng;
use sm_primitives::sm2::{PrivateKey, Signature};

use super::{Applicant, Batch, Issuer, Profile, SerialNumber, Subject};
use crate::certificate::{Certificate, Validity};
use crate::csr::Response;
use crate::error::Error;

/// The response to a request of GM/T 0092, which waits for the signatures of its two certificates.
#[derive(Clone, Debug)]
pub struct Delivery {
    pair: Batch,
    sealed: Vec<u8>,
    chain: Vec<Certificate>,
}

impl Issuer {
    /// Both certificates for a request that has a temporary key: for signatures of the applicant's key, for encryption of
    /// the key pair that a key centre made, whose private key is sealed to the temporary key.
    ///
    /// # Errors
    /// As [`Issuer::pair`]; [`Error::Unusable`]: a request without a temporary key; [`Error::RandomFailed`].
    pub fn deliver(
        &self,
        applicant: &Applicant,
        (profile, subject): (&Profile, &Subject),
        encryption_key: &PrivateKey,
        serials: [SerialNumber; 2],
        validity: Validity,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Delivery, Error> {
        let temporary = applicant.temporary_key();
        let temporary = temporary.ok_or(Error::Unusable("a request without a temporary key to seal to"))?;
        let keys = [*applicant.key(), *encryption_key.public_key()];
        let pair = self.pair(profile, subject, keys, serials, validity)?;
        let sealed = enveloped_key::seal(encryption_key, temporary, rng).map_err(|_| Error::RandomFailed)?;
        Ok(Delivery { pair, sealed, chain: Vec::new() })
    }
}

impl Delivery {
    /// Adds a certificate of the chain, which goes along with both.
    #[must_use]
    pub fn with_chain(mut self, certificate: Certificate) -> Self {
        self.chain.push(certificate);
        self
    }

    /// What is signed: of the certificate for signatures, then of that for encryption.
    #[must_use]
    pub fn digests(&self) -> &[[u8; 32]] {
        self.pair.digests()
    }

    /// The response; [`Response::to_der`] writes it.
    ///
    /// # Errors
    /// [`Error::InvalidSignature`].
    pub fn assemble(self, signatures: &[Signature]) -> Result<Response, Error> {
        let mut certificates = self.pair.assemble(signatures)?.into_iter();
        let (signing, encryption) =
            certificates.next().zip(certificates.next()).ok_or(Error::InvalidSignature)?;
        let with_chain = |certificate: Vec<u8>| {
            let chain = self.chain.iter().map(|above| above.as_der().to_vec());
            core::iter::once(certificate).chain(chain).collect()
        };
        Ok(Response {
            sign_certificates: with_chain(signing),
            encrypted_key: Some(self.sealed),
            encryption_certificates: with_chain(encryption),
        })
    }
}
