//! Integers mod p in registers: five limbs in radix 2^52, for processors that multiply 52 bits and add one half of the
//! product; Montgomery's R = 2^260.
//!
//! # Bounds
//! All limbs of a factor are in [0, 2^52). Values, as multiples of 2^256: what `fold` gives is below 2.01, one factor of a
//! product is below 2.5 and the other at most 8. So the product divided by R is below 8 * 2.5 / 16 = 1.25, and Montgomery's
//! reduction adds less than 1. Columns are sums of at most 20 numbers of 52 bits, signed.
//!
//! Source of the technique: Gueron and Krasnov, "Software implementation of modular exponentiation, using advanced vector
//! instructions architectures", WAIFI 2012; reduction by the form of p as in `nine`.

use super::{
    split,
    vector::{Multiplier, each},
};
use crate::low::portable64;

pub(in crate::low) const LIMBS: usize = 5;
const RADIX: i32 = 52;
const MASK: i64 = (1 << RADIX) - 1;

/// The columns of a product.
pub(in crate::low) type Product<V> = [V; 2 * LIMBS];

/// Takes the carries out of all limbs but the last.
#[inline(always)]
pub(in crate::low) fn carry<V: Multiplier>(a: [V; LIMBS]) -> [V; LIMBS] {
    let mask = V::splat(MASK);
    let mut out = a;
    each!(K in [0 1 2 3] {
        out[K + 1] = out[K + 1].add(out[K].sar::<RADIX>());
        out[K] = out[K].and(mask);
    });
    out
}

/// 4 p in limbs, which is more than any tidy element.
const FOUR_P: [i64; LIMBS] = {
    let mut out = split::<LIMBS>(&portable64::P);
    let mut k = 0;
    while k < LIMBS {
        out[k] *= 4;
        k += 1;
    }
    out
};

/// a + 4 p where `mask` is all ones, limb by limb.
#[inline(always)]
pub(in crate::low) fn add_four_p<V: Multiplier>(a: [V; LIMBS], mask: V) -> [V; LIMBS] {
    let mut out = a;
    each!(K in [0 1 2 3 4] { out[K] = a[K].add(V::splat(FOUR_P[K]).and(mask)); });
    out
}

/// Carries, and takes off (q - 1) p where there are q multiples of 2^256 in `a`, or q - 1 of them with carries from below:
/// something between 0 and 2 p + 2^230 is left. 2^256 = 2^224 + 2^96 - 2^64 + 1 mod p.
#[inline(always)]
pub(in crate::low) fn fold<V: Multiplier>(mut a: [V; LIMBS]) -> [V; LIMBS] {
    let top = a[4].add(a[3].sar::<RADIX>());
    let q = top.sar::<48>().sub(V::splat(1));
    a[0] = a[0].add(q);
    a[1] = a[1].add(q.shl::<44>()).sub(q.shl::<12>());
    a[4] = a[4].add(q.shl::<16>()).sub(q.shl::<48>());
    carry(a)
}

/// Montgomery's reduction: columns 5 to 9, and what is carried into them, are the product divided by 2^260.
///
/// p = -1 mod 2^52, so the digit that clears column k is its own low part m, and m (p + 1) is
/// m (2^256 - 2^224 + 2^52 (2^52 - 2^44 + 2^12) - 2^104).
#[inline(always)]
pub(in crate::low) fn reduce<V: Multiplier>(mut c: Product<V>) -> [V; LIMBS] {
    let (mask, low, high) =
        (V::splat(MASK), V::splat((1 << 52) - (1 << 44) + (1 << 12)), V::splat((1 << 48) - (1 << 16)));
    each!(K in [0 1 2 3 4] {
        let m = c[K].and(mask);
        c[K + 1] = c[K + 1].add(c[K].sar::<RADIX>()).add_low(m, low);
        c[K + 2] = c[K + 2].sub(m).add_high(m, low);
        c[K + 4] = c[K + 4].add_low(m, high);
        c[K + 5] = c[K + 5].add_high(m, high);
    });
    [c[5], c[6], c[7], c[8], c[9]]
}

/// Adds a b to the columns.
#[inline(always)]
pub(in crate::low) fn add_product<V: Multiplier>(c: &mut Product<V>, a: &[V; LIMBS], b: &[V; LIMBS]) {
    each!(I in [0 1 2 3 4] {
        each!(J in [0 1 2 3 4] {
            c[I + J] = c[I + J].add_low(a[I], b[J]);
            c[I + J + 1] = c[I + J + 1].add_high(a[I], b[J]);
        });
    });
}

/// a b in columns.
#[inline(always)]
pub(in crate::low) fn product<V: Multiplier>(a: &[V; LIMBS], b: &[V; LIMBS]) -> Product<V> {
    let mut c = [V::splat(0); 2 * LIMBS];
    add_product(&mut c, a, b);
    c
}

/// a^2 in columns.
#[inline(always)]
pub(in crate::low) fn square<V: Multiplier>(a: &[V; LIMBS]) -> Product<V> {
    let mut c = [V::splat(0); 2 * LIMBS];
    each!(I in [0 1 2 3] {
        each!(J in [1 2 3 4] {
            if J > I {
                c[I + J] = c[I + J].add_low(a[I], a[J]);
                c[I + J + 1] = c[I + J + 1].add_high(a[I], a[J]);
            }
        });
    });
    // What is twice a limb would not be a factor.
    each!(K in [1 2 3 4 5 6 7 8] { c[K] = c[K].add(c[K]); });
    each!(K in [0 1 2 3 4] {
        c[2 * K] = c[2 * K].add_low(a[K], a[K]);
        c[2 * K + 1] = c[2 * K + 1].add_high(a[K], a[K]);
    });
    c
}

/// 16 v in limbs, the last of them longer than the others, given v in words: v * 2^256 becomes v R.
#[inline(always)]
pub(in crate::low) fn from_words<V: Multiplier>([w0, w1, w2, w3]: [V; 4]) -> [V; LIMBS] {
    let mask = V::splat(MASK);
    [
        w0.shl::<4>().and(mask),
        w0.shr::<48>().or(w1.shl::<16>()).and(mask),
        w1.shr::<36>().or(w2.shl::<28>()).and(mask),
        w2.shr::<24>().or(w3.shl::<40>()).and(mask),
        w3.shr::<12>(),
    ]
}

/// -a where `mask` is all ones, limb by limb.
#[inline(always)]
pub(in crate::low) fn negate<V: Multiplier>(a: &[V; LIMBS], mask: V) -> [V; LIMBS] {
    let mut out = *a;
    each!(K in [0 1 2 3 4] { out[K] = a[K].xor(mask).sub(mask); });
    out
}
