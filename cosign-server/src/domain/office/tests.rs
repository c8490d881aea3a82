//! Every machine, walked at random: no move outside its table, every move of it taken, nothing after the end.

mod certificates;
mod documents;
mod enterprises;
mod people;
mod scans;
mod shop;

use std::collections::BTreeSet;

use cosign_core::{DeviceId, sm_primitives::sm3};

use super::{
    Entity, Id, Moment, Move, Named as _, Rules, State as _,
    account::{self, Account, PasswordHash},
    code::{self, ProvenPhone, Purpose, SmsCode},
    dispatch::{self, Dispatch, Order, Template},
    message::{self, Message, Notice},
    personal::Personal,
    session::{self, OwnDevice, Session},
};
use crate::testing::name;

/// A source of choices that is the same in every run.
pub(super) struct Choices(u64);

impl Choices {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 += 1;
        let digest = sm3::digest(&self.0.to_be_bytes());
        u64::from_be_bytes(*digest.first_chunk().unwrap()) % bound
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

pub(super) fn walk<E: Entity>(mut event: impl FnMut(&mut Choices) -> E::Event) {
    walk_under::<E>(&Rules::default(), |choices, _| event(choices));
}

/// The same under other rules, with events that depend on where it stands.
pub(super) fn walk_under<E: Entity>(
    rules: &Rules,
    mut event: impl FnMut(&mut Choices, Option<&E>) -> E::Event,
) {
    let mut taken = BTreeSet::new();
    let moves: BTreeSet<Move> = E::moves().into_iter().collect();
    for round in 0..1200 {
        let mut choices = Choices(round << 32);
        let (mut now, mut now_ms): (Option<E>, u64) = (None, 1_000_000);
        for _ in 0..40 {
            now_ms += choices.of(&[0, 1, 10_000, 400_000, 4_000_000, 40 * 86_400_000]);
            let event = event(&mut choices, now.as_ref());
            let moment = Moment { id: Id::from_bytes([1; 16]), now_ms, rules };
            let from = now.as_ref().map(Entity::state);
            let Ok(moved) = E::transition(now.as_ref(), &event, moment) else { continue };
            assert!(!from.is_some_and(|from| from.is_over()), "{} goes on after {from:?}", E::KIND);
            let to = moved.entity.state();
            let step = (from.map(|from| from.as_str()), E::event(&event), to.as_str());
            assert!(moves.contains(&step), "{} has no move {step:?}", E::KIND);
            taken.insert(step);
            // What is over is found by no name, and waits for nothing.
            assert!(!to.is_over() || (moved.entity.names().is_empty() && moved.entity.due_ms().is_none()));
            let stored = serde_json::to_string(&moved.entity).unwrap();
            assert_eq!(serde_json::from_str::<E>(&stored).unwrap(), moved.entity);
            now = Some(moved.entity);
        }
    }
    assert_eq!(taken, moves, "{}", E::KIND);
}

pub(super) fn personal() -> Personal {
    Personal::from_sealed("00".to_owned())
}

pub(super) fn proven(choices: &mut Choices) -> ProvenPhone {
    let purpose = choices.of(Purpose::ALL);
    ProvenPhone { phone: personal(), name: [u8::from(choices.below(8) == 0); 32], purpose }
}

#[test]
fn accounts() {
    walk::<Account>(|choices| {
        let phone = proven(choices);
        let agreement = if choices.below(4) == 0 { "0" } else { "1" }.to_owned();
        match choices.below(9) {
            0 => account::Event::Register { phone, agreement },
            1 => account::Event::Agree { agreement },
            2 => {
                let hash = PasswordHash { salt: [0; 16], iterations: 1, hash: [0; 32] };
                account::Event::SetPassword { phone, hash, session: None }
            }
            3 => account::Event::MissPassword,
            4 => account::Event::EnterPassword,
            5 => account::Event::Cancel { phone },
            6 => account::Event::Restore,
            7 => account::Event::Choose(choices.of(account::Entry::ALL)),
            _ => account::Event::Erase,
        }
    });
}

#[test]
fn sessions() {
    walk::<Session>(|choices| match choices.below(7) {
        0 => {
            let own_device = (choices.below(2) == 0).then(|| OwnDevice::new(DeviceId::from_bytes([4; 32])));
            let (account, device) = (Id::from_bytes([2; 16]), name("phone"));
            session::Event::LogIn { account, terminal: account, token: [3; 32], device, own_device }
        }
        1 | 2 => session::Event::Use,
        3 => session::Event::End,
        4 => session::Event::Choose(None),
        5 => session::Event::Unchoose,
        _ => session::Event::Expire,
    });
}

#[test]
fn codes() {
    walk::<SmsCode>(|choices| {
        let hash = [u8::from(choices.below(3) == 0); 32];
        let purpose = choices.of(Purpose::ALL);
        match choices.below(8) {
            0 => code::Event::Send {
                purpose,
                phone: personal(),
                phone_name: [1; 32],
                hash: [1; 32],
                text: personal(),
            },
            1 => code::Event::Enter { hash, purpose },
            2 => code::Event::Expire,
            3 => code::Event::Replace,
            _ => code::Event::Miss { hash },
        }
    });
}

#[test]
fn dispatches() {
    walk::<Dispatch>(|choices| match choices.below(6) {
        0 => dispatch::Event::Order(Order::sms(personal(), Template::Code, personal(), 2_000_000)),
        1 | 2 => dispatch::Event::Take { until_ms: 1_000_000 + choices.below(500_000) },
        3 => dispatch::Event::Done { receipt: "r".to_owned() },
        4 => dispatch::Event::Retry,
        _ => dispatch::Event::GiveUp,
    });
}

#[test]
fn messages() {
    walk::<Message>(|choices| match choices.below(2) {
        0 => {
            message::Event::Tell { to: Id::from_bytes([2; 16]), notice: Notice::PersonVerified, about: None }
        }
        _ => message::Event::Read,
    });
}

const DIAGRAMS: &str = "../docs/machines.md";

/// The machines as diagrams that a web page of a repository draws.
fn drawn() -> String {
    let mut text = "<!-- @generated by cosign-server/src/domain/office/tests.rs -->\n# Machines\n\nEverything with states in the office, drawn from its table of moves \
                    (`cosign-server/src/domain/office`). Made by a test; see there.\n"
        .to_owned();
    for kind in super::KINDS {
        let moves = (kind.moves)();
        text += &format!("\n## {}\n\n```mermaid\nstateDiagram-v2\n", kind.name);
        let word = |state: &str| state.replace('-', "_");
        for (from, event, to) in &moves {
            let from = from.map_or("[*]".to_owned(), word);
            text += &format!("    {from} --> {}: {event}\n", word(to));
        }
        let mut ends: Vec<_> = moves.iter().map(|(_, _, to)| *to).collect();
        ends.retain(|end| !moves.iter().any(|(from, ..)| *from == Some(*end)));
        ends.dedup();
        for end in ends {
            text += &format!("    {} --> [*]\n", word(end));
        }
        text += "```\n";
    }
    text
}

#[test]
fn the_diagrams_are_drawn_from_the_tables() {
    let committed = std::fs::read_to_string(DIAGRAMS).unwrap_or_default();
    assert!(
        committed == drawn(),
        "the machines have changed: cargo test -p cosign-server --lib office::tests::draw -- --ignored"
    );
}

#[test]
#[ignore = "writes the diagrams"]
fn draw() {
    std::fs::write(DIAGRAMS, drawn()).unwrap();
}
