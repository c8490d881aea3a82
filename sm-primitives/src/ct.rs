//! Where values become secret and where they become public again.
//!
//! The marks are for readers and for Valgrind (see `examples/ctgrind.rs`); they do nothing in a normal build. Secret
//! integers and points carry theirs; bytes that are secrets are marked by whoever knows that they are.

use subtle::Choice;

use crate::low::valgrind;

/// Marks a value as secret from here on.
#[inline(always)]
pub fn into_secret<T: Copy>(value: &mut T) {
    valgrind::poison(value);
}

/// Marks a value as public from here on. Every call is a decision that the value tells nothing it should not.
#[inline(always)]
pub fn into_public<T: Copy>(value: &mut T) {
    valgrind::unpoison(value);
}

/// Marks bytes as secret from here on.
#[inline(always)]
pub fn into_secret_bytes(bytes: &mut [u8]) {
    valgrind::poison(bytes);
}

/// Marks bytes as public from here on.
#[inline(always)]
pub fn into_public_bytes(bytes: &mut [u8]) {
    valgrind::unpoison(bytes);
}

/// Makes the outcome of a check on secrets public, to branch on it.
#[inline(always)]
#[must_use]
pub fn into_public_choice(choice: Choice) -> bool {
    let mut bit = choice.unwrap_u8();
    into_public(&mut bit);
    bit != 0
}
