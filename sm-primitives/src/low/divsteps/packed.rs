//! Division steps on packed rows: the inner loop of an inversion in constant time.

#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) use x86_64::packed_steps;

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(super) use portable::packed_steps;

#[cfg(any(test, not(all(target_arch = "x86_64", not(miri)))))]
mod portable {
    use super::super::sign_mask;
    use crate::low::barrier::opaque_u64;

    /// `COUNT` steps: (zeta, f, g) after them, where f and g are rows, and zeta = -(delta + 1/2).
    ///
    /// One step takes (delta, f, g) to (1 - delta, g, (g - f) / 2) if delta > 0 and g is odd, else to
    /// (1 + delta, f, (g + (g mod 2) f) / 2).
    pub(in super::super) fn packed_steps<const COUNT: u32>(
        mut zeta: i64,
        mut f: i64,
        mut g: i64,
    ) -> (i64, i64, i64) {
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
        (zeta, f, g)
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod x86_64 {
    use core::arch::asm;

    /// As the portable function: 3 to 4 cycles for a step, as everything that an odd g leads to is computed before it is
    /// known whether g is odd. The compiler makes masks of the conditions, which take longer than conditional moves.
    #[expect(unsafe_code, reason = "assembly")]
    pub(in super::super) fn packed_steps<const COUNT: u32>(
        mut zeta: i64,
        mut f: i64,
        mut g: i64,
    ) -> (i64, i64, i64) {
        // SAFETY: every x86-64 processor has the instructions. Touches no memory, has no branch, and names every register
        // it changes.
        unsafe {
            asm!(
                "mov {sum}, {f}",
                "neg {sum}",
                "test {zeta}, {zeta}",
                ".rept {count}",
                // For an odd g, and by the sign of zeta: -1 - zeta or zeta, g or f, g - f or g + f. `sum` is -f.
                "mov {next_zeta}, {zeta}",
                "mov {next_f}, {f}",
                "not {next_zeta}",
                "cmovns {sum}, {f}",
                "cmovns {next_zeta}, {zeta}",
                "cmovs {next_f}, {g}",
                "add {sum}, {g}",
                "test {g:l}, 1",
                "cmovnz {f}, {next_f}",
                "cmovnz {zeta}, {next_zeta}",
                "cmovnz {g}, {sum}",
                "mov {sum}, {f}",
                "sar {g}, 1",
                "neg {sum}",
                "dec {zeta}",
                ".endr",
                count = const COUNT,
                zeta = inout(reg) zeta,
                f = inout(reg) f,
                g = inout(reg) g,
                sum = out(reg) _,
                next_zeta = out(reg) _,
                next_f = out(reg) _,
                options(pure, nomem, nostack),
            );
        }
        (zeta, f, g)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn as_portable(zeta in -1300_i64..1300, f: i64, g: i64) {
            prop_assert_eq!(packed_steps::<1>(zeta, f, g), portable::packed_steps::<1>(zeta, f, g));
            prop_assert_eq!(packed_steps::<20>(zeta, f, g), portable::packed_steps::<20>(zeta, f, g));
        }
    }
}
