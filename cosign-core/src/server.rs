//! The server's role: from a frame of bytes to an answer that may leave.
//!
//! [`receive`] reads a frame. [`Operation::admit`], under the lock of the key, judges it in the order that the protocol
//! fixes, up to and including the PIN gate. What is left is computed by a [`Job`] (no lock needed), or by a
//! [`RefreshJob`], [`SplitJob`] or [`EvaluateJob`] (under the lock). The caller makes what is reported as changed durable, then answers.

use alloc::{sync::Arc, vec::Vec};

use sm_primitives::{Zeroizing, sm2::PublicKey};

use crate::{
    digest::Digest,
    error::{Code, Refusal},
    ids::{DeviceId, KeyId, Op, PinMode, Purpose, RefreshId, SessionId, Suite},
    oprf::OprfKey,
    split::Kind,
    wire::{self, Fields, RequestHeader, VERSION},
};

mod admit;
mod confirm;
mod evaluate;
mod job;
mod open;
mod reveal;

pub use crate::{
    decrypt::LIFETIME_QUOTA,
    gate::{Charge, Gate},
    import::server::Import,
    keygen::server::{Activate, Issued, KEYGEN_TTL_MS, KeygenOpen, KeygenStart, Origin, PendingKeygen},
    refresh::PendingRefresh,
    replay::ReplayCache,
    share::ServerShare,
};
pub(crate) use open::{OpenSession, OpenSessions};
pub use {
    admit::{Admission, Answered, Operation},
    evaluate::EvaluateJob,
    job::{Job, RefreshJob, SplitJob},
    open::{MAX_OPEN, OPEN_TTL_MS},
};

/// How long a pending key waits for its certification request, and an arriving one for its refresh, milliseconds.
pub const PENDING_TTL_MS: u64 = 24 * 3_600_000;

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Generated; may sign one certification request.
    Pending,
    /// Split from another share, or recovered; may be refreshed.
    Arriving,
    /// In use.
    Active,
    /// Frozen; can be made active again.
    Suspended,
    /// Gone for good.
    Revoked,
}

impl Status {
    /// A stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Arriving => "arriving",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Revoked => "revoked",
        }
    }

    /// Reads what [`Self::as_str`] gives.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pending, Self::Arriving, Self::Active, Self::Suspended, Self::Revoked]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// The share that another one was split from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The share.
    pub key_id: KeyId,
    /// What becomes of it when the new one becomes active.
    pub kind: Kind,
    /// Whether it is active: one that is not stops a share that has not arrived. To be looked up for each request.
    pub active: bool,
}

/// Everything the server keeps of one key.
#[derive(Debug)]
pub struct KeyRecord {
    /// The key.
    pub key_id: KeyId,
    /// The one device that may use it.
    pub device: DeviceId,
    /// How it signs.
    pub suite: Suite,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it is in its life.
    pub status: Status,
    /// The active share epoch, from 1.
    pub epoch: u32,
    /// The refresh that made the active share.
    pub rid: RefreshId,
    /// The joint public key `P`.
    pub public_key: PublicKey,
    /// When key generation, split or import ended, unix milliseconds.
    pub created_ms: u64,
    /// PIN counters.
    pub gate: Gate,
    /// Decryptions with the private key over its lifetime, by all shares of it together.
    pub decrypts: u32,
    /// The digest that was signed while pending.
    pub pending_sign: Option<Digest>,
    /// The share that this one was split from.
    pub parent: Option<Parent>,
    /// Whether this is one more share of somebody else's key.
    pub seat: bool,
    /// The active share, sealed at rest.
    pub share: Arc<ServerShare>,
    /// The key of the PIN function, in oblivious mode only; sealed at rest with the share. A refresh leaves it.
    pub oprf: Option<Arc<OprfKey>>,
    /// A refresh that waits for its confirmation, sealed at rest.
    pub pending: Option<PendingRefresh>,
}

impl KeyRecord {
    /// How the key's PIN is turned into its mask.
    #[must_use]
    pub const fn pin_mode(&self) -> PinMode {
        if self.oprf.is_some() { PinMode::Oblivious } else { PinMode::Base }
    }

    /// The active share and what is sealed with it, in one blob: `dB || dB^-1 || K_auth`, 96 bytes, in oblivious mode
    /// `|| k_o`, 128 bytes. To be sealed at once.
    #[must_use]
    pub fn expose_secrets(&self) -> Zeroizing<Vec<u8>> {
        // As large as it gets: a vector that grows would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(ServerShare::LEN + OprfKey::LEN));
        bytes.extend_from_slice(&self.share.expose_bytes()[..]);
        if let Some(oprf) = &self.oprf {
            bytes.extend_from_slice(&oprf.expose_bytes()[..]);
        }
        bytes
    }
}

/// Reads what [`KeyRecord::expose_secrets`] gave, for a key of this mode: the fields `share` and `oprf` of its record.
/// `None` for another length than the mode's, and for what [`ServerShare::from_bytes`] or [`OprfKey::from_bytes`] refuse.
///
/// Timing: independent of the secrets where they are accepted.
#[must_use]
pub fn read_secrets(mode: PinMode, bytes: &[u8]) -> Option<(Arc<ServerShare>, Option<Arc<OprfKey>>)> {
    let (share, rest) = bytes.split_first_chunk()?;
    let oprf = match (mode, rest) {
        (PinMode::Base, []) => None,
        (PinMode::Oblivious, oprf) => Some(Arc::new(OprfKey::from_bytes(oprf.try_into().ok()?)?)),
        (PinMode::Base, _) => return None,
    };
    Some((Arc::new(ServerShare::from_bytes(share)?), oprf))
}

/// A frame that has the shape of its operation.
#[derive(Debug)]
pub enum Incoming {
    /// Ops 01, 02, 03, 05 to 08, 0A.
    Operation(Operation),
    /// Ops 10 and 14.
    KeygenStart(KeygenStart),
    /// Op 11.
    KeygenOpen(KeygenOpen),
    /// Op 12.
    Activate(Activate),
    /// Op 13.
    Import(Import),
}

impl Incoming {
    /// The operation.
    #[must_use]
    pub const fn op(&self) -> Op {
        match self {
            Self::Operation(operation) => operation.op(),
            Self::KeygenStart(start) => start.op(),
            Self::KeygenOpen(_) => Op::Open,
            Self::Activate(_) => Op::Activate,
            Self::Import(_) => Op::Import,
        }
    }

    /// The suite that the frame names.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        match self {
            Self::Operation(operation) => operation.suite(),
            Self::KeygenStart(start) => start.suite(),
            Self::KeygenOpen(open) => open.suite(),
            Self::Activate(activate) => activate.suite(),
            Self::Import(import) => import.suite(),
        }
    }

    /// The key it is about.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        match self {
            Self::Operation(operation) => operation.key_id(),
            Self::KeygenStart(start) => start.key_id(),
            Self::KeygenOpen(open) => open.key_id(),
            Self::Activate(activate) => activate.key_id(),
            Self::Import(import) => import.key_id(),
        }
    }

    /// The session.
    #[must_use]
    pub const fn sid(&self) -> SessionId {
        match self {
            Self::Operation(operation) => operation.sid(),
            Self::KeygenStart(start) => start.sid(),
            Self::KeygenOpen(open) => open.sid(),
            Self::Activate(activate) => activate.sid(),
            Self::Import(import) => import.sid(),
        }
    }
}

/// A frame that does not have the shape of its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The error frame to answer with.
    pub frame: Vec<u8>,
    /// What it claims to be, as far as it can be told, for the audit log.
    pub claim: Option<Claim>,
}

/// What a frame says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The suite.
    pub suite: Suite,
    /// The operation.
    pub op: Op,
    /// The key.
    pub key_id: KeyId,
    /// The session.
    pub sid: SessionId,
}

/// Reads a frame as far as its bytes alone allow.
///
/// # Errors
/// [`Unreadable`].
pub fn receive(frame: &[u8]) -> Result<Incoming, Unreadable> {
    const OP_UNWRAP: u8 = 0x04;
    let no_session = SessionId::from_bytes([0; 16]);
    let unclaimed =
        |suite, sid, code: Code| Err(Unreadable { frame: refuse(suite, &sid, code), claim: None });
    let Some(&[version, suite, op, flags]) = Fields(frame).take() else {
        return unclaimed(Suite::D, no_session, Code::Length);
    };
    let known = Op::from_byte(op);
    let suite = Suite::from_byte(suite).filter(|_| version == VERSION);
    let Some(suite) = suite.filter(|suite| known.map_or(op == OP_UNWRAP, |op| suite.has(op))) else {
        return unclaimed(Suite::D, no_session, Code::Version);
    };
    let offset = match known {
        Some(Op::Keygen | Op::Open | Op::Activate | Op::Import | Op::KeygenOblivious) => 20,
        _ => 24,
    };
    let sid = Fields(frame.get(offset..).unwrap_or_default()).take().map(|sid| SessionId::from_bytes(*sid));
    let key_id = Fields(frame.get(4..).unwrap_or_default()).take().map(|id| KeyId::from_bytes(*id));
    let Some(op) = known.filter(|_| flags == 0) else {
        let claim = known.zip(key_id).zip(sid);
        let claim = claim.map(|((op, key_id), sid)| Claim { suite, op, key_id, sid });
        return Err(Unreadable { frame: refuse(suite, &sid.unwrap_or(no_session), Code::Version), claim });
    };
    let (Some(sid), Some(key_id)) = (sid, key_id) else {
        return unclaimed(suite, no_session, Code::Length);
    };
    match op {
        Op::Keygen | Op::KeygenOblivious => {
            KeygenStart::read(suite, op, key_id, sid, frame).map(Incoming::KeygenStart)
        }
        Op::Open => KeygenOpen::read(suite, key_id, sid, frame).map(Incoming::KeygenOpen),
        Op::Activate => Activate::read(suite, key_id, sid, frame).map(Incoming::Activate),
        Op::Import => Import::read(suite, key_id, sid, frame).map(Incoming::Import),
        Op::Sign | Op::Decrypt | Op::Refresh | Op::Confirm => {
            Operation::read(suite, op, frame).map(Incoming::Operation)
        }
        Op::Commit | Op::Reveal | Op::Split | Op::Evaluate => {
            Operation::read(suite, op, frame).map(Incoming::Operation)
        }
    }
    .map_err(|code| {
        let claim = Claim { suite, op, key_id, sid };
        Unreadable { frame: refuse(suite, &sid, code), claim: Some(claim) }
    })
}

/// An error frame for a session.
#[must_use]
pub fn refuse(suite: Suite, sid: &SessionId, refusal: impl Into<Refusal>) -> Vec<u8> {
    wire::refusal(suite, sid.as_bytes(), &refusal.into())
}

/// What the audit log keeps of an operation whose device was known; no secret, no tag, no `s2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The operation.
    pub op: Op,
    /// The key.
    pub key_id: KeyId,
    /// The epoch that the request named.
    pub epoch: u32,
    /// The session.
    pub sid: SessionId,
    /// Hash of the request.
    pub h_req: [u8; 32],
    /// Fingerprint of the whole frame.
    pub fingerprint: [u8; 32],
    /// Number of items asked for or, with a commitment, announced.
    pub count: u16,
    /// `(e, r)` of every signature that was made.
    pub signatures: Vec<(Digest, [u8; 32])>,
    /// Until when the session may not carry another frame, unix milliseconds.
    pub until_ms: u64,
    /// Why it was refused; `None` for success.
    pub code: Option<Code>,
}

/// A computed answer. It leaves after `audit`, the spent session and any changed record are durable, by way of
/// [`ReplayCache::complete`].
pub struct Executed {
    /// The answer.
    pub frame: Vec<u8>,
    /// What happened.
    pub audit: Audit,
    /// Whether the record handed in was changed.
    pub record_changed: bool,
    /// The nonces of a commitment, for its opening.
    pub(crate) opened: Option<OpenSession>,
}

/// Shows no frame: `K2` and `s2` together must not be logged.
impl core::fmt::Debug for Executed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Executed").field("audit", &self.audit).finish_non_exhaustive()
    }
}

pub(crate) fn read_header(suite: Suite, op: Op, frame: &[u8]) -> Option<RequestHeader> {
    let mut fields = Fields(frame.get(4..)?);
    Some(RequestHeader {
        suite,
        op,
        key_id: KeyId::from_bytes(*fields.take()?),
        epoch: fields.u32()?,
        sid: SessionId::from_bytes(*fields.take()?),
        ts_ms: fields.u64()?,
        tag: *fields.take()?,
        count: fields.u16()?,
    })
}
