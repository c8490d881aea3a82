//! SM3 with vectors of 32-bit words.
//!
//! | module | what | token |
//! |---|---|---|
//! | `stream` | one message | `Avx2` |
//! | `avx2` | 8 messages at once | `Avx2` |
//! | `avx512` | 16 messages at once | `Avx512` |
//! | `lanes` | the text that the last two have in common | |

pub(crate) mod avx2;
pub(crate) mod avx512;
mod lanes;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
