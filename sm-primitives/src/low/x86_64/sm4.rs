//! SM4 on processors with instructions for AES or for GF(2^8): its S-box is that of AES between two linear maps, and the
//! inversion in the field of AES between two others (see `tables`). No table in memory is read at a secret place: the
//! tables of these kernels are registers.
//!
//! | module | what |
//! |---|---|
//! | `tables` | the linear maps, derived |
//! | `serial` | by AES: one block after another, the key schedule |
//! | `wide` | by AES: many blocks at once |
//! | `gfni` | by GFNI: both |

use super::cpu::{Aes, Avx512, Gfni, Vaes};

mod gfni;
mod serial;
mod tables;
mod wide;

/// A block.
pub(crate) type Block = [u8; 16];

/// Round keys as the kernels use them: T(rk) + t of `tables`, the bytes reversed.
pub(crate) type Keys = [u32; 32];

/// Blocks that [`Engine::crypt_each`] takes at a time.
pub(crate) const EACH: usize = 16;

/// For each round, the round keys of 16 blocks: see [`Engine::set_keys`].
pub(crate) type EachKeys = [[u32; EACH]; 32];

/// The best kernels that the processor can run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    /// AES on 128 bits, everything else on 256.
    Aes(Aes),
    /// All on 256 bits.
    Vaes(Vaes),
    /// AES on 128 bits, everything else on 512 in long runs.
    Aes512(Avx512, Aes),
    /// GFNI on 256 bits.
    Gfni(Gfni),
    /// GFNI on 512 bits, sums of three.
    Gfni512(Avx512, Gfni),
}

/// Calls a kernel.
macro_rules! kernel {
    ($($module:ident)::+ ($($argument:expr),*)) => {
        // SAFETY: the caller's pattern holds the tokens of the instructions that the kernels of this module use.
        unsafe { $($module)::+($($argument),*) }
    };
}

#[expect(unsafe_code, reason = "calls of functions that need instructions, of which the tokens are proof")]
impl Engine {
    /// `None` if the processor has neither.
    pub(crate) fn get() -> Option<Self> {
        let (avx512, aes) = (Avx512::get(), Aes::get());
        if let Some(gfni) = Gfni::get() {
            return Some(avx512.map_or(Self::Gfni(gfni), |avx512| Self::Gfni512(avx512, gfni)));
        }
        match (Vaes::get(), avx512, aes) {
            (Some(vaes), _, _) => Some(Self::Vaes(vaes)),
            (None, Some(avx512), Some(aes)) => Some(Self::Aes512(avx512, aes)),
            (None, None, Some(aes)) => Some(Self::Aes(aes)),
            (None, _, None) => None,
        }
    }

    /// All kernels that the processor can run.
    #[cfg(test)]
    pub(crate) fn all() -> alloc::vec::Vec<Self> {
        let (avx512, vaes, aes, gfni) = (Avx512::get(), Vaes::get(), Aes::get(), Gfni::get());
        let engines = [
            aes.map(Self::Aes),
            vaes.map(Self::Vaes),
            avx512.zip(aes).map(|(avx512, aes)| Self::Aes512(avx512, aes)),
            gfni.map(Self::Gfni),
            avx512.zip(gfni).map(|(avx512, gfni)| Self::Gfni512(avx512, gfni)),
        ];
        engines.into_iter().flatten().collect()
    }

    /// The round keys of `key`.
    pub(crate) fn expand(self, key: &Block, keys: &mut Keys) {
        match self {
            Self::Aes(_) | Self::Vaes(_) | Self::Aes512(..) => kernel!(serial::expand(key, keys)),
            Self::Gfni(_) => kernel!(gfni::serial::avx2::expand(key, keys)),
            Self::Gfni512(..) => kernel!(gfni::serial::avx512::expand(key, keys)),
        }
    }

    /// Encrypts one block (decrypts, with the keys reversed).
    pub(crate) fn crypt(self, keys: &Keys, block: &mut Block) {
        match self {
            Self::Aes(_) | Self::Vaes(_) | Self::Aes512(..) => kernel!(serial::crypt(keys, block)),
            Self::Gfni(_) => kernel!(gfni::serial::avx2::crypt(keys, block)),
            Self::Gfni512(..) => kernel!(gfni::serial::avx512::crypt(keys, block)),
        }
    }

    /// CBC encryption; `previous` is the block of ciphertext before `blocks`, and then the last one of them.
    pub(crate) fn cbc(self, keys: &Keys, previous: &mut Block, blocks: &mut [Block]) {
        match self {
            Self::Aes(_) | Self::Vaes(_) | Self::Aes512(..) => kernel!(serial::cbc(keys, previous, blocks)),
            Self::Gfni(_) => kernel!(gfni::serial::avx2::cbc(keys, previous, blocks)),
            Self::Gfni512(..) => kernel!(gfni::serial::avx512::cbc(keys, previous, blocks)),
        }
    }

    /// Encrypts independent blocks (decrypts, with the keys reversed).
    pub(crate) fn crypt_blocks(self, keys: &Keys, blocks: &mut [Block]) {
        match self.for_run(blocks.len()) {
            _ if blocks.len() == 1 => self.crypt(keys, &mut blocks[0]),
            Self::Aes(_) => kernel!(wide::aes::crypt(keys, blocks)),
            Self::Vaes(_) => kernel!(wide::vaes::crypt(keys, blocks)),
            Self::Aes512(..) => kernel!(wide::aes512::crypt(keys, blocks)),
            Self::Gfni(_) => kernel!(gfni::planes::avx2::crypt(keys, blocks)),
            Self::Gfni512(..) => kernel!(gfni::planes::avx512::crypt(keys, blocks)),
        }
    }

    /// Adds the key stream of `counter` and the following ones to `blocks`. The lowest 32 bits of it count.
    pub(crate) fn ctr(self, keys: &Keys, counter: u128, blocks: &mut [Block]) {
        match self.for_run(blocks.len()) {
            _ if blocks.len() == 1 => {
                let mut stream = counter.to_be_bytes();
                self.crypt(keys, &mut stream);
                blocks[0].iter_mut().zip(stream).for_each(|(byte, stream)| *byte ^= stream);
            }
            Self::Aes(_) => kernel!(wide::aes::ctr(keys, counter, blocks)),
            Self::Vaes(_) => kernel!(wide::vaes::ctr(keys, counter, blocks)),
            Self::Aes512(..) => kernel!(wide::aes512::ctr(keys, counter, blocks)),
            Self::Gfni(_) => kernel!(gfni::planes::avx2::ctr(keys, counter, blocks)),
            Self::Gfni512(..) => kernel!(gfni::planes::avx512::ctr(keys, counter, blocks)),
        }
    }

    /// Makes `keys` those of block number `block`, below 16.
    pub(crate) fn set_keys(self, each: &mut EachKeys, block: usize, keys: &Keys) {
        // The vectors hold every second or every fourth block.
        let lane = match self {
            Self::Aes(_) | Self::Vaes(_) => block & 8 | (block & 1) << 2 | (block & 6) >> 1,
            Self::Aes512(..) => (block & 3) << 2 | block >> 2,
            Self::Gfni(_) | Self::Gfni512(..) => return gfni::planes::set_keys(each, block, keys),
        };
        for (each, rk) in each.iter_mut().zip(keys) {
            each[lane] = *rk;
        }
    }

    /// Encrypts the first `used` of 16 blocks, each with a key of its own; what becomes of the others is left open.
    pub(crate) fn crypt_each(self, keys: &EachKeys, blocks: &mut [Block; EACH], used: usize) {
        match self {
            Self::Aes(_) => kernel!(wide::aes::crypt_each(keys, blocks, used)),
            Self::Vaes(_) => kernel!(wide::vaes::crypt_each(keys, blocks, used)),
            Self::Aes512(..) => kernel!(wide::aes512::crypt_each(keys, blocks, used)),
            Self::Gfni(_) => kernel!(gfni::planes::avx2::crypt_each(keys, blocks)),
            Self::Gfni512(..) => kernel!(gfni::planes::avx512::crypt_each(keys, blocks)),
        }
    }

    /// The best kernels for so many blocks: processors that do AES on 128 bits only lower their clock
    /// for vectors of 512 bits, and are slow to begin.
    fn for_run(self, blocks: usize) -> Self {
        match self {
            Self::Aes512(_, aes) if blocks < 1024 => Self::Aes(aes),
            _ => self,
        }
    }
}

/// Keeps the stack frame of a kernel aligned to its vectors: spilled ones would straddle cache lines otherwise.
#[repr(align(64))]
struct Aligned(#[expect(dead_code, reason = "takes up space")] [u8; 64]);

/// Runs `kernel` on a copy of `blocks`, filled up to the whole `buffer`.
#[inline]
fn padded(buffer: &mut [Block], blocks: &mut [Block], kernel: impl FnOnce(&mut [Block])) {
    buffer[..blocks.len()].copy_from_slice(blocks);
    kernel(buffer);
    blocks.copy_from_slice(&buffer[..blocks.len()]);
}

/// inc_32 of NIST SP 800-38D, section 6.2, `n` times: the lowest 32 bits count, modulo 2^32.
fn advance(counter: u128, n: u128) -> u128 {
    const LOW: u128 = u32::MAX as u128;
    counter & !LOW | counter.wrapping_add(n) & LOW
}
