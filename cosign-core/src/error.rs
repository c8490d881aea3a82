//! Errors say who is at fault; a refusal is the server's answer and carries what the wire carries.

use core::fmt;

use sm_primitives::Error as PrimitiveError;

/// Status byte of an answer, and the client's own codes from 41 on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Unknown version, suite, operation, flags or purpose.
    Version = 0x01,
    /// A frame, field or body has the wrong length.
    Length = 0x02,
    /// The key is unknown, revoked, suspended, locked, or another device's: one code for all of them.
    Key = 0x03,
    /// The request is for another share epoch than the active one.
    Epoch = 0x04,
    /// A point does not decode.
    Point = 0x05,
    /// Two nonce points of a request have the same x coordinate.
    DupPoint = 0x06,
    /// The number of items is not allowed.
    Batch = 0x07,
    /// The client's clock is more than 120 s off.
    Time = 0x08,
    /// The session id was used for another frame.
    SidConflict = 0x09,
    /// The PIN is wrong, or a wait after wrong PINs is not over.
    Pin = 0x0a,
    /// A quota is used up.
    Quota = 0x0b,
    /// The server is busy, or is still computing the answer to this very frame.
    Busy = 0x0c,
    /// The server failed; nothing was released.
    Internal = 0x0d,
    /// A digest is not below n.
    Digest = 0x0e,
    /// A commitment, proof or certification request does not verify.
    Proof = 0x0f,
    /// There is no such open session: expired, used up, or lost in a restart. A new session may succeed.
    Session = 0x10,
    /// A scalar of an answer is out of range.
    RespRange = 0x41,
    /// A point of an answer does not decode.
    RespPoint = 0x42,
    /// An answer fails a check; nothing is released.
    Verify = 0x43,
    /// An answer does not belong to the session, or the session is over.
    State = 0x44,
}

impl Code {
    /// The name used by the protocol's specification.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "E_VERSION",
            Self::Length => "E_LENGTH",
            Self::Key => "E_KEY",
            Self::Epoch => "E_EPOCH",
            Self::Point => "E_POINT",
            Self::DupPoint => "E_DUP_POINT",
            Self::Batch => "E_BATCH",
            Self::Time => "E_TIME",
            Self::SidConflict => "E_SID_CONFLICT",
            Self::Pin => "E_PIN",
            Self::Quota => "E_QUOTA",
            Self::Busy => "E_BUSY",
            Self::Internal => "E_INTERNAL",
            Self::Digest => "E_DIGEST",
            Self::Proof => "E_PROOF",
            Self::Session => "E_SESSION",
            Self::RespRange => "E_RESP_RANGE",
            Self::RespPoint => "E_RESP_POINT",
            Self::Verify => "E_VERIFY",
            Self::State => "E_STATE",
        }
    }

    /// The wire byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Reads the status byte of an answer; `None` for 00 and for bytes that a server does not send.
    #[must_use]
    pub const fn from_status(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::Version,
            0x02 => Self::Length,
            0x03 => Self::Key,
            0x04 => Self::Epoch,
            0x05 => Self::Point,
            0x06 => Self::DupPoint,
            0x07 => Self::Batch,
            0x08 => Self::Time,
            0x09 => Self::SidConflict,
            0x0a => Self::Pin,
            0x0b => Self::Quota,
            0x0c => Self::Busy,
            0x0d => Self::Internal,
            0x0e => Self::Digest,
            0x0f => Self::Proof,
            0x10 => Self::Session,
            _ => return None,
        })
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a refusal carries beside its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    None,
    /// `E_EPOCH`: the active epoch.
    Epoch(u32),
    /// `E_TIME`: the server's time, unix milliseconds.
    Time(u64),
    /// `E_PIN`: attempts that remain and the wait before the next one in seconds.
    Pin {
        /// Attempts before the key locks.
        remaining: u8,
        /// Seconds to wait; 0 if none.
        retry_s: u32,
    },
}

/// An error answer of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// What the code carries.
    pub detail: Detail,
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self { code, detail: Detail::None }
    }
}

/// A call that its caller must change.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiMisuse {
    /// A request takes 1..=256 items.
    BatchSize,
    /// A PIN is 6 to 32 ASCII digits, or empty for a key without PIN.
    PinFormat,
    /// PBKDF2 takes at least 100,000 iterations.
    Iterations,
    /// The key does not serve this purpose.
    Purpose,
    /// A certification request has 1..=16384 bytes.
    RequestLength,
    /// The invitation asks for a share of another key.
    Invitation,
    /// The step is for keys of the other [`crate::PinMode`].
    PinMode,
}

/// Why a step of the protocol failed, and by whose fault.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The caller's fault.
    ApiMisuse(ApiMisuse),
    /// The peer's message does not parse or does not belong to the session.
    InvalidMessage(Code),
    /// The peer's message parses and fails a check.
    PeerMisbehaved(Code),
    /// The server refused.
    Refused(Refusal),
    /// A status byte that this version does not know.
    UnknownStatus(u8),
    /// The local record is damaged, was changed, or belongs to another device.
    InvalidRecord,
    /// The random source failed or repeats itself.
    RandomFailed,
}

impl Error {
    /// The protocol's code for this error, where it has one.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::InvalidMessage(code) | Self::PeerMisbehaved(code) => Some(*code),
            Self::Refused(refusal) => Some(refusal.code),
            Self::ApiMisuse(_) | Self::UnknownStatus(_) | Self::InvalidRecord | Self::RandomFailed => None,
        }
    }

    /// Whether a completely new session may succeed without anybody changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.code, Code::Busy | Code::Internal | Code::Session),
            Self::InvalidMessage(_) | Self::PeerMisbehaved(_) | Self::UnknownStatus(_) => false,
            Self::ApiMisuse(_) | Self::InvalidRecord | Self::RandomFailed => false,
        }
    }
}

impl From<PrimitiveError> for Error {
    fn from(error: PrimitiveError) -> Self {
        match error {
            PrimitiveError::RandomFailed => Self::RandomFailed,
            PrimitiveError::InvalidPoint => Self::InvalidMessage(Code::Point),
            PrimitiveError::InvalidLength => Self::InvalidMessage(Code::Length),
            _ => Self::InvalidMessage(Code::Verify),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiMisuse(misuse) => f.write_str(match misuse {
                ApiMisuse::BatchSize => "a request takes 1 to 256 items",
                ApiMisuse::PinFormat => "a PIN is 6 to 32 digits",
                ApiMisuse::Iterations => "PBKDF2 takes at least 100000 iterations",
                ApiMisuse::Purpose => "the key does not serve this purpose",
                ApiMisuse::RequestLength => "a certification request has 1 to 16384 bytes",
                ApiMisuse::Invitation => "the invitation asks for a share of another key",
                ApiMisuse::PinMode => "the step is for keys of the other PIN mode",
            }),
            Self::InvalidMessage(code) => write!(f, "the message is malformed ({code})"),
            Self::PeerMisbehaved(code) => {
                write!(f, "the server's answer fails a check ({code}); nothing was released")
            }
            Self::Refused(Refusal { code, detail }) => match detail {
                Detail::None => write!(f, "the server refused ({code})"),
                Detail::Epoch(epoch) => {
                    write!(f, "the server refused ({code}): the active share epoch is {epoch}")
                }
                Detail::Time(ms) => write!(f, "the server refused ({code}): its clock shows {ms} ms"),
                Detail::Pin { remaining, retry_s } => {
                    write!(f, "wrong PIN ({code}): {remaining} attempts remain, next one in {retry_s} s")
                }
            },
            Self::UnknownStatus(status) => write!(f, "the server answered with unknown status {status:02x}"),
            Self::InvalidRecord => f.write_str("the key record is damaged or belongs to another device"),
            Self::RandomFailed => f.write_str("the random source failed"),
        }
    }
}

impl core::error::Error for Error {}

/// What came of an answer: the result, the next waiting state, or the same one because the server is busy.
///
/// The caller goes on until `Done`: it sends the frame of the state that it got back and feeds it the answer, after
/// `Next` at once, after `Busy` following a pause. Until the deadline the identical frame may be sent again; nothing
/// else may.
#[derive(Debug)]
#[must_use = "a dropped waiting state aborts the session"]
pub enum Progress<W, T> {
    /// The session is over.
    Done(T),
    /// The protocol has another round: the frame of this state is to be sent. Only signing with suite F2 has one.
    Next(W),
    /// The server is still computing, or has no capacity; the session waits on.
    Busy(W),
}
