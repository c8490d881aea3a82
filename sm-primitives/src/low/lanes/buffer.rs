//! Room for the intermediate values of a batch.
#![expect(unsafe_code, reason = "clears memory in one go")]

use alloc::boxed::Box;
use core::ops::{Deref, DerefMut};

use zeroize::optimization_barrier;

use super::{Affine, Element, Jacobian};

/// Integers, and structures of nothing else: all bytes zero is a value.
///
/// # Safety
/// That must be so.
pub(crate) unsafe trait Integers: Copy {}

// SAFETY: these are structures of integers.
unsafe impl<const L: usize, const N: usize> Integers for Element<L, N> {}
// SAFETY: as above.
unsafe impl<const L: usize, const N: usize> Integers for Affine<L, N> {}
// SAFETY: as above.
unsafe impl<const L: usize, const N: usize> Integers for Jacobian<L, N> {}
// SAFETY: as above.
unsafe impl<T: Integers, const N: usize> Integers for [T; N] {}

/// Room on the heap, at first zeros. Wiped on drop; it and the wiping are one call each, where a `Zeroizing<Vec<T>>` copies
/// a zero for every element and wipes its capacity byte by byte.
pub(crate) struct Buffer<T: Integers>(Box<[T]>);

impl<T: Integers> Buffer<T> {
    pub(crate) fn new(len: usize) -> Self {
        // SAFETY: all bytes zero is a value of `T`.
        Self(unsafe { Box::new_zeroed_slice(len).assume_init() })
    }
}

impl<T: Integers> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Integers> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Integers> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: writes the elements of the slice, all of them, and zeros are values of `T`.
        unsafe { self.0.as_mut_ptr().write_bytes(0, self.0.len()) };
        // The zeros count as read, so they are written.
        optimization_barrier(&*self.0);
    }
}
