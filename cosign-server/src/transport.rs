//! Sockets: one UDP port for QUIC (`cosign/1` and `h3` by ALPN), the same TCP port for HTTP/2 and HTTP/1.1;
//! and, if so wanted, a TCP port for plain HTTP with what is signed itself.
//!
//! **Invariant:** carries bytes and the identity of their sender; knows no route, no SQL and no protocol operation.

mod framed;
mod h3;
mod limits;
mod patience;
mod quic;
mod tcp;
pub mod tls;

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use thiserror::Error;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{domain::ports::Signer, frames::stopped, telemetry::Telemetry};

pub use limits::Limits;

/// ALPN of the framed protocol.
pub const ALPN_FRAMED: &[u8] = b"cosign/1";
/// ALPN of HTTP/3.
pub const ALPN_H3: &[u8] = b"h3";

/// Bytes of datagrams that may wait to be read.
const UDP_BUFFER: usize = 2 << 20;
/// How long connections may finish what they have begun once the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Why the sockets do not open.
#[derive(Debug, Error)]
pub enum BindError {
    /// The address is taken or not allowed.
    #[error("{protocol} {address}: {error}")]
    Socket {
        /// TCP or UDP.
        protocol: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The certificate and key do not make a TLS server.
    #[error("TLS: {0}")]
    Tls(#[from] tls::TlsError),
}

/// Both sockets, bound and not yet serving.
pub struct Sockets {
    tcp: TcpListener,
    public: Option<TcpListener>,
    udp: quinn::Endpoint,
    tls: tls::ServerTls,
    address: SocketAddr,
}

impl Sockets {
    /// Binds TCP and UDP to the same port. Port 0 takes a free one.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn bind(address: SocketAddr, tls: tls::ServerTls) -> Result<Self, BindError> {
        let socket = |protocol| move |error| BindError::Socket { protocol, address, error };
        let tcp = TcpListener::bind(address).await.map_err(socket("TCP"))?;
        let address = tcp.local_addr().map_err(socket("TCP"))?;
        let socket = |error| BindError::Socket { protocol: "UDP", address, error };
        let udp = UdpSocket::bind(address).map_err(socket)?;
        make_room(&udp);
        let runtime = Arc::new(quinn::TokioRuntime);
        let udp = quinn::Endpoint::new(quinn::EndpointConfig::default(), Some(tls.quic()), udp, runtime);
        Ok(Self { tcp, public: None, udp: udp.map_err(socket)?, tls, address })
    }

    /// Binds the public socket too: plain HTTP, for what is signed itself.
    ///
    /// # Errors
    /// [`BindError`].
    pub async fn with_public(mut self, address: SocketAddr) -> Result<Self, BindError> {
        let bound = TcpListener::bind(address).await;
        self.public = Some(bound.map_err(|error| BindError::Socket { protocol: "TCP", address, error })?);
        Ok(self)
    }

    /// Where they are bound.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` turns true, then lets every connection finish what it has begun, for ten seconds.
    pub async fn serve(
        self,
        router: Router,
        public: Router,
        signer: Arc<dyn Signer>,
        limits: Limits,
        telemetry: Arc<Telemetry>,
        stop: watch::Receiver<bool>,
    ) {
        let gate = limits::Gate::new(limits, telemetry);
        let mut tasks = JoinSet::new();
        if let Some(listener) = self.public {
            tasks.spawn(tcp::serve(listener, None, public, gate.clone(), stop.clone()));
        }
        tasks.spawn(tcp::serve(self.tcp, Some(self.tls.tcp()), router.clone(), gate.clone(), stop.clone()));
        tasks.spawn(quic::serve(self.udp.clone(), router, signer, gate, stop.clone()));
        let mut stop = stop;
        stopped(&mut stop).await;
        let drained = tokio::time::timeout(DRAIN, async { while tasks.join_next().await.is_some() {} });
        if drained.await.is_err() {
            tracing::warn!("some connections did not finish in time");
            tasks.shutdown().await;
        }
        self.udp.close(quinn::VarInt::from_u32(0), b"shutting down");
        drop(tokio::time::timeout(Duration::from_secs(1), self.udp.wait_idle()).await);
    }
}

/// What arrives while the process does something else waits in the socket, or is lost and sent again after a second. The
/// usual buffer has room for some ninety datagrams of full length, fewer than the handshakes that begin after a restart.
fn make_room(udp: &UdpSocket) {
    let socket = socket2::SockRef::from(udp);
    let had = socket.set_recv_buffer_size(UDP_BUFFER).and_then(|()| socket.recv_buffer_size());
    match had {
        Ok(bytes) if bytes >= UDP_BUFFER => {}
        Ok(bytes) => {
            tracing::info!(
                bytes,
                wanted = UDP_BUFFER,
                "a small UDP buffer; raise the sysctl net.core.rmem_max"
            );
        }
        Err(error) => tracing::warn!(%error, "the UDP buffer could not be enlarged"),
    }
}
