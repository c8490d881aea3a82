//! The engine between two pipes, before a signer that does what the payload says.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::stream::unfold;
use tokio::{
    io::{AsyncReadExt as _, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::*;
use crate::domain::Error;

/// Nothing here takes longer.
const LONG: Duration = Duration::from_secs(60);
/// Longer than any of these tests.
const NEVER: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(100);

/// Repeats what it gets; `wait` when it is let, and `no` not at all.
struct Echo {
    begun: AtomicUsize,
    most: AtomicUsize,
    now: AtomicUsize,
    let_through: Semaphore,
}

impl Signer for Echo {
    fn answer(&self, _: Caller, frame: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, Error>> {
        async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            if frame == b"wait" {
                self.let_through.acquire().await.unwrap().forget();
            }
            self.now.fetch_sub(1, Ordering::SeqCst);
            if frame == b"no" { Err(Error::Busy) } else { Ok(frame) }
        }
        .boxed()
    }
}

/// A peer of the engine.
struct Peer {
    echo: Arc<Echo>,
    to: DuplexStream,
    from: DuplexStream,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Ended>>,
    deframer: Deframer,
}

impl Peer {
    fn new(in_flight: usize, limit: Duration, pause: Pause) -> Self {
        Self::on(pause, |stopped| Terms::new(in_flight, limit, stopped))
    }

    /// One that is held back for about so long once it was refused.
    fn held(pause: Pause, hold: Duration) -> Self {
        Self::on(pause, |stopped| Terms { hold, ..Terms::new(8, NEVER, stopped) })
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own task")]
    fn on(pause: Pause, terms: impl FnOnce(watch::Receiver<bool>) -> Terms) -> Self {
        let echo =
            Arc::new(Echo { begun: 0.into(), most: 0.into(), now: 0.into(), let_through: Semaphore::new(0) });
        let (to, input) = duplex(READ);
        let (output, from) = duplex(1024);
        let (stop, stopped) = watch::channel(false);
        let caller = Caller { device: None, source: IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let input = Box::pin(unfold(input, async |mut input| {
            let mut chunk = vec![0; READ];
            let length = input.read(&mut chunk).await.unwrap();
            chunk.truncate(length);
            (length > 0).then(|| (Ok::<_, Infallible>(Bytes::from(chunk)), input))
        }));
        let terms = terms(stopped);
        let signer = Arc::clone(&echo) as _;
        let task = tokio::spawn(serve(input, output, caller, signer, terms, pause));
        Self { echo, to, from, stop, task, deframer: Deframer::new() }
    }

    async fn send(&mut self, id: u64, payload: &[u8]) {
        self.to.write_all(&framed(id, payload)).await.unwrap();
    }

    /// The next answer; `None` at their end.
    async fn receive(&mut self) -> Option<(u64, Kind, Vec<u8>)> {
        loop {
            if let Some(frame) = self.deframer.next_frame().unwrap() {
                return Some((frame.id, frame.kind, frame.payload));
            }
            let mut chunk = [0; 1024];
            match timeout(LONG, self.from.read(&mut chunk)).await.unwrap().unwrap() {
                0 => return None,
                length => self.deframer.push(&chunk[..length]),
            }
        }
    }

    async fn until(&self, condition: impl Fn(&Echo) -> bool) {
        let waiting = async {
            while !condition(&self.echo) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(LONG, waiting).await.unwrap();
    }

    fn begun(&self) -> usize {
        self.echo.begun.load(Ordering::SeqCst)
    }

    /// How it ended, after its answers.
    async fn end(mut self) -> (Vec<u64>, Result<(), Ended>) {
        let mut ids = Vec::new();
        while let Some((id, ..)) = self.receive().await {
            ids.push(id);
        }
        (ids, timeout(LONG, self.task).await.unwrap().unwrap())
    }
}

fn framed(id: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(id, Kind::Protocol, payload, &mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn answers_come_as_they_are_ready_and_refusals_alone() {
    let mut peer = Peer::new(8, NEVER, Pause::Limited);
    peer.send(1, b"wait").await;
    peer.send(2, b"at once").await;
    assert_eq!(peer.receive().await, Some((2, Kind::Protocol, b"at once".to_vec())));
    peer.send(3, b"no").await;
    assert_eq!(peer.receive().await, Some((3, Kind::Refused, b"busy".to_vec())));
    peer.send(4, &[0; MAX_PAYLOAD + 1]).await;
    assert_eq!(peer.receive().await, Some((4, Kind::Refused, b"payload_too_large".to_vec())));
    peer.send(5, &[5; MAX_PAYLOAD]).await;
    assert_eq!(peer.receive().await, Some((5, Kind::Protocol, vec![5; MAX_PAYLOAD])));
    peer.echo.let_through.add_permits(1);
    peer.to.shutdown().await.unwrap();
    assert_eq!(peer.end().await, (vec![1], Ok(())));
}

#[tokio::test]
async fn a_call_that_is_refused_is_not_read_from_for_a_moment() {
    let mut peer = Peer::held(Pause::Limited, SHORT);
    peer.send(1, b"no").await;
    peer.receive().await.unwrap();
    peer.send(2, b"at once").await;
    assert_eq!(peer.receive().await, Some((2, Kind::Protocol, b"at once".to_vec())));
    // What came before the end is answered all the same.
    peer.send(3, b"no").await;
    peer.receive().await.unwrap();
    peer.send(4, b"at once").await;
    peer.to.shutdown().await.unwrap();
    assert_eq!(peer.end().await, (vec![4], Ok(())));
    let mut peer = Peer::held(Pause::Limited, NEVER);
    peer.send(1, b"no").await;
    peer.receive().await.unwrap();
    peer.send(2, b"at once").await;
    assert!(timeout(SHORT, peer.receive()).await.is_err());
    assert_eq!(peer.begun(), 1);
}

#[tokio::test]
async fn what_a_connection_sends_that_was_refused_is_refused_at_once_for_a_moment() {
    let mut peer = Peer::held(Pause::Allowed, NEVER);
    peer.send(1, b"no").await;
    peer.receive().await.unwrap();
    peer.send(2, b"at once").await;
    assert_eq!(peer.receive().await, Some((2, Kind::Refused, b"busy".to_vec())));
    assert_eq!(peer.begun(), 1, "nobody was asked");
    let mut peer = Peer::held(Pause::Allowed, SHORT);
    peer.send(1, b"no").await;
    peer.receive().await.unwrap();
    sleep(SHORT * 2).await;
    peer.send(2, b"at once").await;
    assert_eq!(peer.receive().await, Some((2, Kind::Protocol, b"at once".to_vec())));
}

#[tokio::test]
async fn who_is_refused_again_and_again_is_held_back_for_longer() {
    let mut peer = Peer::held(Pause::Limited, HOLD);
    let mut waited = Duration::ZERO;
    for id in 0..5 {
        let before = Instant::now();
        peer.send(id, b"no").await;
        peer.receive().await.unwrap();
        waited = before.elapsed();
    }
    assert!(waited >= LONGEST_HOLD / 2 && LONGEST_HOLD / 2 > HOLD * 3 / 2, "{waited:?}");
}

#[test]
fn the_window_of_who_is_refused_is_shut_and_grows_again() {
    let terms = Terms::new(1, NEVER, watch::channel(false).1);
    let open = || terms.window.borrow().open;
    assert_eq!(open(), FIRST_WINDOW);
    // It doubles at first.
    terms.widen(1024);
    assert_eq!(open(), FIRST_WINDOW + 1024);
    terms.shut_window();
    terms.widen(1024);
    assert_eq!((open(), terms.tell()), (0, 0), "what is answered meanwhile opens nothing");
    // What was granted before comes first.
    terms.open_window(4608);
    terms.read(FIRST_WINDOW as usize - 4609);
    assert_eq!(open(), 0);
    terms.read(1);
    assert_eq!(open(), 4608);
    assert_eq!(terms.tell(), 4608);
    // From half of what was too much on it grows by a frame for all that are under way.
    terms.widen(460);
    assert_eq!(open(), 4608 + 45);
    terms.open_window(200);
    assert_eq!(open(), 4608 + 45, "another stream has opened it");
    for _ in 0..3 {
        terms.widen(41_042);
    }
    assert_eq!(open(), WINDOW);
}

#[test]
fn a_window_that_was_shut_and_opened_before_the_connection_heard_of_it_is_not_waited_for() {
    let terms = Terms::new(1, NEVER, watch::channel(false).1);
    for _ in 0..100 {
        terms.shut_window();
        terms.open_window(400);
        assert_eq!(terms.window.borrow().open, 400);
    }
    assert_eq!(terms.tell(), 400);
    terms.shut_window();
    terms.tell();
    terms.open_window(400);
    // All that it was ever granted.
    terms.read(FIRST_WINDOW as usize - 400);
    assert_eq!(terms.tell(), 400);
}

#[tokio::test]
async fn no_more_than_the_share_is_under_way() {
    let mut peer = Peer::new(2, NEVER, Pause::Limited);
    for id in 0..10 {
        peer.send(id, b"wait").await;
    }
    peer.until(|echo| echo.begun.load(Ordering::SeqCst) == 2).await;
    for answered in 0..10 {
        peer.echo.let_through.add_permits(1);
        peer.receive().await.unwrap();
        peer.until(|echo| echo.begun.load(Ordering::SeqCst) == 10.min(answered + 3)).await;
    }
    assert_eq!(peer.echo.most.load(Ordering::SeqCst), 2);
    peer.to.shutdown().await.unwrap();
    assert_eq!(peer.end().await, (vec![], Ok(())));
}

#[tokio::test]
async fn who_does_not_read_is_not_read_from_and_not_waited_for() {
    let mut peer = Peer::new(4, SHORT, Pause::Allowed);
    const LENGTH: usize = 40_000;
    for id in 0..40 {
        if peer.to.write_all(&framed(id, &[0; LENGTH])).await.is_err() {
            break;
        }
    }
    let outcome = timeout(LONG, &mut peer.task).await.unwrap().unwrap();
    assert_eq!(outcome, Err(Ended::Unread));
    let most = MAX_UNSENT / LENGTH + 1 + 4 + READ / LENGTH + 1;
    assert!((1..=most).contains(&peer.begun()), "{} were begun", peer.begun());
}

#[tokio::test]
async fn reading_a_little_is_not_reading() {
    let mut peer = Peer::new(4, SHORT, Pause::Allowed);
    peer.send(1, &[0; 40_000]).await;
    while !peer.task.is_finished() {
        let _ = timeout(SHORT, peer.from.read(&mut [0; 8])).await;
        sleep(SHORT / 20).await;
    }
    assert_eq!(timeout(LONG, peer.task).await.unwrap().unwrap(), Err(Ended::Unread));
}

#[tokio::test]
async fn what_was_begun_before_an_end_is_answered() {
    let (mut wrong_kind, good) = (Vec::new(), framed(2, b"wait"));
    encode(3, Kind::Refused, b"no", &mut wrong_kind).unwrap();
    for (bytes, ended) in [
        (good[..7].to_vec(), Ended::Cut),
        (vec![0], Ended::Cut),
        ([&wrong_kind[..], &good].concat(), Ended::Framing(FramingError::Kind)),
        ([&[0, 0, 0, 8][..], &good].concat(), Ended::Framing(FramingError::Length)),
        (
            [&[0, 16, 0, 0][..], &vec![0; MAX_PAYLOAD + 2 * READ]].concat(),
            Ended::Framing(FramingError::Length),
        ),
    ] {
        let mut peer = Peer::new(8, NEVER, Pause::Limited);
        peer.send(1, b"wait").await;
        // It may end before it has all of that.
        let _ = peer.to.write_all(&bytes).await;
        let _ = peer.to.shutdown().await;
        peer.until(|echo| echo.begun.load(Ordering::SeqCst) == 1).await;
        peer.echo.let_through.add_permits(9);
        let echo = Arc::clone(&peer.echo);
        assert_eq!(peer.end().await, (vec![1], Err(ended)));
        assert_eq!(echo.begun.load(Ordering::SeqCst), 1, "nothing is begun behind a fault");
    }
}

#[tokio::test]
async fn a_stop_lets_what_was_begun_end() {
    let mut peer = Peer::new(8, NEVER, Pause::Allowed);
    peer.send(1, b"wait").await;
    peer.until(|echo| echo.begun.load(Ordering::SeqCst) == 1).await;
    peer.stop.send(true).unwrap();
    peer.echo.let_through.add_permits(1);
    assert_eq!(peer.end().await, (vec![1], Err(Ended::Stopped)));
}

#[tokio::test]
async fn nothing_is_begun_for_somebody_who_is_gone() {
    let mut peer = Peer::new(1, NEVER, Pause::Limited);
    for id in 0..5 {
        peer.send(id, b"wait").await;
    }
    peer.until(|echo| echo.begun.load(Ordering::SeqCst) == 1).await;
    peer.task.abort();
    assert!((&mut peer.task).await.unwrap_err().is_cancelled());
    peer.echo.let_through.add_permits(5);
    assert_eq!((peer.receive().await, peer.begun()), (None, 1));

    let Peer { from, mut to, task, stop: _stop, .. } = Peer::new(1, NEVER, Pause::Limited);
    drop(from);
    to.write_all(&framed(1, b"x")).await.unwrap();
    assert_eq!(timeout(LONG, task).await.unwrap().unwrap(), Err(Ended::Gone));
}

#[tokio::test]
async fn a_call_is_not_kept_for_nothing_and_a_stream_is() {
    let peer = Peer::new(8, SHORT, Pause::Limited);
    assert_eq!(peer.end().await, (vec![], Err(Ended::Idle)));

    let mut peer = Peer::new(8, SHORT, Pause::Allowed);
    assert!(timeout(SHORT * 6, &mut peer.task).await.is_err());
    peer.send(1, b"x").await;
    assert_eq!(peer.receive().await.unwrap().0, 1);
    // But one frame does not take for ever, even if bytes keep coming.
    for byte in framed(2, &[0; 4000]) {
        if peer.to.write_all(&[byte]).await.is_err() {
            break;
        }
        sleep(SHORT / 5).await;
    }
    assert_eq!(peer.end().await, (vec![], Err(Ended::Idle)));

    // A call that waits for its answers is not idle.
    let mut peer = Peer::new(8, SHORT, Pause::Limited);
    peer.send(1, b"wait").await;
    assert!(timeout(SHORT * 6, &mut peer.task).await.is_err());
    peer.echo.let_through.add_permits(1);
    assert_eq!(peer.end().await, (vec![1], Err(Ended::Idle)));
}

#[tokio::test]
async fn a_call_with_progress_outlives_every_limit() {
    let mut peer = Peer::new(8, Duration::from_secs(1), Pause::Limited);
    for id in 0..40 {
        peer.send(id, b"x").await;
        assert_eq!(peer.receive().await.unwrap().0, id);
        sleep(SHORT).await;
    }
    peer.to.shutdown().await.unwrap();
    assert_eq!(peer.end().await, (vec![], Ok(())));
}

#[test]
fn a_connection_has_sixteen_calls() {
    let terms = Terms::new(1, NEVER, watch::channel(false).1);
    let mut calls: Vec<_> = (0..CALLS).map(|_| terms.begin_call().unwrap()).collect();
    assert!(terms.clone().begin_call().is_none(), "clones are of one connection");
    calls.pop();
    assert!(terms.begin_call().is_some());
}
