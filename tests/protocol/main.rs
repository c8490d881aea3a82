//! Properties of the protocol for random keys, inputs and sizes.
//!
//! | property | of | module |
//! |---|---|---|
//! | P1, P2, P3, P9 | signatures: valid, those of one signer, the server's equation, one by one as all at once | `signing` |
//! | P4, P5, P7 | keys: generation, refresh, the PIN mask | `keys` |
//! | P6 | decryption gives back what was encrypted | `decryption` |
//! | P8 | encodings: what is read is written again, nothing else is read | `encoding` |
//! | P10 | the same frame twice acts once | `repeated` |
//! | P11 | sums of related points | `sums` |
//! | P12 | split and imported shares are shares of the same key | `splitting` |
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod decryption;
mod encoding;
mod keys;
mod repeated;
mod signing;
mod splitting;
mod sums;

use cosign_core::Digest;
use cosign_tests::naive;
use num_bigint::BigUint;
use proptest::prelude::*;

/// Digests of which some are at the edges: 0, 1, n - 1, and what is n or more before the reduction.
fn digest() -> impl Strategy<Value = Digest> {
    let edges: Vec<_> =
        [BigUint::ZERO, BigUint::from(1u32), &*naive::N - 1u32, naive::N.clone(), &*naive::N + 1u32]
            .iter()
            .map(naive::bytes)
            .chain([[0xff; 32]])
            .collect();
    prop_oneof![
        1 => prop::sample::select(edges),
        8 => any::<[u8; 32]>(),
    ]
    .prop_map(|bytes| Digest::reduce(&bytes))
}

/// The runner of a property over so many cases.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
