//! The table of figures: what this project promises of its speed, each row beside a yardstick that is measured in the
//! same moments.
//!
//! A row takes samples of less than a millisecond where the operation allows it, ours and the yardstick's in turn, in
//! several rounds over all rows, and keeps the best of each side: what else the machine does makes samples slower and
//! never faster, and a slow minute hits both sides.

pub mod ours;
mod yardstick;

use std::time::{Duration, Instant};

pub use yardstick::Yardstick;

use crate::{Amount, Operation, Run};

const LARGE: usize = 16 * 1024;
const KEY: [u8; 16] = [0x11; 16];
const IV: [u8; 16] = [0x22; 16];
const NONCE: [u8; 12] = [0x33; 12];

/// What a row should reach.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// So many times the yardstick: at least, and within reach.
    Times(f64, f64),
    /// So many megabytes in a second, whatever the yardstick does.
    Megabytes(f64),
}

use Goal::{Megabytes, Times};
use Yardstick::{Cbc, Ctr, Gcm, P256Sign, P256Verify, Sm2Sign, Sm3};

/// The rows: the name of the operation, what it is compared with, and the goal.
pub const ROWS: [(&str, Yardstick, Goal); 15] = [
    ("sm2_sign_one", P256Sign, Times(1.7, 2.1)),
    ("sm2_sign_batch64", P256Sign, Times(9.0, 14.0)),
    ("sm2_verify_fresh", P256Verify, Times(1.25, 1.6)),
    ("sm2_verify_cached", P256Verify, Times(5.0, 6.5)),
    ("sm2_verify_batch_same", P256Verify, Times(15.0, 22.0)),
    ("sm2_verify_batch_diff", P256Verify, Times(3.0, 4.0)),
    ("cosign_server_one", P256Verify, Times(1.4, 1.9)),
    ("cosign_server_batch64", P256Verify, Times(4.0, 6.0)),
    ("cosign_client_batch256", Sm2Sign, Times(0.5, 0.6)),
    ("sm3_stream", Sm3, Times(1.0, 1.1)),
    ("sm3_16x1k", Sm3, Times(8.0, 10.0)),
    ("sm4_ctr_16k", Ctr, Times(1.4, 2.4)),
    ("sm4_gcm_16k", Gcm, Times(1.3, 2.1)),
    ("sm4_cbc_enc_1", Cbc, Megabytes(150.0)),
    ("sm4_cbc_enc_8", Cbc, Megabytes(600.0)),
];

/// A row with its figures.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// The name of the operation.
    pub op: &'static str,
    /// What it is compared with.
    pub yardstick: Yardstick,
    /// What it should reach.
    pub goal: Goal,
    /// `items/s` or `MB/s`.
    pub unit: &'static str,
    /// Ours in a second, in units.
    pub rate: f64,
    /// The yardstick's, `None` if it is absent.
    pub yardstick_rate: Option<f64>,
}

impl Figures {
    /// Ours by the yardstick's.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        self.yardstick_rate.map(|rate| self.rate / rate)
    }
}

/// One side of a row.
struct Side {
    run: Run,
    /// Units in one run.
    amount: f64,
    /// Runs in one sample.
    repeat: u32,
    /// Units in a second, in the best sample.
    best: f64,
}

impl Side {
    const SAMPLE: Duration = Duration::from_micros(400);

    fn new(operation: Operation) -> Self {
        let amount = match operation.amount {
            Amount::Items(count) => count as f64,
            Amount::Bytes(len) => len as f64 / 1e6,
        };
        let mut side = Self { run: (operation.prepare)(), amount, repeat: 1, best: 0.0 };
        side.sample();
        while side.sample() * 2 < Self::SAMPLE {
            side.repeat *= 2;
        }
        side
    }

    fn sample(&mut self) -> Duration {
        let start = now();
        for _ in 0..self.repeat {
            (self.run)();
        }
        let taken = start.elapsed();
        self.best = self.best.max(self.amount * f64::from(self.repeat) / taken.as_secs_f64());
        taken
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement of time")]
fn now() -> Instant {
    Instant::now()
}

/// Measures the rows whose name `wanted` accepts, each for `each` in all.
#[must_use]
pub fn measure(each: Duration, wanted: impl Fn(&str) -> bool) -> Vec<Figures> {
    const ROUNDS: u32 = 8;
    let mut ours = ours::operations();
    let mut sides = Vec::new();
    for (op, yardstick, goal) in ROWS.into_iter().filter(|(op, ..)| wanted(op)) {
        let position = ours.iter().position(|operation| operation.name == op).unwrap();
        let operation = ours.swap_remove(position);
        let unit = if matches!(operation.amount, Amount::Items(_)) { "items/s" } else { "MB/s" };
        let figures = Figures { op, yardstick, goal, unit, rate: 0.0, yardstick_rate: None };
        sides.push((figures, Side::new(operation), yardstick.operation().map(Side::new)));
    }
    for _ in 0..ROUNDS {
        for (_, ours, theirs) in &mut sides {
            let start = now();
            while start.elapsed() < each / ROUNDS {
                ours.sample();
                theirs.as_mut().map(Side::sample);
            }
        }
    }
    let finish = |(figures, ours, theirs): (Figures, Side, Option<Side>)| Figures {
        rate: ours.best,
        yardstick_rate: theirs.map(|side| side.best),
        ..figures
    };
    sides.into_iter().map(finish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_operation_and_the_other_way_round() {
        let mut rows: Vec<_> = ROWS.iter().map(|(op, ..)| (*op).to_owned()).collect();
        let mut ours: Vec<_> = ours::operations().into_iter().map(|operation| operation.name).collect();
        rows.sort();
        ours.sort();
        assert_eq!(rows, ours);
    }

    /// Also compares the yardsticks' results with ours, where the libraries are.
    #[test]
    fn a_short_run_gives_figures() {
        let rows = measure(Duration::from_millis(1), |op| !op.starts_with("cosign"));
        assert_eq!(rows.len(), ROWS.len() - 3);
        for row in rows {
            assert!(row.rate > 0.0 && row.yardstick_rate.is_none_or(|rate| rate > 0.0), "{row:?}");
        }
    }
}
