//! Keys as the service sees them: states, the PIN gate, what is stored.

use cosign_core::{DeviceId, KeyId, PinMode, Purpose, RefreshId, Suite, server::Issued};
pub use cosign_core::{
    server::{Origin, Parent, Status},
    split::Kind,
};

use super::{Error, device::Name};

/// How long an issued key id waits for key generation, in milliseconds.
pub const ISSUE_TTL_MS: u64 = 60 * 60 * 1000;
/// How long a key id issued for a recovered key waits for its import, in milliseconds.
pub const RECOVERY_TTL_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// How long a generated key waits for its activation, and an arriving one for its refresh, in milliseconds.
pub use cosign_core::server::PENDING_TTL_MS;
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
        (Status::Arriving, Change::Freeze | Change::Unfreeze) => Err(Error::Conflict(
            "the key waits for its first refresh; revoke it, or freeze the key that it was split from",
        )),
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
    /// How its PIN is turned into its mask.
    pub mode: PinMode,
    /// Where its first shares come from.
    pub origin: Origin,
    /// What its owner calls it.
    pub label: Name,
    /// When, unix milliseconds.
    pub issued_ms: u64,
    /// Until when key generation may start, or a split or an import happen, unix milliseconds.
    pub expires_ms: u64,
    /// When that was.
    pub used_ms: Option<u64>,
}

impl IssuedKey {
    /// Whether it waits to be used.
    #[must_use]
    pub const fn is_usable(&self, now_ms: u64) -> bool {
        self.used_ms.is_none() && self.expires_ms > now_ms
    }

    /// What the protocol needs to know of it.
    #[must_use]
    pub const fn terms(&self) -> Issued {
        let Self { device, suite, purpose, mode, origin, .. } = *self;
        Issued { device, suite, purpose, mode, origin }
    }
}

/// The shares of a key that its owner may give to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seats {
    /// How many the operator allows the holder of this share to give; 0 for a share that is itself given.
    pub max: u32,
    /// How many there are of the public key and not revoked.
    pub taken: u32,
}

impl Seats {
    /// How many more may be given.
    #[must_use]
    pub const fn free(self) -> u32 {
        self.max.saturating_sub(self.taken)
    }
}

/// The PIN gate as it is stored; its rules are the protocol's.
pub use cosign_core::server::{Charge, Gate};

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
    /// How its PIN is turned into its mask.
    pub mode: PinMode,
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
    /// Decryptions so far with all shares of the public key, those revoked included.
    pub decrypts: u32,
    /// The digest signed while waiting for activation.
    pub pending_sign: Option<[u8; 32]>,
    /// Sealed server share; empty once revoked.
    pub share: Vec<u8>,
    /// Sealed pending refresh.
    pub pending: Option<Vec<u8>>,
    /// The share that it was split from; whether that is active is not looked up.
    pub parent: Option<Parent>,
    /// Whether it is one more share of somebody else's key.
    pub seat: bool,
    /// Those that its owner may give.
    pub seats: Seats,
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
        assert!(transition(Status::Arriving, Change::Unfreeze).is_err());
        assert!(transition(Status::Arriving, Change::Freeze).is_err());
        assert_eq!(transition(Status::Arriving, Change::Revoke), Ok(Status::Revoked));
        assert_eq!(transition(Status::Active, Change::Freeze), Ok(Status::Suspended));
        assert_eq!(transition(Status::Suspended, Change::Unfreeze), Ok(Status::Active));
    }
}
