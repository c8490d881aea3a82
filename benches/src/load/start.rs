//! How long a server takes to start with many keys, and what they cost it.

use std::{
    io,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use cosign_tests::{
    network::{Device, Peer},
    process::{ServerFolder, Signer, succeeded},
};
use serde::Serialize;
use tokio::{runtime::Builder, task::LocalSet};

use super::{
    GOODBYE, fill,
    lane::{Lane, Way},
    run::{self, resident_mib},
    work::Keys,
};

/// Keys that are real.
const REAL: usize = 8;
/// Signatures before the memory is looked at again.
const SIGNATURES: usize = 1000;
/// Clients that ask for them.
const CLIENTS: usize = 16;
/// Between two tries to connect.
const POLL: Duration = Duration::from_micros(200);
/// No server takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a start costs. Times are from the moment that the process is made.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Start {
    /// `start`.
    pub op: &'static str,
    /// Keys in the database.
    pub keys: usize,
    /// Records in its audit log.
    pub records: u64,
    /// Milliseconds until it accepts connections.
    pub listening_ms: f64,
    /// Milliseconds until a client has connected and has verified its signature.
    pub first_signature_ms: f64,
    /// Resident memory after that, MiB.
    pub resident_mib: f64,
    /// The same after a thousand signatures with eight keys.
    pub resident_mib_signed: f64,
}

/// Starts a server with so many keys in its database, a file of SQLite. `cpu`: the processor that it runs on.
///
/// # Errors
/// A connection broke, or the database was not filled.
pub fn start(keys: usize, cpu: Option<usize>) -> io::Result<Start> {
    let folder = ServerFolder::on_file();
    let server = folder.start();
    let signer = Signer::new(&folder, "quic");
    let code = folder.enrolment_code();
    for number in 0..REAL {
        let label = format!("k{number}");
        let enrol = ["--enrol-code", code.as_str()];
        let more = if number == 0 { &enrol[..] } else { &[] };
        let arguments = [&["--purpose", "sign", "--label", label.as_str()][..], more].concat();
        succeeded(&signer.keygen(&arguments).output()?);
    }
    server.stop();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let database = folder.file("cosign.db");
    let records = runtime.block_on(fill::fill(&database, keys.saturating_sub(REAL)));
    let records = records.map_err(io::Error::other)?;

    let local = LocalSet::new();
    let mut unlocked = Keys::unlock(&signer.home(), REAL);
    let device = Device::of_store(&signer.home());
    let peer = Peer::new(folder.address(), &folder.file("ca.pem"), Some(device));
    // Made first, because it belongs to the client. It is one of those whose signature is verified.
    let first = unlocked.work(1, 1).pop().ok_or(io::ErrorKind::InvalidData)?;
    let spawned = Instant::now();
    let mut server = folder.spawn_on(cpu);
    while TcpStream::connect(folder.address()).is_err() {
        server.assert_alive();
        if spawned.elapsed() > PATIENCE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(POLL);
    }
    let listening = spawned.elapsed();
    let lane = local.block_on(&runtime, async {
        let lanes = Lane::open_all(&peer, Way::Framed, 1).await?;
        lanes[0].ask(first).await?;
        Ok::<_, io::Error>(lanes)
    })?;
    let signed = spawned.elapsed();
    let resident = resident_mib(server.pid())?;
    drop(lane);
    let lanes = local.block_on(&runtime, Lane::open_all(&peer, Way::Framed, CLIENTS))?;
    local.block_on(&runtime, run::closed(&lanes, unlocked.work(SIGNATURES, 1), server.pid()))?;
    let resident_signed = resident_mib(server.pid())?;
    drop(lanes);
    local.block_on(&runtime, async { tokio::time::sleep(GOODBYE).await });
    server.stop();
    Ok(Start {
        op: "start",
        keys,
        records,
        listening_ms: listening.as_secs_f64() * 1000.0,
        first_signature_ms: signed.as_secs_f64() * 1000.0,
        resident_mib: resident,
        resident_mib_signed: resident_signed,
    })
}
