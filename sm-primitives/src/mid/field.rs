//! Integers mod p, always in Montgomery form.

use core::ops::{Add, Mul, Neg, Sub};

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::DefaultIsZeroes;

use crate::low::limbs::{self, Limbs};

/// An integer v mod p, kept as v * 2^256 mod p, below p. All operations run in constant time.
///
/// `Copy`, because the formulas of the curve need it; whoever stores a secret one wipes it.
#[derive(Clone, Copy, Default)]
pub(crate) struct FieldElement(pub(super) Limbs);

/// Wipes as [`FieldElement::ZERO`].
impl DefaultIsZeroes for FieldElement {}

impl FieldElement {
    pub(crate) const ZERO: Self = Self([0; limbs::WORDS]);
    pub(crate) const ONE: Self =
        Self::constant(b"0000000000000000000000000000000000000000000000000000000000000001");
    /// 2^256 mod p in Montgomery form: the factor that brings a plain integer into it.
    const R: Self = Self(limbs::to_montgomery_const(&Self::ONE.0, &limbs::P));

    /// The element written in 64 hexadecimal digits. For the constants of the standard.
    pub(crate) const fn constant(hex: &[u8; 64]) -> Self {
        Self(limbs::to_montgomery_const(&limbs::from_be_bytes(&decode_hex(hex)), &limbs::P))
    }

    /// Reads 32 big-endian bytes; the choice is false, and the element meaningless, if they are not below p.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> (Self, Choice) {
        let plain = limbs::from_be_bytes(bytes);
        (
            Self(limbs::mul_p(&limbs::reduce_once(&plain, &limbs::P), &Self::R.0)),
            limbs::less_than(&plain, &limbs::P),
        )
    }

    /// 32 big-endian bytes, below p.
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        limbs::to_be_bytes(&self.to_plain())
    }

    /// The integer itself, out of Montgomery form.
    pub(super) fn to_plain(self) -> Limbs {
        let mut one = [0; limbs::WORDS];
        one[0] = 1;
        limbs::mul_p(&self.0, &one)
    }

    #[inline(always)]
    pub(crate) fn square(&self) -> Self {
        Self(limbs::sqr_p(&self.0))
    }

    #[inline(always)]
    pub(crate) fn double(&self) -> Self {
        *self + *self
    }

    #[inline(always)]
    pub(crate) fn triple(&self) -> Self {
        *self + *self + *self
    }

    pub(crate) fn is_zero(&self) -> Choice {
        limbs::is_zero(&self.0)
    }

    /// Whether the integer (not its Montgomery form) is odd.
    pub(crate) fn is_odd(self) -> Choice {
        Choice::from(self.to_bytes()[31] & 1)
    }

    /// self^(2^count).
    fn square_times(&self, count: u32) -> Self {
        let mut r = *self;
        for _ in 0..count {
            r = r.square();
        }
        r
    }

    /// self^(2^k - 1) for k = 2, 30, 31, 32: the runs of ones in the exponents below.
    fn runs_of_ones(&self) -> [Self; 4] {
        let x2 = self.square() * *self;
        let x4 = x2.square_times(2) * x2;
        let x8 = x4.square_times(4) * x4;
        let x16 = x8.square_times(8) * x8;
        let x24 = x16.square_times(8) * x8;
        let x28 = x24.square_times(4) * x4;
        let x30 = x28.square_times(2) * x2;
        let x31 = x30.square() * *self;
        let x32 = x31.square() * *self;
        [x2, x30, x31, x32]
    }

    /// self^-1, and 0 for 0. Fermat: self^(p - 2).
    pub(crate) fn invert(&self) -> Self {
        // p - 2 in binary: 31 ones, a zero, 128 ones, 32 zeros, 62 ones, a zero, a one.
        let [_, x30, x31, x32] = self.runs_of_ones();
        let mut r = x31.square();
        for _ in 0..4 {
            r = r.square_times(32) * x32;
        }
        r = r.square_times(64) * x32;
        r = r.square_times(30) * x30;
        r.square_times(2) * *self
    }

    /// A square root, the choice says whether there is one. self^((p + 1) / 4), as p = 3 mod 4.
    pub(crate) fn sqrt(&self) -> (Self, Choice) {
        // (p + 1) / 4 in binary: 31 ones, a zero, 128 ones, 31 zeros, a one, 62 zeros.
        let [_, _, x31, x32] = self.runs_of_ones();
        let mut r = x31.square();
        for _ in 0..4 {
            r = r.square_times(32) * x32;
        }
        r = (r.square_times(32) * *self).square_times(62);
        (r, r.square().ct_eq(self))
    }
}

/// The 32 bytes that 64 hexadecimal digits stand for. Meant for compile time; other characters do not compile there.
pub(super) const fn decode_hex(hex: &[u8; 64]) -> [u8; 32] {
    const fn digit(c: u8) -> u8 {
        match c {
            b'0'..=b'9' => c - b'0',
            b'a'..=b'f' => c - b'a' + 10,
            b'A'..=b'F' => c - b'A' + 10,
            _ => 0xff,
        }
    }
    let mut out = [0; 32];
    let mut i = 0;
    while i < 32 {
        // 0xff * 16 overflows, which stops the compiler.
        out[i] = digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]);
        i += 1;
    }
    out
}

impl Add for FieldElement {
    type Output = Self;
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(limbs::add_mod(&self.0, &b.0, &limbs::P))
    }
}

impl Sub for FieldElement {
    type Output = Self;
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        Self(limbs::sub_mod(&self.0, &b.0, &limbs::P))
    }
}

impl Mul for FieldElement {
    type Output = Self;
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        Self(limbs::mul_p(&self.0, &b.0))
    }
}

impl Neg for FieldElement {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl ConditionallySelectable for FieldElement {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self(limbs::select(&a.0, &b.0, choice))
    }
}

impl ConstantTimeEq for FieldElement {
    fn ct_eq(&self, other: &Self) -> Choice {
        (*self - *other).is_zero()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(a: FieldElement, b: FieldElement) -> bool {
        a.ct_eq(&b).into()
    }

    /// The element of `bytes`, or of its first byte only if `small`, or minus that: small numbers, numbers close to p
    /// and numbers without structure.
    fn element(mut bytes: [u8; 32], small: bool, minus: bool) -> FieldElement {
        if small {
            bytes[..31].fill(0);
        }
        let element = FieldElement::from_bytes(&bytes).0;
        if minus { -element } else { element }
    }

    #[test]
    fn zero_and_one() {
        assert!(same(FieldElement::ZERO.invert(), FieldElement::ZERO));
        assert!(same(FieldElement::ONE.invert(), FieldElement::ONE));
        assert!(bool::from((-FieldElement::ZERO).is_zero()));
        assert!(!bool::from(FieldElement::ONE.is_zero()));
        assert!(bool::from(FieldElement::ONE.is_odd()));
        assert!(bool::from(FieldElement::ZERO.sqrt().1));
    }

    /// p, p + 1 and 2^256 - 1 are read as 0, 1 and 2^256 - 1 - p, and told apart from them.
    #[test]
    fn aliases_are_told() {
        let p = decode_hex(b"fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff");
        let (zero, below) = FieldElement::from_bytes(&p);
        assert!(bool::from(zero.is_zero()) && !bool::from(below));
        assert!(!bool::from(FieldElement::from_bytes(&[0xff; 32]).1));
        let mut last = p;
        last[31] -= 1;
        let (minus_one, below) = FieldElement::from_bytes(&last);
        assert!(same(minus_one, -FieldElement::ONE) && bool::from(below));
        assert_eq!(minus_one.to_bytes(), last);
    }

    proptest! {
        #[test]
        fn inverse(a: [u8; 32], small: bool, minus: bool) {
            let a = element(a, small, minus);
            prop_assume!(!bool::from(a.is_zero()));
            prop_assert!(same(a * a.invert(), FieldElement::ONE));
        }

        #[test]
        fn exactly_the_squares_have_roots(a: [u8; 32], small: bool, minus: bool) {
            let a = element(a, small, minus);
            prop_assume!(!bool::from(a.is_zero()));
            let square = a.square();
            let (root, exists) = square.sqrt();
            prop_assert!(bool::from(exists) && (same(root, a) || same(root, -a)));
            // p = 3 mod 4, so -1 is no square.
            prop_assert!(!bool::from((-square).sqrt().1));
        }

        #[test]
        fn multiples_and_bytes(a: [u8; 32], b: [u8; 32], small: bool, minus: bool) {
            let [a, b] = [element(a, small, minus), element(b, !small, minus)];
            prop_assert!(same(a.double(), a + a));
            prop_assert!(same(a.triple(), a + a + a));
            prop_assert!(same((a + b) * (a - b), a.square() - b.square()));
            prop_assert!(same(FieldElement::from_bytes(&a.to_bytes()).0, a));
        }
    }
}
