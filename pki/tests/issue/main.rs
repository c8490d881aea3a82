//! What is issued, read again here and by OpenSSL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

mod answers;
mod certificates;
mod golden;
mod lists;
mod refused;
mod requests;
mod stamps;
mod support;
