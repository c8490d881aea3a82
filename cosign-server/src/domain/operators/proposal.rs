//! Proposals: what one administrator asks for and another one lets happen.
//!
//! | from | step | by | to |
//! |---|---|---|---|
//! | open | approve | another administrator | executed, together with the act |
//! | open | reject | another administrator | rejected |
//! | open | withdraw | the proposer | withdrawn |
//! | open | 24 hours | | expired |
//!
//! Nothing leads out of the others. An act that cannot be done any more, because its keys have changed, leaves the proposal
//! open: nothing happened, and it is rejected, withdrawn, or expires.

use cosign_core::{DeviceId, KeyId, PinMode, Suite, sm_primitives::sm2::PublicKey};

use crate::domain::{Error, device::Name, enrolment::CodeHash};

/// How long a proposal waits, in milliseconds.
pub const TTL_MS: u64 = 24 * 60 * 60 * 1000;
/// Most open proposals.
pub const MAX_OPEN: u32 = 100;
/// Longest reason in bytes.
pub const MAX_REASON: usize = 500;

/// Names a proposal: 16 random bytes. A key id that the proposal issues is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposalId([u8; 16]);

impl ProposalId {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The key id that it issues, if it issues one.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        KeyId::from_bytes(self.0)
    }
}

impl std::fmt::Display for ProposalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for ProposalId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id)
            .map_err(|_| Error::BadRequest("a proposal is named by 32 hexadecimal digits"))?;
        Ok(Self(id))
    }
}

/// What takes two administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAct {
    /// Make a suspended key active again.
    Unfreeze(KeyId),
    /// Reset the PIN counters of a key.
    Unlock(KeyId),
    /// End a key for good.
    Revoke {
        /// Which.
        key_id: KeyId,
        /// And all others with the same public key.
        all_shares: bool,
    },
    /// Set how many shares of a key its owner may give to others.
    Seats {
        /// That of the owner.
        key_id: KeyId,
        /// How many.
        max: u32,
    },
    /// Revoke what is left of a decryption key and let a device import it.
    Recover {
        /// The key.
        public_key: PublicKey,
        /// The device.
        device: DeviceId,
        /// How its shares work together.
        suite: Suite,
        /// How its PIN protects it.
        mode: PinMode,
        /// What its owner calls it.
        label: Name,
    },
    /// An enrolment code for many devices.
    EnrolmentCode {
        /// How many.
        uses: u32,
        /// How long it is good from the approval on, in milliseconds.
        ttl_ms: u64,
    },
}

impl KeyAct {
    /// A stable name.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unfreeze(_) => "unfreeze",
            Self::Unlock(_) => "unlock",
            Self::Revoke { .. } => "revoke",
            Self::Seats { .. } => "seats",
            Self::Recover { .. } => "recover",
            Self::EnrolmentCode { .. } => "enrolment-code",
        }
    }

    /// The key that it names.
    #[must_use]
    pub const fn key_id(&self) -> Option<KeyId> {
        match self {
            Self::Unfreeze(key_id)
            | Self::Unlock(key_id)
            | Self::Revoke { key_id, .. }
            | Self::Seats { key_id, .. } => Some(*key_id),
            Self::Recover { .. } | Self::EnrolmentCode { .. } => None,
        }
    }
}

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for another administrator.
    Open,
    /// It was done.
    Executed,
    /// Another administrator did not want it.
    Rejected,
    /// Its proposer did not want it any more.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Open, Self::Executed, Self::Rejected, Self::Withdrawn, Self::Expired];

    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Executed => "executed",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// An operator, named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The operator.
    pub id: DeviceId,
    /// What people call the operator.
    pub name: Name,
}

/// Who decided a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Who.
    pub by: Person,
    /// When, unix milliseconds.
    pub at_ms: u64,
}

/// A proposal as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its name.
    pub id: ProposalId,
    /// What is to be done.
    pub act: KeyAct,
    /// Hash of the keys as they were when it was proposed.
    pub facts: [u8; 32],
    /// The enrolment code that it makes good.
    pub code: Option<CodeHash>,
    /// Why, in words; 1 to 500 bytes.
    pub reason: String,
    /// Who asks for it.
    pub proposer: Person,
    /// Where it stood when it was written: one that is open may have expired.
    pub written: State,
    /// When it was made, unix milliseconds.
    pub created_ms: u64,
    /// Until when it may be decided, unix milliseconds.
    pub expires_ms: u64,
    /// Who decided.
    pub decided: Option<Decided>,
}

impl Proposal {
    /// Where it stands.
    #[must_use]
    pub const fn state(&self, now_ms: u64) -> State {
        match self.written {
            State::Open if self.expires_ms <= now_ms => State::Expired,
            written => written,
        }
    }
}

/// What an operator does with a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Lets it happen.
    Approve,
    /// Ends it.
    Reject,
    /// Takes it back.
    Withdraw,
}

/// Where a proposal stands after a step of an administrator: the one place that decides it.
///
/// # Errors
/// [`Error::Conflict`] when it is not open, and when it takes another person.
pub fn transition(proposal: &Proposal, step: Step, by: &DeviceId, now_ms: u64) -> Result<State, Error> {
    match proposal.state(now_ms) {
        State::Open => {}
        State::Executed => return Err(Error::Conflict("the proposal was approved and executed before")),
        State::Rejected => return Err(Error::Conflict("the proposal was rejected")),
        State::Withdrawn => return Err(Error::Conflict("the proposal was withdrawn")),
        State::Expired => return Err(Error::Conflict("the proposal has expired; propose it again")),
    }
    match (step, *by == proposal.proposer.id) {
        (Step::Approve, false) => Ok(State::Executed),
        (Step::Reject, false) => Ok(State::Rejected),
        (Step::Withdraw, true) => Ok(State::Withdrawn),
        (Step::Approve | Step::Reject, true) => {
            Err(Error::Conflict("it takes another administrator than the one who proposed it"))
        }
        (Step::Withdraw, false) => {
            Err(Error::Conflict("only who proposed it withdraws it; others reject it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person(id: u8) -> Person {
        Person { id: DeviceId::from_bytes([id; 32]), name: format!("operator {id}").try_into().unwrap() }
    }

    fn proposal(by: u8) -> Proposal {
        Proposal {
            id: ProposalId::from_bytes([1; 16]),
            act: KeyAct::Unlock(KeyId::from_bytes([2; 16])),
            facts: [0; 32],
            code: None,
            reason: "identified".to_owned(),
            proposer: person(by),
            written: State::Open,
            created_ms: 1000,
            expires_ms: 1000 + TTL_MS,
            decided: None,
        }
    }

    fn steps() -> impl Strategy<Value = Vec<(Step, u8, u64)>> {
        let step = prop_oneof![Just(Step::Approve), Just(Step::Reject), Just(Step::Withdraw)];
        proptest::collection::vec((step, 0_u8..3, 0..TTL_MS), 1..12)
    }

    proptest! {
        #[test]
        fn what_is_decided_stays_and_two_persons_execute(by in 0_u8..3, steps in steps()) {
            let (mut proposal, mut now_ms) = (proposal(by), 1000);
            let mut executions = 0;
            for (step, actor, pause_ms) in steps {
                now_ms += pause_ms;
                let before = proposal.state(now_ms);
                let after = transition(&proposal, step, &person(actor).id, now_ms);
                prop_assert!(before == State::Open || after.is_err(), "{before:?} is not the end");
                let Ok(after) = after else { continue };
                prop_assert!(now_ms < proposal.expires_ms);
                prop_assert_eq!(after == State::Withdrawn, actor == by);
                prop_assert_ne!(after, State::Open);
                executions += usize::from(after == State::Executed);
                proposal.written = after;
                proposal.decided = Some(Decided { by: person(actor), at_ms: now_ms });
            }
            prop_assert!(executions <= 1);
            let decider = proposal.decided.map(|decided| decided.by.id);
            prop_assert!(executions == 0 || decider.is_some_and(|id| id != proposal.proposer.id));
        }
    }

    #[test]
    fn it_expires_at_its_end() {
        let proposal = proposal(1);
        let end = proposal.expires_ms;
        assert_eq!(transition(&proposal, Step::Approve, &person(2).id, end - 1), Ok(State::Executed));
        assert!(transition(&proposal, Step::Approve, &person(2).id, end).is_err());
        assert_eq!((proposal.state(end - 1), proposal.state(end)), (State::Open, State::Expired));
        let executed = Proposal { written: State::Executed, ..proposal };
        assert_eq!(executed.state(end), State::Executed);
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.as_str()), Some(state));
        }
        let id = ProposalId::from_bytes([0xa5; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("a5".parse::<ProposalId>().is_err());
    }
}
