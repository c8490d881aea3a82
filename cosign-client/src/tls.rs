//! Who the server is and who this device is, for TLS 1.3.

use std::{path::Path, sync::Arc};

use cosign_core::DeviceId;
use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData};
use rustls::{ClientConfig, RootCertStore, client::Resumption};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use sm_primitives::sm3;
use zeroize::Zeroizing;

use crate::error::Error;

/// The CA certificates that vouch for a server. No other CA counts.
#[derive(Clone, Debug)]
pub struct Trust {
    pem: String,
    roots: Arc<RootCertStore>,
}

impl Trust {
    /// Takes every certificate of a PEM text; there must be one.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| "the PEM text does not parse")?;
            roots.add(certificate).map_err(|_| "a certificate does not parse")?;
        }
        if roots.is_empty() {
            return Err("there is no certificate in it");
        }
        Ok(Self { pem: pem.to_owned(), roots: Arc::new(roots) })
    }

    /// Reads a PEM file.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::BadFile`].
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let pem = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        Self::from_pem(&pem).map_err(|what| Error::BadFile { path: path.to_owned(), what: what.to_owned() })
    }

    /// The text it was made of.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }
}

/// The key and the self-signed certificate by which a server knows this device again.
pub struct DeviceIdentity {
    key: Zeroizing<Vec<u8>>,
    certificate: CertificateDer<'static>,
    id: DeviceId,
}

impl DeviceIdentity {
    /// Makes a fresh P-256 key. The certificate carries nothing about the device or its owner.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn generate() -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(|_| Error::RandomFailed)?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "smsign device");
        let certificate = parameters.self_signed(&key).map_err(|_| Error::RandomFailed)?.der().clone();
        Ok(Self { id: device_id(&key), key: Zeroizing::new(key.serialize_der()), certificate })
    }

    /// Puts together what the store kept: PKCS#8 and X.509, both DER.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_der(key: Zeroizing<Vec<u8>>, certificate: Vec<u8>) -> Result<Self, &'static str> {
        let pair = KeyPair::try_from(key.as_slice()).map_err(|_| "the device key does not parse")?;
        Ok(Self { id: device_id(&pair), key, certificate: certificate.into() })
    }

    /// The certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key, PKCS#8 DER.
    #[must_use]
    pub fn expose_key(&self) -> &[u8] {
        &self.key
    }

    /// SM3 of the certificate's public key: the name under which servers know this device.
    #[must_use]
    pub const fn id(&self) -> DeviceId {
        self.id
    }
}

fn device_id(key: &KeyPair) -> DeviceId {
    DeviceId::from_bytes(sm3::digest(&key.subject_public_key_info()))
}

/// TLS 1.3 only, this CA only, no resumption: every connection proves the device anew and has fresh keys.
pub(crate) fn client_config(
    trust: &Trust,
    device: Option<&DeviceIdentity>,
    alpn: &[u8],
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Error::Internal("TLS 1.3 is not available"))?
        .with_root_certificates(Arc::clone(&trust.roots));
    let mut config = match device {
        None => builder.with_no_client_auth(),
        Some(device) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(device.key.to_vec()));
            builder
                .with_client_auth_cert(vec![device.certificate.clone()], key)
                .map_err(|_| Error::Internal("the device certificate is not usable"))?
        }
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_identity_is_the_same_device() {
        let device = DeviceIdentity::generate().unwrap();
        let again = DeviceIdentity::from_der(
            Zeroizing::new(device.expose_key().to_vec()),
            device.certificate().to_vec(),
        )
        .unwrap();
        assert_eq!(device.id(), again.id());
        assert_ne!(device.id(), DeviceIdentity::generate().unwrap().id());
        assert!(DeviceIdentity::from_der(Zeroizing::new(vec![0; 10]), vec![]).is_err());
    }

    #[test]
    fn the_id_is_the_hash_of_the_certificates_public_key() {
        let device = DeviceIdentity::generate().unwrap();
        let pair = KeyPair::try_from(device.expose_key()).unwrap();
        let spki = pair.subject_public_key_info();
        let at = device.certificate().windows(spki.len()).position(|window| window == spki);
        assert!(at.is_some(), "the certificate carries this very encoding");
        assert_eq!(device.id().as_bytes(), &sm3::digest(&spki));
    }

    #[test]
    fn trust_needs_a_certificate() {
        let key = KeyPair::generate().unwrap();
        let pem = CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap().pem();
        assert!(Trust::from_pem(&pem).is_ok());
        assert!(Trust::from_pem("").is_err());
        assert!(Trust::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
        assert!(Trust::from_pem(&key.serialize_pem()).is_err());
    }

    #[test]
    fn connections_start_from_nothing() {
        let device = DeviceIdentity::generate().unwrap();
        let key = KeyPair::generate().unwrap();
        let pem = CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap().pem();
        let config = client_config(&Trust::from_pem(&pem).unwrap(), Some(&device), b"h3").unwrap();
        assert!(!config.enable_early_data);
        assert_eq!(config.alpn_protocols, [b"h3"]);
        assert!(config.client_auth_cert_resolver.has_certs());
    }
}
