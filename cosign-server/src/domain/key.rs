//! Keys as the service sees them: states, the PIN gate, what is stored.

pub use cosign_core::server::Status;
use cosign_core::{DeviceId, KeyId, Purpose, RefreshId, Suite};

use super::{Error, device::Name};

/// How long an issued key id waits for key generation, in milliseconds.
pub const ISSUE_TTL_MS: u64 = 60 * 60 * 1000;
/// How long a generated key waits for its activation, in milliseconds.
pub const PENDING_TTL_MS: u64 = 24 * 60 * 60 * 1000;
/// Most keys per device that are not revoked.
pub const MAX_KEYS: u64 = 64;
/// Most issued and unused key ids per device.
pub const MAX_ISSUED: u64 = 16;

/// What moves a key from one status to another, apart from the protocol's own activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The owner or the operator suspends it.
    Freeze,
    /// The operator makes it active again.
    Unfreeze,
    /// The operator ends it for good.
    Revoke,
}

/// The status after a change: the one place that decides it.
///
/// # Errors
/// [`Error::Conflict`] when the key's status does not allow the change.
pub fn transition(status: Status, change: Change) -> Result<Status, Error> {
    match (status, change) {
        (Status::Active | Status::Suspended, Change::Freeze) => Ok(Status::Suspended),
        (Status::Active | Status::Suspended, Change::Unfreeze) => Ok(Status::Active),
        (_, Change::Revoke) => Ok(Status::Revoked),
        (Status::Pending, Change::Freeze | Change::Unfreeze) => {
            Err(Error::Conflict("the key was never activated; revoke it instead"))
        }
        (Status::Revoked, Change::Freeze | Change::Unfreeze) => Err(Error::Conflict("the key is revoked")),
    }
}

/// A key id issued to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedKey {
    /// The id.
    pub key_id: KeyId,
    /// To whom.
    pub device: DeviceId,
    /// How it signs.
    pub suite: Suite,
    /// For what.
    pub purpose: Purpose,
    /// What its owner calls it.
    pub label: Name,
    /// When, unix milliseconds.
    pub issued_ms: u64,
    /// Until when key generation may start, unix milliseconds.
    pub expires_ms: u64,
    /// When key generation started.
    pub used_ms: Option<u64>,
}

/// The PIN gate as it is stored; its rules are the protocol's.
pub use cosign_core::server::Gate;

/// A key as it is stored: its secrets are sealed.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The id.
    pub key_id: KeyId,
    /// Whose.
    pub device: DeviceId,
    /// What its owner calls it.
    pub label: Name,
    /// How it signs.
    pub suite: Suite,
    /// For what.
    pub purpose: Purpose,
    /// Its status.
    pub status: Status,
    /// Share epoch, from 1.
    pub epoch: u32,
    /// Refresh that made the active shares.
    pub rid: RefreshId,
    /// X || Y.
    pub public_key: [u8; 64],
    /// When, unix milliseconds.
    pub created_ms: u64,
    /// PIN failures.
    pub gate: Gate,
    /// Decryptions so far, over the key's lifetime.
    pub decrypts: u32,
    /// The digest signed while waiting for activation.
    pub pending_sign: Option<[u8; 32]>,
    /// Sealed server share; empty once revoked.
    pub share: Vec<u8>,
    /// Sealed pending refresh.
    pub pending: Option<Vec<u8>>,
    /// Highest epoch that the audit log has seen.
    pub logged_epoch: u32,
    /// Grows with every change of authority.
    pub version: i64,
}

/// A wrapping key as it is stored: wrapped by the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Its version, from 1.
    pub version: u32,
    /// What the master key made of it.
    pub wrapped: Vec<u8>,
    /// When, unix milliseconds.
    pub created_ms: u64,
}

/// The sealed parts of a key, before and after they were sealed under another wrapping key.
#[derive(Clone, Debug)]
pub struct Resealed {
    /// The key.
    pub key_id: KeyId,
    /// Share and pending refresh as they were.
    pub old: (Vec<u8>, Option<Vec<u8>>),
    /// As they are to be.
    pub new: (Vec<u8>, Option<Vec<u8>>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_key_stays_revoked() {
        assert_eq!(transition(Status::Revoked, Change::Revoke), Ok(Status::Revoked));
        assert!(transition(Status::Revoked, Change::Unfreeze).is_err());
        assert!(transition(Status::Revoked, Change::Freeze).is_err());
    }

    #[test]
    fn only_the_protocol_activates() {
        assert!(transition(Status::Pending, Change::Unfreeze).is_err());
        assert!(transition(Status::Pending, Change::Freeze).is_err());
        assert_eq!(transition(Status::Active, Change::Freeze), Ok(Status::Suspended));
        assert_eq!(transition(Status::Suspended, Change::Unfreeze), Ok(Status::Active));
    }
}
