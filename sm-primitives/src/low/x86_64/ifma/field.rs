//! Arithmetic mod p in the lanes of vectors, in radix 2^52 with Montgomery's R = 2^260.
//!
//! # Bounds
//! A limb is in [0, 2^52): the multiplier reads no more bits. Every function takes values below 2.5 * 2^256 and gives
//! such: a product is below 2.5^2 / 16 * 2^256 + p, a difference of two is below 2^256 + p + a little, and what may be
//! negative has p added. Columns are sums of at most 20 numbers of 52 bits, signed.

use core::arch::x86_64::*;

use crate::low::limbs::{self, Limbs};

const BITS: i64 = 52;
const MASK: i64 = (1 << BITS) - 1;

/// p in limbs.
const P: [i64; 5] = split(&limbs::P);

/// 256 bits in limbs.
const fn split(w: &Limbs) -> [i64; 5] {
    [
        w[0].cast_signed() & MASK,
        (w[0] >> 52 | w[1] << 12).cast_signed() & MASK,
        (w[1] >> 40 | w[2] << 24).cast_signed() & MASK,
        (w[2] >> 28 | w[3] << 36).cast_signed() & MASK,
        (w[3] >> 16).cast_signed(),
    ]
}

/// A register of signed 64-bit integers. All functions work lane by lane, wrap around, and are to be inlined into a
/// function that has the instructions.
pub(super) trait Vector: Copy {
    fn splat(v: i64) -> Self;
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn and(self, b: Self) -> Self;
    fn or(self, b: Self) -> Self;
    fn xor(self, b: Self) -> Self;
    fn shl<const N: i64>(self) -> Self;
    /// Logical, unlike `>>`.
    fn shr<const N: i64>(self) -> Self;
    /// Arithmetic, as `>>`.
    fn sar<const N: i64>(self) -> Self;
    /// self + the low 52 bits of the product of the low 52 bits of a and b.
    fn low(self, a: Self, b: Self) -> Self;
    /// self + the high 52 bits of that product.
    fn high(self, a: Self, b: Self) -> Self;
}

/// Implements [`Vector`] with intrinsics of one width.
macro_rules! vector {
    ($vector:ty, $splat:ident, $add:ident, $sub:ident, $and:ident, $or:ident, $xor:ident, $shl:ident, $shr:ident,
     $sar:ident, $low:ident, $high:ident) => {
        impl Vector for $vector {
            vector!(of v: i64, $splat);
            vector!(self, $add add b);
            vector!(self, $sub sub b);
            vector!(self, $and and b);
            vector!(self, $or or b);
            vector!(self, $xor xor b);
            vector!(by, $shl shl);
            vector!(by, $shr shr);
            vector!(by, $sar sar);
            vector!(self, $low low a b);
            vector!(self, $high high a b);
        }
    };
    (of $v:ident: $number:ty, $intrinsic:ident) => {
        #[inline(always)]
        fn splat($v: $number) -> Self {
            // SAFETY: only functions that were given a token use this type.
            unsafe { $intrinsic($v) }
        }
    };
    (self, $intrinsic:ident $name:ident $($b:ident)+) => {
        #[inline(always)]
        fn $name(self, $($b: Self),+) -> Self {
            // SAFETY: only functions that were given a token use this type.
            unsafe { $intrinsic(self, $($b),+) }
        }
    };
    (by, $intrinsic:ident $name:ident) => {
        #[inline(always)]
        fn $name<const N: i64>(self) -> Self {
            // SAFETY: only functions that were given a token use this type.
            unsafe { $intrinsic(self, Self::splat(N)) }
        }
    };
}

vector!(
    __m256i,
    _mm256_set1_epi64x,
    _mm256_add_epi64,
    _mm256_sub_epi64,
    _mm256_and_si256,
    _mm256_or_si256,
    _mm256_xor_si256,
    _mm256_sllv_epi64,
    _mm256_srlv_epi64,
    _mm256_srav_epi64,
    _mm256_madd52lo_epu64,
    _mm256_madd52hi_epu64
);
vector!(
    __m512i,
    _mm512_set1_epi64,
    _mm512_add_epi64,
    _mm512_sub_epi64,
    _mm512_and_si512,
    _mm512_or_si512,
    _mm512_xor_si512,
    _mm512_sllv_epi64,
    _mm512_srlv_epi64,
    _mm512_srav_epi64,
    _mm512_madd52lo_epu64,
    _mm512_madd52hi_epu64
);

/// Integers mod p, one in each lane.
#[derive(Clone, Copy)]
pub(super) struct Element<V>(pub(super) [V; 5]);

impl<V: Vector> Element<V> {
    /// Reads v * 2^256 mod p, given in words, and negates it where `negative` is all ones.
    #[inline(always)]
    pub(super) fn from_words(w: [V; 4], negative: V) -> Self {
        let mask = V::splat(MASK);
        // 16 times the words.
        let mut limbs = [
            w[0].shl::<4>().and(mask),
            w[0].shr::<48>().or(w[1].shl::<16>()).and(mask),
            w[1].shr::<36>().or(w[2].shl::<28>()).and(mask),
            w[2].shr::<24>().or(w[3].shl::<40>()).and(mask),
            w[3].shr::<12>(),
        ];
        for limb in &mut limbs {
            *limb = limb.xor(negative).sub(negative);
        }
        tidy(limbs)
    }

    /// The product with 2^256, which brings v * 2^260 into the form that [`Limbs`] have.
    #[inline(always)]
    pub(super) fn to_words(self) -> Self {
        let zero = V::splat(0);
        self.mul(&Self([zero, zero, zero, zero, V::splat(1 << 48)]))
    }

    #[inline(always)]
    pub(super) fn mul(&self, b: &Self) -> Self {
        let mut columns = [V::splat(0); 10];
        accumulate(&mut columns, self, b);
        Self(carry(reduce(columns)))
    }

    /// self * b - c * d
    #[inline(always)]
    pub(super) fn mul_sub(&self, b: &Self, c: &Self, d: &Self) -> Self {
        let mut columns = [V::splat(0); 10];
        accumulate(&mut columns, c, d);
        for column in &mut columns {
            *column = V::splat(0).sub(*column);
        }
        accumulate(&mut columns, self, b);
        Self(carry(add_p(reduce(columns))))
    }

    #[inline(always)]
    pub(super) fn square(&self) -> Self {
        let a = &self.0;
        let mut columns = [V::splat(0); 10];
        for i in 0..5 {
            for j in i + 1..5 {
                columns[i + j] = columns[i + j].low(a[i], a[j]);
                columns[i + j + 1] = columns[i + j + 1].high(a[i], a[j]);
            }
        }
        for column in &mut columns {
            *column = column.add(*column);
        }
        for i in 0..5 {
            columns[2 * i] = columns[2 * i].low(a[i], a[i]);
            columns[2 * i + 1] = columns[2 * i + 1].high(a[i], a[i]);
        }
        Self(carry(reduce(columns)))
    }

    /// self - b
    #[inline(always)]
    pub(super) fn sub(&self, b: &Self) -> Self {
        let mut limbs = self.0;
        for (limb, b) in limbs.iter_mut().zip(b.0) {
            *limb = limb.sub(b);
        }
        tidy(limbs)
    }

    /// self - b - 2 c
    #[inline(always)]
    pub(super) fn sub_and_twice(&self, b: &Self, c: &Self) -> Self {
        let mut limbs = self.0;
        for ((limb, b), c) in limbs.iter_mut().zip(b.0).zip(c.0) {
            *limb = limb.sub(b).sub(c).sub(c);
        }
        tidy(limbs)
    }
}

/// Adds the products of limbs to ten columns.
#[inline(always)]
fn accumulate<V: Vector>(columns: &mut [V; 10], a: &Element<V>, b: &Element<V>) {
    for i in 0..5 {
        for j in 0..5 {
            columns[i + j] = columns[i + j].low(a.0[i], b.0[j]);
            columns[i + j + 1] = columns[i + j + 1].high(a.0[i], b.0[j]);
        }
    }
}

/// The columns / 2^260 mod p, with carries not yet taken.
///
/// As p = -1 mod 2^52, adding m p for the lowest limb m clears it; m (p + 1) = m (2^256 - 2^224 - 2^96 + 2^64).
#[inline(always)]
fn reduce<V: Vector>(mut columns: [V; 10]) -> [V; 5] {
    let (zero, mask) = (V::splat(0), V::splat(MASK));
    let (minus, plus) = (V::splat((1 << 44) - (1 << 12)), V::splat((1 << 48) - (1 << 16)));
    for i in 0..5 {
        let m = columns[i].and(mask);
        columns[i + 1] = columns[i + 1].add(columns[i].sar::<BITS>()).sub(zero.low(m, minus));
        columns[i + 2] = columns[i + 2].sub(zero.high(m, minus));
        columns[i + 4] = columns[i + 4].low(m, plus);
        columns[i + 5] = columns[i + 5].high(m, plus);
    }
    [columns[5], columns[6], columns[7], columns[8], columns[9]]
}

#[inline(always)]
fn add_p<V: Vector>(mut limbs: [V; 5]) -> [V; 5] {
    for (limb, p) in limbs.iter_mut().zip(P) {
        *limb = limb.add(V::splat(p));
    }
    limbs
}

/// Brings all limbs into [0, 2^52), given that the value is not negative.
#[inline(always)]
fn carry<V: Vector>(mut limbs: [V; 5]) -> [V; 5] {
    for i in 0..4 {
        limbs[i + 1] = limbs[i + 1].add(limbs[i].sar::<BITS>());
        limbs[i] = limbs[i].and(V::splat(MASK));
    }
    limbs
}

/// The value mod p of signed limbs of up to 56 bits, in [0, 2^256 + p + 2^230).
#[inline(always)]
fn tidy<V: Vector>([l0, l1, l2, l3, l4]: [V; 5]) -> Element<V> {
    // 2^256 = 2^224 + 2^96 - 2^64 + 1 mod p.
    let top = l4.sar::<48>();
    let l4 = l4.and(V::splat((1 << 48) - 1)).add(top.shl::<16>());
    let limbs = [l0.add(top), l1.add(top.shl::<44>()).sub(top.shl::<12>()), l2, l3, l4];
    Element(carry(add_p(limbs)))
}

/// What `limbs` stand for, below p.
pub(super) fn words(limbs: [u64; 5]) -> Limbs {
    let [l0, l1, l2, l3, l4] = limbs;
    let low = [l0 | l1 << 52, l1 >> 12 | l2 << 40, l2 >> 24 | l3 << 28, l3 >> 36 | l4 << 16];
    // As in `tidy`; it is at most 2.
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
    fn load(v: &Limbs) -> Element<__m512i> {
        let mut words = [_mm512_setzero_si512(); 4];
        for (out, word) in words.iter_mut().zip(v) {
            *out = _mm512_set1_epi64(word.cast_signed());
        }
        Element::from_words(words, _mm512_setzero_si512())
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    fn store(e: &Element<__m512i>) -> Limbs {
        let mut limbs = [0; 5];
        for (out, limb) in limbs.iter_mut().zip(e.to_words().0) {
            *out = _mm_cvtsi128_si64(_mm512_castsi512_si128(limb)).cast_unsigned();
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
