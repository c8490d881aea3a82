//! `smsign`: sign and decrypt with an SM2 key of which this device holds only a half.

mod args;
mod command;
mod context;
mod instant;
mod keyfile;
mod output;
mod pin_entry;
mod progress;

use std::process::ExitCode;

use clap::Parser;

use self::{args::Cli, context::Context};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = match Context::new(&cli.global) {
        Ok(context) => context,
        Err(failure) => return output::Output::new(&cli.global).fail(&failure),
    };
    let output = context.output;
    let outcome = command::run(cli.command, &context);
    // What was cut off removes its files and its progress bar before the last word.
    context.end();
    match outcome {
        Ok(outcome) => outcome.exit_code(),
        Err(failure) => output.fail(&failure),
    }
}
