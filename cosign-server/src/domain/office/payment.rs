//! Money that comes in for orders, and goes back.

use cosign_core::sm_primitives::sm3::Sm3;
use serde::{Deserialize, Serialize};

use super::{
    Effect, Entity, Id, Moment, Moved, Moves, Named as _,
    dispatch::{self, Job},
    entity::states,
    order::{self, Order},
};
use crate::domain::Error;

/// How long it is tried to give money back before somebody has to look, milliseconds.
const PAY_BACK_MS: u64 = 3 * 86_400_000;

states! {
    /// Where a payment stands.
    PaymentState {
        /// The payer may pay.
        Open = "open",
        /// Nobody waits for it any more.
        Closed = "closed",
        /// The money is there.
        Paid = "paid",
        /// The money came when nobody waited for it, and goes back.
        Returning = "returning",
        /// It went back.
        Returned = "returned",
    }
}

impl super::State for PaymentState {
    /// Money may come late, and be asked back late.
    fn is_over(self) -> bool {
        false
    }
}

states! {
    /// How money comes in.
    Channel {
        /// WeChat.
        WeChat = "wechat",
        /// Alipay.
        Alipay = "alipay",
        /// A transfer to the bank account.
        Bank = "bank",
    }
}

/// What is to be paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// For which order.
    pub order: Id,
    /// How.
    pub channel: Channel,
    /// What the channel knows it by; of a bank, its entry.
    pub number: String,
    /// How much, fen.
    pub amount_fen: u64,
}

/// A payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    state: PaymentState,
    /// What was to be paid.
    #[serde(flatten)]
    pub due: Due,
    /// What the channel calls the money.
    pub transaction: Option<String>,
    /// How much of it goes or went back, fen.
    pub back_fen: u64,
}

/// What happens to a payment.
#[derive(Debug)]
pub enum Event {
    /// It is opened.
    Open(Due),
    /// The bank has an entry that fits.
    Match(Due),
    /// The money came.
    Settle {
        /// What the channel calls it.
        transaction: String,
    },
    /// The money came when nobody waited for it.
    Return {
        /// What the channel calls it.
        transaction: String,
    },
    /// Nobody waits for it any more.
    Close,
    /// The payer could not pay, or left.
    Fail,
    /// Some of it is given back.
    GiveBack {
        /// How much, fen.
        amount_fen: u64,
    },
    /// What came late went back.
    Returned,
    /// It could not be given back: again.
    Again,
}

impl Due {
    /// What only this payment is called.
    #[must_use]
    pub fn name(channel: Channel, number: &str) -> [u8; 32] {
        Sm3::new().chain(b"payment").chain(channel.as_str().as_bytes()).chain(number.as_bytes()).finalize()
    }
}

/// Money goes back to whoever paid it.
#[must_use]
pub fn pay_back(payment: Id, refund: Option<Id>, amount_fen: u64, now_ms: u64) -> Effect {
    let until_ms = now_ms.saturating_add(PAY_BACK_MS);
    Effect::Dispatch(dispatch::Order { job: Job::PayBack { payment, refund, amount_fen }, until_ms })
}

impl Entity for Payment {
    const KIND: &'static str = "payment";
    type State = PaymentState;
    type Event = Event;
    const MOVES: Moves<PaymentState> = &[
        (None, "open", PaymentState::Open),
        (None, "match", PaymentState::Paid),
        (Some(PaymentState::Open), "settle", PaymentState::Paid),
        (Some(PaymentState::Closed), "settle", PaymentState::Paid),
        (Some(PaymentState::Open), "return", PaymentState::Returning),
        (Some(PaymentState::Closed), "return", PaymentState::Returning),
        (Some(PaymentState::Open), "close", PaymentState::Closed),
        (Some(PaymentState::Closed), "close", PaymentState::Closed),
        (Some(PaymentState::Open), "fail", PaymentState::Closed),
        (Some(PaymentState::Paid), "give-back", PaymentState::Paid),
        (Some(PaymentState::Returning), "returned", PaymentState::Returned),
        (Some(PaymentState::Returning), "again", PaymentState::Returning),
    ];

    fn state(&self) -> PaymentState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Open(_) => "open",
            Event::Match(_) => "match",
            Event::Settle { .. } => "settle",
            Event::Return { .. } => "return",
            Event::Close => "close",
            Event::Fail => "fail",
            Event::GiveBack { .. } => "give-back",
            Event::Returned => "returned",
            Event::Again => "again",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use PaymentState::{Closed, Open, Paid, Returned, Returning};
        let Some(payment) = now else {
            let (state, due) = match event {
                Event::Open(due) => (Open, due),
                Event::Match(due) => (Paid, due),
                _ => return Err(Error::NotFound),
            };
            let made = Self { state, due: due.clone(), transaction: None, back_fen: 0 };
            let event =
                if state == Open { order::Event::Open(moment.id) } else { order::Event::Pay(moment.id) };
            return Ok(Moved::to(made).with(Effect::on::<Order>(due.order, event)));
        };
        let (to, order) = (|state| Self { state, ..payment.clone() }, payment.due.order);
        Ok(match (payment.state, event) {
            (Open | Closed, Event::Settle { transaction }) => {
                let paid = Self { transaction: Some(transaction.clone()), ..to(Paid) };
                Moved::to(paid).with(Effect::on::<Order>(order, order::Event::Pay(moment.id)))
            }
            (Open | Closed, Event::Return { transaction }) => {
                let amount_fen = payment.due.amount_fen;
                let back =
                    Self { transaction: Some(transaction.clone()), back_fen: amount_fen, ..to(Returning) };
                Moved::to(back).with(pay_back(moment.id, None, amount_fen, moment.now_ms))
            }
            (Open | Closed, Event::Close) => Moved::to(to(Closed)),
            // Payments that came in for an order stay when it ends.
            (Paid | Returning | Returned, Event::Close) => return Err(Error::Conflict("the money is there")),
            (Open, Event::Fail) => {
                Moved::to(to(Closed)).with(Effect::on::<Order>(order, order::Event::Leave(moment.id)))
            }
            (Paid, Event::GiveBack { amount_fen }) => {
                let back_fen = payment.back_fen.saturating_add(*amount_fen);
                if back_fen > payment.due.amount_fen {
                    return Err(Error::Conflict("more would go back than was paid"));
                }
                Moved::to(Self { back_fen, ..payment.clone() })
            }
            (Returning, Event::Returned) => Moved::to(to(Returned)),
            (Returning, Event::Again) => {
                Moved::to(payment.clone()).with(pay_back(moment.id, None, payment.back_fen, moment.now_ms))
            }
            _ => return Err(Error::Conflict("the payment does not stand where this can be done")),
        })
    }

    fn names(&self) -> Vec<[u8; 32]> {
        vec![Due::name(self.due.channel, &self.due.number)]
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.due.order]
    }
}
