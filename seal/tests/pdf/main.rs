//! PDF files through the public API.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

mod any_bytes;
mod evidence;
mod hostile;
mod refused;
mod samples;
mod sealing;
mod support;
