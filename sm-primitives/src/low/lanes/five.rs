//! Elements of five limbs in radix 2^52, for processors that multiply 52 bits and add one half of the product.
//!
//! # Bounds
//! All limbs of an element are in [0, 2^52), as the factors of a multiplication must be. Values, as multiples of 2^256: a
//! tidy element is below 2.5, a factor and a negated element at most 8, and one factor of a product is tidy. So the
//! product divided by R = 2^260 is below 8 * 2.5 / 16 = 1.25, and Montgomery's reduction adds less than 1. Where something
//! is subtracted, `fold` takes off all but one or two of the multiples of 2^256 that the top limb shows.
//!
//! Source of the technique: Gueron and Krasnov, "Software implementation of modular exponentiation, using advanced vector
//! instructions architectures", WAIFI 2012, and Intel's manuals on VPMADD52LUQ; reduction by the form of p as in `nine`.

use super::{
    Affine, COORDINATE, Columns, Element, limb_bytes, split,
    vector::{Factor, Field, Multiplier, Vector, each, load, store, sub},
};
use crate::low::portable64;

const LIMBS: usize = 5;
const RADIX: i32 = 52;
const MASK: i64 = (1 << RADIX) - 1;

/// The columns of a product.
type Product<V> = [V; 2 * LIMBS];

/// Takes the carries out of all limbs but the last.
#[inline(always)]
fn carry<V: Vector<L>, const L: usize>(a: [V; LIMBS]) -> [V; LIMBS] {
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
fn add_four_p<V: Vector<L>, const L: usize>(a: [V; LIMBS], mask: V) -> [V; LIMBS] {
    let mut out = a;
    each!(K in [0 1 2 3 4] { out[K] = a[K].add(V::splat(FOUR_P[K]).and(mask)); });
    out
}

/// Carries, and takes off (q - 1) p where there are q multiples of 2^256 in `a`, or q - 1 of them with carries from below:
/// something between 0 and 2 p + 2^230 is left. 2^256 = 2^224 + 2^96 - 2^64 + 1 mod p.
#[inline(always)]
fn fold<V: Vector<L>, const L: usize>(mut a: [V; LIMBS]) -> [V; LIMBS] {
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
fn reduce<V: Multiplier<L>, const L: usize>(mut c: Product<V>) -> [V; LIMBS] {
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

#[inline(always)]
fn finish<V: Multiplier<L>, const L: usize>(c: Product<V>, minus: Option<[V; LIMBS]>) -> [V; LIMBS] {
    let product = reduce(c);
    match minus {
        None => carry(product),
        Some(minus) => fold(sub(product, minus)),
    }
}

impl<V: Multiplier<L>, const L: usize> Field<L, LIMBS> for V {
    #[inline(always)]
    fn factor(a: [V; LIMBS]) -> [V; LIMBS] {
        carry(a)
    }

    #[inline(always)]
    fn tidy(a: [V; LIMBS]) -> [V; LIMBS] {
        fold(a)
    }

    #[inline(always)]
    fn multiply(a: Factor<'_, L, LIMBS>, b: &Element<L, LIMBS>, minus: Option<[V; LIMBS]>) -> [V; LIMBS] {
        let a = match a {
            Factor::Element(a) => load(a),
            Factor::Difference(a, b) => carry(add_four_p(sub(load(a), load(b)), V::splat(-1))),
        };
        let mut c = [V::splat(0); 2 * LIMBS];
        each!(I in [0 1 2 3 4] {
            each!(J in [0 1 2 3 4] {
                let b = V::load(&b.0[J]);
                c[I + J] = c[I + J].add_low(a[I], b);
                c[I + J + 1] = c[I + J + 1].add_high(a[I], b);
            });
        });
        finish(c, minus)
    }

    #[inline(always)]
    fn square(a: &Element<L, LIMBS>, minus: Option<[V; LIMBS]>) -> [V; LIMBS] {
        let a: [V; LIMBS] = load(a);
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
        finish(c, minus)
    }

    /// Five limbs of 52 bits are 260 bits.
    #[inline(always)]
    fn spread([w0, w1, w2, w3]: [V; 4]) -> [V; LIMBS] {
        let mask = V::splat(MASK);
        fold([
            w0.shl::<4>().and(mask),
            w0.shr::<48>().or(w1.shl::<16>()).and(mask),
            w1.shr::<36>().or(w2.shl::<28>()).and(mask),
            w2.shr::<24>().or(w3.shl::<40>()).and(mask),
            w3.shr::<12>(),
        ])
    }

    /// 4 p - a, in limbs that are a factor's.
    #[inline(always)]
    fn negate(a: [V; LIMBS], mask: V) -> [V; LIMBS] {
        let mut out = a;
        each!(K in [0 1 2 3 4] { out[K] = a[K].xor(mask).sub(mask); });
        carry(add_four_p(out, mask))
    }

    #[inline(always)]
    fn look_up_points(row: &Columns, index: V, negative: V, out: &mut [Affine<L, LIMBS>; 8]) {
        const BYTES: usize = limb_bytes(LIMBS);
        for k in 0..LIMBS {
            let x = limb(&row.0[BYTES * k..BYTES * (k + 1)], index);
            let y = limb(&row.0[COORDINATE + BYTES * k..COORDINATE + BYTES * (k + 1)], index);
            each!(I in [0 1 2 3 4 5 6 7] {
                x[I].store(&mut out[I].x.0[k]);
                y[I].store(&mut out[I].y.0[k]);
            });
        }
        let signs = join([negative; 8]);
        each!(I in [0 1 2 3 4 5 6 7] {
            let y: [V; LIMBS] = load(&out[I].y);
            store(&mut out[I].y, V::negate(y, signs[I]));
        });
    }
}

/// Looks up one limb for eight vectors.
#[inline(always)]
fn limb<V: Multiplier<L>, const L: usize>(columns: &[[[u8; 16]; 8]], index: V) -> [V; 8] {
    let mut bytes = [V::splat(0); 8];
    each!(I in [0 1 2 3 4 5 6] { bytes[I] = index.look_up_all(&columns[I]); });
    join(bytes)
}

/// Brings eight bytes, given as eight registers of bytes, together.
#[inline(always)]
fn join<V: Vector<L>, const L: usize>(bytes: [V; 8]) -> [V; 8] {
    let mut out = bytes;
    let [b0, b1, b2, b3, b4, b5, b6, b7] = bytes;
    let pairs =
        [b0.interleave_bytes(b1), b2.interleave_bytes(b3), b4.interleave_bytes(b5), b6.interleave_bytes(b7)];
    each!(HALF in [0 1] {
        let low = pairs[0][HALF].interleave_pairs(pairs[1][HALF]);
        let high = pairs[2][HALF].interleave_pairs(pairs[3][HALF]);
        each!(QUARTER in [0 1] {
            let [first, second] = low[QUARTER].interleave_words(high[QUARTER]);
            out[4 * HALF + 2 * QUARTER] = first;
            out[4 * HALF + 2 * QUARTER + 1] = second;
        });
    });
    out
}
