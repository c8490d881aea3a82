//! Many signatures at once: equal to one at a time, item by item, whatever the neighbours are.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::collections::BTreeSet;

use getrandom::SysRng;
use sm_primitives::{
    Error, Scalar, SecretScalar, Zeroizing,
    rand_core::{TryCryptoRng, TryRng},
    sm2::{
        PreparedKey, PrivateKey, PublicKey, Signature,
        dsa::{
            self,
            many::{self, Claim},
        },
        hazmat,
    },
    sm3::Sm3,
    sm4::ctr::Ctr,
};

/// Around the borders of vectors, lookups and pieces.
const COUNTS: [usize; 14] = [0, 1, 2, 7, 8, 11, 12, 13, 31, 33, 64, 65, 130, 257];

fn digest(i: usize) -> [u8; 32] {
    Sm3::new().chain(&i.to_be_bytes()).finalize()
}

fn digests(count: usize) -> Vec<[u8; 32]> {
    (0..count).map(digest).collect()
}

/// A source that repeats one byte, or fails.
struct Broken(Option<u8>);

impl TryRng for Broken {
    type Error = Error;
    fn try_next_u32(&mut self) -> Result<u32, Error> {
        Err(Error::RandomFailed)
    }
    fn try_next_u64(&mut self) -> Result<u64, Error> {
        Err(Error::RandomFailed)
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        out.fill(self.0.ok_or(Error::RandomFailed)?);
        Ok(())
    }
}

impl TryCryptoRng for Broken {}

#[test]
fn signatures_verify_and_use_their_own_nonces() {
    let key = PrivateKey::generate(&mut SysRng).unwrap();
    for count in COUNTS {
        // The same digest twice among them.
        let mut digests = digests(count);
        if count > 2 {
            digests[2] = digests[0];
        }
        let signatures = many::sign_digests(&key, &digests, &mut SysRng).unwrap();
        assert_eq!(signatures.len(), count);
        for (e, signature) in digests.iter().zip(&signatures) {
            dsa::verify_digest(key.public_key(), e, signature).unwrap();
        }
        let rs: BTreeSet<_> = signatures.iter().map(|signature| signature.r().to_bytes()).collect();
        assert_eq!(rs.len(), count);
    }
}

/// The derivation that is documented, and with it that a batch gives what its nonces give one by one.
#[test]
fn nonces_are_those_of_the_documentation() {
    let key = PrivateKey::from_bytes(&[0x42; 32]).unwrap();
    let digests = digests(70);
    let hasher = Sm3::new().chain(b"sm-primitives/sm2/many").chain(&[9; 32]);
    let seed = hasher.chain(&*key.expose_bytes()).chain(digests.as_flattened()).finalize();
    let (halves, _) = seed.as_chunks::<16>();
    let mut stream = Zeroizing::new(vec![[0; 48]; digests.len()]);
    Ctr::new(&halves[0], &[0; 16]).apply(stream.as_flattened_mut());
    let expected: Vec<_> = digests
        .iter()
        .zip(stream.iter())
        .map(|(e, wide)| hazmat::sign_digest_with_nonce(&key, e, SecretScalar::from_wide(wide)).unwrap())
        .collect();
    assert_eq!(many::sign_digests(&key, &digests, &mut Broken(Some(9))).unwrap(), expected);
}

/// A source that repeats itself does not make two digests, or two lists of digests, share a nonce.
#[test]
fn a_bad_source_repeats_no_nonce() {
    let key = PrivateKey::generate(&mut SysRng).unwrap();
    let mut rs = BTreeSet::new();
    for lists in [&digests(40)[..], &digests(39), &digests(41)[1..]] {
        let signatures = many::sign_digests(&key, lists, &mut Broken(Some(0))).unwrap();
        for signature in signatures {
            assert!(rs.insert(signature.r().to_bytes()));
        }
    }
}

#[test]
fn a_failing_source_signs_nothing() {
    let key = PrivateKey::generate(&mut SysRng).unwrap();
    assert_eq!(many::sign_digests(&key, &digests(20), &mut Broken(None)), Err(Error::RandomFailed));
}

/// A signature for which \[s\]G + \[r + s\]P is the identity: s = -(r + s) d.
fn cancelling(d: Scalar, r: Scalar) -> Signature {
    // s (1 + d) = -r d
    let one_plus_d = SecretScalar::from_public(Scalar::ONE + d).unwrap().invert().declassify();
    Signature::from_scalars(r, -(r * d * one_plus_d)).unwrap()
}

/// Keys, signatures of every kind among each other, and whether each is good.
fn claims(count: usize, keys: &[PrivateKey]) -> Vec<(PublicKey, [u8; 32], Signature, bool)> {
    let mut claims = Vec::new();
    for i in 0..count {
        let key = &keys[i % keys.len()];
        let d = Scalar::from_bytes(&key.expose_bytes()).unwrap();
        let signature = dsa::sign_digest(key, &digest(i), &mut SysRng).unwrap();
        let (r, s) = (*signature.r(), *signature.s());
        let one = Scalar::ONE;
        let (signature, e, good) = match i % 11 {
            3 => (Signature::from_scalars(r + one, s).unwrap(), digest(i), false),
            5 => (Signature::from_scalars(r, s + one).unwrap(), digest(i), false),
            7 => (signature, digest(i + 1), false),
            9 => (cancelling(d, r), digest(i), false),
            10 => (Signature::from_scalars(one, one).unwrap(), digest(i), false),
            _ => (signature, digest(i), true),
        };
        claims.push((*key.public_key(), e, signature, good));
    }
    claims
}

#[test]
fn each_claim_is_judged_on_its_own() {
    let keys: Vec<_> = (0..5).map(|_| PrivateKey::generate(&mut SysRng).unwrap()).collect();
    for count in COUNTS {
        let claims = claims(count, &keys);
        let list: Vec<_> = claims
            .iter()
            .map(|(key, digest, signature, _)| Claim { key, digest: *digest, signature: *signature })
            .collect();
        let outcomes = many::verify_digests(&list);
        assert_eq!(outcomes.len(), count);
        for (i, (outcome, (key, e, signature, good))) in outcomes.iter().zip(&claims).enumerate() {
            assert_eq!(outcome.is_ok(), *good, "{i} of {count}");
            assert_eq!(*outcome, dsa::verify_digest(key, e, signature));
        }
    }
}

#[test]
fn each_signature_of_a_prepared_key_is_judged_on_its_own() {
    let keys = [PrivateKey::generate(&mut SysRng).unwrap()];
    let prepared = PreparedKey::new(keys[0].public_key());
    for count in COUNTS {
        let claims = claims(count, &keys);
        let items: Vec<_> = claims.iter().map(|(_, e, signature, _)| (*e, *signature)).collect();
        let outcomes = many::verify_digests_prepared(&prepared, &items);
        assert_eq!(outcomes.len(), count);
        for (i, (outcome, (_, _, _, good))) in outcomes.iter().zip(&claims).enumerate() {
            assert_eq!(outcome.is_ok(), *good, "{i} of {count}");
        }
    }
}

#[cfg(feature = "parallel")]
mod parallel {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use sm_primitives::sm2::dsa::parallel;

    use super::*;

    #[test]
    fn long_lists_are_done_in_pieces() {
        let key = PrivateKey::generate(&mut SysRng).unwrap();
        let digests = digests(1000);
        let signatures = parallel::sign_digests(&key, &digests, || SysRng, || false);
        let signatures: Vec<_> = signatures.into_iter().map(Result::unwrap).collect();
        assert_eq!(signatures.len(), digests.len());
        let mut items: Vec<_> = digests.iter().copied().zip(signatures).collect();
        items[700].0 = digest(0);
        let outcomes =
            parallel::verify_digests_prepared(&PreparedKey::new(key.public_key()), &items, || false);
        let claim = |(digest, signature): &([u8; 32], Signature)| Claim {
            key: key.public_key(),
            digest: *digest,
            signature: *signature,
        };
        let claims: Vec<_> = items.iter().map(claim).collect();
        assert_eq!(outcomes, parallel::verify_digests(&claims, || false));
        for (i, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome.is_ok(), i != 700);
        }
    }

    #[test]
    fn what_is_cancelled_says_so() {
        let key = PrivateKey::generate(&mut SysRng).unwrap();
        let asked = AtomicUsize::new(0);
        let outcomes =
            parallel::sign_digests(&key, &digests(1000), || SysRng, || asked.fetch_add(1, Relaxed) >= 2);
        let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let cancelled = outcomes.iter().filter(|outcome| **outcome == Err(Error::Cancelled)).count();
        assert_eq!((outcomes.len(), done + cancelled), (1000, 1000));
        // Two pieces of 256, one of which may be the last one, of 232.
        assert!(done == 512 || done == 488, "{done}");
    }

    #[test]
    fn a_failing_source_fails_its_items() {
        let key = PrivateKey::generate(&mut SysRng).unwrap();
        let outcomes = parallel::sign_digests(&key, &digests(300), || Broken(None), || false);
        assert!(outcomes.len() == 300 && outcomes.iter().all(|outcome| *outcome == Err(Error::RandomFailed)));
    }
}
