//! Object streams. Source: ISO 32000-2:2020, 7.5.7.

use crate::error::Error;

use super::object::Dictionary;
use super::parser::Parser;

/// Longest object stream when decoded.
pub const MAX_LEN: usize = 16 << 20;

/// Most objects in an object stream.
pub const MAX_OBJECTS: usize = 200_000;

/// Object streams that are kept, and most bytes of them together unless one alone has more.
const KEPT: usize = 16;
const KEPT_LEN: usize = 16 << 20;

/// A decoded object stream.
#[derive(Debug)]
pub(super) struct ObjectStream {
    data: Vec<u8>,
    /// The number of each object and where it begins.
    index: Vec<(u32, usize)>,
}

impl ObjectStream {
    pub(super) fn new(dictionary: &Dictionary, data: Vec<u8>) -> Result<Self, Error> {
        let bad = Error::Malformed("an object stream");
        let size = |key| dictionary.integer(key).and_then(|size| usize::try_from(size).ok()).ok_or(bad);
        let (count, first) = (size("N")?, size("First")?);
        if dictionary.name("Type") != Some(b"ObjStm") || first > data.len() {
            return Err(bad);
        }
        if count > MAX_OBJECTS {
            return Err(Error::TooLarge("objects of an object stream"));
        }
        let mut parser = Parser::new(data.get(..first).ok_or(bad)?, None);
        let mut index = Vec::new();
        let mut last = None;
        for _ in 0..count {
            let number = u32::try_from(parser.unsigned()?).map_err(|_| bad)?;
            let start = usize::try_from(parser.unsigned()?).ok().and_then(|start| start.checked_add(first));
            // They ascend, as the standard says: no bytes belong to two objects.
            let start = start.filter(|start| *start <= data.len() && last.is_none_or(|last| last < *start));
            let start = start.ok_or(bad)?;
            last = Some(start);
            index.push((number, start));
        }
        Ok(Self { data, index })
    }

    /// The bytes of an object.
    pub(super) fn text(&self, index: u32, number: u32) -> Result<&[u8], Error> {
        let broken = Error::Malformed("cross-reference table broken");
        let at = usize::try_from(index).map_err(|_| broken)?;
        let &(found, start) = self.index.get(at).ok_or(broken)?;
        if found != number {
            return Err(broken);
        }
        let end = self.index.get(at + 1).map_or(self.data.len(), |(_, end)| *end);
        self.data.get(start..end).ok_or(broken)
    }
}

/// The object streams that were used last, by where they stand in the file; the newest one last.
#[derive(Debug, Default)]
pub(super) struct Cache(Vec<(u64, ObjectStream)>);

impl Cache {
    pub(super) fn has(&self, offset: u64) -> bool {
        self.0.iter().any(|(at, _)| *at == offset)
    }

    pub(super) fn get(&mut self, offset: u64) -> Option<&ObjectStream> {
        let at = self.0.iter().position(|(at, _)| *at == offset)?;
        self.0.get_mut(at..)?.rotate_left(1);
        self.0.last().map(|(_, stream)| stream)
    }

    pub(super) fn put(&mut self, offset: u64, stream: ObjectStream) {
        self.0.push((offset, stream));
        let len =
            |all: &[(u64, ObjectStream)]| all.iter().map(|(_, stream)| stream.data.len()).sum::<usize>();
        while self.0.len() > 1 && (self.0.len() > KEPT || len(&self.0) > KEPT_LEN) {
            self.0.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::object::Object;
    use super::*;

    fn stream(count: i64, first: i64, data: &[u8]) -> Result<ObjectStream, Error> {
        let dictionary = Dictionary::from([
            ("Type", Object::from_name("ObjStm")),
            ("N", Object::Integer(count)),
            ("First", Object::Integer(first)),
        ]);
        ObjectStream::new(&dictionary, data.to_vec())
    }

    #[test]
    fn objects_are_found_by_index_and_number() {
        let objects = stream(2, 8, b"5 0 7 2 1 (x)").unwrap();
        assert_eq!(objects.text(0, 5).unwrap(), b"1 ");
        assert_eq!(objects.text(1, 7).unwrap(), b"(x)");
        for (index, number) in [(0, 7), (1, 5), (2, 7)] {
            assert!(objects.text(index, number).is_err(), "{index} {number}");
        }
    }

    #[test]
    fn what_is_no_object_stream_is_refused() {
        assert!(stream(2, 8, b"5 0 7 2 1 2").is_ok());
        for (count, first, data) in [
            (2, 8, &b"5 0 7 0 1 2"[..]), // both at the same place
            (2, 8, b"5 2 7 0 1 2"),      // descending
            (2, 8, b"5 0 7 9 1 2"),      // beyond the end
            (3, 8, b"5 0 7 2 1 2"),      // fewer than it says
            (2, 99, b"5 0 7 2 1 2"),
            (-1, 8, b"5 0 7 2 1 2"),
            (2, -8, b"5 0 7 2 1 2"),
        ] {
            assert!(matches!(stream(count, first, data), Err(Error::Malformed(_))), "{count} {first}");
        }
        assert!(matches!(stream(i64::from(i32::MAX), 8, b"5 0 7 2 1 2"), Err(Error::TooLarge(_))));
        assert!(ObjectStream::new(&Dictionary::new(), Vec::new()).is_err());
    }

    #[test]
    fn the_cache_keeps_what_was_used_last() {
        let mut cache = Cache::default();
        for offset in 0..20 {
            cache.put(offset, stream(0, 0, b"").unwrap());
            assert!(cache.get(0).is_some());
        }
        assert_eq!(cache.0.len(), KEPT);
        assert!(cache.has(0) && cache.has(19) && !cache.has(1));
        for offset in 30..33 {
            cache.put(offset, stream(0, 0, &vec![0; MAX_LEN - 1]).unwrap());
        }
        assert!(cache.has(32) && !cache.has(31));
    }
}
