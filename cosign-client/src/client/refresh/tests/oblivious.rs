//! The same for a key in oblivious mode: the server evaluates the PIN before R1, and after a restart before R3.

use std::{cell::RefCell, fs::File, time::Instant};

use cosign_core::{MIN_ITERATIONS, PinMode};

use super::{
    super::*,
    world::{NEW, OLD, WRONG, World},
};
use crate::testing::{Fate, power};

fn world() -> World {
    World::in_mode(PinMode::Oblivious)
}

fn ops(world: &World) -> Vec<u8> {
    world.link.seen.borrow().iter().map(|frame| frame[2]).collect()
}

#[test]
fn a_pin_changes_with_both_pins_in_one_evaluation() {
    let world = world();
    assert_eq!(world.change(OLD, NEW).unwrap(), Renewed { epoch: 2, failures: 0 });
    assert_eq!(ops(&world), [Op::Evaluate, Op::Refresh, Op::Confirm].map(Op::byte));
    assert_eq!(world.key().record().pin_mode(), PinMode::Oblivious);
    assert_eq!(world.sign(NEW).unwrap(), 0);
    assert!(matches!(world.sign(OLD), Err(Error::WrongPin { remaining: 9, .. })));
    assert_eq!(world.change(NEW, NEW).unwrap(), Renewed { epoch: 3, failures: 1 });
    assert_eq!((world.sign(NEW).unwrap(), world.wrong_pins()), (0, 0), "counted from new");
}

#[test]
fn a_wrong_old_pin_changes_nothing_and_counts_for_the_pins_that_were_evaluated() {
    let world = world();
    assert!(matches!(world.change(WRONG, NEW), Err(Error::WrongPin { remaining: 8, .. })));
    assert!(world.key().next().is_none());
    assert_eq!(world.sign(OLD).unwrap(), 2);
}

#[test]
fn the_link_breaks_at_every_message() {
    // The last column: what stays counted until the next refresh.
    for (message, fate, current, counted) in [
        (0, Fate::Lost, OLD, 0),
        (0, Fate::Unanswered, OLD, 2),
        (0, Fate::Changed, OLD, 2),
        (1, Fate::Lost, OLD, 2),
        (1, Fate::Unanswered, OLD, 0),
        (1, Fate::Changed, OLD, 0),
        (2, Fate::Lost, NEW, 0),
        (2, Fate::Unanswered, NEW, 1),
        (2, Fate::Changed, NEW, 1),
    ] {
        let world = world();
        world.meets(message, fate);
        let error = world.change(OLD, NEW).unwrap_err();
        let two = world.key().next().is_some();
        assert_eq!(two, message == 2, "{message} {fate:?}");
        assert_eq!(matches!(error, Error::RefreshUnconfirmed { cause: Some(_), .. }), two, "{error:?}");
        assert_eq!(world.comes_back(OLD, NEW), current, "{message} {fate:?}");
        assert_eq!(world.wrong_pins(), counted, "{message} {fate:?}");
        world.change(current, OLD).unwrap();
        assert_eq!(world.wrong_pins(), 0);
    }
}

#[test]
fn a_completion_breaks_at_every_message() {
    for (message, fate) in [
        (0, Fate::Lost),
        (0, Fate::Unanswered),
        (0, Fate::Changed),
        (1, Fate::Lost),
        (1, Fate::Unanswered),
        (1, Fate::Changed),
        (1, Fate::Broken),
    ] {
        let world = world();
        world.meets(2, Fate::Lost);
        world.change(OLD, NEW).unwrap_err();
        world.meets(message, fate);
        let error = world.complete(NEW).unwrap_err();
        assert!(matches!(error, Error::RefreshUnconfirmed { cause: Some(_), .. }), "{error:?}");
        assert_eq!(world.comes_back(OLD, NEW), NEW, "{message} {fate:?}");
    }
}

#[test]
fn a_busy_server_is_asked_again() {
    for message in 0..3 {
        let world = world();
        world.meets(message, Fate::Busy);
        world.change(OLD, NEW).unwrap();
        assert_eq!(world.link.sent(), 4);
        assert_eq!((world.sign(NEW).unwrap(), world.wrong_pins()), (0, 0));
    }
}

#[test]
fn a_wrong_new_pin_is_counted_once_and_both_records_stay() {
    for fate in [Fate::Lost, Fate::Unanswered] {
        let world = world();
        world.meets(2, fate);
        world.change(OLD, NEW).unwrap_err();
        for (wrong, remaining) in [(OLD, 9), (WRONG, 8)] {
            let error = world.complete(wrong).unwrap_err();
            let Error::RefreshUnconfirmed { cause: Some(cause), .. } = &error else { panic!("{error}") };
            assert!(
                matches!(**cause, Error::WrongPin { remaining: left, .. } if left == remaining),
                "{cause}"
            );
            assert!(world.key().next().is_some());
        }
        assert_eq!(world.complete(NEW).unwrap(), Renewed { epoch: 2, failures: 2 });
        assert_eq!(world.sign(NEW).unwrap(), 0);
    }
}

#[test]
fn what_the_server_does_not_know_is_undone() {
    let world = world();
    world.meets(2, Fate::Lost);
    world.change(OLD, NEW).unwrap_err();
    world.link.model.borrow_mut().keys.get_mut(&world.key_id).unwrap().pending = None;
    assert!(matches!(world.complete(NEW), Err(Error::RefreshUndone(_))));
    assert_eq!(world.sign(OLD).unwrap(), 1, "the evaluation was for nothing");
}

#[test]
fn power_goes_before_every_effect_on_the_disk() {
    for effects in 0.. {
        let world = world();
        power::cut_after(effects);
        let outcome = world.change(OLD, NEW);
        if !power::restore(true) {
            outcome.unwrap();
            assert!(effects > 10, "{effects} effects are not all of them");
            break;
        }
        assert!(outcome.is_err(), "after {effects} effects");
        world.comes_back(OLD, NEW);
    }
}

#[test]
fn one_evaluation_at_a_time() {
    let world = world();
    let lock = |mode| world.store.evaluation_lock(mode).unwrap();
    let held = lock(PinMode::Oblivious);
    assert!(held.is_some());
    assert!(lock(PinMode::Base).is_none(), "nothing to wait for");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.store.evaluation_lock(PinMode::Oblivious).map(drop));
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!waiting.is_finished());
        drop(held);
        waiting.join().unwrap().unwrap();
    });
}

/// Whether somebody else would have to wait, at each message.
struct Watched<'a> {
    world: &'a World,
    locked: RefCell<Vec<bool>>,
}

impl Exchange for &Watched<'_> {
    fn exchange(&self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, Error> {
        let lock = File::open(self.world.store.root().join("evaluation-lock")).unwrap();
        self.locked.borrow_mut().push(lock.try_lock().is_err());
        self.world.link.exchange(frame, deadline)
    }
}

#[test]
fn nobody_else_evaluates_until_the_request_is_answered() {
    let world = world();
    let watched = Watched { world: &world, locked: RefCell::default() };
    let links = Links { evaluate: &watched, first: &watched, confirm: &watched };
    world.meets(2, Fate::Lost);
    let [old, new] = [OLD, NEW].map(|digits| world.credentials(digits));
    renew(&links, &world.store, world.key_id, [&old, &new], MIN_ITERATIONS).unwrap_err();
    assert_eq!(watched.locked.take(), [true, true, false]);
    complete(&links, &world.store, world.key_id, &new).unwrap();
    assert_eq!(watched.locked.take(), [true, true]);
}
