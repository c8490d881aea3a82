//! Optimisation barrier for masks.
//!
//! `x & mask` runs in constant time only as long as the compiler does not find out that the mask is all zeros or
//! all ones; once it does, it may turn the selection back into a branch. Every mask passes through here first.

/// Defines a barrier for a word that the named architectures hold in one register.
macro_rules! barrier {
    ($name:ident, $word:ty, $($arch:literal),+) => {
        /// Returns `mask`; the optimiser can conclude nothing about its value.
        #[cfg(all(any($(target_arch = $arch),+), not(miri)))]
        #[expect(unsafe_code, reason = "an empty assembly line leaves the value in its register")]
        #[inline(always)]
        pub(super) fn $name(mut mask: $word) -> $word {
            // SAFETY: the template is a comment. It has no instruction, touches no memory, flag or stack, and the
            // one register it names keeps its value.
            unsafe {
                core::arch::asm!("/* {0} */", inout(reg) mask, options(pure, nomem, nostack, preserves_flags));
            }
            mask
        }

        /// Returns `mask`; the optimiser is asked to conclude nothing about its value.
        #[cfg(not(all(any($(target_arch = $arch),+), not(miri))))]
        #[inline(always)]
        pub(super) fn $name(mask: $word) -> $word {
            core::hint::black_box(mask)
        }
    };
}

barrier!(opaque_u64, u64, "x86_64", "aarch64", "riscv64");
#[cfg(any(test, not(target_pointer_width = "64")))]
barrier!(opaque_u32, u32, "x86", "arm", "riscv32");

/// Returns `value`; the optimiser does not know that it is the same place in memory, and reads it anew.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[expect(unsafe_code, reason = "an empty assembly line leaves the pointer in its register")]
#[inline(always)]
pub(super) fn opaque_ref<T>(value: &T) -> &T {
    let mut pointer: *const T = value;
    // SAFETY: the template is a comment, so the register keeps the pointer, which comes from a reference with the
    // lifetime of the result.
    unsafe {
        core::arch::asm!("/* {0} */", inout(reg) pointer, options(readonly, nostack, preserves_flags));
        &*pointer
    }
}

/// Returns `value`.
#[cfg(all(target_pointer_width = "64", test, not(all(target_arch = "x86_64", not(miri)))))]
#[inline(always)]
pub(super) fn opaque_ref<T>(value: &T) -> &T {
    value
}
