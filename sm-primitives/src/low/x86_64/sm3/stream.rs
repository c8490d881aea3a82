//! One message. Its rounds follow each other in general registers; beside them the vector units expand the words of the
//! next eight blocks, a block per word of a vector.

use core::{arch::asm, array::from_fn, mem::MaybeUninit, ptr};

use super::avx2::{LANES, Vector, rol, rol8, words, xor, xor3};
use crate::low::{
    sm3::{self, BLOCK, T},
    x86_64::cpu::Avx2,
};

/// The words of eight blocks: W_j at `j`, W'_j = W_j xor W_(j+4) at `W4 + j`.
type Schedule = [MaybeUninit<Vector>; W4 + 64];

/// Where the words W' begin.
const W4: usize = 68;

/// Bytes from one word of a block to the next.
const STRIDE: usize = size_of::<Vector>();

/// Words to expand.
const STEPS: usize = 52;

/// Fewer blocks are faster by themselves.
const WORTHWHILE: usize = 4;

/// The compression function of SM3 on the blocks of one message, in order.
#[expect(unsafe_code, reason = "the token proves the features that the kernel is compiled for")]
pub(crate) fn compress(_cpu: Avx2, state: &mut [u32; 8], blocks: &[[u8; BLOCK]]) {
    // SAFETY: the token exists only on a processor with these features.
    unsafe { if blocks.len() < WORTHWHILE { alone(state, blocks) } else { run(state, blocks) } }
}

/// A few blocks, as any processor does them.
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn alone(state: &mut [u32; 8], blocks: &[[u8; BLOCK]]) {
    for block in blocks {
        sm3::compress(state, block);
    }
}

#[expect(unsafe_code, reason = "words are read that have been written before")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn run(state: &mut [u32; 8], blocks: &[[u8; BLOCK]]) {
    let mut schedules: [Schedule; 2] = [[MaybeUninit::uninit(); W4 + 64]; 2];
    let [now, ahead] = &mut schedules;
    let (mut now, mut ahead) = (ptr::from_mut(now).cast::<Vector>(), ptr::from_mut(ahead).cast::<Vector>());
    let (mut group, mut rest) = blocks.split_at(blocks.len().min(LANES));
    // SAFETY: both pointers are to whole schedules, and the group is not empty. What is read has been written: the words
    // of `now` by `begin` and all the steps, which go through before a group is done, as every group but the last has
    // eight blocks.
    unsafe {
        begin(now, group);
        for j in 0..STEPS {
            expand(now, j);
        }
        loop {
            let following;
            (following, rest) = rest.split_at(rest.len().min(LANES));
            let last = following.len() < WORTHWHILE;
            if !last {
                begin(ahead, following);
            }
            for lane in 0..group.len() {
                rounds(state, now, lane, ahead, if last { STEPS } else { 8 * lane });
            }
            if last {
                return alone(state, following);
            }
            group = following;
            (now, ahead) = (ahead, now);
        }
    }
}

/// The words that are the blocks themselves.
///
/// # Safety
/// `schedule` is one, and `group` is not empty.
#[inline]
#[expect(unsafe_code, reason = "writes through a pointer")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
unsafe fn begin(schedule: *mut Vector, group: &[[u8; BLOCK]]) {
    // Lanes without a block follow the first one, and nothing looks at what comes of them.
    let blocks = from_fn(|lane| group.get(lane).unwrap_or(&group[0]));
    let quarters = [words::<0>(&blocks), words::<16>(&blocks), words::<32>(&blocks), words::<48>(&blocks)];
    let w: &[Vector] = quarters.as_flattened();
    for (j, word) in w.iter().enumerate() {
        // SAFETY: a place in the schedule.
        unsafe { *schedule.add(j) = *word };
    }
    for (j, (word, word4)) in w.iter().zip(&w[4..]).enumerate() {
        // SAFETY: a place in the schedule.
        unsafe { *schedule.add(W4 + j) = xor(*word, *word4) };
    }
}

/// GB/T 32905-2016, clause 5.3.2, one step for every block: W_(j+16) and W'_(j+12).
///
/// # Safety
/// `schedule` is one that `begin` has begun, `j` < 52, and the steps before this one have been made.
#[inline]
#[expect(unsafe_code, reason = "reads and writes through a pointer")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
unsafe fn expand(schedule: *mut Vector, j: usize) {
    // SAFETY: j + 16 < 68, W4 + j + 12 < W4 + 64.
    unsafe {
        let at = schedule.add(j);
        let x = xor3(*at, *at.add(7), rol::<15, 17>(*at.add(13)));
        let x15 = rol::<15, 17>(x);
        let next = xor3(xor3(x, rol::<7, 25>(*at.add(3)), *at.add(10)), x15, rol8(x15));
        *at.add(16) = next;
        *at.add(W4 + 12) = xor(*at.add(12), next);
    }
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
            w = const STRIDE * $i, w4 = const STRIDE * (W4 + $i), k = const 4 * $i,
            options(readonly, nostack)
        )
    };
}

/// Eight rounds, after which every name stands for its own word again.
macro_rules! rounds8 {
    ($w:ident, $t:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $lines:tt) => {
        round!($w, $t, 0, $a $b $c $d $e $f $g $h, $lines);
        round!($w, $t, 1, $d $a $b $c $h $e $f $g, $lines);
        round!($w, $t, 2, $c $d $a $b $g $h $e $f, $lines);
        round!($w, $t, 3, $b $c $d $a $f $g $h $e, $lines);
        round!($w, $t, 4, $a $b $c $d $e $f $g $h, $lines);
        round!($w, $t, 5, $d $a $b $c $h $e $f $g, $lines);
        round!($w, $t, 6, $c $d $a $b $g $h $e $f, $lines);
        round!($w, $t, 7, $b $c $d $a $f $g $h $e, $lines);
        $w = $w.wrapping_byte_add(8 * STRIDE);
        $t = $t.wrapping_add(8);
    };
}

/// Clause 5.3.3, eight rounds from a j < 16 on.
macro_rules! low8 {
    ($($names:tt)+) => {
        rounds8!($($names)+, [
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

/// Clause 5.3.3, eight rounds from a j >= 16 on. Both Boolean functions are sums of two terms without common bits.
macro_rules! high8 {
    ($($names:tt)+) => {
        rounds8!($($names)+, [
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

/// Clause 5.3.3 for the block in a lane of the schedule `now`, and beside it the steps of `ahead` from `step` on, eight
/// of them or as many as there are.
///
/// # Safety
/// Both are schedules. `now` has all words, and unless `step` is 52, `ahead` has been begun and the steps before `step`
/// have been made. `lane` < 8.
#[expect(unsafe_code, reason = "the rounds are in assembly")]
#[inline(never)]
#[target_feature(enable = "avx2,bmi1,bmi2")]
unsafe fn rounds(state: &mut [u32; 8], now: *const Vector, lane: usize, ahead: *mut Vector, step: usize) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    let (mut w, mut t) = (now.cast::<u32>().wrapping_add(lane), T.as_ptr());
    // SAFETY: the assembly reads W_j, W'_j and T_j of the 64 rounds in order, and writes nothing but the registers that
    // it declares; the function is compiled for BMI1 and BMI2. The steps are made in
    // order.
    unsafe {
        for i in 0..2 {
            low8!(w, t, a b c d e f g h);
            if step + i < STEPS {
                expand(ahead, step + i);
            }
        }
        for i in 2..8 {
            high8!(w, t, a b c d e f g h);
            if step + i < STEPS {
                expand(ahead, step + i);
            }
        }
    }
    // SAFETY: writes the eight words of the state and nothing else; `options` hides none of it. Left to the compiler,
    // the words take the way through a vector, which the next block waits for.
    unsafe {
        asm!(
            "xor dword ptr [{v}], {a:e}",
            "xor dword ptr [{v} + 16], {e:e}",
            "xor dword ptr [{v} + 4], {b:e}",
            "xor dword ptr [{v} + 8], {c:e}",
            "xor dword ptr [{v} + 12], {d:e}",
            "xor dword ptr [{v} + 20], {f:e}",
            "xor dword ptr [{v} + 24], {g:e}",
            "xor dword ptr [{v} + 28], {h:e}",
            v = in(reg) state.as_mut_ptr(),
            a = in(reg) a, b = in(reg) b, c = in(reg) c, d = in(reg) d,
            e = in(reg) e, f = in(reg) f, g = in(reg) g, h = in(reg) h,
            options(nostack)
        );
    }
}
