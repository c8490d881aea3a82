//! Reading DER field by field, without re-encoding anything: for structures that are signed as they came.

use der::{Header, Reader as _, SliceReader};
pub use envelope::der::{BIT_STRING, INTEGER, NULL, OCTET_STRING, OID, SEQUENCE, SET, element};

use crate::error::Error;

/// Tag of BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// Tag of ENUMERATED.
pub const ENUMERATED: u8 = 0x0a;
/// Tag of IA5String.
pub const IA5: u8 = 0x16;
/// Tag of UTCTime.
pub const UTC_TIME: u8 = 0x17;
/// Tag of GeneralizedTime.
pub const GENERALIZED_TIME: u8 = 0x18;

/// Tag `[n]`, primitive.
#[must_use]
pub const fn primitive(n: u8) -> u8 {
    0x80 | n
}

/// Tag `[n]`, constructed.
#[must_use]
pub const fn constructed(n: u8) -> u8 {
    0xa0 | n
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// The tag byte.
    pub tag: u8,
    /// The octets inside.
    pub body: &'a [u8],
    /// Tag, length and body.
    pub whole: &'a [u8],
}

/// The elements of a body, one after another. `what` is said of whatever is wrong.
#[derive(Clone)]
pub struct Fields<'a> {
    reader: Option<SliceReader<'a>>,
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// The elements in `body`.
    #[must_use]
    pub fn new(body: &'a [u8], what: &'static str) -> Self {
        // More than 256 MiB is nothing that can be read; the first element says so.
        Self { reader: SliceReader::new(body).ok(), what }
    }

    /// The elements inside an element that is all of `der`.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn inside(der: &'a [u8], tag: u8, what: &'static str) -> Result<Self, Error> {
        let mut outer = Self::new(der, what);
        let body = outer.expect(tag)?.body;
        outer.finish()?;
        Ok(Self::new(body, what))
    }

    /// What is said of whatever is wrong.
    #[must_use]
    pub const fn error(&self) -> Error {
        Error::Malformed(self.what)
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reader.as_ref().is_some_and(der::Reader::is_finished)
    }

    /// The tag of the next element.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.reader.as_ref().and_then(der::Reader::peek_byte)
    }

    /// The next element, whatever it is.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    #[expect(clippy::should_implement_trait, reason = "it can fail, and there is no end to iterate to")]
    pub fn next(&mut self) -> Result<Element<'a>, Error> {
        let error = self.error();
        let reader = self.reader.as_mut().ok_or(error)?;
        let header = Header::peek(reader).map_err(|_| error)?;
        let whole = reader.tlv_bytes().map_err(|_| error)?;
        let length = usize::try_from(header.length()).map_err(|_| error)?;
        let start = whole.len().checked_sub(length).ok_or(error)?;
        let body = whole.get(start..).ok_or(error)?;
        Ok(Element { tag: *whole.first().ok_or(error)?, body, whole })
    }

    /// The next element, which has this tag.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, Error> {
        let element = self.next()?;
        if element.tag == tag { Ok(element) } else { Err(self.error()) }
    }

    /// The next element, if it has this tag.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, Error> {
        if self.peek() == Some(tag) { self.next().map(Some) } else { Ok(None) }
    }

    /// The fields of the next element, which is a SEQUENCE.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn sequence(&mut self) -> Result<Self, Error> {
        Ok(Self::new(self.expect(SEQUENCE)?.body, self.what))
    }

    /// Nothing is left.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn finish(self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(self.error()) }
    }

    /// Every element that is left, each of this tag.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn all(mut self, tag: u8) -> Result<Vec<Element<'a>>, Error> {
        let mut elements = Vec::new();
        while !self.is_empty() {
            elements.push(self.expect(tag)?);
        }
        Ok(elements)
    }

    /// An object identifier.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn oid(&mut self) -> Result<der::asn1::ObjectIdentifier, Error> {
        let body = self.expect(OID)?.body;
        der::asn1::ObjectIdentifier::from_bytes(body).map_err(|_| self.error())
    }

    /// The octets of a BIT STRING without unused bits.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn bit_string(&mut self) -> Result<&'a [u8], Error> {
        match self.expect(BIT_STRING)?.body {
            [0, octets @ ..] => Ok(octets),
            _ => Err(self.error()),
        }
    }

    /// A time of RFC 5280.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn time(&mut self) -> Result<envelope::cms::Time, Error> {
        let element = self.next()?;
        envelope::cms::Time::from_der(element.tag, element.body).ok_or_else(|| self.error())
    }

    /// A non-negative INTEGER that fits.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn small(&mut self) -> Result<u32, Error> {
        let body = self.expect(INTEGER)?.body;
        small(body).ok_or_else(|| self.error())
    }

    /// BOOLEAN DEFAULT FALSE with this tag. Any value but 0 is true, as in BER.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn flag(&mut self, tag: u8) -> Result<bool, Error> {
        match self.optional(tag)?.map(|element| element.body) {
            None | Some([0]) => Ok(false),
            Some([_]) => Ok(true),
            Some(_) => Err(self.error()),
        }
    }
}

/// The value of a non-negative INTEGER body of at most four octets.
#[must_use]
pub fn small(body: &[u8]) -> Option<u32> {
    match body {
        [] => None,
        [first, ..] if first & 0x80 != 0 => None,
        [0, rest @ ..] if rest.len() <= 4 => Some(rest),
        rest if rest.len() <= 4 => Some(rest),
        _ => None,
    }
    .map(|octets| octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_integers() {
        assert_eq!(small(&[0]), Some(0));
        assert_eq!(small(&[0x7f, 0xff, 0xff, 0xff]), Some(0x7fff_ffff));
        assert_eq!(small(&[0, 0xff, 0xff, 0xff, 0xff]), Some(0xffff_ffff));
        assert_eq!(small(&[1, 0, 0, 0, 0]), None);
        assert_eq!(small(&[0x80]), None);
        assert_eq!(small(&[]), None);
    }

    #[test]
    fn lengths_are_the_shortest() {
        for (len, head) in
            [(0, &[4, 0][..]), (0x7f, &[4, 0x7f]), (0x80, &[4, 0x81, 0x80]), (0x100, &[4, 0x82, 1, 0])]
        {
            let written = element(OCTET_STRING, &[&vec![7; len]]);
            assert!(written.starts_with(head), "{len}");
            assert_eq!(Fields::new(&written, "test").expect(OCTET_STRING).unwrap().body.len(), len);
        }
    }

    #[test]
    fn fields_end_where_their_element_ends() {
        let mut fields = Fields::inside(&[0x30, 5, 2, 1, 7, 5, 0], SEQUENCE, "test").unwrap();
        assert_eq!(fields.small(), Ok(7));
        assert!(fields.optional(OID).unwrap().is_none());
        assert!(!fields.is_empty());
        assert_eq!(fields.next().unwrap().tag, NULL);
        fields.finish().unwrap();
        assert!(Fields::inside(&[0x30, 0, 0], SEQUENCE, "test").is_err());
        assert!(Fields::inside(&[0x30, 2, 2], SEQUENCE, "test").is_err());
        assert!(Fields::new(&[2, 0x81, 1, 7], "test").next().is_err(), "not the shortest length");
    }
}
