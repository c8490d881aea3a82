//! The S-box of SM4 as a Boolean circuit: 32 AND, 77 XOR, no table.
//!
//! The S-box (GB/T 32907-2016, clause 6.2) is an inversion between two copies of one affine map:
//! `S(x) = M inv(M x + d3) + d3`, where `inv` is the inversion of GF(2^8) modulo
//! x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1 (with inv(0) = 0) and M is the circulant matrix whose row i is the
//! byte a7 rotated left by i. The inversion is done in the tower GF(((2^2)^2)^2), in the normal bases
//! (w^2, w), (Z^4, Z) and (Y^16, Y) with w = 5c, Z = 27, Y = be. An element h Y^16 + l Y, with h and l in
//! GF(2^4), has the inverse
//!
//! ```text
//! (l Y^16 + h Y) / d      where   d = h l + (h + l)^2 Y^17   in GF(2^4)
//! ```
//!
//! The basis was chosen, and the linear parts written, to need few gates once M is merged into them. A value
//! of GF(2^4) is multiplied through nine of its linear forms, named by the bits they add up: `h31` is bit 3
//! plus bit 1 of `h`. The unit test goes through all 256 inputs.

use core::ops::{BitAnd, BitXor};

/// The byte whose image under M is d3: the constant of the inner affine map, moved in front of M.
pub(super) const INPUT: u8 = 0x75;

/// The constant of the outer affine map.
pub(super) const OUTPUT: u8 = 0xd3;

/// `M inv(M x)`, bit-sliced: `x[i]` and result `i` hold bit i (0 the least significant) of every S-box.
///
/// `S(x) = circuit(x + INPUT) + OUTPUT`.
#[inline(always)]
pub(super) fn circuit<W>(x: [W; 8]) -> [W; 8]
where
    W: Copy + BitAnd<Output = W> + BitXor<Output = W>,
{
    // The forms of h and l (x2 and x5 are the forms h32 and h31), and q = (h + l)^2 Y^17.
    let [x0, x1, h32, x3, x4, h31, x6, x7] = x;
    let l20 = x4 ^ x3;
    let l3 = x7 ^ x1;
    let t = h31 ^ h32;
    let l1 = t ^ x1;
    let l31 = t ^ x7;
    let l3210 = l31 ^ l20;
    let q3 = l31 ^ x3;
    let q1 = q3 ^ x6;
    let l32 = q1 ^ h32;
    let l2 = l32 ^ l3;
    let q2 = l32 ^ x7;
    let l10 = l32 ^ l3210;
    let h2 = l10 ^ x0;
    let h1 = h2 ^ t;
    let h3 = h2 ^ h32;
    let q0 = h2 ^ l2;
    let l0 = l10 ^ l1;
    let h0 = l0 ^ x6;
    let h20 = h0 ^ h2;
    let h10 = h0 ^ h1;
    let h3210 = h10 ^ h32;

    // d = h l + q
    let p20 = h20 & l20;
    let p31 = h31 & l31;
    let p3210 = h3210 & l3210;
    let hi = (h3 & l3) ^ p3210;
    let lo = (h1 & l1) ^ p3210;
    let d0 = ((h10 & l10) ^ p20) ^ (q0 ^ lo);
    let d1 = ((h0 & l0) ^ p31) ^ (q1 ^ lo);
    let d2 = (p20 ^ (h32 & l32)) ^ (q2 ^ hi);
    let d3 = ((h2 & l2) ^ p31) ^ (q3 ^ hi);

    // e = 1/d in GF(2^4), and its forms
    let r1 = (d0 & d2) ^ d3;
    let r2 = ((r1 ^ d2) & d1) ^ d0;
    let r3 = r1 ^ d1;
    let r4 = (r3 ^ d0) & d3;
    let r5 = r2 & r1;
    let e2 = r2 ^ d1;
    let e0 = r4 ^ d2;
    let e1 = r5 ^ r4;
    let e31 = (e0 & e2) ^ r3;
    let e3 = e31 ^ e1;
    let e32 = e3 ^ e2;
    let e10 = r5 ^ d2;
    let e20 = e0 ^ e2;
    let e3210 = e20 ^ e31;

    // From here on a form of l or h stands for its product with the same form of e.
    let l3 = e3 & l3;
    let l2 = e2 & l2;
    let l32 = e32 & l32;
    let l1 = e1 & l1;
    let l0 = e0 & l0;
    let l10 = e10 & l10;
    let l31 = e31 & l31;
    let l20 = e20 & l20;
    let l3210 = e3210 & l3210;
    let h3 = e3 & h3;
    let h2 = e2 & h2;
    let h32 = e32 & h32;
    let h1 = e1 & h1;
    let h0 = e0 & h0;
    let h10 = e10 & h10;
    let h31 = e31 & h31;
    let h20 = e20 & h20;
    let h3210 = e3210 & h3210;

    // Back to the standard's basis, through M
    let u1 = l1 ^ l3;
    let u2 = l2 ^ l31;
    let u3 = h31 ^ h3210;
    let u4 = l10 ^ u1;
    let u5 = h0 ^ h10;
    let u6 = u3 ^ (h0 ^ h1);
    let u7 = (h2 ^ h3) ^ u3;
    let u8 = l32 ^ u4;
    let y0 = u2 ^ (l3 ^ l3210);
    let y1 = u7 ^ (u1 ^ (l0 ^ l2));
    let y2 = u6 ^ ((l20 ^ u2) ^ u4);
    let y6 = (h20 ^ h31) ^ u5;
    let u9 = ((h2 ^ h32) ^ u5) ^ y0;
    let y3 = u9 ^ u8;
    let y4 = u8 ^ (y6 ^ u6);
    let y7 = u9 ^ y2;
    let y5 = u7 ^ y7;
    [y0, y1, y2, y3, y4, y5, y6, y7]
}

/// The transformation tau of clause 6.2 (1): the S-box on each byte of a word.
#[inline(always)]
pub(super) fn substitute(word: u32) -> u32 {
    const EACH_BYTE: u32 = 0x0101_0101;
    let word = word ^ u32::from_be_bytes([INPUT; 4]);
    // Only bit 0 of each byte of a slice counts; what the shifts leave in the others is masked away below.
    let y = circuit([word, word >> 1, word >> 2, word >> 3, word >> 4, word >> 5, word >> 6, word >> 7]);
    let [y0, y1, y2, y3, y4, y5, y6, y7] = y.map(|slice| slice & EACH_BYTE);
    let low = (y0 | y1 << 1) | (y2 | y3 << 1) << 2;
    let high = (y4 | y5 << 1) | (y6 | y7 << 1) << 2;
    (low | high << 4) ^ u32::from_be_bytes([OUTPUT; 4])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GB/T 32907-2016, clause 6.2.
    const TABLE: [u8; 256] = [
        0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb, 0x2c, 0x05, 0x2b,
        0x67, 0x9a, 0x76, 0x2a, 0xbe, 0x04, 0xc3, 0xaa, 0x44, 0x13, 0x26, 0x49, 0x86, 0x06, 0x99, 0x9c, 0x42,
        0x50, 0xf4, 0x91, 0xef, 0x98, 0x7a, 0x33, 0x54, 0x0b, 0x43, 0xed, 0xcf, 0xac, 0x62, 0xe4, 0xb3, 0x1c,
        0xa9, 0xc9, 0x08, 0xe8, 0x95, 0x80, 0xdf, 0x94, 0xfa, 0x75, 0x8f, 0x3f, 0xa6, 0x47, 0x07, 0xa7, 0xfc,
        0xf3, 0x73, 0x17, 0xba, 0x83, 0x59, 0x3c, 0x19, 0xe6, 0x85, 0x4f, 0xa8, 0x68, 0x6b, 0x81, 0xb2, 0x71,
        0x64, 0xda, 0x8b, 0xf8, 0xeb, 0x0f, 0x4b, 0x70, 0x56, 0x9d, 0x35, 0x1e, 0x24, 0x0e, 0x5e, 0x63, 0x58,
        0xd1, 0xa2, 0x25, 0x22, 0x7c, 0x3b, 0x01, 0x21, 0x78, 0x87, 0xd4, 0x00, 0x46, 0x57, 0x9f, 0xd3, 0x27,
        0x52, 0x4c, 0x36, 0x02, 0xe7, 0xa0, 0xc4, 0xc8, 0x9e, 0xea, 0xbf, 0x8a, 0xd2, 0x40, 0xc7, 0x38, 0xb5,
        0xa3, 0xf7, 0xf2, 0xce, 0xf9, 0x61, 0x15, 0xa1, 0xe0, 0xae, 0x5d, 0xa4, 0x9b, 0x34, 0x1a, 0x55, 0xad,
        0x93, 0x32, 0x30, 0xf5, 0x8c, 0xb1, 0xe3, 0x1d, 0xf6, 0xe2, 0x2e, 0x82, 0x66, 0xca, 0x60, 0xc0, 0x29,
        0x23, 0xab, 0x0d, 0x53, 0x4e, 0x6f, 0xd5, 0xdb, 0x37, 0x45, 0xde, 0xfd, 0x8e, 0x2f, 0x03, 0xff, 0x6a,
        0x72, 0x6d, 0x6c, 0x5b, 0x51, 0x8d, 0x1b, 0xaf, 0x92, 0xbb, 0xdd, 0xbc, 0x7f, 0x11, 0xd9, 0x5c, 0x41,
        0x1f, 0x10, 0x5a, 0xd8, 0x0a, 0xc1, 0x31, 0x88, 0xa5, 0xcd, 0x7b, 0xbd, 0x2d, 0x74, 0xd0, 0x12, 0xb8,
        0xe5, 0xb4, 0xb0, 0x89, 0x69, 0x97, 0x4a, 0x0c, 0x96, 0x77, 0x7e, 0x65, 0xb9, 0xf1, 0x09, 0xc5, 0x6e,
        0xc6, 0x84, 0x18, 0xf0, 0x7d, 0xec, 0x3a, 0xdc, 0x4d, 0x20, 0x79, 0xee, 0x5f, 0x3e, 0xd7, 0xcb, 0x39,
        0x48,
    ];

    #[test]
    fn circuit_is_the_s_box_on_every_byte() {
        for x in 0..=255_u8 {
            for position in [0, 8, 16, 24] {
                // The neighbours hold something else.
                let word = u32::from(x) << position | (0xa55a_3cc3 & !(0xff << position));
                let expected = word.to_be_bytes().map(|b| TABLE[usize::from(b)]);
                assert_eq!(substitute(word).to_be_bytes(), expected);
            }
        }
    }

    /// The description at the top of this file, computed with plain arithmetic.
    #[test]
    fn table_is_affine_inversion_affine() {
        fn times(a: u8, b: u8) -> u8 {
            (0..8).rev().fold(0, |sum: u8, i| {
                let doubled = sum << 1 ^ if sum >> 7 == 1 { 0xf5 } else { 0 };
                doubled ^ if b >> i & 1 == 1 { a } else { 0 }
            })
        }
        fn affine(x: u8) -> u8 {
            (0..8).fold(0xd3, |y, i| {
                let odd = (0xa7_u8.rotate_left(i) & x).count_ones() % 2 == 1;
                y ^ u8::from(odd) << i
            })
        }
        for x in 0..=255 {
            // a^254 is the inverse of a, and 0 for 0.
            let a = affine(x);
            let inverse = (0..254).fold(1, |power, _| times(power, a));
            assert_eq!(affine(inverse), TABLE[usize::from(x)]);
        }
    }
}
