//! Proof that somebody controls the account of an enterprise: a cent is paid to it with a number in the remark, which only who
//! reads the statement of the account can give back.

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    dispatch::{Job, Order},
    entity::states,
    list_of,
    message::Notice,
    personal::Personal,
};
use crate::domain::{Error, device::Name};

const DAY_MS: u64 = 86_400_000;

/// What is paid, fen.
pub const AMOUNT_FEN: u64 = 1;

states! {
    /// Where such a payment stands.
    MicropaymentState {
        /// The bank is to pay it.
        Ordered = "ordered",
        /// The bank has paid it.
        Sent = "sent",
        /// It has arrived.
        Arrived = "arrived",
        /// The right number was given back.
        Matched = "matched",
        /// Too many wrong numbers were.
        Exhausted = "exhausted",
        /// There is no such account.
        Bounced = "bounced",
        /// Nobody gave the number back in time.
        Expired = "expired",
        /// Another one took its place.
        Replaced = "replaced",
    }
    over Matched, Exhausted, Bounced, Expired, Replaced
}

/// Where a cent goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payee {
    /// The whole name of the enterprise, which is that of the account.
    pub name: Name,
    /// The bank.
    pub bank: Personal,
    /// The number of the account.
    pub account: Personal,
}

/// A payment of a cent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Micropayment {
    state: MicropaymentState,
    /// Whose account here.
    pub owner: Id,
    /// For which claim.
    pub claim: Id,
    /// The enterprise that is claimed.
    enterprise: Id,
    /// Its name, as the account has to be called.
    name: Name,
    /// Where it went; `None` once it is over.
    pub payee: Option<Payee>,
    #[serde(with = "hex::serde")]
    hash: [u8; 32],
    /// Wrong numbers that may still be given.
    pub tries_left: u8,
    /// Until when the number can be given back, unix milliseconds.
    pub until_ms: u64,
    /// Under what it is listed until it is sent.
    ordered: Option<Id>,
}

/// What happens to it.
#[derive(Debug)]
pub enum Event {
    /// It is ordered.
    Order {
        /// Whose account here.
        owner: Id,
        /// For which claim.
        claim: Id,
        /// The enterprise that is claimed.
        enterprise: Id,
        /// Where it goes.
        payee: Payee,
        /// Keyed hash of the number.
        hash: [u8; 32],
        /// The number, for the bank alone.
        remark: Personal,
    },
    /// The bank has paid it.
    Sent,
    /// It has arrived.
    Arrive,
    /// The bank says that there is no such account.
    Bounce,
    /// The right number is given back.
    Enter {
        /// Keyed hash of what was given.
        hash: [u8; 32],
    },
    /// A wrong number is given back.
    Miss {
        /// Keyed hash of what was given.
        hash: [u8; 32],
    },
    /// Another one takes its place.
    Replace,
    /// Time is over.
    Expire,
}

/// Proof that who claims an enterprise reads the statement of its account. Only [`Micropayment::proof`] makes one.
#[derive(Clone, Debug)]
pub struct ProvenAccount {
    claim: Id,
    enterprise: Id,
    name: Name,
}

impl ProvenAccount {
    /// Whether it was proven for this claim of this enterprise under this name.
    #[must_use]
    pub fn is_for(&self, claim: Id, enterprise: Id, name: &Name) -> bool {
        self.claim == claim && self.enterprise == enterprise && self.name == *name
    }

    #[cfg(test)]
    pub(super) const fn test(claim: Id, enterprise: Id, name: Name) -> Self {
        Self { claim, enterprise, name }
    }
}

impl Micropayment {
    /// Under what those of a claim are listed.
    #[must_use]
    pub fn of_claim(claim: Id) -> Id {
        list_of("micropayments", &[claim.as_bytes()])
    }

    /// Under what one is listed until the bank has paid it.
    #[must_use]
    pub fn ordered(id: Id) -> Id {
        list_of("micropayment-ordered", &[id.as_bytes()])
    }

    /// Whether this is the hash of the number. Time does not depend on where they differ.
    #[must_use]
    pub fn is(&self, hash: &[u8; 32]) -> bool {
        self.hash[..].ct_eq(&hash[..]).into()
    }

    /// What it proves once the right number was given back.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`] unless it was.
    pub fn proof(&self) -> Result<ProvenAccount, Error> {
        if self.state != MicropaymentState::Matched {
            return Err(Error::CodeInvalid);
        }
        Ok(ProvenAccount { claim: self.claim, enterprise: self.enterprise, name: self.name.clone() })
    }

    const fn is_open(&self) -> bool {
        use MicropaymentState::{Arrived, Ordered, Sent};
        matches!(self.state, Ordered | Sent | Arrived)
    }

    fn over(&self, state: MicropaymentState) -> Moved<Self> {
        Moved::to(Self { state, payee: None, ..self.clone() })
    }
}

impl Entity for Micropayment {
    const KIND: &'static str = "micropayment";
    type State = MicropaymentState;
    type Event = Event;
    const MOVES: Moves<MicropaymentState> = &[
        (None, "order", MicropaymentState::Ordered),
        (Some(MicropaymentState::Ordered), "sent", MicropaymentState::Sent),
        (Some(MicropaymentState::Sent), "arrive", MicropaymentState::Arrived),
        (Some(MicropaymentState::Ordered), "bounce", MicropaymentState::Bounced),
        (Some(MicropaymentState::Sent), "bounce", MicropaymentState::Bounced),
        (Some(MicropaymentState::Sent), "enter", MicropaymentState::Matched),
        (Some(MicropaymentState::Arrived), "enter", MicropaymentState::Matched),
        (Some(MicropaymentState::Sent), "miss", MicropaymentState::Sent),
        (Some(MicropaymentState::Sent), "miss", MicropaymentState::Exhausted),
        (Some(MicropaymentState::Arrived), "miss", MicropaymentState::Arrived),
        (Some(MicropaymentState::Arrived), "miss", MicropaymentState::Exhausted),
        (Some(MicropaymentState::Ordered), "replace", MicropaymentState::Replaced),
        (Some(MicropaymentState::Sent), "replace", MicropaymentState::Replaced),
        (Some(MicropaymentState::Arrived), "replace", MicropaymentState::Replaced),
        (Some(MicropaymentState::Ordered), "expire", MicropaymentState::Expired),
        (Some(MicropaymentState::Sent), "expire", MicropaymentState::Expired),
        (Some(MicropaymentState::Arrived), "expire", MicropaymentState::Expired),
    ];

    fn state(&self) -> MicropaymentState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Order { .. } => "order",
            Event::Sent => "sent",
            Event::Arrive => "arrive",
            Event::Bounce => "bounce",
            Event::Enter { .. } => "enter",
            Event::Miss { .. } => "miss",
            Event::Replace => "replace",
            Event::Expire => "expire",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use MicropaymentState::{Arrived, Bounced, Exhausted, Expired, Matched, Ordered, Replaced, Sent};
        let Some(one) = now else {
            let Event::Order { owner, claim, enterprise, payee, hash, remark } = event else {
                return Err(Error::NotFound);
            };
            let days_ms = moment.rules.micropayment_days.saturating_mul(DAY_MS);
            let until_ms = moment.now_ms.saturating_add(days_ms);
            let job = Job::PayCent { payment: moment.id, payee: payee.clone(), remark: remark.clone() };
            return Ok(Moved::to(Self {
                state: Ordered,
                owner: *owner,
                claim: *claim,
                enterprise: *enterprise,
                name: payee.name.clone(),
                payee: Some(payee.clone()),
                hash: *hash,
                tries_left: moment.rules.micropayment_tries,
                until_ms,
                ordered: Some(Self::ordered(moment.id)),
            })
            .with(Effect::Dispatch(Order { job, until_ms })));
        };
        let is_late = moment.now_ms >= one.until_ms;
        let to = |state| Moved::to(Self { state, ..one.clone() });
        let told =
            |moved: Moved<Self>, notice| moved.with(Effect::tell::<Self>(one.owner, notice, moment.id));
        match (one.state, event) {
            (Ordered, Event::Sent) => Ok(told(to(Sent), Notice::MicropaymentSent)),
            (Sent, Event::Arrive) => Ok(to(Arrived)),
            (Ordered | Sent, Event::Bounce) => Ok(told(one.over(Bounced), Notice::MicropaymentBounced)),
            (Ordered | Sent | Arrived, Event::Replace) => Ok(one.over(Replaced)),
            (Ordered | Sent | Arrived, Event::Expire) if is_late => Ok(one.over(Expired)),
            (Sent | Arrived, Event::Enter { hash }) if !is_late && one.is(hash) => Ok(one.over(Matched)),
            (Sent | Arrived, Event::Miss { hash }) if !is_late && !one.is(hash) => {
                let missed = Self { tries_left: one.tries_left.saturating_sub(1), ..one.clone() };
                Ok(if missed.tries_left == 0 { missed.over(Exhausted) } else { Moved::to(missed) })
            }
            (Sent | Arrived, Event::Enter { .. } | Event::Miss { .. }) => Err(Error::CodeInvalid),
            _ => Err(Error::Conflict("no payment to the enterprise waits for its number")),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        // One at a time for a claim, however many are asked for at once.
        if !self.is_open() {
            return Vec::new();
        }
        vec![sm3::digest(Self::of_claim(self.claim).as_bytes())]
    }

    fn listed_under(&self) -> Vec<Id> {
        let mut lists = vec![self.owner, Self::of_claim(self.claim)];
        if self.state == MicropaymentState::Ordered {
            lists.extend(self.ordered);
        }
        lists
    }

    fn due_ms(&self) -> Option<u64> {
        self.is_open().then_some(self.until_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
