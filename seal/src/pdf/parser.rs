//! Reading objects from bytes.
//!
//! Source: ISO 32000-2:2020, 7.2 and 7.3.

use crate::error::Error;

use super::object::{Dictionary, Object, Reference, Stream};

/// Deepest nesting of arrays and dictionaries.
pub const MAX_DEPTH: usize = 64;

/// Most values that one object is made of, names of dictionaries counted.
pub const MAX_VALUES: usize = 300_000;

/// Reads objects from a window of a file.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    data: &'a [u8],
    at: usize,
    /// Where `data` begins in the file; `None` if it does not stand there.
    base: Option<u64>,
    values: usize,
    starved: bool,
}

pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

pub(super) const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

const fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !is_delimiter(byte)
}

const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Values of hexadecimal digits; of what is none, more than 15.
static DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut byte = 0_u8;
    while byte < 0xff {
        if let Some(digit) = hex_digit(byte) {
            digits[byte as usize] = digit;
        }
        byte += 1;
    }
    digits
};

/// The byte that two hexadecimal digits say.
fn hex_pair([high, low]: [u8; 2]) -> Option<u8> {
    let value = |byte: u8| DIGITS.get(usize::from(byte)).copied().unwrap_or(0xff);
    let (high, low) = (value(high), value(low));
    ((high | low) < 16).then_some(high << 4 | low)
}

impl<'a> Parser<'a> {
    pub(super) const fn new(data: &'a [u8], base: Option<u64>) -> Self {
        Self { data, at: 0, base, values: 0, starved: false }
    }

    /// Whether it looked beyond the end of its window, so that more bytes could give another result.
    pub(super) const fn starved(&self) -> bool {
        self.starved
    }

    /// Bytes that were read.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    fn peek(&mut self) -> Option<u8> {
        let byte = self.data.get(self.at).copied();
        self.starved |= byte.is_none();
        byte
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn next_is(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// White space and comments.
    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self.peek().is_some_and(|byte| byte != b'\r' && byte != b'\n') {
                    self.at += 1;
                }
            } else if !is_space(byte) {
                return;
            } else {
                self.at += 1;
            }
        }
    }

    fn regular(&mut self) -> &'a [u8] {
        let start = self.at;
        while self.peek().is_some_and(is_regular) {
            self.at += 1;
        }
        self.data.get(start..self.at).unwrap_or_default()
    }

    /// Takes a keyword after white space, if it stands there.
    pub(super) fn keyword(&mut self, keyword: &[u8]) -> bool {
        self.skip_space();
        let start = self.at;
        let found = self.regular() == keyword;
        if !found {
            self.at = start;
        }
        found
    }

    /// An unsigned integer after white space.
    pub(super) fn unsigned(&mut self) -> Result<u64, Error> {
        self.skip_space();
        let digits = self.regular();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(Error::Malformed("a number was expected"));
        }
        core::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or(Error::Malformed("a number is too large"))
    }

    /// `n g obj`, the object and, if it is a stream, where its bytes begin.
    pub(super) fn indirect(&mut self) -> Result<(Reference, Object), Error> {
        let bad = Error::Malformed("an indirect object was expected");
        let number = self.unsigned().map_err(|_| bad)?;
        let generation = self.unsigned().map_err(|_| bad)?;
        let (Ok(number), Ok(generation)) = (u32::try_from(number), u16::try_from(generation)) else {
            return Err(bad);
        };
        if !self.keyword(b"obj") {
            return Err(bad);
        }
        let object = self.value()?;
        let Object::Dictionary(dictionary) = object else {
            return Ok((Reference { number, generation }, object));
        };
        if !self.keyword(b"stream") {
            return Ok((Reference { number, generation }, Object::Dictionary(dictionary)));
        }
        if self.next_is(b'\r') {
            self.next_is(b'\n');
        } else if !self.next_is(b'\n') {
            return Err(Error::Malformed("a stream begins with an end of line"));
        }
        let start = self.file_position().ok_or(Error::Malformed("a stream inside of a stream"))?;
        Ok((Reference { number, generation }, Object::Stream(Stream { dictionary, start })))
    }

    /// An object that is no stream.
    pub(super) fn value(&mut self) -> Result<Object, Error> {
        self.nested(0)
    }

    fn file_position(&self) -> Option<u64> {
        self.base?.checked_add(self.at as u64)
    }

    fn count(&mut self) -> Result<(), Error> {
        self.values += 1;
        if self.values > MAX_VALUES { Err(Error::TooLarge("values of one object")) } else { Ok(()) }
    }

    fn nested(&mut self, depth: usize) -> Result<Object, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooLarge("depth of an object"));
        }
        self.count()?;
        self.skip_space();
        match self.peek() {
            None => Err(Error::Malformed("the file ends inside of an object")),
            Some(b'/') => self.name().map(Object::Name),
            Some(b'(') => self.literal_string().map(Object::String),
            Some(b'[') => self.array(depth),
            Some(b'<') => {
                self.at += 1;
                if self.next_is(b'<') {
                    self.dictionary(depth)
                } else {
                    self.hex_string().map(Object::String)
                }
            }
            Some(b'0'..=b'9' | b'+' | b'-' | b'.') => self.number(),
            Some(_) => match self.regular() {
                b"null" => Ok(Object::Null),
                b"true" => Ok(Object::Bool(true)),
                b"false" => Ok(Object::Bool(false)),
                _ => Err(Error::Malformed("an object was expected")),
            },
        }
    }

    /// Stands at the slash. An escape that is none is taken as it is, as readers do.
    fn name(&mut self) -> Result<Vec<u8>, Error> {
        if !self.next_is(b'/') {
            return Err(Error::Malformed("a name was expected"));
        }
        let raw = self.regular();
        let mut name = Vec::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((&byte, tail)) = rest.split_first() {
            rest = tail;
            if byte == b'#'
                && let [high, low, after @ ..] = tail
                && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
            {
                name.push(high << 4 | low);
                rest = after;
            } else {
                name.push(byte);
            }
        }
        Ok(name)
    }

    /// Stands behind `<`.
    fn hex_string(&mut self) -> Result<Vec<u8>, Error> {
        let mut string = Vec::new();
        let mut high = None;
        loop {
            if high.is_none() {
                // Values of signatures are long and nothing but pairs of digits.
                let (pairs, _) = self.data.get(self.at..).unwrap_or_default().as_chunks();
                let len = string.len();
                string.extend(pairs.iter().copied().map_while(hex_pair));
                self.at += 2 * (string.len() - len);
            }
            let byte = self.next().ok_or(Error::Malformed("a string without end"))?;
            if byte == b'>' {
                string.extend(high.map(|high: u8| high << 4));
                return Ok(string);
            }
            if is_space(byte) {
                continue;
            }
            let digit = hex_digit(byte).ok_or(Error::Malformed("a string with a wrong digit"))?;
            match high.take() {
                Some(high) => string.push(high << 4 | digit),
                None => high = Some(digit),
            }
        }
    }

    /// Stands at the parenthesis.
    fn literal_string(&mut self) -> Result<Vec<u8>, Error> {
        let mut string = Vec::new();
        let mut open = 0_usize;
        loop {
            let byte = self.next().ok_or(Error::Malformed("a string without end"))?;
            match byte {
                b'(' => {
                    open += 1;
                    if open == 1 {
                        continue;
                    }
                }
                b')' => {
                    open -= 1;
                    if open == 0 {
                        return Ok(string);
                    }
                }
                b'\\' => {
                    string.extend(self.escape()?);
                    continue;
                }
                b'\r' => {
                    // Every end of line reads as a line feed.
                    self.next_is(b'\n');
                    string.push(b'\n');
                    continue;
                }
                _ => {}
            }
            string.push(byte);
        }
    }

    /// Stands behind the backslash.
    fn escape(&mut self) -> Result<Option<u8>, Error> {
        let byte = self.next().ok_or(Error::Malformed("a string without end"))?;
        Ok(Some(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'\n' => return Ok(None),
            b'\r' => {
                self.next_is(b'\n');
                return Ok(None);
            }
            b'0'..=b'7' => {
                let mut code = byte - b'0';
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                    self.at += 1;
                    // A code above 255 loses its highest bit, as the standard says.
                    code = (code << 3) | (digit - b'0');
                }
                code
            }
            other => other,
        }))
    }

    /// Stands at the bracket.
    fn array(&mut self, depth: usize) -> Result<Object, Error> {
        self.at += 1;
        let mut array = Vec::new();
        loop {
            self.skip_space();
            if self.next_is(b']') {
                return Ok(Object::Array(array));
            }
            array.push(self.nested(depth + 1)?);
        }
    }

    /// Stands behind `<<`.
    fn dictionary(&mut self, depth: usize) -> Result<Object, Error> {
        let mut dictionary = Dictionary::new();
        loop {
            self.skip_space();
            if self.next_is(b'>') {
                if self.next_is(b'>') {
                    break;
                }
                return Err(Error::Malformed("a dictionary ends with >>"));
            }
            self.count()?;
            let key = self.name()?;
            self.skip_space();
            let start = self.file_position();
            let value = self.nested(depth + 1)?;
            dictionary.push(key, value, start.zip(self.file_position()));
        }
        // Readers do not agree which one of them counts.
        if dictionary.has_duplicates() {
            return Err(Error::Malformed("a name stands twice in a dictionary"));
        }
        Ok(Object::Dictionary(dictionary))
    }

    /// A number, or two with an `R`.
    fn number(&mut self) -> Result<Object, Error> {
        let token = self.regular();
        let bad = Error::Malformed("a number that is none");
        let text = core::str::from_utf8(token).map_err(|_| bad)?;
        if !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.')) {
            return Err(bad);
        }
        let Ok(integer) = text.parse::<i64>() else {
            let real = text.parse::<f64>().map_err(|_| bad)?;
            return if real.is_finite() { Ok(Object::Real(real)) } else { Err(bad) };
        };
        if let (Ok(number), true) = (u32::try_from(integer), token.iter().all(u8::is_ascii_digit)) {
            let end = self.at;
            if let Some(generation) = self.rest_of_reference() {
                return Ok(Object::Reference(Reference { number, generation }));
            }
            self.at = end;
        }
        Ok(Object::Integer(integer))
    }

    fn rest_of_reference(&mut self) -> Option<u16> {
        self.skip_space();
        let digits = self.regular();
        // Five digits are the longest generation; more are not looked at.
        if digits.is_empty() || digits.len() > 5 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let generation = core::str::from_utf8(digits).ok()?.parse().ok()?;
        self.keyword(b"R").then_some(generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<Object, Error> {
        Parser::new(text, Some(0)).value()
    }

    #[test]
    fn objects_are_read() {
        let string = |text: &str| Object::String(text.as_bytes().to_vec());
        let cases: [(&[u8], Object); 29] = [
            (b" % x\r null ", Object::Null),
            (b"true", Object::Bool(true)),
            (b"false]", Object::Bool(false)),
            (b"+17 ", Object::Integer(17)),
            (b"-9223372036854775808", Object::Integer(i64::MIN)),
            (b"9223372036854775808", Object::Real(9_223_372_036_854_775_808.0)),
            (b"-.5", Object::Real(-0.5)),
            (b"4.", Object::Real(4.0)),
            (b"/A#42#4x", Object::Name(b"AB#4x".to_vec())),
            (b"/", Object::Name(Vec::new())),
            (b"(a(b)\\)c)", string("a(b))c")),
            (b"(a\\\r\nb\r\nc\\012\\53\\5)", string("ab\nc\n+\u{5}")),
            (b"(\\n\\r\\t\\b\\f\\q)", string("\n\r\t\u{8}\u{c}q")),
            (b"()", string("")),
            (b"<61 6\n2 7>", string("abp")),
            (b"<>", string("")),
            (b"<6162636>", string("abc`")),
            (b"<6\t162 6364>", string("abcd")),
            (b"<Ff00fF>", Object::String(vec![0xff, 0, 0xff])),
            (b"12 0 R", Object::Reference(Reference { number: 12, generation: 0 })),
            (b"12 65535 R/", Object::Reference(Reference { number: 12, generation: 65535 })),
            (b"12 65536 R", Object::Integer(12)),
            (b"12 0 RG", Object::Integer(12)),
            (b"-12 0 R", Object::Integer(-12)),
            (
                b"[1 2 3 0 R]",
                Object::Array(vec![
                    Object::Integer(1),
                    Object::Integer(2),
                    Object::Reference(Reference { number: 3, generation: 0 }),
                ]),
            ),
            (b"[]", Object::Array(Vec::new())),
            (
                b"<</A/B/C 1>>",
                Dictionary::from([("A", Object::from_name("B")), ("C", Object::Integer(1))]).into(),
            ),
            (b"<<>>", Dictionary::new().into()),
            (
                b"[[<</A[null]>>]]",
                Object::Array(vec![Object::Array(vec![
                    Dictionary::from([("A", Object::Array(vec![Object::Null]))]).into(),
                ])]),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Ok(expected), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let cases: [&[u8]; 26] = [
            b"",
            b" ",
            b"% no end",
            b"nul",
            b"]",
            b">",
            b"<< /A >>",
            b"<< /A 1",
            b"<</A 1>",
            b"<</A 1> >",
            b"<<1 2>>",
            b"[1 2",
            b"(a",
            b"(a\\",
            b"<6",
            b"<6g>",
            b"<61626g63>",
            b"<616",
            b"--5",
            b"1.2.3",
            b"12abc",
            b"1e5",
            b"{",
            b")",
            b"<</A 1/A 1>>",
            b"<</A 1/#41 1>>",
        ];
        for text in cases {
            assert!(matches!(parse(text), Err(Error::Malformed(_))), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_and_number_of_values_have_limits() {
        let deep = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
        assert!(parse(&deep(MAX_DEPTH + 1)).is_ok());
        assert_eq!(parse(&deep(MAX_DEPTH + 2)), Err(Error::TooLarge("depth of an object")));
        assert_eq!(parse(&b"<</A".repeat(100_000)), Err(Error::TooLarge("depth of an object")));
        let wide = |values: usize| [b"[".to_vec(), b"1 ".repeat(values), b"]".to_vec()].concat();
        assert!(parse(&wide(MAX_VALUES - 1)).is_ok());
        assert_eq!(parse(&wide(MAX_VALUES)), Err(Error::TooLarge("values of one object")));
    }

    #[test]
    fn values_know_where_they_stand() {
        let text = b"<< /A <0a> /B<</C(x)>>>>";
        let object = Parser::new(text, Some(100)).value().unwrap();
        let dictionary = object.as_dictionary().unwrap();
        assert_eq!(dictionary.span("A"), Some(106..110));
        let inner = dictionary.get("B").unwrap().as_dictionary().unwrap();
        assert_eq!(inner.span("C"), Some(117..120));
        let object = Parser::new(text, None).value().unwrap();
        assert_eq!(object.as_dictionary().unwrap().span("A"), None);
    }

    #[test]
    fn indirect_objects_and_streams_are_read() {
        let read = |text: &[u8]| Parser::new(text, Some(5)).indirect();
        let (id, object) = read(b"7 1 obj\n[1]endobj").unwrap();
        assert_eq!((id.number, id.generation), (7, 1));
        assert_eq!(object, Object::Array(vec![Object::Integer(1)]));
        for (text, start) in [(&b"7 0 obj<<>>stream\r\nx"[..], 24), (b"7 0 obj<<>>stream\nx", 23)] {
            assert_eq!(read(text).unwrap().1.as_stream().unwrap().start, start);
        }
        let cases: [&[u8]; 7] = [
            b"7 0 objx 1",
            b"7 obj 1",
            b"-7 0 obj 1",
            b"4294967296 0 obj 1",
            b"7 65536 obj 1",
            b"7 0 obj",
            b"7 0 obj<<>>stream x",
        ];
        for text in cases {
            assert!(matches!(read(text), Err(Error::Malformed(_))), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_parser_says_when_more_bytes_could_matter() {
        for (text, starved) in
            [(&b"12"[..], true), (b"12 0 ", true), (b"/A ", false), (b"[1]", false), (b"(a", true)]
        {
            let mut parser = Parser::new(text, None);
            let _ = parser.value();
            assert_eq!(parser.starved(), starved, "{}", String::from_utf8_lossy(text));
        }
    }
}
