//! Long lists are read a page at a time. A cursor names the last entry of a page by what the list is ordered by, so
//! entries that come or go meanwhile are neither shown twice nor hide others.

use std::{fmt, str::FromStr};

use super::Error;

/// Most entries of a page.
pub const MAX_PAGE: u32 = 1000;
/// Longest id in a cursor, in bytes.
const MAX_ID: usize = 64;

/// Where a page begins: behind this entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the entry was made, unix milliseconds.
    pub at_ms: u64,
    /// Its id, to tell those of one millisecond apart.
    pub id: Vec<u8>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}{}", self.at_ms, hex::encode(&self.id))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const NONE: Error = Error::BadRequest("the cursor is none that a list gave out");
        if text.len() > 16 + 2 * MAX_ID {
            return Err(NONE);
        }
        let bytes = hex::decode(text).map_err(|_| NONE)?;
        let (at, id) = bytes.split_first_chunk().ok_or(NONE)?;
        let at_ms = u64::from_be_bytes(*at);
        // A database holds no more.
        if i64::try_from(at_ms).is_err() { Err(NONE) } else { Ok(Self { at_ms, id: id.to_vec() }) }
    }
}

/// Which page; the first one of [`MAX_PAGE`] entries by default.
#[derive(Clone, Debug)]
pub struct Page {
    after: Option<Cursor>,
    limit: u32,
}

impl Default for Page {
    fn default() -> Self {
        Self::first(MAX_PAGE)
    }
}

impl Page {
    /// Behind `after`, or the first; `limit` entries, 1..=[`MAX_PAGE`], which it is without.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for another limit.
    pub fn new(after: Option<Cursor>, limit: Option<u32>) -> Result<Self, Error> {
        let limit = limit.unwrap_or(MAX_PAGE);
        if limit == 0 || limit > MAX_PAGE {
            return Err(Error::BadRequest("a page has 1 to 1000 entries"));
        }
        Ok(Self { after, limit })
    }

    /// The first `limit` entries, however many.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The entry that it begins behind.
    #[must_use]
    pub const fn after(&self) -> Option<&Cursor> {
        self.after.as_ref()
    }

    /// How many entries to read: one more than it has, which tells whether there is another page.
    #[must_use]
    pub const fn to_read(&self) -> u32 {
        self.limit.saturating_add(1)
    }

    /// The page of what was read.
    #[must_use]
    pub fn of<T>(&self, mut items: Vec<T>, cursor: impl FnOnce(&T) -> Cursor) -> Paged<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(cursor) } else { None };
        Paged { items, next }
    }
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Paged<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for id in [vec![], vec![0; 16], vec![255; MAX_ID]] {
            let cursor = Cursor { at_ms: 1_800_000_000_000, id };
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        let long = format!("{:016x}{}", 1, "00".repeat(MAX_ID + 1));
        for text in ["", "0", "zz", "00112233445566", "8000000000000000", &long] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn pages_end_where_the_list_ends() {
        let page = Page::new(None, Some(2)).unwrap();
        let cursor = |item: &u8| Cursor { at_ms: 0, id: vec![*item] };
        assert_eq!(page.to_read(), 3);
        let more = page.of(vec![1, 2, 3], cursor);
        assert_eq!((more.items, more.next), (vec![1, 2], Some(cursor(&2))));
        let end = page.of(vec![1, 2], cursor);
        assert_eq!((end.items, end.next), (vec![1, 2], None));
        assert!(Page::new(None, Some(0)).is_err() && Page::new(None, Some(MAX_PAGE + 1)).is_err());
        assert_eq!(Page::new(None, None).unwrap().to_read(), MAX_PAGE + 1);
    }
}
