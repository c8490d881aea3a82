//! Elements of five limbs in radix 2^52, see `radix52`.
//!
//! # Bounds
//! All limbs of an element are in [0, 2^52). Values, as multiples of 2^256: a tidy element is below 2.5, a factor and a
//! negated element at most 8, and one factor of a product is tidy. Where something is subtracted, `fold` takes off all but
//! one or two of the multiples of 2^256 that the top limb shows.

use super::{
    Affine, COORDINATE, Columns, Element, limb_bytes,
    radix52::{self, LIMBS, Product, add_four_p, carry, fold, from_words, product, reduce},
    vector::{Factor, Field, Shuffle, Vector, each, load, store, sub},
};

#[inline(always)]
fn finish<V: Shuffle<L>, const L: usize>(c: Product<V>, minus: Option<[V; LIMBS]>) -> [V; LIMBS] {
    let product = reduce(c);
    match minus {
        None => carry(product),
        Some(minus) => fold(sub(product, minus)),
    }
}

impl<V: Shuffle<L>, const L: usize> Field<L, LIMBS> for V {
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
        finish(product(&a, &load(b)), minus)
    }

    #[inline(always)]
    fn square(a: &Element<L, LIMBS>, minus: Option<[V; LIMBS]>) -> [V; LIMBS] {
        finish(radix52::square(&load(a)), minus)
    }

    #[inline(always)]
    fn spread(words: [V; 4]) -> [V; LIMBS] {
        fold(from_words(words))
    }

    /// 4 p - a, in limbs that are a factor's.
    #[inline(always)]
    fn negate(a: [V; LIMBS], mask: V) -> [V; LIMBS] {
        carry(add_four_p(radix52::negate(&a, mask), mask))
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
fn limb<V: Shuffle<L>, const L: usize>(columns: &[[[u8; 16]; 8]], index: V) -> [V; 8] {
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
