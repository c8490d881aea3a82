//! The few DER types of a bid, written and read strictly.

use alloc::{string::String, vec::Vec};

use crate::{
    ber::{Element, Reader},
    cms::Quirks,
    der::{INTEGER, SEQUENCE, element},
};

pub(super) const UTF8_STRING: u8 = 0x0c;

/// Something that is not as the format says. The caller knows what it was to be.
#[derive(Debug)]
pub(super) struct Broken;

/// Reads elements one after another; whatever is not DER is [`Broken`].
pub(super) struct Fields<'a>(Reader<'a>);

impl<'a> Fields<'a> {
    /// The fields of the one SEQUENCE that `bytes` is.
    pub(super) fn of_sequence(bytes: &'a [u8]) -> Result<Self, Broken> {
        let mut outer = Self(Reader::new(bytes));
        let fields = outer.sequence()?;
        outer.finish()?;
        Ok(fields)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn finish(self) -> Result<(), Broken> {
        self.0.finish().map_err(|_| Broken)
    }

    pub(super) fn next(&mut self) -> Result<Element<'a>, Broken> {
        let mut quirks = Quirks::default();
        let element = self.0.next(&mut quirks).map_err(|_| Broken)?;
        if quirks.is_empty() { Ok(element) } else { Err(Broken) }
    }

    /// The body of the next element, which has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Broken> {
        let element = self.next()?;
        if element.tag == tag { Ok(element.body) } else { Err(Broken) }
    }

    /// The body of the next element if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Broken> {
        if self.0.peek() == Some(tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    pub(super) fn sequence(&mut self) -> Result<Self, Broken> {
        self.expect(SEQUENCE).map(Self::of_body)
    }

    /// The elements in a body.
    pub(super) fn of_body(body: &'a [u8]) -> Self {
        Self(Reader::new(body))
    }

    /// 0 to 2^63 - 1.
    pub(super) fn number(&mut self) -> Result<u64, Broken> {
        let body = self.expect(INTEGER)?;
        match body {
            [] => Err(Broken),
            [first, ..] if first & 0x80 != 0 => Err(Broken),
            [0, second, ..] if second & 0x80 == 0 => Err(Broken),
            [0, rest @ ..] | rest if rest.len() <= 8 => {
                let value = rest.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
                if value > MAX_NUMBER { Err(Broken) } else { Ok(value) }
            }
            _ => Err(Broken),
        }
    }

    /// Exactly `N` bytes under `tag`.
    pub(super) fn bytes<const N: usize>(&mut self, tag: u8) -> Result<[u8; N], Broken> {
        self.expect(tag)?.try_into().map_err(|_| Broken)
    }

    /// UTF-8 of at most `max` bytes without control characters.
    pub(super) fn text(&mut self, max: usize) -> Result<String, Broken> {
        let body = self.expect(UTF8_STRING)?;
        let text = core::str::from_utf8(body).map_err(|_| Broken)?;
        if is_text(text, max) { Ok(text.into()) } else { Err(Broken) }
    }
}

/// Largest number in a bid: 2^63 - 1.
pub(super) const MAX_NUMBER: u64 = u64::MAX >> 1;

pub(super) fn is_text(text: &str, max: usize) -> bool {
    text.len() <= max && !text.chars().any(char::is_control)
}

/// An INTEGER.
pub(super) fn number(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take(7).take_while(|&&byte| byte == 0).count();
    let body = bytes.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if body.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, body])
}

pub(super) fn text(text: &str) -> Vec<u8> {
    element(UTF8_STRING, &[text.as_bytes()])
}

/// A SEQUENCE of these elements.
pub(super) fn sequence<T: AsRef<[u8]>>(elements: &[T]) -> Vec<u8> {
    let parts: Vec<&[u8]> = elements.iter().map(AsRef::as_ref).collect();
    element(SEQUENCE, &parts)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn numbers_are_minimal_and_not_negative() {
        for value in [0, 1, 127, 128, 255, 256, 0xffff_ffff, MAX_NUMBER] {
            assert_eq!(Fields::of_body(&number(value)).number().expect("in range"), value);
        }
        for body in
            [vec![], vec![0x80], vec![0, 1], vec![0, 0], vec![0, 0x80, 0, 0, 0, 0, 0, 0, 0], vec![1; 9]]
        {
            let der = element(INTEGER, &[&body]);
            assert!(Fields::of_body(&der).number().is_err(), "{body:?}");
        }
    }

    #[test]
    fn only_der_is_read() {
        assert!(Fields::of_sequence(&[0x30, 0x81, 0]).is_err(), "a long length");
        assert!(Fields::of_sequence(&[0x30, 0x80, 0, 0]).is_err(), "an indefinite length");
        assert!(Fields::of_sequence(&[0x30, 0, 0]).is_err(), "something behind");
        assert!(Fields::of_body(&text("a\nb")).text(9).is_err(), "a control character");
        assert!(Fields::of_body(&text("abc")).text(2).is_err(), "too long");
    }
}
