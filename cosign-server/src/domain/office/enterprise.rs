//! Enterprises: one for each unified social credit code, from the first claim on that was accepted.

mod uscc;

use serde::{Deserialize, Serialize};

pub use self::uscc::{Uscc, check_digit};
use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    application::{self, Application},
    approval::{self, Approval},
    authority::Authority,
    entity::states,
    holding::{self, Holder, Holding},
    invitation::{self, Invitation},
    list_of,
    membership::{self, Membership},
    message::Notice,
    order::{self, Order},
    person::Document,
    personal::Personal,
    preset::{self, Preset},
    seal::{self, Seal},
};
use crate::domain::{Error, ca::Reason, device::Name};

/// Most administrators of one enterprise.
pub const MAX_ADMINISTRATORS: usize = 16;

states! {
    /// Where an enterprise stands.
    EnterpriseState {
        /// It has members.
        Active = "active",
        /// An administrator cancelled it; it can be appealed for.
        Cancelled = "cancelled",
        /// The time for that is over: nothing personal is left. Whoever represents it may claim it anew.
        Erased = "erased",
    }
    over
}

states! {
    /// What kind of organisation.
    Sort {
        /// A company.
        Company = "company",
        /// A public institution.
        Institution = "institution",
    }
}

/// A legal representative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Legal {
    /// The name.
    pub name: Personal,
    /// What kind of identity document.
    pub document: Document,
    /// Its number.
    pub number: Personal,
    /// The keyed hash of that.
    #[serde(with = "hex::serde")]
    pub number_name: [u8; 32],
    /// The phone.
    pub phone: Personal,
    /// The keyed hash of that.
    #[serde(with = "hex::serde")]
    pub phone_name: [u8; 32],
}

/// What is known of an enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What kind of organisation.
    pub sort: Sort,
    /// Its whole name.
    pub name: Name,
    /// Its code.
    pub uscc: Uscc,
    /// Who represents it; `None` once it was erased.
    pub legal: Option<Legal>,
    /// A picture of the licence.
    pub licence: Id,
    /// Whether the licence has no end.
    pub long_term: bool,
}

/// What an enterprise is changed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alteration {
    /// Another name.
    Name(Name),
    /// Another legal representative.
    Legal(Legal),
}

/// An enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enterprise {
    state: EnterpriseState,
    /// What is known of it.
    pub facts: Facts,
    /// Accounts of its administrators; the first has been it for longest.
    pub administrators: Vec<Id>,
    /// How many active members it has.
    pub members: u32,
    erase_ms: Option<u64>,
}

/// What happens to an enterprise.
#[derive(Debug)]
pub enum Event {
    /// An appeal for it was accepted.
    Restore {
        /// The licence that was handed in with it.
        licence: Id,
        /// Whose appeal it was.
        founder: Id,
    },
    /// A claim was accepted.
    Found {
        /// What is known of it.
        facts: Facts,
        /// Whose claim it was.
        founder: Id,
    },
    /// Somebody has become a member.
    Join,
    /// Somebody is a member no more.
    Part {
        /// Whose account.
        account: Id,
    },
    /// A member becomes an administrator.
    Promote {
        /// Whose account.
        account: Id,
    },
    /// An administrator becomes a member like others, and another member an administrator.
    HandOver {
        /// From whom.
        from: Id,
        /// To whom.
        to: Id,
    },
    /// A change of what is known of it was accepted.
    Alter {
        /// To what.
        to: Alteration,
        /// The new licence.
        licence: Id,
    },
    /// It is cancelled.
    Cancel {
        /// By whom.
        by: Authority,
    },
    /// The time for appeals is over.
    Erase,
}

impl Enterprise {
    /// The id of the enterprise with this code.
    #[must_use]
    pub fn id_of(uscc: &Uscc) -> Id {
        list_of("enterprise", &[uscc.as_str().as_bytes()])
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Id {
        Self::id_of(&self.facts.uscc)
    }

    /// Whoever founds it administers it.
    fn begins(facts: Facts, founder: Id, moment: Moment<'_>) -> Moved<Self> {
        let state = EnterpriseState::Active;
        let add = membership::Event::Add { account: founder, enterprise: moment.id };
        Moved::to(Self { state, facts, administrators: vec![founder], members: 0, erase_ms: None })
            .with(Effect::on::<Membership>(Membership::id_of(moment.id, founder), add))
            .with(Effect::tell::<Self>(founder, Notice::EnterpriseFounded, moment.id))
    }

    /// All that it has ends, and what is asked for in it.
    fn cancelled(&self, moment: Moment<'_>) -> Moved<Self> {
        let kept_ms = moment.rules.retention_days.saturating_mul(86_400_000);
        let cancelled = Self {
            state: EnterpriseState::Cancelled,
            administrators: Vec::new(),
            members: 0,
            erase_ms: Some(moment.now_ms.saturating_add(kept_ms)),
            ..self.clone()
        };
        let holder = Holder::Enterprise(moment.id);
        // What waits goes first: nobody decides on what is gone.
        Moved::to(cancelled)
            .with(Effect::on_all::<Approval>(Approval::waiting(moment.id), None, approval::Event::Void))
            .with(Effect::on_all::<Invitation>(moment.id, None, invitation::Event::Withdraw))
            .with(Effect::on_all::<Application>(
                Application::under_way_for(holder),
                None,
                application::Event::Lapse,
            ))
            .with(Effect::on_all::<Order>(Order::open_for(moment.id), None, order::Event::Cancel))
            // Their seals end with them.
            .with(Effect::on_all::<Holding>(
                moment.id,
                None,
                holding::Event::Revoke(Reason::CessationOfOperation),
            ))
            .with(Effect::on_all::<Membership>(moment.id, None, membership::Event::Dissolve))
    }

    fn without(&self, account: Id) -> Result<Vec<Id>, Error> {
        let mut administrators = self.administrators.clone();
        administrators.retain(|one| *one != account);
        if administrators.is_empty() {
            return Err(Error::Conflict("the only administrator hands over before leaving"));
        }
        Ok(administrators)
    }

    fn with(administrators: &mut Vec<Id>, account: Id) -> Result<(), Error> {
        if administrators.contains(&account) {
            return Err(Error::Conflict("the member is an administrator"));
        }
        if administrators.len() >= MAX_ADMINISTRATORS {
            return Err(Error::Conflict("an enterprise has at most 16 administrators"));
        }
        administrators.push(account);
        Ok(())
    }
}

impl Entity for Enterprise {
    const KIND: &'static str = "enterprise";
    type State = EnterpriseState;
    type Event = Event;
    const MOVES: Moves<EnterpriseState> = &[
        (None, "found", EnterpriseState::Active),
        (Some(EnterpriseState::Erased), "found", EnterpriseState::Active),
        (Some(EnterpriseState::Cancelled), "restore", EnterpriseState::Active),
        (Some(EnterpriseState::Active), "join", EnterpriseState::Active),
        (Some(EnterpriseState::Active), "part", EnterpriseState::Active),
        (Some(EnterpriseState::Active), "promote", EnterpriseState::Active),
        (Some(EnterpriseState::Active), "hand-over", EnterpriseState::Active),
        (Some(EnterpriseState::Active), "alter", EnterpriseState::Active),
        (Some(EnterpriseState::Active), "cancel", EnterpriseState::Cancelled),
        (Some(EnterpriseState::Cancelled), "erase", EnterpriseState::Erased),
    ];

    fn state(&self) -> EnterpriseState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Found { .. } => "found",
            Event::Restore { .. } => "restore",
            Event::Join => "join",
            Event::Part { .. } => "part",
            Event::Promote { .. } => "promote",
            Event::HandOver { .. } => "hand-over",
            Event::Alter { .. } => "alter",
            Event::Cancel { .. } => "cancel",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use EnterpriseState::{Active, Cancelled, Erased};
        let state = now.map(|enterprise| enterprise.state);
        let moved = match (now, state, event) {
            (_, None | Some(Erased), Event::Found { facts, founder }) => {
                Self::begins(facts.clone(), *founder, moment)
            }
            (Some(one), Some(Cancelled), Event::Restore { licence, founder }) => {
                Self::begins(Facts { licence: *licence, ..one.facts.clone() }, *founder, moment)
            }
            (Some(one), Some(Active), Event::Join) => {
                if one.members >= moment.rules.members_max {
                    return Err(Error::Conflict("the enterprise has as many members as it may"));
                }
                Moved::to(Self { members: one.members.saturating_add(1), ..one.clone() })
            }
            (Some(one), Some(Active), Event::Part { account }) => {
                let administrators = one.without(*account)?;
                Moved::to(Self { administrators, members: one.members.saturating_sub(1), ..one.clone() })
            }
            (Some(one), Some(Active), Event::Promote { account }) => {
                let mut next = one.clone();
                Self::with(&mut next.administrators, *account)?;
                Moved::to(next).with(Effect::tell::<Self>(*account, Notice::Promoted, moment.id))
            }
            (Some(one), Some(Active), Event::HandOver { from, to }) => {
                let mut next = one.clone();
                if !next.administrators.contains(from) {
                    return Err(Error::Conflict("the member is no administrator any more"));
                }
                next.administrators.retain(|one| one != from);
                Self::with(&mut next.administrators, *to)?;
                Moved::to(next)
                    .with(Effect::tell::<Self>(*to, Notice::Promoted, moment.id))
                    .with(Effect::tell::<Self>(*from, Notice::HandedOver, moment.id))
            }
            (Some(one), Some(Active), Event::Alter { to, licence }) => {
                let mut next = one.clone();
                next.facts.licence = *licence;
                match to {
                    Alteration::Name(name) => next.facts.name = name.clone(),
                    Alteration::Legal(legal) => next.facts.legal = Some(legal.clone()),
                }
                let tell = |moved: Moved<Self>, to: &Id| {
                    moved.with(Effect::tell::<Self>(*to, Notice::EnterpriseChanged, moment.id))
                };
                let mut moved = Moved::to(next);
                if matches!(to, Alteration::Name(_)) {
                    // Its certificates say the old name.
                    moved = moved.with(Effect::on_all::<Holding>(moment.id, None, holding::Event::Outdate));
                }
                one.administrators.iter().fold(moved, tell)
            }
            (Some(one), Some(Active), Event::Cancel { by }) => {
                if matches!(by, Authority::Reviews(_)) || !by.reaches(moment.id) {
                    return Err(Error::NotFound);
                }
                one.cancelled(moment)
            }
            (Some(one), Some(Cancelled), Event::Erase)
                if one.erase_ms.is_some_and(|erase_ms| moment.now_ms >= erase_ms) =>
            {
                let mut erased = Self { state: Erased, erase_ms: None, ..one.clone() };
                erased.facts.legal = None;
                Moved::to(erased)
                    .with(Effect::on_all::<Application>(moment.id, None, application::Event::Erase))
                    .with(Effect::on_all::<Seal>(moment.id, None, seal::Event::Erase))
                    .with(Effect::on_all::<Order>(moment.id, None, order::Event::Erase))
                    .with(Effect::on_all::<Preset>(moment.id, None, preset::Event::Erase))
                    .with(Effect::Detach(moment.id))
            }
            (None, ..) => return Err(Error::NotFound),
            (_, Some(Active), _) => return Err(Error::Conflict("the enterprise is claimed already")),
            _ => return Err(Error::Conflict("the enterprise is cancelled")),
        };
        Ok(moved)
    }

    fn due_ms(&self) -> Option<u64> {
        self.erase_ms
    }

    fn when_due() -> Option<Event> {
        Some(Event::Erase)
    }
}
