//! Table scans with 256-bit vectors: a coordinate is one vector.

use core::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_and_si256, _mm256_cmpeq_epi32, _mm256_loadu_si256,
    _mm256_or_si256, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::cpu::Avx2;
use crate::low::{PARTS, limbs::Limbs};

/// Entries whose masks are found at once, and those that have one mask: an index is 16 high + low.
const LOW: usize = 16;
const HIGH: usize = 8;

/// As [`Arithmetic::scan`](crate::low::Arithmetic::scan). Constant time.
#[expect(unsafe_code, reason = "calls a function for processors with AVX2")]
#[inline(always)]
pub(super) fn scan<T, const E: usize, const L: usize>(
    _cpu: Avx2,
    row: &[T; E],
    numbers: impl Fn(&T) -> [&Limbs; L],
    part: usize,
    index: u8,
    out: &mut [Limbs; L],
) {
    const { assert!(E.is_multiple_of(LOW) && E <= LOW * HIGH) };
    // SAFETY: the token proves that the processor has AVX2.
    unsafe { scan_avx2(row, numbers, part, index, out) }
}

#[expect(unsafe_code, reason = "loads and stores whole numbers")]
#[target_feature(enable = "avx2")]
fn scan_avx2<T, const E: usize, const L: usize>(
    row: &[T; E],
    numbers: impl Fn(&T) -> [&Limbs; L],
    part: usize,
    index: u8,
    out: &mut [Limbs; L],
) {
    // SAFETY: the reference is valid for the 32 bytes that are read, and the load needs no alignment.
    let load = |number: &Limbs| unsafe { _mm256_loadu_si256(core::ptr::from_ref(number).cast::<__m256i>()) };
    let is = |value: u8, wanted: u8| {
        _mm256_cmpeq_epi32(_mm256_set1_epi32(i32::from(value)), _mm256_set1_epi32(i32::from(wanted)))
    };
    let high_masks: [_; HIGH] = [0, 1, 2, 3, 4, 5, 6, 7].map(|high| is(high, index >> 4));
    let mut found = out.each_ref().map(load);
    for low in (0..16_u8).skip(part * (LOW / PARTS)).take(LOW / PARTS) {
        // Of the entries low, low + 16, .. the one with the right high part.
        let mut candidate = [_mm256_setzero_si256(); L];
        for (mask, entry) in high_masks.iter().zip(row[usize::from(low)..].iter().step_by(LOW)) {
            // Tables go on with the row that is searched next. Wherever this points, it has no effect but on time.
            _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(entry).wrapping_add(E).cast::<i8>());
            for (candidate, number) in candidate.iter_mut().zip(numbers(entry)) {
                *candidate = _mm256_or_si256(*candidate, _mm256_and_si256(load(number), *mask));
            }
        }
        let mask = is(low, index & 15);
        for (found, candidate) in found.iter_mut().zip(candidate) {
            *found = _mm256_or_si256(*found, _mm256_and_si256(candidate, mask));
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

    fn check<const E: usize>(cpu: Avx2) {
        let entries: [[Limbs; 3]; E] = core::array::from_fn(|i| {
            let i = i as u64 + 1;
            [[i, !i, i << 55, u64::MAX], [i * i, 0, i << 8, 1], [!i, i, 0, i << 32]]
        });
        for index in 0..=u8::MAX {
            let [mut native, mut portable] = [[Limbs::default(); 3]; 2];
            for part in 0..PARTS {
                scan(cpu, &entries, |entry| entry.each_ref(), part, index, &mut native);
                Portable.scan(&entries, |entry| entry.each_ref(), part, index, &mut portable);
            }
            assert_eq!(native, entries.get(usize::from(index)).copied().unwrap_or_default());
            assert_eq!(portable, native);
        }
    }

    /// All indices, also those past the end.
    #[test]
    fn as_portable() {
        let Some(cpu) = Avx2::get() else { return eprintln!("skipped: no AVX2") };
        check::<16>(cpu);
        check::<32>(cpu);
        check::<112>(cpu);
        check::<128>(cpu);
    }
}
