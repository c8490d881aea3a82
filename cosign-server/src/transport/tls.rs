//! TLS 1.3 for both transports, and who the peer is.
//!
//! A client certificate is not demanded and not validated against any authority: it stands for its public key only.
//! The handshake proves that the peer holds the private key; **device id = SM3(SubjectPublicKeyInfo DER)**.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use cosign_core::{DeviceId, sm_primitives::sm3};
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls13_signature},
    server::{
        ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use thiserror::Error as ThisError;

use super::{ALPN_FRAMED, ALPN_H3};
use crate::frames;

/// Longest client certificate in bytes.
const MAX_CERTIFICATE: usize = 8 * 1024;
/// What a stream may hold unread. More than a server carries waits here, so this is what the waiting costs: a large window is
/// no help to a client whose requests wait in it, and a frame may be larger.
const STREAM_WINDOW: u32 = 32 * 1024;
const SEND_WINDOW: u32 = 512 * 1024;
/// Bidirectional streams of a `cosign/1` connection; memory is allocated for each of them in advance.
const STREAMS: u32 = 16;
const UNI_STREAMS: u32 = 8;
const IDLE: Duration = Duration::from_secs(60);

/// Why the certificate and key do not make a TLS server.
#[derive(Debug, ThisError)]
pub enum TlsError {
    /// They do not fit together, or are of a kind that is not supported.
    #[error("{0}")]
    Rustls(#[from] Error),
    /// No cipher suite for QUIC.
    #[error("{0}")]
    Quic(#[from] NoInitialCipherSuite),
    /// A limit does not fit its field.
    #[error("a transport limit is out of range")]
    Limit,
}

/// The TLS side of both transports.
#[derive(Clone)]
pub struct ServerTls {
    quic: quinn::ServerConfig,
    tcp: Arc<rustls::ServerConfig>,
    own: Arc<Own>,
}

/// Who the server is, for handshakes from now on.
#[derive(Debug)]
struct Own(RwLock<Arc<CertifiedKey>>);

impl Own {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

/// The cryptography of the channel: AES-128 first, which is the fastest suite on every server of today.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.suite() != rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
    Arc::new(provider)
}

impl ServerTls {
    /// A TLS server with this certificate chain, leaf first, and the leaf's key.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, TlsError> {
        let provider = provider();
        let own = Arc::new(Own(RwLock::new(Arc::new(CertifiedKey::from_der(chain, key, &provider)?))));
        let verifier = Arc::new(AnyKey { algorithms: provider.signature_verification_algorithms });
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::clone(&own) as _);
        // No resumption and no early data: a ticket on a phone would open recorded traffic, and frames must not replay.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;

        let mut tcp = config.clone();
        tcp.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.alpn_protocols = vec![ALPN_FRAMED.to_vec(), ALPN_H3.to_vec()];
        let mut quic =
            quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(Arc::new(config))?));
        quic.transport_config(Arc::new(transport()?));
        quic.max_incoming(1024);
        Ok(Self { quic, tcp: Arc::new(tcp), own })
    }

    /// Takes another certificate and key for handshakes from now on; connections that are open stay.
    ///
    /// # Errors
    /// [`TlsError`]; then nothing changes.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), TlsError> {
        let new = Arc::new(CertifiedKey::from_der(chain, key, &provider())?);
        *self.own.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// The certificate that handshakes show now.
    #[must_use]
    pub fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.own.get().cert.first().cloned()
    }

    pub(super) fn quic(&self) -> quinn::ServerConfig {
        self.quic.clone()
    }

    pub(super) fn tcp(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.tcp)
    }
}

fn transport() -> Result<quinn::TransportConfig, TlsError> {
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(STREAMS.into())
        .max_concurrent_uni_streams(UNI_STREAMS.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(frames::FIRST_WINDOW.into())
        .send_window(u64::from(SEND_WINDOW))
        .max_idle_timeout(Some(IDLE.try_into().map_err(|_| TlsError::Limit)?))
        .datagram_receive_buffer_size(None);
    Ok(transport)
}

/// The device behind a certificate chain.
pub(super) fn device(chain: Option<&[CertificateDer<'_>]>) -> Option<DeviceId> {
    let leaf = ParsedCertificate::try_from(chain?.first()?).ok()?;
    Some(DeviceId::from_bytes(sm3::digest(&leaf.subject_public_key_info())))
}

/// Accepts every well-formed certificate whose key the handshake proves.
#[derive(Debug)]
struct AnyKey {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if leaf.len() > MAX_CERTIFICATE {
            return Err(CertificateError::BadEncoding.into());
        }
        ParsedCertificate::try_from(leaf)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
