//! Multiplication by secret scalars, of public points and of secret ones. Constant time: tables read in full, no digit is zero, no addition has an
//! exceptional case but the last, which is done by the complete formula.

use zeroize::{Zeroize, Zeroizing};

use super::{
    inverse::{odd_multiples_vartime, to_affine_all},
    jacobian::Jacobian,
    point::{Affine, Projective},
    recode::SignedDigits,
    scalar::ScalarElement,
    table::{DIGITS, ENTRIES, Search, WINDOW, choose},
};
use crate::low::{Arithmetic, Portable};
#[cfg(all(target_arch = "x86_64", not(miri)))]
use crate::{
    ct,
    low::x86_64::{cpu::Ifma, ifma},
    mid::{field::FieldElement, table},
};

/// [k]G for k != 0, where entry j of row i is (2 j + 1) 2^(W i) G: one addition for each digit, no doublings.
///
/// Before the last addition, the accumulator is v G for an odd |v| < 2^(W i), and d 2^(W i) G for an odd digit d is
/// added. Their sum and their difference are integers between -n and n, as 2^(W (i + 1)) < n, and not 0, as
/// |d 2^(W i)| > |v|: so the points are neither equal nor opposite. Nor is v G ever the identity.
pub(super) fn mul_base<A: Arithmetic, const W: usize, const L: usize, const E: usize>(
    k: &ScalarElement,
    rows: &[[Affine; E]; L],
    arithmetic: A,
) -> Zeroizing<Projective<A>> {
    const { assert!(E == 1 << (W - 1) && W * L >= 256 && W * (L - 1) < 256) };
    let digits = SignedDigits::<W, L>::new(k);
    let mut acc = Zeroizing::new(Jacobian::from(choose(&rows[0], digits.digit(0), arithmetic)));
    let mut entry = choose(&rows[1], digits.digit(1), arithmetic);
    for (i, row) in rows.iter().enumerate().skip(2) {
        let mut search = Search::new(row, digits.digit(i), arithmetic);
        acc.add_unequal(&entry, &mut search);
        entry = search.finish();
    }
    let mut sum = Zeroizing::new(Projective::from(&*acc).add_affine(&entry));
    entry.zeroize();
    sum.negate_if(digits.negated);
    sum
}

/// [k]G for k != 0, summed in the lanes of vectors; `None` if two points in a sum had the same x.
///
/// A sum of entries is an odd multiple of 2^(5 i) G for its lowest digit i, so two sums without a digit in common are, as
/// integers, neither equal nor opposite; and they stay below n. Only with the highest digit, which is always 1 and stands
/// for 2^255, they need not. In the first two additions with it, all else is below 2^250 together, too little to reach n. In
/// the last one the sum is k', no multiple of n, and the difference is n for one k' alone (see the tests). That k is this
/// one or its negative becomes public.
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) fn mul_base_in_lanes<A: Arithmetic>(
    cpu: Ifma,
    k: &ScalarElement,
    arithmetic: A,
) -> Option<Zeroizing<Projective<A>>> {
    let digits = Digits::new(k);
    let named = Zeroizing::new(core::array::from_fn(|i| digits.masked_digit(i)));
    let sum = ifma::sum(cpu, &table::BASE, Affine::numbers, &named);
    let [x, y, z] = sum.map(|limbs| FieldElement::from_limbs(limbs).on(arithmetic));
    let mut sum = Zeroizing::new(Projective::from(&*Zeroizing::new(Jacobian { x, y, z })));
    sum.negate_if(digits.negated);
    (!ct::into_public_choice(sum.is_identity())).then_some(sum)
}

/// The digits of a secret scalar that [`mul`] works on.
pub(super) type Digits = SignedDigits<WINDOW, DIGITS>;

/// The multiples of one point that [`mul`] chooses from: 1, 3, .. 31 times it.
pub(super) struct Multiples([Affine; ENTRIES]);

impl Multiples {
    /// Those of a public point. Variable time.
    pub(super) fn new<A: Arithmetic>(q: &Affine<A>) -> Self {
        let [multiples] = odd_multiples_vartime([*q]);
        Self(multiples.map(|multiple| multiple.on(Portable)))
    }

    /// Those of a secret point. Constant time.
    pub(super) fn of_secret<A: Arithmetic>(q: &Affine<A>) -> Zeroizing<Self> {
        let multiples = Zeroizing::new(Jacobian::odd_multiples::<ENTRIES>(q));
        let multiples = Zeroizing::new(multiples.each_ref().map(|(multiple, _)| Projective::from(multiple)));
        let affine = Zeroizing::new(to_affine_all(&multiples[..]));
        let mut all = Zeroizing::new(Self([Affine::default(); ENTRIES]));
        for (entry, point) in all.0.iter_mut().zip(affine.iter()) {
            *entry = point.on(Portable);
        }
        all
    }
}

impl Zeroize for Multiples {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// [k]Q for k != 0: five doublings and one addition for each digit.
///
/// After digit i > 0 the accumulator is v Q with v = sum of d_j 2^(5 (j - i)) over j >= i, which is odd, and
/// |v| <= 2^(-5 i) k' + 1. So it is not the identity; and at digit i > 0, 32 v Q and d Q are neither equal nor
/// opposite, as |32 v| >= 32 > |d| and |32 v| + |d| < n. At digit 0 they may be equal: k' = n - 6 ends with
/// 32 v = n - 3 and d = -3.
pub(super) fn mul<A: Arithmetic>(k: &Digits, q: &Multiples, arithmetic: A) -> Zeroizing<Projective<A>> {
    let mut entry = choose(&q.0, k.digit(DIGITS - 1), arithmetic);
    let mut acc = Zeroizing::new(Jacobian::from(entry));
    entry = choose(&q.0, k.digit(DIGITS - 2), arithmetic);
    for i in (0..DIGITS - 2).rev() {
        double_window(&mut acc);
        let mut search = Search::new(&q.0, k.digit(i), arithmetic);
        acc.add_unequal(&entry, &mut search);
        entry = search.finish();
    }
    double_window(&mut acc);
    let mut sum = Zeroizing::new(Projective::from(&*acc).add_affine(&entry));
    entry.zeroize();
    sum.negate_if(k.negated);
    sum
}

fn double_window<A: Arithmetic>(acc: &mut Jacobian<A>) {
    for _ in 0..WINDOW {
        acc.double();
    }
}

#[cfg(all(test, target_arch = "x86_64", not(miri)))]
mod tests {
    extern crate std;

    use std::eprintln;

    use super::*;
    use crate::mid::{inverse::to_affine, ops};

    /// The scalar whose last two sums are equal: n - 2^255 in 51 digits, those of even places negated, and 2^255.
    #[test]
    fn equal_sums_are_told() {
        let Some(cpu) = Ifma::get() else { return eprintln!("skipped: no IFMA") };
        let power = |exponent| (0..exponent).fold(ScalarElement::ONE, |power, _| power + power);
        let rest = (-power(255)).to_bytes();
        let bit = |i: usize| rest[31 - i / 8] >> (i % 8) & 1;
        let mut k = power(255);
        for i in 0..51 {
            let window = (0..5).fold(0, |window, j| window | bit(5 * i + j + 1) << j);
            let digit = 2 * i32::from(if i == 50 { window | 16 } else { window }) - 31;
            let digit = if i % 2 == 0 { -digit } else { digit };
            for _ in 0..digit.abs() {
                k = if digit < 0 { k - power(5 * i) } else { k + power(5 * i) };
            }
        }
        for k in [k, -k] {
            assert!(mul_base_in_lanes(cpu, &k, Portable).is_none());
            let expected = ops::mul_vartime(&k, &Affine::GENERATOR).unwrap();
            assert_eq!(ops::mul_base(&k).x.to_bytes(), expected.x.to_bytes());
            assert_eq!(ops::mul_base(&k).y.to_bytes(), expected.y.to_bytes());
            let next = k + ScalarElement::ONE + ScalarElement::ONE;
            let expected = ops::mul_vartime(&next, &Affine::GENERATOR).unwrap();
            let found = mul_base_in_lanes(cpu, &next, Portable).unwrap();
            assert_eq!(to_affine(&found).y.to_bytes(), expected.y.to_bytes());
        }
    }
}
