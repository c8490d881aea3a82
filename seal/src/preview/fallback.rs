//! Fonts for what has none.

use std::sync::Arc;

use hayro_interpret::FontResolverFn;
use hayro_interpret::font::{FontData, FontQuery};
use skrifa::raw::FontRef;

use crate::composite;
use crate::error::Error;

/// The font for wide characters that a document names but does not contain.
///
/// Letters of Latin need none: the 14 standard fonts of PDF have substitutes of their own.
#[derive(Clone, Default)]
pub struct Fallback(Option<FontData>);

impl Fallback {
    /// None: what has no font is not drawn.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// This font, TrueType or OpenType, whose characters are found through its map of Unicode.
    ///
    /// # Errors
    /// [`Error::Malformed`]: not such a font; [`Error::TooLarge`]: one with glyphs of very many glyphs.
    pub fn font(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, Error> {
        FontRef::new(bytes.as_ref()).map_err(|_| Error::Malformed("a font of OpenType"))?;
        composite::check(bytes.as_ref())?;
        Ok(Self(Some(Arc::new(bytes))))
    }

    /// The bytes of the font.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.0.as_ref().map(|font| (**font).as_ref())
    }

    /// As the interpreter of PDF asks for fonts.
    pub(super) fn resolver(&self) -> FontResolverFn {
        let wide = self.0.clone();
        Arc::new(move |query| match query {
            FontQuery::Standard(font) => Some(font.get_font_data()),
            // Only fonts of wide characters have a collection.
            FontQuery::Fallback(query) => match (&wide, &query.character_collection) {
                (Some(font), Some(_)) => Some((font.clone(), 0)),
                _ => Some(query.pick_standard_font().get_font_data()),
            },
        })
    }
}
