//! What a user keeps to have it at hand again: titles of invoices and postal addresses.

use serde::{Deserialize, Serialize};

use super::{Effect, Entity, Id, Moment, Moved, Moves, entity::states, personal::Personal};
use crate::domain::Error;

/// Most titles, and most addresses, of one owner.
pub const MAX_PRESETS: usize = 50;

states! {
    /// Where it stands.
    PresetState {
        /// It can be used.
        Kept = "kept",
        /// It is gone.
        Deleted = "deleted",
    }
    over Deleted
}

states! {
    /// What it is.
    PresetKind {
        /// The title of an invoice.
        Title = "title",
        /// A postal address.
        Address = "address",
    }
}

/// A title or an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preset {
    state: PresetState,
    /// Whose.
    pub owner: Id,
    /// What it is.
    pub kind: PresetKind,
    /// What it says; `None` once it is gone.
    pub details: Option<Personal>,
    /// It is taken when nothing is said.
    pub is_default: bool,
    /// It was made by itself, for the owner, and stays.
    pub is_own: bool,
}

/// What happens to it.
#[derive(Debug)]
pub enum Event {
    /// It is kept.
    Keep {
        /// Whose.
        owner: Id,
        /// What it is.
        kind: PresetKind,
        /// What it says.
        details: Personal,
        /// It is taken when nothing is said.
        is_default: bool,
        /// It was made by itself.
        is_own: bool,
    },
    /// It says something else.
    Change {
        /// What.
        details: Personal,
        /// It is taken when nothing is said.
        is_default: bool,
    },
    /// Another one is taken when nothing is said.
    Step(PresetKind),
    /// It goes.
    Delete,
    /// The owner is gone.
    Erase,
}

impl Preset {
    fn moved(self, id: Id) -> Moved<Self> {
        let step = Effect::on_all::<Self>(self.owner, Some(id), Event::Step(self.kind));
        let is_default = self.is_default;
        let moved = Moved::to(self);
        if is_default { moved.with(step) } else { moved }
    }
}

impl Entity for Preset {
    const KIND: &'static str = "preset";
    type State = PresetState;
    type Event = Event;
    const MOVES: Moves<PresetState> = &[
        (None, "keep", PresetState::Kept),
        (Some(PresetState::Kept), "change", PresetState::Kept),
        (Some(PresetState::Kept), "step", PresetState::Kept),
        (Some(PresetState::Kept), "delete", PresetState::Deleted),
        (Some(PresetState::Kept), "erase", PresetState::Deleted),
    ];

    fn state(&self) -> PresetState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Keep { .. } => "keep",
            Event::Change { .. } => "change",
            Event::Step(_) => "step",
            Event::Delete => "delete",
            Event::Erase => "erase",
        }
    }

    fn is_logged(event: &Event) -> bool {
        !matches!(event, Event::Step(_))
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let Some(preset) = now else {
            let Event::Keep { owner, kind, details, is_default, is_own } = event else {
                return Err(Error::NotFound);
            };
            let (is_default, is_own, kind) = (*is_default, *is_own, *kind);
            let (state, details) = (PresetState::Kept, Some(details.clone()));
            return Ok(Self { state, owner: *owner, kind, details, is_default, is_own }.moved(moment.id));
        };
        if preset.state == PresetState::Deleted {
            return Err(Error::NotFound);
        }
        let gone = Self { state: PresetState::Deleted, details: None, is_default: false, ..preset.clone() };
        match event {
            Event::Change { details, is_default } => {
                let details = Some(details.clone());
                Ok(Self { details, is_default: *is_default, ..preset.clone() }.moved(moment.id))
            }
            Event::Step(kind) => {
                let is_default = preset.is_default && preset.kind != *kind;
                Ok(Moved::to(Self { is_default, ..preset.clone() }))
            }
            Event::Delete if preset.is_own => Err(Error::Conflict("the own title stays")),
            Event::Delete | Event::Erase => Ok(Moved::to(gone)),
            Event::Keep { .. } => Err(Error::Conflict("it is kept already")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.owner]
    }
}
