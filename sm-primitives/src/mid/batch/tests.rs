//! Every set of kernels, on batches of all sizes, against one multiplication at a time.

extern crate std;

use std::{println, vec, vec::Vec};

use super::{
    fixed::{Table, mul_table, verify_prepared},
    ladder::{mul_points, nonce_sums, verify},
};
use crate::{
    low::lanes::{Lanes, plain::Plain},
    mid::{
        comb::Comb,
        ops::{self, Claim, NonceSum},
        point::Affine,
        scalar::ScalarElement,
    },
};

/// Runs a check with every set of kernels that this processor has.
macro_rules! with_each_backend {
    ($check:ident) => {
        $check::<2, 9, _>(Plain);
        $check::<2, 5, _>(Plain);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use crate::low::x86_64::cpu::{Avx2, Avx512, Ifma};
            match Avx2::get() {
                Some(cpu) => $check::<4, 9, _>(cpu),
                None => println!("skipped: no AVX2"),
            }
            match Avx512::get() {
                Some(cpu) => $check::<8, 9, _>(cpu),
                None => println!("skipped: no AVX-512"),
            }
            match Ifma::get() {
                Some(cpu) => $check::<8, 5, _>(cpu),
                None => println!("skipped: no products of 52 bits"),
            }
        }
    };
}

fn bytes(p: &Affine) -> ([u8; 32], [u8; 32]) {
    (p.x.to_bytes(), p.y.to_bytes())
}

fn scalar(i: u32) -> ScalarElement {
    let mut wide = [0x5a; 48];
    wide[..4].copy_from_slice(&i.to_be_bytes());
    // Without structure.
    ScalarElement::from_wide(&wide).invert()
}

fn power_of_two(exponent: usize) -> ScalarElement {
    (0..exponent).fold(ScalarElement::ONE, |power, _| power + power)
}

/// The odd k' below n whose upper and lower halves of digits give points of equal x: A + B = k', A - B = n, where A is a
/// multiple of 2^128 and |B| < 2^128.
fn scalar_with_equal_halves() -> ScalarElement {
    // 2 A = k' + n, so k' = 2 A - n = 2 A mod n, with A the multiple of 2^128 next to n.
    let n_high = ScalarElement::from_bytes(&{
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&[
            0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ]);
        bytes
    })
    .0;
    n_high + n_high
}

/// Scalars at both ends of the range, and in the middle.
fn edge_scalars() -> Vec<ScalarElement> {
    let mut all = vec![scalar_with_equal_halves(), -scalar_with_equal_halves()];
    let mut k = ScalarElement::ONE;
    for _ in 0..70 {
        all.extend([k, -k]);
        k = k + ScalarElement::ONE;
    }
    for exponent in (8..256).step_by(31) {
        let power = power_of_two(exponent);
        all.extend([power, -power, power + ScalarElement::ONE, power - ScalarElement::ONE]);
    }
    all.extend((0..40).map(scalar));
    all
}

fn check_fixed<const L: usize, const N: usize, K: Lanes<L, N>>(cpu: K) {
    let q = ops::mul_base(&scalar(7));
    for (table, point) in [(&Table::new(Comb::base()), Affine::GENERATOR), (&Table::new(&Comb::new(&q)), q)] {
        let all = edge_scalars();
        let mut again = 0;
        for ks in [&all[..], &all[2..3], &all[5..5 + L], &all[9..10 + L], &all[20..20 + 8 * L], &[]] {
            let ks: Vec<_> = ks.iter().collect();
            let found = mul_table(cpu, table, &ks);
            assert_eq!(found.len(), ks.len());
            for (k, found) in ks.iter().zip(found) {
                match found {
                    Some(found) => assert_eq!(bytes(&found), bytes(&ops::mul(k, &point))),
                    None => again += 1,
                }
            }
        }
        // The exceptional scalars are found out, and touch no more than their own lanes.
        assert!((2..all.len()).contains(&again), "{again}");
    }
}

#[test]
fn multiples_of_fixed_points() {
    with_each_backend!(check_fixed);
}

fn check_points<const L: usize, const N: usize, K: Lanes<L, N>>(cpu: K) {
    let ks = edge_scalars();
    let qs: Vec<_> = (0..50).cycle().take(ks.len()).map(|i| ops::mul_base(&scalar(i))).collect();
    let items: Vec<_> = ks.iter().zip(&qs).collect();
    let mut again = 0;
    for items in [&items[..], &items[..1], &items[..L + 1], &[]] {
        let found = mul_points(cpu, items);
        assert_eq!(found.len(), items.len());
        for ((k, q), found) in items.iter().zip(found) {
            match found {
                Some(found) => assert_eq!(bytes(&found), bytes(&ops::mul(k, q))),
                None => again += 1,
            }
        }
    }
    assert!((1..80).contains(&again), "{again}");
}

#[test]
fn multiples_of_any_points() {
    with_each_backend!(check_points);
}

fn claims() -> Vec<Claim> {
    let scalars = edge_scalars();
    let keys: Vec<_> = (0..9).map(|i| ops::mul_base(&scalar(i))).collect();
    let mut claims = Vec::new();
    for (i, g) in scalars.iter().enumerate() {
        let k = scalars[(7 * i + 3) % scalars.len()];
        let q = keys[i % keys.len()];
        let Some(sum) = ops::mul_base_add_vartime(g, &k, &q) else { continue };
        let v = ScalarElement::from_bytes(&sum.x.to_bytes()).0;
        // Every third is false.
        let v = if i % 3 == 0 { v + ScalarElement::ONE } else { v };
        claims.push(Claim { g: *g, k, q, v });
    }
    // Of the key G: the sum is a double, is the identity, or has equal halves.
    let (g, one) = (Affine::GENERATOR, ScalarElement::ONE);
    for (a, b) in [(one, one), (one, -one), (scalar(3), scalar(3)), (scalar(3), -scalar(3))] {
        let v = ops::mul_base_add_vartime(&a, &b, &g)
            .map_or(ScalarElement::ZERO, |sum| ScalarElement::from_bytes(&sum.x.to_bytes()).0);
        claims.push(Claim { g: a, k: b, q: g, v });
    }
    claims
}

fn check_claims(claims: &[Claim], found: Vec<Option<bool>>) -> usize {
    assert_eq!(found.len(), claims.len());
    let mut again = 0;
    for (claim, found) in claims.iter().zip(found) {
        match found {
            Some(found) => assert_eq!(found, ops::verify_vartime(&claim.g, &claim.k, &claim.q, &claim.v)),
            None => again += 1,
        }
    }
    again
}

fn check_verify<const L: usize, const N: usize, K: Lanes<L, N>>(cpu: K) {
    let claims = claims();
    for claims in [&claims[..], &claims[10..11], &claims[10..11 + L], &[]] {
        let again = check_claims(claims, verify(cpu, claims));
        assert!(again <= claims.len() / 2, "{again}");
    }
    assert!(check_claims(&claims, verify(cpu, &claims)) >= 4);
}

#[test]
fn claims_about_many_keys() {
    with_each_backend!(check_verify);
}

fn check_verify_prepared<const L: usize, const N: usize, K: Lanes<L, N>>(cpu: K) {
    let claims = claims();
    for q in [claims[1].q, Affine::GENERATOR] {
        let comb = Comb::new(&q);
        let own: Vec<_> = claims.iter().filter(|claim| bytes(&claim.q) == bytes(&q)).copied().collect();
        for own in [&own[..], &own[..1]] {
            check_claims(own, verify_prepared(cpu, &comb, own));
        }
        // All claims, most of them false for this key.
        let all: Vec<_> = claims.iter().map(|claim| Claim { q, ..*claim }).collect();
        check_claims(&all, verify_prepared(cpu, &comb, &all));
    }
}

#[test]
fn claims_about_one_key() {
    with_each_backend!(check_verify_prepared);
}

fn check_nonce_sums<const L: usize, const N: usize, K: Lanes<L, N>>(cpu: K) {
    let point = |i: u32| ops::mul_base(&scalar(i));
    let mut items = Vec::new();
    let factors =
        [1, 2, 3, 16, 31, 32, 33, u128::MAX, u128::MAX - 1, 1 << 127, 0x1234_5678_9abc_def0 << 64 | 0x0fed];
    for (i, b1) in (0..).zip(factors) {
        for (j, b2) in (0..).zip(factors) {
            items.push(NonceSum { b: [b1, b2], q: [point(i), point(j + 20)], k2: point(50 + i * j) });
        }
    }
    let honest = items.len();
    // Related points, as an enemy chooses them: equal, opposite, small multiples, sums that cancel.
    let (p, double) = (point(1), ops::add_vartime(&point(1), &point(1)).unwrap());
    for (q, k2) in [
        ([p, p], p),
        ([p, p.neg()], point(2)),
        ([p, double], p.neg()),
        ([double, p], double.neg()),
        ([Affine::GENERATOR; 2], Affine::GENERATOR.neg()),
    ] {
        for b in [[1, 1], [1, 2], [2, 1], [3, 5], [u128::MAX, u128::MAX], [7, 1 << 100]] {
            items.push(NonceSum { b, q, k2 });
        }
    }
    for items in [&items[..], &items[..1], &items[..L + 1], &[]] {
        let found = nonce_sums(cpu, items);
        assert_eq!(found.len(), items.len());
        for (i, (item, found)) in items.iter().zip(found).enumerate() {
            let expected = ops::nonce_sums_one_by_one(&[*item])[0];
            match found {
                Some(found) => assert_eq!(Some(bytes(&found)), expected.map(|sum| bytes(&sum)), "{i}"),
                None => assert!(i >= honest, "{i} is no exception"),
            }
        }
    }
}

#[test]
fn sums_of_nonces() {
    with_each_backend!(check_nonce_sums);
}
