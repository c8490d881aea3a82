//! The envelope through its public API.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code says aloud what it skips"
)]

mod bid;
mod certificates;
mod enveloped_key;
mod files;
mod fixtures;
mod kinds;
mod negative;
mod oracle;
mod quirks;
mod round_trip;
mod salvage;
mod samples;
mod signed;
mod signed_by_hand;
mod signed_files;
mod signed_samples;
mod signed_types;
mod signing_certificates;
mod support;
mod time_stamps;
