//! One use of what was bought. Its id is that of the use, so that no use is taken off twice.

use serde::{Deserialize, Serialize};

use super::{Entity, Id, Moment, Moved, Moves, catalogue::Service, entity::states};
use crate::domain::Error;

states! {
    /// Where a use stands.
    UsageState {
        /// It was taken off a balance.
        Metered = "metered",
    }
    over Metered
}

/// A use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    state: UsageState,
    /// What is known of it.
    #[serde(flatten)]
    pub of: Of,
}

/// What was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Of {
    /// Whose balance.
    pub owner: Id,
    /// At which platform.
    pub platform: Id,
    /// What.
    pub service: Service,
    /// Which line of an order it was bought with.
    pub line: Id,
}

/// What happens to a use.
#[derive(Debug)]
pub enum Event {
    /// It is taken off.
    Meter(Of),
}

impl Entity for Usage {
    const KIND: &'static str = "usage";
    type State = UsageState;
    type Event = Event;
    const MOVES: Moves<UsageState> = &[(None, "meter", UsageState::Metered)];

    fn state(&self) -> UsageState {
        self.state
    }

    fn event(_: &Event) -> &'static str {
        "meter"
    }

    fn transition(now: Option<&Self>, event: &Event, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        match (now, event) {
            (None, Event::Meter(of)) => Ok(Moved::to(Self { state: UsageState::Metered, of: of.clone() })),
            (Some(_), _) => Err(Error::Conflict("the use was taken off before")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.of.owner, self.of.line]
    }
}
