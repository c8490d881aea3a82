//! Table scans with 256-bit vectors: a coordinate is one vector.

use core::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_add_epi32, _mm256_and_si256, _mm256_cmpeq_epi32,
    _mm256_loadu_si256, _mm256_or_si256, _mm256_set1_epi32, _mm256_storeu_si256,
};

use super::cpu::Avx2;
use crate::low::limbs::Limbs;

/// Copies the numbers of entry `index` to `out` if it is in `part`, the entries of a table from number `first` on. Reads
/// all of them. Constant time.
#[expect(unsafe_code, reason = "calls a function for processors with AVX2")]
#[inline(always)]
pub(super) fn scan<T, const L: usize>(
    _cpu: Avx2,
    part: &[T],
    numbers: impl Fn(&T) -> [&Limbs; L],
    first: u8,
    index: u8,
    out: &mut [Limbs; L],
) {
    // SAFETY: the token proves that the processor has AVX2.
    unsafe { scan_avx2(part, numbers, first, index, out) }
}

#[expect(unsafe_code, reason = "loads and stores whole numbers")]
#[target_feature(enable = "avx2")]
fn scan_avx2<T, const L: usize>(
    part: &[T],
    numbers: impl Fn(&T) -> [&Limbs; L],
    first: u8,
    index: u8,
    out: &mut [Limbs; L],
) {
    // SAFETY: the reference is valid for the 32 bytes that are read, and the load needs no alignment.
    let load = |number: &Limbs| unsafe { _mm256_loadu_si256(core::ptr::from_ref(number).cast::<__m256i>()) };
    let wanted = _mm256_set1_epi32(i32::from(index));
    let one = _mm256_set1_epi32(1);
    let mut i = _mm256_set1_epi32(i32::from(first));
    let mut found = out.each_ref().map(load);
    for entry in part {
        // A table of which this is a quarter of a row goes on with the row that is searched next. Wherever this points,
        // a prefetch has no effect but on time.
        let behind = core::ptr::from_ref(entry).wrapping_add(4 * part.len());
        _mm_prefetch::<_MM_HINT_T0>(behind.cast::<i8>());
        let mask = _mm256_cmpeq_epi32(i, wanted);
        i = _mm256_add_epi32(i, one);
        for (found, number) in found.iter_mut().zip(numbers(entry)) {
            *found = _mm256_or_si256(*found, _mm256_and_si256(load(number), mask));
        }
    }
    for (out, found) in out.iter_mut().zip(found) {
        // SAFETY: the reference is valid for the 32 bytes that are written, and the store needs no alignment.
        unsafe { _mm256_storeu_si256(core::ptr::from_mut(out).cast::<__m256i>(), found) };
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::eprintln;

    use super::*;
    use crate::low::{Arithmetic, Portable};

    /// Tables of up to 256 entries, all indices, also those past the end.
    #[test]
    fn as_portable() {
        let Some(cpu) = Avx2::get() else { return eprintln!("skipped: no AVX2") };
        let entries: [[Limbs; 3]; 256] = core::array::from_fn(|i| {
            let i = i as u64 + 1;
            [[i, !i, i << 55, u64::MAX], [i * i, 0, i << 8, 1], [!i, i, 0, i << 32]]
        });
        for len in [0, 1, 2, 15, 16, 127, 128, 255, 256] {
            let entries = &entries[..len];
            for index in 0..=u8::MAX {
                let [mut native, mut portable] = [[Limbs::default(); 3]; 2];
                for (part, first) in entries.chunks(32).zip((0..=u8::MAX).step_by(32)) {
                    scan(cpu, part, |entry| entry.each_ref(), first, index, &mut native);
                    Portable.scan(part, |entry| entry.each_ref(), first, index, &mut portable);
                }
                assert_eq!(native, entries.get(usize::from(index)).copied().unwrap_or_default());
                assert_eq!(portable, native);
            }
        }
    }
}
