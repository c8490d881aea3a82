//! M3: a client that has one digest logged and wants a signature on another.
//!
//! It shifts its nonce points by multiples of G. The shifts come back in the signature's digest, multiplied by the
//! factors: without factors the client chooses the digest, with them the digest is as good as random.

use cosign_core::Purpose;
use cosign_tests::{
    frames::{self, Facts},
    model::{NOW, Pair},
    random::Seeded,
    vectors::{self, Leaves},
};
use sm_primitives::{
    PublicPoint, Scalar, batch,
    sm2::{PreparedKey, Signature, dsa::many},
};

use crate::{
    algebra::{point, random, scalar, secret, signature, times_g, verifies},
    mutants::{self, Scheme},
    parties::{Item, Shares, ask, binding_factors, facts, laid_open, read_answer, request_hash, to_scalar},
};

const BATCH: usize = 256;

/// What comes of one item.
struct Reply {
    factors: (Scalar, Scalar),
    s2: Scalar,
    /// `(e, r)` in the log.
    logged: (Scalar, Scalar),
}

trait Server {
    fn sign(&mut self, items: &[Item]) -> Vec<Reply>;
}

struct Product {
    pair: Pair,
    facts: Facts,
}

impl Server for Product {
    fn sign(&mut self, items: &[Item]) -> Vec<Reply> {
        let bytes: Vec<u8> = items.iter().flat_map(|item| item.to_bytes()).collect();
        let sid = self.pair.rng.bytes(16).try_into().unwrap();
        let frame = frames::request(&self.facts, 1, sid, NOW, &bytes);
        let answers = read_answer(&ask(&mut self.pair, &frame));
        let h_req = request_hash("req", &frame, self.pair.key.public_key());
        let audit = self.pair.server.audit.last().unwrap();
        assert_eq!(audit.h_req, h_req);
        let replies = answers.iter().zip(&audit.signatures).enumerate();
        let replies = replies.map(|(index, ((k2, s2), (e, r)))| Reply {
            factors: binding_factors(&h_req, index, k2),
            s2: *s2,
            logged: (scalar(e.as_bytes()), scalar(r)),
        });
        replies.collect()
    }
}

/// The server of a weak scheme.
struct Mutant(Scheme, Shares, Seeded);

impl Server for Mutant {
    fn sign(&mut self, items: &[Item]) -> Vec<Reply> {
        let Self(scheme, keys, rng) = self;
        let replies = items.iter().enumerate().map(|(index, item)| {
            let (k2, s2, r) = mutants::respond(*scheme, keys, index, item, random(rng));
            Reply { factors: scheme.factors(keys, index, item, &k2), s2, logged: (item.digest, r) }
        });
        replies.collect()
    }
}

/// What the attacker tried for one item and what the algebra makes of it.
struct Attempt {
    logged: Scalar,
    /// The digest that the signature is valid for.
    reached: Scalar,
    signature: Signature,
}

/// One batch of shifted items, each with another digest to be logged; all want the same digest signed.
fn attack(server: &mut impl Server, keys: &Shares, wanted: Scalar, rng: &mut Seeded) -> Vec<Attempt> {
    let mut draw = || -> Vec<_> { (0..BATCH).map(|_| random(rng)).collect() };
    let (digests, nas, nbs, noise) = (draw(), draw(), draw(), draw());
    let over_base = |nonces: &[Scalar]| {
        batch::mul_each(&keys.base, &nonces.iter().map(|nonce| secret(*nonce)).collect::<Vec<_>>())
    };
    let points: Vec<_> = over_base(&nas).into_iter().zip(over_base(&nbs)).collect();
    // On the first point, on the second, on both, and anything at all.
    let shifts: Vec<_> = digests
        .iter()
        .zip(noise)
        .enumerate()
        .map(|(index, (digest, noise))| {
            let shift = *digest - wanted;
            [[shift, Scalar::ZERO], [Scalar::ZERO, shift], [shift, shift], [shift, noise]][index % 4]
        })
        .collect();
    let shifted = |point: PublicPoint, shift: Scalar| {
        if shift.is_zero() { point } else { point.add(&times_g(shift)).unwrap() }
    };
    let items: Vec<_> = digests
        .iter()
        .zip(points)
        .zip(&shifts)
        .map(|((&digest, (qa, qb)), [a, b])| Item { digest, qa: shifted(qa, *a), qb: shifted(qb, *b) })
        .collect();
    let replies = server.sign(&items);
    let attempts = replies.iter().enumerate().map(|(index, reply)| {
        let ((b1, b2), (logged, r)) = (reply.factors, reply.logged);
        let t = b1 * nas[index] + b2 * nbs[index] + keys.client * reply.s2;
        let moved = b1 * shifts[index][0] + b2 * shifts[index][1];
        Attempt { logged, reached: logged - moved, signature: signature(r - moved, t).unwrap() }
    });
    attempts.collect()
}

/// How many of the signatures are valid for the digest that `of` names.
fn valid(keys: &Shares, attempts: &[Attempt], of: impl Fn(&Attempt) -> Scalar) -> usize {
    let claims: Vec<_> = attempts.iter().map(|attempt| (of(attempt).to_bytes(), attempt.signature)).collect();
    many::verify_digests_prepared(&PreparedKey::new(&keys.public), &claims)
        .iter()
        .filter(|outcome| outcome.is_ok())
        .count()
}

fn wanted() -> Scalar {
    to_scalar(b"wanted", b"a contract that nobody logged")
}

#[test]
fn m3_the_product_signs_no_chosen_digest() {
    const BATCHES: usize = 64;
    let (pair, keys) = laid_open(Purpose::Sign, 301);
    let mut rng = Seeded::new(302);
    let facts = facts(&pair);
    let mut product = Product { pair, facts };
    for _ in 0..BATCHES {
        let attempts = attack(&mut product, &keys, wanted(), &mut rng);
        assert_eq!(valid(&keys, &attempts, |_| wanted()), 0);
        assert_eq!(valid(&keys, &attempts, |attempt| attempt.logged), 0);
        // The algebra is right: each is valid for a digest that only the factors decide.
        assert_eq!(valid(&keys, &attempts, |attempt| attempt.reached), BATCH);
        assert!(attempts.iter().all(|attempt| attempt.reached != wanted()));
    }
}

#[test]
fn m3_mutant_without_factors_signs_the_chosen_digest() {
    let mut rng = Seeded::new(303);
    let keys = Shares::new(random(&mut rng), random(&mut rng));
    let mut mutant = Mutant(Scheme::Unbound, keys, Seeded::new(304));
    let attempts = attack(&mut mutant, &keys, wanted(), &mut rng);
    // All that shift the only point that the scheme has.
    assert_eq!(valid(&keys, &attempts, |_| wanted()), BATCH * 3 / 4);
    assert!(attempts.iter().all(|attempt| attempt.logged != wanted()));
}

/// Factors of 6 bits: one in 64 has the right one by chance.
#[test]
fn m3_mutant_with_short_factors_signs_it_now_and_then() {
    let mut rng = Seeded::new(305);
    let keys = Shares::new(random(&mut rng), random(&mut rng));
    let mut mutant = Mutant(Scheme::ShortFactors, keys, Seeded::new(306));
    let attempts: Vec<_> = (0..4).flat_map(|_| attack(&mut mutant, &keys, wanted(), &mut rng)).collect();
    let signed = valid(&keys, &attempts, |_| wanted());
    assert!((1..64).contains(&signed), "{signed} of {}", attempts.len());
}

/// A transcript that others made with the scheme without factors. Its point is over `PB`, so `k1 = na / dA`.
#[test]
fn m3_recorded_misbinding_is_made_again() {
    let vector = vectors::load("cosign/attack_B_misbinding");
    let common = vectors::load("cosign/common");
    let keys = Shares::new(scalar(&common.bytes("/dA")), scalar(&common.bytes("/dB")));
    let [k1, a, k2, seen, forged] = ["/k1", "/a", "/k2", "/e_seen_by_server", "/e_forged"]
        .map(|name| Scalar::reduce(&vector.array(name)));
    let q1 = point(&common.bytes("/P_B")).mul_vartime(&k1).unwrap().add(&times_g(a)).unwrap();
    assert_eq!(q1.to_bytes(), vector.array("/Q1"));
    let item = Item { digest: seen, qa: q1, qb: q1 };
    let (point, s2, r) = mutants::respond(Scheme::Unbound, &keys, 0, &item, k2);
    assert_eq!(point.to_bytes(), vector.array("/K2"));
    assert_eq!((s2.to_bytes(), r.to_bytes()), (vector.array("/s2"), vector.array("/r_server")));
    let made = signature(r - a, keys.client * (k1 + s2)).unwrap();
    assert_eq!((made.r().to_bytes(), made.s().to_bytes()), (vector.array("/r"), vector.array("/s")));
    assert!(verifies(&keys.public, forged, &made) && !verifies(&keys.public, seen, &made));
}
