//! Laws of scalars, points and batches, and agreement with RustCrypto's `sm2` as an independent implementation.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use proptest::prelude::*;
use sm_primitives::{
    PublicPoint, Scalar, SecretScalar, batch,
    batch::NonceSum,
    rand_core::{TryCryptoRng, TryRng},
    sm2::{Ciphertext, DistId, PreparedKey, PrivateKey, PublicKey, Signature, dsa, hazmat, pke},
    sm3,
};
use sm2::{
    NonZeroScalar, ProjectivePoint, SecretKey,
    dsa::signature::{RandomizedSigner, Verifier},
    elliptic_curve::{ff::PrimeField, group::Group, sec1::ToSec1Point},
};

/// Big-endian bytes of a scalar: anything, or close to 0 or to n.
fn any_scalar() -> impl Strategy<Value = Scalar> {
    let near = (0_u128..40).prop_map(Scalar::from_u128);
    prop_oneof![
        4 => any::<[u8; 32]>().prop_map(|bytes| Scalar::reduce(&bytes)),
        1 => near.clone(),
        1 => near.prop_map(|v| -v),
        1 => any::<u128>().prop_map(Scalar::from_u128),
    ]
}

fn any_nonzero() -> impl Strategy<Value = Scalar> {
    any_scalar().prop_filter("not zero", |v| !v.is_zero())
}

fn secret(v: Scalar) -> SecretScalar {
    SecretScalar::from_public(v).unwrap()
}

/// \[v\]G, `None` for the identity.
fn times_g(v: Scalar) -> Option<PublicPoint> {
    SecretScalar::from_public(v).map(|v| PublicPoint::mul_base(&v))
}

/// The same scalar and \[v\]G in the other implementation.
fn oracle_scalar(v: Scalar) -> sm2::Scalar {
    sm2::Scalar::from_repr(v.to_bytes().into()).unwrap()
}

fn oracle_point(p: ProjectivePoint) -> Option<PublicPoint> {
    if bool::from(p.is_identity()) {
        None
    } else {
        PublicPoint::from_sec1(p.to_affine().to_sec1_point(false).as_bytes())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn scalars_agree_with_oracle(a in any_scalar(), b in any_scalar()) {
        let [oa, ob] = [a, b].map(oracle_scalar);
        for (ours, theirs) in [(a + b, oa + ob), (a - b, oa - ob), (a * b, oa * ob), (-a, -oa)] {
            prop_assert_eq!(ours, Scalar::from_bytes(&theirs.to_repr().into()).unwrap());
        }
        prop_assert_eq!(Scalar::from_bytes(&a.to_bytes()), Some(a));
        prop_assert_eq!(a.is_zero(), a == Scalar::ZERO);
    }

    #[test]
    fn secret_scalars_agree_with_public_ones(a in any_nonzero(), b in any_nonzero()) {
        let (x, y) = (secret(a), secret(b));
        prop_assert_eq!(x.mul(&y).declassify(), a * b);
        prop_assert_eq!(x.mul(&x.invert()).declassify(), Scalar::ONE);
        prop_assert_eq!(x.mul_public(&b).map(SecretScalar::declassify), Some(a * b));
        prop_assert!(x.mul_public(&Scalar::ZERO).is_none());
        let sum = Some(a + b).filter(|sum| !sum.is_zero());
        prop_assert_eq!(x.add(&y).map(SecretScalar::declassify), sum);
        prop_assert_eq!(x.add_public(&b).map(SecretScalar::declassify), sum);
        prop_assert_eq!(x.add_public(&Scalar::ZERO).map(SecretScalar::declassify), Some(a));
        prop_assert!(x.add(&secret(-a)).is_none() && x.add_public(&-a).is_none());
        prop_assert_eq!(bool::from(x.ct_eq(&y)), a == b);
        prop_assert_eq!(*x.expose_bytes(), a.to_bytes());
    }

    #[test]
    fn multiplications_agree_with_oracle(k in any_nonzero(), g in any_scalar(), q in any_nonzero()) {
        let point = times_g(q).unwrap();
        let theirs = ProjectivePoint::GENERATOR * oracle_scalar(q);
        prop_assert_eq!(oracle_point(theirs), Some(point));

        let expected = oracle_point(theirs * oracle_scalar(k));
        prop_assert_eq!(Some(point.mul(&secret(k))), expected);
        prop_assert_eq!(*point.mul_secret(&secret(k)).expose_bytes(), expected.unwrap().to_bytes());
        prop_assert_eq!(point.mul_vartime(&k), expected);

        let sum = theirs * oracle_scalar(k) + ProjectivePoint::GENERATOR * oracle_scalar(g);
        prop_assert_eq!(PublicPoint::mul_base_add_vartime(&g, &point, &k), oracle_point(sum));
        // g G + k q G with the result chosen to be the identity.
        prop_assert_eq!(PublicPoint::mul_base_add_vartime(&-(k * q), &point, &k), None);
    }

    #[test]
    fn additions_follow_the_scalars(a in any_nonzero(), b in any_nonzero()) {
        let (p, q) = (times_g(a).unwrap(), times_g(b).unwrap());
        prop_assert_eq!(p.add(&q), times_g(a + b));
        prop_assert_eq!(p.sub(&q), times_g(a - b));
        prop_assert_eq!(p.add(&p), times_g(a + a));
        prop_assert_eq!(p.sub(&p), None);
        prop_assert_eq!(p.neg(), times_g(-a).unwrap());
        for subtrahend in [q, p, p.neg()] {
            let difference = PublicPoint::generator().mul_secret(&secret(a)).sub_public(&subtrahend);
            let difference = difference.map(|d| PublicPoint::from_bytes(&d.expose_bytes()).unwrap());
            prop_assert_eq!(difference, p.sub(&subtrahend));
        }
    }

    #[test]
    fn encodings_of_points(a in any_nonzero()) {
        let p = times_g(a).unwrap();
        prop_assert_eq!(PublicPoint::from_bytes(&p.to_bytes()), Some(p));
        prop_assert_eq!(PublicPoint::from_sec1(&p.to_sec1()), Some(p));
        let y_is_odd = p.to_bytes()[63] & 1;
        let mut compressed = [2 + y_is_odd; 33];
        compressed[1..].copy_from_slice(&p.x_bytes());
        prop_assert_eq!(PublicPoint::from_sec1(&compressed), Some(p));
        compressed[0] ^= 1;
        prop_assert_eq!(PublicPoint::from_sec1(&compressed), Some(p.neg()));
        prop_assert_eq!(p.x_scalar(), Scalar::reduce(&p.x_bytes()));
    }

    #[test]
    fn batches_are_the_single_operations(
        ks in prop::collection::vec(any_nonzero(), 0..5),
        k in any_nonzero(),
        q in any_nonzero(),
    ) {
        let secrets: Vec<_> = ks.iter().copied().map(secret).collect();
        let q = times_g(q).unwrap();
        let points: Vec<_> = secrets.iter().map(PublicPoint::mul_base).collect();
        prop_assert_eq!(&batch::mul_base(&secrets), &points);
        let each: Vec<_> = secrets.iter().map(|k| q.mul(k)).collect();
        prop_assert_eq!(&batch::mul_each(&q, &secrets), &each);
        prop_assert_eq!(&batch::Multiplier::new(q).mul_each(&secrets), &each);
        // Neighbours, the same twice, and opposites.
        let others: Vec<_> = each.iter().map(|_| times_g(k).unwrap()).collect();
        for others in [others, each.clone(), each.iter().map(PublicPoint::neg).collect()] {
            let sums: Vec<_> = each.iter().zip(&others).map(|(p, q)| p.add(q)).collect();
            prop_assert_eq!(batch::add_each_vartime(&each, &others), sums);
        }
        let k = secret(k);
        let same: Vec<_> = points.iter().map(|p| p.mul(&k)).collect();
        prop_assert_eq!(batch::mul_same(&k, &points), same);
    }

    /// An opponent chooses QA and QB: related points and sums that meet K2, between ordinary neighbours.
    #[test]
    fn nonce_sums_of_related_points(
        b1 in prop_oneof![any::<u128>(), 0_u128..20],
        b2 in prop_oneof![any::<u128>(), 0_u128..20],
        a in any_nonzero(),
        k2 in any_nonzero(),
    ) {
        let half = secret(Scalar::from_u128(2)).invert().declassify();
        let three = Scalar::from_u128(3);
        let factors = [Scalar::ONE, Scalar::from_u128(2), three, half, a];
        let (sb1, sb2) = (Scalar::from_u128(b1), Scalar::from_u128(b2));
        let mut items = Vec::new();
        let mut expected = Vec::new();
        for factor in factors.into_iter().flat_map(|f| [f, -f]) {
            let sum = a * (sb1 + sb2 * factor);
            for k2 in [k2, sum, -sum, a, -a] {
                let (Some(qa), Some(qb), Some(k2_point)) = (times_g(a), times_g(a * factor), times_g(k2)) else {
                    continue;
                };
                items.push(NonceSum { b1, qa, b2, qb, k2: k2_point });
                expected.push(times_g(sum + k2));
            }
        }
        prop_assert_eq!(batch::nonce_sums_vartime(&items), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn signatures_both_ways(d in any_nonzero(), id in "[ -~]{0,40}", message: Vec<u8>) {
        prop_assume!(!(d + Scalar::ONE).is_zero());
        let key = PrivateKey::from_bytes(&d.to_bytes()).unwrap();
        let our_id = DistId::new(id.as_bytes()).unwrap();
        let theirs = sm2::dsa::SigningKey::new(&id, &SecretKey::from_slice(&d.to_bytes()).unwrap()).unwrap();

        let signature = dsa::sign(&key, &our_id, &message, &mut getrandom::SysRng).unwrap();
        let foreign = sm2::dsa::Signature::from_slice(&signature.to_bytes()).unwrap();
        prop_assert!(theirs.verifying_key().verify(&message, &foreign).is_ok());
        prop_assert_eq!(Signature::from_der(&signature.to_der()), Ok(signature));

        let foreign = theirs.try_sign_with_rng(&mut getrandom::SysRng, &message).unwrap();
        let foreign = Signature::from_bytes(&foreign.to_bytes().into()).unwrap();
        prop_assert_eq!(dsa::verify(key.public_key(), &our_id, &message, &foreign), Ok(()));

        // Another message, identifier or key.
        let public = key.public_key();
        prop_assert!(dsa::verify(public, &our_id, &[message.as_slice(), &[0]].concat(), &signature).is_err());
        let other_id = DistId::new(format!("{id}.").as_bytes()).unwrap();
        prop_assert!(dsa::verify(public, &other_id, &message, &signature).is_err());
        let e = our_id.digest(public, &message);
        let other = PublicKey::from(public.as_point().neg());
        prop_assert_eq!(dsa::verify_digest(public, &e, &signature), Ok(()));
        prop_assert!(dsa::verify_digest(&other, &e, &signature).is_err());
    }

    #[test]
    fn encryption_both_ways(d in any_nonzero(), message in prop::collection::vec(any::<u8>(), 1..200)) {
        prop_assume!(!(d + Scalar::ONE).is_zero());
        let key = PrivateKey::from_bytes(&d.to_bytes()).unwrap();
        let scalar = NonZeroScalar::from_repr(d.to_bytes().into()).unwrap();
        let theirs = sm2::pke::DecryptingKey::new_with_mode(scalar, sm2::pke::Mode::C1C3C2);
        let old_order = sm2::pke::DecryptingKey::new_with_mode(scalar, sm2::pke::Mode::C1C2C3);

        let ours = pke::encrypt(key.public_key(), &message, &mut getrandom::SysRng).unwrap();
        prop_assert_eq!(&theirs.decrypt(&ours.to_c1c3c2()).unwrap(), &message);
        prop_assert_eq!(&theirs.decrypt_der(&ours.to_der().unwrap()).unwrap(), &message);

        let encrypt = |key: &sm2::pke::DecryptingKey| key.encrypting_key().encrypt(&mut getrandom::SysRng, &message).unwrap();
        let foreign = Ciphertext::from_c1c3c2(&encrypt(&theirs)).unwrap();
        prop_assert_eq!(&*pke::decrypt(&key, &foreign).unwrap(), &message);
        let bytes = encrypt(&old_order);
        for bytes in [&bytes[..], &bytes[1..]] {
            let foreign = Ciphertext::from_c1c2c3(bytes).unwrap();
            prop_assert_eq!(&*pke::decrypt(&key, &foreign).unwrap(), &message);
        }
        let der = theirs.encrypting_key().encrypt_der(&mut getrandom::SysRng, &message).unwrap();
        let foreign = Ciphertext::from_der(&der).unwrap();
        prop_assert_eq!(&*pke::decrypt(&key, &foreign).unwrap(), &message);

        // The shared point may come from anywhere.
        let shared = foreign.c1().mul_secret(&secret(d));
        prop_assert_eq!(&*foreign.open(&shared).unwrap(), &message);
        prop_assert!(foreign.open(&ours.c1().mul_secret(&secret(d))).is_err());
    }

    /// Nonces are hedged: one random source, two digests, two keys; no nonce point repeats.
    #[test]
    fn a_stuck_random_source_repeats_no_nonce(d in any_nonzero(), other in any_nonzero(), stuck: u8) {
        prop_assume!(d != other && d != -Scalar::ONE && other != -Scalar::ONE);
        let [key, other] = [d, other].map(|d| PrivateKey::from_bytes(&d.to_bytes()).unwrap());
        let sign_with = |stuck, key: &PrivateKey, e: [u8; 32]| {
            let signature = dsa::sign_digest(key, &e, &mut Stuck(stuck)).unwrap();
            assert_eq!(dsa::verify_digest(key.public_key(), &e, &signature), Ok(()));
            // x1 = r - e
            *signature.r() - Scalar::reduce(&e)
        };
        let sign = |key, e| sign_with(stuck, key, e);
        let nonces = [sign(&key, [1; 32]), sign(&key, [2; 32]), sign(&other, [1; 32])];
        prop_assert!(nonces[0] != nonces[1] && nonces[0] != nonces[2] && nonces[1] != nonces[2]);
        prop_assert_eq!(nonces[0], sign(&key, [1; 32]));
        // And the random source counts.
        prop_assert!(nonces[0] != sign_with(!stuck, &key, [1; 32]));
    }
}

/// The nonce of a signature is derived as documented.
#[test]
fn nonce_derivation() {
    let (d, e) = ([0x5a; 32], [0x77; 32]);
    let hash = sm3::digest(&[&b"sm-primitives/sm2/k"[..], &[0x33; 32], &d, &e, &[0]].concat());
    let k = SecretScalar::from_bytes(&hash).unwrap();
    let key = PrivateKey::from_bytes(&d).unwrap();
    let expected = hazmat::sign_digest_with_nonce(&key, &e, k);
    assert_eq!(dsa::sign_digest(&key, &e, &mut Stuck(0x33)), expected);
}

/// A random source that always gives the same byte.
struct Stuck(u8);

impl TryRng for Stuck {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_ne_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_ne_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Stuck {}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// A prepared key accepts and refuses what the key does, also where s or t is small or close to n.
    #[test]
    fn prepared_key_verifies_alike(d: [u8; 32], e: [u8; 32], flip in 0_usize..256, r: [u8; 32], s in 1_u128..300) {
        let Some(key) = PrivateKey::from_bytes(&d) else { return Ok(()) };
        let prepared = PreparedKey::new(key.public_key());
        prop_assert_eq!(prepared.public_key(), key.public_key());
        let signature = dsa::sign_digest(&key, &e, &mut getrandom::SysRng).unwrap();
        prop_assert!(dsa::verify_digest_prepared(&prepared, &e, &signature).is_ok());
        let mut other = e;
        other[flip / 8] ^= 1 << (flip % 8);
        prop_assert!(dsa::verify_digest_prepared(&prepared, &other, &signature).is_err());
        let signed = dsa::sign(&key, &DistId::default(), &e, &mut getrandom::SysRng).unwrap();
        prop_assert!(dsa::verify_prepared(&prepared, &DistId::default(), &e, &signed).is_ok());
        prop_assert!(dsa::verify_prepared(&prepared, &DistId::default(), &other, &signed).is_err());

        // Signatures made from any r and an s at either end: the digest that fits is r - x1.
        let (r, s) = (Scalar::reduce(&r), Scalar::from_u128(s));
        for (r, s) in [(r, s), (r, -s), (s - r, r), (-s - r, r)] {
            let Some(signature) = Signature::from_scalars(r, s) else { continue };
            let Some(point) = PublicPoint::mul_base_add_vartime(&s, key.public_key().as_point(), &(r + s)) else {
                continue;
            };
            let e = (r - point.x_scalar()).to_bytes();
            prop_assert!(dsa::verify_digest_prepared(&prepared, &e, &signature).is_ok());
            prop_assert!(dsa::verify_digest(key.public_key(), &e, &signature).is_ok());
            prop_assert!(dsa::verify_digest_prepared(&prepared, &other, &signature).is_err());
        }
    }
}

/// Enough of them for the batch engine, which makes its table once and uses it again.
#[test]
fn a_multiplier_is_the_same_every_time() {
    let q = times_g(Scalar::from_u128(77)).unwrap();
    let multiplier = batch::Multiplier::new(q);
    assert_eq!(*multiplier.point(), q);
    for (start, count) in [(1, 70), (1000, 70), (1, 3), (7, 300)] {
        let ks: Vec<_> = (start..start + count).map(|k| secret(Scalar::from_u128(k))).collect();
        let expected: Vec<_> = ks.iter().map(|k| q.mul(k)).collect();
        assert_eq!(multiplier.mul_each(&ks), expected);
    }
}
