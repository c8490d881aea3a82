//! Outlines of characters.

use std::borrow::Cow;

use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, MetadataProvider};

use super::drawing::{Outline, Point, Segment};
use crate::error::Error;

/// Most bytes of a font.
pub const MAX_FONT_BYTES: usize = 64 << 20;
/// Most segments of a character: the richest hanzi have fewer than a thousand.
const MAX_GLYPH_SEGMENTS: usize = 5000;
/// Where the middle of a hanzi lies over the baseline, in parts of the em: the same in all usual fonts.
const MIDDLE: f64 = 0.38;

static BUNDLED: &[u8] = include_bytes!("../../font/seal-serif.otf");

/// A font in an OpenType or TrueType file.
#[derive(Clone)]
pub struct Font {
    bytes: Cow<'static, [u8]>,
    index: u32,
}

/// A character, its em a square of side 1 around the origin, `y` downwards.
pub(super) struct Glyph {
    pub(super) outline: Outline,
    /// The room that it takes in a line.
    pub(super) advance: f64,
    /// The leftmost and the rightmost of its ink; equal if it has none.
    pub(super) ink_x: (f64, f64),
    /// The top and the bottom of its ink.
    pub(super) ink_y: (f64, f64),
}

impl Font {
    /// A serif font (宋体) with GB 2312, the 8105 characters of the table of general standard Chinese characters and ASCII.
    #[must_use]
    pub const fn bundled() -> Self {
        Self { bytes: Cow::Borrowed(BUNDLED), index: 0 }
    }

    /// A font of a file. `index`: which one of a collection, else 0.
    ///
    /// # Errors
    /// [`Error::TooLarge`]: more than [`MAX_FONT_BYTES`]; [`Error::Malformed`]: no font, or no such one in the collection.
    pub fn from_bytes(bytes: Vec<u8>, index: u32) -> Result<Self, Error> {
        if bytes.len() > MAX_FONT_BYTES {
            return Err(Error::TooLarge("bytes of a font"));
        }
        let font = Self { bytes: bytes.into(), index };
        font.parsed().map(|_| ())?;
        Ok(font)
    }

    /// The file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn parsed(&self) -> Result<FontRef<'_>, Error> {
        FontRef::from_index(&self.bytes, self.index).map_err(|_| BAD)
    }

    pub(super) fn glyph(&self, character: char) -> Result<Glyph, Error> {
        let font = self.parsed()?;
        let id = font.charmap().map(character).ok_or(Error::MissingGlyph(character))?;
        let glyph = font.outline_glyphs().get(id).ok_or(Error::MissingGlyph(character))?;
        let metrics = font.glyph_metrics(Size::unscaled(), LocationRef::default());
        let em = f64::from(font.metrics(Size::unscaled(), LocationRef::default()).units_per_em);
        let advance = f64::from(metrics.advance_width(id).unwrap_or_default());
        if em == 0.0 {
            return Err(BAD);
        }
        let advance = advance / em;
        let mut pen = Pen { em, middle: advance / 2.0, ..Pen::default() };
        glyph
            .draw(DrawSettings::unhinted(Size::unscaled(), LocationRef::default()), &mut pen)
            .map_err(|_| BAD)?;
        pen.close();
        let ink = |low: f64, high: f64| if low <= high { (low, high) } else { (0.0, 0.0) };
        let (ink_x, ink_y) = (ink(pen.left, pen.right), ink(pen.top, pen.bottom));
        let fits = |length: f64| length.abs() <= MAX_EMS;
        if pen.too_many || ![ink_x.0, ink_x.1, ink_y.0, ink_y.1, advance].into_iter().all(fits) {
            return Err(BAD);
        }
        Ok(Glyph { outline: Outline::new(pen.segments), advance, ink_x, ink_y })
    }
}

const BAD: Error = Error::Malformed("a font");
/// How far ink may lie from the middle of its character, in ems.
const MAX_EMS: f64 = 20.0;

/// Takes an outline in the units of the font, `y` upwards.
struct Pen {
    em: f64,
    middle: f64,
    segments: Vec<Segment>,
    open: bool,
    too_many: bool,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Default for Pen {
    fn default() -> Self {
        let (high, low) = (f64::INFINITY, f64::NEG_INFINITY);
        let segments = Vec::new();
        Self {
            em: 1.0,
            middle: 0.5,
            segments,
            open: false,
            too_many: false,
            left: high,
            right: low,
            top: high,
            bottom: low,
        }
    }
}

impl Pen {
    fn at(&mut self, x: f32, y: f32) -> Point {
        let point = Point::new(f64::from(x) / self.em - self.middle, MIDDLE - f64::from(y) / self.em);
        // Control points count too: for those of fonts, which stand at the extremes of curves, that is no difference.
        self.left = self.left.min(point.x);
        self.right = self.right.max(point.x);
        self.top = self.top.min(point.y);
        self.bottom = self.bottom.max(point.y);
        point
    }

    fn add(&mut self, segment: Segment) {
        if self.segments.len() < MAX_GLYPH_SEGMENTS {
            self.segments.push(segment);
        } else {
            self.too_many = true;
        }
    }
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.close();
        let to = self.at(x, y);
        self.add(Segment::Move(to));
        self.open = true;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let to = self.at(x, y);
        self.add(Segment::Line(to));
    }

    fn quad_to(&mut self, ax: f32, ay: f32, x: f32, y: f32) {
        let (a, to) = (self.at(ax, ay), self.at(x, y));
        self.add(Segment::Quad(a, to));
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        let (a, b, to) = (self.at(ax, ay), self.at(bx, by), self.at(x, y));
        self.add(Segment::Cubic(a, b, to));
    }

    fn close(&mut self) {
        if self.open {
            self.add(Segment::Close);
            self.open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hanzi_lies_around_the_middle_of_its_em() {
        let glyph = Font::bundled().glyph('国').unwrap();
        assert_eq!(glyph.advance, 1.0);
        for (low, high) in [glyph.ink_x, glyph.ink_y] {
            assert!((-0.5..-0.3).contains(&low) && (0.3..0.5).contains(&high), "{low} {high}");
            assert!((low + high).abs() < 0.1, "{low} {high}");
        }
        assert!(matches!(glyph.outline.segments().first(), Some(Segment::Move(_))));
        assert_eq!(glyph.outline.segments().last(), Some(&Segment::Close));
    }

    #[test]
    fn all_that_names_may_be_registered_with_is_in_the_font() {
        let font = Font::bundled();
        // Of GB 2312, of the third part of the table of 2013, and beyond the basic plane.
        for character in "印章专用齄喆堃玥淼䶮𬭎𫖯（）·〇0123456789ABCxyz".chars() {
            let (left, right) = font.glyph(character).unwrap().ink_x;
            assert!(left < right, "{character}");
        }
        assert!(matches!(font.glyph('ก'), Err(Error::MissingGlyph('ก'))));
    }
}
