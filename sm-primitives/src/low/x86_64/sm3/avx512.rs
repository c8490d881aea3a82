//! Sixteen messages at once.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_loadu_si128, _mm256_castsi128_si256, _mm256_inserti128_si256, _mm512_add_epi32,
    _mm512_castsi256_si512, _mm512_inserti64x4, _mm512_loadu_si512, _mm512_rol_epi32, _mm512_set1_epi32,
    _mm512_set4_epi32, _mm512_shuffle_epi8, _mm512_storeu_si512, _mm512_ternarylogic_epi32,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
    _mm512_xor_si512,
};
use core::{hint::black_box, mem::MaybeUninit};

use super::lanes::{expand, keep, kernel, round, rounds4, rounds16};
use crate::low::{
    sm3::{BLOCK, T},
    x86_64::cpu::Avx512,
};

/// Messages in a vector.
pub(crate) const LANES: usize = 16;

/// One word of every message.
type Vector = __m512i;

kernel! {
    /// The compression function of SM3 on sixteen messages.
    Avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2", 16
}

/// A vector from words in memory.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
#[expect(unsafe_code, reason = "a vector is loaded from an array")]
fn load(words: &[u32; LANES]) -> Vector {
    // SAFETY: reads the 64 bytes of `words`; the load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// The inverse of [`load`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
#[expect(unsafe_code, reason = "a vector is stored to an array")]
fn store(words: &mut [u32; LANES], v: Vector) {
    // SAFETY: writes the 64 bytes of `words`; the store asks for no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), v) }
}

/// The four big-endian words from byte `AT` on of every block, `AT` + 16 <= 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
#[expect(unsafe_code, reason = "vectors are loaded from blocks")]
fn words<const AT: usize>(blocks: &[&[u8; BLOCK]; LANES]) -> [Vector; 4] {
    const { assert!(AT + 16 <= BLOCK) }
    // SAFETY: reads 16 of the 64 bytes of the block, see the assertion; the load asks for no alignment.
    let quarter = |lane: usize| unsafe { _mm_loadu_si128(blocks[lane].as_ptr().add(AT).cast::<__m128i>()) };
    let big_endian = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
    // Row i: four words of each of the messages i, i + 4, i + 8, i + 12. All quarters are transposed by themselves.
    let row = |i: usize| {
        let half = |i| _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(quarter(i)), quarter(i + 4));
        let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half(i)), half(i + 8));
        _mm512_shuffle_epi8(both, big_endian)
    };
    let [r0, r1, r2, r3] = [row(0), row(1), row(2), row(3)];
    let (low01, high01) = (_mm512_unpacklo_epi32(r0, r1), _mm512_unpackhi_epi32(r0, r1));
    let (low23, high23) = (_mm512_unpacklo_epi32(r2, r3), _mm512_unpackhi_epi32(r2, r3));
    [
        _mm512_unpacklo_epi64(low01, low23),
        _mm512_unpackhi_epi64(low01, low23),
        _mm512_unpacklo_epi64(high01, high23),
        _mm512_unpackhi_epi64(high01, high23),
    ]
}

/// The same word for every message.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn splat(word: u32) -> Vector {
    _mm512_set1_epi32(word.cast_signed())
}

/// x + y mod 2^32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn add(x: Vector, y: Vector) -> Vector {
    _mm512_add_epi32(x, y)
}

/// x xor y.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn xor(x: Vector, y: Vector) -> Vector {
    _mm512_xor_si512(x, y)
}

// In the three below, bit 4 x + 2 y + z of the immediate is the value for bits x, y, z.

/// x xor y xor z: FF_j and GG_j for j < 16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn xor3(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1001_0110>(x, y, z)
}

/// FF_j for j >= 16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn majority(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1110_1000>(x, y, z)
}

/// GG_j for j >= 16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn choose(x: Vector, y: Vector, z: Vector) -> Vector {
    _mm512_ternarylogic_epi32::<0b1100_1010>(x, y, z)
}

/// Rotates every word left by `L` = 32 - `R` bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn rol<const L: i32, const R: i32>(x: Vector) -> Vector {
    const { assert!(L + R == 32) }
    _mm512_rol_epi32::<L>(x)
}

/// Rotates every word left by 8 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2")]
fn rol8(x: Vector) -> Vector {
    _mm512_rol_epi32::<8>(x)
}
