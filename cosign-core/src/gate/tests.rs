//! Every state of the gate under charges, against counts kept in another way.

use alloc::collections::BTreeSet;

use super::{Charge, Gate, MAX_FAILS, MAX_TOTAL, Passage};
use crate::{
    error::{Code, Detail},
    hash::evaluation_session,
    ids::{KeyId, SessionId},
};

const KEY: KeyId = KeyId::from_bytes([9; 16]);
const NOW: u64 = 1_800_000_000_000;

/// Whose request it is: the owner's, a clone's, somebody's who evaluated nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Owner,
    Clone,
    Other,
}

impl Who {
    const fn sid(self) -> SessionId {
        SessionId::from_bytes([self as u8; 16])
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Evaluate(Who, u8),
    Tag(Who, bool),
    WaitIsOver,
    Refreshed,
}

const EVENTS: [Event; 12] = [
    Event::Evaluate(Who::Owner, 1),
    Event::Evaluate(Who::Owner, 2),
    Event::Evaluate(Who::Clone, 1),
    Event::Evaluate(Who::Clone, 2),
    Event::Tag(Who::Owner, true),
    Event::Tag(Who::Owner, false),
    Event::Tag(Who::Clone, true),
    Event::Tag(Who::Clone, false),
    Event::Tag(Who::Other, true),
    Event::Tag(Who::Other, false),
    Event::WaitIsOver,
    Event::Refreshed,
];

/// What happened, counted without limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Counts {
    /// Wrong tags without a charge, and items that were evaluated and not given back.
    total: u8,
    /// The same since the last right tag.
    row: u8,
    /// The last evaluation: whose, its items, how many of them are in `row`.
    open: Option<(Who, u8, u8)>,
    waits: bool,
}

impl Counts {
    const fn is_locked(&self) -> bool {
        self.row >= 10 || self.total >= 30
    }

    fn add(&mut self, attempts: u8) {
        self.total += attempts;
        self.row += attempts;
        self.waits = self.row >= 5 && !self.is_locked();
    }

    fn succeed(&mut self) {
        (self.row, self.waits) = (0, false);
        self.open = self.open.map(|(who, items, _)| (who, items, 0));
    }

    /// Whether an answer is given; for a tag, with which byte 3.
    fn step(&mut self, event: Event) -> Option<u8> {
        let closed = self.is_locked() || self.waits;
        match event {
            Event::WaitIsOver => self.waits = false,
            Event::Refreshed => *self = Self::default(),
            Event::Evaluate(..) if closed => {}
            Event::Evaluate(who, items) => {
                let before = self.row;
                self.add(items);
                self.open = Some((who, items, items));
                return Some(before);
            }
            Event::Tag(who, right) => match self.open.take_if(|open| open.0 == who) {
                Some((_, items, in_row)) if right => {
                    let shown = self.row - in_row;
                    self.total -= items;
                    self.succeed();
                    return Some(shown.min(9));
                }
                Some(_) => {}
                None if closed => {}
                None if right => {
                    let shown = self.row;
                    self.succeed();
                    return Some(shown);
                }
                None => self.add(1),
            },
        }
        None
    }
}

fn step(gate: &mut Gate, event: Event) -> Option<u8> {
    match event {
        Event::WaitIsOver => gate.unlock_at_ms = 0,
        Event::Refreshed => gate.refreshed(),
        Event::Evaluate(who, items) => {
            if gate.closed(NOW).is_none() {
                return Some(gate.charge(evaluation_session(&KEY, &who.sid()), items, NOW));
            }
        }
        Event::Tag(who, right) => {
            let passage = match gate.take_charge(&KEY, &who.sid()) {
                Some(charge) => gate.settle(charge, NOW, || right),
                None => gate.pass(NOW, || right),
            };
            if let Passage::Open { failures } = passage {
                return Some(failures);
            }
        }
    }
    None
}

/// All states that any sequence of events leads to: what is counted is what was guessed, and no guess is free.
#[test]
fn what_is_counted_is_what_was_evaluated_and_not_given_back() {
    let mut seen = BTreeSet::new();
    let mut left = alloc::vec![(Gate::default(), Counts::default())];
    let (mut most_in_row, mut most) = (0, 0);
    while let Some((gate, counts)) = left.pop() {
        for event in EVENTS {
            let (mut gate, mut counts) = (gate, counts);
            assert_eq!(step(&mut gate, event), counts.step(event), "{event:?}: {gate:?}, {counts:?}");
            assert_eq!(gate.total, counts.total.min(MAX_TOTAL), "{event:?}: {gate:?}, {counts:?}");
            assert_eq!(gate.fails, counts.row.min(MAX_FAILS), "{event:?}: {gate:?}, {counts:?}");
            assert_eq!(gate.is_locked(), counts.is_locked(), "{event:?}: {gate:?}, {counts:?}");
            assert_eq!(gate.wait_s(NOW) > 0, counts.waits, "{event:?}: {gate:?}, {counts:?}");
            (most_in_row, most) = (most_in_row.max(counts.row), most.max(counts.total));
            let charge = gate.charge.map(|charge| (charge.session, charge.fails, charge.total));
            if seen.insert((gate.fails, gate.total, gate.unlock_at_ms, charge, counts)) {
                left.push((gate, counts));
            }
        }
    }
    // Two at once at the last attempt: that is all that is given beyond the limits.
    assert_eq!((most_in_row, most), (11, 31));
    assert!(seen.len() > 1000, "{}", seen.len());
}

/// A wrong tag that was paid for says what remains and how long to wait, and is not counted again.
#[test]
fn a_wrong_tag_that_was_paid_for_tells_the_wait() {
    let session = evaluation_session(&KEY, &Who::Owner.sid());
    for (fails, items, remaining, retry_s) in [(0, 1, 9, 0), (3, 2, 5, 60), (4, 2, 4, 300), (9, 2, 0, 0)] {
        let mut gate = Gate { fails, total: fails, ..Gate::default() };
        assert_eq!(gate.charge(session, items, NOW), fails);
        let charge = gate.take_charge(&KEY, &Who::Owner.sid()).unwrap();
        let before = gate;
        let Passage::Shut(refusal) = gate.settle(charge, NOW, || false) else { panic!() };
        let expected = Detail::Pin { remaining, retry_s };
        assert_eq!((refusal.code, refusal.detail, gate), (Code::Pin, expected, before));
    }
}

#[test]
fn an_unlock_and_a_refresh_forget_the_charge() {
    let charge = Some(Charge { session: Who::Owner.sid(), fails: 1, total: 1 });
    let mut gate = Gate { fails: 1, total: 1, charge, ..Gate::default() };
    gate.unlock();
    assert_eq!(gate, Gate { refresh_required: true, ..Gate::default() });
    gate = Gate { fails: 1, total: 1, charge, ..Gate::default() };
    gate.refreshed();
    assert_eq!(gate, Gate::default());
}
