//! Integers modulo the group order n: [`Scalar`] for public ones, [`SecretScalar`] for secret ones.
//!
//! The two do not mix by accident: secret values leave through [`SecretScalar::expose_bytes`] (for storage) and
//! [`SecretScalar::declassify`] (into public arithmetic) only.

use core::{
    fmt,
    ops::{Add, Mul, Neg, Sub},
};

use rand_core::TryCryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::{Error, ct, mid::scalar::ScalarElement};

/// A public integer v mod n, 0 <= v < n.
///
/// The operators work mod n.
#[derive(Clone, Copy)]
pub struct Scalar(pub(crate) ScalarElement);

impl Scalar {
    /// 0.
    pub const ZERO: Self = Self(ScalarElement::ZERO);
    /// 1.
    pub const ONE: Self = Self(ScalarElement::ONE);

    /// Reads 32 big-endian bytes, `None` if the integer is not below n.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let (element, below) = ScalarElement::from_bytes(bytes);
        bool::from(below).then_some(Self(element))
    }

    /// The integer of 32 big-endian bytes mod n.
    #[must_use]
    pub fn reduce(bytes: &[u8; 32]) -> Self {
        Self(ScalarElement::from_bytes(bytes).0)
    }

    /// The integer itself; all of them are below n.
    #[must_use]
    pub fn from_u128(v: u128) -> Self {
        let mut bytes = [0; 32];
        bytes[16..].copy_from_slice(&v.to_be_bytes());
        Self::reduce(&bytes)
    }

    /// 32 big-endian bytes, below n.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Whether this is 0.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero().into()
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Scalar {}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scalar(")?;
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl Add for Scalar {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Self(self.0 + b.0)
    }
}

impl Sub for Scalar {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        Self(self.0 - b.0)
    }
}

impl Mul for Scalar {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        Self(self.0 * b.0)
    }
}

impl Neg for Scalar {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// A secret integer in [1, n-1]. Never zero, wiped on drop, and all its operations run in constant time.
///
/// It cannot be cloned:
/// ```compile_fail,E0599
/// # let k = sm_primitives::SecretScalar::from_public(sm_primitives::Scalar::ONE).unwrap();
/// let copy = k.clone();
/// ```
/// nor printed:
/// ```compile_fail,E0277
/// # let k = sm_primitives::SecretScalar::from_public(sm_primitives::Scalar::ONE).unwrap();
/// println!("{k}");
/// ```
/// nor compared with `==`, only with [`ct_eq`](Self::ct_eq):
/// ```compile_fail,E0369
/// # let k = sm_primitives::SecretScalar::from_public(sm_primitives::Scalar::ONE).unwrap();
/// assert!(k == k);
/// ```
/// `{:?}` shows nothing of it:
/// ```
/// # let k = sm_primitives::SecretScalar::from_public(sm_primitives::Scalar::ONE).unwrap();
/// assert_eq!(format!("{k:?}"), "SecretScalar(..)");
/// ```
pub struct SecretScalar(ScalarElement);

/// Draws before a random source that only gives unsuitable values is given up. One draw fails with a probability of
/// about 2^-32.
const MAX_DRAWS: usize = 128;

impl SecretScalar {
    /// The only constructor of a value: what it returns counts as secret from here on.
    fn new(mut element: ScalarElement) -> Self {
        ct::into_secret(&mut element);
        let scalar = Self(element);
        element.zeroize();
        scalar
    }

    /// `None` if `element` is zero; that one bit is made public.
    fn nonzero(element: ScalarElement) -> Option<Self> {
        let scalar = Self::new(element);
        (!ct::into_public_choice(scalar.0.is_zero())).then_some(scalar)
    }

    /// Reads 32 big-endian bytes, `None` if the integer is 0 or not below n (which is not kept secret).
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let mut bytes = Zeroizing::new(*bytes);
        ct::into_secret(&mut *bytes);
        let (element, below) = ScalarElement::from_bytes(&bytes);
        let scalar = Self::new(element);
        ct::into_public_choice(below & !scalar.0.is_zero()).then_some(scalar)
    }

    /// A uniform value: 32 big-endian bytes of `rng`, drawn again while they are 0 or not below n.
    ///
    /// # Errors
    /// [`Error::RandomFailed`] if `rng` fails or gives 128 unsuitable values in a row.
    pub fn random(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        for _ in 0..MAX_DRAWS {
            rng.try_fill_bytes(bytes.as_mut_slice()).map_err(|_| Error::RandomFailed)?;
            if let Some(scalar) = Self::from_bytes(&bytes) {
                return Ok(scalar);
            }
        }
        Err(Error::RandomFailed)
    }

    /// 1 + (the integer of 48 big-endian bytes mod n - 1). Uniform up to 2^-128 if the bytes are.
    #[must_use]
    pub fn from_wide(bytes: &[u8; 48]) -> Self {
        let mut bytes = Zeroizing::new(*bytes);
        ct::into_secret(&mut *bytes);
        Self::new(ScalarElement::from_wide(&bytes))
    }

    /// Makes a public value secret, `None` if it is 0.
    #[must_use]
    pub fn from_public(v: Scalar) -> Option<Self> {
        Self::nonzero(v.0)
    }

    /// 32 big-endian bytes, to be stored or sealed.
    #[must_use]
    pub fn expose_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// self * b mod n.
    #[must_use]
    pub fn mul(&self, b: &Self) -> Self {
        Self::new(self.0 * b.0)
    }

    /// self^-1 mod n.
    #[must_use]
    pub fn invert(&self) -> Self {
        Self::new(self.0.invert())
    }

    /// self * b mod n, `None` exactly if b is 0.
    #[must_use]
    pub fn mul_public(&self, b: &Scalar) -> Option<Self> {
        (!b.is_zero()).then(|| Self::new(self.0 * b.0))
    }

    /// self + b mod n, `None` exactly if the sum is 0 (that one bit becomes public).
    #[must_use]
    pub fn add(&self, b: &Self) -> Option<Self> {
        Self::nonzero(self.0 + b.0)
    }

    /// self + b mod n, `None` exactly if the sum is 0 (that one bit becomes public).
    #[must_use]
    pub fn add_public(&self, b: &Scalar) -> Option<Self> {
        Self::nonzero(self.0 + b.0)
    }

    /// Makes the value public. Every use needs a reason why that is safe.
    #[must_use]
    pub fn declassify(self) -> Scalar {
        let mut element = self.0;
        ct::into_public(&mut element);
        Scalar(element)
    }

    /// Whether the values are equal.
    #[must_use]
    pub fn ct_eq(&self, b: &Self) -> Choice {
        self.0.ct_eq(&b.0)
    }

    pub(crate) fn element(&self) -> &ScalarElement {
        &self.0
    }
}

impl Drop for SecretScalar {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(..)")
    }
}
