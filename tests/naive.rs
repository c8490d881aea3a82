//! The engines and the two parties against SM2 from the textbook.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use cosign_core::{Digest, Error, Purpose, Suite, decrypt, sign};
use cosign_tests::{
    model::{DEVICE, NOW, PIN, Pair, done},
    naive::{self, G, N, Point},
};
use num_bigint::BigUint;
use proptest::prelude::*;
use sm_primitives::{
    PublicPoint, Scalar, SecretScalar, batch,
    sm2::{Ciphertext, DistId, PrivateKey, PublicKey, Signature, dsa, hazmat, pke},
};

/// Integers mod n, the edges more often than chance would have it.
fn residue() -> impl Strategy<Value = BigUint> {
    let edges = [0u32, 1, 2, 3].map(BigUint::from).into_iter();
    let edges: Vec<_> = edges
        .chain((1u32..=3).map(|k| &*N - k))
        .chain([1u32, 64, 128, 192, 255].map(|b| BigUint::from(1u32) << b))
        .collect();
    prop_oneof![
        1 => prop::sample::select(edges),
        4 => any::<[u8; 32]>().prop_map(|bytes| naive::int(&bytes) % &*N),
    ]
}

fn nonzero() -> impl Strategy<Value = BigUint> {
    residue().prop_filter("zero", |value| *value != BigUint::ZERO)
}

/// A private key: 1..=n-2.
fn private() -> impl Strategy<Value = BigUint> {
    nonzero().prop_filter("n-1", |value| value + 1u32 != *N)
}

fn secret(value: &BigUint) -> SecretScalar {
    SecretScalar::from_bytes(&naive::bytes(value)).unwrap()
}

fn scalar(value: &BigUint) -> Scalar {
    Scalar::from_bytes(&naive::bytes(value)).unwrap()
}

fn engine(point: &Point) -> Option<PublicPoint> {
    match point {
        Point::Infinity => None,
        point => Some(PublicPoint::from_bytes(&point.to_bytes()).unwrap()),
    }
}

fn keys(d: &BigUint) -> (PrivateKey, PublicKey, Point) {
    let private = PrivateKey::from_bytes(&naive::bytes(d)).unwrap();
    let public = *private.public_key();
    let point = Point::from_bytes(&public.as_point().to_bytes());
    (private, public, point)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn scalars(a in residue(), b in residue(), raw: [u8; 32]) {
        let n = &*N;
        let (x, y) = (scalar(&a), scalar(&b));
        prop_assert_eq!((x + y).to_bytes(), naive::bytes(&((&a + &b) % n)));
        prop_assert_eq!((x - y).to_bytes(), naive::bytes(&((&a + n - &b) % n)));
        prop_assert_eq!((x * y).to_bytes(), naive::bytes(&(&a * &b % n)));
        prop_assert_eq!((-x).to_bytes(), naive::bytes(&((n - &a) % n)));
        prop_assert_eq!(Scalar::reduce(&raw).to_bytes(), naive::bytes(&(naive::int(&raw) % n)));
        prop_assert_eq!(Scalar::from_bytes(&raw).is_some(), naive::int(&raw) < *n);
        if a != BigUint::ZERO {
            let inverse = secret(&a).invert().declassify();
            prop_assert_eq!(inverse.to_bytes(), naive::bytes(&a.modinv(n).unwrap()));
            prop_assert_eq!(secret(&a).mul_public(&y).is_none(), b == BigUint::ZERO);
            prop_assert_eq!(secret(&a).add_public(&y).is_none(), (&a + &b) % n == BigUint::ZERO);
        }
    }

    #[test]
    fn points(a in nonzero(), b in nonzero(), k in residue()) {
        let (p, q) = (G.mul(&a), G.mul(&b));
        let (ep, eq) = (engine(&p).unwrap(), engine(&q).unwrap());
        prop_assert_eq!(PublicPoint::mul_base(&secret(&a)), ep);
        prop_assert_eq!(ep.add(&eq), engine(&p.add(&q)));
        prop_assert_eq!(ep.sub(&eq), engine(&p.add(&q.mul(&(&*N - 1u32)))));
        prop_assert_eq!(ep.sub(&ep), None);
        prop_assert_eq!(ep.add(&ep), engine(&p.add(&p)));
        prop_assert_eq!(eq.mul_vartime(&scalar(&k)), engine(&q.mul(&k)));
        let combined = G.mul(&k).add(&q.mul(&a));
        prop_assert_eq!(PublicPoint::mul_base_add_vartime(&scalar(&k), &eq, &scalar(&a)), engine(&combined));
        if k != BigUint::ZERO {
            let product = engine(&p.mul(&k)).unwrap();
            prop_assert_eq!(ep.mul(&secret(&k)), product);
            prop_assert_eq!(ep.mul_secret(&secret(&k)).expose_bytes().to_vec(), product.to_bytes().to_vec());
            let (batched, same) = (batch::mul_each(&ep, &[secret(&k), secret(&b)]), batch::mul_same(&secret(&k), &[ep, eq]));
            prop_assert_eq!(batched, vec![product, ep.mul(&secret(&b))]);
            prop_assert_eq!(same, vec![product, eq.mul(&secret(&k))]);
        }
    }

    #[test]
    fn signatures(d in private(), k in nonzero(), message: Vec<u8>, id: [u8; 5], flip in 0usize..512) {
        let (private, public, point) = keys(&d);
        prop_assert_eq!(&point, &G.mul(&d));
        let id_text = DistId::new(&id).unwrap();
        let e = id_text.digest(&public, &message);
        prop_assert_eq!(e, naive::digest(&id, &point, &message));

        let expected = naive::sign(&d, &e, &k);
        let made = hazmat::sign_digest_with_nonce(&private, &e, secret(&k)).ok();
        prop_assert_eq!(made.map(|s| s.to_bytes()), expected.as_ref().map(|(r, s)| signature_bytes(r, s)));

        let ours = dsa::sign_digest(&private, &e, &mut getrandom()).unwrap();
        let mut bytes = ours.to_bytes();
        prop_assert!(verifies(&point, &e, &bytes));
        // Whatever a changed signature is, both say the same of it.
        bytes[flip / 8] ^= 1 << (flip % 8);
        let accepted = Signature::from_bytes(&bytes).is_ok_and(|s| dsa::verify_digest(&public, &e, &s).is_ok());
        prop_assert_eq!(accepted, verifies(&point, &e, &bytes));
    }

    #[test]
    fn ciphertexts(d in private(), k in nonzero(), message in prop::collection::vec(any::<u8>(), 1..100)) {
        let (private, public, point) = keys(&d);
        let Some(expected) = naive::encrypt(&point, &message, &k) else { return Ok(()) };
        let made = hazmat::encrypt_with_nonce(&public, &message, secret(&k)).unwrap();
        prop_assert_eq!(&made.to_c1c3c2()[1..], &expected[..]);
        prop_assert_eq!(&pke::decrypt(&private, &made).unwrap()[..], &message[..]);
        let ours = pke::encrypt(&public, &message, &mut getrandom()).unwrap();
        prop_assert_eq!(naive::decrypt(&d, &ours.to_c1c3c2()[1..]), Some(message));
    }
}

fn getrandom() -> cosign_tests::random::Seeded {
    use std::hash::{BuildHasher, RandomState};
    cosign_tests::random::Seeded::new(RandomState::new().hash_one(0))
}

fn signature_bytes(r: &BigUint, s: &BigUint) -> [u8; 64] {
    [naive::bytes(r), naive::bytes(s)].concat().try_into().unwrap()
}

fn verifies(point: &Point, e: &[u8; 32], signature: &[u8; 64]) -> bool {
    naive::verify(point, e, &naive::int(&signature[..32]), &naive::int(&signature[32..]))
}

/// The private key that nobody has.
fn joint_key(pair: &Pair) -> BigUint {
    let client = naive::client_share(&pair.record.to_bytes()[..], PIN, &pair.device_key.expose_bytes());
    let server = naive::int(&pair.server_record().share.expose_bytes()[..32]);
    naive::joint_key(&client, &server)
}

fn digests(count: u16) -> Vec<Digest> {
    (0..count).map(|index| Digest::reduce(&sm_primitives::sm3::digest(&index.to_be_bytes()))).collect()
}

#[test]
fn two_parties_decrypt_as_one_would() {
    for seed in 0..3 {
        let mut pair = Pair::active(Suite::D, Purpose::Encrypt, seed);
        let d = joint_key(&pair);
        let messages = [&b"x"[..], &[7; 32], &[9; 300]];
        let ciphertexts =
            messages.map(|message| pke::encrypt(pair.key.public_key(), message, &mut pair.rng).unwrap());
        let (frame, waiting) = decrypt::start(&pair.key, &ciphertexts, NOW, &mut pair.rng).unwrap();
        let answer = pair.server.handle(&frame, &DEVICE, NOW, &mut pair.rng);
        let opened = done(waiting.finish(&answer).unwrap());
        for ((plain, message), ciphertext) in opened.plaintexts.iter().zip(messages).zip(&ciphertexts) {
            assert_eq!(plain[..], *message);
            assert_eq!(naive::decrypt(&d, &Ciphertext::to_c1c3c2(ciphertext)[1..]).as_deref(), Some(message));
        }
    }
}

#[test]
fn no_changed_answer_gives_a_signature() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 50);
    let digests = digests(2);
    let Pair { server, key, rng, .. } = &mut pair;
    let (other, _waiting) = sign::start(key, &digests, NOW, 90, rng).unwrap();
    let other = server.handle(&other, &DEVICE, NOW, rng);
    for bit in (0..8 * other.len()).step_by(7) {
        // The same session again and again: its randomness comes from the same seed.
        let mut rng = cosign_tests::random::Seeded::new(51);
        let (frame, waiting) = sign::start(key, &digests, NOW, 91, &mut rng).unwrap();
        let answer = server.handle(&frame, &DEVICE, NOW, &mut rng);
        let mut changed = answer.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        match waiting.finish(&changed) {
            // The number of failures is shown to the user and decides nothing.
            Ok(_) => assert_eq!(bit / 8, 3, "bit {bit}"),
            Err(Error::ApiMisuse(_) | Error::RandomFailed) => panic!("bit {bit}: the client blames itself"),
            Err(_) => {}
        }
        for wrong in [&answer[..answer.len() - 1], &[&answer[..], &[0]].concat(), &other] {
            let mut rng = cosign_tests::random::Seeded::new(51);
            let (_, waiting) = sign::start(key, &digests, NOW, 91, &mut rng).unwrap();
            assert!(waiting.finish(wrong).is_err());
        }
    }
}
