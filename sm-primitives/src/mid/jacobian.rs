//! Points in Jacobian coordinates: cheaper than the complete formulas.
//!
//! Doubling has no exceptional case and serves secrets too. Addition has, and handles them by branches: it is for
//! public data only.

use zeroize::DefaultIsZeroes;

use super::{
    field::FieldElement,
    point::{Affine, Projective},
};

/// A point (X/Z^2, Y/Z^3), or the identity if Z = 0.
#[derive(Clone, Copy, Default)]
pub(super) struct Jacobian {
    pub(super) x: FieldElement,
    pub(super) y: FieldElement,
    pub(super) z: FieldElement,
}

/// Wipes as (0, 0, 0), which is no point.
impl DefaultIsZeroes for Jacobian {}

impl From<Affine> for Jacobian {
    fn from(p: Affine) -> Self {
        Self { x: p.x, y: p.y, z: FieldElement::ONE }
    }
}

impl From<&Projective> for Jacobian {
    /// The same point; the identity becomes (0, 0, 0), which is no point.
    fn from(p: &Projective) -> Self {
        Self { x: p.x * p.z, y: p.y * p.z.square(), z: p.z }
    }
}

impl From<&Jacobian> for Projective {
    fn from(p: &Jacobian) -> Self {
        Self { x: p.x * p.z, y: p.y, z: p.z.square() * p.z }
    }
}

impl Jacobian {
    pub(super) const IDENTITY: Self =
        Self { x: FieldElement::ONE, y: FieldElement::ONE, z: FieldElement::ZERO };

    pub(super) fn is_identity_vartime(&self) -> bool {
        self.z.is_zero().into()
    }

    pub(super) fn neg(&self) -> Self {
        Self { x: self.x, y: -self.y, z: self.z }
    }

    /// 2 self; the identity stays the identity, and no other point has a special double, as n is odd. Constant time.
    ///
    /// Uses 3x^2 - 3z^4 = 3 (x - z^2)(x + z^2), as a = -3: 4 multiplications, 4 squarings.
    pub(super) fn double(&self) -> Self {
        let zz = self.z.square();
        let slope = ((self.x - zz) * (self.x + zz)).triple();
        let yy2 = self.y.square().double();
        let s = (self.x * yy2).double();
        let x = slope.square() - s.double();
        let y = slope * (s - x) - yy2.square().double();
        Self { x, y, z: (self.y * self.z).double() }
    }

    /// self + q. Variable time.
    pub(super) fn add_vartime(&self, q: &Self) -> Self {
        if self.is_identity_vartime() {
            return *q;
        }
        if q.is_identity_vartime() {
            return *self;
        }
        let z1z1 = self.z.square();
        let z2z2 = q.z.square();
        let u1 = self.x * z2z2;
        let s1 = self.y * z2z2 * q.z;
        let h = q.x * z1z1 - u1;
        let r = q.y * z1z1 * self.z - s1;
        self.finish_vartime(u1, s1, h, r, self.z * q.z * h)
    }

    /// self + q for an affine q. Variable time.
    pub(super) fn add_affine_vartime(&self, q: &Affine) -> Self {
        if self.is_identity_vartime() {
            return Self::from(*q);
        }
        let zz = self.z.square();
        let h = q.x * zz - self.x;
        let r = q.y * zz * self.z - self.y;
        self.finish_vartime(self.x, self.y, h, r, self.z * h)
    }

    /// The sum of two points with x difference `h`, y difference `r` (both over a common denominator), where the
    /// first has the numerators `u1`, `s1`. Both are finite; `h` = 0 means equal or opposite.
    #[inline(always)]
    fn finish_vartime(
        &self,
        u1: FieldElement,
        s1: FieldElement,
        h: FieldElement,
        r: FieldElement,
        z: FieldElement,
    ) -> Self {
        if bool::from(h.is_zero()) {
            return if bool::from(r.is_zero()) { self.double() } else { Self::IDENTITY };
        }
        let hh = h.square();
        let hhh = hh * h;
        let v = u1 * hh;
        let x = r.square() - hhh - v.double();
        Self { x, y: r * (v - x) - s1 * hhh, z }
    }
}
