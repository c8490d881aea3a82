//! Many field elements side by side: the arithmetic of the batch engine.
//!
//! An integer mod p is nine signed limbs in radix 2^29 with Montgomery's R = 2^261, and an [`Element`] holds `L` of them,
//! one in each lane of a vector. Limbs are signed, so a difference needs no carries and no multiple of p; carries are
//! taken once, at the end of a multiplication.
//!
//! # Bounds
//! A *tidy* element has limbs 0 to 7 in [-2^25, 2^29 + 2^25] and a value in [-2^254, 2^256 + 2^254]. Every kernel takes
//! tidy elements, or negated ones, and gives tidy ones. Inside a kernel a product needs columns, sums of nine products
//! of limbs, below 2^63 - 2^55: a sum of two tidy elements may be multiplied by a difference, not by another sum. Values
//! take care of themselves: |a b / R| < p / 4 for any such factors, Montgomery's reduction adds at most p, and where
//! something is subtracted, `fold` takes off the multiple of p that the top limb shows. The vector of the tests panics
//! where a column overflows.
//!
//! | module | what |
//! |---|---|
//! | `vector` | what a processor's vector must do, and multiplication written with it |
//! | `buffer` | memory for them, wiped on drop |
//! | `formulas` | the kernels, written once for all vectors |
//! | `plain` | a vector made of ordinary integers: the specification |
//!
//! Vectors of processors are in `x86_64::lanes`. A set of kernels is reached through a token of the processor that
//! implements [`Lanes`].

mod buffer;
pub(crate) mod formulas;
#[cfg(test)]
pub(crate) mod plain;
#[cfg(test)]
mod tests;
pub(crate) mod vector;

use zeroize::DefaultIsZeroes;

pub(crate) use buffer::Buffer;

use super::portable64::{self as limbs, Limbs};

/// Limbs of an integer.
pub(crate) const LIMBS: usize = 9;
/// Bits of a limb.
pub(crate) const RADIX: u32 = 29;
const MASK: u64 = (1 << RADIX) - 1;

/// `L` integers mod p, limb by limb.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Element<const L: usize>(pub(crate) [[i64; L]; LIMBS]);

impl<const L: usize> Default for Element<L> {
    fn default() -> Self {
        Self([[0; L]; LIMBS])
    }
}

/// Wipes as zeros.
impl<const L: usize> DefaultIsZeroes for Element<L> {}

impl<const L: usize> Element<L> {
    /// Puts v into `lane`, given as v * 2^256 mod p. Constant time.
    pub(crate) fn set(&mut self, lane: usize, v: &Limbs) {
        for (limb, value) in self.0.iter_mut().zip(to_lane(v)) {
            limb[lane] = value;
        }
    }

    /// What is in `lane`, below p: v * 2^261 mod p, or v * 2^256 mod p after a product with [`TO_WORDS`]. Constant time.
    pub(crate) fn get(&self, lane: usize) -> Limbs {
        // A tidy value plus 2 p is not negative and below 2^259: nine limbs hold it.
        let mut words = [0_u64; 5];
        let mut carry = 0_i64;
        for (k, (limb, p)) in self.0.iter().zip(P).enumerate() {
            // No overflow; its check in debug builds would be a branch on secrets.
            carry = carry.wrapping_add(limb[lane]).wrapping_add(2 * p);
            let (at, shift) = (k * RADIX as usize / 64, k * RADIX as usize % 64);
            let digit = carry.cast_unsigned() & MASK;
            words[at] |= digit << shift;
            if shift + RADIX as usize > 64 {
                words[at + 1] |= digit >> (64 - shift);
            }
            carry >>= RADIX;
        }
        // 2^256 = 2^224 + 2^96 - 2^64 + 1 mod p, and there are less than 8 of it.
        let [low @ .., top] = words;
        let top = [top, top.wrapping_mul(0xffff_ffff), 0, top << 32];
        limbs::add_mod(&limbs::reduce_once(&low, &limbs::P), &top, &limbs::P)
    }
}

/// The factor that takes what [`Element::set`] put in back to the form it was given in: 2^256.
pub(crate) const TO_WORDS: [i64; LIMBS] = [0, 0, 0, 0, 0, 0, 0, 0, 1 << 24];

/// p in limbs.
const P: [i64; LIMBS] = split(&limbs::P);

/// v * 2^261 mod p in limbs, all of them in [0, 2^29), given v * 2^256 mod p. Constant time.
pub(crate) fn to_lane(v: &Limbs) -> [i64; LIMBS] {
    split(&(0..5).fold(*v, |v, _| limbs::add_mod(&v, &v, &limbs::P)))
}

/// 256 bits in limbs.
const fn split(words: &Limbs) -> [i64; LIMBS] {
    let mut out = [0; LIMBS];
    let mut k = 0;
    while k < LIMBS {
        let (at, shift) = (k * RADIX as usize / 64, k * RADIX as usize % 64);
        let high = if at < 3 && shift > 0 { words[at + 1] << (64 - shift) } else { 0 };
        out[k] = ((words[at] >> shift | high) & MASK).cast_signed();
        k += 1;
    }
    out
}

/// `L` points (x, y).
#[derive(Clone, Copy, Default)]
pub(crate) struct Affine<const L: usize> {
    pub(crate) x: Element<L>,
    pub(crate) y: Element<L>,
}

/// Wipes as zeros.
impl<const L: usize> DefaultIsZeroes for Affine<L> {}

/// `L` points (X/Z^2, Y/Z^3).
#[derive(Clone, Copy, Default)]
pub(crate) struct Jacobian<const L: usize> {
    pub(crate) x: Element<L>,
    pub(crate) y: Element<L>,
    pub(crate) z: Element<L>,
}

/// Wipes as zeros.
impl<const L: usize> DefaultIsZeroes for Jacobian<L> {}

/// Room for what [`Lanes::double`] and [`Lanes::add_affine`] compute in between, kept by the caller: clearing it for every
/// call would take longer than a multiplication.
#[derive(Clone, Copy, Default)]
pub(crate) struct Work<const L: usize>(pub(crate) [[Element<L>; 2]; 9]);

/// Wipes as zeros.
impl<const L: usize> DefaultIsZeroes for Work<L> {}

/// The kernels on vectors of `L` lanes, as a processor offers them. All run in constant time.
pub(crate) trait Lanes<const L: usize>: Copy {
    /// a b
    fn mul(self, out: &mut Element<L>, a: &Element<L>, b: &Element<L>);

    /// The first half of many additions p + q: of each block of 2 `step` points, the first `width`, an even number, are
    /// p, and the first `width` of its second half are their q. `products` has a place more than there are pairs of
    /// additions; each becomes the one before times q.x - p.x, separately for even and for odd points.
    ///
    /// A product is 0 from there on in a lane in which a p and its q have the same x.
    fn open_sums(self, points: &[Affine<L>], width: usize, step: usize, products: &mut [[Element<L>; 2]]);

    /// The second half: replaces every p by p + q, given the inverses of the last products, which are used up.
    fn close_sums(
        self,
        points: &mut [Affine<L>],
        width: usize,
        step: usize,
        products: &[[Element<L>; 2]],
        inverses: &mut [Element<L>; 2],
    );

    /// 2 p
    fn double(self, p: &mut [Jacobian<L>; 2], work: &mut Work<L>);

    /// p + q, where q is none of p, -p; else z becomes 0, and stays so.
    fn add_affine(self, p: &mut [Jacobian<L>; 2], q: &[Affine<L>; 2], work: &mut Work<L>);

    /// (x / z^2, y / z^3), given 1 / z.
    fn scale(self, p: &Jacobian<L>, inverse: &Element<L>) -> Affine<L>;

    /// Points given by the words of x and of y (v * 2^256 mod p, below p), negated where `negative` is all ones.
    fn spread(self, words: &[[i64; L]; 8], negative: &[i64; L]) -> Affine<L>;

    /// Writes to `out` the entry of vector `v` of `table` that each lane's index names, negated where `negative` is all
    /// ones. Reads all entries.
    fn select(
        self,
        table: &[[Affine<L>; 2]],
        v: usize,
        index: &[i64; L],
        negative: &[i64; L],
        out: &mut Affine<L>,
    );

    /// The entries of `row` for eight vectors of points. Reads all entries.
    ///
    /// `index[place(v, l)]` names the entry for lane l of vector v, which is negated if that byte of `negative` is 0xff.
    fn look_up(self, row: &Columns, index: &[[u8; 8]; L], negative: &[[u8; 8]; L], out: &mut [Affine<L>; 8]);
}

/// Bytes of a coordinate in [`Columns`]: four for each limb.
pub(crate) const LIMB_BYTES: usize = 4 * LIMBS;

/// 128 points, byte by byte: the first bytes of all, then the second ones and so on, of x, then of y; each byte column in
/// eight blocks of 16, which is what a byte shuffle looks up in. Limbs are in [0, 2^29), little-endian.
///
/// So one shuffle does a sixteenth of a lookup of one byte for all bytes of a register, at places that depend on nothing.
#[derive(Clone)]
pub(crate) struct Columns(pub(crate) [[[u8; 16]; 8]; 2 * LIMB_BYTES]);

/// Where the byte for lane `lane` of vector `v` (0 to 7) stands among the 8 `L` bytes of a lookup: in the order in which
/// interleaving four columns of bytes brings limbs into lanes.
pub(crate) const fn place(v: usize, lane: usize) -> usize {
    16 * (lane / 2) + 4 * (v / 2) + 2 * (lane % 2) + v % 2
}
