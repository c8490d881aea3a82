//! What x86-64 processors can do beyond the portable code. Every function here takes a token of [`cpu`] as proof that
//! the processor has the instructions it uses, and does what a portable function does, faster.
//!
//! | module | what | token |
//! |---|---|---|
//! | `cpu` | the tokens | |
//! | `ghash` | GHASH by carry-less products | `Aes`, `Vaes` |
//! | `sm4` | SM4 by way of the S-box of AES | `Aes`, `Vaes`, with `Avx512` |

pub(crate) mod cpu;
pub(crate) mod ghash;
pub(crate) mod sm4;
