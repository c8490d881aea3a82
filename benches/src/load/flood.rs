//! Requests at a fixed rate whatever becomes of them, more than a server carries.
//!
//! A client on one processor cannot draw fresh nonces that fast, and need not: what is refused with "busy" is sent again as it
//! is, as every client does, and only what was answered or grew old is replaced by a fresh request. So there is a stock of
//! requests that is gone through again and again. What the transport does not take at its moment is held back and counts as
//! refused: the server has seen to it that it was not sent.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use cosign_core::{
    Code,
    framing::{self, Deframer, Frame, Kind},
};
use cosign_tests::network::Socket;
use futures_util::FutureExt as _;
use tokio::{
    sync::Notify,
    task::{JoinHandle, spawn_local},
    time::MissedTickBehavior,
};

use super::work::{Keys, Request};

/// Bytes of a connection that were sent and not confirmed.
pub(super) const UNDER_WAY: u64 = 16 * 1024;
/// Requests in stock.
const STOCK: usize = 16_384;
/// A request is not sent any more after so long.
const OLD: Duration = Duration::from_secs(50);
/// Between two moments at which requests are sent.
const TICK: Duration = Duration::from_millis(1);
/// Between two lines about how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// What became of the requests.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) offered: Cell<u64>,
    pub(super) held_back: Cell<u64>,
    pub(super) refused: Cell<u64>,
    /// Milliseconds from the moment that it was due to its answer, of every one that was answered.
    pub(super) took_ms: RefCell<Vec<f64>>,
    broken: RefCell<Option<io::Error>>,
}

fn count(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

/// Requests that may be sent.
pub(super) struct Stock {
    keys: Keys,
    waiting: VecDeque<(Request, Instant)>,
}

impl Stock {
    pub(super) fn new(mut keys: Keys) -> Self {
        let now = Instant::now();
        let waiting = keys.work(STOCK, 1).into_iter().map(|request| (request, now)).collect();
        Self { keys, waiting }
    }

    fn take(&mut self, now: Instant) -> Option<(Request, Instant)> {
        let (request, made) = self.waiting.pop_front()?;
        if now.duration_since(made) < OLD { Some((request, made)) } else { self.fresh(now) }
    }

    fn fresh(&mut self, now: Instant) -> Option<(Request, Instant)> {
        Some((self.keys.work(1, 1).pop()?, now))
    }
}

struct Asked {
    request: Request,
    made: Instant,
    due: Instant,
}

/// A connection with one stream.
struct Link {
    /// `None` while the rest of a request is sent that was taken in part.
    stream: RefCell<Option<quinn::SendStream>>,
    rest: RefCell<Vec<u8>>,
    more: Notify,
    asked: RefCell<HashMap<u64, Asked>>,
    next: Cell<u64>,
}

impl Link {
    /// Sends a request if the connection takes it now; else gives it back.
    fn ask(
        &self,
        (request, made): (Request, Instant),
        due: Instant,
    ) -> io::Result<Option<(Request, Instant)>> {
        let mut stream = self.stream.borrow_mut();
        let open = stream.as_mut().filter(|_| self.rest.borrow().is_empty());
        let Some(open) = open else { return Ok(Some((request, made))) };
        let mut bytes = Vec::new();
        framing::encode(self.next.get(), Kind::Protocol, &request.frame, &mut bytes)
            .map_err(io::Error::other)?;
        let Some(taken) = open.write(&bytes).now_or_never() else { return Ok(Some((request, made))) };
        let rest = bytes.split_off(taken?);
        if !rest.is_empty() {
            self.rest.replace(rest);
            self.more.notify_one();
        }
        self.asked.borrow_mut().insert(self.next.get(), Asked { request, made, due });
        self.next.set(self.next.get() + 1);
        Ok(None)
    }

    async fn send_rests(&self) -> io::Result<()> {
        loop {
            self.more.notified().await;
            let Some(mut stream) = self.stream.take() else { continue };
            stream.write_all(&self.rest.take()).await?;
            self.stream.replace(Some(stream));
        }
    }

    async fn receive(
        &self,
        mut stream: quinn::RecvStream,
        stock: &RefCell<Stock>,
        tally: &Tally,
    ) -> io::Result<()> {
        let mut deframer = Deframer::new();
        while let Some(chunk) = stream.read_chunk(64 * 1024, true).await.map_err(io::Error::other)? {
            deframer.push(&chunk.bytes);
            while let Some(frame) = deframer.next_frame().map_err(io::Error::other)? {
                self.answered(&frame, stock, tally)?;
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn answered(&self, frame: &Frame, stock: &RefCell<Stock>, tally: &Tally) -> io::Result<()> {
        let asked = self.asked.borrow_mut().remove(&frame.id);
        let Some(Asked { request, made, due }) = asked else { return Ok(()) };
        let mut stock = stock.borrow_mut();
        let is_busy = match frame.kind {
            Kind::Refused => frame.payload == b"busy",
            Kind::Protocol => frame.payload.get(2) == Some(&Code::Busy.byte()),
        };
        if is_busy {
            count(&tally.refused);
            stock.waiting.push_back((request, made));
            return Ok(());
        }
        if frame.kind == Kind::Refused || frame.payload.len() != request.answer_len {
            return Err(io::Error::other(format!("an answer that is none: {:02x?}", frame.payload)));
        }
        let now = Instant::now();
        tally.took_ms.borrow_mut().push(now.duration_since(due).as_secs_f64() * 1000.0);
        request.check(&frame.payload);
        let fresh = stock.fresh(now);
        stock.waiting.extend(fresh);
        Ok(())
    }
}

/// Connections that are flooded.
pub(super) struct Flood {
    links: Vec<(Rc<Link>, quinn::Connection)>,
    tasks: Vec<JoinHandle<()>>,
    tally: Rc<Tally>,
    stock: Rc<RefCell<Stock>>,
}

impl Flood {
    pub(super) async fn open(socket: &Socket, count: usize, stock: Stock) -> io::Result<Self> {
        let (tally, stock) = (Rc::new(Tally::default()), Rc::new(RefCell::new(stock)));
        let (mut links, mut tasks) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for _ in 0..count {
            let connection = socket.connect().await?;
            let (send, receive) = connection.open_bi().await.map_err(io::Error::other)?;
            let link = Rc::new(Link {
                stream: RefCell::new(Some(send)),
                rest: RefCell::default(),
                more: Notify::new(),
                asked: RefCell::default(),
                next: Cell::new(0),
            });
            links.push((Rc::clone(&link), connection));
            let (tally, stock) = (Rc::clone(&tally), Rc::clone(&stock));
            tasks.push(spawn_local(async move {
                let ended = tokio::select! {
                    ended = link.send_rests() => ended,
                    ended = link.receive(receive, &stock, &tally) => ended,
                };
                if let Err(error) = ended {
                    tally.broken.borrow_mut().get_or_insert(error);
                }
            }));
        }
        Ok(Self { links, tasks, tally, stock })
    }

    /// Offers so many requests a second for so long. How long it took.
    pub(super) async fn offer(&self, rate: f64, length: Duration) -> io::Result<Duration> {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (started, mut told) = (Instant::now(), Instant::now());
        let mut offered = 0_u64;
        while started.elapsed() < length {
            ticks.tick().await;
            if let Some(error) = self.tally.broken.take() {
                return Err(error);
            }
            let now = Instant::now();
            while offered as f64 <= now.duration_since(started).as_secs_f64() * rate {
                let due = started + Duration::from_secs_f64(offered as f64 / rate);
                let (link, _) = &self.links[usize::try_from(offered).unwrap_or_default() % self.links.len()];
                offered += 1;
                let request = self.stock.borrow_mut().take(now);
                let Some(request) = request else {
                    count(&self.tally.held_back);
                    continue;
                };
                if let Some(request) = link.ask(request, due)? {
                    count(&self.tally.held_back);
                    self.stock.borrow_mut().waiting.push_front(request);
                }
            }
            self.tally.offered.set(offered);
            if told.elapsed() >= PROGRESS {
                told = now;
                let answered = self.tally.took_ms.borrow().len();
                eprintln!(
                    "load: {:.0} s: {offered} offered, {answered} answered, {} refused, {} held back",
                    started.elapsed().as_secs_f64(),
                    self.tally.refused.get(),
                    self.tally.held_back.get()
                );
            }
        }
        Ok(started.elapsed())
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for (_, connection) in &self.links {
            connection.close(0_u32.into(), b"");
        }
    }
}
