//! Distinguished names, and when two of them are the same.
//!
//! Source: RFC 5280, 4.1.2.4 and 7.1.

use core::fmt;

use der::asn1::ObjectIdentifier;

use crate::error::Error;
use crate::fields::{Fields, OID, SEQUENCE, SET};
use crate::oid;

/// A distinguished name, as it was encoded. Equal are names whose encodings are, or whose attributes are when letter
/// case, the kind of string and the number of spaces do not count.
#[derive(Clone)]
pub struct Name {
    der: Vec<u8>,
    /// One for each relative name: its attributes in a form that can be compared.
    folded: Vec<Vec<u8>>,
}

impl Name {
    /// Reads a DER `Name`. Values may be anything, in any character set.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let mut folded = Vec::new();
        for relative in Fields::inside(der, SEQUENCE, WHAT)?.all(SET)? {
            let mut attributes = Vec::new();
            for (id, tag, value) in attributes_of(relative.body)? {
                attributes.push(fold(id, tag, value));
            }
            attributes.sort_unstable();
            folded.push(attributes.concat());
        }
        Ok(Self { der: der.to_vec(), folded })
    }

    /// The encoding.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Whether it has no attributes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.folded.is_empty()
    }

    /// Whether it begins with all of `base`. Source: RFC 5280, 4.2.1.10, directoryName.
    #[must_use]
    pub fn is_within(&self, base: &Self) -> bool {
        self.folded.starts_with(&base.folded)
    }

    /// Equal under the folding, as bytes to find it by.
    pub(crate) fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.der.len());
        for relative in &self.folded {
            put_sized(&mut key, relative);
        }
        key
    }

    /// The values of an attribute, in order, as text.
    #[must_use]
    pub fn values(&self, id: &ObjectIdentifier) -> Vec<String> {
        let mut values = Vec::new();
        let relatives = Fields::inside(&self.der, SEQUENCE, WHAT).and_then(|fields| fields.all(SET));
        for relative in relatives.unwrap_or_default() {
            for (attribute, tag, value) in attributes_of(relative.body).unwrap_or_default() {
                if attribute == id.as_bytes() {
                    values.push(text(tag, value).unwrap_or_else(|| hex(value)));
                }
            }
        }
        values
    }

    /// The common name, or all of the name if there is none: what to call the subject.
    #[must_use]
    pub fn short(&self) -> String {
        self.values(&oid::COMMON_NAME).pop().unwrap_or_else(|| self.to_string())
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der || self.folded == other.folded
    }
}

impl Eq for Name {}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&envelope::name::display(&self.der))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

const WHAT: &str = "name";

/// Identifier, tag and body of an attribute.
type Attribute<'a> = (&'a [u8], u8, &'a [u8]);

/// The attributes in a relative name.
fn attributes_of(body: &[u8]) -> Result<Vec<Attribute<'_>>, Error> {
    let mut attributes = Vec::new();
    for element in Fields::new(body, WHAT).all(SEQUENCE)? {
        let mut attribute = Fields::new(element.body, WHAT);
        let id = attribute.expect(OID)?.body;
        let value = attribute.next()?;
        attribute.finish()?;
        attributes.push((id, value.tag, value.body));
    }
    Ok(attributes)
}

/// An attribute so that equal ones have equal bytes and no value runs into the next.
fn fold(id: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(id.len() + value.len() + 12);
    put_sized(&mut folded, id);
    match text(tag, value) {
        Some(text) => {
            folded.push(0);
            put_sized(&mut folded, fold_text(&text).as_bytes());
        }
        None => {
            folded.push(tag);
            put_sized(&mut folded, value);
        }
    }
    folded
}

fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u64).to_be_bytes());
    out.extend(bytes);
}

/// Lower case, one space for each run of white space, none at the ends.
pub(crate) fn fold_text(text: &str) -> String {
    if text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return text.to_ascii_lowercase();
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// A string of any kind as text; `None` for what is no string, or not in the character set that it must have.
pub(crate) fn text(tag: u8, body: &[u8]) -> Option<String> {
    match tag {
        // UTF8String
        0x0c => core::str::from_utf8(body).ok().map(Into::into),
        // BMPString
        0x1e => {
            let (units, rest) = body.as_chunks();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok())?
        }
        // UniversalString
        0x1c => {
            let (units, rest) = body.as_chunks();
            let chars = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
            rest.is_empty().then(|| chars.collect())?
        }
        // NumericString, PrintableString, TeletexString, IA5String, VisibleString: in the field UTF-8 stands in all of
        // them; what is not UTF-8 is taken for Latin-1.
        0x12 | 0x13 | 0x14 | 0x16 | 0x1a => Some(match core::str::from_utf8(body) {
            Ok(text) => text.into(),
            Err(_) => body.iter().copied().map(char::from).collect(),
        }),
        _ => None,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, u8::try_from(body.len()).unwrap()];
        out.extend(body);
        out
    }

    fn name(relatives: &[&[(u8, u8, &[u8])]]) -> Name {
        let sets = relatives.iter().map(|attributes| {
            let attributes = attributes.iter().map(|(id, tag, value)| {
                element(SEQUENCE, &[element(OID, &[0x55, 4, *id]), element(*tag, value)].concat())
            });
            element(SET, &attributes.collect::<Vec<_>>().concat())
        });
        Name::from_der(&element(SEQUENCE, &sets.collect::<Vec<_>>().concat())).unwrap()
    }

    #[test]
    fn case_spaces_kind_and_order_in_a_set_do_not_count() {
        let a = name(&[&[(6, 0x13, b"CN")], &[(3, 0x13, b"Example  CA "), (10, 0x0c, "É".as_bytes())]]);
        let b = name(&[&[(6, 0x0c, b"cn")], &[(10, 0x14, b"\xe9"), (3, 0x0c, b" EXAMPLE ca")]]);
        assert_eq!(a, b);
        assert_eq!(a.key(), b.key());
        assert_ne!(a.as_der(), b.as_der());
        assert_eq!(a.short(), "Example  CA ");
    }

    #[test]
    fn everything_else_counts() {
        let base = name(&[&[(10, 0x13, b"ab")], &[(3, 0x13, b"c")]]);
        for other in [
            name(&[&[(3, 0x13, b"c")], &[(10, 0x13, b"ab")]]),
            name(&[&[(10, 0x13, b"ab"), (3, 0x13, b"c")]]),
            name(&[&[(10, 0x13, b"a b")], &[(3, 0x13, b"c")]]),
            name(&[&[(10, 0x13, b"ab")]]),
            name(&[&[(11, 0x13, b"ab")], &[(3, 0x13, b"c")]]),
            name(&[&[(10, 0x02, b"ab")], &[(3, 0x13, b"c")]]),
            name(&[&[(10, 0x13, b"ab")], &[(3, 0x13, b"c")], &[(3, 0x13, b"d")]]),
        ] {
            assert_ne!(base, other);
            assert_ne!(base.key(), other.key());
        }
    }

    #[test]
    fn what_is_not_utf_8_is_compared_byte_by_byte() {
        let a = name(&[&[(3, 0x0c, b"\xc7\xa9\xff")]]);
        assert_eq!(a, a.clone());
        assert_ne!(a, name(&[&[(3, 0x0c, b"\xc7\xa9\xfe")]]));
        assert_eq!(a.values(&oid::COMMON_NAME), ["c7a9ff"]);
    }

    #[test]
    fn a_subtree_begins_with_its_base() {
        let base = name(&[&[(6, 0x13, b"CN")], &[(10, 0x13, b"A")]]);
        assert!(base.is_within(&base));
        assert!(name(&[&[(6, 0x0c, b"cn")], &[(10, 0x13, b"a")], &[(3, 0x13, b"x")]]).is_within(&base));
        assert!(!name(&[&[(6, 0x13, b"CN")], &[(10, 0x13, b"AB")]]).is_within(&base));
        assert!(!name(&[&[(6, 0x13, b"CN")]]).is_within(&base));
        assert!(base.is_within(&name(&[])));
    }
}
