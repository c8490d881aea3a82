//! Seals and sealed data: made, read, judged.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod golden;
mod judge;
mod samples;
mod ses;
mod several;
mod shown;
mod support;
