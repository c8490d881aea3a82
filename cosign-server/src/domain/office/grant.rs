//! What a member of an enterprise may use of it, and until when.

use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves, State as _,
    authority::{Authority, Belongs},
    entity::states,
    letter::Mark,
    list_of,
    membership::Membership,
    message::Notice,
    person::VerifiedPerson,
};
use crate::domain::Error;

/// Longest period, milliseconds: five years.
const LONGEST_MS: u64 = 5 * 366 * 86_400_000;

states! {
    /// Where a grant stands.
    GrantState {
        /// Somebody decides on it.
        Asked = "asked",
        /// The member may use it.
        Active = "active",
        /// It was not given, or not asked for any more.
        Refused = "refused",
        /// It was taken back, or the membership ended.
        Withdrawn = "withdrawn",
        /// Its time is over.
        Expired = "expired",
    }
    over Refused, Withdrawn, Expired
}

/// What may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The certificate of the enterprise on a trading platform.
    Certificate {
        /// Which platform.
        platform: Id,
    },
    /// A certificate of the enterprise that there is.
    Holding {
        /// Which.
        holding: Id,
    },
    /// A seal of the enterprise, with the certificate that it is bound to.
    Seal {
        /// Which.
        seal: Id,
    },
}

impl What {
    /// What kind of thing.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate { .. } => "certificate",
            Self::Holding { .. } => "holding",
            Self::Seal { .. } => "seal",
        }
    }

    /// Which thing: a platform, a certificate or a seal.
    #[must_use]
    pub const fn id(self) -> Id {
        match self {
            Self::Certificate { platform: id } | Self::Holding { holding: id } | Self::Seal { seal: id } => {
                id
            }
        }
    }
}

/// What is to be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Of which enterprise.
    pub enterprise: Id,
    /// To whose account.
    pub member: Id,
    /// What.
    pub what: What,
    /// From when on, unix milliseconds.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
}

/// Something that a member may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    state: GrantState,
    /// What, to whom, until when.
    pub terms: Terms,
    /// Whose account asked for it, or gave it.
    pub by: Id,
    /// Whether who gave it signed a letter.
    #[serde(default)]
    pub is_signed: bool,
    /// The signature on it.
    #[serde(default)]
    pub mark: Option<Mark>,
}

/// What happens to a grant.
#[derive(Debug)]
pub enum Event {
    /// It is asked for.
    Ask {
        /// What.
        terms: Terms,
        /// Whose account asks.
        by: Id,
    },
    /// Whoever may give it does.
    Give {
        /// What.
        terms: Terms,
        /// By what right.
        by: Authority,
        /// If a letter is signed, with what on it.
        signed: Option<Option<Mark>>,
    },
    /// It is given after it was asked for.
    Pass,
    /// It is not.
    Refuse,
    /// It is taken back.
    Withdraw,
    /// What it is for is no more.
    Lose,
    /// Another certificate took the place of that which it is for.
    Follow {
        /// Which.
        to: Id,
    },
    /// Its time is over.
    Expire,
}

/// That somebody may use something of an enterprise at a moment, by a grant. Only [`Grant::allows`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct MayUse {
    member: Id,
    what: What,
}

impl MayUse {
    /// Whose account.
    #[must_use]
    pub const fn member(self) -> Id {
        self.member
    }

    /// What.
    #[must_use]
    pub const fn what(self) -> What {
        self.what
    }
}

impl Terms {
    /// Whether a moment is within the period.
    #[must_use]
    pub const fn is_now(&self, now_ms: u64) -> bool {
        self.from_ms <= now_ms && now_ms < self.until_ms
    }

    fn judge(&self, moment: Moment<'_>) -> Result<(), Error> {
        let is_good = self.from_ms < self.until_ms
            && self.until_ms > moment.now_ms
            && self.until_ms.saturating_sub(self.from_ms) <= LONGEST_MS
            && self.until_ms.saturating_sub(moment.now_ms) <= LONGEST_MS.saturating_mul(2);
        if is_good {
            Ok(())
        } else {
            Err(Error::BadRequest("a grant ends after it begins, and after now, within five years"))
        }
    }
}

impl Grant {
    /// Under what those of a member in an enterprise that are not over are listed.
    #[must_use]
    pub fn live_of(enterprise: Id, member: Id) -> Id {
        Membership::rights_of(enterprise, member)
    }

    /// Under what those of an enterprise are listed, whatever became of them.
    #[must_use]
    pub fn of_enterprise(enterprise: Id) -> Id {
        list_of("grants", &[enterprise.as_bytes()])
    }

    /// Under what those for a platform, a certificate or a seal that are not over are listed.
    #[must_use]
    pub fn of_thing(thing: Id) -> Id {
        list_of("granted", &[thing.as_bytes()])
    }

    /// Under what those for seals of an enterprise that are not over are listed.
    #[must_use]
    pub fn for_seals_of(enterprise: Id) -> Id {
        list_of("sealing", &[enterprise.as_bytes()])
    }

    /// Under what those that a member may use now or later are listed, of whatever enterprise.
    #[must_use]
    pub fn usable_by(member: Id) -> Id {
        list_of("usable", &[member.as_bytes()])
    }

    /// That a member may use this now.
    ///
    /// # Errors
    /// [`Error::Conflict`] before its time, after it, and when it is no more; [`Error::NotFound`] for others.
    pub fn allows(&self, belongs: Belongs, _: &VerifiedPerson, now_ms: u64) -> Result<MayUse, Error> {
        let Terms { enterprise, member, what, .. } = self.terms;
        if belongs.account() != member || belongs.enterprise() != enterprise {
            return Err(Error::NotFound);
        }
        if self.state != GrantState::Active || !self.terms.is_now(now_ms) {
            return Err(Error::Conflict("there is no grant for this now"));
        }
        Ok(MayUse { member, what })
    }
}

impl Entity for Grant {
    const KIND: &'static str = "grant";
    type State = GrantState;
    type Event = Event;
    const MOVES: Moves<GrantState> = &[
        (None, "ask", GrantState::Asked),
        (None, "give", GrantState::Active),
        (Some(GrantState::Asked), "pass", GrantState::Active),
        (Some(GrantState::Asked), "refuse", GrantState::Refused),
        // Who decides on it is told that its time is over.
        (Some(GrantState::Asked), "lose", GrantState::Asked),
        (Some(GrantState::Active), "lose", GrantState::Withdrawn),
        (Some(GrantState::Asked), "follow", GrantState::Asked),
        (Some(GrantState::Active), "follow", GrantState::Active),
        (Some(GrantState::Active), "withdraw", GrantState::Withdrawn),
        (Some(GrantState::Active), "expire", GrantState::Expired),
    ];

    fn state(&self) -> GrantState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Ask { .. } => "ask",
            Event::Give { .. } => "give",
            Event::Pass => "pass",
            Event::Refuse => "refuse",
            Event::Withdraw => "withdraw",
            Event::Lose => "lose",
            Event::Follow { .. } => "follow",
            Event::Expire => "expire",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use GrantState::{Active, Asked, Expired, Refused, Withdrawn};
        let told = |grant: Self, notice| {
            let to = grant.terms.member;
            Moved::to(grant).with(Effect::tell::<Self>(to, notice, moment.id))
        };
        let Some(one) = now else {
            return match event {
                Event::Ask { terms, by } => {
                    terms.judge(moment)?;
                    let (is_signed, mark) = (false, None);
                    Ok(Moved::to(Self { state: Asked, terms: *terms, by: *by, is_signed, mark }))
                }
                Event::Give { terms, by, signed } => {
                    terms.judge(moment)?;
                    if matches!(by, Authority::Reviews(_)) || !by.reaches(terms.enterprise) {
                        return Err(Error::NotFound);
                    }
                    let (is_signed, mark) = (signed.is_some(), signed.clone().flatten());
                    let given = Self { state: Active, terms: *terms, by: by.who(), is_signed, mark };
                    Ok(told(given, Notice::Granted))
                }
                _ => Err(Error::NotFound),
            };
        };
        let to = |state| Self { state, ..one.clone() };
        match (one.state, event) {
            (Asked, Event::Pass) if moment.now_ms < one.terms.until_ms => {
                Ok(told(to(Active), Notice::Granted))
            }
            (Asked, Event::Pass) => Err(Error::Conflict("its time is over")),
            (Asked, Event::Refuse) => Ok(Moved::to(to(Refused))),
            (Asked, Event::Lose) => {
                let terms = Terms { until_ms: one.terms.until_ms.min(moment.now_ms), ..one.terms };
                Ok(Moved::to(Self { terms, ..one.clone() }))
            }
            (Asked | Active, Event::Follow { to }) => {
                let terms = Terms { what: What::Holding { holding: *to }, ..one.terms };
                Ok(Moved::to(Self { terms, ..one.clone() }))
            }
            (Active, Event::Withdraw | Event::Lose) => Ok(told(to(Withdrawn), Notice::GrantWithdrawn)),
            (Active, Event::Expire) if moment.now_ms >= one.terms.until_ms => Ok(Moved::to(to(Expired))),
            _ => Err(Error::Conflict("there is no grant for this now")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        let Terms { enterprise, member, what, .. } = self.terms;
        let mut lists = vec![Self::of_enterprise(enterprise)];
        if !self.state.is_over() {
            lists.push(Self::of_thing(what.id()));
        }
        if self.state == GrantState::Active {
            lists.push(Self::live_of(enterprise, member));
            lists.push(Self::usable_by(member));
            lists.extend(matches!(what, What::Seal { .. }).then(|| Self::for_seals_of(enterprise)));
        }
        lists
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state == GrantState::Active).then_some(self.terms.until_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
