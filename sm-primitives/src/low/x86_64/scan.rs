//! Table scans with 256-bit vectors: a coordinate is one vector.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::cpu::Avx2;
use crate::low::limbs::Limbs;

/// Entry `index` of `table`, read in full; zeros if there is no such entry. Constant time.
#[expect(unsafe_code, reason = "calls a function for processors with AVX2")]
#[inline(always)]
pub(super) fn scan<'a, const L: usize>(
    _cpu: Avx2,
    table: impl Iterator<Item = [&'a Limbs; L]>,
    index: u8,
) -> [Limbs; L] {
    // SAFETY: the token proves that the processor has AVX2.
    unsafe { scan_avx2(table, index) }
}

#[expect(unsafe_code, reason = "loads and stores whole limbs")]
#[target_feature(enable = "avx2")]
fn scan_avx2<'a, const L: usize>(table: impl Iterator<Item = [&'a Limbs; L]>, index: u8) -> [Limbs; L] {
    let wanted = _mm256_set1_epi32(i32::from(index));
    let one = _mm256_set1_epi32(1);
    let mut i = _mm256_setzero_si256();
    let mut chosen = [_mm256_setzero_si256(); L];
    for entry in table {
        let mask = _mm256_cmpeq_epi32(i, wanted);
        i = _mm256_add_epi32(i, one);
        for (chosen, limbs) in chosen.iter_mut().zip(entry) {
            // SAFETY: the reference is valid for the 32 bytes that are read, and the load needs no alignment.
            let limbs = unsafe { _mm256_loadu_si256(core::ptr::from_ref(limbs).cast::<__m256i>()) };
            *chosen = _mm256_or_si256(*chosen, _mm256_and_si256(limbs, mask));
        }
    }
    let mut out = [Limbs::default(); L];
    for (out, chosen) in out.iter_mut().zip(chosen) {
        // SAFETY: the reference is valid for the 32 bytes that are written, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(core::ptr::from_mut(out).cast::<__m256i>(), chosen) };
    }
    out
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{eprintln, vec::Vec};

    use super::*;
    use crate::low::{Arithmetic, Portable};

    /// Tables of all sizes, all indices, also those past the end.
    #[test]
    fn as_portable() {
        let Some(cpu) = Avx2::get() else { return eprintln!("skipped: no AVX2") };
        let entries: Vec<[Limbs; 3]> = (1..=256_u64)
            .map(|i| [[i, !i, i << 55, u64::MAX], [i * i, 0, i << 8, 1], [!i, i, 0, i << 32]])
            .collect();
        for len in [0, 1, 2, 15, 16, 127, 128, 255, 256] {
            for index in 0..=u8::MAX {
                let table = || entries[..len].iter().map(|[x, y, z]| [x, y, z]);
                assert_eq!(scan(cpu, table(), index), Portable.scan(table(), index));
                let expected = entries[..len].get(usize::from(index)).copied().unwrap_or_default();
                assert_eq!(scan(cpu, table(), index), expected);
            }
        }
    }
}
