//! M1 and M2: a server that saw many nonce points of a client before it chose its own.
//!
//! For every point there are two answers, so for 256 points there are 2^256 combinations of them; they are steered so
//! that their sum is a signature on a digest that the client never saw. Source: Benhamouda, Lepoint, Loss, Orru,
//! Raykova, "On the (in)security of ROS" (2020), section 5, carried over to SM2. Every answer is one that an honest
//! server could have given, and every signature that the client gets is right.

use cosign_core::Purpose;
use cosign_tests::{
    random::Seeded,
    vectors::{self, Leaves},
};
use sm_primitives::{
    PublicPoint, Scalar,
    sm2::{DistId, Signature},
};

use crate::{
    algebra::{inverse, random, scalar, signature, small, sum, t_of, times_g, verifies},
    mutants::{self, Scheme},
    parties::{Item, Shares, laid_open, to_scalar},
    victims::{Product, Victim},
};

const POINTS: usize = 256;

/// One way to answer some items: the nonces, and weights with `sum(weight * t) * B = N + h * G`.
struct Way {
    k2s: Vec<(usize, Scalar)>,
    weights: Vec<(usize, Scalar)>,
    h: Scalar,
}

/// Items with two ways to answer them and one client point `N` that, as the attack needs it, is behind both.
struct Choice {
    n: PublicPoint,
    ways: [Way; 2],
}

/// `k2 + r` of an item: what the server knows of the exponent.
fn exponent(victim: &impl Victim, index: usize, nonce: Scalar) -> Scalar {
    let k2 = times_g(nonce);
    let (Item { digest, qa, qb }, (b1, b2)) = (victim.item(index), victim.factors(index, &k2));
    nonce + digest + sum(&[(b1, qa), (b2, qb), (Scalar::ONE, k2)]).unwrap().x_scalar()
}

/// `b2 / b1` and `1 / b1`: the direction of the client's point.
fn direction(victim: &impl Victim, index: usize, nonce: Scalar) -> (Scalar, Scalar) {
    let (b1, b2) = victim.factors(index, &times_g(nonce));
    let scale = inverse(b1);
    (b2 * scale, scale)
}

/// Two answers to one item with the same direction, among `tries`; the last two if there are none.
fn choice(victim: &impl Victim, index: usize, tries: usize, nonces: &mut impl FnMut() -> Scalar) -> Choice {
    let mut seen: Vec<(Scalar, (Scalar, Scalar))> = Vec::new();
    let (mut first, mut second) = (0, 0);
    while second + 1 < tries.max(2) {
        let nonce = nonces();
        seen.push((nonce, direction(victim, index, nonce)));
        second = seen.len() - 1;
        first = second.saturating_sub(1);
        if let Some(same) = seen[..second].iter().position(|known| known.1.0 == seen[second].1.0) {
            first = same;
            break;
        }
    }
    let Item { qa, qb, .. } = victim.item(index);
    let ways = [first, second].map(|way| {
        let (nonce, (_, scale)) = seen[way];
        let h = exponent(victim, index, nonce) * scale;
        Way { k2s: vec![(index, nonce)], weights: vec![(index, scale)], h }
    });
    Choice { n: sum(&[(Scalar::ONE, qa), (seen[first].1.0, qb)]).unwrap(), ways }
}

/// Two answers to two items that share their second point: a combination of the items has the same direction in both.
fn shared_choice(victim: &impl Victim, first: usize, rng: &mut Seeded) -> Choice {
    let items = [first, first + 1];
    let nonces = [0, 1].map(|_| items.map(|_| random(rng)));
    let directions = nonces.map(|nonces| [0, 1].map(|item| direction(victim, items[item], nonces[item])));
    let ratio = |way: usize, item: usize| directions[way][item].0;
    // Factors of the first points, such that the second point's is the same both ways.
    let a = [ratio(1, 1) - ratio(0, 1), ratio(0, 0) - ratio(1, 0)];
    let ways = [0, 1].map(|way| {
        let weights = [0, 1].map(|item| (items[item], a[item] * directions[way][item].1));
        let h = weights.iter().zip(nonces[way]).fold(Scalar::ZERO, |sum, ((index, weight), nonce)| {
            sum + exponent(victim, *index, nonce) * *weight
        });
        Way { k2s: items.into_iter().zip(nonces[way]).collect(), weights: weights.to_vec(), h }
    });
    let qb = a[0] * ratio(0, 0) + a[1] * ratio(0, 1);
    let (one, two) = (victim.item(first), victim.item(first + 1));
    Choice { n: sum(&[(a[0], one.qa), (a[1], two.qa), (qb, one.qb)]).unwrap(), ways }
}

/// What the attack ends with.
struct Outcome {
    /// The client's own signatures.
    released: Vec<Signature>,
    forged: Signature,
    /// Which way was chosen for each choice.
    bits: [u8; 32],
    point: PublicPoint,
}

/// The solver: one bit of the target for each choice, whose ways differ by exactly that power of two.
fn forge(victim: impl Victim, choices: &[Choice], target: Scalar) -> Option<Outcome> {
    assert_eq!(choices.len(), POINTS);
    let mut power = Scalar::ONE;
    let weights: Vec<_> = choices
        .iter()
        .map(|Choice { ways: [zero, one], .. }| {
            let weight = power * inverse(one.h - zero.h);
            power = power + power;
            weight
        })
        .collect();
    let terms: Vec<_> = weights.iter().copied().zip(choices.iter().map(|choice| choice.n)).collect();
    let point = sum(&terms)?;
    let r = target + point.x_scalar();
    let zeros =
        weights.iter().zip(choices).fold(Scalar::ZERO, |sum, (w, choice)| sum + *w * choice.ways[0].h);
    let bits = (r - zeros).to_bytes();
    let chosen: Vec<_> = choices
        .iter()
        .enumerate()
        .map(|(index, choice)| &choice.ways[usize::from(bits[31 - index / 8] >> (index % 8) & 1)])
        .collect();

    let mut k2s: Vec<_> = chosen.iter().flat_map(|way| way.k2s.iter().copied()).collect();
    k2s.sort_by_key(|(index, _)| *index);
    let k2s: Vec<_> = k2s.into_iter().map(|(_, nonce)| nonce).collect();
    let released = victim.finish(&k2s)?;
    let t = chosen.iter().zip(weights).fold(Scalar::ZERO, |sum, (way, w)| {
        let u = way.weights.iter().map(|(index, weight)| t_of(&released[*index]) * *weight);
        u.fold(sum, |sum, u| sum + u * w)
    });
    Some(Outcome { released, forged: signature(r, t)?, bits, point })
}

fn target() -> Scalar {
    to_scalar(b"target", b"transfer everything")
}

fn attack(victim: impl Victim, tries: usize, rng: &mut Seeded) -> Option<Outcome> {
    let choices: Vec<_> =
        (0..POINTS).map(|index| choice(&victim, index, tries, &mut || random(rng))).collect();
    forge(victim, &choices, target())
}

fn attack_shared(victim: impl Victim, rng: &mut Seeded) -> Option<Outcome> {
    let choices: Vec<_> = (0..POINTS).map(|pair| shared_choice(&victim, 2 * pair, rng)).collect();
    forge(victim, &choices, target())
}

fn mutant(scheme: Scheme, items: usize, rng: &mut Seeded) -> (mutants::Client, Shares) {
    let keys = Shares::new(random(rng), random(rng));
    let digests: Vec<_> = (0..items).map(|_| random(rng)).collect();
    (mutants::Client::start(scheme, keys, &digests, rng), keys)
}

/// The client got what it asked for, and the server got a signature that the client knows nothing of.
fn assert_falls(outcome: Option<Outcome>, keys: &Shares, items: usize) {
    let outcome = outcome.expect("the client accepts every answer");
    assert_eq!(outcome.released.len(), items);
    assert!(verifies(&keys.public, target(), &outcome.forged));
}

/// The client got what it asked for, and nothing else came of it.
fn assert_stands(outcome: Option<Outcome>, keys: &Shares, items: usize) {
    let outcome = outcome.expect("the client accepts every answer");
    assert_eq!(outcome.released.len(), items);
    assert!(!verifies(&keys.public, target(), &outcome.forged));
}

#[test]
fn m1_mutant_lin_in_a_batch_falls() {
    let mut rng = Seeded::new(101);
    let (client, keys) = mutant(Scheme::Lin, POINTS, &mut rng);
    assert_falls(attack(client, 2, &mut rng), &keys, POINTS);
}

#[test]
fn m1_mutant_with_one_factor_falls() {
    let mut rng = Seeded::new(102);
    let (client, keys) = mutant(Scheme::OneFactor, POINTS, &mut rng);
    assert_falls(attack(client, 2, &mut rng), &keys, POINTS);
}

/// Two factors help by their length: of 6 bits each, a few dozen tries find the same direction again.
#[test]
fn m1_mutant_with_short_factors_falls() {
    let mut rng = Seeded::new(103);
    let (client, keys) = mutant(Scheme::ShortFactors, POINTS, &mut rng);
    assert_falls(attack(client, 4096, &mut rng), &keys, POINTS);
}

#[test]
fn m1_one_batch_of_the_product_stands() {
    let mut rng = Seeded::new(104);
    let (pair, keys) = laid_open(Purpose::Sign, 104);
    let client = Product::start(&pair, keys, 1, POINTS, &mut rng);
    assert_stands(attack(client, 64, &mut rng), &keys, POINTS);
}

#[test]
fn m1_many_sessions_of_the_product_stand() {
    let mut rng = Seeded::new(105);
    let (pair, keys) = laid_open(Purpose::Sign, 105);
    let client = Product::start(&pair, keys, POINTS, 1, &mut rng);
    assert_stands(attack(client, 16, &mut rng), &keys, POINTS);
}

#[test]
fn m2_mutant_with_shared_points_falls() {
    let mut rng = Seeded::new(106);
    let (client, keys) = mutant(Scheme::Dual, 2 * POINTS, &mut rng);
    let client = client.with_shared_second_points();
    assert_falls(attack_shared(client, &mut rng), &keys, 2 * POINTS);
}

#[test]
fn m2_pairs_of_the_product_stand() {
    let mut rng = Seeded::new(107);
    let (pair, keys) = laid_open(Purpose::Sign, 107);
    let client = Product::start(&pair, keys, POINTS, 2, &mut rng);
    assert_stands(attack_shared(client, &mut rng), &keys, 2 * POINTS);
}

/// The transcripts that others made with the same attack on the same weak schemes.
#[test]
fn m1_recorded_forgeries_are_made_again() {
    for (name, scheme) in [("L", Scheme::Lin), ("Bp", Scheme::OneFactor)] {
        let vector = vectors::load(&format!("cosign/attack_ROS_{name}"));
        let keys = Shares::new(scalar(&vector.bytes("/dA")), scalar(&vector.bytes("/dB")));
        assert_eq!(keys.public.as_point().to_bytes(), vector.array("/P"));
        let drawn = |label: String| to_scalar(b"COSIGN-TEST-VECTOR", label.as_bytes());
        let digest = |message: &[u8]| Scalar::reduce(&DistId::default().digest(&keys.public, message));
        let digests: Vec<_> = (0..POINTS).map(|i| digest(format!("doc{i}").as_bytes())).collect();
        let nonces = (0..POINTS).map(|i| [drawn(format!("ros/{name}/k1/{i}")), small(1)]).collect();
        let client = mutants::Client::with_nonces(scheme, keys, &digests, nonces);
        let choices: Vec<_> = (0..POINTS)
            .map(|i| {
                let mut way = 0..;
                let mut options = || drawn(format!("ros/{name}/k/{i}/{}", way.next().unwrap_or(0)));
                choice(&client, i, 2, &mut options)
            })
            .collect();
        let target = digest(vector.text("/target_message").as_bytes());
        let outcome = forge(client, &choices, target).unwrap();
        assert!(verifies(&keys.public, target, &outcome.forged));
        assert_eq!(outcome.point.to_bytes(), vector.array("/R_star"));
        let bits = vector.text("/choice_bits_hex_little_endian_int");
        assert_eq!(outcome.bits.map(|byte| format!("{byte:02x}")).concat(), bits.trim_start_matches("0x"));
        assert_eq!(outcome.forged.r().to_bytes(), vector.array("/forged_r"));
        assert_eq!(outcome.forged.s().to_bytes(), vector.array("/forged_s"));
        for (made, recorded) in outcome.released.iter().zip(vector.list("/legit_signatures_r_s")) {
            assert_eq!(made.to_bytes(), recorded.array(""));
        }
    }
}
