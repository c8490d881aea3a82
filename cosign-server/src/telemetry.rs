//! Counters, gauges and histograms, rendered as Prometheus text, and traces. A value that is passed around, not a global.

mod span;
mod traces;

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError, RwLock},
};

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::sync::mpsc;

use self::traces::Traces;
pub use self::{
    span::{Span, Value, encode},
    traces::{Begun, Parent, Source, TraceId, part, within},
};

const OPERATIONS: &str = "cosign_operations_total";
const OPERATION_SECONDS: &str = "cosign_operation_seconds";
const REQUESTS: &str = "cosign_http_requests_total";
const CONNECTIONS: &str = "cosign_connections";
const REFUSED_CONNECTIONS: &str = "cosign_connections_refused_total";
const DELIVERIES: &str = "cosign_deliveries_total";

/// Latency buckets in seconds.
const SECONDS: [f64; 13] =
    [0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 1.0, 4.0];
/// Units per transaction.
const UNITS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

static METADATA: Metadata<'static> = Metadata::new("cosign_server", Level::INFO, None);

/// All measurements of one server.
pub struct Telemetry {
    recorder: PrometheusRecorder,
    operations: Kept<(&'static str, &'static str), Counter>,
    operation_seconds: Kept<&'static str, Histogram>,
    handle: PrometheusHandle,
    commit_units: Histogram,
    commits_failed: Counter,
    commit_queue: Gauge,
    pool_queue: Gauge,
    hot_keys: Gauge,
    sessions: Gauge,
    purged: Gauge,
    spans_dropped: Counter,
    /// `None`: nothing is traced.
    traces: Option<Arc<Traces>>,
}

/// What was registered once: looking it up by its labels costs more than counting.
struct Kept<K, T>(RwLock<HashMap<K, T>>);

impl<K, T> Default for Kept<K, T> {
    fn default() -> Self {
        Self(RwLock::new(HashMap::new()))
    }
}

impl<K: Copy + Eq + Hash, T: Clone> Kept<K, T> {
    fn get(&self, key: K, register: impl FnOnce() -> T) -> T {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        kept.unwrap_or_else(|| {
            let registered = register();
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, registered.clone());
            registered
        })
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    /// A fresh set, all zero.
    #[must_use]
    pub fn new() -> Self {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(OPERATION_SECONDS.to_owned()), &SECONDS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Full("cosign_commit_units".to_owned()), &UNITS)
            })
            // Only an empty list of buckets is refused.
            .unwrap_or_default();
        let recorder = builder.build_recorder();
        let gauge = |name| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        Self {
            operations: Kept::default(),
            operation_seconds: Kept::default(),
            handle: recorder.handle(),
            commit_units: recorder
                .register_histogram(&Key::from_static_name("cosign_commit_units"), &METADATA),
            commits_failed: recorder
                .register_counter(&Key::from_static_name("cosign_commits_failed_total"), &METADATA),
            commit_queue: gauge("cosign_commit_queue"),
            pool_queue: gauge("cosign_pool_queue"),
            hot_keys: gauge("cosign_hot_keys"),
            sessions: gauge("cosign_replay_sessions"),
            purged: gauge("cosign_purge_time_seconds"),
            spans_dropped: recorder
                .register_counter(&Key::from_static_name("cosign_spans_dropped_total"), &METADATA),
            traces: None,
            recorder,
        }
    }

    /// The same with traces, of which this part, 0 to 1, is sent; and the spans that are to be.
    #[must_use]
    pub fn with_traces(ratio: f64, source: Box<dyn Source>) -> (Self, mpsc::Receiver<Span>) {
        let telemetry = Self::new();
        let (traces, spans) = Traces::new(ratio, source, telemetry.spans_dropped.clone());
        (Self { traces: Some(Arc::new(traces)), ..telemetry }, spans)
    }

    /// A trace begins, or that of somebody else goes on here. `None` if nothing is traced.
    pub fn begin(&self, name: &'static str, parent: Option<Parent>) -> Option<Begun> {
        self.traces.as_ref()?.begin(name, parent)
    }

    /// A part of what this task works for; a trace of its own if that is nothing.
    pub fn begin_part(&self, name: &'static str) -> Option<Begun> {
        let traces = self.traces.as_ref()?;
        if traces::is_part() { part(name) } else { traces.begin(name, None) }
    }

    /// So many spans were not taken.
    pub fn spans_dropped(&self, count: usize) {
        self.spans_dropped.increment(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn counter(&self, name: &'static str, labels: Vec<Label>) -> Counter {
        self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
    }

    /// A protocol operation ended with this code.
    pub fn operation(&self, op: &'static str, code: &'static str, elapsed_ns: u64) {
        let counter = self.operations.get((op, code), || {
            let labels = vec![Label::from_static_parts("op", op), Label::from_static_parts("code", code)];
            self.counter(OPERATIONS, labels)
        });
        counter.increment(1);
        let seconds = self.operation_seconds.get(op, || {
            let key = Key::from_parts(OPERATION_SECONDS, vec![Label::from_static_parts("op", op)]);
            self.recorder.register_histogram(&key, &METADATA)
        });
        #[expect(clippy::cast_precision_loss, reason = "a latency needs no more than 53 bits")]
        seconds.record(elapsed_ns as f64 / 1e9);
    }

    /// An HTTP request was answered.
    pub fn request(&self, route: String, status: u16) {
        let labels = vec![Label::new("route", route), Label::new("status", status.to_string())];
        self.counter(REQUESTS, labels).increment(1);
    }

    /// A connection was opened (`+1`) or closed (`-1`).
    pub fn connection(&self, protocol: &'static str, change: f64) {
        let key = Key::from_parts(CONNECTIONS, vec![Label::from_static_parts("protocol", protocol)]);
        self.recorder.register_gauge(&key, &METADATA).increment(change);
    }

    /// A connection was refused because a limit was reached.
    pub fn connection_refused(&self, why: &'static str) {
        self.counter(REFUSED_CONNECTIONS, vec![Label::from_static_parts("why", why)]).increment(1);
    }

    /// An attempt to deliver an event to a client of the API ended, and the delivery is in this state.
    pub fn delivery(&self, state: &'static str) {
        self.counter(DELIVERIES, vec![Label::from_static_parts("state", state)]).increment(1);
    }

    /// A transaction of so many units ended.
    pub fn committed(&self, units: usize, succeeded: bool) {
        self.commit_units.record(approximate(units));
        if !succeeded {
            self.commits_failed.increment(1);
        }
    }

    /// Units that wait for the writer.
    pub fn commit_queue(&self, units: usize) {
        self.commit_queue.set(approximate(units));
    }

    /// Operations that wait for or use a computing thread.
    pub fn pool_queue(&self, operations: usize) {
        self.pool_queue.set(approximate(operations));
    }

    /// Nothing that had expired at this time, unix milliseconds, is left in storage.
    pub fn purged(&self, now_ms: u64) {
        self.purged.set(approximate(usize::try_from(now_ms / 1000).unwrap_or(usize::MAX)));
    }

    /// Keys and sessions in memory.
    pub fn memory(&self, hot_keys: usize, sessions: usize) {
        self.hot_keys.set(approximate(hot_keys));
        self.sessions.set(approximate(sessions));
        self.handle.run_upkeep();
    }

    /// Everything as Prometheus text.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of things in memory needs no more than 53 bits")]
const fn approximate(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        let telemetry = Telemetry::new();
        telemetry.operation("sign", "ok", 1_500_000);
        telemetry.operation("sign", "E_PIN", 1_000);
        telemetry.committed(3, true);
        let text = telemetry.render();
        assert!(text.contains("cosign_operations_total{op=\"sign\",code=\"ok\"} 1"), "{text}");
        assert!(text.contains("cosign_operation_seconds_bucket{op=\"sign\",le=\"0.002\"} 2"), "{text}");
        assert!(text.contains("cosign_commit_units_sum 3"), "{text}");
    }
}
