//! `smsign audit`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::KeyPurposeArg;

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Check an export of a server's audit log; needs no server and no PIN
    Verify(AuditVerify),
    /// Get every record of an own key, each with the proof that the log holds it
    Fetch(AuditFetch),
}

#[derive(Args)]
pub(crate) struct AuditVerify {
    /// Export, as `cosign-server audit export` and `smsign audit fetch` make it
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The log's public key, PEM or DER, as the operator published it
    #[arg(long, value_name = "FILE")]
    pub(crate) log_key: Option<PathBuf>,
    /// An earlier export or saved head: the log must still hold all that was in it
    #[arg(long, value_name = "FILE")]
    pub(crate) head: Option<PathBuf>,
    /// Remember the tree head in this file, for a later --head
    #[arg(long, value_name = "FILE")]
    pub(crate) save_head: Option<PathBuf>,
    /// List what this key did: its id, or a file with its certificate or public key
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Overwrite a saved head
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct AuditFetch {
    /// Label or id of the key [default: the only key, or the one labelled "default"]
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Which of two keys with the same label
    #[arg(long, value_enum)]
    pub(crate) purpose: Option<KeyPurposeArg>,
    /// Output [default: KEYID.audit]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// An earlier export or saved head: the server must prove that its log continues it
    #[arg(long, value_name = "FILE")]
    pub(crate) head: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}
