//! What can be typed about signed messages.

use std::path::PathBuf;

use clap::Args;
use envelope::cms::Switch;

use super::{
    SignerTrust,
    envelopes::{DialectArg, switch},
};

#[derive(Args)]
pub(crate) struct SignMessage {
    /// File to sign; - is standard input, kept in a temporary file until its length is known
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Certificate of the key that signs; it goes into the message
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,
    /// The key: its label or id in the store, or a file with a local SM2 private key [default: the key of the store that the
    /// certificate is of]
    #[arg(long, value_name = "KEY", verbatim_doc_comment)]
    pub(crate) key: Option<String>,
    /// Further certificate for the message, such as that of the authority; several are given in several options
    #[arg(long, value_name = "FILE")]
    pub(crate) chain: Vec<PathBuf>,
    /// Leave the content out: the message is a signature beside FILE
    #[arg(long)]
    pub(crate) detached: bool,
    /// For whose tool the message is
    #[arg(long, value_enum, default_value_t = DialectArg::Standard)]
    pub(crate) dialect: DialectArg,
    /// Output; - is standard output [default: FILE.p7s]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct VerifyMessage {
    /// Signed message, DER, BER or PEM; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What was signed, if the message does not carry it; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    pub(crate) content: Option<PathBuf>,
    /// Certificate of a signer: it counts before those in the message
    #[arg(long, value_name = "FILE")]
    pub(crate) signer: Vec<PathBuf>,
    /// Accept signatures against the standard, and say so: no-z-content (Tongsuo), no-z-content-info (GmSSL). Such a signature
    /// is not bound to the signer's key and identity
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = switch, verbatim_doc_comment)]
    pub(crate) compat: Vec<Switch>,
    #[command(flatten)]
    pub(crate) trust: SignerTrust,
    /// Write the content there if every signature verifies, and with --roots every certificate of a signer is valid; - is standard output, of which nothing counts unless the exit code
    /// is 0
    #[arg(long, short, value_name = "FILE", verbatim_doc_comment)]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
}
