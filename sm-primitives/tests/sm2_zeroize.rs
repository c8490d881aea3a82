//! Secrets are gone from memory once they are dropped.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use core::{mem::MaybeUninit, slice};

use sm_primitives::{
    PublicPoint, SecretPoint, SecretScalar,
    sm2::{PrivateKey, hazmat},
};

/// Types whose every byte is initialised: they are made of integers of one size and have no padding.
trait NoPadding {}

impl NoPadding for SecretScalar {}
impl NoPadding for SecretPoint {}
impl NoPadding for PrivateKey {}

/// The bytes of `value` before and after it is dropped in place.
#[expect(unsafe_code, reason = "looks at the memory of a dropped value")]
fn before_and_after<T: NoPadding>(value: T) -> (Vec<u8>, Vec<u8>) {
    let mut slot = MaybeUninit::new(value);
    let bytes = |slot: &MaybeUninit<T>| {
        // SAFETY: the slot was written with a `T`, all of whose bytes are initialised (`NoPadding`). Dropping it
        // leaves them initialised, and nothing is read as a `T` again.
        unsafe { slice::from_raw_parts(slot.as_ptr().cast::<u8>(), size_of::<T>()) }.to_vec()
    };
    let before = bytes(&slot);
    // SAFETY: the slot holds a valid `T`, which is not used or dropped afterwards.
    unsafe { slot.assume_init_drop() };
    let after = bytes(&slot);
    (before, after)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn secret() -> SecretScalar {
    SecretScalar::from_bytes(&[0x5a; 32]).unwrap()
}

#[test]
fn secret_scalar() {
    let (before, after) = before_and_after(secret());
    assert!(before.iter().any(|byte| *byte != 0));
    assert!(after.iter().all(|byte| *byte == 0));
}

#[test]
fn secret_point() {
    let (before, after) = before_and_after(PublicPoint::generator().mul_secret(&secret()));
    assert!(before.iter().any(|byte| *byte != 0));
    assert!(after.iter().all(|byte| *byte == 0));
}

/// The public key in it may stay, d and what is derived from d may not.
#[test]
fn private_key() {
    let key = PrivateKey::from_bytes(&[0x5a; 32]).unwrap();
    let (d, _) = before_and_after(secret());
    let inverse = secret().add_public(&sm_primitives::Scalar::ONE).unwrap().invert();
    let (inverse, _) = before_and_after(inverse);
    let signature = hazmat::sign_digest_with_nonce(&key, &[1; 32], secret());
    assert!(signature.is_ok());

    let (before, after) = before_and_after(key);
    for secret in [d, inverse] {
        assert!(contains(&before, &secret));
        assert!(!contains(&after, &secret));
        assert!(!secret.chunks(8).any(|part| contains(&after, part)));
    }
}
