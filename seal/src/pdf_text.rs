//! The text of a PDF and where it stands.
//!
//! A character is where the interpreter of PDF puts it: on the page as it is shown, turned, cropped and scaled as the document
//! says. Its meaning comes from the `ToUnicode` map of the font, from the names of glyphs, or from the predefined character maps;
//! what has none of these has no text. Text that is not painted counts, for scanned pages have it under the picture; text of
//! annotations and form fields does not, nor what lies outside of the page.

mod collect;

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::{
    Context, InterpreterCache, InterpreterSettings, RenderContent, TransformExt, interpret_page,
};

use crate::error::Error;
use crate::geometry::Size;
use crate::pdf_reader;
use crate::place::{Finder, Hit};
use crate::text::{self, Character};

pub use collect::MAX_CHARACTERS;

/// Most characters of a document.
pub const MAX_ALL_CHARACTERS: usize = 4_000_000;
/// Most work that the pages of a document are, in bytes of contents that are interpreted.
pub const MAX_ALL_WORK: u64 = 2 << 30;

/// A PDF, with its text once it was asked for.
pub struct PdfText {
    pdf: Pdf,
    sizes: Vec<Size>,
    text: Option<Vec<Vec<Character>>>,
}

impl PdfText {
    /// Reads the structure of a document and the sizes of its pages.
    ///
    /// # Errors
    /// [`Error::Malformed`]: not a PDF; [`Error::Unsupported`]: an encrypted one, a page of no sensible size, or streams that
    /// cannot be measured; [`Error::TooLarge`]: more of something than is looked at.
    pub fn new(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, Error> {
        let pdf = pdf_reader::open(bytes)?;
        let sizes =
            pdf.pages().iter().map(|page| Ok(pdf_reader::size(page)?.0)).collect::<Result<_, Error>>()?;
        Ok(Self { pdf, sizes, text: None })
    }

    /// The sizes of the pages, as they are shown.
    #[must_use]
    pub fn pages(&self) -> &[Size] {
        &self.sizes
    }

    /// The characters of all pages, each page in the order in which the document draws them.
    ///
    /// # Errors
    /// [`Error::Malformed`]: a page that draws itself, or that the interpreter gives up; [`Error::TooLarge`]: more work or
    /// characters than are looked at.
    pub fn characters(&mut self) -> Result<&[Vec<Character>], Error> {
        if self.text.is_none() {
            self.text = Some(read(&self.pdf)?);
        }
        Ok(self.text.as_deref().unwrap_or_default())
    }

    /// Where a keyword stands, as [`text::find`] says.
    ///
    /// # Errors
    /// As [`Self::characters`] and [`text::find`].
    pub fn find(&mut self, keyword: &str) -> Result<Vec<Hit>, Error> {
        text::find(self.characters()?.iter().map(Vec::as_slice), keyword)
    }
}

impl Finder for PdfText {
    fn pages(&mut self) -> Result<Vec<Size>, Error> {
        Ok(self.sizes.clone())
    }

    fn find(&mut self, text: &str) -> Result<Vec<Hit>, Error> {
        Self::find(self, text)
    }
}

fn read(pdf: &Pdf) -> Result<Vec<Vec<Character>>, Error> {
    let settings =
        InterpreterSettings { render_content: RenderContent::PAGE, ..InterpreterSettings::default() };
    pdf_reader::guarded(|| {
        let cache = InterpreterCache::new();
        let (mut work, mut count) = (0, 0);
        let mut pages = Vec::new();
        for page in pdf.pages().iter() {
            work += pdf_reader::check(page)?;
            if work > MAX_ALL_WORK {
                return Err(Error::TooLarge("work that the pages of a PDF are"));
            }
            let (size, scale) = pdf_reader::size(page)?;
            let shown = Affine::scale(scale) * page.initial_transform(true).to_kurbo();
            let bounds = Rect::new(0.0, 0.0, size.width, size.height);
            let mut context = Context::new(shown, bounds, &cache, pdf.xref(), settings.clone());
            let mut collector = collect::Collector::new(size);
            interpret_page(page, &mut context, &mut collector);
            let characters = collector.finish()?;
            count += characters.len();
            if count > MAX_ALL_CHARACTERS {
                return Err(Error::TooLarge("characters of a PDF"));
            }
            pages.push(characters);
        }
        Ok(pages)
    })
}
