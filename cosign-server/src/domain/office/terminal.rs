//! Devices on which a user logs in: one that is new to the account has the phone proven first.

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    entity::states,
    holding::{self, Holding},
    message::Notice,
    session::{self, OwnDevice, Session},
};
use crate::domain::{Error, device::Name};

states! {
    /// Where a device stands.
    TerminalState {
        /// The user has proven the phone on it.
        Known = "known",
        /// The user does not use it any more.
        Unbound = "unbound",
    }
    over Unbound
}

states! {
    /// By what the password of the keys of a device is given when its user does not enter it.
    Unlocking {
        /// The device remembers it.
        Remembered = "remembered",
        /// A finger or a face gives it.
        Biometrics = "biometrics",
    }
}

/// That the password of the keys of a device need not be entered. The device keeps it; how long it may stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlocked {
    /// By what it is given.
    pub by: Unlocking,
    /// Until when, unix milliseconds.
    pub until_ms: u64,
}

/// A device on which a user logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terminal {
    state: TerminalState,
    /// Whose account.
    pub account: Id,
    /// What the user calls it.
    pub device: Name,
    /// The enrolled device that it is; `None` of a browser.
    pub own_device: Option<OwnDevice>,
    /// What it is called by its secret.
    #[serde(with = "hex::serde")]
    secret: [u8; 32],
    /// When the user last logged in on it, unix milliseconds.
    pub used_ms: u64,
    /// Whether its own key, which a finger or a face unlocks, logs in.
    pub is_trusted: bool,
    /// Until when the user does not want to be asked about that.
    pub quiet_until_ms: Option<u64>,
    /// That the password of its keys need not be entered, if so.
    #[serde(default)]
    pub unlocked: Option<Unlocked>,
}

/// What happens to a device.
#[derive(Debug)]
pub enum Event {
    /// The user logs in on it for the first time.
    Bind {
        /// Whose account.
        account: Id,
        /// What the user calls it.
        device: Name,
        /// The enrolled device that it is.
        own_device: Option<OwnDevice>,
        /// What it is called by its secret.
        secret: [u8; 32],
        /// Whether the account was made by this.
        is_first: bool,
    },
    /// The user logs in on it again.
    Use,
    /// Its own key logs in from now on, or not any more.
    Trust {
        /// Whether it does.
        on: bool,
        /// Until when the user does not want to be asked.
        quiet_until_ms: Option<u64>,
    },
    /// The password of its keys need not be entered for a while.
    Unlock(Unlocking),
    /// It has to be entered from now on.
    Lock,
    /// The user does not use it any more.
    Unbind,
    /// Others of the account were used since, and there are too many.
    GiveWay,
}

impl Terminal {
    /// What the device of an account is called by its secret.
    #[must_use]
    pub fn name_of(account: Id, secret: &[u8]) -> [u8; 32] {
        sm3::digest(&[&b"terminal"[..], account.as_bytes(), secret].concat())
    }

    /// Whether the password of its keys need not be entered now, because it is given so.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub fn is_unlocked(&self, by: Unlocking, now_ms: u64) -> Result<(), Error> {
        let is = |unlocked: Unlocked| unlocked.by == by && now_ms < unlocked.until_ms;
        if self.state == TerminalState::Known && self.unlocked.is_some_and(is) {
            return Ok(());
        }
        Err(Error::Conflict("the password of the certificate has to be entered again"))
    }

    fn unlock(&self, by: Unlocking, moment: Moment<'_>) -> Result<Self, Error> {
        let hours = match by {
            Unlocking::Remembered => moment.rules.pin_remembered_h,
            Unlocking::Biometrics => moment.rules.pin_biometrics_h,
        };
        if hours == 0 {
            return Err(Error::NotOffered(
                "this server does not let the password of a certificate be remembered",
            ));
        }
        if self.own_device.is_none() {
            return Err(Error::Conflict("a browser has no key of its own"));
        }
        let until_ms = moment.now_ms.saturating_add(hours.saturating_mul(3_600_000));
        Ok(Self { unlocked: Some(Unlocked { by, until_ms }), ..self.clone() })
    }
}

impl Entity for Terminal {
    const KIND: &'static str = "terminal";
    type State = TerminalState;
    type Event = Event;
    const MOVES: Moves<TerminalState> = &[
        (None, "bind", TerminalState::Known),
        (Some(TerminalState::Known), "use", TerminalState::Known),
        (Some(TerminalState::Known), "trust", TerminalState::Known),
        (Some(TerminalState::Known), "unlock", TerminalState::Known),
        (Some(TerminalState::Known), "lock", TerminalState::Known),
        (Some(TerminalState::Known), "unbind", TerminalState::Unbound),
        (Some(TerminalState::Known), "give-way", TerminalState::Unbound),
    ];

    fn state(&self) -> TerminalState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Bind { .. } => "bind",
            Event::Use => "use",
            Event::Trust { .. } => "trust",
            Event::Unlock(_) => "unlock",
            Event::Lock => "lock",
            Event::Unbind => "unbind",
            Event::GiveWay => "give-way",
        }
    }

    fn is_logged(event: &Event) -> bool {
        !matches!(event, Event::Use)
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        match (now, event) {
            (None, Event::Bind { account, device, own_device, secret, is_first }) => {
                let bound = Moved::to(Self {
                    state: TerminalState::Known,
                    account: *account,
                    device: device.clone(),
                    own_device: *own_device,
                    secret: *secret,
                    used_ms: moment.now_ms,
                    is_trusted: false,
                    quiet_until_ms: None,
                    unlocked: None,
                });
                // What was on another device does not come along by itself.
                let tell = Effect::tell::<Self>(*account, Notice::NewDevice, moment.id);
                Ok(if *is_first { bound } else { bound.with(tell) })
            }
            (None, _) => Err(Error::NotFound),
            (Some(terminal), _) if terminal.state == TerminalState::Unbound => Err(Error::NotFound),
            (Some(terminal), Event::Use) => {
                Ok(Moved::to(Self { used_ms: moment.now_ms, ..terminal.clone() }))
            }
            (Some(terminal), Event::Trust { on, quiet_until_ms }) => {
                if terminal.own_device.is_none() {
                    return Err(Error::Conflict("a browser has no key of its own"));
                }
                Ok(Moved::to(Self { is_trusted: *on, quiet_until_ms: *quiet_until_ms, ..terminal.clone() }))
            }
            (Some(terminal), Event::Unlock(by)) => terminal.unlock(*by, moment).map(Moved::to),
            (Some(terminal), Event::Lock) => Ok(Moved::to(Self { unlocked: None, ..terminal.clone() })),
            (Some(terminal), Event::Unbind | Event::GiveWay) => {
                let state = TerminalState::Unbound;
                let unbound = Self { state, is_trusted: false, unlocked: None, ..terminal.clone() };
                let mut moved =
                    Moved::to(unbound).with(Effect::on_all::<Session>(moment.id, None, session::Event::End));
                if let (Some(own), Event::Unbind) = (terminal.own_device, event) {
                    // It may be in the hands of others: what it has a share of is not signed with any more.
                    let there = Holding::on_device(terminal.account, own.id());
                    moved = moved.with(Effect::on_all::<Holding>(there, None, holding::Event::Strand));
                }
                Ok(moved)
            }
            (Some(_), Event::Bind { .. }) => Err(Error::Conflict("the device is known")),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        if self.state == TerminalState::Known { vec![self.secret] } else { Vec::new() }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.account]
    }
}
