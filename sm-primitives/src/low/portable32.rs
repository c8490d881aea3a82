//! Eight limbs of 32 bits, products in 64 bits, for targets without a 64 x 64 -> 128 bit multiply.
//!
//! The same functions as in the 64-bit module, see there for the reasons.

use subtle::Choice;

use super::barrier::opaque_u32;

/// One limb.
pub(crate) type Word = u32;
/// Limbs of a 256-bit number.
pub(crate) const WORDS: usize = 8;
/// A 256-bit number, least significant limb first.
pub(crate) type Limbs = [Word; WORDS];

/// p = 2^256 - 2^224 - 2^96 + 2^64 - 1, the prime of the field.
pub(crate) const P: Limbs =
    [0xffff_ffff, 0xffff_ffff, 0x0000_0000, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_fffe];
/// n, the prime order of the group.
pub(crate) const N: Limbs =
    [0x39d5_4123, 0x53bb_f409, 0x21c6_052b, 0x7203_df6b, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_fffe];
/// -n^-1 mod 2^32.
const N_PRIME: Word = 0x7235_0975;

/// Reads 32 big-endian bytes.
pub(crate) const fn from_be_bytes(bytes: &[u8; 32]) -> Limbs {
    let mut out = [0; WORDS];
    let mut i = 0;
    while i < 32 {
        out[7 - i / 4] = (out[7 - i / 4] << 8) | bytes[i] as u32;
        i += 1;
    }
    out
}

/// Writes 32 big-endian bytes.
pub(crate) fn to_be_bytes(a: &Limbs) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, limb) in out.rchunks_exact_mut(4).zip(a) {
        chunk.copy_from_slice(&limb.to_be_bytes());
    }
    out
}

#[cfg(not(target_pointer_width = "64"))]
/// The number in limbs of 64 bits.
pub(crate) const fn to_u64s(a: &Limbs) -> [u64; 4] {
    let mut out = [0; 4];
    let mut i = 0;
    while i < 4 {
        out[i] = a[2 * i] as u64 | (a[2 * i + 1] as u64) << 32;
        i += 1;
    }
    out
}

#[cfg(not(target_pointer_width = "64"))]
/// The number from limbs of 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "each limb is cut in two")]
pub(crate) const fn from_u64s(a: &[u64; 4]) -> Limbs {
    let mut out = [0; WORDS];
    let mut i = 0;
    while i < 4 {
        out[2 * i] = a[i] as Word;
        out[2 * i + 1] = (a[i] >> 32) as Word;
        i += 1;
    }
    out
}

/// a + b as (sum mod 2^256, carry).
#[inline(always)]
fn add(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let mut r = [0; WORDS];
    let mut carry = false;
    let mut i = 0;
    while i < WORDS {
        (r[i], carry) = a[i].carrying_add(b[i], carry);
        i += 1;
    }
    (r, carry)
}

/// a - b as (difference mod 2^256, borrow).
#[inline(always)]
fn sub(a: &Limbs, b: &Limbs) -> (Limbs, bool) {
    let mut r = [0; WORDS];
    let mut borrow = false;
    let mut i = 0;
    while i < WORDS {
        (r[i], borrow) = a[i].borrowing_sub(b[i], borrow);
        i += 1;
    }
    (r, borrow)
}

/// All ones if `bit`, else zero, hidden from the optimiser.
#[inline(always)]
fn mask(bit: bool) -> Word {
    opaque_u32(Word::from(bit).wrapping_neg())
}

/// `b` if the mask is all ones, `a` if it is zero.
#[inline(always)]
fn select_mask(mask: Word, a: &Limbs, b: &Limbs) -> Limbs {
    core::array::from_fn(|i| a[i] ^ (mask & (a[i] ^ b[i])))
}

/// `b` if `choice`, else `a`.
#[inline(always)]
pub(crate) fn select(a: &Limbs, b: &Limbs, choice: Choice) -> Limbs {
    select_mask(opaque_u32(Word::from(choice.unwrap_u8()).wrapping_neg()), a, b)
}

/// Copies `entry` over the all-zero `acc` if `i == wanted`: one step of a table scan.
#[inline(always)]
pub(crate) fn scan_step<const L: usize>(acc: &mut [Word; L], entry: &[Word; L], i: u8, wanted: u8) {
    let mask = opaque_u32((Word::from(i ^ wanted).wrapping_sub(1) >> 31).wrapping_neg());
    for (a, e) in acc.iter_mut().zip(entry) {
        *a |= e & mask;
    }
}

/// Whether a = 0.
pub(crate) fn is_zero(a: &Limbs) -> Choice {
    let any = a.iter().fold(0, |any, limb| any | limb);
    // The top bit of `any | -any` is set exactly if `any` is not zero.
    !Choice::from(((any | any.wrapping_neg()) >> 31) as u8)
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
    add(&difference, &m.map(|limb| limb & mask)).0
}

/// a / 2 mod p for a < p.
#[inline(always)]
pub(crate) fn halve_p(a: &Limbs) -> Limbs {
    let odd = mask(a[0] & 1 == 1);
    let (sum, carry) = add(a, &P.map(|limb| limb & odd));
    core::array::from_fn(|i| {
        let above = if i + 1 < WORDS { sum[i + 1] } else { Word::from(carry) };
        sum[i] >> 1 | above << 31
    })
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

/// t / 2^256 mod p for t < p * 2^256.
///
/// p = -1 mod 2^32: clearing the low limb m takes m * p, and dropping it leaves m * (p + 1) / 2^32, which has
/// four signed limbs and needs no multiplication.
#[inline(always)]
fn reduce_p(t: &[Word; 2 * WORDS]) -> Limbs {
    let (low, high) = t.split_at(WORDS);
    let mut r: Limbs = core::array::from_fn(|i| low[i]);
    for _ in 0..WORDS {
        let m = r[0];
        // m * (p + 1) / 2^32 = m * (2^224 - 2^192 - 2^64 + 2^32)
        let (q2, b) = 0_u32.borrowing_sub(m, false);
        let (q3, b) = 0_u32.borrowing_sub(0, b);
        let (q4, b) = 0_u32.borrowing_sub(0, b);
        let (q5, b) = 0_u32.borrowing_sub(0, b);
        let (q6, b) = 0_u32.borrowing_sub(m, b);
        let (q7, _) = m.borrowing_sub(0, b);
        r = add(&[r[1], r[2], r[3], r[4], r[5], r[6], r[7], 0], &[0, m, q2, q3, q4, q5, q6, q7]).0;
    }
    let (r, carry) = add(&r, &core::array::from_fn(|i| high[i]));
    subtract_once(&r, carry, &P)
}

/// a * b / 2^256 mod p for a, b < p.
pub(crate) fn mul_p(a: &Limbs, b: &Limbs) -> Limbs {
    reduce_p(&mul_wide(a, b))
}

/// a * a / 2^256 mod p for a < p.
pub(crate) fn sqr_p(a: &Limbs) -> Limbs {
    mul_p(a, a)
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
    subtract_once(&core::array::from_fn(|i| t[WORDS + i]), top, &N)
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
            carry = r[i] >> 31;
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
