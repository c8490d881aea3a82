//! SM4 on processors with instructions for AES, whose S-box is that of SM4 between two linear maps (see `tables`).
//! No table in memory is read at a secret place: the tables of these kernels are registers.
//!
//! | module | what |
//! |---|---|
//! | `tables` | the linear maps, derived |
//! | `serial` | one block after another, the key schedule |
//! | `wide` | many blocks at once |

use super::cpu::{Aes, Avx512, Vaes};

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
}

/// Calls a kernel for many blocks that stands in one of the modules of `wide`.
macro_rules! wide {
    ($module:ident :: $function:ident ($($argument:expr),*)) => {
        // SAFETY: the caller's pattern holds the tokens of the instructions that the kernels of this module use.
        unsafe { wide::$module::$function($($argument),*) }
    };
}

#[expect(unsafe_code, reason = "calls of functions that need instructions, of which the tokens are proof")]
impl Engine {
    /// `None` if the processor has no instructions for AES.
    pub(crate) fn get() -> Option<Self> {
        // There could be one for AES on 512 bits too; none is here, because none has been run yet.
        match (Vaes::get(), Avx512::get(), Aes::get()) {
            (Some(vaes), _, _) => Some(Self::Vaes(vaes)),
            (None, Some(avx512), Some(aes)) => Some(Self::Aes512(avx512, aes)),
            (None, None, Some(aes)) => Some(Self::Aes(aes)),
            (None, _, None) => None,
        }
    }

    /// All kernels that the processor can run.
    #[cfg(test)]
    pub(crate) fn all() -> alloc::vec::Vec<Self> {
        let (avx512, vaes, aes) = (Avx512::get(), Vaes::get(), Aes::get());
        let engines = [
            aes.map(Self::Aes),
            vaes.map(Self::Vaes),
            avx512.zip(aes).map(|(avx512, aes)| Self::Aes512(avx512, aes)),
        ];
        engines.into_iter().flatten().collect()
    }

    /// The round keys of `key`.
    pub(crate) fn expand(self, key: &Block, keys: &mut Keys) {
        // SAFETY: every token of this type is proof of AES and AVX2.
        unsafe { serial::expand(key, keys) }
    }

    /// Encrypts one block (decrypts, with the keys reversed).
    pub(crate) fn crypt(self, keys: &Keys, block: &mut Block) {
        // SAFETY: every token of this type is proof of AES and AVX2.
        unsafe { serial::crypt(keys, block) }
    }

    /// CBC encryption; `previous` is the block of ciphertext before `blocks`, and then the last one of them.
    pub(crate) fn cbc(self, keys: &Keys, previous: &mut Block, blocks: &mut [Block]) {
        // SAFETY: every token of this type is proof of AES and AVX2.
        unsafe { serial::cbc(keys, previous, blocks) }
    }

    /// Encrypts independent blocks (decrypts, with the keys reversed).
    pub(crate) fn crypt_blocks(self, keys: &Keys, blocks: &mut [Block]) {
        match self.for_run(blocks.len()) {
            _ if blocks.len() == 1 => self.crypt(keys, &mut blocks[0]),
            Self::Aes(_) => wide!(aes::crypt(keys, blocks)),
            Self::Vaes(_) => wide!(vaes::crypt(keys, blocks)),
            Self::Aes512(..) => wide!(aes512::crypt(keys, blocks)),
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
            Self::Aes(_) => wide!(aes::ctr(keys, counter, blocks)),
            Self::Vaes(_) => wide!(vaes::ctr(keys, counter, blocks)),
            Self::Aes512(..) => wide!(aes512::ctr(keys, counter, blocks)),
        }
    }

    /// Makes `keys` those of block number `block`, below 16.
    pub(crate) fn set_keys(self, each: &mut EachKeys, block: usize, keys: &Keys) {
        // The vectors hold every second or every fourth block.
        let lane = match self {
            Self::Aes(_) | Self::Vaes(_) => block & 8 | (block & 1) << 2 | (block & 6) >> 1,
            Self::Aes512(..) => (block & 3) << 2 | block >> 2,
        };
        for (each, rk) in each.iter_mut().zip(keys) {
            each[lane] = *rk;
        }
    }

    /// Encrypts the first `used` of 16 blocks, each with a key of its own; what becomes of the others is left open.
    pub(crate) fn crypt_each(self, keys: &EachKeys, blocks: &mut [Block; EACH], used: usize) {
        match self {
            Self::Aes(_) => wide!(aes::crypt_each(keys, blocks, used)),
            Self::Vaes(_) => wide!(vaes::crypt_each(keys, blocks, used)),
            Self::Aes512(..) => wide!(aes512::crypt_each(keys, blocks, used)),
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
