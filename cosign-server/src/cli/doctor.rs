//! `doctor`: what an operator has to see to.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::{Failure, Output, Target, output::say};
use crate::app::{Config, Level, OsEntropy, SystemClock, doctor, start_logs};

#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(arguments: Doctor) -> Result<(), Failure> {
    let Doctor { target, output } = arguments;
    if let Ok(config) = Config::read(&target.config) {
        start_logs(&config.log, "error");
    }
    let findings = doctor(&target.config, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await;
    for finding in &findings {
        if output.json {
            say(json!(finding));
            continue;
        }
        let level = match finding.level {
            Level::Ok => "ok",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        };
        say(format_args!("{level:<8} {:<22} {}", finding.check, finding.detail));
        if !finding.next_step.is_empty() {
            say(format_args!("{:<31} next: {}", "", finding.next_step));
        }
    }
    match findings.iter().filter(|finding| finding.level == Level::Error).count() {
        0 => Ok(()),
        errors => Err(Failure::Unfit(errors)),
    }
}
