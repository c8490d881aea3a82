//! Multiplication by secret scalars. Constant time: tables read in full, no digit is zero, no addition has an
//! exceptional case but the last, which is done by the complete formula.

use zeroize::{Zeroize, Zeroizing};

use super::{
    inverse::odd_multiples_vartime,
    jacobian::Jacobian,
    point::{Affine, Projective},
    recode::SignedDigits,
    scalar::ScalarElement,
    table::{DIGITS, ENTRIES, Search, WINDOW, choose},
};
use crate::low::{Arithmetic, Portable};

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

/// The digits of a secret scalar that [`mul`] works on.
pub(super) type Digits = SignedDigits<WINDOW, DIGITS>;

/// The multiples of one public point that [`mul`] chooses from: 1, 3, .. 31 times it.
pub(super) struct Multiples([Affine; ENTRIES]);

impl Multiples {
    pub(super) fn new<A: Arithmetic>(q: &Affine<A>) -> Self {
        let [multiples] = odd_multiples_vartime([*q]);
        Self(multiples.map(|multiple| multiple.on(Portable)))
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
