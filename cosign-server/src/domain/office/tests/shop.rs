//! What is offered, bought and used.

use super::{Choices, personal, walk};
use crate::{
    domain::office::{
        Entity as _, Id, Moment, Named as _, Rules,
        balance::{self, Balance},
        catalogue::{self, Entry, Item, Measure, Region, Service, Sound, Template, TemplateKind},
        coupon::{self, Coupon, Terms},
        invoice::{self, Invoice, Medium, Part},
        order::{self, Business, Line, LineState, Order, OrderFlow, Transfer, Wanted},
        payment::{self, Channel, Due, Payment},
        points::{self, Noting, Points, PointsNote},
        preset::{self, Preset, PresetKind},
        refund::{self, Asked, Refund},
        usage::{self, Usage},
    },
    testing::name,
};

fn some(choices: &mut Choices) -> Id {
    Id::from_bytes([u8::try_from(choices.below(4)).unwrap(); 16])
}

#[test]
fn entries() {
    walk::<Entry>(|choices| {
        let item = match choices.below(4) {
            0 => Item::Template(Template {
                kind: choices.of(TemplateKind::ALL),
                name: name("letter"),
                text: "x".repeat(usize::try_from(choices.below(10_000)).unwrap()),
            }),
            _ => Item::Region(Region { code: name("650000"), name: name("region"), place: None }),
        };
        match choices.below(9) {
            0..4 => catalogue::Event::Add(Sound(item)),
            4..8 => catalogue::Event::Change(Sound(item)),
            _ => catalogue::Event::Retire,
        }
    });
}

#[test]
fn balances() {
    walk::<Balance>(|choices| {
        let line = some(choices);
        match choices.below(12) {
            0 | 1 => balance::Event::Add {
                owner: Id::from_bytes([8; 16]),
                platform: Id::from_bytes([9; 16]),
                service: Service::Seal,
                line,
                measure: choices.of(&[Measure::Uses(1), Measure::Uses(3), Measure::Months(1)]),
                waits: choices.below(2) == 0,
            },
            2 => balance::Event::Release(line),
            3 => balance::Event::Hold(line),
            4 => balance::Event::Unhold(line),
            5 => balance::Event::Withdraw(line),
            6 | 7 => balance::Event::End,
            _ => balance::Event::Use,
        }
    });
}

#[test]
fn usages() {
    walk::<Usage>(|choices| {
        usage::Event::Meter(usage::Of {
            owner: some(choices),
            platform: some(choices),
            service: Service::Ca,
            line: some(choices),
        })
    });
}

fn line(id: u8) -> Line {
    Line {
        id: Id::from_bytes([id; 16]),
        state: LineState::Kept,
        package: Id::from_bytes([7; 16]),
        name: name("package"),
        platform: Id::from_bytes([8; 16]),
        institution: Id::from_bytes([9; 16]),
        service: Service::Ca,
        measure: Measure::Uses(3),
        quantity: 1,
        price_fen: 500,
        amount_fen: 500,
        invoice_after_download: false,
    }
}

pub(super) fn wanted(reviewed: Option<OrderFlow>) -> Wanted {
    Wanted {
        number: "GR".to_owned(),
        buyer: Id::from_bytes([5; 16]),
        owner: Id::from_bytes([5; 16]),
        business: Business::Personal,
        lines: vec![line(0), line(1)],
        coupon: None,
        points: 0,
        reviewed,
        cause: None,
    }
}

#[test]
fn orders() {
    walk::<Order>(|choices| {
        let (line, payment) =
            (Id::from_bytes([u8::from(choices.below(2) == 0); 16]), Id::from_bytes([6; 16]));
        match choices.below(18) {
            0 | 1 => {
                let flows = [None, Some(OrderFlow::PayFirst), Some(OrderFlow::ReviewFirst)];
                order::Event::Order(wanted(choices.of(&flows)))
            }
            2 => order::Event::Approve,
            3 if choices.below(3) == 0 => order::Event::Refuse,
            4 => order::Event::Open(payment),
            5 => order::Event::Leave(payment),
            6 => order::Event::Check(Transfer {
                payer: personal(),
                account: personal(),
                date: "20270115".to_owned(),
            }),
            7 => order::Event::NoMatch,
            8 | 9 => order::Event::Pay(payment),
            10 if choices.below(4) == 0 => order::Event::Cancel,
            10 if choices.below(3) == 0 => order::Event::Drop,
            11 => order::Event::Expire,
            12 if choices.below(2) == 0 => order::Event::HandOver,
            13 | 14 => order::Event::AskRefund(line),
            15 => order::Event::Keep(line),
            16 => order::Event::Refunded(line),
            17 if choices.below(2) == 0 => order::Event::Abandon,
            _ => order::Event::Erase,
        }
    });
}

#[test]
fn payments() {
    walk::<Payment>(|choices| {
        let due = || Due {
            order: Id::from_bytes([4; 16]),
            channel: Channel::WeChat,
            number: "1".to_owned(),
            amount_fen: 1000,
        };
        let transaction = "t".to_owned();
        match choices.below(10) {
            0 | 1 => payment::Event::Open(due()),
            2 => payment::Event::Match(due()),
            3 => payment::Event::Settle { transaction },
            4 => payment::Event::Return { transaction },
            5 => payment::Event::Close,
            6 => payment::Event::Fail,
            7 => payment::Event::GiveBack { amount_fen: 600 },
            8 => payment::Event::Returned,
            _ => payment::Event::Again,
        }
    });
}

#[test]
fn refunds() {
    walk::<Refund>(|choices| {
        let of = Order::transition(
            None,
            &order::Event::Order(wanted(None)),
            Moment { id: Id::from_bytes([4; 16]), now_ms: 1, rules: &Rules::default() },
        );
        let asked = || {
            Asked::of(
                Id::from_bytes([4; 16]),
                Id::from_bytes([6; 16]),
                &of.as_ref().unwrap().entity,
                &line(0),
            )
        };
        match choices.below(9) {
            0 => refund::Event::Ask { asked: asked(), reason: personal() },
            1 => refund::Event::Grant(asked()),
            2 => refund::Event::Approve(None),
            3 if choices.below(3) == 0 => refund::Event::Refuse(Some(personal())),
            4 => refund::Event::PaidBack { receipt: "r".to_owned() },
            5 => refund::Event::Fail,
            6 => refund::Event::Retry,
            _ => refund::Event::Erase,
        }
    });
}

#[test]
fn points_and_what_is_noted_of_them() {
    let event = |choices: &mut Choices| {
        let (count, of) = (choices.below(9), Id::from_bytes([1; 16]));
        match choices.below(6) {
            0 => points::Event::Gain(count, of),
            1 => points::Event::Grant(count, of),
            2 => points::Event::Spend(count, of),
            3 => points::Event::GiveBack(count, of),
            4 => points::Event::Void,
            _ => points::Event::TakeBack(count, of),
        }
    };
    walk::<Points>(event);
    walk::<PointsNote>(|choices| Noting { account: Id::from_bytes([2; 16]), event: event(choices) });
}

#[test]
fn coupons() {
    walk::<Coupon>(|choices| match choices.below(6) {
        0 | 1 => coupon::Event::Grant(Terms {
            account: Id::from_bytes([2; 16]),
            code: name("code"),
            off_fen: 100,
            from_fen: 0,
            ends_ms: 50_000_000,
        }),
        2 => coupon::Event::Use(Id::from_bytes([3; 16])),
        3 => coupon::Event::Free,
        4 => coupon::Event::Void,
        _ => coupon::Event::Expire,
    });
}

#[test]
fn invoices() {
    walk::<Invoice>(|choices| match choices.below(12) {
        0 => invoice::Event::Ask(invoice::Asked {
            buyer: Id::from_bytes([2; 16]),
            parts: vec![Part { order: Id::from_bytes([3; 16]), line: Id::from_bytes([4; 16]) }],
            amount_fen: 100,
            medium: choices.of(Medium::ALL),
            title: Some(personal()),
            address: Some(personal()),
        }),
        1 | 2 => invoice::Event::Approve,
        3 if choices.below(3) == 0 => invoice::Event::Reject(Some(personal())),
        4 | 5 => invoice::Event::Issued { number: "1".to_owned() },
        6 => invoice::Event::Fail,
        7 => invoice::Event::Post,
        8 => invoice::Event::Posted { tracking: "2".to_owned() },
        9 if choices.below(3) == 0 => invoice::Event::Red,
        10 if choices.below(3) == 0 => invoice::Event::Erase,
        _ => invoice::Event::Approve,
    });
}

#[test]
fn presets() {
    walk::<Preset>(|choices| match choices.below(8) {
        0..3 => preset::Event::Keep {
            owner: Id::from_bytes([2; 16]),
            kind: choices.of(PresetKind::ALL),
            details: personal(),
            is_default: choices.below(2) == 0,
            is_own: choices.below(2) == 0,
        },
        3 | 4 => preset::Event::Change { details: personal(), is_default: choices.below(2) == 0 },
        5 => preset::Event::Step(choices.of(PresetKind::ALL)),
        6 => preset::Event::Delete,
        _ => preset::Event::Erase,
    });
}
