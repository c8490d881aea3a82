//! Arithmetic mod p in the lanes of one register: that of `lanes::radix52`, as values.
//!
//! Every function takes values below 2.5 * 2^256 and gives such.

use core::arch::x86_64::*;

use zeroize::Zeroize;

use crate::low::{
    lanes::{
        radix52::{self, LIMBS, add_product, carry, fold, from_words, negate, product, reduce},
        vector::{Multiplier, Register},
    },
    limbs::{self, Limbs},
    x86_64::lanes::{V8, operations},
};

/// Four lanes that multiply 52 bits.
#[derive(Clone, Copy)]
pub(super) struct V4(pub(super) __m256i);

impl Register for V4 {
    const LOGICAL: bool = false;

    operations! {
        add(b) = _mm256_add_epi64;
        sub(b) = _mm256_sub_epi64;
        and(b) = _mm256_and_si256;
        or(b) = _mm256_or_si256;
        xor(b) = _mm256_xor_si256;
    }

    #[inline(always)]
    fn splat(v: i64) -> Self {
        // SAFETY: only functions that were given a token use this type.
        Self(unsafe { _mm256_set1_epi64x(v) })
    }

    #[inline(always)]
    fn shl<const N: i32>(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_slli_epi64::<N>(self.0) })
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_srli_epi64::<N>(self.0) })
    }

    #[inline(always)]
    fn sar<const N: i32>(self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm256_sra_epi64(self.0, _mm_set_epi64x(0, i64::from(N))) })
    }
}

impl Multiplier for V4 {
    operations! {
        add_low(a, b) = _mm256_madd52lo_epu64;
        add_high(a, b) = _mm256_madd52hi_epu64;
    }
}

impl Zeroize for V4 {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Zeroize for V8 {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Integers mod p, one in each lane.
#[derive(Clone, Copy)]
pub(super) struct Element<V>(pub(super) [V; LIMBS]);

impl<V: Multiplier> Element<V> {
    /// Reads v * 2^256 mod p, given in words, and negates it where `negative` is all ones.
    #[inline(always)]
    pub(super) fn from_words(words: [V; 4], negative: V) -> Self {
        Self(fold(negate(&from_words(words), negative)))
    }

    /// The product with 2^256, which brings v * 2^260 into the form that [`Limbs`] have.
    #[inline(always)]
    pub(super) fn to_words(self) -> Self {
        let zero = V::splat(0);
        self.mul(&Self([zero, zero, zero, zero, V::splat(1 << 48)]))
    }

    #[inline(always)]
    pub(super) fn mul(&self, b: &Self) -> Self {
        Self(carry(reduce(product(&self.0, &b.0))))
    }

    /// self * b - c * d
    #[inline(always)]
    pub(super) fn mul_sub(&self, b: &Self, c: &Self, d: &Self) -> Self {
        let mut columns = product(&c.0, &d.0);
        for column in &mut columns {
            *column = V::splat(0).sub(*column);
        }
        add_product(&mut columns, &self.0, &b.0);
        Self(fold(reduce(columns)))
    }

    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        Self(carry(reduce(radix52::square(&self.0))))
    }

    /// self - b
    #[inline(always)]
    pub(super) fn sub(&self, b: &Self) -> Self {
        let mut limbs = self.0;
        for (limb, b) in limbs.iter_mut().zip(b.0) {
            *limb = limb.sub(b);
        }
        Self(fold(limbs))
    }

    /// self - b - 2 c
    #[inline(always)]
    pub(super) fn sub_and_twice(&self, b: &Self, c: &Self) -> Self {
        let mut limbs = self.0;
        for ((limb, b), c) in limbs.iter_mut().zip(b.0).zip(c.0) {
            *limb = limb.sub(b).sub(c).sub(c);
        }
        Self(fold(limbs))
    }
}

/// What `limbs` stand for, below p.
pub(super) fn words(limbs: [u64; 5]) -> Limbs {
    let [l0, l1, l2, l3, l4] = limbs;
    let low = [l0 | l1 << 52, l1 >> 12 | l2 << 40, l2 >> 24 | l3 << 28, l3 >> 36 | l4 << 16];
    // As in `fold`; it is at most 2.
    let top = l4 >> 48;
    let top = [top, top.wrapping_mul(0xffff_ffff), 0, top << 32];
    limbs::add_mod(&limbs::reduce_once(&low, &limbs::P), &top, &limbs::P)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{eprintln, vec, vec::Vec};

    use super::*;
    use crate::low::x86_64::cpu::Ifma;

    /// a b, a^2, a - b, a - b - 2 c and a b - c a, in one lane.
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    fn compute(a: &Limbs, b: &Limbs, c: &Limbs) -> [Limbs; 5] {
        let (a, b, c) = (load(a), load(b), load(c));
        [
            store(&a.mul(&b)),
            store(&a.square()),
            store(&a.sub(&b)),
            store(&a.sub_and_twice(&b, &c)),
            store(&a.mul_sub(&b, &c, &a)),
        ]
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    fn load(v: &Limbs) -> Element<V8> {
        Element::from_words(v.map(|word| V8::splat(word.cast_signed())), V8::splat(0))
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    fn store(e: &Element<V8>) -> Limbs {
        let mut limbs = [0; 5];
        for (out, limb) in limbs.iter_mut().zip(e.to_words().0) {
            *out = _mm_cvtsi128_si64(_mm512_castsi512_si128(limb.0)).cast_unsigned();
        }
        words(limbs)
    }

    /// Numbers below p where limbs, carries and the fold of the top are decided.
    fn edges() -> Vec<Limbs> {
        let p = &limbs::P;
        let mut all = vec![];
        for v in 0..3 {
            all.extend([[v, 0, 0, 0], limbs::sub_mod(&[0; 4], &[v, 0, 0, 0], p)]);
        }
        for bit in (0..256).step_by(4) {
            let mut power = [0; 4];
            power[bit / 64] = 1 << (bit % 64);
            let power = limbs::reduce_once(&power, p);
            all.extend([power, limbs::sub_mod(&[0; 4], &power, p), limbs::sub_mod(&power, &[1, 0, 0, 0], p)]);
        }
        all
    }

    #[test]
    fn edges_as_portable() {
        if Ifma::get().is_none() {
            return eprintln!("skipped: no IFMA");
        }
        let p = &limbs::P;
        let edges = edges();
        for a in &edges {
            for (b, c) in edges.iter().zip(edges.iter().rev()) {
                let difference = limbs::sub_mod(a, b, p);
                let expected = [
                    limbs::mul_p(a, b),
                    limbs::sqr_p(a),
                    difference,
                    limbs::sub_mod(&difference, &limbs::add_mod(c, c, p), p),
                    limbs::sub_mod(&limbs::mul_p(a, b), &limbs::mul_p(c, a), p),
                ];
                // SAFETY: the token proves that the processor has the instructions.
                assert_eq!(unsafe { compute(a, b, c) }, expected, "{a:x?} {b:x?} {c:x?}");
            }
        }
    }
}
