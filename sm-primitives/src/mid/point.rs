//! Points of y^2 = x^3 - 3x + b with complete formulas: no exceptional cases, no branches.
//!
//! Source of the formulas: Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves",
//! EUROCRYPT 2016, algorithms 4 and 5 (a = -3). They are complete because the order n is prime, hence odd.

use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroize;

use super::field::FieldElement;
use crate::low::{Arithmetic, Portable, limbs::Limbs};

/// b of the curve equation. Source: GB/T 32918.5-2017, clause 2.
pub(crate) const B: FieldElement =
    FieldElement::constant(b"28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93");

/// A point (x, y) of the curve, never the identity.
///
/// The default is no point, only a placeholder to be overwritten or the state after wiping.
#[derive(Clone, Copy, Default)]
pub(crate) struct Affine<A = Portable> {
    pub(crate) x: FieldElement<A>,
    pub(crate) y: FieldElement<A>,
}

/// Wipes as (0, 0).
impl<A> Zeroize for Affine<A> {
    fn zeroize(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
    }
}

impl Affine {
    /// The base point G. Source: GB/T 32918.5-2017, clause 2.
    pub(crate) const GENERATOR: Self = Self {
        x: FieldElement::constant(b"32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"),
        y: FieldElement::constant(b"BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"),
    };

    /// x^3 - 3x + b.
    fn right_hand_side(x: FieldElement) -> FieldElement {
        (x.square() - FieldElement::ONE.triple()) * x + B
    }

    /// The point with these coordinates; the choice says whether it is on the curve.
    pub(crate) fn from_coordinates(x: FieldElement, y: FieldElement) -> (Self, Choice) {
        (Self { x, y }, (y.square() - Self::right_hand_side(x)).is_zero())
    }

    /// The point with this x and an odd or even y; the choice says whether there is one.
    pub(crate) fn decompress(x: FieldElement, odd: Choice) -> (Self, Choice) {
        // y is not 0: no point has order 2. So the two roots differ in parity.
        let (y, is_square) = Self::right_hand_side(x).sqrt();
        let y = FieldElement::conditional_select(&y, &-y, y.is_odd() ^ odd);
        (Self { x, y }, is_square)
    }
}

impl<A: Arithmetic> Affine<A> {
    /// The Montgomery forms of x and y.
    #[inline(always)]
    pub(super) fn numbers(&self) -> [&Limbs; 2] {
        [&self.x.0, &self.y.0]
    }

    /// The same point for `arithmetic` to compute with.
    #[inline(always)]
    pub(super) fn on<B: Arithmetic>(&self, arithmetic: B) -> Affine<B> {
        Affine { x: self.x.on(arithmetic), y: self.y.on(arithmetic) }
    }

    #[inline(always)]
    pub(crate) fn neg(&self) -> Self {
        Self { x: self.x, y: -self.y }
    }
}

impl<A: Arithmetic> ConditionallySelectable for Affine<A> {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self {
            x: FieldElement::conditional_select(&a.x, &b.x, choice),
            y: FieldElement::conditional_select(&a.y, &b.y, choice),
        }
    }
}

/// A point in projective coordinates: (X/Z, Y/Z), or the identity (0 : Y : 0).
#[derive(Clone, Copy, Default)]
pub(crate) struct Projective<A = Portable> {
    pub(super) x: FieldElement<A>,
    pub(super) y: FieldElement<A>,
    pub(super) z: FieldElement<A>,
}

/// Wipes as (0, 0, 0), which is no point.
impl<A> Zeroize for Projective<A> {
    fn zeroize(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
        self.z.zeroize();
    }
}

impl<A: Arithmetic> From<Affine<A>> for Projective<A> {
    fn from(p: Affine<A>) -> Self {
        Self { x: p.x, y: p.y, z: p.x.one() }
    }
}

impl<A: Arithmetic> Projective<A> {
    /// self + q for any two points, equal, opposite or the identity. Algorithm 4: 12 multiplications, 2 by b. The
    /// specification of the incomplete additions.
    pub(super) fn add(&self, q: &Self) -> Self {
        let xx = self.x * q.x;
        let yy = self.y * q.y;
        let zz = self.z * q.z;
        // The three sums of cross products.
        let xy = (self.x + self.y) * (q.x + q.y) - (xx + yy);
        let yz = (self.y + self.z) * (q.y + q.z) - (yy + zz);
        let xz = (self.x + self.z) * (q.x + q.z) - (xx + zz);
        Self::finish_addition(xx, yy, xy, yz, xz, (xz - self.b() * zz).triple(), zz.triple())
    }

    /// self + q, also if they are equal or opposite. Algorithm 5: 11 multiplications, 2 by b.
    pub(super) fn add_affine(&self, q: &Affine<A>) -> Self {
        let xx = self.x * q.x;
        let yy = self.y * q.y;
        let xy = (self.x + self.y) * (q.x + q.y) - (xx + yy);
        let yz = q.y * self.z + self.y;
        let xz = q.x * self.z + self.x;
        Self::finish_addition(xx, yy, xy, yz, xz, (xz - self.b() * self.z).triple(), self.z.triple())
    }

    /// What algorithms 4 and 5 have in common, with `u` = 3 (xz - b zz) and `zz3` = 3 zz.
    #[inline(always)]
    fn finish_addition(
        xx: FieldElement<A>,
        yy: FieldElement<A>,
        xy: FieldElement<A>,
        yz: FieldElement<A>,
        xz: FieldElement<A>,
        u: FieldElement<A>,
        zz3: FieldElement<A>,
    ) -> Self {
        let minus = yy - u;
        let plus = yy + u;
        let v = (B.on(xx.arithmetic()) * xz - zz3 - xx).triple();
        let w = xx.triple() - zz3;
        Self { x: xy * plus - yz * v, y: plus * minus + w * v, z: yz * minus + xy * w }
    }

    /// b of the curve.
    #[inline(always)]
    fn b(&self) -> FieldElement<A> {
        B.on(self.x.arithmetic())
    }

    pub(super) fn negate_if(&mut self, choice: Choice) {
        self.y = FieldElement::conditional_select(&self.y, &-self.y, choice);
    }

    pub(crate) fn is_identity(&self) -> Choice {
        self.z.is_zero()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use subtle::ConstantTimeEq;

    use super::*;
    use crate::mid::{inverse::to_affine, jacobian::Jacobian, table::Search};

    /// -4 G .. 4 G, every one with its identity in two forms, scaled so that no Z is 1.
    fn multiples() -> Vec<(i32, Projective)> {
        let g = Projective::from(Affine::GENERATOR);
        let mut sum = Projective { x: FieldElement::ZERO, y: FieldElement::ONE, z: FieldElement::ZERO };
        let mut all = Vec::new();
        for i in 0..=4 {
            let scaled =
                |factor: FieldElement| Projective { x: sum.x * factor, y: sum.y * factor, z: sum.z * factor };
            let mut negative = scaled(B);
            negative.negate_if(Choice::from(1));
            all.extend([(i, scaled(B.square())), (-i, negative)]);
            sum = sum.add(&g);
        }
        all
    }

    /// The affine coordinates of i G by the schoolbook formulas with slopes; `None` for the identity.
    fn schoolbook(i: i32) -> Option<([u8; 32], [u8; 32])> {
        let g = Affine::GENERATOR;
        let mut p = g;
        for step in 1..i.abs() {
            let slope = if step == 1 {
                (p.x.square() - FieldElement::ONE).triple() * p.y.double().invert()
            } else {
                (p.y - g.y) * (p.x - g.x).invert()
            };
            let x = slope.square() - p.x - g.x;
            p = Affine { x, y: slope * (p.x - x) - p.y };
        }
        let y = if i < 0 { -p.y } else { p.y };
        (i != 0).then(|| (p.x.to_bytes(), y.to_bytes()))
    }

    fn affine(p: &Projective) -> Option<([u8; 32], [u8; 32])> {
        let point = to_affine(p);
        (!bool::from(p.is_identity())).then(|| (point.x.to_bytes(), point.y.to_bytes()))
    }

    #[test]
    fn constants_are_on_the_curve() {
        assert!(bool::from(Affine::from_coordinates(Affine::GENERATOR.x, Affine::GENERATOR.y).1));
        assert!(!bool::from(Affine::from_coordinates(Affine::GENERATOR.y, Affine::GENERATOR.x).1));
    }

    /// All pairs: equal, opposite, the identity on either side, and none of these.
    #[test]
    fn formulas_are_complete() {
        for (i, p) in multiples() {
            assert_eq!(affine(&p), schoolbook(i));
            for (j, q) in multiples() {
                assert_eq!(affine(&p.add(&q)), schoolbook(i + j), "{i} + {j}");
                if j != 0 {
                    assert_eq!(affine(&p.add_affine(&to_affine(&q))), schoolbook(i + j), "{i} + {j}, mixed");
                }
            }
        }
    }

    #[test]
    fn odd_multiples_are_in_order() {
        for q in [Affine::GENERATOR, Affine::GENERATOR.neg()] {
            let multiples = Jacobian::odd_multiples::<16>(&q);
            for (i, (multiple, _)) in (1..).step_by(2).zip(&multiples) {
                let i = if bool::from(q.y.ct_eq(&Affine::GENERATOR.y)) { i } else { -i };
                assert_eq!(affine(&Projective::from(multiple)), schoolbook(i));
            }
        }
    }

    #[test]
    fn jacobian_formulas_agree() {
        let jacobian =
            |i: i32, p: &Projective| if i == 0 { Jacobian::identity(Portable) } else { Jacobian::from(p) };
        for (i, p) in multiples() {
            let a = jacobian(i, &p);
            assert_eq!(a.is_identity_vartime(), i == 0);
            let mut doubled = a;
            doubled.double();
            assert_eq!(affine(&Projective::from(&doubled)), schoolbook(2 * i));
            for (j, q) in multiples() {
                if j != 0 {
                    let mut sum = a;
                    sum.add_affine_vartime(&to_affine(&q));
                    assert_eq!(affine(&Projective::from(&sum)), schoolbook(i + j), "{i} + {j}, mixed");
                    if i != 0 && i.abs() != j.abs() {
                        let mut sum = a;
                        let row = [Affine::GENERATOR; 16];
                        let mut search = Search::new(&row, (5, Choice::from(1)), Portable);
                        sum.add_unequal(&to_affine(&q), &mut search);
                        assert!(bool::from(search.finish().y.ct_eq(&-Affine::GENERATOR.y)));
                        assert_eq!(affine(&Projective::from(&sum)), schoolbook(i + j), "{i} + {j}, unequal");
                    }
                }
            }
        }
    }
}
