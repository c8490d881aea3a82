//! The compression of one message per 32-bit word of a vector: the text that all vector lengths share.

/// Defines `compress` for vectors of `$lanes` words.
///
/// The module that uses it has these functions on vectors in scope: `load`, `store` (words in memory), `splat`, `add`,
/// `xor`, `xor3`, `majority`, `choose`, `rol`, and `words` (four consecutive words of every message, one vector each).
macro_rules! kernel {
    ($(#[$doc:meta])* $token:ty, $features:literal, $lanes:literal) => {
        $(#[$doc])*
        ///
        /// Absorbs as many blocks of each run as the shortest has. `state[i][l]` is word i of the chaining value of
        /// message l.
        #[expect(unsafe_code, reason = "the token proves the features that the kernel is compiled for")]
        pub(crate) fn compress(_cpu: $token, state: &mut [[u32; $lanes]; 8], runs: &[&[[u8; BLOCK]]; $lanes]) {
            // SAFETY: the token exists only on a processor with these features.
            unsafe { run(state, runs) }
        }

        #[target_feature(enable = $features)]
        fn run(state: &mut [[u32; $lanes]; 8], runs: &[&[[u8; BLOCK]]; $lanes]) {
            let blocks = runs.iter().map(|run| run.len()).min().unwrap_or(0);
            // A vector that must stand in memory is what makes the compiler align the stack for vectors. Without it, every
            // second one that finds no register straddles two cache lines.
            black_box(&mut MaybeUninit::<Vector>::uninit());
            let mut v = state.each_ref().map(|words| load(words));
            for i in 0..blocks {
                let block = runs.map(|run| &run[i]);
                let [w0, w1, w2, w3] = words::<0>(&block);
                let [w4, w5, w6, w7] = words::<16>(&block);
                let [w8, w9, w10, w11] = words::<32>(&block);
                let [w12, w13, w14, w15] = words::<48>(&block);
                let mut w = [w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15];
                let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = v;
                rounds16!(xor3, xor3, expand, a b c d e f g h, w, &T[..16]);
                // A loop, for its text twice over would not stay in the cache of decoded instructions.
                for t in [&T[16..32], &T[32..48]] {
                    rounds16!(majority, choose, expand, a b c d e f g h, w, t);
                }
                rounds4!(majority, choose, expand, a b c d e f g h, w, &T[48..], 0);
                rounds4!(majority, choose, keep, a b c d e f g h, w, &T[48..], 4);
                rounds4!(majority, choose, keep, a b c d e f g h, w, &T[48..], 8);
                rounds4!(majority, choose, keep, a b c d e f g h, w, &T[48..], 12);
                for (v, x) in v.iter_mut().zip([a, b, c, d, e, f, g, h]) {
                    *v = xor(*v, x);
                }
            }
            for (words, v) in state.iter_mut().zip(v) {
                store(words, v);
            }
        }
    };
}

/// Sixteen rounds, after which W has been replaced by the next sixteen words.
macro_rules! rounds16 {
    ($ff:ident, $gg:ident, $next:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $w:ident, $t:expr) => {
        rounds4!($ff, $gg, $next, $a $b $c $d $e $f $g $h, $w, $t, 0);
        rounds4!($ff, $gg, $next, $a $b $c $d $e $f $g $h, $w, $t, 4);
        rounds4!($ff, $gg, $next, $a $b $c $d $e $f $g $h, $w, $t, 8);
        rounds4!($ff, $gg, $next, $a $b $c $d $e $f $g $h, $w, $t, 12);
    };
}

/// Four rounds, after which every name stands for its own word again.
macro_rules! rounds4 {
    ($ff:ident, $gg:ident, $next:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $w:ident, $t:expr, $j:literal) => {
        round!($ff, $gg, $next, $a $b $c $d $e $f $g $h, $w, $t, $j);
        round!($ff, $gg, $next, $d $a $b $c $h $e $f $g, $w, $t, $j + 1);
        round!($ff, $gg, $next, $c $d $a $b $g $h $e $f, $w, $t, $j + 2);
        round!($ff, $gg, $next, $b $c $d $a $f $g $h $e, $w, $t, $j + 3);
    };
}

/// GB/T 32905-2016, clause 5.3.3, one round: the new A replaces D and the new E replaces H.
macro_rules! round {
    ($ff:ident, $gg:ident, $next:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $w:ident, $t:expr, $j:expr) => {
        let a12 = rol::<12, 20>($a);
        let ss1 = rol::<7, 25>(add(add(a12, splat($t[$j])), $e));
        let w = $w[$j];
        // Rotated first, B and F leave their registers to the functions, which overwrite one operand.
        let (b9, f19) = (rol::<9, 23>($b), rol::<19, 13>($f));
        let tt1 = add(add(add($ff($a, $b, $c), $d), xor(w, $w[($j + 4) % 16])), xor(ss1, a12));
        let tt2 = add(add(add($gg($e, $f, $g), $h), w), ss1);
        $b = b9;
        $d = tt1;
        $f = f19;
        let tt2_9 = rol::<9, 23>(tt2);
        $h = xor3(tt2, tt2_9, rol8(tt2_9));
        $next!($w, $j);
    };
}

/// Clause 5.3.2, one step, as soon as round j has used W_j: its place takes W_(j+16).
macro_rules! expand {
    ($w:ident, $j:expr) => {
        let x = xor3($w[$j % 16], $w[($j + 7) % 16], rol::<15, 17>($w[($j + 13) % 16]));
        let x15 = rol::<15, 17>(x);
        let p1 = xor3(x, x15, rol8(x15));
        $w[$j % 16] = xor3(p1, rol::<7, 25>($w[($j + 3) % 16]), $w[($j + 10) % 16]);
    };
}

/// The last rounds need no further words.
macro_rules! keep {
    ($w:ident, $j:expr) => {};
}

pub(super) use {expand, keep, kernel, round, rounds4, rounds16};
