//! What somebody is to an enterprise. One for each of both: who comes again has the same one. Who administers an enterprise
//! stands in the enterprise.

use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    application::{self, Application},
    approval::{self, Approval},
    authority::Authority,
    enterprise::{self, Enterprise},
    entity::states,
    grant::{self, Grant},
    holding::{self, Holding},
    list_of,
    message::Notice,
    seal::{self, Seal},
    session::{self, Session},
};
use crate::domain::{Error, ca::Reason};

const DAY_MS: u64 = 86_400_000;

states! {
    /// Where a membership stands.
    MembershipState {
        /// None yet.
        Outside = "outside",
        /// It was asked for.
        Requested = "requested",
        /// A member.
        Active = "active",
        /// One who left.
        Left = "left",
        /// One who was removed.
        Removed = "removed",
        /// The account is gone.
        Erased = "erased",
    }
    over Erased
}

/// What somebody is to an enterprise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    state: MembershipState,
    /// Whose account.
    pub account: Id,
    /// In which enterprise.
    pub enterprise: Id,
    /// Since when it is as it is, unix milliseconds.
    pub since_ms: u64,
    misses: u8,
    missed_ms: u64,
}

/// What happens to a membership.
#[derive(Debug)]
pub enum Event {
    /// Somebody says wrong things of the administrator.
    Miss {
        /// Whose account.
        account: Id,
        /// Of which enterprise.
        enterprise: Id,
    },
    /// Somebody asks for it.
    Ask {
        /// Whose account.
        account: Id,
        /// In which enterprise.
        enterprise: Id,
    },
    /// It is not given, or not asked for any more.
    Decline,
    /// It is given.
    Admit,
    /// It is given unasked: the founder, and who accepts an invitation.
    Add {
        /// Whose account.
        account: Id,
        /// In which enterprise.
        enterprise: Id,
    },
    /// The member leaves.
    Leave,
    /// The member is removed.
    Remove {
        /// By whom.
        by: Authority,
    },
    /// The enterprise is no more.
    Dissolve,
    /// The account is erased.
    Erase,
}

impl Membership {
    /// The id of the one of both.
    #[must_use]
    pub fn id_of(enterprise: Id, account: Id) -> Id {
        list_of("membership", &[enterprise.as_bytes(), account.as_bytes()])
    }

    /// Under what the active ones of an account are listed.
    #[must_use]
    pub fn active_of(account: Id) -> Id {
        list_of("memberships", &[account.as_bytes()])
    }

    /// Under what hangs all that a member may use.
    #[must_use]
    pub fn rights_of(enterprise: Id, account: Id) -> Id {
        list_of("rights", &[enterprise.as_bytes(), account.as_bytes()])
    }

    /// Whether something may be said of the administrator now.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] after too many wrong things in a day.
    pub fn may_try(&self, moment: Moment<'_>) -> Result<(), Error> {
        let until_ms = self.missed_ms.saturating_add(DAY_MS);
        if self.misses < moment.rules.join_tries || moment.now_ms >= until_ms {
            return Ok(());
        }
        let wait_s = until_ms.saturating_sub(moment.now_ms).div_ceil(1000);
        Err(Error::TooManyRequests { retry_after_s: u32::try_from(wait_s).unwrap_or(u32::MAX) })
    }

    fn new(account: Id, enterprise: Id, moment: Moment<'_>) -> Self {
        Self {
            state: MembershipState::Outside,
            account,
            enterprise,
            since_ms: moment.now_ms,
            misses: 0,
            missed_ms: 0,
        }
    }

    fn stands(&self, state: MembershipState, moment: Moment<'_>) -> Moved<Self> {
        Moved::to(Self { state, since_ms: moment.now_ms, ..self.clone() })
    }

    fn joins(&self, moment: Moment<'_>) -> Moved<Self> {
        self.stands(MembershipState::Active, moment)
            .with(Effect::on::<Enterprise>(self.enterprise, enterprise::Event::Join))
    }

    /// What hangs on it ends with it.
    fn ends(&self, state: MembershipState, moment: Moment<'_>) -> Moved<Self> {
        let waiting = Approval::waiting_of(self.enterprise, self.account);
        let rights = Self::rights_of(self.enterprise, self.account);
        self.stands(state, moment)
            .with(Effect::on_all::<Approval>(waiting, None, approval::Event::Void))
            .with(Effect::on_all::<Grant>(rights, None, grant::Event::Withdraw))
            .with(Effect::on_all::<Application>(rights, None, application::Event::Lapse))
            // Whoever is no member keeps no key of the enterprise.
            .with(Effect::on_all::<Holding>(rights, None, holding::Event::Revoke(Reason::PrivilegeWithdrawn)))
            .with(Effect::on_all::<Seal>(rights, None, seal::Event::Leave))
            .with(Effect::on_all::<Session>(
                Session::acting_for(self.enterprise, self.account),
                None,
                session::Event::Unchoose,
            ))
    }

    fn parts(&self, state: MembershipState, moment: Moment<'_>) -> Moved<Self> {
        let part = enterprise::Event::Part { account: self.account };
        self.ends(state, moment).with(Effect::on::<Enterprise>(self.enterprise, part))
    }
}

impl Entity for Membership {
    const KIND: &'static str = "membership";
    type State = MembershipState;
    type Event = Event;
    const MOVES: Moves<MembershipState> = &[
        (None, "miss", MembershipState::Outside),
        (Some(MembershipState::Outside), "miss", MembershipState::Outside),
        (Some(MembershipState::Left), "miss", MembershipState::Left),
        (Some(MembershipState::Removed), "miss", MembershipState::Removed),
        // A member who asks for the use of something.
        (Some(MembershipState::Active), "miss", MembershipState::Active),
        (None, "ask", MembershipState::Requested),
        (Some(MembershipState::Outside), "ask", MembershipState::Requested),
        (Some(MembershipState::Left), "ask", MembershipState::Requested),
        (Some(MembershipState::Removed), "ask", MembershipState::Requested),
        (Some(MembershipState::Requested), "decline", MembershipState::Outside),
        // Who was added meanwhile stays.
        (Some(MembershipState::Active), "decline", MembershipState::Active),
        (Some(MembershipState::Requested), "admit", MembershipState::Active),
        (None, "add", MembershipState::Active),
        (Some(MembershipState::Outside), "add", MembershipState::Active),
        (Some(MembershipState::Requested), "add", MembershipState::Active),
        (Some(MembershipState::Left), "add", MembershipState::Active),
        (Some(MembershipState::Removed), "add", MembershipState::Active),
        (Some(MembershipState::Active), "leave", MembershipState::Left),
        (Some(MembershipState::Active), "remove", MembershipState::Removed),
        (Some(MembershipState::Active), "dissolve", MembershipState::Left),
        (Some(MembershipState::Outside), "erase", MembershipState::Erased),
        (Some(MembershipState::Left), "erase", MembershipState::Erased),
        (Some(MembershipState::Removed), "erase", MembershipState::Erased),
    ];

    fn state(&self) -> MembershipState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Miss { .. } => "miss",
            Event::Ask { .. } => "ask",
            Event::Decline => "decline",
            Event::Admit => "admit",
            Event::Add { .. } => "add",
            Event::Leave => "leave",
            Event::Remove { .. } => "remove",
            Event::Dissolve => "dissolve",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use MembershipState::{Active, Erased, Left, Outside, Removed, Requested};
        let state = now.map(|membership| membership.state);
        let moved = match (now, state, event) {
            (_, None | Some(Outside | Left | Removed | Active), Event::Miss { account, enterprise }) => {
                let mut one = now.map_or_else(|| Self::new(*account, *enterprise, moment), Clone::clone);
                one.may_try(moment)?;
                let goes_on = moment.now_ms < one.missed_ms.saturating_add(DAY_MS);
                one.misses = if goes_on { one.misses.saturating_add(1) } else { 1 };
                one.missed_ms = moment.now_ms;
                Moved::to(one)
            }
            (_, None | Some(Outside | Left | Removed), Event::Ask { account, enterprise }) => {
                let one = now.map_or_else(|| Self::new(*account, *enterprise, moment), Clone::clone);
                one.may_try(moment)?;
                one.stands(Requested, moment)
            }
            (Some(one), Some(Requested), Event::Decline) => one.stands(Outside, moment),
            (Some(one), Some(Active), Event::Decline) => Moved::to(one.clone()),
            (Some(one), Some(Requested), Event::Admit) => one.joins(moment),
            (_, None | Some(Outside | Requested | Left | Removed), Event::Add { account, enterprise }) => {
                let one = now.map_or_else(|| Self::new(*account, *enterprise, moment), Clone::clone);
                // A request is answered by it.
                let waiting = Approval::waiting_of(*enterprise, *account);
                one.joins(moment).with(Effect::on_all::<Approval>(waiting, None, approval::Event::Void))
            }
            (Some(one), Some(Active), Event::Leave) => one.parts(Left, moment),
            (Some(one), Some(Active), Event::Remove { by }) => {
                if matches!(by, Authority::Reviews(_)) || !by.reaches(one.enterprise) {
                    return Err(Error::NotFound);
                }
                one.parts(Removed, moment).with(Effect::tell::<Self>(
                    one.account,
                    Notice::MemberRemoved,
                    moment.id,
                ))
            }
            (Some(one), Some(Active), Event::Dissolve) => one.ends(Left, moment).with(Effect::tell::<Self>(
                one.account,
                Notice::EnterpriseCancelled,
                moment.id,
            )),
            (Some(one), Some(Outside | Left | Removed), Event::Erase) => one.stands(Erased, moment),
            (None, ..) => return Err(Error::NotFound),
            (_, Some(Requested), _) => return Err(Error::Conflict("the membership was asked for")),
            (_, Some(Active), _) => return Err(Error::Conflict("the person is a member")),
            _ => return Err(Error::Conflict("the person is no member")),
        };
        Ok(moved)
    }

    fn listed_under(&self) -> Vec<Id> {
        match self.state {
            MembershipState::Active => vec![self.account, self.enterprise, Self::active_of(self.account)],
            MembershipState::Erased => Vec::new(),
            _ => vec![self.account],
        }
    }
}
