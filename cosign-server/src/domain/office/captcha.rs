//! Digits on a picture, for whoever looks at it. They slow programs down; the limits on codes are what holds.

mod draw;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

pub use self::draw::{DIGITS, draw};
use super::{Entity, Moment, Moved, Moves, entity::states};
use crate::domain::Error;

/// How long a picture is good, milliseconds.
const GOOD_MS: u64 = 120_000;

states! {
    /// Where a picture stands.
    CaptchaState {
        /// Somebody looks at it.
        Open = "open",
        /// The digits were entered.
        Passed = "passed",
        /// Others were.
        Missed = "missed",
        /// Nobody entered any in time.
        Expired = "expired",
    }
    over Passed, Missed, Expired
}

/// A picture, of which only a hash of its digits is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captcha {
    state: CaptchaState,
    #[serde(with = "hex::serde")]
    hash: [u8; 32],
    expires_ms: u64,
}

/// What happens to a picture.
#[derive(Debug)]
pub enum Event {
    /// It is drawn.
    Draw {
        /// Hash of its digits.
        hash: [u8; 32],
    },
    /// Digits are entered; it is used up, whichever they are.
    Enter {
        /// Hash of what was entered.
        hash: [u8; 32],
    },
    /// Its time is over.
    Expire,
}

impl Entity for Captcha {
    const KIND: &'static str = "captcha";
    type State = CaptchaState;
    type Event = Event;
    const MOVES: Moves<CaptchaState> = &[
        (None, "draw", CaptchaState::Open),
        (Some(CaptchaState::Open), "enter", CaptchaState::Passed),
        (Some(CaptchaState::Open), "enter", CaptchaState::Missed),
        (Some(CaptchaState::Open), "expire", CaptchaState::Expired),
    ];

    fn state(&self) -> CaptchaState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Draw { .. } => "draw",
            Event::Enter { .. } => "enter",
            Event::Expire => "expire",
        }
    }

    fn is_logged(_: &Event) -> bool {
        false
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        match (now, event) {
            (None, Event::Draw { hash }) => Ok(Moved::to(Self {
                state: CaptchaState::Open,
                hash: *hash,
                expires_ms: moment.now_ms.saturating_add(GOOD_MS),
            })),
            (Some(captcha), Event::Expire)
                if captcha.state == CaptchaState::Open && moment.now_ms >= captcha.expires_ms =>
            {
                Ok(Moved::to(Self { state: CaptchaState::Expired, ..captcha.clone() }))
            }
            (Some(captcha), Event::Enter { hash })
                if captcha.state == CaptchaState::Open && moment.now_ms < captcha.expires_ms =>
            {
                let is_right = bool::from(captcha.hash[..].ct_eq(&hash[..]));
                let state = if is_right { CaptchaState::Passed } else { CaptchaState::Missed };
                Ok(Moved::to(Self { state, ..captcha.clone() }))
            }
            _ => Err(Error::CodeInvalid),
        }
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state == CaptchaState::Open).then_some(self.expires_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
