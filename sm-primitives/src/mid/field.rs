//! Integers mod p, always in Montgomery form.

use core::ops::{Add, Mul, Neg, Sub};

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::low::{
    Arithmetic, Portable, divsteps,
    limbs::{self, Limbs},
};

/// An integer v mod p, kept as v * 2^256 mod p, below p. All operations run in constant time.
///
/// `Copy`, because the formulas of the curve need it; whoever stores a secret one wipes it. `A` is what computes with
/// it; values and tables are [`Portable`], and a whole operation moves what it works on to another one, see
/// [`on`](Self::on).
#[derive(Clone, Copy, Default)]
pub(crate) struct FieldElement<A = Portable>(pub(super) Limbs, A);

/// Wipes as [`FieldElement::ZERO`].
impl<A> Zeroize for FieldElement<A> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl FieldElement {
    pub(crate) const ZERO: Self = Self::from_limbs([0; limbs::WORDS]);
    pub(crate) const ONE: Self =
        Self::constant(b"0000000000000000000000000000000000000000000000000000000000000001");
    /// 2^256 mod p in Montgomery form: the factor that brings a plain integer into it.
    const R: Self = Self::from_limbs(limbs::to_montgomery_const(&Self::ONE.0, &limbs::P));

    /// The element with this Montgomery form, which is below p.
    pub(super) const fn from_limbs(limbs: Limbs) -> Self {
        Self(limbs, Portable)
    }

    /// The element written in 64 hexadecimal digits. For the constants of the standard.
    pub(crate) const fn constant(hex: &[u8; 64]) -> Self {
        Self::from_limbs(limbs::to_montgomery_const(&limbs::from_be_bytes(&decode_hex(hex)), &limbs::P))
    }

    /// Reads 32 big-endian bytes; the choice is false, and the element meaningless, if they are not below p.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> (Self, Choice) {
        let plain = limbs::from_be_bytes(bytes);
        (
            Self::from_limbs(limbs::mul_p(&limbs::reduce_once(&plain, &limbs::P), &Self::R.0)),
            limbs::less_than(&plain, &limbs::P),
        )
    }

    /// The integer of 48 big-endian bytes mod p. Uniform up to 2^-128 if the bytes are.
    pub(crate) fn from_wide(bytes: &[u8; 48]) -> Self {
        let mut halves = Zeroizing::new([[0; 32]; 2]);
        halves[0][16..].copy_from_slice(&bytes[..16]);
        halves[1].copy_from_slice(&bytes[16..]);
        // A half that is not below p is read as what it is mod p: p > 2^255.
        let [high, low] = [&halves[0], &halves[1]].map(|half| Self::from_bytes(half).0);
        high * Self::R + low
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

    /// Whether the integer (not its Montgomery form) is odd.
    pub(crate) fn is_odd(self) -> Choice {
        Choice::from(self.to_bytes()[31] & 1)
    }
}

impl<A: Arithmetic> FieldElement<A> {
    /// 0, on the same arithmetic.
    #[inline(always)]
    pub(super) fn zero(&self) -> Self {
        FieldElement::ZERO.on(self.1)
    }

    /// 1, on the same arithmetic.
    #[inline(always)]
    pub(super) fn one(&self) -> Self {
        FieldElement::ONE.on(self.1)
    }

    /// The same element for `arithmetic` to compute with. Costs nothing.
    #[inline(always)]
    pub(super) fn on<B: Arithmetic>(self, arithmetic: B) -> FieldElement<B> {
        FieldElement(self.0, arithmetic)
    }

    /// What computes with this.
    #[inline(always)]
    pub(super) fn arithmetic(&self) -> A {
        self.1
    }

    #[inline(always)]
    pub(crate) fn square(&self) -> Self {
        Self(self.1.sqr_p(&self.0), self.1)
    }

    #[inline(always)]
    #[cfg(test)]
    pub(crate) fn double(&self) -> Self {
        *self + *self
    }

    #[inline(always)]
    pub(crate) fn triple(&self) -> Self {
        *self + *self + *self
    }

    /// 3/2 self.
    #[inline(always)]
    pub(super) fn three_halves(&self) -> Self {
        *self + Self(self.1.halve_p(&self.0), self.1)
    }

    pub(crate) fn is_zero(&self) -> Choice {
        limbs::is_zero(&self.0)
    }

    /// self^(2^count).
    fn square_times(&self, count: u32) -> Self {
        let mut r = *self;
        for _ in 0..count {
            r = r.square();
        }
        r
    }

    /// self^(2^k - 1) for k = 31, 32: the runs of ones in the exponent below.
    fn runs_of_ones(&self) -> [Self; 2] {
        let x2 = self.square() * *self;
        let x4 = x2.square_times(2) * x2;
        let x8 = x4.square_times(4) * x4;
        let x16 = x8.square_times(8) * x8;
        let x24 = x16.square_times(8) * x8;
        let x28 = x24.square_times(4) * x4;
        let x30 = x28.square_times(2) * x2;
        let x31 = x30.square() * *self;
        let x32 = x31.square() * *self;
        [x31, x32]
    }

    /// self^-1, and 0 for 0.
    pub(crate) fn invert(&self) -> Self {
        Self(divsteps::invert_p(&self.0), self.1)
    }

    /// self^-1, and 0 for 0. Variable time.
    pub(super) fn invert_vartime(&self) -> Self {
        Self(divsteps::invert_p_vartime(&self.0), self.1)
    }

    /// A square root, the choice says whether there is one.
    pub(crate) fn sqrt(&self) -> (Self, Choice) {
        let r = self.inverse_root() * *self;
        (r, r.square().ct_eq(self))
    }

    /// self^((p - 3) / 4): for a square, one over a root of it; for others, one over a root of -self; as p = 3 mod 4.
    pub(super) fn inverse_root(&self) -> Self {
        // (p - 3) / 4 in binary: 31 ones, a zero, 128 ones, 32 zeros, 62 ones.
        let [x31, x32] = self.runs_of_ones();
        let mut r = x31.square();
        for _ in 0..4 {
            r = r.square_times(32) * x32;
        }
        r = r.square_times(32 + 31) * x31;
        r.square_times(31) * x31
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

/// An operator on elements and references to them.
///
/// Formulas name operands that are in memory by reference: kernels read them there, and the compiler would make a copy
/// of each value first, with loads that wait for the stores of the kernel before.
macro_rules! operator {
    ($trait:ident, $method:ident, $kernel:ident) => {
        impl<A: Arithmetic> $trait<&FieldElement<A>> for &FieldElement<A> {
            type Output = FieldElement<A>;
            #[inline(always)]
            fn $method(self, b: &FieldElement<A>) -> FieldElement<A> {
                FieldElement(self.1.$kernel(&self.0, &b.0), self.1)
            }
        }

        impl<A: Arithmetic> $trait<FieldElement<A>> for &FieldElement<A> {
            type Output = FieldElement<A>;
            #[inline(always)]
            fn $method(self, b: FieldElement<A>) -> FieldElement<A> {
                self.$method(&b)
            }
        }

        impl<A: Arithmetic> $trait<&Self> for FieldElement<A> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, b: &Self) -> Self {
                (&self).$method(b)
            }
        }

        impl<A: Arithmetic> $trait for FieldElement<A> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, b: Self) -> Self {
                (&self).$method(&b)
            }
        }
    };
}

operator!(Add, add, add_p);
operator!(Sub, sub, sub_p);
operator!(Mul, mul, mul_p);

impl<A: Arithmetic> Neg for FieldElement<A> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.zero() - self
    }
}

impl<A: Arithmetic> ConditionallySelectable for FieldElement<A> {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self(limbs::select(&a.0, &b.0, choice), a.1)
    }
}

impl<A: Arithmetic> ConstantTimeEq for FieldElement<A> {
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

    /// a^(p - 2).
    fn fermat(a: FieldElement) -> FieldElement {
        let exponent = decode_hex(b"fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffd");
        exponent.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1)).fold(
            FieldElement::ONE,
            |r, bit| {
                if bit == 1 { r.square() * a } else { r.square() }
            },
        )
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
            prop_assert!(same(a.invert(), fermat(a)));
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

        /// Against the digits one after the other.
        #[test]
        fn wide_numbers_are_reduced(mut bytes in prop::array::uniform32(any::<u8>()), high: [u8; 16], ones: bool) {
            if ones {
                bytes.fill(0xff);
            }
            let mut wide = [0; 48];
            wide[..16].copy_from_slice(&high);
            wide[16..].copy_from_slice(&bytes);
            let digit = |byte: u8| FieldElement::from_bytes(&core::array::from_fn(|i| if i == 31 { byte } else { 0 })).0;
            let base = digit(255) + FieldElement::ONE;
            let expected = wide.iter().fold(FieldElement::ZERO, |sum, &byte| sum * base + digit(byte));
            prop_assert!(same(FieldElement::from_wide(&wide), expected));
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
