//! Coupons: something is taken off one order.

use serde::{Deserialize, Serialize};

use super::{Entity, Id, Moment, Moved, Moves, entity::states};
use crate::domain::{Error, device::Name};

states! {
    /// Where a coupon stands.
    CouponState {
        /// It can be used.
        Open = "open",
        /// It was used for an order.
        Used = "used",
        /// It is too late for it.
        Expired = "expired",
    }
    over Expired
}

/// What a coupon is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whose.
    pub account: Id,
    /// Its code.
    pub code: Name,
    /// What is taken off, fen.
    pub off_fen: u64,
    /// What an order has to cost at least, fen.
    pub from_fen: u64,
    /// Until when, unix milliseconds.
    pub ends_ms: u64,
}

/// A coupon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    state: CouponState,
    /// What it is good for.
    #[serde(flatten)]
    pub terms: Terms,
    /// For which order it was used.
    pub order: Option<Id>,
}

/// What happens to a coupon.
#[derive(Debug)]
pub enum Event {
    /// An operator gives it.
    Grant(Terms),
    /// It is used.
    Use(Id),
    /// The order came to nothing.
    Free,
    /// It is too late.
    Expire,
    /// The account is cancelled.
    Void,
}

impl Entity for Coupon {
    const KIND: &'static str = "coupon";
    type State = CouponState;
    type Event = Event;
    const MOVES: Moves<CouponState> = &[
        (None, "grant", CouponState::Open),
        (Some(CouponState::Open), "use", CouponState::Used),
        (Some(CouponState::Used), "free", CouponState::Open),
        (Some(CouponState::Open), "expire", CouponState::Expired),
        (Some(CouponState::Open), "void", CouponState::Expired),
        (Some(CouponState::Used), "void", CouponState::Used),
    ];

    fn state(&self) -> CouponState {
        self.state
    }

    fn event(event: &Event) -> &'static str {
        match event {
            Event::Grant(_) => "grant",
            Event::Use(_) => "use",
            Event::Free => "free",
            Event::Expire => "expire",
            Event::Void => "void",
        }
    }

    fn transition(now: Option<&Self>, event: &Event, moment: Moment<'_>) -> Result<Moved<Self>, Error> {
        use CouponState::{Expired, Open, Used};
        let moved = match (now, now.map(|coupon| coupon.state), event) {
            (None, _, Event::Grant(terms)) if terms.ends_ms > moment.now_ms => {
                Self { state: Open, terms: terms.clone(), order: None }
            }
            (Some(coupon), Some(Open), Event::Use(order)) if moment.now_ms < coupon.terms.ends_ms => {
                Self { state: Used, order: Some(*order), ..coupon.clone() }
            }
            (Some(coupon), Some(Used), Event::Free) => Self { state: Open, order: None, ..coupon.clone() },
            (Some(coupon), Some(Open), Event::Expire) if moment.now_ms >= coupon.terms.ends_ms => {
                Self { state: Expired, ..coupon.clone() }
            }
            (Some(coupon), Some(Open), Event::Void) => Self { state: Expired, ..coupon.clone() },
            (Some(coupon), Some(Used), Event::Void) => coupon.clone(),
            _ => return Err(Error::Conflict("the coupon cannot be used")),
        };
        Ok(Moved::to(moved))
    }

    fn listed_under(&self) -> Vec<Id> {
        vec![self.terms.account]
    }

    fn due_ms(&self) -> Option<u64> {
        (self.state == CouponState::Open).then_some(self.terms.ends_ms)
    }

    fn when_due() -> Option<Event> {
        Some(Event::Expire)
    }
}
