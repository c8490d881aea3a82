//! The refresh under loss, duplication, reordering, delay and crashes: at any time one record of the client equals the
//! active share of the server, and the two always find back to one record.
//!
//! | module | what |
//! |---|---|
//! | `rules` | the two state machines and the network between them, with a number in place of each share |
//! | `exhaustive` | every state that they can reach, and rules that lose the key |
//! | `world`, `walks` | the product beside the rules, step by step: it does what they say |
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod exhaustive;
mod rules;
mod walks;
mod world;
