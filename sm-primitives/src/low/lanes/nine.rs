//! Elements of nine signed limbs in radix 2^29, for processors that multiply 32 bits.
//!
//! Limbs are signed, so a difference needs no carries and no multiple of p; carries are taken once, at the end of a
//! multiplication.
//!
//! # Bounds
//! A tidy element has limbs 0 to 7 in [-2^25, 2^29 + 2^25] and a value in [-2^254, 2^256 + 2^254]. Inside a kernel a
//! product needs columns, sums of nine products of limbs, below 2^63 - 2^55: a sum of two tidy elements may be multiplied
//! by a difference, not by another sum. Values take care of themselves: |a b / R| < p / 4 for any such factors,
//! Montgomery's reduction adds at most p, and where something is subtracted, `fold` takes off the multiple of p that the
//! top limb shows.
//!
//! Source of the technique: multiplication in a redundant signed radix as in Bernstein and Schwabe, "NEON crypto", CHES
//! 2012, here with Montgomery's reduction, which the form of p makes free of multiplications.

use super::{
    Affine, COORDINATE, Columns, Element,
    vector::{Factor, Field, Register, Vector, each},
};
use crate::low::barrier::opaque_ref;

const LIMBS: usize = 9;
const RADIX: i32 = 29;

/// What a column starts with, so that a logical shift gives its carry: 2^63, less what the biased carry of the column
/// below brings.
const FIRST: i64 = i64::MIN;
const NEXT: i64 = i64::MIN.wrapping_sub(1 << (63 - RADIX));
/// What the column above the last carry starts with, to be free of the bias again.
const LAST: i64 = -(1 << (63 - RADIX));

/// Montgomery's reduction, column by column as soon as one is complete; what is left in columns 9 to 17 is the product
/// divided by 2^261.
///
/// p = -1 mod 2^29, so the digit that clears column k is its own low part m_k, and m_k (p + 1) is
/// m_k 2^64 (1 - 2^32) (1 - 2^160): with v_k = m_(k-2) - 8 m_(k-3) it adds v_k 2^6 - v_(k-5) 2^21 to column k.
struct Reduction<V> {
    mask: V,
    /// 8 m_(k-1)
    above: V,
}

impl<V> Reduction<V> {
    #[inline(always)]
    fn new() -> Self
    where
        V: Register,
    {
        Self { mask: V::splat((1 << RADIX) - 1), above: V::splat(0) }
    }

    /// Clears column k.
    #[inline(always)]
    fn clear(&mut self, c: &mut [V; 2 * LIMBS], k: usize)
    where
        V: Register,
    {
        let m = c[k].and(self.mask);
        c[k + 1] = c[k + 1].add(c[k].sar::<{ RADIX }>());
        let v = if k == 0 { m } else { m.sub(self.above) };
        c[k + 2] = c[k + 2].add(v.shl::<6>());
        c[k + 7] = c[k + 7].sub(v.shl::<21>());
        self.above = m.shl::<3>();
        if k == LIMBS - 1 {
            c[11] = c[11].sub(self.above.shl::<6>());
            c[16] = c[16].add(self.above.shl::<21>());
        }
    }
}

/// The start of all columns.
#[inline(always)]
fn start<V: Register>() -> [V; 2 * LIMBS] {
    if !V::LOGICAL {
        return [V::splat(0); 2 * LIMBS];
    }
    let mut c = [V::splat(NEXT); 2 * LIMBS];
    c[0] = V::splat(FIRST);
    c[17] = V::splat(LAST);
    c
}

/// Takes the carries of columns 9 to 17.
#[inline(always)]
fn carry<V: Register>(mut c: [V; 2 * LIMBS]) -> [V; LIMBS] {
    let mask = V::splat((1 << RADIX) - 1);
    each!(K in [9 10 11 12 13 14 15 16] {
        c[K + 1] = c[K + 1].add(c[K].sar::<{ RADIX }>());
        c[K] = c[K].and(mask);
    });
    let mut out = [c[9]; LIMBS];
    each!(K in [1 2 3 4 5 6 7 8] { out[K] = c[9 + K]; });
    out
}

/// Subtracts q p with q = floor(a / 2^256) as the top limb shows it.
#[inline(always)]
fn fold<V: Vector<L>, const L: usize>(mut a: [V; LIMBS]) -> [V; LIMBS] {
    let q = a[8].shift_top();
    a[8] = a[8].sub(q.shl::<24>());
    a[7] = a[7].add(q.shl::<21>());
    a[3] = a[3].add(q.shl::<9>());
    a[2] = a[2].sub(q.shl::<6>());
    a[0] = a[0].add(q);
    a
}

/// A product without `minus` is tidy as it is; with it, its value is folded.
#[inline(always)]
fn finish<V: Vector<L>, const L: usize>(mut c: [V; 2 * LIMBS], minus: Option<[V; LIMBS]>) -> [V; LIMBS] {
    let Some(minus) = minus else { return carry(c) };
    each!(K in [0 1 2 3 4 5 6 7 8] { c[9 + K] = c[9 + K].sub(minus[K]); });
    fold(carry(c))
}

impl<V: Vector<L>, const L: usize> Field<L, LIMBS> for V {
    /// Columns have room for sums.
    #[inline(always)]
    fn factor(a: [V; LIMBS]) -> [V; LIMBS] {
        a
    }

    /// Takes limbs of at most 62 bits.
    #[inline(always)]
    fn tidy(a: [V; LIMBS]) -> [V; LIMBS] {
        let mut c = start::<V>();
        // No carry reaches column 9.
        c[9] = if V::LOGICAL { V::splat(FIRST) } else { c[9] };
        each!(K in [0 1 2 3 4 5 6 7 8] { c[9 + K] = c[9 + K].add(a[K]); });
        fold(carry(c))
    }

    /// The limbs of `b` are read anew for each row: as operands in memory they cost nothing, and sixteen registers hold
    /// no more than a row of columns.
    #[inline(always)]
    fn multiply(a: Factor<'_, L, LIMBS>, b: &Element<L, LIMBS>, minus: Option<[V; LIMBS]>) -> [V; LIMBS] {
        let mut c = start::<V>();
        let mut reduction = Reduction::new();
        each!(I in [0 1 2 3 4 5 6 7 8] {
            let factor: V = a.limb(I);
            let b = opaque_ref(b);
            each!(J in [0 1 2 3 4 5 6 7 8] { c[I + J] = c[I + J].add(factor.mul32(V::load(&b.0[J]))); });
            reduction.clear(&mut c, I);
        });
        finish(c, minus)
    }

    #[inline(always)]
    fn square(a: &Element<L, LIMBS>, minus: Option<[V; LIMBS]>) -> [V; LIMBS] {
        let mut c = start::<V>();
        let mut reduction = Reduction::new();
        each!(I in [0 1 2 3 4 5 6 7 8] {
            let a = opaque_ref(a);
            let factor = V::load(&a.0[I]);
            c[2 * I] = c[2 * I].add(factor.mul32(factor));
            let twice = factor.add(factor);
            each!(J in [1 2 3 4 5 6 7 8] {
                if J > I { c[I + J] = c[I + J].add(twice.mul32(V::load(&a.0[J]))); }
            });
            // Rows above I begin in column 2 I + 2.
            each!(K in [0 1] { if 2 * I + K < LIMBS { reduction.clear(&mut c, 2 * I + K); } });
        });
        finish(c, minus)
    }

    /// Nine limbs of 29 bits are 261 bits.
    #[inline(always)]
    fn spread([w0, w1, w2, w3]: [V; 4]) -> [V; LIMBS] {
        let mask = V::splat((1 << RADIX) - 1);
        let limbs = [
            w0.shl::<5>(),
            w0.shr::<24>(),
            w0.shr::<53>().or(w1.shl::<11>()),
            w1.shr::<18>(),
            w1.shr::<47>().or(w2.shl::<17>()),
            w2.shr::<12>(),
            w2.shr::<41>().or(w3.shl::<23>()),
            w3.shr::<6>(),
            w3.shr::<35>(),
        ];
        let mut out = limbs;
        each!(K in [0 1 2 3 4 5 6 7 8] { out[K] = limbs[K].and(mask); });
        fold(out)
    }

    /// Tidy up to the sign.
    #[inline(always)]
    fn negate(a: [V; LIMBS], mask: V) -> [V; LIMBS] {
        let mut out = a;
        each!(K in [0 1 2 3 4 5 6 7 8] { out[K] = a[K].xor(mask).sub(mask); });
        out
    }

    #[inline(always)]
    fn look_up_points(row: &Columns, index: V, negative: V, out: &mut [Affine<L, LIMBS>; 8]) {
        let within = split_index(index);
        let zero = V::splat(0);
        let signs = join([negative; 4]);
        for k in 0..LIMBS {
            let x = limb(&row.0[4 * k..4 * k + 4], &within);
            let y = limb(&row.0[COORDINATE + 4 * k..COORDINATE + 4 * k + 4], &within);
            each!(PAIR in [0 1 2 3] {
                let sign = signs[PAIR].interleave_words(signs[PAIR]);
                let x = x[PAIR].interleave_words(zero);
                let y = y[PAIR].interleave_words(zero);
                each!(ODD in [0 1] {
                    let point = &mut out[2 * PAIR + ODD];
                    x[ODD].store(&mut point.x.0[k]);
                    y[ODD].xor(sign[ODD]).sub(sign[ODD]).store(&mut point.y.0[k]);
                });
            });
        }
    }
}

/// The first entry of each block of a table row.
const FIRSTS: [u8; 8] = [0, 16, 32, 48, 64, 80, 96, 112];

/// For each block of 16 entries the index into it, with the highest bit set if it is in another block: what is below wraps
/// around to 0x90 and more.
#[inline(always)]
fn split_index<V: Vector<L>, const L: usize>(index: V) -> [V; 8] {
    let mut within = [index; 8];
    each!(I in [0 1 2 3 4 5 6 7] {
        let first = V::splat_block(&[FIRSTS[I]; 16]);
        within[I] = index.sub_bytes(first).add_bytes_saturating(V::splat_block(&[0x70; 16]));
    });
    within
}

/// Looks up one limb: its four bytes, in groups of two vectors.
#[inline(always)]
fn limb<V: Vector<L>, const L: usize>(columns: &[[[u8; 16]; 8]], within: &[V; 8]) -> [V; 4] {
    let mut bytes = [within[0]; 4];
    each!(I in [0 1 2 3] { bytes[I] = byte::<V, L>(&columns[I], within); });
    join(bytes)
}

/// Looks up one byte in each block and takes the one that was found.
#[inline(always)]
fn byte<V: Vector<L>, const L: usize>(column: &[[u8; 16]; 8], within: &[V; 8]) -> V {
    let mut hit = V::splat_block(&column[0]).look_up(within[0]);
    each!(I in [1 2 3 4 5 6 7] { hit = hit.or(V::splat_block(&column[I]).look_up(within[I])); });
    hit
}

/// Brings four bytes, given as four registers of bytes, together.
#[inline(always)]
fn join<V: Vector<L>, const L: usize>([b0, b1, b2, b3]: [V; 4]) -> [V; 4] {
    let [low01, high01] = b0.interleave_bytes(b1);
    let [low23, high23] = b2.interleave_bytes(b3);
    let [first, second] = low01.interleave_pairs(low23);
    let [third, fourth] = high01.interleave_pairs(high23);
    [first, second, third, fourth]
}
