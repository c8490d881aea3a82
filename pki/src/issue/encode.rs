//! DER of what is issued. Source: ITU-T X.690.

use der::asn1::ObjectIdentifier;
use envelope::cms::Time;

use crate::asn1;
use crate::fields::{
    BIT_STRING, BOOLEAN, GENERALIZED_TIME, INTEGER, OCTET_STRING, SEQUENCE, constructed, element,
};
use crate::oid;

pub(super) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, parts)
}

pub(super) fn id(id: ObjectIdentifier) -> Vec<u8> {
    asn1::oid(id)
}

/// An INTEGER that is not negative, from its octets.
pub(super) fn unsigned(octets: &[u8]) -> Vec<u8> {
    element(INTEGER, &[&unsigned_body(octets)])
}

/// The shortest body of an INTEGER that is not negative.
pub(super) fn unsigned_body(octets: &[u8]) -> Vec<u8> {
    let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    let digits = octets.get(start..).unwrap_or_default();
    // Zero is one octet, and what begins with a high bit would be negative.
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    [sign, digits].concat()
}

/// BOOLEAN DEFAULT FALSE under a tag.
pub(super) fn flag(tag: u8, value: bool) -> Vec<u8> {
    if value { element(tag, &[&[0xff]]) } else { Vec::new() }
}

pub(super) fn octets(body: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, &[body])
}

/// A BIT STRING without unused bits.
pub(super) fn bit_string(body: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], body])
}

/// The body of a BIT STRING whose bits have names: without zeros at the end. Bit 0 of `set` is the first one.
pub(super) fn named_bits(set: u32) -> Vec<u8> {
    let count = 32 - set.leading_zeros();
    let mut body = vec![0; 1 + usize::try_from(count.div_ceil(8)).unwrap_or(0)];
    for bit in (0..count).filter(|bit| set >> bit & 1 != 0) {
        let at = 1 + usize::try_from(bit / 8).unwrap_or(0);
        body.iter_mut().skip(at).take(1).for_each(|octet| *octet |= 0x80 >> (bit % 8));
    }
    let unused = u8::try_from(count.next_multiple_of(8) - count).unwrap_or(0);
    body.iter_mut().take(1).for_each(|first| *first = unused);
    body
}

/// Tag `[n]` around whole elements.
pub(super) fn explicit(n: u8, parts: &[&[u8]]) -> Vec<u8> {
    element(constructed(n), parts)
}

/// GeneralizedTime, whatever the year: OCSP answers, time stamps and invalidityDate have no other.
pub(super) fn generalized(time: Time) -> Vec<u8> {
    element(GENERALIZED_TIME, &[digits(time).as_bytes(), b"Z"])
}

/// `20260131235959`.
pub(super) fn digits(time: Time) -> String {
    time.to_string().chars().filter(char::is_ascii_digit).collect()
}

pub(super) fn extension(which: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    seq(&[&id(which), &flag(BOOLEAN, critical), &octets(value)])
}

/// AlgorithmIdentifier of SM2 with SM3, without parameters or with NULL.
pub(super) fn sm2_with_sm3(null_parameters: bool) -> Vec<u8> {
    asn1::algorithm(oid::SM2_WITH_SM3, if null_parameters { &[5, 0] } else { &[] })
}

/// authorityKeyIdentifier with the identifier alone.
pub(super) fn authority_key_id(key_id: &[u8]) -> Vec<u8> {
    extension(oid::AUTHORITY_KEY_ID, false, &seq(&[&element(0x80, &[key_id])]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_with_names_end_with_the_last_that_is_set() {
        for (set, body) in [
            (0, &[0][..]),
            (1, &[7, 0x80]),
            (0b11, &[6, 0xc0]),
            (0b110_0000, &[1, 0x06]),
            (0b1_0000_0000, &[7, 0, 0x80]),
            (1 << 25, &[6, 0, 0, 0, 0x40]),
        ] {
            assert_eq!(named_bits(set), body, "{set:b}");
        }
    }

    #[test]
    fn numbers_are_positive_and_short() {
        for (octets, body) in
            [(&[][..], &[0][..]), (&[0, 0], &[0]), (&[0, 1], &[1]), (&[0x80], &[0, 0x80]), (&[0x7f], &[0x7f])]
        {
            assert_eq!(unsigned_body(octets), body);
        }
    }
}
