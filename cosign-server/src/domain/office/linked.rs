//! Accounts elsewhere by which a user is known here too.

use serde::{Deserialize, Serialize};

use super::{Entity, Id, Moment, Moved, Moves, entity::states};
use crate::domain::Error;

states! {
    /// Where a binding stands.
    LinkedState {
        /// It logs in.
        Bound = "bound",
        /// The user took it back.
        Unbound = "unbound",
    }
    over Unbound
}

states! {
    /// Where else.
    Elsewhere {
        /// WeChat.
        WeChat = "wechat",
        /// Alipay.
        Alipay = "alipay",
        /// The national network identity, which names nobody and knows no phone.
        NationalId = "national-id",
    }
}

/// An account elsewhere. Who it is there is kept as a keyed hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    state: LinkedState,
    /// Whose account.
    pub account: Id,
    /// Where else.
    pub elsewhere: Elsewhere,
    #[serde(with = "hex::serde")]
    name: [u8; 32],
}

/// What happens to a binding.
#[derive(Debug)]
pub enum Event {
    /// The user was there.
    Bind {
        /// Whose account.
        account: Id,
        /// Where else.
        elsewhere: Elsewhere,
        /// The keyed hash of who it is there.
        name: [u8; 32],
    },
    /// The user takes it back.
    Unbind,
}

impl Entity for Linked {
    const KIND: &'static str = "linked-account";
    type State = LinkedState;
    type Event = Event;
    const MOVES: Moves<LinkedState> =
        &[(None, "bind", LinkedState::Bound), (Some(LinkedState::Bound), "unbind", LinkedState::Unbound)];

    fn state(&self) -> LinkedState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Bind { .. } => "bind",
            Event::Unbind => "unbind",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        match (now, event) {
            (None, Event::Bind { account, elsewhere, name }) => Ok(Moved::to(Self {
                state: LinkedState::Bound,
                account: *account,
                elsewhere: *elsewhere,
                name: *name,
            })),
            (Some(binding), Event::Unbind) if binding.state == LinkedState::Bound => {
                Ok(Moved::to(Self { state: LinkedState::Unbound, ..binding.clone() }))
            }
            _ => Err(Error::NotFound),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        if self.state == LinkedState::Bound { vec![self.name] } else { Vec::new() }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.account]
    }
}
