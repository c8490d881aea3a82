//! Bids that are broken, each in one place, made by a writer of its own from `envelope/FORMAT.md`.
//!
//! `cargo run -p cosign-tests --bin bid-kit -- DIR` writes them all, for readers in other languages. `tests/bid_kit.rs` has the
//! error that each must give.

mod cases;
pub mod signature;
pub mod writer;

use sm_primitives::sm2::PrivateKey;

pub use cases::{broken, whole};

/// A name, and the bytes of a file.
pub type Case = (&'static str, Vec<u8>);

/// The key of a holder of the kit: `platform`, `bidder`, `opening`, `signer`, `stranger`.
///
/// They are public; nothing may be sealed to them that matters.
#[must_use]
pub fn key(name: &str) -> PrivateKey {
    PrivateKey::from_bytes(&sm_primitives::sm3::digest(format!("bid kit {name}").as_bytes())).unwrap()
}

/// The time in the locks of the kit, unix seconds.
pub const NOT_BEFORE: u64 = 1_800_000_000;
