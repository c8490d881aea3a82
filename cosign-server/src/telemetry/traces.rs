//! Traces: some requests are followed from their arrival to their commit, in spans that go to a collector.
//!
//! What a task does is a part of the span that it runs [`within`]. A span ends when it is dropped, and waits in a bounded queue
//! then; when that is full it is dropped and counted, and nobody waits.

use std::{fmt, sync::Arc};

use metrics::Counter;
use tokio::sync::mpsc;

use super::span::{Span, Value};

/// Spans that wait to be sent.
const QUEUE: usize = 4096;

tokio::task_local! {
    static CURRENT: Scope;
}

/// Time and chance.
pub trait Source: Send + Sync {
    /// Unix milliseconds.
    fn now_ms(&self) -> u64;
    /// Nanoseconds since some fixed moment; never goes back.
    fn monotonic_ns(&self) -> u64;
    /// Fills `out`; `false` if the source fails.
    fn fill(&self, out: &mut [u8]) -> bool;
}

/// The id of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The span of somebody else that a request is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    trace_id: TraceId,
    span: [u8; 8],
}

impl Parent {
    /// Reads a `traceparent` of version 00 (W3C Trace Context). What the caller sampled does not count: it is not for others
    /// to say how much is sent to the collector.
    #[must_use]
    pub fn parse(header: &[u8]) -> Option<Self> {
        let (b"00-", rest) = header.split_at_checked(3)? else { return None };
        let (trace_id, rest) = rest.split_at_checked(32)?;
        let (span, flags) = rest.strip_prefix(b"-")?.split_at_checked(16)?;
        let (trace_id, span) = (lower_hex(trace_id)?, lower_hex(span)?);
        let _flags: [u8; 1] = lower_hex(flags.strip_prefix(b"-")?)?;
        (trace_id != [0; 16] && span != [0; 8]).then_some(Self { trace_id: TraceId(trace_id), span })
    }
}

fn lower_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let lower = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (lower && hex::decode_to_slice(digits, &mut bytes).is_ok()).then_some(bytes)
}

/// Where spans go.
pub(super) struct Traces {
    source: Box<dyn Source>,
    queue: mpsc::Sender<Span>,
    ratio: f64,
    dropped: Counter,
}

impl Traces {
    /// `ratio`: how many of the traces that begin here are sent, 0 to 1.
    pub(super) fn new(ratio: f64, source: Box<dyn Source>, dropped: Counter) -> (Self, mpsc::Receiver<Span>) {
        let (queue, spans) = mpsc::channel(QUEUE);
        (Self { source, queue, ratio, dropped }, spans)
    }

    /// Begins a trace, or goes on with somebody's. `None` when there is no chance.
    pub(super) fn begin(self: &Arc<Self>, name: &'static str, parent: Option<Parent>) -> Option<Begun> {
        let (mut trace_id, mut id, mut chance) = ([0; 16], [0; 8], [0; 4]);
        for part in [&mut trace_id[..], &mut id[..], &mut chance[..]] {
            if !self.source.fill(part) {
                return None;
            }
        }
        let sampled = f64::from(u32::from_be_bytes(chance)) / (f64::from(u32::MAX) + 1.0) < self.ratio;
        let now_ns = self.source.monotonic_ns();
        let scope = Scope {
            trace_id: parent.map_or(TraceId(trace_id), |parent| parent.trace_id),
            id,
            zero_ns: self.source.now_ms().saturating_mul(1_000_000).saturating_sub(now_ns),
            traces: sampled.then(|| Arc::clone(self)),
        };
        let parent = parent.map(|parent| parent.span);
        Some(Begun { scope, parent, name, serves: true, begun_ns: now_ns, attributes: Vec::new() })
    }
}

/// What a task works for.
#[derive(Clone)]
struct Scope {
    trace_id: TraceId,
    id: [u8; 8],
    /// When the monotonic clock was zero, unix nanoseconds.
    zero_ns: u64,
    /// `None`: nothing of it is sent.
    traces: Option<Arc<Traces>>,
}

impl Scope {
    fn child(&self, name: &'static str) -> Option<Begun> {
        let traces = self.traces.as_ref()?;
        let mut id = [0; 8];
        if !traces.source.fill(&mut id) {
            return None;
        }
        let begun_ns = traces.source.monotonic_ns();
        let (scope, parent) = (Self { id, ..self.clone() }, Some(self.id));
        Some(Begun { scope, parent, name, serves: false, begun_ns, attributes: Vec::new() })
    }
}

/// Something that is being done. It ends when this is dropped.
#[must_use = "it ends when it is dropped"]
pub struct Begun {
    scope: Scope,
    parent: Option<[u8; 8]>,
    name: &'static str,
    serves: bool,
    begun_ns: u64,
    attributes: Vec<(&'static str, Value)>,
}

impl Begun {
    /// The trace, whether anything of it is sent or not.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.scope.trace_id
    }

    /// Says something about it; `name` is in the list of `OPERATIONS.md`.
    pub fn attribute(&mut self, name: &'static str, value: impl Into<Value>) {
        if self.scope.traces.is_some() {
            self.attributes.push((name, value.into()));
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let Some(traces) = &self.scope.traces else { return };
        let unix = |ns: u64| self.scope.zero_ns.saturating_add(ns);
        let span = Span {
            trace_id: self.scope.trace_id.0,
            id: self.scope.id,
            parent: self.parent,
            name: self.name,
            serves: self.serves,
            start_ns: unix(self.begun_ns),
            end_ns: unix(traces.source.monotonic_ns()),
            attributes: std::mem::take(&mut self.attributes),
        };
        if traces.queue.try_send(span).is_err() {
            traces.dropped.increment(1);
        }
    }
}

/// Runs something as a part of what was begun.
pub async fn within<F: Future>(begun: Option<&Begun>, work: F) -> F::Output {
    match begun {
        Some(begun) => CURRENT.scope(begun.scope.clone(), work).await,
        None => work.await,
    }
}

/// Begins a part of what this task works for; `None` if nothing of that is sent.
pub fn part(name: &'static str) -> Option<Begun> {
    CURRENT.try_with(|scope| scope.child(name)).ok().flatten()
}

/// Whether this task works for a trace, sent or not.
pub(super) fn is_part() -> bool {
    CURRENT.try_with(|_| ()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::telemetry::Telemetry;

    /// Everything is the next number.
    #[derive(Default)]
    struct Counting(AtomicU64);

    impl Source for Counting {
        fn now_ms(&self) -> u64 {
            1_000
        }

        fn monotonic_ns(&self) -> u64 {
            self.0.fetch_add(1, Ordering::SeqCst)
        }

        fn fill(&self, out: &mut [u8]) -> bool {
            let number = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            for (byte, number) in out.iter_mut().rev().zip(number.iter().rev()) {
                *byte = *number;
            }
            true
        }
    }

    fn telemetry(ratio: f64) -> (Telemetry, mpsc::Receiver<Span>) {
        Telemetry::with_traces(ratio, Box::new(Counting::default()))
    }

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_strictly() {
        let parsed = Parent::parse(PARENT.as_bytes()).unwrap();
        assert_eq!(parsed.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(hex::encode(parsed.span), "b7ad6b7169203331");
        assert!(Parent::parse(PARENT.replace("-01", "-00").as_bytes()).is_some());
        for (what, with) in [
            ("00-", "01-"),
            ("00-", "ff-"),
            ("00-", "0-"),
            ("00-", ""),
            ("00-", " 00-"),
            ("0af7", "0AF7"),
            ("0af7", "0ag7"),
            ("0af7", "0af"),
            ("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"),
            ("b7ad6b7169203331", "0000000000000000"),
            ("b7ad", "B7ad"),
            ("b7ad", "b7a"),
            ("319c-", "319c_"),
            ("3331-", "3331_"),
            ("-01", ""),
            ("-01", "-0"),
            ("-01", "-0g"),
            ("-01", "-0A"),
            ("-01", "-011"),
            ("-01", "-01-"),
            ("-01", "-01 "),
        ] {
            let wrong = PARENT.replace(what, with);
            assert_eq!(Parent::parse(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!((Parent::parse(b""), Parent::parse(&[0xff; 55])), (None, None));
    }

    #[tokio::test]
    async fn parts_have_their_parents_and_one_trace() {
        let (telemetry, mut spans) = telemetry(1.0);
        let mut request = telemetry.begin("request", Parent::parse(PARENT.as_bytes())).unwrap();
        assert_eq!(request.trace_id().to_string(), PARENT[3..35]);
        within(Some(&request), async {
            let operation = telemetry.begin_part("operation").unwrap();
            within(Some(&operation), async { drop(part("commit").unwrap()) }).await;
        })
        .await;
        request.attribute("status", 200);
        drop(request);
        let [commit, operation, request] = [(); 3].map(|()| spans.try_recv().unwrap());
        assert_eq!([commit.name, operation.name, request.name], ["commit", "operation", "request"]);
        assert_eq!((commit.parent, operation.parent), (Some(operation.id), Some(request.id)));
        assert_eq!(request.parent.map(hex::encode).unwrap(), PARENT[36..52]);
        assert!([&commit, &operation].iter().all(|span| span.trace_id == request.trace_id && !span.serves));
        assert!(request.start_ns < operation.start_ns && operation.end_ns < request.end_ns);
        assert!((1_000_000_000..1_000_001_000).contains(&request.end_ns), "{request:?}");
        assert_eq!((request.serves, request.attributes), (true, vec![("status", 200.into())]));
    }

    #[tokio::test]
    async fn what_is_not_sampled_has_an_id_and_no_spans() {
        let (telemetry, mut spans) = telemetry(0.0);
        let request = telemetry.begin("request", Parent::parse(PARENT.as_bytes())).unwrap();
        within(Some(&request), async {
            assert!(part("commit").is_none());
            // Nor is what it is a part of begun anew.
            assert!(telemetry.begin_part("operation").is_none());
        })
        .await;
        assert_eq!(request.trace_id().to_string(), PARENT[3..35]);
        drop(request);
        assert!(spans.try_recv().is_err());
        let off = Telemetry::new();
        assert!(off.begin("request", None).is_none() && off.begin_part("operation").is_none());
        assert!(part("commit").is_none());
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (telemetry, mut spans) = telemetry(1.0);
        for _ in 0..QUEUE + 3 {
            drop(telemetry.begin_part("operation").unwrap());
        }
        assert!(telemetry.render().contains("cosign_spans_dropped_total 3"), "{}", telemetry.render());
        let mut sent = 0;
        while spans.try_recv().is_ok() {
            sent += 1;
        }
        assert_eq!(sent, QUEUE);
    }
}
