//! Many signatures at once: on a processor with vectors a fraction of the time of one by one.
//!
//! What is wrong with one item is the result of that item and changes nothing for the others. Memory grows with the
//! number of items, by some kilobytes for each: give a long list in pieces of some hundreds, or to
//! `parallel` (with the feature of that name), which does that.

use alloc::vec::Vec;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::{Signature, sign_with_nonce_point};
use crate::{
    Error, Scalar, SecretScalar, batch,
    mid::ops,
    sm2::{PreparedKey, PrivateKey, PublicKey},
    sm3::Sm3,
    sm4::ctr::Ctr,
};

/// Signs each digest, any 32 bytes, and gives the signatures in the same order. Timing: independent of `key`.
///
/// # Errors
/// [`Error::RandomFailed`] if `rng` fails; then there is no signature at all.
pub fn sign_digests(
    key: &PrivateKey,
    digests: &[[u8; 32]],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Vec<Signature>, Error> {
    let nonces = nonces(key, digests, rng)?;
    let points = batch::mul_base(&nonces);
    let items = digests.iter().zip(nonces.into_iter().zip(&points));
    items
        .map(|(e, (k, point))| match sign_with_nonce_point(key, e, k, point) {
            Some(signature) => Ok(signature),
            // Another nonce, with a probability of about 2^-254.
            None => super::sign_digest(key, e, rng),
        })
        .collect()
}

/// Nonces that are uniform if `rng` is good, and still unique to key and digests if it is not (hedged).
///
/// The first 16 bytes of SM3("sm-primitives/sm2/many" || 32 bytes of `rng` || d || all digests) are a key of SM4-CTR, used
/// once, from counter 0 on: counters are not kept secret. k_i = 1 + (bytes 48 i to 48 i + 47 of that key stream mod
/// (n - 1)).
fn nonces(
    key: &PrivateKey,
    digests: &[[u8; 32]],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Vec<SecretScalar>, Error> {
    let mut random = Zeroizing::new([0; 32]);
    rng.try_fill_bytes(random.as_mut_slice()).map_err(|_| Error::RandomFailed)?;
    let hasher = Sm3::new().chain(b"sm-primitives/sm2/many").chain(random.as_slice());
    let hasher = hasher.chain(key.expose_bytes().as_slice()).chain(digests.as_flattened());
    let seed = Zeroizing::new(hasher.finalize());
    let (halves, _) = seed.as_chunks::<16>();
    let mut stream = Zeroizing::new(alloc::vec![[0; 48]; digests.len()]);
    Ctr::new(&halves[0], &[0; 16]).apply(stream.as_flattened_mut());
    Ok(stream.iter().map(SecretScalar::from_wide).collect())
}

/// A signature to be verified, and of what and by whom it should be.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// By whom.
    pub key: &'a PublicKey,
    /// Of which digest e = SM3(Z || message), any 32 bytes.
    pub digest: [u8; 32],
    /// The signature.
    pub signature: Signature,
}

/// Verifies signatures by any keys, as [`verify_digest`](super::verify_digest) does for one: in the same order,
/// [`Error::InvalidSignature`] for each that does not verify. Variable time.
#[must_use]
pub fn verify_digests(claims: &[Claim<'_>]) -> Vec<Result<(), Error>> {
    let claims: Vec<_> =
        claims.iter().map(|claim| claimed(claim.key, &claim.digest, &claim.signature)).collect();
    outcomes(ops::verify_all_vartime(&claims))
}

/// Verifies signatures of digests by one key, as [`verify_digest_prepared`](super::verify_digest_prepared) does for
/// one: in the same order, [`Error::InvalidSignature`] for each that does not verify. Variable time.
#[must_use]
pub fn verify_digests_prepared(key: &PreparedKey, items: &[([u8; 32], Signature)]) -> Vec<Result<(), Error>> {
    let claims: Vec<_> = items.iter().map(|(digest, s)| claimed(key.public_key(), digest, s)).collect();
    outcomes(ops::verify_all_with_comb_vartime(&claims, key.comb()))
}

/// The claim that x1 = r - e mod n is the x of \[s\]G + \[r + s\]P. Neither factor is 0, by the type.
fn claimed(key: &PublicKey, e: &[u8; 32], signature: &Signature) -> ops::Claim {
    let (r, s) = (*signature.r(), *signature.s());
    ops::Claim { g: s.0, k: (r + s).0, q: key.as_point().0, v: (r - Scalar::reduce(e)).0 }
}

fn outcomes(hold: Vec<bool>) -> Vec<Result<(), Error>> {
    hold.into_iter().map(|holds| if holds { Ok(()) } else { Err(Error::InvalidSignature) }).collect()
}
