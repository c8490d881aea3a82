//! Calls of many frames over HTTP/2 and HTTP/3, written without the client under test.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use cosign_core::framing::{self, Deframer, Frame, Kind};
use h3::error::Code;
use http::{Request, header, request::Builder};
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use crate::network::{Link, Peer};

/// Nothing on this machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// A small window, so that answers that are not read fill it soon.
const WINDOW: u32 = 65_535;
const FRAMES: &str = "application/vnd.cosign.frames";

/// What carries a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// HTTP/2 on TCP.
    Http2,
    /// HTTP/3 on QUIC.
    Http3,
}

/// An open call on a connection of its own.
pub struct Call {
    /// Frames to the server.
    pub frames: Frames,
    /// Answers from it.
    pub answers: Answers,
    /// What drives the connection. Dropped, it breaks off.
    pub connection: Driver,
}

/// A connection under a call.
pub struct Driver {
    _tasks: JoinSet<()>,
    _link: Option<Link>,
}

/// The body of the request.
pub enum Frames {
    /// Over HTTP/2.
    Http2(mpsc::Sender<io::Result<Bytes>>),
    /// Over HTTP/3.
    Http3(Box<h3::client::RequestStream<h3_quinn::SendStream<Bytes>, Bytes>>),
}

/// The body of the answer.
pub struct Answers {
    body: Incoming,
    deframer: Deframer,
}

enum Incoming {
    Http2(hyper::body::Incoming),
    Http3(Box<h3::client::RequestStream<h3_quinn::RecvStream, Bytes>>),
}

struct Outgoing(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<http_body::Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|next| next.map(|bytes| bytes.map(http_body::Frame::data)))
    }
}

impl Call {
    /// Opens one; the server has answered the head when this returns.
    ///
    /// # Errors
    /// The server is not there or does not want this call.
    pub async fn open(peer: &Peer, over: Over) -> io::Result<Self> {
        let head = Request::post("https://localhost/v1/frames").header(header::CONTENT_TYPE, FRAMES);
        Self::begin(peer, over, head).await
    }

    /// Asks for something whose answer goes on.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn get(peer: &Peer, over: Over, path: &str) -> io::Result<(Answers, Driver)> {
        let call = Self::begin(peer, over, Request::get(format!("https://localhost{path}"))).await?;
        // The server may have answered before the end of the request, and want no more of it.
        let _ = call.frames.finish().await;
        Ok((call.answers, call.connection))
    }

    async fn begin(peer: &Peer, over: Over, head: Builder) -> io::Result<Self> {
        let mut tasks = JoinSet::new();
        let (status, frames, body, link) = match over {
            Over::Http2 => {
                let stream = TokioIo::new(peer.tcp(b"h2").await?);
                let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
                builder.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW);
                let (mut sender, connection) = builder.handshake(stream).await.map_err(io::Error::other)?;
                tasks.spawn(async move { drop(connection.await) });
                let (send, body) = mpsc::channel(1);
                let request = head.body(Outgoing(body)).unwrap();
                let response = timeout(PATIENCE, sender.send_request(request)).await?;
                let response = response.map_err(io::Error::other)?;
                (response.status(), Frames::Http2(send), Incoming::Http2(response.into_body()), None)
            }
            Over::Http3 => {
                let link = peer.quic(b"h3").await?;
                let connection = h3_quinn::Connection::new(link.connection.clone());
                let (mut driver, mut sender) = h3::client::new(connection).await.map_err(io::Error::other)?;
                tasks.spawn(async move {
                    drop(poll_fn(|context| driver.poll_close(context)).await);
                });
                let stream = sender.send_request(head.body(()).unwrap()).await.map_err(io::Error::other)?;
                // The last sender closes the connection; the task keeps it as long as that is open.
                let closed = link.connection.clone();
                tasks.spawn(async move {
                    closed.closed().await;
                    drop(sender);
                });
                let (send, mut receive) = stream.split();
                let response = timeout(PATIENCE, receive.recv_response()).await?.map_err(io::Error::other)?;
                (
                    response.status(),
                    Frames::Http3(Box::new(send)),
                    Incoming::Http3(Box::new(receive)),
                    Some(link),
                )
            }
        };
        if !status.is_success() {
            return Err(io::Error::other(status.to_string()));
        }
        let answers = Answers { body, deframer: Deframer::new() };
        Ok(Self { frames, answers, connection: Driver { _tasks: tasks, _link: link } })
    }

    /// Gives the call up, as a client does that wants nothing more of it. The connection stays.
    pub fn cancel(self) -> Driver {
        match self.frames {
            Frames::Http2(send) => drop(send.try_send(Err(io::ErrorKind::Interrupted.into()))),
            Frames::Http3(mut send) => send.stop_stream(Code::H3_REQUEST_CANCELLED),
        }
        match self.answers.body {
            Incoming::Http2(body) => drop(body),
            Incoming::Http3(receive) => drop(receive),
        }
        self.connection
    }
}

impl Frames {
    /// Sends bytes as they are, as soon as the server takes them.
    ///
    /// # Errors
    /// The call is over.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bytes = Bytes::copy_from_slice(bytes);
        match self {
            Self::Http2(send) => send.send(Ok(bytes)).await.map_err(io::Error::other),
            Self::Http3(send) => send.send_data(bytes).await.map_err(io::Error::other),
        }
    }

    /// Sends a protocol frame.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn request(&mut self, id: u64, frame: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        framing::encode(id, Kind::Protocol, frame, &mut bytes).unwrap();
        self.send(&bytes).await
    }

    /// Says that there are no more.
    ///
    /// # Errors
    /// The call is over.
    pub async fn finish(self) -> io::Result<()> {
        match self {
            Self::Http2(send) => drop(send),
            Self::Http3(mut send) => send.finish().await.map_err(io::Error::other)?,
        }
        Ok(())
    }
}

impl Answers {
    /// The next one; `None` at the end of all.
    ///
    /// # Errors
    /// They broke off.
    pub async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.deframer.next_frame().map_err(io::Error::other)? {
                return Ok(Some(frame));
            }
            match self.piece().await? {
                Some(piece) => self.deframer.push(&piece),
                None if self.deframer.is_partial() => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => return Ok(None),
            }
        }
    }

    /// The next bytes as they come; `None` at the end of all.
    ///
    /// # Errors
    /// They broke off.
    pub async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        Ok(match &mut self.body {
            Incoming::Http2(body) => {
                let frame = timeout(PATIENCE, body.frame()).await?;
                frame.transpose().map_err(io::Error::other)?.map(|frame| frame.into_data().unwrap())
            }
            Incoming::Http3(receive) => {
                let data = timeout(PATIENCE, receive.recv_data()).await?.map_err(io::Error::other)?;
                data.map(|mut data| data.copy_to_bytes(data.remaining()))
            }
        })
    }
}
