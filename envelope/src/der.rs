//! Writing DER: tag, shortest definite length, body. Lengths are `u64` throughout, because the content of a message
//! can be longer than memory.
//!
//! Source: ITU-T X.690 (2021), 8.1 and 10.1.

use alloc::vec::Vec;

/// Tag of INTEGER.
pub const INTEGER: u8 = 0x02;
/// Tag of BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// Tag of OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// Tag of NULL.
pub const NULL: u8 = 0x05;
/// Tag of OBJECT IDENTIFIER.
pub const OID: u8 = 0x06;
/// Tag of SEQUENCE and SEQUENCE OF.
pub const SEQUENCE: u8 = 0x30;
/// Tag of SET and SET OF.
pub const SET: u8 = 0x31;
/// Bit of the tag byte that marks an element made of elements.
pub const CONSTRUCTED: u8 = 0x20;
/// Context-specific tag `[n]`, primitive; with [`CONSTRUCTED`] for the constructed form.
#[must_use]
pub const fn context(n: u8) -> u8 {
    0x80 | n
}

/// Bytes that tag and length take for a body of `len` bytes: 2 to 10.
pub(crate) const fn head_len(len: u64) -> u64 {
    2 + if len < 0x80 { 0 } else { length_octets(len) as u64 }
}

/// Octets of the big-endian length without leading zeros.
const fn length_octets(mut len: u64) -> u8 {
    let mut octets = 0;
    while len != 0 {
        octets += 1;
        len >>= 8;
    }
    octets
}

/// Appends tag and length of an element whose body of `len` bytes follows.
pub fn put_head(out: &mut Vec<u8>, tag: u8, len: u64) {
    out.push(tag);
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let octets = length_octets(len);
            out.push(0x80 | octets);
            out.extend(len.to_be_bytes().into_iter().skip(8 - usize::from(octets)));
        }
    }
}

/// Appends a whole element whose body is the concatenation of `parts`.
pub(crate) fn put(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    put_head(out, tag, parts.iter().map(|part| part.len() as u64).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// A whole element whose body is the concatenation of `parts`.
#[must_use]
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, tag, parts);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_their_shortest_form() {
        let cases: [(u64, &str); 9] = [
            (0, "0400"),
            (127, "047f"),
            (128, "048180"),
            (255, "0481ff"),
            (256, "04820100"),
            (65_536, "0483010000"),
            (0xffff_ffff, "0484ffffffff"),
            (0x1_0000_0000, "04850100000000"),
            (1 << 62, "04884000000000000000"),
        ];
        for (len, expected) in cases {
            let mut out = Vec::new();
            put_head(&mut out, OCTET_STRING, len);
            assert_eq!(hex::encode(&out), expected);
            assert_eq!(out.len() as u64, head_len(len), "{len}");
        }
    }
}
