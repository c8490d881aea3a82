//! The characters of a page, and where they stand.

use super::content::{Glyph, Object, PageContent, Text, advance};
use crate::geometry::Rect;
use crate::text::Character;

/// How high characters reach over the base line, and how deep under it, in parts of their size.
const ASCENT: f64 = 0.85;
const DESCENT: f64 = 0.15;

/// All characters, in the order of the document.
pub(crate) fn characters(page: &PageContent) -> Vec<Character> {
    let objects = page.layers.iter().flat_map(|layer| &layer.objects);
    let texts = objects.filter_map(|object| match object {
        Object::Text(text) => Some(text),
        Object::Path(_) | Object::Image(_) => None,
    });
    let pieces = texts.flat_map(|text| text.runs.iter().map(move |run| (text, run)));
    let place = |(text, run): (_, &super::content::Run)| {
        let next = run.glyphs.iter().skip(1).map(Some).chain([None]);
        run.glyphs.iter().zip(next).map(|(glyph, next)| place(text, glyph, next)).collect::<Vec<_>>()
    };
    pieces.flat_map(place).collect()
}

fn place(text: &Text, glyph: &Glyph, next: Option<&Glyph>) -> Character {
    let (dx, dy) = advance(text, glyph.char);
    let guess = dx.abs().max(dy.abs());
    // A character reaches up to the next one, unless that one is elsewhere.
    let step = next.map_or(guess, |next| (next.x - glyph.x).hypot(next.y - glyph.y));
    let width = if step > 0.0 && step < guess { step } else { guess };
    let (top, bottom) = (-ASCENT * text.size, DESCENT * text.size);
    let corner = |u: f64, v: f64| {
        let (u, v) = turn((u, v), text.char_direction);
        text.common.matrix.apply(glyph.x + u, glyph.y + v)
    };
    let corners = [corner(0.0, top), corner(width, top), corner(0.0, bottom), corner(width, bottom)];
    let base = corner(0.0, 0.0);
    let vector = |(u, v): (f64, f64)| {
        let [a, b, c, d, _, _] = text.common.matrix.numbers;
        (a * u + c * v, b * u + d * v)
    };
    let (x, y) = vector(turn((1.0, 0.0), text.read_direction));
    let length = x.hypot(y);
    let along = if length > 0.0 { (x / length, y / length) } else { (1.0, 0.0) };
    let (x, y) = vector(turn((0.0, text.size), text.char_direction));
    Character { character: glyph.char, area: bounds(corners), size: x.hypot(y), along, base }
}

/// By so many quarter turns clockwise.
const fn turn((u, v): (f64, f64), quarters: u8) -> (f64, f64) {
    match quarters {
        0 => (u, v),
        1 => (-v, u),
        2 => (-u, -v),
        _ => (v, -u),
    }
}

fn bounds(corners: [(f64, f64); 4]) -> Rect {
    let least = |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(f64::INFINITY, f64::min);
    let most = |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let (x, y) = (least(|corner| corner.0), least(|corner| corner.1));
    Rect { x, y, width: most(|corner| corner.0) - x, height: most(|corner| corner.1) - y }
}
