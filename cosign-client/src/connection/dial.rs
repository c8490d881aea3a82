//! Opening a connection: every address of the server is tried, the first that answers wins.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use quinn::{ClientConfig, Endpoint, TransportConfig, VarInt, crypto::rustls::QuicClientConfig};
use rustls_pki_types::ServerName;
use tokio::{
    net::{TcpStream, lookup_host},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Target;
use crate::{error::Error, tls};

/// The next address is tried this long after the one before it.
const STAGGER: Duration = Duration::from_millis(250);
/// A peer that was killed is noticed within this time.
pub(super) const IDLE: Duration = Duration::from_secs(12);
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(4);
/// How long a closing connection waits for its last packet to leave.
const CLOSING: Duration = Duration::from_millis(500);

/// A QUIC connection with the socket under it.
pub(super) struct QuicLink {
    pub(super) connection: quinn::Connection,
    endpoint: Endpoint,
}

impl QuicLink {
    pub(super) async fn close(&self) {
        self.connection.close(VarInt::from_u32(0), b"");
        let _ = timeout(CLOSING, self.endpoint.wait_idle()).await;
    }
}

/// Connects over QUIC and agrees on `alpn`.
pub(super) async fn quic(target: &Target, alpn: &[u8]) -> Result<QuicLink, Error> {
    let tls = tls::client_config(&target.trust, target.device.as_deref(), alpn)?;
    let crypto =
        QuicClientConfig::try_from(tls).map_err(|_| Error::Internal("there is no cipher suite for QUIC"))?;
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(VarInt::from_u32(u32::try_from(IDLE.as_millis()).unwrap_or(12_000)).into()))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(8))
        .datagram_receive_buffer_size(None);
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));

    race(target, |address| {
        let config = config.clone();
        let host = target.server.host();
        async move {
            let local = match address {
                SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            };
            let endpoint = Endpoint::client(local).map_err(|error| target.unreachable(&error.to_string()))?;
            let connecting = endpoint
                .connect_with(config, address, host)
                .map_err(|error| target.unreachable(&error.to_string()))?;
            let connection = connecting.await.map_err(|error| classify_quic(target, &error))?;
            Ok(QuicLink { connection, endpoint })
        }
    })
    .await
}

/// Connects over TCP with TLS and agrees on `alpn`.
pub(super) async fn tls(target: &Target, alpn: &'static [u8]) -> Result<TlsStream<TcpStream>, Error> {
    let config = tls::client_config(&target.trust, target.device.as_deref(), alpn)?;
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from(target.server.host().to_owned())
        .map_err(|_| Error::Address(target.server.to_string()))?;
    race(target, |address| {
        let (connector, name) = (connector.clone(), name.clone());
        async move {
            let stream =
                TcpStream::connect(address).await.map_err(|error| target.unreachable(&error.to_string()))?;
            // Small frames should not wait for each other.
            let _ = stream.set_nodelay(true);
            let stream =
                connector.connect(name, stream).await.map_err(|error| classify_tls(target, &error))?;
            if stream.get_ref().1.alpn_protocol() != Some(alpn) {
                return Err(target.unreachable("the server does not speak HTTP/2"));
            }
            Ok(stream)
        }
    })
    .await
}

/// Tries the addresses of the server one after the other, without waiting for those before to fail.
async fn race<T, F, A>(target: &Target, attempt: A) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
    A: Fn(SocketAddr) -> F,
{
    let host = (target.server.host(), target.server.port());
    let connecting = async {
        let addresses: Vec<SocketAddr> =
            lookup_host(host).await.map_err(|error| target.unreachable(&error.to_string()))?.collect();
        let mut attempts: FuturesUnordered<_> = (0_u32..)
            .zip(addresses)
            .map(|(position, address)| {
                let attempt = attempt(address);
                async move {
                    sleep(STAGGER * position).await;
                    attempt.await
                }
            })
            .collect();
        let mut failure = target.unreachable("the name has no address");
        while let Some(outcome) = attempts.next().await {
            match outcome {
                Ok(connected) => return Ok(connected),
                // A wrong certificate says more than a silent address.
                Err(error) if !matches!(failure, Error::Untrusted { .. }) => failure = error,
                Err(_) => {}
            }
        }
        Err(failure)
    };
    match timeout(target.connect_timeout, connecting).await {
        Ok(outcome) => outcome,
        Err(_) => Err(target.unreachable("no answer")),
    }
}

/// The code of a TLS alert by which a side says that it does not accept a certificate or the proof of its key
/// (RFC 8446, 6.2; RFC 9001, 4.8): 42 to 49, and decrypt_error.
const fn is_certificate_alert(code: u64) -> bool {
    matches!(code, 0x12a..=0x131 | 0x133)
}

fn classify_quic(target: &Target, error: &quinn::ConnectionError) -> Error {
    match error {
        quinn::ConnectionError::TransportError(reason) if is_certificate_alert(u64::from(reason.code)) => {
            target.untrusted(&reason.reason)
        }
        _ => target.unreachable(&error.to_string()),
    }
}

fn classify_tls(target: &Target, error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner @ rustls::Error::InvalidCertificate(_)) => target.untrusted(&inner.to_string()),
        _ => target.unreachable(&error.to_string()),
    }
}
