//! Appeals for accounts that were cancelled.

use cosign_core::sm_primitives::sm3;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    account::{self, Account},
    entity::states,
    message::Notice,
    person::VerifiedPerson,
    personal::Personal,
};
use crate::domain::Error;

states! {
    /// Where an appeal stands.
    AppealState {
        /// A reviewer looks at it.
        Submitted = "submitted",
        /// The account is its owner's again.
        Accepted = "accepted",
        /// It is not; another appeal may be filed.
        Refused = "refused",
    }
    over Accepted, Refused
}

/// An appeal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appeal {
    state: AppealState,
    /// For which account.
    pub account: Id,
    /// What its owner wrote.
    pub reason: Option<Personal>,
    /// What the reviewer wrote.
    pub opinion: Option<Personal>,
}

/// What happens to an appeal.
#[derive(Debug)]
pub enum Event {
    /// It is filed by whoever was verified with the account and has its phone.
    File {
        /// The proof that it was.
        person: Box<VerifiedPerson>,
        /// What they wrote.
        reason: Personal,
    },
    /// The account is given back.
    Accept {
        /// What the reviewer wrote.
        opinion: Option<Personal>,
    },
    /// It is not.
    Refuse {
        /// What the reviewer wrote.
        opinion: Personal,
    },
}

impl Entity for Appeal {
    const KIND: &'static str = "appeal";
    type State = AppealState;
    type Event = Event;
    const MOVES: Moves<AppealState> = &[
        (None, "file", AppealState::Submitted),
        (Some(AppealState::Submitted), "accept", AppealState::Accepted),
        (Some(AppealState::Submitted), "refuse", AppealState::Refused),
    ];

    fn state(&self) -> AppealState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::File { .. } => "file",
            Event::Accept { .. } => "accept",
            Event::Refuse { .. } => "refuse",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        match (now, event) {
            (None, Event::File { person, reason }) => Ok(Moved::to(Self {
                state: AppealState::Submitted,
                account: person.account(),
                reason: Some(reason.clone()),
                opinion: None,
            })),
            (None, _) => Err(Error::NotFound),
            (Some(appeal), Event::Accept { opinion }) if appeal.state == AppealState::Submitted => {
                let opinion = opinion.clone();
                let accepted = Self { state: AppealState::Accepted, reason: None, opinion, ..appeal.clone() };
                Ok(Moved::to(accepted)
                    .with(Effect::on::<Account>(appeal.account, account::Event::Restore))
                    .with(Effect::tell::<Self>(appeal.account, Notice::AppealAccepted, moment.id))
                    .with(Effect::Text(appeal.account, Notice::AppealAccepted)))
            }
            (Some(appeal), Event::Refuse { opinion }) if appeal.state == AppealState::Submitted => {
                let opinion = Some(opinion.clone());
                let refused = Self { state: AppealState::Refused, reason: None, opinion, ..appeal.clone() };
                Ok(Moved::to(refused).with(Effect::Text(appeal.account, Notice::AppealRefused)))
            }
            _ => Err(Error::Conflict("the appeal is decided")),
        }
    }

    fn names(&self) -> Vec<[u8; 32]> {
        // One at a time.
        let is_open = self.state == AppealState::Submitted;
        let name = sm3::digest(&[&b"appeal"[..], self.account.as_bytes()].concat());
        if is_open { vec![name] } else { Vec::new() }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.account]
    }
}
