//! A connection of a client.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::poll_fn,
    io,
    rc::Rc,
    time::Duration,
};

use bytes::{Buf, Bytes};
use cosign_core::framing::{self, Deframer, Kind};
use cosign_tests::network::{Link, Peer};
use http::{Request as HttpRequest, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    sync::{Mutex, oneshot},
    task::{JoinHandle, spawn_local},
};

use super::{echo, work::Request};

const FRAME: &str = "application/vnd.cosign.frame";
/// What a server says that is busy.
const BUSY: &[u8] = b"busy";
/// Before it is asked again.
const PAUSE: Duration = Duration::from_millis(2);

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Framed,
    H3,
    H2,
    Echo,
}

type H3Sender = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;
type H2Sender = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

/// A connection that carries any number of requests at once.
pub(super) enum Lane {
    Frames(Frames),
    H3 { sender: H3Sender, _link: Link, driver: JoinHandle<()> },
    H2 { sender: H2Sender, driver: JoinHandle<()> },
}

impl Lane {
    pub(super) async fn open_all(peer: &Peer, way: Way, count: usize) -> io::Result<Vec<Rc<Self>>> {
        let mut lanes = Vec::with_capacity(count);
        for _ in 0..count {
            lanes.push(Rc::new(Self::open(peer, way).await?));
        }
        Ok(lanes)
    }

    async fn open(peer: &Peer, way: Way) -> io::Result<Self> {
        match way {
            Way::Framed => Ok(Self::Frames(Frames::open(peer.quic(b"cosign/1").await?).await?)),
            Way::Echo => Ok(Self::Frames(Frames::open(peer.quic(echo::ALPN).await?).await?)),
            Way::H3 => {
                let link = peer.quic(b"h3").await?;
                let connection = h3_quinn::Connection::new(link.connection.clone());
                let (mut driver, sender) = h3::client::new(connection).await.map_err(io::Error::other)?;
                let driver = tokio::spawn(async move {
                    drop(poll_fn(|context| driver.poll_close(context)).await);
                });
                Ok(Self::H3 { sender, _link: link, driver })
            }
            Way::H2 => {
                let stream = TokioIo::new(peer.tcp(b"h2").await?);
                let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await;
                let (sender, connection) = handshake.map_err(io::Error::other)?;
                let driver = tokio::spawn(async move { drop(connection.await) });
                Ok(Self::H2 { sender, driver })
            }
        }
    }

    /// Sends a request and waits for its answer, which is looked at. A server that is busy is asked again, as every client
    /// does; the waiting counts.
    pub(super) async fn ask(&self, request: Request) -> io::Result<()> {
        loop {
            let answer = match self {
                Self::Frames(frames) => frames.ask(&request.frame).await?,
                Self::H3 { sender, .. } => h3(sender.clone(), &request).await.map_err(io::Error::other)?,
                Self::H2 { sender, .. } => h2(sender.clone(), &request).await.map_err(io::Error::other)?,
            };
            if answer != BUSY {
                request.check(&answer);
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        match self {
            Self::Frames(frames) => frames.reader.abort(),
            Self::H3 { driver, .. } | Self::H2 { driver, .. } => driver.abort(),
        }
    }
}

fn post<B>(request: &Request, body: B) -> Result<HttpRequest<B>, http::Error> {
    let path = format!("https://localhost/v1/keys/{}/sign", request.key);
    HttpRequest::post(path).header(header::CONTENT_TYPE, FRAME).header(header::ACCEPT, FRAME).body(body)
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

async fn h3(mut sender: H3Sender, request: &Request) -> Result<Vec<u8>, Failed> {
    let mut stream = sender.send_request(post(request, ())?).await?;
    stream.send_data(Bytes::copy_from_slice(&request.frame)).await?;
    stream.finish().await?;
    let status = stream.recv_response().await?.status();
    let mut answer = Vec::new();
    while let Some(mut data) = stream.recv_data().await? {
        while data.has_remaining() {
            let chunk = data.chunk();
            answer.extend_from_slice(chunk);
            let len = chunk.len();
            data.advance(len);
        }
    }
    answered(status, answer)
}

async fn h2(mut sender: H2Sender, request: &Request) -> Result<Vec<u8>, Failed> {
    let body = Full::new(Bytes::copy_from_slice(&request.frame));
    let answer = sender.send_request(post(request, body)?).await?;
    let status = answer.status();
    let answer = answer.into_body().collect().await?.to_bytes().to_vec();
    answered(status, answer)
}

fn answered(status: StatusCode, answer: Vec<u8>) -> Result<Vec<u8>, Failed> {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => Ok(BUSY.to_vec()),
        status if status.is_success() => Ok(answer),
        status => Err(format!("{status}: {}", String::from_utf8_lossy(&answer)).into()),
    }
}

type Waiting = Rc<RefCell<HashMap<u64, oneshot::Sender<Vec<u8>>>>>;

/// A stream of `cosign/1`.
pub(super) struct Frames {
    send: Mutex<quinn::SendStream>,
    next: Cell<u64>,
    waiting: Waiting,
    reader: JoinHandle<()>,
    _link: Link,
}

impl Frames {
    async fn open(link: Link) -> io::Result<Self> {
        let (send, receive) = link.connection.open_bi().await.map_err(io::Error::other)?;
        let waiting = Waiting::default();
        let reader = spawn_local(read(receive, Rc::clone(&waiting)));
        Ok(Self { send: Mutex::new(send), next: Cell::new(0), waiting, reader, _link: link })
    }

    async fn ask(&self, frame: &[u8]) -> io::Result<Vec<u8>> {
        let id = self.next.get() + 1;
        self.next.set(id);
        let mut bytes = Vec::with_capacity(frame.len() + 16);
        framing::encode(id, Kind::Protocol, frame, &mut bytes).map_err(io::Error::other)?;
        let (sender, answer) = oneshot::channel();
        self.waiting.borrow_mut().insert(id, sender);
        self.send.lock().await.write_all(&bytes).await.map_err(io::Error::other)?;
        answer.await.map_err(|_| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Hands answers to those who wait for them.
async fn read(mut receive: quinn::RecvStream, waiting: Waiting) {
    let mut deframer = Deframer::new();
    while let Ok(Some(chunk)) = receive.read_chunk(64 * 1024, true).await {
        deframer.push(&chunk.bytes);
        while let Ok(Some(frame)) = deframer.next_frame() {
            if let Some(sender) = waiting.borrow_mut().remove(&frame.id) {
                drop(sender.send(frame.payload));
            }
        }
    }
    waiting.borrow_mut().clear();
}
