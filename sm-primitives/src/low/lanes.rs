//! Many field elements side by side: the arithmetic of the batch engine.
//!
//! An [`Element`] is an integer mod p in `N` limbs, each of which holds `L` of them, one in each lane of a vector. There
//! are two forms, by what processors multiply:
//!
//! | `N` | radix | limbs | Montgomery's R | product of limbs |
//! |---|---|---|---|---|
//! | 9 | 2^29 | signed | 2^261 | 32 by 32 bits |
//! | 5 | 2^52 | not negative | 2^260 | low and high half of 52 by 52 bits |
//!
//! What limbs and values may be is written down in `nine` and in `five`. An element is *tidy* as every kernel gives it
//! and takes it; it may be taken *negated*, as [`Lanes::negate`] leaves it. The vector of the tests panics where a column
//! of a product overflows, or a limb does not fit its factor.
//!
//! | module | what |
//! |---|---|
//! | `vector` | what a processor's vector must do, and what all forms have in common |
//! | `nine`, `five` | the arithmetic of the two forms |
//! | `radix52` | that of five limbs in registers |
//! | `buffer` | memory for them, wiped on drop |
//! | `formulas` | the kernels, written once for all vectors and forms |
//! | `plain` | a vector made of ordinary integers: the specification |
//!
//! Vectors of processors are in `x86_64::lanes`. A set of kernels is reached through a token of the processor that
//! implements [`Lanes`].

mod buffer;
mod five;
pub(crate) mod formulas;
mod nine;
#[cfg(test)]
pub(crate) mod plain;
pub(in crate::low) mod radix52;
#[cfg(test)]
mod tests;
pub(crate) mod vector;

use zeroize::DefaultIsZeroes;

pub(crate) use buffer::Buffer;

use super::portable64::{self as limbs, Limbs};

/// Bits of a limb where there are `n`: 29 of 9, 52 of 5.
const fn radix(n: usize) -> u32 {
    if n == 5 { 52 } else { 29 }
}

/// `L` integers mod p, in `N` limbs.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Element<const L: usize, const N: usize>(pub(crate) [[i64; L]; N]);

impl<const L: usize, const N: usize> Default for Element<L, N> {
    fn default() -> Self {
        Self([[0; L]; N])
    }
}

/// Wipes as zeros.
impl<const L: usize, const N: usize> DefaultIsZeroes for Element<L, N> {}

impl<const L: usize, const N: usize> Element<L, N> {
    /// Puts v into `lane`, given as v * 2^256 mod p. Constant time.
    pub(crate) fn set(&mut self, lane: usize, v: &Limbs) {
        for (limb, value) in self.0.iter_mut().zip(to_lane::<N>(v)) {
            limb[lane] = value;
        }
    }

    /// What is in `lane`, below p: v R mod p, or v * 2^256 mod p after a product with [`to_words`]. Constant time.
    pub(crate) fn get(&self, lane: usize) -> Limbs {
        let radix = radix(N) as usize;
        // A tidy value plus 2 p is not negative and below 2^259: the limbs hold it.
        let mut words = [0_u64; 5];
        let mut carry = 0_i64;
        for (k, (limb, p)) in self.0.iter().zip(split::<N>(&limbs::P)).enumerate() {
            // No overflow; its check in debug builds would be a branch on secrets.
            carry = carry.wrapping_add(limb[lane]).wrapping_add(2 * p);
            let (at, shift) = (k * radix / 64, k * radix % 64);
            let digit = carry.cast_unsigned() & ((1 << radix) - 1);
            words[at] |= digit << shift;
            if shift + radix > 64 {
                words[at + 1] |= digit >> (64 - shift);
            }
            carry >>= radix;
        }
        // 2^256 = 2^224 + 2^96 - 2^64 + 1 mod p, and there are less than 8 of it.
        let [low @ .., top] = words;
        let top = [top, top.wrapping_mul(0xffff_ffff), 0, top << 32];
        limbs::add_mod(&limbs::reduce_once(&low, &limbs::P), &top, &limbs::P)
    }
}

/// The factor that takes what [`Element::set`] put in back to the form it was given in: 2^256.
pub(crate) const fn to_words<const N: usize>() -> [i64; N] {
    let mut out = [0; N];
    out[N - 1] = 1 << (256 - radix(N) as usize * (N - 1));
    out
}

/// v R mod p in limbs, all of them below the radix, given v * 2^256 mod p. Constant time.
pub(crate) fn to_lane<const N: usize>(v: &Limbs) -> [i64; N] {
    let surplus = radix(N) as usize * N - 256;
    split(&(0..surplus).fold(*v, |v, _| limbs::add_mod(&v, &v, &limbs::P)))
}

/// 256 bits in limbs.
const fn split<const N: usize>(words: &Limbs) -> [i64; N] {
    let radix = radix(N) as usize;
    let mut out = [0; N];
    let mut k = 0;
    while k < N {
        let (at, shift) = (k * radix / 64, k * radix % 64);
        let high = if at < 3 && shift > 0 { words[at + 1] << (64 - shift) } else { 0 };
        out[k] = ((words[at] >> shift | high) & ((1 << radix) - 1)).cast_signed();
        k += 1;
    }
    out
}

/// `L` points (x, y).
#[derive(Clone, Copy, Default)]
pub(crate) struct Affine<const L: usize, const N: usize> {
    pub(crate) x: Element<L, N>,
    pub(crate) y: Element<L, N>,
}

/// Wipes as zeros.
impl<const L: usize, const N: usize> DefaultIsZeroes for Affine<L, N> {}

/// `L` points (X/Z^2, Y/Z^3).
#[derive(Clone, Copy, Default)]
pub(crate) struct Jacobian<const L: usize, const N: usize> {
    pub(crate) x: Element<L, N>,
    pub(crate) y: Element<L, N>,
    pub(crate) z: Element<L, N>,
}

/// Wipes as zeros.
impl<const L: usize, const N: usize> DefaultIsZeroes for Jacobian<L, N> {}

/// Room for what [`Lanes::double`] and [`Lanes::add_affine`] compute in between, kept by the caller: clearing it for every
/// call would take longer than a multiplication.
#[derive(Clone, Copy, Default)]
pub(crate) struct Work<const L: usize, const N: usize>(pub(crate) [[Element<L, N>; 2]; 9]);

/// Wipes as zeros.
impl<const L: usize, const N: usize> DefaultIsZeroes for Work<L, N> {}

/// The kernels on vectors of `L` lanes, as a processor offers them. All run in constant time.
pub(crate) trait Lanes<const L: usize, const N: usize>: Copy {
    /// a b
    fn mul(self, out: &mut Element<L, N>, a: &Element<L, N>, b: &Element<L, N>);

    /// The first half of many additions p + q: of each block of 2 `step` points, the first `width`, an even number, are
    /// p, and the first `width` of its second half are their q. `products` has a place more than there are pairs of
    /// additions; each becomes the one before times q.x - p.x, separately for even and for odd points.
    ///
    /// A product is 0 from there on in a lane in which a p and its q have the same x.
    fn open_sums(
        self,
        points: &[Affine<L, N>],
        width: usize,
        step: usize,
        products: &mut [[Element<L, N>; 2]],
    );

    /// The second half: replaces every p by p + q, given the inverses of the last products, which are used up.
    fn close_sums(
        self,
        points: &mut [Affine<L, N>],
        width: usize,
        step: usize,
        products: &[[Element<L, N>; 2]],
        inverses: &mut [Element<L, N>; 2],
    );

    /// 2 p
    fn double(self, p: &mut [Jacobian<L, N>; 2], work: &mut Work<L, N>);

    /// p + q, where q is none of p, -p; else z becomes 0, and stays so.
    fn add_affine(self, p: &mut [Jacobian<L, N>; 2], q: &[Affine<L, N>; 2], work: &mut Work<L, N>);

    /// (x / z^2, y / z^3), given 1 / z.
    fn scale(self, p: &Jacobian<L, N>, inverse: &Element<L, N>) -> Affine<L, N>;

    /// Makes `a` negated where `negative` is all ones.
    fn negate(self, a: &mut Element<L, N>, negative: &[i64; L]);

    /// Points given by the words of x and of y (v * 2^256 mod p, below p), negated where `negative` is all ones.
    fn spread(self, words: &[[i64; L]; 8], negative: &[i64; L]) -> Affine<L, N>;

    /// Writes to `out` the entry of vector `v` of `table` that each lane's index names, negated where `negative` is all
    /// ones. Reads all entries.
    fn select(
        self,
        table: &[[Affine<L, N>; 2]],
        v: usize,
        index: &[i64; L],
        negative: &[i64; L],
        out: &mut Affine<L, N>,
    );

    /// The entries of `row` for eight vectors of points. Reads all entries.
    ///
    /// `index[place(v, l)]` names the entry for lane l of vector v, which is negated if that byte of `negative` is 0xff.
    fn look_up(
        self,
        row: &Columns,
        index: &[[u8; 8]; L],
        negative: &[[u8; 8]; L],
        out: &mut [Affine<L, N>; 8],
    );
}

/// Bytes of a coordinate in [`Columns`], at most.
pub(crate) const COORDINATE: usize = 36;

/// Bytes of a limb in [`Columns`], where there are `n` limbs.
pub(crate) const fn limb_bytes(n: usize) -> usize {
    radix(n).div_ceil(8) as usize
}

/// 128 points, byte by byte: the first bytes of all, then the second ones and so on, of x, then of y from [`COORDINATE`]
/// on; each byte column in eight blocks of 16, which is what a byte shuffle looks up in. Limbs are below the radix,
/// little-endian, of [`limb_bytes`].
///
/// So one shuffle does a sixteenth of a lookup, or all of it, of one byte for all bytes of a register, at places that
/// depend on nothing.
#[derive(Clone)]
pub(crate) struct Columns(pub(crate) [[[u8; 16]; 8]; 2 * COORDINATE]);

/// Where the byte for lane `lane` of vector `v` (0 to 7) stands among the 8 `L` bytes of a lookup: in the order in which
/// interleaving columns of bytes brings limbs into lanes.
pub(crate) const fn place(v: usize, lane: usize) -> usize {
    16 * (lane / 2) + 2 * v + lane % 2
}
