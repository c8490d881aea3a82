//! Customer service: a user talks to a program, and to an agent if that does not help.

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};

use super::{Effect, Entity, Id, Moment, Moved, Moves, entity::states, personal::Personal};
use crate::domain::Error;

/// Most lines of one chat.
const MAX_LINES: u32 = 500;
/// How long a chat stays open when nobody says anything, milliseconds.
const IDLE_MS: u64 = 86_400_000;

states! {
    /// Where a chat stands.
    ChatState {
        /// A program answers.
        Program = "program",
        /// The user waits for an agent.
        Waiting = "waiting",
        /// An agent answers.
        Agent = "agent",
        /// It is over.
        Closed = "closed",
    }
    over Closed
}

states! {
    /// Who says something.
    Speaker {
        /// The user.
        User = "user",
        /// The program.
        Program = "program",
        /// The agent.
        Agent = "agent",
    }
}

/// A chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    state: ChatState,
    /// Of whose account.
    pub account: Id,
    /// Which operator answers.
    pub agent: Option<Id>,
    /// How many lines there are.
    pub lines: u32,
    idle_ms: u64,
}

/// What happens to a chat.
#[derive(Debug)]
pub enum Event {
    /// A user begins it.
    Open {
        /// Whose account.
        account: Id,
    },
    /// Somebody says something.
    Say {
        /// Who.
        speaker: Speaker,
        /// Which operator, if it is one.
        agent: Option<Id>,
        /// What.
        words: Personal,
    },
    /// The user asks for an agent.
    Call,
    /// An agent takes it on.
    Take {
        /// Which operator.
        agent: Id,
    },
    /// It is ended.
    Close,
    /// Nobody said anything for a day.
    Lapse,
}

impl Chat {
    /// Whether a program answers.
    #[must_use]
    pub fn is_with_program(&self) -> bool {
        self.state == ChatState::Program
    }

    fn may_say(&self, speaker: Speaker, agent: Option<Id>) -> bool {
        match speaker {
            Speaker::User => self.state != ChatState::Closed,
            Speaker::Program => self.state == ChatState::Program,
            Speaker::Agent => self.state == ChatState::Agent && agent.is_some() && agent == self.agent,
        }
    }
}

impl Entity for Chat {
    const KIND: &'static str = "chat";
    type State = ChatState;
    type Event = Event;
    const MOVES: Moves<ChatState> = &[
        (None, "open", ChatState::Program),
        (Some(ChatState::Program), "say", ChatState::Program),
        (Some(ChatState::Waiting), "say", ChatState::Waiting),
        (Some(ChatState::Agent), "say", ChatState::Agent),
        (Some(ChatState::Program), "call", ChatState::Waiting),
        (Some(ChatState::Waiting), "take", ChatState::Agent),
        (Some(ChatState::Program), "close", ChatState::Closed),
        (Some(ChatState::Waiting), "close", ChatState::Closed),
        (Some(ChatState::Agent), "close", ChatState::Closed),
        (Some(ChatState::Program), "lapse", ChatState::Closed),
        (Some(ChatState::Waiting), "lapse", ChatState::Closed),
        (Some(ChatState::Agent), "lapse", ChatState::Closed),
    ];

    fn state(&self) -> ChatState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Open { .. } => "open",
            Event::Say { .. } => "say",
            Event::Call => "call",
            Event::Take { .. } => "take",
            Event::Close => "close",
            Event::Lapse => "lapse",
        }
    }

    fn is_logged(event: &Event) -> bool {
        !matches!(event, Event::Say { .. })
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use ChatState::{Agent, Closed, Program, Waiting};
        let idle_ms = moment.now_ms.saturating_add(IDLE_MS);
        let Some(chat) = now else {
            let Event::Open { account } = event else { return Err(Error::NotFound) };
            return Ok(Moved::to(Self { state: Program, account: *account, agent: None, lines: 0, idle_ms }));
        };
        match (chat.state, event) {
            (_, Event::Say { speaker, agent, words }) if chat.may_say(*speaker, *agent) => {
                if chat.lines >= MAX_LINES {
                    return Err(Error::Conflict("the chat is full; begin another one"));
                }
                let line = LineEvent {
                    chat: moment.id,
                    account: chat.account,
                    number: chat.lines,
                    speaker: *speaker,
                    words: words.clone(),
                };
                let said = Self { lines: chat.lines.saturating_add(1), idle_ms, ..chat.clone() };
                Ok(Moved::to(said).with(Effect::make::<Line>(line)))
            }
            (Program, Event::Call) => Ok(Moved::to(Self { state: Waiting, idle_ms, ..chat.clone() })),
            (Waiting, Event::Take { agent }) => {
                Ok(Moved::to(Self { state: Agent, agent: Some(*agent), idle_ms, ..chat.clone() }))
            }
            (Program | Waiting | Agent, Event::Close) => {
                Ok(Moved::to(Self { state: Closed, ..chat.clone() }))
            }
            (Program | Waiting | Agent, Event::Lapse) if moment.now_ms >= chat.idle_ms => {
                Ok(Moved::to(Self { state: Closed, ..chat.clone() }))
            }
            _ => Err(Error::Conflict("the chat is not there for this")),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        // One at a time.
        if self.state == ChatState::Closed {
            return Vec::new();
        }
        vec![sm3::digest(&[&b"chat"[..], self.account.as_bytes()].concat())]
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.account]
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state != ChatState::Closed).then_some(self.idle_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Lapse)
    }
}

states! {
    /// Where a line stands.
    LineState {
        /// It was said.
        Said = "said",
    }
    over Said
}

/// A line of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    chat: Id,
    account: Id,
    /// Which line of its chat, from 0.
    pub number: u32,
    /// Who said it.
    pub speaker: Speaker,
    /// What.
    pub words: Personal,
}

/// A line is said.
#[derive(Debug)]
pub struct LineEvent {
    chat: Id,
    account: Id,
    number: u32,
    speaker: Speaker,
    words: Personal,
}

#[cfg(test)]
impl LineEvent {
    /// One for tests.
    pub(super) const fn of(chat: Id, words: Personal) -> Self {
        Self { chat, account: chat, number: 0, speaker: Speaker::User, words }
    }
}

impl Entity for Line {
    const KIND: &'static str = "chat-line";
    type State = LineState;
    type Event = LineEvent;
    const MOVES: Moves<LineState> = &[(None, "say", LineState::Said)];

    fn state(&self) -> LineState {
        LineState::Said
    }

    fn event(_: &LineEvent) -> &'static str {
        "say"
    }

    fn is_logged(_: &LineEvent) -> bool {
        false
    }

    fn transition(now: Option<&Self>, event: &LineEvent, _: Moment<'_>) -> Result<Moved<Self>, Error> {
        if now.is_some() {
            return Err(Error::Internal);
        }
        let LineEvent { chat, account, number, speaker, words } = event;
        Ok(Moved::to(Self {
            chat: *chat,
            account: *account,
            number: *number,
            speaker: *speaker,
            words: words.clone(),
        }))
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.chat, self.account]
    }
}
