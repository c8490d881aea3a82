//! M9 and M10: a client that decrypts without end, and a server that wants to read.

use cosign_core::{
    Code, Purpose, Suite, decrypt,
    server::{LIFETIME_QUOTA, ReplayCache},
};
use cosign_tests::{
    frames::{self, Facts},
    model::{NOW, PIN, Pair},
    random::Seeded,
    vectors::{self, Leaves},
};
use sm_primitives::{
    PublicPoint, Scalar,
    sm2::{Ciphertext, pke},
};

use crate::{
    algebra::{inverse, point, random, scalar, secret},
    nonces::{SUSPICIOUS, largest_deviation},
    parties::{Shares, ask, facts, laid_open},
};

const SECRET: &[u8] = b"for the key's owner only";

/// Blinded points of one request: `T1` of each ciphertext.
fn blinded(pair: &Pair, ciphertexts: &[Ciphertext], rng: &mut Seeded) -> Vec<PublicPoint> {
    let (frame, _waiting) = decrypt::start(&pair.key, ciphertexts, NOW, rng).unwrap();
    frame[82..].chunks(64).map(point).collect()
}

/// What a server reads that takes the client's points for the ciphertexts' own: `T2 - C1 = d*C1` if they are.
fn read_along(keys: &Shares, t1: &PublicPoint, ciphertext: &Ciphertext) -> Option<Vec<u8>> {
    // dA is not in it: where T1 = dA^-1 * C1, the server's own step is the last one.
    let shared = t1.mul_secret(&secret(inverse(keys.server))).sub_public(ciphertext.c1())?;
    ciphertext.open(&shared).ok().map(|plain| plain.to_vec())
}

/// The textbook's first step, without a blind.
fn unblinded(keys: &Shares, ciphertext: &Ciphertext) -> PublicPoint {
    ciphertext.c1().mul(&secret(inverse(keys.client)))
}

#[test]
fn m10_the_server_reads_nothing() {
    let (pair, keys) = laid_open(Purpose::Encrypt, 1001);
    let mut rng = Seeded::new(1002);
    let ciphertext = pke::encrypt(pair.key.public_key(), SECRET, &mut rng).unwrap();
    let same = vec![ciphertext.clone(); 256];
    let points: Vec<_> = (0..40).flat_map(|_| blinded(&pair, &same, &mut rng)).collect();
    // Of one ciphertext, 10240 times, and nothing of it shows: no byte of the coordinates, no repetition, no relation
    // to C1 that the server could test with its share.
    let half = |at: usize| -> Vec<[u8; 32]> {
        points.iter().map(|point| point.to_bytes()[at..at + 32].try_into().unwrap()).collect()
    };
    assert!(largest_deviation(&half(0)) < SUSPICIOUS && largest_deviation(&half(32)) < SUSPICIOUS);
    let mut distinct = half(0);
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), points.len());
    assert!(points.iter().take(200).all(|t1| read_along(&keys, t1, &ciphertext).is_none()));
    let relations = [Scalar::ONE, keys.server, inverse(keys.server)];
    let multiples: Vec<_> =
        relations.iter().filter_map(|factor| ciphertext.c1().mul_vartime(factor)).collect();
    assert!(points.iter().all(|t1| !multiples.contains(t1)));
}

#[test]
fn m10_mutant_without_blinding_is_read() {
    let mut rng = Seeded::new(1003);
    let keys = Shares::new(random(&mut rng), random(&mut rng));
    let ciphertext = pke::encrypt(&keys.public, SECRET, &mut rng).unwrap();
    let t1 = unblinded(&keys, &ciphertext);
    assert_eq!(read_along(&keys, &t1, &ciphertext).as_deref(), Some(SECRET));
    // And the same ciphertext is the same request, which the statistics see.
    let bytes = vec![t1.x_bytes(); 1000];
    assert!(largest_deviation(&bytes) > SUSPICIOUS);

    // A transcript that others made. Its difference is the point from which the key stream comes.
    let vector = vectors::load("cosign/attack_unblinded_decrypt");
    let keys = vectors::load("cosign/common");
    let t2 = point(&vector.bytes("/T1")).mul(&secret(inverse(scalar(&keys.bytes("/dB")))));
    assert_eq!(t2.to_bytes(), vector.array("/T2"));
    let c1 = point(&vector.bytes("/T1")).mul(&secret(scalar(&keys.bytes("/dA"))));
    let shared = t2.sub(&c1).unwrap();
    assert_eq!(shared.to_bytes(), vector.array("/server_computes_T2_minus_C1"));
    assert_eq!(c1.mul(&secret(scalar(&keys.bytes("/d_test_only")))), shared);
}

/// The status of a request for this many decryptions.
fn oracle(pair: &mut Pair, facts: &Facts, count: usize) -> u8 {
    let sid = pair.rng.bytes(16).try_into().unwrap();
    let items = PublicPoint::generator().to_bytes().repeat(count);
    let frame = frames::request(facts, 2, sid, NOW, &items);
    ask(pair, &frame)[2]
}

fn decrypts(pair: &Pair) -> u32 {
    pair.server_record().decrypts
}

fn set_decrypts(pair: &mut Pair, count: u32) {
    pair.server.keys.values_mut().for_each(|record| record.decrypts = count);
}

#[test]
fn m9_a_key_decrypts_so_often_and_never_again() {
    let mut pair = Pair::active(Suite::D, Purpose::Encrypt, 901);
    let mut facts_now = facts(&pair);
    let (ok, quota) = (0, Code::Quota.byte());
    set_decrypts(&mut pair, LIFETIME_QUOTA - 5);
    // A request that would pass the limit fails whole and spends nothing; neither does one that is refused earlier.
    assert_eq!(oracle(&mut pair, &facts_now, 6), quota);
    let wrong_pin = Facts { auth: [0; 32], ..facts_now.clone() };
    assert_eq!(oracle(&mut pair, &wrong_pin, 1), Code::Pin.byte());
    assert_eq!(decrypts(&pair), LIFETIME_QUOTA - 5);
    assert_eq!(oracle(&mut pair, &facts_now, 4), ok);
    assert_eq!(oracle(&mut pair, &facts_now, 2), quota);
    assert_eq!(oracle(&mut pair, &facts_now, 1), ok);
    // Nothing brings it back: no refresh, no loss of the replay cache, no unlock.
    for _ in 0..2 {
        assert_eq!(oracle(&mut pair, &facts_now, 1), quota);
        pair.refresh(PIN);
        facts_now = facts(&pair);
        pair.server.cache = ReplayCache::new(1000, 1 << 20, 1000);
        assert_eq!(oracle(&mut pair, &facts_now, 1), quota);
    }
    pair.server.keys.values_mut().for_each(|record| record.gate.unlock());
    pair.refresh(PIN);
    facts_now = facts(&pair);
    assert_eq!(oracle(&mut pair, &facts_now, 256), quota);
    assert_eq!(decrypts(&pair), LIFETIME_QUOTA);
}

/// A counter that starts anew with each refresh: the client knows the factor, so both epochs are one oracle, and it
/// walks along `dB^-i * G` as far as it likes.
#[test]
fn m9_mutant_that_counts_per_epoch_is_no_limit() {
    let mut rng = Seeded::new(902);
    let db = random(&mut rng);
    let (mut left, mut factor, mut share) = (3u32, Scalar::ONE, db);
    let mut walked = PublicPoint::generator();
    let mut expected = Scalar::ONE;
    for _ in 0..10 {
        if left == 0 {
            // The refresh, with a factor that both sides know.
            let t = random(&mut rng);
            (left, factor, share) = (3, factor * t, share * inverse(t));
        }
        left -= 1;
        // dB'^-1 * T = t * dB^-1 * T.
        let answer = walked.mul_vartime(&inverse(share)).unwrap();
        walked = answer.mul_vartime(&inverse(factor)).unwrap();
        expected = expected * inverse(db);
    }
    assert_eq!(Some(walked), PublicPoint::generator().mul_vartime(&expected));
}
