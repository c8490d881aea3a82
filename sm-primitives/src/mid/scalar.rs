//! Integers mod n, always in Montgomery form.

use core::ops::{Add, Mul, Neg, Sub};

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{DefaultIsZeroes, Zeroizing};

use crate::low::{
    self, divsteps,
    limbs::{self, Limbs},
};

/// An integer v mod n, kept as v * 2^256 mod n, below n. All operations run in constant time.
///
/// `Copy`, as the public scalars need it; whoever stores a secret one wipes it.
#[derive(Clone, Copy, Default)]
pub(crate) struct ScalarElement(Limbs);

/// Wipes as [`ScalarElement::ZERO`].
impl DefaultIsZeroes for ScalarElement {}

impl ScalarElement {
    pub(crate) const ZERO: Self = Self([0; limbs::WORDS]);
    pub(crate) const ONE: Self = Self(limbs::to_montgomery_const(
        &limbs::from_be_bytes(&[
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
        ]),
        &limbs::N,
    ));
    /// 2^256 mod n in Montgomery form: the factor that brings a plain integer into it.
    const R: Self = Self(limbs::to_montgomery_const(&Self::ONE.0, &limbs::N));

    /// Brings a plain integer below n into Montgomery form.
    fn from_plain(plain: &Limbs) -> Self {
        Self(limbs::mul_n(plain, &Self::R.0))
    }

    /// Reads 32 big-endian bytes; the element is the integer mod n, the choice says whether it was below n.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> (Self, Choice) {
        let plain = Zeroizing::new(limbs::from_be_bytes(bytes));
        let reduced = Zeroizing::new(limbs::reduce_once(&plain, &limbs::N));
        (Self::from_plain(&reduced), limbs::less_than(&plain, &limbs::N))
    }

    /// 1 + (the big-endian integer mod n - 1), never zero.
    pub(crate) fn from_wide(bytes: &[u8; 48]) -> Self {
        let plain = Zeroizing::new(low::mod_n_minus_1(bytes));
        Self::from_plain(&plain) + Self::ONE
    }

    /// 32 big-endian bytes, below n.
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        let mut one = [0; limbs::WORDS];
        one[0] = 1;
        limbs::to_be_bytes(&Zeroizing::new(limbs::mul_n(&self.0, &one)))
    }

    pub(crate) fn is_zero(&self) -> Choice {
        limbs::is_zero(&self.0)
    }

    /// self^-1, and 0 for 0.
    pub(crate) fn invert(&self) -> Self {
        Self(divsteps::invert_n(&self.0))
    }
}

impl Add for ScalarElement {
    type Output = Self;
    fn add(self, b: Self) -> Self {
        Self(limbs::add_mod(&self.0, &b.0, &limbs::N))
    }
}

impl Sub for ScalarElement {
    type Output = Self;
    fn sub(self, b: Self) -> Self {
        Self(limbs::sub_mod(&self.0, &b.0, &limbs::N))
    }
}

impl Mul for ScalarElement {
    type Output = Self;
    fn mul(self, b: Self) -> Self {
        Self(limbs::mul_n(&self.0, &b.0))
    }
}

impl Neg for ScalarElement {
    type Output = Self;
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl ConditionallySelectable for ScalarElement {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self(limbs::select(&a.0, &b.0, choice))
    }
}

impl ConstantTimeEq for ScalarElement {
    fn ct_eq(&self, other: &Self) -> Choice {
        (*self - *other).is_zero()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(a: ScalarElement, b: ScalarElement) -> bool {
        a.ct_eq(&b).into()
    }

    /// a^(n - 2).
    fn fermat(a: ScalarElement) -> ScalarElement {
        let exponent = super::super::field::decode_hex(
            b"fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54121",
        );
        exponent.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1)).fold(
            ScalarElement::ONE,
            |r, bit| {
                if bit == 1 { r * r * a } else { r * r }
            },
        )
    }

    #[test]
    fn aliases_are_told() {
        let n = super::super::field::decode_hex(
            b"fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123",
        );
        let (zero, below) = ScalarElement::from_bytes(&n);
        assert!(bool::from(zero.is_zero()) && !bool::from(below));
        assert!(!bool::from(ScalarElement::from_bytes(&[0xff; 32]).1));
        let mut last = n;
        last[31] -= 1;
        let (minus_one, below) = ScalarElement::from_bytes(&last);
        assert!(same(minus_one, -ScalarElement::ONE) && bool::from(below));
        assert_eq!(minus_one.to_bytes(), last);
    }

    #[test]
    fn zero_has_no_inverse() {
        assert!(bool::from(ScalarElement::ZERO.invert().is_zero()));
    }

    /// 0 and n - 1 are congruent mod n - 1 and give 1; n - 2 gives n - 1. Never 0.
    #[test]
    fn wide_is_never_zero() {
        let mut wide = [0; 48];
        assert!(same(ScalarElement::from_wide(&wide), ScalarElement::ONE));
        wide[16..].copy_from_slice(&(-ScalarElement::ONE).to_bytes());
        assert!(same(ScalarElement::from_wide(&wide), ScalarElement::ONE));
        wide[47] -= 1;
        assert!(same(ScalarElement::from_wide(&wide), -ScalarElement::ONE));
    }

    proptest! {
        #[test]
        fn ring_and_inverse(a: [u8; 32], b: [u8; 32]) {
            let [a, b] = [a, b].map(|bytes| ScalarElement::from_bytes(&bytes).0);
            prop_assert!(same((a + b) * (a - b), a * a - b * b));
            prop_assert!(same(ScalarElement::from_bytes(&a.to_bytes()).0, a));
            if !bool::from(a.is_zero()) {
                prop_assert!(same(a * a.invert(), ScalarElement::ONE));
                prop_assert!(same(a.invert(), fermat(a)));
            }
        }
    }
}
