//! The signer's way to the server: QUIC, with a client certificate, trusting one CA file.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::{Buf as _, Bytes};
use cosign_core::framing::{Deframer, Kind, encode};
use http::{Request, StatusCode};
use quinn::crypto::rustls::QuicClientConfig;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::Value;

use crate::transport::{ALPN_FRAMED, ALPN_H3, tls};

pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

pub(crate) const NAME: &str = "localhost";

/// A device's self-made certificate and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: rcgen::KeyPair,
}

impl Identity {
    /// A new device.
    pub(crate) fn new() -> Result<Self, Fault> {
        let key = rcgen::KeyPair::generate()?;
        let certificate = rcgen::CertificateParams::new(vec!["dev-signer".to_owned()])?.self_signed(&key)?;
        Ok(Self { certificate: certificate.der().clone(), key })
    }
}

/// TLS 1.3, trusting the authorities in the file `ca` and nobody else.
pub(crate) fn client_config(
    ca: &Path,
    identity: Option<&Identity>,
    alpn: &[u8],
) -> Result<rustls::ClientConfig, Fault> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    let builder = rustls::ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => {
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.serialize_der()));
            builder.with_client_auth_cert(vec![identity.certificate.clone()], key)?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(config)
}

/// One device: an endpoint with its certificate, for both protocols.
pub(crate) struct Link {
    endpoint: quinn::Endpoint,
    address: SocketAddr,
    framed: quinn::ClientConfig,
    h3: quinn::ClientConfig,
}

impl Link {
    /// A way for this device; without one, the peer of a server that demands no certificate.
    pub(crate) fn new(address: SocketAddr, ca: &Path, identity: Option<&Identity>) -> Result<Self, Fault> {
        let config = |alpn: &[u8]| -> Result<quinn::ClientConfig, Fault> {
            let config = client_config(ca, identity, alpn)?;
            Ok(quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config)?)))
        };
        let local = SocketAddr::new(address.ip(), 0);
        let endpoint = quinn::Endpoint::client(local)?;
        Ok(Self { endpoint, address, framed: config(ALPN_FRAMED)?, h3: config(ALPN_H3)? })
    }

    /// Opens a connection for frames.
    pub(crate) async fn connect(&self) -> Result<quinn::Connection, Fault> {
        Ok(self.endpoint.connect_with(self.framed.clone(), self.address, NAME)?.await?)
    }

    /// Opens a stream of frames.
    pub(crate) async fn frames(&self) -> Result<Frames, Fault> {
        let connection = self.connect().await?;
        let (send, recv) = connection.open_bi().await?;
        Ok(Frames { send, recv, deframer: Deframer::new(), next: 0, _connection: connection })
    }

    /// One POST with a JSON body; the JSON answer if it is 201.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        let request =
            Request::post(path).header("content-type", "application/json").body(serde_json::to_vec(body)?)?;
        let (status, answer) = self.request(request).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        if status != StatusCode::CREATED {
            return Err(format!("the server answered {status}: {answer}").into());
        }
        Ok(answer)
    }

    /// One request over HTTP/3.
    pub(crate) async fn request(&self, request: Request<Vec<u8>>) -> Result<(StatusCode, Vec<u8>), Fault> {
        let connection = self.endpoint.connect_with(self.h3.clone(), self.address, NAME)?.await?;
        let (mut driver, mut client) = h3::client::new(h3_quinn::Connection::new(connection)).await?;
        let exchange = async {
            let (mut parts, body) = request.into_parts();
            parts.uri = format!("https://{NAME}{}", parts.uri).parse()?;
            let mut stream = client.send_request(Request::from_parts(parts, ())).await?;
            // A server may answer, and ask to stop, before it has everything: then its answer is what counts.
            if body.is_empty() || stream.send_data(Bytes::from(body)).await.is_ok() {
                drop(stream.finish().await);
            }
            let status = stream.recv_response().await?.status();
            let mut answer = Vec::new();
            while let Some(mut part) = stream.recv_data().await? {
                answer.extend_from_slice(&part.copy_to_bytes(part.remaining()));
            }
            Ok((status, answer))
        };
        tokio::select! {
            answer = exchange => answer,
            error = driver.wait_idle() => Err(error.into()),
        }
    }
}

/// A stream of protocol frames, one exchange at a time.
pub(crate) struct Frames {
    send: quinn::SendStream,
    recv: quinn::RecvStream,
    deframer: Deframer,
    next: u64,
    /// Held open as long as the stream.
    _connection: quinn::Connection,
}

impl Frames {
    /// Sends a frame and waits for its answer.
    pub(crate) async fn ask(&mut self, frame: &[u8]) -> Result<Vec<u8>, Fault> {
        self.next += 1;
        let mut bytes = Vec::new();
        encode(self.next, Kind::Protocol, frame, &mut bytes)?;
        self.send.write_all(&bytes).await?;
        loop {
            if let Some(answer) = self.deframer.next_frame()? {
                return match answer.kind {
                    Kind::Protocol if answer.id == self.next => Ok(answer.payload),
                    Kind::Protocol => Err("an answer to another request".into()),
                    Kind::Refused => Err(String::from_utf8_lossy(&answer.payload).into()),
                };
            }
            let chunk = self.recv.read_chunk(64 * 1024, true).await?.ok_or("the server closed the stream")?;
            self.deframer.push(&chunk.bytes);
        }
    }
}
