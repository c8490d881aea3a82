//! The product beside the rules: every event is played on both, and both are in the same state after it.

use crate::{
    rules::{Event, Rules},
    world::World,
};

fn play(seed: u64, events: &[Event]) -> World {
    let mut world = World::new(seed);
    for &event in events {
        assert!(world.is_possible(event), "{event:?}");
        world.play(event);
    }
    world
}

/// A delayed copy of R1 after the loss of the cache gets the answer that is pending, not another share.
#[test]
fn a_copy_of_r1_after_cache_loss_changes_nothing() {
    use Event::{Ack, Confirm, R1, R2, R3, ServerDies, Start};
    let world = play(
        1,
        &[
            Start,
            R1(0),
            ServerDies,
            R1(0),
            R2(1),
            ServerDies,
            R1(0),
            Confirm,
            R1(0),
            R3(1),
            R1(0),
            Ack(1),
            R1(0),
        ],
    );
    assert_eq!(world.rids.len(), 2);
    assert!(world.rules.is_settled() && world.rules.active == 1);
}

/// The first answer is lost, the second refresh is stored, a copy of the first R1 takes its place on the server: the
/// confirmation finds nothing, and nothing is lost.
#[test]
fn two_interrupted_refreshes_end_where_they_began() {
    use Event::{Ack, ClientDies, Confirm, Nak, R1, R2, R3, ServerDies, Start};
    let world = play(
        2,
        &[
            Start,
            R1(0),
            ClientDies,
            Start,
            R1(1),
            R2(2),
            ServerDies,
            R1(0),
            Confirm,
            R3(2),
            Nak(2), // 3 is pending
            Start,
            R1(2),
            R2(4),
            Confirm,
            R3(4),
            Ack(4),
            R1(0),
            R1(1),
            R3(2),
        ],
    );
    assert!(world.rules.is_settled() && world.rules.active == 4);
}

/// The answers to R3 are lost, twice, with a restart of either side between; every copy of R3 says the same.
#[test]
fn lost_confirmations_are_sent_again() {
    use Event::{Ack, ClientDies, Confirm, R1, R2, R3, ServerDies, Start};
    let world = play(
        3,
        &[
            Start,
            R1(0),
            R2(1),
            ClientDies,
            Confirm,
            R3(1),
            ServerDies,
            ClientDies,
            Confirm,
            R3(1),
            R3(1),
            Confirm,
            R3(1),
            R3(1),
            R3(1),
            R3(1),
            Ack(1),
        ],
    );
    assert!(world.rules.is_settled() && world.rules.active == 1);
}

/// After 24 hours the server has forgotten; so does the client, and both are where they were.
#[test]
fn a_late_confirmation_ends_the_refresh() {
    use Event::{Confirm, Expire, Nak, R1, R2, R3, Start};
    let world = play(4, &[Start, R1(0), R2(1), Expire, Confirm, R3(1), Nak(1)]);
    assert!(world.rules.is_settled() && world.rules.active == 0);
}

#[test]
fn any_walk_is_as_the_rules_say_and_ends_well() {
    let mut walked = [0; 3];
    for seed in 10..18 {
        let mut world = World::new(seed);
        for _ in 0..30 {
            let events = world.rules.events(Rules::Product);
            let possible = events.into_iter().filter(|&event| {
                world.is_possible(event) && world.rules.after(event, Rules::Product).is_some()
            });
            // What leads on comes more often than what gets in its way, or no refresh would ever end.
            let (onward, others): (Vec<_>, Vec<_>) = possible.partition(|event| {
                matches!(event, Event::R2(_) | Event::Confirm | Event::R3(_) | Event::Ack(_) | Event::Nak(_))
            });
            let list = if onward.is_empty() || world.rng.below(3) == 0 { others } else { onward };
            let event = list[world.rng.below(list.len())];
            world.play(event);
        }
        world.settle();
        let numbers = [world.rids.len(), world.r3s.len(), usize::from(world.rules.active)];
        walked.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
    }
    assert!(walked.iter().all(|&sum| sum > 0), "{walked:?}");
}
