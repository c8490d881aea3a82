//! The two-party SM2 protocol, suites D and F2, sans-IO. `SPEC.md` beside this crate specifies it.
//!
//! Two parties hold one SM2 key. The client holds `dA`, the server holds `dB`, with `(1 + d)^-1 = dA * dB mod n`;
//! nobody ever holds `d`. In one round trip, or with suite F2 in two, they make an ordinary SM2 signature; in one they
//! open an ordinary SM2 ciphertext.
//!
//! Each step of a protocol takes the state before it by value and gives the message to send with the state that
//! waits for the answer. The single-use nonce lives in that waiting state, which has no `Clone` and no encoding and
//! is wiped on drop: using a nonce twice does not compile.
//!
//! ```compile_fail
//! fn twice(waiting: cosign_core::sign::AwaitingSignatures<'_>, answer: &[u8]) {
//!     let _ = waiting.finish(answer);
//!     let _ = waiting.finish(answer); // moved: the nonces are gone
//! }
//! ```
//! ```compile_fail
//! fn copy<'k>(waiting: &cosign_core::sign::AwaitingSignatures<'k>) -> cosign_core::sign::AwaitingSignatures<'k> {
//!     waiting.clone()
//! }
//! ```
//!
//! # What the caller must see to
//!
//! * **Channel.** Frames travel inside a channel that authenticates the server, authenticates the device, is
//!   confidential with forward secrecy, and never carries them in replayable early data. Without it a recorded answer
//!   together with a stolen phone tests PINs offline.
//! * **Server order.** Authorise, spend, audit, commit, then answer: what [`server::Admission`] and
//!   [`server::Executed`] report as changed is durable before the frame leaves.
//! * **Client time.** A waiting state is dropped when its `deadline_ms` has passed (60 s after the first
//!   transmission); until then only the identical frame may be sent again.
//! * **Storage.** The client stores a [`LocalRecord`] and the [`DeviceKey`], nothing else of the protocol; the server
//!   stores a [`server::KeyRecord`] with its secrets sealed. Nobody stores or logs a tag, a nonce, `s2` or `T2`.
//! * **Randomness and time** are arguments. This crate reads no clock, opens no socket and starts no task.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod audit;
pub mod csr;
pub mod decrypt;
mod digest;
mod error;
pub mod evaluate;
pub mod framing;
mod gate;
mod hash;
pub mod http_signature;
pub mod ids;
pub mod import;
pub mod keygen;
mod local;
mod nonce;
pub mod oprf;
mod pin;
mod proof;
pub mod refresh;
mod replay;
pub mod server;
mod share;
pub mod sign;
pub mod split;
mod wire;

#[cfg(test)]
mod tests;

pub use digest::Digest;
pub use error::{ApiMisuse, Code, Detail, Error, Progress, Refusal};
pub use ids::{DeviceId, KeyId, LogId, Op, PinMode, Purpose, RefreshId, SessionId, Suite};
pub use local::LocalRecord;
pub use pin::{DeviceKey, MIN_ITERATIONS, Pin};
pub use share::ClientKey;
pub use sm_primitives;
pub use wire::{CLIENT_DEADLINE_MS, MAX_BATCH};
