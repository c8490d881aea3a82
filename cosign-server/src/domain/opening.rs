//! Opening keys, and what is asked and answered about the time locks of bids.

use cosign_core::sm_primitives::sm2::PublicKey;
use envelope::{
    SubjectKeyId,
    bid::{Lock, LockCommitment},
};

use super::device::Name;

/// Bytes of a lock: 04 | C1 64 | C3 32 | C2, an SM2 ciphertext of [`Lock::LEN`] bytes.
pub const LOCK_LEN: usize = 65 + 32 + Lock::LEN;
/// Most locks in one request.
pub const MAX_LOCKS: usize = 1024;

/// An opening key at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningKey {
    /// What bids are locked to.
    pub public_key: PublicKey,
    /// What the operator calls it.
    pub label: Name,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// Since when no new bids are to be locked to it, unix milliseconds.
    pub retired_ms: Option<u64>,
    /// The private key, sealed under a wrapping key.
    pub sealed: Vec<u8>,
}

impl OpeningKey {
    /// How bids name it: the identifier that the public key gives itself, 20 bytes.
    #[must_use]
    pub fn id(&self) -> SubjectKeyId {
        SubjectKeyId::of(&self.public_key)
    }
}

/// What is wanted of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The secret in it.
    Release,
    /// Whether it will open, and when.
    Check,
}

/// A lock that is asked about. Its bytes come from a bid that may have been changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The opening key that the bid names.
    pub key: SubjectKeyId,
    /// The lock; anything else is answered as invalid.
    pub lock: Vec<u8>,
}

/// What is answered.
#[derive(Debug)]
pub enum Answer {
    /// The time has come: all that is in the lock.
    Released(Box<Lock>),
    /// The time has not come.
    TooEarly(LockCommitment),
    /// It will open.
    Checked(LockCommitment),
    /// This server has no such opening key.
    UnknownKey,
    /// It is no lock, was changed, or is locked to another key.
    Invalid,
}
