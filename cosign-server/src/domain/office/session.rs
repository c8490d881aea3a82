//! Login sessions: a user on a device, until they log out or time is over.

use cosign_core::DeviceId;
use serde::{Deserialize, Serialize};

use super::{Entity, Id, Moment, Moved, Moves, authority::Belongs, entity::states, list_of};
use crate::domain::{Error, device::Name};

/// How often the use of a session is written down, milliseconds.
const NOTED_MS: u64 = 60_000;

states! {
    /// Where a session stands.
    SessionState {
        /// Its token is good.
        Active = "active",
        /// The user logged out, here or from another device.
        Ended = "ended",
        /// Nobody used it any more, or it lasted as long as one may.
        Expired = "expired",
    }
    over Ended, Expired
}

/// The enrolled device whose own connection a login came over. Its keys sign for the account as long as the login lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnDevice(#[serde(with = "hex::serde")] [u8; 32]);

impl OwnDevice {
    /// This one.
    #[must_use]
    pub const fn new(id: DeviceId) -> Self {
        Self(*id.as_bytes())
    }

    /// Its id.
    #[must_use]
    pub const fn id(self) -> DeviceId {
        DeviceId::from_bytes(self.0)
    }
}

/// As whom the user of a session acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acts {
    /// As themselves.
    Person,
    /// For an enterprise.
    Enterprise(Id),
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    state: SessionState,
    /// Whose.
    pub account: Id,
    /// On which device of the account.
    pub terminal: Id,
    /// SM3 of the token.
    #[serde(with = "hex::serde")]
    token: [u8; 32],
    /// What the user calls the device.
    pub device: Name,
    /// The enrolled device that it came from; `None` of a browser.
    #[serde(default)]
    pub own_device: Option<OwnDevice>,
    /// When it was last used, unix milliseconds; up to a minute before that.
    pub used_ms: u64,
    /// When it ends in any case.
    pub ends_ms: u64,
    /// When it ends unless it is used.
    pub idle_ends_ms: u64,
    /// As whom the user acts, once that was said.
    #[serde(default)]
    pub acts: Option<Acts>,
}

/// What happens to a session.
#[derive(Debug)]
pub enum Event {
    /// A user logs in.
    LogIn {
        /// Who.
        account: Id,
        /// On which device of the account.
        terminal: Id,
        /// SM3 of the token.
        token: [u8; 32],
        /// What the user calls the device.
        device: Name,
        /// The enrolled device that it came from.
        own_device: Option<OwnDevice>,
    },
    /// The token is used.
    Use,
    /// The user says as whom they act: as themselves, or for an enterprise that they belong to.
    Choose(Option<Belongs>),
    /// The user does not belong to that enterprise any more.
    Unchoose,
    /// The user ends it.
    End,
    /// Time is over.
    Expire,
}

impl Session {
    /// Whether its token is good at this moment.
    #[must_use]
    pub fn is_good(&self, now_ms: u64) -> bool {
        self.state == SessionState::Active && now_ms < self.ends()
    }

    /// Under what those of an account that act for an enterprise are listed.
    #[must_use]
    pub fn acting_for(enterprise: Id, account: Id) -> Id {
        list_of("acting-for", &[enterprise.as_bytes(), account.as_bytes()])
    }

    /// Whether its use has to be written down.
    #[must_use]
    pub const fn is_worth_noting(&self, now_ms: u64) -> bool {
        now_ms >= self.used_ms.saturating_add(NOTED_MS)
    }

    fn ends(&self) -> u64 {
        self.ends_ms.min(self.idle_ends_ms)
    }
}

impl Entity for Session {
    const KIND: &'static str = "session";
    type State = SessionState;
    type Event = Event;
    const MOVES: Moves<SessionState> = &[
        (None, "log-in", SessionState::Active),
        (Some(SessionState::Active), "use", SessionState::Active),
        (Some(SessionState::Active), "choose", SessionState::Active),
        (Some(SessionState::Active), "unchoose", SessionState::Active),
        (Some(SessionState::Active), "end", SessionState::Ended),
        (Some(SessionState::Active), "expire", SessionState::Expired),
    ];

    fn state(&self) -> SessionState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::LogIn { .. } => "log-in",
            Event::Use => "use",
            Event::Choose(_) => "choose",
            Event::Unchoose => "unchoose",
            Event::End => "end",
            Event::Expire => "expire",
        }
    }

    fn is_logged(event: &Event) -> bool {
        !matches!(event, Event::Use)
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let Moment { now_ms, rules, .. } = moment;
        let idle_ends_ms = now_ms.saturating_add(rules.session_idle_min.saturating_mul(60_000));
        let session = match (now, event) {
            (None, Event::LogIn { account, terminal, token, device, own_device }) => Self {
                terminal: *terminal,
                state: SessionState::Active,
                account: *account,
                token: *token,
                device: device.clone(),
                own_device: *own_device,
                used_ms: now_ms,
                ends_ms: now_ms.saturating_add(rules.session_h.saturating_mul(3_600_000)),
                idle_ends_ms,
                acts: None,
            },
            (Some(session), Event::Expire)
                if session.state == SessionState::Active && now_ms >= session.ends() =>
            {
                Self { state: SessionState::Expired, ..session.clone() }
            }
            (Some(session), Event::Use) if session.is_good(now_ms) => {
                Self { used_ms: now_ms, idle_ends_ms, ..session.clone() }
            }
            (Some(session), Event::Choose(belongs)) if session.is_good(now_ms) => {
                if belongs.is_some_and(|belongs| belongs.account() != session.account) {
                    return Err(Error::NotFound);
                }
                let acts = belongs.map_or(Acts::Person, |belongs| Acts::Enterprise(belongs.enterprise()));
                Self { acts: Some(acts), ..session.clone() }
            }
            (Some(session), Event::Unchoose) if session.state == SessionState::Active => {
                Self { acts: None, ..session.clone() }
            }
            (Some(session), Event::End) if session.state == SessionState::Active => {
                Self { state: SessionState::Ended, ..session.clone() }
            }
            _ => return Err(Error::NotLoggedIn),
        };
        Ok(Moved::to(session))
    }

    fn names(&self) -> Vec<[u8; 32]> {
        if self.state == SessionState::Active { vec![self.token] } else { Vec::new() }
    }

    fn listed_under(&self) -> Vec<Id> {
        let mut lists = vec![self.account, self.terminal];
        if let (SessionState::Active, Some(Acts::Enterprise(enterprise))) = (self.state, self.acts) {
            lists.push(Self::acting_for(enterprise, self.account));
        }
        lists
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state == SessionState::Active).then_some(self.ends())
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
