//! Writing objects.

use std::io::Write as _;

use crate::error::Error;

use super::object::{Dictionary, Object, Reference};
use super::parser::{is_delimiter, is_space};

/// Appends an object as it stands inside of others. Strings are hexadecimal unless they are printable ASCII.
///
/// # Errors
/// [`Error::Unusable`]: a stream, whose bytes are not here, or a number that is none.
pub fn object(out: &mut Vec<u8>, object: &Object) -> Result<(), Error> {
    match object {
        Object::Null => out.extend_from_slice(b"null"),
        Object::Bool(true) => out.extend_from_slice(b"true"),
        Object::Bool(false) => out.extend_from_slice(b"false"),
        Object::Integer(integer) => write!(out, "{integer}")?,
        Object::Real(real) => number(out, *real)?,
        Object::Name(name) => put_name(out, name)?,
        Object::String(string) => put_string(out, string)?,
        Object::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                self::object(out, item)?;
            }
            out.push(b']');
        }
        Object::Dictionary(entries) => dictionary(out, entries)?,
        Object::Reference(Reference { number, generation }) => write!(out, "{number} {generation} R")?,
        Object::Stream(_) => return Err(Error::Unusable("a stream inside of an object")),
    }
    Ok(())
}

fn dictionary(out: &mut Vec<u8>, entries: &Dictionary) -> Result<(), Error> {
    out.extend_from_slice(b"<<");
    for (key, value) in entries.iter() {
        put_name(out, key)?;
        out.push(b' ');
        object(out, value)?;
    }
    out.extend_from_slice(b">>");
    Ok(())
}

/// A real number keeps its point, so that it is read as one.
fn number(out: &mut Vec<u8>, real: f64) -> Result<(), Error> {
    if !real.is_finite() {
        return Err(Error::Unusable("a number that is none"));
    }
    write!(out, "{real}")?;
    if real.fract() == 0.0 {
        out.extend_from_slice(b".0");
    }
    Ok(())
}

fn put_name(out: &mut Vec<u8>, name: &[u8]) -> Result<(), Error> {
    out.push(b'/');
    for &byte in name {
        if byte.is_ascii_graphic() && byte != b'#' && !is_delimiter(byte) && !is_space(byte) {
            out.push(byte);
        } else {
            write!(out, "#{byte:02X}")?;
        }
    }
    Ok(())
}

fn put_string(out: &mut Vec<u8>, string: &[u8]) -> Result<(), Error> {
    if !string.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        out.push(b'<');
        put_hex(out, string)?;
        out.push(b'>');
        return Ok(());
    }
    out.push(b'(');
    for &byte in string {
        if matches!(byte, b'(' | b')' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b')');
    Ok(())
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    for byte in bytes {
        write!(out, "{byte:02X}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::object::Stream;
    use super::super::parser::Parser;
    use super::*;

    fn any_object() -> impl Strategy<Value = Object> {
        let reference = (any::<u32>(), any::<u16>());
        let leaf = prop_oneof![
            Just(Object::Null),
            any::<bool>().prop_map(Object::Bool),
            any::<i64>().prop_map(Object::Integer),
            (-1e12..1e12).prop_map(Object::Real),
            vec(any::<u8>(), 0..12).prop_map(Object::Name),
            vec(any::<u8>(), 0..12).prop_map(Object::String),
            "[ -~]{0,12}".prop_map(|text| Object::String(text.into_bytes())),
            reference.prop_map(|(number, generation)| Reference { number, generation }.into()),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            let entries = proptest::collection::btree_map("[ -~]{0,6}", inner.clone(), 0..6);
            prop_oneof![
                vec(inner, 0..6).prop_map(Object::Array),
                entries.prop_map(|entries| {
                    let mut dictionary = Dictionary::new();
                    for (key, value) in entries {
                        dictionary.set(&key, value);
                    }
                    dictionary.into()
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in any_object()) {
            let mut text = Vec::new();
            object(&mut text, &value).unwrap();
            let mut parser = Parser::new(&text, None);
            prop_assert_eq!(parser.value().unwrap(), value);
            prop_assert_eq!(parser.position(), text.len());
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in vec(any::<u8>(), 0..60)) {
            let mut parser = Parser::new(&text, Some(u64::MAX - 30));
            if let Ok(value) = parser.value() {
                let mut written = Vec::new();
                object(&mut written, &value).unwrap();
                prop_assert_eq!(Parser::new(&written, None).value().unwrap(), value);
            }
        }

        #[test]
        fn bytes_of_objects_are_read_or_refused(text in "[<>\\[\\]()/ 0-9.R#%\\\\-]{0,40}") {
            let mut parser = Parser::new(text.as_bytes(), None);
            if let Ok(value) = parser.value() {
                let mut written = Vec::new();
                object(&mut written, &value).unwrap();
                prop_assert_eq!(Parser::new(&written, None).value().unwrap(), value);
            }
        }
    }

    #[test]
    fn numbers_that_are_none_and_streams_are_refused() {
        for real in [f64::NAN, f64::INFINITY] {
            assert!(object(&mut Vec::new(), &Object::Real(real)).is_err());
        }
        let stream = Object::Stream(Stream { dictionary: Dictionary::new(), start: 0 });
        assert!(object(&mut Vec::new(), &stream).is_err());
    }
}
