//! PDF files through the public API.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod samples;
mod sealing;
mod support;
