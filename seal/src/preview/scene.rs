//! What stands on a page, whatever the format of the document is, and how it is drawn.
//!
//! Lengths are millimetres from the top left corner of the page, `x` to the right and `y` downwards. A reader of a format makes
//! a [`Scene`] of a page; seals are added to it in the same way.

mod draw;
mod glyph;
mod path;

use std::sync::Arc;

pub use draw::draw;
pub use path::Segment;

use crate::error::Error;
use crate::geometry::Size;

/// Most items of a scene.
pub const MAX_ITEMS: usize = 200_000;
/// Most segments of paths and glyphs that are drawn.
pub const MAX_SEGMENTS: u64 = 20_000_000;
/// Most clips of an item.
pub const MAX_CLIPS: usize = 32;
/// Most pixels that are painted, one upon the other counted each.
pub const MAX_PAINTED: u64 = 10_000_000_000;
/// Most dashes of a path.
pub const MAX_DASHES: f64 = 100_000.0;

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Of the page.
    pub size: Size,
    /// From the lowest to the uppermost.
    pub items: Vec<Item>,
}

/// One thing on a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// From its own coordinates to those of the page.
    pub transform: Matrix,
    /// It shows only where all of these do.
    pub clips: Vec<Clip>,
    /// How much it covers what is below, 0 to 1.
    pub opacity: f64,
    /// What it is.
    pub content: Content,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Lines and areas.
    Path(Path),
    /// Glyphs.
    Text(Text),
    /// A picture.
    Picture(Picture),
}

/// `x' = a x + c y + e`, `y' = b x + d y + f`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix(
    /// `a` to `f`.
    pub [f64; 6],
);

/// A part of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// From the coordinates of the path to those of the page.
    pub transform: Matrix,
    /// Around it.
    pub path: Vec<Segment>,
    /// What is inside.
    pub rule: Rule,
}

/// What is inside of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// What the path goes around, the turns in both directions added.
    NonZero,
    /// What a line from outside reaches over an odd number of crossings.
    EvenOdd,
}

/// Red, green, blue, and how opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color(
    /// Each 0 to 255.
    pub [u8; 4],
);

/// What areas and lines are painted with. Points are in the coordinates of the item.
#[derive(Clone, Debug, PartialEq)]
pub enum Paint {
    /// One colour.
    Solid(Color),
    /// Colours from one point to another. The ends go on outside.
    Linear {
        /// Where the first colour is.
        from: (f64, f64),
        /// Where the last colour is.
        to: (f64, f64),
        /// Places from 0 to 1, ascending, and their colours.
        stops: Vec<(f64, Color)>,
    },
    /// Colours from one circle to another. The ends go on outside.
    Radial {
        /// Centre and radius of the circle of the first colour.
        from: ((f64, f64), f64),
        /// Centre and radius of the circle of the last colour.
        to: ((f64, f64), f64),
        /// Places from 0 to 1, ascending, and their colours.
        stops: Vec<(f64, Color)>,
    },
}

/// Lines and areas. The area is painted first.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// In the coordinates of the item.
    pub segments: Vec<Segment>,
    /// How what is inside is painted.
    pub fill: Option<(Paint, Rule)>,
    /// How the line is painted.
    pub stroke: Option<Stroke>,
}

/// How a line is painted.
#[derive(Clone, Debug, PartialEq)]
pub struct Stroke {
    /// With what.
    pub paint: Paint,
    /// Width of the line. 0 is the thinnest one that can be seen.
    pub width: f64,
    /// How it ends.
    pub cap: Cap,
    /// How it turns.
    pub join: Join,
    /// Longest point of a sharp turn, in halves of the width; where it would be longer, it is cut.
    pub miter: f64,
    /// Lengths of dashes and gaps in turn, an even number of them. Empty: a line without gaps.
    pub dashes: Vec<f64>,
    /// Where in the dashes the line begins.
    pub offset: f64,
}

impl Stroke {
    /// A line without gaps, with ends cut off and pointed turns.
    #[must_use]
    pub const fn solid(paint: Paint, width: f64) -> Self {
        Self { paint, width, cap: Cap::Butt, join: Join::Miter, miter: 10.0, dashes: Vec::new(), offset: 0.0 }
    }
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// At its end.
    Butt,
    /// With half a circle.
    Round,
    /// Half its width later.
    Square,
}

/// How a line turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// With a point.
    Miter,
    /// With a part of a circle.
    Round,
    /// With a point that is cut off.
    Bevel,
}

/// Glyphs of one font.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// A font of TrueType or OpenType; `None`, and where it lacks a character: the font that stands in.
    pub font: Option<Arc<[u8]>>,
    /// Height of the em.
    pub size: f64,
    /// How much wider than high, 1 as the font says.
    pub stretch: f64,
    /// How the inside is painted.
    pub fill: Option<Paint>,
    /// How the outlines are painted.
    pub stroke: Option<Stroke>,
    /// One by one.
    pub glyphs: Vec<Glyph>,
}

/// A glyph: by its number in the font of the text if there is one and the font has it, otherwise by its character.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glyph {
    /// Where its origin is, on the baseline, in the coordinates of the item.
    pub x: f64,
    /// Downwards.
    pub y: f64,
    /// Number in the font of the text.
    pub id: Option<u32>,
    /// What it means.
    pub character: Option<char>,
}

/// Pixels in the square from (0, 0) to (1, 1) of the coordinates of the item, the first row at the top.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgba: Arc<[u8]>,
}

impl Picture {
    /// Pixels of red, green, blue and opacity, each 0 to 255 and independent of each other, row by row.
    ///
    /// # Errors
    /// [`Error::Malformed`]: not so many bytes as pixels of this size are, or none; [`Error::TooLarge`]: more than
    /// [`super::MAX_PIXELS`].
    pub fn new(width: u32, height: u32, rgba: impl Into<Arc<[u8]>>) -> Result<Self, Error> {
        let rgba = rgba.into();
        let pixels = u64::from(width) * u64::from(height);
        if pixels > super::MAX_PIXELS {
            return Err(Error::TooLarge("pixels of a picture"));
        }
        if pixels == 0 || u64::try_from(rgba.len()) != Ok(4 * pixels) {
            return Err(Error::Malformed("four bytes for each pixel of a picture"));
        }
        Ok(Self { width, height, rgba })
    }
}

impl Matrix {
    /// Nothing changes.
    pub const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// This one first, then another one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let ([a, b, c, d, e, f], [p, q, r, s, t, u]) = (self.0, next.0);
        Self([
            a * p + b * r,
            a * q + b * s,
            c * p + d * r,
            c * q + d * s,
            e * p + f * r + t,
            e * q + f * s + u,
        ])
    }

    /// By this far to the right and downwards.
    #[must_use]
    pub const fn translate(x: f64, y: f64) -> Self {
        Self([1.0, 0.0, 0.0, 1.0, x, y])
    }

    /// By these factors.
    #[must_use]
    pub const fn scale(x: f64, y: f64) -> Self {
        Self([x, 0.0, 0.0, y, 0.0, 0.0])
    }
}
