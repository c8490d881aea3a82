//! GHASH (NIST SP 800-38D, section 6.4) by carry-less multiplication: the products of 8 or 16 blocks with the first
//! powers of H are added up before they are reduced.
//!
//! A block read as a big-endian number is its polynomial with the coefficients reversed. The product of two reversed
//! polynomials is the reversed product, one bit too low, and reducing it from below costs a factor x^-128: so the
//! powers are kept as H^n x (Gueron and Kounavis, *Intel Carry-Less Multiplication Instruction and its Usage for
//! Computing the GCM Mode*, 2014).

use core::arch::x86_64::*;

use zeroize::Zeroizing;

use super::cpu::{Aes, Avx512, Vaes};

mod wide;

type Block = [u8; 16];

/// Blocks between two reductions, with less than four products at a time.
const RUN: usize = 8;

/// Blocks between two reductions at most.
const LONGEST: usize = 16;

/// x^63 + x^62 + x^57, reversed and one bit too low as products are: what x^-64 is worth.
const REDUCTION: i64 = 0xc2_u64.cast_signed() << 56;

/// Powers of H with the sums of their halves.
pub(crate) struct Powers {
    /// The 16th to the first; those above the 8th only where they are used.
    powers: Zeroizing<[u128; LONGEST]>,
    /// The sums of the two halves of the last 8, in the low half.
    sums: Zeroizing<[u128; RUN]>,
}

/// The best kernels that the processor can run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    /// One product at a time.
    Aes(Aes),
    /// Two products at a time.
    Vaes(Vaes),
    /// Four products at a time.
    Vaes512(Avx512, Vaes),
}

#[expect(unsafe_code, reason = "calls of functions that need instructions, of which the tokens are proof")]
impl Engine {
    /// `None` if the processor has no carry-less multiplication.
    pub(crate) fn get() -> Option<Self> {
        match (Avx512::get(), Vaes::get()) {
            (Some(avx512), Some(vaes)) => Some(Self::Vaes512(avx512, vaes)),
            (None, Some(vaes)) => Some(Self::Vaes(vaes)),
            (_, None) => Aes::get().map(Self::Aes),
        }
    }

    /// All kernels that the processor can run.
    #[cfg(test)]
    pub(crate) fn all() -> alloc::vec::Vec<Self> {
        let (avx512, vaes) = (Avx512::get(), Vaes::get());
        let engines = [
            Aes::get().map(Self::Aes),
            vaes.map(Self::Vaes),
            avx512.zip(vaes).map(|(avx512, vaes)| Self::Vaes512(avx512, vaes)),
        ];
        engines.into_iter().flatten().collect()
    }

    /// Prepares H.
    pub(crate) fn prepare(self, h: &Block) -> Powers {
        match self {
            // SAFETY: both tokens are proof of PCLMULQDQ, SSSE3 and AVX2.
            Self::Aes(_) | Self::Vaes(_) => unsafe { prepare(h) },
            // SAFETY: the tokens are proof of VPCLMULQDQ and AVX-512 beside them.
            Self::Vaes512(..) => unsafe { wide::prepare(h) },
        }
    }

    /// Section 6.4, algorithm 2: `sum = (sum + block) H` for each block.
    pub(crate) fn absorb(self, powers: &Powers, sum: &mut u128, blocks: &[Block]) {
        match self {
            // SAFETY: the token is proof of PCLMULQDQ, SSSE3 and AVX2.
            Self::Aes(_) => unsafe { absorb(powers, sum, blocks) },
            // SAFETY: the token is proof of VPCLMULQDQ beside them.
            Self::Vaes(_) => unsafe { absorb_two(powers, sum, blocks) },
            // SAFETY: the tokens are proof of VPCLMULQDQ and AVX-512 beside them.
            Self::Vaes512(..) => unsafe { wide::absorb(powers, sum, blocks) },
        }
    }
}

#[inline]
#[target_feature(enable = "pclmulqdq,avx2")]
fn xor(a: __m128i, b: __m128i) -> __m128i {
    _mm_xor_si128(a, b)
}

#[inline]
#[target_feature(enable = "pclmulqdq,avx2")]
#[expect(unsafe_code, reason = "an unaligned load")]
fn load(number: &u128) -> __m128i {
    // SAFETY: the reference is to 16 bytes that can be read.
    unsafe { _mm_loadu_si128(core::ptr::from_ref(number).cast()) }
}

#[inline]
#[target_feature(enable = "pclmulqdq,avx2")]
#[expect(unsafe_code, reason = "an unaligned store")]
fn store(number: &mut u128, x: __m128i) {
    // SAFETY: the reference is to 16 bytes that can be written.
    unsafe { _mm_storeu_si128(core::ptr::from_mut(number).cast(), x) }
}

/// The block as a big-endian number.
#[inline]
#[target_feature(enable = "pclmulqdq,avx2")]
#[expect(unsafe_code, reason = "an unaligned load")]
fn load_block(block: &Block) -> __m128i {
    // SAFETY: the reference is to 16 bytes that can be read.
    let bytes = unsafe { _mm_loadu_si128(block.as_ptr().cast()) };
    _mm_shuffle_epi8(bytes, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
}

/// The halves of a number, added up, in the low half.
#[inline]
#[target_feature(enable = "pclmulqdq,avx2")]
fn halves(x: __m128i) -> __m128i {
    xor(x, _mm_shuffle_epi32::<0x4e>(x))
}

/// Sums of products of low halves, high halves and sums of halves (Karatsuba).
#[derive(Clone, Copy)]
struct Products {
    low: __m128i,
    high: __m128i,
    both: __m128i,
}

impl Products {
    #[inline]
    #[target_feature(enable = "pclmulqdq,avx2")]
    fn zero() -> Self {
        let zero = _mm_setzero_si128();
        Self { low: zero, high: zero, both: zero }
    }

    /// Adds the product of `x` and `power`.
    #[inline]
    #[target_feature(enable = "pclmulqdq,avx2")]
    fn add(&mut self, x: __m128i, power: __m128i, sum: __m128i) {
        self.low = xor(self.low, _mm_clmulepi64_si128::<0x00>(x, power));
        self.high = xor(self.high, _mm_clmulepi64_si128::<0x11>(x, power));
        self.both = xor(self.both, _mm_clmulepi64_si128::<0x00>(halves(x), sum));
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,avx2")]
    fn reduce(self) -> __m128i {
        let middle = xor(self.both, xor(self.low, self.high));
        let low = xor(self.low, _mm_slli_si128::<8>(middle));
        let high = xor(self.high, _mm_srli_si128::<8>(middle));
        // Twice the lowest 64 bits are moved up by 64 and more.
        let factor = _mm_set1_epi64x(REDUCTION);
        let low = xor(_mm_shuffle_epi32::<0x4e>(low), _mm_clmulepi64_si128::<0x00>(low, factor));
        let low = xor(_mm_shuffle_epi32::<0x4e>(low), _mm_clmulepi64_si128::<0x00>(low, factor));
        xor(high, low)
    }
}

/// The product of two numbers of which one is a power as in [`Powers`].
#[inline]
#[target_feature(enable = "pclmulqdq,avx2")]
fn multiply(x: __m128i, power: __m128i) -> __m128i {
    let mut products = Products::zero();
    products.add(x, power, halves(power));
    products.reduce()
}

/// The first four powers of H.
#[inline]
#[target_feature(enable = "pclmulqdq,avx2")]
fn first_powers(h: &Block) -> [__m128i; 4] {
    // H x: a shift by one bit, and the reduction of what leaves it.
    let h = u128::from_be_bytes(*h);
    let h = h << 1 ^ 0_u128.wrapping_sub(h >> 127) & (0xc2 << 120 | 1);
    let first = load(&h);
    let second = multiply(first, first);
    [first, second, multiply(second, first), multiply(second, second)]
}

#[target_feature(enable = "pclmulqdq,avx2")]
fn prepare(h: &Block) -> Powers {
    let [first, second, third, fourth] = first_powers(h);
    let [fifth, sixth, seventh, eighth] = [first, second, third, fourth].map(|x| multiply(x, fourth));
    let mut powers = Powers { powers: Zeroizing::new([0; LONGEST]), sums: Zeroizing::new([0; RUN]) };
    let all = [eighth, seventh, sixth, fifth, fourth, third, second, first];
    for ((power, sum), x) in powers.powers[RUN..].iter_mut().zip(powers.sums.iter_mut()).zip(all) {
        store(power, x);
        store(sum, halves(x));
    }
    powers
}

/// Absorbs at most 8 blocks.
#[inline]
#[target_feature(enable = "pclmulqdq,avx2")]
fn absorb_run(powers: &Powers, sum: __m128i, blocks: &[Block]) -> __m128i {
    let mut products = Products::zero();
    let mut add = sum;
    let (from, sums) = (LONGEST - blocks.len(), &powers.sums[RUN - blocks.len()..]);
    for ((block, power), sum) in blocks.iter().zip(&powers.powers[from..]).zip(sums) {
        products.add(xor(load_block(block), add), load(power), load(sum));
        add = _mm_setzero_si128();
    }
    products.reduce()
}

#[target_feature(enable = "pclmulqdq,avx2")]
fn absorb(powers: &Powers, sum: &mut u128, blocks: &[Block]) {
    let mut x = load(sum);
    let (runs, rest) = blocks.as_chunks::<RUN>();
    for run in runs {
        x = absorb_run(powers, x, run);
    }
    if !rest.is_empty() {
        x = absorb_run(powers, x, rest);
    }
    store(sum, x);
}

#[target_feature(enable = "pclmulqdq,vpclmulqdq,avx2")]
fn absorb_two(powers: &Powers, sum: &mut u128, blocks: &[Block]) {
    let swap =
        _mm256_broadcastsi128_si256(_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    let mut x = load(sum);
    let (runs, rest) = blocks.as_chunks::<RUN>();
    for run in runs {
        let zero = _mm256_setzero_si256();
        let (mut low, mut high, mut both) = (zero, zero, zero);
        let mut add = _mm256_zextsi128_si256(x);
        let powers = powers.powers[RUN..].as_chunks().0.iter().zip(powers.sums.as_chunks().0);
        for (two, (power, sum)) in run.as_chunks().0.iter().zip(powers) {
            let x = _mm256_xor_si256(_mm256_shuffle_epi8(load_two(two), swap), add);
            let power = load_two_numbers(power);
            let halves = _mm256_xor_si256(x, _mm256_shuffle_epi32::<0x4e>(x));
            low = _mm256_xor_si256(low, _mm256_clmulepi64_epi128::<0x00>(x, power));
            high = _mm256_xor_si256(high, _mm256_clmulepi64_epi128::<0x11>(x, power));
            both = _mm256_xor_si256(both, _mm256_clmulepi64_epi128::<0x00>(halves, load_two_numbers(sum)));
            add = zero;
        }
        x = Products { low: fold(low), high: fold(high), both: fold(both) }.reduce();
    }
    if !rest.is_empty() {
        x = absorb_run(powers, x, rest);
    }
    store(sum, x);
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "an unaligned load")]
fn load_two(blocks: &[Block; 2]) -> __m256i {
    // SAFETY: the reference is to 32 bytes that can be read.
    unsafe { _mm256_loadu_si256(blocks.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "an unaligned load")]
fn load_two_numbers(numbers: &[u128; 2]) -> __m256i {
    // SAFETY: the reference is to 32 bytes that can be read.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}

/// The sum of the two halves of a vector.
#[inline]
#[target_feature(enable = "avx2")]
fn fold(x: __m256i) -> __m128i {
    _mm_xor_si128(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x))
}
