//! Fifty at once at one enterprise, one order, one balance, one PIN and one code: each has exactly one effect, nothing that
//! was used is lost, and nobody waits for ever. On SQLite, or with several nodes on PostgreSQL (`COSIGN_TEST_NODES`), to
//! which the requests go in turn.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

mod balance;
mod order;
mod people;
mod pin;

use std::{collections::BTreeMap, sync::Barrier, thread, time::Duration};

use cosign_client::clock;
use serde_json::Value;

/// How many there are.
const CROWD: usize = 50;
/// Nothing takes longer, unless somebody waits for somebody who waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// All do it at once, each on a thread; what came of each.
fn all_at_once<T: Send>(act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (start, barrier, act) = (clock::instant(), Barrier::new(CROWD), &act);
    let done = thread::scope(|scope| {
        let one = |number: usize| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                act(number)
            })
        };
        let threads: Vec<_> = (0..CROWD).map(one).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    done
}

/// How many answers there were of each kind: `ok`, or the code of a problem.
fn tally<'a>(answers: impl IntoIterator<Item = &'a (u16, Value)>) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for (status, answer) in answers {
        let kind = match status {
            200..300 => "ok",
            _ => answer["code"].as_str().unwrap_or_else(|| panic!("{status} {answer}")),
        };
        *tally.entry(kind.to_owned()).or_default() += 1;
    }
    tally
}

/// A tally as it should be.
fn counts(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
}
