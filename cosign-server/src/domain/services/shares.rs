//! What the operator may do with all shares of a public key at once.

use cosign_core::{DeviceId, KeyId, PinMode, Purpose, Suite, sm_primitives::sm2::PublicKey};

use super::{
    keys::KeyView,
    operator::{Operator, changed},
};
use crate::domain::{
    Error,
    audit::{Act, Event},
    device::Name,
    key::{Change, IssuedKey, Origin, RECOVERY_TTL_MS, Status, StoredKey, transition},
    ports::{StoreError, Unit, Write},
};

/// Times it is tried again because a share was changed or added meanwhile.
const ATTEMPTS: usize = 4;

/// A recovered key waits for its device.
#[derive(Debug)]
pub struct Recovery {
    /// The key id under which the device imports it.
    pub issued: IssuedKey,
    /// What was left of the key before, revoked now.
    pub revoked: Vec<KeyView>,
}

/// A decryption key that a device is to import.
#[derive(Clone, Debug)]
pub(super) struct Recovered {
    /// Under which key id.
    pub(super) key_id: KeyId,
    /// The key.
    pub(super) public_key: PublicKey,
    /// The device.
    pub(super) device: DeviceId,
    /// How its shares work together.
    pub(super) suite: Suite,
    /// How its PIN protects it.
    pub(super) mode: PinMode,
    /// What its owner calls it.
    pub(super) label: Name,
}

impl Operator {
    /// Sets how many shares of a key its owner may give to others. Those that are given already stay.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for a revoked key and for a share that was itself given, storage faults.
    pub async fn set_seats(&self, key_id: &KeyId, max: u32) -> Result<KeyView, Error> {
        self.store.commit(self.seats_unit(key_id, max).await?).await?;
        self.key(key_id).await
    }

    pub(super) async fn seats_unit(&self, key_id: &KeyId, max: u32) -> Result<Unit, Error> {
        let key = self.store.key(key_id).await?.ok_or(Error::NotFound)?;
        if key.status == Status::Revoked {
            return Err(Error::Conflict("the key is revoked"));
        }
        if key.seat {
            return Err(Error::Conflict("this share was itself given; name that of the owner"));
        }
        let event = Event::administration(self.clock.now_ms(), Act::SEATS, format!("seats={max}"));
        let event = Event { epoch: key.epoch, ..event.about(*key_id, None) };
        let set = Write::SetSeats { public_key: key.public_key, max };
        Ok([set, Write::Log(event)].into())
    }

    /// Freezes or revokes all shares of a key. What was changed. One that has not arrived is not frozen: it cannot arrive
    /// from one that is.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when the status of none allows it, storage faults.
    pub async fn change_all(&self, key_id: &KeyId, change: Change) -> Result<Vec<KeyView>, Error> {
        for _ in 0..ATTEMPTS {
            let (unit, changed) = self.all_unit(key_id, change).await?;
            match self.store.commit(unit).await {
                Ok(()) => return self.views(&changed).await,
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Stale.into())
    }

    pub(super) async fn all_unit(&self, key_id: &KeyId, change: Change) -> Result<(Unit, Vec<KeyId>), Error> {
        let public_key = self.store.key(key_id).await?.ok_or(Error::NotFound)?.public_key;
        let shares = self.live_shares(&public_key).await?;
        change_unit(&public_key, &shares, change, self.clock.now_ms())
    }

    /// Revokes all that is left of a decryption key and issues a key id under which a device may import it, good for seven
    /// days.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the device is not enrolled or the key is known as a signing key; random and storage faults.
    pub async fn recover(
        &self,
        public_key: &PublicKey,
        device: &DeviceId,
        suite: Suite,
        mode: PinMode,
        label: Name,
    ) -> Result<Recovery, Error> {
        let mut key_id = [0; KeyId::LEN];
        self.entropy.fill(&mut key_id)?;
        let wanted = Recovered {
            key_id: KeyId::from_bytes(key_id),
            public_key: *public_key,
            device: *device,
            suite,
            mode,
            label,
        };
        for _ in 0..ATTEMPTS {
            let (unit, issued, revoked) = self.recovery_unit(wanted.clone()).await?;
            match self.store.commit(unit).await {
                Ok(()) => return Ok(Recovery { issued, revoked: self.views(&revoked).await? }),
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Stale.into())
    }

    /// What is issued, and which key ids are revoked beside it.
    pub(super) async fn recovery_unit(
        &self,
        wanted: Recovered,
    ) -> Result<(Unit, IssuedKey, Vec<KeyId>), Error> {
        let Recovered { key_id, public_key, device, suite, mode, label } = wanted;
        if self.store.device(&device).await?.is_none() {
            return Err(Error::Conflict("the device is not enrolled"));
        }
        let now_ms = self.clock.now_ms();
        let issued = IssuedKey {
            key_id,
            device,
            suite,
            purpose: Purpose::Encrypt,
            mode,
            origin: Origin::Recovered(public_key),
            label,
            issued_ms: now_ms,
            expires_ms: now_ms.saturating_add(RECOVERY_TTL_MS),
            used_ms: None,
        };
        let bytes = public_key.as_point().to_bytes();
        let mut shares = self.store.shares(&bytes).await?;
        if shares.iter().any(|share| share.purpose != Purpose::Encrypt) {
            return Err(Error::Conflict("it is a signing key, and those are never recovered"));
        }
        shares.retain(|share| share.status != Status::Revoked);
        let (mut unit, revoked) = change_unit(&bytes, &shares, Change::Revoke, now_ms)?;
        let note = format!("{}, recovered", issued.purpose.as_str());
        let event = Event::administration(now_ms, Act::ISSUE, note).about(issued.key_id, None);
        unit.0.extend([Write::IssueKey(issued.clone()), Write::Log(event)]);
        Ok((unit, issued, revoked))
    }

    async fn live_shares(&self, public_key: &[u8; 64]) -> Result<Vec<StoredKey>, Error> {
        let mut shares = self.store.shares(public_key).await?;
        shares.retain(|share| share.status != Status::Revoked);
        Ok(shares)
    }

    async fn views(&self, key_ids: &[KeyId]) -> Result<Vec<KeyView>, Error> {
        let mut views = Vec::with_capacity(key_ids.len());
        for key_id in key_ids {
            views.push(self.key(key_id).await?);
        }
        Ok(views)
    }
}

/// Changes all `shares` that their status allows to change, and which those are. The unit holds only if they are all that
/// are not revoked, and every one is as it was read: none arrives beside it.
pub(super) fn change_unit(
    public_key: &[u8; 64],
    shares: &[StoredKey],
    change: Change,
    now_ms: u64,
) -> Result<(Unit, Vec<KeyId>), Error> {
    let live = u32::try_from(shares.len()).unwrap_or(u32::MAX);
    let mut unit = Unit(vec![Write::ExpectShares { public_key: *public_key, live }]);
    let mut done = Vec::new();
    let mut refused = if shares.is_empty() { transition(Status::Revoked, change).err() } else { None };
    let mut allowed = false;
    for share in shares {
        let to = transition(share.status, change);
        match to {
            Ok(_) => allowed = true,
            Err(error) => refused = Some(error),
        }
        let (key_id, from) = (share.key_id, share.status);
        let to = to.unwrap_or(from);
        unit.0.push(Write::SetStatus { key_id, from, to });
        if to != from {
            unit.0.push(Write::Log(changed(share, change, now_ms)));
            done.push(key_id);
        }
    }
    match refused {
        Some(error) if !allowed => Err(error),
        _ => Ok((unit, done)),
    }
}
