//! SMS codes: proof that somebody has a phone in hand.

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    dispatch::{Order, Template},
    entity::{Named as _, states},
    personal::Personal,
};
use crate::domain::Error;

states! {
    /// Where a code stands.
    CodeState {
        /// On its way, or in the hands of the user.
        Sent = "sent",
        /// It was entered.
        Used = "used",
        /// Too many wrong entries.
        Exhausted = "exhausted",
        /// Nobody entered it in time.
        Expired = "expired",
        /// A newer one was asked for.
        Replaced = "replaced",
    }
    over Used, Exhausted, Expired, Replaced
}

states! {
    /// What a code is for. One for one thing opens no other.
    Purpose {
        /// Logging in, which registers whoever is not.
        Login = "login",
        /// Setting a password.
        Password = "password",
        /// Cancelling the account.
        Cancel = "cancel",
        /// Asking for an account that was cancelled.
        Appeal = "appeal",
        /// Saying who one is.
        Person = "person",
        /// Signing a letter or a decision.
        Sign = "sign",
        /// Showing that a legal representative knows of a claim.
        Legal = "legal",
        /// Authorising what one applies for.
        Apply = "apply",
    }
}

/// A code that was sent to a phone. The code itself is kept as a hash with the id of the entity in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmsCode {
    state: CodeState,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it went.
    pub phone: Personal,
    /// The keyed hash of that number.
    #[serde(with = "hex::serde")]
    pub phone_name: [u8; 32],
    #[serde(with = "hex::serde")]
    hash: [u8; 32],
    tries_left: u8,
    expires_ms: u64,
}

/// What happens to a code.
#[derive(Debug)]
pub enum Event {
    /// It is made and sent.
    Send {
        /// What it is for.
        purpose: Purpose,
        /// Where it goes.
        phone: Personal,
        /// The keyed hash of that number.
        phone_name: [u8; 32],
        /// Hash of the code.
        hash: [u8; 32],
        /// The code, for the provider alone.
        text: Personal,
    },
    /// The right code is entered.
    Enter {
        /// Hash of what was entered.
        hash: [u8; 32],
        /// What it is to prove.
        purpose: Purpose,
    },
    /// A wrong code is entered.
    Miss {
        /// Hash of what was entered.
        hash: [u8; 32],
    },
    /// Its time is over.
    Expire,
    /// A newer one is sent.
    Replace,
}

/// Proof that whoever asks has a phone in hand: a code that was sent to it has just been used up.
#[derive(Clone, Debug)]
pub struct ProvenPhone {
    /// The number.
    pub phone: Personal,
    /// Its keyed hash.
    pub name: [u8; 32],
    /// For what it was proven.
    pub purpose: Purpose,
}

impl SmsCode {
    /// Whether this is the hash of the code. Time does not depend on where they differ.
    #[must_use]
    pub fn is(&self, hash: &[u8; 32]) -> bool {
        self.hash[..].ct_eq(&hash[..]).into()
    }

    /// What a code proves once it was entered.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`] unless it was.
    pub fn proof(&self) -> Result<ProvenPhone, Error> {
        if self.state != CodeState::Used {
            return Err(Error::CodeInvalid);
        }
        Ok(ProvenPhone { phone: self.phone.clone(), name: self.phone_name, purpose: self.purpose })
    }

    /// Under whom codes to this number are listed.
    #[must_use]
    pub fn list_of(phone_name: &[u8; 32]) -> Id {
        let (half, _) = phone_name.split_first_chunk().unwrap_or((&[0; 16], &[]));
        Id::from_bytes(*half)
    }
}

impl Entity for SmsCode {
    const KIND: &'static str = "sms-code";
    type State = CodeState;
    type Event = Event;
    const MOVES: Moves<CodeState> = &[
        (None, "send", CodeState::Sent),
        (Some(CodeState::Sent), "enter", CodeState::Used),
        (Some(CodeState::Sent), "miss", CodeState::Sent),
        (Some(CodeState::Sent), "miss", CodeState::Exhausted),
        (Some(CodeState::Sent), "expire", CodeState::Expired),
        (Some(CodeState::Sent), "replace", CodeState::Replaced),
    ];

    fn state(&self) -> CodeState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Send { .. } => "send",
            Event::Enter { .. } => "enter",
            Event::Miss { .. } => "miss",
            Event::Expire => "expire",
            Event::Replace => "replace",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let moved = |code: &Self, state| Moved::to(Self { state, ..code.clone() });
        match (now, event) {
            (None, Event::Send { purpose, phone, phone_name, hash, text }) => {
                let code = Self {
                    state: CodeState::Sent,
                    purpose: *purpose,
                    phone: phone.clone(),
                    phone_name: *phone_name,
                    hash: *hash,
                    tries_left: moment.rules.sms_code_tries,
                    expires_ms: moment.now_ms.saturating_add(moment.rules.sms_code_s.saturating_mul(1000)),
                };
                let order = Order::sms(phone.clone(), Template::Code, text.clone(), code.expires_ms);
                Ok(Moved::to(code).with(Effect::Dispatch(order)))
            }
            (Some(code), Event::Expire)
                if code.state == CodeState::Sent && moment.now_ms >= code.expires_ms =>
            {
                Ok(moved(code, CodeState::Expired))
            }
            (Some(code), Event::Replace) if code.state == CodeState::Sent => {
                Ok(moved(code, CodeState::Replaced))
            }
            (Some(code), _) if code.state != CodeState::Sent || moment.now_ms >= code.expires_ms => {
                Err(Error::CodeInvalid)
            }
            (Some(code), Event::Enter { hash, purpose }) => {
                if !code.is(hash) || code.purpose != *purpose {
                    return Err(Error::CodeInvalid);
                }
                Ok(moved(code, CodeState::Used))
            }
            (Some(code), Event::Miss { hash }) => {
                if code.is(hash) {
                    return Err(Error::Internal);
                }
                let tries_left = code.tries_left.saturating_sub(1);
                let state = if tries_left == 0 { CodeState::Exhausted } else { CodeState::Sent };
                Ok(Moved::to(Self { state, tries_left, ..code.clone() }))
            }
            _ => Err(Error::Conflict("the code was sent before")),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        // One at a time for a phone and a purpose, however many are asked for at once.
        if self.state != CodeState::Sent {
            return Vec::new();
        }
        let parts = [&self.phone_name[..], self.purpose.as_str().as_bytes()].concat();
        vec![sm3::digest(&parts)]
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![Self::list_of(&self.phone_name)]
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state == CodeState::Sent).then_some(self.expires_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
