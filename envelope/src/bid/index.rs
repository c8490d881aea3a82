//! The list of files at the end of the body.

use alloc::{string::String, vec::Vec};

use super::{
    InvalidBid,
    fields::{Broken, Fields, UTF8_STRING, number, sequence, text},
};
use crate::{
    der::{SEQUENCE, put_head},
    error::{ApiMisuse, Error},
};

/// Most files of a bid.
pub const MAX_FILES: usize = 100_000;
/// Longest index in bytes: 16 MiB.
pub const MAX_INDEX_LEN: usize = 16 << 20;
/// Longest name of a file in bytes.
pub const MAX_FILE_NAME_LEN: usize = 1024;
/// Longest part of a name between `/` in bytes.
const MAX_PART_LEN: usize = 255;

/// One file of a bid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    name: String,
    offset: u64,
    size: u64,
}

impl Entry {
    /// A relative path with `/`. It has no `..`, `\`, `:` or control character, so it stays below the folder that it is
    /// joined to.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it begins in the body.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Length in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where it ends in the body.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.size)
    }
}

/// Whether a file in a bid may be called so.
#[must_use]
pub fn is_file_name(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.len() <= MAX_PART_LEN && part != "." && part != "..";
    name.len() <= MAX_FILE_NAME_LEN
        && name.split('/').all(part)
        && !name.chars().any(|c| c.is_control() || c == '\\' || c == ':')
}

/// The files of a bid, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    entries: Vec<Entry>,
}

impl Index {
    /// The files.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Where the index begins: the end of the last file.
    #[must_use]
    pub fn content_len(&self) -> u64 {
        self.entries.last().map_or(0, Entry::end)
    }

    /// Reads the index of a body whose files have `content_len` bytes in all.
    pub(crate) fn from_bytes(bytes: &[u8], content_len: u64) -> Result<Self, InvalidBid> {
        let mut list = Fields::of_sequence(bytes).map_err(|_| InvalidBid::Index)?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut end = 0;
        let mut place = 0u32;
        while !list.is_empty() {
            if entries.len() == MAX_FILES {
                return Err(InvalidBid::TooManyFiles);
            }
            let (name, offset, size) = read_entry(&mut list).map_err(|_| InvalidBid::Index)?;
            let name = core::str::from_utf8(name).ok().filter(|name| is_file_name(name));
            let name = name.ok_or(InvalidBid::IndexName(place))?;
            if offset < end {
                return Err(InvalidBid::IndexOverlap(place));
            }
            if offset > end {
                return Err(InvalidBid::IndexGap(place));
            }
            // No overflow: both are below 2^63.
            end = offset + size;
            if end > content_len {
                return Err(InvalidBid::IndexBeyondBody(place));
            }
            entries.push(Entry { name: name.into(), offset, size });
            place = place.saturating_add(1);
        }
        if end != content_len {
            return Err(InvalidBid::IndexGap(place));
        }
        match clash(&entries) {
            None => {}
            Some(Clash::Twice(place)) => return Err(InvalidBid::IndexDuplicate(place)),
            Some(Clash::Folder(place)) => return Err(InvalidBid::IndexConflict(place)),
        }
        Ok(Self { entries })
    }
}

fn read_entry<'a>(list: &mut Fields<'a>) -> Result<(&'a [u8], u64, u64), Broken> {
    let mut fields = list.sequence()?;
    let name = fields.expect(UTF8_STRING)?;
    let (offset, size) = (fields.number()?, fields.number()?);
    fields.finish()?;
    Ok((name, offset, size))
}

/// Two names that cannot stand in one folder tree.
#[derive(Debug, PartialEq, Eq)]
enum Clash {
    /// The same name twice.
    Twice(u32),
    /// A file that is a folder of another.
    Folder(u32),
}

/// Looks for a clash, and gives the place of the later of its two files. Sorted with `/` before every other byte, a folder
/// stands right before what is in it: memory for one reference a name, whatever the depth.
fn clash(entries: &[Entry]) -> Option<Clash> {
    let mut names: Vec<(&str, u32)> = entries.iter().map(Entry::name).zip(0..).collect();
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    names.sort_unstable_by(|(a, i), (b, j)| a.bytes().map(rank).cmp(b.bytes().map(rank)).then(i.cmp(j)));
    names.windows(2).find_map(|pair| {
        let [(before, i), (name, j)] = *pair else { return None };
        match name.strip_prefix(before)? {
            "" => Some(Clash::Twice(i.max(j))),
            rest => rest.starts_with('/').then(|| Clash::Folder(i.max(j))),
        }
    })
}

/// Collects the index while a body is written.
#[derive(Debug, Default)]
pub(crate) struct IndexWriter {
    entries: Vec<Entry>,
    end: u64,
    /// Length of the entries in DER.
    len: usize,
}

impl IndexWriter {
    /// The next file of the body.
    pub(crate) fn add(&mut self, name: &str, size: u64) -> Result<(), Error> {
        if !is_file_name(name) {
            return Err(ApiMisuse::BidName.into());
        }
        let entry = Entry { name: name.into(), offset: self.end, size };
        self.len += encode(&entry).len();
        // The head of the list takes at most 5 bytes.
        if self.entries.len() == MAX_FILES || self.len + 5 > MAX_INDEX_LEN {
            return Err(ApiMisuse::BidTooLarge.into());
        }
        self.end = self
            .end
            .checked_add(size)
            .filter(|&end| end <= super::MAX_BODY_LEN)
            .ok_or(ApiMisuse::BidTooLarge)?;
        self.entries.push(entry);
        Ok(())
    }

    /// The index and its length: the end of the body.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        if clash(&self.entries).is_some() {
            return Err(ApiMisuse::BidName.into());
        }
        let mut out = Vec::with_capacity(self.len + 16);
        put_head(&mut out, SEQUENCE, self.len as u64);
        for entry in &self.entries {
            out.extend_from_slice(&encode(entry));
        }
        let len = u32::try_from(out.len()).map_err(|_| ApiMisuse::BidTooLarge)?;
        out.extend_from_slice(&len.to_be_bytes());
        Ok(out)
    }
}

fn encode(entry: &Entry) -> Vec<u8> {
    sequence(&[text(&entry.name), number(entry.offset), number(entry.size)])
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    fn index(entries: &[(&str, u64, u64)], content_len: u64) -> Result<Index, InvalidBid> {
        let entries: Vec<_> = entries
            .iter()
            .map(|&(name, offset, size)| encode(&Entry { name: name.into(), offset, size }))
            .collect();
        Index::from_bytes(&sequence(&entries), content_len)
    }

    #[test]
    fn what_is_written_is_read() {
        let mut writer = IndexWriter::default();
        for (name, size) in [("投标/报价.pdf", 5), ("a", 0), ("b/c", 7)] {
            writer.add(name, size).expect("a name");
        }
        let bytes = writer.finish().expect("names differ");
        let (index, len) = bytes.split_last_chunk::<4>().expect("a length");
        assert_eq!(u32::from_be_bytes(*len) as usize, index.len());
        let index = Index::from_bytes(index, 12).expect("right");
        assert_eq!(index.find("b/c").map(|entry| (entry.offset(), entry.size())), Some((5, 7)));
        assert_eq!(index.content_len(), 12);
    }

    #[test]
    fn names_stay_below_their_folder() {
        for name in ["a", "a/b", "..a", "a..", "...", "报价", " a "] {
            assert!(is_file_name(name), "{name}");
        }
        let long = "x".repeat(256);
        let deep = format!("{}y", "abc/".repeat(256));
        for name in [
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "a\\b", "c:a", "a\0", "a\nb",
            &long, &deep,
        ] {
            assert!(!is_file_name(name), "{name:?}");
            assert_eq!(IndexWriter::default().add(name, 0), Err(ApiMisuse::BidName.into()), "{name:?}");
            assert_eq!(index(&[(name, 0, 1)], 1), Err(InvalidBid::IndexName(0)), "{name:?}");
        }
    }

    #[test]
    fn names_are_no_folders_and_come_once() {
        for (names, defect) in [
            (vec!["a", "b", "a"], InvalidBid::IndexDuplicate(2)),
            (vec!["a", "a/b"], InvalidBid::IndexConflict(1)),
            (vec!["a", "a-", "a/b"], InvalidBid::IndexConflict(2)),
            (vec!["a/b/c", "a"], InvalidBid::IndexConflict(1)),
            (vec!["a/b/c", "a/b"], InvalidBid::IndexConflict(1)),
        ] {
            let entries: Vec<_> = names.iter().map(|&name| (name, 0, 0)).collect();
            assert_eq!(index(&entries, 0), Err(defect));
            let mut writer = IndexWriter::default();
            names.iter().for_each(|name| writer.add(name, 0).expect("a name"));
            assert_eq!(writer.finish().err(), Some(ApiMisuse::BidName.into()));
        }
        assert!(index(&[("a", 0, 0), ("ab/c", 0, 0), ("b/a", 0, 0)], 0).is_ok());
    }

    #[test]
    fn files_fill_the_body_without_gaps() {
        assert!(index(&[("a", 0, 3), ("b", 3, 4)], 7).is_ok());
        assert_eq!(index(&[("a", 0, 3), ("b", 2, 4)], 7), Err(InvalidBid::IndexOverlap(1)));
        assert_eq!(index(&[("a", 0, 3), ("b", 4, 3)], 7), Err(InvalidBid::IndexGap(1)));
        assert_eq!(index(&[("a", 0, 3), ("b", 3, 3)], 7), Err(InvalidBid::IndexGap(2)));
        assert_eq!(index(&[("a", 0, 8)], 7), Err(InvalidBid::IndexBeyondBody(0)));
        let huge = u64::MAX >> 1;
        assert_eq!(index(&[("a", 0, huge), ("b", huge, huge)], 7), Err(InvalidBid::IndexBeyondBody(0)));
    }
}
