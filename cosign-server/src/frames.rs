//! Frames in, answers out: what a stream of `cosign/1` and a call of `POST /v1/frames` have in common. Frames that have
//! arrived are answered concurrently and in any order; answers that are ready together leave together.
//!
//! **Invariant:** memory is bounded whatever the peer does. With the share of its connection under way nothing is read
//! until a frame is answered, and who does not read answers gets no new frames read.
//! **Invariant:** whoever was told to come again because the server has too much to do may send nothing for a moment, and then a
//! little. So telling them costs little however much they have to send, and nothing waits here and grows old.
//! **Invariant:** whoever makes no progress is waited for no longer than twice the limit of its [`Terms`]; whoever makes
//! some may go on for ever.

use std::{
    convert::Infallible,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use cosign_core::framing::{Deframer, Frame, FramingError, Kind, encode};
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use thiserror::Error;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{MissedTickBehavior, Sleep, interval, sleep},
};

use crate::domain::{Error, device::Caller, ports::Signer};

/// Longest protocol frame that is looked at; 256 items of a signing request take 41042 bytes.
const MAX_PAYLOAD: usize = 64 * 1024;
/// Unsent answers at which nothing is read any more.
const MAX_UNSENT: usize = 256 * 1024;
/// Bytes that come at a time, at most.
pub(crate) const READ: usize = 64 * 1024;
/// Bytes of answers that must be taken within the limit.
const STEP: usize = 16 * 1024;
/// Length, id and kind before a payload.
const HEADER: usize = 13;
/// Calls of `POST /v1/frames` that are open on one connection, as many as there are streams of `cosign/1`.
const CALLS: usize = 16;

/// Bytes that a connection may hold unread; a frame may be longer. At first, as who floods from the beginning should not have
/// much waiting,
pub(crate) const FIRST_WINDOW: u32 = 8 * 1024;
/// and at most.
const WINDOW: u32 = 64 * 1024;
/// For so long who was refused may send nothing, half as long or one and a half times as long, so that they do not all come back
/// at once;
const HOLD: Duration = Duration::from_millis(48);
/// each time that nothing was let in since twice as long, this at most.
const LONGEST_HOLD: Duration = Duration::from_millis(256);
/// Then as much as this many of what was refused.
const FEW: usize = 2;

/// What a connection grants its streams and calls.
#[derive(Clone, Debug)]
pub struct Terms {
    permits: Arc<Semaphore>,
    calls: Arc<Semaphore>,
    limit: Duration,
    stop: watch::Receiver<bool>,
    window: watch::Sender<Window>,
    hold: Duration,
}

/// Bytes that a connection may hold unread now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    open: u32,
    /// What the connection was told last, which may be older.
    told: u32,
    /// Bytes that may come because they were granted before it was shut, and how far it opens once they are not more than that.
    spare: u32,
    then: u32,
    /// Up to here it doubles while nothing is refused; from here on it grows by one frame in the time in which it would have (as
    /// TCP's does, RFC 5681).
    steady: u32,
}

impl Window {
    fn open_when_due(&mut self) -> bool {
        let is_due = self.open == 0 && self.then > 0 && self.spare <= self.then;
        if is_due {
            (self.open, self.then) = (self.then, 0);
        }
        is_due
    }
}

impl Terms {
    /// So many frames under way, so long without progress, until `stop` turns true.
    #[must_use]
    pub fn new(in_flight: usize, limit: Duration, stop: watch::Receiver<bool>) -> Self {
        let permits = Arc::new(Semaphore::new(in_flight.max(1)));
        let limit = limit.max(Duration::from_millis(1));
        let calls = Arc::new(Semaphore::new(CALLS));
        let window = watch::Sender::new(Window {
            open: FIRST_WINDOW,
            told: FIRST_WINDOW,
            spare: 0,
            then: 0,
            steady: WINDOW,
        });
        Self { permits, calls, limit, stop, window, hold: HOLD }
    }

    /// Tells `apply` how many bytes the connection may hold unread, whenever that changes: none for a moment once it was refused,
    /// and then more with every frame that is not.
    pub async fn follow_window(&self, apply: impl Fn(u32)) -> Infallible {
        let mut window = self.window.subscribe();
        loop {
            // The sender is here.
            drop(window.changed().await);
            window.mark_unchanged();
            apply(self.tell());
        }
    }

    /// How many bytes the connection may hold unread, which it is told now. What it may hold less counts as granted before: only
    /// that, because it was not told of what came and went in between, and would be waited for in vain.
    fn tell(&self) -> u32 {
        let mut open = 0;
        self.window.send_if_modified(|window| {
            open = window.open;
            window.spare = window.spare.saturating_add(window.told.saturating_sub(open));
            window.told = open;
            false
        });
        open
    }

    fn shut_window(&self) {
        self.window.send_modify(|window| {
            if window.open > 0 {
                window.steady = window.open / 2;
            }
            (window.open, window.then) = (0, 0);
        });
    }

    fn open_window(&self, by: usize) {
        self.window.send_if_modified(|window| {
            window.then = u32::try_from(by).unwrap_or(WINDOW).clamp(1, WINDOW);
            window.open_when_due()
        });
    }

    /// So many bytes came.
    fn read(&self, count: usize) {
        self.window.send_if_modified(|window| {
            window.spare = window.spare.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
            window.open_when_due()
        });
    }

    /// Grants more for a frame of so many bytes that was let in.
    fn widen(&self, by: usize) {
        self.window.send_if_modified(|window| {
            let is_open = (1..WINDOW).contains(&window.open);
            if is_open {
                let by = u32::try_from(by).unwrap_or(WINDOW).min(WINDOW);
                let steadily = by.saturating_mul(by.min(window.open)) / window.open;
                let by = if window.open < window.steady { by } else { steadily };
                window.open = window.open.saturating_add(by).min(WINDOW);
            }
            is_open
        });
    }

    /// One more call, until what it gives is dropped; `None` if there are 16.
    #[must_use]
    pub fn begin_call(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.calls).try_acquire_owned().ok()
    }

    /// How long a peer may take to make progress.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }

    /// Waits until the server stops.
    pub async fn stopped(&self) {
        stopped(&mut self.stop.clone()).await;
    }
}

/// Waits until the server stops. A sender that is gone is a stop too.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Marks an answer over HTTP that limits its own time.
#[derive(Clone, Copy, Debug)]
pub struct Lasting;

/// Why frames ended otherwise than at the end of one. What was begun before has been answered, unless the peer is
/// [`Gone`](Self::Gone) or left its answers [`Unread`](Self::Unread).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Ended {
    /// The peer broke the framing.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// The input ended in the midst of a frame.
    #[error("the frames end in the midst of one")]
    Cut,
    /// Nothing came, or too little of a frame.
    #[error("no frame came in time")]
    Idle,
    /// The server stops.
    #[error("the server stops")]
    Stopped,
    /// Answers were not read.
    #[error("answers were not read in time")]
    Unread,
    /// The input or the output broke off.
    #[error("the peer is gone")]
    Gone,
}

impl Ended {
    /// The stable code that a peer is told, if there is still one to be told.
    #[must_use]
    pub const fn code(self) -> Option<&'static str> {
        match self {
            Self::Framing(_) => Some("bad_framing"),
            Self::Cut => Some("cut_off"),
            Self::Idle => Some("idle"),
            Self::Stopped => Some("unavailable"),
            Self::Unread | Self::Gone => None,
        }
    }
}

/// Whether a peer may send nothing for as long as it likes between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Yes: a connection that is kept for later.
    Allowed,
    /// Not beyond the limit, unless it waits for answers.
    Limited,
}

/// To which frame, how many bytes that had, and what is answered.
type Answer = (u64, usize, Result<Vec<u8>, &'static str>);

/// Answers what comes in on `input` until it ends, or until the server stops and what was begun is answered.
///
/// # Errors
/// [`Ended`].
pub async fn serve<E>(
    input: impl Stream<Item = Result<Bytes, E>> + Unpin,
    output: impl AsyncWrite + Unpin,
    caller: Caller,
    signer: Arc<dyn Signer>,
    terms: Terms,
    pause: Pause,
) -> Result<(), Ended> {
    let state = State {
        caller,
        signer,
        terms,
        deframer: Deframer::new(),
        buffered: 0,
        answers: FuturesUnordered::new(),
        held: None,
        hold: None,
        unsent: Vec::new(),
        sent: 0,
        since_step: 0,
        ending: None,
        progress: 0,
    };
    state.run(input, output, pause).await
}

/// A connection may send nothing. When it is dropped, a little.
struct Held {
    ends: Pin<Box<Sleep>>,
    terms: Terms,
    then: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.terms.open_window(self.then);
    }
}

struct State {
    caller: Caller,
    signer: Arc<dyn Signer>,
    terms: Terms,
    deframer: Deframer,
    /// Bytes in the deframer.
    buffered: usize,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// While nothing is let in.
    held: Option<Held>,
    /// For how long next, if nothing was let in since.
    hold: Option<Duration>,
    unsent: Vec<u8>,
    sent: usize,
    /// Bytes taken since that last counted as progress.
    since_step: usize,
    /// Set once nothing more is read.
    ending: Option<Result<(), Ended>>,
    /// Grows whenever the peer did its part, and whenever a wait for it begins.
    progress: u64,
}

impl State {
    async fn run<E>(
        mut self,
        mut input: impl Stream<Item = Result<Bytes, E>> + Unpin,
        mut output: impl AsyncWrite + Unpin,
        pause: Pause,
    ) -> Result<(), Ended> {
        let mut stop = self.terms.stop.clone();
        let mut ticks = interval(self.terms.limit);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut seen = 0;
        loop {
            let held = self.held.is_some();
            // What a connection was granted before still comes, and is refused at once. A call over HTTP is not read from.
            let reads_on = !held || pause == Pause::Allowed;
            let starved = reads_on && self.begin_frames();
            let (reading, pending) = (self.ending.is_none(), self.unsent.len() - self.sent);
            if !reading && self.answers.is_empty() && pending == 0 && !starved && !held {
                break;
            }
            let may_read = reading && !starved && reads_on && pending < MAX_UNSENT;
            tokio::select! {
                Some(answer) = self.answers.next(), if !self.answers.is_empty() => self.collect(answer),
                written = output.write(self.unsent.get(self.sent..).unwrap_or_default()), if pending > 0 => {
                    match written {
                        Ok(count) if count > 0 => self.took(count),
                        _ => return Err(Ended::Gone),
                    }
                }
                chunk = input.next(), if may_read => match chunk {
                    Some(Ok(chunk)) => self.push(&chunk),
                    Some(Err(_)) => return Err(Ended::Gone),
                    None => self.ending = Some(Ok(())),
                },
                () = until(&mut self.held), if held => self.held = None,
                permit = Arc::clone(&self.terms.permits).acquire_owned(), if starved => {
                    let permit = permit.map_err(|_| Ended::Gone)?;
                    match self.deframer.next_frame() {
                        Ok(Some(frame)) => self.begin(frame, permit),
                        Ok(None) => {}
                        Err(error) => self.ending = Some(Err(error.into())),
                    }
                }
                () = stopped(&mut stop), if reading => self.ending = Some(Err(Ended::Stopped)),
                _ = ticks.tick() => {
                    let rests = pause == Pause::Limited && self.answers.is_empty();
                    let is_late = reading && !starved && !held && (self.deframer.is_partial() || rests);
                    if self.progress == seen && pending > 0 {
                        return Err(Ended::Unread);
                    }
                    if self.progress == seen && is_late {
                        self.ending = Some(Err(Ended::Idle));
                    }
                    seen = self.progress;
                }
            }
        }
        match self.ending {
            Some(Ok(())) if self.deframer.is_partial() => Err(Ended::Cut),
            Some(Err(ended)) => Err(ended),
            Some(Ok(())) | None => Ok(()),
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        if !self.deframer.is_partial() {
            self.progress += 1;
        }
        self.terms.read(chunk.len());
        self.deframer.push(chunk);
        self.buffered += chunk.len();
    }

    /// Notes that the peer, or what is before it, took so many bytes.
    fn took(&mut self, count: usize) {
        self.sent += count;
        self.since_step += count;
        let all = self.sent >= self.unsent.len();
        if all {
            self.unsent.clear();
            self.sent = 0;
        }
        if all || self.since_step >= STEP {
            self.progress += 1;
            self.since_step = 0;
        }
    }

    /// Begins every complete frame for which there is room; `true` when there may be frames and no room.
    fn begin_frames(&mut self) -> bool {
        while self.deframer.is_partial() && !matches!(self.ending, Some(Err(Ended::Framing(_)))) {
            let Ok(permit) = Arc::clone(&self.terms.permits).try_acquire_owned() else { return true };
            match self.deframer.next_frame() {
                Ok(Some(frame)) => self.begin(frame, permit),
                // What is left is one frame that is not complete: it is not waited for beyond the longest useful one.
                Ok(None) if self.buffered > MAX_PAYLOAD + READ => {
                    self.ending = Some(Err(FramingError::Length.into()));
                }
                Ok(None) => return false,
                Err(error) => self.ending = Some(Err(error.into())),
            }
        }
        false
    }

    fn begin(&mut self, frame: Frame, permit: OwnedSemaphorePermit) {
        let Frame { id, kind, payload } = frame;
        self.buffered = self.buffered.saturating_sub(HEADER + payload.len());
        self.progress += 1;
        if kind != Kind::Protocol {
            self.ending = Some(Err(FramingError::Kind.into()));
            return;
        }
        if payload.len() > MAX_PAYLOAD {
            return self.write(id, Err("payload_too_large"));
        }
        if self.held.is_some() {
            return self.write(id, Err(Error::Busy.code()));
        }
        let (signer, caller, length) = (Arc::clone(&self.signer), self.caller, HEADER + payload.len());
        self.answers.push(
            async move {
                let answer = signer.answer(caller, payload).await;
                drop(permit);
                (id, length, answer.map_err(|error| error.code()))
            }
            .boxed(),
        );
    }

    /// Takes an answer, and those that are ready with it, to be written together.
    fn collect(&mut self, (id, length, answer): Answer) {
        self.adapt(length, answer == Err(Error::Busy.code()));
        self.write(id, answer);
        while let Some(Some((id, length, answer))) = self.answers.next().now_or_never() {
            self.adapt(length, answer == Err(Error::Busy.code()));
            self.write(id, answer);
        }
    }

    /// Grants less or more, now that a frame was refused or let in.
    fn adapt(&mut self, length: usize, refused: bool) {
        if !refused {
            self.hold = None;
            return self.terms.widen(length);
        }
        if self.held.is_some() {
            return;
        }
        let hold = self.hold.unwrap_or(self.terms.hold);
        self.hold = Some((hold * 2).min(LONGEST_HOLD.max(self.terms.hold)));
        let spread = u32::try_from(RandomState::new().build_hasher().finish() % 1024).unwrap_or(0);
        let ends = Box::pin(sleep(hold / 2 + hold * spread / 1024));
        self.terms.shut_window();
        self.held = Some(Held { ends, terms: self.terms.clone(), then: FEW * length });
    }

    fn write(&mut self, id: u64, answer: Result<Vec<u8>, &'static str>) {
        self.progress += 1;
        let written = match answer {
            Ok(frame) => encode(id, Kind::Protocol, &frame, &mut self.unsent),
            Err(code) => encode(id, Kind::Refused, code.as_bytes(), &mut self.unsent),
        };
        // No answer of the signer is that long.
        if let Err(error) = written {
            self.ending = Some(Err(error.into()));
        }
    }
}

async fn until(held: &mut Option<Held>) {
    if let Some(held) = held {
        held.ends.as_mut().await;
    }
}

#[cfg(test)]
mod tests;
