//! What can be typed about keys that come and go.

use std::path::PathBuf;

use clap::Args;
use cosign_client::DEFAULT_LABEL;
use cosign_core::KeyId;

use super::{DEFAULT_DISTID, Enrolment, KeyPurposeArg, ServerArgs};

#[derive(Args)]
pub(crate) struct Receive {
    /// Id of the key on the device that has it (`smsign keys list`)
    #[arg(value_name = "KEY_ID")]
    pub(crate) of: KeyId,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// What to call the key
    #[arg(long, default_value = DEFAULT_LABEL)]
    pub(crate) label: String,
    #[command(flatten)]
    pub(crate) enrolment: Enrolment,
    /// Distinguishing id that goes into Z when this key signs
    #[arg(long, value_name = "ID", default_value = DEFAULT_DISTID)]
    pub(crate) distid: String,
    #[command(flatten)]
    pub(crate) exchange: Exchange,
}

/// How a command that waits for an answer asks and gets it.
#[derive(Args)]
pub(crate) struct Exchange {
    /// Write what the other side needs to this file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) request: Option<PathBuf>,
    /// Wait for this file with the answer [default: read it from standard input]
    #[arg(long, value_name = "FILE")]
    pub(crate) reply: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct HandOver {
    /// Label or id of the key [default: the one that the invitation asks for]
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The invitation that the other device shows, or @ and the name of a file that holds it
    #[arg(long, value_name = "INVITATION")]
    pub(crate) to: String,
    /// The check code that the other device shows [default: asked for at the terminal]
    #[arg(long, value_name = "CODE")]
    pub(crate) check: Option<String>,
}

#[derive(Args)]
pub(crate) struct Recover {
    /// Id that the operator issued to this device for the key
    #[arg(value_name = "KEY_ID")]
    pub(crate) key_id: KeyId,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// What to call the key
    #[arg(long, default_value = DEFAULT_LABEL)]
    pub(crate) label: String,
    #[command(flatten)]
    pub(crate) exchange: Exchange,
}

#[derive(Args)]
pub(crate) struct Forget {
    /// Label or id of the key
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// Which of two keys with the same label
    #[arg(long, value_enum)]
    pub(crate) purpose: Option<KeyPurposeArg>,
    /// Do not ask the server; a key that is in use is lost then
    #[arg(long)]
    pub(crate) force: bool,
}
