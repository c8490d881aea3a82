//! `smsign status`

use std::sync::Arc;

use cosign_client::{
    Client, ClockComparison, DeviceIdentity, Error, StoredKey, Transport, api::KeyStatus, clock,
};
use cosign_core::{LocalRecord, PinMode};
use serde::Serialize;

use crate::{
    args::Status,
    context::{Context, describe, known_servers},
    output::{Failure, Outcome, Output},
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
    keys: Vec<Key>,
}

/// A key of the store, as this device and, if it answers, its server know it.
#[derive(Serialize)]
struct Key {
    key_id: String,
    purpose: &'static str,
    label: String,
    pin_mode: &'static str,
    /// Whether it came from elsewhere and the server has not confirmed that this device has it now.
    arriving: bool,
    /// Of the local share.
    epoch: u32,
    /// Of the share that a PIN change or refresh made, while the server has not confirmed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unconfirmed_epoch: Option<u32>,
    /// Whether its shares are old enough to be renewed.
    refresh_due: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_view: Option<KeyStatus>,
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
    #[serde(skip)]
    keys: Vec<KeyStatus>,
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
    let stored = store.keys()?;
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
        let views = answer.as_ref().map_or(&[][..], |answer| &answer.keys);
        let here = stored.iter().filter(|key| key.info.server == server);
        let keys = here.map(|key| Key::new(key, views, context.output)).collect();
        entries.push(Entry { server: server.to_string(), reachable: answer.is_some(), error, answer, keys });
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
    let keys = if enrolled { client.keys().await? } else { Vec::new() };
    let transport: Transport = client.connection().transport().await?;
    Ok(Answer {
        transport: transport.to_string(),
        version: server.version,
        suites: server.suites,
        round_trip_ms,
        clock_ahead_ms: ahead_ms,
        clock_ok: ahead_ms.unsigned_abs() <= CLOCK_LIMIT,
        enrolled,
        keys,
    })
}

impl Key {
    /// Says what is to be done about the key, too.
    fn new(key: &StoredKey, views: &[KeyStatus], output: Output) -> Self {
        let (key_id, name) = (&key.info.key_id, describe(key));
        let view = views.iter().find(|view| view.key_id == *key_id).cloned();
        let refresh_due = key.info.is_refresh_due(clock::now_ms());
        if key.next().is_some() {
            output.warn(format_args!(
                "a PIN change or refresh of key {name} is not confirmed; `smsign refresh {key_id}` completes it"
            ));
        } else if key.is_arriving() {
            output.warn(format_args!(
                "key {name} has not arrived on this device; `smsign refresh {key_id}` completes it"
            ));
        } else if view.as_ref().is_some_and(|view| view.pin.refresh_required) {
            output.warn(format_args!(
                "key {name} was unlocked and waits for `smsign pin change {key_id}`, which asks for the old PIN"
            ));
        } else if refresh_due {
            output.warn(format_args!(
                "the shares of key {name} are older than 90 days; `smsign refresh {key_id}` renews them"
            ));
        }
        Self {
            key_id: key_id.clone(),
            purpose: key.info.purpose.as_str(),
            label: key.info.label.clone(),
            pin_mode: key.record().pin_mode().as_str(),
            arriving: key.is_arriving(),
            epoch: key.record().epoch(),
            unconfirmed_epoch: key.next().map(LocalRecord::epoch),
            refresh_due,
            server_view: view,
        }
    }

    fn line(&self) -> String {
        let mut line = format!("  key {:?} ({})  epoch {}", self.label, self.purpose, self.epoch);
        if self.pin_mode == PinMode::Oblivious.as_str() {
            line += ", oblivious PIN mode";
        }
        if self.arriving {
            line += ", has not arrived";
        }
        if let Some(epoch) = self.unconfirmed_epoch {
            line += &format!(", epoch {epoch} not confirmed");
        }
        if let Some(view) = &self.server_view {
            if view.epoch != self.epoch {
                line += &format!(", the server is at epoch {}", view.epoch);
            }
            line += &format!(", {}", view.status);
            line += &match (view.pin.locked, view.pin.refresh_required, view.pin.remaining) {
                (true, _, _) => ", PIN locked".to_owned(),
                (_, true, _) => ", waits for a PIN change".to_owned(),
                (_, _, Some(1)) => ", 1 PIN attempt left".to_owned(),
                (_, _, Some(left)) => format!(", {left} PIN attempts left"),
                (_, _, None) => String::new(),
            };
            if view.pin.retry_s > 0 {
                line += &format!(", the next one in {} s", view.pin.retry_s);
            }
        }
        line
    }
}

fn lines(entry: &Entry) -> Vec<String> {
    let keys = entry.keys.iter().map(Key::line);
    let Some(answer) = &entry.answer else {
        let first = format!("{}  {}", entry.server, entry.error.as_deref().unwrap_or("not reached"));
        return [first].into_iter().chain(keys).collect();
    };
    let clock = if answer.clock_ok { "" } else { "  TOO FAR: set this device's clock" };
    let mut lines = vec![
        format!("{}  cosign-server {} over {}", entry.server, answer.version, answer.transport),
        format!("  suites      {}", answer.suites.join(", ")),
        format!("  round trip  {} ms", answer.round_trip_ms),
        format!("  clock       {:+} ms against the server's{clock}", answer.clock_ahead_ms),
        format!("  this device {}", if answer.enrolled { "is enrolled" } else { "is not enrolled" }),
    ];
    lines.extend(keys);
    lines
}
