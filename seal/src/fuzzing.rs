//! What the fuzz targets call beside the public interface. Any input must come back: no panic, no hang, memory bounded.
//! Each says whether the input was accepted.

use crate::geometry::Rect;
use crate::ofd::fuzzing as ofd;

/// Reads an XML file, and checks that the places of its elements are right: text that is put where text was reads the same.
///
/// # Panics
/// A place is wrong: a bug.
#[must_use]
pub fn xml(data: &[u8]) -> bool {
    ofd::xml(data)
}

/// Reads the content of a page without resources. Gives how many objects it has.
///
/// # Panics
/// More objects than there may be, or a number that is none: a bug.
#[must_use]
pub fn page(data: &[u8]) -> Option<usize> {
    ofd::page(data, Rect { x: 0.0, y: 0.0, width: 210.0, height: 297.0 })
}

/// Resolves a place in a package; the base is before the first line feed.
///
/// # Panics
/// The result is no path inside of the package: a bug.
#[must_use]
pub fn place(data: &[u8]) -> bool {
    ofd::place(data)
}

/// Reads a moment.
///
/// # Panics
/// Written and read again it is another one: a bug.
#[must_use]
pub fn time(data: &[u8]) -> bool {
    let Some(time) = str::from_utf8(data).ok().and_then(crate::time::parse) else { return false };
    assert_eq!(crate::time::parse(&time.to_string()), Some(time), "a moment is read as it is written");
    true
}
