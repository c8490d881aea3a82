//! `rotate-key` and `master-key`: other keys beside a running server.

use std::{path::Path, sync::Arc};

use serde_json::json;

use super::{
    Failure, MasterKey, RotateKey,
    output::{remark, say},
};
use crate::{
    app::{Config, MasterKeySource, Offline, OsEntropy, SystemClock, start_logs},
    signer::Sealer,
    store::Access,
};

pub(super) async fn rotate(command: RotateKey) -> Result<(), Failure> {
    let RotateKey { target, all, output } = command;
    let (offline, sealer) = open(&target.config).await?;
    let rotated = new_wrapping_key(&sealer, all).await;
    offline.close().await;
    let (version, resealed) = rotated?;
    let versions = sealer.keys().versions();
    if output.json {
        say(json!({ "newest": version, "versions": versions, "resealed": resealed }));
        return Ok(());
    }
    say(format_args!("Wrapping key {version} is in use."));
    if versions.len() > 1 {
        say("A running server seals the other shares under it bit by bit; `--all` does it now.");
    }
    Ok(())
}

pub(super) async fn run(command: MasterKey) -> Result<(), Failure> {
    let MasterKey::Replace { target, new, output } = command;
    let (offline, sealer) = open(&target.config).await?;
    let replaced = replace(&sealer, &new).await;
    offline.close().await;
    replaced?;
    if output.json {
        say(json!({ "master_key": new.to_string() }));
        return Ok(());
    }
    say(format_args!("The database belongs to {new} now. Back both up."));
    say(format_args!("Next: name it as master_key in {}, restart the server.", target.config.display()));
    say("Keep the old master key as long as backups of the database from before are kept.");
    Ok(())
}

pub(super) async fn open(path: &Path) -> Result<(Offline, Sealer), Failure> {
    let config = Config::read(path)?;
    start_logs(&config.log, "warn");
    let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(OsEntropy));
    let offline = Offline::open(&config, Access::Existing, clock, entropy).await?;
    let sealer = offline.sealer(&config).await?;
    Ok((offline, sealer))
}

async fn new_wrapping_key(sealer: &Sealer, all: bool) -> Result<(u32, usize), Failure> {
    let version = sealer.rotate().await?;
    let mut resealed = 0;
    if all {
        let mut after = None;
        loop {
            let (last, done) = sealer.reseal(after).await?;
            resealed += done;
            remark(format_args!("{resealed} shares sealed under wrapping key {version}"));
            after = last;
            if after.is_none() {
                break;
            }
        }
        sealer.drop_unused().await?;
    }
    Ok((version, resealed))
}

async fn replace(sealer: &Sealer, new: &MasterKeySource) -> Result<(), Failure> {
    let master = new.open(Access::Create, &OsEntropy)?;
    Ok(sealer.replace(&*master).await?)
}
