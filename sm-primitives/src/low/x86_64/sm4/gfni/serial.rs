//! One block after another, and the key schedule: what counts is how long a round takes from input to output.
//!
//! A register holds one word, a byte of it in each of its parts of 32 bits, the other bytes left open: processors of today
//! shuffle parts in one cycle, bytes in two. From one round's S-box input to the next one's there are an affine map of
//! the inverse (three cycles), a shuffle, and two sums of three.

use super::super::tables::{
    CK, FK, FROM_MATRIX, IN, L_CONSTANT, L_MATRICES, SCHEDULE_CONSTANT, SCHEDULE_MATRICES, TO_MATRIX,
};
use super::super::{Block, Keys};

/// The kernels with or without sums of three in one instruction.
macro_rules! kernels {
    (
        $module:ident, $features:literal,
        xor3: |$a:ident, $b:ident, $c:ident| $xor3:expr,
        sums: $rest:literal, $first:literal, $last:literal
    ) => {
        pub(in super::super) mod $module {
            use core::arch::x86_64::*;

            use super::*;

            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "an unaligned load")]
            fn load(block: &Block) -> __m128i {
                // SAFETY: the reference is to 16 bytes that can be read.
                unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
            }

            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "an unaligned store")]
            fn store(block: &mut Block, x: __m128i) {
                // SAFETY: the reference is to 16 bytes that can be written.
                unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), x) }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn xor(a: __m128i, b: __m128i) -> __m128i {
                _mm_xor_si128(a, b)
            }

            /// The sum of three, the last of which may come late.
            #[inline]
            #[target_feature(enable = $features)]
            fn xor3($a: __m128i, $b: __m128i, $c: __m128i) -> __m128i {
                $xor3
            }

            /// `x`, of which the compiler knows nothing, so that sums stay in the order in which they are written.
            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "an empty assembly line leaves the value in its register")]
            fn pin(mut x: __m128i) -> __m128i {
                // SAFETY: the template is a comment: no instruction, no memory, no flag, no stack; the register keeps
                // its value.
                unsafe {
                    core::arch::asm!(
                        "/* {0} */", inout(xmm_reg) x, options(pure, nomem, nostack, preserves_flags)
                    );
                }
                x
            }

            /// A word, a byte in each part.
            #[inline]
            #[target_feature(enable = $features)]
            fn word(bytes: u32) -> __m128i {
                _mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes.cast_signed()))
            }

            /// The words of a block in the basis of T.
            #[inline]
            #[target_feature(enable = $features)]
            fn spread(block: __m128i) -> [__m128i; 4] {
                let x = _mm_gf2p8affine_epi64_epi8::<0>(block, _mm_set1_epi64x(TO_MATRIX));
                [
                    _mm_cvtepu8_epi32(x),
                    _mm_cvtepu8_epi32(_mm_shuffle_epi32::<0x55>(x)),
                    _mm_cvtepu8_epi32(_mm_shuffle_epi32::<0xaa>(x)),
                    _mm_cvtepu8_epi32(_mm_shuffle_epi32::<0xff>(x)),
                ]
            }

            /// The block of four words.
            #[inline]
            #[target_feature(enable = $features)]
            fn gather(words: [__m128i; 4]) -> __m128i {
                // Only the lowest byte of each part counts.
                let [a, b, c, d] = words.map(|x| _mm_and_si128(x, _mm_set1_epi32(0xff)));
                let x = _mm_packus_epi16(_mm_packus_epi32(a, b), _mm_packus_epi32(c, d));
                _mm_gf2p8affine_epi64_epi8::<0>(x, _mm_set1_epi64x(FROM_MATRIX))
            }

            /// One round: `x0` becomes the word that follows `x3`. `input` goes into the S-boxes, and becomes the input
            /// of the next round, whose round key is `next`.
            ///
            /// In assembly, because the order counts: what takes longest stands first, as the units take what is oldest.
            #[inline]
            #[target_feature(enable = $features)]
            #[expect(unsafe_code, reason = "the order of the instructions is what makes it fast")]
            fn round(x0: &mut __m128i, [x2, x3]: [__m128i; 2], input: &mut __m128i, next: &u32) {
                let [p, r, _, q] = L_MATRICES.map(|matrix| _mm_set1_epi64x(matrix));
                // SAFETY: the instructions are of the sets that the function enables; they read the four bytes of the
                // reference, and use the registers named here and nothing else.
                unsafe {
                    core::arch::asm!(
                        "vgf2p8affineinvqb {b1}, {input}, {r}, 0",
                        "vgf2p8affineinvqb {b3}, {input}, {q}, 0",
                        "vgf2p8affineinvqb {b0}, {input}, {p}, {constant}",
                        // What the next input is without the new word, and then what it is without this round's sum.
                        "vpmovzxbd {rest}, dword ptr [{next}]",
                        $rest,
                        "vpxor {input}, {x0}, {rest}",
                        "vpshufd {b2}, {b1}, 0x4e",
                        "vpshufd {b1}, {b1}, 0x39",
                        "vpshufd {b3}, {b3}, 0x93",
                        $first,
                        $last,
                        "vpxor {x0}, {input}, {rest}",
                        input = inout(xmm_reg) *input, x0 = inout(xmm_reg) *x0,
                        x2 = in(xmm_reg) x2, x3 = in(xmm_reg) x3, next = in(reg) next,
                        p = in(xmm_reg) p, q = in(xmm_reg) q, r = in(xmm_reg) r, constant = const L_CONSTANT,
                        b0 = out(xmm_reg) _, b1 = out(xmm_reg) _, b2 = out(xmm_reg) _, b3 = out(xmm_reg) _,
                        rest = out(xmm_reg) _,
                        options(pure, readonly, nostack, preserves_flags),
                    );
                }
            }

            /// The 32 rounds; returns the last four words, the last one first.
            #[inline]
            #[target_feature(enable = $features)]
            fn rounds(keys: &Keys, [mut x0, mut x1, mut x2, mut x3]: [__m128i; 4]) -> [__m128i; 4] {
                let mut input = xor(x3, xor3(word(keys[0]), x1, x2));
                for i in (0..32).step_by(4) {
                    round(&mut x0, [x2, x3], &mut input, &keys[i + 1]);
                    round(&mut x1, [x3, x0], &mut input, &keys[i + 2]);
                    round(&mut x2, [x0, x1], &mut input, &keys[i + 3]);
                    // There is no round after the last one: any key will do.
                    round(&mut x3, [x1, x2], &mut input, &keys[(i + 4) % 32]);
                }
                [x3, x2, x1, x0]
            }

            /// Encrypts one block (decrypts, with the keys reversed).
            #[target_feature(enable = $features)]
            pub(in super::super::super) fn crypt(keys: &Keys, block: &mut Block) {
                let x = gather(rounds(keys, spread(load(block))));
                store(block, x);
            }

            /// CBC: each block is added to the one before it, `previous` at first, and encrypted.
            #[target_feature(enable = $features)]
            pub(in super::super::super) fn cbc(keys: &Keys, previous: &mut Block, blocks: &mut [Block]) {
                let mut chain = spread(load(previous));
                for block in &mut *blocks {
                    let [a, b, c, d] = spread(load(block));
                    chain = rounds(
                        keys,
                        [xor(a, chain[0]), xor(b, chain[1]), xor(c, chain[2]), xor(d, chain[3])],
                    );
                    store(block, gather(chain));
                }
                if let [.., last] = blocks {
                    *previous = *last;
                }
            }

            /// GB/T 32907-2016, clause 7.3: K_i = MK_i + FK_i, then
            /// rk_i = K_(i+4) = K_i + T'(K_(i+1) + K_(i+2) + K_(i+3) + CK_i).
            #[target_feature(enable = $features)]
            pub(in super::super::super) fn expand(key: &Block, keys: &mut Keys) {
                let [mut k0, mut k1, mut k2, mut k3] = spread(xor(load(key), load(&FK)));
                let maps = SCHEDULE_MATRICES.map(|matrix| _mm_set1_epi64x(matrix));
                let mut input = xor(k3, xor3(word(CK[0]), k1, k2));
                for (i, rk) in keys.iter_mut().enumerate() {
                    // As in `round`; what is shuffled stands first.
                    let rest = xor3(word(CK[(i + 1) % 32]), k2, k3);
                    let known = pin(xor(k0, rest));
                    let b1 = _mm_shuffle_epi32::<0x39>(_mm_gf2p8affineinv_epi64_epi8::<0>(input, maps[1]));
                    let b2 = _mm_shuffle_epi32::<0x4e>(_mm_gf2p8affineinv_epi64_epi8::<0>(input, maps[2]));
                    let b3 = _mm_shuffle_epi32::<0x93>(_mm_gf2p8affineinv_epi64_epi8::<0>(input, maps[3]));
                    let b0 = _mm_gf2p8affineinv_epi64_epi8::<SCHEDULE_CONSTANT>(input, maps[0]);
                    input = xor3(b3, b0, pin(xor3(b1, b2, known)));
                    [k0, k1, k2, k3] = [k1, k2, k3, xor(input, rest)];
                    let bytes = _mm_shuffle_epi8(k3, _mm_set1_epi32(0x0c08_0400));
                    *rk = _mm_cvtsi128_si32(bytes).cast_unsigned() ^ u32::from_ne_bytes([IN; 4]);
                }
            }
        }
    };
}

kernels!(
    avx2, "gfni,avx2",
    xor3: |a, b, c| _mm_xor_si128(_mm_xor_si128(a, b), c),
    sums: "vpxor {rest}, {rest}, {x2}\nvpxor {rest}, {rest}, {x3}",
    "vpxor {input}, {input}, {b1}\nvpxor {input}, {input}, {b2}",
    "vpxor {b0}, {b0}, {b3}\nvpxor {input}, {input}, {b0}"
);
kernels!(
    avx512, "gfni,avx512f,avx512vl",
    xor3: |a, b, c| _mm_ternarylogic_epi32::<0x96>(a, b, c),
    sums: "vpternlogd {rest}, {x2}, {x3}, 0x96",
    "vpternlogd {input}, {b1}, {b2}, 0x96",
    "vpternlogd {input}, {b0}, {b3}, 0x96"
);
