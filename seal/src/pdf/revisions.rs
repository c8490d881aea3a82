//! The chain of cross-reference sections, from the newest one back to the first. Source: ISO 32000-2:2020, 7.5.

use std::collections::HashSet;
use std::io::{Read, Seek};

use crate::error::Error;

use super::document::{Entry, Revision};
use super::source::Source;
use super::xref::{self, MAX_ENTRIES, Section};

/// Most revisions of a file.
pub const MAX_REVISIONS: usize = 1_000;

/// Most bytes before the header, and what the header is looked for in.
const HEADER_LEN: usize = 1024;

/// What the last `startxref` is looked for in.
const TAIL_LEN: u64 = 4096;

/// What the `%%EOF` of a section is looked for in.
const EOF_LEN: usize = 64 * 1024;

const BROKEN: Error = Error::Malformed("cross-reference table broken");

/// The structure of a file.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) shift: u64,
    /// What the last `startxref` says.
    pub(super) start: u64,
    pub(super) revisions: Vec<Revision>,
    /// Ascending by number and then by revision.
    pub(super) entries: Vec<Entry>,
}

pub(super) fn read<R: Read + Seek>(source: &mut Source<R>) -> Result<Layout, Error> {
    let header =
        find(source.window(0, HEADER_LEN)?, b"%PDF-").ok_or(Error::Malformed("this is no PDF"))? as u64;
    let start = start(source)?;
    let shift = shift(source, header, start)?;
    let newest = start.checked_add(shift).ok_or(BROKEN)?;
    let mut sections = chain(source, newest, shift)?;
    sections.reverse();
    let (revisions, entries) = assemble(source, sections)?;
    Ok(Layout { shift, start, revisions, entries })
}

/// The offset that the last `startxref` names.
fn start<R: Read + Seek>(source: &mut Source<R>) -> Result<u64, Error> {
    let from = source.len().saturating_sub(TAIL_LEN);
    let tail = source.window(from, usize::try_from(TAIL_LEN).map_err(|_| BROKEN)?)?;
    let keyword = b"startxref";
    let at = tail.windows(keyword.len()).rposition(|window| window == keyword).ok_or(BROKEN)?;
    let (offset, _) = source.parse(from + (at + keyword.len()) as u64, |parser| parser.unsigned())?;
    Ok(offset)
}

/// What is to be added to the offsets of a file with `header` bytes before its header: they count from the header, or from
/// the first byte. Where both could be, a section that begins exactly where `start` says decides.
fn shift<R: Read + Seek>(source: &mut Source<R>, header: u64, start: u64) -> Result<u64, Error> {
    let from_header = start.checked_add(header).ok_or(BROKEN)?;
    if header == 0 || begins_exactly(source, start)? {
        return Ok(0);
    }
    if begins_exactly(source, from_header)? {
        return Ok(header);
    }
    Ok(if is_section(source, start)? { 0 } else { header })
}

/// Whether a section begins at an offset, without white space before it.
fn begins_exactly<R: Read + Seek>(source: &mut Source<R>, offset: u64) -> Result<bool, Error> {
    let begins = matches!(source.window(offset, 1)?, [b'x' | b'0'..=b'9', ..]);
    Ok(begins && is_section(source, offset)?)
}

/// Whether a cross-reference section seems to begin at an offset, or behind white space there.
fn is_section<R: Read + Seek>(source: &mut Source<R>, offset: u64) -> Result<bool, Error> {
    let (found, _) = source.parse(offset, |parser| {
        Ok(parser.keyword(b"xref")
            || (parser.unsigned().is_ok() && parser.unsigned().is_ok() && parser.keyword(b"obj")))
    })?;
    Ok(found)
}

/// The sections, the newest one first.
fn chain<R: Read + Seek>(source: &mut Source<R>, newest: u64, shift: u64) -> Result<Vec<Section>, Error> {
    let mut seen = HashSet::new();
    let mut sections = Vec::new();
    let mut next = Some(newest);
    let mut entries = 0;
    while let Some(offset) = next {
        if !seen.insert(offset) {
            return Err(Error::Malformed("cross-reference tables go in a circle"));
        }
        if sections.len() >= MAX_REVISIONS {
            return Err(Error::TooLarge("revisions"));
        }
        let section = xref::section(source, offset, shift, MAX_ENTRIES.saturating_sub(entries))?;
        entries += section.rows.len();
        next = section.prev;
        sections.push(section);
    }
    Ok(sections)
}

/// Makes revisions of sections, of which the first one is the oldest.
///
/// Sections stand in the file in their order, with one exception: a linearized file has two, and the one that counts as
/// the newer stands at the front. These are one revision.
fn assemble<R: Read + Seek>(
    source: &mut Source<R>,
    sections: Vec<Section>,
) -> Result<(Vec<Revision>, Vec<Entry>), Error> {
    let linearized = matches!(sections.as_slice(), [main, front, ..] if front.offset < main.offset);
    let mut revisions: Vec<Revision> = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let mut revision_of = Vec::new();
    let mut behind = 0;
    for (index, section) in sections.into_iter().enumerate() {
        let Section { offset, end, kind, trailer, rows, .. } = section;
        check_unique(&rows)?;
        let is_front = linearized && index == 1;
        if is_front {
            // What is appended names this one.
            if let Some(revision) = revisions.last_mut() {
                (revision.xref, revision.kind, revision.trailer) = (offset, kind, trailer);
            }
        } else {
            if offset < behind {
                return Err(Error::Malformed("cross-reference tables are out of order"));
            }
            let (eof, end) = end_of_revision(source, end)?;
            behind = end;
            revisions.push(Revision { xref: offset, kind, eof, end, trailer });
        }
        let section = u16::try_from(index).map_err(|_| Error::TooLarge("revisions"))?;
        revision_of.push(u16::try_from(revisions.len().saturating_sub(1)).unwrap_or(section));
        entries.extend(rows.into_iter().map(|(number, generation, slot)| Entry {
            number,
            generation,
            revision: section,
            slot,
        }));
    }
    entries.sort_unstable_by_key(|entry| (entry.number, entry.revision));
    for entry in &mut entries {
        entry.revision = revision_of.get(usize::from(entry.revision)).copied().unwrap_or(entry.revision);
    }
    // Within a revision the later section counts.
    entries.dedup_by(|later, earlier| {
        let same = (later.number, later.revision) == (earlier.number, earlier.revision);
        if same {
            *earlier = *later;
        }
        same
    });
    Ok((revisions, entries))
}

fn check_unique(rows: &[xref::Row]) -> Result<(), Error> {
    let mut numbers: Vec<u32> = rows.iter().map(|(number, ..)| *number).collect();
    numbers.sort_unstable();
    if numbers.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Error::Malformed("an object stands twice in a cross-reference table"));
    }
    Ok(())
}

/// Where the `%%EOF` after a section ends, and the end of line after that.
fn end_of_revision<R: Read + Seek>(source: &mut Source<R>, section_end: u64) -> Result<(u64, u64), Error> {
    let marker = b"%%EOF";
    let window = source.window(section_end, EOF_LEN)?;
    let at = find(window, marker).ok_or(Error::Malformed("the end of a revision is not there"))?;
    let rest = window.get(at + marker.len()..).unwrap_or_default();
    let line_end = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    };
    let eof = section_end + (at + marker.len()) as u64;
    Ok((eof, eof + line_end))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
