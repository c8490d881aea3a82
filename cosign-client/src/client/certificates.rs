//! Certificates: applied for, installed, listed, given up.

use cosign_core::KeyId;
use getrandom::SysRng;
use http::Method;
use serde::{Deserialize, Serialize};
use sm_primitives::sm2::{PrivateKey, PublicKey};

use super::Client;
use crate::{
    api::{Authority, CertificateRequest, CertificateStatus},
    error::Error,
};

/// What is applied for.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateOrder {
    /// At which authority.
    pub authority: String,
    /// `new`, `renew`, `change`, `reissue` or `revoke`.
    pub kind: String,
    /// Serial number of the certificate that it is about, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Why a certificate is given up, a name of RFC 5280.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// PEM; empty for a revocation.
    pub csr: String,
    /// `personal`, `enterprise` or `seal-maker`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Whether a certificate for decryption is wanted too.
    pub dual: bool,
}

/// The key to which a key centre seals a decryption key, in memory only.
pub struct ProtectionKey(pub(super) PrivateKey);

impl ProtectionKey {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn generate() -> Result<Self, Error> {
        PrivateKey::generate(&mut SysRng).map(Self).map_err(|_| Error::RandomFailed)
    }

    /// Its public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }
}

/// A decryption key that waits for its import.
#[derive(Clone, Debug)]
pub struct DeliveredKey {
    /// The id under which it is imported.
    pub key_id: KeyId,
    /// SM2EnvelopedKey, DER; `None` if custodians seal it.
    pub enveloped: Option<Vec<u8>>,
}

/// What was issued.
#[derive(Clone, Debug)]
pub struct InstalledCertificates {
    /// For signing, then for decryption if there is one.
    pub certificates: Vec<CertificateStatus>,
    /// The decryption key that this device does not have yet.
    pub key: Option<DeliveredKey>,
}

impl Client {
    /// The authorities that certify at this server.
    ///
    /// # Errors
    /// [`Error::Api`]; network errors.
    pub async fn authorities(&self) -> Result<Vec<Authority>, Error> {
        #[derive(Deserialize)]
        struct Body {
            authorities: Vec<Authority>,
        }
        Ok(self.get::<Body>("/v1/authorities").await?.authorities)
    }

    /// Applies for a certificate or for the end of one.
    ///
    /// # Errors
    /// [`Error::Api`]; network errors.
    pub async fn apply(&self, order: &CertificateOrder) -> Result<CertificateRequest, Error> {
        self.connection().call(Method::POST, "/v1/certificate-requests", Some(order)).await
    }

    /// The requests of this device, newest first.
    ///
    /// # Errors
    /// [`Error::Api`]; network errors.
    pub async fn certificate_requests(&self) -> Result<Vec<CertificateRequest>, Error> {
        #[derive(Deserialize)]
        struct Body {
            requests: Vec<CertificateRequest>,
        }
        Ok(self.get::<Body>("/v1/certificate-requests").await?.requests)
    }

    /// The certificates of this device, newest first.
    ///
    /// # Errors
    /// [`Error::Api`]; network errors.
    pub async fn certificates(&self) -> Result<Vec<CertificateStatus>, Error> {
        #[derive(Deserialize)]
        struct Body {
            certificates: Vec<CertificateStatus>,
        }
        Ok(self.get::<Body>("/v1/certificates").await?.certificates)
    }

    /// Has what was approved issued. A new decryption key comes sealed to `protection`, and only with this answer: later it
    /// is the custodians of the key centre who give it back.
    ///
    /// # Errors
    /// [`Error::Api`]; [`Error::BadAnswer`]; network errors.
    pub async fn install(
        &self,
        request: &str,
        protection: &ProtectionKey,
    ) -> Result<InstalledCertificates, Error> {
        #[derive(Serialize)]
        struct Order {
            protection_key: String,
        }
        #[derive(Deserialize)]
        struct Key {
            key_id: String,
            enveloped_key: Option<String>,
        }
        #[derive(Deserialize)]
        struct Body {
            certificates: Vec<CertificateStatus>,
            decryption_key: Option<Key>,
        }
        if request.len() != 32 || !request.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::BadAnswer("a request is named by 32 hexadecimal digits"));
        }
        let order = Order { protection_key: protection.public_key().to_spki_pem() };
        let path = format!("/v1/certificate-requests/{request}/install");
        let body: Body = self.connection().call(Method::POST, &path, Some(&order)).await?;
        let key = match body.decryption_key {
            Some(key) => Some(DeliveredKey {
                key_id: key.key_id.parse().map_err(|_| Error::BadAnswer("not a key id"))?,
                enveloped: key
                    .enveloped_key
                    .map(hex::decode)
                    .transpose()
                    .map_err(|_| Error::BadAnswer("not hexadecimal"))?,
            }),
            None => None,
        };
        Ok(InstalledCertificates { certificates: body.certificates, key })
    }
}
