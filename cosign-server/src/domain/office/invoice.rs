//! Invoices for lines of orders that were paid.

use cosign_core::sm_primitives::sm3::Sm3;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    dispatch::{self, Job},
    entity::states,
    message::Notice,
    personal::Personal,
};
use crate::domain::Error;

/// Most lines of one invoice.
pub const MAX_LINES: usize = 50;
/// How long it is tried to have one issued or sent, milliseconds.
const ISSUE_MS: u64 = 3 * 86_400_000;

states! {
    /// Where an invoice stands.
    InvoiceState {
        /// Somebody has to look at it.
        Asked = "asked",
        /// It is being made.
        Issuing = "issuing",
        /// It is there.
        Issued = "issued",
        /// It is in the post.
        Posted = "posted",
        /// It is not made.
        Rejected = "rejected",
        /// It was taken back.
        RedLettered = "red-lettered",
    }
}

impl super::State for InvoiceState {
    /// Title and address are erased with the account.
    fn is_over(self) -> bool {
        false
    }
}

states! {
    /// On what an invoice is.
    Medium {
        /// A file.
        Electronic = "electronic",
        /// Paper.
        Paper = "paper",
    }
}

/// A line that is invoiced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Of which order.
    pub order: Id,
    /// Which.
    pub line: Id,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// By whose account.
    pub buyer: Id,
    /// For what.
    pub parts: Vec<Part>,
    /// How much, fen.
    pub amount_fen: u64,
    /// On what.
    pub medium: Medium,
    /// For whom, as the title was when it was asked for.
    pub title: Option<Personal>,
    /// Where paper goes.
    pub address: Option<Personal>,
}

/// An invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    state: InvoiceState,
    /// What was asked for.
    #[serde(flatten)]
    pub asked: Asked,
    /// What it is called.
    pub number: Option<String>,
    /// What the post calls it.
    pub tracking: Option<String>,
    /// Why it was rejected.
    pub opinion: Option<Personal>,
}

/// What happens to an invoice.
#[derive(Debug)]
pub enum Event {
    /// It is asked for.
    Ask(Asked),
    /// It is to be made.
    Approve,
    /// It is not.
    Reject(Option<Personal>),
    /// It was made.
    Issued {
        /// What it is called.
        number: String,
    },
    /// It could not be made, or sent.
    Fail,
    /// It is to be sent.
    Post,
    /// It was.
    Posted {
        /// What the post calls it.
        tracking: String,
    },
    /// The money for some of it went back, or never came.
    Red,
    /// The account is erased.
    Erase,
}

/// What the invoice of a line is called while there is one.
#[must_use]
pub fn name(line: Id) -> [u8; 32] {
    Sm3::new().chain(b"invoice").chain(line.as_bytes()).finalize()
}

fn job(job: Job, moment: Moment<'_>) -> Effect {
    Effect::Dispatch(dispatch::Order { job, until_ms: moment.now_ms.saturating_add(ISSUE_MS) })
}

impl Entity for Invoice {
    const KIND: &'static str = "invoice";
    type State = InvoiceState;
    type Event = Event;
    const MOVES: Moves<InvoiceState> = &[
        (None, "ask", InvoiceState::Asked),
        (Some(InvoiceState::Asked), "approve", InvoiceState::Issuing),
        (Some(InvoiceState::Asked), "reject", InvoiceState::Rejected),
        (Some(InvoiceState::Issuing), "issued", InvoiceState::Issued),
        (Some(InvoiceState::Issuing), "fail", InvoiceState::Asked),
        (Some(InvoiceState::Issued), "post", InvoiceState::Issued),
        (Some(InvoiceState::Issued), "posted", InvoiceState::Posted),
        (Some(InvoiceState::Issued), "fail", InvoiceState::Issued),
        (Some(InvoiceState::Asked), "red", InvoiceState::Rejected),
        (Some(InvoiceState::Issued), "red", InvoiceState::RedLettered),
        (Some(InvoiceState::Posted), "red", InvoiceState::RedLettered),
        (Some(InvoiceState::Rejected), "red", InvoiceState::Rejected),
        (Some(InvoiceState::RedLettered), "red", InvoiceState::RedLettered),
        (Some(InvoiceState::Asked), "erase", InvoiceState::Rejected),
        (Some(InvoiceState::Issued), "erase", InvoiceState::Issued),
        (Some(InvoiceState::Posted), "erase", InvoiceState::Posted),
        (Some(InvoiceState::Rejected), "erase", InvoiceState::Rejected),
        (Some(InvoiceState::RedLettered), "erase", InvoiceState::RedLettered),
    ];

    fn state(&self) -> InvoiceState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Ask(_) => "ask",
            Event::Approve => "approve",
            Event::Reject(_) => "reject",
            Event::Issued { .. } => "issued",
            Event::Fail => "fail",
            Event::Post => "post",
            Event::Posted { .. } => "posted",
            Event::Red => "red",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use InvoiceState::{Asked, Issued, Issuing, Posted, RedLettered, Rejected};
        let Some(invoice) = now else {
            let Event::Ask(asked) = event else { return Err(Error::NotFound) };
            let (number, tracking, opinion) = (None, None, None);
            return Ok(Moved::to(Self { state: Asked, asked: asked.clone(), number, tracking, opinion }));
        };
        let to = |state| Self { state, ..invoice.clone() };
        let told = |moved: Moved<Self>, notice| {
            moved.with(Effect::tell::<Self>(invoice.asked.buyer, notice, moment.id))
        };
        Ok(match (invoice.state, event) {
            (Asked, Event::Approve) => {
                Moved::to(to(Issuing)).with(job(Job::Issue { invoice: moment.id }, moment))
            }
            (Asked, Event::Reject(opinion)) => {
                let rejected = Self { opinion: opinion.clone(), ..to(Rejected) };
                told(Moved::to(rejected), Notice::InvoiceRejected)
            }
            (Issuing, Event::Issued { number }) => {
                let issued = Self { number: Some(number.clone()), ..to(Issued) };
                told(Moved::to(issued), Notice::InvoiceIssued)
            }
            (Issuing, Event::Fail) => Moved::to(to(Asked)),
            (Issued, Event::Fail) => Moved::to(invoice.clone()),
            (Issued, Event::Post)
                if invoice.asked.medium == Medium::Paper && invoice.asked.address.is_some() =>
            {
                Moved::to(invoice.clone()).with(job(Job::Ship { invoice: moment.id }, moment))
            }
            (Issued, Event::Posted { tracking }) => {
                Moved::to(Self { tracking: Some(tracking.clone()), ..to(Posted) })
            }
            (Asked, Event::Red) => Moved::to(to(Rejected)),
            (Issued | Posted, Event::Red) => {
                Moved::to(to(RedLettered)).with(job(Job::Red { invoice: moment.id }, moment))
            }
            (Rejected | RedLettered, Event::Red) => Moved::to(invoice.clone()),
            // One that is being made is made first.
            (Asked | Issued | Posted | Rejected | RedLettered, Event::Erase) => {
                let mut erased = Self { opinion: None, ..invoice.clone() };
                erased.asked.title = None;
                erased.asked.address = None;
                erased.state = if erased.state == Asked { Rejected } else { erased.state };
                Moved::to(erased)
            }
            _ => return Err(Error::Conflict("the invoice does not stand where this can be done")),
        })
    }

    fn names(&self) -> Vec<[u8; 32]> {
        // A line has one invoice at a time.
        match self.state {
            InvoiceState::Rejected | InvoiceState::RedLettered => Vec::new(),
            _ => self.asked.parts.iter().map(|part| name(part.line)).collect(),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        let mut under = vec![self.asked.buyer];
        under.extend(self.asked.parts.iter().map(|part| part.line));
        under
    }
}
