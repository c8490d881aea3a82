//! Text in a line and along a curve, made as large as its room allows.

use super::curve::{Curve, Place};
use crate::error::Error;
use crate::picture::drawing::{Outline, Point};
use crate::picture::font::{Font, Glyph};

/// How much narrower than high the em of a character may become.
const NARROWEST: f64 = 0.6;
/// The same for digits and Latin letters, which seals show narrower still.
const NARROWEST_LATIN: f64 = 0.42;
/// Text shrinks to this part of the size that it should have, not further.
const SMALLEST: f64 = 0.35;
/// By what it shrinks at once.
const SHRINK: f64 = 0.98;
/// How high digits and capitals are, in ems.
const CAPITAL: f64 = 0.74;
/// Letters of few words do not stand further apart than this, in heights.
const LOOSEST: f64 = 1.2;

const NO_ROOM: Error = Error::Unusable("the text is too long for the seal");

/// A room for text in one line.
pub(super) struct Line {
    pub(super) middle: Point,
    pub(super) width: f64,
    pub(super) height: f64,
    /// How wide an em may be, in heights.
    pub(super) widest: f64,
}

impl Line {
    pub(super) fn set(&self, font: &Font, text: &str) -> Result<Vec<Outline>, Error> {
        let glyphs = glyphs(font, text)?;
        let latin = text.is_ascii();
        let total: f64 = glyphs.iter().map(|glyph| glyph.advance).sum();
        let narrowest = if latin { NARROWEST_LATIN } else { NARROWEST };
        let largest = if latin { self.height / CAPITAL } else { self.height };
        let (height, width) =
            shrink(largest, narrowest, |height| (height * self.widest).min(self.width / total))?;
        let lift = if latin { middle(&glyphs) } else { 0.0 };
        let mut x = self.middle.x - total * width / 2.0;
        let mut set = Vec::with_capacity(glyphs.len());
        for glyph in glyphs {
            let centre = x + glyph.advance * width / 2.0;
            x += glyph.advance * width;
            set.push(
                glyph
                    .outline
                    .map(|p| Point::new(centre + p.x * width, self.middle.y + (p.y - lift) * height)),
            );
        }
        Ok(set)
    }
}

/// A room for text along a curve, upright seen from the middle.
pub(super) struct Along<F> {
    /// The curve at a distance inside of the line.
    pub(super) curve: F,
    /// Between the line and the text.
    pub(super) gap: f64,
    /// Height of the em.
    pub(super) tallest: f64,
    /// How wide an em may be, in heights.
    pub(super) widest: f64,
    /// The part of the curve that text may take.
    pub(super) share: f64,
}

impl<F: Fn(f64) -> Curve> Along<F> {
    pub(super) fn set(&self, font: &Font, text: &str) -> Result<Vec<Outline>, Error> {
        let glyphs = glyphs(font, text)?;
        let count = glyphs.iter().fold(0.0, |count, _| count + 1.0);
        // Letters must not touch at their feet, where the curve is shortest.
        let pitch = |height: f64, feet: &Curve| (feet.length() * self.share / count).min(height * LOOSEST);
        let (height, width) = shrink(self.tallest, NARROWEST, |height| {
            (height * self.widest).min(pitch(height, &(self.curve)(self.gap + height)))
        })?;
        let feet = (self.curve)(self.gap + height);
        let pitch = pitch(height, &feet);
        let mut length = -pitch * (count - 1.0) / 2.0;
        let mut set = Vec::with_capacity(glyphs.len());
        for glyph in glyphs {
            let Place { point, out } = feet.at(length);
            length += pitch;
            let centre = Point::new(point.x + out.x * height / 2.0, point.y + out.y * height / 2.0);
            // Brackets and the like fill one side of their em: it is their ink that stands in the middle.
            let aside = f64::midpoint(glyph.ink_x.0, glyph.ink_x.1);
            set.push(turned(&glyph, aside, 0.0, (width, height), centre, out, true));
        }
        Ok(set)
    }
}

/// Digits of this height along the lower part of a curve, to be read from left to right.
pub(super) fn code(
    font: &Font,
    text: &str,
    height: f64,
    curve: impl Fn(f64) -> Curve,
) -> Result<Vec<Outline>, Error> {
    const GAP: f64 = 0.55;
    const PITCH: f64 = 1.12;
    const SHARE: f64 = 0.25;
    let glyphs = glyphs(font, text)?;
    let curve = curve(height * (GAP + 0.5));
    let pitch = height * PITCH;
    let count = glyphs.iter().fold(0.0, |count, _| count + 1.0);
    if pitch * count > curve.length() * SHARE {
        return Err(Error::Unusable("the code is too long for the seal"));
    }
    let em = height / CAPITAL;
    let lift = middle(&glyphs);
    let mut length = curve.length() / 2.0 + pitch * (count - 1.0) / 2.0;
    let mut set = Vec::with_capacity(glyphs.len());
    for glyph in glyphs {
        let Place { point, out } = curve.at(length);
        length -= pitch;
        set.push(turned(&glyph, 0.0, lift, (em, em), point, out, false));
    }
    Ok(set)
}

/// A glyph of an em of `width` and `height`, its point (`aside`, `lift`) at `centre`; its head or its feet look `out`.
fn turned(
    glyph: &Glyph,
    aside: f64,
    lift: f64,
    (width, height): (f64, f64),
    centre: Point,
    out: Point,
    head: bool,
) -> Outline {
    let down = if head { Point::new(-out.x, -out.y) } else { out };
    let right = Point::new(down.y, -down.x);
    glyph.outline.map(|p| {
        let (x, y) = ((p.x - aside) * width, (p.y - lift) * height);
        Point::new(centre.x + x * right.x + y * down.x, centre.y + x * right.y + y * down.y)
    })
}

/// The largest height whose width is not too narrow for it, with this width.
fn shrink(largest: f64, narrowest: f64, width: impl Fn(f64) -> f64) -> Result<(f64, f64), Error> {
    let mut height = largest;
    while height >= largest * SMALLEST {
        let width = width(height);
        if width >= height * narrowest {
            return Ok((height, width));
        }
        height *= SHRINK;
    }
    Err(NO_ROOM)
}

fn glyphs(font: &Font, text: &str) -> Result<Vec<Glyph>, Error> {
    let glyphs = text.chars().map(|character| font.glyph(character)).collect::<Result<Vec<_>, _>>()?;
    if !glyphs.iter().any(|glyph| glyph.ink_x.0 < glyph.ink_x.1 && glyph.advance > 0.0) {
        return Err(Error::Unusable("a text of a seal shows nothing"));
    }
    Ok(glyphs)
}

/// The middle of the height of all ink.
fn middle(glyphs: &[Glyph]) -> f64 {
    let top = glyphs.iter().map(|glyph| glyph.ink_y.0).fold(f64::INFINITY, f64::min);
    let bottom = glyphs.iter().map(|glyph| glyph.ink_y.1).fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(top, bottom)
}
