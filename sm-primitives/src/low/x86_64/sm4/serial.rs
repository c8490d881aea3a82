//! One block after another, and the key schedule: what counts is how long a round takes from input to output.
//!
//! A register holds one word four times over, so that ShiftRows moves equal bytes onto each other. From one round's S-box
//! input to the next one's there are ten steps: AESENC (four), a split into nibbles (two), a table, three sums.

use core::arch::x86_64::*;
use core::array;

use super::tables::{CK, FK, FROM, IN, Nibbles, SCHEDULE, TH, TO, TRC, shuffle};
use super::{Block, Keys};

/// Byte r of each word becomes byte r + 1.
const DOWN: [u8; 16] = shuffle(3, false);

macro_rules! features {
    ($(#[$meta:meta])* $vis:vis fn $($rest:tt)+) => {
        $(#[$meta])*
        #[target_feature(enable = "aes,avx2")]
        $vis fn $($rest)+
    };
}

features! {
    #[inline]
    fn constant(bytes: &'static [u8; 16]) -> __m128i {
        load(bytes)
    }
}

features! {
    #[inline]
    #[expect(unsafe_code, reason = "an unaligned load")]
    fn load(block: &Block) -> __m128i {
        // SAFETY: the reference is to 16 bytes that can be read.
        unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
    }
}

features! {
    #[inline]
    #[expect(unsafe_code, reason = "an unaligned store")]
    fn store(block: &mut Block, x: __m128i) {
        // SAFETY: the reference is to 16 bytes that can be written.
        unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), x) }
    }
}

features! {
    #[inline]
    fn xor(a: __m128i, b: __m128i) -> __m128i {
        _mm_xor_si128(a, b)
    }
}

features! {
    /// `x`, of which the compiler knows nothing, so that sums stay in the order in which they are written.
    #[inline]
    #[expect(unsafe_code, reason = "an empty assembly line leaves the value in its register")]
    fn pin(mut x: __m128i) -> __m128i {
        // SAFETY: the template is a comment: no instruction, no memory, no flag, no stack; the register keeps its value.
        unsafe {
            core::arch::asm!("/* {0} */", inout(xmm_reg) x, options(pure, nomem, nostack, preserves_flags));
        }
        x
    }
}

features! {
    /// The low and the high nibbles.
    #[inline]
    fn split(x: __m128i) -> [__m128i; 2] {
        let mask = _mm_set1_epi8(15);
        [_mm_and_si128(x, mask), _mm_and_si128(_mm_srli_epi16::<4>(x), mask)]
    }
}

features! {
    /// A linear map of each byte, given by its nibbles.
    #[inline]
    fn map(tables: &'static Nibbles, [low, high]: [__m128i; 2]) -> __m128i {
        xor(_mm_shuffle_epi8(constant(&tables[0]), low), _mm_shuffle_epi8(constant(&tables[1]), high))
    }
}

features! {
    /// Four copies of a round key.
    #[inline]
    fn round_key(rk: u32) -> __m128i {
        _mm_set1_epi32(rk.cast_signed())
    }
}

features! {
    /// The words of a block, each four times, in the basis of T.
    #[inline]
    fn spread(block: __m128i) -> [__m128i; 4] {
        let x = map(&TO, split(block));
        [
            _mm_shuffle_epi32::<0x00>(x),
            _mm_shuffle_epi32::<0x55>(x),
            _mm_shuffle_epi32::<0xaa>(x),
            _mm_shuffle_epi32::<0xff>(x),
        ]
    }
}

features! {
    /// The block of four words of which each register holds copies.
    #[inline]
    fn gather([a, b, c, d]: [__m128i; 4]) -> __m128i {
        let x = _mm_unpacklo_epi64(_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d));
        map(&FROM, split(x))
    }
}

features! {
    /// One round: `x0` becomes the word that follows `x3`. `input` goes into the S-boxes, and becomes the input of the
    /// next round, whose round key is `next`.
    ///
    /// In assembly, because compilers find other orders, and instructions for floating-point numbers, which do the same
    /// more slowly. The longest chain stands first: the units take what is oldest.
    #[inline]
    #[expect(unsafe_code, reason = "the order of the instructions is what makes it fast")]
    fn round(x0: &mut __m128i, [x2, x3]: [__m128i; 2], input: &mut __m128i, next: __m128i) {
        // SAFETY: the instructions are those of AES and AVX, which the function enables; they use the registers named
        // here and nothing else.
        unsafe {
            core::arch::asm!(
                "vaesenc {m}, {input}, {zero}",
                "vaesenclast {input}, {input}, {zero}",
                // What the next input is without the new word, and then what it is without this round's sum.
                "vpxor {rest}, {rest}, {x2}",
                "vpxor {rest}, {rest}, {x3}",
                "vpxor {x0}, {x0}, {rest}",
                "vpsrlw {high}, {m}, 4",
                "vpsrlw {a_high}, {input}, 4",
                "vpand {high}, {high}, {mask}",
                "vpand {a_high}, {a_high}, {mask}",
                "vpshufb {high}, {r_high}, {high}",
                "vpshufb {a_high}, {h_high}, {a_high}",
                "vpxor {high}, {high}, {a_high}",
                "vpshufb {high}, {high}, {down}",
                "vpand {m}, {m}, {mask}",
                "vpand {input}, {input}, {mask}",
                "vpshufb {m}, {r_low}, {m}",
                "vpshufb {input}, {h_low}, {input}",
                "vpxor {m}, {m}, {input}",
                "vpxor {x0}, {x0}, {input}",
                "vpshufb {m}, {m}, {down}",
                "vpxor {x0}, {x0}, {a_high}",
                "vpxor {x0}, {x0}, {m}",
                "vpxor {input}, {x0}, {high}",
                "vpxor {x0}, {input}, {rest}",
                input = inout(xmm_reg) *input, x0 = inout(xmm_reg) *x0, rest = inout(xmm_reg) next => _,
                x2 = in(xmm_reg) x2, x3 = in(xmm_reg) x3,
                m = out(xmm_reg) _, high = out(xmm_reg) _, a_high = out(xmm_reg) _,
                zero = in(xmm_reg) _mm_setzero_si128(), mask = in(xmm_reg) _mm_set1_epi8(15),
                r_low = in(xmm_reg) constant(&TRC[0]), r_high = in(xmm_reg) constant(&TRC[1]),
                h_low = in(xmm_reg) constant(&TH[0]), h_high = in(xmm_reg) constant(&TH[1]),
                down = in(xmm_reg) constant(&DOWN),
                options(pure, nomem, nostack, preserves_flags),
            );
        }
    }
}

features! {
    /// The 32 rounds; returns the last four words, the last one first.
    #[inline]
    fn rounds(keys: &Keys, [mut x0, mut x1, mut x2, mut x3]: [__m128i; 4]) -> [__m128i; 4] {
        let mut input = xor(xor(x1, x2), xor(x3, round_key(keys[0])));
        for i in (0..32).step_by(4) {
            round(&mut x0, [x2, x3], &mut input, round_key(keys[i + 1]));
            round(&mut x1, [x3, x0], &mut input, round_key(keys[i + 2]));
            round(&mut x2, [x0, x1], &mut input, round_key(keys[i + 3]));
            // There is no round after the last one: any key will do.
            round(&mut x3, [x1, x2], &mut input, round_key(keys[(i + 4) % 32]));
        }
        [x3, x2, x1, x0]
    }
}

features! {
    /// Encrypts one block (decrypts, with the keys reversed).
    pub(super) fn crypt(keys: &Keys, block: &mut Block) {
        let x = gather(rounds(keys, spread(load(block))));
        store(block, x);
    }
}

features! {
    /// CBC: each block is added to the one before it, `previous` at first, and encrypted.
    pub(super) fn cbc(keys: &Keys, previous: &mut Block, blocks: &mut [Block]) {
        let mut chain = spread(load(previous));
        for block in &mut *blocks {
            let [a, b, c, d] = spread(load(block));
            chain = rounds(keys, [xor(a, chain[0]), xor(b, chain[1]), xor(c, chain[2]), xor(d, chain[3])]);
            store(block, gather(chain));
        }
        if let [.., last] = blocks {
            *previous = *last;
        }
    }
}

features! {
    /// Clause 7.3: K_i = MK_i + FK_i, then rk_i = K_(i+4) = K_i + T'(K_(i+1) + K_(i+2) + K_(i+3) + CK_i).
    pub(super) fn expand(key: &Block, keys: &mut Keys) {
        const BELOW: [[u8; 16]; 4] = [shuffle(0, false), shuffle(1, false), shuffle(2, false), shuffle(3, false)];
        let [mut k0, mut k1, mut k2, mut k3] = spread(xor(load(key), constant(&FK)));
        for (rk, ck) in keys.iter_mut().zip(CK) {
            let input = pin(xor(pin(xor(xor(k1, k2), round_key(ck))), k3));
            let nibbles = split(_mm_aesenclast_si128(input, _mm_setzero_si128()));
            let [a, b, c, d] = array::from_fn(|n| {
                pin(_mm_shuffle_epi8(pin(map(&SCHEDULE[n], nibbles)), constant(&BELOW[n])))
            });
            let new = xor(pin(xor(a, pin(xor(k0, b)))), pin(xor(c, d)));
            *rk = _mm_cvtsi128_si32(new).cast_unsigned() ^ u32::from_ne_bytes([IN; 4]);
            [k0, k1, k2, k3] = [k1, k2, k3, new];
        }
    }
}
