//! `bench`: what this machine will carry, measured on it.

use std::{sync::Arc, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use super::{Failure, Output, Target, output::say};
use crate::app::{Bottleneck, Commits, Config, Latency, Measured, OsEntropy, SystemClock, bench, start_logs};

#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(flatten)]
    target: Target,
    /// How long each of the measurements takes at most, in seconds.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(arguments: Bench) -> Result<(), Failure> {
    let Bench { target, seconds, output } = arguments;
    let config = Config::read(&target.config)?;
    start_logs(&config.log, "warn");
    let each = Duration::from_secs(seconds);
    let measured = bench(&config, each, Arc::new(SystemClock::new()), Arc::new(OsEntropy)).await?;
    if output.json {
        say(as_json(&measured));
    } else {
        as_lines(&measured);
    }
    Ok(())
}

const fn name(bottleneck: Bottleneck) -> &'static str {
    match bottleneck {
        Bottleneck::Computation => "computation",
        Bottleneck::Disk => "disk",
        Bottleneck::Writer => "writer",
        Bottleneck::Server => "database server",
    }
}

const fn next_step(bottleneck: Bottleneck) -> &'static str {
    match bottleneck {
        Bottleneck::Computation => "more cores (or signer.threads), or another node",
        Bottleneck::Disk => "a disk that is faster to synchronise: one with power loss protection",
        Bottleneck::Writer => "a faster core; one thread writes the rows",
        Bottleneck::Server => "a database server that is nearer, or has a faster disk",
    }
}

fn latency(latency: Latency) -> Value {
    json!({ "p50_us": latency.p50_us, "p99_us": latency.p99_us, "timed": latency.timed })
}

fn as_json(measured: &Measured) -> Value {
    let mut shown = json!({
        "threads": measured.threads,
        "computed_per_s": measured.computed_per_s,
        "carries_per_s": measured.carries_per_s(),
        "bottleneck": name(measured.bottleneck()),
    });
    match measured.commits {
        Commits::File { fdatasync, per_s } => {
            shown["fdatasync"] = latency(fdatasync);
            shown["committed_per_s"] = per_s.into();
        }
        Commits::Server { empty } => shown["empty_commit"] = latency(empty),
    }
    shown
}

fn as_lines(measured: &Measured) {
    let line = |what: &str, value: String| say(format_args!("{what:<24} {value}"));
    let times = |of: Latency| format!("p50 {} us, p99 {} us (of {})", of.p50_us, of.p99_us, of.timed);
    let (rate, threads) = (measured.computed_per_s, measured.threads);
    line("computation", format!("{rate} co-signatures a second with {threads} threads"));
    match measured.commits {
        Commits::File { fdatasync, per_s } => {
            line("fdatasync of 4 KiB", times(fdatasync));
            line("commits", format!("{per_s} durable co-signatures a second, in groups"));
        }
        Commits::Server { empty } => line("empty commit", times(empty)),
    }
    let bottleneck = measured.bottleneck();
    line("this machine carries", format!("{} co-signatures a second at most", measured.carries_per_s()));
    line("bottleneck", format!("{}; more: {}", name(bottleneck), next_step(bottleneck)));
}
