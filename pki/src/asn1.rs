//! BER read and DER written, over the reader of `envelope`. What deviates from DER is not noted: the structures read
//! here are key files and requests, whose signed bytes are kept as they came.

use der::asn1::ObjectIdentifier;
use envelope::{
    ber::{self, Element},
    cms::Quirks,
    der::{BIT_STRING, CONSTRUCTED, INTEGER, NULL, OCTET_STRING, OID, SEQUENCE, element},
};
use zeroize::Zeroizing;

use crate::Error;

/// Reads elements; every failure is [`Error::Malformed`] of the one structure that is being read.
pub(crate) struct Reader<'a> {
    elements: ber::Reader<'a>,
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { elements: ber::Reader::new(bytes), what }
    }

    /// The elements of the one SEQUENCE that `bytes` are; nothing may follow it.
    pub(crate) fn whole(bytes: &'a [u8], what: &'static str) -> Result<Self, Error> {
        let mut outer = Self::new(bytes, what);
        let inner = outer.enter(SEQUENCE)?;
        outer.finish()?;
        Ok(inner)
    }

    pub(crate) const fn malformed(&self) -> Error {
        Error::Malformed(self.what)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.elements.peek()
    }

    pub(crate) fn next(&mut self) -> Result<Element<'a>, Error> {
        self.elements.next(&mut Quirks::default()).map_err(|_| self.malformed())
    }

    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, Error> {
        self.next().and_then(|element| if element.tag == tag { Ok(element) } else { Err(self.malformed()) })
    }

    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Error> {
        if self.peek() == Some(tag) { self.next().map(Some) } else { Ok(None) }
    }

    /// The elements of the next one, which must have this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Result<Self, Error> {
        Ok(Self::new(self.expect(tag)?.body, self.what))
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(self.malformed()) }
    }

    /// Body of an OBJECT IDENTIFIER.
    pub(crate) fn oid(&mut self) -> Result<&'a [u8], Error> {
        Ok(self.expect(OID)?.body)
    }

    /// An OCTET STRING, in segments or not. Wiped, because it may be a secret.
    pub(crate) fn octets(&mut self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.octets_under(OCTET_STRING)
    }

    /// An OCTET STRING under an implicit tag.
    pub(crate) fn octets_under(&mut self, tag: u8) -> Result<Zeroizing<Vec<u8>>, Error> {
        let element = self.next()?;
        let octets = ber::octets(&element, tag, &mut Quirks::default());
        octets.map(Zeroizing::new).map_err(|_| self.malformed())
    }

    /// Whether an OCTET STRING comes next, in segments or not.
    pub(crate) fn at_octets(&self) -> bool {
        matches!(self.peek(), Some(tag) if tag & !CONSTRUCTED == OCTET_STRING)
    }

    /// A BIT STRING without unused bits.
    pub(crate) fn bits(&mut self) -> Result<&'a [u8], Error> {
        match self.expect(BIT_STRING)?.body.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(self.malformed()),
        }
    }

    /// A small INTEGER, not negative.
    pub(crate) fn number(&mut self) -> Result<u32, Error> {
        let body = self.expect(INTEGER)?.body;
        let digits = match body {
            [0, rest @ ..] if !rest.is_empty() => rest,
            [first, ..] if *first < 0x80 => body,
            _ => return Err(self.malformed()),
        };
        if digits.len() > 4 {
            return Err(self.malformed());
        }
        Ok(digits.iter().fold(0, |number, digit| number << 8 | u32::from(*digit)))
    }

    /// An AlgorithmIdentifier: object identifier, and the parameters, which the caller finishes.
    pub(crate) fn algorithm(&mut self) -> Result<(&'a [u8], Self), Error> {
        let mut algorithm = self.enter(SEQUENCE)?;
        Ok((algorithm.oid()?, algorithm))
    }

    /// Parameters that are NULL or absent.
    pub(crate) fn no_parameters(mut self) -> Result<(), Error> {
        self.optional(NULL)?;
        self.finish()
    }
}

/// DER of an AlgorithmIdentifier with these parameters.
pub(crate) fn algorithm(id: ObjectIdentifier, parameters: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&oid(id), parameters])
}

/// DER of an object identifier.
pub(crate) fn oid(id: ObjectIdentifier) -> Vec<u8> {
    element(OID, &[id.as_bytes()])
}

/// DER of an INTEGER that is not negative.
pub(crate) fn number(value: u32) -> Vec<u8> {
    let digits = value.to_be_bytes();
    let skip = digits.iter().take(3).take_while(|digit| **digit == 0).count();
    let digits = digits.get(skip..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, digits])
}

/// What `table` has for an object identifier.
pub(crate) fn lookup<T: Copy>(table: &[(ObjectIdentifier, T)], id: &[u8]) -> Option<T> {
    table.iter().find_map(|(known, value)| (known.as_bytes() == id).then_some(*value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_written() {
        for value in [0, 1, 127, 128, 255, 256, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            assert_eq!(Reader::new(&number(value), "").number(), Ok(value));
        }
        for bytes in [&[2, 0][..], &[2, 1, 0x80], &[2, 5, 1, 0, 0, 0, 0], &[4, 1, 1], &[2, 2, 1]] {
            assert_eq!(Reader::new(bytes, "n").number(), Err(Error::Malformed("n")), "{bytes:02x?}");
        }
        assert_eq!(Reader::new(&[2, 1, 0], "").number(), Ok(0));
    }

    #[test]
    fn bit_strings_have_no_unused_bits() {
        assert_eq!(Reader::new(&[3, 2, 0, 7], "").bits(), Ok(&[7][..]));
        for bytes in [&[3, 2, 1, 6][..], &[3, 0], &[4, 2, 0, 7]] {
            assert!(Reader::new(bytes, "").bits().is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn nothing_may_follow_the_whole() {
        assert!(Reader::whole(&[0x30, 0], "").is_ok());
        assert!(Reader::whole(&[0x30, 0, 0x30, 0], "").is_err());
        assert!(Reader::whole(&[0x31, 0], "").is_err());
        let parameters = |bytes| Reader::new(bytes, "").no_parameters();
        assert!(parameters(&[]).is_ok() && parameters(&[5, 0]).is_ok());
        assert!(parameters(&[5, 0, 5, 0]).is_err() && parameters(&[4, 0]).is_err());
    }
}
