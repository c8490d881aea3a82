//! What can go wrong, whose fault it is, and what to do next.

mod next_step;
mod text;

use std::{io, path::PathBuf, sync::Arc};

use cosign_core::{ApiMisuse, Code, Detail, KeyId, Refusal, audit::Invalid};

pub(crate) use self::text::duration_text;
use self::text::{cause_text, pin_text, silent_text};
use crate::{ServerAddress, api::Problem};

/// Why an operation of the client failed. `Display` is the cause, [`Error::next_step`] the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A server address that does not parse.
    #[error("{0:?} is not HOST:PORT")]
    Address(String),
    /// A PIN of the wrong form.
    #[error("a PIN has 6 to 32 digits")]
    PinFormat,
    /// A PIN for a new key that is easy to guess.
    #[error("this PIN is easy to guess: no repeated or consecutive digits")]
    WeakPin,

    /// The server refused the PIN, or the wait after wrong PINs is not over.
    #[error("{}", pin_text(*remaining, *retry_s))]
    WrongPin {
        /// Attempts before the key locks; 0: this was the last one.
        remaining: u8,
        /// Seconds until the next attempt counts; 0 if there is no wait.
        retry_s: u32,
    },
    /// The server does not serve this key to this device; it does not say why.
    #[error(
        "the server does not accept this key: it is locked, frozen, revoked, not active or not this device's"
    )]
    KeyRefused,
    /// The server holds another epoch of the key's shares than the local record.
    #[error("the key was renewed elsewhere: the server is at share epoch {active}")]
    Epoch {
        /// The server's epoch.
        active: u32,
    },
    /// Two records of the key wait for the server's word on which of them it holds the other half of.
    #[error("a PIN change or refresh of key {key_id} is not confirmed yet{}", cause_text(cause.as_deref()))]
    RefreshUnconfirmed {
        /// The key.
        key_id: KeyId,
        /// Why the attempt to have it confirmed failed, if there was one.
        cause: Option<Box<Self>>,
    },
    /// The server does not know the refresh; the old record is the only one again.
    #[error("the server did not make the PIN change or refresh of key {0}: the PIN is what it was before")]
    RefreshUndone(KeyId),
    /// The key came from another device or from recovery, and waits for the server's word that it is this device's now.
    #[error("the arrival of key {key_id} is not confirmed yet{}", cause_text(cause.as_deref()))]
    ArrivalUnconfirmed {
        /// The key.
        key_id: KeyId,
        /// Why the attempt to have it confirmed failed, if there was one.
        cause: Option<Box<Self>>,
    },
    /// The server does not know the arrival; the record is gone.
    #[error("the server did not make key {0} this device's; its record is removed")]
    ArrivalUndone(KeyId),
    /// The server does not renew a share that was sent or imported.
    #[error(
        "the server does not let key {0} arrive: the share that it was split from is frozen or gone, or a day has passed"
    )]
    ArrivalRefused(KeyId),
    /// The server splits no share for this invitation.
    #[error(
        "the server does not accept the invitation to key {0}: it was used, or is too old, or is for another key"
    )]
    InvitationRefused(KeyId),
    /// The operator allows no further share of the key, or this one is such a share itself.
    #[error("this key may not be shared: the operator allows no more shares of it, or it is one itself")]
    ShareRefused,
    /// The server takes no recovered key under this id.
    #[error(
        "the server takes no recovered key under id {0}: the id was used, or is too old, or a share of the key is still there"
    )]
    ImportRefused(KeyId),
    /// The server keeps this id for another use.
    #[error("the server keeps key id {0} for something else than a recovered decryption key")]
    NotRecoverable(KeyId),
    /// The key is in use, or may be again.
    #[error("key {key_id} is {status} at its server")]
    StillServed {
        /// The key.
        key_id: KeyId,
        /// Its state there.
        status: String,
    },
    /// The operator unlocked the key, which now waits for a refresh and serves nothing else.
    #[error("key {0} was unlocked by the operator and waits for a change of its PIN")]
    RefreshRequired(KeyId),
    /// The clocks differ by more than the protocol allows (120 s).
    #[error("this device's clock is {} {}", duration_text(ahead_ms.unsigned_abs()), if *ahead_ms < 0 { "behind the server's" } else { "ahead of the server's" })]
    Clock {
        /// This device's time minus the server's, milliseconds.
        ahead_ms: i64,
    },
    /// A quota of the key is used up.
    #[error("the key's quota is used up")]
    Quota,
    /// The server does not make keys of this suite.
    #[error("the server does not offer suite {0}")]
    SuiteNotOffered(&'static str),
    /// The server stayed busy until the session's deadline.
    #[error("the server is busy")]
    Busy,
    /// The server refused for another reason of the protocol.
    #[error("the server refused the request ({0})")]
    Refused(Code),
    /// The HTTP API refused.
    #[error("the server refused: {0}")]
    Api(Box<Problem>),

    /// No connection.
    #[error("cannot reach {server}: {cause}")]
    Unreachable {
        /// The address that was tried.
        server: String,
        /// What the network said.
        cause: String,
    },
    /// The server's certificate does not hold under the pinned CA.
    #[error("{server} is not the server this CA vouches for: {cause}")]
    Untrusted {
        /// The address that was tried.
        server: String,
        /// What the check said.
        cause: String,
    },
    /// The request left, its answer did not come; whether the server acted is unknown.
    #[error("the connection was lost before the answer came")]
    NoAnswer,

    /// The server's answer fails a check of the protocol; nothing was released.
    #[error("the server's answer is not valid ({0}); nothing was released")]
    ServerMisbehaved(Code),
    /// The server's audit log does not hold what it promised.
    #[error("the server's audit log does not verify: {0}")]
    LogInvalid(Invalid),
    /// The server answered something that is not its API.
    #[error("the server's answer is not understood: {0}")]
    BadAnswer(&'static str),

    /// A file of the store cannot be read or written.
    #[error("key store {}: {source}", path.display())]
    Store {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store or a secret in it is open to other users.
    #[error("{} is accessible to other users", .0.display())]
    StorePermissions(PathBuf),
    /// Another process is writing to the store.
    #[error("another smsign is writing to the key store {}", .0.display())]
    StoreBusy(PathBuf),
    /// A file of the store does not parse or was changed.
    #[error("{} is damaged: {what}", path.display())]
    StoreDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The record does not belong to this device's secret.
    #[error("the record of key {0} is damaged or belongs to another device")]
    ForeignRecord(KeyId),
    /// No key of that name, id or purpose.
    #[error("no {purpose} key {wanted} in the key store")]
    NoSuchKey {
        /// `sign`, `encrypt` or empty for any.
        purpose: &'static str,
        /// What was asked for.
        wanted: String,
    },
    /// Several keys fit.
    #[error("several keys fit: {0}")]
    AmbiguousKey(String),
    /// The label is taken by a key of the same purpose.
    #[error("there is already a {purpose} key labelled {label:?}")]
    LabelTaken {
        /// `sign` or `encrypt`.
        purpose: &'static str,
        /// The label.
        label: String,
    },
    /// Key generation of this key did not finish.
    #[error("key {0} is not active: its generation did not finish")]
    NotActive(KeyId),

    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that would be overwritten.
    #[error("{} exists", .0.display())]
    Exists(PathBuf),
    /// A file does not hold what was asked for.
    #[error("{}: {what}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A text that should have come from another device.
    #[error("not {expected}: {what}")]
    BadText {
        /// What it should be.
        expected: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A share that does not open.
    #[error("this share was made for another invitation, or was changed on its way")]
    ForeignShare,
    /// A reply of key recovery that does not open.
    #[error("the recovered key does not open: {0}")]
    BadRecovery(envelope::Error),
    /// Key recovery gave another key than the one that the server expects.
    #[error("this is another key than the one to be recovered")]
    OtherKey,
    /// None of the keys at hand opens the envelope.
    #[error("no key in the key store opens this envelope")]
    NotARecipient,
    /// The envelope does not open.
    #[error("the envelope does not open: {0}")]
    Envelope(envelope::Error),

    /// The signature of a bid does not hold, or it is not there as announced.
    #[error("{}: the bid does not count: {what}", path.display())]
    BidSignature {
        /// The bid.
        path: PathBuf,
        /// What is wrong with the signature.
        what: String,
    },
    /// The server has no opening key that new bids may be locked to, or none of this id.
    #[error("the server has no opening key {0}")]
    NoOpeningKey(String),
    /// A bid whose time has not come at the server.
    #[error("{} stays closed until {until}", path.display())]
    Closed {
        /// The bid.
        path: PathBuf,
        /// The time of its lock.
        until: String,
    },

    /// A bid of which a share or the lock may be opened by servers that did not answer.
    #[error("{} stays closed: {}", path.display(), silent_text(servers))]
    Unanswered {
        /// The bid.
        path: PathBuf,
        /// The servers that did not answer: at least one.
        servers: Vec<SilentServer>,
    },

    /// A call that the client role does not allow; a defect of the caller.
    #[error("{0}")]
    Misuse(cosign_core::Error),
    /// The operating system gave no randomness.
    #[error("the operating system's random source failed")]
    RandomFailed,
    /// Something that cannot happen did.
    #[error("internal error: {0}")]
    Internal(&'static str),
    /// Stopped by the caller, or cut off by the program's end.
    #[error("interrupted")]
    Interrupted,
}

/// A server that gave no answer to a question that several are asked.
#[derive(Clone, Debug)]
pub struct SilentServer {
    /// The server.
    pub server: ServerAddress,
    /// Why it gave none.
    pub cause: Arc<Error>,
}

/// Groups of errors that a caller handles alike; the command line tool has one exit code for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Category {
    /// The call itself is wrong.
    Usage,
    /// Wrong PIN or wait not over.
    Pin,
    /// The server does not serve the key.
    Key,
    /// The server refused the request.
    Refused,
    /// The server was not reached, is not trusted, or did not answer.
    Network,
    /// A key or a file is not there.
    NotFound,
    /// Something is there that would be overwritten.
    Exists,
    /// A signature does not hold.
    Signature,
    /// A file cannot be read, written or understood.
    File,
    /// The key store is unusable.
    Store,
    /// The server broke the protocol.
    Server,
    /// Stopped by the user.
    Interrupted,
    /// A defect of this program or of the machine.
    Internal,
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::LogInvalid(invalid)
    }
}

impl Error {
    /// The group this error belongs to.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::Address(_) | Self::PinFormat | Self::WeakPin | Self::AmbiguousKey(_) => Category::Usage,
            Self::WrongPin { .. } => Category::Pin,
            Self::RefreshUnconfirmed { cause: Some(cause), .. }
            | Self::ArrivalUnconfirmed { cause: Some(cause), .. } => cause.category(),
            Self::RefreshUnconfirmed { .. } | Self::RefreshUndone(_) | Self::RefreshRequired(_) => {
                Category::Key
            }
            Self::ArrivalUnconfirmed { .. } | Self::ArrivalUndone(_) | Self::ArrivalRefused(_) => {
                Category::Key
            }
            Self::Unanswered { servers, .. } => {
                servers.first().map_or(Category::Network, |silent| silent.cause.category())
            }
            Self::InvitationRefused(_) | Self::ShareRefused | Self::Closed { .. } => Category::Refused,
            Self::ImportRefused(_) | Self::NotRecoverable(_) => Category::Refused,
            Self::KeyRefused
            | Self::Epoch { .. }
            | Self::Quota
            | Self::SuiteNotOffered(_)
            | Self::NotActive(_) => Category::Key,
            Self::Clock { .. } | Self::Busy | Self::Refused(_) => Category::Refused,
            Self::Api(problem) if problem.code == "not_found" => Category::NotFound,
            Self::Api(_) => Category::Refused,
            Self::Unreachable { .. } | Self::Untrusted { .. } | Self::NoAnswer => Category::Network,
            Self::ServerMisbehaved(_) | Self::BadAnswer(_) | Self::LogInvalid(_) => Category::Server,
            Self::Store { .. } | Self::StorePermissions(_) | Self::StoreBusy(_) => Category::Store,
            Self::StoreDamaged { .. } | Self::ForeignRecord(_) => Category::Store,
            Self::NoSuchKey { .. } | Self::NotARecipient | Self::NoOpeningKey(_) => Category::NotFound,
            Self::BidSignature { .. } => Category::Signature,
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => Category::NotFound,
            Self::LabelTaken { .. } | Self::Exists(_) | Self::StillServed { .. } => Category::Exists,
            Self::File { .. } | Self::BadFile { .. } | Self::Envelope(_) => Category::File,
            Self::BadText { .. } | Self::ForeignShare => Category::File,
            Self::BadRecovery(_) | Self::OtherKey => Category::File,
            Self::Interrupted => Category::Interrupted,
            Self::Misuse(_) | Self::RandomFailed | Self::Internal(_) => Category::Internal,
        }
    }

    /// A stable name for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Address(_) => "bad_address",
            Self::PinFormat => "pin_format",
            Self::WeakPin => "weak_pin",
            Self::WrongPin { remaining: 0, retry_s: 0 } => "pin_locked",
            Self::WrongPin { .. } => "wrong_pin",
            Self::KeyRefused => "key_refused",
            Self::Epoch { .. } => "wrong_epoch",
            Self::RefreshUnconfirmed { .. } => "refresh_unconfirmed",
            Self::RefreshUndone(_) => "refresh_undone",
            Self::ArrivalUnconfirmed { .. } => "arrival_unconfirmed",
            Self::ArrivalUndone(_) => "arrival_undone",
            Self::ArrivalRefused(_) => "arrival_refused",
            Self::InvitationRefused(_) => "invitation_refused",
            Self::ShareRefused => "share_refused",
            Self::ImportRefused(_) => "import_refused",
            Self::NotRecoverable(_) => "not_recoverable",
            Self::StillServed { .. } => "still_served",
            Self::RefreshRequired(_) => "refresh_required",
            Self::Clock { .. } => "clock",
            Self::Quota => "quota",
            Self::SuiteNotOffered(_) => "suite_not_offered",
            Self::Busy => "busy",
            Self::Refused(_) => "refused",
            Self::Api(problem) => &problem.code,
            Self::Unreachable { .. } => "unreachable",
            Self::Untrusted { .. } => "untrusted",
            Self::NoAnswer => "no_answer",
            Self::ServerMisbehaved(_) => "server_misbehaved",
            Self::BadAnswer(_) => "bad_answer",
            Self::LogInvalid(_) => "log_invalid",
            Self::Store { .. } => "store",
            Self::StorePermissions(_) => "store_permissions",
            Self::StoreBusy(_) => "store_busy",
            Self::StoreDamaged { .. } => "store_damaged",
            Self::ForeignRecord(_) => "foreign_record",
            Self::NoSuchKey { .. } => "no_such_key",
            Self::AmbiguousKey(_) => "ambiguous_key",
            Self::LabelTaken { .. } => "label_taken",
            Self::NotActive(_) => "not_active",
            Self::File { .. } => "file",
            Self::Exists(_) => "exists",
            Self::BadFile { .. } => "bad_file",
            Self::BadText { .. } => "bad_text",
            Self::ForeignShare => "foreign_share",
            Self::BadRecovery(_) => "bad_recovery",
            Self::OtherKey => "other_key",
            Self::NotARecipient => "not_a_recipient",
            Self::Envelope(_) => "envelope",
            Self::BidSignature { .. } => "bid_signature",
            Self::NoOpeningKey(_) => "no_opening_key",
            Self::Closed { .. } => "closed",
            Self::Unanswered { .. } => "unanswered",
            Self::Misuse(_) => "misuse",
            Self::RandomFailed => "random_failed",
            Self::Internal(_) => "internal",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) fn store(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Store { path: path.into(), source }
    }

    /// Wraps the error of reading or writing `path`.
    pub fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        if source.kind() == io::ErrorKind::AlreadyExists {
            Self::Exists(path)
        } else {
            Self::File { path, source }
        }
    }

    /// What an error of the protocol means to the user. `now_ms` is this device's time.
    pub(crate) fn from_protocol(error: cosign_core::Error, now_ms: u64) -> Self {
        match error {
            cosign_core::Error::Refused(Refusal { code, detail }) => match (code, detail) {
                (Code::Pin, Detail::Pin { remaining, retry_s }) => Self::WrongPin { remaining, retry_s },
                (Code::Time, Detail::Time(server_ms)) => {
                    let difference = i128::from(now_ms) - i128::from(server_ms);
                    let limit = if difference < 0 { i64::MIN } else { i64::MAX };
                    Self::Clock { ahead_ms: i64::try_from(difference).unwrap_or(limit) }
                }
                (Code::Epoch, Detail::Epoch(active)) => Self::Epoch { active },
                (Code::Key, _) => Self::KeyRefused,
                (Code::Quota, _) => Self::Quota,
                (Code::Busy, _) => Self::Busy,
                _ => Self::Refused(code),
            },
            cosign_core::Error::InvalidMessage(code) | cosign_core::Error::PeerMisbehaved(code) => {
                Self::ServerMisbehaved(code)
            }
            cosign_core::Error::UnknownStatus(_) => Self::BadAnswer("unknown status"),
            cosign_core::Error::RandomFailed => Self::RandomFailed,
            cosign_core::Error::ApiMisuse(ApiMisuse::PinFormat) => Self::PinFormat,
            other => Self::Misuse(other),
        }
    }
}

/// What an error means of which the record of this key is the likely cause.
pub(crate) fn foreign(key_id: KeyId) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Misuse(cosign_core::Error::InvalidRecord) => Error::ForeignRecord(key_id),
        error => error,
    }
}

#[cfg(test)]
mod tests;
