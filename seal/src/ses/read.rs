//! Parts that several structures have.

use pki::fields::{
    BIT_STRING, BOOLEAN, Element, Fields, GENERALIZED_TIME, IA5, OCTET_STRING, SEQUENCE, UTC_TIME,
    constructed,
};
use pki::{ObjectIdentifier, Time};

use super::MAX_EXTENSIONS;
use super::seal::Extension;
use crate::error::Error;

const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;

/// The one SEQUENCE that the bytes begin with. Zeros behind it are padding; anything else is an error.
pub(super) fn only<'a>(bytes: &'a [u8], what: &'static str) -> Result<Element<'a>, Error> {
    if bytes.len() > super::MAX_LEN {
        return Err(Error::TooLarge(what));
    }
    let mut outer = Fields::new(bytes, what);
    let element = outer.expect(SEQUENCE).map_err(|_| Error::Malformed(what))?;
    match bytes.get(element.whole.len()..) {
        Some(rest) if rest.iter().all(|byte| *byte == 0) => Ok(element),
        _ => Err(Error::Malformed(what)),
    }
}

/// Errors of the reader as those of this crate.
pub(super) fn malformed(error: pki::Error) -> Error {
    match error {
        pki::Error::Malformed(what) => Error::Malformed(what),
        other => Error::Certificate(other),
    }
}

/// How many elements are left.
pub(super) fn count(fields: &Fields<'_>) -> Result<usize, Error> {
    let mut fields = fields.clone();
    let mut count = 0;
    while !fields.is_empty() {
        fields.next().map_err(malformed)?;
        count += 1;
    }
    Ok(count)
}

/// A text, whatever type of string it is. What is no UTF-8 is replaced: it is for people, and verified as bytes.
pub(super) fn text(fields: &mut Fields<'_>) -> Result<String, Error> {
    let element = fields.next().map_err(malformed)?;
    match element.tag {
        UTF8 | PRINTABLE | IA5 => Ok(String::from_utf8_lossy(element.body).into_owned()),
        _ => Err(Error::Malformed(malformed_text(fields))),
    }
}

fn malformed_text(fields: &Fields<'_>) -> &'static str {
    match fields.error() {
        pki::Error::Malformed(what) => what,
        _ => "text",
    }
}

pub(super) fn octets<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], Error> {
    Ok(fields.expect(OCTET_STRING).map_err(malformed)?.body)
}

/// The octets of a BIT STRING, or those of an OCTET STRING as some write.
pub(super) fn bits<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], Error> {
    match fields.peek() {
        Some(BIT_STRING) => fields.bit_string().map_err(malformed),
        _ => octets(fields),
    }
}

/// A UTCTime or GeneralizedTime.
pub(super) fn time(fields: &mut Fields<'_>) -> Result<Time, Error> {
    fields.time().map_err(malformed)
}

/// A moment as it is written where the standard leaves the form open: a whole element of time, or text such as
/// `20260131120000Z`, `2026-01-31 12:00:00` and `2026-01-31T12:00:00.000Z`. Text without a zone is that of Beijing.
pub(super) fn loose_time(bytes: &[u8]) -> Option<Time> {
    let mut fields = Fields::new(bytes, "time");
    if matches!(fields.peek(), Some(UTC_TIME | GENERALIZED_TIME))
        && let Ok(time) = fields.time()
        && fields.is_empty()
    {
        return Some(time);
    }
    let text = core::str::from_utf8(bytes).ok()?.trim();
    crate::time::parse(text)
}

/// The value of `[0] EXPLICIT ExtensionDatas OPTIONAL`. Some leave out the tag.
pub(super) fn extensions(fields: &mut Fields<'_>) -> Result<Vec<Extension>, Error> {
    let mut list = match fields.peek() {
        None => return Ok(Vec::new()),
        Some(SEQUENCE) => fields.sequence().map_err(malformed)?,
        Some(_) => {
            let tagged = fields.expect(constructed(0)).map_err(malformed)?;
            let mut inner = Fields::new(tagged.body, "extensions of a seal");
            let list = inner.sequence().map_err(malformed)?;
            inner.finish().map_err(malformed)?;
            list
        }
    };
    if count(&list)? > MAX_EXTENSIONS {
        return Err(Error::TooLarge("extensions of a seal"));
    }
    let mut found = Vec::new();
    while !list.is_empty() {
        let mut extension = list.sequence().map_err(malformed)?;
        let id = extension.oid().map_err(malformed)?;
        let critical = extension.flag(BOOLEAN).map_err(malformed)?;
        let value = octets(&mut extension)?.to_vec();
        extension.finish().map_err(malformed)?;
        found.push(Extension { id, critical, value });
    }
    Ok(found)
}

/// `[0] EXPLICIT BIT STRING OPTIONAL`: a time-stamp token.
pub(super) fn time_stamp(fields: &mut Fields<'_>) -> Result<Option<Vec<u8>>, Error> {
    let tagged = fields.optional(constructed(0)).map_err(malformed)?;
    let Some(tagged) = tagged else { return Ok(None) };
    let mut inner = Fields::new(tagged.body, "time-stamp of a seal");
    let token = bits(&mut inner)?.to_vec();
    inner.finish().map_err(malformed)?;
    Ok(Some(token))
}

/// An object identifier; some wrap it in an AlgorithmIdentifier.
pub(super) fn algorithm(fields: &mut Fields<'_>) -> Result<ObjectIdentifier, Error> {
    if fields.peek() == Some(SEQUENCE) {
        return fields.sequence().and_then(|mut inner| inner.oid()).map_err(malformed);
    }
    fields.oid().map_err(malformed)
}
