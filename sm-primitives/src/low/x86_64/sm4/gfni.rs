//! Kernels for GFNI: one instruction inverts in the field of AES and applies any matrix behind that, so that the S-box and
//! what the linear maps of a round do to a byte are one step (see `tables`).
//!
//! | module | what |
//! |---|---|
//! | `planes` | many blocks at once |
//! | `serial` | one block after another, the key schedule |
//!
//! Both are written once, for processors with and without AVX-512, which adds up three numbers at a time.

pub(super) mod planes;
pub(super) mod serial;
