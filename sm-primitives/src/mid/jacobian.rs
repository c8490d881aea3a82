//! Points in Jacobian coordinates: cheaper than the complete formulas.
//!
//! Doubling has no exceptional case. Addition has: the `_vartime` functions handle them by branches, and
//! [`add_unequal`](Jacobian::add_unequal) leaves it to its caller to know that there is none.
//!
//! The functions are not inlined: each is a dozen multiplications, which are.

#![expect(clippy::op_ref, reason = "values would be copied, see the operators of the field")]

use zeroize::Zeroize;

use super::{
    field::FieldElement,
    point::{Affine, Projective},
    table::Search,
};
use crate::low::{Arithmetic, Portable};

/// A point (X/Z^2, Y/Z^3), or the identity if Z = 0.
#[derive(Clone, Copy, Default)]
pub(super) struct Jacobian<A = Portable> {
    pub(super) x: FieldElement<A>,
    pub(super) y: FieldElement<A>,
    pub(super) z: FieldElement<A>,
}

/// Wipes as (0, 0, 0), which is no point.
impl<A> Zeroize for Jacobian<A> {
    fn zeroize(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
        self.z.zeroize();
    }
}

impl<A: Arithmetic> From<Affine<A>> for Jacobian<A> {
    fn from(p: Affine<A>) -> Self {
        Self { x: p.x, y: p.y, z: p.x.one() }
    }
}

impl<A: Arithmetic> From<&Projective<A>> for Jacobian<A> {
    /// The same point; the identity becomes (0, 0, 0), which is no point.
    fn from(p: &Projective<A>) -> Self {
        Self { x: p.x * p.z, y: p.y * p.z.square(), z: p.z }
    }
}

impl<A: Arithmetic> From<&Jacobian<A>> for Projective<A> {
    fn from(p: &Jacobian<A>) -> Self {
        Self { x: p.x * p.z, y: p.y, z: p.z.square() * p.z }
    }
}

impl<A: Arithmetic> Jacobian<A> {
    /// The identity.
    pub(super) fn identity(arithmetic: A) -> Self {
        let [zero, one] = [FieldElement::ZERO.on(arithmetic), FieldElement::ONE.on(arithmetic)];
        Self { x: one, y: one, z: zero }
    }

    pub(super) fn is_identity_vartime(&self) -> bool {
        self.z.is_zero().into()
    }

    /// Doubles self; the identity stays the identity, and no other point has a special double, as n is odd. Constant
    /// time.
    ///
    /// Uses 3x^2 - 3z^4 = 3 (x - z^2)(x + z^2), as a = -3: 4 multiplications, 4 squarings. Z is y z, not 2 y z as
    /// elsewhere: with half the slope, no other doubling is needed.
    #[inline(never)]
    pub(super) fn double(&mut self) {
        // In an order which has something to do while a result is awaited.
        let zz = self.z.square();
        let yy = self.y.square();
        let product = (&self.x - &zz) * (&self.x + &zz);
        self.z = &self.y * &self.z;
        let s = &self.x * &yy;
        let slope = product.three_halves();
        let yyyy = yy.square();
        self.x = slope.square() - &s - &s;
        self.y = slope * (&s - &self.x) - &yyyy;
    }

    /// 1, 3, 5, .. times q, from 5 on with the factor that its Z has over the Z before. Constant time.
    ///
    /// Adds 2 q again and again, brought to the Z of the sum each time (Meloni, "New point addition formulae for ECC
    /// applications", WAIFI 2007): 5 multiplications, 2 squarings. 2 q is neither equal nor opposite to an odd multiple
    /// of q below n - 2.
    #[inline(never)]
    pub(super) fn odd_multiples<const N: usize>(q: &Affine<A>) -> [(Self, FieldElement<A>); N] {
        let mut multiples = [(Self::from(*q), q.x.one()); N];
        let mut twice = Self::from(*q);
        twice.double();
        // q over the Z of its double, which is y.
        let yy = q.y.square();
        let mut last = Self { x: &q.x * &yy, y: yy.square(), z: q.y };
        for multiple in multiples.iter_mut().skip(1) {
            let h = &last.x - &twice.x;
            let r = &last.y - &twice.y;
            let hh = h.square();
            last.z = &last.z * &h;
            let v = &last.x * &hh;
            twice.x = &twice.x * &hh;
            twice.y = &twice.y * &(&v - &twice.x);
            last.x = r.square() - &twice.x - &v;
            last.y = r * &(&twice.x - &last.x) - &twice.y;
            *multiple = (last, h);
        }
        multiples
    }

    /// Adds an affine q. Variable time.
    #[inline(never)]
    pub(super) fn add_affine_vartime(&mut self, q: &Affine<A>) {
        if self.is_identity_vartime() {
            *self = Self::from(*q);
            return;
        }
        let zz = self.z.square();
        let h = &q.x * &zz - &self.x;
        let zzz = &zz * &self.z;
        let r = &q.y * &zzz - &self.y;
        if self.exception_vartime(&h, &r) {
            return;
        }
        let hh = h.square();
        let hhh = &hh * &h;
        let v = &self.x * &hh;
        self.z = &self.z * &h;
        self.finish(&r, &hhh, &v);
    }

    /// Adds an affine q, where self is not the identity, q or -q. Constant time. Has `search` search its row between the
    /// multiplications.
    #[inline(never)]
    pub(super) fn add_unequal<const E: usize>(&mut self, q: &Affine<A>, search: &mut Search<'_, A, E>) {
        search.part(0);
        let zz = self.z.square();
        search.part(1);
        let h = &q.x * &zz - &self.x;
        let zzz = &zz * &self.z;
        search.part(2);
        let hh = h.square();
        let r = &q.y * &zzz - &self.y;
        search.part(3);
        let hhh = &hh * &h;
        let v = &self.x * &hh;
        self.z = &self.z * &h;
        self.finish(&r, &hhh, &v);
    }

    /// Handles the sum of self and a point that differs from it by `h` in x and `r` in y if they are equal or
    /// opposite: returns whether they are.
    #[inline(always)]
    fn exception_vartime(&mut self, h: &FieldElement<A>, r: &FieldElement<A>) -> bool {
        let exception = h.is_zero().into();
        if exception {
            if bool::from(r.is_zero()) {
                self.double();
            } else {
                *self = Self::identity(h.arithmetic());
            }
        }
        exception
    }

    /// The end of an addition to self: x and y from the difference `r` of y, the cube `hhh` of the difference of x, and
    /// x times its square, `v`.
    #[inline(always)]
    fn finish(&mut self, r: &FieldElement<A>, hhh: &FieldElement<A>, v: &FieldElement<A>) {
        self.x = r.square() - hhh - v - v;
        let s = &self.y * hhh;
        self.y = r * &(v - &self.x) - &s;
    }
}
