//! M5: a server that looks for a pattern in the client's nonces.

use cosign_core::{Purpose, sign};
use cosign_tests::{
    model::{NOW, done},
    naive,
    random::Seeded,
};
use num_bigint::{BigInt, BigUint, Sign};
use sm_primitives::{PublicPoint, Scalar, batch};

use crate::{
    algebra::{inverse, random, secret, small, t_of, times_g},
    lattice,
    mutants::{self, Scheme},
    parties::{Request, Shares, binding_factors, digest, digests, label, laid_open, to_scalar},
};

/// How far the bytes at one place are from uniform: chi-square with 255 degrees of freedom, mean 255, deviation 22.6.
fn chi_square(bytes: impl ExactSizeIterator<Item = u8>) -> f64 {
    let expected = f64::from(u32::try_from(bytes.len()).unwrap()) / 256.0;
    let mut counts = [0u32; 256];
    bytes.for_each(|byte| counts[usize::from(byte)] += 1);
    counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum()
}

/// The largest deviation of any byte of the scalars; uniform ones stay below 400 (6 deviations).
pub(crate) fn largest_deviation(scalars: &[[u8; 32]]) -> f64 {
    (0..32).map(|place| chi_square(scalars.iter().map(|scalar| scalar[place]))).fold(0.0, f64::max)
}

pub(crate) const SUSPICIOUS: f64 = 400.0;

/// The client's nonces of 10240 items, read off its random source and checked against its points.
#[test]
fn m5_the_clients_nonces_have_no_pattern() {
    let (pair, keys) = laid_open(Purpose::Sign, 507);
    let mut rng = Seeded::new(508);
    let mut all: [Vec<[u8; 32]>; 4] = Default::default();
    for counter in 0..40u64 {
        let mut replayed = rng.clone();
        let (frame, waiting) = sign::start(&pair.key, &digests(256), NOW, counter, &mut rng).unwrap();
        let request = Request::read(&frame, &keys.public);
        assert_eq!(replayed.bytes(16), request.sid);
        let mut nonces = Vec::new();
        for index in 0..256u16 {
            for which in [b"a", b"b"] {
                let digest = digest(index.into());
                let input = [
                    &replayed.bytes(32)[..],
                    &keys.client.to_bytes(),
                    &request.sid,
                    &NOW.to_be_bytes(),
                    &counter.to_be_bytes(),
                    &index.to_be_bytes(),
                    digest.as_bytes(),
                    which,
                ];
                nonces.push(to_scalar(&label("nonce-c"), &input.concat()));
            }
        }
        let points = batch::mul_each(&keys.base, &nonces.iter().map(|n| secret(*n)).collect::<Vec<_>>());
        for (item, points) in request.items.iter().zip(points.chunks(2)) {
            assert_eq!([item.qa, item.qb], points);
        }
        // What the server sees of them: v = b1*na + b2*nb, once it has taken dA away. It has not.
        let k2s: Vec<_> = (0..256).map(|_| random(&mut rng)).collect();
        let released = done(waiting.finish(&request.answer(keys.server, &k2s)).unwrap()).signatures;
        for (index, (nonces, signature)) in nonces.chunks(2).zip(released).enumerate() {
            let k2 = times_g(k2s[index]);
            let s2 = keys.server * (k2s[index] + *signature.r());
            let v = t_of(&signature) - keys.client * s2;
            let (b1, b2) = binding_factors(&request.h_req, index, &k2);
            assert_eq!(v, b1 * nonces[0] + b2 * nonces[1]);
            for (list, value) in all.iter_mut().zip([nonces[0], nonces[1], nonces[0] - nonces[1], v]) {
                list.push(value.to_bytes());
            }
        }
    }
    for list in &all {
        assert!(largest_deviation(list) < SUSPICIOUS);
    }
    // A pattern is seen: one byte that is even for ever, four bits that are missing.
    let planted: [fn(&mut [u8; 32]); 3] = [|n| n[31] &= 0xfe, |n| n[0] &= 0x0f, |n| n[16] = n[16].max(8)];
    for plant in planted {
        let mut biased = all[0].clone();
        biased.iter_mut().for_each(plant);
        assert!(largest_deviation(&biased) > SUSPICIOUS);
    }
}

/// `t = b1*na + b2*nb + s2*dA`: what the server has of one item.
#[derive(Clone, Copy)]
struct Equation {
    t: Scalar,
    b1: Scalar,
    b2: Scalar,
    s2: Scalar,
}

fn integer(value: Scalar) -> BigInt {
    BigInt::from_bytes_be(Sign::Plus, &value.to_bytes())
}

/// Hidden number problem: `dA` from three equations whose nonces are below `2^bits`, if there is such a `dA` with
/// `dA*B = PB`.
fn short_nonces(
    equations: &[Equation; 3],
    bits: u32,
    base: &PublicPoint,
    point: &PublicPoint,
) -> Option<Scalar> {
    let first = equations[0];
    // na_i = sum(factor * nonce) + constant mod n, over the unknowns nb_1, nb_2, na_0, nb_0.
    let mut basis = vec![vec![BigInt::ZERO; 7]; 7];
    for (row, entry) in basis.iter_mut().enumerate().take(2) {
        entry[row] = BigInt::from(BigUint::clone(&naive::N));
    }
    for (column, equation) in equations[1..].iter().enumerate() {
        let scale = inverse(equation.b1);
        let c = equation.s2 * inverse(first.s2);
        basis[2 + column][column] = integer(-(equation.b2 * scale));
        basis[4][column] = integer(c * first.b1 * scale);
        basis[5][column] = integer(c * first.b2 * scale);
        basis[6][column] = integer((equation.t - c * first.t) * scale);
    }
    (2..6).for_each(|row| basis[row][row] = BigInt::from(1));
    basis[6][6] = BigInt::from(1) << bits;
    lattice::reduce(&mut basis);
    basis.iter().find_map(|row| {
        let of = |column: usize| {
            let value = if row[6].sign() == Sign::Minus { -&row[column] } else { row[column].clone() };
            let (sign, magnitude) = value.into_parts();
            let magnitude = Scalar::reduce(&naive::bytes(&(magnitude % &*naive::N)));
            if sign == Sign::Minus { -magnitude } else { magnitude }
        };
        let share = (first.t - first.b1 * of(4) - first.b2 * of(5)) * inverse(first.s2);
        (base.mul_vartime(&share) == Some(*point)).then_some(share)
    })
}

fn equations(
    keys: &Shares,
    factors: &[(Scalar, Scalar)],
    k2s: &[Scalar],
    rs: &[Scalar],
    ts: &[Scalar],
) -> [Equation; 3] {
    [0, 1, 2].map(|i| Equation {
        t: ts[i],
        b1: factors[i].0,
        b2: factors[i].1,
        s2: keys.server * (k2s[i] + rs[i]),
    })
}

#[test]
fn m5_mutant_with_short_nonces_gives_its_share_away() {
    let mut rng = Seeded::new(509);
    let keys = Shares::new(random(&mut rng), random(&mut rng));
    let digests = [0; 3].map(|_| random(&mut rng));
    let nonces = digests.map(|_| [0; 2].map(|_| small(u128::from(rng.word())))).to_vec();
    let client = mutants::Client::with_nonces(Scheme::Dual, keys, &digests, nonces);
    let k2s = [0; 3].map(|_| random(&mut rng));
    let answers = [0, 1, 2].map(|i| mutants::respond(client.scheme, &keys, i, &client.items[i], k2s[i]));
    let released = client.finish(&answers.map(|(k2, s2, _)| (k2, s2))).unwrap();
    let factors = [0, 1, 2].map(|i| client.factors(i, &answers[i].0));
    let ts: Vec<_> = released.iter().map(t_of).collect();
    let equations = equations(&keys, &factors, &k2s, &answers.map(|(.., r)| r), &ts);
    let point = times_g(inverse(keys.server));
    assert_eq!(short_nonces(&equations, 64, &keys.base, &point), Some(keys.client));
}

#[test]
fn m5_the_products_nonces_are_not_short() {
    let (pair, keys) = laid_open(Purpose::Sign, 510);
    let mut rng = Seeded::new(511);
    let point = times_g(inverse(keys.server));
    for counter in 0..8 {
        let (frame, waiting) = sign::start(&pair.key, &digests(3), NOW, counter, &mut rng).unwrap();
        let request = Request::read(&frame, &keys.public);
        let k2s = [0; 3].map(|_| random(&mut rng));
        let released = done(waiting.finish(&request.answer(keys.server, &k2s)).unwrap()).signatures;
        let factors = [0, 1, 2].map(|i| binding_factors(&request.h_req, i, &times_g(k2s[i])));
        let rs: Vec<_> = released.iter().map(|signature| *signature.r()).collect();
        let ts: Vec<_> = released.iter().map(t_of).collect();
        let equations = equations(&keys, &factors, &k2s, &rs, &ts);
        for bits in [64, 96] {
            assert_eq!(short_nonces(&equations, bits, &keys.base, &point), None);
        }
    }
}
