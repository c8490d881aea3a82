//! The glyphs that a page draws, as characters.

use std::collections::HashMap;

use hayro_interpret::font::{Glyph, GlyphRun, PositionedGlyph};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Vec2};
use hayro_interpret::{BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask};

use crate::error::Error;
use crate::geometry::{Rect, Size};
use crate::text::Character;

/// Most characters of a page.
pub const MAX_CHARACTERS: usize = 100_000;

/// A glyph is drawn in thousandths of its size.
const EM: f64 = 1000.0;
/// How far the square of an ideograph reaches above the baseline. Fonts differ, and the interpreter does not say; of Latin
/// letters it is the middle that matters.
const ASCENT: f64 = 880.0;
/// The same character so near, in parts of its size, is the same one: painted twice to look bold, or filled and stroked.
const TWICE: f64 = 0.1;

/// Receives what a page draws.
pub(super) struct Collector {
    page: Size,
    characters: Vec<Character>,
    full: bool,
    /// Where each character was seen, by squares of the page. For what is painted twice.
    seen: HashMap<(char, i64, i64), usize>,
}

impl Collector {
    pub(super) fn new(page: Size) -> Self {
        Self { page, characters: Vec::new(), full: false, seen: HashMap::new() }
    }

    pub(super) fn finish(self) -> Result<Vec<Character>, Error> {
        if self.full { Err(Error::TooLarge("characters of a page of a PDF")) } else { Ok(self.characters) }
    }

    fn glyph(&mut self, glyph: &PositionedGlyph<'_>, mode: WritingMode, page: Affine) {
        let text = match glyph.as_unicode() {
            None | Some(BfString::Char('\0')) => return,
            Some(BfString::Char(character)) => Vec::from([character]),
            Some(BfString::String(text)) => text.chars().collect(),
        };
        let advance = match &**glyph {
            Glyph::Outline(outline) => outline.advance_width(),
            Glyph::Type3(form) => form.advance_width(),
        };
        let place = page * glyph.transform();
        let vertical = mode == WritingMode::Vertical;
        // A font of vertical writing has no widths, and its ideographs are square.
        let width = if vertical { EM } else { f64::from(advance.unwrap_or(0.0)) };
        // Several characters may be one glyph.
        let part = width / text.len() as f64;
        for (index, character) in text.into_iter().enumerate() {
            let left = part * index as f64;
            self.character(character, place, (left, part), vertical);
        }
    }

    fn character(&mut self, character: char, place: Affine, (left, width): (f64, f64), vertical: bool) {
        let corner = |x: f64, y: f64| place * Point::new(x, y);
        let (low, high) = (ASCENT - EM, ASCENT);
        let corners =
            [corner(left, low), corner(left + width, low), corner(left, high), corner(left + width, high)];
        let side = |of: fn(&Point) -> f64, pick: fn(f64, f64) -> f64| {
            corners.iter().map(of).reduce(pick).unwrap_or_default()
        };
        let (x, y) = (side(|corner| corner.x, f64::min), side(|corner| corner.y, f64::min));
        let area = Rect {
            x,
            y,
            width: side(|corner| corner.x, f64::max) - x,
            height: side(|corner| corner.y, f64::max) - y,
        };
        let turned = |x: f64, y: f64| place * Point::new(x, y) - place * Point::ORIGIN;
        let size = turned(0.0, EM).length();
        let Vec2 { x: cos, y: sin } = if vertical { turned(0.0, -EM) } else { turned(EM, 0.0) };
        let length = cos.hypot(sin);
        let base = place * Point::new(left, 0.0);
        let sound = |value: f64| value.is_finite();
        let places = [area.width, area.height, base.x, base.y];
        if !(places.into_iter().all(sound) && size > 0.0 && size.is_finite() && length > 0.0) {
            return;
        }
        let (middle_x, middle_y) = area.centre();
        let shown =
            (0.0..=self.page.width).contains(&middle_x) && (0.0..=self.page.height).contains(&middle_y);
        if !shown || self.is_again(character, (middle_x, middle_y), size) {
            return;
        }
        if self.characters.len() == MAX_CHARACTERS {
            self.full = true;
            return;
        }
        let along = (cos / length, sin / length);
        self.characters.push(Character { character, area, size, along, base: (base.x, base.y) });
    }

    /// Whether the same character stands here already; notes it down if not.
    fn is_again(&mut self, character: char, (x, y): (f64, f64), size: f64) -> bool {
        // Characters of nearly the same place are in the same square or in the next one.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "squares of the page, as saturated as they may be"
        )]
        let square = |value: f64| (value / SQUARE).floor() as i64;
        let (column, row) = (square(x), square(y));
        let reach = (TWICE * size).min(SQUARE);
        for (right, down) in (-1..=1).flat_map(|right| (-1..=1).map(move |down| (right, down))) {
            let found = self.seen.get(&(character, column.saturating_add(right), row.saturating_add(down)));
            if let Some(other) = found.and_then(|index| self.characters.get(*index)) {
                let (other_x, other_y) = other.area.centre();
                if (other_x - x).hypot(other_y - y) <= reach && (other.size - size).abs() <= TWICE * size {
                    return true;
                }
            }
        }
        self.seen.insert((character, column, row), self.characters.len());
        false
    }
}

/// Side of the squares in which characters that are painted twice are looked for, in millimetres.
const SQUARE: f64 = 1.0;

impl<'a> Device<'a> for Collector {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            if self.full {
                return;
            }
            self.glyph(glyph, run.writing_mode(), props.transform);
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
