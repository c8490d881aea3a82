//! Which certificate somebody uses, and that what was handed in was signed with it.

use cosign_core::{
    DeviceId,
    sm_primitives::{
        point::PublicPoint,
        sm2::{DistId, PublicKey, Signature, dsa},
    },
};
use serde::{Deserialize, Serialize};

use super::{Id, entity::states, list_of};
use crate::domain::{
    Error,
    ca::{CertState, Certificate, Profile, Role},
};

states! {
    /// As whom somebody acts.
    Identity {
        /// For themselves.
        Person = "person",
        /// For an enterprise.
        Enterprise = "enterprise",
    }
}

impl Identity {
    /// Of whom a certificate of this profile speaks.
    #[must_use]
    pub const fn of(profile: Profile) -> Self {
        match profile {
            Profile::Personal => Self::Person,
            Profile::Enterprise | Profile::SealMaker => Self::Enterprise,
        }
    }
}

/// 32 bytes: a digest, or a keyed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hash(#[serde(with = "hex::serde")] pub [u8; 32]);

/// Names a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateName {
    /// Who issued it.
    pub authority: String,
    /// Its number, hexadecimal.
    pub serial: String,
}

impl CertificateName {
    /// Of this one.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        let (authority, serial) = (certificate.authority.to_string(), certificate.serial.to_string());
        Self { authority, serial }
    }

    /// Under whom its use is listed.
    #[must_use]
    pub fn list(&self) -> Id {
        list_of("certificate", &[self.authority.as_bytes(), self.serial.as_bytes()])
    }
}

/// A certificate that its holder can sign with at this moment. Only [`UsableCertificate::of`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsableCertificate {
    /// Which.
    pub name: CertificateName,
    /// As whom its holder acts.
    pub identity: Identity,
    /// X || Y of its key.
    #[serde(with = "hex::serde")]
    public_key: [u8; 64],
}

impl UsableCertificate {
    /// This one, if the device holds it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for another device's; [`Error::Conflict`] for one that does not sign now.
    pub fn of(
        certificate: &Certificate,
        profile: Profile,
        device: DeviceId,
        now_ms: u64,
    ) -> Result<Self, Error> {
        if certificate.device != Some(device) {
            return Err(Error::NotFound);
        }
        if obstacle(certificate, now_ms).is_some() {
            return Err(Error::Conflict("the certificate cannot be used now"));
        }
        let (name, identity) = (CertificateName::of(certificate), Identity::of(profile));
        Ok(Self { name, identity, public_key: certificate.public_key })
    }

    fn key(&self) -> Result<PublicKey, Error> {
        PublicPoint::from_bytes(&self.public_key).map(PublicKey::from).ok_or(Error::Internal)
    }

    /// What is signed for this message: SM3(Z || M) with the default id.
    ///
    /// # Errors
    /// [`Error::Internal`] when the certified key is none.
    pub fn digest(&self, message: &[u8]) -> Result<Hash, Error> {
        Ok(Hash(DistId::default().digest(&self.key()?, message)))
    }

    /// Whether a message was signed with the key of a certificate, whatever became of the certificate since.
    ///
    /// # Errors
    /// [`Error::Internal`] when the certified key is none.
    pub fn verifies(certificate: &Certificate, message: &[u8], signature: &[u8; 64]) -> Result<bool, Error> {
        let key = PublicPoint::from_bytes(&certificate.public_key).map(PublicKey::from);
        let Ok(signature) = Signature::from_bytes(signature) else { return Ok(false) };
        let key = key.ok_or(Error::Internal)?;
        Ok(dsa::verify(&key, &DistId::default(), message, &signature).is_ok())
    }

    /// That all of these digests were signed with its key, each by the signature in its place.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when there are more or fewer, or one does not verify.
    pub fn check(&self, digests: &[Hash], signatures: &[[u8; 64]]) -> Result<Signed, Error> {
        const WRONG: Error = Error::BadRequest("a signature does not verify with the certificate");
        if digests.len() != signatures.len() {
            return Err(Error::BadRequest("there are as many signatures as digests to be signed"));
        }
        let key = self.key()?;
        for (digest, signature) in digests.iter().zip(signatures) {
            let signature = Signature::from_bytes(signature).map_err(|_| WRONG)?;
            dsa::verify_digest(&key, &digest.0, &signature).map_err(|_| WRONG)?;
        }
        let signatures = signatures.iter().map(hex::encode).collect();
        Ok(Signed { name: self.name.clone(), digests: digests.to_vec(), signatures })
    }
}

/// Why a certificate does not sign now; `None` when it does.
#[must_use]
pub fn obstacle(certificate: &Certificate, now_ms: u64) -> Option<&'static str> {
    if certificate.role != Role::Sign {
        return Some("not-for-signing");
    }
    if certificate.state != CertState::Valid {
        return Some(certificate.state.as_str());
    }
    if now_ms < certificate.not_before_ms {
        return Some("not-yet-valid");
    }
    (now_ms > certificate.not_after_ms).then_some("expired")
}

/// That digests were signed with a certificate. Only [`UsableCertificate::check`] makes one.
#[derive(Clone, Debug)]
pub struct Signed {
    name: CertificateName,
    digests: Vec<Hash>,
    signatures: Vec<String>,
}

impl Signed {
    /// The signatures, r || s in hexadecimal, if exactly these were signed with this certificate.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub fn of(&self, name: &CertificateName, digests: &[Hash]) -> Result<&[String], Error> {
        if self.name != *name || self.digests != digests {
            return Err(Error::Conflict("something else is to be signed now"));
        }
        Ok(&self.signatures)
    }
}

#[cfg(test)]
pub(super) mod testing {
    use cosign_core::sm_primitives::sm2::PrivateKey;

    use super::*;

    /// As if it had been looked at.
    pub(in crate::domain::office) fn usable() -> UsableCertificate {
        let name = CertificateName { authority: "demo".to_owned(), serial: "01".to_owned() };
        let key = PrivateKey::from_bytes(&[0x41; 32]).unwrap();
        let public_key = key.public_key().as_point().to_bytes();
        UsableCertificate { name, identity: Identity::Person, public_key }
    }

    /// As if they had been verified.
    pub(in crate::domain::office) fn signed(digests: Vec<Hash>) -> Signed {
        let signatures = digests.iter().map(|_| "00".repeat(64)).collect();
        Signed { name: usable().name, digests, signatures }
    }
}
