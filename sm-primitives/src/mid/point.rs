//! Points of y^2 = x^3 - 3x + b with complete formulas: no exceptional cases, no branches.
//!
//! Source of the formulas: Renes, Costello, Batina, "Complete addition formulas for prime order elliptic curves",
//! EUROCRYPT 2016, algorithms 4, 5 and 6 (a = -3). They are complete because the order n is prime, hence odd.

use subtle::{Choice, ConditionallySelectable};
use zeroize::DefaultIsZeroes;

use super::field::FieldElement;

/// b of the curve equation. Source: GB/T 32918.5-2017, clause 2.
pub(crate) const B: FieldElement =
    FieldElement::constant(b"28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93");

/// A point (x, y) of the curve, never the identity.
///
/// The default is no point, only a placeholder to be overwritten or the state after wiping.
#[derive(Clone, Copy, Default)]
pub(crate) struct Affine {
    pub(crate) x: FieldElement,
    pub(crate) y: FieldElement,
}

/// Wipes as (0, 0).
impl DefaultIsZeroes for Affine {}

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

    pub(crate) fn neg(&self) -> Self {
        Self { x: self.x, y: -self.y }
    }
}

impl ConditionallySelectable for Affine {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self {
            x: FieldElement::conditional_select(&a.x, &b.x, choice),
            y: FieldElement::conditional_select(&a.y, &b.y, choice),
        }
    }
}

/// A point in projective coordinates: (X/Z, Y/Z), or the identity (0 : Y : 0).
#[derive(Clone, Copy, Default)]
pub(crate) struct Projective {
    pub(super) x: FieldElement,
    pub(super) y: FieldElement,
    pub(super) z: FieldElement,
}

/// Wipes as (0, 0, 0), which is no point.
impl DefaultIsZeroes for Projective {}

impl From<Affine> for Projective {
    fn from(p: Affine) -> Self {
        Self { x: p.x, y: p.y, z: FieldElement::ONE }
    }
}

impl Projective {
    /// self + q for any two points, equal, opposite or the identity. Algorithm 4: 12 multiplications, 2 by b.
    pub(super) fn add(&self, q: &Self) -> Self {
        let xx = self.x * q.x;
        let yy = self.y * q.y;
        let zz = self.z * q.z;
        // The three sums of cross products.
        let xy = (self.x + self.y) * (q.x + q.y) - (xx + yy);
        let yz = (self.y + self.z) * (q.y + q.z) - (yy + zz);
        let xz = (self.x + self.z) * (q.x + q.z) - (xx + zz);
        Self::finish_addition(xx, yy, xy, yz, xz, (xz - B * zz).triple(), zz.triple())
    }

    /// self + q, also if they are equal or opposite. Algorithm 5: 11 multiplications, 2 by b.
    pub(super) fn add_affine(&self, q: &Affine) -> Self {
        let xx = self.x * q.x;
        let yy = self.y * q.y;
        let xy = (self.x + self.y) * (q.x + q.y) - (xx + yy);
        let yz = q.y * self.z + self.y;
        let xz = q.x * self.z + self.x;
        Self::finish_addition(xx, yy, xy, yz, xz, (xz - B * self.z).triple(), self.z.triple())
    }

    /// What algorithms 4 and 5 have in common, with `u` = 3 (xz - b zz) and `zz3` = 3 zz.
    #[inline(always)]
    fn finish_addition(
        xx: FieldElement,
        yy: FieldElement,
        xy: FieldElement,
        yz: FieldElement,
        xz: FieldElement,
        u: FieldElement,
        zz3: FieldElement,
    ) -> Self {
        let minus = yy - u;
        let plus = yy + u;
        let v = (B * xz - zz3 - xx).triple();
        let w = xx.triple() - zz3;
        Self { x: xy * plus - yz * v, y: plus * minus + w * v, z: yz * minus + xy * w }
    }

    /// 2 self, for any point. Algorithm 6: 8 multiplications, 3 squarings, 2 multiplications by b.
    pub(super) fn double(&self) -> Self {
        let xx = self.x.square();
        let yy = self.y.square();
        let zz = self.z.square();
        let xy2 = (self.x * self.y).double();
        let xz2 = (self.x * self.z).double();
        let yz2 = (self.y * self.z).double();
        let zz3 = zz.triple();
        let u = (B * zz - xz2).triple();
        let minus = yy - u;
        let plus = yy + u;
        let v = (B * xz2 - zz3 - xx).triple();
        let w = xx.triple() - zz3;
        Self { x: xy2 * minus - yz2 * v, y: plus * minus + w * v, z: (yz2 * yy).double().double() }
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

    use super::*;
    use crate::mid::{inverse::to_affine, jacobian::Jacobian};

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
            assert_eq!(affine(&p.double()), schoolbook(2 * i));
            for (j, q) in multiples() {
                assert_eq!(affine(&p.add(&q)), schoolbook(i + j), "{i} + {j}");
                if j != 0 {
                    assert_eq!(affine(&p.add_affine(&to_affine(&q))), schoolbook(i + j), "{i} + {j}, mixed");
                }
            }
        }
    }

    #[test]
    fn jacobian_formulas_agree() {
        let jacobian = |i: i32, p: &Projective| if i == 0 { Jacobian::IDENTITY } else { Jacobian::from(p) };
        for (i, p) in multiples() {
            let a = jacobian(i, &p);
            assert_eq!(a.is_identity_vartime(), i == 0);
            assert_eq!(affine(&Projective::from(&a.double())), schoolbook(2 * i));
            for (j, q) in multiples() {
                let b = jacobian(j, &q);
                assert_eq!(affine(&Projective::from(&a.add_vartime(&b))), schoolbook(i + j), "{i} + {j}");
                if j != 0 {
                    let sum = a.add_affine_vartime(&to_affine(&q));
                    assert_eq!(affine(&Projective::from(&sum)), schoolbook(i + j), "{i} + {j}, mixed");
                }
            }
        }
    }
}
