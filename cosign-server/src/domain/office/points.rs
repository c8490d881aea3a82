//! Points: gained with what is paid, spent on other orders.

use cosign_core::sm_primitives::sm3::Sm3;
use serde::{Deserialize, Serialize};

use super::{Effect, Entity, Id, Moment, Moved, Moves, entity::states};
use crate::domain::Error;

states! {
    /// Where the points of an account stand.
    PointsState {
        /// They are counted.
        Counted = "counted",
    }
}

impl super::State for PointsState {
    fn is_over(self) -> bool {
        false
    }
}

/// The points of an account. They can be fewer than none when what they were gained with was paid back after they were spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Points {
    state: PointsState,
    total: i64,
}

/// What happens to points. Each with what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Something was paid.
    Gain(u64, Id),
    /// An operator gives some.
    Grant(u64, Id),
    /// They are spent on an order.
    Spend(u64, Id),
    /// The order came to nothing.
    GiveBack(u64, Id),
    /// What was paid went back.
    TakeBack(u64, Id),
    /// The account is cancelled.
    Void,
}

impl Event {
    /// What it is called, how much it changes, and what it belongs to.
    #[must_use]
    pub fn parts(self) -> (&'static str, i64, Id) {
        let count = |points: u64| i64::try_from(points).unwrap_or(i64::MAX);
        match self {
            Self::Gain(points, of) => ("gained", count(points), of),
            Self::Grant(points, of) => ("granted", count(points), of),
            Self::Spend(points, of) => ("used", count(points).saturating_neg(), of),
            Self::GiveBack(points, of) => ("given-back", count(points), of),
            Self::TakeBack(points, of) => ("taken-back", count(points).saturating_neg(), of),
            Self::Void => ("voided", 0, Id::from_bytes([0; 16])),
        }
    }
}

/// Points for an amount.
#[must_use]
pub const fn gained(amount_fen: u64, per_yuan: u64) -> u64 {
    (amount_fen / 100).saturating_mul(per_yuan)
}

/// Where the points of an account are.
#[must_use]
pub fn id(account: Id) -> Id {
    let hash = Sm3::new().chain(b"points").chain(account.as_bytes()).finalize();
    let mut id = [0; 16];
    id.copy_from_slice(hash.split_at(16).0);
    Id::from_bytes(id)
}

/// The points of an account change, and it is written down; nothing when there are none.
#[must_use]
pub fn change(account: Id, event: Event) -> Vec<Effect> {
    if event.parts().1 == 0 {
        return Vec::new();
    }
    let noted = Effect::make::<PointsNote>(Noting { account, event });
    vec![Effect::on::<Points>(id(account), event), noted]
}

impl Points {
    /// How many can be spent.
    #[must_use]
    pub fn usable(&self) -> u64 {
        u64::try_from(self.total).unwrap_or(0)
    }
}

impl Entity for Points {
    const KIND: &'static str = "points";
    type State = PointsState;
    type Event = Event;
    const MOVES: Moves<PointsState> = &[
        (None, "gained", PointsState::Counted),
        (None, "granted", PointsState::Counted),
        (None, "given-back", PointsState::Counted),
        (None, "taken-back", PointsState::Counted),
        (None, "voided", PointsState::Counted),
        (Some(PointsState::Counted), "gained", PointsState::Counted),
        (Some(PointsState::Counted), "granted", PointsState::Counted),
        (Some(PointsState::Counted), "used", PointsState::Counted),
        (Some(PointsState::Counted), "given-back", PointsState::Counted),
        (Some(PointsState::Counted), "taken-back", PointsState::Counted),
        (Some(PointsState::Counted), "voided", PointsState::Counted),
    ];

    fn state(&self) -> PointsState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        event.parts().0
    }

    fn transition(now: Option<&Self>, event: &Event, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        const TOO_FEW: Error = Error::Conflict("there are not so many points");
        let (_, change, _) = event.parts();
        let total = match (now, event) {
            (None, Event::Spend(..)) => return Err(TOO_FEW),
            (_, Event::Void) => 0,
            (None, _) => change,
            (Some(points), Event::Spend(spent, _)) if *spent > points.usable() => return Err(TOO_FEW),
            (Some(points), _) => points.total.saturating_add(change),
        };
        Ok(Moved::to(Self { state: PointsState::Counted, total }))
    }
}

states! {
    /// Where a note stands.
    NoteState {
        /// It is written down.
        Noted = "noted",
    }
    over Noted
}

/// How the points of an account changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointsNote {
    state: NoteState,
    account: Id,
    /// How.
    pub event: Event,
}

/// It is written down.
#[derive(Debug)]
pub struct Noting {
    /// Whose.
    pub account: Id,
    /// How they changed.
    pub event: Event,
}

impl Entity for PointsNote {
    const KIND: &'static str = "points-note";
    type State = NoteState;
    type Event = Noting;
    const MOVES: Moves<NoteState> = &[(None, "note", NoteState::Noted)];

    fn state(&self) -> NoteState {
        self.state
    }

    fn event(_: &Noting) -> &'static str {
        "note"
    }

    fn is_logged(_: &Noting) -> bool {
        false
    }

    fn transition(now: Option<&Self>, event: &Noting, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        let Noting { account, event } = *event;
        let note = Self { state: NoteState::Noted, account, event };
        if now.is_none() { Ok(Moved::to(note)) } else { Err(Error::Conflict("it is written down")) }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.account]
    }
}
