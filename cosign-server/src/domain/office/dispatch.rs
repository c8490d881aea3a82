//! Orders to providers outside: carried out after the commit that made them, again until they are done or too late.

use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    entity::states,
    invoice::{self, Invoice},
    micropayment::{self, Micropayment},
    payment::{self, Payment},
    personal::Personal,
    refund::{self, Refund},
};
use crate::domain::Error;

/// Longest pause between two attempts, milliseconds.
const LONGEST_PAUSE_MS: u64 = 5 * 60_000;

states! {
    /// Where an order stands.
    DispatchState {
        /// To be carried out.
        Waiting = "waiting",
        /// Somebody is at it, until its lease ends.
        Running = "running",
        /// The provider has done it.
        Done = "done",
        /// It is too late for it.
        Failed = "failed",
    }
    over Done, Failed
}

states! {
    /// Which words are sent.
    Template {
        /// A code to be entered; the text is the code.
        Code = "code",
        /// Something happened; the text is the word for it ([`super::message::Notice`]).
        Notice = "notice",
    }
}

/// What a provider is to do. Each is handed to the provider that it is for, with the id of its [`Dispatch`] as the key by
/// which the provider knows it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Job {
    /// Send a text to a phone.
    Sms {
        /// Where it goes.
        phone: Personal,
        /// Which words.
        template: Template,
        /// What is put into them.
        text: Personal,
    },
    /// Send the form of an application by e-mail.
    MailForm {
        /// Of which application.
        application: Id,
        /// Where it goes.
        to: Personal,
    },
    /// Pay a cent to an enterprise.
    PayCent {
        /// Which payment.
        payment: Id,
        /// Where it goes.
        payee: micropayment::Payee,
        /// What stands in the remark.
        remark: Personal,
    },
    /// Give money back.
    PayBack {
        /// Of which payment.
        payment: Id,
        /// For which refund; otherwise it came late.
        refund: Option<Id>,
        /// How much, fen.
        amount_fen: u64,
    },
    /// Make an invoice.
    Issue {
        /// Which.
        invoice: Id,
    },
    /// Take an invoice back.
    Red {
        /// Which.
        invoice: Id,
    },
    /// Send an invoice.
    Ship {
        /// Which.
        invoice: Id,
    },
}

impl Job {
    /// What follows when the provider has done it and calls it so.
    fn done(&self, receipt: &str) -> Option<Effect> {
        let receipt = receipt.to_owned();
        match self {
            Self::Sms { .. } | Self::MailForm { .. } | Self::Red { .. } => None,
            // Only while it waits for that: the claimant may have given it up meanwhile.
            Self::PayCent { payment, .. } => Some(Effect::on_all::<Micropayment>(
                Micropayment::ordered(*payment),
                None,
                micropayment::Event::Sent,
            )),
            Self::PayBack { refund: Some(refund), .. } => {
                Some(Effect::on::<Refund>(*refund, refund::Event::PaidBack { receipt }))
            }
            Self::PayBack { payment, .. } => Some(Effect::on::<Payment>(*payment, payment::Event::Returned)),
            Self::Issue { invoice } => {
                Some(Effect::on::<Invoice>(*invoice, invoice::Event::Issued { number: receipt }))
            }
            Self::Ship { invoice } => {
                Some(Effect::on::<Invoice>(*invoice, invoice::Event::Posted { tracking: receipt }))
            }
        }
    }

    /// What follows when it is too late for it.
    fn failed(&self) -> Option<Effect> {
        match self {
            Self::Sms { .. } | Self::MailForm { .. } | Self::Red { .. } | Self::PayCent { .. } => None,
            Self::PayBack { refund: Some(refund), .. } => {
                Some(Effect::on::<Refund>(*refund, refund::Event::Fail))
            }
            // Money of others is never kept: it is tried for ever.
            Self::PayBack { payment, .. } => Some(Effect::on::<Payment>(*payment, payment::Event::Again)),
            Self::Issue { invoice } | Self::Ship { invoice } => {
                Some(Effect::on::<Invoice>(*invoice, invoice::Event::Fail))
            }
        }
    }
}

/// A job, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What is to be done.
    pub job: Job,
    /// From when on nobody needs it any more, unix milliseconds.
    pub until_ms: u64,
}

impl Order {
    /// A text to a phone.
    #[must_use]
    pub const fn sms(phone: Personal, template: Template, text: Personal, until_ms: u64) -> Self {
        Self { job: Job::Sms { phone, template, text }, until_ms }
    }
}

/// An order and what became of it. What was personal in it is gone once it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    state: DispatchState,
    /// What is to be done; `None` once it is over.
    pub order: Option<Order>,
    /// How often it was tried.
    pub attempts: u32,
    next_ms: u64,
    /// What the provider calls it.
    pub receipt: Option<String>,
}

/// What happens to an order.
#[derive(Debug)]
pub enum Event {
    /// It is given.
    Order(Order),
    /// Somebody takes it on; nobody else does before this time.
    Take {
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// The provider has done it.
    Done {
        /// What the provider calls it.
        receipt: String,
    },
    /// The provider did not.
    Retry,
    /// It is too late.
    GiveUp,
}

impl Entity for Dispatch {
    const KIND: &'static str = "dispatch";
    type State = DispatchState;
    type Event = Event;
    const MOVES: Moves<DispatchState> = &[
        (None, "order", DispatchState::Waiting),
        (Some(DispatchState::Waiting), "take", DispatchState::Running),
        (Some(DispatchState::Running), "take", DispatchState::Running),
        (Some(DispatchState::Running), "done", DispatchState::Done),
        (Some(DispatchState::Running), "retry", DispatchState::Waiting),
        (Some(DispatchState::Waiting), "give-up", DispatchState::Failed),
        (Some(DispatchState::Running), "give-up", DispatchState::Failed),
    ];

    fn state(&self) -> DispatchState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Order(_) => "order",
            Event::Take { .. } => "take",
            Event::Done { .. } => "done",
            Event::Retry => "retry",
            Event::GiveUp => "give-up",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use DispatchState::{Done, Failed, Running, Waiting};
        let Some(dispatch) = now else {
            let Event::Order(order) = event else { return Err(Error::NotFound) };
            let order = Some(order.clone());
            return Ok(Moved::to(Self {
                state: Waiting,
                order,
                attempts: 0,
                next_ms: moment.now_ms,
                receipt: None,
            }));
        };
        let is_late = dispatch.order.as_ref().is_none_or(|order| moment.now_ms >= order.until_ms);
        let over = |state| Self { state, order: None, ..dispatch.clone() };
        let job = dispatch.order.as_ref().map(|order| &order.job);
        let follows = match event {
            Event::Done { receipt } => job.and_then(|job| job.done(receipt)),
            Event::GiveUp => job.and_then(Job::failed),
            _ => None,
        };
        let moved = match (dispatch.state, event) {
            (Waiting | Running, Event::GiveUp) if is_late => over(Failed),
            // Whoever had it before is gone.
            (Waiting | Running, Event::Take { until_ms })
                if moment.now_ms >= dispatch.next_ms && !is_late =>
            {
                let attempts = dispatch.attempts.saturating_add(1);
                Self { state: Running, attempts, next_ms: *until_ms, ..dispatch.clone() }
            }
            (Running, Event::Done { receipt }) => Self { receipt: Some(receipt.clone()), ..over(Done) },
            (Running, Event::Retry) => {
                let pause_ms = (1000_u64 << dispatch.attempts.min(12)).min(LONGEST_PAUSE_MS);
                let next_ms = moment.now_ms.saturating_add(pause_ms);
                Self { state: Waiting, next_ms, ..dispatch.clone() }
            }
            _ => return Err(Error::Conflict("the order is not to be carried out now")),
        };
        Ok(Moved { entity: moved, effects: follows.into_iter().collect() })
    }

    fn due_ms(&self) -> Option<u64> {
        let until_ms = self.order.as_ref()?.until_ms;
        Some(self.next_ms.min(until_ms))
    }
}
