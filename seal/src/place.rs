//! Where the stamps of a seal go.
//!
//! Works on the sizes of the pages and on the places of a keyword, whatever the format of the document is.

mod cross_page;
mod pages;

pub use cross_page::{CrossPage, Edge};
pub use pages::Pages;

use crate::error::Error;
use crate::geometry::{Rect, Size, Stamp};

/// Most stamps of one seal in a document.
pub const MAX_STAMPS: usize = 20_000;

/// Where a keyword was found: once for each time it stands in the document, in reading order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The page, from 0.
    pub page: usize,
    /// Around the text.
    pub area: Rect,
}

/// Which of several hits of a keyword get a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// The n-th in the document, from 1.
    Nth(usize),
    /// The last one in the document.
    Last,
}

/// Where stamps go.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// The same place on some pages: the centre of the picture, in millimetres from the top left corner.
    At {
        /// On these pages.
        pages: Pages,
        /// To the right.
        x: f64,
        /// Downwards.
        y: f64,
    },
    /// Cut in strips over the edges of pages (骑缝).
    Across(CrossPage),
    /// At a keyword: the centre of the picture is that of the text, moved.
    Keyword {
        /// The text, as [`Finder`] takes it.
        text: String,
        /// Which hits.
        which: Which,
        /// Millimetres to the right and downwards.
        offset: (f64, f64),
    },
}

/// A document in which text can be found.
pub trait Finder {
    /// The sizes of the pages, as they are shown.
    ///
    /// # Errors
    /// As the document says.
    fn pages(&mut self) -> Result<Vec<Size>, Error>;

    /// Where a text stands. White space of the document inside of it does not count.
    ///
    /// # Errors
    /// As the document says.
    fn find(&mut self, text: &str) -> Result<Vec<Hit>, Error>;
}

/// The stamps of a seal of `size` at all of these places, in the order of the places.
///
/// # Errors
/// [`Error::Unusable`]: a page that is not there, nothing of a stamp on its page, a keyword that is not found, a length that
/// is no number; [`Error::TooLarge`]: more than [`MAX_STAMPS`].
pub fn stamps(document: &mut impl Finder, places: &[Place], size: Size) -> Result<Vec<Stamp>, Error> {
    if !(size.width > 0.0 && size.height > 0.0 && size.width.is_finite() && size.height.is_finite()) {
        return Err(Error::Unusable("the seal has no size"));
    }
    let pages = document.pages()?;
    let mut stamps = Vec::new();
    for place in places {
        match place {
            Place::At { pages: chosen, x, y } => {
                let area = Rect::around(*x, *y, size);
                stamps.extend(chosen.of(pages.len())?.map(|page| Stamp { page, area, clip: None }));
            }
            Place::Across(across) => stamps.extend(across.stamps(&pages, size)?),
            Place::Keyword { text, which, offset } => {
                let hits = document.find(text)?;
                stamps.extend(which.of(&hits)?.iter().map(|hit| {
                    let (x, y) = hit.area.centre();
                    let area = Rect::around(x + offset.0, y + offset.1, size);
                    Stamp { page: hit.page, area, clip: None }
                }));
            }
        }
        if stamps.len() > MAX_STAMPS {
            return Err(Error::TooLarge("stamps of one seal"));
        }
    }
    for stamp in &stamps {
        let page = pages.get(stamp.page).ok_or(Error::Unusable("there is no such page"))?;
        let page = Rect { x: 0.0, y: 0.0, width: page.width, height: page.height };
        if stamp.visible().intersection(&page).is_none() {
            return Err(Error::Unusable("a stamp lies outside of its page"));
        }
    }
    Ok(stamps)
}

impl Which {
    fn of(self, hits: &[Hit]) -> Result<&[Hit], Error> {
        let chosen = match self {
            Self::All => hits,
            Self::Nth(n) => n.checked_sub(1).and_then(|at| hits.get(at..=at)).unwrap_or_default(),
            Self::Last => hits.len().checked_sub(1).and_then(|at| hits.get(at..)).unwrap_or_default(),
        };
        if chosen.is_empty() {
            return Err(Error::Unusable("the keyword does not stand there"));
        }
        Ok(chosen)
    }
}
