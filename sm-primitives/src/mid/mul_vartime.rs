//! Multiplication by public scalars: interleaved non-adjacent forms, variable time.

use super::{
    comb::{self, Comb},
    field::FieldElement,
    inverse::odd_multiples_vartime,
    jacobian::Jacobian,
    point::Affine,
    recode::{NAF_LEN, wnaf_vartime},
    scalar::ScalarElement,
    table::BASE_ODD,
};
use crate::low::Arithmetic;

/// Width of the non-adjacent form of a scalar for a point that is met once: a table of 8 odd multiples.
const WIDTH: u32 = 5;
const MULTIPLES: usize = 1 << (WIDTH - 2);
/// Width for the base point: the table of [`BASE_ODD`].
const BASE_WIDTH: u32 = 10;

/// n, as an element of the field.
const ORDER: FieldElement =
    FieldElement::constant(b"FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");

/// A point with a public scalar: the digits and the odd multiples they choose from.
pub(super) struct Term<A> {
    naf: [i16; NAF_LEN],
    multiples: [Affine<A>; MULTIPLES],
}

impl<A: Arithmetic> Term<A> {
    /// The terms for scalars and points, with one inversion for all.
    pub(super) fn all<const N: usize>(items: [(&[u8; 32], &Affine); N], arithmetic: A) -> [Self; N] {
        let multiples = odd_multiples_vartime(items.map(|(_, q)| q.on(arithmetic)));
        core::array::from_fn(|i| Self { naf: wnaf_vartime(items[i].0, WIDTH), multiples: multiples[i] })
    }
}

/// Adds digit * the point whose odd multiples these are.
#[inline(always)]
fn add_digit<A: Arithmetic, B: Arithmetic>(
    acc: &mut Jacobian<A>,
    digit: i16,
    multiples: &[Affine<B>],
    arithmetic: A,
) {
    if digit != 0 {
        let multiple = multiples[usize::from(digit.unsigned_abs() / 2)].on(arithmetic);
        acc.add_affine_vartime(&if digit > 0 { multiple } else { multiple.neg() });
    }
}

/// The sum of `terms` and [g]G.
pub(super) fn sum<A: Arithmetic>(g: Option<&[u8; 32]>, terms: &[Term<A>], arithmetic: A) -> Jacobian<A> {
    let g = g.map_or([0; NAF_LEN], |g| wnaf_vartime(g, BASE_WIDTH));
    let mut acc = Jacobian::identity(arithmetic);
    let top = (0..NAF_LEN).rev().find(|&i| g[i] != 0 || terms.iter().any(|t| t.naf[i] != 0));
    for i in (0..=top.unwrap_or(0)).rev() {
        acc.double();
        for term in terms {
            add_digit(&mut acc, term.naf[i], &term.multiples, arithmetic);
        }
        add_digit(&mut acc, g[i], &BASE_ODD, arithmetic);
    }
    acc
}

/// The sum of [k]Q for non-zero k and the combs of Q.
pub(super) fn sum_combs<A: Arithmetic, const N: usize>(
    items: [(&ScalarElement, &Comb); N],
    arithmetic: A,
) -> Jacobian<A> {
    let mut acc = Jacobian::identity(arithmetic);
    for (k, comb) in items {
        let digits = comb::Digits::new(k);
        for (i, row) in comb.rows().iter().enumerate() {
            let (index, negative) = digits.digit(i);
            let entry = row[usize::from(index)].on(arithmetic);
            let entry = if bool::from(negative ^ digits.negated) { entry.neg() } else { entry };
            acc.add_affine_vartime(&entry);
        }
    }
    acc
}

/// Whether `point` is not the identity and its x, reduced mod n, is `v`.
pub(super) fn x_is_mod_n<A: Arithmetic>(point: &Jacobian<A>, v: &ScalarElement) -> bool {
    if point.is_identity_vartime() {
        return false;
    }
    // n < p < 2n: x is v, or v + n if that is below p. Compared as X = x Z^2, without an inversion.
    let zz = point.z.square();
    let has_x = |x: FieldElement| bool::from((x.on(zz.arithmetic()) * zz - point.x).is_zero());
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
    use crate::low::Portable;

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
                let mut sum = Jacobian::from(point);
                sum.add_affine_vartime(&point);
                sum.add_affine_vartime(&point.neg());
                let v = ScalarElement::from_bytes(&bytes).0;
                assert!(x_is_mod_n(&sum, &v));
                assert!(!x_is_mod_n(&sum, &(v + ScalarElement::ONE)));
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
        assert!(!x_is_mod_n(&Jacobian::identity(Portable), &ScalarElement::ZERO));
    }
}
