//! Text of PDFs and pictures of their pages.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod generator;
mod hostile;
mod samples;
mod text;
