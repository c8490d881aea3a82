//! What to do about an error.

use super::{
    Error,
    text::{arrival_text, completion_text, duration_text},
};

impl Error {
    /// What the user can do about it; `None` where the cause says it all.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        let text = match self {
            Self::Address(_) => "write it like cosign.example.org:8443 or [::1]:8443",
            Self::WeakPin => "choose digits that nobody guesses; ten wrong ones lock the key",
            Self::WrongPin { remaining: 0, retry_s: 0 } => {
                "the operator unlocks it after checking who you are; a forgotten PIN takes a new key (`smsign keygen`)"
            }
            Self::WrongPin { retry_s: 0, .. } => {
                "try again with the right PIN; a forgotten one takes a new key (`smsign keygen`)"
            }
            Self::WrongPin { retry_s, .. } => {
                return Some(format!("wait {}, then try again", duration_text(u64::from(*retry_s) * 1000)));
            }
            Self::KeyRefused => {
                "`smsign keys show KEY` tells its state; the operator unlocks or unfreezes it"
            }
            Self::Epoch { .. } => {
                "try again; if it stays, this copy of the key store is old, and the one that renewed the key is needed"
            }
            Self::RefreshUnconfirmed { key_id, cause } => {
                return Some(completion_text(*key_id, cause.as_deref()));
            }
            Self::RefreshUndone(_) => "try again with that PIN",
            Self::ArrivalUnconfirmed { key_id, cause } => {
                return Some(arrival_text(*key_id, cause.as_deref()));
            }
            Self::ArrivalUndone(_) | Self::ArrivalRefused(_) => {
                "begin again: `smsign receive` with a new invitation, or `smsign recover` with a new id from the operator"
            }
            Self::InvitationRefused(_) => "`smsign receive` on the other device makes a new invitation",
            Self::ShareRefused => {
                "ask the operator (`cosign-server key seats`); a share that was given is not shared on, but it can move"
            }
            Self::ImportRefused(_) | Self::NotRecoverable(_) => {
                "ask the operator for another id for this key, which also revokes what is left of its old shares"
            }
            Self::StillServed { .. } => {
                "`--force` removes its record all the same; there is no way back then"
            }
            Self::RefreshRequired(key_id) => {
                return Some(format!(
                    "`smsign pin change {key_id}`; it asks for the old PIN: if that is forgotten, make a new key"
                ));
            }
            Self::Clock { .. } => {
                "set this device's clock, then try again; nothing was counted against the PIN"
            }
            Self::Quota => "make a new key with `smsign keygen`",
            Self::SuiteNotOffered(_) => "make a key of another suite, or ask the operator for a newer server",
            Self::Busy => "try again later",
            Self::Api(problem) => return problem.next_step(),
            Self::Unreachable { .. } => {
                "check the address and the network; where UDP is blocked, `--transport http2` goes over TCP"
            }
            Self::Untrusted { .. } => "check the address and ask the operator for the CA file (`--ca`)",
            Self::NoAnswer => "try again; every answered request is in the server's audit record",
            Self::ServerMisbehaved(_) | Self::BadAnswer(_) => "tell the operator; do not retry blindly",
            Self::LogInvalid(_) => {
                "keep the earlier tree head as evidence, and tell whoever audits the server; others may hold heads too"
            }
            Self::StorePermissions(_) => "chmod 700 the folder and chmod 600 the files in it",
            Self::StoreBusy(_) => "wait until it ends",
            Self::StoreDamaged { .. } | Self::ForeignRecord(_) => {
                "restore the whole key store from a backup of this device, or make a new key"
            }
            Self::NoSuchKey { .. } => "`smsign keys list` shows the keys; `smsign keygen` makes one",
            Self::AmbiguousKey(_) => "name one of them by its id",
            Self::LabelTaken { .. } => "choose another `--label`",
            Self::NotActive(_) => "`smsign keys show KEY` asks the server; otherwise make a new key",
            Self::Exists(_) => "`--force` overwrites it",
            Self::BadText { .. } => "copy all of it, from the first letter to the last",
            Self::ForeignShare => "hand over again, to the invitation that is shown on this device",
            Self::BadRecovery(_) | Self::OtherKey => {
                "ask the key centre for the right key, sealed to the protection key that this command shows"
            }
            Self::Closed { .. } => {
                "try again at that time, by the clock of the server; `check` shows that it will open"
            }
            Self::BidSignature { .. } => {
                "keep nothing of it, and ask the bidder for the bid as it was signed; `check` shows whose signature it needs"
            }
            Self::Unanswered { servers, .. } => {
                return servers.first().and_then(|silent| silent.cause.next_step());
            }
            Self::NoOpeningKey(_) => {
                "`smsign opening-keys` lists them; the operator makes one with `cosign-server opening-key create`"
            }
            Self::NotARecipient => "ask the sender which key it was encrypted to, or use `--private-key`",
            Self::PinFormat | Self::Refused(_) | Self::Store { .. } | Self::File { .. } => return None,
            Self::BadFile { .. } | Self::Envelope(_) | Self::Misuse(_) => return None,
            Self::RandomFailed | Self::Internal(_) | Self::Interrupted => return None,
        };
        Some(text.to_owned())
    }
}
