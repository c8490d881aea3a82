//! The compression function of SM3 on runs of whole blocks: the portable path, which is the reference.

use crate::low::sm3::compress;
#[cfg(all(target_arch = "x86_64", not(miri)))]
use crate::low::x86_64::{cpu::Avx2, sm3::stream};

pub(super) use crate::low::sm3::BLOCK;

/// The chaining value V: the words A to H.
pub(super) type State = [u32; 8];

/// GB/T 32905-2016, clause 4.1.
pub(super) const IV: State =
    [0x7380_166f, 0x4914_b2b9, 0x1724_42d7, 0xda8a_0600, 0xa96f_30bc, 0x1631_38aa, 0xe38d_ee4d, 0xb0fb_0e4e];

/// Absorbs `blocks` into `state`, in order.
///
/// The one place where the path is chosen for a run of blocks of one message.
pub(super) fn compress_blocks(state: &mut State, blocks: &[[u8; BLOCK]]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if let Some(cpu) = Avx2::get() {
        return stream::compress(cpu, state, blocks);
    }
    for block in blocks {
        compress(state, block);
    }
}

/// The chaining value as 32 bytes, big-endian.
#[inline(always)]
pub(super) fn to_bytes(state: &State) -> [u8; 32] {
    let mut out = [0; 32];
    // In pairs, which a compiler for any processor turns with one instruction; single words it collects in vectors.
    for (bytes, [high, low]) in out.as_chunks_mut().0.iter_mut().zip(state.as_chunks().0) {
        *bytes = (u64::from(*high) << 32 | u64::from(*low)).to_be_bytes();
    }
    out
}
