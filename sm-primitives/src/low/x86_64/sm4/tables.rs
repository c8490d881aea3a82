//! The S-box of SM4 through that of AES, and everything that follows from it, computed when the crate is built.
//!
//! Both S-boxes are an inversion in GF(2^8) between affine maps, and all fields of 256 elements are isomorphic: with a
//! root g of SM4's polynomial in the field of AES, x -> g^i x_i maps the one onto the other. So
//!
//! ```text
//! S(x) = C AES(T (x) + t) + c        T, C linear, AES the S-box as in AESENCLAST
//! ```
//!
//! The kernels hold state words *in the basis of T*, that is T(X) in place of X, so that the map in front of the AES
//! instruction costs nothing; the round keys are T(rk) + t. Behind it stands the linear L of SM4. With bytes counted
//! from the lowest, b_i the outputs of S, P = I + (x << 2), Q = I + (x >> 6), L is
//!
//! ```text
//! L(b)_i = P s_i + Q s_(i-1)         s_i = b_i + b_(i-1) + b_(i-2)
//! ```
//!
//! so that T L C needs two linear maps of bytes, T P C and T Q C, each two tables of nibbles for PSHUFB. The affine
//! constant is folded into a table. P + Q is R, the rotation of a byte by 2 bits to the left.
//!
//! AESENC goes on to MixColumns, m_r = 2 a_r + 3 a_(r+1) + a_(r+2) + a_(r+3) with bytes counted from the highest (as
//! they lie in the registers here). With that, half of L comes out of the instruction itself:
//!
//! ```text
//! L(C a)_r = R C m_(r-1) + H (a_r + a_(r-1))         H = P C + R C 3
//! ```
//!
//! (3 being the product with 3 in the field of AES), which is more work but has fewer steps one after the other.
//!
//! GF2P8AFFINEINVQB inverts in the field of AES and applies any matrix to the inverse, so that the map behind the S-box
//! and what L does to a byte are one instruction. With b the inverses, D = M T^-1 M the map from them to the outputs of
//! S, R the rotation as above, and bytes counted from the highest:
//!
//! ```text
//! L(D b)_r = P D b_r + R D (b_(r+1) + b_(r+2)) + Q D b_(r+3)
//! ```

/// A linear map of bytes: the images of the eight bits.
type Map = [u8; 8];

/// The images of the 16 low and the 16 high nibbles under a linear map, as tables for PSHUFB.
pub(super) type Nibbles = [[u8; 16]; 2];

/// A root of x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1, SM4's polynomial, in the field of AES; any of the eight would do.
const ROOT: u8 = 0x23;

/// The affine constants of the S-boxes of SM4 and of AES.
const SM4: u8 = 0xd3;
const AES: u8 = 0x63;

const IDENTITY: Map = [1, 2, 4, 8, 16, 32, 64, 128];

/// The product in the field of AES.
const fn times(a: u8, b: u8) -> u8 {
    let (mut product, mut a, mut i) = (0, a, 0);
    while i < 8 {
        product ^= a * (b >> i & 1);
        a = (a << 1) ^ (0x1b * (a >> 7));
        i += 1;
    }
    product
}

const fn image(map: &Map, x: u8) -> u8 {
    let (mut y, mut i) = (0, 0);
    while i < 8 {
        y ^= map[i] * (x >> i & 1);
        i += 1;
    }
    y
}

/// `outer` after `inner`.
const fn after(outer: &Map, inner: &Map) -> Map {
    let (mut map, mut i) = (*inner, 0);
    while i < 8 {
        map[i] = image(outer, inner[i]);
        i += 1;
    }
    map
}

const fn sum(a: &Map, b: &Map) -> Map {
    let (mut map, mut i) = (*a, 0);
    while i < 8 {
        map[i] ^= b[i];
        i += 1;
    }
    map
}

const fn inverse(map: &Map) -> Map {
    let (mut inverse, mut x) = ([0; 8], 255_u8);
    while x > 0 {
        let y = image(map, x);
        if y.is_power_of_two() {
            inverse[y.trailing_zeros() as usize] = x;
        }
        x -= 1;
    }
    inverse
}

/// What stands in front of and behind the inversion of SM4: row i is a7 rotated left by i.
const M: Map = {
    let (mut map, mut row) = ([0; 8], 0_u8);
    while row < 8 {
        let (bits, mut i) = (0xa7_u8.rotate_left(row as u32), 0);
        while i < 8 {
            map[i] |= (bits >> i & 1) << row;
            i += 1;
        }
        row += 1;
    }
    map
};

/// What stands behind the inversion of AES (FIPS 197, section 5.1.1).
const AES_AFFINE: Map = {
    let mut map = IDENTITY;
    let mut i = 0;
    while i < 8 {
        let x = map[i];
        map[i] = x ^ x.rotate_left(1) ^ x.rotate_left(2) ^ x.rotate_left(3) ^ x.rotate_left(4);
        i += 1;
    }
    map
};

/// From SM4's field to that of AES.
const ISOMORPHISM: Map = {
    let (mut map, mut i) = ([1; 8], 1);
    while i < 8 {
        map[i] = times(map[i - 1], ROOT);
        i += 1;
    }
    map
};

const T: Map = after(&ISOMORPHISM, &M);
const C: Map = after(&M, &inverse(&after(&AES_AFFINE, &ISOMORPHISM)));

/// t: a part of every round key.
pub(super) const IN: u8 = image(&ISOMORPHISM, SM4);
/// c
const OUT: u8 = image(&C, AES) ^ SM4;

/// The bytes of a word shifted left by `n`, right if negative; what leaves the byte is lost.
const fn shift(n: i32) -> Map {
    let (mut map, mut i) = (IDENTITY, 0);
    while i < 8 {
        map[i] = if n < 0 { map[i] >> -n } else { map[i] << n };
        i += 1;
    }
    map
}

const P: Map = sum(&IDENTITY, &shift(2));
const Q: Map = sum(&IDENTITY, &shift(-6));

/// The tables of `map`, with `constant` added to what they give together.
const fn nibbles(map: &Map, constant: u8) -> Nibbles {
    let (mut tables, mut n) = ([[0; 16]; 2], 0_u8);
    while n < 16 {
        tables[0][n as usize] = image(map, n) ^ constant;
        tables[1][n as usize] = image(map, n << 4);
        n += 1;
    }
    tables
}

/// A linear map of S-box outputs, from and to the basis of T.
const fn of_output(map: &Map) -> Map {
    after(&T, &after(map, &C))
}

/// What c becomes behind L, in the basis of T: L of four equal bytes rotates each by 2.
const OUT_L: u8 = image(&T, OUT.rotate_left(2));

/// T
pub(super) const TO: Nibbles = nibbles(&T, 0);
/// The inverse of T.
pub(super) const FROM: Nibbles = nibbles(&inverse(&T), 0);
/// T P C, with the constant.
pub(super) const TPC: Nibbles = nibbles(&of_output(&P), OUT_L);
/// T Q C
pub(super) const TQC: Nibbles = nibbles(&of_output(&Q), 0);

const R: Map = sum(&P, &Q);
const TIMES_3: Map = {
    let (mut map, mut i) = (IDENTITY, 0);
    while i < 8 {
        map[i] = times(map[i], 3);
        i += 1;
    }
    map
};

/// T R C, with the constant.
pub(super) const TRC: Nibbles = nibbles(&of_output(&R), OUT_L);
/// T H
pub(super) const TH: Nibbles = nibbles(&sum(&of_output(&P), &after(&of_output(&R), &TIMES_3)), 0);

/// The linear L' of the key schedule, B + (B <<< 13) + (B <<< 23): with bytes counted from the highest, byte r is the
/// sum over n of the n-th map of byte r + n. With the constant.
pub(super) const SCHEDULE: [Nibbles; 4] = [
    nibbles(&of_output(&IDENTITY), image(&T, OUT ^ OUT.rotate_left(5) ^ OUT.rotate_left(7))),
    nibbles(&of_output(&shift(5)), 0),
    nibbles(&of_output(&sum(&shift(-3), &shift(7))), 0),
    nibbles(&of_output(&shift(-1)), 0),
];

/// A linear map of bytes as GF2P8AFFINEQB takes it: the rows, the last one in the lowest byte.
const fn matrix(map: &Map) -> i64 {
    let (mut rows, mut row) = ([0; 8], 0);
    while row < 8 {
        let mut i = 0;
        while i < 8 {
            rows[7 - row] |= (map[i] >> row & 1) << i;
            i += 1;
        }
        row += 1;
    }
    i64::from_le_bytes(rows)
}

/// D
const D: Map = after(&M, &inverse(&ISOMORPHISM));

/// A linear map of S-box outputs, from inverses and to the basis of T.
const fn of_inverse(map: &Map) -> i64 {
    matrix(&after(&T, &after(map, &D)))
}

/// T and its inverse, for GF2P8AFFINEQB.
pub(super) const TO_MATRIX: i64 = matrix(&T);
pub(super) const FROM_MATRIX: i64 = matrix(&inverse(&T));

/// L for GF2P8AFFINEINVQB: byte r is the sum over n of the n-th matrix, T P D, T R D, T R D, T Q D, of byte r + n.
pub(super) const L_MATRICES: [i64; 4] = [of_inverse(&P), of_inverse(&R), of_inverse(&R), of_inverse(&Q)];
/// What the S-box's constant becomes behind L, in the basis of T.
pub(super) const L_CONSTANT: i32 = image(&T, SM4.rotate_left(2)) as i32;

/// The same for L' of the key schedule.
pub(super) const SCHEDULE_MATRICES: [i64; 4] = [
    of_inverse(&IDENTITY),
    of_inverse(&shift(5)),
    of_inverse(&sum(&shift(-3), &shift(7))),
    of_inverse(&shift(-1)),
];
pub(super) const SCHEDULE_CONSTANT: i32 = image(&T, SM4 ^ SM4.rotate_left(5) ^ SM4.rotate_left(7)) as i32;

/// The image of each byte of a word under T.
const fn to_basis(word: u32) -> u32 {
    let [a, b, c, d] = word.to_be_bytes();
    u32::from_be_bytes([image(&T, a), image(&T, b), image(&T, c), image(&T, d)])
}

/// FK of GB/T 32907-2016, clause 7.3: 16 bytes in the order of a key's.
pub(super) const FK: [u8; 16] = 0xa3b1_bac6_56aa_3350_677d_9197_b270_22dc_u128.to_be_bytes();

/// CK of clause 7.3 (2), as the kernels hold round keys.
pub(super) const CK: [u32; 32] = {
    let (mut ck, mut i, mut byte) = ([0; 32], 0, 0_u8);
    while i < 32 {
        let (b, c, d) = (byte.wrapping_add(7), byte.wrapping_add(14), byte.wrapping_add(21));
        let word = to_basis(u32::from_be_bytes([byte, b, c, d]));
        ck[i] = word.swap_bytes() ^ u32::from_ne_bytes([IN; 4]);
        byte = byte.wrapping_add(28);
        i += 1;
    }
    ck
};

/// The shuffle within four words of four bytes that takes byte `(row + down) mod 4` of each word, and undoes the
/// ShiftRows of AESENCLAST if `rows` is true: that moved byte r of word w to word w - r (mod 4).
pub(super) const fn shuffle(down: u8, rows: bool) -> [u8; 16] {
    let (mut indices, mut i) = ([0; 16], 0_u8);
    while i < 16 {
        let row = (i + down) % 4;
        let word = if rows { (4 + i / 4 - row) % 4 } else { i / 4 };
        indices[i as usize] = 4 * word + row;
        i += 1;
    }
    indices
}

#[cfg(test)]
mod tests;
