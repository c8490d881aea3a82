//! Limb arithmetic: the only layer that knows the machine, and the only place of the crate where `unsafe` is
//! allowed.
//!
//! | module | what | used on |
//! |---|---|---|
//! | `portable64` | 4 limbs of 64 bits, products in 128 bits | 64-bit targets |
//! | `portable32` | 8 limbs of 32 bits, products in 64 bits | wasm32 and 32-bit targets (no 64 x 64 -> 128 multiply) |
//! | `arithmetic` | what formulas are written over | everywhere |
//! | `divsteps` | inversion | everywhere |
//! | `lanes` | many field elements side by side | where a vector of `x86_64` is |
//! | `scratch` | blocks on the stack, wiped on drop | SM4 |
//! | `wide` | 384-bit numbers mod n - 1 | everywhere |
//! | `sm3` | the constants of SM3's compression | everywhere |
//! | `barrier` | a value the optimiser knows nothing about | everywhere |
//! | `valgrind` | marks secrets for memcheck | x86-64 Linux with the feature `ctgrind` |
//! | `x86_64` | kernels that need more than the baseline | x86-64 processors that have what they need |
//!
//! Both limb modules export the same names with the same meaning, and [`limbs`] is the one chosen for the target.
//! The tests compile both and compare them. All functions run in constant time. A number is little-endian in
//! limbs; Montgomery's R is 2^256 in both, so values of one, seen as bytes, are values of the other.

mod arithmetic;
mod barrier;
pub(crate) mod divsteps;
#[cfg(all(target_pointer_width = "64", any(test, target_arch = "x86_64")))]
pub(crate) mod lanes;
#[cfg(any(test, not(target_pointer_width = "64")))]
pub(crate) mod portable32;
#[cfg(any(test, target_pointer_width = "64"))]
pub(crate) mod portable64;
pub(crate) mod scratch;
pub(crate) mod sm3;
#[cfg(test)]
mod tests;
pub(crate) mod valgrind;
mod wide;
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(crate) mod x86_64;

pub(crate) use arithmetic::{Arithmetic, PARTS, Portable, with_best_arithmetic};
pub(crate) use wide::mod_n_minus_1;

/// The limb arithmetic of this target.
#[cfg(not(target_pointer_width = "64"))]
pub(crate) use portable32 as limbs;
/// The limb arithmetic of this target.
#[cfg(target_pointer_width = "64")]
pub(crate) use portable64 as limbs;
