//! Arithmetic mod p with MULX and two carry chains.
//!
//! The compiler does not keep two carry chains apart, so this is assembly. Operands are read from memory: 13 registers
//! are free (rbx and rbp are the compiler's), which is what eight limbs of a product, a factor, two halves of a product
//! and two addresses take.

use core::arch::asm;

use super::cpu::Adx;
use crate::low::limbs::{Limbs, P};

/// Adds `a[i] * b * 2^(64 i)`: the limbs `$lo` .. `$hi` are those of weight i to i + 4, `$hi` is new. XOR clears both
/// carries; ADCX takes the low halves of the products along in one of them, ADOX the high halves in the other.
macro_rules! add_row {
    ($i:literal, $lo:literal, $r1:literal, $r2:literal, $r3:literal, $hi:literal) => {
        concat!(
            "mov rdx, [{a} + 8 * ",
            $i,
            "]\n",
            "xor {",
            $hi,
            ":e}, {",
            $hi,
            ":e}\n",
            "mulx {t1}, {t0}, [{b}]\n",
            "adcx {",
            $lo,
            "}, {t0}\n",
            "adox {",
            $r1,
            "}, {t1}\n",
            "mulx {t1}, {t0}, [{b} + 8]\n",
            "adcx {",
            $r1,
            "}, {t0}\n",
            "adox {",
            $r2,
            "}, {t1}\n",
            "mulx {t1}, {t0}, [{b} + 16]\n",
            "adcx {",
            $r2,
            "}, {t0}\n",
            "adox {",
            $r3,
            "}, {t1}\n",
            "mulx {t1}, {t0}, [{b} + 24]\n",
            "adcx {",
            $r3,
            "}, {t0}\n",
            "adox {",
            $hi,
            "}, {t1}\n",
            // No carry is left: what is added is at most (2^64 - 1) * (2^256 - 1).
            "adc {",
            $hi,
            "}, 0\n",
        )
    };
}

/// One step of the reduction, as in the portable code: adds m p for the lowest limb m and drops it. The four limbs of
/// the result are `$r1`, `$r2`, `$r3` and `$m`. Sums are mod 2^256, which holds the result. rdx is 32.
macro_rules! reduce_step {
    ($m:literal, $r1:literal, $r2:literal, $r3:literal) => {
        concat!(
            "shlx {t0}, {",
            $m,
            "}, rdx\n",
            "shrx {t1}, {",
            $m,
            "}, rdx\n",
            // m (2^32 - 1)
            "mov {a}, {t0}\n",
            "mov {b}, {t1}\n",
            "sub {a}, {",
            $m,
            "}\n",
            "sbb {b}, 0\n",
            // m 2^192 - m (2^160 + 2^32 - 1)
            "sub {",
            $r1,
            "}, {a}\n",
            "sbb {",
            $r2,
            "}, {b}\n",
            "sbb {",
            $r3,
            "}, {t0}\n",
            "sbb {",
            $m,
            "}, {t1}\n",
        )
    };
}

/// The eight limbs `r0` .. `r7` / 2^256 mod p, canonical, in `r4` .. `r7`. The addresses `a` and `b` are lost.
macro_rules! reduce {
    () => {
        concat!(
            "mov edx, 32\n",
            reduce_step!("r0", "r1", "r2", "r3"),
            reduce_step!("r1", "r2", "r3", "r0"),
            reduce_step!("r2", "r3", "r0", "r1"),
            reduce_step!("r3", "r0", "r1", "r2"),
            "xor {t0:e}, {t0:e}\n",
            "add {r4}, {r0}\n",
            "adc {r5}, {r1}\n",
            "adc {r6}, {r2}\n",
            "adc {r7}, {r3}\n",
            "adc {t0}, 0\n",
            // - p, kept unless it borrows.
            "mov {r0}, {r4}\n",
            "mov {r1}, {r5}\n",
            "mov {r2}, {r6}\n",
            "mov {r3}, {r7}\n",
            "sub {r0}, -1\n",
            "sbb {r1}, [rip + {p} + 8]\n",
            "sbb {r2}, -1\n",
            "sbb {r3}, [rip + {p} + 24]\n",
            "sbb {t0}, 0\n",
            "cmovnc {r4}, {r0}\n",
            "cmovnc {r5}, {r1}\n",
            "cmovnc {r6}, {r2}\n",
            "cmovnc {r7}, {r3}\n",
        )
    };
}

/// p, for instructions that read it.
static MODULUS: Limbs = P;

const _: () = assert!(P[0] == u64::MAX && P[2] == u64::MAX, "the immediate -1 above");

/// a * b / 2^256 mod p for a, b < p. Constant time.
#[expect(unsafe_code, reason = "assembly")]
#[inline(always)]
pub(super) fn mul_p(_cpu: Adx, a: &Limbs, b: &Limbs) -> Limbs {
    let (r4, r5, r6, r7);
    // SAFETY: the token proves that the processor has the instructions. Reads the 32 bytes at each of `a` and `b`,
    // which the references make valid, and the constant, writes no memory, has no branch, and names every register it changes.
    unsafe {
        asm!(
            "mov rdx, [{a}]",
            "mulx {r1}, {r0}, [{b}]",
            "mulx {r2}, {t0}, [{b} + 8]",
            "add {r1}, {t0}",
            "mulx {r3}, {t0}, [{b} + 16]",
            "adc {r2}, {t0}",
            "mulx {r4}, {t0}, [{b} + 24]",
            "adc {r3}, {t0}",
            "adc {r4}, 0",
            add_row!("1", "r1", "r2", "r3", "r4", "r5"),
            add_row!("2", "r2", "r3", "r4", "r5", "r6"),
            add_row!("3", "r3", "r4", "r5", "r6", "r7"),
            reduce!(),
            a = inout(reg) a.as_ptr() => _,
            b = inout(reg) b.as_ptr() => _,
            p = sym MODULUS,
            r0 = out(reg) _, r1 = out(reg) _, r2 = out(reg) _, r3 = out(reg) _,
            r4 = out(reg) r4, r5 = out(reg) r5, r6 = out(reg) r6, r7 = out(reg) r7,
            t0 = out(reg) _, t1 = out(reg) _, out("rdx") _,
            options(pure, readonly, nostack),
        );
    }
    [r4, r5, r6, r7]
}

/// a * a / 2^256 mod p for a < p. Constant time.
#[expect(unsafe_code, reason = "assembly")]
#[inline(always)]
pub(super) fn sqr_p(_cpu: Adx, a: &Limbs) -> Limbs {
    let (r4, r5, r6, r7);
    // SAFETY: as in `mul_p`.
    unsafe {
        asm!(
            // The six products of different limbs, in r1 .. r6.
            "mov rdx, [{a}]",
            "mulx {r2}, {r1}, [{a} + 8]",
            "mulx {r3}, {t0}, [{a} + 16]",
            "add {r2}, {t0}",
            "mulx {r4}, {t0}, [{a} + 24]",
            "adc {r3}, {t0}",
            "adc {r4}, 0",
            "mov rdx, [{a} + 8]",
            "xor {r5:e}, {r5:e}",
            "mulx {t1}, {t0}, [{a} + 16]",
            "adcx {r3}, {t0}",
            "adox {r4}, {t1}",
            "mulx {t1}, {t0}, [{a} + 24]",
            "adcx {r4}, {t0}",
            "adox {r5}, {t1}",
            "mov rdx, [{a} + 16]",
            "mulx {r6}, {t0}, [{a} + 24]",
            "adcx {r5}, {t0}",
            "adc {r6}, 0",
            // Doubled in one carry chain, the squares of the limbs added in the other.
            "xor {r7:e}, {r7:e}",
            "mov rdx, [{a}]",
            "mulx {t1}, {r0}, rdx",
            "adcx {r1}, {r1}",
            "adox {r1}, {t1}",
            "mov rdx, [{a} + 8]",
            "mulx {t1}, {t0}, rdx",
            "adcx {r2}, {r2}",
            "adox {r2}, {t0}",
            "adcx {r3}, {r3}",
            "adox {r3}, {t1}",
            "mov rdx, [{a} + 16]",
            "mulx {t1}, {t0}, rdx",
            "adcx {r4}, {r4}",
            "adox {r4}, {t0}",
            "adcx {r5}, {r5}",
            "adox {r5}, {t1}",
            "mov rdx, [{a} + 24]",
            "mulx {t1}, {t0}, rdx",
            "adcx {r6}, {r6}",
            "adox {r6}, {t0}",
            "adcx {r7}, {r7}",
            "adox {r7}, {t1}",
            reduce!(),
            a = inout(reg) a.as_ptr() => _,
            b = out(reg) _,
            p = sym MODULUS,
            r0 = out(reg) _, r1 = out(reg) _, r2 = out(reg) _, r3 = out(reg) _,
            r4 = out(reg) r4, r5 = out(reg) r5, r6 = out(reg) r6, r7 = out(reg) r7,
            t0 = out(reg) _, t1 = out(reg) _, out("rdx") _,
            options(pure, readonly, nostack),
        );
    }
    [r4, r5, r6, r7]
}

/// Adds p to `r0` .. `r3` if `m` is all ones, nothing if it is 0.
macro_rules! add_p_if_mask {
    () => {
        concat!(
            "mov {u}, {m}\n",
            "shl {u}, 32\n",
            "lea {v}, [{m} + {u}]\n",
            "add {r0}, {m}\n",
            "adc {r1}, {u}\n",
            "adc {r2}, {m}\n",
            "adc {r3}, {v}\n",
        )
    };
}

/// a + b mod p for a, b < p. Constant time.
#[expect(unsafe_code, reason = "assembly")]
#[inline(always)]
pub(super) fn add_p(a: &Limbs, b: &Limbs) -> Limbs {
    let [mut r0, mut r1, mut r2, mut r3] = *a;
    // SAFETY: every x86-64 processor has the instructions. Reads the 32 bytes at `b`, which the reference makes valid,
    // and the constant, writes no memory, has no branch, and names every register it changes.
    unsafe {
        asm!(
            "add {r0}, [{b}]",
            "adc {r1}, [{b} + 8]",
            "adc {r2}, [{b} + 16]",
            "adc {r3}, [{b} + 24]",
            "sbb {m}, {m}",
            // - p, kept unless it borrows more than the carry.
            "mov {s0}, {r0}",
            "mov {s1}, {r1}",
            "mov {s2}, {r2}",
            "mov {s3}, {r3}",
            "sub {s0}, -1",
            "sbb {s1}, [rip + {p} + 8]",
            "sbb {s2}, -1",
            "sbb {s3}, [rip + {p} + 24]",
            "sbb {m}, 0",
            "cmovnc {r0}, {s0}",
            "cmovnc {r1}, {s1}",
            "cmovnc {r2}, {s2}",
            "cmovnc {r3}, {s3}",
            b = in(reg) b.as_ptr(),
            p = sym MODULUS,
            r0 = inout(reg) r0, r1 = inout(reg) r1, r2 = inout(reg) r2, r3 = inout(reg) r3,
            s0 = out(reg) _, s1 = out(reg) _, s2 = out(reg) _, s3 = out(reg) _,
            m = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// a - b mod p for a, b < p. Constant time.
#[expect(unsafe_code, reason = "assembly")]
#[inline(always)]
pub(super) fn sub_p(a: &Limbs, b: &Limbs) -> Limbs {
    let [mut r0, mut r1, mut r2, mut r3] = *a;
    // SAFETY: as in `add_p`.
    unsafe {
        asm!(
            "sub {r0}, [{b}]",
            "sbb {r1}, [{b} + 8]",
            "sbb {r2}, [{b} + 16]",
            "sbb {r3}, [{b} + 24]",
            "sbb {m}, {m}",
            add_p_if_mask!(),
            b = in(reg) b.as_ptr(),
            r0 = inout(reg) r0, r1 = inout(reg) r1, r2 = inout(reg) r2, r3 = inout(reg) r3,
            m = out(reg) _, u = out(reg) _, v = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    [r0, r1, r2, r3]
}

/// a / 2 mod p for a < p. Constant time.
#[expect(unsafe_code, reason = "assembly")]
#[inline(always)]
pub(super) fn halve_p(a: &Limbs) -> Limbs {
    let [mut r0, mut r1, mut r2, mut r3] = *a;
    // SAFETY: every x86-64 processor has the instructions. Touches no memory, has no branch, and names every register
    // it changes.
    unsafe {
        asm!(
            "mov {m}, {r0}",
            "and {m}, 1",
            "neg {m}",
            add_p_if_mask!(),
            "rcr {r3}, 1",
            "rcr {r2}, 1",
            "rcr {r1}, 1",
            "rcr {r0}, 1",
            r0 = inout(reg) r0, r1 = inout(reg) r1, r2 = inout(reg) r2, r3 = inout(reg) r3,
            m = out(reg) _, u = out(reg) _, v = out(reg) _,
            options(pure, nomem, nostack),
        );
    }
    [r0, r1, r2, r3]
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{eprintln, vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;
    use crate::low::limbs;

    fn check(cpu: Adx, a: &Limbs, b: &Limbs) {
        assert_eq!(mul_p(cpu, a, b), limbs::mul_p(a, b), "{a:x?} {b:x?}");
        assert_eq!(sqr_p(cpu, a), limbs::sqr_p(a), "{a:x?}");
        assert_eq!(add_p(a, b), limbs::add_mod(a, b, &P), "{a:x?} {b:x?}");
        assert_eq!(sub_p(a, b), limbs::sub_mod(a, b, &P), "{a:x?} {b:x?}");
        assert_eq!(halve_p(a), limbs::halve_p(a), "{a:x?}");
    }

    /// Numbers below p where carries and the final subtraction are decided.
    fn edges() -> Vec<Limbs> {
        let mut all = vec![limbs::to_montgomery_const(&[1, 0, 0, 0], &P)];
        all.push(limbs::to_montgomery_const(&all[0], &P));
        for v in 0..4 {
            all.extend([[v, 0, 0, 0], limbs::sub_mod(&[0; 4], &[v, 0, 0, 0], &P)]);
        }
        for bit in 0..256 {
            let mut power = [0; 4];
            power[bit / 64] = 1 << (bit % 64);
            all.push(limbs::reduce_once(&power, &P));
            all.push(limbs::sub_mod(&[0; 4], &limbs::reduce_once(&power, &P), &P));
        }
        // All combinations of limbs of zeros, ones and the limbs of p.
        let values = [0, 1, u64::MAX, P[1], P[3], u64::MAX - 1];
        for i in 0..values.len().pow(4) {
            let limbs = [i, i / 6, i / 36, i / 216].map(|i| values[i % 6]);
            all.push(limbs::reduce_once(&limbs, &P));
        }
        all
    }

    #[test]
    fn edges_as_portable() {
        let Some(cpu) = Adx::get() else { return eprintln!("skipped: no ADX") };
        let edges = edges();
        for a in &edges {
            for b in &edges {
                check(cpu, a, b);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn any_as_portable(a: Limbs, b: Limbs) {
            if let Some(cpu) = Adx::get() {
                check(cpu, &limbs::reduce_once(&a, &P), &limbs::reduce_once(&b, &P));
            }
        }
    }
}
