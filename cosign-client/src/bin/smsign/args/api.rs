//! Signed requests.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cosign_client::ServerAddress;

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum MethodArg {
    #[value(alias = "GET")]
    Get,
    #[value(alias = "POST")]
    Post,
}

#[derive(Args)]
pub(crate) struct Api {
    /// The server
    #[arg(long, value_name = "HOST:PORT", env = "SMSIGN_SERVER")]
    pub(crate) server: ServerAddress,
    /// CA certificates that vouch for the server, PEM; no other CA counts
    #[arg(long, value_name = "FILE", env = "SMSIGN_CA")]
    pub(crate) ca: PathBuf,
    /// The client's private key
    #[arg(long, value_name = "FILE")]
    pub(crate) client_key: PathBuf,
    /// The client, as the operator's `cosign-server client add` printed it
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: String,
    /// What to do
    #[arg(value_enum, value_name = "METHOD")]
    pub(crate) method: MethodArg,
    /// To what: a path with its query, such as /v1/client/events?after=0
    #[arg(value_name = "PATH")]
    pub(crate) target: String,
    /// JSON to send [default: {}]
    #[arg(value_name = "BODY")]
    pub(crate) body: Option<String>,
    /// Send what is in this file
    #[arg(long, value_name = "FILE", conflicts_with = "body")]
    pub(crate) body_file: Option<PathBuf>,
}
