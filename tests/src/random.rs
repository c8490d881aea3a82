//! A random source that gives the same bytes for the same seed. Never for keys that matter.

use std::convert::Infallible;

use sm_primitives::rand_core::{TryCryptoRng, TryRng};

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Seeded {
    state: u64,
    first: Vec<u8>,
}

impl Seeded {
    /// Starts at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed, first: Vec::new() }
    }

    /// The same, after `bytes`.
    #[must_use]
    pub fn after(bytes: &[u8], seed: u64) -> Self {
        Self { state: seed, first: bytes.to_vec() }
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        let scripted = self.first.len().min(out.len());
        let (head, out) = out.split_at_mut(scripted);
        head.copy_from_slice(&self.first[..scripted]);
        self.first.drain(..scripted);
        for part in out.chunks_mut(8) {
            part.copy_from_slice(&self.word().to_be_bytes()[..part.len()]);
        }
    }

    /// `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        bytes
    }

    /// A number below `bound`, which is at least 1. Slightly uneven for huge bounds.
    pub fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.word()) * bound as u128;
        usize::try_from(wide >> 64).unwrap()
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::try_from(self.word() >> 32).unwrap())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.word())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}
