//! Scalars as digits.

use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

use super::scalar::ScalarElement;

/// A non-zero scalar k as `sign` * sum of d_i * 2^(W i) with L odd digits d_i between -2^W and 2^W, for W <= 8 and
/// W L >= 256; or a shorter number with fewer digits.
///
/// No digit is zero, so a multiplication never adds the identity and all digits are treated alike. Made in
/// constant time and wiped on drop. Source: Joye and Tunstall, "Exponent recoding and regular exponentiation
/// algorithms", AFRICACRYPT 2009, in the form that reads the digits off (k' + 2^(W L) - 1) / 2 for odd k'.
pub(super) struct SignedDigits<const W: usize, const L: usize> {
    /// The windows b_i of (k' + 2^(W L) - 1) / 2, which stand for d_i = 2 b_i - (2^W - 1).
    windows: Zeroizing<[u8; L]>,
    /// Whether k' is n - k, not k.
    pub(super) negated: Choice,
}

impl<const W: usize, const L: usize> SignedDigits<W, L> {
    pub(super) fn new(k: &ScalarElement) -> Self {
        // n is odd: one of k and n - k is odd.
        let negated = !Choice::from(Zeroizing::new(k.to_bytes())[31] & 1);
        let odd = Zeroizing::new(ScalarElement::conditional_select(k, &-*k, negated));
        Self::of_odd(&Zeroizing::new(odd.to_bytes()), negated)
    }

    /// The digits of k if that is odd, else of k + 1, for k < 2^(W L).
    #[cfg(any(test, target_arch = "x86_64"))]
    pub(super) fn of_u128(k: u128) -> Self {
        let mut bytes = [0; 32];
        bytes[16..].copy_from_slice(&(k | 1).to_be_bytes());
        Self::of_odd(&bytes, Choice::from(0))
    }

    /// The digits of an odd number below 2^(W L), big-endian.
    fn of_odd(k: &[u8; 32], negated: Choice) -> Self {
        let mut windows = Zeroizing::new([0; L]);
        for (i, window) in windows.iter_mut().enumerate() {
            // Bits W i + 1 .. W i + W of k', little-endian: the halving drops bit 0.
            let low = W * i + 1;
            let byte = |j: usize| if j < 32 { u16::from(k[31 - j]) } else { 0 };
            let pair = byte(low / 8) | (byte(low / 8 + 1) << 8);
            [*window, _] = ((pair >> (low % 8)) & ((1 << W) - 1)).to_le_bytes();
        }
        // + 2^(W L - 1)
        windows[L - 1] |= 1 << (W - 1);
        Self { windows, negated }
    }

    /// Digit i as (index of |d_i| among 1, 3, .. 2^W - 1; whether d_i < 0).
    pub(super) fn digit(&self, i: usize) -> (u8, Choice) {
        let (index, mask) = self.masked_digit(i);
        (index, Choice::from(mask & 1))
    }

    /// Digit i as (index as above; 0xff if d_i < 0, else 0).
    pub(super) fn masked_digit(&self, i: usize) -> (u8, u8) {
        let b = self.windows[i];
        let mask = (b >> (W - 1)).wrapping_sub(1);
        ((b ^ mask) & ((1 << (W - 1)) - 1), mask)
    }
}

/// Longest non-adjacent form: 256 bits and a carry.
pub(super) const NAF_LEN: usize = 257;

/// The width-w non-adjacent form of a big-endian number: digits zero or odd, between -2^(w-1) and 2^(w-1), least
/// significant first, with at least w - 1 zeros after each non-zero digit. 3 <= w <= 16.
pub(super) fn wnaf_vartime(k: &[u8; 32], w: u32) -> [i16; NAF_LEN] {
    let mut words = [0; 6];
    for (word, chunk) in words.iter_mut().zip(k.as_rchunks().1.iter().rev()) {
        *word = u64::from_be_bytes(*chunk);
    }
    // 64 bits from bit i <= 256 on.
    let bits = |i: usize| (words[i / 64] >> (i % 64)) | (words[i / 64 + 1] << 1 << (63 - i % 64));
    let mut naf = [0; NAF_LEN];
    let mut carry = 0;
    let mut i = 0;
    while i < NAF_LEN {
        // Bits that are the carry give zeros.
        let equal = (bits(i) ^ u64::wrapping_neg(carry)).trailing_zeros() as usize;
        if equal > 0 {
            i += equal;
            continue;
        }
        let window = (bits(i) & ((1 << w) - 1)) + carry;
        carry = u64::from(window >= 1 << (w - 1));
        naf[i] = i16::try_from(window.cast_signed() - (carry << w).cast_signed()).expect("w is at most 16");
        i += w as usize;
    }
    naf
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

    /// The sum of digit * 2^(step * i).
    fn evaluate(digits: impl DoubleEndedIterator<Item = i16>, step: usize) -> ScalarElement {
        digits.rev().fold(ScalarElement::ZERO, |sum, digit| {
            let term = small(digit.unsigned_abs());
            sum * small(1 << step) + if digit < 0 { -term } else { term }
        })
    }

    fn check_signed<const W: usize, const L: usize>(k: ScalarElement) {
        let digits = SignedDigits::<W, L>::new(&k);
        let values = (0..L).map(|i| {
            let (index, negative) = digits.digit(i);
            assert!(index < 1 << (W - 1));
            let odd = 2 * i16::from(index) + 1;
            if negative.into() { -odd } else { odd }
        });
        let sum = evaluate(values, W);
        let sum = if digits.negated.into() { -sum } else { sum };
        assert_eq!(sum.to_bytes(), k.to_bytes());
    }

    fn check(k: ScalarElement) {
        check_signed::<5, 52>(k);
        check_signed::<8, 32>(k);

        for w in 3..=16 {
            let naf = wnaf_vartime(&k.to_bytes(), w);
            assert_eq!(evaluate(naf.into_iter(), 1).to_bytes(), k.to_bytes());
            let mut last = None;
            for (i, digit) in naf.into_iter().enumerate().filter(|(_, digit)| *digit != 0) {
                assert!(digit % 2 != 0 && i32::from(digit).abs() < 1 << (w - 1));
                assert!(last.is_none_or(|last| i - last >= w as usize));
                last = Some(i);
            }
        }
    }

    #[test]
    fn ends_of_the_range() {
        for v in 1..=255 {
            check(small(v));
            check(-small(v));
        }
    }

    /// The form is of the number, not of its class mod n.
    #[test]
    fn naf_of_the_largest_number_carries_to_the_top() {
        let naf = wnaf_vartime(&[0xff; 32], 5);
        assert_eq!((naf[0], naf[256]), (-1, 1));
        assert!(naf[1..256].iter().all(|digit| *digit == 0));
    }

    proptest! {
        #[test]
        fn short_numbers(k: u128) {
            let digits = SignedDigits::<5, 26>::of_u128(k);
            prop_assert!(!bool::from(digits.negated));
            let values = (0..26).map(|i| {
                let (index, mask) = digits.masked_digit(i);
                let odd = 2 * i16::from(index) + 1;
                if mask == 0 { odd } else { -odd }
            });
            let mut bytes = [0; 32];
            bytes[16..].copy_from_slice(&(k | 1).to_be_bytes());
            prop_assert_eq!(evaluate(values, 5).to_bytes(), bytes);
        }

        #[test]
        fn any_scalar(k: [u8; 32]) {
            let k = ScalarElement::from_bytes(&k).0;
            prop_assume!(!bool::from(k.is_zero()));
            check(k);
        }
    }
}
