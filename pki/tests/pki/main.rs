//! Certificates and what is judged about them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

mod answers;
mod any_bytes;
mod certificates;
mod issuer;
mod keys;
mod lists;
mod paths;
mod revocation;
mod samples;
mod stamps;
mod support;
