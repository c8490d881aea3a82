//! Pictures of seals: read, drawn, cut out.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a failure is a failed test, and tests choose their numbers"
)]

mod read;
mod strokes;
mod template;
