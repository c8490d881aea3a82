//! The sequences of the office from end to end, at a running server: each from its first step to its last, with phones that
//! co-sign and co-decrypt and platforms that verify. On SQLite, or with several nodes on PostgreSQL (`COSIGN_TEST_NODES`).
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod batch;
mod first;
mod join;
mod login;
mod reissue;
mod renew;
mod revoke;
mod sealed;
mod sealing;
mod tender;
