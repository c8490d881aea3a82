//! Whether a server says that it lives and is ready while something else goes on.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use cosign_tests::network::Peer;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::runtime::Builder;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the answers were like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health {
    pub(super) worst_ms: f64,
    pub(super) failures: u32,
    pub(super) answers: u32,
}

/// Asks from a thread of its own, over one HTTP/2 connection, so that it is not kept by what the client does besides.
pub(super) struct Asking {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<io::Result<Health>>,
}

impl Asking {
    pub(super) fn start(peer: Peer) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(ask(&peer, &stopped)))
        });
        Self { stop, thread }
    }

    /// Asks no more.
    pub(super) fn stop(self) -> io::Result<Health> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| io::Error::other("asking for health ended abnormally"))?
    }
}

async fn ask(peer: &Peer, stop: &AtomicBool) -> Health {
    let mut health = Health::default();
    let mut sender = None;
    while !stop.load(Ordering::Relaxed) {
        for path in ["/livez", "/readyz"] {
            let asked = Instant::now();
            match tokio::time::timeout(PATIENCE, one(peer, &mut sender, path)).await {
                Ok(Ok(())) => health.answers += 1,
                Ok(Err(_)) | Err(_) => {
                    health.failures += 1;
                    sender = None;
                }
            }
            health.worst_ms = health.worst_ms.max(asked.elapsed().as_secs_f64() * 1000.0);
        }
        tokio::time::sleep(PAUSE).await;
    }
    health
}

type Sender = SendRequest<Empty<Bytes>>;

async fn one(peer: &Peer, kept: &mut Option<Sender>, path: &str) -> io::Result<()> {
    let sender = match kept {
        Some(sender) => sender,
        None => {
            let stream = TokioIo::new(peer.tcp(b"h2").await?);
            let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await;
            let (sender, connection) = handshake.map_err(io::Error::other)?;
            tokio::spawn(async move { drop(connection.await) });
            kept.insert(sender)
        }
    };
    let request = Request::get(format!("https://localhost{path}")).body(Empty::new());
    let answer = sender.send_request(request.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
    let status = answer.status();
    answer.into_body().collect().await.map_err(io::Error::other)?;
    if status.is_success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
}
