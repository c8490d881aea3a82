//! What can be typed.

mod account;
mod api;
mod audit;
mod bid;
mod cert;
mod certificates;
mod envelopes;
mod moves;
mod operator;
mod seal;
mod signed;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use cosign_client::{DEFAULT_LABEL, ServerAddress, Transport};
use cosign_core::{PinMode, Purpose, Suite};

pub(crate) use account::{Account, AccountAct, Login};
pub(crate) use api::{Api, MethodArg};
pub(crate) use audit::{Audit, AuditFetch, AuditVerify};
pub(crate) use bid::{Check, Holders, ModelArg, OpenBid, OpeningKeys, Rewrap, SealBid};
pub(crate) use cert::{Cert, CertChain, CertShow, CertTrust, CertVerify, Known, SignerTrust};
pub(crate) use certificates::{AtServer, CertApply, CertInstall, CertRevoke, ProfileArg};
pub(crate) use envelopes::{Decrypt, Encrypt, Inspect};
pub(crate) use moves::{Exchange, Forget, HandOver, Receive, Recover};
pub(crate) use operator::{Operator, OperatorAct, Propose, ProposeAct};
pub(crate) use seal::{
    AtArg, DocumentTrust, FormArg, HolderKind, InkArg, Preserve, Seal, SealCut, SealDraw, SealMake, SealShow,
    ShapeArg, Stamp, Unstamp,
};
pub(crate) use signed::{SignMessage, VerifyMessage};

const EXIT_CODES: &str = "\
PIN:
  asked for at the terminal, or taken from --pin-file FILE or the variable SMSIGN_PIN; never from an argument.
  The new one of `pin change`: at the terminal, from --new-pin-file FILE or SMSIGN_NEW_PIN.
  A forgotten PIN cannot be replaced, not even by the operator: it takes a new key.

Local private keys:
  PKCS#8, SEC1 and 64 hexadecimal digits; under a password PKCS#8, PKCS#12 and CFCA's .sm2; PEM or DER. The password is asked
  for at the terminal, or taken from --password-file FILE or the variable SMSIGN_KEY_PASSWORD.

Exit codes:
   0  done
   1  a signature (of a bid too) or an audit log does not verify, a certificate is not valid, a bid is not known to open, or something of it is lost
   2  wrong usage, or a PIN that cannot be one
   3  wrong PIN, or the wait after wrong PINs is not over; of `verify`: nothing is proven wrong in a document, but something is not known
   4  the server does not serve the key: locked, frozen, revoked, not active, waiting for a PIN change, quota used up
   5  the server refused the request (not enrolled, clocks differ, busy, a time lock before its time, ...)
   6  the server was not reached, is not trusted, or did not answer
   7  a key or a file was not found
   8  something exists that would be overwritten, or is in use and would be removed
   9  a file cannot be read, written or understood
  10  the key store is unusable (permissions, damage, in use)
  11  the server broke the protocol; nothing was released
  12  internal error
 130  interrupted

With --json, standard output carries one JSON document and nothing else; a warning or an error is one line of JSON on
standard error: {\"warning\": TEXT}, {\"error\": {\"code\", \"message\", \"next_step\", \"exit_code\"}}. What `receive` and
`recover` show while they wait goes to standard error too: {\"request\": {...}}.";

/// Sign and decrypt with an SM2 key of which this device holds one half and a server the other
#[derive(Parser)]
#[command(name = "smsign", version, about, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args)]
pub(crate) struct Global {
    /// Key store [default: $SMSIGN_HOME, else $XDG_DATA_HOME/smsign, else ~/.local/share/smsign]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// How to reach the server: quic, http2 (where UDP is blocked), or auto (quic, then http2)
    #[arg(long, global = true, value_name = "HOW", default_value_t = Transport::Quic, env = "SMSIGN_TRANSPORT")]
    pub(crate) transport: Transport,
    /// Read the PIN from the first line of this file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
    /// Read the password of private key files from this file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Write one JSON document to standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress and no notes, only results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a key together with the server
    Keygen(Keygen),
    /// Sign files; several files are one batch
    Sign(Sign),
    /// Verify signatures of files, and sealed documents (PDF, OFD, electronic seals); needs no server and no PIN
    Verify(Verify),
    /// Draw, cut out, make and show electronic seals
    #[command(subcommand)]
    Seal(Seal),
    /// Seal or sign PDF and OFD documents; several documents cost one PIN entry
    Stamp(Stamp),
    /// Put into a sealed PDF what proves later that it was valid: certificates, revocation lists, a time-stamp
    Preserve(Preserve),
    /// Write a document without the seal or signature that was made last, with the key that made it
    Unstamp(Unstamp),
    /// Sign a file as a message with the signer's certificate (GM/T 0010 SignedData), with or without the content
    SignMessage(SignMessage),
    /// Verify a signed message, and write its content; needs no server and no PIN
    VerifyMessage(VerifyMessage),
    /// Encrypt a file to SM2 keys or certificates (GM/T 0010 EnvelopedData); needs no server and no PIN
    Encrypt(Encrypt),
    /// Decrypt an envelope together with the server, or with a local private key
    Decrypt(Decrypt),
    /// Seal files into a bid that its holders open together; needs no server and no PIN, unless a key of the store signs it
    SealBid(SealBid),
    /// Open sealed bids together with the server, or with local private keys; several bids cost one PIN entry
    OpenBid(OpenBid),
    /// Give the shares of a sealed bid to other holders; its content stays as it is
    Rewrap(Rewrap),
    /// Show what a sealed bid says of itself, and whether it will open; opens nothing
    Check(Check),
    /// List the keys of the server that bids may be time-locked to, and write one for `seal-bid --opening-key`
    OpeningKeys(OpeningKeys),
    /// Make a signed request as a client of the API, such as a trading platform
    Api(Api),
    /// Say what a file is and what is in it; needs no server, no PIN and no key
    Inspect(Inspect),
    /// Show certificates, and judge them with everything they rest on; needs no server, no PIN and no key
    #[command(subcommand)]
    Cert(Cert),
    /// Change PINs
    #[command(subcommand)]
    Pin(PinCommand),
    /// Renew both shares of a key and leave its PIN and public key as they are; completes what was cut off
    Refresh(Refresh),
    /// Get a key, or a share of it, from another device: shows an invitation and waits for the answer
    Receive(Receive),
    /// Give a key to the device that shows an invitation; this device loses it when the other one has it
    Move(HandOver),
    /// Give a share of a key to the device that shows an invitation; both can use it then
    Share(HandOver),
    /// Recover a decryption key from the key centre, under an id that the operator issued to this device
    Recover(Recover),
    /// Remove the record of a key that the server does not serve to this device any more
    Forget(Forget),
    /// Show and freeze keys
    #[command(subcommand)]
    Keys(Keys),
    /// Check what the server recorded, without trusting it
    #[command(subcommand)]
    Audit(Audit),
    /// What users of the service do: log in, and everything that the API offers them
    Account(Account),
    /// What operators do at a server that granted this device a role: look after keys, decide proposals and requests
    Operator(Operator),
    /// Show whether the server is there, whether it knows this device, how far the clocks differ, and how the keys are
    Status(Status),
}

/// Which server, and who vouches for it.
#[derive(Args)]
pub(crate) struct ServerArgs {
    /// The server [default: the one server of the keys in the store]
    #[arg(long, value_name = "HOST:PORT", env = "SMSIGN_SERVER", requires = "ca")]
    pub(crate) server: Option<ServerAddress>,
    /// CA certificates that vouch for the server, PEM; no other CA counts
    #[arg(long, value_name = "FILE", env = "SMSIGN_CA", requires = "server")]
    pub(crate) ca: Option<PathBuf>,
}

/// A device that the server may not know yet.
#[derive(Args)]
pub(crate) struct Enrolment {
    /// Enrol this device first, with a code from the operator
    #[arg(long, value_name = "CODE", env = "SMSIGN_ENROL_CODE", hide_env_values = true)]
    pub(crate) enrol_code: Option<String>,
    /// What the server shall call this device
    #[arg(long, value_name = "NAME", default_value = "smsign")]
    pub(crate) device_name: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PurposeArg {
    /// A key for signatures
    Sign,
    /// A key for decryption
    Encrypt,
    /// Two keys, one for each
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuiteArg {
    /// One round trip for each signature or batch
    D,
    /// Two round trips: commit first, on a weaker assumption for this side
    F2,
}

impl From<SuiteArg> for Suite {
    fn from(suite: SuiteArg) -> Self {
        match suite {
            SuiteArg::D => Self::D,
            SuiteArg::F2 => Self::F2,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PinModeArg {
    /// By the device alone
    Base,
    /// With the server in each attempt: a stolen device tests no PIN offline, not even beside recorded exchanges
    Oblivious,
}

impl From<PinModeArg> for PinMode {
    fn from(mode: PinModeArg) -> Self {
        match mode {
            PinModeArg::Base => Self::Base,
            PinModeArg::Oblivious => Self::Oblivious,
        }
    }
}

#[derive(Args)]
pub(crate) struct Keygen {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// What the key is for
    #[arg(long, value_enum, default_value_t = PurposeArg::Both)]
    pub(crate) purpose: PurposeArg,
    /// How the key signs; it stays so for its whole life
    #[arg(long, value_enum, default_value_t = SuiteArg::D)]
    pub(crate) suite: SuiteArg,
    /// How the key's PIN is protected; it stays so for its whole life
    #[arg(long, value_enum, default_value_t = PinModeArg::Base)]
    pub(crate) pin_mode: PinModeArg,
    /// What to call the key
    #[arg(long, default_value = DEFAULT_LABEL)]
    pub(crate) label: String,
    #[command(flatten)]
    pub(crate) enrolment: Enrolment,
    /// Distinguishing id that goes into Z when this key signs
    #[arg(long, value_name = "ID", default_value = DEFAULT_DISTID)]
    pub(crate) distid: String,
}

/// The distinguishing id of GM/T 0009-2012.
pub(crate) const DEFAULT_DISTID: &str = "1234567812345678";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignatureFormat {
    /// SEQUENCE of r and s
    Der,
    /// r and s, 64 bytes
    Raw,
}

#[derive(Args)]
pub(crate) struct Sign {
    /// Files to sign
    #[arg(required_unless_present = "digests", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Sign digests instead of files: SM3(Z || M) in 64 hexadecimal digits, one a line; - reads standard input.
    /// For each a line DIGEST SIGNATURE is written, in hexadecimal too, or with --out the file DIR/DIGEST.sig
    #[arg(long, value_name = "LIST", conflicts_with = "files", verbatim_doc_comment)]
    pub(crate) digests: Option<PathBuf>,
    /// Label or id of the key [default: the only signing key, or the one labelled "default"]
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Folder for the signatures [default: FILE.sig beside each file]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Form of the signatures
    #[arg(long, value_enum, default_value_t = SignatureFormat::Der)]
    pub(crate) format: SignatureFormat,
    /// Overwrite signatures that exist
    #[arg(long)]
    pub(crate) force: bool,
    /// Go on where an earlier run was cut off: keep signatures that exist and verify, sign the rest
    #[arg(long)]
    pub(crate) resume: bool,
}

#[derive(Args)]
#[command(group = ArgGroup::new("whose").args(["key", "public"]))]
pub(crate) struct Verify {
    /// Files; the signature of FILE is FILE.sig. `verify FILE OTHER.sig` names it, and so does --sig. A PDF or OFD document, or an
    /// electronic seal, without one beside it is judged by the signatures inside of it. With --json one object a line for each:
    /// {"file", "format", "verdict": "valid" | "invalid" | "indeterminate", "signatures", "warnings"}
    #[arg(required = true, value_name = "FILE", verbatim_doc_comment)]
    pub(crate) files: Vec<PathBuf>,
    /// Signature file, one for each FILE in the same order
    #[arg(long = "sig", value_name = "SIG", conflicts_with = "dir")]
    pub(crate) signatures: Vec<PathBuf>,
    /// Look for the signatures in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Label or id of the signer's key in the store [default: as for `sign`]
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The signer's public key or certificate, PEM or DER
    #[arg(long, value_name = "FILE")]
    pub(crate) public: Option<PathBuf>,
    /// The signer's distinguishing id, with --public
    #[arg(long, value_name = "ID", requires = "public")]
    pub(crate) distid: Option<String>,
    #[command(flatten)]
    pub(crate) trust: DocumentTrust,
    /// Say what was found about a document in Chinese
    #[arg(long)]
    pub(crate) chinese: bool,
}

#[derive(Subcommand)]
pub(crate) enum PinCommand {
    /// Change the PIN of a key, and renew its shares with it; run it again if it was cut off
    Change(PinChange),
}

#[derive(Args)]
pub(crate) struct Whose {
    /// Label or id of the key [default: the only key, or "default"]; a label means the keys of both purposes
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Only the key for this purpose
    #[arg(long, value_enum)]
    pub(crate) purpose: Option<KeyPurposeArg>,
}

#[derive(Args)]
pub(crate) struct PinChange {
    #[command(flatten)]
    pub(crate) whose: Whose,
    /// Read the new PIN from the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(crate) new_pin_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Refresh {
    #[command(flatten)]
    pub(crate) whose: Whose,
}

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// List the keys in the store
    List,
    /// Show a key with the state that its server knows
    Show(Show),
    /// Stop a key at once; only the operator can start it again
    Freeze(Freeze),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyPurposeArg {
    /// The one for signatures
    Sign,
    /// The one for decryption
    Encrypt,
}

impl From<KeyPurposeArg> for Purpose {
    fn from(purpose: KeyPurposeArg) -> Self {
        match purpose {
            KeyPurposeArg::Sign => Self::Sign,
            KeyPurposeArg::Encrypt => Self::Encrypt,
        }
    }
}

#[derive(Args)]
pub(crate) struct Show {
    /// Label or id of the key [default: the only key, or the one labelled "default"]
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Which of two keys with the same label
    #[arg(long, value_enum)]
    pub(crate) purpose: Option<KeyPurposeArg>,
    /// Do not ask the server
    #[arg(long)]
    pub(crate) offline: bool,
    /// Write the public key as PEM and nothing else
    #[arg(long, conflicts_with = "json")]
    pub(crate) pem: bool,
}

#[derive(Args)]
pub(crate) struct Freeze {
    /// Label or id of the key
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// Which of two keys with the same label
    #[arg(long, value_enum)]
    pub(crate) purpose: Option<KeyPurposeArg>,
    /// Do not ask whether it is meant
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_exit_code_is_documented() {
        for code in crate::output::EVERY_CODE {
            assert!(
                EXIT_CODES.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))),
                "{code}"
            );
        }
    }

    #[test]
    fn no_argument_takes_a_pin() {
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            for argument in command.get_arguments() {
                assert_ne!(argument.get_long(), Some("pin"), "{}", command.get_name());
            }
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
