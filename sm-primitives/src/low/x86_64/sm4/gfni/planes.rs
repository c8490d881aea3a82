//! Many blocks at once, in planes: a register holds the same byte of 16, 32 or 64 blocks, so that nothing has to be
//! rotated or shuffled in a round.
//!
//! Both ways between blocks and planes are the transposition of a matrix of 16 x 16 bytes in each part of 128 bits of 16
//! registers; the order of the blocks in a plane is what that makes of their order in memory.

use core::array;
use core::hint::black_box;

use super::super::tables::{FROM_MATRIX, L_CONSTANT, L_MATRICES, TO_MATRIX};
use super::super::{Aligned, Block, EACH, EachKeys, Keys, advance, padded};
use crate::low::scratch::Scratch;

/// For each round the four planes of round keys: makes `keys` those of block number `block`, below 16.
pub(in super::super) fn set_keys(each: &mut EachKeys, block: usize, keys: &Keys) {
    let shift = 8 * (block % 4);
    for (each, rk) in each.iter_mut().zip(keys) {
        for (plane, byte) in each.chunks_exact_mut(4).zip(rk.to_ne_bytes()) {
            let word = &mut plane[block / 4];
            *word = *word & !(0xff << shift) | u32::from(byte) << shift;
        }
    }
}

/// Whole runs of 16 times `PARTS` blocks, and the blocks left over.
fn as_runs<const PARTS: usize>(blocks: &mut [Block]) -> (&mut [[[Block; PARTS]; 16]], &mut [Block]) {
    let whole = blocks.len() - blocks.len() % (16 * PARTS);
    let (runs, rest) = blocks.split_at_mut(whole);
    // Both divide without remainder.
    (runs.as_chunks_mut().0.as_chunks_mut().0, rest)
}

/// The kernels for one width of vectors, `PARTS` times 128 bits.
macro_rules! kernels {
    (
        $module:ident, $features:literal, $parts:literal, $vector:ident,
        { $($intrinsic:ident = $name:ident),+ $(,)? },
        xor3: |$a:ident, $b:ident, $c:ident| $xor3:expr,
        counters: $counters:expr
    ) => {
        mod $module {
            use core::arch::x86_64::*;

            use super::*;
            $(use core::arch::x86_64::$name as $intrinsic;)+

            const PARTS: usize = $parts;
            type V = $vector;
            /// A word of each block: its bytes, the highest first.
            type Word = [V; 4];

            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "an unaligned load")]
            pub(super) fn load(bytes: &[[u8; 16]; PARTS]) -> V {
                // SAFETY: the reference is to as many bytes as the vector has, and they can be read.
                unsafe { loadu(bytes.as_ptr().cast()) }
            }

            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "an unaligned store")]
            pub(super) fn store(blocks: &mut [Block; PARTS], x: V) {
                // SAFETY: the reference is to as many bytes as the vector has, and they can be written.
                unsafe { storeu(blocks.as_mut_ptr().cast(), x) }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn xor3($a: V, $b: V, $c: V) -> V {
                $xor3
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn to_basis(x: V) -> V {
                affine::<0>(x, set1_epi64(TO_MATRIX))
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn from_basis(x: V) -> V {
                affine::<0>(x, set1_epi64(FROM_MATRIX))
            }

            /// Two registers, byte by byte in turn.
            #[inline]
            #[target_feature(enable = $features)]
            fn weave(a: V, b: V) -> [V; 2] {
                [unpacklo_epi8(a, b), unpackhi_epi8(a, b)]
            }

            /// With the number of a register above that of a byte in its part: rotates both, as one number, by a bit.
            #[inline]
            #[target_feature(enable = $features)]
            fn rotate(x: [V; 16]) -> [V; 16] {
                let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = x;
                let ([a, i], [b, j], [c, k], [d, l]) = (weave(a, i), weave(b, j), weave(c, k), weave(d, l));
                let ([e, m], [f, n], [g, o], [h, p]) = (weave(e, m), weave(f, n), weave(g, o), weave(h, p));
                [a, i, b, j, c, k, d, l, e, m, f, n, g, o, h, p]
            }

            /// Blocks to planes, and planes to blocks.
            #[inline]
            #[target_feature(enable = $features)]
            fn transpose(x: [V; 16]) -> [V; 16] {
                rotate(rotate(rotate(rotate(x))))
            }

            /// Words to planes: what [`transpose`] does to a quarter of its registers.
            #[inline]
            #[target_feature(enable = $features)]
            fn planes_of(mut words: [V; 4]) -> [V; 4] {
                for _ in 0..4 {
                    let [a, b, c, d] = words;
                    let ([a, b], [c, d]) = (weave(a, c), weave(b, d));
                    words = [a, b, c, d];
                }
                words
            }

            /// GB/T 32907-2016, clause 6.1: `x` becomes `x + T(input)`, in the basis of T.
            #[inline]
            #[target_feature(enable = $features)]
            fn round(x: &mut Word, input: Word) {
                let [p, r, _, q] = L_MATRICES.map(|matrix| set1_epi64(matrix));
                let once = input.map(|x| affine_inverse::<0>(x, r));
                for (n, x) in x.iter_mut().enumerate() {
                    let first = affine_inverse::<L_CONSTANT>(input[n], p);
                    let last = affine_inverse::<0>(input[(n + 3) % 4], q);
                    *x = xor3(xor3(*x, once[(n + 1) % 4], once[(n + 2) % 4]), first, last);
                }
            }

            /// The 32 rounds, with the round keys that `key` gives for a round and a byte.
            #[inline]
            #[target_feature(enable = $features)]
            pub(super) fn rounds([x0, x1, x2, x3]: &mut [Word; 4], key: impl Fn(usize, usize) -> V) {
                for i in (0..32).step_by(4) {
                    let both: Word = array::from_fn(|n| xor(x2[n], x3[n]));
                    round(x0, array::from_fn(|n| xor3(both[n], key(i, n), x1[n])));
                    round(x1, array::from_fn(|n| xor3(both[n], key(i + 1, n), x0[n])));
                    let both: Word = array::from_fn(|n| xor(x0[n], x1[n]));
                    round(x2, array::from_fn(|n| xor3(both[n], key(i + 2, n), x3[n])));
                    round(x3, array::from_fn(|n| xor3(both[n], key(i + 3, n), x2[n])));
                }
            }

            /// The rounds with the same keys for all blocks.
            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "bytes of words, each of them loaded alone")]
            fn rounds_of(keys: &Keys, x: &mut [Word; 4]) {
                // SAFETY: an array of words is one of four times as many bytes.
                let keys: &[[i8; 4]; 32] = unsafe { &*core::ptr::from_ref(keys).cast() };
                rounds(x, |i, n| set1_epi8(keys[i][n]));
            }

            #[inline]
            #[target_feature(enable = $features)]
            pub(super) fn load_words(blocks: &[[Block; PARTS]; 16]) -> [Word; 4] {
                let x = transpose(array::from_fn(|i| load(&blocks[i])));
                array::from_fn(|i| array::from_fn(|n| to_basis(x[4 * i + n])))
            }

            /// The blocks after the last round: the four last words, reversed.
            #[inline]
            #[target_feature(enable = $features)]
            pub(super) fn blocks_of(x: [Word; 4]) -> [V; 16] {
                transpose(array::from_fn(|i| from_basis(x[3 - i / 4][i % 4])))
            }

            /// Encrypts whole runs (decrypts, with the keys reversed); returns the blocks left over.
            #[inline]
            #[target_feature(enable = $features)]
            pub(super) fn crypt<'b>(keys: &Keys, blocks: &'b mut [Block]) -> &'b mut [Block] {
                black_box(&Aligned([0; 64]));
                let (runs, rest) = as_runs(blocks);
                for run in runs {
                    let mut x = load_words(run);
                    rounds_of(keys, &mut x);
                    for (blocks, y) in run.iter_mut().zip(blocks_of(x)) {
                        store(blocks, y);
                    }
                }
                rest
            }

            /// Adds key stream to whole runs; the counter goes on. Returns the blocks left over.
            #[inline]
            #[target_feature(enable = $features)]
            pub(super) fn ctr<'b>(
                keys: &Keys,
                counter: &mut u128,
                blocks: &'b mut [Block],
            ) -> &'b mut [Block] {
                black_box(&Aligned([0; 64]));
                // The words that stay are the same in all blocks.
                let high: [Word; 3] = array::from_fn(|i| {
                    array::from_fn(|n| to_basis(set1_epi8(counter.to_be_bytes()[4 * i + n].cast_signed())))
                });
                let step = set1_epi32(4 * $parts);
                let (runs, rest) = as_runs(blocks);
                for run in runs {
                    #[expect(clippy::cast_possible_truncation, reason = "the part that counts")]
                    let first = add_epi32(set1_epi32(*counter as i32), $counters);
                    let second = add_epi32(first, step);
                    let third = add_epi32(second, step);
                    let words = [first, second, third, add_epi32(third, step)];
                    let [d, c, b, a] = planes_of(words).map(|x| to_basis(x));
                    let mut x = [high[0], high[1], high[2], [a, b, c, d]];
                    rounds_of(keys, &mut x);
                    for (blocks, y) in run.iter_mut().zip(blocks_of(x)) {
                        store(blocks, xor(load(blocks), y));
                    }
                    *counter = advance(*counter, 16 * $parts);
                }
                rest
            }
        }
    };
}

/// The kernels for any number of blocks, from those for the widths at hand: the last one takes long runs, and what is
/// left goes through the first one that takes it all.
macro_rules! modes {
    ($module:ident, $features:literal, [$each:ident: 16 $(, $short:ident: $blocks:literal)*], $long:ident: $run:literal) => {
        pub(in super::super) mod $module {
            use super::*;

            /// Encrypts independent blocks (decrypts, with the keys reversed).
            #[target_feature(enable = $features)]
            pub(in super::super::super) fn crypt(keys: &Keys, blocks: &mut [Block]) {
                let rest = $long::crypt(keys, blocks);
                let mut buffer = Scratch::<$run>::new();
                match rest.len() {
                    0 => {}
                    ..=16 => padded(&mut buffer.0[..16], rest, |blocks| _ = $each::crypt(keys, blocks)),
                    $(..=$blocks => padded(&mut buffer.0[..$blocks], rest, |blocks| _ = $short::crypt(keys, blocks)),)*
                    _ => padded(&mut buffer.0, rest, |blocks| _ = $long::crypt(keys, blocks)),
                }
            }

            /// Adds the key stream of `counter` and the following ones to `blocks`. Its lowest 32 bits count.
            #[target_feature(enable = $features)]
            pub(in super::super::super) fn ctr(keys: &Keys, mut counter: u128, blocks: &mut [Block]) {
                let at = &mut counter;
                let rest = $long::ctr(keys, at, blocks);
                let mut buffer = Scratch::<$run>::new();
                match rest.len() {
                    0 => {}
                    ..=16 => padded(&mut buffer.0[..16], rest, |blocks| _ = $each::ctr(keys, at, blocks)),
                    $(..=$blocks => padded(&mut buffer.0[..$blocks], rest, |blocks| _ = $short::ctr(keys, at, blocks)),)*
                    _ => padded(&mut buffer.0, rest, |blocks| _ = $long::ctr(keys, at, blocks)),
                }
            }

            /// Encrypts 16 blocks, each with a key of its own.
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "bytes of words")]
            pub(in super::super::super) fn crypt_each(keys: &EachKeys, blocks: &mut [Block; EACH]) {
                // SAFETY: an array of words is one of four times as many bytes.
                let keys: &[[[Block; 1]; 4]; 32] = unsafe { &*core::ptr::from_ref(keys).cast() };
                for run in as_runs(blocks).0 {
                    let mut x = $each::load_words(run);
                    $each::rounds(&mut x, |i, n| $each::load(&keys[i][n]));
                    for (blocks, y) in run.iter_mut().zip($each::blocks_of(x)) {
                        $each::store(blocks, y);
                    }
                }
            }
        }
    };
}

kernels!(
    vex16, "gfni,avx2", 1, __m128i,
    {
        loadu = _mm_loadu_si128, storeu = _mm_storeu_si128, xor = _mm_xor_si128, add_epi32 = _mm_add_epi32,
        set1_epi8 = _mm_set1_epi8, set1_epi32 = _mm_set1_epi32, set1_epi64 = _mm_set1_epi64x,
        unpacklo_epi8 = _mm_unpacklo_epi8, unpackhi_epi8 = _mm_unpackhi_epi8,
        affine = _mm_gf2p8affine_epi64_epi8, affine_inverse = _mm_gf2p8affineinv_epi64_epi8,
    },
    xor3: |a, b, c| xor(xor(a, b), c),
    counters: _mm_setr_epi32(0, 1, 2, 3)
);

kernels!(
    vex32, "gfni,avx2", 2, __m256i,
    {
        loadu = _mm256_loadu_si256, storeu = _mm256_storeu_si256, xor = _mm256_xor_si256, add_epi32 = _mm256_add_epi32,
        set1_epi8 = _mm256_set1_epi8, set1_epi32 = _mm256_set1_epi32, set1_epi64 = _mm256_set1_epi64x,
        unpacklo_epi8 = _mm256_unpacklo_epi8, unpackhi_epi8 = _mm256_unpackhi_epi8,
        affine = _mm256_gf2p8affine_epi64_epi8, affine_inverse = _mm256_gf2p8affineinv_epi64_epi8,
    },
    xor3: |a, b, c| xor(xor(a, b), c),
    counters: _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7)
);

kernels!(
    evex16, "gfni,avx512f,avx512bw,avx512vl", 1, __m128i,
    {
        loadu = _mm_loadu_si128, storeu = _mm_storeu_si128, xor = _mm_xor_si128, add_epi32 = _mm_add_epi32,
        set1_epi8 = _mm_set1_epi8, set1_epi32 = _mm_set1_epi32, set1_epi64 = _mm_set1_epi64x,
        unpacklo_epi8 = _mm_unpacklo_epi8, unpackhi_epi8 = _mm_unpackhi_epi8,
        affine = _mm_gf2p8affine_epi64_epi8, affine_inverse = _mm_gf2p8affineinv_epi64_epi8,
    },
    xor3: |a, b, c| _mm_ternarylogic_epi32::<0x96>(a, b, c),
    counters: _mm_setr_epi32(0, 1, 2, 3)
);

kernels!(
    evex32, "gfni,avx512f,avx512bw,avx512vl", 2, __m256i,
    {
        loadu = _mm256_loadu_si256, storeu = _mm256_storeu_si256, xor = _mm256_xor_si256, add_epi32 = _mm256_add_epi32,
        set1_epi8 = _mm256_set1_epi8, set1_epi32 = _mm256_set1_epi32, set1_epi64 = _mm256_set1_epi64x,
        unpacklo_epi8 = _mm256_unpacklo_epi8, unpackhi_epi8 = _mm256_unpackhi_epi8,
        affine = _mm256_gf2p8affine_epi64_epi8, affine_inverse = _mm256_gf2p8affineinv_epi64_epi8,
    },
    xor3: |a, b, c| _mm256_ternarylogic_epi32::<0x96>(a, b, c),
    counters: _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7)
);

kernels!(
    evex64, "gfni,avx512f,avx512bw,avx512vl", 4, __m512i,
    {
        loadu = _mm512_loadu_si512, storeu = _mm512_storeu_si512, xor = _mm512_xor_si512, add_epi32 = _mm512_add_epi32,
        set1_epi8 = _mm512_set1_epi8, set1_epi32 = _mm512_set1_epi32, set1_epi64 = _mm512_set1_epi64,
        unpacklo_epi8 = _mm512_unpacklo_epi8, unpackhi_epi8 = _mm512_unpackhi_epi8,
        affine = _mm512_gf2p8affine_epi64_epi8, affine_inverse = _mm512_gf2p8affineinv_epi64_epi8,
    },
    xor3: |a, b, c| _mm512_ternarylogic_epi32::<0x96>(a, b, c),
    counters: _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)
);

modes!(avx2, "gfni,avx2", [vex16: 16], vex32: 32);
modes!(avx512, "gfni,avx512f,avx512bw,avx512vl", [evex16: 16, evex32: 32], evex64: 64);
