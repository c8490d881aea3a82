//! Keys as their owner sees them.

use std::sync::Arc;

use cosign_core::{DeviceId, KeyId, PinMode, Purpose, Suite};
use serde::{Deserialize, Serialize};

use crate::domain::{
    Error,
    audit::{Act, Event},
    device::{Device, Name},
    key::{
        Change, ISSUE_TTL_MS, IssuedKey, MAX_ISSUED, MAX_KEYS, Origin, Seats, Status, StoredKey, transition,
    },
    once::{self, Once},
    page::{Cursor, Page, Paged},
    ports::{Clock, Entropy, Store, StoreError, Unit, Write},
};

/// A key without its secrets.
#[derive(Clone, Debug)]
pub struct KeyView {
    /// The id.
    pub key_id: KeyId,
    /// Whose.
    pub device: DeviceId,
    /// How it signs.
    pub suite: Suite,
    /// For what.
    pub purpose: Purpose,
    /// How its PIN is turned into its mask.
    pub mode: PinMode,
    /// What its owner calls it.
    pub label: Name,
    /// Its status.
    pub status: Status,
    /// Share epoch.
    pub epoch: u32,
    /// X || Y.
    pub public_key: [u8; 64],
    /// When, unix milliseconds.
    pub created_ms: u64,
    /// The PIN gate.
    pub pin: PinView,
    /// Decryptions so far with all shares of the public key.
    pub decrypts: u32,
    /// The share that it was split from.
    pub parent: Option<KeyId>,
    /// Whether it is one more share of somebody else's key.
    pub seat: bool,
    /// Those that its owner may give.
    pub seats: Seats,
}

/// The PIN gate, as a person needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinView {
    /// Wrong PINs since the last right one.
    pub failures: u8,
    /// Wrong PINs since the last refresh or unlock.
    pub total: u8,
    /// Whether only the operator can open it.
    pub locked: bool,
    /// Seconds until the next PIN is looked at.
    pub retry_s: u32,
    /// Wrong PINs that lock the key.
    pub remaining: u8,
    /// Whether the operator unlocked it, so that only a refresh is served.
    pub refresh_required: bool,
}

impl KeyView {
    /// What may be shown of a stored key at `now_ms`.
    #[must_use]
    pub fn of(key: StoredKey, now_ms: u64) -> Self {
        let pin = PinView {
            failures: key.gate.fails,
            total: key.gate.total,
            locked: key.gate.is_locked(),
            retry_s: key.gate.wait_s(now_ms),
            remaining: key.gate.remaining(),
            refresh_required: key.gate.refresh_required,
        };
        Self {
            key_id: key.key_id,
            device: key.device,
            suite: key.suite,
            purpose: key.purpose,
            mode: key.mode,
            label: key.label,
            status: key.status,
            epoch: key.epoch,
            public_key: key.public_key,
            created_ms: key.created_ms,
            pin,
            decrypts: key.decrypts,
            parent: key.parent.map(|parent| parent.key_id),
            seat: key.seat,
            seats: key.seats,
        }
    }
}

/// A page of the keys of a device, or of all, oldest first, as they are at `now_ms`.
pub(super) async fn list(
    store: &dyn Store,
    device: Option<&Device>,
    page: &Page,
    now_ms: u64,
) -> Result<Paged<KeyView>, Error> {
    let keys = store.keys(device.map(|device| &device.id), page).await?;
    let keys = keys.into_iter().map(|key| KeyView::of(key, now_ms)).collect();
    Ok(page.of(keys, |key: &KeyView| Cursor { at_ms: key.created_ms, id: key.key_id.as_bytes().to_vec() }))
}

/// Keys: issuing ids, looking, suspending.
pub struct Keys {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What a key id is to be for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// A new key, to be generated.
    New(Suite, Purpose, PinMode),
    /// A share of a key that somebody, or another device of the same person, holds.
    ShareOf(KeyId),
}

#[derive(Serialize, Deserialize)]
struct Issued {
    key_id: String,
}

impl Keys {
    /// The service over its ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy }
    }

    /// Issues a key id to a device for what it is to hold; key generation must start, or the share be split, within an
    /// hour.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a share of a key that is not active, [`Error::Conflict`] when the device has too many keys,
    /// [`Error::IdempotencyMismatch`], storage faults.
    pub async fn issue(
        &self,
        device: &Device,
        wanted: Wanted,
        label: Name,
        once: Option<&Once>,
    ) -> Result<IssuedKey, Error> {
        let now_ms = self.clock.now_ms();
        if let Some(issued) = self.issued_before(device, once, now_ms).await? {
            return Ok(issued);
        }
        let (suite, purpose, mode, origin, note) = match wanted {
            Wanted::New(suite, purpose, mode) => {
                (suite, purpose, mode, Origin::Generated, purpose.as_str().to_owned())
            }
            Wanted::ShareOf(of) => {
                let key = self.store.key(&of).await?.filter(|key| key.status == Status::Active);
                let key = key.ok_or(Error::NotFound)?;
                let note = format!("{}, split of {of}", key.purpose.as_str());
                (key.suite, key.purpose, key.mode, Origin::Split(of), note)
            }
        };
        let (keys, issued) = self.store.key_counts(&device.id, now_ms).await?;
        if keys >= MAX_KEYS {
            return Err(Error::Conflict("the device has 64 keys; revoke one first"));
        }
        if issued >= MAX_ISSUED {
            return Err(Error::Conflict("16 issued key ids are unused; use them or wait an hour"));
        }
        let mut key_id = [0; KeyId::LEN];
        self.entropy.fill(&mut key_id)?;
        let key_id = KeyId::from_bytes(key_id);
        let expires_ms = now_ms.saturating_add(ISSUE_TTL_MS);
        let issued = IssuedKey {
            key_id,
            device: device.id,
            suite,
            purpose,
            mode,
            origin,
            label,
            issued_ms: now_ms,
            expires_ms,
            used_ms: None,
        };
        let event = Event::administration(now_ms, Act::ISSUE, note).about(key_id, Some(device.id));
        let mut unit = Unit(vec![Write::IssueKey(issued.clone()), Write::Log(event)]);
        if let Some(once) = once {
            let outcome = Issued { key_id: key_id.to_string() };
            unit.0.push(Write::Remember(once::remember(&device.id, once, &outcome, now_ms)?));
        }
        match self.store.commit(unit).await {
            Ok(()) => Ok(issued),
            // The same request came twice at once, and the other one was first.
            Err(StoreError::Duplicate) => {
                self.issued_before(device, once, now_ms).await?.ok_or(Error::Internal)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn issued_before(
        &self,
        device: &Device,
        once: Option<&Once>,
        now_ms: u64,
    ) -> Result<Option<IssuedKey>, Error> {
        let Some(Issued { key_id }) = once::recall(&*self.store, &device.id, once, now_ms).await? else {
            return Ok(None);
        };
        let key_id = key_id.parse().map_err(|_| Error::Internal)?;
        self.store.issued(&key_id).await?.ok_or(Error::NotFound).map(Some)
    }

    /// A key id that was issued to a device and is not used yet.
    ///
    /// # Errors
    /// [`Error::NotFound`] for any other key id; storage faults.
    pub async fn issued(&self, device: &Device, key_id: &KeyId) -> Result<IssuedKey, Error> {
        let now_ms = self.clock.now_ms();
        let issued = self.store.issued(key_id).await?;
        issued.filter(|issued| issued.device == device.id && issued.is_usable(now_ms)).ok_or(Error::NotFound)
    }

    /// The keys of a device, oldest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn list(&self, device: &Device, page: &Page) -> Result<Paged<KeyView>, Error> {
        list(&*self.store, Some(device), page, self.clock.now_ms()).await
    }

    /// One key of a device.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown key and for another device's; storage faults.
    pub async fn show(&self, device: &Device, key_id: &KeyId) -> Result<KeyView, Error> {
        let key = self.own(device, key_id).await?;
        Ok(KeyView::of(key, self.clock.now_ms()))
    }

    async fn own(&self, device: &Device, key_id: &KeyId) -> Result<StoredKey, Error> {
        let key = self.store.key(key_id).await?.filter(|key| key.device == device.id);
        key.ok_or(Error::NotFound)
    }

    /// Suspends a key. Suspending it again changes nothing; only the operator can make it active again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] for a key that is pending or revoked, storage faults.
    pub async fn freeze(
        &self,
        device: &Device,
        key_id: &KeyId,
        once: Option<&Once>,
    ) -> Result<KeyView, Error> {
        let now_ms = self.clock.now_ms();
        if once::recall::<()>(&*self.store, &device.id, once, now_ms).await?.is_some() {
            return self.show(device, key_id).await;
        }
        let key = self.own(device, key_id).await?;
        let to = transition(key.status, Change::Freeze)?;
        let mut unit = Unit::default();
        if key.status != to {
            let event = Event {
                epoch: key.epoch,
                ..Event::administration(now_ms, Act::FREEZE, "").about(*key_id, Some(device.id))
            };
            unit.0.push(Write::SetStatus { key_id: *key_id, from: key.status, to });
            unit.0.push(Write::Log(event));
        }
        if let Some(once) = once {
            unit.0.push(Write::Remember(once::remember(&device.id, once, &(), now_ms)?));
        }
        match self.store.commit(unit).await {
            Ok(()) => self.show(device, key_id).await,
            // The same request came twice at once, and the other one was first; or the name is another request's.
            Err(StoreError::Duplicate) => {
                once::recall::<()>(&*self.store, &device.id, once, now_ms).await?;
                self.show(device, key_id).await
            }
            Err(error) => Err(error.into()),
        }
    }
}
