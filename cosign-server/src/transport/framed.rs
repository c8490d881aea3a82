//! `cosign/1`: long-lived streams of frames. Frames that have arrived are answered concurrently and in any order;
//! answers that are ready together leave together.
//!
//! Backpressure is QUIC's: a connection with its share of frames under way is not read from until one is answered,
//! and a client that does not read its answers gets no new frames read.

use std::sync::Arc;

use cosign_core::framing::{Deframer, Frame, FramingError, Kind, encode};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use super::stopped;
use crate::domain::{device::Caller, ports::Signer};

/// Longest protocol frame that is looked at; 256 items of a signing request take 41042 bytes.
const MAX_PAYLOAD: usize = 64 * 1024;
/// Unsent answers at which a stream is no longer read.
const MAX_UNSENT: usize = 256 * 1024;
/// Bytes taken off a stream at a time.
const READ: usize = 64 * 1024;
/// Length, id and kind before a payload.
const HEADER: usize = 13;
/// The peer broke the framing.
const CLOSE_FRAMING: VarInt = VarInt::from_u32(1);

type Answer = (u64, Result<Vec<u8>, &'static str>);

/// Serves all streams of a connection until it ends, or until the server stops and what was begun is answered.
pub(super) async fn serve(
    connection: Connection,
    caller: Caller,
    signer: Arc<dyn Signer>,
    in_flight: usize,
    stop: watch::Receiver<bool>,
) {
    let permits = Arc::new(Semaphore::new(in_flight.max(1)));
    let mut streams = JoinSet::new();
    let mut stopping = stop.clone();
    loop {
        tokio::select! {
            accepted = connection.accept_bi() => {
                let Ok((send, recv)) = accepted else { break };
                let stream = Stream {
                    send,
                    recv,
                    caller,
                    signer: Arc::clone(&signer),
                    permits: Arc::clone(&permits),
                    deframer: Deframer::new(),
                    buffered: 0,
                    answers: FuturesUnordered::new(),
                    unsent: Vec::new(),
                    sent: 0,
                };
                streams.spawn(stream.run(stop.clone()));
            }
            Some(ended) = streams.join_next() => {
                if let Ok(Err(Broken::Framing(error))) = ended {
                    tracing::debug!(%error, "framing");
                    connection.close(CLOSE_FRAMING, b"framing");
                }
            }
            () = stopped(&mut stopping) => break,
        }
    }
    while streams.join_next().await.is_some() {}
    connection.close(VarInt::from_u32(0), b"");
}

/// Why a stream ended before its time.
enum Broken {
    Framing(FramingError),
    Connection,
}

struct Stream {
    send: SendStream,
    recv: RecvStream,
    caller: Caller,
    signer: Arc<dyn Signer>,
    permits: Arc<Semaphore>,
    deframer: Deframer,
    /// Bytes in the deframer.
    buffered: usize,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    unsent: Vec<u8>,
    sent: usize,
}

impl Stream {
    async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), Broken> {
        let mut reading = true;
        loop {
            let starved = self.begin_frames()?;
            let pending = self.unsent.len() - self.sent;
            if !reading && self.answers.is_empty() && pending == 0 && !starved {
                break;
            }
            let may_read = reading && !starved && pending < MAX_UNSENT;
            tokio::select! {
                Some(answer) = self.answers.next(), if !self.answers.is_empty() => self.collect(answer)?,
                written = self.send.write(self.unsent.get(self.sent..).unwrap_or_default()), if pending > 0 => {
                    self.sent += written.map_err(|_| Broken::Connection)?;
                    if self.sent == self.unsent.len() {
                        self.unsent.clear();
                        self.sent = 0;
                    }
                }
                chunk = self.recv.read_chunk(READ, true), if may_read => {
                    match chunk.map_err(|_| Broken::Connection)? {
                        Some(chunk) => {
                            self.deframer.push(&chunk.bytes);
                            self.buffered += chunk.bytes.len();
                        }
                        None => reading = false,
                    }
                }
                permit = Arc::clone(&self.permits).acquire_owned(), if starved => {
                    let permit = permit.map_err(|_| Broken::Connection)?;
                    if let Some(frame) = self.deframer.next_frame().map_err(Broken::Framing)? {
                        self.begin(frame, permit)?;
                    }
                }
                () = stopped(&mut stop), if reading => reading = false,
            }
        }
        // The peer has everything before the connection is closed; if it is gone, there is nobody to wait for.
        if self.send.finish().is_ok() {
            drop(self.send.stopped().await);
        }
        Ok(())
    }

    /// Begins every complete frame for which there is room; `true` when there may be frames and no room.
    fn begin_frames(&mut self) -> Result<bool, Broken> {
        while self.deframer.is_partial() {
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { return Ok(true) };
            let Some(frame) = self.deframer.next_frame().map_err(Broken::Framing)? else {
                // What is left is one frame that is not complete: it is not waited for beyond the longest useful one.
                let too_long = self.buffered > MAX_PAYLOAD + READ;
                return if too_long { Err(Broken::Framing(FramingError::Length)) } else { Ok(false) };
            };
            self.begin(frame, permit)?;
        }
        Ok(false)
    }

    fn begin(&mut self, frame: Frame, permit: OwnedSemaphorePermit) -> Result<(), Broken> {
        let Frame { id, kind, payload } = frame;
        self.buffered = self.buffered.saturating_sub(HEADER + payload.len());
        if kind != Kind::Protocol {
            return Err(Broken::Framing(FramingError::Kind));
        }
        if payload.len() > MAX_PAYLOAD {
            return self.write(id, Err("payload_too_large"));
        }
        let (signer, caller) = (Arc::clone(&self.signer), self.caller);
        self.answers.push(
            async move {
                let answer = signer.answer(caller, payload).await;
                drop(permit);
                (id, answer.map_err(|error| error.code()))
            }
            .boxed(),
        );
        Ok(())
    }

    /// Takes an answer, and those that are ready with it, to be written together.
    fn collect(&mut self, (id, answer): Answer) -> Result<(), Broken> {
        self.write(id, answer)?;
        while let Some(Some((id, answer))) = self.answers.next().now_or_never() {
            self.write(id, answer)?;
        }
        Ok(())
    }

    fn write(&mut self, id: u64, answer: Result<Vec<u8>, &'static str>) -> Result<(), Broken> {
        match answer {
            Ok(frame) => encode(id, Kind::Protocol, &frame, &mut self.unsent),
            Err(code) => encode(id, Kind::Refused, code.as_bytes(), &mut self.unsent),
        }
        .map_err(Broken::Framing)
    }
}
