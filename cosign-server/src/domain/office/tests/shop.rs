//! What is offered, bought and used.

use super::{Choices, walk};
use crate::{
    domain::office::{
        Id, Named as _,
        balance::{self, Balance},
        catalogue::{self, Entry, Item, Measure, Region, Service, Sound, Template, TemplateKind},
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
