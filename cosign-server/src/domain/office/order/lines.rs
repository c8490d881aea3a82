//! Lines of orders, and what orders are for.

use serde::{Deserialize, Serialize};

use super::OrderState::{
    Awaiting, Cancelled, Done, InReview, Paid, PartlyRefunded, Paying, Refunded, Refunding, TransferCheck,
    Unpaid,
};
use super::{
    super::{
        Id, Moves,
        catalogue::{Measure, Service},
        entity::states,
    },
    OrderState,
};
use crate::domain::device::Name;

states! {
    /// What an order is for.
    Business {
        /// A certificate of a person.
        Personal = "personal",
        /// An enterprise is claimed.
        Claim = "claim",
        /// An enterprise is joined.
        Join = "join",
        /// Another platform is opened.
        Open = "open",
        /// What there is goes on for longer, or more of it is bought.
        Extend = "extend",
        /// A seal.
        Seal = "seal",
        /// A certificate on a medium.
        Medium = "medium",
        /// A certificate changes with the data of its holder.
        CertificateChange = "certificate-change",
        /// A certificate ends.
        CertificateEnd = "certificate-end",
        /// The data of an enterprise change.
        EnterpriseChange = "enterprise-change",
        /// A seal changes.
        SealChange = "seal-change",
    }
}

impl Business {
    /// What numbers of its orders begin with.
    #[must_use]
    pub const fn letters(self) -> &'static str {
        match self {
            Self::Personal => "GR",
            Self::Claim => "RL",
            Self::Join => "JR",
            Self::Open => "KT",
            Self::Extend => "YQ",
            Self::Seal => "QZ",
            Self::Medium => "JZ",
            Self::CertificateChange => "ZB",
            Self::CertificateEnd => "ZX",
            Self::EnterpriseChange => "BG",
            Self::SealChange => "YZ",
        }
    }

    /// Whether it is paid by bank transfer only.
    #[must_use]
    pub const fn is_by_transfer_only(self) -> bool {
        matches!(self, Self::EnterpriseChange | Self::SealChange)
    }
}

states! {
    /// Where a line stands.
    LineState {
        /// It is bought.
        Kept = "kept",
        /// Its money is asked back.
        Asked = "asked",
        /// Its money was given back.
        Refunded = "refunded",
    }
}

/// A line of an order. What it is and costs is as it was when it was ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its id.
    pub id: Id,
    /// Where it stands.
    pub state: LineState,
    /// Which package.
    pub package: Id,
    /// What it is called.
    pub name: Name,
    /// For which platform.
    pub platform: Id,
    /// Of which institution.
    pub institution: Id,
    /// What is used.
    pub service: Service,
    /// How much one gives.
    pub measure: Measure,
    /// How many.
    pub quantity: u32,
    /// What one costs, fen.
    pub price_fen: u64,
    /// What all cost, after what is taken off, fen.
    pub amount_fen: u64,
    /// It is invoiced only after what was bought was handed over.
    pub invoice_after_download: bool,
}

impl Line {
    /// How much all of it gives.
    #[must_use]
    pub const fn whole(&self) -> Measure {
        match self.measure {
            Measure::Months(months) => Measure::Months(months.saturating_mul(self.quantity)),
            Measure::Uses(uses) => Measure::Uses(uses.saturating_mul(self.quantity)),
            Measure::Fee => Measure::Fee,
        }
    }
}

/// What each of these amounts is when something is taken off their sum: a fair part of it off each, to the fen.
#[must_use]
pub fn discounted(amounts: &[u64], off_fen: u64) -> Vec<u64> {
    let total: u64 = amounts.iter().sum();
    let off_fen = off_fen.min(total);
    let share = |until: u64| {
        let exact = u128::from(off_fen) * u128::from(until) / u128::from(total.max(1));
        u64::try_from(exact).unwrap_or(off_fen)
    };
    let mut until = 0_u64;
    let left = |amount: &u64| {
        let before = share(until);
        until += amount;
        amount.saturating_sub(share(until) - before)
    };
    amounts.iter().map(left).collect()
}

/// Every move of an order.
pub(super) const MOVES: Moves<OrderState> = &[
    (None, "order", Awaiting),
    (None, "order", Unpaid),
    (Some(Awaiting), "approve", Unpaid),
    (Some(Awaiting), "refuse", Cancelled),
    (Some(Awaiting), "cancel", Cancelled),
    (Some(Unpaid), "open", Paying),
    (Some(Paying), "open", Paying),
    (Some(Paying), "leave", Unpaid),
    (Some(Cancelled), "leave", Cancelled),
    (Some(Unpaid), "check", TransferCheck),
    (Some(Paying), "check", TransferCheck),
    (Some(TransferCheck), "check", TransferCheck),
    (Some(TransferCheck), "no-match", Unpaid),
    (Some(Unpaid), "pay", Paid),
    (Some(Paying), "pay", Paid),
    (Some(TransferCheck), "pay", Paid),
    (Some(Unpaid), "pay", InReview),
    (Some(Paying), "pay", InReview),
    (Some(TransferCheck), "pay", InReview),
    (Some(Unpaid), "cancel", Cancelled),
    (Some(Paying), "cancel", Cancelled),
    (Some(Awaiting), "drop", Cancelled),
    (Some(Unpaid), "drop", Cancelled),
    (Some(Paying), "drop", Cancelled),
    (Some(Unpaid), "expire", Cancelled),
    (Some(Paying), "expire", Cancelled),
    (Some(Awaiting), "abandon", Cancelled),
    (Some(Unpaid), "abandon", Cancelled),
    (Some(Paying), "abandon", Cancelled),
    (Some(TransferCheck), "abandon", Cancelled),
    (Some(Paid), "abandon", Refunding),
    (Some(InReview), "abandon", Refunding),
    (Some(PartlyRefunded), "abandon", Refunding),
    (Some(Refunding), "abandon", Refunding),
    (Some(Refunded), "abandon", Refunded),
    (Some(Done), "abandon", Done),
    (Some(Cancelled), "abandon", Cancelled),
    (Some(InReview), "approve", Paid),
    (Some(InReview), "approve", PartlyRefunded),
    (Some(InReview), "refuse", Refunding),
    (Some(Paid), "hand-over", Done),
    (Some(PartlyRefunded), "hand-over", PartlyRefunded),
    (Some(Paid), "ask-refund", Refunding),
    (Some(InReview), "ask-refund", Refunding),
    (Some(Refunding), "ask-refund", Refunding),
    (Some(PartlyRefunded), "ask-refund", Refunding),
    (Some(Refunding), "keep", Refunding),
    (Some(Refunding), "keep", Paid),
    (Some(Refunding), "keep", InReview),
    (Some(Refunding), "keep", PartlyRefunded),
    (Some(Refunding), "refunded", Refunding),
    (Some(Refunding), "refunded", PartlyRefunded),
    (Some(Refunding), "refunded", InReview),
    (Some(Refunding), "refunded", Refunded),
    (Some(Awaiting), "erase", Awaiting),
    (Some(Unpaid), "erase", Unpaid),
    (Some(Paying), "erase", Paying),
    (Some(TransferCheck), "erase", TransferCheck),
    (Some(Paid), "erase", Paid),
    (Some(InReview), "erase", InReview),
    (Some(Done), "erase", Done),
    (Some(Cancelled), "erase", Cancelled),
    (Some(Refunding), "erase", Refunding),
    (Some(PartlyRefunded), "erase", PartlyRefunded),
    (Some(Refunded), "erase", Refunded),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_off_is_taken_off_once() {
        for amounts in [vec![1, 1, 1], vec![100, 33, 7], vec![0, 5], vec![], vec![1 << 40, 3]] {
            let total: u64 = amounts.iter().sum();
            for off in [0, 1, 2, 3, 50, total, total + 1] {
                let left: u64 = discounted(&amounts, off).iter().sum();
                assert_eq!(left, total.saturating_sub(off), "{amounts:?} {off}");
            }
        }
    }
}
