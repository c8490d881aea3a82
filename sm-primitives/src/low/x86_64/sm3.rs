//! SM3 on vectors of 32-bit words.
//!
//! | module | what | token |
//! |---|---|---|
//! | `lanes` | the compression of one message per word of a vector, written for any vector | |
//! | `avx2` | 8 messages at once | `Avx2` |
//! | `stream` | one message | `Avx2` |
//! | `avx512` | 16 messages at once | `Avx512` |

pub(crate) mod avx2;
pub(crate) mod avx512;
mod lanes;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
