//! Hostile files in bounded memory: what a file says its lengths are costs nothing before it is there.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod bids;
mod count;
mod messages;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Runs a reader, which must refuse the input unless `accepted`, within this many bytes.
#[track_caller]
fn within<T, E: std::fmt::Debug>(
    name: &str,
    bound: usize,
    accepted: bool,
    read: impl FnOnce() -> Result<T, E>,
) {
    // What was read is kept until the peak is known.
    let (outcome, peak) = count::peak(read);
    eprintln!("{name}: {} KiB, {:?}", peak / KIB, outcome.as_ref().err());
    assert_eq!(outcome.is_ok(), accepted, "{name}: {:?}", outcome.err());
    assert!(peak <= bound, "{name}: {peak} bytes where {bound} are promised");
}
