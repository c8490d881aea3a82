//! The key schedule, the single block, and the choice of the path, once for each key.

use zeroize::Zeroizing;

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
use super::no_engine::Engine;
use super::sbox::substitute;
use super::{BLOCK_LEN, KEY_LEN, planes};
use crate::low::scratch::Scratch;
#[cfg(all(target_arch = "x86_64", not(miri)))]
use crate::low::x86_64::sm4::Engine;

/// Number of rounds.
pub(super) const ROUNDS: usize = 32;

/// The round keys in the order of their use, in the form that the path chosen for this key takes.
///
/// Decryption is encryption with the round keys in reverse order (GB/T 32907-2016, clause 7.2).
pub(super) struct RoundKeys {
    words: Zeroizing<[u32; ROUNDS]>,
    /// `None` is the portable path.
    engine: Option<Engine>,
}

impl RoundKeys {
    pub(super) fn new(key: &[u8; KEY_LEN]) -> Self {
        Self::with_engine(Engine::get(), key)
    }

    fn with_engine(engine: Option<Engine>, key: &[u8; KEY_LEN]) -> Self {
        let mut words = Zeroizing::new([0; ROUNDS]);
        match engine {
            Some(engine) => engine.expand(key, &mut words),
            None => expand(key, &mut words),
        }
        Self { words, engine }
    }

    /// The same keys for the other direction.
    pub(super) fn reversed(&self) -> Self {
        let mut words = self.words.clone();
        words.reverse();
        Self { words, engine: self.engine }
    }

    /// Encrypts one block (decrypts, with the keys reversed). For modes that must wait for each block.
    pub(super) fn crypt_block(&self, block: &mut [u8; BLOCK_LEN]) {
        match self.engine {
            Some(engine) => engine.crypt(&self.words, block),
            None => crypt_block(&self.words, block),
        }
    }

    /// Encrypts independent blocks (decrypts, with the keys reversed).
    pub(super) fn crypt_blocks(&self, blocks: &mut [[u8; BLOCK_LEN]]) {
        match (self.engine, &mut *blocks) {
            (Some(engine), _) => engine.crypt_blocks(&self.words, blocks),
            (None, [block]) => crypt_block(&self.words, block),
            (None, _) => planes::crypt_blocks(&self.words, blocks),
        }
    }

    /// CBC encryption: each block is added to the one before it and encrypted. `previous` is the block before the
    /// first, and then the last one.
    pub(super) fn cbc_encrypt(&self, previous: &mut [u8; BLOCK_LEN], blocks: &mut [[u8; BLOCK_LEN]]) {
        if let Some(engine) = self.engine {
            return engine.cbc(&self.words, previous, blocks);
        }
        for block in blocks {
            xor(block, previous);
            crypt_block(&self.words, block);
            *previous = *block;
        }
    }

    /// Adds the key stream of `counter` and the following ones to `blocks`. The lowest 32 bits of it count, modulo
    /// 2^32 (inc_32 of NIST SP 800-38D, section 6.2).
    pub(super) fn ctr(&self, counter: u128, blocks: &mut [[u8; BLOCK_LEN]]) {
        /// Blocks of key stream made at a time.
        const BATCH: usize = 64;
        if let Some(engine) = self.engine {
            return engine.ctr(&self.words, counter, blocks);
        }
        let mut counter = counter;
        let mut stream = Scratch::<BATCH>::new();
        for blocks in blocks.chunks_mut(BATCH) {
            let stream = &mut stream.0[..blocks.len()];
            for block in stream.iter_mut() {
                *block = counter.to_be_bytes();
                counter = advance(counter, 1);
            }
            self.crypt_blocks(stream);
            xor(blocks.as_flattened_mut(), stream.as_flattened());
        }
    }
}

/// Round keys for 16 blocks that each have a key of their own.
pub(super) enum EachKeys {
    Portable(Zeroizing<planes::EachKeys>),
    Kernels(Engine, Zeroizing<[[u32; planes::GROUP]; ROUNDS]>),
}

impl EachKeys {
    /// For keys on the path of `keys`.
    pub(super) fn new(keys: &RoundKeys) -> Self {
        match keys.engine {
            Some(engine) => Self::Kernels(engine, Zeroizing::new([[0; planes::GROUP]; ROUNDS])),
            None => Self::Portable(Zeroizing::new([[0; 8]; ROUNDS])),
        }
    }

    /// Makes `keys`, which are on the same path, those of block number `block`.
    pub(super) fn set(&mut self, block: usize, keys: &RoundKeys) {
        match self {
            Self::Portable(each) => planes::set_keys(each, block, &keys.words),
            Self::Kernels(engine, each) => engine.set_keys(each, block, &keys.words),
        }
    }

    /// Encrypts the first `used` of 16 blocks, each with its key; what becomes of the others is left open.
    pub(super) fn crypt(&self, blocks: &mut planes::Group, used: usize) {
        match self {
            Self::Portable(each) => planes::crypt_each(each, blocks),
            Self::Kernels(engine, each) => engine.crypt_each(each, blocks, used),
        }
    }
}

/// inc_32 of NIST SP 800-38D, section 6.2, `n` times: the lowest 32 bits count, modulo 2^32.
pub(super) fn advance(counter: u128, n: u128) -> u128 {
    const LOW: u128 = u32::MAX as u128;
    counter & !LOW | counter.wrapping_add(n) & LOW
}

/// `data ^= other`, as far as both go.
pub(super) fn xor(data: &mut [u8], other: &[u8]) {
    for (byte, other) in data.iter_mut().zip(other) {
        *byte ^= other;
    }
}

/// Clause 7.3: K_i = MK_i + FK_i, then rk_i = K_(i+4) = K_i + T'(K_(i+1) + K_(i+2) + K_(i+3) + CK_i).
fn expand(key: &[u8; KEY_LEN], words: &mut [u32; ROUNDS]) {
    const FK: [u32; 4] = [0xa3b1_bac6, 0x56aa_3350, 0x677d_9197, 0xb270_22dc];
    let mut k = Zeroizing::new(load(key));
    for (word, fk) in k.iter_mut().zip(FK) {
        *word ^= fk;
    }
    for (rk, ck) in words.iter_mut().zip(CK) {
        let b = substitute(k[1] ^ k[2] ^ k[3] ^ ck);
        *rk = k[0] ^ b ^ b.rotate_left(13) ^ b.rotate_left(23);
        *k = [k[1], k[2], k[3], *rk];
    }
}

/// Clause 7.3 (2): byte j of CK_i is 7 (4 i + j) mod 256.
const CK: [u32; ROUNDS] = {
    let mut ck = [0; ROUNDS];
    let mut byte: u32 = 0;
    let mut i = 0;
    while i < 4 * ROUNDS {
        ck[i / 4] = (ck[i / 4] << 8) | (byte % 256);
        byte += 7;
        i += 1;
    }
    ck
};

/// A block as four big-endian words.
fn load(block: &[u8; BLOCK_LEN]) -> [u32; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

/// Encrypts one block (decrypts, with the keys reversed).
fn crypt_block(keys: &[u32; ROUNDS], block: &mut [u8; BLOCK_LEN]) {
    // Clause 7.1: X_(i+4) = X_i + T(X_(i+1) + X_(i+2) + X_(i+3) + rk_i), then the four last words reversed.
    let mut x = load(block);
    for rk in keys.as_chunks::<4>().0 {
        x[0] ^= t(x[1] ^ x[2] ^ x[3] ^ rk[0]);
        x[1] ^= t(x[2] ^ x[3] ^ x[0] ^ rk[1]);
        x[2] ^= t(x[3] ^ x[0] ^ x[1] ^ rk[2]);
        x[3] ^= t(x[0] ^ x[1] ^ x[2] ^ rk[3]);
    }
    for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(x.iter().rev()) {
        *bytes = word.to_be_bytes();
    }
}

/// The transformation T of clause 6.2: the S-boxes, then the linear L.
#[inline(always)]
fn t(word: u32) -> u32 {
    let b = substitute(word);
    b ^ b.rotate_left(2) ^ b.rotate_left(10) ^ b.rotate_left(18) ^ b.rotate_left(24)
}

#[cfg(all(test, target_arch = "x86_64", not(miri)))]
mod tests {
    extern crate std;

    use alloc::vec::Vec;
    use std::println;

    use proptest::prelude::*;

    use super::*;

    /// The kernels that this processor can run. A token that is not there skips its kernels, and the output says so.
    #[expect(clippy::print_stdout, reason = "says what ran")]
    fn engines() -> Vec<Engine> {
        let engines = Engine::all();
        println!("kernels: {engines:?}");
        engines
    }

    /// Blocks that differ in every byte from their neighbours.
    fn blocks(count: usize, seed: u8) -> Vec<[u8; BLOCK_LEN]> {
        let mut state = u64::from(seed) << 32 | count as u64;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            state.to_be_bytes()[0]
        };
        (0..count).map(|_| [0; BLOCK_LEN].map(|_| next())).collect()
    }

    fn keys() -> impl Iterator<Item = [u8; KEY_LEN]> {
        let edges = [[0; KEY_LEN], [0xff; KEY_LEN], [0x80; KEY_LEN]];
        edges.into_iter().chain((0..128).map(|bit| (1_u128 << bit).to_be_bytes())).chain(blocks(100, 1))
    }

    #[test]
    fn kernels_expand_keys_and_crypt_one_block() {
        for engine in engines() {
            for key in keys() {
                let (fast, portable) =
                    (RoundKeys::with_engine(Some(engine), &key), RoundKeys::with_engine(None, &key));
                for mut block in [[0; BLOCK_LEN], [0xff; BLOCK_LEN], key] {
                    let mut expected = block;
                    portable.crypt_block(&mut expected);
                    fast.crypt_block(&mut block);
                    assert_eq!(block, expected, "{engine:?} {key:x?}");
                    portable.reversed().crypt_block(&mut expected);
                    fast.reversed().crypt_block(&mut block);
                    assert_eq!(block, expected, "{engine:?} {key:x?}");
                }
            }
        }
    }

    /// Every byte at every place of the S-boxes of the first round, and of all others.
    #[test]
    fn kernels_know_every_byte() {
        let all: Vec<_> = (0..=255).map(|byte| [byte; BLOCK_LEN]).collect();
        for engine in engines() {
            let (fast, portable) =
                (RoundKeys::with_engine(Some(engine), &[0; 16]), RoundKeys::with_engine(None, &[0; 16]));
            let (mut many, mut expected) = (all.clone(), all.clone());
            fast.crypt_blocks(&mut many);
            portable.crypt_blocks(&mut expected);
            assert_eq!(many, expected, "{engine:?}");
            for (mut block, expected) in all.iter().copied().zip(expected) {
                fast.crypt_block(&mut block);
                assert_eq!(block, expected, "{engine:?}");
            }
        }
    }

    /// All counts around the borders of sets and runs, and one above each threshold.
    fn counts() -> impl Iterator<Item = usize> {
        (0..=260).chain([1023, 1024, 1025, 1024 + 64, 1024 + 130])
    }

    #[test]
    fn kernels_crypt_any_number_of_blocks() {
        for engine in engines() {
            for count in counts() {
                let key = (count as u128).to_be_bytes();
                let (fast, portable) =
                    (RoundKeys::with_engine(Some(engine), &key), RoundKeys::with_engine(None, &key));
                let (mut many, mut expected) = (blocks(count, 2), blocks(count, 2));
                fast.crypt_blocks(&mut many);
                portable.crypt_blocks(&mut expected);
                assert!(many == expected, "{engine:?} {count}");

                let (mut previous, mut expected_previous) = ([7; BLOCK_LEN], [7; BLOCK_LEN]);
                fast.cbc_encrypt(&mut previous, &mut many);
                portable.cbc_encrypt(&mut expected_previous, &mut expected);
                assert!((many, previous) == (expected, expected_previous), "CBC {engine:?} {count}");
            }
        }
    }

    #[test]
    fn kernels_count_in_32_bits() {
        let high = 0xfedc_ba98_7654_3210_0123_4567_u128 << 32;
        for engine in engines() {
            for count in counts() {
                let key = (count as u128).to_be_bytes();
                let (fast, portable) =
                    (RoundKeys::with_engine(Some(engine), &key), RoundKeys::with_engine(None, &key));
                // The wrap in the first, the last and some other block, and after all of them.
                for before in [0, 1, 2, count / 2, count.saturating_sub(1), count, count + 1] {
                    let counter = advance(high, (1 << 32) - before as u128);
                    let (mut data, mut expected) = (blocks(count, 3), blocks(count, 3));
                    fast.ctr(counter, &mut data);
                    portable.ctr(counter, &mut expected);
                    assert!(data == expected, "{engine:?} {count} {before}");
                }
            }
        }
    }

    /// Each block under the last key that its place was given.
    #[test]
    fn kernels_take_a_key_for_each_block() {
        let engines = engines();
        for engine in engines.into_iter().map(Some).chain([None]) {
            let each_key: Vec<_> = keys().take(100).map(|key| RoundKeys::with_engine(engine, &key)).collect();
            let mut each = EachKeys::new(&each_key[0]);
            let mut current = [0; planes::GROUP];
            for (place, key) in
                (0..planes::GROUP).chain([15, 0, 7, 8, 3]).zip([99, 98].into_iter().chain(0..))
            {
                each.set(place, &each_key[key]);
                current[place] = key;
            }
            for used in 1..=planes::GROUP {
                let mut data: planes::Group = blocks(planes::GROUP, 9).try_into().expect("16 blocks");
                let before = data;
                each.crypt(&mut data, used);
                for ((data, mut expected), key) in data.into_iter().zip(before).zip(current).take(used) {
                    each_key[key].crypt_block(&mut expected);
                    assert_eq!(data, expected, "{engine:?} {key} {used}");
                }
            }
        }
    }

    /// The portable path by the definition.
    #[test]
    fn counter_goes_on_in_32_bits() {
        assert_eq!(advance(u128::MAX, 1), u128::MAX - 0xffff_ffff);
        assert_eq!(advance(5 << 32 | 0xffff_fffe, 1), 5 << 32 | 0xffff_ffff);
        assert_eq!(advance(0xffff_ffff, 1), 0);
        assert_eq!(advance(1 << 127 | 3, 0xffff_fffe), 1 << 127 | 1);
        let keys = RoundKeys::with_engine(None, &[3; 16]);
        for counter in [0_u128, 0xffff_ffff, u128::MAX - 60] {
            let mut stream = [[0; BLOCK_LEN]; 130];
            keys.ctr(counter, &mut stream);
            for (i, block) in stream.into_iter().enumerate() {
                let mut expected = advance(counter, i as u128).to_be_bytes();
                keys.crypt_block(&mut expected);
                assert_eq!(block, expected);
            }
        }
    }

    proptest! {
        #[test]
        fn kernels_agree_on_unaligned_data(
            key: [u8; KEY_LEN],
            counter: u128,
            data in proptest::collection::vec(any::<u8>(), 0..4000),
            skip in 0_usize..32,
        ) {
            for engine in Engine::all() {
                let (fast, portable) =
                    (RoundKeys::with_engine(Some(engine), &key), RoundKeys::with_engine(None, &key));
                let (mut ours, mut expected) = (data.clone(), data.clone());
                let skip = skip.min(data.len());
                let (ours, _) = ours[skip..].as_chunks_mut();
                let (expected, _) = expected[skip..].as_chunks_mut();
                fast.ctr(counter, ours);
                portable.ctr(counter, expected);
                prop_assert_eq!(&*ours, &*expected);
                fast.reversed().crypt_blocks(ours);
                portable.reversed().crypt_blocks(expected);
                prop_assert_eq!(ours, expected);
            }
        }
    }
}
