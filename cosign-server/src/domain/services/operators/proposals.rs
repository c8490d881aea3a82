//! Acts on keys that take two administrators.
//!
//! **Invariant:** the act, the end of its proposal and the records of both are one commit, which holds only if proposer and
//! approver are administrators in it and the keys are as they were when the act was proposed.

use cosign_core::{KeyId, sm_primitives::sm3::Sm3};
use serde::{Deserialize, Serialize};

use super::{ATTEMPTS, Operators, attribute, check_ttl};
use crate::domain::{
    Error,
    audit::{Act, Event},
    enrolment::EnrolmentCode,
    key::{Change, Status, StoredKey},
    once::{self, Once},
    operators::{
        Acting, Administrator, KeyAct, MAX_OPEN, MAX_REASON, Person, Proposal, ProposalId, Role, State, Step,
        TTL_MS,
        ports::{OperatorWrite, WhichProposals},
        transition,
    },
    ports::{StoreError, Unit, Write},
    services::shares::Recovered,
};

/// A proposal that was made.
pub struct Proposed {
    /// The proposal.
    pub proposal: Proposal,
    /// The enrolment code that it makes good, shown this once.
    pub code: Option<EnrolmentCode>,
}

#[derive(Serialize, Deserialize)]
struct Named {
    proposal: String,
}

impl Operators {
    /// Proposes an act on keys. It must be possible now.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a reason that is empty or too long, [`Error::NotFound`], [`Error::Conflict`] when the state of
    /// the keys does not allow the act, there is nothing to change, or 100 proposals are open;
    /// [`Error::IdempotencyMismatch`], random and storage faults.
    pub async fn propose(
        &self,
        by: &Acting<Administrator>,
        act: KeyAct,
        reason: String,
        once: Option<&Once>,
    ) -> Result<Proposed, Error> {
        if reason.trim().is_empty() || reason.len() > MAX_REASON || reason.chars().any(char::is_control) {
            return Err(Error::BadRequest("a reason has 1 to 500 bytes and no control characters"));
        }
        if let KeyAct::EnrolmentCode { ttl_ms, .. } = act {
            check_ttl(ttl_ms)?;
        }
        for _ in 0..ATTEMPTS {
            let now_ms = self.now_ms();
            let before = once::recall::<Named>(self.store(), &by.device().id, once, now_ms).await?;
            if let Some(Named { proposal }) = before {
                let id = proposal.parse().map_err(|_| Error::Internal)?;
                return Ok(Proposed { proposal: self.found(&id).await?, code: None });
            }
            let which = WhichProposals { state: Some(State::Open), after: None, limit: MAX_OPEN, now_ms };
            if self.roster.proposals(which).await?.len() >= usize::try_from(MAX_OPEN).unwrap_or(usize::MAX) {
                return Err(Error::Conflict("100 proposals are open; decide some of them first"));
            }
            let Proposed { proposal, code } = self.drawn(by, act.clone(), reason.clone(), now_ms).await?;
            let changes = self.unit_of(&proposal).await?;
            if !changes.0.iter().any(|write| matches!(write, Write::Log(_))) {
                return Err(Error::Conflict("there is nothing to change"));
            }
            let write = OperatorWrite::Propose(Box::new(proposal.clone()));
            let unit = [Write::Operators(write), log(&proposal, "proposed", by, now_ms)].into();
            let named = Named { proposal: proposal.id.to_string() };
            if self.commit(by, unit, once, &named).await? {
                return Ok(Proposed { proposal, code });
            }
        }
        Err(StoreError::Stale.into())
    }

    async fn drawn(
        &self,
        by: &Acting<Administrator>,
        act: KeyAct,
        reason: String,
        now_ms: u64,
    ) -> Result<Proposed, Error> {
        let mut id = [0; 16];
        self.acts.entropy.fill(&mut id)?;
        let code = match act {
            KeyAct::EnrolmentCode { .. } => Some(EnrolmentCode::random(&*self.acts.entropy)?),
            _ => None,
        };
        let operator = by.operator();
        let proposal = Proposal {
            id: ProposalId::from_bytes(id),
            facts: facts(&self.keys_of(&act).await?),
            act,
            code: code.as_ref().map(EnrolmentCode::hash).transpose()?,
            reason,
            proposer: Person { id: operator.id, name: operator.name.clone() },
            written: State::Open,
            created_ms: now_ms,
            expires_ms: now_ms.saturating_add(TTL_MS),
            decided: None,
        };
        Ok(Proposed { proposal, code })
    }

    /// Approves or rejects a proposal of another administrator, or withdraws an own one. What is approved is done in the same
    /// commit.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is not open, takes another person, its proposer is no administrator any
    /// more, or its keys have changed (it stays open then); [`Error::IdempotencyMismatch`], storage faults.
    pub async fn settle(
        &self,
        by: &Acting<Administrator>,
        id: &ProposalId,
        step: Step,
        once: Option<&Once>,
    ) -> Result<Proposal, Error> {
        for _ in 0..ATTEMPTS {
            if self.was_done(by, once).await? {
                return self.found(id).await;
            }
            let (proposal, now_ms, who) = (self.found(id).await?, self.now_ms(), by.operator().id);
            let to = transition(&proposal, step, &who, now_ms)?;
            let settle = OperatorWrite::Settle { id: *id, to, by: who, at_ms: now_ms };
            let mut unit = Unit(vec![Write::Operators(settle)]);
            if to == State::Executed {
                unit.0.extend(self.execution(&proposal, by).await?.0);
            }
            let word = if to == State::Executed { "approved" } else { to.as_str() };
            unit.0.push(log(&proposal, word, by, now_ms));
            if self.commit(by, unit, once, &()).await? {
                return self.found(id).await;
            }
        }
        Err(StoreError::Stale.into())
    }

    /// What happens with the approval, if everything is as it was.
    async fn execution(&self, proposal: &Proposal, by: &Acting<Administrator>) -> Result<Unit, Error> {
        let proposer = self.roster.operator(&proposal.proposer.id).await?;
        let proposer = proposer.filter(|operator| operator.roles.has(Role::Administrator));
        let proposer = proposer.ok_or(Error::Conflict("its proposer is no administrator any more"))?;
        let keys = self.keys_of(&proposal.act).await?;
        if facts(&keys) != proposal.facts {
            return Err(Error::Conflict("its keys have changed since it was proposed; propose it again"));
        }
        let roles = OperatorWrite::ExpectRoles { id: proposer.id, roles: proposer.roles };
        let mut unit = Unit(vec![Write::Operators(roles)]);
        unit.0.extend(keys.iter().map(|key| Write::Expect { key_id: key.key_id, version: key.version }));
        let mut changes = self.unit_of(proposal).await?;
        let words = format!("operator; proposal {} by {}", proposal.id, proposer.id);
        attribute(&mut changes, &by.operator().id, &words);
        unit.0.extend(changes.0);
        Ok(unit)
    }

    /// What an act does now: as on the command line.
    async fn unit_of(&self, proposal: &Proposal) -> Result<Unit, Error> {
        match proposal.act.clone() {
            KeyAct::Unfreeze(key_id) => self.acts.one_unit(&key_id, Change::Unfreeze).await,
            KeyAct::Unlock(key_id) => self.acts.unlock_unit(&key_id).await,
            KeyAct::Revoke { key_id, all_shares: false } => self.acts.one_unit(&key_id, Change::Revoke).await,
            KeyAct::Revoke { key_id, all_shares: true } => {
                Ok(self.acts.all_unit(&key_id, Change::Revoke).await?.0)
            }
            KeyAct::Seats { key_id, max } => self.acts.seats_unit(&key_id, max).await,
            KeyAct::Recover { public_key, device, suite, mode, label } => {
                let key_id = proposal.id.key_id();
                let wanted = Recovered { key_id, public_key, device, suite, mode, label };
                Ok(self.acts.recovery_unit(wanted).await?.0)
            }
            KeyAct::EnrolmentCode { uses, ttl_ms } => {
                self.acts.code_unit(proposal.code.ok_or(Error::Internal)?, uses, ttl_ms)
            }
        }
    }

    /// The keys that an act changes, as they are.
    async fn keys_of(&self, act: &KeyAct) -> Result<Vec<StoredKey>, Error> {
        let one = async |key_id: &KeyId| self.store().key(key_id).await?.ok_or(Error::NotFound);
        let public_key = match act {
            KeyAct::EnrolmentCode { .. } => return Ok(Vec::new()),
            KeyAct::Unfreeze(key_id)
            | KeyAct::Unlock(key_id)
            | KeyAct::Seats { key_id, .. }
            | KeyAct::Revoke { key_id, all_shares: false } => return Ok(vec![one(key_id).await?]),
            KeyAct::Revoke { key_id, all_shares: true } => one(key_id).await?.public_key,
            KeyAct::Recover { public_key, .. } => public_key.as_point().to_bytes(),
        };
        let mut shares = self.store().shares(&public_key).await?;
        shares.retain(|share| share.status != Status::Revoked);
        Ok(shares)
    }
}

/// What administrators look at before they decide, of the keys in this order.
fn facts(keys: &[StoredKey]) -> [u8; 32] {
    let mut hash = Sm3::new();
    for key in keys {
        hash.update(key.key_id.as_bytes());
        hash.update(&key.epoch.to_be_bytes());
        hash.update(&key.seats.max.to_be_bytes());
        // The only part without a fixed length comes last and names itself.
        hash.update(key.status.as_str().as_bytes());
        hash.update(&[0]);
    }
    hash.finalize()
}

fn log(proposal: &Proposal, word: &str, by: &Acting<Administrator>, now_ms: u64) -> Write {
    let Proposal { id, act, proposer, .. } = proposal;
    let whose = if proposer.id == by.operator().id { String::new() } else { format!(", by {}", proposer.id) };
    let note = format!("{id} {word}: {}{whose}", act.as_str());
    let event = Event::administration(now_ms, Act::PROPOSAL, note);
    Write::Log(Event { key_id: act.key_id(), device: Some(by.operator().id), ..event })
}
