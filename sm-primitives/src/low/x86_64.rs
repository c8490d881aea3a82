//! What x86-64 processors can do beyond the portable code. Every function here takes a token of [`cpu`] as proof that
//! the processor has the instructions it uses, and does what a portable function does, faster.
//!
//! | module | what | token |
//! |---|---|---|
//! | `cpu` | the tokens | |
//! | `sm3` | SM3 | see there |

pub(crate) mod cpu;
pub(crate) mod sm3;
