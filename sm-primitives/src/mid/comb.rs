//! Multiples of one point for multiplications without doublings: 256 KB, made once for a point that is met often.

#![expect(clippy::op_ref, reason = "values would be copied, see the operators of the field")]

use alloc::{boxed::Box, vec, vec::Vec};

use once_cell::race::OnceBox;

use super::{
    field::FieldElement, inverse::jacobian_to_affine_all_vartime, jacobian::Jacobian, point::Affine,
    recode::SignedDigits,
};
use crate::low::{Arithmetic, Portable, with_best_arithmetic};

/// Bits of a digit.
pub(crate) const WINDOW: usize = 8;
/// Rows, one for each digit of a scalar.
pub(crate) const ROWS: usize = 32;
/// Entries of a row, one for each absolute value of an odd digit.
pub(crate) const ENTRIES: usize = 1 << (WINDOW - 1);

/// The digits of a scalar that choose from a comb.
pub(super) type Digits = SignedDigits<WINDOW, ROWS>;

/// All digits of one point: row i, entry j is (2 j + 1) * 2^(8 i) times it.
///
/// A sum of one entry, or its negative, from each row is any odd multiple between -2^256 and 2^256.
pub(crate) struct Comb {
    rows: Box<[[Affine; ENTRIES]; ROWS]>,
}

impl Comb {
    /// The comb of `q`. Variable time.
    pub(crate) fn new(q: &Affine) -> Self {
        let mut rows = vec![[Affine::default(); ENTRIES]; ROWS].into_boxed_slice();
        fill_with_best(q, &mut rows);
        Self { rows: rows.try_into().ok().expect("as many as were asked for") }
    }

    /// The comb of G, made when it is first asked for.
    pub(crate) fn base() -> &'static Self {
        static BASE: OnceBox<Comb> = OnceBox::new();
        BASE.get_or_init(|| Box::new(Self::new(&Affine::GENERATOR)))
    }

    /// The rows, the one for the lowest digit first.
    pub(crate) fn rows(&self) -> &[[Affine; ENTRIES]; ROWS] {
        &self.rows
    }
}

fn fill_with_best(q: &Affine, rows: &mut [[Affine; ENTRIES]]) {
    with_best_arithmetic!(arithmetic => fill(&q.on(arithmetic), rows, arithmetic));
}

fn fill<A: Arithmetic>(q: &Affine<A>, rows: &mut [[Affine; ENTRIES]], arithmetic: A) {
    // In chunks: 2^j times the first entry of a row, for j < 8.
    let doubles = powers_of_two(q);
    for (row, doubles) in rows.iter_mut().zip(doubles.chunks_exact(WINDOW)) {
        row[0] = doubles[0].on(Portable);
    }
    for m in 1..WINDOW {
        add_power(rows, &doubles, m, arithmetic);
    }
}

/// 2^i q for i < 256, with one inversion.
fn powers_of_two<A: Arithmetic>(q: &Affine<A>) -> Vec<Affine<A>> {
    let mut point = Jacobian::from(*q);
    let mut points = Vec::with_capacity(ROWS * WINDOW);
    for _ in 0..ROWS * WINDOW {
        points.push(point);
        point.double();
    }
    // 2^i q is not the identity, as the order of q is odd.
    jacobian_to_affine_all_vartime(&points).into_iter().flatten().collect()
}

/// Doubles the number of entries of every row from 2^(m - 1): each entry plus 2^m times the first one. With one
/// inversion for all rows (Montgomery's trick).
///
/// The factors of the two points of a sum are an odd number below 2^m and 2^m, over the same point of prime order
/// n > 2^8: they are neither equal nor opposite, so the slope exists.
fn add_power<A: Arithmetic>(rows: &mut [[Affine; ENTRIES]], doubles: &[Affine<A>], m: usize, arithmetic: A) {
    let count = 1 << (m - 1);
    let mut product = FieldElement::ONE.on(arithmetic);
    let mut prefixes = Vec::with_capacity(ROWS * count);
    for (row, doubles) in rows.iter().zip(doubles.chunks_exact(WINDOW)) {
        for entry in &row[..count] {
            prefixes.push(product);
            product = &product * &(&doubles[m].x - &entry.x.on(arithmetic));
        }
    }
    let mut inverse = product.invert_vartime();
    for (row, doubles) in rows.iter_mut().zip(doubles.chunks_exact(WINDOW)).rev() {
        let power = &doubles[m];
        let (known, new) = row.split_at_mut(count);
        for (entry, sum) in known.iter().zip(new).rev() {
            let entry = entry.on(arithmetic);
            let Some(prefix) = prefixes.pop() else { return };
            let difference = &power.x - &entry.x;
            let slope = (&power.y - &entry.y) * &(&inverse * &prefix);
            inverse = &inverse * &difference;
            let x = slope.square() - &power.x - &entry.x;
            let y = slope * (&entry.x - &x) - &entry.y;
            *sum = Affine { x, y }.on(Portable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mid::{ops, scalar::ScalarElement};

    fn power(exponent: usize) -> ScalarElement {
        (0..exponent).fold(ScalarElement::ONE, |power, _| power + power)
    }

    /// Every row by repeated addition from its first entry, and the first entries against multiplication.
    fn check(comb: &Comb, q: &Affine) {
        for (i, row) in comb.rows().iter().enumerate() {
            let mut expected = ops::mul(&power(WINDOW * i), q);
            let twice = ops::add_vartime(&expected, &expected).unwrap();
            for entry in row {
                assert_eq!(entry.x.0, expected.x.0);
                assert_eq!(entry.y.0, expected.y.0);
                expected = ops::add_vartime(&expected, &twice).unwrap();
            }
        }
    }

    #[test]
    fn entries_are_the_odd_multiples() {
        check(Comb::base(), &Affine::GENERATOR);
        let q = ops::mul_base(&ScalarElement::from_wide(&[0x5a; 48]));
        check(&Comb::new(&q), &q);
    }
}
