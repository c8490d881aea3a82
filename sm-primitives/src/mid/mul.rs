//! Multiplication by secret scalars. Constant time: complete formulas, tables read in full, no digit is zero.

use zeroize::{Zeroize, Zeroizing};

use super::{
    jacobian::Jacobian,
    point::{Affine, Projective},
    recode::{DIGITS, ENTRIES, SignedDigits, WINDOW},
    scalar::ScalarElement,
    table::{BASE, choose_affine, choose_projective, odd_multiples},
};

/// [k]G for k != 0: one addition for each digit, no doublings.
pub(super) fn mul_base(k: &ScalarElement) -> Zeroizing<Projective> {
    let digits = SignedDigits::new(k);
    let mut entry = choose_affine(&BASE[0], digits.digit(0));
    let mut acc = Zeroizing::new(Projective::from(entry));
    for (i, row) in BASE.iter().enumerate().skip(1) {
        entry = choose_affine(row, digits.digit(i));
        *acc = acc.add_affine(&entry);
    }
    entry.zeroize();
    acc.negate_if(digits.negated);
    acc
}

/// The multiples of one point that [`mul`] chooses from.
pub(super) struct Multiples([Projective; ENTRIES]);

impl Multiples {
    pub(super) fn new(q: &Affine) -> Self {
        Self(odd_multiples(q))
    }
}

/// [k]Q for k != 0: five doublings and one addition for each digit.
///
/// The doublings are done in Jacobian coordinates, the addition by the complete formula. Going back and forth is
/// right except for the identity, and the accumulator never is the identity: after digit i > 0 it is v Q with
/// v = sum of d_j 2^(5 (j - i)) over j >= i, which is odd, so not 0, and |v| <= 2^-5 k' + 1 < n.
pub(super) fn mul(k: &SignedDigits, q: &Multiples) -> Zeroizing<Projective> {
    let mut entry = choose_projective(&q.0, k.digit(DIGITS - 1));
    let mut acc = Zeroizing::new(entry);
    let mut doubled = Zeroizing::new(Jacobian::default());
    for i in (0..DIGITS - 1).rev() {
        *doubled = Jacobian::from(&*acc);
        for _ in 0..WINDOW {
            *doubled = doubled.double();
        }
        entry = choose_projective(&q.0, k.digit(i));
        *acc = Projective::from(&*doubled).add(&entry);
    }
    entry.zeroize();
    acc.negate_if(k.negated);
    acc
}
