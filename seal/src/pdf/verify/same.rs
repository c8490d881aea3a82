//! Whether two objects mean the same.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use crate::error::Error;

use super::super::document::Document;
use super::super::object::{Dictionary, Object, Stream};

/// Bytes of streams that are compared at a time.
const CHUNK: u64 = 64 * 1024;

/// Whether an object of one revision is the same in another; the order of names in dictionaries does not matter.
pub(super) fn same<R: Read + Seek>(
    document: &mut Document<R>,
    (old_revision, old): (usize, &Object),
    (new_revision, new): (usize, &Object),
) -> Result<bool, Error> {
    let (Object::Stream(old), Object::Stream(new)) = (old, new) else { return Ok(same_value(old, new)) };
    if !same_entries(&without_length(old), &without_length(new)) {
        return Ok(false);
    }
    let mut one = document.stream_span(old_revision, old)?;
    let mut other = document.stream_span(new_revision, new)?;
    if one.end - one.start != other.end - other.start {
        return Ok(false);
    }
    while one.start < one.end {
        let len = CHUNK.min(one.end - one.start);
        let bytes = document.bytes(one.start..one.start + len)?.to_vec();
        if document.bytes(other.start..other.start + len)? != bytes {
            return Ok(false);
        }
        one.start += len;
        other.start += len;
    }
    Ok(true)
}

/// The length may stand in the dictionary or elsewhere; the bytes show it.
fn without_length(stream: &Stream) -> Dictionary {
    let mut dictionary = stream.dictionary.clone();
    dictionary.remove("Length");
    dictionary
}

/// Whether two values of one dictionary or array are the same. Streams are not looked into.
pub(super) fn same_value(old: &Object, new: &Object) -> bool {
    match (old, new) {
        (Object::Array(old), Object::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same_value(old, new))
        }
        (Object::Dictionary(old), Object::Dictionary(new)) => same_entries(old, new),
        (old, new) => old == new,
    }
}

fn same_entries(old: &Dictionary, new: &Dictionary) -> bool {
    changed_keys(old, new).is_empty()
}

/// A name whose value differs.
pub(super) struct Changed {
    pub(super) key: String,
    /// It was not there before.
    pub(super) is_new: bool,
}

/// The names whose values differ.
pub(super) fn changed_keys(old: &Dictionary, new: &Dictionary) -> Vec<Changed> {
    let by_key = |dictionary| -> BTreeMap<_, _> {
        let entries = Dictionary::iter(dictionary);
        entries.filter(|(_, value)| **value != Object::Null).collect()
    };
    let (old, new) = (by_key(old), by_key(new));
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    let differs = |key: &[u8], value: &Object| !old.get(key).is_some_and(|old| same_value(old, value));
    let changed = new.iter().filter(|(key, value)| differs(key, value));
    let keys = gone.chain(changed.map(|(key, _)| key));
    let named = |key: &&[u8]| Changed {
        key: String::from_utf8_lossy(key).into_owned(),
        is_new: !old.contains_key(*key),
    };
    keys.map(named).collect()
}
