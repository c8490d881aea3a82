//! The real person behind an account. Its id is that of the account.

use serde::{Deserialize, Serialize};

use super::{Effect, Entity, Id, Moment, Moved, Moves, entity::states, message::Notice, personal::Personal};
use crate::domain::Error;

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

states! {
    /// By what a person was verified.
    Method {
        /// Name and number of the identity document.
        Data = "data",
        /// A person looked at pictures of the document.
        Review = "review",
    }
}

states! {
    /// How much a verification shows, in rising order.
    Level {
        /// The data belongs together.
        Data = "data",
        /// And to this phone or card.
        Possession = "possession",
        /// And to this face.
        Face = "face",
    }
}

impl Level {
    const fn rank(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Possession => 2,
            Self::Face => 3,
        }
    }

    /// Whether it shows at least this much.
    #[must_use]
    pub const fn reaches(self, demanded: Self) -> bool {
        self.rank() >= demanded.rank()
    }
}

states! {
    /// What kind of identity document.
    Document {
        /// Resident identity card of the mainland.
        IdCard = "id-card",
        /// Passport.
        Passport = "passport",
    }
}

/// Who a person says they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// By what it is to be shown.
    pub method: Method,
    /// What kind of document.
    pub document: Document,
    /// The name.
    pub name: Personal,
    /// The number of the document.
    pub number: Personal,
    /// Its keyed hash.
    #[serde(with = "hex::serde")]
    pub number_name: [u8; 32],
    /// Pictures for the reviewer.
    pub pictures: Vec<Id>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    state: PersonState,
    /// Who they say they are; `None` once it was erased.
    pub claim: Option<Claim>,
    /// How much was shown.
    pub level: Option<Level>,
    /// What a reviewer wrote.
    pub opinion: Option<Personal>,
}

/// What happens to a person.
#[derive(Debug)]
pub enum Event {
    /// They say who they are; a provider compares it.
    Check(Claim),
    /// They say who they are; a reviewer looks at it.
    Review(Claim),
    /// The provider says that it is so.
    Match(Level),
    /// The provider says that it is not so.
    Differ,
    /// The reviewer says that it is so.
    Pass(Option<Personal>),
    /// The reviewer says that it is not so.
    Refuse(Option<Personal>),
    /// Something has changed.
    Outdate,
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
        (Some(PersonState::Checking), "match", PersonState::Verified),
        (Some(PersonState::Checking), "differ", PersonState::Failed),
        (Some(PersonState::Review), "pass", PersonState::Verified),
        (Some(PersonState::Review), "refuse", PersonState::Failed),
        (Some(PersonState::Verified), "outdate", PersonState::Stale),
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
            Event::Match(_) => "match",
            Event::Differ => "differ",
            Event::Pass(_) => "pass",
            Event::Refuse(_) => "refuse",
            Event::Outdate => "outdate",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use PersonState::{Checking, Erased, Failed, Review, Stale, Verified};
        let told = |person, notice| {
            let effect = Effect::tell::<Self>(moment.id, notice, moment.id);
            Moved::to(person).with(effect).with(Effect::Text(moment.id, notice))
        };
        let state = now.map(|person| person.state);
        let moved = match (now, state, event) {
            (_, None | Some(Failed | Stale | Checking), Event::Check(claim)) => {
                Moved::to(Self { state: Checking, claim: Some(claim.clone()), level: None, opinion: None })
            }
            (_, None | Some(Failed | Stale | Checking), Event::Review(claim)) => {
                Moved::to(Self { state: Review, claim: Some(claim.clone()), level: None, opinion: None })
            }
            (Some(person), Some(Checking), Event::Match(level)) => {
                let verified = Self { state: Verified, level: Some(*level), ..person.clone() };
                told(verified, Notice::PersonVerified)
            }
            (Some(person), Some(Checking), Event::Differ) => {
                told(Self { state: Failed, ..person.clone() }, Notice::PersonFailed)
            }
            (Some(person), Some(Review), Event::Pass(opinion)) => {
                let level = Some(Level::Face);
                let verified = Self { state: Verified, level, opinion: opinion.clone(), ..person.clone() };
                told(verified, Notice::PersonVerified)
            }
            (Some(person), Some(Review), Event::Refuse(opinion)) => {
                let failed = Self { state: Failed, opinion: opinion.clone(), ..person.clone() };
                told(failed, Notice::PersonFailed)
            }
            (Some(person), Some(Verified), Event::Outdate) => {
                Moved::to(Self { state: Stale, ..person.clone() })
            }
            (Some(_), Some(Checking | Review | Verified | Failed | Stale), Event::Erase) => {
                Moved::to(Self { state: Erased, claim: None, level: None, opinion: None })
            }
            (None, ..) => return Err(Error::NotFound),
            (_, Some(Verified), _) => return Err(Error::Conflict("the person is verified")),
            (_, Some(Review), _) => return Err(Error::Conflict("a reviewer looks at it")),
            _ => return Err(Error::Conflict("nobody looks at it now")),
        };
        Ok(moved)
    }
}
