//! Signing sessions of the real client and the real server under loss, duplication, reordering, delay, crashes of either
//! side and restored snapshots.
//!
//! | module | what |
//! |---|---|
//! | `schedules` | one session under every short schedule |
//! | `world`, `walks` | many sessions under long random ones, beside a reference for what each frame must get |
//! | `epochs` | parties of which one is older than the other |
//! | `moves` | a key that moves from device to device and is shared meanwhile |
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod epochs;
mod moves;
mod schedules;
mod walks;
mod world;
