//! What every implementation of SM3's compression shares.

/// Length of a message block in bytes.
pub(crate) const BLOCK: usize = 64;

/// The round constants T_j of GB/T 32905-2016, clause 4.2, already rotated left by j as the rounds use them.
pub(crate) const T: [u32; 64] = {
    let mut t = [0; 64];
    let mut j = 0_u32;
    while j < 64 {
        let base: u32 = if j < 16 { 0x79cc_4519 } else { 0x7a87_9d8a };
        t[j as usize] = base.rotate_left(j % 32);
        j += 1;
    }
    t
};

/// P0 of clause 4.4.
#[inline(always)]
const fn p0(x: u32) -> u32 {
    x ^ x.rotate_left(9) ^ x.rotate_left(17)
}

/// P1 of clause 4.4.
#[inline(always)]
const fn p1(x: u32) -> u32 {
    x ^ x.rotate_left(15) ^ x.rotate_left(23)
}

/// Clause 5.3.2, one step, taken as soon as round j has used W_j: its place takes W_(j+16).
#[inline(always)]
const fn expand(w: &mut [u32; 16], j: usize) {
    w[j % 16] = p1(w[j % 16] ^ w[(j + 7) % 16] ^ w[(j + 13) % 16].rotate_left(15))
        ^ w[(j + 3) % 16].rotate_left(7)
        ^ w[(j + 10) % 16];
}

/// One round (clause 5.3.3) without moving words: the new A replaces D and the new E replaces H, and the
/// caller names the words one place further round the next time.
macro_rules! round {
    ($ff:ident, $gg:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $w:ident, $j:expr) => {
        let a12 = $a.rotate_left(12);
        let ss1 = a12.wrapping_add($e).wrapping_add(T[$j]).rotate_left(7);
        let w = $w[$j % 16];
        let tt1 =
            $ff($a, $b, $c).wrapping_add($d).wrapping_add(ss1 ^ a12).wrapping_add(w ^ $w[($j + 4) % 16]);
        let tt2 = $gg($e, $f, $g).wrapping_add($h).wrapping_add(ss1).wrapping_add(w);
        $b = $b.rotate_left(9);
        $d = tt1;
        $f = $f.rotate_left(19);
        $h = p0(tt2);
        if $j < 52 {
            expand(&mut $w, $j);
        }
    };
}

/// Four rounds, after which every name stands for its own word again.
macro_rules! rounds4 {
    ($ff:ident, $gg:ident, $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident, $w:ident, $($j:expr),+) => {$(
        round!($ff, $gg, $a $b $c $d $e $f $g $h, $w, $j);
        round!($ff, $gg, $d $a $b $c $h $e $f $g, $w, $j + 1);
        round!($ff, $gg, $c $d $a $b $g $h $e $f, $w, $j + 2);
        round!($ff, $gg, $b $c $d $a $f $g $h $e, $w, $j + 3);
    )+};
}

/// Clause 5.3: V' = CF(V, B).
#[inline(always)]
pub(crate) const fn compress(state: &mut [u32; 8], block: &[u8; BLOCK]) {
    /// FF_j and GG_j of clause 4.3 for j < 16.
    #[inline(always)]
    const fn parity(x: u32, y: u32, z: u32) -> u32 {
        x ^ y ^ z
    }
    /// FF_j of clause 4.3 for j >= 16.
    #[inline(always)]
    const fn majority(x: u32, y: u32, z: u32) -> u32 {
        (x & y) | ((x | y) & z)
    }
    /// GG_j of clause 4.3 for j >= 16.
    #[inline(always)]
    const fn choose(x: u32, y: u32, z: u32) -> u32 {
        ((y ^ z) & x) ^ z
    }

    let mut w = [0_u32; 16];
    let (words, _) = block.as_chunks();
    let mut i = 0;
    while i < words.len() {
        w[i] = u32::from_be_bytes(words[i]);
        i += 1;
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    rounds4!(parity, parity, a b c d e f g h, w, 0, 4, 8, 12);
    rounds4!(majority, choose, a b c d e f g h, w, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
    let after = [a, b, c, d, e, f, g, h];
    let mut i = 0;
    while i < after.len() {
        state[i] ^= after[i];
        i += 1;
    }
}
