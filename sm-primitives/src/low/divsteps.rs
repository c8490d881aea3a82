//! Inversion mod p and mod n by division steps; in constant time, and faster for public numbers.
//!
//! Source: Bernstein and Yang, "Fast constant-time gcd computation and modular inversion", TCHES 2019(3), with the
//! start at delta = 1/2, for which 590 steps are enough for 256-bit inputs (Wuille, "bounds on safegcd", 2021).
//! Steps are done 59 at a time on the low limbs; what they do to the whole numbers is then one 2 x 2 matrix.

use super::{
    barrier::opaque_u64,
    limbs::{self, Limbs},
};

/// Bits of a limb here; the limbs of a number are below 2^62 but the highest, which has the sign.
const BITS: u32 = 62;
const MASK: u64 = u64::MAX >> 2;
/// A signed number of up to 310 bits, least significant limb first.
type Signed = [i64; 5];

/// Steps in one batch. The matrix has 2^62 as denominator.
const STEPS: u32 = 59;
const BATCHES: u32 = 10;

/// An odd modulus.
struct Modulus {
    value: Signed,
    /// Its inverse mod 2^62.
    inverse: u64,
    /// 2^512 mod it: the inverse of a Montgomery form is the inverse times this, in Montgomery form.
    r_squared: Signed,
}

impl Modulus {
    const fn new(m: &Limbs) -> Self {
        let mut one = [0; limbs::WORDS];
        one[0] = 1;
        let r = limbs::to_montgomery_const(&one, m);
        let value = split(&limbs::to_u64s(m));
        // Newton: an odd number is its own inverse mod 8, and each round doubles the number of right bits.
        let m0 = value[0].cast_unsigned();
        let mut inverse = m0;
        let mut round = 0;
        while round < 5 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(m0.wrapping_mul(inverse)));
            round += 1;
        }
        Self {
            value,
            inverse: inverse & MASK,
            r_squared: split(&limbs::to_u64s(&limbs::to_montgomery_const(&r, m))),
        }
    }
}

static P: Modulus = Modulus::new(&limbs::P);
static N: Modulus = Modulus::new(&limbs::N);

/// a^-1 * 2^512 mod p for a < p, and 0 for 0: the inverse of a number in Montgomery form.
pub(crate) fn invert_p(a: &Limbs) -> Limbs {
    invert(a, &P)
}

/// a^-1 * 2^512 mod n for a < n, and 0 for 0: the inverse of a number in Montgomery form.
pub(crate) fn invert_n(a: &Limbs) -> Limbs {
    invert(a, &N)
}

/// As [`invert_p`]. Variable time.
pub(crate) fn invert_p_vartime(a: &Limbs) -> Limbs {
    let mut state = State::new(a, &P);
    let mut eta = -1;
    while state.g != [0; 5] {
        let matrix;
        (eta, matrix) = steps_vartime(eta, state.f[0], state.g[0]);
        state.apply(&matrix);
    }
    state.result()
}

fn invert(a: &Limbs, m: &'static Modulus) -> Limbs {
    let mut state = State::new(a, m);
    let mut zeta = -1;
    for _ in 0..BATCHES {
        let matrix;
        (zeta, matrix) = steps(zeta, state.f[0], state.g[0]);
        state.apply(&matrix);
    }
    state.result()
}

/// f = +-gcd and g = 0 in the end. All the while d * a = f * R^2 and e * a = g * R^2 mod m.
struct State {
    f: Signed,
    g: Signed,
    d: Signed,
    e: Signed,
    m: &'static Modulus,
}

impl State {
    fn new(a: &Limbs, m: &'static Modulus) -> Self {
        Self { f: m.value, g: split(&limbs::to_u64s(a)), d: [0; 5], e: m.r_squared, m }
    }

    #[inline(always)]
    fn apply(&mut self, matrix: &Matrix) {
        (self.d, self.e) = matrix.apply_mod(&self.d, &self.e, self.m);
        (self.f, self.g) = matrix.apply(&self.f, &self.g);
    }

    fn result(&self) -> Limbs {
        // f is 1 or -1, or, for a = 0, +-m with d = 0.
        limbs::from_u64s(&join(&normalize(self.d, self.f[4], self.m)))
    }
}

/// 2^-62 times this takes the numbers (f, g) to where 59 steps leave them.
struct Matrix {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

/// All ones if x < 0, else zero; the optimiser does not know that it is one of the two.
#[inline(always)]
fn sign_mask(x: i64) -> i64 {
    opaque_u64((x >> 63).cast_unsigned()).cast_signed()
}

/// Steps in one run on packed rows.
const RUN: u32 = 20;
/// Bits of a field of a packed row: those of a number between -2^RUN and 2^RUN, the latter not included.
const FIELD: u32 = RUN + 1;

/// 59 steps from the low bits of f and g, and from zeta = -(delta + 1/2), whose new value comes first.
///
/// Up to 20 steps need 20 bits of f and g, and the matrix that they make has numbers of 21 bits: so a row of it and its
/// number are one word, and a step is done on two words, not six. Source of this: the word-level steps of s2n-bignum.
fn steps(zeta: i64, f: i64, g: i64) -> (i64, Matrix) {
    let (zeta, first) = run::<RUN>(zeta, f, g);
    let (f, g) = first.apply_word(f, g);
    let (zeta, second) = run::<RUN>(zeta, f, g);
    let (f, g) = second.apply_word(f, g);
    let (zeta, third) = run::<{ STEPS - 2 * RUN }>(zeta, f, g);
    // Each has 2^20 as denominator, the last for 19 steps, so 2^60 in all; and each is minus what it should be.
    let product = third.times(&second).times(&first);
    let [u, v, q, r] = [product.u, product.v, product.q, product.r].map(|entry| entry.wrapping_mul(-4));
    (zeta, Matrix { u, v, q, r })
}

/// `COUNT` <= 20 steps. Of f and g the low `COUNT` bits are used. The matrix is -2^20 times that of the steps.
///
/// One step takes (delta, f, g) to (1 - delta, g, (g - f) / 2) if delta > 0 and g is odd, else to
/// (1 + delta, f, (g + (g mod 2) f) / 2).
///
/// A row (f, u, v) is f + 2^21 u + 2^42 v. |u| + |v| <= 2^20 all the while. That a number is 2^20 or -2^20 is so in the
/// first rows only, as two such rows would not be independent: with the minus sign all have 21 bits.
fn run<const COUNT: u32>(mut zeta: i64, f: i64, g: i64) -> (i64, Matrix) {
    const { assert!(COUNT <= RUN) };
    let low = (1 << RUN) - 1;
    let mut f = (f & low) - (1 << (RUN + FIELD));
    let mut g = (g & low).wrapping_sub(1 << (RUN + 2 * FIELD));
    for _ in 0..COUNT {
        let swap = sign_mask(zeta);
        let odd = opaque_u64((g & 1).cast_unsigned()).cast_signed().wrapping_neg();
        let difference = f ^ g;
        // g +- f if g is odd.
        g = g.wrapping_add(((f ^ swap).wrapping_sub(swap)) & odd) >> 1;
        let swap = swap & odd;
        f ^= difference & swap;
        zeta = (zeta ^ swap).wrapping_sub(1);
    }
    let [(u, v), (q, r)] = [f, g].map(|row| {
        // Rounds away the field below, whose sign counts in the one above.
        let upper = row.wrapping_add(1 << (FIELD - 1));
        let top = upper.wrapping_add(1 << (2 * FIELD - 1)) >> (2 * FIELD);
        ((upper << (64 - 2 * FIELD)) >> (64 - FIELD), top)
    });
    (zeta, Matrix { u, v, q, r })
}

/// 62 steps from the low bits of f and g, and from eta = -delta with a start at delta = 1. Variable time.
///
/// Steps that only halve g are taken at once; of those in a row which add multiples of f, up to six.
fn steps_vartime(mut eta: i64, f: i64, g: i64) -> (i64, Matrix) {
    let (mut f, mut g) = (f.cast_unsigned(), g.cast_unsigned());
    let (mut u, mut v, mut q, mut r) = (1_u64, 0_u64, 0_u64, 1_u64);
    let mut left = BITS;
    loop {
        let zeros = (g | u64::MAX << left).trailing_zeros();
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= i64::from(zeros);
        left -= zeros;
        if left == 0 {
            break;
        }
        if eta < 0 {
            eta = -eta;
            (f, g) = (g, f.wrapping_neg());
            (u, q) = (q, u.wrapping_neg());
            (v, r) = (r, v.wrapping_neg());
        }
        // The multiple w of f that clears low bits of g: as many as there are steps before the next swap, and as the
        // inverse of f has right bits. f (2 - f^2) is 1 / f mod 64.
        let bits = u64::from(left).min(eta.cast_unsigned() + 1).min(6);
        let inverse = f.wrapping_mul(2_u64.wrapping_sub(f.wrapping_mul(f)));
        let w = g.wrapping_mul(inverse).wrapping_neg() & ((1 << bits) - 1);
        g = g.wrapping_add(f.wrapping_mul(w));
        q = q.wrapping_add(u.wrapping_mul(w));
        r = r.wrapping_add(v.wrapping_mul(w));
    }
    let [u, v, q, r] = [u, v, q, r].map(u64::cast_signed);
    (eta, Matrix { u, v, q, r })
}

/// A sum that does not overflow, without the check of debug builds, which is a branch on secrets.
#[inline(always)]
fn sum<const N: usize>(terms: [i128; N]) -> i128 {
    terms.into_iter().fold(0, i128::wrapping_add)
}

#[inline(always)]
fn product(a: i64, b: i64) -> i128 {
    i128::from(a).wrapping_mul(i128::from(b))
}

/// The low 62 bits of x.
#[inline(always)]
fn low(x: i128) -> i64 {
    (low_64(x) & MASK).cast_signed()
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
fn low_64(x: i128) -> u64 {
    x as u64
}

impl Matrix {
    /// -2^-20 times the matrix times (f, g) for its low bits: of those that are right 20 less.
    #[inline(always)]
    fn apply_word(&self, f: i64, g: i64) -> (i64, i64) {
        let row = |a: i64, b: i64| a.wrapping_mul(f).wrapping_add(b.wrapping_mul(g)).wrapping_neg() >> RUN;
        (row(self.u, self.v), row(self.q, self.r))
    }

    #[inline(always)]
    fn times(&self, b: &Self) -> Self {
        let entry = |a: i64, b: i64, c: i64, d: i64| a.wrapping_mul(b).wrapping_add(c.wrapping_mul(d));
        Self {
            u: entry(self.u, b.u, self.v, b.q),
            v: entry(self.u, b.v, self.v, b.r),
            q: entry(self.q, b.u, self.r, b.q),
            r: entry(self.q, b.v, self.r, b.r),
        }
    }

    /// 2^-62 times the matrix times (f, g), which is exact.
    fn apply(&self, f: &Signed, g: &Signed) -> (Signed, Signed) {
        let mut out = ([0; 5], [0; 5]);
        let mut cf = sum([product(self.u, f[0]), product(self.v, g[0])]);
        let mut cg = sum([product(self.q, f[0]), product(self.r, g[0])]);
        for i in 1..5 {
            cf = sum([cf >> BITS, product(self.u, f[i]), product(self.v, g[i])]);
            cg = sum([cg >> BITS, product(self.q, f[i]), product(self.r, g[i])]);
            (out.0[i - 1], out.1[i - 1]) = (low(cf), low(cg));
        }
        (out.0[4], out.1[4]) = (low_64(cf >> BITS).cast_signed(), low_64(cg >> BITS).cast_signed());
        out
    }

    /// 2^-62 times the matrix times (d, e) mod m. In and out: more than -2 m, less than m.
    fn apply_mod(&self, d: &Signed, e: &Signed, m: &Modulus) -> (Signed, Signed) {
        let (negative_d, negative_e) = (sign_mask(d[4]), sign_mask(e[4]));
        // Multiples of m: one for each negative number, as if m had been added to it, then what clears the low limb.
        let md = (self.u & negative_d).wrapping_add(self.v & negative_e);
        let me = (self.q & negative_d).wrapping_add(self.r & negative_e);
        let cd = sum([product(self.u, d[0]), product(self.v, e[0])]);
        let ce = sum([product(self.q, d[0]), product(self.r, e[0])]);
        let clear = |c: i128, m_times: i64| {
            (m.inverse.wrapping_mul(low_64(c)).wrapping_add(m_times.cast_unsigned()) & MASK).cast_signed()
        };
        let (md, me) = (md.wrapping_sub(clear(cd, md)), me.wrapping_sub(clear(ce, me)));
        let mut cd = sum([cd, product(m.value[0], md)]);
        let mut ce = sum([ce, product(m.value[0], me)]);
        let mut out = ([0; 5], [0; 5]);
        for i in 1..5 {
            cd = sum([cd >> BITS, product(self.u, d[i]), product(self.v, e[i]), product(m.value[i], md)]);
            ce = sum([ce >> BITS, product(self.q, d[i]), product(self.r, e[i]), product(m.value[i], me)]);
            (out.0[i - 1], out.1[i - 1]) = (low(cd), low(ce));
        }
        (out.0[4], out.1[4]) = (low_64(cd >> BITS).cast_signed(), low_64(ce >> BITS).cast_signed());
        out
    }
}

/// d, or -d if `sign` is all ones, mod m and not negative, for -2 m < d < m.
fn normalize(d: Signed, sign: i64, m: &Modulus) -> Signed {
    let sign = sign_mask(sign);
    // -m < d < m, then the sign, then 0 <= d < m.
    let mut r = carry(add_if(&d, sign_mask(d[4]), m));
    r = carry(r.map(|limb| (limb ^ sign).wrapping_sub(sign)));
    carry(add_if(&r, sign_mask(r[4]), m))
}

fn add_if(d: &Signed, mask: i64, m: &Modulus) -> Signed {
    core::array::from_fn(|i| d[i].wrapping_add(m.value[i] & mask))
}

/// Brings all limbs but the highest into 0 .. 2^62.
fn carry(mut d: Signed) -> Signed {
    for i in 0..4 {
        d[i + 1] = d[i + 1].wrapping_add(d[i] >> BITS);
        d[i] &= MASK.cast_signed();
    }
    d
}

/// 256 bits in limbs of 62.
const fn split(a: &[u64; 4]) -> Signed {
    [
        (a[0] & MASK).cast_signed(),
        ((a[0] >> 62 | a[1] << 2) & MASK).cast_signed(),
        ((a[1] >> 60 | a[2] << 4) & MASK).cast_signed(),
        ((a[2] >> 58 | a[3] << 6) & MASK).cast_signed(),
        (a[3] >> 56).cast_signed(),
    ]
}

/// The inverse of [`split`].
fn join(a: &Signed) -> [u64; 4] {
    let a = a.map(i64::cast_unsigned);
    [a[0] | a[1] << 62, a[1] >> 2 | a[2] << 60, a[2] >> 4 | a[3] << 58, a[3] >> 6 | a[4] << 56]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn split_and_join() {
        for a in [[0; 4], [u64::MAX; 4], [1, 2, 3, 4], [1 << 63, 0, 1 << 63, 1 << 63]] {
            assert_eq!(join(&split(&a)), a);
        }
    }

    /// Both ends of the range that the steps leave, and both signs.
    #[test]
    fn normal_form() {
        for m in [&P, &N] {
            let times = |factor: i64, plus: i64| {
                let mut r = m.value.map(|limb| limb.wrapping_mul(factor));
                r[0] += plus;
                carry(r)
            };
            let expected = |plus| times(i64::from(plus < 0), plus);
            for (d, value) in [
                (times(-2, 1), 1),
                (times(-1, 0), 0),
                (times(-1, -1), -1),
                (times(0, 0), 0),
                (times(1, -1), -1),
            ] {
                assert_eq!(normalize(d, 0, m), expected(value));
                assert_eq!(normalize(d, -1, m), expected(-value));
            }
        }
    }

    /// Products of a number and its inverse, over both moduli.
    fn check(a: &Limbs) {
        let one = |m: &Limbs| {
            limbs::to_montgomery_const(&limbs::from_be_bytes(&core::array::from_fn(|i| u8::from(i == 31))), m)
        };
        let (ap, an) = (limbs::reduce_once(a, &limbs::P), limbs::reduce_once(a, &limbs::N));
        if bool::from(limbs::is_zero(&ap)) {
            assert_eq!(invert_p(&ap), ap);
            assert_eq!(invert_p_vartime(&ap), ap);
        } else {
            assert_eq!(limbs::mul_p(&ap, &invert_p(&ap)), one(&limbs::P));
            assert_eq!(invert_p_vartime(&ap), invert_p(&ap));
        }
        if bool::from(limbs::is_zero(&an)) {
            assert_eq!(invert_n(&an), an);
        } else {
            assert_eq!(limbs::mul_n(&an, &invert_n(&an)), one(&limbs::N));
        }
    }

    #[test]
    fn edges() {
        for i in 0..256 {
            let power: [u8; 32] = core::array::from_fn(|j| if 31 - j == i / 8 { 1 << (i % 8) } else { 0 });
            let power = limbs::from_be_bytes(&power);
            check(&power);
            for m in [limbs::P, limbs::N] {
                let zero = [0; limbs::WORDS];
                check(&limbs::sub_mod(&zero, &limbs::reduce_once(&power, &m), &m));
            }
        }
        check(&[0; limbs::WORDS]);
        check(&[limbs::Word::MAX; limbs::WORDS]);
        check(&limbs::P);
        check(&limbs::N);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn any(a: [u8; 32], zeros in 0_usize..32) {
            let mut a = a;
            check(&limbs::from_be_bytes(&a));
            a[..zeros].fill(0);
            check(&limbs::from_be_bytes(&a));
        }
    }
}
