//! Outlines of glyphs.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::raw::FontRef;
use skrifa::{GlyphId, MetadataProvider};
use tiny_skia::PathBuilder;

use super::Glyph;
use crate::composite;
use crate::error::Error;
use crate::preview::Fallback;

/// Outlines by font, the one that stands in being none, and number.
type Outlines = HashMap<(Option<usize>, u32), Option<Rc<tiny_skia::Path>>>;

/// Outlines that were drawn already.
pub(super) struct Glyphs<'a> {
    fallback: Option<FontRef<'a>>,
    known: Outlines,
    /// Fonts that may be drawn, by their place in memory.
    checked: HashSet<usize>,
}

/// An outline in units of the font, upwards.
pub(super) struct Outline {
    pub(super) path: Rc<tiny_skia::Path>,
    pub(super) units: f64,
}

impl<'a> Glyphs<'a> {
    pub(super) fn new(fallback: &'a Fallback) -> Self {
        let fallback = fallback.bytes().and_then(|bytes| FontRef::from_index(bytes, 0).ok());
        Self { fallback, known: HashMap::new(), checked: HashSet::new() }
    }

    /// Looks at a font before its glyphs are drawn.
    pub(super) fn check(&mut self, font: &Arc<[u8]>) -> Result<(), Error> {
        if self.checked.insert(font.as_ptr().addr()) {
            composite::check(font)?;
        }
        Ok(())
    }

    /// The outline of a glyph, if it is not empty and in one of the fonts.
    pub(super) fn outline(&mut self, font: Option<&'a Arc<[u8]>>, glyph: &Glyph) -> Option<Outline> {
        let own = font.and_then(|bytes| {
            let font = FontRef::from_index(bytes, 0).ok()?;
            let numbered = glyph.id.map(GlyphId::new).filter(|id| font.outline_glyphs().get(*id).is_some());
            let id = numbered
                .or_else(|| font.charmap().map(glyph.character?))
                .filter(|id| *id != GlyphId::NOTDEF)?;
            Some((Some(bytes.as_ptr().addr()), font, id))
        });
        let standing_in = || {
            let font = self.fallback.clone()?;
            let id = font.charmap().map(glyph.character?)?;
            Some((None, font, id))
        };
        let (place, font, id) = own.or_else(standing_in)?;
        let path = self.known.entry((place, id.to_u32())).or_insert_with(|| outline(&font, id)).clone()?;
        let units = font.metrics(Size::unscaled(), LocationRef::default()).units_per_em;
        Some(Outline { path, units: f64::from(units.max(1)) })
    }
}

fn outline(font: &FontRef<'_>, id: GlyphId) -> Option<Rc<tiny_skia::Path>> {
    let mut pen = Pen(PathBuilder::new());
    let settings = DrawSettings::unhinted(Size::unscaled(), LocationRef::default());
    font.outline_glyphs().get(id)?.draw(settings, &mut pen).ok()?;
    pen.0.finish().map(Rc::new)
}

struct Pen(PathBuilder);

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, control_x: f32, control_y: f32, x: f32, y: f32) {
        self.0.quad_to(control_x, control_y, x, y);
    }

    fn curve_to(&mut self, first_x: f32, first_y: f32, second_x: f32, second_y: f32, x: f32, y: f32) {
        self.0.cubic_to(first_x, first_y, second_x, second_y, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}
