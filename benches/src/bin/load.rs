//! What a server carries, beside an echo of the same bytes and its computation alone (see `cosign_benches::load`).
#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::{
    io,
    path::PathBuf,
    process::{Command, ExitCode, ExitStatus},
};

use cosign_benches::load::{Idle, PLANS, Row, Scene, idle, serve_echo};
use cosign_tests::{postgres::new_database, source};

const USAGE: &str = "load [--json] [--postgres] [--signatures N] [--idle N] [OPERATION..]
  Signs through a server on this machine: the client on processor 0, the server on processor 1.
  --json          one object a line
  --postgres      on a PostgreSQL server of its own (or the one that COSIGN_TEST_POSTGRES names), which runs on any processor
  --signatures N  about so many for the rate of each operation, half as many for its latency [default: 40000]
  --idle N        instead: N connections on which nothing happens, their memory, and handshakes a second
  OPERATION       framed_single, framed_batch64, h3_single, h2_batch64 [default: all]";

/// Says that this process is on its processor already.
const PINNED: &str = "COSIGN_LOAD_PINNED";

struct Arguments {
    json: bool,
    postgres: bool,
    signatures: usize,
    idle: Option<usize>,
    operations: Vec<String>,
}

fn arguments(given: &[String]) -> Option<Arguments> {
    let mut arguments =
        Arguments { json: false, postgres: false, signatures: 40_000, idle: None, operations: Vec::new() };
    let mut given = given.iter();
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--json" => arguments.json = true,
            "--postgres" => arguments.postgres = true,
            "--idle" => arguments.idle = Some(given.next()?.parse().ok().filter(|number| *number > 0)?),
            "--signatures" => {
                arguments.signatures = given.next()?.parse().ok().filter(|number| *number > 0)?;
            }
            name if PLANS.iter().any(|plan| plan.op == name) => arguments.operations.push(name.to_owned()),
            _ => return None,
        }
    }
    Some(arguments)
}

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let done = match given.as_slice() {
        [echo, certificate, key] if echo == "--echo" => {
            serve_echo(&PathBuf::from(certificate), &PathBuf::from(key), |address| println!("{address}"))
        }
        _ => match arguments(&given) {
            Some(arguments) => load(&arguments, &given),
            None => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ended(status: ExitStatus) -> io::Result<()> {
    if status.success() { Ok(()) } else { Err(io::Error::other("it did not end well")) }
}

fn load(arguments: &Arguments, given: &[String]) -> io::Result<()> {
    if arguments.postgres && std::env::var_os("COSIGN_TEST_POSTGRES").is_none() {
        let with_server = Command::new(source::root().join("tests/postgres/run"))
            .arg(std::env::current_exe()?)
            .args(given)
            .status()?;
        return ended(with_server);
    }
    let several = std::thread::available_parallelism()?.get() > 1;
    let pinned = std::env::var_os(PINNED).is_some();
    if several && !pinned {
        // Again, on one processor, with all threads that there will be.
        let again = Command::new("taskset")
            .args(["-c", "0"])
            .arg(std::env::current_exe()?)
            .args(given)
            .env(PINNED, "1")
            .status()?;
        return ended(again);
    }
    if !pinned {
        eprintln!("load: one processor for client and server: the figures say little");
    }
    if let Some(connections) = arguments.idle {
        let idle = idle(connections, pinned.then_some(1))?;
        if arguments.json {
            println!("{}", serde_json::to_string(&idle).map_err(io::Error::other)?);
        } else {
            let Idle { connections, resident_mib, resident_mib_without, handshakes_per_core } = idle;
            println!(
                "{connections} connections: {resident_mib:.0} MiB, {resident_mib_without:.0} without any"
            );
            println!("{handshakes_per_core:.0} full handshakes a second of one core");
        }
        return Ok(());
    }
    let database = if arguments.postgres { new_database() } else { None };
    let mut scene = Scene::new(pinned.then_some(1), database.as_deref());
    if !arguments.json {
        println!(
            "{:<16} {:>10} {:>9} {:>9} {:>12} {:>12}",
            "signatures/s", "per core", "p50 ms", "p99 ms", "echo", "alone"
        );
    }
    for plan in PLANS {
        if !arguments.operations.is_empty() && !arguments.operations.iter().any(|name| name == plan.op) {
            continue;
        }
        let row = scene.measure(plan, arguments.signatures * if plan.op.ends_with("64") { 4 } else { 1 })?;
        if arguments.json {
            println!("{}", serde_json::to_string(&row).map_err(io::Error::other)?);
        } else {
            let Row { op, rate_per_core, p50_ms, p99_ms, echo_rate_per_core, signer_rate_per_core } = row;
            println!(
                "{op:<16} {rate_per_core:>10.0} {p50_ms:>9.2} {p99_ms:>9.2} {echo_rate_per_core:>12.0} {signer_rate_per_core:>12.0}"
            );
        }
    }
    Ok(())
}
