//! Connections on which nothing happens.

use std::{fs, io, time::Duration};

use cosign_tests::{
    network::{Device, Peer},
    process::{ServerFolder, Signer, succeeded},
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::runtime::Builder;

use super::run::{processor_time, resident_mib};

/// Handshakes under way at once.
const AT_ONCE: usize = 64;
/// Connections between two lines about how far it is.
const PROGRESS: usize = 1000;
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long nothing happens before the memory is looked at.
const QUIET: Duration = Duration::from_secs(3);

/// What many connections cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Idle {
    /// Open connections, all of `cosign/1`, each with a client certificate.
    pub connections: usize,
    /// Resident memory of the server, MiB.
    pub resident_mib: f64,
    /// The same before there were any.
    pub resident_mib_without: f64,
    /// Full handshakes a second of the server's processor time.
    pub handshakes_per_core: f64,
}

/// Opens so many connections to a server and leaves them alone. `cpu`: the processor that the server runs on.
///
/// # Errors
/// A connection broke.
pub fn idle(connections: usize, cpu: Option<usize>) -> io::Result<Idle> {
    let folder = ServerFolder::on_file();
    let config = folder.file("cosign.toml");
    let text = fs::read_to_string(&config)?;
    let room = format!("connections = {}\nconnections_per_source = {0}\n", 2 * connections + 1);
    let text = text.replace("connections = 4096\nconnections_per_source = 256\n", &room);
    // A machine that does much besides is slow and not hostile.
    fs::write(&config, text.replace("header_timeout_s = 10\n", "header_timeout_s = 60\n"))?;
    let server = folder.start_on(cpu);
    let signer = Signer::new(&folder, "quic");
    let code = folder.enrolment_code();
    succeeded(&signer.keygen(&["--purpose", "sign", "--enrol-code", &code]).output()?);

    let device = Device::of_store(&signer.home());
    let peer = Peer::new(folder.address(), &folder.file("ca.pem"), Some(device));
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (without, busy) = (resident_mib(server.pid())?, processor_time(server.pid())?);
    runtime.block_on(async {
        let socket = peer.socket(b"cosign/1", KEEP_ALIVE)?;
        let opening = stream::iter(0..connections).map(|_| socket.connect()).buffer_unordered(AT_ONCE);
        let mut opening = opening.enumerate();
        let mut open = Vec::with_capacity(connections);
        while let Some((number, connection)) = opening.next().await {
            open.push(connection?);
            if (number + 1).is_multiple_of(PROGRESS) {
                eprintln!("load: {} connections of {connections}", number + 1);
            }
        }
        let busy = processor_time(server.pid())?.saturating_sub(busy);
        tokio::time::sleep(QUIET).await;
        let closed = open.iter().filter(|connection| connection.close_reason().is_some()).count();
        if closed > 0 {
            return Err(io::Error::other(format!("{closed} connections did not stay open")));
        }
        Ok(Idle {
            connections,
            resident_mib: resident_mib(server.pid())?,
            resident_mib_without: without,
            handshakes_per_core: connections as f64 / busy.as_secs_f64(),
        })
    })
}
