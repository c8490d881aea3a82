//! How much one source, and everybody together, may open.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::telemetry::Telemetry;

/// Limits of the transport.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections in all.
    pub connections: usize,
    /// Open connections per source address.
    pub connections_per_source: usize,
    /// Protocol frames under way per connection, over `cosign/1` and in calls of `POST /v1/frames`.
    pub in_flight: usize,
    /// Time for a TLS handshake, and for the headers of a request.
    pub header_timeout: Duration,
    /// Time for a whole HTTP request, its body included, and for its answer; where frames stream, time without progress.
    pub request_timeout: Duration,
}

/// Counts open connections.
#[derive(Clone)]
pub(super) struct Gate(Arc<Inner>);

struct Inner {
    limits: Limits,
    telemetry: Arc<Telemetry>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    all: usize,
    per_source: HashMap<IpAddr, usize>,
}

/// The right to have a connection open; given back on drop.
pub(super) struct Pass {
    gate: Gate,
    source: IpAddr,
    protocol: &'static str,
}

impl Gate {
    pub(super) fn new(limits: Limits, telemetry: Arc<Telemetry>) -> Self {
        Self(Arc::new(Inner { limits, telemetry, open: Mutex::default() }))
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Whether so many connections are open that sources must prove their address first.
    pub(super) fn is_busy(&self) -> bool {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner).all >= self.0.limits.connections / 2
    }

    /// Lets a connection in; `None` when a limit is reached.
    pub(super) fn enter(&self, source: IpAddr, protocol: &'static str) -> Option<Pass> {
        let source = source.to_canonical();
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let from_source = open.per_source.get(&source).copied().unwrap_or(0);
        let refusal = if open.all >= self.0.limits.connections {
            Some("total")
        } else if from_source >= self.0.limits.connections_per_source {
            Some("source")
        } else {
            None
        };
        if let Some(why) = refusal {
            self.0.telemetry.connection_refused(why);
            return None;
        }
        open.all += 1;
        open.per_source.insert(source, from_source + 1);
        self.0.telemetry.connection(protocol, 1.0);
        Some(Pass { gate: self.clone(), source, protocol })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let inner = &self.gate.0;
        let mut open = inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(count) = open.per_source.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.per_source.remove(&self.source);
            }
        }
        inner.telemetry.connection(self.protocol, -1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_per_source_and_in_all() {
        let limits = Limits {
            connections: 3,
            connections_per_source: 2,
            in_flight: 1,
            header_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_secs(1),
        };
        let gate = Gate::new(limits, Arc::new(Telemetry::new()));
        let (one, two) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = gate.enter(one, "quic").unwrap();
        let _second = gate.enter(one, "quic").unwrap();
        assert!(gate.enter(one, "tcp").is_none());
        assert!(gate.is_busy());
        let third = gate.enter(two, "tcp").unwrap();
        assert!(gate.enter(two, "tcp").is_none());
        drop(first);
        assert!(gate.enter(one, "tcp").is_some());
        drop(third);
        let open = gate.0.open.lock().unwrap();
        assert_eq!((open.all, open.per_source.len()), (1, 1));
    }
}
