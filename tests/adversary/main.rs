//! Attackers, each with the attack written out: the product must stand, and a deliberately weak variant must fall to
//! the very same code, or the attack proves nothing. The weak variants exist here only.
//!
//! | driver | attacker | module |
//! |---|---|---|
//! | M1, M2 | a server that chooses its nonces after it saw all of the client's (ROS) | `ros`, `victims` |
//! | M3 | a client that has a digest logged and wants a signature on another | `misbinding` |
//! | M4 | a client that wants to see `K2` before it is bound | `server_first` |
//! | M5 | a server with degenerate nonces and wrong answers, one that looks for patterns | `deviant_server`, `nonces` |
//! | M6 | whoever sees every transcript of a client that crashes and is restored | `reuse` |
//! | M7, M8 | thieves of the phone, of the server, and of both at different times | `thief`, `search` |
//! | M9, M10 | a client that decrypts without end, a server that wants to read | `decryption` |
//! | M12 | faults in memory | `faults` |
//! | | a thief of the phone with recorded exchanges, of a key in oblivious mode | `oblivious` |
//! | | guessers of PINs and replayers at the edges of the rules | `gate` |
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod algebra;
mod decryption;
mod deviant_server;
mod faults;
mod gate;
mod lattice;
mod misbinding;
mod mutants;
mod nonces;
mod oblivious;
mod parties;
mod reuse;
mod ros;
mod search;
mod server_first;
mod thief;
mod victims;
