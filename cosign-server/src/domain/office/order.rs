//! Orders: what somebody buys, line by line.

mod lines;

use serde::{Deserialize, Serialize};

pub use self::lines::{Business, Line, LineState, discounted};
use super::{
    Effect, Entity, Id, Moment, Moved, Moves,
    application::{self, Application},
    balance::{self, Balance},
    catalogue::Measure,
    coupon::{self, Coupon},
    entity::states,
    invoice::{self, Invoice},
    list_of,
    message::Notice,
    payment::{self, Payment},
    personal::Personal,
    points,
    refund::{self, Refund},
};
use crate::domain::Error;

/// Why an account is not cancelled while money is on its way.
pub const UNSETTLED: &str =
    "an order of the account is not settled: its money is on its way, or is asked back";

states! {
    /// Where an order stands.
    OrderState {
        /// Somebody looks at it before it is paid.
        Awaiting = "awaiting-approval",
        /// It is to be paid.
        Unpaid = "unpaid",
        /// A payment is open.
        Paying = "paying",
        /// The buyer says that the money is on its way to the bank account.
        TransferCheck = "transfer-check",
        /// It is paid.
        Paid = "paid",
        /// It is paid, and somebody looks at it.
        InReview = "in-review",
        /// What was bought was handed over.
        Done = "done",
        /// It came to nothing.
        Cancelled = "cancelled",
        /// Money is asked back for some of it.
        Refunding = "refunding",
        /// Money was given back for some of it.
        PartlyRefunded = "partly-refunded",
        /// All money was given back.
        Refunded = "refunded",
    }
}

impl super::State for OrderState {
    /// What a buyer wrote is erased with the account, whatever became of the order.
    fn is_over(self) -> bool {
        false
    }
}

states! {
    /// Whether orders that somebody looks at are paid before or after that.
    OrderFlow {
        /// Before; the money goes back if it is refused.
        PayFirst = "pay-first",
        /// After.
        ReviewFirst = "review-first",
    }
}

/// By which transfer a buyer paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The name of the account that paid.
    pub payer: Personal,
    /// Its number.
    pub account: Personal,
    /// On which day, as 8 digits.
    pub date: String,
}

/// What an order pays for, beside what its lines give. It is told when the order is paid, and when it comes to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// What is applied for.
    Application(Id),
}

impl Cause {
    /// Which.
    #[must_use]
    pub const fn id(self) -> Id {
        match self {
            Self::Application(id) => id,
        }
    }

    /// The one order by which it is paid.
    #[must_use]
    pub fn order(self) -> Id {
        list_of("order", &[self.id().as_bytes()])
    }

    fn paid(self) -> Effect {
        match self {
            Self::Application(id) => Effect::on::<Application>(id, application::Event::Pay),
        }
    }

    fn undone(self) -> Effect {
        match self {
            Self::Application(id) => Effect::on::<Application>(id, application::Event::Lapse),
        }
    }
}

/// What is ordered. Only the office makes one, of what is offered at its price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its number.
    pub number: String,
    /// By whose account.
    pub buyer: Id,
    /// Whose it will be: an account or an enterprise.
    pub owner: Id,
    /// What for.
    pub business: Business,
    /// What.
    pub lines: Vec<Line>,
    /// What is taken off for a coupon.
    pub coupon: Option<Id>,
    /// Points that are spent on it.
    pub points: u64,
    /// Whether somebody looks at it, and when.
    pub reviewed: Option<OrderFlow>,
    /// What it pays for, if it does not stand for itself.
    pub cause: Option<Cause>,
}

impl Wanted {
    /// What it costs, fen.
    #[must_use]
    pub fn total_fen(&self) -> u64 {
        self.lines.iter().map(|line| line.amount_fen).sum()
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    state: OrderState,
    /// What is ordered.
    #[serde(flatten)]
    pub of: Wanted,
    /// The payment that is open, or that paid it.
    pub payment: Option<Id>,
    /// When it was paid, unix milliseconds.
    pub paid_ms: Option<u64>,
    /// By which transfer the buyer says to have paid.
    pub transfer: Option<Transfer>,
    /// Until when it is to be paid.
    pub until_ms: u64,
    /// Somebody has still to look at it.
    awaits: bool,
    /// What was bought was handed over.
    pub handed_over: bool,
}

/// What happens to an order.
#[derive(Debug)]
pub enum Event {
    /// It is given.
    Order(Wanted),
    /// It is what it should be.
    Approve,
    /// It is not.
    Refuse,
    /// A payment is opened.
    Open(Id),
    /// The payment comes to nothing.
    Leave(Id),
    /// The buyer says that a transfer was made.
    Check(Transfer),
    /// The bank knows of none.
    NoMatch,
    /// The money is there.
    Pay(Id),
    /// The buyer wants it no more.
    Cancel,
    /// The account of the buyer is cancelled: nothing that was given for it goes back.
    Drop,
    /// Nobody has paid it in time.
    Expire,
    /// What it pays for comes to nothing.
    Abandon,
    /// What was bought was handed over.
    HandOver,
    /// Money is asked back for a line.
    AskRefund(Id),
    /// It is not given back.
    Keep(Id),
    /// It was given back.
    Refunded(Id),
    /// The account of the buyer is erased.
    Erase,
}

impl Order {
    /// Under what those of an enterprise that can still be cancelled are listed.
    #[must_use]
    pub fn open_for(enterprise: Id) -> Id {
        list_of("open-orders", &[enterprise.as_bytes()])
    }

    /// Under what those of a buyer are listed that are not settled: something is still to come of them.
    #[must_use]
    pub fn unsettled_of(buyer: Id) -> Id {
        list_of("unsettled-orders", &[buyer.as_bytes()])
    }

    /// Whether money is on its way for it, or somebody looks at it after it was paid.
    #[must_use]
    pub const fn is_unsettled(&self) -> bool {
        matches!(self.state, OrderState::TransferCheck | OrderState::InReview | OrderState::Refunding)
    }

    /// What it costs, fen.
    #[must_use]
    pub fn total_fen(&self) -> u64 {
        self.of.total_fen()
    }

    /// A line.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn line(&self, id: Id) -> Result<&Line, Error> {
        self.of.lines.iter().find(|line| line.id == id).ok_or(Error::NotFound)
    }

    /// Whether money for it would be taken.
    #[must_use]
    pub const fn is_payable(&self) -> bool {
        matches!(self.state, OrderState::Unpaid | OrderState::Paying | OrderState::TransferCheck)
    }

    /// Whether it was paid and not paid back altogether.
    #[must_use]
    pub const fn is_paid(&self) -> bool {
        self.paid_ms.is_some() && !matches!(self.state, OrderState::Refunded)
    }

    /// Where one that was paid stands.
    fn settled(mut self) -> Self {
        let has = |state| self.of.lines.iter().any(|line| line.state == state);
        self.state = match (has(LineState::Asked), has(LineState::Refunded), has(LineState::Kept)) {
            (true, ..) => OrderState::Refunding,
            (false, true, true) if !self.awaits => OrderState::PartlyRefunded,
            (false, true, false) => OrderState::Refunded,
            _ if self.awaits => OrderState::InReview,
            _ if self.handed_over => OrderState::Done,
            _ => OrderState::Paid,
        };
        self
    }

    fn with_line(mut self, id: Id, from: LineState, to: LineState) -> Result<Self, Error> {
        let line = self.of.lines.iter_mut().find(|line| line.id == id).ok_or(Error::NotFound)?;
        if line.state != from {
            return Err(Error::Conflict("the money for this is asked back, or was given back"));
        }
        line.state = to;
        Ok(self.settled())
    }

    /// What can be used of it, each with the balance that it goes to.
    fn usable(&self) -> impl Iterator<Item = (&Line, Id)> {
        let usable = self.of.lines.iter().filter(|line| line.measure != Measure::Fee);
        usable.map(|line| (line, Balance::id(self.of.owner, line.platform, line.service)))
    }

    fn pay(&self, payment: Id, moment: Moment<'_>) -> Moved<Self> {
        let paid = Self {
            payment: Some(payment),
            paid_ms: Some(moment.now_ms),
            transfer: None,
            awaits: self.of.reviewed == Some(OrderFlow::PayFirst),
            ..self.clone()
        };
        let mut moved = Moved::to(paid.settled());
        for (line, id) in self.usable() {
            let waits = moved.entity.awaits;
            let (owner, platform, service) = (self.of.owner, line.platform, line.service);
            let (line, measure) = (line.id, line.whole());
            let event = balance::Event::Add { owner, platform, service, line, measure, waits };
            moved.effects.push(Effect::on::<Balance>(id, event));
        }
        for line in &self.of.lines {
            let gained = points::gained(line.amount_fen, moment.rules.points_per_yuan);
            moved.effects.extend(points::change(self.of.buyer, points::Event::Gain(gained, line.id)));
        }
        moved.effects.extend(self.of.cause.map(Cause::paid));
        moved.with(Effect::tell::<Self>(self.of.buyer, Notice::OrderPaid, moment.id))
    }

    /// It comes to nothing.
    fn closed(&self, moment: Moment<'_>) -> Moved<Self> {
        let cancelled = Self { state: OrderState::Cancelled, transfer: None, ..self.clone() };
        let mut moved =
            Moved::to(cancelled).with(Effect::on_all::<Payment>(moment.id, None, payment::Event::Close));
        let red = |line: &Line| Effect::on_all::<Invoice>(line.id, None, invoice::Event::Red);
        moved.effects.extend(self.of.lines.iter().map(red));
        moved
    }

    /// It comes to nothing: what was given for it goes back.
    fn end(&self, moment: Moment<'_>) -> Moved<Self> {
        let mut moved = self.closed(moment);
        moved.effects.extend(self.of.coupon.map(|coupon| Effect::on::<Coupon>(coupon, coupon::Event::Free)));
        moved
            .effects
            .extend(points::change(self.of.buyer, points::Event::GiveBack(self.of.points, moment.id)));
        moved
    }

    /// The same, by itself: what it pays for comes to nothing with it.
    fn dropped(&self, moment: Moment<'_>) -> Moved<Self> {
        let mut moved = self.end(moment);
        moved.effects.extend(self.of.cause.map(Cause::undone));
        moved
    }

    /// Somebody has looked at it after it was paid, and it is good.
    fn approved(&self, moment: Moment<'_>) -> Moved<Self> {
        let mut moved = Moved::to(Self { awaits: false, ..self.clone() }.settled());
        let release = |(line, id): (&Line, Id)| Effect::on::<Balance>(id, balance::Event::Release(line.id));
        moved.effects.extend(self.usable().map(release));
        moved.with(Effect::tell::<Self>(self.of.buyer, Notice::OrderApproved, moment.id))
    }

    /// What was paid and not asked back goes back.
    fn given_back(&self, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        let payment = self.payment.ok_or(Error::Internal)?;
        let mut moved = Moved::to(Self { awaits: false, ..self.clone() });
        for line in self.of.lines.iter().filter(|line| line.state == LineState::Kept) {
            let asked = refund::Asked::of(moment.id, payment, self, line);
            moved.effects.push(Effect::make::<Refund>(refund::Event::Grant(asked)));
            moved.entity = moved.entity.with_line(line.id, LineState::Kept, LineState::Asked)?;
        }
        Ok(moved.with(Effect::tell::<Self>(self.of.buyer, Notice::OrderRefused, moment.id)))
    }
}

impl Entity for Order {
    const KIND: &'static str = "order";
    type State = OrderState;
    type Event = Event;
    const MOVES: Moves<OrderState> = lines::MOVES;

    fn state(&self) -> OrderState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Order(_) => "order",
            Event::Approve => "approve",
            Event::Refuse => "refuse",
            Event::Open(_) => "open",
            Event::Leave(_) => "leave",
            Event::Check(_) => "check",
            Event::NoMatch => "no-match",
            Event::Pay(_) => "pay",
            Event::Cancel => "cancel",
            Event::Drop => "drop",
            Event::Expire => "expire",
            Event::Abandon => "abandon",
            Event::HandOver => "hand-over",
            Event::AskRefund(_) => "ask-refund",
            Event::Keep(_) => "keep",
            Event::Refunded(_) => "refunded",
            Event::Erase => "erase",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use OrderState::{
            Awaiting, Cancelled, Done, InReview, Paid, PartlyRefunded, Paying, Refunded, Refunding,
            TransferCheck, Unpaid,
        };
        let until_ms = moment.now_ms.saturating_add(moment.rules.order_h.saturating_mul(3_600_000));
        let Some(order) = now else {
            let Event::Order(of) = event else { return Err(Error::NotFound) };
            let waits = of.reviewed == Some(OrderFlow::ReviewFirst);
            let order = Self {
                state: if waits { Awaiting } else { Unpaid },
                of: of.clone(),
                payment: None,
                paid_ms: None,
                transfer: None,
                until_ms,
                awaits: waits,
                handed_over: false,
            };
            let mut moved = Moved::to(order);
            let used = |coupon| Effect::on::<Coupon>(coupon, coupon::Event::Use(moment.id));
            moved.effects.extend(of.coupon.map(used));
            moved.effects.extend(points::change(of.buyer, points::Event::Spend(of.points, moment.id)));
            return Ok(moved);
        };
        let to = |state| Self { state, ..order.clone() };
        let is_late = moment.now_ms >= order.until_ms;
        match (order.state, event) {
            (Awaiting, Event::Approve) => {
                let unpaid = Self { until_ms, awaits: false, ..to(Unpaid) };
                let told = Effect::tell::<Self>(order.of.buyer, Notice::OrderPayable, moment.id);
                Ok(Moved::to(unpaid).with(told).with(Effect::Text(order.of.buyer, Notice::OrderPayable)))
            }
            (Awaiting, Event::Refuse) => {
                let told = Effect::tell::<Self>(order.of.buyer, Notice::OrderRefused, moment.id);
                Ok(order.dropped(moment).with(told))
            }
            (InReview, Event::Approve) => Ok(order.approved(moment)),
            (InReview, Event::Refuse) | (Paid | InReview | PartlyRefunded, Event::Abandon) => {
                order.given_back(moment)
            }
            (Unpaid | Paying, Event::Open(payment)) if !is_late => {
                Ok(Moved::to(Self { payment: Some(*payment), ..to(Paying) }))
            }
            (Paying, Event::Leave(payment)) if order.payment == Some(*payment) => {
                Ok(Moved::to(Self { payment: None, ..to(Unpaid) }))
            }
            (Unpaid | Paying | TransferCheck, Event::Check(transfer)) if !is_late => {
                Ok(Moved::to(Self { transfer: Some(transfer.clone()), ..to(TransferCheck) }))
            }
            (TransferCheck, Event::NoMatch) => Ok(Moved::to(Self { transfer: None, until_ms, ..to(Unpaid) })),
            (Unpaid | Paying | TransferCheck, Event::Pay(payment)) => Ok(order.pay(*payment, moment)),
            (Awaiting | Unpaid | Paying, Event::Cancel) => Ok(order.dropped(moment)),
            (Awaiting | Unpaid | Paying, Event::Drop) => Ok(order.closed(moment)),
            (_, Event::Drop) => Err(Error::Conflict(UNSETTLED)),
            (Unpaid | Paying, Event::Expire) if is_late => Ok(order.dropped(moment)),
            (Awaiting | Unpaid | Paying | TransferCheck, Event::Abandon) => Ok(order.end(moment)),
            (Done | Cancelled | Refunding | Refunded, Event::Abandon) => Ok(Moved::to(order.clone())),
            (Paid | PartlyRefunded, Event::HandOver) => {
                Ok(Moved::to(Self { handed_over: true, ..order.clone() }.settled()))
            }
            (Paid | InReview | Refunding | PartlyRefunded, Event::AskRefund(_))
                if order.of.cause.is_some() =>
            {
                Err(Error::Conflict("the money goes back when what it pays for is withdrawn"))
            }
            (Paid | InReview | Refunding | PartlyRefunded, Event::AskRefund(line)) if !order.handed_over => {
                Ok(Moved::to(order.clone().with_line(*line, LineState::Kept, LineState::Asked)?))
            }
            (Refunding, Event::Keep(line)) => {
                Ok(Moved::to(order.clone().with_line(*line, LineState::Asked, LineState::Kept)?))
            }
            (Refunding, Event::Refunded(line)) => {
                Ok(Moved::to(order.clone().with_line(*line, LineState::Asked, LineState::Refunded)?))
            }
            (Cancelled, Event::Leave(_)) => Ok(Moved::to(order.clone())),
            (_, Event::Erase) => Ok(Moved::to(Self { transfer: None, ..order.clone() })),
            (Cancelled, _) => Err(Error::Conflict("the order is cancelled")),
            _ => Err(Error::Conflict("the order does not stand where this can be done")),
        }
    }

    fn listed_under(&self) -> Vec<Id> {
        use OrderState::{Awaiting, Paying, Unpaid};
        let mut under = vec![self.of.buyer];
        if self.of.owner != self.of.buyer {
            under.push(self.of.owner);
            under.extend(
                matches!(self.state, Awaiting | Unpaid | Paying).then(|| Self::open_for(self.of.owner)),
            );
        }
        under.extend(self.of.cause.map(Cause::id));
        if self.is_unsettled() || self.state == Awaiting || self.is_payable() {
            under.push(Self::unsettled_of(self.of.buyer));
        }
        under
    }

    fn due_ms(&self) -> Option<u64> {
        matches!(self.state, OrderState::Unpaid | OrderState::Paying).then_some(self.until_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
