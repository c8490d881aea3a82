//! What can be typed about sealed bids.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ServerArgs, SignerTrust};
use crate::instant::Instant;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelArg {
    /// The platform alone opens it
    Platform,
    /// The bidder alone opens it
    Bidder,
    /// It takes platform and bidder
    Both,
    /// Any --threshold of the roles given with --to
    Custom,
}

#[derive(Args)]
pub(crate) struct SealBid {
    /// Files and folders; - reads standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) inputs: Vec<PathBuf>,
    /// What to call the file that comes from standard input
    #[arg(long, value_name = "NAME", default_value = "stdin")]
    pub(crate) name: String,
    /// Project, readable by everybody
    #[arg(long, default_value = "")]
    pub(crate) project: String,
    /// Section of the project, readable by everybody
    #[arg(long, default_value = "")]
    pub(crate) section: String,
    /// Bidder, readable by everybody
    #[arg(long, default_value = "")]
    pub(crate) bidder: String,
    /// Further metadata, readable by everybody
    #[arg(long = "meta", value_name = "KEY=VALUE")]
    pub(crate) metadata: Vec<String>,
    /// Who must come together to open it
    #[arg(long, value_enum)]
    pub(crate) model: ModelArg,
    /// Holder of the share of a role (platform, bidder, or with `custom` any): a file with a certificate or public key, or the
    /// label or id of an own key. ROLE= may be left out where there is one role only. Several may hold the same share
    #[arg(long, required = true, value_name = "[ROLE=]WHOM", verbatim_doc_comment)]
    pub(crate) to: Vec<String>,
    /// How many shares open it, with --model custom
    #[arg(long, value_name = "M", required_if_eq("model", "custom"))]
    pub(crate) threshold: Option<u8>,
    /// Stays closed until then: 2026-12-01T09:30:00+08:00, or unix seconds. The signing server sees to it
    #[arg(long, value_name = "TIME", requires = "opening_key")]
    pub(crate) not_before: Option<Instant>,
    /// The opening key of the signing server, PEM
    #[arg(long, value_name = "FILE", requires = "not_before")]
    pub(crate) opening_key: Option<PathBuf>,
    /// Sign it with this key: its label or id in the store, or a file with a local SM2 private key
    #[arg(long, value_name = "KEY", requires = "cert")]
    pub(crate) sign_with: Option<String>,
    /// Certificate of the key that signs; it goes into the bid
    #[arg(long, value_name = "FILE", requires = "sign_with")]
    pub(crate) cert: Option<PathBuf>,
    /// Size of the chunks: 2^EXPONENT bytes
    #[arg(long, value_name = "EXPONENT", default_value_t = 20, value_parser = clap::value_parser!(u8).range(16..=24))]
    pub(crate) chunk_size: u8,
    /// Output; - writes to standard output [default: the first PATH with .bid]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// With which keys a bid is opened.
#[derive(Args)]
pub(crate) struct Holders {
    /// Label or id of a key of the store [default: whichever the bid names]
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,
    /// Local SM2 private key; with it the store is asked only for shares that are still missing
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key: Vec<PathBuf>,
    /// Certificate of a key of the store, for bids that name it by issuer and serial number
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct OpenBid {
    /// Bids
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) holders: Holders,
    #[command(flatten)]
    pub(crate) trust: SignerTrust,
    /// Folder for the files, with a folder for each bid if there are several; - writes one file to standard output
    /// [default: FILE without .bid]
    #[arg(long, short, value_name = "DIR", verbatim_doc_comment)]
    pub(crate) out: Option<PathBuf>,
    /// List the files and open none
    #[arg(long, conflicts_with_all = ["out", "resume", "salvage"])]
    pub(crate) list: bool,
    /// Only this file of the bid, or the files in this folder of it
    #[arg(long, value_name = "PATH")]
    pub(crate) only: Vec<String>,
    /// Go on where an earlier run was cut off
    #[arg(long, conflicts_with = "salvage")]
    pub(crate) resume: bool,
    /// Get out of a broken bid what can still be read; ends with code 1 if something is lost
    #[arg(long, conflicts_with = "roots")]
    pub(crate) salvage: bool,
}

#[derive(Args)]
pub(crate) struct Rewrap {
    /// Bid
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) holders: Holders,
    /// Further holder of the share of a role, as for `seal-bid`; one of the keys must hold that share
    #[arg(long, value_name = "[ROLE=]WHOM", required_unless_present = "drop")]
    pub(crate) to: Vec<String>,
    /// Take the share from this holder, by the id that `check` shows. He may have a copy of the bid from before
    #[arg(long, value_name = "ID")]
    pub(crate) drop: Vec<String>,
    /// Output [default: FILE itself]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite the output if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args)]
pub(crate) struct Check {
    /// Bids; each is judged, whatever is wrong with the others
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) holders: Holders,
    #[command(flatten)]
    pub(crate) trust: SignerTrust,
    /// Structure and signature only: no key, no server
    #[arg(long)]
    pub(crate) structure: bool,
}

#[derive(Args)]
pub(crate) struct OpeningKeys {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Write the public key to this file, PEM, for `seal-bid --opening-key`: the newest that is not retired
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write the key with this id
    #[arg(long, value_name = "ID", requires = "out")]
    pub(crate) id: Option<String>,
    /// Overwrite the output if it exists
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
}
