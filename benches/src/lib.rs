//! What is measured. Each subject is a list of operations, its own and those of others that serve as yardsticks; the
//! benches take their time, and `icount` counts their instructions.
//!
//! An operation runs as often as it is called and leaves everything as it found it, so that every run costs the same.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a measurement whose operation fails is worth nothing"
)]

use std::time::Duration;

use criterion::{Criterion, Throughput};

pub mod bid;
pub mod envelope;
pub mod foreign;
pub mod load;
pub mod pki;
pub mod protocol;
pub mod seal;
pub mod sm2;
pub mod sm3_sm4;
pub mod table;
pub mod transport;

/// What one run of an operation works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So many signatures, decryptions, messages.
    Items(u64),
    /// So many bytes.
    Bytes(u64),
}

/// Does an operation once.
pub type Run = Box<dyn FnMut()>;

/// Something that is measured.
pub struct Operation {
    /// What, and whose.
    pub name: String,
    /// How much of it one run does.
    pub amount: Amount,
    /// Gets ready, which is not measured.
    pub prepare: Box<dyn FnOnce() -> Run>,
}

impl Operation {
    /// One thing done once.
    pub fn one<R: FnMut() + 'static>(name: &str, prepare: impl FnOnce() -> R + 'static) -> Self {
        Self::items(name, 1, prepare)
    }

    /// Several things done at once.
    pub fn items<R: FnMut() + 'static>(
        name: &str,
        count: usize,
        prepare: impl FnOnce() -> R + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            amount: Amount::Items(count as u64),
            prepare: Box::new(|| Box::new(prepare())),
        }
    }

    /// A stream of bytes.
    pub fn bytes<R: FnMut() + 'static>(
        name: &str,
        len: usize,
        prepare: impl FnOnce() -> R + 'static,
    ) -> Self {
        Self {
            name: name.to_owned(),
            amount: Amount::Bytes(len as u64),
            prepare: Box::new(|| Box::new(prepare())),
        }
    }
}

/// A subject: its name, and how its operations are listed.
pub type Subject = (&'static str, fn() -> Vec<Operation>);

/// Every subject that needs no network.
pub const COMPUTING: [Subject; 8] = [
    ("sm2", sm2::operations),
    ("sm3_sm4", sm3_sm4::operations),
    ("protocol", protocol::operations),
    ("envelope", envelope::operations),
    ("bid", bid::operations),
    ("pki", pki::operations),
    ("seal", seal::operations),
    ("table", table::ours::operations),
];

/// Takes the time of operations with criterion. `--measurement-time` and the rest of its options work as usual.
pub fn measure(subject: &str, operations: Vec<Operation>) {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30)
        .configure_from_args();
    let mut group = criterion.benchmark_group(subject);
    for Operation { name, amount, prepare } in operations {
        group.throughput(match amount {
            Amount::Items(count) => Throughput::Elements(count),
            Amount::Bytes(len) => Throughput::Bytes(len),
        });
        let mut run = prepare();
        group.bench_function(name, |bencher| bencher.iter(&mut run));
    }
    group.finish();
    criterion.final_summary();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// So that a measurement does not stop working unnoticed.
    #[test]
    fn every_operation_runs_again_and_again() {
        for (subject, operations) in COMPUTING {
            let mut names = BTreeSet::new();
            for Operation { name, prepare, .. } in operations() {
                let mut run = prepare();
                run();
                run();
                assert!(names.insert(name.clone()), "{subject} measures {name} twice");
            }
        }
    }
}
