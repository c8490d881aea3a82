//! Letters that are signed here: where a signature stands on the page, and what it shows.

use serde::{Deserialize, Serialize};

use super::Id;
use crate::domain::Error;

/// Most pages of a letter.
const PAGES: u8 = 8;
/// Sides of a page (A4), in tenths of a millimetre.
const PAGE: (u32, u32) = (2100, 2970);

/// A signature on a page. Only [`Mark::judge`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    picture: Id,
    page: u8,
    place: (u32, u32),
    size: (u32, u32),
}

impl Mark {
    /// A picture of a size on a page, its left top corner at a place, in tenths of a millimetre.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when it is not on the page.
    pub fn judge(picture: Id, page: u8, place: (u32, u32), size: (u32, u32)) -> Result<Self, Error> {
        let fits = |at: u32, side: u32, whole: u32| at.checked_add(side).is_some_and(|end| end <= whole);
        let is_on = fits(place.0, size.0, PAGE.0) && fits(place.1, size.1, PAGE.1);
        if !(1..=PAGES).contains(&page) || !is_on {
            return Err(Error::BadRequest("a signature stands on one of 8 pages of A4"));
        }
        Ok(Self { picture, page, place, size })
    }

    /// The file, PNG.
    #[must_use]
    pub const fn picture(&self) -> Id {
        self.picture
    }

    /// On which page, from 1.
    #[must_use]
    pub const fn page(&self) -> u8 {
        self.page
    }

    /// Where its left top corner is, in tenths of a millimetre.
    #[must_use]
    pub const fn place(&self) -> (u32, u32) {
        self.place
    }

    /// Its sides.
    #[must_use]
    pub const fn size(&self) -> (u32, u32) {
        self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_on_the_page() {
        let picture = Id::from_bytes([1; 16]);
        for (page, place, size, is_on) in [
            (1, (0, 0), PAGE, true),
            (8, (1700, 2770), (400, 200), true),
            (0, (0, 0), (1, 1), false),
            (9, (0, 0), (1, 1), false),
            (1, (1701, 0), (400, 200), false),
            (1, (0, 2771), (400, 200), false),
            (1, (u32::MAX, 0), (400, 200), false),
        ] {
            assert_eq!(Mark::judge(picture, page, place, size).is_ok(), is_on, "{page} {place:?}");
        }
    }
}
