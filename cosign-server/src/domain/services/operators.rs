//! What operators see and do over the API. Every method takes the proof of the role that it demands.

mod grants;
mod proposals;

use std::sync::Arc;

use cosign_core::{DeviceId, KeyId};

pub use self::{grants::Grants, proposals::Proposed};
use super::{keys::KeyView, operator::Operator as Acts};
use crate::domain::{
    Error,
    audit::Record,
    ca::{Request, RequestId},
    device::Device,
    enrolment::EnrolmentCode,
    key::Change,
    once::{self, Once},
    operators::{
        Acting, Administrator, Auditor, Proposal, ProposalId, Right, SeesKeys, SeesRequests,
        ports::{OperatorWrite, Roster, WhichKeys, WhichProposals, WhichRequests},
    },
    ports::{Clock, Entropy, Store, StoreError, Unit, Write},
};

/// Times it is tried again because something was changed meanwhile.
const ATTEMPTS: usize = 4;
/// Most devices that one administrator alone lets enrol with a code.
const MAX_ALONE: u32 = 10;
/// Longest time that a code from the API is good, in milliseconds.
const MAX_CODE_TTL_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// Items of a page unless another number is asked for, and at most.
const PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;

/// How many items a page has.
#[must_use]
pub fn page(limit: Option<u32>) -> u32 {
    limit.unwrap_or(PAGE).clamp(1, MAX_PAGE)
}

/// Operators over the API.
pub struct Operators {
    acts: Acts,
    roster: Arc<dyn Roster>,
}

impl Operators {
    /// The service over its ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        roster: Arc<dyn Roster>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { acts: Acts::new(store, clock, entropy), roster }
    }

    fn store(&self) -> &dyn Store {
        &*self.acts.store
    }

    fn now_ms(&self) -> u64 {
        self.acts.clock.now_ms()
    }

    /// A device as an operator with a right, as the database says at this moment.
    ///
    /// # Errors
    /// [`Error::RoleMissing`], storage faults.
    pub async fn acting<R: Right>(&self, device: Device) -> Result<Acting<R>, Error> {
        let operator = self.roster.operator(&device.id).await?;
        Acting::judge(device, operator)
    }

    /// Keys, in the order of their ids.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn keys(&self, _: &Acting<SeesKeys>, which: WhichKeys) -> Result<Vec<KeyView>, Error> {
        let (keys, now_ms) = (self.roster.keys_where(which).await?, self.now_ms());
        Ok(keys.into_iter().map(|key| KeyView::of(key, now_ms)).collect())
    }

    /// One key.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn key(&self, _: &Acting<SeesKeys>, key_id: &KeyId) -> Result<KeyView, Error> {
        self.acts.key(key_id).await
    }

    /// Devices, in the order of their ids.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn devices(
        &self,
        _: &Acting<SeesKeys>,
        after: Option<DeviceId>,
        limit: u32,
    ) -> Result<Vec<Device>, Error> {
        Ok(self.roster.devices(after, limit).await?)
    }

    /// Proposals, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn proposals(
        &self,
        _: &Acting<SeesKeys>,
        which: WhichProposals,
    ) -> Result<Vec<Proposal>, Error> {
        Ok(self.roster.proposals(which).await?)
    }

    /// One proposal.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn proposal(&self, _: &Acting<SeesKeys>, id: &ProposalId) -> Result<Proposal, Error> {
        self.found(id).await
    }

    async fn found(&self, id: &ProposalId) -> Result<Proposal, Error> {
        self.roster.proposal(id).await?.ok_or(Error::NotFound)
    }

    /// Records of the audit log after number `after`.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn audit(&self, _: &Acting<Auditor>, after: u64, limit: u32) -> Result<Vec<Record>, Error> {
        let entries = self.store().audit(after, limit).await?;
        let records = entries.iter().map(|entry| Record::decode(&entry.record));
        records.collect::<Result<_, _>>().map_err(|_| Error::Internal)
    }

    /// Requests for certificates, newest first.
    ///
    /// # Errors
    /// Storage faults.
    pub async fn requests(
        &self,
        _: &Acting<SeesRequests>,
        which: WhichRequests,
    ) -> Result<Vec<Request>, Error> {
        Ok(self.roster.requests_where(which).await?)
    }

    /// One request for a certificate.
    ///
    /// # Errors
    /// [`Error::NotFound`], storage faults.
    pub async fn request(&self, _: &Acting<SeesRequests>, id: &RequestId) -> Result<Request, Error> {
        let which = WhichRequests { id: Some(*id), limit: 1, ..WhichRequests::default() };
        self.roster.requests_where(which).await?.pop().ok_or(Error::NotFound)
    }

    /// Suspends a key, or all keys with the same public key. One administrator is enough: stopping is never delayed. Again
    /// changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Conflict`] when the key's status does not allow it, [`Error::IdempotencyMismatch`],
    /// storage faults.
    pub async fn freeze(
        &self,
        by: &Acting<Administrator>,
        key_id: &KeyId,
        all_shares: bool,
        once: Option<&Once>,
    ) -> Result<KeyView, Error> {
        for _ in 0..ATTEMPTS {
            if self.was_done(by, once).await? {
                return self.acts.key(key_id).await;
            }
            let mut unit = if all_shares {
                self.acts.all_unit(key_id, Change::Freeze).await?.0
            } else {
                self.acts.one_unit(key_id, Change::Freeze).await?
            };
            attribute(&mut unit, &by.operator().id, "operator");
            if self.commit(by, unit, once, &()).await? {
                return self.acts.key(key_id).await;
            }
        }
        Err(StoreError::Stale.into())
    }

    /// Makes an enrolment code for at most 10 devices that is good for `ttl_ms`. It is shown once and never stored,
    /// so the same request again does not show it.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for no uses, no time, or more than 90 days; [`Error::Conflict`] for more devices, and for a
    /// request that came before; [`Error::IdempotencyMismatch`], random and storage faults.
    pub async fn new_code(
        &self,
        by: &Acting<Administrator>,
        uses: u32,
        ttl_ms: u64,
        once: Option<&Once>,
    ) -> Result<EnrolmentCode, Error> {
        if uses > MAX_ALONE {
            return Err(Error::Conflict(
                "a code for more than 10 devices takes two administrators: propose it",
            ));
        }
        check_ttl(ttl_ms)?;
        for _ in 0..ATTEMPTS {
            if self.was_done(by, once).await? {
                return Err(Error::Conflict("the code was shown when it was made; make another one"));
            }
            let code = EnrolmentCode::random(&*self.acts.entropy)?;
            let mut unit = self.acts.code_unit(code.hash()?, uses, ttl_ms)?;
            attribute(&mut unit, &by.operator().id, "operator");
            if self.commit(by, unit, once, &()).await? {
                return Ok(code);
            }
        }
        Err(StoreError::Stale.into())
    }

    /// Whether a request of this name came before.
    async fn was_done(&self, by: &Acting<Administrator>, once: Option<&Once>) -> Result<bool, Error> {
        let done = once::recall::<()>(self.store(), &by.device().id, once, self.now_ms()).await?;
        Ok(done.is_some())
    }

    /// Commits what an operator does who still has the roles. `false`: something changed meanwhile, it is to be judged again.
    async fn commit<T: serde::Serialize + Sync>(
        &self,
        by: &Acting<Administrator>,
        mut unit: Unit,
        once: Option<&Once>,
        outcome: &T,
    ) -> Result<bool, Error> {
        unit.0.insert(0, still(by));
        if let Some(once) = once {
            unit.0.push(Write::Remember(once::remember(&by.device().id, once, outcome, self.now_ms())?));
        }
        match self.store().commit(unit).await {
            Ok(()) => Ok(true),
            // Or the same request came twice at once, and the other one was first.
            Err(StoreError::Stale | StoreError::Duplicate) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The write that holds only if an operator has the roles that were judged.
pub(super) fn still<R: Right>(by: &Acting<R>) -> Write {
    let operator = by.operator();
    Write::Operators(OperatorWrite::ExpectRoles { id: operator.id, roles: operator.roles })
}

/// Says in the records of a unit who did it.
fn attribute(unit: &mut Unit, by: &DeviceId, words: &str) {
    for write in &mut unit.0 {
        if let Write::Log(event) = write {
            event.device = Some(*by);
            event.note =
                if event.note.is_empty() { words.to_owned() } else { format!("{}; {words}", event.note) };
        }
    }
}

fn check_ttl(ttl_ms: u64) -> Result<(), Error> {
    if ttl_ms > MAX_CODE_TTL_MS {
        return Err(Error::BadRequest("a code is good for at most 90 days"));
    }
    Ok(())
}
