//! Eight messages at once.

use core::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_castsi128_si256, _mm256_inserti128_si256, _mm256_loadu_si256, _mm256_or_si256, _mm256_set_epi8,
    _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_storeu_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};
use core::{hint::black_box, mem::MaybeUninit};

use super::lanes::{expand, keep, kernel, round, rounds4, rounds16};
use crate::low::{
    sm3::{BLOCK, T},
    x86_64::cpu::Avx2,
};

/// Messages in a vector.
pub(crate) const LANES: usize = 8;

/// One word of every message.
type Vector = __m256i;

kernel! {
    /// The compression function of SM3 on eight messages.
    Avx2, "avx2,bmi1,bmi2", 8
}

/// A vector from words in memory.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[expect(unsafe_code, reason = "a vector is loaded from an array")]
fn load(words: &[u32; LANES]) -> Vector {
    // SAFETY: reads the 32 bytes of `words`; the load asks for no alignment.
    unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
}

/// The inverse of [`load`].
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[expect(unsafe_code, reason = "a vector is stored to an array")]
fn store(words: &mut [u32; LANES], v: Vector) {
    // SAFETY: writes the 32 bytes of `words`; the store asks for no alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), v) }
}

/// The four big-endian words from byte `AT` on of every block, `AT` + 16 <= 64.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[expect(unsafe_code, reason = "vectors are loaded from blocks")]
fn words<const AT: usize>(blocks: &[&[u8; BLOCK]; LANES]) -> [Vector; 4] {
    const { assert!(AT + 16 <= BLOCK) }
    // SAFETY: reads 16 of the 64 bytes of the block, see the assertion; the load asks for no alignment.
    let quarter = |lane: usize| unsafe { _mm_loadu_si128(blocks[lane].as_ptr().add(AT).cast::<__m128i>()) };
    let big_endian = _mm256_set_epi8(
        12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1,
        2, 3,
    );
    // Row i: four words of message i, then of message i + 4. Both halves are transposed by themselves.
    let row = |i: usize| {
        let both = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(quarter(i)), quarter(i + 4));
        _mm256_shuffle_epi8(both, big_endian)
    };
    let [r0, r1, r2, r3] = [row(0), row(1), row(2), row(3)];
    let (low01, high01) = (_mm256_unpacklo_epi32(r0, r1), _mm256_unpackhi_epi32(r0, r1));
    let (low23, high23) = (_mm256_unpacklo_epi32(r2, r3), _mm256_unpackhi_epi32(r2, r3));
    [
        _mm256_unpacklo_epi64(low01, low23),
        _mm256_unpackhi_epi64(low01, low23),
        _mm256_unpacklo_epi64(high01, high23),
        _mm256_unpackhi_epi64(high01, high23),
    ]
}

/// The same word for every message.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn splat(word: u32) -> Vector {
    _mm256_set1_epi32(word.cast_signed())
}

/// x + y mod 2^32.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn add(x: Vector, y: Vector) -> Vector {
    _mm256_add_epi32(x, y)
}

/// x xor y.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn xor(x: Vector, y: Vector) -> Vector {
    _mm256_xor_si256(x, y)
}

/// x xor y xor z: FF_j and GG_j for j < 16.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn xor3(x: Vector, y: Vector, z: Vector) -> Vector {
    xor(xor(x, y), z)
}

/// FF_j for j >= 16: y unless x and z agree on the other value.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn majority(x: Vector, y: Vector, z: Vector) -> Vector {
    xor(_mm256_and_si256(xor(x, y), xor(y, z)), y)
}

/// GG_j for j >= 16.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn choose(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm256_or_si256(_mm256_and_si256(x, y), _mm256_andnot_si256(x, z))
}

/// Rotates every word left by `L` = 32 - `R` bits.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn rol<const L: i32, const R: i32>(x: Vector) -> Vector {
    const { assert!(L + R == 32) }
    _mm256_or_si256(_mm256_slli_epi32::<L>(x), _mm256_srli_epi32::<R>(x))
}

/// Rotates every word left by 8 bits, in one instruction.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn rol8(x: Vector) -> Vector {
    let order = _mm256_set_epi8(
        14, 13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1, 0, 3, 14, 13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1,
        0, 3,
    );
    _mm256_shuffle_epi8(x, order)
}
