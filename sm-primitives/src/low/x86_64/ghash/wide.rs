//! GHASH with four products at a time.

use core::arch::x86_64::*;

use zeroize::Zeroizing;

use super::{Block, LONGEST, Powers, Products, REDUCTION, RUN, absorb_run, first_powers, load, store};

/// Blocks in a vector.
const WIDTH: usize = 4;

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
#[expect(unsafe_code, reason = "an unaligned load")]
fn load_blocks(blocks: &[Block; WIDTH]) -> __m512i {
    // SAFETY: the reference is to 64 bytes that can be read.
    let bytes = unsafe { _mm512_loadu_si512(blocks.as_ptr().cast()) };
    let swap = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    _mm512_shuffle_epi8(bytes, _mm512_broadcast_i32x4(swap))
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "an unaligned load")]
fn load_numbers(numbers: &[u128; WIDTH]) -> __m512i {
    // SAFETY: the reference is to 64 bytes that can be read.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "an unaligned store")]
fn store_numbers(numbers: &mut [u128; WIDTH], x: __m512i) {
    // SAFETY: the reference is to 64 bytes that can be written.
    unsafe { _mm512_storeu_si512(numbers.as_mut_ptr().cast(), x) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

/// The halves of each number, added up, in the low half.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves(x: __m512i) -> __m512i {
    _mm512_xor_si512(x, _mm512_shuffle_epi32::<0x4e>(x))
}

/// Each number times `power`, as [`Products::reduce`] does it.
#[inline]
#[target_feature(enable = "vpclmulqdq,avx512f,avx512bw")]
fn multiply(x: __m512i, power: __m512i) -> __m512i {
    let low = _mm512_clmulepi64_epi128::<0x00>(x, power);
    let high = _mm512_clmulepi64_epi128::<0x11>(x, power);
    let middle = _mm512_clmulepi64_epi128::<0x00>(halves(x), halves(power));
    let middle = xor3(middle, low, high);
    let low = _mm512_xor_si512(low, _mm512_bslli_epi128::<8>(middle));
    let high = _mm512_xor_si512(high, _mm512_bsrli_epi128::<8>(middle));
    let factor = _mm512_set1_epi64(REDUCTION);
    let fold =
        |x| _mm512_xor_si512(_mm512_shuffle_epi32::<0x4e>(x), _mm512_clmulepi64_epi128::<0x00>(x, factor));
    _mm512_xor_si512(high, fold(fold(low)))
}

/// Prepares H.
#[target_feature(enable = "pclmulqdq,vpclmulqdq,avx2,avx512f,avx512bw")]
pub(super) fn prepare(h: &Block) -> Powers {
    let [first, second, third, fourth] = first_powers(h);
    let low = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(fourth), third);
    let mut x = _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(low, second), first);
    let step = _mm512_broadcast_i32x4(fourth);
    let mut powers = Powers { powers: Zeroizing::new([0; LONGEST]), sums: Zeroizing::new([0; RUN]) };
    let (all, sums) = (powers.powers.as_chunks_mut().0, powers.sums.as_chunks_mut().0);
    let mut sums = sums.iter_mut().rev();
    for powers in all.iter_mut().rev() {
        store_numbers(powers, x);
        if let Some(sums) = sums.next() {
            store_numbers(sums, halves(x));
        }
        x = multiply(x, step);
    }
    powers
}

/// The sum of the four parts of a vector.
#[inline]
#[target_feature(enable = "avx512f")]
fn fold(x: __m512i) -> __m128i {
    let two = _mm256_xor_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64::<1>(x));
    _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256::<1>(two))
}

/// Absorbs at most 4 times 4 blocks.
#[inline]
#[target_feature(enable = "pclmulqdq,vpclmulqdq,avx2,avx512f,avx512bw")]
fn absorb_vectors(powers: &Powers, sum: __m128i, blocks: &[[Block; WIDTH]]) -> __m128i {
    let zero = _mm512_setzero_si512();
    let (mut low, mut high, mut both) = (zero, zero, zero);
    let mut add = _mm512_zextsi128_si512(sum);
    let from = LONGEST / WIDTH - blocks.len();
    for (blocks, power) in blocks.iter().zip(&powers.powers.as_chunks().0[from..]) {
        let x = _mm512_xor_si512(load_blocks(blocks), add);
        let power = load_numbers(power);
        low = _mm512_xor_si512(low, _mm512_clmulepi64_epi128::<0x00>(x, power));
        high = _mm512_xor_si512(high, _mm512_clmulepi64_epi128::<0x11>(x, power));
        both = _mm512_xor_si512(both, _mm512_clmulepi64_epi128::<0x00>(halves(x), halves(power)));
        add = zero;
    }
    Products { low: fold(low), high: fold(high), both: fold(both) }.reduce()
}

#[target_feature(enable = "pclmulqdq,vpclmulqdq,avx2,avx512f,avx512bw")]
pub(super) fn absorb(powers: &Powers, sum: &mut u128, blocks: &[Block]) {
    let mut x = load(sum);
    let (vectors, rest) = blocks.as_chunks();
    let (runs, vectors) = vectors.as_chunks::<{ LONGEST / WIDTH }>();
    for run in runs {
        x = absorb_vectors(powers, x, run);
    }
    if !vectors.is_empty() {
        x = absorb_vectors(powers, x, vectors);
    }
    if !rest.is_empty() {
        x = absorb_run(powers, x, rest);
    }
    store(sum, x);
}
