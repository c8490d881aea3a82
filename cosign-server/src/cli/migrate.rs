//! `migrate`: the database is brought to the version of the program.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::{Failure, Output, Target, output::say};
use crate::{
    app::{Config, OsEntropy, SystemClock, migrate, start_logs},
    store::{Schema, Step, look},
};

#[derive(Debug, Args)]
pub(super) struct Migrate {
    #[command(flatten)]
    target: Target,
    /// Only tell what would be done. Exit code 1 if no server of this version starts before it is.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(arguments: Migrate) -> Result<(), Failure> {
    let Migrate { target, check, output } = arguments;
    let config = Config::read(&target.config)?;
    start_logs(&config.log, "warn");
    let before = if check {
        look(&config.database).await?.schema
    } else {
        migrate(&config, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await?
    };
    told(&before, !check, output);
    if check { Ok(before.serves()?) } else { Ok(()) }
}

fn told(before: &Schema, is_applied: bool, output: Output) {
    let Schema { version, known, pending, newer } = before;
    if output.json {
        let steps = |steps: &[Step]| -> Vec<_> {
            let step = |step: &Step| json!({ "version": step.version, "name": step.name, "additive": step.is_additive() });
            steps.iter().map(step).collect()
        };
        return say(json!({
            "database": version,
            "program": known,
            "pending": steps(pending),
            "newer": steps(newer),
            "applied": is_applied,
        }));
    }
    for (steps, what) in
        [(pending, if is_applied { "applied" } else { "pending" }), (newer, "of a newer program")]
    {
        for step in steps {
            let beside = if step.is_additive() { ", servers of before may go on" } else { "" };
            say(format_args!("{}  {what}: {}{beside}", step.version, step.name));
        }
    }
    if pending.is_empty() {
        say(format_args!("The database has version {version}; this program works with it as it is."));
    }
}
