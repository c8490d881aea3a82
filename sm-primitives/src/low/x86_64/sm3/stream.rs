//! One message, a block at a time. Its rounds follow each other in general registers; beside them the vector units expand
//! the words of the block, three at once, because W_(j+3) depends on W_j.

use core::{
    arch::{
        asm,
        x86_64::{
            __m128i, _mm_alignr_epi8, _mm_loadu_si128, _mm_or_si128, _mm_set_epi8, _mm_shuffle_epi8,
            _mm_slli_epi32, _mm_srli_epi32, _mm_srli_si128, _mm_storeu_si128, _mm_xor_si128,
        },
    },
    mem::MaybeUninit,
};

use crate::low::{
    sm3::{BLOCK, T},
    x86_64::cpu::Avx2,
};

/// The words of a block: W_j at `j`, W'_j = W_j xor W_(j+4) at `W4 + j`.
type Schedule = MaybeUninit<[u32; W4 + 68]>;

/// Where the words W' begin. The words before it are W_0 to W_67 and, as words are written in fours, what follows them.
const W4: usize = 72;

/// Four words, the first one in the lowest bits.
type Words = __m128i;

/// The compression function of SM3 on the blocks of one message, in order.
#[expect(unsafe_code, reason = "the token proves the features that the kernel is compiled for")]
pub(crate) fn compress(_cpu: Avx2, state: &mut [u32; 8], blocks: &[[u8; BLOCK]]) {
    // SAFETY: the token exists only on a processor with these features.
    unsafe { run(state, blocks) }
}

/// GB/T 32905-2016, clause 5.3.2, three steps at a time.
struct Expansion {
    /// Where the next words W belong in the schedule.
    next: *mut u32,
    /// The last words in threes, each three after the word before them: for W_j, from W_(j-16), W_(j-13), W_(j-10),
    /// W_(j-7) and W_(j-4) on.
    fours: [Words; 5],
    /// The same without the word before them, from W_(j-9), W_(j-6) and W_(j-3) on. The fourth word is any.
    threes: [Words; 3],
}

impl Expansion {
    /// Writes the words that are the block itself: W_0 to W_15, W'_0 to W'_11.
    ///
    /// # Safety
    /// `schedule` is one.
    #[inline]
    #[expect(unsafe_code, reason = "reads the block and writes through a pointer")]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    unsafe fn begin(schedule: *mut u32, block: &[u8; BLOCK]) -> Self {
        let big_endian = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
        // SAFETY: every j below is at most 12, so that 16 of the 64 bytes are read; the load asks for no alignment.
        let from = |j: usize| unsafe { _mm_loadu_si128(block.as_ptr().add(4 * j).cast()) };
        let [w0, w3, w4, w6, w8, w9, w12] =
            [0, 3, 4, 6, 8, 9, 12].map(|j| _mm_shuffle_epi8(from(j), big_endian));
        // SAFETY: places in the schedule.
        unsafe {
            for (j, words) in [(0, w0), (4, w4), (8, w8), (12, w12)] {
                _mm_storeu_si128(schedule.add(j).cast(), words);
            }
            for (j, words) in [(0, xor(w0, w4)), (4, xor(w4, w8)), (8, xor(w8, w12))] {
                _mm_storeu_si128(schedule.add(W4 + j).cast(), words);
            }
        }
        Self {
            next: schedule.wrapping_add(16),
            fours: [w0, w3, w6, w9, w12],
            threes: [w6, w9, w12].map(|words| _mm_srli_si128::<4>(words)),
        }
    }

    /// Writes W_j to W_(j+2) and W'_(j-4) to W'_(j-2), each with one word after them that the next step replaces, and
    /// goes on to j + 3.
    ///
    /// # Safety
    /// At most 18 steps on one schedule, which is still there.
    #[inline]
    #[expect(unsafe_code, reason = "writes through a pointer")]
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    unsafe fn step(&mut self) {
        let rol8 = _mm_set_epi8(14, 13, 12, 15, 10, 9, 8, 11, 6, 5, 4, 7, 2, 1, 0, 3);
        let [j16, j13, j10, j7, j4] = self.fours;
        let [j9, j6, j3] = self.threes;
        let x = xor(xor(j16, j9), rol::<15, 17>(j3));
        let x15 = rol::<15, 17>(x);
        let p1 = xor(x, xor(x15, _mm_shuffle_epi8(x15, rol8)));
        let words = xor(p1, xor(rol::<7, 25>(j13), j6));
        // SAFETY: step i, from 0 on, writes at 16 + 3 i and 12 + 3 i; with i < 18, 67 + 4 <= W4 and 63 + 4 <= 68.
        unsafe {
            _mm_storeu_si128(self.next.cast(), words);
            _mm_storeu_si128(self.next.add(W4 - 4).cast(), xor(j4, words));
        }
        self.next = self.next.wrapping_add(3);
        self.fours = [j13, j10, j7, j4, _mm_alignr_epi8::<12>(words, j4)];
        self.threes = [j6, j3, words];
    }
}

/// x xor y.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn xor(x: Words, y: Words) -> Words {
    _mm_xor_si128(x, y)
}

/// Rotates every word left by `L` = 32 - `R` bits.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn rol<const L: i32, const R: i32>(x: Words) -> Words {
    const { assert!(L + R == 32) }
    _mm_or_si128(_mm_slli_epi32::<L>(x), _mm_srli_epi32::<R>(x))
}

/// One round in assembly, whose lines are given, i rounds after round j, whose W_j and T_j the pointers are at: the new
/// A replaces D and the new E replaces H.
///
/// The order of the lines lets a processor with four units keep up with the longest chain of dependent instructions,
/// seven from E to E; the order in which a compiler puts them does not.
macro_rules! round {
    ($w:ident, $t:ident, $i:literal, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, [$($line:literal),+]) => {
        asm!(
            $($line,)+
            a = in(reg) $a, b = inout(reg) $b, c = in(reg) $c, d = inout(reg) $d,
            e = in(reg) $e, f = inout(reg) $f, g = in(reg) $g, h = inout(reg) $h,
            s = out(reg) _, t = out(reg) _, u = out(reg) _, v = out(reg) _,
            words = in(reg) $w, constants = in(reg) $t,
            w = const 4 * $i, w4 = const 4 * (W4 + $i), k = const 4 * $i,
            options(readonly, nostack)
        )
    };
}

/// Four rounds, after which every name stands for its own word again.
macro_rules! rounds4 {
    ($w:ident, $t:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $lines:tt) => {
        round!($w, $t, 0, $a $b $c $d $e $f $g $h, $lines);
        round!($w, $t, 1, $d $a $b $c $h $e $f $g, $lines);
        round!($w, $t, 2, $c $d $a $b $g $h $e $f, $lines);
        round!($w, $t, 3, $b $c $d $a $f $g $h $e, $lines);
        $w = $w.wrapping_add(4);
        $t = $t.wrapping_add(4);
    };
}

/// Clause 5.3.3, four rounds from a j < 16 on.
macro_rules! low4 {
    ($($names:tt)+) => {
        rounds4!($($names)+, [
            "mov {t:e}, dword ptr [{constants} + {k}]",
            "mov {u:e}, {f:e}",
            "xor {u:e}, {g:e}",
            "add {h:e}, dword ptr [{words} + {w}]",
            "mov {v:e}, {a:e}",
            "rorx {s:e}, {a:e}, 20",
            "xor {u:e}, {e:e}",
            "add {t:e}, {s:e}",
            "add {t:e}, {e:e}",
            "rorx {t:e}, {t:e}, 25",
            "add {h:e}, {u:e}",
            "add {h:e}, {t:e}",
            "rorx {u:e}, {h:e}, 23",
            "xor {v:e}, {b:e}",
            "xor {s:e}, {t:e}",
            "xor {v:e}, {c:e}",
            "add {d:e}, dword ptr [{words} + {w4}]",
            "add {d:e}, {v:e}",
            "rorx {t:e}, {h:e}, 15",
            "xor {h:e}, {t:e}",
            "rorx {f:e}, {f:e}, 13",
            "add {d:e}, {s:e}",
            "xor {h:e}, {u:e}",
            "rorx {b:e}, {b:e}, 23"
        ]);
    };
}

/// Clause 5.3.3, four rounds from a j >= 16 on. Both Boolean functions are sums of two terms without common bits.
macro_rules! high4 {
    ($($names:tt)+) => {
        rounds4!($($names)+, [
            "mov {t:e}, dword ptr [{constants} + {k}]",
            "mov {u:e}, {f:e}",
            "and {u:e}, {e:e}",
            "rorx {s:e}, {a:e}, 20",
            "add {h:e}, dword ptr [{words} + {w}]",
            "add {t:e}, {e:e}",
            "add {t:e}, {s:e}",
            "andn {v:e}, {e:e}, {g:e}",
            "rorx {t:e}, {t:e}, 25",
            "add {h:e}, {u:e}",
            "mov {u:e}, {a:e}",
            "add {h:e}, {v:e}",
            "mov {v:e}, {a:e}",
            "add {h:e}, {t:e}",
            "xor {v:e}, {b:e}",
            "and {u:e}, {b:e}",
            "xor {s:e}, {t:e}",
            "and {v:e}, {c:e}",
            "add {d:e}, dword ptr [{words} + {w4}]",
            "add {d:e}, {u:e}",
            "rorx {t:e}, {h:e}, 23",
            "rorx {u:e}, {h:e}, 15",
            "xor {h:e}, {u:e}",
            "rorx {f:e}, {f:e}, 13",
            "add {d:e}, {s:e}",
            "xor {h:e}, {t:e}",
            "add {d:e}, {v:e}",
            "rorx {b:e}, {b:e}, 23"
        ]);
    };
}

/// Begins a loop where a line of the cache of decoded instructions does. Where it begins otherwise depends on all the
/// code before it, and costs some hundredths.
macro_rules! align {
    () => {
        asm!(".p2align 6", options(nomem, nostack, preserves_flags))
    };
}

#[expect(unsafe_code, reason = "the rounds are in assembly")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn run(state: &mut [u32; 8], blocks: &[[u8; BLOCK]]) {
    let mut schedule = Schedule::uninit();
    let schedule = schedule.as_mut_ptr().cast::<u32>();
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for block in blocks {
        let (mut w, mut t) = (schedule.cast_const(), T.as_ptr());
        // SAFETY: the assembly reads W_j, W'_j and T_j of the 64 rounds in order, and writes nothing but the registers
        // that it declares; the function is compiled for BMI1 and BMI2. Of the schedule, `begin` and 4 k steps have
        // written W before 16 + 12 k and W' before 12 + 12 k, and 18 steps all that is read: enough for the rounds up to
        // the next four steps.
        unsafe {
            let mut expansion = Expansion::begin(schedule, block);
            for _ in 0..3 {
                align!();
                expansion.step();
                low4!(w, t, a b c d e f g h);
            }
            expansion.step();
            low4!(w, t, a b c d e f g h);
            for _ in 0..3 {
                align!();
                expansion.step();
                high4!(w, t, a b c d e f g h);
                expansion.step();
                expansion.step();
                high4!(w, t, a b c d e f g h);
                expansion.step();
                high4!(w, t, a b c d e f g h);
            }
            expansion.step();
            expansion.step();
            for _ in 0..3 {
                align!();
                high4!(w, t, a b c d e f g h);
            }
        }
        // SAFETY: reads and writes the eight words of the state and nothing else; `options` hides none of it. Left to
        // the compiler, the words take the way through a vector, which the next block waits for.
        unsafe {
            asm!(
                "xor {a:e}, dword ptr [{v}]",
                "xor {e:e}, dword ptr [{v} + 16]",
                "xor {b:e}, dword ptr [{v} + 4]",
                "xor {c:e}, dword ptr [{v} + 8]",
                "xor {d:e}, dword ptr [{v} + 12]",
                "xor {f:e}, dword ptr [{v} + 20]",
                "xor {g:e}, dword ptr [{v} + 24]",
                "xor {h:e}, dword ptr [{v} + 28]",
                "mov dword ptr [{v}], {a:e}",
                "mov dword ptr [{v} + 4], {b:e}",
                "mov dword ptr [{v} + 8], {c:e}",
                "mov dword ptr [{v} + 12], {d:e}",
                "mov dword ptr [{v} + 16], {e:e}",
                "mov dword ptr [{v} + 20], {f:e}",
                "mov dword ptr [{v} + 24], {g:e}",
                "mov dword ptr [{v} + 28], {h:e}",
                v = in(reg) state.as_mut_ptr(),
                a = inout(reg) a, b = inout(reg) b, c = inout(reg) c, d = inout(reg) d,
                e = inout(reg) e, f = inout(reg) f, g = inout(reg) g, h = inout(reg) h,
                options(nostack)
            );
        }
    }
}
