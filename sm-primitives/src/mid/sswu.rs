//! The simplified SWU map from the field to the curve, Z = -9. Constant time, no exceptional case.
//!
//! Source: RFC 9380, section 6.6.2. Z is the first number that the search of its appendix H.2 finds for this curve.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{
    field::FieldElement,
    point::{B, Projective},
};
use crate::low::{Arithmetic, Portable};

/// The point that `u` stands for, never the identity.
///
/// With t = Z u^2 and s = t^2 + t, x is x1 = -(b/a)(1 + 1/s) if there is a point with that x, else x2 = t x1; where s is 0,
/// which only u = 0, 1/3 and -1/3 bring about, x1 = b/(Z a). y is odd if and only if u is.
pub(super) fn map<A: Arithmetic>(u: &FieldElement<A>) -> Projective<A> {
    let (b, one) = (B.on(u.arithmetic()), u.one());
    let t = times_z(&u.square());
    let s = t.square() + t;
    // x1 = numerator / denominator, with a = -3. Z a = 27.
    let numerator = b * (s + one);
    let denominator =
        FieldElement::conditional_select(&s.triple(), &one.triple().triple().triple(), s.is_zero());
    // x1^3 - 3 x1 + b, over the cube of the denominator.
    let squared = denominator.square();
    let cubed = squared * denominator;
    let right_hand_side = (numerator.square() - squared.triple()) * numerator + b * cubed;
    let (root, is_square) = sqrt_ratio(&right_hand_side, &cubed);
    // The right-hand side of x2 is t^3 that of x1, so its root is t u times that of Z times the latter.
    let x = FieldElement::conditional_select(&(t * numerator), &numerator, is_square);
    let y = FieldElement::conditional_select(&(t * u * root), &root, is_square);
    let differ = y.on(Portable).is_odd() ^ u.on(Portable).is_odd();
    let y = FieldElement::conditional_select(&y, &-y, differ);
    Projective { x, y: y * denominator, z: denominator }
}

/// Z e = -9 e.
fn times_z<A: Arithmetic>(e: &FieldElement<A>) -> FieldElement<A> {
    -e.triple().triple()
}

/// A root of v/w if the choice is true, else one of Z v/w; w != 0. One of them is a square, as Z is none.
fn sqrt_ratio<A: Arithmetic>(v: &FieldElement<A>, w: &FieldElement<A>) -> (FieldElement<A>, Choice) {
    // The inverse root of v w^3, times v w: its square is v/w or -v/w.
    let product = *v * w;
    let root = (product * w.square()).inverse_root() * product;
    let is_square = (root.square() * w).ct_eq(v);
    (FieldElement::conditional_select(&root.triple(), &root, is_square), is_square)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;

    use super::*;
    use crate::mid::{inverse::to_affine, ops, point::Affine};

    type Coordinates = ([u8; 32], [u8; 32]);

    fn coordinates(p: &Affine) -> Coordinates {
        assert!(bool::from(Affine::from_coordinates(p.x, p.y).1));
        (p.x.to_bytes(), p.y.to_bytes())
    }

    fn mapped(u: FieldElement) -> Coordinates {
        coordinates(&to_affine(&map(&u)))
    }

    /// The steps of section 6.6.2 as they stand there.
    fn step_by_step(u: FieldElement) -> Coordinates {
        let [a, z] = [-FieldElement::ONE.triple(), -FieldElement::ONE.triple().triple()];
        let t = (z.square() * u.square().square() + z * u.square()).invert();
        let x1 = match bool::from(t.is_zero()) {
            true => B * (z * a).invert(),
            false => -B * a.invert() * (FieldElement::ONE + t),
        };
        let x2 = z * u.square() * x1;
        let right_hand_side = |x: FieldElement| x.square() * x + a * x + B;
        let (y1, is_square) = right_hand_side(x1).sqrt();
        let (x, y) = if bool::from(is_square) { (x1, y1) } else { (x2, right_hand_side(x2).sqrt().0) };
        let y = if bool::from(u.is_odd() ^ y.is_odd()) { -y } else { y };
        coordinates(&Affine { x, y })
    }

    fn element(hex: &[u8; 64]) -> FieldElement {
        FieldElement::constant(hex)
    }

    /// The elements without an inverse in the map, and some small ones. The test `oprf` across the crates computes
    /// the same numbers.
    #[test]
    fn known_points() {
        let third = FieldElement::ONE.triple().invert();
        let x = element(b"993812c2e964b7a31f4f35452d9b7222aa35051b7294938ac5d7953b4eb9a1b9");
        let y = element(b"0eedd629f902912ebf636387adc86a3b18e8f1a1dff8349972a509e7ec5938a8");
        for (u, y) in [(FieldElement::ZERO, y), (third, y), (-third, -y)] {
            assert_eq!(mapped(u), coordinates(&Affine { x, y }));
        }
        let x = element(b"b8e2fb07009096cb94b7092ebe8202a125bdbc5ffe162b4d283740595eb2fe55");
        let y = element(b"685c894241c17539db345e5bf7357770a831e1d39ce8e9f7c99775790eed4169");
        for (u, y) in [(FieldElement::ONE, y), (-FieldElement::ONE, -y)] {
            assert_eq!(mapped(u), coordinates(&Affine { x, y }));
        }
    }

    /// The sum of two points that are equal or opposite.
    #[test]
    fn sums_are_complete() {
        let (u, other) = (FieldElement::ONE, FieldElement::ONE.double());
        assert!(bool::from(ops::map_to_curve(&[u, -u]).1));
        for [u, v] in [[u, u], [u, other], [FieldElement::ZERO, FieldElement::ONE.triple().invert()]] {
            let (sum, is_identity) = ops::map_to_curve(&[u, v]);
            let [p, q] = [u, v].map(|u| to_affine(&map(&u)));
            assert!(!bool::from(is_identity));
            assert_eq!(coordinates(&sum), coordinates(&ops::add_vartime(&p, &q).unwrap()));
        }
    }

    proptest! {
        #[test]
        fn all_as_step_by_step(mut bytes: [u8; 32], small: bool, minus: bool) {
            if small {
                bytes[..31].fill(0);
            }
            let u = FieldElement::from_bytes(&bytes).0;
            let u = if minus { -u } else { u };
            prop_assert_eq!(mapped(u), step_by_step(u));
        }
    }
}
