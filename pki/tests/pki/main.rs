//! Certificates and what is judged about them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

mod answers;
mod any_bytes;
mod certificates;
#[cfg(feature = "foreign")]
mod foreign;
mod issuer;
mod keys;
mod lists;
#[cfg(feature = "foreign")]
mod messages;
#[cfg(feature = "foreign")]
mod openssl;
mod paths;
#[cfg(feature = "foreign")]
mod pdf;
mod revocation;
mod samples;
mod stamps;
mod support;
