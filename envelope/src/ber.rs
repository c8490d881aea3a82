//! Reading BER: definite and indefinite lengths, from a slice that holds the whole element.
//!
//! What deviates from DER is read and noted in [`Quirks`]; the caller decides whether that is acceptable. Lengths are
//! checked against what is there before anything is taken, so no input makes this module allocate more than it has.
//!
//! Source: ITU-T X.690 (2021), 8.1.

use alloc::vec::Vec;

use crate::cms::{Quirk, Quirks};
use crate::der::{CONSTRUCTED, OCTET_STRING};
use crate::error::InvalidMessage;

/// Tag and length of one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) tag: u8,
    /// Length of the body; `None` is the indefinite form, which only a constructed element can have.
    pub(crate) len: Option<u64>,
    /// Bytes taken by tag and length, 2 to 10.
    pub(crate) size: usize,
    /// The length is in the shortest form.
    pub(crate) minimal: bool,
}

/// Longest head: one tag byte, one length marker, eight length octets.
pub(crate) const MAX_HEAD: usize = 10;

impl Head {
    /// Reads the head at the start of `bytes`; `None` if it is not complete yet.
    ///
    /// # Errors
    /// `Malformed`: a multi-byte tag, a length of more than eight octets, an indefinite length on a primitive element,
    /// or a zero tag that is not an end-of-contents mark.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, InvalidMessage> {
        let (tag, marker, rest) = match bytes {
            [tag, marker, rest @ ..] => (*tag, *marker, rest),
            _ => return Ok(None),
        };
        if tag & 0x1f == 0x1f {
            return Err(InvalidMessage::Malformed);
        }
        let head = match marker {
            0..=0x7f => Self { tag, len: Some(u64::from(marker)), size: 2, minimal: true },
            0x80 if tag & CONSTRUCTED != 0 => Self { tag, len: None, size: 2, minimal: true },
            0x81..=0x88 => {
                let octets = usize::from(marker & 0x7f);
                let Some(octets) = rest.get(..octets) else { return Ok(None) };
                let len = octets.iter().fold(0u64, |len, &octet| len << 8 | u64::from(octet));
                let minimal = octets.first() != Some(&0) && len >= 0x80;
                Self { tag, len: Some(len), size: 2 + octets.len(), minimal }
            }
            _ => return Err(InvalidMessage::Malformed),
        };
        if tag == 0 && (head.len != Some(0) || head.size != 2) {
            return Err(InvalidMessage::Malformed);
        }
        Ok(Some(head))
    }

    /// Whether this is the end-of-contents mark of an indefinite length.
    pub(crate) const fn is_end(&self) -> bool {
        self.tag == 0
    }

    /// Notes what DER does not permit.
    pub(crate) fn note(&self, quirks: &mut Quirks) {
        if !self.minimal {
            quirks.insert(Quirk::NonMinimalLength);
        }
        if self.len.is_none() {
            quirks.insert(Quirk::IndefiniteLength);
        }
    }
}

/// One element of a slice.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    /// The tag byte.
    pub tag: u8,
    /// What is in it, without an end mark.
    pub body: &'a [u8],
    /// Head, body and, if the length is indefinite, the end mark.
    pub whole: &'a [u8],
}

/// Reads the elements of a slice one after another.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever it is.
    ///
    /// # Errors
    /// `Malformed`: there is none, or it is not whole.
    pub fn next(&mut self, quirks: &mut Quirks) -> Result<Element<'a>, InvalidMessage> {
        let head = complete_head(self.rest)?;
        if head.is_end() {
            return Err(InvalidMessage::Malformed);
        }
        head.note(quirks);
        let after_head = self.rest.get(head.size..).ok_or(InvalidMessage::Malformed)?;
        let (body_len, end_len) = match head.len {
            Some(len) => (usize::try_from(len).map_err(|_| InvalidMessage::Malformed)?, 0),
            None => (indefinite_len(after_head)?, 2),
        };
        let body = after_head.get(..body_len).ok_or(InvalidMessage::Malformed)?;
        // No overflow: `body_len` is a length inside a slice.
        let (whole, rest) =
            self.rest.split_at_checked(head.size + body_len + end_len).ok_or(InvalidMessage::Malformed)?;
        self.rest = rest;
        Ok(Element { tag: head.tag, body, whole })
    }

    /// The next element, which must have this tag.
    ///
    /// # Errors
    /// `Malformed`: as [`Reader::next`], or another tag.
    pub fn expect(&mut self, tag: u8, quirks: &mut Quirks) -> Result<Element<'a>, InvalidMessage> {
        let element = self.next(quirks)?;
        if element.tag == tag { Ok(element) } else { Err(InvalidMessage::Malformed) }
    }

    /// The next element if it has this tag.
    ///
    /// # Errors
    /// `Malformed`: it has, and is not whole.
    pub fn optional(&mut self, tag: u8, quirks: &mut Quirks) -> Result<Option<Element<'a>>, InvalidMessage> {
        if self.peek() == Some(tag) { self.next(quirks).map(Some) } else { Ok(None) }
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// `Malformed`: something is.
    pub const fn finish(self) -> Result<(), InvalidMessage> {
        if self.is_empty() { Ok(()) } else { Err(InvalidMessage::Malformed) }
    }
}

fn complete_head(bytes: &[u8]) -> Result<Head, InvalidMessage> {
    Head::read(bytes)?.ok_or(InvalidMessage::Malformed)
}

/// Length of the elements in front of the end mark that closes an indefinite length. Iterative: the depth of nesting
/// costs a counter, not stack.
fn indefinite_len(bytes: &[u8]) -> Result<usize, InvalidMessage> {
    let mut at = 0usize;
    let mut open = 0usize;
    loop {
        let head = complete_head(bytes.get(at..).ok_or(InvalidMessage::Malformed)?)?;
        if head.is_end() {
            if open == 0 {
                return Ok(at);
            }
            open -= 1;
        }
        let body = match head.len {
            Some(len) => usize::try_from(len).map_err(|_| InvalidMessage::Malformed)?,
            None => {
                open += 1;
                0
            }
        };
        at =
            at.checked_add(head.size).and_then(|at| at.checked_add(body)).ok_or(InvalidMessage::Malformed)?;
    }
}

/// The octets of an OCTET STRING read under `tag` (its own or an implicit one): the body, or in the constructed form
/// of BER the bodies of its segments, one level deep. The vector does not grow, so it leaves no copy behind.
///
/// # Errors
/// `Malformed`: another tag, or segments that are something else.
pub fn octets(element: &Element<'_>, tag: u8, quirks: &mut Quirks) -> Result<Vec<u8>, InvalidMessage> {
    if element.tag == tag {
        return Ok(element.body.to_vec());
    }
    if element.tag != tag | CONSTRUCTED {
        return Err(InvalidMessage::Malformed);
    }
    quirks.insert(Quirk::ConstructedString);
    let mut segments = Reader::new(element.body);
    let mut octets = Vec::with_capacity(element.body.len());
    while !segments.is_empty() {
        octets.extend_from_slice(segments.expect(OCTET_STRING, quirks)?.body);
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn read(bytes: &[u8]) -> (Result<Vec<u8>, InvalidMessage>, Quirks) {
        let mut quirks = Quirks::default();
        let element = Reader::new(bytes).next(&mut quirks).map(|element| element.body.to_vec());
        (element, quirks)
    }

    #[test]
    fn definite_lengths() {
        assert_eq!(read(&[4, 2, 7, 8, 9]), (Ok(vec![7, 8]), Quirks::default()));
        let (body, quirks) = read(&[4, 0x81, 1, 7]);
        assert_eq!(body, Ok(vec![7]));
        assert!(quirks.contains(Quirk::NonMinimalLength));
        let (body, quirks) = read(&[4, 0x82, 0, 0x80, 7]);
        assert_eq!(body, Err(InvalidMessage::Malformed), "the body is short");
        assert!(quirks.contains(Quirk::NonMinimalLength));
    }

    #[test]
    fn indefinite_lengths_nest() {
        let (body, quirks) = read(&[0x30, 0x80, 0x30, 0x80, 4, 1, 0, 0, 0, 5, 0, 0, 0, 0xff]);
        assert_eq!(body, Ok(vec![0x30, 0x80, 4, 1, 0, 0, 0, 5, 0]));
        assert!(quirks.contains(Quirk::IndefiniteLength));
    }

    #[test]
    fn heads_that_are_never_valid() {
        for bytes in [
            &[0x1f, 0x01, 0x00][..],               // multi-byte tag
            &[4, 0x80, 0, 0],                      // indefinite primitive
            &[4, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1], // nine length octets
            &[4, 0xff],                            // reserved marker
            &[0, 1, 0],                            // end mark with a body
            &[0, 0x81, 0],                         // end mark in the long form
            &[0, 0],                               // end mark where nothing is open
            &[0x30, 0x80, 4, 0],                   // no end mark
            &[0x30, 0x80, 4, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0], // length wraps
            &[4, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[4],
            &[],
        ] {
            assert_eq!(read(bytes).0, Err(InvalidMessage::Malformed), "{bytes:02x?}");
        }
    }

    #[test]
    fn strings_in_segments() {
        let mut quirks = Quirks::default();
        let bytes = [0x24, 0x80, 4, 1, 1, 4, 0, 4, 2, 2, 3, 0, 0];
        let element = Reader::new(&bytes).next(&mut quirks).expect("well-formed");
        assert_eq!(octets(&element, OCTET_STRING, &mut quirks), Ok(vec![1, 2, 3]));
        assert!(quirks.contains(Quirk::ConstructedString));
        assert_eq!(octets(&element, 0x80, &mut quirks), Err(InvalidMessage::Malformed), "another tag");

        let nested = [0x24, 5, 0x24, 3, 4, 1, 1];
        let element = Reader::new(&nested).next(&mut quirks).expect("well-formed");
        assert_eq!(octets(&element, OCTET_STRING, &mut quirks), Err(InvalidMessage::Malformed));
    }
}
