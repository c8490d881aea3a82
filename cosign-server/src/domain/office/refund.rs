//! Money that is asked back for a line of an order.

use cosign_core::sm_primitives::sm3::Sm3;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    balance::{self, Balance},
    catalogue::Measure,
    entity::states,
    invoice::{self, Invoice},
    message::Notice,
    order::{self, Line, Order},
    payment::{self, Payment},
    personal::Personal,
    points,
};
use crate::domain::Error;

states! {
    /// Where a refund stands.
    RefundState {
        /// Somebody has to look at it.
        Asked = "asked",
        /// The money is on its way.
        Approved = "approved",
        /// The money is back.
        PaidBack = "paid-back",
        /// It is not given back.
        Refused = "refused",
        /// The channel did not give it back.
        Failed = "failed",
    }
}

impl super::State for RefundState {
    /// The reason is erased with the account.
    fn is_over(self) -> bool {
        false
    }
}

/// What is asked back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Of which order.
    pub order: Id,
    /// Of which payment.
    pub payment: Id,
    /// Whose account asks.
    pub buyer: Id,
    /// Which line.
    pub line: Id,
    /// How much, fen.
    pub amount_fen: u64,
    /// The balance that the line went to, if it gave anything to be used.
    balance: Option<Id>,
}

impl Asked {
    /// The money for a line.
    #[must_use]
    pub fn of(id: Id, payment: Id, order: &Order, line: &Line) -> Self {
        let balance = Balance::id(order.of.owner, line.platform, line.service);
        Self {
            order: id,
            payment,
            buyer: order.of.buyer,
            line: line.id,
            amount_fen: line.amount_fen,
            balance: Some(balance).filter(|_| line.measure != Measure::Fee),
        }
    }
}

/// A refund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    state: RefundState,
    /// What is asked back.
    #[serde(flatten)]
    pub asked: Asked,
    /// Why.
    pub reason: Option<Personal>,
    /// What a reviewer wrote.
    pub opinion: Option<Personal>,
    /// What the channel calls it.
    pub receipt: Option<String>,
}

/// What happens to a refund.
#[derive(Debug)]
pub enum Event {
    /// The buyer asks.
    Ask {
        /// For what.
        asked: Asked,
        /// Why.
        reason: Personal,
    },
    /// What was paid for was refused: nobody has to ask.
    Grant(Asked),
    /// It is given back.
    Approve(Option<Personal>),
    /// It is not.
    Refuse(Option<Personal>),
    /// The channel has given it back.
    PaidBack {
        /// What the channel calls it.
        receipt: String,
    },
    /// The channel has not.
    Fail,
    /// It is tried again.
    Retry,
    /// The account is erased.
    Erase,
}

impl Refund {
    fn to(&self, state: RefundState) -> Self {
        Self { state, ..self.clone() }
    }

    fn approved(self, moment: Moment<'_>) -> Moved<Self> {
        let asked = self.asked.clone();
        let mut moved = Moved::to(Self { state: RefundState::Approved, ..self });
        let withdraw = |id| Effect::on::<Balance>(id, balance::Event::Withdraw(asked.line));
        moved.effects.extend(asked.balance.map(withdraw));
        let gained = points::gained(asked.amount_fen, moment.rules.points_per_yuan);
        moved.effects.extend(points::change(asked.buyer, points::Event::TakeBack(gained, asked.line)));
        let back = payment::Event::GiveBack { amount_fen: asked.amount_fen };
        moved.with(Effect::on::<Payment>(asked.payment, back)).with(payment::pay_back(
            asked.payment,
            Some(moment.id),
            asked.amount_fen,
            moment.now_ms,
        ))
    }
}

impl Entity for Refund {
    const KIND: &'static str = "refund";
    type State = RefundState;
    type Event = Event;
    const MOVES: Moves<RefundState> = &[
        (None, "ask", RefundState::Asked),
        (None, "grant", RefundState::Approved),
        (Some(RefundState::Asked), "approve", RefundState::Approved),
        (Some(RefundState::Asked), "refuse", RefundState::Refused),
        (Some(RefundState::Approved), "paid-back", RefundState::PaidBack),
        (Some(RefundState::Approved), "fail", RefundState::Failed),
        (Some(RefundState::Failed), "retry", RefundState::Approved),
        (Some(RefundState::Asked), "erase", RefundState::Asked),
        (Some(RefundState::Approved), "erase", RefundState::Approved),
        (Some(RefundState::PaidBack), "erase", RefundState::PaidBack),
        (Some(RefundState::Refused), "erase", RefundState::Refused),
        (Some(RefundState::Failed), "erase", RefundState::Failed),
    ];

    fn state(&self) -> RefundState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Ask { .. } => "ask",
            Event::Grant(_) => "grant",
            Event::Approve(_) => "approve",
            Event::Refuse(_) => "refuse",
            Event::PaidBack { .. } => "paid-back",
            Event::Fail => "fail",
            Event::Retry => "retry",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use RefundState::{Approved, Asked, Failed, PaidBack, Refused};
        let Some(refund) = now else {
            let made = |asked: &self::Asked, reason| Self {
                state: Asked,
                asked: asked.clone(),
                reason,
                opinion: None,
                receipt: None,
            };
            return match event {
                Event::Ask { asked, reason } => {
                    let mut moved = Moved::to(made(asked, Some(reason.clone())))
                        .with(Effect::on::<Order>(asked.order, order::Event::AskRefund(asked.line)));
                    let hold = |id| Effect::on::<Balance>(id, balance::Event::Hold(asked.line));
                    moved.effects.extend(asked.balance.map(hold));
                    Ok(moved)
                }
                Event::Grant(asked) => Ok(made(asked, None).approved(moment)),
                _ => Err(Error::NotFound),
            };
        };
        let asked = &refund.asked;
        Ok(match (refund.state, event) {
            (Asked, Event::Approve(opinion)) => {
                Self { opinion: opinion.clone(), ..refund.clone() }.approved(moment)
            }
            (Asked, Event::Refuse(opinion)) => {
                let mut moved = Moved::to(Self { opinion: opinion.clone(), ..refund.to(Refused) })
                    .with(Effect::on::<Order>(asked.order, order::Event::Keep(asked.line)))
                    .with(Effect::tell::<Self>(asked.buyer, Notice::RefundRefused, moment.id));
                let unhold = |id| Effect::on::<Balance>(id, balance::Event::Unhold(asked.line));
                moved.effects.extend(asked.balance.map(unhold));
                moved
            }
            (Approved, Event::PaidBack { receipt }) => {
                Moved::to(Self { receipt: Some(receipt.clone()), ..refund.to(PaidBack) })
                    .with(Effect::on::<Order>(asked.order, order::Event::Refunded(asked.line)))
                    .with(Effect::on_all::<Invoice>(asked.line, None, invoice::Event::Red))
                    .with(Effect::tell::<Self>(asked.buyer, Notice::OrderRefunded, moment.id))
            }
            (Approved, Event::Fail) => Moved::to(refund.to(Failed)),
            (Failed, Event::Retry) => {
                let again =
                    payment::pay_back(asked.payment, Some(moment.id), asked.amount_fen, moment.now_ms);
                Moved::to(refund.to(Approved)).with(again)
            }
            (_, Event::Erase) => Moved::to(Self { reason: None, opinion: None, ..refund.clone() }),
            _ => return Err(Error::Conflict("the refund does not stand where this can be done")),
        })
    }

    fn names(&self) -> Vec<[u8; 32]> {
        // A line is paid back once.
        let name = Sm3::new().chain(b"refund").chain(self.asked.line.as_bytes()).finalize();
        if self.state == RefundState::Refused { Vec::new() } else { vec![name] }
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.asked.buyer, self.asked.order]
    }
}
