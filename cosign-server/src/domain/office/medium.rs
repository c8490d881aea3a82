//! Certificates on media, such as USB keys: the authority makes them, and what is kept here is that there are some.

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    entity::states,
    holding::{Holder, Platform},
    message::Notice,
};
use crate::domain::{
    Error,
    ca::{AuthorityId, Serial},
};

states! {
    /// Where a certificate on a medium stands.
    MediumState {
        /// The authority has made it.
        Valid = "valid",
        /// Its end has come.
        Expired = "expired",
    }
    over Expired
}

/// What is known of a certificate on a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Whose.
    pub holder: Holder,
    /// The account that applied for it.
    pub account: Id,
    /// By which application.
    pub application: Id,
    /// For which platform; `None` for all.
    pub platform: Option<Platform>,
    /// Who made it.
    pub authority: AuthorityId,
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// When it ends, unix milliseconds.
    pub not_after_ms: u64,
}

/// A certificate on a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    state: MediumState,
    /// What is known of it.
    #[serde(flatten)]
    pub facts: Facts,
}

/// What happens to a certificate on a medium.
#[derive(Debug)]
pub enum Event {
    /// An operator says that it was made.
    Record(Box<Facts>),
    /// Its end has come.
    Expire,
}

impl Medium {
    /// The one with this number.
    #[must_use]
    pub fn name_of(authority: &AuthorityId, serial: &Serial) -> [u8; 32] {
        sm3::digest(format!("medium/{authority}/{serial}").as_bytes())
    }
}

impl Entity for Medium {
    const KIND: &'static str = "medium";
    type State = MediumState;
    type Event = Event;
    const MOVES: Moves<MediumState> =
        &[(None, "record", MediumState::Valid), (Some(MediumState::Valid), "expire", MediumState::Expired)];

    fn state(&self) -> MediumState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Record(_) => "record",
            Event::Expire => "expire",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        match (now, event) {
            (None, Event::Record(facts)) => {
                if facts.not_after_ms <= moment.now_ms {
                    return Err(Error::BadRequest("what is recorded ends after now"));
                }
                let made = Self { state: MediumState::Valid, facts: (**facts).clone() };
                let told = Effect::tell::<Self>(facts.account, Notice::CertificateInstalled, moment.id);
                Ok(Moved::to(made).with(told))
            }
            (None, Event::Expire) => Err(Error::NotFound),
            (Some(one), Event::Expire)
                if one.state == MediumState::Valid && moment.now_ms > one.facts.not_after_ms =>
            {
                let told = Effect::tell::<Self>(one.facts.account, Notice::CertificateExpired, moment.id);
                Ok(Moved::to(Self { state: MediumState::Expired, ..one.clone() }).with(told))
            }
            (Some(_), _) => Err(Error::Conflict("its end has not come")),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        let serial = Serial::from_hex(&self.facts.serial).ok().filter(|_| self.state == MediumState::Valid);
        serial.iter().map(|serial| Self::name_of(&self.facts.authority, serial)).collect()
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.facts.holder.id()]
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state == MediumState::Valid).then_some(self.facts.not_after_ms.saturating_add(1))
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
