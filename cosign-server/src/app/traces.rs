//! Sends spans to a collector (OTLP/HTTP with JSON), in the background, and drops what it does not take.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use tokio::{net::TcpStream, sync::mpsc, time::timeout};

use super::webhooks::{Failed, exchange};
use crate::{
    domain::ports::{Clock, Entropy},
    telemetry::{Source, Span, Telemetry, encode},
};

/// Spans in one request.
const BATCH: usize = 512;
/// How long spans wait for others.
const PAUSE: Duration = Duration::from_secs(1);
/// For one request.
const PATIENCE: Duration = Duration::from_secs(5);
/// For the last ones, when the server stops.
const LAST: Duration = Duration::from_secs(2);

/// Address of a collector: `http://HOST:PORT`. Without TLS, so it stands on this host or in its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Collector {
    host: String,
    port: u16,
}

impl TryFrom<String> for Collector {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "a collector is named as http://HOST:PORT; https and paths are not for it";
        let uri: Uri = text.parse().map_err(|_| wrong)?;
        let authority = uri.authority().ok_or(wrong)?;
        let plain =
            uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !plain || authority.as_str().contains('@') {
            return Err(wrong);
        }
        let port = authority.port_u16().ok_or(wrong)?;
        Ok(Self { host: authority.host().to_owned(), port })
    }
}

impl From<Collector> for String {
    fn from(collector: Collector) -> Self {
        format!("http://{}:{}", collector.host, collector.port)
    }
}

/// Which part of all requests is traced, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Ratio(f64);

impl Default for Ratio {
    fn default() -> Self {
        Self(0.01)
    }
}

impl TryFrom<f64> for Ratio {
    type Error = &'static str;

    fn try_from(ratio: f64) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&ratio) { Ok(Self(ratio)) } else { Err("a ratio is between 0.0 and 1.0") }
    }
}

impl From<Ratio> for f64 {
    fn from(ratio: Ratio) -> Self {
        ratio.0
    }
}

struct System(Arc<dyn Clock>, Arc<dyn Entropy>);

impl Source for System {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.monotonic_ns()
    }

    fn fill(&self, out: &mut [u8]) -> bool {
        self.1.fill(out).is_ok()
    }
}

/// Takes spans and sends them.
pub(super) struct Exporter {
    collector: Collector,
    spans: mpsc::Receiver<Span>,
    telemetry: Arc<Telemetry>,
    /// Whether the last ones were taken.
    works: bool,
}

impl Exporter {
    /// Measurements, with spans and what sends them if there is a collector.
    pub(super) fn telemetry(
        collector: Option<&Collector>,
        ratio: Ratio,
        clock: &Arc<dyn Clock>,
        entropy: &Arc<dyn Entropy>,
    ) -> (Arc<Telemetry>, Option<Self>) {
        let Some(collector) = collector.cloned() else { return (Arc::new(Telemetry::new()), None) };
        let source = System(Arc::clone(clock), Arc::clone(entropy));
        let (telemetry, spans) = Telemetry::with_traces(ratio.0, Box::new(source));
        let telemetry = Arc::new(telemetry);
        (Arc::clone(&telemetry), Some(Self { collector, spans, telemetry, works: true }))
    }

    /// Sends until it is dropped.
    pub(super) async fn run(&mut self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            let mut batch = Vec::new();
            while self.spans.recv_many(&mut batch, BATCH).await > 0 {
                let full = batch.len() == BATCH;
                self.send(std::mem::take(&mut batch), PATIENCE).await;
                if !full {
                    break;
                }
            }
        }
    }

    /// Sends what is left.
    pub(super) async fn finish(&mut self) {
        self.spans.close();
        let mut batch = Vec::new();
        while self.works && self.spans.recv_many(&mut batch, BATCH).await > 0 {
            self.send(std::mem::take(&mut batch), LAST).await;
        }
    }

    async fn send(&mut self, batch: Vec<Span>, patience: Duration) {
        let sent = timeout(patience, self.post(encode(&batch))).await.unwrap_or(Err(Failed::TimedOut));
        if let Err(error) = &sent {
            self.telemetry.spans_dropped(batch.len());
            // Said once, not for each batch.
            if self.works {
                tracing::warn!(%error, "spans are not taken; see [log] traces");
            }
        }
        self.works = sent.is_ok();
    }

    async fn post(&self, body: String) -> Result<(), Failed> {
        let Collector { host, port } = &self.collector;
        let request = Request::post("/v1/traces")
            .header(header::HOST, format!("{host}:{port}"))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Failed::Internal)?;
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((name, *port)).await.map_err(Failed::Io)?;
        match exchange(stream, request).await? {
            200..300 => Ok(()),
            status => Err(Failed::Status(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address_without_tls_and_a_ratio_is_a_part() {
        let read = |text: &str| Collector::try_from(text.to_owned());
        for (good, host) in [("http://127.0.0.1:4318", "127.0.0.1"), ("http://[::1]:4318/", "[::1]")] {
            assert_eq!(read(good), Ok(Collector { host: host.to_owned(), port: 4318 }));
        }
        for wrong in [
            "",
            "127.0.0.1:4318",
            "https://a:4318",
            "http://a",
            "http://a:1/v1/traces",
            "http://a:1/?b",
            "http://b@a:1",
            "http://a:99999",
            "/a",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(String::from(read("http://[::1]:4318/").unwrap()), "http://[::1]:4318");
        for wrong in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
            assert!(Ratio::try_from(wrong).is_err(), "{wrong}");
        }
        assert!(Ratio::try_from(0.0).is_ok() && Ratio::try_from(1.0).is_ok());
    }
}
