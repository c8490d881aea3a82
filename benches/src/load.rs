//! What a server carries: the programs as a user has them, the client on one processor and the server on another, TLS, checks,
//! computation and durable audit all on.
//!
//! How much a core carries is measured with all clients asking again as soon as they are answered: the requests that were
//! answered, divided by the processor time that the server took for them. Latency is measured at seven tenths of that with
//! requests at fixed moments, whatever became of those before, and counts from the moment that a request was due, so that a
//! server that stalls is not spared. Beside both stand an echo of the same bytes over bare QUIC, in a process of its own on the
//! same processor, and the server's computation alone.
//!
//! Beside that: what becomes of much more than a core carries ([`Overload`]), what connections cost on which nothing happens
//! ([`Idle`]), and what many keys cost at the start ([`Start`]).
//!
//! Requests are made beforehand, because a session costs the client more than sending it. Every answer is looked at, and one of
//! sixty-four is completed and verified.
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement has a clock, and its tasks end with the process"
)]

mod echo;
mod fill;
mod flood;
mod health;
mod idle;
mod lane;
mod overload;
mod run;
mod start;
mod work;

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use cosign_tests::{
    network::{Device, Peer},
    process::{ServerFolder, Signer, succeeded},
};
use serde::Serialize;
use tokio::{runtime::Builder, task::LocalSet};

pub use echo::serve as serve_echo;
pub use idle::{Idle, idle};
pub use overload::Overload;
pub use start::{Start, start};

use echo::Echo;
use lane::{Lane, Way};
use work::Keys;

use crate::protocol;

/// Time for connections to be closed in.
const GOODBYE: Duration = Duration::from_millis(100);
/// Keys that are signed with: a server has the requests of many.
const KEYS: usize = 4;
/// How much of what a server carries is asked of it while latency is measured.
const LOAD: f64 = 0.7;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Name of the row.
    pub op: &'static str,
    way: Way,
    /// Signatures of a request.
    count: usize,
    /// Clients with a connection each.
    clients: usize,
}

/// All that is measured.
pub const PLANS: [Plan; 4] = [
    Plan { op: "framed_single", way: Way::Framed, count: 1, clients: 64 },
    Plan { op: "framed_batch64", way: Way::Framed, count: 64, clients: 16 },
    Plan { op: "h3_single", way: Way::H3, count: 1, clients: 64 },
    Plan { op: "h2_batch64", way: Way::H2, count: 64, clients: 16 },
];

/// What came of it. Rates are signatures a second; those of the echo are of requests with as many bytes.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was asked.
    pub op: &'static str,
    /// Per second of processor time of the server.
    pub rate_per_core: f64,
    /// Milliseconds from the moment that a request was due to its answer: half of them took less.
    pub p50_ms: f64,
    /// Of a hundred, ninety-nine took less.
    pub p99_ms: f64,
    /// The same bytes sent back over bare QUIC, per second of processor time of that server.
    pub echo_rate_per_core: f64,
    /// The server's computation alone, on one core.
    pub signer_rate_per_core: f64,
}

/// A server with a device and its keys.
pub struct Scene {
    folder: ServerFolder,
    signer: Signer,
    keys: Keys,
    cpu: Option<usize>,
}

impl Scene {
    /// Makes one. `cpu`: the processor that servers run on; `None`: any. `database`: the address of a PostgreSQL database;
    /// `None`: a file.
    #[must_use]
    pub fn new(cpu: Option<usize>, database: Option<&str>) -> Self {
        let folder =
            database.map_or_else(ServerFolder::on_file, |database| ServerFolder::on_server(database, 1));
        let server = folder.start();
        let signer = Signer::new(&folder, "quic");
        let code = folder.enrolment_code();
        for number in 0..KEYS {
            let label = format!("k{number}");
            let enrol = ["--enrol-code", code.as_str()];
            let more = if number == 0 { &enrol[..] } else { &[] };
            let arguments = [&["--purpose", "sign", "--label", label.as_str()][..], more].concat();
            succeeded(&signer.keygen(&arguments).output().unwrap());
        }
        server.stop();
        let keys = Keys::unlock(&signer.home(), KEYS);
        Self { folder, signer, keys, cpu }
    }

    fn certificate(&self) -> [PathBuf; 2] {
        ["server.pem", "server.key"].map(|name| self.folder.file(name))
    }

    /// Measures one of [`PLANS`] with about so many signatures.
    ///
    /// # Errors
    /// A connection broke.
    pub fn measure(&mut self, plan: Plan, signatures: usize) -> io::Result<Row> {
        let requests = (signatures / plan.count).max(plan.clients);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let local = LocalSet::new();
        let device = Device::of_store(&self.signer.home());
        let per_core = |rate: f64| rate * plan.count as f64;

        // First: it takes longer than a connection stays open on which nothing happens.
        let [at_once, in_time] =
            [requests, requests / 2].map(|requests| self.keys.work(requests, plan.count));
        let server = self.folder.start_on(self.cpu);
        let peer = Peer::new(self.folder.address(), &self.folder.file("ca.pem"), Some(device));
        let lanes = local.block_on(&runtime, Lane::open_all(&peer, plan.way, plan.clients))?;
        let peak = local.block_on(&runtime, run::closed(&lanes, at_once, server.pid()))?;
        let rate = peak.per_second.min(peak.per_core) * LOAD;
        let paced = local.block_on(&runtime, run::open(&lanes, in_time, rate))?;
        drop(lanes);
        // Connections that are not closed keep a server from ending.
        local.block_on(&runtime, async { tokio::time::sleep(GOODBYE).await });
        server.stop();

        let echo = Echo::start(&self.certificate(), self.cpu)?;
        let peer = Peer::new(echo.address(), &self.folder.file("ca.pem"), None);
        let lanes = local.block_on(&runtime, Lane::open_all(&peer, Way::Echo, plan.clients))?;
        let work = work::echo(requests, plan.count);
        let echoed = local.block_on(&runtime, run::closed(&lanes, work, echo.pid()))?;

        Ok(Row {
            op: plan.op,
            rate_per_core: per_core(peak.per_core),
            p50_ms: paced.p50_ms,
            p99_ms: paced.p99_ms,
            echo_rate_per_core: per_core(echoed.per_core),
            signer_rate_per_core: per_core(alone(plan.count)),
        })
    }
}

/// Requests a second that the server's computation takes, one after the other.
fn alone(count: usize) -> f64 {
    let mut step = protocol::server_step(count);
    step();
    let (started, mut done) = (Instant::now(), 0_u32);
    while started.elapsed().as_secs_f64() < 1.0 {
        step();
        done += 1;
    }
    f64::from(done) / started.elapsed().as_secs_f64()
}
