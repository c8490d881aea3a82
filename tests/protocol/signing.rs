//! P1, P2, P3, P9.

use cosign_core::{Digest, Purpose, Suite, sign};
use cosign_tests::{
    model::{DEVICE, NOW, PIN, Pair, done},
    naive::{self, G, N, Point, int},
    random::Seeded,
};
use num_bigint::BigUint;
use proptest::{prelude::*, test_runner::TestRunner};
use sm_primitives::{
    PublicPoint, Scalar,
    sm2::{PreparedKey, dsa::many},
    sm3,
};

use crate::{cases, digest};

/// Random bytes that are known in advance and not the same for two cases.
fn rng(seed: u64) -> Seeded {
    Seeded::new(seed)
}

/// P1 and P3: every signature is valid and logged with its `r`; every answer satisfies `s2*PB = K2 + r*G`, with
/// `PB = dB^-1*G`.
#[test]
fn signatures_are_valid_and_answers_satisfy_the_servers_equation() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 1);
    let share = pair.server_record().share.expose_bytes();
    let inverse = Scalar::from_bytes(share[32..64].try_into().unwrap()).unwrap();
    let pb = PublicPoint::generator().mul_vartime(&inverse).unwrap();
    let prepared = PreparedKey::new(pair.key.public_key());
    let public = Point::from_bytes(&pair.key.public_key().as_point().to_bytes());
    let strategy = (prop::collection::vec(digest(), 1..=256), any::<u64>());
    let pair = std::cell::RefCell::new(&mut pair);
    let signed = std::cell::Cell::new(0);
    TestRunner::new(cases(90))
        .run(&strategy, |(digests, seed)| {
            let mut pair = pair.borrow_mut();
            let Pair { server, key, .. } = &mut **pair;
            let mut rng = rng(seed);
            let (frame, waiting) = sign::start(key, &digests, NOW, seed, &mut rng).unwrap();
            let answer = server.handle(&frame, &DEVICE, NOW, &mut rng);
            let signatures = done(waiting.finish(&answer).unwrap()).signatures;
            prop_assert_eq!(signatures.len(), digests.len());

            let log = &server.audit.last().unwrap().signatures;
            for (((item, signature), digest), (e, r)) in
                answer[22..].chunks(96).zip(&signatures).zip(&digests).zip(log)
            {
                prop_assert_eq!((e, *r), (digest, signature.r().to_bytes()));
                let k2 = PublicPoint::from_bytes(item[..64].try_into().unwrap()).unwrap();
                let s2 = Scalar::from_bytes(item[64..].try_into().unwrap()).unwrap();
                // s2*PB - r*G.
                let sum = PublicPoint::mul_base_add_vartime(&-*signature.r(), &pb, &s2);
                prop_assert_eq!(sum, Some(k2));
            }
            let claims: Vec<_> =
                digests.iter().map(|digest| *digest.as_bytes()).zip(signatures.iter().copied()).collect();
            prop_assert!(many::verify_digests_prepared(&prepared, &claims).iter().all(Result::is_ok));
            // One of them by the textbook, which shares no code with the engines.
            let one = usize::try_from(seed).unwrap_or(0) % claims.len();
            let (r, s) = (int(&claims[one].1.r().to_bytes()), int(&claims[one].1.s().to_bytes()));
            prop_assert!(naive::verify(&public, &claims[one].0, &r, &s));
            signed.set(signed.get() + claims.len());
            server.cache.purge(u64::MAX);
            server.audit.clear();
            Ok(())
        })
        .unwrap();
    assert!(signed.get() > 5000, "{} signatures", signed.get());
}

/// `b1, b2` of an item.
fn factors(h_req: &[u8; 32], index: u16, k2: &[u8]) -> (BigUint, BigUint) {
    let mut tag = b"SM2-COSIGN-D-V1/bind".to_vec();
    tag.resize(64, 0);
    let hash = sm3::digest(&[&tag[..], h_req, &index.to_be_bytes(), k2].concat());
    (int(&hash[..16]), int(&hash[16..]))
}

/// P2 and P9: the answer of a batch is, item by item, what the textbook gives for the same nonces, and the signature is
/// that of one signer with `d` and the nonce `k = (b1*na + b2*nb)*(1 + d) + k2`.
#[test]
fn two_parties_sign_as_one_with_the_joint_nonce() {
    let mut pair = Pair::active(Suite::D, Purpose::Sign, 2);
    let client = naive::client_share(&pair.record.to_bytes()[..], PIN, &pair.device_key.expose_bytes());
    let server_share = int(&pair.server_record().share.expose_bytes()[..32]);
    let d = naive::joint_key(&client, &server_share);
    let n = &*N;
    for (counter, count) in (7u64..).zip([1u16, 2, 5]) {
        let Pair { server, key, .. } = &mut pair;
        let digests: Vec<_> = (0..count).map(|i| Digest::reduce(&sm3::digest(&i.to_be_bytes()))).collect();
        let (mut of_client, mut of_server) = (rng(counter), rng(counter + 100));
        let (frame, waiting) = sign::start(key, &digests, NOW, counter, &mut of_client.clone()).unwrap();
        let answer = server.handle(&frame, &DEVICE, NOW, &mut of_server.clone());
        let signatures = done(waiting.finish(&answer).unwrap()).signatures;
        let h_req = server.audit.last().unwrap().h_req;

        let sid = of_client.bytes(16);
        let time = [NOW.to_be_bytes(), counter.to_be_bytes()].concat();
        for index in 0..count {
            let at = usize::from(index);
            let number = index.to_be_bytes();
            let [na, nb] = [b"a", b"b"].map(|which| {
                let e = digests[at].as_bytes();
                let drawn = of_client.bytes(32);
                let input = [&drawn[..], &naive::bytes(&client), &sid, &time, &number, e, which];
                naive::to_scalar("nonce-c", &input.concat())
            });
            let drawn = of_server.bytes(48);
            let k2 =
                naive::to_scalar("nonce-s", &[&drawn[..], &server.nonce_key, &h_req, &number, &[0]].concat());
            let point = G.mul(&k2).to_bytes();
            let (b1, b2) = factors(&h_req, index, &point);
            let k = ((b1 * na + b2 * nb) % n * (&d + 1u32) + &k2) % n;

            let (r, s) = naive::sign(&d, digests[at].as_bytes(), &k).unwrap();
            let s2 = &server_share * (&k2 + &r) % n;
            assert_eq!(answer[22 + 96 * at..][..96], [&point[..], &naive::bytes(&s2)].concat());
            let made = &signatures[at];
            assert_eq!((made.r().to_bytes(), made.s().to_bytes()), (naive::bytes(&r), naive::bytes(&s)));
        }
    }
}
