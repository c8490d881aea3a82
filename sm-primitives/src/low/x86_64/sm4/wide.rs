//! Many blocks at once, transposed: a register holds the same word of 8 or of 16 blocks.
//!
//! A *set* is four registers, the four words of 8 or 16 blocks. Several sets go through a round side by side, as many
//! as it takes to hide how long the instructions of one take. AESENCLAST moves bytes from word to word, that is from
//! block to block; the shuffles that L needs in any case bring them back.

use core::arch::x86_64::{__m128i, _mm_loadu_si128};
use core::hint::black_box;

use super::tables::{FROM, Nibbles, TO, TPC, TQC, shuffle};
use super::{Aligned, Block, EACH, EachKeys, Keys, advance, padded};
use crate::low::scratch::Scratch;

/// Where the bytes r, r + 1 and r + 2 of a word are after AESENCLAST.
const BYTE_0: [u8; 16] = shuffle(0, true);
const BYTE_1: [u8; 16] = shuffle(1, true);
const BYTE_2: [u8; 16] = shuffle(2, true);
/// Byte r + 1 of a word.
const NEXT: [u8; 16] = shuffle(1, false);

/// Runs of `N` sets, each of four registers of `LANES` blocks.
type Runs<'b, const N: usize, const LANES: usize> = &'b mut [[[[Block; LANES]; 4]; N]];

/// Whole runs of `N` sets of `LANES` times four blocks, and the blocks left over.
fn as_runs<const N: usize, const LANES: usize>(blocks: &mut [Block]) -> (Runs<'_, N, LANES>, &mut [Block]) {
    let whole = blocks.len() - blocks.len() % (4 * N * LANES);
    let (runs, rest) = blocks.split_at_mut(whole);
    // All three divide without remainder.
    (runs.as_chunks_mut::<LANES>().0.as_chunks_mut::<4>().0.as_chunks_mut::<N>().0, rest)
}

/// The four words of a counter block.
fn words(counter: u128) -> [u32; 4] {
    let bytes = counter.to_be_bytes();
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

/// One load of 16 bytes.
#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "an unaligned load")]
fn load_128(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is to 16 bytes that can be read.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// The kernels for one width of vectors, `LANES` blocks in a register.
macro_rules! kernels {
    (
        $module:ident, $features:literal, $lanes:literal, $vector:ident, $register:ident,
        { $($intrinsic:ident = $name:ident),+ $(,)? },
        constant: |$bytes:ident| $constant:expr,
        counters: $counters:expr,
        sub_bytes: |$input:ident| $sub_bytes:expr
    ) => {
        pub(super) mod $module {
            use core::arch::x86_64::*;
            use core::array;

            use super::*;
            $(use core::arch::x86_64::$name as $intrinsic;)+

            /// Blocks in a register.
            const LANES: usize = $lanes;
            type V = $vector;
            /// The blocks of a set.
            type Set = [[Block; LANES]; 4];

            /// The same 16 bytes in each part of 128 bits.
            #[inline]
            #[target_feature(enable = $features)]
            fn constant($bytes: &'static [u8; 16]) -> V {
                $constant
            }

            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "an unaligned load")]
            fn load_blocks(blocks: &[Block; LANES]) -> V {
                // SAFETY: the reference is to as many bytes as the vector has, and they can be read.
                unsafe { loadu(blocks.as_ptr().cast()) }
            }

            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "an unaligned store")]
            fn store_blocks(blocks: &mut [Block; LANES], x: V) {
                // SAFETY: the reference is to as many bytes as the vector has, and they can be written.
                unsafe { storeu(blocks.as_mut_ptr().cast(), x) }
            }

            /// Words `4 LANES n` and following.
            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "an unaligned load")]
            fn load_words(words: &[u32; EACH], n: usize) -> V {
                let words = &words[4 * LANES * n..4 * LANES * (n + 1)];
                // SAFETY: the slice is as long as the vector, and it can be read.
                unsafe { loadu(words.as_ptr().cast()) }
            }

            /// `x`, of which the compiler knows nothing: it would shuffle two summands rather than their sum.
            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "an empty assembly line leaves the value in its register")]
            fn pin(mut x: V) -> V {
                // SAFETY: the template is a comment: no instruction, no memory, no flag, no stack; the register keeps
                // its value.
                unsafe {
                    core::arch::asm!(
                        "/* {0} */", inout($register) x, options(pure, nomem, nostack, preserves_flags)
                    );
                }
                x
            }

            /// The low and the high nibbles.
            #[inline]
            #[target_feature(enable = $features)]
            fn split(x: V) -> [V; 2] {
                let mask = set1_epi8(15);
                [and(x, mask), and(srli::<4>(x), mask)]
            }

            /// A linear map of each byte, given by its nibbles.
            #[inline]
            #[target_feature(enable = $features)]
            fn map(tables: &'static Nibbles, [low, high]: [V; 2]) -> V {
                xor(shuffle_bytes(constant(&tables[0]), low), shuffle_bytes(constant(&tables[1]), high))
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn sub_bytes($input: V) -> V {
                $sub_bytes
            }

            /// GB/T 32907-2016, clause 6.1: `x + T(input)`, in the basis of T.
            #[inline]
            #[target_feature(enable = $features)]
            fn round(x: V, input: V) -> V {
                let a = sub_bytes(input);
                let sum = xor(
                    xor(shuffle_bytes(a, constant(&BYTE_0)), shuffle_bytes(a, constant(&BYTE_1))),
                    shuffle_bytes(a, constant(&BYTE_2)),
                );
                let nibbles = split(sum);
                let next = shuffle_bytes(pin(map(&TQC, nibbles)), constant(&NEXT));
                xor(xor(x, map(&TPC, nibbles)), next)
            }

            /// The 32 rounds, with the round keys that `key` gives for a round and a set.
            #[inline]
            #[target_feature(enable = $features)]
            fn rounds<const N: usize>(x: &mut [[V; 4]; N], key: impl Fn(usize, usize) -> V) {
                for i in (0..32).step_by(4) {
                    for (n, [x0, x1, x2, x3]) in x.iter_mut().enumerate() {
                        *x0 = round(*x0, xor(xor(xor(*x2, *x3), key(i, n)), *x1));
                    }
                    for (n, [x0, x1, x2, x3]) in x.iter_mut().enumerate() {
                        *x1 = round(*x1, xor(xor(xor(*x2, *x3), key(i + 1, n)), *x0));
                    }
                    for (n, [x0, x1, x2, x3]) in x.iter_mut().enumerate() {
                        *x2 = round(*x2, xor(xor(xor(*x0, *x1), key(i + 2, n)), *x3));
                    }
                    for (n, [x0, x1, x2, x3]) in x.iter_mut().enumerate() {
                        *x3 = round(*x3, xor(xor(xor(*x0, *x1), key(i + 3, n)), *x2));
                    }
                }
            }

            /// Transposes the 4 x 4 words in each part of 128 bits.
            #[inline]
            #[target_feature(enable = $features)]
            fn transpose([a, b, c, d]: [V; 4]) -> [V; 4] {
                let (ab, cd) = (unpacklo_epi32(a, b), unpacklo_epi32(c, d));
                let (ab_high, cd_high) = (unpackhi_epi32(a, b), unpackhi_epi32(c, d));
                [
                    unpacklo_epi64(ab, cd),
                    unpackhi_epi64(ab, cd),
                    unpacklo_epi64(ab_high, cd_high),
                    unpackhi_epi64(ab_high, cd_high),
                ]
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn load_set(set: &Set) -> [V; 4] {
                transpose(array::from_fn(|i| load_blocks(&set[i]))).map(|x| map(&TO, split(x)))
            }

            /// The blocks of a set after the last round: the four last words, reversed.
            #[inline]
            #[target_feature(enable = $features)]
            fn blocks_of([x0, x1, x2, x3]: [V; 4]) -> [V; 4] {
                transpose([x3, x2, x1, x0].map(|x| map(&FROM, split(x))))
            }

            /// Encrypts runs of `N` sets (decrypts, with the keys reversed); returns the blocks left over.
            #[inline]
            #[target_feature(enable = $features)]
            fn crypt_runs<'b, const N: usize>(keys: &Keys, blocks: &'b mut [Block]) -> &'b mut [Block] {
                let (runs, rest) = as_runs::<N, LANES>(blocks);
                for run in runs {
                    let mut x = array::from_fn(|n| load_set(&run[n]));
                    rounds::<N>(&mut x, |i, _| set1_epi32(keys[i].cast_signed()));
                    for (set, x) in run.iter_mut().zip(x) {
                        for (blocks, y) in set.iter_mut().zip(blocks_of(x)) {
                            store_blocks(blocks, y);
                        }
                    }
                }
                rest
            }

            /// Encrypts independent blocks (decrypts, with the keys reversed).
            #[target_feature(enable = $features)]
            pub(in super::super) fn crypt(keys: &Keys, blocks: &mut [Block]) {
                black_box(&Aligned([0; 64]));
                let rest = crypt_runs::<4>(keys, blocks);
                let mut buffer = Scratch::<{ 16 * LANES }>::new();
                match rest.len().div_ceil(4 * LANES) {
                    0 => {}
                    1 => padded(&mut buffer.0[..4 * LANES], rest, |blocks| _ = crypt_runs::<1>(keys, blocks)),
                    2 => padded(&mut buffer.0[..8 * LANES], rest, |blocks| _ = crypt_runs::<2>(keys, blocks)),
                    _ => padded(&mut buffer.0, rest, |blocks| _ = crypt_runs::<4>(keys, blocks)),
                }
            }

            /// Adds key stream to runs of `N` sets; the counter goes on. Returns the blocks left over.
            #[inline]
            #[target_feature(enable = $features)]
            fn ctr_runs<'b, const N: usize>(
                keys: &Keys,
                counter: &mut u128,
                blocks: &'b mut [Block],
            ) -> &'b mut [Block] {
                const SWAP: [u8; 16] = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];
                let [first, second, third, last] = words(*counter);
                // The words that stay are the same in all blocks.
                let high = [first, second, third]
                    .map(|word| map(&TO, split(set1_epi32(word.swap_bytes().cast_signed()))));
                let mut low = add_epi32(set1_epi32(last.cast_signed()), $counters);
                let (runs, rest) = as_runs::<N, LANES>(blocks);
                for run in runs {
                    let mut x: [[V; 4]; N] = array::from_fn(|_| {
                        let last = map(&TO, split(shuffle_bytes(low, constant(&SWAP))));
                        low = add_epi32(low, set1_epi32(4 * $lanes));
                        [high[0], high[1], high[2], last]
                    });
                    rounds::<N>(&mut x, |i, _| set1_epi32(keys[i].cast_signed()));
                    for (set, x) in run.iter_mut().zip(x) {
                        for (blocks, y) in set.iter_mut().zip(blocks_of(x)) {
                            store_blocks(blocks, xor(load_blocks(blocks), y));
                        }
                    }
                    *counter = advance(*counter, (4 * LANES * N) as u128);
                }
                rest
            }

            /// Adds the key stream of `counter` and the following ones to `blocks`. Its lowest 32 bits count.
            #[target_feature(enable = $features)]
            pub(in super::super) fn ctr(keys: &Keys, mut counter: u128, blocks: &mut [Block]) {
                black_box(&Aligned([0; 64]));
                let rest = ctr_runs::<4>(keys, &mut counter, blocks);
                let mut buffer = Scratch::<{ 16 * LANES }>::new();
                let counter = &mut counter;
                match rest.len().div_ceil(4 * LANES) {
                    0 => {}
                    1 => padded(&mut buffer.0[..4 * LANES], rest, |blocks| _ = ctr_runs::<1>(keys, counter, blocks)),
                    2 => padded(&mut buffer.0[..8 * LANES], rest, |blocks| _ = ctr_runs::<2>(keys, counter, blocks)),
                    _ => padded(&mut buffer.0, rest, |blocks| _ = ctr_runs::<4>(keys, counter, blocks)),
                }
            }

            /// The first `N` sets of 16 blocks.
            #[inline]
            #[target_feature(enable = $features)]
            fn crypt_each_sets<const N: usize>(keys: &EachKeys, blocks: &mut [Block]) {
                let (runs, _) = as_runs::<N, LANES>(blocks);
                for run in runs {
                    let mut x = array::from_fn(|n| load_set(&run[n]));
                    rounds::<N>(&mut x, |i, n| load_words(&keys[i], n));
                    for (set, x) in run.iter_mut().zip(x) {
                        for (blocks, y) in set.iter_mut().zip(blocks_of(x)) {
                            store_blocks(blocks, y);
                        }
                    }
                }
            }

            /// Encrypts the first `used` of 16 blocks, each with a key of its own, and perhaps the others.
            #[target_feature(enable = $features)]
            pub(in super::super) fn crypt_each(keys: &EachKeys, blocks: &mut [Block; EACH], used: usize) {
                black_box(&Aligned([0; 64]));
                if used <= 4 * LANES {
                    crypt_each_sets::<1>(keys, &mut blocks[..4 * LANES]);
                } else {
                    crypt_each_sets::<{ EACH / (4 * LANES) }>(keys, blocks);
                }
            }
        }
    };
}

kernels!(
    aes, "aes,avx2", 2, __m256i, ymm_reg,
    {
        loadu = _mm256_loadu_si256, storeu = _mm256_storeu_si256, xor = _mm256_xor_si256, and = _mm256_and_si256,
        srli = _mm256_srli_epi16, shuffle_bytes = _mm256_shuffle_epi8, add_epi32 = _mm256_add_epi32,
        set1_epi8 = _mm256_set1_epi8, set1_epi32 = _mm256_set1_epi32,
        unpacklo_epi32 = _mm256_unpacklo_epi32, unpackhi_epi32 = _mm256_unpackhi_epi32,
        unpacklo_epi64 = _mm256_unpacklo_epi64, unpackhi_epi64 = _mm256_unpackhi_epi64,
    },
    constant: |bytes| _mm256_broadcastsi128_si256(load_128(bytes)),
    counters: _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7),
    sub_bytes: |x| {
        let zero = _mm_setzero_si128();
        let low = _mm_aesenclast_si128(_mm256_castsi256_si128(x), zero);
        let high = _mm_aesenclast_si128(_mm256_extracti128_si256::<1>(x), zero);
        _mm256_set_m128i(high, low)
    }
);

kernels!(
    vaes, "aes,vaes,avx2", 2, __m256i, ymm_reg,
    {
        loadu = _mm256_loadu_si256, storeu = _mm256_storeu_si256, xor = _mm256_xor_si256, and = _mm256_and_si256,
        srli = _mm256_srli_epi16, shuffle_bytes = _mm256_shuffle_epi8, add_epi32 = _mm256_add_epi32,
        set1_epi8 = _mm256_set1_epi8, set1_epi32 = _mm256_set1_epi32,
        unpacklo_epi32 = _mm256_unpacklo_epi32, unpackhi_epi32 = _mm256_unpackhi_epi32,
        unpacklo_epi64 = _mm256_unpacklo_epi64, unpackhi_epi64 = _mm256_unpackhi_epi64,
    },
    constant: |bytes| _mm256_broadcastsi128_si256(load_128(bytes)),
    counters: _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7),
    sub_bytes: |x| _mm256_aesenclast_epi128(x, _mm256_setzero_si256())
);

kernels!(
    aes512, "aes,avx512f,avx512bw", 4, __m512i, zmm_reg,
    {
        loadu = _mm512_loadu_si512, storeu = _mm512_storeu_si512, xor = _mm512_xor_si512, and = _mm512_and_si512,
        srli = _mm512_srli_epi16, shuffle_bytes = _mm512_shuffle_epi8, add_epi32 = _mm512_add_epi32,
        set1_epi8 = _mm512_set1_epi8, set1_epi32 = _mm512_set1_epi32,
        unpacklo_epi32 = _mm512_unpacklo_epi32, unpackhi_epi32 = _mm512_unpackhi_epi32,
        unpacklo_epi64 = _mm512_unpacklo_epi64, unpackhi_epi64 = _mm512_unpackhi_epi64,
    },
    constant: |bytes| _mm512_broadcast_i32x4(load_128(bytes)),
    counters: _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
    sub_bytes: |x| {
        let zero = _mm_setzero_si128();
        let [a, b, c, d] = [
            _mm512_castsi512_si128(x),
            _mm512_extracti32x4_epi32::<1>(x),
            _mm512_extracti32x4_epi32::<2>(x),
            _mm512_extracti32x4_epi32::<3>(x),
        ]
        .map(|x| _mm_aesenclast_si128(x, zero));
        let (ab, cd) = (_mm256_set_m128i(b, a), _mm256_set_m128i(d, c));
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(ab), cd)
    }
);
