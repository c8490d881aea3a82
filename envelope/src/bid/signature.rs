//! The signature over a bid: GM/T 0010 SignedData without content, over the [`Statement`] in DER.

use alloc::vec;

use super::{InvalidBid, Manifest, Statement};
use crate::{
    certificate::Certificate,
    cms::{Compat, Dialect, PlainHeader, Signer, Signing, Time, Unsigned},
    error::{Error, InvalidCertificate, InvalidMessage, InvalidSignature},
    recipient::SubjectKeyId,
};

/// Who signed a bid, by a signature that holds.
#[derive(Clone, Debug)]
pub struct Signatory {
    certificate: Certificate,
    time: Option<Time>,
}

impl Signatory {
    /// The certificate in the signature. Its key is the one that the manifest names; everything else in it, the
    /// subject too, is the word of its issuer: chain and validity are the caller's to check.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The id of the key, as the manifest has it.
    #[must_use]
    pub fn key_id(&self) -> SubjectKeyId {
        SubjectKeyId::of(self.certificate.public_key())
    }

    /// When the signer says that it signed.
    #[must_use]
    pub const fn time(&self) -> Option<Time> {
        self.time
    }
}

impl Statement {
    /// What the announced signer is to sign. Completed and detached it is what `io::bid::Sealed::finish` takes.
    ///
    /// # Errors
    /// As [`Signing::start`].
    pub fn unsigned(&self, signer: Signer) -> Result<Unsigned, Error> {
        let statement = self.to_bytes();
        let mut signing = Signing::start(vec![signer], Dialect::Standard, statement.len() as u64)?;
        signing.update(&statement)?;
        signing.finish()
    }

    /// Verifies a signature of the bid with this manifest: one signer, with a certificate in the message whose key the
    /// manifest names and that is for signatures.
    ///
    /// # Errors
    /// [`InvalidBid::SignatureSigner`] for another key or several signers, [`InvalidBid::SignatureMissing`],
    /// [`InvalidBid::SignatureUnexpected`]; [`Error::InvalidSignature`] if it does not hold for this statement;
    /// [`InvalidCertificate::SigningKeyUsage`]; [`Error::InvalidMessage`] if it is no SignedData without content.
    pub fn verify(&self, manifest: &Manifest, signature: &[u8]) -> Result<Signatory, Error> {
        let (header, rest) = PlainHeader::from_bytes(signature)?;
        if header.has_content() {
            return Err(InvalidMessage::Malformed.into());
        }
        let mut scanner = header.scan();
        scanner.push(rest)?;
        let signatures = scanner.finish()?;
        let signer = match signatures.signers() {
            [only] => only,
            [] => return Err(InvalidBid::SignatureMissing.into()),
            _ => return Err(InvalidBid::SignatureSigner.into()),
        };
        let certificate = signatures.certificate_of(signer, &[]).ok_or(InvalidSignature::NoCertificate)?;
        manifest.check_signer(certificate.public_key())?;
        if !certificate.permits_signing() {
            return Err(InvalidCertificate::SigningKeyUsage.into());
        }
        let mut hasher = signatures.hasher(&[], Compat::STRICT);
        hasher.update(&self.to_bytes());
        signatures.verify_certified(signer, &certificate, &hasher.finish())?;
        let time = signer.attributes().and_then(|attributes| attributes.signing_time());
        Ok(Signatory { certificate, time })
    }
}
