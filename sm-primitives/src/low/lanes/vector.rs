//! What a vector must do, and what the arithmetic of elements in any form has in common.

use super::{Affine, Columns, Element};

/// A register of signed 64-bit integers.
///
/// All functions work lane by lane, wrap around, and are to be inlined into a function that has the instructions.
pub(crate) trait Register: Copy {
    /// Whether [`sar`](Self::sar) is a logical shift, so that what it shifts must not be negative.
    const LOGICAL: bool;

    fn splat(v: i64) -> Self;
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn and(self, b: Self) -> Self;
    fn or(self, b: Self) -> Self;
    fn xor(self, b: Self) -> Self;
    fn shl<const N: i32>(self) -> Self;
    /// Logical, unlike `>>`.
    fn shr<const N: i32>(self) -> Self;
    /// `>>`, of the kind that [`LOGICAL`](Self::LOGICAL) says.
    fn sar<const N: i32>(self) -> Self;
}

/// A register that multiplies 52 bits. Its shifts are arithmetic.
pub(crate) trait Multiplier: Register {
    /// `self` + the low 52 bits of a b, whose factors are the low 52 bits of `a` and of `b`.
    fn add_low(self, a: Self, b: Self) -> Self;
    /// `self` + the bits of a b from bit 52 on, likewise.
    fn add_high(self, a: Self, b: Self) -> Self;
}

/// A register of `L` lanes, with all that the kernels need.
pub(crate) trait Vector<const L: usize>: Register {
    fn load(from: &[i64; L]) -> Self;
    fn store(self, to: &mut [i64; L]);
    /// All ones where the lanes are equal, else zeros.
    fn equal(self, b: Self) -> Self;
    /// The product of the low 32 bits, as signed integers.
    fn mul32(self, b: Self) -> Self;
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
    /// Groups of four bytes of `self` and `b` in turn, likewise.
    fn interleave_words(self, b: Self) -> [Self; 2];
}

/// A vector for elements of five limbs.
pub(crate) trait Shuffle<const L: usize>: Vector<L> + Multiplier {
    /// The bytes of `table` that the low seven bits of each byte of `self` name.
    fn look_up_all(self, table: &[[u8; 16]; 8]) -> Self;
}

/// Arithmetic of elements of `N` limbs in registers.
pub(crate) trait Field<const L: usize, const N: usize>: Vector<L> {
    /// `a` as a factor, given sums and doubles of two tidy elements.
    fn factor(a: [Self; N]) -> [Self; N];
    /// `a` tidy again, given sums and small multiples of tidy elements.
    fn tidy(a: [Self; N]) -> [Self; N];
    /// a b / R - minus, tidy.
    fn multiply(a: Factor<'_, L, N>, b: &Element<L, N>, minus: Option<[Self; N]>) -> [Self; N];
    /// a^2 / R - minus, tidy.
    fn square(a: &Element<L, N>, minus: Option<[Self; N]>) -> [Self; N];
    /// v * 2^256, below p, times R / 2^256, tidy.
    fn spread(words: [Self; 4]) -> [Self; N];
    /// -a where `mask` is all ones, a where it is zero.
    fn negate(a: [Self; N], mask: Self) -> [Self; N];
    /// See [`Lanes::look_up`](super::Lanes::look_up).
    fn look_up_points(row: &Columns, index: Self, negative: Self, out: &mut [Affine<L, N>; 8]);
}

/// Runs the block once for each literal, which `$i` is as a constant: loops that must be unrolled, since compilers keep
/// indices of long loops in memory. And no closures: they do not inherit the instructions of the function around them.
macro_rules! each {
    ($i:ident in [$($n:literal)*] $body:block) => {
        $({ const $i: usize = $n; $body })*
    };
}

pub(super) use each;

/// Runs the block for each limb below `$n`.
macro_rules! each_limb {
    ($i:ident < $n:ident $body:block) => {
        each!($i in [0 1 2 3 4 5 6 7 8] { if $i < $n { $body } })
    };
}

#[inline(always)]
pub(super) fn load<V: Vector<L>, const L: usize, const N: usize>(a: &Element<L, N>) -> [V; N] {
    let mut out = [V::splat(0); N];
    each_limb!(K < N { out[K] = V::load(&a.0[K]); });
    out
}

#[inline(always)]
pub(super) fn store<V: Vector<L>, const L: usize, const N: usize>(to: &mut Element<L, N>, a: [V; N]) {
    each_limb!(K < N { a[K].store(&mut to.0[K]); });
}

/// to = from. As a copy of arrays it would be a call.
#[inline(always)]
pub(super) fn copy<V: Vector<L>, const L: usize, const N: usize>(
    to: &mut Element<L, N>,
    from: &Element<L, N>,
) {
    store(to, load::<V, L, N>(from));
}

/// a + b, limb by limb.
#[inline(always)]
pub(super) fn add<V: Register, const N: usize>(a: [V; N], b: [V; N]) -> [V; N] {
    let mut out = a;
    each_limb!(K < N { out[K] = a[K].add(b[K]); });
    out
}

/// a - b, limb by limb.
#[inline(always)]
pub(super) fn sub<V: Register, const N: usize>(a: [V; N], b: [V; N]) -> [V; N] {
    let mut out = a;
    each_limb!(K < N { out[K] = a[K].sub(b[K]); });
    out
}

/// 2^S a, limb by limb.
#[inline(always)]
pub(super) fn shl<V: Register, const N: usize, const S: i32>(a: [V; N]) -> [V; N] {
    let mut out = a;
    each_limb!(K < N { out[K] = a[K].shl::<S>(); });
    out
}

/// A factor in memory: an element, or a difference of two.
#[derive(Clone, Copy)]
pub(crate) enum Factor<'a, const L: usize, const N: usize> {
    Element(&'a Element<L, N>),
    Difference(&'a Element<L, N>, &'a Element<L, N>),
}

impl<const L: usize, const N: usize> Factor<'_, L, N> {
    /// Limb `k`.
    #[inline(always)]
    pub(super) fn limb<V: Vector<L>>(self, k: usize) -> V {
        match self {
            Self::Element(a) => V::load(&a.0[k]),
            Self::Difference(a, b) => V::load(&a.0[k]).sub(V::load(&b.0[k])),
        }
    }
}
