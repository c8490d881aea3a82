//! Certificates and what is judged about them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

mod answers;
mod certificates;
mod issuer;
mod lists;
mod paths;
mod revocation;
mod samples;
mod support;
