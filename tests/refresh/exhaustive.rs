//! Every state within the bounds, breadth first.

use std::collections::HashSet;

use crate::rules::{Rules, State};

/// How a search ends.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing is lost in any of so many states.
    Safe { states: usize },
    /// After so few steps the parties no longer match, or cannot find back to each other.
    Lost { steps: usize },
}

fn explore(rules: Rules) -> Outcome {
    let mut seen = HashSet::from([State::default()]);
    let mut frontier = vec![State::default()];
    for steps in 0.. {
        if frontier.is_empty() {
            break;
        }
        let mut next = Vec::new();
        for state in frontier {
            if !state.holds() || !state.settled(rules).is_some_and(|state| state.is_settled()) {
                return Outcome::Lost { steps };
            }
            let after = state.events(rules).into_iter().filter_map(|event| state.after(event, rules));
            next.extend(after.filter(|state| seen.insert(*state)));
        }
        frontier = next;
    }
    Outcome::Safe { states: seen.len() }
}

#[test]
fn no_run_loses_the_key() {
    let outcome = explore(Rules::Product);
    // Fewer states than these mean that the bounds of the runs have become tighter.
    assert!(matches!(outcome, Outcome::Safe { states: 986_845.. }), "{outcome:?}");
}

/// R1, R2 is stored, the confirmation is lost, a second R1 whose answer is lost, a signature: the server activates a share
/// that the client never had.
#[test]
fn mutant_that_any_request_activates_loses_the_key() {
    assert!(matches!(explore(Rules::AnyRequestActivates), Outcome::Lost { steps: 6 }));
}

#[test]
fn mutant_that_confirms_blindly_loses_the_key() {
    assert!(matches!(explore(Rules::ConfirmsBlindly), Outcome::Lost { .. }));
}

#[test]
fn mutant_that_keeps_the_new_record_loses_the_key() {
    assert!(matches!(explore(Rules::KeepsTheNewRecord), Outcome::Lost { .. }));
}
