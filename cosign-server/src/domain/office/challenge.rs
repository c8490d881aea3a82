//! What a device signs to log in with a certificate: made here, good once and for a short while.

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};

use super::{Entity, Id, Moment, Moved, Moves, entity::states, session::OwnDevice};
use crate::domain::Error;

/// How long it can be answered, milliseconds.
const GOOD_MS: u64 = 120_000;

states! {
    /// Where a challenge stands.
    ChallengeState {
        /// It waits to be signed.
        Open = "open",
        /// It was.
        Answered = "answered",
        /// It was not, in time.
        Expired = "expired",
    }
    over Answered, Expired
}

/// A challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    state: ChallengeState,
    /// Which device signs it.
    pub device: OwnDevice,
    /// Until when, unix milliseconds.
    pub expires_ms: u64,
}

/// What happens to a challenge.
#[derive(Debug)]
pub enum Event {
    /// A device asks for it.
    Ask(OwnDevice),
    /// That device has signed it.
    Answer(OwnDevice),
    /// Its time is over.
    Expire,
}

impl Challenge {
    /// The one that is open for a device.
    #[must_use]
    pub fn name_of(device: OwnDevice) -> [u8; 32] {
        sm3::digest(&[&b"challenge"[..], device.id().as_bytes()].concat())
    }

    /// What is signed: where the login is, and which.
    #[must_use]
    pub fn text(issuer: &str, id: Id) -> String {
        format!("cosign login\n{issuer}\n{id}")
    }
}

impl Entity for Challenge {
    const KIND: &'static str = "challenge";
    type State = ChallengeState;
    type Event = Event;
    const MOVES: Moves<ChallengeState> = &[
        (None, "ask", ChallengeState::Open),
        (Some(ChallengeState::Open), "answer", ChallengeState::Answered),
        (Some(ChallengeState::Open), "expire", ChallengeState::Expired),
    ];

    fn state(&self) -> ChallengeState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Ask(_) => "ask",
            Event::Answer(_) => "answer",
            Event::Expire => "expire",
        }
    }

    fn is_logged(_: &Event) -> bool {
        false
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let Some(one) = now else {
            let Event::Ask(device) = event else { return Err(Error::CodeInvalid) };
            let expires_ms = moment.now_ms.saturating_add(GOOD_MS);
            return Ok(Moved::to(Self { state: ChallengeState::Open, device: *device, expires_ms }));
        };
        let (is_open, is_late) = (one.state == ChallengeState::Open, moment.now_ms >= one.expires_ms);
        let state = match event {
            Event::Answer(device) if is_open && !is_late && *device == one.device => ChallengeState::Answered,
            Event::Expire if is_open && is_late => ChallengeState::Expired,
            _ => return Err(Error::CodeInvalid),
        };
        Ok(Moved::to(Self { state, ..one.clone() }))
    }

    fn names(&self) -> Vec<[u8; 32]> {
        if self.state == ChallengeState::Open { vec![Self::name_of(self.device)] } else { Vec::new() }
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state == ChallengeState::Open).then_some(self.expires_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
