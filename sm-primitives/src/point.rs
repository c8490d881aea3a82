//! Points of the curve other than the identity: [`PublicPoint`], and [`SecretPoint`] for shared secrets and
//! for hashes of secrets.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    Scalar, SecretScalar, ct,
    mid::{field::FieldElement, ops, point::Affine, scalar::ScalarElement},
};

/// A public point of the curve, affine, not the identity.
///
/// Every constructor checks that, so there is nothing left to validate.
#[derive(Clone, Copy)]
pub struct PublicPoint(pub(crate) Affine);

impl PublicPoint {
    /// The base point G. Source: GB/T 32918.5-2017, clause 2.
    #[must_use]
    pub fn generator() -> Self {
        Self(Affine::GENERATOR)
    }

    /// Reads x || y, 32 big-endian bytes each. `None` if a coordinate is not below p or the point is not on the curve.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 64]) -> Option<Self> {
        let (halves, _) = bytes.as_chunks();
        let (x, x_below) = FieldElement::from_bytes(&halves[0]);
        let (y, y_below) = FieldElement::from_bytes(&halves[1]);
        let (point, on_curve) = Affine::from_coordinates(x, y);
        bool::from(x_below & y_below & on_curve).then_some(Self(point))
    }

    /// x || y, 32 big-endian bytes each.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 64] {
        coordinates(&self.0)
    }

    /// Reads the octet string form: 04 || x || y (65 bytes) or 02 / 03 || x (33 bytes, y even / odd).
    ///
    /// `None` for any other form, for coordinates not below p and for points not on the curve.
    /// Source: GB/T 32918.1-2016, clause 4.2.9.
    #[must_use]
    pub fn from_sec1(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [4, rest @ ..] => Self::from_bytes(rest.try_into().ok()?),
            [form @ (2 | 3), rest @ ..] => {
                let (x, below) = FieldElement::from_bytes(rest.try_into().ok()?);
                let (point, exists) = Affine::decompress(x, Choice::from(form & 1));
                bool::from(below & exists).then_some(Self(point))
            }
            _ => None,
        }
    }

    /// 04 || x || y.
    #[must_use]
    pub fn to_sec1(&self) -> [u8; 65] {
        let mut out = [4; 65];
        out[1..].copy_from_slice(&self.to_bytes());
        out
    }

    /// x, 32 big-endian bytes.
    #[must_use]
    pub fn x_bytes(&self) -> [u8; 32] {
        self.0.x.to_bytes()
    }

    /// x mod n.
    #[must_use]
    pub fn x_scalar(&self) -> Scalar {
        // p < 2n, so one subtraction reduces.
        Scalar(ScalarElement::from_bytes(&self.x_bytes()).0)
    }

    /// -self.
    #[must_use]
    pub fn neg(&self) -> Self {
        Self(self.0.neg())
    }

    /// self + q, `None` if that is the identity. Variable time, any two points.
    #[must_use]
    pub fn add(&self, q: &Self) -> Option<Self> {
        ops::add_vartime(&self.0, &q.0).map(Self)
    }

    /// self - q, `None` if that is the identity. Variable time, any two points.
    #[must_use]
    pub fn sub(&self, q: &Self) -> Option<Self> {
        self.add(&q.neg())
    }

    /// \[k\]G. Timing: independent of `k`. The result is public.
    #[must_use]
    pub fn mul_base(k: &SecretScalar) -> Self {
        Self::declassify(ops::mul_base(k.element()))
    }

    /// \[k\]self. Timing: independent of `k`. The result is public.
    #[must_use]
    pub fn mul(&self, k: &SecretScalar) -> Self {
        Self::declassify(ops::mul(k.element(), &self.0))
    }

    /// \[k\]self. Timing: independent of `k`. The result stays secret.
    #[must_use]
    pub fn mul_secret(&self, k: &SecretScalar) -> SecretPoint {
        SecretPoint::new(ops::mul(k.element(), &self.0))
    }

    /// \[k\]self for a public `k`, `None` if `k` is 0. Variable time.
    #[must_use]
    pub fn mul_vartime(&self, k: &Scalar) -> Option<Self> {
        ops::mul_vartime(&k.0, &self.0).map(Self)
    }

    /// \[g\]G + \[k\]q for public scalars, `None` if that is the identity. Variable time.
    #[must_use]
    pub fn mul_base_add_vartime(g: &Scalar, q: &Self, k: &Scalar) -> Option<Self> {
        ops::mul_base_add_vartime(&g.0, &k.0, &q.0).map(Self)
    }

    /// A point computed from a secret scalar, made public.
    pub(crate) fn declassify(mut point: Affine) -> Self {
        ct::into_public(&mut point);
        Self(point)
    }
}

impl PartialEq for PublicPoint {
    fn eq(&self, other: &Self) -> bool {
        bool::from(self.0.x.ct_eq(&other.0.x) & self.0.y.ct_eq(&other.0.y))
    }
}

impl Eq for PublicPoint {}

impl fmt::Debug for PublicPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicPoint(04")?;
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// A secret point of the curve, affine, not the identity, wiped on drop.
///
/// It cannot be cloned or compared, and `{:?}` shows nothing of it.
/// ```compile_fail,E0599
/// # use sm_primitives::{PublicPoint, Scalar, SecretScalar};
/// # let k = SecretScalar::from_public(Scalar::ONE).unwrap();
/// let copy = PublicPoint::generator().mul_secret(&k).clone();
/// ```
pub struct SecretPoint(Affine);

impl SecretPoint {
    fn new(mut point: Affine) -> Self {
        ct::into_secret(&mut point);
        let secret = Self(point);
        point.zeroize();
        secret
    }

    /// The point that field elements stand for, `None` if that is the identity (that one bit becomes public).
    pub(crate) fn map(u: &[FieldElement; 2]) -> Option<Self> {
        let (mut point, is_identity) = ops::map_to_curve(u);
        let secret = Self::new(point);
        point.zeroize();
        (!ct::into_public_choice(is_identity)).then_some(secret)
    }

    /// \[k\]self. Timing: independent of `k` and of the point.
    #[must_use]
    pub fn mul(&self, k: &SecretScalar) -> Self {
        Self::new(ops::mul_secret(k.element(), &self.0))
    }

    /// Makes the point public. Every use needs a reason why that is safe.
    #[must_use]
    pub fn declassify(self) -> PublicPoint {
        PublicPoint::declassify(self.0)
    }

    /// self - q, `None` exactly if that is the identity (that one bit becomes public).
    ///
    /// Timing: independent of the points.
    #[must_use]
    pub fn sub_public(&self, q: &PublicPoint) -> Option<Self> {
        let (difference, is_identity) = ops::add(&self.0, &q.neg().0);
        let difference = Self::new(difference);
        (!ct::into_public_choice(is_identity)).then_some(difference)
    }

    /// x || y, 32 big-endian bytes each.
    #[must_use]
    pub fn expose_bytes(&self) -> Zeroizing<[u8; 64]> {
        Zeroizing::new(coordinates(&self.0))
    }
}

impl Drop for SecretPoint {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPoint(..)")
    }
}

/// x || y, 32 big-endian bytes each.
fn coordinates(point: &Affine) -> [u8; 64] {
    let mut out = [0; 64];
    out[..32].copy_from_slice(&point.x.to_bytes());
    out[32..].copy_from_slice(&point.y.to_bytes());
    out
}
