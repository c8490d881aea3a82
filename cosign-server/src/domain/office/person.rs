//! The real person behind an account. Its id is that of the account.

mod claim;
mod document;
mod particulars;

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};

pub use self::{
    claim::{Claim, Finding, Level, Method, Way},
    document::{Document, DocumentNumber, PersonName},
    particulars::{Particulars, Sex},
};
use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    code::{ProvenPhone, Purpose},
    entity::states,
    holding::{self, Holding},
    message::Notice,
    personal::Personal,
};
use crate::domain::Error;

const DAY_MS: u64 = 86_400_000;
/// Most devices on which a verification holds; the oldest gives way.
const MAX_DEVICES: usize = 64;

states! {
    /// Where the verification of a person stands.
    PersonState {
        /// A provider compares what the person said.
        Checking = "checking",
        /// A reviewer looks at it.
        Review = "review",
        /// The person is who they say.
        Verified = "verified",
        /// They are not, or it could not be shown; they may try again.
        Failed = "failed",
        /// They were, and something has changed since.
        Stale = "stale",
        /// The account is gone, and what was personal with it.
        Erased = "erased",
    }
    over Erased
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    state: PersonState,
    /// Whose account.
    account: Id,
    /// Who they say they are; `None` once it was erased.
    pub claim: Option<Claim>,
    /// How much was shown.
    pub level: Option<Level>,
    /// Why it was not.
    pub finding: Option<Finding>,
    /// What a reviewer wrote.
    pub opinion: Option<Personal>,
    /// When they said it, unix milliseconds.
    pub claimed_ms: u64,
    /// Until when a provider may answer.
    pub lapse_ms: Option<u64>,
    /// Keyed hash of the number with which the account was verified before.
    before: Option<[u8; 32]>,
    tries: u32,
    tried_ms: u64,
    /// Devices of the account on which the person was verified.
    #[serde(default)]
    devices: Vec<Id>,
}

/// What happens to a person.
#[derive(Debug)]
pub enum Event {
    /// They say who they are; a provider compares it.
    Check(Claim),
    /// They say who they are; a reviewer looks at it.
    Review(Claim),
    /// The provider says that it is so.
    Match {
        /// Of which claim.
        case: Id,
    },
    /// The provider says that it is not so.
    Differ {
        /// Of which claim.
        case: Id,
        /// Why.
        finding: Finding,
    },
    /// The provider did not say in time.
    Lapse,
    /// The reviewer says that it is so.
    Pass {
        /// Of which claim.
        case: Id,
        /// What the reviewer wrote.
        opinion: Option<Personal>,
    },
    /// The reviewer says that it is not so.
    Refuse {
        /// Of which claim.
        case: Id,
        /// What the reviewer wrote.
        opinion: Option<Personal>,
    },
    /// The person says that their data has changed.
    Change {
        /// The proof that it is the user.
        phone: ProvenPhone,
    },
    /// The account is erased.
    Erase,
}

/// A person who was verified, at least as well as was demanded. Only [`Person::verified`] makes one.
#[derive(Clone, Debug)]
pub struct VerifiedPerson {
    account: Id,
    claim: Claim,
}

impl VerifiedPerson {
    /// Whose account.
    #[must_use]
    pub const fn account(&self) -> Id {
        self.account
    }

    /// Who they are.
    #[must_use]
    pub const fn claim(&self) -> &Claim {
        &self.claim
    }
}

impl Person {
    /// That the person is verified and at least as well as demanded.
    ///
    /// # Errors
    /// [`Error::NotVerified`].
    pub fn verified(&self, account: Id, demanded: Level) -> Result<VerifiedPerson, Error> {
        let is_enough = self.level.is_some_and(|level| level.reaches(demanded));
        let claim = self.claim.clone().filter(|_| self.state == PersonState::Verified && is_enough);
        claim.map(|claim| VerifiedPerson { account, claim }).ok_or(Error::NotVerified)
    }

    /// Whether the person was verified on this device of the account.
    #[must_use]
    pub fn is_verified_on(&self, terminal: Id) -> bool {
        self.devices.contains(&terminal)
    }

    /// Whether the person says that their data has changed, and was not verified since.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.state == PersonState::Stale
    }

    /// Whether a reviewer looks at it.
    #[must_use]
    pub fn is_in_review(&self) -> bool {
        self.state == PersonState::Review
    }

    /// Under whom people with this number are listed.
    #[must_use]
    pub fn list_of(number_name: &[u8; 32]) -> Id {
        let (half, _) = number_name.split_first_chunk().unwrap_or((&[0; 16], &[]));
        Id::from_bytes(*half)
    }

    /// What the person with an open case is called.
    #[must_use]
    pub fn name_of(case: Id) -> [u8; 32] {
        sm3::digest(&[&b"case"[..], case.as_bytes()].concat())
    }

    /// Whether it can be tried with this claim now: what costs something is not done in vain.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::TooManyRequests`], [`Error::BadRequest`].
    pub fn may_claim(now: Option<&Self>, claim: &Claim, moment: Moment<'_>) -> Result<(), Error> {
        if claim.document != Document::IdCard && claim.method != Method::Review {
            return Err(Error::BadRequest("only a reviewer looks at documents other than identity cards"));
        }
        if claim.expires_ms.is_some_and(|expires_ms| expires_ms <= moment.now_ms) {
            return Err(Error::BadRequest("the document has expired"));
        }
        let Some(person) = now else { return Ok(()) };
        match person.state {
            PersonState::Verified => {
                // Who was verified in a weaker way does it again in a stronger one.
                let is_stronger = person.level.is_some_and(|level| !level.reaches(claim.method.level()));
                // And again on each device, where that is demanded, no weaker than before.
                let is_elsewhere = moment.rules.verify_per_device
                    && claim.terminal.is_some_and(|terminal| !person.is_verified_on(terminal))
                    && person.level.is_some_and(|level| claim.method.level().reaches(level));
                if !(is_stronger || is_elsewhere) || person.before != Some(claim.number_name) {
                    return Err(Error::Conflict("the person is verified"));
                }
            }
            PersonState::Review => return Err(Error::Conflict("a reviewer looks at it")),
            PersonState::Erased => return Err(Error::Conflict("the account is cancelled")),
            PersonState::Checking | PersonState::Failed | PersonState::Stale => {}
        }
        if person.is_stale() && claim.pictures.len() < 2 {
            return Err(Error::BadRequest("whose data have changed shows both sides of the document"));
        }
        // An account does not pass on to somebody else unseen.
        if person.before.is_some_and(|before| before != claim.number_name) && claim.method != Method::Review {
            return Err(Error::Conflict("the account was verified with another number; ask for a review"));
        }
        let until_ms = person.tried_ms.saturating_add(DAY_MS);
        if person.tries >= moment.rules.person_tries && moment.now_ms < until_ms {
            let wait_s = until_ms.saturating_sub(moment.now_ms).div_ceil(1000);
            return Err(Error::TooManyRequests { retry_after_s: u32::try_from(wait_s).unwrap_or(u32::MAX) });
        }
        Ok(())
    }

    fn claimed(now: Option<&Self>, claim: &Claim, state: PersonState, moment: Moment<'_>) -> Self {
        let now_ms = moment.now_ms;
        let same_day = now.filter(|person| now_ms < person.tried_ms.saturating_add(DAY_MS));
        let (tries, tried_ms) = same_day.map_or((0, now_ms), |person| (person.tries, person.tried_ms));
        let verified = now.filter(|person| person.state == PersonState::Verified);
        let devices = verified.map(|person| person.devices.clone()).unwrap_or_default();
        let lapse_ms = now_ms.saturating_add(moment.rules.person_check_min.saturating_mul(60_000));
        Self {
            state,
            account: moment.id,
            claim: Some(claim.clone()),
            level: None,
            finding: None,
            opinion: None,
            claimed_ms: now_ms,
            lapse_ms: (state == PersonState::Checking).then_some(lapse_ms),
            before: now.and_then(|person| person.before),
            tries: tries.saturating_add(1),
            tried_ms,
            devices,
        }
    }

    /// Whether this claim is the one that is looked at.
    fn is_at(&self, case: Id) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.case == case)
    }

    fn verify(&self, moment: Moment<'_>) -> Moved<Self> {
        let (level, before) = (
            self.claim.as_ref().map(|claim| claim.method.level()),
            self.claim.as_ref().map(|claim| claim.number_name),
        );
        let mut person = Self { state: PersonState::Verified, level, before, lapse_ms: None, ..self.clone() };
        let terminal = self.claim.as_ref().and_then(|claim| claim.terminal);
        person.devices.extend(terminal.filter(|terminal| !self.is_verified_on(*terminal)));
        let too_many = person.devices.len().saturating_sub(MAX_DEVICES);
        person.devices.drain(..too_many);
        told(person, Notice::PersonVerified, moment)
    }

    fn fail(&self, finding: Finding, moment: Moment<'_>) -> Moved<Self> {
        let person =
            Self { state: PersonState::Failed, finding: Some(finding), lapse_ms: None, ..self.clone() };
        told(person, Notice::PersonFailed, moment)
    }
}

fn told(person: Person, notice: Notice, moment: Moment<'_>) -> Moved<Person> {
    let effect = Effect::tell::<Person>(moment.id, notice, moment.id);
    Moved::to(person).with(effect).with(Effect::Text(moment.id, notice))
}

impl Entity for Person {
    const KIND: &'static str = "person";
    type State = PersonState;
    type Event = Event;
    const MOVES: Moves<PersonState> = &[
        (None, "check", PersonState::Checking),
        (None, "review", PersonState::Review),
        (Some(PersonState::Failed), "check", PersonState::Checking),
        (Some(PersonState::Failed), "review", PersonState::Review),
        (Some(PersonState::Stale), "check", PersonState::Checking),
        (Some(PersonState::Stale), "review", PersonState::Review),
        // Who waits for a provider that does not answer takes another way.
        (Some(PersonState::Checking), "check", PersonState::Checking),
        (Some(PersonState::Checking), "review", PersonState::Review),
        // Who was verified in a weaker way does it in a stronger one.
        (Some(PersonState::Verified), "check", PersonState::Checking),
        (Some(PersonState::Verified), "review", PersonState::Review),
        (Some(PersonState::Checking), "match", PersonState::Verified),
        (Some(PersonState::Checking), "differ", PersonState::Failed),
        (Some(PersonState::Checking), "lapse", PersonState::Failed),
        (Some(PersonState::Review), "pass", PersonState::Verified),
        (Some(PersonState::Review), "refuse", PersonState::Failed),
        (Some(PersonState::Verified), "change", PersonState::Stale),
        (Some(PersonState::Checking), "erase", PersonState::Erased),
        (Some(PersonState::Review), "erase", PersonState::Erased),
        (Some(PersonState::Verified), "erase", PersonState::Erased),
        (Some(PersonState::Failed), "erase", PersonState::Erased),
        (Some(PersonState::Stale), "erase", PersonState::Erased),
    ];

    fn state(&self) -> PersonState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Check(_) => "check",
            Event::Review(_) => "review",
            Event::Match { .. } => "match",
            Event::Differ { .. } => "differ",
            Event::Lapse => "lapse",
            Event::Pass { .. } => "pass",
            Event::Refuse { .. } => "refuse",
            Event::Change { .. } => "change",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use PersonState::{Checking, Erased, Review, Stale, Verified};
        match event {
            Event::Check(claim) | Event::Review(claim) => {
                Self::may_claim(now, claim, moment)?;
                let is_review = matches!(event, Event::Review(_));
                if is_review != (claim.method == Method::Review) {
                    return Err(Error::Internal);
                }
                let state = if is_review { Review } else { Checking };
                return Ok(Moved::to(Self::claimed(now, claim, state, moment)));
            }
            _ => {}
        }
        let Some(person) = now else { return Err(Error::NotFound) };
        match (person.state, event) {
            (Checking, Event::Match { case }) if person.is_at(*case) => Ok(person.verify(moment)),
            (Review, Event::Pass { case, opinion }) if person.is_at(*case) => {
                Ok(Self { opinion: opinion.clone(), ..person.clone() }.verify(moment))
            }
            (Checking, Event::Differ { case, finding }) if person.is_at(*case) => {
                Ok(person.fail(*finding, moment))
            }
            (Checking, Event::Lapse) if person.lapse_ms.is_some_and(|lapse_ms| moment.now_ms >= lapse_ms) => {
                Ok(person.fail(Finding::Lapsed, moment))
            }
            (Review, Event::Refuse { case, opinion }) if person.is_at(*case) => {
                Ok(Self { opinion: opinion.clone(), ..person.clone() }.fail(Finding::Refused, moment))
            }
            (Verified, Event::Change { phone }) => {
                if phone.purpose != Purpose::Person {
                    return Err(Error::CodeInvalid);
                }
                Ok(Moved::to(Self { state: Stale, ..person.clone() }).with(Effect::on_all::<Holding>(
                    moment.id,
                    None,
                    holding::Event::Outdate,
                )))
            }
            (Erased, _) => Err(Error::Conflict("the account is cancelled")),
            (_, Event::Erase) => Ok(Moved::to(Self {
                state: Erased,
                claim: None,
                level: None,
                opinion: None,
                before: None,
                lapse_ms: None,
                ..person.clone()
            })),
            (Verified, _) => Err(Error::Conflict("the person is verified")),
            (Review, _) => Err(Error::Conflict("a reviewer looks at it")),
            _ => Err(Error::Conflict("nobody looks at it now")),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        let is_open = matches!(self.state, PersonState::Checking | PersonState::Review);
        self.claim.iter().filter(|_| is_open).map(|claim| Self::name_of(claim.case)).collect()
    }

    fn listed_under(&self) -> Vec<Id> {
        let numbers = self.claim.iter().map(|claim| Self::list_of(&claim.number_name));
        [self.account].into_iter().chain(numbers).collect()
    }

    fn due_ms(&self) -> Option<u64> {
        self.lapse_ms
    }

    fn when_due() -> Option<Event> {
        Some(Event::Lapse)
    }
}
