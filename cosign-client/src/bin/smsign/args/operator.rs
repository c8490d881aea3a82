//! What operators can type.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cosign_core::{DeviceId, KeyId};

use super::{Enrolment, PinModeArg, ServerArgs, SuiteArg};

#[derive(Args)]
pub(crate) struct Operator {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(subcommand)]
    pub(crate) act: OperatorAct,
}

#[derive(Subcommand)]
pub(crate) enum OperatorAct {
    /// Enrol this device without making a key, and show its id: who runs the server grants it a role
    Enrol(Enrolment),
    /// Show who this device is as an operator
    Whoami,
    /// List keys, in the order of their ids
    Keys {
        /// Only those that are pending, arriving, active, suspended or revoked
        #[arg(long, value_enum)]
        status: Option<StatusArg>,
        /// Only those of this device
        #[arg(long, value_name = "DEVICE", value_parser = device)]
        device: Option<DeviceId>,
        /// Only those after this one
        #[arg(long, value_name = "KEYID", value_parser = key)]
        after: Option<KeyId>,
    },
    /// Suspend a key at once
    Freeze(OneKey),
    /// Make an enrolment code for at most ten devices; it is shown once
    EnrolCode(Code),
    /// Propose what takes two administrators
    Propose(Propose),
    /// List proposals, newest first
    Proposals {
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<ProposalState>,
        /// Only those after this one
        #[arg(long, value_name = "PROPOSAL")]
        after: Option<String>,
    },
    /// Let a proposal of another administrator happen
    Approve(OneProposal),
    /// End a proposal of another administrator
    Reject(OneProposal),
    /// Take an own proposal back
    Withdraw(OneProposal),
    /// List requests for certificates, newest first
    Requests {
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<RequestState>,
        /// Only those after this one
        #[arg(long, value_name = "REQUEST")]
        after: Option<String>,
    },
    /// Pass or return a request for a certificate
    Review {
        /// The request
        #[arg(value_name = "REQUEST")]
        request: String,
        /// Pass it
        #[arg(long, required_unless_present = "send_back", conflicts_with = "send_back")]
        pass: bool,
        /// Return it to the applicant
        #[arg(long = "return")]
        send_back: bool,
        /// Why; needed to return it
        #[arg(long, default_value = "")]
        opinion: String,
    },
}

#[derive(Args)]
pub(crate) struct Propose {
    #[command(subcommand)]
    pub(crate) what: ProposeAct,
    /// Why, for the one who decides
    #[arg(long, global = true, default_value = "")]
    pub(crate) reason: String,
}

#[derive(Subcommand)]
pub(crate) enum ProposeAct {
    /// Make a suspended key active again
    Unfreeze(Named),
    /// Reset the PIN counters of a key after its owner was identified
    Unlock(Named),
    /// End a key for good
    Revoke(OneKey),
    /// Set how many shares of a key its owner may give to others
    Seats {
        #[command(flatten)]
        key: Named,
        /// How many
        count: u32,
    },
    /// Revoke what is left of a decryption key and let a device import it
    Recover {
        /// The key: a PEM file
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        /// The device that will import it
        #[arg(long, value_name = "DEVICE", value_parser = device)]
        device: DeviceId,
        /// How its two shares work together
        #[arg(long, value_enum, ignore_case = true, default_value = "d")]
        suite: SuiteArg,
        /// How its PIN is protected
        #[arg(long, value_enum, default_value = "base")]
        pin_mode: PinModeArg,
        /// What its owner calls it
        #[arg(long)]
        label: String,
    },
    /// An enrolment code for more than ten devices; it is shown at once and good once it is approved
    EnrolCode(Code),
}

#[derive(Args)]
pub(crate) struct Named {
    /// The key, 32 hexadecimal digits
    #[arg(value_name = "KEYID", value_parser = key)]
    pub(crate) key_id: KeyId,
}

#[derive(Args)]
pub(crate) struct OneKey {
    #[command(flatten)]
    pub(crate) key: Named,
    /// And all others with the same public key
    #[arg(long)]
    pub(crate) all_shares: bool,
}

#[derive(Args)]
pub(crate) struct OneProposal {
    /// The proposal, 32 hexadecimal digits
    #[arg(value_name = "PROPOSAL")]
    pub(crate) proposal: String,
}

#[derive(Args)]
pub(crate) struct Code {
    /// How many devices it enrols
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) uses: u32,
    /// How many hours it is good, at most 90 days
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=2160))]
    pub(crate) hours: u64,
}

macro_rules! named {
    ($($name:ident: $($value:ident = $text:literal),+;)+) => {$(
        #[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
        pub(crate) enum $name { $($value),+ }

        impl $name {
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$value => $text),+ }
            }
        }
    )+};
}

named! {
    StatusArg: Pending = "pending", Arriving = "arriving", Active = "active", Suspended = "suspended", Revoked = "revoked";
    ProposalState: Open = "open", Executed = "executed", Rejected = "rejected", Withdrawn = "withdrawn", Expired = "expired";
    RequestState: Draft = "draft", Review = "review", Returned = "returned", Approved = "approved", Closed = "closed";
}

fn key(text: &str) -> Result<KeyId, String> {
    text.parse()
        .map_err(|_| "a key id has 32 hexadecimal digits; `smsign operator keys` shows them".to_owned())
}

fn device(text: &str) -> Result<DeviceId, String> {
    text.parse().map_err(|_| "a device id has 64 hexadecimal digits".to_owned())
}
