//! The arithmetic that formulas run on where the processor has the instructions for it.

use super::{
    cpu::{Adx, Avx2},
    field, scan,
};
use crate::low::{Arithmetic, limbs::Limbs};

/// The kernels for one multiplication at a time.
#[derive(Clone, Copy)]
pub(crate) struct Native {
    adx: Adx,
    avx2: Avx2,
}

impl Native {
    #[inline]
    pub(crate) fn get() -> Option<Self> {
        Some(Self { adx: Adx::get()?, avx2: Avx2::get()? })
    }
}

impl Arithmetic for Native {
    #[inline(always)]
    fn mul_p(self, a: &Limbs, b: &Limbs) -> Limbs {
        field::mul_p(self.adx, a, b)
    }

    #[inline(always)]
    fn sqr_p(self, a: &Limbs) -> Limbs {
        field::sqr_p(self.adx, a)
    }

    #[inline(always)]
    fn add_p(self, a: &Limbs, b: &Limbs) -> Limbs {
        field::add_p(a, b)
    }

    #[inline(always)]
    fn sub_p(self, a: &Limbs, b: &Limbs) -> Limbs {
        field::sub_p(a, b)
    }

    #[inline(always)]
    fn halve_p(self, a: &Limbs) -> Limbs {
        field::halve_p(a)
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
        scan::scan(self.avx2, row, numbers, part, index, out);
    }
}
