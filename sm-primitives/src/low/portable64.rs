//! Four limbs of 64 bits, products in 128 bits. The specification of the arithmetic: readable first.

use subtle::Choice;

use super::barrier::opaque_u64;

/// One limb.
pub(crate) type Word = u64;
/// Limbs of a 256-bit number.
pub(crate) const WORDS: usize = 4;
/// A 256-bit number, least significant limb first.
pub(crate) type Limbs = [Word; WORDS];

/// p = 2^256 - 2^224 - 2^96 + 2^64 - 1, the prime of the field.
pub(crate) const P: Limbs =
    [0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000, 0xffff_ffff_ffff_ffff, 0xffff_fffe_ffff_ffff];
/// n, the prime order of the group.
pub(crate) const N: Limbs =
    [0x53bb_f409_39d5_4123, 0x7203_df6b_21c6_052b, 0xffff_ffff_ffff_ffff, 0xffff_fffe_ffff_ffff];
/// -n^-1 mod 2^64.
const N_PRIME: Word = 0x327f_9e88_7235_0975;

/// Reads 32 big-endian bytes.
pub(crate) const fn from_be_bytes(bytes: &[u8; 32]) -> Limbs {
    let mut out = [0; WORDS];
    let mut i = 0;
    while i < 32 {
        out[3 - i / 8] = (out[3 - i / 8] << 8) | bytes[i] as u64;
        i += 1;
    }
    out
}

/// Writes 32 big-endian bytes.
pub(crate) fn to_be_bytes(a: &Limbs) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, limb) in out.rchunks_exact_mut(8).zip(a) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    out
}

#[cfg(target_pointer_width = "64")]
/// The number in limbs of 64 bits.
pub(crate) const fn to_u64s(a: &Limbs) -> [u64; 4] {
    *a
}

#[cfg(target_pointer_width = "64")]
/// The number from limbs of 64 bits.
pub(crate) const fn from_u64s(a: &[u64; 4]) -> Limbs {
    *a
}

/// a + b as (sum mod 2^256, carry).
#[inline(always)]
fn add(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let (r0, c) = a[0].carrying_add(b[0], false);
    let (r1, c) = a[1].carrying_add(b[1], c);
    let (r2, c) = a[2].carrying_add(b[2], c);
    let (r3, c) = a[3].carrying_add(b[3], c);
    ([r0, r1, r2, r3], c)
}

/// a - b as (difference mod 2^256, borrow).
#[inline(always)]
fn sub(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let (r0, c) = a[0].borrowing_sub(b[0], false);
    let (r1, c) = a[1].borrowing_sub(b[1], c);
    let (r2, c) = a[2].borrowing_sub(b[2], c);
    let (r3, c) = a[3].borrowing_sub(b[3], c);
    ([r0, r1, r2, r3], c)
}

/// All ones if `bit`, else zero, hidden from the optimiser.
#[inline(always)]
fn mask(bit: bool) -> Word {
    opaque_u64(Word::from(bit).wrapping_neg())
}

/// `b` if the mask is all ones, `a` if it is zero.
#[inline(always)]
fn select_mask(mask: Word, a: &Limbs, b: &Limbs) -> Limbs {
    core::array::from_fn(|i| a[i] ^ (mask & (a[i] ^ b[i])))
}

/// `b` if `choice`, else `a`.
#[inline(always)]
pub(crate) fn select(a: &Limbs, b: &Limbs, choice: Choice) -> Limbs {
    select_mask(opaque_u64(Word::from(choice.unwrap_u8()).wrapping_neg()), a, b)
}

/// Copies `entry` over the all-zero `acc` if `i == wanted`: one step of a table scan.
#[inline(always)]
pub(crate) fn scan_step<const L: usize>(acc: &mut [Word; L], entry: &[Word; L], i: u8, wanted: u8) {
    let mask = opaque_u64((Word::from(i ^ wanted).wrapping_sub(1) >> 63).wrapping_neg());
    for (a, e) in acc.iter_mut().zip(entry) {
        *a |= e & mask;
    }
}

/// Whether a = 0.
pub(crate) fn is_zero(a: &Limbs) -> Choice {
    let any = a[0] | a[1] | a[2] | a[3];
    // The top bit of `any | -any` is set exactly if `any` is not zero.
    !Choice::from(((any | any.wrapping_neg()) >> 63) as u8)
}

/// Whether a < b.
pub(crate) fn less_than(a: &Limbs, b: &Limbs) -> Choice {
    Choice::from(u8::from(sub(a, b).1))
}

/// `value` - m if `value` (of 257 bits: `high` and `a`) is at least m, else `value`; needs `value` < 2m.
#[inline(always)]
fn subtract_once(a: &Limbs, high: bool, m: &Limbs) -> Limbs {
    let (reduced, borrow) = sub(a, m);
    select_mask(mask(borrow & !high), &reduced, a)
}

/// a mod m for a < 2m.
#[inline(always)]
pub(crate) fn reduce_once(a: &Limbs, m: &Limbs) -> Limbs {
    subtract_once(a, false, m)
}

/// a + b mod m for a, b < m.
#[inline(always)]
pub(crate) fn add_mod(a: &Limbs, b: &Limbs, m: &Limbs) -> Limbs {
    let (sum, carry) = add(a, b);
    subtract_once(&sum, carry, m)
}

/// a - b mod m for a, b < m.
#[inline(always)]
pub(crate) fn sub_mod(a: &Limbs, b: &Limbs, m: &Limbs) -> Limbs {
    let (difference, borrow) = sub(a, b);
    let mask = mask(borrow);
    add(&difference, &[m[0] & mask, m[1] & mask, m[2] & mask, m[3] & mask]).0
}

/// a / 2 mod p for a < p.
#[inline(always)]
pub(crate) fn halve_p(a: &Limbs) -> Limbs {
    let odd = mask(a[0] & 1 == 1);
    let (sum, carry) = add(a, &[P[0] & odd, P[1] & odd, P[2] & odd, P[3] & odd]);
    let top = Word::from(carry);
    [
        sum[0] >> 1 | sum[1] << 63,
        sum[1] >> 1 | sum[2] << 63,
        sum[2] >> 1 | sum[3] << 63,
        sum[3] >> 1 | top << 63,
    ]
}

/// a * b, all 512 bits.
#[inline(always)]
fn mul_wide(a: &Limbs, b: &Limbs) -> [Word; 2 * WORDS] {
    let mut r = [0; 2 * WORDS];
    for i in 0..WORDS {
        let mut carry = 0;
        for j in 0..WORDS {
            (r[i + j], carry) = a[j].carrying_mul_add(b[i], r[i + j], carry);
        }
        r[i + WORDS] = carry;
    }
    r
}

/// a * a, all 512 bits: the six mixed products once, doubled, then the four squares.
#[inline(always)]
fn sqr_wide(a: &Limbs) -> [Word; 2 * WORDS] {
    let (r1, c) = a[0].carrying_mul(a[1], 0);
    let (r2, c) = a[0].carrying_mul(a[2], c);
    let (r3, r4) = a[0].carrying_mul(a[3], c);
    let (r3, c) = a[1].carrying_mul_add(a[2], r3, 0);
    let (r4, r5) = a[1].carrying_mul_add(a[3], r4, c);
    let (r5, r6) = a[2].carrying_mul_add(a[3], r5, 0);

    let r7 = r6 >> 63;
    let r6 = (r6 << 1) | (r5 >> 63);
    let r5 = (r5 << 1) | (r4 >> 63);
    let r4 = (r4 << 1) | (r3 >> 63);
    let r3 = (r3 << 1) | (r2 >> 63);
    let r2 = (r2 << 1) | (r1 >> 63);
    let r1 = r1 << 1;

    let (s0, h0) = a[0].carrying_mul(a[0], 0);
    let (s1, h1) = a[1].carrying_mul(a[1], 0);
    let (s2, h2) = a[2].carrying_mul(a[2], 0);
    let (s3, h3) = a[3].carrying_mul(a[3], 0);
    let (r1, c) = r1.carrying_add(h0, false);
    let (r2, c) = r2.carrying_add(s1, c);
    let (r3, c) = r3.carrying_add(h1, c);
    let (r4, c) = r4.carrying_add(s2, c);
    let (r5, c) = r5.carrying_add(h2, c);
    let (r6, c) = r6.carrying_add(s3, c);
    let (r7, _) = r7.carrying_add(h3, c);
    [s0, r1, r2, r3, r4, r5, r6, r7]
}

/// t / 2^256 mod p for t < p * 2^256.
///
/// p = -1 mod 2^64, so the multiple of p that clears the low limb m is m itself. With
/// (p + 1) / 2^64 = 2^192 - 2^160 - 2^32 + 1, adding m * p and dropping the low limb is one addition of
/// m * (2^192 - 2^160 - 2^32 + 1), which takes two shifts and no multiplication.
#[inline(always)]
fn reduce_p(t: &[Word; 2 * WORDS]) -> Limbs {
    let [mut r0, mut r1, mut r2, mut r3, ..] = *t;
    for _ in 0..WORDS {
        let m = r0;
        let (q0, b) = m.borrowing_sub(m << 32, false);
        let (q1, b) = 0_u64.borrowing_sub(m >> 32, b);
        let (q2, b) = 0_u64.borrowing_sub(m << 32, b);
        let (q3, _) = m.borrowing_sub(m >> 32, b);
        let c;
        (r0, c) = r1.carrying_add(q0, false);
        let (s1, c) = r2.carrying_add(q1, c);
        let (s2, c) = r3.carrying_add(q2, c);
        // No carry: the value is (r + m * p) / 2^64 < 2^192 + p < 2^256.
        let (s3, _) = q3.carrying_add(0, c);
        (r1, r2, r3) = (s1, s2, s3);
    }
    let (r, carry) = add(&[r0, r1, r2, r3], &[t[4], t[5], t[6], t[7]]);
    subtract_once(&r, carry, &P)
}

/// a * b / 2^256 mod p for a, b < p.
#[inline(always)]
pub(crate) fn mul_p(a: &Limbs, b: &Limbs) -> Limbs {
    reduce_p(&mul_wide(a, b))
}

/// a * a / 2^256 mod p for a < p.
#[inline(always)]
pub(crate) fn sqr_p(a: &Limbs) -> Limbs {
    reduce_p(&sqr_wide(a))
}

/// a * b / 2^256 mod n for a, b < n.
pub(crate) fn mul_n(a: &Limbs, b: &Limbs) -> Limbs {
    let mut t = mul_wide(a, b);
    let mut top = false;
    for i in 0..WORDS {
        let m = t[i].wrapping_mul(N_PRIME);
        let mut carry = 0;
        for j in 0..WORDS {
            (t[i + j], carry) = m.carrying_mul_add(N[j], t[i + j], carry);
        }
        (t[i + WORDS], top) = t[i + WORDS].carrying_add(carry, top);
    }
    subtract_once(&[t[4], t[5], t[6], t[7]], top, &N)
}

/// a * 2^256 mod m for a < m: Montgomery form, for constants. Variable time, meant for compile time.
pub(crate) const fn to_montgomery_const(a: &Limbs, m: &Limbs) -> Limbs {
    let mut r = *a;
    let mut count = 0;
    while count < 256 {
        // r = 2r, then 2r - m if that is not negative.
        let mut doubled = [0; WORDS];
        let mut reduced = [0; WORDS];
        let mut carry = 0;
        let mut borrow = false;
        let mut i = 0;
        while i < WORDS {
            doubled[i] = (r[i] << 1) | carry;
            carry = r[i] >> 63;
            let (difference, b0) = doubled[i].overflowing_sub(m[i]);
            let (difference, b1) = difference.overflowing_sub(borrow as Word);
            reduced[i] = difference;
            borrow = b0 | b1;
            i += 1;
        }
        r = if borrow && carry == 0 { doubled } else { reduced };
        count += 1;
    }
    r
}
