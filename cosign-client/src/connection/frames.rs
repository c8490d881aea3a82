//! Protocol frames over one long-lived QUIC stream: many requests at once, answers in any order.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use cosign_core::framing::{self, Deframer, Frame, Kind};
use quinn::{RecvStream, SendStream};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{Failure, Target, dial};
use crate::{api::Problem, error::Error};

/// Application protocol of the framed streams.
const ALPN: &[u8] = b"cosign/1";
/// Requests that wait for the writer before senders wait for it.
const QUEUE: usize = 64;

/// An open connection for frames. Dropping it closes it.
pub(super) struct FrameLink {
    link: dial::QuicLink,
    outgoing: mpsc::Sender<Vec<u8>>,
    waiting: Arc<Mutex<Waiting>>,
    next_id: AtomicU64,
    _tasks: JoinSet<()>,
}

/// Who waits for which answer. Once closed nobody new may wait, and nobody is left waiting.
#[derive(Default)]
struct Waiting {
    closed: bool,
    by_id: HashMap<u64, oneshot::Sender<Frame>>,
}

impl FrameLink {
    pub(super) async fn connect(target: &Target) -> Result<Self, Error> {
        let link = dial::quic(target, ALPN).await?;
        let (send, receive) =
            link.connection.open_bi().await.map_err(|error| target.unreachable(&error.to_string()))?;
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (outgoing, queue) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        let ended = Arc::clone(&waiting);
        tasks.spawn(async move {
            // Whichever half fails, the link is of no use any more.
            tokio::select! {
                () = write(send, queue) => {}
                () = read(receive, &ended) => {}
            }
            let mut waiting = lock(&ended);
            waiting.closed = true;
            waiting.by_id.clear();
        });
        Ok(Self { link, outgoing, waiting, next_id: AtomicU64::new(1), _tasks: tasks })
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.waiting).closed || self.link.connection.close_reason().is_some()
    }

    pub(super) async fn close(&self) {
        self.link.close().await;
    }

    /// Sends one frame and waits for its answer.
    pub(super) async fn exchange(&self, frame: &[u8]) -> Result<Vec<u8>, Failure> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut bytes = Vec::new();
        framing::encode(id, Kind::Protocol, frame, &mut bytes)
            .map_err(|_| Failure::Final(Error::Internal("the request is too long")))?;
        let (answer, answered) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if waiting.closed {
                return Err(Failure::NotSent);
            }
            waiting.by_id.insert(id, answer);
        }
        // Whoever gives up waiting leaves no entry behind.
        let _entry = Entry { id, waiting: &self.waiting };
        self.outgoing.send(bytes).await.map_err(|_| Failure::NotSent)?;
        let answer = answered.await.map_err(|_| Failure::Lost)?;
        match answer.kind {
            Kind::Protocol => Ok(answer.payload),
            Kind::Refused => {
                Err(Failure::Refused(Problem::bare(0, &String::from_utf8_lossy(&answer.payload))))
            }
        }
    }
}

struct Entry<'a> {
    id: u64,
    waiting: &'a Mutex<Waiting>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        lock(self.waiting).by_id.remove(&self.id);
    }
}

/// Writes whole frames only: a sender that gives up cannot cut one.
async fn write(mut stream: SendStream, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = queue.recv().await {
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn read(mut stream: RecvStream, waiting: &Mutex<Waiting>) {
    let mut deframer = Deframer::new();
    while let Ok(Some(chunk)) = stream.read_chunk(64 * 1024, true).await {
        deframer.push(&chunk.bytes);
        loop {
            match deframer.next_frame() {
                Ok(Some(frame)) => {
                    // An answer that nobody waits for any more is dropped unread.
                    if let Some(answer) = lock(waiting).by_id.remove(&frame.id) {
                        let _ = answer.send(frame);
                    }
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// Every critical section leaves the table whole, so a panic elsewhere does not spoil it.
fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
