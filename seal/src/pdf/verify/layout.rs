//! Whether objects stand where the revision that defines them is.

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::ops::Range;

use crate::error::Error;
use crate::report::{Code, Reason};

use super::super::document::{Document, Entry};
use super::super::xref::Slot;
use super::graph::{Graph, is_final};

/// The place of a signature's value, and the object that it stands in.
pub(super) struct Gap {
    pub(super) span: Range<u64>,
    pub(super) number: u32,
}

/// What is wrong with the places of objects, by revision, up to the last one that has a signature.
///
/// An object that goes beyond its revision, or over the value of the signature that closes it, is not all signed.
pub(super) fn check<R: Read + Seek>(
    document: &mut Document<R>,
    graph: &Graph,
    gaps: &HashMap<usize, Gap>,
) -> Result<HashMap<usize, Vec<Reason>>, Error> {
    let mut found: HashMap<usize, Vec<Reason>> = HashMap::new();
    let Some(last) = gaps.keys().max().copied() else { return Ok(found) };
    let entries: Vec<Entry> =
        document.entries().iter().filter(|entry| entry.revision() <= last).copied().collect();
    for entry in entries {
        let Slot::At(offset) = entry.slot() else { continue };
        let number = entry.id().number;
        let eof = document.revisions().get(entry.revision()).map_or(0, |revision| revision.eof);
        let reason = match document.extent(&entry) {
            _ if offset >= eof => Some(Code::Coverage),
            Ok(Some(span)) => {
                let gap = gaps.get(&entry.revision()).filter(|gap| gap.number != number);
                let is_over = gap.is_some_and(|gap| span.start < gap.span.end && gap.span.start < span.end);
                (span.end > eof || is_over).then_some(Code::Coverage)
            }
            Ok(None) => None,
            Err(error) if is_final(error) => return Err(error),
            // Where it ends for other readers is not known.
            Err(_) => graph.uses(number).next().map(|_| Code::Unsupported),
        };
        if let Some(code) = reason {
            let list = found.entry(entry.revision()).or_default();
            if list.len() < super::MAX_REASONS {
                list.push(Reason::new(code, format!("object {number}")));
            }
        }
    }
    Ok(found)
}
