//! `backup`, `restore`, `check`

use std::{fmt::Display, path::PathBuf, sync::Arc};

use clap::Args;
use serde_json::json;

use super::{Failure, Output, Target, commands::offline, output::say};
use crate::app::{Checked, Config, OsEntropy, SystemClock, restore, start_logs};

#[derive(Debug, Args)]
pub(super) struct Backup {
    #[command(flatten)]
    target: Target,
    /// The file to make.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    #[command(flatten)]
    target: Target,
    /// The backup.
    #[arg(value_name = "FILE")]
    backup: PathBuf,
    /// Do everything but put it in place; also while a server runs.
    #[arg(long = "try")]
    only_try: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn back_up(backup: Backup) -> Result<(), Failure> {
    let offline = offline(&backup.target.config).await?;
    let made = offline.back_up(&backup.out).await;
    offline.close().await;
    made?;
    let bytes = std::fs::metadata(&backup.out)?.len();
    let path = backup.out.display();
    if backup.output.json {
        say(json!({ "backup": path.to_string(), "bytes": bytes }));
    } else {
        say(format_args!(
            "{path}, {bytes} bytes. Neither the master key nor the tombstones are in it; keep them elsewhere."
        ));
        say(format_args!(
            "Next: cosign-server restore --try {path} --config {}",
            backup.target.config.display()
        ));
    }
    Ok(())
}

pub(super) async fn put_back(arguments: Restore) -> Result<(), Failure> {
    let Restore { target, backup, only_try, output } = arguments;
    let config = Config::read(&target.config)?;
    start_logs(&config.log, "warn");
    let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(OsEntropy));
    let checked = restore(&config, &backup, clock, entropy, only_try).await?;
    let done = if only_try { "would be whole" } else { "is in place" };
    told(&backup.display(), done, &checked, output);
    if !only_try && !output.json {
        say(
            "A server that is started now waits until four minutes are over, so that nothing is answered twice.",
        );
        say(
            "PIN counters are those of the backup, and so are keys: what was made since has to be made again.",
        );
    }
    Ok(())
}

pub(super) async fn check(arguments: Check) -> Result<(), Failure> {
    let config = Config::read(&arguments.target.config)?;
    let offline = offline(&arguments.target.config).await?;
    let checked = offline.check(&config).await;
    offline.close().await;
    told(&config.database, "is whole", &checked?, arguments.output);
    Ok(())
}

fn told(database: &impl Display, how: &str, checked: &Checked, output: Output) {
    let Checked { sealed, records } = checked;
    if output.json {
        say(json!({ "database": database.to_string(), "sealed": sealed, "audit_records": records }));
    } else {
        say(format_args!(
            "{database} {how}: {sealed} sealed records open, {records} records of the audit log hang together."
        ));
    }
}
