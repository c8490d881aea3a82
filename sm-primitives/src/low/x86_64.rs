//! What x86-64 processors can do beyond the portable code. Every function here takes a token of [`cpu`] as proof that
//! the processor has the instructions it uses, and does what a portable function does, faster.
//!
//! | module | what | token |
//! |---|---|---|
//! | `cpu` | the tokens | |
//! | `field` | arithmetic mod p | `Adx` |
//! | `ghash` | GHASH by carry-less products | `Aes`, `Vaes`, with `Avx512` |
//! | `ifma` | one multiple of a fixed point | `Ifma` |
//! | `lanes` | vectors of 4 and 8 field elements | `Avx2`, `Avx512`, `Ifma` |
//! | `native` | `field` and `scan` together | both of theirs |
//! | `scan` | table scans | `Avx2` |
//! | `sm3` | SM3 | see there |
//! | `sm4` | SM4 by way of the S-box of AES, or of inversions in its field | `Aes`, `Vaes`, `Gfni`, with `Avx512` |

pub(crate) mod cpu;
mod field;
pub(crate) mod ghash;
pub(crate) mod ifma;
mod lanes;
mod native;
mod scan;
pub(crate) mod sm3;
pub(crate) mod sm4;

pub(crate) use native::Native;
