//! Distinguished names, for people to read.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::ber::Reader;
use crate::cms::Quirks;
use crate::der::{OID, SEQUENCE, SET};
use crate::error::InvalidMessage;

/// A DER `Name` as text, for example `C=CN, O=Example, CN=Somebody`, in the order of the encoding. Values that are not
/// what their type claims are shown as well as possible; what is not a name at all is shown in hex. Not for comparing
/// names: compare their bytes.
#[must_use]
pub fn display(name: &[u8]) -> String {
    read(name).unwrap_or_else(|_| hex(name))
}

fn read(name: &[u8]) -> Result<String, InvalidMessage> {
    let quirks = &mut Quirks::default();
    let mut outer = Reader::new(name);
    let mut sets = Reader::new(outer.expect(SEQUENCE, quirks)?.body);
    outer.finish()?;
    let mut parts = Vec::new();
    while !sets.is_empty() {
        let mut attributes = Reader::new(sets.expect(SET, quirks)?.body);
        let mut together = Vec::new();
        while !attributes.is_empty() {
            let mut attribute = Reader::new(attributes.expect(SEQUENCE, quirks)?.body);
            let id = attribute.expect(OID, quirks)?.body;
            let value = attribute.next(quirks)?;
            attribute.finish()?;
            together.push(format!("{}={}", attribute_name(id), escaped(&text(value.tag, value.body))));
        }
        parts.push(together.join("+"));
    }
    Ok(parts.join(", "))
}

/// The short names of RFC 4514 and of X.520; others as a dotted identifier.
fn attribute_name(id: &[u8]) -> String {
    let name = match id {
        [0x55, 0x04, 3] => "CN",
        [0x55, 0x04, 4] => "SN",
        [0x55, 0x04, 5] => "serialNumber",
        [0x55, 0x04, 6] => "C",
        [0x55, 0x04, 7] => "L",
        [0x55, 0x04, 8] => "ST",
        [0x55, 0x04, 9] => "STREET",
        [0x55, 0x04, 10] => "O",
        [0x55, 0x04, 11] => "OU",
        [0x55, 0x04, 12] => "title",
        [0x55, 0x04, 42] => "GN",
        [0x55, 0x04, 45] => "x500UniqueIdentifier",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        _ => return dotted(id),
    };
    name.into()
}

/// The dotted form of an object identifier from the body of its encoding.
#[must_use]
pub fn dotted(id: &[u8]) -> String {
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for byte in id {
        if arc >> 57 != 0 {
            return hex(id);
        }
        arc = arc << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first);
                arc -= first * 40;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    arcs.iter().map(|arc| format!("{arc}")).collect::<Vec<_>>().join(".")
}

fn text(tag: u8, body: &[u8]) -> String {
    const BMP_STRING: u8 = 0x1e;
    const STRINGS: [u8; 6] = [0x0c, 0x12, 0x13, 0x14, 0x16, 0x1a];
    if tag == BMP_STRING {
        let units: Vec<u16> = body.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
        return String::from_utf16_lossy(&units);
    }
    if !STRINGS.contains(&tag) {
        return format!("#{}", hex(body));
    }
    // UTF-8 stands under every tag in the field. What is not UTF-8 is taken for Latin-1.
    match core::str::from_utf8(body) {
        Ok(text) => text.into(),
        Err(_) => body.iter().copied().map(char::from).collect(),
    }
}

/// A value must not look like the next attribute. Source: RFC 4514, 2.4, without escapes in hex.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::element;

    fn name(parts: &[(&[u8], u8, &[u8])]) -> Vec<u8> {
        let sets: Vec<Vec<u8>> = parts
            .iter()
            .map(|(id, tag, value)| {
                element(SET, &[&element(SEQUENCE, &[&element(OID, &[id]), &element(*tag, &[value])])])
            })
            .collect();
        element(SEQUENCE, &sets.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn names_are_shown() {
        let cn: &[u8] = &[0x55, 4, 3];
        let shown = display(&name(&[
            (&[0x55, 4, 6], 0x13, b"CN"),
            (cn, 0x0c, "测试, CN=x".as_bytes()),
            (cn, 0x1e, &[0x6d, 0x4b]),
            (cn, 0x14, &[0xe9]),
            (&[0x2a, 0x81, 0x1c, 0xcf, 0x55], 0x02, &[1]),
        ]));
        assert_eq!(shown, "C=CN, CN=测试\\, CN\\=x, CN=测, CN=é, 1.2.156.10197=#01");
        assert_eq!(display(&name(&[])), "");
        assert_eq!(display(&[0x30, 1, 0]), "300100");
    }

    #[test]
    fn identifiers_are_shown() {
        assert_eq!(dotted(&[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x75]), "1.2.156.10197.1.501");
        assert_eq!(dotted(&[0x88, 0x37]), "2.999");
        assert_eq!(dotted(&[0xff; 12]), "ff".repeat(12));
        assert_eq!(dotted(&[]), "");
    }
}
