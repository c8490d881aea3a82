//! Certificates that are suspended, ended, or put in force again, together with their keys.
//!
//! **Invariant:** a certificate and its key change in one transaction, so nothing is signed between the two.

use std::collections::BTreeMap;

use cosign_core::KeyId;

use super::{ATTEMPTS, Authorities, event};
use crate::domain::{
    Error,
    audit::{Act, Event},
    ca::{
        AuthorityId, CertEvent, CertState, Certificate, Effect, Reason, Serial,
        certificate::{Change, transition},
        ports::{RegistryWrite, Which},
    },
    device::Device,
    key::{self, Status},
    ports::{StoreError, Unit, Write},
    services::shares::change_unit,
};

/// Certificates that expire in one go.
const BATCH: u32 = 256;

impl Authorities {
    /// Suspends a certificate or puts it in force again, marks that its subject's data have changed, or revokes it; the other
    /// one of its pair goes along. The key is suspended, active again or destroyed in the same transaction. What was done
    /// already changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when its state does not allow it, storage faults.
    pub async fn change(
        &self,
        authority: &AuthorityId,
        serial: &Serial,
        what: CertEvent,
        device: Option<&Device>,
    ) -> Result<Certificate, Error> {
        for _ in 0..ATTEMPTS {
            let certificate = self.certificate(authority, serial).await?;
            let done = match what {
                CertEvent::Revoke(_) => certificate.state == CertState::Revoked,
                CertEvent::Freeze => certificate.state == CertState::Frozen,
                _ => false,
            };
            if done {
                return Ok(certificate);
            }
            let now_ms = self.clock.now_ms();
            let unit = match what {
                CertEvent::Revoke(reason) => {
                    self.revocation(authority, serial, reason, device, now_ms).await?
                }
                _ => self.changes(vec![certificate], what, device, now_ms).await?,
            };
            match self.store.commit(unit).await {
                Ok(()) => return self.certificate(authority, serial).await,
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Stale.into())
    }

    /// The unit that revokes a certificate, its pair, and all that certifies the same keys: those are destroyed.
    pub(super) async fn revocation(
        &self,
        authority: &AuthorityId,
        serial: &Serial,
        reason: Reason,
        device: Option<&Device>,
        now_ms: u64,
    ) -> Result<Unit, Error> {
        let first = self.certificate(authority, serial).await?;
        let mut found = self.with_pair(vec![first]).await?;
        let mut keys: Vec<_> = found.iter().map(|certificate| certificate.public_key).collect();
        keys.sort_unstable();
        keys.dedup();
        for public_key in keys {
            let which = Which { public_key: Some(public_key), ..Which::default() };
            let others = self.registry.certificates(which).await?;
            found.extend(others.into_iter().filter(|other| other.state != CertState::Revoked));
        }
        self.changes(found, CertEvent::Revoke(reason), device, now_ms).await
    }

    async fn with_pair(&self, mut found: Vec<Certificate>) -> Result<Vec<Certificate>, Error> {
        let pairs: Vec<_> = found
            .iter()
            .filter_map(|one| one.pair.clone().map(|pair| (one.authority.clone(), pair)))
            .collect();
        for (authority, pair) in pairs {
            found.extend(self.registry.certificate(&authority, &pair).await?);
        }
        Ok(found)
    }

    /// The unit that changes certificates; the first one's state must allow it, pairs go along if theirs does.
    pub(super) async fn changes(
        &self,
        found: Vec<Certificate>,
        what: CertEvent,
        device: Option<&Device>,
        now_ms: u64,
    ) -> Result<Unit, Error> {
        let mut plan = Plan::default();
        let along = self.with_pair(found).await?;
        for (index, certificate) in along.iter().enumerate() {
            match plan.add(certificate, what, device, now_ms) {
                Err(error) if index == 0 => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        self.finish(plan, now_ms).await
    }

    /// Adds what happens to the keys.
    pub(super) async fn finish(&self, plan: Plan, now_ms: u64) -> Result<Unit, Error> {
        let Plan { mut unit, keys, .. } = plan;
        for (public_key, (change, key_id)) in keys {
            // An encryption key that its device has not imported yet: it never will be, but from the escrow.
            if let Some(key_id) = key_id.filter(|_| change != key::Change::Unfreeze)
                && self.store.issued(&key_id).await?.is_some_and(|issued| issued.is_usable(now_ms))
            {
                unit.0.push(Write::UseKeyId { key_id, now_ms });
            }
            let mut shares = self.store.shares(&public_key).await?;
            shares.retain(|share| share.status != Status::Revoked);
            if shares.is_empty() || (change == key::Change::Unfreeze && self.is_held(&public_key).await?) {
                continue;
            }
            unit.0.extend(change_unit(&public_key, &shares, change, now_ms)?.0.0);
        }
        Ok(unit)
    }

    /// Whether more than one certificate of a key is suspended: taking one off hold does not free the key.
    async fn is_held(&self, public_key: &[u8; 64]) -> Result<bool, Error> {
        let which = Which { public_key: Some(*public_key), ..Which::default() };
        let found = self.registry.certificates(which).await?;
        Ok(found.iter().filter(|certificate| certificate.state == CertState::Frozen).count() > 1)
    }

    /// Marks certificates whose end has come. How many.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn expire(&self) -> Result<usize, Error> {
        let now_ms = self.clock.now_ms();
        let ended = self.registry.ended(now_ms, BATCH).await?;
        let mut done = 0;
        for certificate in ended {
            let mut plan = Plan::default();
            plan.add(&certificate, CertEvent::Expire, None, now_ms)?;
            match self.store.commit(self.finish(plan, now_ms).await?).await {
                Ok(()) => done += 1,
                Err(StoreError::Stale) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(done)
    }
}

/// Changes that are to happen together.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) unit: Unit,
    keys: BTreeMap<[u8; 64], (key::Change, Option<KeyId>)>,
    seen: Vec<(AuthorityId, Serial)>,
}

impl Plan {
    /// Adds what an event does to a certificate, if that is not in it.
    pub(super) fn add(
        &mut self,
        certificate: &Certificate,
        what: CertEvent,
        device: Option<&Device>,
        now_ms: u64,
    ) -> Result<(), Error> {
        let name = (certificate.authority.clone(), certificate.serial.clone());
        if self.seen.contains(&name) {
            return Ok(());
        }
        let (to, effects) = transition(certificate.state, what, certificate.not_after_ms, now_ms)?;
        let mut listed = None;
        for effect in effects {
            let change = match effect {
                Effect::List(reason) => {
                    listed = Some(Some((now_ms, *reason)));
                    continue;
                }
                Effect::Unlist => {
                    listed = Some(None);
                    continue;
                }
                Effect::SuspendKey => key::Change::Freeze,
                Effect::ResumeKey => key::Change::Unfreeze,
                Effect::RevokeKey => key::Change::Revoke,
            };
            self.keys.insert(certificate.public_key, (change, certificate.key_id));
        }
        let (authority, serial) = name.clone();
        self.seen.push(name);
        let change = Change { authority, serial, from: certificate.state, to, listed };
        self.unit.0.push(Write::Registry(RegistryWrite::Change(change)));
        self.unit.0.push(Write::Log(record(certificate, what, to, device, now_ms)));
        Ok(())
    }
}

fn record(
    certificate: &Certificate,
    what: CertEvent,
    to: CertState,
    device: Option<&Device>,
    now_ms: u64,
) -> Event {
    let (act, why) = match what {
        CertEvent::Revoke(reason) => (Act::CERTIFICATE_REVOKED, reason.name()),
        _ => (Act::CERTIFICATE_STATE, to.as_str()),
    };
    let note = format!("{} {} {why}", certificate.authority, certificate.serial);
    Event {
        key_id: certificate.key_id,
        public_key: Some(certificate.public_key),
        ..event(now_ms, act, device, note)
    }
}
