//! Odd signed digits, of which none is zero.

use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use crate::mid::scalar::ScalarElement;

/// `N` odd digits d_i of `W` bits, |d_i| < 2^W: their sum d_i 2^(W i) is an odd number below 2^(W N). Wiped on drop.
///
/// Source: Joye and Tunstall, "Exponent recoding and regular exponentiation algorithms", AFRICACRYPT 2009, in the form
/// that reads the digits off (k' + 2^(W N) - 1) / 2 for an odd k'.
pub(super) struct Digits<const W: usize, const N: usize> {
    /// The windows b_i of that number, which stand for d_i = 2 b_i - (2^W - 1).
    windows: Zeroizing<[u8; N]>,
}

impl<const W: usize, const N: usize> Digits<W, N> {
    /// The digits of whichever of k and n - k is odd, and whether that is n - k. k is not 0. Constant time.
    pub(super) fn new(k: &ScalarElement) -> (Self, Choice) {
        let negated = !Choice::from(Zeroizing::new(k.to_bytes())[31] & 1);
        let odd = Zeroizing::new(ScalarElement::conditional_select(k, &-*k, negated));
        (Self::of_odd(&Zeroizing::new(odd.to_bytes())), negated)
    }

    /// The digits of an odd number, big-endian. Constant time.
    fn of_odd(k: &[u8; 32]) -> Self {
        let byte = |i: usize| if i < 32 { u16::from(k[31 - i]) } else { 0 };
        let mut windows = Zeroizing::new([0; N]);
        for (i, window) in windows.iter_mut().enumerate() {
            // The halving drops bit 0.
            let low = W * i + 1;
            let pair = byte(low / 8) | byte(low / 8 + 1) << 8;
            *window = (pair >> (low % 8) & ((1 << W) - 1)).to_le_bytes()[0];
        }
        windows[N - 1] |= 1 << (W - 1);
        Self { windows }
    }

    /// Digit i as (index of |d_i| among 1, 3, .. ; 0xff if d_i < 0, else 0).
    pub(super) fn digit(&self, i: usize) -> (u8, u8) {
        let b = self.windows[i];
        let negative = (b >> (W - 1)).wrapping_sub(1);
        ((b ^ negative) & ((1 << (W - 1)) - 1), negative)
    }
}

impl<const W: usize, const N: usize> Digits<W, N> {
    /// The digits of k, if that is odd, else of k + 1. For public numbers below 2^(W N).
    pub(super) fn of_u128(k: u128) -> Self {
        let mut bytes = [0; 32];
        bytes[16..].copy_from_slice(&(k | 1).to_be_bytes());
        Self::of_odd(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn small(v: u16) -> ScalarElement {
        let mut bytes = [0; 32];
        bytes[30..].copy_from_slice(&v.to_be_bytes());
        ScalarElement::from_bytes(&bytes).0
    }

    fn sum<const W: usize, const N: usize>(digits: &Digits<W, N>) -> ScalarElement {
        (0..N).rev().fold(ScalarElement::ZERO, |sum, i| {
            let (index, negative) = digits.digit(i);
            assert!(index < 1 << (W - 1) && (negative == 0 || negative == 0xff));
            let term = small(2 * u16::from(index) + 1);
            sum * small(1 << W) + if negative == 0 { term } else { -term }
        })
    }

    fn check<const W: usize, const N: usize>(k: ScalarElement) {
        let (digits, negated) = Digits::<W, N>::new(&k);
        let sum = sum(&digits);
        let sum = if negated.into() { -sum } else { sum };
        assert_eq!(sum.to_bytes(), k.to_bytes());
    }

    #[test]
    fn ends_of_the_range() {
        for v in 1..600 {
            for k in [small(v), -small(v)] {
                check::<8, 32>(k);
                check::<5, 52>(k);
            }
        }
    }

    proptest! {
        #[test]
        fn any_scalar(k: [u8; 32]) {
            let k = ScalarElement::from_bytes(&k).0;
            prop_assume!(!bool::from(k.is_zero()));
            check::<8, 32>(k);
            check::<5, 52>(k);
        }

        #[test]
        fn short_numbers(k: u128) {
            let mut bytes = [0; 32];
            bytes[16..].copy_from_slice(&(k | 1).to_be_bytes());
            prop_assert_eq!(sum(&Digits::<5, 26>::of_u128(k)).to_bytes(), bytes);
        }
    }
}
