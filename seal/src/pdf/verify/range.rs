//! What a signature covers.

use std::io::{Read, Seek};
use std::ops::Range;

use crate::error::Error;
use crate::report::{Code, Reason};

use super::super::document::Document;
use super::super::fields::SignatureValue;

/// What is looked at between the end of a revision and the end of what is signed: ends of lines.
const MAX_SPACE: u64 = 1024;

/// What the `startxref` of a revision is looked for in.
const TAIL_LEN: u64 = 1024;

/// The two ranges that are signed, if they are in order by themselves: within the file, and one after the other.
pub(super) fn ranges(value: &SignatureValue, len: u64) -> Option<[Range<u64>; 2]> {
    let numbers: Option<Vec<u64>> =
        value.byte_range.iter().map(|number| u64::try_from(*number).ok()).collect();
    let [first, first_len, second, second_len] = *numbers?.as_slice() else { return None };
    let first = first..first.checked_add(first_len)?;
    let second = second..second.checked_add(second_len)?;
    (first.end <= second.start && second.end <= len).then_some([first, second])
}

/// Which revision a signature closes, if it covers all of it but its own value.
pub(super) fn closes<R: Read + Seek>(
    document: &mut Document<R>,
    value: &SignatureValue,
) -> Result<Result<usize, Reason>, Error> {
    let coverage = |what: &str| Ok(Err(Reason::new(Code::Coverage, what)));
    let Some(gap) = value.contents_span.clone() else {
        return Ok(Err(Reason::new(Code::Unreadable, "Contents")));
    };
    let Some([first, second]) = ranges(value, document.len()) else {
        return coverage("ByteRange");
    };
    if first.start != 0 {
        return coverage("ByteRange does not begin with the file");
    }
    if (first.end, second.start) != (gap.start, gap.end) {
        return coverage("ByteRange leaves out something else than Contents");
    }
    if !is_hexadecimal(document, gap)? {
        return coverage("Contents is not hexadecimal");
    }
    let revisions = document.revisions();
    let Some(revision) = revisions.iter().rposition(|revision| revision.eof <= second.end) else {
        return coverage("ByteRange does not end with a revision");
    };
    let Some((eof, xref)) = revisions.get(revision).map(|revision| (revision.eof, revision.xref)) else {
        return coverage("ByteRange does not end with a revision");
    };
    // A signature that stands behind what it closes is of a later revision, and the part before is no state of the file.
    if eof < second.start || !is_space(document, eof..second.end)? {
        return coverage("ByteRange does not end with a revision");
    }
    if !starts_at(document, eof, xref)? {
        return coverage("the revision began with another cross-reference table");
    }
    Ok(Ok(revision))
}

/// Where what a signature covers ends, if it closes a revision.
pub(in crate::pdf) fn closed_end<R: Read + Seek>(
    document: &mut Document<R>,
    value: &SignatureValue,
) -> Result<Option<u64>, Error> {
    let closed = closes(document, value)?.is_ok();
    Ok(ranges(value, document.len()).filter(|_| closed).map(|[_, second]| second.end))
}

fn is_hexadecimal<R: Read + Seek>(document: &mut Document<R>, span: Range<u64>) -> Result<bool, Error> {
    let bytes = document.bytes(span)?;
    let inner = bytes.strip_prefix(b"<").and_then(|bytes| bytes.strip_suffix(b">"));
    Ok(inner
        .is_some_and(|inner| inner.iter().all(|byte| byte.is_ascii_hexdigit() || byte.is_ascii_whitespace())))
}

fn is_space<R: Read + Seek>(document: &mut Document<R>, span: Range<u64>) -> Result<bool, Error> {
    if span.end - span.start > MAX_SPACE {
        return Ok(false);
    }
    Ok(document.bytes(span)?.iter().all(|byte| matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n')))
}

/// Whether the file, cut off behind an `%%EOF`, began with this cross-reference section. Otherwise the signer saw another
/// document than the one that the chain of sections shows.
fn starts_at<R: Read + Seek>(document: &mut Document<R>, eof: u64, xref: u64) -> Result<bool, Error> {
    let shift = document.shift();
    let tail = document.bytes(eof.saturating_sub(TAIL_LEN)..eof)?;
    let keyword = b"startxref";
    let Some(at) = tail.windows(keyword.len()).rposition(|window| window == keyword) else {
        return Ok(false);
    };
    let rest = tail.get(at + keyword.len()..).unwrap_or_default().trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let offset = rest.get(..digits).and_then(|digits| core::str::from_utf8(digits).ok());
    let offset = offset.and_then(|offset| offset.parse::<u64>().ok());
    Ok(offset.and_then(|offset| offset.checked_add(shift)) == Some(xref))
}

/// The value without the zeros that fill its place up, and whether there is something else behind it. What is no DER is
/// given as it is.
pub(super) fn unpadded(contents: &[u8]) -> (Vec<u8>, bool) {
    let Some((value, rest)) = der_len(contents).and_then(|len| contents.split_at_checked(len)) else {
        return (contents.to_vec(), false);
    };
    (value.to_vec(), rest.iter().any(|byte| *byte != 0))
}

/// The length of a DER value, tag and length counted.
fn der_len(bytes: &[u8]) -> Option<usize> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    if tag & 0x1f == 0x1f || tag == 0 {
        return None;
    }
    if first < 0x80 {
        return Some(2 + usize::from(first));
    }
    let octets = usize::from(first & 0x7f);
    if !(1..=4).contains(&octets) {
        return None;
    }
    let len = rest.get(..octets)?.iter().fold(0_u64, |len, octet| len << 8 | u64::from(*octet));
    usize::try_from(len).ok()?.checked_add(2 + octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_taken_off_by_the_length() {
        let long = [&[0x30, 0x82, 1, 0][..], &[7; 256]].concat();
        let cases: [(&[u8], usize, bool); 10] = [
            (&[0x30, 1, 5], 3, false),
            (&[0x30, 1, 5, 0, 0], 3, false),
            (&[0x30, 1, 0, 0], 3, false),
            (&[0x30, 1, 5, 0, 9], 3, true),
            (&long, 260, false),
            (&[0x30, 5, 1], 3, false),       // shorter than it says
            (&[0x30, 0x80, 0, 0], 4, false), // BER
            (&[0x30, 0x85, 0, 0, 0, 0, 1], 7, false),
            (&[0, 0, 0], 3, false),
            (&[], 0, false),
        ];
        for (contents, len, more) in cases {
            let (value, found) = unpadded(contents);
            assert_eq!((value.as_slice(), found), (&contents[..len], more), "{contents:02x?}");
        }
    }
}
