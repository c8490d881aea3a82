//! Text of PDFs and pictures of their pages.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod font;
mod generator;
mod hostile;
mod preview;
mod samples;
mod scene;
mod text;
