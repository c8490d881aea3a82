//! `smsign status`

use std::sync::Arc;

use cosign_client::{Client, ClockComparison, DeviceIdentity, Error, Transport};
use serde::Serialize;

use crate::{
    args::Status,
    context::{Context, known_servers},
    output::{Failure, Outcome},
};

/// The server refuses requests whose clock is further off than this, milliseconds.
const CLOCK_LIMIT: u64 = 120_000;

#[derive(Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    servers: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    server: String,
    reachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    answer: Option<Answer>,
}

#[derive(Serialize)]
struct Answer {
    transport: String,
    version: String,
    suites: Vec<String>,
    round_trip_ms: u64,
    /// This device's clock minus the server's.
    clock_ahead_ms: i64,
    clock_ok: bool,
    enrolled: bool,
}

pub(crate) fn run(arguments: &Status, context: &Context) -> Result<Outcome, Failure> {
    let store = context.store()?;
    let servers = if arguments.server.server.is_some() {
        vec![context.server(&store, &arguments.server)?]
    } else {
        known_servers(&store)?
    };
    if servers.is_empty() {
        return Err(Failure::Usage(
            "there is no key yet; give the server with --server HOST:PORT --ca FILE".into(),
        ));
    }
    let device: Option<Arc<DeviceIdentity>> = store.device()?.map(|device| device.identity);
    let device_id = device.as_ref().map(|device| device.id().to_string());
    let mut entries = Vec::new();
    for (server, trust) in servers {
        let client = context.client(server.clone(), trust, device.clone());
        let answer = context.run(async {
            let answer = ask(&client).await;
            client.connection().close().await;
            Ok(answer)
        })?;
        let (answer, error) = match answer {
            Ok(answer) => (Some(answer), None),
            Err(error) => (None, Some(error.to_string())),
        };
        entries.push(Entry { server: server.to_string(), reachable: answer.is_some(), error, answer });
    }
    let reached = entries.iter().all(|entry| entry.reachable);
    let lines: Vec<String> = entries.iter().flat_map(lines).collect();
    context.output.result(&Report { device_id, servers: entries }, lines)?;
    Ok(if reached { Outcome::Done } else { Outcome::NotReached })
}

async fn ask(client: &Client) -> Result<Answer, Error> {
    let ClockComparison { server, ahead_ms, round_trip_ms } = client.compare_clocks().await?;
    let enrolled = match client.device().await {
        Ok(_) => true,
        Err(Error::Api(_)) => false,
        Err(error) => return Err(error),
    };
    let transport: Transport = client.connection().transport().await?;
    Ok(Answer {
        transport: transport.to_string(),
        version: server.version,
        suites: server.suites,
        round_trip_ms,
        clock_ahead_ms: ahead_ms,
        clock_ok: ahead_ms.unsigned_abs() <= CLOCK_LIMIT,
        enrolled,
    })
}

fn lines(entry: &Entry) -> Vec<String> {
    let Some(answer) = &entry.answer else {
        return vec![format!("{}  {}", entry.server, entry.error.as_deref().unwrap_or("not reached"))];
    };
    let clock = if answer.clock_ok { "" } else { "  TOO FAR: set this device's clock" };
    vec![
        format!("{}  cosign-server {} over {}", entry.server, answer.version, answer.transport),
        format!("  suites      {}", answer.suites.join(", ")),
        format!("  round trip  {} ms", answer.round_trip_ms),
        format!("  clock       {:+} ms against the server's{clock}", answer.clock_ahead_ms),
        format!("  this device {}", if answer.enrolled { "is enrolled" } else { "is not enrolled" }),
    ]
}
