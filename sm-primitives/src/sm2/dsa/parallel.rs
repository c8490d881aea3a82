//! Long lists of signatures, on all cores of a thread pool. With the feature `parallel`.
//!
//! The lists are cut into pieces, each done by [`many`](super::many) on one thread, so that memory stays bounded by the
//! number of threads. Work runs in the pool that it is called in (`rayon::ThreadPool::install`), else in rayon's global
//! one. `cancelled` is asked before each piece; once it says yes, the items that are left get [`Error::Cancelled`].

use alloc::vec::Vec;

use rand_core::TryCryptoRng;
use rayon::prelude::*;

use super::{
    Signature,
    many::{self, Claim},
};
use crate::{
    Error,
    sm2::{PreparedKey, PrivateKey},
};

/// Items of a piece.
const PIECE: usize = 256;

/// Signs each digest, see [`many::sign_digests`]. Every piece draws from a source of its own, made by `rng`.
///
/// The result of an item is [`Error::RandomFailed`] if the source of its piece fails, [`Error::Cancelled`] if it was
/// not come to.
pub fn sign_digests<R: TryCryptoRng>(
    key: &PrivateKey,
    digests: &[[u8; 32]],
    rng: impl Fn() -> R + Sync,
    cancelled: impl Fn() -> bool + Sync,
) -> Vec<Result<Signature, Error>> {
    in_pieces(digests, cancelled, |digests| match many::sign_digests(key, digests, &mut rng()) {
        Ok(signatures) => signatures.into_iter().map(Ok).collect(),
        Err(error) => alloc::vec![Err(error); digests.len()],
    })
}

/// Verifies signatures by any keys, see [`many::verify_digests`]; [`Error::Cancelled`] for an item that was not come to.
pub fn verify_digests(claims: &[Claim<'_>], cancelled: impl Fn() -> bool + Sync) -> Vec<Result<(), Error>> {
    in_pieces(claims, cancelled, many::verify_digests)
}

/// Verifies signatures by one key, see [`many::verify_digests_prepared`]; [`Error::Cancelled`] for an item that was not
/// come to.
pub fn verify_digests_prepared(
    key: &PreparedKey,
    items: &[([u8; 32], Signature)],
    cancelled: impl Fn() -> bool + Sync,
) -> Vec<Result<(), Error>> {
    in_pieces(items, cancelled, |items| many::verify_digests_prepared(key, items))
}

fn in_pieces<T: Sync, U: Clone + Send>(
    items: &[T],
    cancelled: impl Fn() -> bool + Sync,
    work: impl Fn(&[T]) -> Vec<Result<U, Error>> + Sync,
) -> Vec<Result<U, Error>> {
    items
        .par_chunks(PIECE)
        .flat_map_iter(|piece| {
            if cancelled() { alloc::vec![Err(Error::Cancelled); piece.len()] } else { work(piece) }
        })
        .collect()
}
