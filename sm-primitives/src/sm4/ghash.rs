//! GHASH, the polynomial hash of GCM (NIST SP 800-38D, section 6.4), without tables.
//!
//! The portable path: polynomials are multiplied by ordinary multiplications of numbers with holes: with only every fourth bit
//! kept, a column of the product adds at most 15 ones in 4 bits and its lowest bit is their sum mod 2.

use zeroize::Zeroizing;

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
use super::no_engine::{GhashEngine as Engine, Powers};
#[cfg(all(target_arch = "x86_64", not(miri)))]
use crate::low::x86_64::ghash::{Engine, Powers};

const HOLES: u64 = 0x1111_1111_1111_1111;

/// A GHASH computation. Wiped on drop.
pub(super) struct Ghash<'k> {
    key: &'k HashKey,
    sum: Zeroizing<u128>,
}

impl<'k> Ghash<'k> {
    pub(super) fn new(key: &'k HashKey) -> Self {
        Self { key, sum: Zeroizing::new(0) }
    }

    /// Absorbs `data`, filled up with zeros to whole blocks. A string may be absorbed in pieces of whole blocks.
    pub(super) fn update(&mut self, data: &[u8]) {
        let (blocks, tail) = data.as_chunks();
        self.key.absorb(&mut self.sum, blocks);
        if !tail.is_empty() {
            let mut block = [0; 16];
            block[..tail.len()].copy_from_slice(tail);
            self.key.absorb(&mut self.sum, &[block]);
        }
    }

    /// Absorbs the two lengths, given in bytes, as 64-bit numbers of bits.
    pub(super) fn update_lengths(&mut self, first: usize, second: usize) {
        let block = (first as u128) << 67 | (second as u128) << 3;
        self.key.absorb(&mut self.sum, &[block.to_be_bytes()]);
    }

    /// The hash of what was absorbed.
    pub(super) fn finish(self) -> [u8; 16] {
        self.sum.to_be_bytes()
    }
}

/// The hash key H, prepared for the path chosen for it. Wiped on drop.
pub(super) enum HashKey {
    Portable(Multiplier),
    Kernels(Engine, Powers),
}

impl HashKey {
    /// Prepares H, the encrypted zero block.
    pub(super) fn new(h: &[u8; 16]) -> Self {
        Self::with_engine(Engine::get(), h)
    }

    fn with_engine(engine: Option<Engine>, h: &[u8; 16]) -> Self {
        match engine {
            Some(engine) => Self::Kernels(engine, engine.prepare(h)),
            None => Self::Portable(Multiplier::new(h)),
        }
    }

    /// Section 6.4, algorithm 2: Y = (Y + X_i) H for each block.
    pub(super) fn absorb(&self, sum: &mut u128, blocks: &[[u8; 16]]) {
        match self {
            Self::Kernels(engine, powers) => engine.absorb(powers, sum, blocks),
            Self::Portable(multiplier) => {
                for block in blocks {
                    *sum = multiplier.multiply(*sum ^ u128::from_be_bytes(*block));
                }
            }
        }
    }
}

/// H, prepared as a factor. Wiped on drop.
///
/// The first bit of a block (the highest of the `u128`) is the coefficient of x^0.
pub(super) struct Multiplier {
    low: Factor,
    high: Factor,
    both: Factor,
}

impl Multiplier {
    fn new(h: &[u8; 16]) -> Self {
        let (high, low) = halves(u128::from_be_bytes(*h));
        Self { low: Factor::new(low), high: Factor::new(high), both: Factor::new(high ^ low) }
    }

    /// Section 6.3: the product modulo x^128 + x^7 + x^2 + x + 1.
    fn multiply(&self, x: u128) -> u128 {
        let (high, low) = halves(x);
        let a = self.high.multiply(high);
        let b = self.low.multiply(low);
        let middle = self.both.multiply(high ^ low) ^ a ^ b;
        // The product of two reversed polynomials of 128 coefficients is the reversed product, one bit too low.
        let first = (a ^ middle >> 64) << 1 | (b ^ middle << 64) >> 127;
        let second = (b ^ middle << 64) << 1;
        // x^(128 + i) = x^i + x^(i+1) + x^(i+2) + x^(i+7), first what this raises above x^127 again
        let second = second ^ second << 127 ^ second << 126 ^ second << 121;
        first ^ second ^ second >> 1 ^ second >> 2 ^ second >> 7
    }
}

/// The high and the low 64 bits.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is meant")]
fn halves(x: u128) -> (u64, u64) {
    ((x >> 64) as u64, x as u64)
}

/// A polynomial of 64 coefficients, prepared as a factor.
struct Factor {
    /// Every fourth coefficient of the lower 60, beginning at 0, 1, 2 and 3: at most 15 in each.
    slices: Zeroizing<[u64; 4]>,
    /// The coefficients 60 to 63, each as a mask.
    top: Zeroizing<[u64; 4]>,
}

impl Factor {
    fn new(y: u64) -> Self {
        Self {
            slices: Zeroizing::new([0, 1, 2, 3].map(|i| y & HOLES << i & u64::MAX >> 4)),
            top: Zeroizing::new([60, 61, 62, 63].map(|i| 0_u64.wrapping_sub(y >> i & 1))),
        }
    }

    /// The product with `x`, 127 coefficients.
    #[inline(always)]
    fn multiply(&self, x: u64) -> u128 {
        let [x0, x1, x2, x3] = [x & HOLES, x & HOLES << 1, x & HOLES << 2, x & HOLES << 3].map(u128::from);
        let [y0, y1, y2, y3] = self.slices.map(u128::from);
        let [t0, t1, t2, t3] = self.top.map(|mask| u128::from(x & mask));
        let holes = u128::from(HOLES) << 64 | u128::from(HOLES);
        let z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1);
        let z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2);
        let z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3);
        let z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0);
        (z0 & holes)
            ^ (z1 & holes << 1)
            ^ (z2 & holes << 2)
            ^ (z3 & holes << 3)
            ^ (t0 ^ t1 << 1 ^ t2 << 2 ^ t3 << 3) << 60
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    /// Section 6.3, algorithm 1, bit by bit.
    fn multiply(x: u128, y: u128) -> u128 {
        let (mut z, mut v) = (0, y);
        for i in (0..128).rev() {
            if x >> i & 1 == 1 {
                z ^= v;
            }
            v = v >> 1 ^ if v & 1 == 1 { 0xe1 << 120 } else { 0 };
        }
        z
    }

    /// Numbers that fill all columns of a multiplication, single bits, and random ones.
    fn values() -> Vec<u128> {
        let mut state = 0x0123_4567_89ab_cdef_u64;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            u128::from(state >> 32)
        };
        let mut values = vec![0, 1, 1 << 127, u128::MAX, u128::MAX >> 64, u128::MAX << 64, u128::MAX >> 1];
        values.extend((0..128).map(|i| 1 << i));
        values.extend((0..40).map(|_| next() << 96 | next() << 64 | next() << 32 | next()));
        values
    }

    #[test]
    fn product_is_the_one_of_the_definition() {
        for &h in &values() {
            let key = Multiplier::new(&h.to_be_bytes());
            for &x in &values() {
                assert_eq!(key.multiply(x), multiply(x, h), "{x:032x} {h:032x}");
            }
        }
    }

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[test]
    #[expect(clippy::print_stdout, reason = "says what ran")]
    fn kernels_agree() {
        extern crate std;
        let engines = Engine::all();
        std::println!("kernels: {engines:?}");
        let values = values();
        for engine in engines {
            for (i, h) in values.iter().enumerate() {
                let key = HashKey::with_engine(Some(engine), &h.to_be_bytes());
                for &x in &values {
                    // One block goes with H itself.
                    let mut sum = x;
                    key.absorb(&mut sum, &[[0; 16]]);
                    assert_eq!(sum, multiply(x, *h), "{engine:?} {x:032x} {h:032x}");
                }
                // Some number of blocks, begun at any value.
                let blocks: Vec<_> = values.iter().cycle().skip(i).take(i).map(|x| x.to_be_bytes()).collect();
                let portable = HashKey::with_engine(None, &h.to_be_bytes());
                for cut in [0, i / 2, i.saturating_sub(1)] {
                    let (mut sum, mut expected) = (values[i / 3], values[i / 3]);
                    for blocks in [&blocks[..cut], &blocks[cut..]] {
                        key.absorb(&mut sum, blocks);
                        portable.absorb(&mut expected, blocks);
                    }
                    assert_eq!(sum, expected, "{engine:?} {i} {cut}");
                }
            }
        }
    }
}
