//! What can be typed about envelopes and signed messages.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use envelope::cms::{Cipher, Dialect, Switch};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ContentFormat {
    /// SM4-CBC: every tool reads it; changes are not noticed
    Cbc,
    /// SM4-GCM: a changed envelope does not open; at most 64 GiB
    Gcm,
}

impl From<ContentFormat> for Cipher {
    fn from(format: ContentFormat) -> Self {
        match format {
            ContentFormat::Cbc => Self::Cbc,
            ContentFormat::Gcm => Self::Gcm,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DialectArg {
    /// GM/T 0010 by the book
    Standard,
    /// As CFCA SADK and gmsm write it
    Cfca,
    /// As GmSSL 3 writes it; recipients are certificates
    Gmssl,
    /// CMS of RFC 5652, as BouncyCastle reads it
    Rfc,
}

impl From<DialectArg> for Dialect {
    fn from(dialect: DialectArg) -> Self {
        match dialect {
            DialectArg::Standard => Self::Standard,
            DialectArg::Cfca => Self::Cfca,
            DialectArg::Gmssl => Self::GmSsl,
            DialectArg::Rfc => Self::Rfc,
        }
    }
}

#[derive(Args)]
pub(crate) struct Encrypt {
    /// File to encrypt; - is standard input, kept in a temporary file until its length is known
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Recipient: a file with a certificate or public key (PEM or DER), or the label or id of an own key
    #[arg(long, required = true, value_name = "WHOM")]
    pub(crate) to: Vec<String>,
    /// Output; - is standard output [default: FILE.p7]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How the content is encrypted
    #[arg(long, value_enum, default_value_t = ContentFormat::Cbc)]
    pub(crate) format: ContentFormat,
    /// For whose tool the envelope is
    #[arg(long, value_enum, default_value_t = DialectArg::Standard)]
    pub(crate) dialect: DialectArg,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
#[command(group = ArgGroup::new("envelope").args(["file", "input"]).required(true))]
pub(crate) struct Decrypt {
    /// Envelope to open, DER, BER or PEM; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The same as FILE
    #[arg(long = "in", value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Output, readable by its owner only; - is standard output, of which nothing counts unless the exit code is 0
    /// [default: FILE without .p7]
    #[arg(long, short, value_name = "FILE", verbatim_doc_comment)]
    pub(crate) out: Option<PathBuf>,
    /// Label or id of the key, or a file as for --private-key [default: whichever the envelope names]
    #[arg(long, value_name = "KEY", conflicts_with = "private_key")]
    pub(crate) key: Option<String>,
    /// Certificate of the key, for envelopes that name it by issuer and serial number
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// Open with this local SM2 private key instead of the server
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key: Option<PathBuf>,
    /// Open an encryptedData with this SM4 key (32 hexadecimal digits)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "private_key", "cert"])]
    pub(crate) content_key: Option<PathBuf>,
    /// Certificate of a signer of a signedAndEnvelopedData that does not carry it
    #[arg(long, value_name = "FILE")]
    pub(crate) signer: Vec<PathBuf>,
    /// Read what other tools write against the standard, and say so: raw-key-c1c3c2, raw-key-c1c2c3 (encrypted keys that are
    /// not DER), ecb (keys from a certification authority), no-z-content (Tongsuo), no-z-content-info (GmSSL); the last two
    /// weaken signatures
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = switch, verbatim_doc_comment,
        default_value = "raw-key-c1c2c3,ecb")]
    pub(crate) compat: Vec<Switch>,
    /// Read nothing that takes a name in --compat
    #[arg(long, conflicts_with = "compat")]
    pub(crate) strict: bool,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

pub(super) fn switch(name: &str) -> Result<Switch, String> {
    Switch::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Switch::ALL.iter().map(|switch| switch.name()).collect();
        format!("known are {}", names.join(", "))
    })
}

#[derive(Args)]
pub(crate) struct Inspect {
    /// A sealed bid, a message of GM/T 0010 or CMS, a certificate, a certification request or the response to one, a key or
    /// key file, an SM2EnvelopedKey; DER, BER or PEM; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
