//! SM4 on many blocks at once, bit-sliced in 64-bit words: the portable path, which is the reference.
//!
//! A *plane* is a `u64` that holds one bit position of the bytes of one state word for 16 blocks: bit
//! 16 j + n of plane b is bit b of byte j (0 the least significant) of that word of block n. The S-box then
//! is one run of the circuit for 64 bytes, rotating a word by 8 bits is rotating the planes by 16, and
//! rotating it by 2 renames the planes. `N` such groups go side by side in arrays, and every step is a loop
//! over them, which compilers turn into vector instructions.

use core::array;

use super::BLOCK_LEN;
use super::block::ROUNDS;
use super::sbox::{INPUT, OUTPUT, circuit};

/// Blocks in one group.
pub(super) const GROUP: usize = 16;

/// Groups side by side in long runs.
const WIDE: usize = 4;

/// The blocks of a group.
pub(super) type Group = [[u8; BLOCK_LEN]; GROUP];

/// The planes of one state word of `N` groups.
type Planes<const N: usize> = [[u64; N]; 8];

/// For each round, the planes of the round keys of 16 blocks, with the constant in front of the S-box.
pub(super) type EachKeys = [[u64; 8]; ROUNDS];

/// Makes `keys` those of block number `block`, below 16.
pub(super) fn set_keys(each: &mut EachKeys, block: usize, keys: &[u32; ROUNDS]) {
    for (planes, rk) in each.iter_mut().zip(keys) {
        let key = spread(rk ^ u32::from_be_bytes([INPUT; 4]));
        for (b, plane) in planes.iter_mut().enumerate() {
            *plane = *plane & !(FIRST << block) | (key >> b & FIRST) << block;
        }
    }
}

/// Encrypts 16 blocks, each with a key of its own.
pub(super) fn crypt_each(keys: &EachKeys, blocks: &mut Group) {
    crypt_groups(|i| keys[i], array::from_mut(blocks));
}

/// The bits of the first block.
const FIRST: u64 = 0x0001_0001_0001_0001;

/// Encrypts independent blocks (decrypts, with the keys reversed).
pub(super) fn crypt_blocks(keys: &[u32; ROUNDS], blocks: &mut [[u8; BLOCK_LEN]]) {
    // Each bit of a round key, and the constant in front of the S-box, as a plane of equal blocks.
    let key = |i: usize| {
        let key = spread(keys[i] ^ u32::from_be_bytes([INPUT; 4]));
        array::from_fn(|b| (key >> b & FIRST) * 0xffff)
    };
    let (groups, rest) = blocks.as_chunks_mut::<GROUP>();
    let (wide, single) = groups.as_chunks_mut::<WIDE>();
    for groups in wide {
        crypt_groups(key, groups);
    }
    for group in single {
        crypt_groups(key, array::from_mut(group));
    }
    if !rest.is_empty() {
        let mut group = [[0; BLOCK_LEN]; GROUP];
        group[..rest.len()].copy_from_slice(rest);
        crypt_groups(key, array::from_mut(&mut group));
        rest.copy_from_slice(&group[..rest.len()]);
    }
}

fn crypt_groups<const N: usize>(key: impl Fn(usize) -> [u64; 8], groups: &mut [Group; N]) {
    let mut x = [0, 1, 2, 3].map(|word| pack(groups, word));
    for i in (0..ROUNDS).step_by(4) {
        let [x0, x1, x2, x3] = &mut x;
        round(x0, x1, x2, x3, key(i));
        round(x1, x2, x3, x0, key(i + 1));
        round(x2, x3, x0, x1, key(i + 2));
        round(x3, x0, x1, x2, key(i + 3));
    }
    for (word, planes) in x.iter().rev().enumerate() {
        unpack(planes, groups, word);
    }
}

/// GB/T 32907-2016, clause 6.1: X_0 becomes X_4 = X_0 + T(X_1 + X_2 + X_3 + rk).
#[inline(always)]
fn round<const N: usize>(x0: &mut Planes<N>, x1: &Planes<N>, x2: &Planes<N>, x3: &Planes<N>, key: [u64; 8]) {
    // L leaves of four equal bytes each rotated by 2.
    let constant = OUTPUT.rotate_left(2);
    let constant: [u64; 8] = array::from_fn(|b| 0_u64.wrapping_sub(u64::from(constant >> b & 1)));
    for i in 0..N {
        let s = circuit(array::from_fn(|b| x1[b][i] ^ x2[b][i] ^ x3[b][i] ^ key[b]));
        // Clause 6.2 (2): L(B) = B + (B <<< 2) + (B <<< 10) + (B <<< 18) + (B <<< 24)
        let sum = s.map(|plane| plane ^ plane.rotate_left(16) ^ plane.rotate_left(32));
        for b in 0..8 {
            let by_two = if b < 2 { sum[b + 6].rotate_left(16) } else { sum[b - 2] };
            x0[b][i] ^= s[b] ^ by_two ^ s[b].rotate_left(48) ^ constant[b];
        }
    }
}

/// Slices state word `word` of every block.
#[inline(always)]
fn pack<const N: usize>(groups: &[Group; N], word: usize) -> Planes<N> {
    let mut planes = [[0; N]; 8];
    for (i, group) in groups.iter().enumerate() {
        let load = |block: usize| spread(u32::from_be_bytes(group[block].as_chunks().0[word]));
        let mut rows = array::from_fn(|m| load(m) | load(m + 8) << 8);
        transpose(&mut rows);
        for (plane, row) in planes.iter_mut().zip(rows) {
            plane[i] = row;
        }
    }
    planes
}

/// The inverse of [`pack`], into word `word`.
#[inline(always)]
fn unpack<const N: usize>(planes: &Planes<N>, groups: &mut [Group; N], word: usize) {
    for (i, group) in groups.iter_mut().enumerate() {
        let mut rows = planes.map(|plane| plane[i]);
        transpose(&mut rows);
        for (m, row) in rows.into_iter().enumerate() {
            group[m].as_chunks_mut().0[word] = gather(row).to_be_bytes();
            group[m + 8].as_chunks_mut().0[word] = gather(row >> 8).to_be_bytes();
        }
    }
}

/// Moves byte j of a word to bits 16 j to 16 j + 7.
#[inline(always)]
fn spread(word: u32) -> u64 {
    let x = u64::from(word);
    let x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    (x | x << 8) & 0x00ff_00ff_00ff_00ff
}

/// The inverse of [`spread`]; what lies between the bytes is dropped.
#[inline(always)]
fn gather(x: u64) -> u32 {
    let x = x & 0x00ff_00ff_00ff_00ff;
    let x = (x | x >> 8) & 0x0000_ffff_0000_ffff;
    let [.., a, b, c, d] = (x | x >> 16).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Transposes the 8 x 8 bits that each byte position forms across the rows; its own inverse.
#[inline(always)]
fn transpose(rows: &mut [u64; 8]) {
    for low in [0, 2, 4, 6] {
        swap::<1>(rows, low, 0x5555_5555_5555_5555);
    }
    for low in [0, 1, 4, 5] {
        swap::<2>(rows, low, 0x3333_3333_3333_3333);
    }
    for low in [0, 1, 2, 3] {
        swap::<4>(rows, low, 0x0f0f_0f0f_0f0f_0f0f);
    }
}

/// Swaps the bits of row `low + SHIFT` under `mask` with the bits `SHIFT` places higher in row `low`.
#[inline(always)]
fn swap<const SHIFT: usize>(rows: &mut [u64; 8], low: usize, mask: u64) {
    let difference = (rows[low] >> SHIFT ^ rows[low + SHIFT]) & mask;
    rows[low + SHIFT] ^= difference;
    rows[low] ^= difference << SHIFT;
}
