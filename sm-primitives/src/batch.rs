//! Many multiplications at once: they share one inversion, and with it the work of an affine result.
//!
//! An exceptional item (a sum that is the identity) gives `None` for itself and changes nothing for the others.

use alloc::vec::Vec;

use crate::{
    PublicPoint, SecretScalar,
    mid::{ops, scalar::ScalarElement},
};

/// \[k_i\]G for each `k_i`. Timing: depends on the number of items only. The results are public.
#[must_use]
pub fn mul_base(ks: &[SecretScalar]) -> Vec<PublicPoint> {
    declassify(ops::mul_base_all(&elements(ks)))
}

/// \[k_i\]q for each `k_i`. Timing: depends on the number of items only. The results are public.
#[must_use]
pub fn mul_each(q: &PublicPoint, ks: &[SecretScalar]) -> Vec<PublicPoint> {
    declassify(ops::mul_each(&elements(ks), &q.0))
}

/// A public point of which many multiples are wanted, at many times.
///
/// Where it pays, the first of several multiplications at once makes a table of 288 KB that the next ones use again.
pub struct Multiplier {
    point: PublicPoint,
    inner: ops::Multiplier,
}

impl Multiplier {
    /// For multiples of `point`. Computes nothing yet.
    #[must_use]
    pub const fn new(point: PublicPoint) -> Self {
        Self { point, inner: ops::Multiplier::new(point.0) }
    }

    /// The point.
    #[must_use]
    pub const fn point(&self) -> &PublicPoint {
        &self.point
    }

    /// As [`mul_each`].
    #[must_use]
    pub fn mul_each(&self, ks: &[SecretScalar]) -> Vec<PublicPoint> {
        declassify(self.inner.mul_each(&elements(ks)))
    }
}

/// p + q for each pair, `None` where that is the identity. Variable time, any points.
#[must_use]
pub fn add_each_vartime(ps: &[PublicPoint], qs: &[PublicPoint]) -> Vec<Option<PublicPoint>> {
    let sums = ops::add_each_vartime(ps.iter().zip(qs).map(|(p, q)| (&p.0, &q.0)));
    sums.into_iter().map(|sum| sum.map(PublicPoint)).collect()
}

/// \[k\]q_i for each `q_i`. Timing: depends on the number of items only. The results are public.
#[must_use]
pub fn mul_same(k: &SecretScalar, qs: &[PublicPoint]) -> Vec<PublicPoint> {
    let qs: Vec<_> = qs.iter().map(|q| &q.0).collect();
    declassify(ops::mul_same(k.element(), &qs))
}

/// The public inputs of one sum \[b1\]QA + \[b2\]QB + K2.
///
/// The points may be related in any way (equal, opposite, small multiples of each other): they may come from an
/// attacker.
#[derive(Clone, Copy, Debug)]
pub struct NonceSum {
    /// Factor of `qa`.
    pub b1: u128,
    /// First point.
    pub qa: PublicPoint,
    /// Factor of `qb`.
    pub b2: u128,
    /// Second point.
    pub qb: PublicPoint,
    /// The point added once.
    pub k2: PublicPoint,
}

/// \[b1\]QA + \[b2\]QB + K2 for each item, `None` where that is the identity. Variable time, for public inputs.
#[must_use]
pub fn nonce_sums_vartime(items: &[NonceSum]) -> Vec<Option<PublicPoint>> {
    let items: Vec<_> = items
        .iter()
        .map(|item| ops::NonceSum { b: [item.b1, item.b2], q: [item.qa.0, item.qb.0], k2: item.k2.0 })
        .collect();
    ops::nonce_sums_vartime(&items).into_iter().map(|sum| sum.map(PublicPoint)).collect()
}

fn elements(ks: &[SecretScalar]) -> Vec<&ScalarElement> {
    ks.iter().map(SecretScalar::element).collect()
}

fn declassify(points: Vec<crate::mid::point::Affine>) -> Vec<PublicPoint> {
    points.into_iter().map(PublicPoint::declassify).collect()
}
