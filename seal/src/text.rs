//! Text that stands somewhere on pages, and how a keyword is found in it.
//!
//! Works on characters and their places, whatever the format of the document is.

mod fold;
mod lines;
mod search;

pub use search::{MAX_HITS, MAX_KEYWORD, find};

use crate::geometry::Rect;

/// A character and where it stands on its page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Character {
    /// The character, as the document says it.
    pub character: char,
    /// Upright rectangle around it, in millimetres.
    pub area: Rect,
    /// Size of the font on the page, in millimetres.
    pub size: f64,
    /// Where the next character of the line is written: a vector of length 1. `(1.0, 0.0)` for horizontal text on an upright
    /// page, `(0.0, 1.0)` for vertical text.
    pub along: (f64, f64),
    /// A point of the line on which the character stands, in millimetres.
    pub base: (f64, f64),
}

impl Character {
    /// From this character to the centre of another: how far along the line, and how far towards the next line.
    fn to(&self, other: &Self) -> (f64, f64) {
        let ((x, y), (other_x, other_y)) = (self.area.centre(), other.area.centre());
        self.turn((other_x - x, other_y - y))
    }

    /// A vector of the page as parts along the line and towards the next line.
    fn turn(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (cos, sin) = self.along;
        (x * cos + y * sin, y * cos - x * sin)
    }
}
