extern crate std;

use std::vec::Vec;

use super::*;

/// The product modulo a polynomial of degree 8.
fn product(a: u8, b: u8, polynomial: u16) -> u8 {
    let sum = (0..8).rev().fold(0_u16, |sum, i| {
        let doubled = sum << 1;
        doubled
            ^ if doubled >> 8 == 1 { polynomial } else { 0 }
            ^ if b >> i & 1 == 1 { u16::from(a) } else { 0 }
    });
    sum.to_be_bytes()[1]
}

/// a^254, the inverse of a, and 0 for 0.
fn inversion(a: u8, polynomial: u16) -> u8 {
    (0..254).fold(1, |power, _| product(power, a, polynomial))
}

const AES_POLYNOMIAL: u16 = 0x11b;
const SM4_POLYNOMIAL: u16 = 0x1f5;

/// FIPS 197, section 5.1.1.
fn aes(x: u8) -> u8 {
    let b = inversion(x, AES_POLYNOMIAL);
    (0..5).fold(0x63, |sum, n| sum ^ b.rotate_left(n))
}

/// The S-box of GB/T 32907-2016, as an inversion between two affine maps.
fn sm4(x: u8) -> u8 {
    let affine = |x: u8| {
        (0..8).fold(0xd3, |y: u8, i| y ^ u8::from((0xa7_u8.rotate_left(i) & x).count_ones() % 2 == 1) << i)
    };
    affine(inversion(affine(x), SM4_POLYNOMIAL))
}

fn look_up(tables: &Nibbles, x: u8) -> u8 {
    tables[0][usize::from(x & 15)] ^ tables[1][usize::from(x >> 4)]
}

/// What GF2P8AFFINEQB does to a byte.
fn apply(matrix: i64, x: u8) -> u8 {
    let rows = matrix.to_le_bytes();
    (0..8).fold(0, |y, i| y | u8::from((rows[7 - i] & x).count_ones() % 2 == 1) << i)
}

/// The finder: which elements of the field of AES are roots of SM4's polynomial.
#[test]
fn root_is_one_of_eight() {
    let is_root = |g: &u8| {
        let powers = (0..=8).scan(1_u8, |power, _| {
            let now = *power;
            *power = product(*power, *g, AES_POLYNOMIAL);
            Some(now)
        });
        powers
            .enumerate()
            .fold(0, |sum, (i, power)| if SM4_POLYNOMIAL >> i & 1 == 1 { sum ^ power } else { sum })
            == 0
    };
    let roots: Vec<u8> = (0..=255).filter(is_root).collect();
    assert_eq!(roots.len(), 8);
    assert!(roots.contains(&ROOT));
}

#[test]
fn s_box_is_that_of_aes_between_the_maps() {
    assert_eq!((sm4(0), sm4(0xff), aes(0x53)), (0xd6, 0x48, 0xed));
    for x in 0..=255 {
        assert_eq!(image(&C, aes(look_up(&TO, x) ^ IN)) ^ OUT, sm4(x), "{x:02x}");
        assert_eq!(look_up(&FROM, look_up(&TO, x)), x);
        assert_eq!((apply(TO_MATRIX, x), apply(FROM_MATRIX, x)), (look_up(&TO, x), look_up(&FROM, x)));
    }
}

/// Each way in which the kernels compute L and L', for every byte at every place of a word.
#[test]
fn tables_make_the_linear_maps() {
    let rotations = |b: u32, by: &[u32]| by.iter().fold(b, |sum, n| sum ^ b.rotate_left(*n));
    let basis = |word: u32| word.to_be_bytes().map(|b| look_up(&TO, b));
    for place in 0..4 {
        for x in 0..=255 {
            let mut a = [0x1f, 0x80, 0x7e, 0xc3];
            a[place] = x;
            let outputs = a;
            let b = u32::from_be_bytes(a.map(|a| image(&C, a) ^ OUT));
            let a = |r: usize| a[r % 4];
            let s = |r: usize| a(r) ^ a(r + 1) ^ a(r + 2);
            // MixColumns of AES.
            let m = |r: usize| {
                product(a(r), 2, AES_POLYNOMIAL) ^ product(a(r + 1), 3, AES_POLYNOMIAL) ^ a(r + 2) ^ a(r + 3)
            };
            let expected = basis(rotations(b, &[2, 10, 18, 24]));
            let wide = [0, 1, 2, 3].map(|r| look_up(&TPC, s(r)) ^ look_up(&TQC, s(r + 1)));
            assert_eq!(wide, expected);
            let serial =
                [0, 1, 2, 3].map(|r| look_up(&TRC, m(r + 3)) ^ look_up(&TH, a(r)) ^ look_up(&TH, a(r + 3)));
            assert_eq!(serial, expected);
            let schedule =
                [0, 1, 2, 3].map(|r| (0..4).fold(0, |sum, n| sum ^ look_up(&SCHEDULE[n], a(r + n))));
            assert_eq!(schedule, basis(rotations(b, &[13, 23])));
            // Whose outputs of AES those are.
            let inverse = outputs.map(|a| image(&inverse(&AES_AFFINE), a ^ AES));
            let sum = |matrices: [i64; 4], constant: i32| {
                [0, 1, 2, 3].map(|r| {
                    let byte = |n: usize| apply(matrices[n], inverse[(r + n) % 4]);
                    i32::from((0..4).fold(0, |sum, n| sum ^ byte(n))) ^ constant
                })
            };
            assert_eq!(sum(L_MATRICES, L_CONSTANT), expected.map(i32::from));
            assert_eq!(sum(SCHEDULE_MATRICES, SCHEDULE_CONSTANT), schedule.map(i32::from));
        }
    }
}
