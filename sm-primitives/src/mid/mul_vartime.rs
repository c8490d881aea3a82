//! Multiplication by public scalars: interleaved non-adjacent forms, variable time.

use super::{
    field::FieldElement,
    jacobian::Jacobian,
    point::Affine,
    recode::{NAF_LEN, wnaf_vartime},
    scalar::ScalarElement,
    table::BASE_ODD,
};

/// Width of the non-adjacent form of a scalar for a point that is met once: a table of 8 odd multiples.
const WIDTH: u32 = 5;
const MULTIPLES: usize = 1 << (WIDTH - 2);
/// Width for the base point: the table of [`BASE_ODD`].
const BASE_WIDTH: u32 = 8;

/// n, as an element of the field.
const ORDER: FieldElement =
    FieldElement::constant(b"FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");

/// A point with a public scalar: the digits and the odd multiples they choose from.
pub(super) struct Term {
    naf: [i8; NAF_LEN],
    multiples: [Jacobian; MULTIPLES],
}

impl Term {
    pub(super) fn new(k: &[u8; 32], q: &Affine) -> Self {
        let first = Jacobian::from(*q);
        let twice = first.double();
        let mut multiples = [first; MULTIPLES];
        for i in 1..MULTIPLES {
            multiples[i] = multiples[i - 1].add_vartime(&twice);
        }
        Self { naf: wnaf_vartime(k, WIDTH), multiples }
    }

    /// `acc` + digit i times the point.
    fn add_digit(&self, acc: Jacobian, i: usize) -> Jacobian {
        let digit = self.naf[i];
        if digit == 0 {
            return acc;
        }
        let multiple = &self.multiples[usize::from(digit.unsigned_abs() / 2)];
        if digit > 0 { acc.add_vartime(multiple) } else { acc.add_vartime(&multiple.neg()) }
    }
}

/// The sum of `terms` and [g]G.
pub(super) fn sum(g: Option<&[u8; 32]>, terms: &[Term]) -> Jacobian {
    let g = g.map_or([0; NAF_LEN], |g| wnaf_vartime(g, BASE_WIDTH));
    let mut acc = Jacobian::IDENTITY;
    let top = (0..NAF_LEN).rev().find(|&i| g[i] != 0 || terms.iter().any(|t| t.naf[i] != 0));
    for i in (0..=top.unwrap_or(0)).rev() {
        acc = acc.double();
        for term in terms {
            acc = term.add_digit(acc, i);
        }
        if g[i] != 0 {
            let multiple = &BASE_ODD[usize::from(g[i].unsigned_abs() / 2)];
            acc = if g[i] > 0 {
                acc.add_affine_vartime(multiple)
            } else {
                acc.add_affine_vartime(&multiple.neg())
            };
        }
    }
    acc
}

/// Whether `point` is not the identity and its x, reduced mod n, is `v`.
pub(super) fn x_is_mod_n(point: &Jacobian, v: &ScalarElement) -> bool {
    if point.is_identity_vartime() {
        return false;
    }
    // n < p < 2n: x is v, or v + n if that is below p. Compared as X = x Z^2, without an inversion.
    let zz = point.z.square();
    let has_x = |x: FieldElement| bool::from((x * zz - point.x).is_zero());
    let x = FieldElement::from_bytes(&v.to_bytes()).0;
    has_x(x) || {
        // v + n mod p is v + n itself, and not below n, or it is v + n - p, which is below n.
        let x = x + ORDER;
        let wrapped = ScalarElement::from_bytes(&x.to_bytes()).1;
        !bool::from(wrapped) && has_x(x)
    }
}

#[cfg(test)]
mod tests {
    use subtle::Choice;

    use super::*;

    /// A point whose x is n + v for a small v: its x mod n is v.
    #[test]
    fn x_above_n_is_reduced() {
        let mut checked = 0;
        for v in 0..8 {
            let mut bytes = [0; 32];
            bytes[31] = v;
            let x = FieldElement::from_bytes(&bytes).0 + ORDER;
            let (point, exists) = Affine::decompress(x, Choice::from(0));
            if bool::from(exists) {
                let point = Jacobian::from(point).add_affine_vartime(&point).add_affine_vartime(&point.neg());
                let v = ScalarElement::from_bytes(&bytes).0;
                assert!(x_is_mod_n(&point, &v));
                assert!(!x_is_mod_n(&point, &(v + ScalarElement::ONE)));
                checked += 1;
            }
        }
        assert!(checked > 0);
    }

    /// x = v - p + n is no match of v: v + n is above p.
    #[test]
    fn no_wrapping_above_p() {
        let mut checked = 0;
        for v in 0..8 {
            let mut bytes = [0; 32];
            bytes[31] = v;
            let (point, exists) = Affine::decompress(FieldElement::from_bytes(&bytes).0, Choice::from(0));
            if bool::from(exists) {
                // x = v, and v + p - n plus n is v mod p.
                let alias = (FieldElement::from_bytes(&bytes).0 - ORDER).to_bytes();
                let alias = ScalarElement::from_bytes(&alias).0;
                assert!(!x_is_mod_n(&Jacobian::from(point), &alias));
                checked += 1;
            }
        }
        assert!(checked > 0);
    }

    #[test]
    fn identity_has_no_x() {
        assert!(!x_is_mod_n(&Jacobian::IDENTITY, &ScalarElement::ZERO));
    }
}
