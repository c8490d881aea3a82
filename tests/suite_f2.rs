//! Signing with suite F2 against a naive producer of its frames, byte for byte.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a failed test")]

use cosign_core::{Digest, Progress, Purpose, Suite, sign};
use cosign_tests::{
    model::{DEVICE, NONCE_KEY, NOW, PIN, Pair},
    naive::{
        self, G,
        commit::{Draws, Key, Transcript, transcript},
    },
    random::Seeded,
    vectors,
};
use num_bigint::BigUint;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Both shares of a key.
fn key(pair: &Pair) -> Key {
    let share = pair.server_record().share.expose_bytes();
    Key {
        key_id: *pair.key.key_id().as_bytes(),
        epoch: pair.key.epoch(),
        client: naive::client_share(&pair.record.to_bytes()[..], PIN, &pair.device_key.expose_bytes()),
        server: naive::int(&share[..32]),
        auth: share[64..].try_into().unwrap(),
    }
}

/// Plays the session with the engines and compares every frame.
fn compare(pair: &mut Pair, digests: &[Digest], draws: &Draws<'_>, expected: &Transcript) {
    let Pair { server, key, .. } = pair;
    let mut client_draws = Seeded::after(draws.client, 0);
    let (m1, waiting) = sign::start(key, digests, draws.ts_ms, draws.counter, &mut client_draws).unwrap();
    assert_eq!(m1, expected.m1);
    let mut server_draws = Seeded::after(draws.server, 0);
    let m2 = server.handle(&m1, &DEVICE, NOW, &mut server_draws);
    assert_eq!(m2, expected.m2);
    let Progress::Next(waiting) = waiting.finish(&m2).unwrap() else { panic!("the session goes on") };
    assert_eq!(waiting.frame(), expected.m3);
    let m4 = server.handle(waiting.frame(), &DEVICE, NOW, &mut server_draws);
    assert_eq!(m4, expected.m4);
    let Progress::Done(signed) = waiting.finish(&m4).unwrap() else { panic!("the session is over") };
    let signatures = signed.signatures.iter().map(|s| (s.r().to_bytes(), s.s().to_bytes()));
    let known = expected.signatures.iter().map(|(r, s)| (naive::bytes(r), naive::bytes(s)));
    assert!(signatures.eq(known));
    // Nothing was drawn but what was given.
    for mut draws in [client_draws, server_draws] {
        assert_eq!(draws.word(), Seeded::new(0).word());
    }
}

fn digests(draws: &mut Seeded, count: usize) -> Vec<Digest> {
    (0..count).map(|_| Digest::reduce(&draws.bytes(32).try_into().unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn frames_and_signatures_are_those_of_the_producer(seed: u64, count in 1usize..6, counter: u64, early in 0u64..120_000) {
        let mut pair = Pair::active(Suite::F2, Purpose::Sign, seed);
        let mut draws = Seeded::new(!seed);
        let digests = digests(&mut draws, count);
        let plain: Vec<_> = digests.iter().map(|digest| *digest.as_bytes()).collect();
        let (client, server) = (draws.bytes(16 + 32 * count + 32), draws.bytes(48 * count));
        let draws = Draws { ts_ms: NOW - early, counter, client: &client, server: &server, nonce_key: &NONCE_KEY };
        let secrets = key(&pair);
        let expected = transcript(&secrets, &plain, &draws, 0);
        compare(&mut pair, &digests, &draws, &expected);
        // A single signer with the joint key and the equivalent nonce makes the same signature.
        let d = naive::joint_key(&secrets.client, &secrets.server);
        for ((e, signature), k) in plain.iter().zip(&expected.signatures).zip(&expected.nonces) {
            prop_assert!(naive::verify(&G.mul(&d), e, &signature.0, &signature.1));
            prop_assert_eq!(naive::sign(&d, e, k), Some(signature.clone()));
        }
    }
}

#[test]
fn a_large_request_is_that_of_the_producer() {
    let mut pair = Pair::active(Suite::F2, Purpose::Sign, 77);
    let mut draws = Seeded::new(78);
    let digests = digests(&mut draws, 40);
    let plain: Vec<_> = digests.iter().map(|digest| *digest.as_bytes()).collect();
    let (client, server) = (draws.bytes(16 + 32 * 40 + 32), draws.bytes(48 * 40));
    let draws = Draws { ts_ms: NOW, counter: 9, client: &client, server: &server, nonce_key: &NONCE_KEY };
    let expected = transcript(&key(&pair), &plain, &draws, 0);
    assert_eq!((expected.m1.len(), expected.m2.len()), (114, 22 + 64 * 40));
    assert_eq!((expected.m3.len(), expected.m4.len()), (114 + 96 * 40, 22 + 32 * 40));
    compare(&mut pair, &digests, &draws, &expected);
}

/// The sessions of the vectors: the numbers of their items, each with its own seed.
const VECTORS: [usize; 2] = [1, 3];

/// The vectors, as the producer makes them from nothing.
fn produced() -> Value {
    let mut draws = Seeded::new(2026);
    let scalar = |draws: &mut Seeded| naive::int(&draws.bytes(32)) % (&*naive::N - 1u32) + 1u32;
    let key = Key {
        key_id: draws.bytes(16).try_into().unwrap(),
        epoch: 3,
        client: scalar(&mut draws),
        server: scalar(&mut draws),
        auth: draws.bytes(32).try_into().unwrap(),
    };
    let hex = |value: &BigUint| hex::encode(naive::bytes(value));
    let sessions = VECTORS.map(|count| {
        let digests: Vec<[u8; 32]> =
            digests(&mut draws, count).iter().map(|digest| *digest.as_bytes()).collect();
        let (client, server) = (draws.bytes(16 + 32 * count + 32), draws.bytes(48 * count));
        let nonce_key: [u8; 32] = draws.bytes(32).try_into().unwrap();
        let (ts_ms, counter) = (NOW + 1, draws.word());
        let given = Draws { ts_ms, counter, client: &client, server: &server, nonce_key: &nonce_key };
        let made = transcript(&key, &digests, &given, 2);
        json!({
            "digests": digests.iter().map(hex::encode).collect::<Vec<_>>(),
            "ts_ms": hex::encode(ts_ms.to_be_bytes()),
            "ctr": hex::encode(counter.to_be_bytes()),
            "client_randomness": hex::encode(&client),
            "server_randomness": hex::encode(&server),
            "nonce_key": hex::encode(nonce_key),
            "fails_before": "02",
            "m1": hex::encode(&made.m1),
            "m2": hex::encode(&made.m2),
            "m3": hex::encode(&made.m3),
            "m4": hex::encode(&made.m4),
            "signatures": made.signatures.iter().map(|(r, s)| hex(r) + &hex(s)).collect::<Vec<_>>(),
            "equivalent_nonces": made.nonces.iter().map(hex).collect::<Vec<_>>(),
        })
    });
    json!({
        "key": {
            "key_id": hex::encode(key.key_id),
            "purpose": "01",
            "epoch": "00000003",
            "rid": "00".repeat(16),
            "P": hex::encode(G.mul(&naive::joint_key(&key.client, &key.server)).to_bytes()),
            "dA": hex(&key.client),
            "dB": hex(&key.server),
            "dB_inv": hex(&key.server.modinv(&naive::N).unwrap()),
            "K_auth": hex::encode(key.auth),
        },
        "sessions": sessions,
    })
}

/// The vectors that `cosign-core` plays, with the shares and the randomness that they give.
#[test]
fn the_vectors_are_those_of_the_producer() {
    assert_eq!(vectors::load("suite-f2/sign"), produced());
}

#[test]
#[ignore = "writes the vectors"]
fn write_the_vectors() {
    let text = serde_json::to_string_pretty(&produced()).unwrap() + "\n";
    std::fs::write(vectors::folder().join("suite-f2/sign.json"), text).unwrap();
}
