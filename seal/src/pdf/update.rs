//! Incremental updates: new and changed objects, and a cross-reference section in the form of the last one.
//!
//! Source: ISO 32000-2:2020, 7.5.6.

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write as _};

use sm_primitives::sm3::Sm3;

use crate::error::Error;

use super::document::Document;
use super::object::{Dictionary, Object, Reference};
use super::revisions::MAX_REVISIONS;
use super::write;
use super::xref::{MAX_ENTRIES, MAX_NUMBER, XrefKind};

/// What is appended to a file. Nothing of the file itself changes.
pub(super) struct Update {
    base: u64,
    shift: u64,
    start: u64,
    kind: XrefKind,
    trailer: Dictionary,
    next: u32,
    /// Entries that there are.
    entries: usize,
    bytes: Vec<u8>,
    /// Generation and offset in the file of what stands in `bytes`.
    written: BTreeMap<u32, (u16, u64)>,
    pending: BTreeMap<u32, (u16, Object)>,
}

impl Update {
    /// Begins an update of the newest revision.
    pub(super) fn new<R: Read + Seek>(document: &mut Document<R>) -> Result<Self, Error> {
        // What is written must be something that can be read.
        if document.revisions().len() >= MAX_REVISIONS {
            return Err(Error::TooLarge("revisions"));
        }
        let base = document.len();
        let kind = document.revisions().last().map_or(XrefKind::Table, |revision| revision.kind);
        let trailer = document.trailer().clone();
        let next = document.unused();
        let last = document.bytes(base.saturating_sub(1)..base)?;
        let bytes = if matches!(last, b"\n" | b"\r") { Vec::new() } else { vec![b'\n'] };
        Ok(Self {
            base,
            shift: document.shift(),
            start: document.start(),
            kind,
            trailer,
            next,
            entries: document.entries().len(),
            bytes,
            written: BTreeMap::new(),
            pending: BTreeMap::new(),
        })
    }

    /// The name of a new object.
    pub(super) fn allocate(&mut self) -> Result<Reference, Error> {
        // One is left for the cross-reference stream.
        if self.next >= MAX_NUMBER {
            return Err(Error::TooLarge("number of an object"));
        }
        let id = Reference { number: self.next, generation: 0 };
        self.next += 1;
        Ok(id)
    }

    /// Defines an object, instead of what it is so far. It cannot be another part of the document as well.
    pub(super) fn set(&mut self, id: Reference, object: impl Into<Object>) -> Result<(), Error> {
        match self.pending.insert(id.number, (id.generation, object.into())) {
            None => Ok(()),
            Some(_) => Err(Error::Malformed("an object is two parts of a document")),
        }
    }

    /// Defines an object again that may have been defined, by what [`Update::get`] gave.
    pub(super) fn change(&mut self, id: Reference, object: impl Into<Object>) {
        self.pending.insert(id.number, (id.generation, object.into()));
    }

    /// Defines a new object.
    pub(super) fn add(&mut self, object: impl Into<Object>) -> Result<Reference, Error> {
        let id = self.allocate()?;
        self.set(id, object)?;
        Ok(id)
    }

    /// Whether an object is another one after this update.
    pub(super) fn defines(&self, id: Reference) -> bool {
        self.pending.contains_key(&id.number) || self.written.contains_key(&id.number)
    }

    /// An object as this update leaves it.
    pub(super) fn get<R: Read + Seek>(
        &self,
        document: &mut Document<R>,
        id: Reference,
    ) -> Result<Object, Error> {
        match self.pending.get(&id.number) {
            Some((_, object)) => Ok(object.clone()),
            None => document.object(id),
        }
    }

    /// Writes a new stream.
    pub(super) fn add_stream(&mut self, mut dictionary: Dictionary, data: &[u8]) -> Result<Reference, Error> {
        let id = self.allocate()?;
        dictionary.set("Length", Object::Integer(length(data.len())?));
        self.begin(id)?;
        write::object(&mut self.bytes, &dictionary.into())?;
        self.bytes.extend_from_slice(b"\nstream\n");
        self.bytes.extend_from_slice(data);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
        Ok(id)
    }

    /// Writes the object that `text` is, and says where that begins in what is appended.
    pub(super) fn put_text(&mut self, id: Reference, text: &[u8]) -> Result<usize, Error> {
        self.begin(id)?;
        let at = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.bytes.extend_from_slice(b"\nendobj\n");
        Ok(at)
    }

    /// Writes what was defined with [`Update::set`].
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        for (number, (generation, object)) in core::mem::take(&mut self.pending) {
            self.begin(Reference { number, generation })?;
            write::object(&mut self.bytes, &object)?;
            self.bytes.extend_from_slice(b"\nendobj\n");
        }
        Ok(())
    }

    /// Where what is appended begins in the file.
    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    /// Writes the cross-reference section; gives all bytes.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Error> {
        self.flush()?;
        if self.entries + self.written.len() >= MAX_ENTRIES {
            return Err(Error::TooLarge("objects"));
        }
        self.identify();
        // Whoever counts from the first byte finds nothing that looks like a section.
        self.bytes.extend((0..self.shift).map(|_| b'\n'));
        let start = self.position()?;
        let mut trailer = core::mem::take(&mut self.trailer);
        trailer.set("Prev", Object::Integer(i64::try_from(self.start).map_err(|_| Error::TooLarge("file"))?));
        match self.kind {
            XrefKind::Table => self.table(trailer)?,
            XrefKind::Stream => self.stream(trailer, start)?,
        }
        writeln!(self.bytes, "startxref\n{start}\n%%EOF")?;
        Ok(self.bytes)
    }

    fn begin(&mut self, id: Reference) -> Result<(), Error> {
        let offset = self.position()?;
        self.written.insert(id.number, (id.generation, offset));
        writeln!(self.bytes, "{} {} obj", id.number, id.generation)?;
        Ok(())
    }

    /// The offset of what comes next as the file counts them.
    fn position(&self) -> Result<u64, Error> {
        let offset = self.base.checked_add(self.bytes.len() as u64);
        let offset = offset.and_then(|offset| offset.checked_sub(self.shift));
        // What a table has digits for.
        offset.filter(|offset| *offset < 10_000_000_000).ok_or(Error::TooLarge("file"))
    }

    /// The identifier of this state of the file: made of its content, so that the same input gives the same file.
    fn identify(&mut self) {
        let former = self.trailer.get("ID").and_then(Object::as_array).unwrap_or_default();
        let part = |at: usize| former.get(at).and_then(Object::as_string).unwrap_or_default();
        let hash =
            Sm3::new().chain(part(0)).chain(part(1)).chain(&self.base.to_be_bytes()).chain(&self.bytes);
        let digest: Vec<u8> = hash.finalize().into_iter().take(16).collect();
        let first = if part(0).is_empty() { digest.clone() } else { part(0).to_vec() };
        self.trailer.set("ID", vec![Object::String(first), Object::String(digest)].into());
    }

    fn table(&mut self, mut trailer: Dictionary) -> Result<(), Error> {
        self.bytes.extend_from_slice(b"xref\n");
        for (first, rows) in runs(&self.written) {
            writeln!(self.bytes, "{first} {}", rows.len())?;
            for (generation, offset) in rows {
                writeln!(self.bytes, "{offset:010} {generation:05} n ")?;
            }
        }
        trailer.set("Size", Object::Integer(self.next.into()));
        self.bytes.extend_from_slice(b"trailer\n");
        write::object(&mut self.bytes, &trailer.into())?;
        self.bytes.push(b'\n');
        Ok(())
    }

    fn stream(&mut self, mut trailer: Dictionary, start: u64) -> Result<(), Error> {
        let number = self.next;
        self.next += 1;
        self.written.insert(number, (0, start));
        let (mut index, mut data) = (Vec::new(), Vec::new());
        let width = 8 - usize::try_from(start.leading_zeros() / 8).unwrap_or(0);
        for (first, rows) in runs(&self.written) {
            index.extend([Object::Integer(first.into()), Object::Integer(length(rows.len())?)]);
            for (generation, offset) in rows {
                data.push(1);
                data.extend(offset.to_be_bytes().into_iter().skip(8 - width));
                data.extend(generation.to_be_bytes());
            }
        }
        let widths = [1, length(width)?, 2].map(Object::Integer);
        trailer.set("Size", Object::Integer(self.next.into()));
        trailer.set("Type", Object::from_name("XRef"));
        trailer.set("W", widths.to_vec().into());
        trailer.set("Index", index.into());
        trailer.set("Length", Object::Integer(length(data.len())?));
        writeln!(self.bytes, "{number} 0 obj")?;
        write::object(&mut self.bytes, &trailer.into())?;
        self.bytes.extend_from_slice(b"\nstream\n");
        self.bytes.extend_from_slice(&data);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
        Ok(())
    }
}

/// A length as an integer of PDF.
pub(super) fn length(len: usize) -> Result<i64, Error> {
    i64::try_from(len).map_err(|_| Error::TooLarge("length"))
}

/// Objects whose numbers follow each other.
fn runs(written: &BTreeMap<u32, (u16, u64)>) -> Vec<(u32, Vec<(u16, u64)>)> {
    let mut runs: Vec<(u32, Vec<(u16, u64)>)> = Vec::new();
    let mut expected = None;
    for (&number, &row) in written {
        match runs.last_mut().filter(|_| expected == Some(number)) {
            Some((_, rows)) => rows.push(row),
            None => runs.push((number, vec![row])),
        }
        expected = number.checked_add(1);
    }
    runs
}
