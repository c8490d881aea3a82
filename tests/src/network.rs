//! A device on the network that sends whatever bytes it is told to, written without the client under test.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    sync::Arc,
    time::Duration,
};

use cosign_core::{
    ClientKey, KeyId, Pin, Purpose,
    framing::{self, Deframer, Frame, Kind},
};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, RecvStream, SendStream, TransportConfig,
    crypto::rustls::QuicClientConfig,
};
use rustls::{RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Nothing on this machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of datagrams that wait in a socket to be read; the system may allow less.
const BUFFER: usize = 2 << 20;

/// Who connects.
#[derive(Clone)]
pub struct Device {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Device {
    /// A device that no server knows.
    #[must_use]
    pub fn unknown() -> Self {
        let identity = cosign_client::DeviceIdentity::generate().unwrap();
        Self { certificate: identity.certificate().to_vec(), key: identity.expose_key().to_vec() }
    }

    /// The device of a key store of `smsign`.
    #[must_use]
    pub fn of_store(home: &Path) -> Self {
        let identity = cosign_client::Store::open(home).unwrap().device().unwrap().unwrap().identity;
        Self { certificate: identity.certificate().to_vec(), key: identity.expose_key().to_vec() }
    }
}

/// A key of a key store of `smsign`, unlocked with a PIN that may be wrong.
#[must_use]
pub fn unlock(home: &Path, purpose: Purpose, pin: &str) -> ClientKey {
    let store = cosign_client::Store::open(home).unwrap();
    let device = store.device().unwrap().unwrap();
    let key = store.find(None, Some(purpose)).unwrap();
    key.into_record().unwrap().unlock(&Pin::new(pin).unwrap(), &device.secret).unwrap()
}

/// A way to a server.
#[derive(Clone)]
pub struct Peer {
    address: SocketAddr,
    ca: Vec<u8>,
    device: Option<Device>,
}

/// Connects to one server as often as it is told to.
pub struct Socket {
    endpoint: Endpoint,
    address: SocketAddr,
}

impl Socket {
    /// One more connection.
    ///
    /// # Errors
    /// The server is not there or does not want this connection.
    pub async fn connect(&self) -> io::Result<Connection> {
        let connecting = self.endpoint.connect(self.address, "localhost").map_err(io::Error::other)?;
        timeout(PATIENCE, connecting).await?.map_err(io::Error::other)
    }
}

impl Peer {
    /// A server whose certificate is vouched for by `ca` (a PEM file), as seen by a device.
    #[must_use]
    pub fn new(address: SocketAddr, ca: &Path, device: Option<Device>) -> Self {
        Self { address, ca: std::fs::read(ca).unwrap(), device }
    }

    fn tls(&self, alpn: &[u8]) -> rustls::ClientConfig {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.ca) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let builder = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.device {
            None => builder.with_no_client_auth(),
            Some(device) => {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(device.key.clone()));
                builder.with_client_auth_cert(vec![device.certificate.clone().into()], key).unwrap()
            }
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        config
    }

    /// A QUIC connection that agreed on `alpn`.
    ///
    /// # Errors
    /// The server is not there or does not want this connection.
    pub async fn quic(&self, alpn: &[u8]) -> io::Result<Link> {
        let socket = self.socket(alpn, Duration::from_secs(1))?;
        Ok(Link { connection: socket.connect().await?, endpoint: socket.endpoint })
    }

    /// A socket for any number of QUIC connections that agree on `alpn`, and are kept open by a packet now and then.
    ///
    /// # Errors
    /// There is no socket to be had.
    pub fn socket(&self, alpn: &[u8], keep_alive: Duration) -> io::Result<Socket> {
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(Some((keep_alive * 5).try_into().unwrap()));
        transport.keep_alive_interval(Some(keep_alive));
        self.socket_with(alpn, transport)
    }

    /// The same with settings of the caller.
    ///
    /// # Errors
    /// There is no socket to be had.
    pub fn socket_with(&self, alpn: &[u8], transport: TransportConfig) -> io::Result<Socket> {
        let crypto = QuicClientConfig::try_from(self.tls(alpn)).unwrap();
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        // The answers to thousands of connections arrive here.
        socket2::SockRef::from(&udp).set_recv_buffer_size(BUFFER)?;
        let mut endpoint =
            Endpoint::new(EndpointConfig::default(), None, udp, Arc::new(quinn::TokioRuntime))?;
        let mut config = ClientConfig::new(Arc::new(crypto));
        config.transport_config(Arc::new(transport));
        endpoint.set_default_client_config(config);
        Ok(Socket { endpoint, address: self.address })
    }

    /// A stream of `cosign/1`.
    ///
    /// # Errors
    /// As [`Self::quic`].
    pub async fn frames(&self) -> io::Result<FrameStream> {
        self.quic(b"cosign/1").await?.frames().await
    }

    /// A TLS connection over TCP.
    ///
    /// # Errors
    /// The server is not there or does not want this connection.
    pub async fn tcp(&self, alpn: &[u8]) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        timeout(PATIENCE, TlsConnector::from(Arc::new(self.tls(alpn))).connect(name, stream)).await?
    }

    /// One request over HTTP/1.1, its headers and body written as they are.
    ///
    /// # Errors
    /// The connection broke before a whole answer came.
    pub async fn http(&self, head: &str, body: &[u8]) -> io::Result<HttpAnswer> {
        let mut stream = self.tcp(b"http/1.1").await?;
        let length = body.len();
        let head =
            format!("{head}\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        // A server may answer and stop reading before it has everything.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await?;
        HttpAnswer::parse(&answer)
            .ok_or_else(|| read.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()))
    }

    /// What the server counts under this name, with its labels; 0 for what it has not counted yet.
    ///
    /// # Errors
    /// As [`Self::http`].
    pub async fn metric(&self, name: &str) -> io::Result<u64> {
        let text = self.http("GET /metrics HTTP/1.1", b"").await?.body;
        let text = String::from_utf8_lossy(&text).into_owned();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.map_or(0, |value| value.parse().unwrap()))
    }

    /// Open QUIC connections of all clients.
    pub async fn quic_connections(&self) -> u64 {
        self.metric("cosign_connections{protocol=\"quic\"}").await.unwrap()
    }

    /// A protocol frame over HTTP.
    ///
    /// # Errors
    /// As [`Self::http`].
    pub async fn post(&self, key_id: &KeyId, operation: &str, frame: &[u8]) -> io::Result<HttpAnswer> {
        let head = format!(
            "POST /v1/keys/{key_id}/{operation} HTTP/1.1\r\ncontent-type: application/vnd.cosign.frame"
        );
        self.http(&head, frame).await
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct HttpAnswer {
    /// Status.
    pub status: u16,
    /// Lines of the head, lower case.
    pub head: String,
    /// Body; chunks are put together.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.strip_prefix("http/1.1 ")?.get(..3)?.parse().ok()?;
        let mut rest = &bytes[end + 4..];
        if !head.contains("transfer-encoding: chunked") {
            return Some(Self { status, head, body: rest.to_vec() });
        }
        let mut body = Vec::new();
        loop {
            let line = rest.windows(2).position(|window| window == b"\r\n")?;
            let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
            let chunk = rest.get(line + 2..line + 2 + length)?;
            if length == 0 {
                return Some(Self { status, head, body });
            }
            body.extend(chunk);
            rest = rest.get(line + 4 + length..)?;
        }
    }

    /// The stable code of a problem document.
    #[must_use]
    pub fn code(&self) -> String {
        assert!(self.head.contains("application/problem+json"), "{self:?}");
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status);
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// A QUIC connection. Closed on drop.
pub struct Link {
    /// The connection.
    pub connection: Connection,
    /// The socket under it.
    pub endpoint: Endpoint,
}

impl Link {
    /// Opens a stream of frames.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn frames(self) -> io::Result<FrameStream> {
        let (send, recv) = timeout(PATIENCE, self.connection.open_bi()).await?.map_err(io::Error::other)?;
        Ok(FrameStream { link: self, send, recv, deframer: Deframer::new(), next_id: 0 })
    }
}

/// A stream of `cosign/1`.
pub struct FrameStream {
    /// The connection.
    pub link: Link,
    /// To the server.
    pub send: SendStream,
    /// From the server.
    pub recv: RecvStream,
    deframer: Deframer,
    next_id: u64,
}

impl FrameStream {
    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The stream is gone.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        Ok(timeout(PATIENCE, self.send.write_all(bytes)).await??)
    }

    /// The next frame that arrives; `None` when the server ended the stream.
    ///
    /// # Errors
    /// The stream is gone.
    pub async fn receive(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.deframer.next_frame().map_err(io::Error::other)? {
                return Ok(Some(frame));
            }
            match timeout(PATIENCE, self.recv.read_chunk(64 * 1024, true)).await?? {
                Some(chunk) => self.deframer.push(&chunk.bytes),
                None => return Ok(None),
            }
        }
    }

    /// Sends a protocol frame.
    ///
    /// # Errors
    /// The stream is gone.
    pub async fn request(&mut self, frame: &[u8]) -> io::Result<u64> {
        self.next_id += 1;
        let mut bytes = Vec::new();
        framing::encode(self.next_id, Kind::Protocol, frame, &mut bytes).unwrap();
        self.send(&bytes).await?;
        Ok(self.next_id)
    }

    /// Sends a protocol frame and waits for its answer, the only one under way.
    ///
    /// # Errors
    /// The stream is gone, or the transport refused the frame.
    pub async fn exchange(&mut self, frame: &[u8]) -> io::Result<Vec<u8>> {
        let id = self.request(frame).await?;
        let answer = self.receive().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        assert_eq!(answer.id, id);
        match answer.kind {
            Kind::Protocol => Ok(answer.payload),
            Kind::Refused => Err(io::Error::other(String::from_utf8_lossy(&answer.payload).into_owned())),
        }
    }
}

/// This machine's time, unix milliseconds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a client has a clock")]
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
