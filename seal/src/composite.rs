//! Fonts whose glyphs are made of glyphs.
//!
//! A glyph of TrueType may be made of others, which may be made of others. Renderers follow them to a depth, but do not count
//! them: a font of a thousand bytes can name more than can ever be drawn.

use std::collections::HashMap;

use skrifa::GlyphId;
use skrifa::raw::tables::glyf::{Glyf, Glyph};
use skrifa::raw::tables::loca::Loca;
use skrifa::raw::{FileRef, FontRef, TableProvider};

use crate::error::Error;

/// Most glyphs that one glyph is made of, all of them counted.
pub(crate) const MAX_PARTS: u64 = 2_000;
/// Deepest nesting of glyphs.
const MAX_DEPTH: u32 = 16;

/// Refuses fonts with glyphs of more parts than that. What is no font is left to those who draw it.
pub(crate) fn check(font: &[u8]) -> Result<(), Error> {
    let fonts: Vec<FontRef<'_>> = match FileRef::new(font) {
        Ok(FileRef::Font(font)) => Vec::from([font]),
        Ok(FileRef::Collection(fonts)) => fonts.iter().filter_map(Result::ok).collect(),
        Err(_) => return Ok(()),
    };
    for font in fonts {
        let (Ok(glyf), Ok(loca)) = (font.glyf(), font.loca(None)) else { continue };
        let mut parts = Parts { glyf, loca, known: HashMap::new() };
        for id in 0..u32::try_from(parts.loca.len()).unwrap_or(u32::MAX) {
            parts.of(GlyphId::new(id), 0)?;
        }
    }
    Ok(())
}

struct Parts<'a> {
    glyf: Glyf<'a>,
    loca: Loca<'a>,
    /// How many parts a glyph is made of that has some.
    known: HashMap<GlyphId, u64>,
}

impl Parts<'_> {
    fn of(&mut self, id: GlyphId, depth: u32) -> Result<u64, Error> {
        let Ok(Some(Glyph::Composite(glyph))) = self.loca.get_glyf(id, &self.glyf) else { return Ok(1) };
        if let Some(known) = self.known.get(&id) {
            return Ok(*known);
        }
        let much = Error::TooLarge("glyphs of which one glyph is made");
        // One that is made of itself gets here too.
        if depth == MAX_DEPTH {
            return Err(much);
        }
        let mut count: u64 = 1;
        for part in glyph.components() {
            count += self.of(part.glyph, depth + 1)?;
            if count > MAX_PARTS {
                return Err(much);
            }
        }
        self.known.insert(id, count);
        Ok(count)
    }
}
