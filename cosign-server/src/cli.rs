//! The command line.

mod audit;
mod backup;
mod bench;
mod ca;
mod client;
mod commands;
mod doctor;
mod duration;
mod master_key;
mod migrate;
mod opening_key;
mod operators;
mod output;
mod recover;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Args, Parser, Subcommand};
use cosign_core::{DeviceId, KeyId, PinMode, Suite, sm_primitives::sm2::PublicKey};
use thiserror::Error;
use tokio::sync::watch;

use crate::{
    app::{BackupError, BenchError, ConfigError, FolderError, MasterKeyError, MasterKeySource, StartError},
    dev::{DevError, DevOptions},
    domain::{Error as DomainError, device::Name},
    signer::{EscrowError, LogError, SealerError},
    store::{OpenError, Source},
};

pub(crate) use output::say;

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 it failed, the message says why; 2 the command line is wrong; 3 the audit log is broken;
4 the key does not exist or its state does not allow it.";

/// The signing server of a two-party SM2 system.
#[derive(Debug, Parser)]
#[command(name = "cosign-server", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGINT or SIGTERM.
    Serve(Target),
    /// Make a data folder: configuration, channel certificates, master key, database.
    Init(Init),
    /// Show the whole thing on this machine: a server with everything embedded, and a signer that uses it.
    Dev(Dev),
    /// Enrolment codes.
    #[command(subcommand)]
    EnrolCode(EnrolCode),
    /// Keys, directly on the database; a running server obeys at once.
    #[command(subcommand)]
    Key(Key),
    /// Make a new wrapping key. A running server seals all shares under it bit by bit, then drops the old one.
    RotateKey(RotateKey),
    /// The master key, under which the wrapping keys are; a running server goes on.
    #[command(subcommand)]
    MasterKey(MasterKey),
    /// Opening keys: bids that are locked to one open at a time that they name, not before.
    #[command(subcommand)]
    OpeningKey(opening_key::OpeningKeys),
    /// Certification authorities: certificates, revocation lists, the escrow of decryption keys.
    #[command(subcommand)]
    Ca(ca::Ca),
    /// Clients of the API: programs that sign their requests; a running server obeys at once.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// Operators over the API: which devices are administrators, reviewers and auditors.
    #[command(subcommand)]
    Operator(operators::Operators),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Write a copy of the database, beside a running server.
    Backup(backup::Backup),
    /// Put a backup in the place of the database, or try whether it could be.
    Restore(backup::Restore),
    /// Check that the database is whole: pages, what is sealed, the audit log.
    Check(backup::Check),
    /// Look at everything around the server that an operator can get wrong, and say what to do. Changes nothing.
    Doctor(doctor::Doctor),
    /// Measure what this machine will carry, in a few seconds and beside everything else. Changes nothing.
    Bench(bench::Bench),
    /// Bring the database to the version of this program: back it up, stop every server on it, then this.
    Migrate(migrate::Migrate),
    /// Print the description of the HTTP API (OpenAPI 3.1).
    #[command(name = "openapi")]
    OpenApi,
    /// Print the version.
    Version(Output),
}

#[derive(Debug, Args)]
struct Target {
    /// Configuration file.
    #[arg(long, env = "COSIGN_CONFIG", default_value = "cosign-data/cosign.toml")]
    config: PathBuf,
}

#[derive(Clone, Copy, Debug, Args)]
struct Output {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Init {
    /// The folder to make.
    #[arg(long)]
    data: PathBuf,
    /// Address of both sockets, UDP and TCP.
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Host names and IP addresses for the channel certificate.
    #[arg(long = "name", default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()])]
    names: Vec<String>,
    /// A file in the folder, or `postgres://USER@HOST:PORT/NAME` for a database that several nodes share.
    #[arg(long, default_value = "cosign.db")]
    database: Source,
}

#[derive(Debug, Args)]
struct Dev {
    /// Address to listen on. Without it: 127.0.0.1:8443, or a free port if that is taken.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Data folder; made if it does not exist, kept between runs.
    #[arg(long, default_value = "cosign-data", conflicts_with = "once")]
    data: PathBuf,
    /// Do it once in a temporary data folder and exit: 0 only if everything held.
    #[arg(long, requires = "file", requires = "out")]
    once: bool,
    /// The file to sign and encrypt. Without it: a small sample.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Folder for the results.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum EnrolCode {
    /// Make a code and print it. It is shown once; only its hash is stored.
    New {
        #[command(flatten)]
        target: Target,
        /// How many devices it enrols.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        uses: u32,
        /// How long it is good: a number with s, m, h or d.
        #[arg(long, default_value = "24h", value_parser = duration::parse)]
        ttl: Duration,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
enum Key {
    /// List keys, oldest first.
    List {
        #[command(flatten)]
        target: Target,
        /// At most so many.
        #[arg(long, default_value_t = 1000)]
        limit: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Show one key.
    Show(OneKey),
    /// Suspend a key.
    Freeze(OneOrAll),
    /// Make a suspended key active again.
    Unfreeze(OneKey),
    /// End a key for good and destroy the server's share. Cannot be undone.
    Revoke(OneOrAll),
    /// Reset the PIN counters after the owner was identified; the next operation must be a PIN change.
    Unlock(OneKey),
    /// Set how many shares of a key its owner may give to others. Those that are given already stay until they are revoked.
    Seats {
        #[command(flatten)]
        one: OneKey,
        /// How many.
        count: u32,
    },
    /// Revoke all that is left of a decryption key and let a device import it, as key recovery gave it back.
    Recover(Recover),
}

#[derive(Debug, Args)]
struct OneKey {
    #[command(flatten)]
    target: Target,
    /// The key, 32 hexadecimal digits.
    #[arg(value_parser = commands::parse_key_id)]
    key_id: KeyId,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct OneOrAll {
    #[command(flatten)]
    one: OneKey,
    /// All key ids with the same public key, together. Lists what was changed.
    #[arg(long)]
    all_shares: bool,
}

#[derive(Debug, Args)]
struct Recover {
    #[command(flatten)]
    target: Target,
    /// Its public key: a PEM file, or X and Y as 128 hexadecimal digits.
    #[arg(long, value_parser = recover::parse_public_key)]
    public_key: PublicKey,
    /// The device that will import it, 64 hexadecimal digits.
    #[arg(long, value_parser = recover::parse_device)]
    device: DeviceId,
    /// How its two shares work together.
    #[arg(long, default_value = "D", value_parser = recover::parse_suite)]
    suite: Suite,
    /// How its PIN protects it: by the device alone, or with an evaluation by the server for each attempt (oblivious).
    #[arg(long, default_value = "base", value_parser = recover::parse_pin_mode)]
    pin_mode: PinMode,
    /// What its owner calls it.
    #[arg(long, value_parser = recover::parse_label)]
    label: Name,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct RotateKey {
    #[command(flatten)]
    target: Target,
    /// Seal all shares under it now.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum MasterKey {
    /// Wrap the wrapping keys under another master key, in one transaction. Then change the configuration and restart
    /// the server.
    Replace {
        #[command(flatten)]
        target: Target,
        /// The new master key, as the configuration names it: a file, `env:NAME` or `pkcs11:...`. A file, or the key on a
        /// token, is made if it is not there.
        #[arg(long)]
        new: MasterKeySource,
        #[command(flatten)]
        output: Output,
    },
}

/// Why a command failed.
#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Sealer(#[from] SealerError),
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error("{0}")]
    Domain(#[from] DomainError),
    #[error(transparent)]
    Dev(#[from] DevError),
    #[error(transparent)]
    Escrow(#[from] EscrowError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Bench(#[from] BenchError),
    #[error("{path}: {what}")]
    Content { path: PathBuf, what: String },
    #[error("{path}: {error}")]
    File { path: PathBuf, error: std::io::Error },
    #[error("the audit log is broken at record {}: {}", .0.seq, .0.why)]
    Audit(crate::domain::audit::Broken),
    #[error("{0} of these are errors")]
    Unfit(usize),
    #[error("{0}")]
    System(#[from] std::io::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Audit(_)
            | Self::Backup(BackupError::Audit(_))
            | Self::Start(StartError::Log(
                LogError::Shorter { .. } | LogError::Rewritten { .. } | LogError::Forged,
            )) => 3,
            Self::Domain(DomainError::NotFound | DomainError::Conflict(_)) => 4,
            _ => 1,
        })
    }
}

/// Parses the command line and does what it says.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            failure.exit_code()
        }
    }
}

fn execute(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        match command {
            Command::Serve(target) => commands::serve(&target.config).await,
            Command::Init(init) => commands::init(&init).await,
            Command::Dev(dev) => {
                let options = DevOptions {
                    listen: dev.listen,
                    data: dev.data,
                    once: dev.once,
                    file: dev.file,
                    out: dev.out,
                };
                Ok(crate::dev::run(options, until_signal()?).await?)
            }
            Command::EnrolCode(EnrolCode::New { target, uses, ttl, output }) => {
                commands::new_code(&target.config, uses, ttl, output.json).await
            }
            Command::Key(key) => commands::key(key).await,
            Command::RotateKey(command) => master_key::rotate(command).await,
            Command::MasterKey(command) => master_key::run(command).await,
            Command::OpeningKey(command) => opening_key::run(command).await,
            Command::Ca(command) => ca::run(command).await,
            Command::Client(command) => client::run(command).await,
            Command::Operator(command) => operators::run(command).await,
            Command::Audit(audit) => audit::run(audit).await,
            Command::Backup(command) => backup::back_up(command).await,
            Command::Restore(command) => backup::put_back(command).await,
            Command::Check(command) => backup::check(command).await,
            Command::Doctor(command) => doctor::run(command).await,
            Command::Bench(command) => bench::run(command).await,
            Command::Migrate(command) => migrate::run(command).await,
            Command::OpenApi => {
                say(crate::api::document().trim_end());
                Ok(())
            }
            Command::Version(output) => {
                commands::version(output.json);
                Ok(())
            }
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// Turns true at SIGINT or SIGTERM.
#[expect(clippy::disallowed_methods, reason = "the task ends with the first signal or with the runtime")]
fn until_signal() -> Result<watch::Receiver<bool>, std::io::Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.send_replace(true);
    });
    Ok(stopped)
}
