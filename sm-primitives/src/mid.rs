//! The curve: field, scalars, points, tables and whole multiplications. Knows SM2's constants and formulas, not
//! signatures, encodings or randomness.
//!
//! [`ops`] lists what the public modules call: one entry per public operation, which is where another
//! implementation of a whole operation is chosen, never below.

#[cfg(all(target_pointer_width = "64", any(test, target_arch = "x86_64")))]
mod batch;
pub(crate) mod comb;
pub(crate) mod field;
mod inverse;
mod jacobian;
mod mul;
mod mul_vartime;
pub(crate) mod ops;
pub(crate) mod point;
mod recode;
pub(crate) mod scalar;
mod sswu;
mod table;
