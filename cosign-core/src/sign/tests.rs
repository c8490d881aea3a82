//! Degenerate values that no message brings about.

use std::vec;

use getrandom::SysRng;

use super::{
    dual::{Item, answer, redraw},
    *,
};
use crate::pin::AuthKey;

fn secret(byte: u8) -> SecretScalar {
    SecretScalar::from_wide(&[byte; 48])
}

fn item(digest: Scalar) -> Item {
    let digest = Digest::from_bytes(&digest.to_bytes()).unwrap();
    Item { digest, qa: PublicPoint::mul_base(&secret(1)), qb: PublicPoint::mul_base(&secret(2)) }
}

/// Each of them asks for another nonce.
#[test]
fn degenerate_values_are_drawn_again() {
    let share = ServerShare::new(secret(3), AuthKey::from_bytes(&[0; 32]));
    let total = PublicPoint::mul_base(&secret(4));
    let nonce = Scalar::from_u128(5);
    let ask = |b1, b2, digest, total| {
        let item = item(digest);
        let sum = batch::NonceSum { b1, qa: item.qa, b2, qb: item.qb, k2: PublicPoint::mul_base(&secret(5)) };
        let nonce = SecretScalar::from_public(nonce).unwrap();
        answer(&share, &item, &nonce, &sum, total).unwrap().is_some()
    };
    let zero_r = -total.x_scalar();
    assert!(ask(1, 1, Scalar::ONE, Some(total)));
    assert!(!ask(0, 1, Scalar::ONE, Some(total)), "b1 = 0");
    assert!(!ask(1, 0, Scalar::ONE, Some(total)), "b2 = 0");
    assert!(!ask(1, 1, Scalar::ONE, None), "R = O");
    assert!(!ask(1, 1, zero_r, Some(total)), "r = 0");
    assert!(!ask(1, 1, zero_r - nonce, Some(total)), "k2 + r = 0");
}

/// The nonce that takes the place of a degenerate one answers for its own item.
#[test]
fn a_nonce_that_was_drawn_again_fits_its_item() {
    let share = ServerShare::new(secret(3), AuthKey::from_bytes(&[0; 32]));
    let item = item(Scalar::ONE);
    let (k2, part) = redraw(&share, &[1; 32], 3, &item, &[2; 32], &mut SysRng).unwrap();
    // s2*PB = K2 + r*G
    let left = PublicPoint::mul_base(&secret(3).invert()).mul_vartime(&part.s2);
    assert_eq!(left, PublicPoint::mul_base_add_vartime(&part.r, &k2, &Scalar::ONE));
}

/// A signature that is missing is not one that verifies.
#[test]
fn every_digest_needs_its_signature() {
    let key = PublicKey::from(PublicPoint::mul_base(&secret(1)));
    let digest = Digest::reduce(&[1; 32]);
    assert!(!verify(&key, &OnceBox::new(), &[digest], &[]));
    assert!(!verify(&key, &OnceBox::new(), &vec![digest; 50], &[]));
}

/// Points of equal x, the same or opposite, anywhere in a request.
#[test]
fn equal_x_is_found_in_the_later_point() {
    let [p, q, r] = [1, 2, 3].map(|byte| PublicPoint::mul_base(&secret(byte)));
    let minus = SecretScalar::from_public(Scalar::ZERO - Scalar::ONE).unwrap();
    assert_eq!(first_repeated_x(&[p, q, r]), None);
    assert_eq!(first_repeated_x(&[p, q, p]), Some(2));
    assert_eq!(first_repeated_x(&[p, q.mul(&minus), q, p]), Some(2));
}

/// A nonce whose point repeats is replaced together with its point; a source that only repeats is given up.
#[test]
fn repeated_points_are_drawn_again() {
    let base = PublicPoint::mul_base(&secret(9));
    for redraws in [0, 1, MAX_REDRAWS, MAX_REDRAWS + 1] {
        let mut scalars = [1, 2, 1].map(secret);
        let mut points = [1, 2, 1].map(|byte| base.mul(&secret(byte)));
        if redraws == 0 {
            (scalars[2], points[2]) = (secret(3), base.mul(&secret(3)));
        }
        let mut drawn = 0;
        let outcome = separate(&base, &mut scalars, &mut points, |position| {
            assert_eq!(position, 2);
            drawn += 1;
            Ok(vec![secret(if drawn < redraws { 2 } else { 3 })])
        });
        assert_eq!(drawn, redraws.min(MAX_REDRAWS));
        if redraws > MAX_REDRAWS {
            assert_eq!(outcome, Err(Error::RandomFailed));
        } else {
            assert_eq!(outcome, Ok(()));
            assert_eq!(points[2], base.mul(&secret(3)));
            assert!(bool::from(scalars[2].ct_eq(&secret(3))));
        }
    }
}
