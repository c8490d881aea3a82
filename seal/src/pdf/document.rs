//! A file with its revisions, and objects as they were in any of them.

use std::io::{Read, Seek};
use std::ops::Range;

use crate::error::Error;

use super::filter::Filter;
use super::object::{Dictionary, Object, Reference, Stream};
use super::object_stream::{Cache, ObjectStream};
use super::parser::Parser;
use super::revisions::{self, Layout};
use super::source::Source;
use super::xref::{Slot, XrefKind};

/// Longest chain of references to references.
const MAX_CHAIN: usize = 16;

/// One state of a file: what was appended to the one before.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Where its cross-reference section begins; of a linearized file the one at its front.
    pub xref: u64,
    /// The form of that.
    pub kind: XrefKind,
    /// Behind its `%%EOF`.
    pub eof: u64,
    /// Behind the end of line after that; the same as `eof` if there is none.
    pub end: u64,
    /// Its trailer, without what is about the cross-reference section itself.
    pub trailer: Dictionary,
}

/// What a revision says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(super) number: u32,
    pub(super) generation: u16,
    /// Small, because there can be many of these.
    pub(super) revision: u16,
    pub(super) slot: Slot,
}

impl Entry {
    /// The object.
    #[must_use]
    pub const fn id(&self) -> Reference {
        Reference { number: self.number, generation: self.generation }
    }

    /// Which revision says it, from 0.
    #[must_use]
    pub fn revision(&self) -> usize {
        self.revision.into()
    }

    /// Where the object stands.
    #[must_use]
    pub const fn slot(&self) -> Slot {
        self.slot
    }
}

/// A PDF file, of which only what is asked for is read.
#[derive(Debug)]
pub struct Document<R> {
    source: Source<R>,
    layout: Layout,
    cache: Cache,
}

impl<R: Read + Seek> Document<R> {
    /// Reads the structure of a file. It is taken as it is: a file whose cross-reference table is broken is refused, for
    /// what is found by guessing is nothing to sign.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::Unsupported`]: an encrypted file; [`Error::TooLarge`]; [`Error::Io`].
    pub fn open(source: R) -> Result<Self, Error> {
        let mut source = Source::new(source)?;
        let layout = revisions::read(&mut source)?;
        if layout.revisions.iter().any(|revision| revision.trailer.get("Encrypt").is_some()) {
            return Err(Error::Unsupported("encrypted PDF"));
        }
        Ok(Self { source, layout, cache: Cache::default() })
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.source.len()
    }

    /// Whether it has no bytes; never so.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.source.len() == 0
    }

    /// Its revisions, the newest one last. There is one at least.
    #[must_use]
    pub fn revisions(&self) -> &[Revision] {
        &self.layout.revisions
    }

    /// The index of the newest revision.
    #[must_use]
    pub const fn newest(&self) -> usize {
        self.layout.revisions.len().saturating_sub(1)
    }

    /// The trailer of the newest revision.
    #[must_use]
    pub fn trailer(&self) -> &Dictionary {
        const NONE: &Dictionary = &Dictionary::new();
        self.layout.revisions.last().map_or(NONE, |revision| &revision.trailer)
    }

    /// What each revision says of objects, ascending by number and then by revision. Object 0 is not listed.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.layout.entries
    }

    /// What a revision itself defines or frees, ascending by number.
    pub fn changes(&self, revision: usize) -> impl Iterator<Item = &Entry> {
        self.layout.entries.iter().filter(move |entry| entry.revision() == revision)
    }

    /// What the newest word about an object was as of a revision.
    #[must_use]
    pub fn entry(&self, revision: usize, number: u32) -> Option<&Entry> {
        let entries = &self.layout.entries;
        let behind = entries.partition_point(|entry| (entry.number, entry.revision()) <= (number, revision));
        entries.get(behind.checked_sub(1)?).filter(|entry| entry.number == number)
    }

    /// An object as it is; [`Object::Null`] if there is none.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::TooLarge`]; [`Error::Unsupported`]: a filter of an object stream; [`Error::Io`].
    pub fn object(&mut self, id: Reference) -> Result<Object, Error> {
        self.object_at(self.newest(), id)
    }

    /// An object as it was in a revision; [`Object::Null`] if there was none.
    ///
    /// # Errors
    /// As [`Document::object`].
    pub fn object_at(&mut self, revision: usize, id: Reference) -> Result<Object, Error> {
        self.source.spend(0)?;
        let Some(&entry) = self.entry(revision, id.number) else { return Ok(Object::Null) };
        if entry.generation != id.generation {
            return Ok(Object::Null);
        }
        match entry.slot {
            Slot::Free => Ok(Object::Null),
            Slot::At(offset) => self.plain(offset, id),
            Slot::In { stream, index } => {
                let container = self.entry(revision, stream).copied();
                // Another stream in its place would change objects that no cross-reference section speaks of.
                if container != self.entry(entry.revision(), stream).copied() {
                    return Err(Error::Malformed("an object stream was replaced"));
                }
                let Some(Entry { slot: Slot::At(offset), generation: 0, .. }) = container else {
                    return Err(Error::Malformed("an object stream is not there"));
                };
                let text = self.object_stream(revision, offset, stream)?.text(index, id.number)?;
                let (object, len) = (Parser::new(text, None).value(), text.len());
                self.source.spend(len as u64)?;
                object
            }
        }
    }

    /// Follows references until there is none.
    ///
    /// # Errors
    /// As [`Document::object`]; also [`Error::Malformed`]: a chain without end.
    pub fn resolve_at(&mut self, revision: usize, object: &Object) -> Result<Object, Error> {
        let Some(mut id) = object.as_reference() else { return Ok(object.clone()) };
        for _ in 0..MAX_CHAIN {
            match self.object_at(revision, id)? {
                Object::Reference(next) => id = next,
                found => return Ok(found),
            }
        }
        Err(Error::Malformed("a reference that leads nowhere"))
    }

    /// The value of a name in a dictionary, references followed; [`Object::Null`] if there is none.
    ///
    /// # Errors
    /// As [`Document::resolve_at`].
    pub fn get_at(&mut self, revision: usize, dictionary: &Dictionary, key: &str) -> Result<Object, Error> {
        dictionary.get(key).map_or(Ok(Object::Null), |value| self.resolve_at(revision, value))
    }

    /// The catalogue as it was in a revision, and its name.
    ///
    /// # Errors
    /// As [`Document::object`]; also [`Error::Malformed`]: there is none.
    pub fn catalog_at(&mut self, revision: usize) -> Result<(Reference, Dictionary), Error> {
        let missing = Error::Malformed("there is no catalogue");
        let root = self.revisions().get(revision).and_then(|revision| revision.trailer.reference("Root"));
        let root = root.ok_or(missing)?;
        match self.object_at(revision, root)? {
            Object::Dictionary(catalog) => Ok((root, catalog)),
            _ => Err(missing),
        }
    }

    /// Where the bytes of a stream are.
    ///
    /// # Errors
    /// As [`Document::object`]; also [`Error::Malformed`]: its length is wrong.
    pub fn stream_span(&mut self, revision: usize, stream: &Stream) -> Result<Range<u64>, Error> {
        let bad = Error::Malformed("length of a stream");
        let len = match stream.dictionary.get("Length") {
            Some(Object::Reference(id)) => match self.entry(revision, id.number) {
                // Never from an object stream, whose own length could be in another one, and so on.
                Some(Entry { slot: Slot::At(offset), .. }) => {
                    let offset = *offset;
                    self.plain(offset, *id)?
                }
                _ => return Err(bad),
            },
            Some(length) => length.clone(),
            None => return Err(bad),
        };
        let len = len.as_integer().and_then(|len| u64::try_from(len).ok()).ok_or(bad)?;
        let end = stream.start.checked_add(len).filter(|end| *end <= self.len()).ok_or(bad)?;
        let (ends, _) = self.source.parse(end, |parser| Ok(parser.keyword(b"endstream")))?;
        if ends { Ok(stream.start..end) } else { Err(bad) }
    }

    /// What the bytes of a stream say when decoded: at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Document::stream_span`]; [`Error::Unsupported`]: a filter other than Flate; [`Error::TooLarge`].
    pub fn stream_data(&mut self, revision: usize, stream: &Stream, limit: usize) -> Result<Vec<u8>, Error> {
        let span = self.stream_span(revision, stream)?;
        let filter = self.get_at(revision, &stream.dictionary, "Filter")?;
        let parameters = self.get_at(revision, &stream.dictionary, "DecodeParms")?;
        let filter = Filter::new(&filter, &parameters)?;
        let data = filter.decode(self.source.part(span.start, span.end - span.start)?, limit)?;
        self.source.spend(data.len() as u64)?;
        Ok(data)
    }

    /// Gives the bytes of a stream, not decoded, to a function: at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Document::stream_span`]; [`Error::TooLarge`].
    pub fn stream_bytes(
        &mut self,
        revision: usize,
        stream: &Stream,
        limit: u64,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        let span = self.stream_span(revision, stream)?;
        let len = span.end - span.start;
        if len > limit {
            return Err(Error::TooLarge("bytes of a stream"));
        }
        self.source.spend(len)?;
        self.read(span, |piece| {
            sink(piece);
            Ok(())
        })
    }

    /// Bytes of the file as they are: at most 8 MiB.
    ///
    /// # Errors
    /// [`Error::Malformed`]: they are not there; [`Error::TooLarge`]; [`Error::Io`].
    pub fn bytes(&mut self, span: Range<u64>) -> Result<&[u8], Error> {
        let len = span.end.checked_sub(span.start).filter(|_| span.end <= self.len());
        let len = len.ok_or(Error::Malformed("bytes that are not there"))?;
        let len = usize::try_from(len).ok().filter(|len| *len <= super::source::MAX_OBJECT_LEN);
        self.source.window(span.start, len.ok_or(Error::TooLarge("length of an object"))?)
    }

    /// Gives the file in pieces to a function, from one offset to another.
    ///
    /// # Errors
    /// [`Error::Malformed`]: they are not there; [`Error::Io`]; those of the function.
    pub fn read(
        &mut self,
        span: Range<u64>,
        mut sink: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let gone = Error::Malformed("bytes that are not there");
        let mut left = span.end.checked_sub(span.start).filter(|_| span.end <= self.len()).ok_or(gone)?;
        let mut part = self.source.part(span.start, left)?;
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            let len = part.read(&mut buffer)?;
            let piece = buffer.get(..len).filter(|piece| !piece.is_empty()).ok_or(gone)?;
            sink(piece)?;
            left = left.saturating_sub(len as u64);
        }
        Ok(())
    }

    /// The file.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.source.into_inner()
    }

    /// Bytes before the header if offsets in the file are counted from there; 0 in files that are in order.
    #[must_use]
    pub const fn shift(&self) -> u64 {
        self.layout.shift
    }

    /// What the last `startxref` says.
    pub(super) const fn start(&self) -> u64 {
        self.layout.start
    }

    /// The first number that no object can have had yet.
    pub(super) fn unused(&self) -> u32 {
        let said = self.trailer().integer("Size").and_then(|size| u32::try_from(size).ok()).unwrap_or(0);
        self.entries().last().map_or(1, |entry| entry.number.saturating_add(1)).max(said)
    }

    /// Refuses a name that was never given, for new objects get such names.
    pub(super) fn check_given(&self, id: Reference) -> Result<(), Error> {
        if id.number < self.unused() {
            Ok(())
        } else {
            Err(Error::Malformed("a name that no object was given"))
        }
    }

    /// Where an object stands that has an offset of its own: from there to behind its value or the bytes of its stream.
    pub(super) fn extent(&mut self, entry: &Entry) -> Result<Option<Range<u64>>, Error> {
        let Slot::At(offset) = entry.slot else { return Ok(None) };
        let ((found, object), len) = self.source.parse(offset, |parser| parser.indirect())?;
        if found != entry.id() {
            return Err(Error::Malformed("cross-reference table broken"));
        }
        let end = match &object {
            Object::Stream(stream) => self.stream_span(entry.revision(), stream)?.end,
            _ => offset.saturating_add(len),
        };
        Ok(Some(offset..end))
    }

    fn plain(&mut self, offset: u64, id: Reference) -> Result<Object, Error> {
        let ((found, object), _) = self.source.parse(offset, |parser| parser.indirect())?;
        if found == id { Ok(object) } else { Err(Error::Malformed("cross-reference table broken")) }
    }

    fn object_stream(&mut self, revision: usize, offset: u64, number: u32) -> Result<&ObjectStream, Error> {
        if !self.cache.has(offset) {
            let id = Reference { number, generation: 0 };
            let Object::Stream(stream) = self.plain(offset, id)? else {
                return Err(Error::Malformed("an object stream is not there"));
            };
            let data = self.stream_data(revision, &stream, super::object_stream::MAX_LEN)?;
            let objects = ObjectStream::new(&stream.dictionary, data)?;
            self.cache.put(offset, objects);
        }
        self.cache.get(offset).ok_or(Error::Malformed("an object stream is not there"))
    }
}
