//! Finds a text on a page.
//!
//! A text counts where its characters follow each other in one piece of the document, or stand beside or below each other on
//! the page whatever pieces they are in. A text that continues on the next line of another piece is not found.

use super::content::{Glyph, Object, PageContent, Text, advance};
use crate::geometry::Rect;

/// How high characters reach over the base line, and how deep under it, in parts of their size.
const ASCENT: f64 = 0.85;
const DESCENT: f64 = 0.15;
/// How far apart characters of one text may stand, in heights: headings are often spaced.
const MAX_GAP: f64 = 4.0;
/// How far centres may be off to be on one line, or to be the same text drawn twice, in heights.
const TOLERANCE: f64 = 0.35;

/// A character on the page.
#[derive(Clone, Copy)]
struct Placed {
    char: char,
    area: Rect,
    /// The piece that it is in.
    run: usize,
}

/// The areas of a text, in reading order.
pub(crate) fn find(page: &PageContent, text: &str) -> Vec<Rect> {
    let needle: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    if needle.is_empty() {
        return Vec::new();
    }
    let runs = runs(page);
    let mut hits: Vec<Rect> = runs.iter().flat_map(|run| matches(run, &needle)).map(around).collect();
    let all: Vec<Placed> = runs.into_iter().flatten().collect();
    // Sorting takes most of the time, and most pages do not even have the characters.
    if !needle.chars().all(|char| all.iter().any(|placed| placed.char == char)) {
        return Vec::new();
    }
    for vertical in [false, true] {
        for line in lines(all.clone(), vertical) {
            let across = matches(&line, &needle).into_iter().filter(|hit| {
                hit.windows(2).any(|pair| matches!(pair, [one, other] if one.run != other.run))
            });
            hits.extend(across.map(around));
        }
    }
    reading_order(hits)
}

/// The pieces, without white space.
fn runs(page: &PageContent) -> Vec<Vec<Placed>> {
    let objects = page.layers.iter().flat_map(|layer| &layer.objects);
    let texts = objects.filter_map(|object| match object {
        Object::Text(text) => Some(text),
        Object::Path(_) | Object::Image(_) => None,
    });
    let pieces = texts.flat_map(|text| text.runs.iter().map(move |run| (text, run)));
    let place = |(index, (text, run)): (usize, (&Text, &super::content::Run))| {
        let next = run.glyphs.iter().skip(1).map(Some).chain([None]);
        let placed = run.glyphs.iter().zip(next).map(|(glyph, next)| place(text, glyph, next, index));
        placed.filter(|placed| !placed.char.is_whitespace()).collect()
    };
    pieces.enumerate().map(place).collect()
}

fn place(text: &Text, glyph: &Glyph, next: Option<&Glyph>, run: usize) -> Placed {
    let (dx, dy) = advance(text, glyph.char);
    let guess = dx.abs().max(dy.abs());
    // A character reaches up to the next one, unless that one is elsewhere.
    let step = next.map_or(guess, |next| (next.x - glyph.x).hypot(next.y - glyph.y));
    let width = if step > 0.0 && step < guess { step } else { guess };
    let (top, bottom) = (-ASCENT * text.size, DESCENT * text.size);
    let corner = |u: f64, v: f64| {
        let (u, v) = match text.char_direction {
            0 => (u, v),
            1 => (-v, u),
            2 => (-u, -v),
            _ => (v, -u),
        };
        text.common.matrix.apply(glyph.x + u, glyph.y + v)
    };
    let corners = [corner(0.0, top), corner(width, top), corner(0.0, bottom), corner(width, bottom)];
    Placed { char: glyph.char, area: bounds(corners), run }
}

fn bounds(corners: [(f64, f64); 4]) -> Rect {
    let least = |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(f64::INFINITY, f64::min);
    let most = |of: fn(&(f64, f64)) -> f64| corners.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let (x, y) = (least(|corner| corner.0), least(|corner| corner.1));
    Rect { x, y, width: most(|corner| corner.0) - x, height: most(|corner| corner.1) - y }
}

/// Characters beside each other, or below each other.
fn lines(mut all: Vec<Placed>, vertical: bool) -> Vec<Vec<Placed>> {
    let across = |placed: &Placed| if vertical { placed.area.centre().0 } else { placed.area.centre().1 };
    let along = |placed: &Placed| if vertical { placed.area.y } else { placed.area.x };
    let len = |placed: &Placed| if vertical { placed.area.height } else { placed.area.width };
    all.sort_by(|one, other| across(one).total_cmp(&across(other)));
    let mut lines = Vec::new();
    for mut line in
        split(all, |first, _, placed| across(placed) - across(first) > TOLERANCE * placed.area.height)
    {
        line.sort_by(|one, other| along(one).total_cmp(&along(other)));
        let far = |_: &Placed, last: &Placed, placed: &Placed| {
            along(placed) - along(last) - len(last) > MAX_GAP * placed.area.height
        };
        lines.extend(split(line, far));
    }
    lines
}

/// Begins a new list where `new` says so of its first one, the last one and the next one.
fn split<T>(all: Vec<T>, new: impl Fn(&T, &T, &T) -> bool) -> Vec<Vec<T>> {
    let mut lists: Vec<Vec<T>> = Vec::new();
    for item in all {
        match lists.last_mut() {
            Some(list)
                if list.first().zip(list.last()).is_some_and(|(first, last)| !new(first, last, &item)) =>
            {
                list.push(item);
            }
            _ => lists.push(Vec::from([item])),
        }
    }
    lists
}

/// Where the text is, without overlap.
fn matches<'a>(line: &'a [Placed], needle: &str) -> Vec<&'a [Placed]> {
    let text: String = line.iter().map(|placed| placed.char).collect();
    let count = needle.chars().count();
    let (mut hits, mut from, mut index) = (Vec::new(), 0, 0);
    for (at, _) in text.match_indices(needle) {
        index += text.get(from..at).map_or(0, |skipped| skipped.chars().count());
        from = at;
        hits.extend(line.get(index..index + count).filter(|hit| !hit.is_empty()));
    }
    hits
}

fn around(hit: &[Placed]) -> Rect {
    let left = hit.iter().map(|placed| placed.area.x).fold(f64::INFINITY, f64::min);
    let top = hit.iter().map(|placed| placed.area.y).fold(f64::INFINITY, f64::min);
    let right = hit.iter().map(|placed| placed.area.x + placed.area.width).fold(f64::NEG_INFINITY, f64::max);
    let bottom =
        hit.iter().map(|placed| placed.area.y + placed.area.height).fold(f64::NEG_INFINITY, f64::max);
    Rect { x: left, y: top, width: right - left, height: bottom - top }
}

/// Line by line, and once what is drawn twice at one place.
fn reading_order(mut hits: Vec<Rect>) -> Vec<Rect> {
    hits.sort_by(|one, other| one.centre().1.total_cmp(&other.centre().1));
    let mut ordered: Vec<Rect> = Vec::new();
    for mut line in split(hits, |first, _, hit| hit.centre().1 - first.centre().1 > TOLERANCE * hit.height) {
        line.sort_by(|one, other| one.x.total_cmp(&other.x));
        let mut last: Option<Rect> = None;
        for hit in line {
            let near = |last: Rect| (hit.centre().0 - last.centre().0).abs() <= TOLERANCE * hit.height;
            if !last.is_some_and(near) {
                ordered.push(hit);
                last = Some(hit);
            }
        }
    }
    ordered
}
