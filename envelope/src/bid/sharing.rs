//! Shamir's sharing over the integers modulo n, with Feldman's commitments.
//!
//! Source: A. Shamir, How to Share a Secret (1979); P. Feldman, A Practical Scheme for Non-interactive Verifiable Secret
//! Sharing (1987).

use alloc::vec::Vec;

use sm_primitives::{PublicPoint, Scalar, SecretScalar, rand_core::TryCryptoRng};
use zeroize::Zeroizing;

use crate::error::Error;

/// One share of a bid's secret: its number from 1, and 32 bytes. Wiped on drop, never copied or printed.
pub struct Share {
    number: u8,
    value: SecretScalar,
}

impl Share {
    /// Length of the value in bytes.
    pub const LEN: usize = 32;

    /// `None` if the bytes are no share of any bid: zero, or not below the group order.
    pub(super) fn from_bytes(number: u8, bytes: &[u8; Self::LEN]) -> Option<Self> {
        SecretScalar::from_bytes(bytes).map(|value| Self { number, value })
    }

    /// Which share it is, from 1.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// The value, for wrapping it.
    #[must_use]
    pub fn expose_bytes(&self) -> Zeroizing<[u8; Self::LEN]> {
        self.value.expose_bytes()
    }

    /// Whether this is the share that the commitments speak of. Timing: independent of the value.
    pub(super) fn fits(&self, commitments: &[PublicPoint]) -> bool {
        evaluate(commitments, self.number) == Some(PublicPoint::mul_base(&self.value))
    }
}

impl core::fmt::Debug for Share {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Share({}, ..)", self.number)
    }
}

/// A_0 + \[x\]A_1 + \[x^2\]A_2 + .., `None` if that is the identity. Variable time; everything is public.
fn evaluate(commitments: &[PublicPoint], x: u8) -> Option<PublicPoint> {
    let x = Scalar::from_u128(u128::from(x));
    commitments.iter().rev().fold(None, |sum: Option<PublicPoint>, commitment| {
        match sum.and_then(|sum| sum.mul_vartime(&x)) {
            Some(sum) => sum.add(commitment),
            None => Some(*commitment),
        }
    })
}

/// A secret and what is given out of it.
pub(super) struct Dealt {
    pub(super) secret: SecretScalar,
    pub(super) shares: Vec<Share>,
    pub(super) commitments: Vec<PublicPoint>,
}

/// Draws a secret, and shares of it any `threshold` (1 or more) of which give it back. Timing: independent of what is
/// drawn.
pub(super) fn deal(
    threshold: u8,
    numbers: impl Iterator<Item = u8>,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Dealt, Error> {
    let secret = SecretScalar::random(rng).map_err(|_| Error::RandomFailed)?;
    let others = (1..threshold)
        .map(|_| SecretScalar::random(rng).map_err(|_| Error::RandomFailed))
        .collect::<Result<Vec<_>, _>>()?;
    let commitments: Vec<_> = core::iter::once(&secret).chain(&others).map(PublicPoint::mul_base).collect();
    let shares = numbers
        .map(|number| {
            let x = Scalar::from_u128(u128::from(number));
            // f(x) by Horner. It, or what leads to it, is 0 with a probability of 2^-256: a broken random source.
            let above = others.iter().rev().try_fold(None, |sum: Option<SecretScalar>, coefficient| {
                let sum = match sum {
                    None => coefficient.mul_public(&x),
                    Some(sum) => sum.add(coefficient).and_then(|sum| sum.mul_public(&x)),
                };
                sum.map(Some)
            });
            let value = match above.ok_or(Error::RandomFailed)? {
                Some(above) => above.add(&secret),
                None => secret.mul_public(&Scalar::ONE),
            };
            Ok(Share { number, value: value.ok_or(Error::RandomFailed)? })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(Dealt { secret, shares, commitments })
}

/// f(0) by Lagrange from as many shares with different numbers as the polynomial needs. `None` if that is 0. Timing:
/// depends on the numbers, and on whether a sum on the way is 0, which only a sealer who wants it can bring about.
pub(super) fn combine(shares: &[&Share]) -> Option<SecretScalar> {
    let x = |share: &Share| Scalar::from_u128(u128::from(share.number));
    let mut sum: Option<SecretScalar> = None;
    for share in shares {
        let (mut above, mut below) = (Scalar::ONE, Scalar::ONE);
        for other in shares.iter().filter(|other| other.number != share.number) {
            above = above * x(other);
            below = below * (x(other) - x(share));
        }
        // Public: a product of differences of small numbers, none of them 0.
        let below = SecretScalar::from_public(below)?.invert().declassify();
        let term = share.value.mul_public(&(above * below))?;
        sum = match sum {
            None => Some(term),
            Some(sum) => sum.add(&term),
        };
    }
    sum
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;

    use super::*;

    fn scalar(value: u128) -> SecretScalar {
        SecretScalar::from_public(Scalar::from_u128(value)).expect("not 0")
    }

    #[test]
    fn every_set_of_enough_shares_gives_the_secret() {
        for n in 1..=6u8 {
            for t in 1..=n {
                let dealt = deal(t, 1..=n, &mut SysRng).expect("random");
                assert_eq!(dealt.commitments.len(), usize::from(t));
                assert!(dealt.shares.iter().all(|share| share.fits(&dealt.commitments)));
                for chosen in 1..1u32 << n {
                    let set: Vec<_> =
                        dealt.shares.iter().filter(|share| chosen >> (share.number() - 1) & 1 == 1).collect();
                    let secret = combine(&set).expect("not 0");
                    let equal = bool::from(secret.ct_eq(&dealt.secret));
                    assert_eq!(equal, set.len() >= usize::from(t), "{t} of {n}, set {chosen:b}");
                }
            }
        }
    }

    #[test]
    fn a_share_that_was_not_dealt_does_not_fit() {
        let dealt = deal(2, 1..=3, &mut SysRng).expect("random");
        let value = |i: usize| dealt.shares[i].expose_bytes();
        let share = |number, bytes: &[u8; 32]| Share::from_bytes(number, bytes).expect("in range");
        assert!(share(2, &value(1)).fits(&dealt.commitments));
        assert!(!share(2, &value(0)).fits(&dealt.commitments), "another's value");
        assert!(!share(4, &value(0)).fits(&dealt.commitments), "another number");
        let mut changed = value(1);
        changed[31] ^= 1;
        assert!(!share(2, &changed).fits(&dealt.commitments), "a changed value");
        assert!(Share::from_bytes(1, &[0; 32]).is_none() && Share::from_bytes(1, &[0xff; 32]).is_none());
    }

    #[test]
    fn sums_that_pass_zero_are_sums() {
        // Commitments to f = 5 - 5x: the share of x = 1 would be 0, which no share is.
        let five = PublicPoint::mul_base(&scalar(5));
        assert_eq!(evaluate(&[five, five.neg()], 1), None);
        // f = 6 - 5x + x^2 = (x - 2)(x - 3): A_2 * 2 + A_1 passes no zero, A_2 * 5 + A_1 does.
        let (six, one) = (PublicPoint::mul_base(&scalar(6)), PublicPoint::generator());
        assert_eq!(evaluate(&[six, five.neg(), one], 5), Some(six));
        // Two shares of 3 whose terms cancel: 3 f(1) - 3 f(2) + f(3) with f(1) = f(2).
        let shares = [(1, 4), (2, 4), (3, 7)].map(|(number, value)| Share { number, value: scalar(value) });
        let secret = combine(&shares.iter().collect::<Vec<_>>()).expect("7");
        assert_eq!(secret.declassify(), Scalar::from_u128(7));
    }
}
