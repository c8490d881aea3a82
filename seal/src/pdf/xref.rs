//! Cross-reference tables and streams. Source: ISO 32000-2:2020, 7.5.4 and 7.5.8.

use std::io::{Read, Seek};

use crate::error::Error;

use super::filter::Filter;
use super::object::{Dictionary, Object};
use super::source::Source;

/// Most entries of all cross-reference sections of a file.
pub const MAX_ENTRIES: usize = 1_000_000;

/// Highest number of an object. Source: ISO 32000-1:2008, annex C.
pub const MAX_NUMBER: u32 = 8_388_607;

/// Largest trailer, by what it takes in memory.
const MAX_TRAILER: usize = 32 * 1024;

/// Entries that are read at a time.
const CHUNK: usize = 3_000;

/// Bytes that a cross-reference stream may have behind its entries.
const SLACK: usize = 1024;

/// Where an object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// There is none.
    Free,
    /// At an offset of the file.
    At(u64),
    /// In an object stream.
    In {
        /// The number of the stream.
        stream: u32,
        /// Which object of the stream, from 0.
        index: u32,
    },
}

/// In which form a cross-reference section is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XrefKind {
    /// A table, possibly with a stream that holds more.
    Table,
    /// A stream.
    Stream,
}

/// An entry of a section: number, generation and place.
pub(super) type Row = (u32, u16, Slot);

/// A cross-reference section with its trailer.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) offset: u64,
    /// Behind the trailer or the data of the stream.
    pub(super) end: u64,
    pub(super) kind: XrefKind,
    pub(super) trailer: Dictionary,
    pub(super) prev: Option<u64>,
    pub(super) rows: Vec<Row>,
}

enum Step {
    Entries(u64, u64),
    Trailer(Dictionary),
}

const TOO_MANY: Error = Error::TooLarge("objects");
const BROKEN: Error = Error::Malformed("cross-reference table broken");

/// Reads the section at an offset with at most `limit` entries. `shift` is added to every offset that the file names.
pub(super) fn section<R: Read + Seek>(
    source: &mut Source<R>,
    offset: u64,
    shift: u64,
    limit: usize,
) -> Result<Section, Error> {
    let (is_table, begin) = source.parse(offset, |parser| Ok(parser.keyword(b"xref")))?;
    if !is_table {
        return stream(source, offset, shift, limit);
    }
    let mut at = offset.saturating_add(begin);
    let mut rows = Vec::new();
    let trailer = loop {
        let (step, len) = source.parse(at, |parser| {
            if parser.keyword(b"trailer") {
                return match parser.value()? {
                    Object::Dictionary(trailer) => Ok(Step::Trailer(trailer)),
                    _ => Err(BROKEN),
                };
            }
            let step =
                Step::Entries(parser.unsigned().map_err(|_| BROKEN)?, parser.unsigned().map_err(|_| BROKEN)?);
            parser.skip_space();
            Ok(step)
        })?;
        at = at.saturating_add(len);
        match step {
            Step::Trailer(trailer) => break trailer,
            Step::Entries(first, count) => {
                at = subsection(source, at, (first, count), shift, limit, &mut rows)?;
            }
        }
    };
    let prev = link(&trailer, "Prev", shift)?;
    let mut section = Section { offset, end: at, kind: XrefKind::Table, prev, rows, trailer };
    if let Some(hidden) = link(&section.trailer, "XRefStm", shift)? {
        let limit = limit.saturating_sub(section.rows.len());
        let hidden = stream(source, hidden, shift, limit)?.rows;
        section.rows = merge(section.rows, hidden);
    }
    section.trailer = trimmed(section.trailer)?;
    Ok(section)
}

/// What a table and the stream beside it say: the table calls free what only the stream shows.
fn merge(mut table: Vec<Row>, mut hidden: Vec<Row>) -> Vec<Row> {
    hidden.sort_unstable_by_key(|(number, ..)| *number);
    table.sort_unstable_by_key(|(number, ..)| *number);
    let shown = |rows: &[Row], number: u32| {
        rows.binary_search_by_key(&number, |row| row.0).ok().and_then(|at| rows.get(at)).map(|row| row.2)
    };
    let in_table = |row: &Row| shown(&table, row.0).is_some_and(|slot| slot != Slot::Free);
    let added: Vec<Row> = hidden.iter().filter(|row| !in_table(row)).copied().collect();
    table.retain(|row| row.2 != Slot::Free || shown(&hidden, row.0).is_none());
    table.extend(added);
    table
}

/// The entries of a part of a table; gives the offset behind it.
fn subsection<R: Read + Seek>(
    source: &mut Source<R>,
    mut at: u64,
    (first, count): (u64, u64),
    shift: u64,
    limit: usize,
    rows: &mut Vec<Row>,
) -> Result<u64, Error> {
    let mut number = check_numbers(first, count)?;
    let mut left = usize::try_from(count).map_err(|_| BROKEN)?;
    if left > limit.saturating_sub(rows.len()) {
        return Err(TOO_MANY);
    }
    // Some makers end entries with one byte.
    let long = source.window(at, 20)?.get(18..).is_some_and(|end| end.iter().all(u8::is_ascii_whitespace));
    let stride = if long { 20 } else { 19 };
    while left > 0 {
        let now = left.min(CHUNK);
        source.spend((now * stride) as u64)?;
        let window = source.window(at, now * stride)?;
        if window.len() < now * stride {
            return Err(BROKEN);
        }
        for entry in window.chunks_exact(stride) {
            if number > 0 {
                rows.push(table_entry(entry, number, shift).ok_or(BROKEN)?);
            }
            number += 1;
        }
        at = at.saturating_add((now * stride) as u64);
        left -= now;
    }
    Ok(at)
}

/// The first of some numbers, if all are numbers of objects.
fn check_numbers(first: u64, count: u64) -> Result<u32, Error> {
    if first.checked_add(count).is_none_or(|end| end > u64::from(MAX_NUMBER) + 1) {
        return Err(Error::TooLarge("number of an object"));
    }
    u32::try_from(first).map_err(|_| BROKEN)
}

fn table_entry(entry: &[u8], number: u32, shift: u64) -> Option<Row> {
    let digits = |range: core::ops::Range<usize>| -> Option<u64> {
        let digits = entry.get(range)?;
        let all = digits.iter().all(u8::is_ascii_digit);
        core::str::from_utf8(digits).ok().filter(|_| all)?.parse().ok()
    };
    let (offset, generation) = (digits(0..10)?, digits(11..16)?);
    if entry.get(10) != Some(&b' ') || entry.get(16) != Some(&b' ') || !entry.last()?.is_ascii_whitespace() {
        return None;
    }
    let slot = match entry.get(17)? {
        b'n' if offset > 0 => Slot::At(offset.checked_add(shift)?),
        b'n' | b'f' => Slot::Free,
        _ => return None,
    };
    // Generations of free entries go up to 65535, and some makers write more.
    Some((number, u16::try_from(generation).unwrap_or(u16::MAX), slot))
}

fn stream<R: Read + Seek>(
    source: &mut Source<R>,
    offset: u64,
    shift: u64,
    limit: usize,
) -> Result<Section, Error> {
    let ((_, object), _) = source.parse(offset, |parser| parser.indirect()).map_err(|_| BROKEN)?;
    let Object::Stream(stream) = object else { return Err(BROKEN) };
    let dictionary = stream.dictionary;
    if dictionary.name("Type") != Some(b"XRef") {
        return Err(BROKEN);
    }
    let len = dictionary.integer("Length").and_then(|len| u64::try_from(len).ok()).ok_or(BROKEN)?;
    let end = stream.start.checked_add(len).filter(|end| *end <= source.len()).ok_or(BROKEN)?;
    if !source.parse(end, |parser| Ok(parser.keyword(b"endstream")))?.0 {
        return Err(BROKEN);
    }
    let direct = |key| dictionary.get(key).cloned().unwrap_or(Object::Null);
    let filter = Filter::new(&direct("Filter"), &direct("DecodeParms"))?;
    let plan = plan(&dictionary, limit)?;
    let data = filter.decode(source.part(stream.start, len)?, plan.len().saturating_add(SLACK))?;
    source.spend(data.len() as u64)?;
    let rows = rows(&plan, &data, shift)?;
    let prev = link(&dictionary, "Prev", shift)?;
    Ok(Section { offset, end, kind: XrefKind::Stream, prev, rows, trailer: trimmed(dictionary)? })
}

/// Which entries a stream has.
struct Plan {
    widths: [usize; 3],
    /// First number and how many.
    parts: Vec<(u32, u32)>,
}

impl Plan {
    fn row_len(&self) -> usize {
        self.widths.iter().sum()
    }

    /// Bytes of all entries.
    fn len(&self) -> usize {
        let count: usize = self.parts.iter().filter_map(|(_, count)| usize::try_from(*count).ok()).sum();
        count.saturating_mul(self.row_len())
    }
}

fn plan(dictionary: &Dictionary, limit: usize) -> Result<Plan, Error> {
    let widths = dictionary.get("W").and_then(Object::as_array).ok_or(BROKEN)?;
    let width = |at: usize| match widths.get(at) {
        Some(Object::Integer(width @ 0..=8)) => usize::try_from(*width).map_err(|_| BROKEN),
        _ => Err(BROKEN),
    };
    let size = dictionary.get("Size").cloned().unwrap_or(Object::Null);
    let whole = [Object::Integer(0), size];
    let index = match dictionary.get("Index") {
        None => whole.as_slice(),
        Some(index) => index.as_array().ok_or(BROKEN)?,
    };
    let mut plan = Plan { widths: [width(0)?, width(1)?, width(2)?], parts: Vec::new() };
    let mut left = limit;
    for pair in index.chunks(2) {
        let [Object::Integer(first), Object::Integer(count)] = pair else { return Err(BROKEN) };
        let (Ok(first), Ok(count)) = (u64::try_from(*first), u64::try_from(*count)) else {
            return Err(BROKEN);
        };
        let first = check_numbers(first, count)?;
        let count = u32::try_from(count).map_err(|_| BROKEN)?;
        left = usize::try_from(count).ok().and_then(|count| left.checked_sub(count)).ok_or(TOO_MANY)?;
        plan.parts.push((first, count));
    }
    if plan.row_len() == 0 { Err(BROKEN) } else { Ok(plan) }
}

/// The entries of a decoded stream.
fn rows(plan: &Plan, data: &[u8], shift: u64) -> Result<Vec<Row>, Error> {
    let mut data = data.chunks_exact(plan.row_len());
    let mut rows = Vec::with_capacity(data.len());
    for &(first, count) in &plan.parts {
        for number in first..first.saturating_add(count) {
            let row = stream_entry(data.next().ok_or(BROKEN)?, plan.widths, number, shift)?;
            if number > 0 {
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

fn stream_entry(mut row: &[u8], widths: [usize; 3], number: u32, shift: u64) -> Result<Row, Error> {
    let mut fields = [1, 0, 0];
    for (field, width) in fields.iter_mut().zip(widths) {
        let (bytes, rest) = row.split_at_checked(width).ok_or(BROKEN)?;
        row = rest;
        if width > 0 {
            *field = bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        }
    }
    let [kind, second, third] = fields;
    let small = |value: u64| u32::try_from(value).map_err(|_| BROKEN);
    Ok(match kind {
        1 if second > 0 => {
            let generation = u16::try_from(third).map_err(|_| BROKEN)?;
            (number, generation, Slot::At(second.checked_add(shift).ok_or(BROKEN)?))
        }
        2 => (number, 0, Slot::In { stream: small(second)?, index: small(third)? }),
        // Other kinds are references to nothing, as the standard says.
        _ => (number, u16::try_from(third).unwrap_or(u16::MAX), Slot::Free),
    })
}

fn link(trailer: &Dictionary, key: &str, shift: u64) -> Result<Option<u64>, Error> {
    match trailer.get(key) {
        None => Ok(None),
        Some(Object::Integer(offset)) => {
            let offset = u64::try_from(*offset).ok().and_then(|offset| offset.checked_add(shift));
            offset.map(Some).ok_or(BROKEN)
        }
        // A real number is what some makers write for large files.
        Some(_) => Err(BROKEN),
    }
}

/// A trailer without what is about its own section.
fn trimmed(mut trailer: Dictionary) -> Result<Dictionary, Error> {
    for key in ["Type", "W", "Index", "Filter", "DecodeParms", "Length", "Prev", "XRefStm"] {
        trailer.remove(key);
    }
    if trailer.weight() > MAX_TRAILER { Err(Error::TooLarge("trailer")) } else { Ok(trailer) }
}
