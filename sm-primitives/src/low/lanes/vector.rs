//! What a vector must do, and the arithmetic of nine limbs written with it.
//!
//! Source of the technique: multiplication in a redundant signed radix as in Bernstein and Schwabe, "NEON crypto", CHES
//! 2012, here with Montgomery's reduction, which the form of p makes free of multiplications.

use super::{Element, LIMBS, RADIX};
use crate::low::barrier::opaque_ref;

/// A register of `L` signed 64-bit integers.
///
/// All functions work lane by lane, wrap around, and are to be inlined into a function that has the instructions.
pub(crate) trait Vector<const L: usize>: Copy {
    /// Whether [`shift`](Self::shift) is a logical shift, so that columns must not be negative.
    const LOGICAL: bool;

    fn splat(v: i64) -> Self;
    fn load(from: &[i64; L]) -> Self;
    fn store(self, to: &mut [i64; L]);
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn and(self, b: Self) -> Self;
    fn or(self, b: Self) -> Self;
    fn xor(self, b: Self) -> Self;
    /// All ones where the lanes are equal, else zeros.
    fn equal(self, b: Self) -> Self;
    /// The product of the low 32 bits, as signed integers.
    fn mul32(self, b: Self) -> Self;
    fn shl<const N: i32>(self) -> Self;
    /// Logical, unlike `>>`.
    fn shr<const N: i32>(self) -> Self;
    /// `self` >> 29, of the kind that [`LOGICAL`](Self::LOGICAL) says.
    fn shift(self) -> Self;
    /// `self` >> 24, arithmetic, for integers of at most 32 bits.
    fn shift_top(self) -> Self;

    /// The same register as 8 `L` bytes, which stand in blocks of 16.
    fn load_bytes(from: &[[u8; 8]; L]) -> Self;
    /// 16 bytes in every block.
    fn splat_block(block: &[u8; 16]) -> Self;
    /// The byte of the own block that the low four bits of `index` name, zero if the highest bit of `index` is set.
    fn look_up(self, index: Self) -> Self;
    /// Byte by byte.
    fn sub_bytes(self, b: Self) -> Self;
    /// Byte by byte, unsigned, at most 255.
    fn add_bytes_saturating(self, b: Self) -> Self;
    /// Bytes of `self` and `b` in turn, from the lower and from the upper half of each block.
    fn interleave_bytes(self, b: Self) -> [Self; 2];
    /// Pairs of bytes of `self` and `b` in turn, likewise.
    fn interleave_pairs(self, b: Self) -> [Self; 2];
    /// The lower half of every lane in both halves, and the upper half likewise.
    fn double_halves(self) -> [Self; 2];
}

/// Runs the block once for each literal, which `$i` is as a constant: loops that must be unrolled, since compilers keep
/// indices of long loops in memory. And no closures: they do not inherit the instructions of the function around them.
macro_rules! each {
    ($i:ident in [$($n:literal)*] $body:block) => {
        $({ const $i: usize = $n; $body })*
    };
}

pub(super) use each;

/// The nine limbs of a factor, in registers.
pub(super) type Limbs<V> = [V; LIMBS];

#[inline(always)]
pub(super) fn load<V: Vector<L>, const L: usize>(a: &Element<L>) -> Limbs<V> {
    let mut out = [V::splat(0); LIMBS];
    each!(K in [0 1 2 3 4 5 6 7 8] { out[K] = V::load(&a.0[K]); });
    out
}

#[inline(always)]
pub(super) fn store<V: Vector<L>, const L: usize>(to: &mut Element<L>, a: Limbs<V>) {
    each!(K in [0 1 2 3 4 5 6 7 8] { a[K].store(&mut to.0[K]); });
}

/// to = from. As a copy of arrays it would be a call.
#[inline(always)]
pub(super) fn copy<V: Vector<L>, const L: usize>(to: &mut Element<L>, from: &Element<L>) {
    store(to, load::<V, L>(from));
}

/// a + b; untidy.
#[inline(always)]
pub(super) fn add<V: Vector<L>, const L: usize>(a: &Limbs<V>, b: &Limbs<V>) -> Limbs<V> {
    let mut out = *a;
    each!(K in [0 1 2 3 4 5 6 7 8] { out[K] = a[K].add(b[K]); });
    out
}

/// a - b; untidy.
#[inline(always)]
pub(super) fn sub<V: Vector<L>, const L: usize>(a: &Limbs<V>, b: &Limbs<V>) -> Limbs<V> {
    let mut out = *a;
    each!(K in [0 1 2 3 4 5 6 7 8] { out[K] = a[K].sub(b[K]); });
    out
}

/// 2^N a; untidy.
#[inline(always)]
pub(super) fn shl<V: Vector<L>, const L: usize, const N: i32>(a: &Limbs<V>) -> Limbs<V> {
    let mut out = *a;
    each!(K in [0 1 2 3 4 5 6 7 8] { out[K] = a[K].shl::<N>(); });
    out
}

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
    fn new<const L: usize>() -> Self
    where
        V: Vector<L>,
    {
        Self { mask: V::splat((1 << RADIX) - 1), above: V::splat(0) }
    }

    /// Clears column k.
    #[inline(always)]
    fn clear<const L: usize>(&mut self, c: &mut [V; 2 * LIMBS], k: usize)
    where
        V: Vector<L>,
    {
        let m = c[k].and(self.mask);
        c[k + 1] = c[k + 1].add(c[k].shift());
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
fn start<V: Vector<L>, const L: usize>() -> [V; 2 * LIMBS] {
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
fn carry<V: Vector<L>, const L: usize>(mut c: [V; 2 * LIMBS]) -> Limbs<V> {
    let mask = V::splat((1 << RADIX) - 1);
    each!(K in [9 10 11 12 13 14 15 16] {
        c[K + 1] = c[K + 1].add(c[K].shift());
        c[K] = c[K].and(mask);
    });
    let mut out = [c[9]; LIMBS];
    each!(K in [1 2 3 4 5 6 7 8] { out[K] = c[9 + K]; });
    out
}

/// Subtracts q p with q = floor(a / 2^256) as the top limb shows it.
#[inline(always)]
fn fold<V: Vector<L>, const L: usize>(mut a: Limbs<V>) -> Limbs<V> {
    let q = a[8].shift_top();
    a[8] = a[8].sub(q.shl::<24>());
    a[7] = a[7].add(q.shl::<21>());
    a[3] = a[3].add(q.shl::<9>());
    a[2] = a[2].sub(q.shl::<6>());
    a[0] = a[0].add(q);
    a
}

/// `a`, whose limbs have at most 62 bits, tidy again.
#[inline(always)]
pub(super) fn tidy<V: Vector<L>, const L: usize>(a: &Limbs<V>) -> Limbs<V> {
    let mut c = start::<V, L>();
    // No carry reaches column 9.
    c[9] = if V::LOGICAL { V::splat(FIRST) } else { c[9] };
    each!(K in [0 1 2 3 4 5 6 7 8] { c[9 + K] = c[9 + K].add(a[K]); });
    fold(carry(c))
}

/// A factor in memory: an element, or a difference of two.
#[derive(Clone, Copy)]
pub(super) enum Factor<'a, const L: usize> {
    Element(&'a Element<L>),
    Difference(&'a Element<L>, &'a Element<L>),
}

impl<const L: usize> Factor<'_, L> {
    #[inline(always)]
    fn limb<V: Vector<L>>(self, k: usize) -> V {
        match self {
            Self::Element(a) => V::load(&a.0[k]),
            Self::Difference(a, b) => V::load(&a.0[k]).sub(V::load(&b.0[k])),
        }
    }
}

/// a b / 2^261 - minus, tidy.
///
/// The limbs of `b` are read anew for each row: as operands in memory they cost nothing, and sixteen registers hold no
/// more than a row of columns.
#[inline(always)]
pub(super) fn mul_sub<V: Vector<L>, const L: usize>(
    a: Factor<'_, L>,
    b: &Element<L>,
    minus: Option<Limbs<V>>,
) -> Limbs<V> {
    let mut c = start::<V, L>();
    let mut reduction = Reduction::new::<L>();
    each!(I in [0 1 2 3 4 5 6 7 8] {
        let factor: V = a.limb(I);
        let b = opaque_ref(b);
        each!(J in [0 1 2 3 4 5 6 7 8] { c[I + J] = c[I + J].add(factor.mul32(V::load(&b.0[J]))); });
        reduction.clear::<L>(&mut c, I);
    });
    finish(c, minus)
}

/// a^2 / 2^261 - minus, tidy.
#[inline(always)]
pub(super) fn sqr_sub<V: Vector<L>, const L: usize>(a: &Element<L>, minus: Option<Limbs<V>>) -> Limbs<V> {
    let mut c = start::<V, L>();
    let mut reduction = Reduction::new::<L>();
    each!(I in [0 1 2 3 4 5 6 7 8] {
        let a = opaque_ref(a);
        let factor = V::load(&a.0[I]);
        c[2 * I] = c[2 * I].add(factor.mul32(factor));
        let twice = factor.add(factor);
        each!(J in [1 2 3 4 5 6 7 8] {
            if J > I { c[I + J] = c[I + J].add(twice.mul32(V::load(&a.0[J]))); }
        });
        // Rows above I begin in column 2 I + 2.
        each!(K in [0 1] { if 2 * I + K < LIMBS { reduction.clear::<L>(&mut c, 2 * I + K); } });
    });
    finish(c, minus)
}

/// A product without `minus` is tidy as it is; with it, its value is folded.
#[inline(always)]
fn finish<V: Vector<L>, const L: usize>(mut c: [V; 2 * LIMBS], minus: Option<Limbs<V>>) -> Limbs<V> {
    let Some(minus) = minus else { return carry(c) };
    each!(K in [0 1 2 3 4 5 6 7 8] { c[9 + K] = c[9 + K].sub(minus[K]); });
    fold(carry(c))
}

/// v * 2^256, below p, times 2^5, tidy: nine limbs of 29 bits are 261 bits.
#[inline(always)]
pub(super) fn spread<V: Vector<L>, const L: usize>([w0, w1, w2, w3]: [V; 4]) -> Limbs<V> {
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

/// -a where `mask` is all ones, a where it is zero; tidy up to the sign.
#[inline(always)]
pub(super) fn negate<V: Vector<L>, const L: usize>(a: &Limbs<V>, mask: V) -> Limbs<V> {
    let mut out = *a;
    each!(K in [0 1 2 3 4 5 6 7 8] { out[K] = a[K].xor(mask).sub(mask); });
    out
}
