//! What a server carries, beside an echo of the same bytes and its computation alone (see `cosign_benches::load`).
#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::{
    io,
    path::PathBuf,
    process::{Command, ExitCode, ExitStatus},
    time::Duration,
};

use cosign_benches::load::{Idle, Overload, PLANS, Row, Scene, Start, idle, serve_echo, start};
use cosign_tests::{postgres::new_database, source};
use serde::Serialize;

const USAGE: &str = "load [--json] [--postgres] [--signatures N] [OPERATION..]
load [--json] [--postgres] [--signatures N] --overload [--seconds N]
load [--json] --idle N | --start N
  Signs through a server on this machine: the client on processor 0, the server on processor 1.
  --json          one object a line
  --postgres      on a PostgreSQL server of its own (or the one that COSIGN_TEST_POSTGRES names), which runs on any processor
  --signatures N  about so many for the rate of each operation, half as many for its latency [default: 40000]
  --overload      ten times what a core carries of framed_single, and whether the server says that it lives meanwhile
  --seconds N     for so long [default: 60]
  --idle N        N connections on which nothing happens, their memory, and handshakes a second
  --start N       the start of a server with N keys in a file of SQLite, at least 8: time and memory
  OPERATION       framed_single, framed_batch64, h3_single, h2_batch64 [default: all]";

/// Says that this process is on its processor already.
const PINNED: &str = "COSIGN_LOAD_PINNED";

struct Arguments {
    json: bool,
    postgres: bool,
    signatures: usize,
    seconds: u64,
    what: What,
    operations: Vec<String>,
}

#[derive(Clone, Copy)]
enum What {
    Operations,
    Overload,
    Idle(usize),
    Start(usize),
}

fn arguments(given: &[String]) -> Option<Arguments> {
    let mut arguments = Arguments {
        json: false,
        postgres: false,
        signatures: 40_000,
        seconds: 60,
        what: What::Operations,
        operations: Vec::new(),
    };
    let mut given = given.iter();
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--json" => arguments.json = true,
            "--postgres" => arguments.postgres = true,
            "--overload" => arguments.what = What::Overload,
            "--idle" => arguments.what = What::Idle(positive(given.next()?)?),
            "--start" => arguments.what = What::Start(positive(given.next()?)?),
            "--signatures" => arguments.signatures = positive(given.next()?)?,
            "--seconds" => arguments.seconds = positive(given.next()?)? as u64,
            name if PLANS.iter().any(|plan| plan.op == name) => arguments.operations.push(name.to_owned()),
            _ => return None,
        }
    }
    Some(arguments)
}

fn positive(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number| *number > 0)
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
    let cpu = pinned.then_some(1);
    let database = || if arguments.postgres { new_database() } else { None };
    match arguments.what {
        What::Operations => operations(arguments, cpu, database().as_deref()),
        What::Overload => {
            let scene = Scene::new(cpu, database().as_deref());
            let length = Duration::from_secs(arguments.seconds);
            show(arguments, &scene.overload(length, arguments.signatures)?, tell_overload)
        }
        What::Idle(connections) => show(arguments, &idle(connections, cpu)?, tell_idle),
        What::Start(keys) => show(arguments, &start(keys, cpu)?, tell_start),
    }
}

fn show<T: Serialize>(arguments: &Arguments, measured: &T, tell: impl FnOnce(&T)) -> io::Result<()> {
    if arguments.json {
        println!("{}", serde_json::to_string(measured).map_err(io::Error::other)?);
    } else {
        tell(measured);
    }
    Ok(())
}

fn tell_overload(overload: &Overload) {
    let Overload { peak_per_core, p99_ms_at_70, offered_per_s, goodput_per_s, goodput_ratio, .. } = overload;
    println!("{peak_per_core:.0} a second and core, p99 at 70 % {p99_ms_at_70:.1} ms");
    println!(
        "offered {offered_per_s:.0} a second: answered {goodput_per_s:.0}, {goodput_ratio:.2} of the peak"
    );
    let Overload { admitted_p99_ms, refused, held_back, .. } = overload;
    println!("p99 of those {admitted_p99_ms:.1} ms; {refused} refused, {held_back} not sent");
    let Overload { resident_mib_before, resident_mib_after, health_worst_ms, health_failures, .. } = overload;
    println!("{resident_mib_before:.0} MiB before, {resident_mib_after:.0} after");
    println!("health: {health_worst_ms:.0} ms at worst, {health_failures} failures");
}

fn tell_idle(idle: &Idle) {
    let Idle { connections, resident_mib, resident_mib_without, handshakes_per_core } = idle;
    println!("{connections} connections: {resident_mib:.0} MiB, {resident_mib_without:.0} without any");
    println!("{handshakes_per_core:.0} full handshakes a second of one core");
}

fn tell_start(start: &Start) {
    let Start { keys, records, listening_ms, first_signature_ms, .. } = start;
    println!("{keys} keys, {records} audit records: listens after {listening_ms:.0} ms");
    println!("first signature after {first_signature_ms:.0} ms");
    println!("{:.0} MiB, {:.0} after 1000 signatures", start.resident_mib, start.resident_mib_signed);
}

fn operations(arguments: &Arguments, cpu: Option<usize>, database: Option<&str>) -> io::Result<()> {
    let mut scene = Scene::new(cpu, database);
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
        eprintln!("load: measures {}", plan.op);
        let row = scene.measure(plan, arguments.signatures * if plan.op.ends_with("64") { 4 } else { 1 })?;
        show(arguments, &row, tell_row)?;
    }
    Ok(())
}

fn tell_row(row: &Row) {
    let Row { op, rate_per_core, p50_ms, p99_ms, echo_rate_per_core, signer_rate_per_core } = row;
    println!(
        "{op:<16} {rate_per_core:>10.0} {p50_ms:>9.2} {p99_ms:>9.2} {echo_rate_per_core:>12.0} {signer_rate_per_core:>12.0}"
    );
}
