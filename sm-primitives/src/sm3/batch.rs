//! The choice of the path for many messages.

#[cfg(all(target_arch = "x86_64", not(miri)))]
use super::lanes::{FEWEST, in_lanes};
use super::{DIGEST_LEN, Sm3};

impl Sm3 {
    /// Writes the digests of what was absorbed, continued by each of `messages`, to as many `digests`.
    ///
    /// The one place where the path is chosen for a batch.
    pub(crate) fn finalize_each<M: AsRef<[u8]>>(&self, messages: &[M], digests: &mut [[u8; DIGEST_LEN]]) {
        debug_assert_eq!(messages.len(), digests.len());
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use crate::low::x86_64::{
                cpu::{Avx2, Avx512},
                sm3::{avx2, avx512},
            };
            // Half-empty vectors of 512 bits gain nothing over full ones of 256 bits.
            if messages.len() > avx2::LANES
                && let Some(cpu) = Avx512::get()
            {
                return in_lanes(self, messages, digests, |state, runs| avx512::compress(cpu, state, runs));
            }
            if messages.len() >= FEWEST
                && let Some(cpu) = Avx2::get()
            {
                return in_lanes(self, messages, digests, |state, runs| avx2::compress(cpu, state, runs));
            }
        }
        for (message, digest) in messages.iter().zip(digests) {
            *digest = self.clone().chain(message.as_ref()).finalize();
        }
    }
}
