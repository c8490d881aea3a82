//! Blocks of secrets on the stack, for as long as one call.

use zeroize::optimization_barrier;

/// `N` blocks of 16 bytes, at first zeros. Wiped on drop in one go: `Zeroizing` writes single bytes, which takes longer
/// than to encrypt them.
pub(crate) struct Scratch<const N: usize>(pub(crate) [[u8; 16]; N]);

impl<const N: usize> Scratch<N> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self([[0; 16]; N])
    }
}

impl<const N: usize> Drop for Scratch<N> {
    #[inline]
    fn drop(&mut self) {
        self.0 = [[0; 16]; N];
        // The zeros count as read, so they are written.
        optimization_barrier(&self.0);
    }
}
