//! Vectors of four and of eight 64-bit lanes for [`lanes`](crate::low::lanes).
#![expect(unsafe_code, reason = "intrinsics, and the functions compiled for them")]

use core::arch::{asm, x86_64::*};

use super::cpu::{Avx2, Avx512, Ifma};
use crate::low::lanes::{
    Affine, Columns, Element, Jacobian, Work,
    formulas::{kernels, products},
    vector::{Multiplier, Register, Shuffle, Vector},
};

/// Four lanes.
#[derive(Clone, Copy)]
struct V4(__m256i);

/// Eight lanes.
#[derive(Clone, Copy)]
pub(super) struct V8(pub(super) __m512i);

/// Operations that are one intrinsic each.
///
/// They are inlined into kernels, which have the instructions, whatever this function itself may use.
macro_rules! operations {
    ($($name:ident($($b:ident),*) = $intrinsic:ident;)+) => {$(
        #[inline(always)]
        fn $name(self, $($b: Self),*) -> Self {
            // SAFETY: only kernels that were given a token use this type.
            Self(unsafe { $intrinsic(self.0, $($b.0),*) })
        }
    )+};
}

pub(super) use operations;

impl Register for V4 {
    /// AVX2 has no arithmetic shift of 64 bits.
    const LOGICAL: bool = true;

    operations! {
        add(b) = _mm256_add_epi64;
        sub(b) = _mm256_sub_epi64;
        and(b) = _mm256_and_si256;
        or(b) = _mm256_or_si256;
        xor(b) = _mm256_xor_si256;
    }

    #[inline(always)]
    fn splat(v: i64) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm256_set1_epi64x(v) })
    }

    #[inline(always)]
    fn shl<const N: i32>(self) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm256_slli_epi64::<N>(self.0) })
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm256_srli_epi64::<N>(self.0) })
    }

    #[inline(always)]
    fn sar<const N: i32>(self) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm256_srli_epi64::<N>(self.0) })
    }
}

impl Vector<4> for V4 {
    operations! {
        equal(b) = _mm256_cmpeq_epi64;
        look_up(index) = _mm256_shuffle_epi8;
        sub_bytes(b) = _mm256_sub_epi8;
        add_bytes_saturating(b) = _mm256_adds_epu8;
        mul32(b) = _mm256_mul_epi32;
    }

    #[inline(always)]
    fn load(from: &[i64; 4]) -> Self {
        // SAFETY: only kernels that were given a token use this type; the array is 32 bytes.
        Self(unsafe { _mm256_loadu_si256(from.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [i64; 4]) {
        // SAFETY: only kernels that were given a token use this type; the array is 32 bytes.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn shift_top(self) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm256_srai_epi32::<24>(self.0) })
    }

    #[inline(always)]
    fn load_bytes(from: &[[u8; 8]; 4]) -> Self {
        // SAFETY: only kernels that were given a token use this type; the array is 32 bytes.
        Self(unsafe { _mm256_loadu_si256(from.as_ptr().cast()) })
    }

    #[inline(always)]
    fn splat_block(block: &[u8; 16]) -> Self {
        // SAFETY: only kernels that were given a token use this type; the array is 16 bytes.
        Self(unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(block.as_ptr().cast())) })
    }

    #[inline(always)]
    fn interleave_bytes(self, b: Self) -> [Self; 2] {
        // SAFETY: only kernels that were given a token use this type.
        unsafe { [Self(_mm256_unpacklo_epi8(self.0, b.0)), Self(_mm256_unpackhi_epi8(self.0, b.0))] }
    }

    #[inline(always)]
    fn interleave_pairs(self, b: Self) -> [Self; 2] {
        // SAFETY: only kernels that were given a token use this type.
        unsafe { [Self(_mm256_unpacklo_epi16(self.0, b.0)), Self(_mm256_unpackhi_epi16(self.0, b.0))] }
    }

    #[inline(always)]
    fn interleave_words(self, b: Self) -> [Self; 2] {
        // SAFETY: only kernels that were given a token use this type.
        unsafe { [Self(_mm256_unpacklo_epi32(self.0, b.0)), Self(_mm256_unpackhi_epi32(self.0, b.0))] }
    }
}

impl Register for V8 {
    const LOGICAL: bool = false;

    operations! {
        add(b) = _mm512_add_epi64;
        sub(b) = _mm512_sub_epi64;
        and(b) = _mm512_and_si512;
        or(b) = _mm512_or_si512;
        xor(b) = _mm512_xor_si512;
    }

    #[inline(always)]
    fn splat(v: i64) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm512_set1_epi64(v) })
    }

    #[inline(always)]
    fn shl<const N: i32>(self) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm512_sll_epi64(self.0, _mm_set_epi64x(0, i64::from(N))) })
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm512_srl_epi64(self.0, _mm_set_epi64x(0, i64::from(N))) })
    }

    #[inline(always)]
    fn sar<const N: i32>(self) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm512_sra_epi64(self.0, _mm_set_epi64x(0, i64::from(N))) })
    }
}

impl Vector<8> for V8 {
    operations! {
        look_up(index) = _mm512_shuffle_epi8;
        sub_bytes(b) = _mm512_sub_epi8;
        add_bytes_saturating(b) = _mm512_adds_epu8;
        mul32(b) = _mm512_mul_epi32;
    }

    #[inline(always)]
    fn load(from: &[i64; 8]) -> Self {
        // SAFETY: only kernels that were given a token use this type; the array is 64 bytes.
        Self(unsafe { _mm512_loadu_si512(from.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [i64; 8]) {
        // SAFETY: only kernels that were given a token use this type; the array is 64 bytes.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn equal(self, b: Self) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { opaque(_mm512_movm_epi64(_mm512_cmpeq_epi64_mask(self.0, b.0))) })
    }

    #[inline(always)]
    fn shift_top(self) -> Self {
        // SAFETY: only kernels that were given a token use this type.
        Self(unsafe { _mm512_srai_epi64::<24>(self.0) })
    }

    #[inline(always)]
    fn load_bytes(from: &[[u8; 8]; 8]) -> Self {
        // SAFETY: only kernels that were given a token use this type; the array is 64 bytes.
        Self(unsafe { _mm512_loadu_si512(from.as_ptr().cast()) })
    }

    #[inline(always)]
    fn splat_block(block: &[u8; 16]) -> Self {
        // SAFETY: only kernels that were given a token use this type; the array is 16 bytes.
        Self(unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(block.as_ptr().cast())) })
    }

    #[inline(always)]
    fn interleave_bytes(self, b: Self) -> [Self; 2] {
        // SAFETY: only kernels that were given a token use this type.
        unsafe { [Self(_mm512_unpacklo_epi8(self.0, b.0)), Self(_mm512_unpackhi_epi8(self.0, b.0))] }
    }

    #[inline(always)]
    fn interleave_pairs(self, b: Self) -> [Self; 2] {
        // SAFETY: only kernels that were given a token use this type.
        unsafe { [Self(_mm512_unpacklo_epi16(self.0, b.0)), Self(_mm512_unpackhi_epi16(self.0, b.0))] }
    }

    #[inline(always)]
    fn interleave_words(self, b: Self) -> [Self; 2] {
        // SAFETY: only kernels that were given a token use this type.
        unsafe { [Self(_mm512_unpacklo_epi32(self.0, b.0)), Self(_mm512_unpackhi_epi32(self.0, b.0))] }
    }
}

/// Returns `v`, of which the compiler knows nothing then: from a comparison it would make loads under a mask, of which
/// nobody promises that their time does not depend on it.
#[inline]
#[target_feature(enable = "avx512f")]
fn opaque(mut v: __m512i) -> __m512i {
    // SAFETY: the template is a comment, so the register keeps its value, and nothing else is touched.
    unsafe { asm!("/* {0} */", inout(zmm_reg) v, options(pure, nomem, nostack, preserves_flags)) };
    v
}

impl Multiplier for V8 {
    #[inline(always)]
    fn add_low(self, a: Self, b: Self) -> Self {
        // SAFETY: only kernels that were given the token `Ifma` have this type multiply so.
        Self(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn add_high(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }
}

impl Shuffle<8> for V8 {
    #[inline(always)]
    fn look_up_all(self, table: &[[u8; 16]; 8]) -> Self {
        let halves = table.as_ptr().cast::<__m512i>();
        // SAFETY: as above; the table is 128 bytes.
        Self(unsafe {
            _mm512_permutex2var_epi8(_mm512_loadu_si512(halves), self.0, _mm512_loadu_si512(halves.add(1)))
        })
    }
}

products!(V4, 4, 9, [target_feature(enable = "avx2")]);
kernels!(Avx2, V4, 4, 9, [target_feature(enable = "avx2")]);
products!(V8, 8, 9, [target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]);
kernels!(Avx512, V8, 8, 9, [target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]);
products!(V8, 8, 5, [target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi")]);
kernels!(
    Ifma,
    V8,
    8,
    5,
    [target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma,avx512vbmi")]
);
