//! One multiple of a fixed point, with the products of 52 bits of AVX-512 IFMA: the table entries that add up to it are
//! summed in eight lanes, then the lanes are.
#![expect(unsafe_code, reason = "intrinsics, and the functions compiled for them")]

mod field;

use core::arch::{asm, x86_64::*};

use zeroize::{Zeroize, Zeroizing};

use self::field::{Element, V4, words};
use super::{cpu::Ifma, lanes::V8};
use crate::low::{lanes::vector::Multiplier, limbs::Limbs};

/// Entries of a row.
const ENTRIES: usize = 16;
/// Rows: six for each of eight lanes, and four.
const ROWS: usize = 52;

/// The points (x, y) in the lanes of a vector.
#[derive(Clone, Copy)]
struct Affine<V> {
    x: Element<V>,
    y: Element<V>,
}

/// The points (x / z^2, y / z^3) in the lanes of a vector.
#[derive(Clone, Copy)]
struct Jacobian<V> {
    x: Element<V>,
    y: Element<V>,
    z: Element<V>,
}

/// Wipes as (0, 0).
impl<V: Zeroize> Zeroize for Affine<V> {
    fn zeroize(&mut self) {
        self.x.0.zeroize();
        self.y.0.zeroize();
    }
}

/// Wipes as (0, 0, 0).
impl<V: Zeroize> Zeroize for Jacobian<V> {
    fn zeroize(&mut self) {
        self.x.0.zeroize();
        self.y.0.zeroize();
        self.z.0.zeroize();
    }
}

/// X, Y and Z of the sum of one entry of each row, (X / Z^2, Y / Z^3). Z = 0 if two points were added that had the same
/// x: then the sum is to be found in another way. Constant time: reads all entries.
///
/// `numbers` gives the x and the y of an entry; `digits` has, for each row, the index of its entry, and 0xff if that is to
/// be negated, else 0.
#[inline]
pub(crate) fn sum<T>(
    _cpu: Ifma,
    rows: &[[T; ENTRIES]; ROWS],
    numbers: impl Fn(&T) -> [&Limbs; 2],
    digits: &[(u8, u8); ROWS],
) -> Zeroizing<[Limbs; 3]> {
    // SAFETY: the token proves that the processor has the instructions.
    unsafe { sum_ifma(rows, &numbers, digits) }
}

#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
fn sum_ifma<T>(
    rows: &[[T; ENTRIES]; ROWS],
    numbers: &impl Fn(&T) -> [&Limbs; 2],
    digits: &[(u8, u8); ROWS],
) -> Zeroizing<[Limbs; 3]> {
    let first = Zeroizing::new(find_8(&rows[..8], numbers, &digits[..8]));
    let mut entries = Zeroizing::new(find_8(&rows[8..16], numbers, &digits[8..16]));
    let mut eight = Zeroizing::new(first_sum_8(&first, &entries));
    for first in [16, 24, 32, 40] {
        *entries = find_8(&rows[first..first + 8], numbers, &digits[first..first + 8]);
        add_affine_8(&mut eight, &entries);
    }
    *entries = find_8(&rows[48..], numbers, &digits[48..]);
    let last = Zeroizing::new(Affine { x: lower(&entries.x), y: lower(&entries.y) });
    let mut four = Zeroizing::new(Jacobian { x: lower(&eight.x), y: lower(&eight.y), z: lower(&eight.z) });
    let mut other = Zeroizing::new(Jacobian { x: upper(&eight.x), y: upper(&eight.y), z: upper(&eight.z) });
    add_4(&mut four, &other);
    add_affine_4(&mut four, &last);
    *other = permute::<0b01_00_11_10>(&four);
    add_4(&mut four, &other);
    *other = permute::<0b10_11_00_01>(&four);
    add_4(&mut four, &other);
    let mut out = Zeroizing::new([[0; 4]; 3]);
    for (out, e) in out.iter_mut().zip([&four.x, &four.y, &four.z]) {
        *out = first_lane(e);
    }
    out
}

/// The entries of up to eight rows that `digits` name, in the lanes in order. Reads all entries.
#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
fn find_8<T>(rows: &[[T; ENTRIES]], numbers: &impl Fn(&T) -> [&Limbs; 2], digits: &[(u8, u8)]) -> Affine<V8> {
    let mut negative = [0_i64; 8];
    let mut found = [_mm512_setzero_si512(); 8];
    for (((row, (index, mask)), found), negative) in
        rows.iter().zip(digits).zip(&mut found).zip(&mut negative)
    {
        *negative = i64::from(mask.cast_signed());
        let index = opaque(_mm256_set1_epi64x(i64::from(*index)));
        let mut xy = [_mm256_setzero_si256(); 2];
        for (i, entry) in (0..).zip(row) {
            let mask = opaque(_mm256_cmpeq_epi64(index, _mm256_set1_epi64x(i)));
            for (out, number) in xy.iter_mut().zip(numbers(entry)) {
                // SAFETY: the reference is valid for the 32 bytes that are read; the load needs no alignment.
                let number = unsafe { _mm256_loadu_si256(core::ptr::from_ref(number).cast()) };
                *out = _mm256_or_si256(*out, _mm256_and_si256(number, mask));
            }
        }
        *found = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(xy[0]), xy[1]);
    }
    // SAFETY: the array is 64 bytes; the load needs no alignment.
    let negative = unsafe { _mm512_loadu_si512(negative.as_ptr().cast()) };
    let [x0, x1, x2, x3, y0, y1, y2, y3] = transpose(&found).map(V8);
    Affine {
        x: Element::from_words([x0, x1, x2, x3], V8(_mm512_setzero_si512())),
        y: Element::from_words([y0, y1, y2, y3], V8(negative)),
    }
}

/// Returns `v`, of which the compiler knows nothing then: from a comparison it would make loads under a mask, of which
/// nobody promises that their time does not depend on it.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn opaque(mut v: __m256i) -> __m256i {
    // SAFETY: the template is a comment, so the register keeps its value, and nothing else is touched.
    unsafe { asm!("/* {0} */", inout(ymm_reg) v, options(pure, nomem, nostack, preserves_flags)) };
    v
}

/// Word i of register j of the result is word j of register i of `a`.
#[target_feature(enable = "avx512f")]
fn transpose(a: &[__m512i; 8]) -> [__m512i; 8] {
    // Pairs of words: of registers 0 and 1, 2 and 3 ..
    let mut pairs = [_mm512_setzero_si512(); 8];
    for i in [0, 2, 4, 6] {
        pairs[i] = _mm512_unpacklo_epi64(a[i], a[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 1]);
    }
    // Blocks of two words: 0 and 4, then 2 and 6 of both registers.
    let mut out = [_mm512_setzero_si512(); 8];
    for odd in [0, 1] {
        let low_04 = _mm512_shuffle_i64x2::<0b10_00_10_00>(pairs[odd], pairs[2 + odd]);
        let low_26 = _mm512_shuffle_i64x2::<0b11_01_11_01>(pairs[odd], pairs[2 + odd]);
        let high_04 = _mm512_shuffle_i64x2::<0b10_00_10_00>(pairs[4 + odd], pairs[6 + odd]);
        let high_26 = _mm512_shuffle_i64x2::<0b11_01_11_01>(pairs[4 + odd], pairs[6 + odd]);
        out[odd] = _mm512_shuffle_i64x2::<0b10_00_10_00>(low_04, high_04);
        out[2 + odd] = _mm512_shuffle_i64x2::<0b10_00_10_00>(low_26, high_26);
        out[4 + odd] = _mm512_shuffle_i64x2::<0b11_01_11_01>(low_04, high_04);
        out[6 + odd] = _mm512_shuffle_i64x2::<0b11_01_11_01>(low_26, high_26);
    }
    out
}

#[inline(always)]
fn first_sum<V: Multiplier>(p: &Affine<V>, q: &Affine<V>) -> Jacobian<V> {
    let h = q.x.sub(&p.x);
    let r = q.y.sub(&p.y);
    let (x, y) = finish(&p.x, &p.y, &h, &r);
    Jacobian { x, y, z: h }
}

/// p + q, where q is none of p, -p; else z becomes 0, and stays so.
#[inline(always)]
fn add_affine<V: Multiplier>(p: &mut Jacobian<V>, q: &Affine<V>) {
    let zz = p.z.square();
    let h = q.x.mul(&zz).sub(&p.x);
    let zzz = zz.mul(&p.z);
    p.z = p.z.mul(&h);
    let r = q.y.mul(&zzz).sub(&p.y);
    (p.x, p.y) = finish(&p.x, &p.y, &h, &r);
}

/// As [`add_affine`].
#[inline(always)]
fn add<V: Multiplier>(p: &mut Jacobian<V>, q: &Jacobian<V>) {
    let (pp, qq) = (p.z.square(), q.z.square());
    let (u, u2) = (p.x.mul(&qq), q.x.mul(&pp));
    let (ppp, qqq) = (pp.mul(&p.z), qq.mul(&q.z));
    let h = u2.sub(&u);
    let z = p.z.mul(&q.z);
    let (s, s2) = (p.y.mul(&qqq), q.y.mul(&ppp));
    p.z = z.mul(&h);
    (p.x, p.y) = finish(&u, &s, &h, &s2.sub(&s));
}

/// x and y of a sum from those of p, brought to the denominator of q, and what q has more.
#[inline(always)]
fn finish<V: Multiplier>(
    x: &Element<V>,
    y: &Element<V>,
    h: &Element<V>,
    r: &Element<V>,
) -> (Element<V>, Element<V>) {
    let hh = h.square();
    let rr = r.square();
    let v = x.mul(&hh);
    let hhh = hh.mul(h);
    let out = rr.sub_and_twice(&hhh, &v);
    (out, r.mul_sub(&v.sub(&out), &hhh, y))
}

/// Compiles formulas for a width.
macro_rules! compiled {
    ($($name:ident = $formula:ident($($p:ident: $type:ty),+) $(-> $out:ty)?;)+) => {$(
        #[inline(never)]
        #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
        fn $name($($p: $type),+) $(-> $out)? {
            $formula($($p),+)
        }
    )+};
}

compiled! {
    first_sum_8 = first_sum(p: &Affine<V8>, q: &Affine<V8>) -> Jacobian<V8>;
    add_affine_8 = add_affine(p: &mut Jacobian<V8>, q: &Affine<V8>);
    add_affine_4 = add_affine(p: &mut Jacobian<V4>, q: &Affine<V4>);
    add_4 = add(p: &mut Jacobian<V4>, q: &Jacobian<V4>);
}

#[target_feature(enable = "avx512f")]
fn lower(e: &Element<V8>) -> Element<V4> {
    let mut out = [V4(_mm256_setzero_si256()); 5];
    for (out, limb) in out.iter_mut().zip(e.0) {
        *out = V4(_mm512_castsi512_si256(limb.0));
    }
    Element(out)
}

#[target_feature(enable = "avx512f")]
fn upper(e: &Element<V8>) -> Element<V4> {
    let mut out = [V4(_mm256_setzero_si256()); 5];
    for (out, limb) in out.iter_mut().zip(e.0) {
        *out = V4(_mm512_extracti64x4_epi64::<1>(limb.0));
    }
    Element(out)
}

/// The points in another order: lane i has that which bits 2 i and 2 i + 1 of `ORDER` name.
#[target_feature(enable = "avx512f,avx512vl")]
fn permute<const ORDER: i32>(p: &Jacobian<V4>) -> Jacobian<V4> {
    let mut out = *p;
    for e in [&mut out.x, &mut out.y, &mut out.z] {
        for limb in &mut e.0 {
            *limb = V4(_mm256_permute4x64_epi64::<ORDER>(limb.0));
        }
    }
    out
}

/// The number in the first lane, below p.
#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
fn first_lane(e: &Element<V4>) -> Limbs {
    let mut limbs = [0; 5];
    for (out, limb) in limbs.iter_mut().zip(e.to_words().0) {
        *out = _mm_cvtsi128_si64(_mm256_castsi256_si128(limb.0)).cast_unsigned();
    }
    words(limbs)
}
