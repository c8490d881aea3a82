//! Text, with the place of each character.

use super::super::matrix::number;
use super::super::xml::Element;
use super::{Common, Drawing};

/// Text of one font and size.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// What every object has.
    pub common: Common,
    /// The id of its font.
    pub font: String,
    /// Its size in millimetres before the map.
    pub size: f64,
    /// How many times as wide as the font has it each character is.
    pub horizontal_scale: f64,
    /// In which direction one reads: quarter turns, clockwise from left to right.
    pub read_direction: u8,
    /// By how many quarter turns each character is turned, clockwise.
    pub char_direction: u8,
    /// From 100 to 900; 400 is normal.
    pub weight: f64,
    /// Slanted.
    pub italic: bool,
    /// How it is painted.
    pub drawing: Drawing,
    /// The characters, in pieces as the document has them.
    pub runs: Vec<Run>,
}

/// Characters that follow each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// The characters.
    pub glyphs: Vec<Glyph>,
    /// Where glyphs of the font are given instead of characters.
    pub maps: Vec<GlyphMap>,
}

/// A character and where it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Glyph {
    /// The character.
    pub char: char,
    /// The left end of its base line, in the coordinates of the object.
    pub x: f64,
    /// Its base line.
    pub y: f64,
}

/// Glyphs of the font for some characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlyphMap {
    /// The first of these characters in its run, from 0.
    pub first: usize,
    /// How many characters.
    pub characters: usize,
    /// The glyphs, as numbers in the font.
    pub glyphs: Vec<u32>,
}

pub(super) fn text(element: &Element, common: Common, drawing: Drawing) -> Text {
    let attribute = |name| element.attribute(name).and_then(number);
    // Any multiple of 90 degrees stands for a quarter turn.
    let turns = |name| match element.attribute(name).map(str::trim) {
        Some("90") => 1,
        Some("180") => 2,
        Some("270") => 3,
        _ => 0,
    };
    let mut text = Text {
        common,
        font: element.attribute("Font").unwrap_or_default().to_owned(),
        size: attribute("Size").filter(|size| *size >= 0.0).unwrap_or(0.0),
        horizontal_scale: attribute("HScale").filter(|scale| *scale > 0.0).unwrap_or(1.0),
        read_direction: turns("ReadDirection"),
        char_direction: turns("CharDirection"),
        weight: attribute("Weight").unwrap_or(400.0),
        italic: element.attribute("Italic") == Some("true"),
        drawing,
        runs: Vec::new(),
    };
    let (mut x, mut y) = (0.0, 0.0);
    let mut maps = Vec::new();
    for child in &element.children {
        match child.name() {
            "CGTransform" => maps.extend(glyph_map(child)),
            "TextCode" => {
                x = child.attribute("X").and_then(number).unwrap_or(x);
                y = child.attribute("Y").and_then(number).unwrap_or(y);
                let glyphs = place(child, &text, x, y);
                text.runs.push(Run { glyphs, maps: std::mem::take(&mut maps) });
            }
            _ => {}
        }
    }
    text
}

fn glyph_map(element: &Element) -> Option<GlyphMap> {
    let count = |name| element.attribute(name).map_or(Some(1), |text| text.trim().parse().ok());
    let first = element.attribute("CodePosition")?.trim().parse().ok()?;
    let glyphs = element.first("Glyphs")?.text.split_whitespace().map_while(|id| id.parse().ok()).collect();
    Some(GlyphMap { first, characters: count("CodeCount")?, glyphs })
}

/// The characters of a piece. Where no distances are given, a character of the width that its kind mostly has.
fn place(code: &Element, text: &Text, mut x: f64, mut y: f64) -> Vec<Glyph> {
    let mut right = code.attribute("DeltaX").map(Deltas::new);
    let mut down = code.attribute("DeltaY").map(Deltas::new);
    let guess = right.is_none() && down.is_none();
    let mut glyphs = Vec::new();
    for char in code.text.chars().filter(|char| !matches!(char, '\n' | '\r')) {
        glyphs.push(Glyph { char, x, y });
        if guess {
            let (dx, dy) = advance(text, char);
            (x, y) = (x + dx, y + dy);
        } else {
            x += right.as_mut().map_or(0.0, Deltas::next);
            y += down.as_mut().map_or(0.0, Deltas::next);
        }
    }
    glyphs
}

/// From one character to the next, as far as one can know without the font.
pub(crate) fn advance(text: &Text, char: char) -> (f64, f64) {
    let width = if char.is_ascii() { 0.5 } else { 1.0 } * text.size * text.horizontal_scale;
    match text.read_direction {
        0 => (width, 0.0),
        1 => (0.0, width),
        2 => (-width, 0.0),
        _ => (0.0, -width),
    }
}

/// Distances: numbers, and `g n v` for n times v. The last one is repeated. Source: GB/T 33190-2016, clause 11.3.
struct Deltas<'a> {
    words: std::str::SplitWhitespace<'a>,
    repeat: usize,
    last: f64,
}

impl<'a> Deltas<'a> {
    fn new(text: &'a str) -> Self {
        Self { words: text.split_whitespace(), repeat: 0, last: 0.0 }
    }

    fn next(&mut self) -> f64 {
        if self.repeat > 0 {
            self.repeat -= 1;
            return self.last;
        }
        match self.words.next() {
            Some("g") => {
                let count = self.words.next().and_then(|word| word.parse().ok()).unwrap_or(0_usize);
                self.last = self.words.next().and_then(number).unwrap_or(self.last);
                // Zero times is taken for once, so that there is always something to return.
                self.repeat = count.saturating_sub(1);
            }
            Some(word) => self.last = number(word).unwrap_or(self.last),
            None => {}
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_repeat() {
        let take = |text: &str, count| {
            let mut deltas = Deltas::new(text);
            (0..count).map(|_| deltas.next()).collect::<Vec<_>>()
        };
        assert_eq!(take("g 3 1.5 2 g 2 4", 6), [1.5, 1.5, 1.5, 2.0, 4.0, 4.0]);
        assert_eq!(take("1 2", 4), [1.0, 2.0, 2.0, 2.0]);
        assert_eq!(take("g 99999999999999999999 1 5", 3), [1.0, 5.0, 5.0]);
        assert_eq!(take("g 18446744073709551615 7", 2), [7.0, 7.0]);
        assert_eq!(take("", 2), [0.0, 0.0]);
        assert_eq!(take("x g", 2), [0.0, 0.0]);
    }
}
