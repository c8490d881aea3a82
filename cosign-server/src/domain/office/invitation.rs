//! Invitations to an enterprise, to whoever has the phone and the name.

use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    authority::Authority,
    dispatch::{Order, Template},
    enterprise::{self, Enterprise},
    entity::states,
    list_of,
    membership::{self, Membership},
    personal::Personal,
};
use crate::domain::Error;

const DAY_MS: u64 = 86_400_000;

states! {
    /// Where an invitation stands.
    InvitationState {
        /// It can be accepted.
        Sent = "sent",
        /// The person is a member.
        Accepted = "accepted",
        /// It was taken back.
        Withdrawn = "withdrawn",
        /// Nobody accepted it in time.
        Expired = "expired",
    }
    over Accepted, Withdrawn, Expired
}

/// An invitation. What was personal in it is gone once it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    state: InvitationState,
    /// To which enterprise.
    pub enterprise: Id,
    /// The phone.
    pub phone: Option<Personal>,
    #[serde(with = "hex::serde")]
    phone_name: [u8; 32],
    /// The name of the person.
    pub name: Option<Personal>,
    /// Whether the person is to administer it.
    pub administrator: bool,
    until_ms: u64,
}

/// What happens to an invitation.
#[derive(Debug)]
pub enum Event {
    /// It is sent.
    Send {
        /// By whom, to which enterprise.
        by: Authority,
        /// Which one that is.
        enterprise: Id,
        /// The phone.
        phone: Personal,
        /// The keyed hash of that.
        phone_name: [u8; 32],
        /// The name of the person.
        name: Personal,
        /// Whether the person is to administer it.
        administrator: bool,
        /// What is sent, encrypted.
        text: Personal,
    },
    /// Whoever has the phone and the name accepts it.
    Accept {
        /// Whose account.
        account: Id,
        /// The keyed hash of the account's phone.
        phone_name: [u8; 32],
    },
    /// It is taken back.
    Withdraw,
    /// Time is over.
    Expire,
}

impl Invitation {
    /// Under what those to a phone are listed.
    #[must_use]
    pub fn list_of(phone_name: &[u8; 32]) -> Id {
        list_of("invitations", &[phone_name])
    }

    /// Whether it went to this phone.
    #[must_use]
    pub fn is_to(&self, phone_name: &[u8; 32]) -> bool {
        self.phone_name == *phone_name
    }
}

impl Entity for Invitation {
    const KIND: &'static str = "invitation";
    type State = InvitationState;
    type Event = Event;
    const MOVES: Moves<InvitationState> = &[
        (None, "send", InvitationState::Sent),
        (Some(InvitationState::Sent), "accept", InvitationState::Accepted),
        (Some(InvitationState::Sent), "withdraw", InvitationState::Withdrawn),
        (Some(InvitationState::Sent), "expire", InvitationState::Expired),
    ];

    fn state(&self) -> InvitationState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Send { .. } => "send",
            Event::Accept { .. } => "accept",
            Event::Withdraw => "withdraw",
            Event::Expire => "expire",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use InvitationState::{Accepted, Expired, Sent, Withdrawn};
        let Some(one) = now else {
            let Event::Send { by, enterprise, phone, phone_name, name, administrator, text } = event else {
                return Err(Error::NotFound);
            };
            if matches!(by, Authority::Reviews(_)) || !by.reaches(*enterprise) {
                return Err(Error::NotFound);
            }
            let days_ms = moment.rules.invitation_days.saturating_mul(DAY_MS);
            let until_ms = moment.now_ms.saturating_add(days_ms);
            let order = Order::sms(phone.clone(), Template::Notice, text.clone(), until_ms);
            return Ok(Moved::to(Self {
                state: Sent,
                enterprise: *enterprise,
                phone: Some(phone.clone()),
                phone_name: *phone_name,
                name: Some(name.clone()),
                administrator: *administrator,
                until_ms,
            })
            .with(Effect::Dispatch(order)));
        };
        let over = |state| Moved::to(Self { state, phone: None, name: None, ..one.clone() });
        match (one.state, event) {
            (Sent, Event::Accept { account, phone_name }) if one.is_to(phone_name) => {
                let add = membership::Event::Add { account: *account, enterprise: one.enterprise };
                let membership = Membership::id_of(one.enterprise, *account);
                let moved = over(Accepted).with(Effect::on::<Membership>(membership, add));
                if !one.administrator {
                    return Ok(moved);
                }
                let promote = enterprise::Event::Promote { account: *account };
                Ok(moved.with(Effect::on::<Enterprise>(one.enterprise, promote)))
            }
            (Sent, Event::Accept { .. }) => Err(Error::NotFound),
            (Sent, Event::Withdraw) => Ok(over(Withdrawn)),
            (Sent, Event::Expire) if moment.now_ms >= one.until_ms => Ok(over(Expired)),
            (Sent, _) => Err(Error::Conflict("the invitation is sent already")),
            _ => Err(Error::Conflict("the invitation is over")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        let mut lists = vec![self.enterprise];
        if self.state == InvitationState::Sent {
            lists.push(Self::list_of(&self.phone_name));
        }
        lists
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state == InvitationState::Sent).then_some(self.until_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
