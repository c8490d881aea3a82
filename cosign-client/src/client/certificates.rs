//! Certificates: applied for, installed, listed, given up.

use cosign_core::{KeyId, Purpose};
use envelope::Certificate;
use getrandom::SysRng;
use http::Method;
use serde::{Deserialize, Serialize};
use sm_primitives::sm2::{PrivateKey, PublicKey};

use super::Client;
use crate::{
    api::{Authority, CertificateRequest, CertificateStatus},
    error::Error,
    store::StoredKey,
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

impl InstalledCertificates {
    /// Whether every certificate is of a key of this device: the one for signing of one of its signing keys, the one for
    /// decryption of one of its decryption keys. A decryption key that comes with them is compared when it is recovered:
    /// [`InstalledCertificates::decryption_key`]. A server that puts its own key under the name of the holder is found out
    /// here. `keys`: those of the device.
    ///
    /// # Errors
    /// [`Error::BadAnswer`].
    pub fn check(&self, keys: &[StoredKey]) -> Result<(), Error> {
        for one in &self.certificates {
            let purpose = match one.role.as_str() {
                "sign" => Purpose::Sign,
                "encrypt" if self.key.is_some() => continue,
                "encrypt" => Purpose::Encrypt,
                _ => return Err(Error::BadAnswer("a certificate for another use than was asked for")),
            };
            let certified = certified_key(one)?;
            let is_own = |key: &&StoredKey| {
                key.purpose() == purpose
                    && key.public_key() == certified
                    && one.key_id.as_ref().is_none_or(|id| *id == key.key_id().to_string())
            };
            if !keys.iter().any(|key| is_own(&key)) {
                return Err(Error::BadAnswer("a certificate of a key that this device does not have"));
            }
        }
        Ok(())
    }

    /// The key in the certificate for decryption, if there is one.
    ///
    /// # Errors
    /// [`Error::BadAnswer`]: what came is no certificate of SM2.
    pub fn decryption_key(&self) -> Result<Option<PublicKey>, Error> {
        let one = self.certificates.iter().find(|one| one.role == "encrypt");
        one.map(certified_key).transpose()
    }
}

fn certified_key(one: &CertificateStatus) -> Result<PublicKey, Error> {
    let certificate = Certificate::parse(one.certificate.as_bytes());
    let certificate = certificate.map_err(|_| Error::BadAnswer("not a certificate"))?;
    Ok(*certificate.public_key())
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
        self.connection().list("/v1/certificate-requests").await
    }

    /// The certificates of this device, newest first.
    ///
    /// # Errors
    /// [`Error::Api`]; network errors.
    pub async fn certificates(&self) -> Result<Vec<CertificateStatus>, Error> {
        self.connection().list("/v1/certificates").await
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

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding as _};
    use cosign_core::Suite;
    use envelope::der::{BIT_STRING, INTEGER, OID, SEQUENCE, element};

    use super::*;
    use crate::{
        store::{NewKeyInfo, Store},
        testing::{Model, ServerIdentity, pin},
    };

    /// Enough of a certificate to have a key.
    fn certificate(key: &PublicKey) -> String {
        let algorithm = element(SEQUENCE, &[&element(OID, &[&[0x2a, 3]])]);
        let name = element(SEQUENCE, &[]);
        let date = element(0x17, &[b"260101000000Z"]);
        let dates = element(SEQUENCE, &[&date, &date]);
        let number = element(INTEGER, &[&[1]]);
        let tbs = [&number[..], &algorithm, &name, &dates, &name, &key.to_spki_der()];
        let signature = element(BIT_STRING, &[&[0, 0]]);
        let der = element(SEQUENCE, &[&element(SEQUENCE, &tbs), &algorithm, &signature]);
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", Base64::encode_string(&der))
    }

    fn status(role: &str, key: &PublicKey, id: Option<KeyId>) -> CertificateStatus {
        CertificateStatus {
            authority: "demo".into(),
            serial: "01".into(),
            role: role.into(),
            state: "valid".into(),
            expiring: false,
            subject: "CN=Example".into(),
            key_id: id.map(|id| id.to_string()),
            pair: None,
            not_after_ms: 0,
            certificate: certificate(key),
        }
    }

    #[test]
    fn certificates_of_other_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let device = Store::open(&folder.path().join("store")).unwrap().device_or_new().unwrap();
        let (server, mut model) = (ServerIdentity::new(), Model::new());
        let mut made = |id, purpose| {
            let (record, _) = model.keygen(id, Suite::D, purpose, &pin("271828"), &device.secret);
            let info = NewKeyInfo {
                label: "key",
                server: &"localhost:8443".parse().unwrap(),
                trust: &server.trust,
                distid: "1234567812345678",
                created_ms: 0,
            };
            StoredKey::new(record, info)
        };
        let keys = [made(1, Purpose::Sign), made(2, Purpose::Sign), made(3, Purpose::Encrypt)];
        let [sign, second, encrypt] = [0, 1, 2].map(|index| keys[index].public_key());
        let foreign = *PrivateKey::generate(&mut SysRng).unwrap().public_key();
        let check = |certificates: Vec<CertificateStatus>, key: Option<DeliveredKey>| {
            InstalledCertificates { certificates, key }.check(&keys)
        };
        let delivered = || Some(DeliveredKey { key_id: keys[2].key_id(), enveloped: None });
        for (role, key, id, expected) in [
            ("sign", &sign, None, true),
            ("sign", &sign, Some(keys[0].key_id()), true),
            ("sign", &second, Some(keys[0].key_id()), false),
            ("sign", &encrypt, None, false),
            ("sign", &foreign, None, false),
            ("encrypt", &encrypt, None, true),
            ("encrypt", &sign, None, false),
            ("encrypt", &foreign, None, false),
        ] {
            let found = check(vec![status(role, key, id)], None);
            assert_eq!(found.is_ok(), expected, "{role} {found:?}");
        }
        assert!(check(vec![status("sign", &sign, None), status("encrypt", &foreign, None)], None).is_err());
        let both = vec![status("sign", &sign, None), status("encrypt", &foreign, None)];
        assert!(check(both.clone(), delivered()).is_ok(), "compared when it is recovered");
        let installed = InstalledCertificates { certificates: both, key: delivered() };
        assert_eq!(installed.decryption_key().unwrap(), Some(foreign));
        assert!(check(vec![status("sign", &foreign, None)], delivered()).is_err());
        assert!(check(vec![status("seal", &sign, None)], None).is_err());
        let none = CertificateStatus { certificate: "none".into(), ..status("sign", &sign, None) };
        assert!(check(vec![none], None).is_err());
    }
}
