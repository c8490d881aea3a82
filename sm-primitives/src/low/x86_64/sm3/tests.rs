//! Every kernel against the reference, the text of the standard in `reference`.

extern crate std;

use alloc::vec::Vec;
use core::{array::from_fn, iter};
use std::eprintln;

use super::{avx2, avx512, stream};
use crate::low::{
    sm3::{BLOCK, T, compress},
    x86_64::cpu::{Avx2, Avx512},
};

/// GB/T 32905-2016, clause 5.3, as it is written there.
fn reference(v: &mut [u32; 8], block: &[u8; BLOCK]) {
    let p0 = |x: u32| x ^ x.rotate_left(9) ^ x.rotate_left(17);
    let p1 = |x: u32| x ^ x.rotate_left(15) ^ x.rotate_left(23);
    let mut w = [0_u32; 68];
    for (word, bytes) in w.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for j in 16..68 {
        w[j] = p1(w[j - 16] ^ w[j - 9] ^ w[j - 3].rotate_left(15)) ^ w[j - 13].rotate_left(7) ^ w[j - 6];
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *v;
    for j in 0..64 {
        let (ff, gg) = if j < 16 { (a ^ b ^ c, e ^ f ^ g) } else { (a & b | a & c | b & c, e & f | !e & g) };
        let ss1 = a.rotate_left(12).wrapping_add(e).wrapping_add(T[j]).rotate_left(7);
        let ss2 = ss1 ^ a.rotate_left(12);
        let tt1 = ff.wrapping_add(d).wrapping_add(ss2).wrapping_add(w[j] ^ w[j + 4]);
        let tt2 = gg.wrapping_add(h).wrapping_add(ss1).wrapping_add(w[j]);
        (d, c, b, a) = (c, b.rotate_left(9), a, tt1);
        (h, g, f, e) = (g, f.rotate_left(19), e, p0(tt2));
    }
    for (v, x) in v.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *v ^= x;
    }
}

/// Reproducible words, with all-zero and all-one ones between them.
fn noise(seed: usize) -> impl Iterator<Item = u32> {
    let mut x = u32::try_from(seed).unwrap_or(0).wrapping_mul(0x9e37_79b9) | 1;
    iter::from_fn(move || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        Some(match x >> 28 {
            0 => 0,
            1 => u32::MAX,
            _ => x,
        })
    })
}

fn blocks(count: usize, seed: usize) -> Vec<[u8; BLOCK]> {
    let bytes: Vec<u8> = noise(seed).flat_map(u32::to_le_bytes).take(count * BLOCK).collect();
    bytes.as_chunks().0.to_vec()
}

/// Runs of all lengths around `count`, a different one and a different state in every lane.
fn check_lanes<const N: usize>(compress: impl Fn(&mut [[u32; N]; 8], &[&[[u8; BLOCK]]; N])) {
    for count in 0..=5 {
        // Only the middle lane has the shortest run.
        let messages: [Vec<_>; N] =
            from_fn(|l| blocks(count + usize::from(l != N / 2) * (1 + l % 3), 100 * count + l));
        let runs: [&[[u8; BLOCK]]; N] = from_fn(|l| messages[l].as_slice());
        let mut words = noise(count);
        let mut state = [[0; N]; 8].map(|row| row.map(|_: u32| words.next().unwrap_or(0)));
        let mut expected = state;
        for (l, run) in runs.iter().enumerate() {
            let mut v = expected.map(|row| row[l]);
            run[..count].iter().for_each(|block| reference(&mut v, block));
            expected.iter_mut().zip(v).for_each(|(row, word)| row[l] = word);
        }
        compress(&mut state, &runs);
        assert_eq!(state, expected, "{count} blocks");
    }
}

#[test]
fn eight_lanes_are_eight_messages() {
    let Some(cpu) = Avx2::get() else { return eprintln!("skipped: no AVX2") };
    check_lanes(|state, runs| avx2::compress(cpu, state, runs));
}

#[test]
fn sixteen_lanes_are_sixteen_messages() {
    let Some(cpu) = Avx512::get() else { return eprintln!("skipped: no AVX-512") };
    check_lanes(|state, runs| avx512::compress(cpu, state, runs));
}

/// The words of a block take the place of those of the block before.
#[test]
fn one_message_of_any_length() {
    let Some(cpu) = Avx2::get() else { return eprintln!("skipped: no AVX2") };
    for count in 0..=16 {
        let message = blocks(count, 1000 + count);
        let mut words = noise(count);
        let mut state = [0; 8].map(|_: u32| words.next().unwrap_or(0));
        let mut expected = state;
        message.iter().for_each(|block| reference(&mut expected, block));
        stream::compress(cpu, &mut state, &message);
        assert_eq!(state, expected, "{count} blocks");
    }
}

/// The reference is independent of the portable code: they agree too.
#[test]
fn portable_code_is_the_reference() {
    for count in 1..=40 {
        let mut words = noise(count);
        let mut state = [0; 8].map(|_: u32| words.next().unwrap_or(0));
        let mut expected = state;
        for block in blocks(1, 500 + count) {
            reference(&mut expected, &block);
            compress(&mut state, &block);
        }
        assert_eq!(state, expected);
    }
}
