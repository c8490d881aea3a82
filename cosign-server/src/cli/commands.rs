//! What the commands do.

use std::{path::Path, sync::Arc, time::Duration};

use cosign_core::KeyId;
use serde_json::json;

use super::{
    Failure, Init, Key, OneKey, OneOrAll, Output,
    output::{key_json, key_line, say},
    recover, until_signal,
};
use crate::{
    app::{Config, Folder, Offline, OsEntropy, Server, SystemClock, start_logs},
    domain::{key::Change, services::KeyView},
    store::Access,
};

pub(super) async fn serve(path: &Path) -> Result<(), Failure> {
    let config = Config::read(path)?;
    start_logs(&config.log, "info");
    // Before the first secret is read.
    #[cfg(target_os = "linux")]
    crate::app::protect();
    let stop = until_signal()?;
    let mut stopped = stop.clone();
    let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(OsEntropy));
    let server = tokio::select! {
        server = Server::start(&config, Access::Existing, clock, entropy) => server?,
        _ = stopped.wait_for(|stop| *stop) => return Ok(()),
    };
    tracing::info!(address = %server.address(), version = env!("CARGO_PKG_VERSION"), "serving");
    server.run(stop).await;
    tracing::info!("stopped");
    Ok(())
}

pub(super) async fn init(init: &Init) -> Result<(), Failure> {
    let folder = Folder::at(&init.data);
    let (clock, entropy) = (SystemClock::new(), OsEntropy);
    let is_new = !init.data.exists();
    let made = async {
        let config =
            folder.create(init.listen, init.names.clone(), init.database.clone(), &clock, &entropy)?;
        make_tables(&config, Arc::new(clock), Arc::new(entropy)).await?;
        Ok::<_, Failure>(config)
    };
    let made = made.await;
    if made.is_err() && is_new {
        // Nothing in it is of use without its database. Why it is not there says more than that it cannot be removed.
        drop(std::fs::remove_dir_all(&init.data));
    }
    let config = made?;
    let path = folder.config_path();
    say(format_args!("Made {}.", init.data.display()));
    say(format_args!(
        "Back up {} separately from the database: without it no key can be used.",
        config.master_key
    ));
    say(format_args!("Next: cosign-server serve --config {}", path.display()));
    say(format_args!("      cosign-server enrol-code new --config {}", path.display()));
    Ok(())
}

async fn make_tables(
    config: &Config,
    clock: Arc<SystemClock>,
    entropy: Arc<OsEntropy>,
) -> Result<(), Failure> {
    let offline = Offline::open(config, Access::Create, clock, entropy).await?;
    let made = offline.init(config).await;
    offline.close().await;
    Ok(made?)
}

pub(super) async fn offline(path: &Path) -> Result<Offline, Failure> {
    let config = Config::read(path)?;
    start_logs(&config.log, "warn");
    Ok(Offline::open(&config, Access::Existing, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await?)
}

pub(super) async fn new_code(path: &Path, uses: u32, ttl: Duration, as_json: bool) -> Result<(), Failure> {
    let offline = offline(path).await?;
    let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    let code = offline.operator.new_code(uses, ttl_ms).await;
    offline.close().await;
    let code = code?;
    if as_json {
        say(json!({ "enrolment_code": code.expose(), "uses": uses, "ttl_s": ttl.as_secs() }));
    } else {
        say(code.expose());
    }
    Ok(())
}

pub(super) async fn key(key: Key) -> Result<(), Failure> {
    let (one, change) = match key {
        Key::List { target, limit, output } => {
            let offline = offline(&target.config).await?;
            let keys = offline.operator.keys(limit).await;
            offline.close().await;
            list(&keys?, output);
            return Ok(());
        }
        Key::Show(one) => {
            let offline = offline(&one.target.config).await?;
            let key = offline.operator.key(&one.key_id).await;
            offline.close().await;
            show(&key?, &one);
            return Ok(());
        }
        Key::Unlock(one) => {
            let offline = offline(&one.target.config).await?;
            let key = offline.operator.unlock(&one.key_id).await;
            offline.close().await;
            show(&key?, &one);
            return Ok(());
        }
        Key::Seats { one, count } => {
            let offline = offline(&one.target.config).await?;
            let key = offline.operator.set_seats(&one.key_id, count).await;
            offline.close().await;
            show(&key?, &one);
            return Ok(());
        }
        Key::Recover(recover) => return recover::run(recover).await,
        Key::Freeze(OneOrAll { one, all_shares: true }) => return change_all(&one, Change::Freeze).await,
        Key::Revoke(OneOrAll { one, all_shares: true }) => return change_all(&one, Change::Revoke).await,
        Key::Freeze(OneOrAll { one, .. }) => (one, Change::Freeze),
        Key::Unfreeze(one) => (one, Change::Unfreeze),
        Key::Revoke(OneOrAll { one, .. }) => (one, Change::Revoke),
    };
    let offline = offline(&one.target.config).await?;
    let key = offline.operator.change(&one.key_id, change).await;
    offline.close().await;
    show(&key?, &one);
    Ok(())
}

async fn change_all(one: &OneKey, change: Change) -> Result<(), Failure> {
    let offline = offline(&one.target.config).await?;
    let keys = offline.operator.change_all(&one.key_id, change).await;
    offline.close().await;
    list(&keys?, one.output);
    Ok(())
}

fn list(keys: &[KeyView], output: Output) {
    if output.json {
        say(json!({ "keys": keys.iter().map(key_json).collect::<Vec<_>>() }));
    } else {
        keys.iter().for_each(|key| say(key_line(key)));
    }
}

fn show(key: &KeyView, one: &OneKey) {
    if one.output.json { say(key_json(key)) } else { say(key_line(key)) }
}

pub(super) fn version(as_json: bool) {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    if as_json {
        say(json!({ "name": name, "version": version }));
    } else {
        say(format_args!("{name} {version}"));
    }
}

/// Reads a key id.
pub(super) fn parse_key_id(text: &str) -> Result<KeyId, String> {
    text.parse().map_err(|_| "a key id has 32 hexadecimal digits; `key list` shows them".to_owned())
}
