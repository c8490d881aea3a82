//! Ten times as much as a server carries.

use std::{io, time::Duration};

use cosign_tests::network::{Device, Peer};
use quinn::TransportConfig;
use serde::Serialize;
use tokio::{runtime::Builder, task::LocalSet};

use super::{
    GOODBYE, LOAD, PLANS, Scene,
    flood::{Flood, Stock, UNDER_WAY},
    health::Asking,
    lane::Lane,
    run::{self, resident_mib},
};

/// How many times what a server carries is offered.
const TIMES: f64 = 10.0;
/// Connections that it is offered on.
const CONNECTIONS: usize = 128;

/// What overload does. Rates are requests for one signature a second.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Overload {
    /// `overload`.
    pub op: &'static str,
    /// What is carried, per second of processor time of the server.
    pub peak_per_core: f64,
    /// The same per second, with as many clients as wait for their answers.
    pub peak_per_s: f64,
    /// At seven tenths of that, milliseconds from the moment that a request was due to its answer: of a hundred,
    /// ninety-nine took less.
    pub p99_ms_at_70: f64,
    /// What was offered.
    pub offered_per_s: f64,
    /// What of it was answered with a signature.
    pub goodput_per_s: f64,
    /// Beside the peak: that per core where the server has a processor of its own, else that per second.
    pub goodput_ratio: f64,
    /// Half of those that were answered with a signature took less.
    pub admitted_p50_ms: f64,
    /// As `p99_ms_at_70`, of those.
    pub admitted_p99_ms: f64,
    /// How many were told to come again.
    pub refused: u64,
    /// How many were not sent, because the connection took no more at their moment.
    pub held_back: u64,
    /// Resident memory of the server, MiB. What it grows by is what is remembered of each answer for four minutes, up to
    /// `signer.replay_mib`.
    pub resident_mib_before: f64,
    /// The same at the end.
    pub resident_mib_after: f64,
    /// The longest that `/livez` or `/readyz` took, milliseconds; they were asked every 100.
    pub health_worst_ms: f64,
    /// How often they did not answer well.
    pub health_failures: u32,
}

impl Scene {
    /// Measures what is carried with about so many signatures, then offers ten times that for so long.
    ///
    /// # Errors
    /// A connection broke, or an answer was neither the signature nor "busy".
    pub fn overload(self, length: Duration, signatures: usize) -> io::Result<Overload> {
        let Self { folder, signer, mut keys, cpu } = self;
        let plan = PLANS[0];
        let requests = signatures.max(plan.clients);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let local = LocalSet::new();
        let device = Device::of_store(&signer.home());
        let peer = Peer::new(folder.address(), &folder.file("ca.pem"), Some(device));

        eprintln!("load: measures the peak");
        let [at_once, in_time] = [requests, requests / 2].map(|requests| keys.work(requests, 1));
        let server = folder.start_on(cpu);
        let lanes = local.block_on(&runtime, Lane::open_all(&peer, plan.way, plan.clients))?;
        let peak = local.block_on(&runtime, run::closed(&lanes, at_once, server.pid()))?;
        let paced = run::open(&lanes, in_time, peak.per_second.min(peak.per_core) * LOAD);
        let paced = local.block_on(&runtime, paced)?;
        drop(lanes);

        let best = if cpu.is_some() { peak.per_core } else { peak.per_second };
        eprintln!("load: offers {:.0} requests a second for {} s", best * TIMES, length.as_secs());
        let mut transport = TransportConfig::default();
        transport.send_window(UNDER_WAY);
        let flood = local.block_on(&runtime, async {
            let socket = peer.socket_with(b"cosign/1", transport)?;
            Flood::open(&socket, CONNECTIONS, Stock::new(keys)).await
        })?;
        let before = resident_mib(server.pid())?;
        let asking = Asking::start(peer);
        let took = local.block_on(&runtime, flood.offer(best * TIMES, length))?;
        let after = resident_mib(server.pid())?;
        let health = asking.stop()?;
        if health.answers == 0 {
            return Err(io::Error::other("the server never said that it lives"));
        }

        let per_second = |count: f64| count / took.as_secs_f64();
        let tally = flood.tally();
        let mut admitted = tally.took_ms.take();
        let goodput = per_second(admitted.len() as f64);
        admitted.sort_by(f64::total_cmp);
        let overload = Overload {
            op: "overload",
            peak_per_core: peak.per_core,
            peak_per_s: peak.per_second,
            p99_ms_at_70: paced.p99_ms,
            offered_per_s: per_second(tally.offered.get() as f64),
            goodput_per_s: goodput,
            goodput_ratio: goodput / best,
            admitted_p50_ms: run::part(&admitted, 50),
            admitted_p99_ms: run::part(&admitted, 99),
            refused: tally.refused.get(),
            held_back: tally.held_back.get(),
            resident_mib_before: before,
            resident_mib_after: after,
            health_worst_ms: health.worst_ms,
            health_failures: health.failures,
        };
        drop(flood);
        local.block_on(&runtime, async { tokio::time::sleep(GOODBYE).await });
        server.stop();
        Ok(overload)
    }
}
