//! What the formulas of the curve run on: the arithmetic of this target, or kernels that need a better processor.
//!
//! Formulas are written once, over [`Arithmetic`], and compiled for each implementation. A value of an implementation
//! takes no space; that it exists proves that its instructions may be used.

use super::limbs::{self, Limbs};

/// Parts in which a row of a table is scanned.
pub(crate) const PARTS: usize = 4;

/// Arithmetic mod p and table scans, all in constant time.
pub(crate) trait Arithmetic: Copy {
    /// a * b / 2^256 mod p for a, b < p.
    fn mul_p(self, a: &Limbs, b: &Limbs) -> Limbs;

    /// a * a / 2^256 mod p for a < p.
    fn sqr_p(self, a: &Limbs) -> Limbs;

    /// a + b mod p for a, b < p.
    fn add_p(self, a: &Limbs, b: &Limbs) -> Limbs;

    /// a - b mod p for a, b < p.
    fn sub_p(self, a: &Limbs, b: &Limbs) -> Limbs;

    /// a / 2 mod p for a < p.
    fn halve_p(self, a: &Limbs) -> Limbs;

    /// Copies the numbers of entry `index` of `row` to `out` if it is in part `part` of [`PARTS`]. Reads all of that
    /// part. `out` is zero unless it has been found. `row` has 16 to 128 entries, a multiple of 16.
    fn scan<T, const E: usize, const L: usize>(
        self,
        row: &[T; E],
        numbers: impl Fn(&T) -> [&Limbs; L],
        part: usize,
        index: u8,
        out: &mut [Limbs; L],
    );
}

/// The limb arithmetic of this target.
#[derive(Clone, Copy, Default)]
pub(crate) struct Portable;

impl Arithmetic for Portable {
    #[inline(always)]
    fn mul_p(self, a: &Limbs, b: &Limbs) -> Limbs {
        limbs::mul_p(a, b)
    }

    #[inline(always)]
    fn sqr_p(self, a: &Limbs) -> Limbs {
        limbs::sqr_p(a)
    }

    #[inline(always)]
    fn add_p(self, a: &Limbs, b: &Limbs) -> Limbs {
        limbs::add_mod(a, b, &limbs::P)
    }

    #[inline(always)]
    fn sub_p(self, a: &Limbs, b: &Limbs) -> Limbs {
        limbs::sub_mod(a, b, &limbs::P)
    }

    #[inline(always)]
    fn halve_p(self, a: &Limbs) -> Limbs {
        limbs::halve_p(a)
    }

    #[inline(always)]
    fn scan<T, const E: usize, const L: usize>(
        self,
        row: &[T; E],
        numbers: impl Fn(&T) -> [&Limbs; L],
        part: usize,
        index: u8,
        out: &mut [Limbs; L],
    ) {
        for (i, entry) in (0..=u8::MAX).zip(row).skip(part).step_by(PARTS) {
            for (out, limbs) in out.iter_mut().zip(numbers(entry)) {
                limbs::scan_step(out, limbs, i, index);
            }
        }
    }
}

/// Computes `$result` with `$arithmetic` standing for the best arithmetic of this processor.
macro_rules! with_best_arithmetic {
    ($arithmetic:ident => $result:expr) => {{
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if let Some($arithmetic) = $crate::low::x86_64::Native::get() {
            return $result;
        }
        let $arithmetic = $crate::low::Portable;
        $result
    }};
}
pub(crate) use with_best_arithmetic;
