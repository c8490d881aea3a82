//! Where a seal shows in a document, as it is asked for. Lengths are tenths of a millimetre.

use seal::place::{CrossPage, Pages, Place, Which};
use serde::{Deserialize, Serialize};

use crate::domain::{Error, office::entity::states};

/// Most places of one seal.
pub const MAX_SPOTS: usize = 16;
/// Furthest from the corner of a page: 20 metres.
const MAX_LENGTH: u32 = 200_000;
/// Longest list of pages, and longest keyword, in characters.
const MAX_TEXT: usize = 200;

states! {
    /// An edge of a page.
    Edge {
        /// The left one.
        Left = "left",
        /// The right one.
        Right = "right",
        /// The upper one.
        Top = "top",
        /// The lower one.
        Bottom = "bottom",
    }
}

/// Which of the hits of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hits {
    /// Every one.
    All,
    /// The last one.
    Last,
    /// This one, from 1.
    Nth(u32),
}

/// A seal in strips over the edges of pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Across {
    /// Which edge.
    pub edge: Edge,
    /// Which pages.
    pub pages: String,
    /// Where along the edge, in thousandths of its length.
    pub along: u16,
    /// Most pages that share one seal.
    pub group: Option<u32>,
}

/// Where a seal shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spot {
    /// In the same place of some pages: its centre.
    At {
        /// Which pages: `all`, `odd`, `even`, `last`, or such as `1,3-5,8-`.
        pages: String,
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
    },
    /// Over the edges of pages (骑缝).
    Across(Across),
    /// Where a text stands: its centre is that of the text, moved.
    Keyword {
        /// The text.
        text: String,
        /// Which of its hits.
        hits: Hits,
        /// To the right and downwards.
        offset: (i32, i32),
    },
}

fn millimetres(tenths: u32) -> Result<f64, Error> {
    if tenths > MAX_LENGTH {
        return Err(Error::BadRequest("a place is within 20 metres"));
    }
    Ok(f64::from(tenths) / 10.0)
}

fn moved(tenths: i32) -> Result<f64, Error> {
    millimetres(tenths.unsigned_abs()).map(|length| if tenths < 0 { -length } else { length })
}

fn pages(text: &str) -> Result<Pages, Error> {
    const WRONG: Error = Error::BadRequest("pages are all, odd, even, last, or such as 1,3-5,8-");
    if text.len() > MAX_TEXT {
        return Err(WRONG);
    }
    text.parse().map_err(|_| WRONG)
}

impl Spot {
    /// For who puts it there.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for what is no place.
    pub fn place(&self) -> Result<Place, Error> {
        Ok(match self {
            Self::At { pages: chosen, x, y } => {
                Place::At { pages: pages(chosen)?, x: millimetres(*x)?, y: millimetres(*y)? }
            }
            Self::Across(Across { edge, pages: chosen, along, group }) => {
                let edge = match edge {
                    Edge::Left => seal::place::Edge::Left,
                    Edge::Right => seal::place::Edge::Right,
                    Edge::Top => seal::place::Edge::Top,
                    Edge::Bottom => seal::place::Edge::Bottom,
                };
                if *along > 1000 {
                    return Err(Error::BadRequest("a place along an edge is 0 to 1000 thousandths of it"));
                }
                let group = group.map(|group| usize::try_from(group).unwrap_or(usize::MAX));
                let (pages, along) = (pages(chosen)?, f64::from(*along) / 1000.0);
                Place::Across(CrossPage { pages, along, group, ..CrossPage::new(edge) })
            }
            Self::Keyword { text, hits, offset: (right, down) } => {
                if text.trim().is_empty() || text.chars().count() > MAX_TEXT {
                    return Err(Error::BadRequest("a keyword has 1 to 200 characters"));
                }
                let which = match hits {
                    Hits::All => Which::All,
                    Hits::Last => Which::Last,
                    Hits::Nth(nth) => Which::Nth(usize::try_from(*nth).unwrap_or(usize::MAX)),
                };
                Place::Keyword { text: text.clone(), which, offset: (moved(*right)?, moved(*down)?) }
            }
        })
    }

    /// All of them.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for none, for too many, and for what is no place.
    pub fn places(spots: &[Self]) -> Result<Vec<Place>, Error> {
        if spots.is_empty() || spots.len() > MAX_SPOTS {
            return Err(Error::BadRequest("a seal shows at 1 to 16 places"));
        }
        spots.iter().map(Self::place).collect()
    }
}
