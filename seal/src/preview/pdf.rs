//! Pages of PDFs.

use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings, render_into};
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::kurbo::Affine;
use hayro_interpret::{InterpreterSettings, TransformExt};

use super::{Fallback, MAX_ALL_PIXELS, Png, pixels};
use crate::error::Error;
use crate::pdf_reader;
use crate::place::Pages;

/// Most work that drawing a page is, in bytes of contents that are interpreted. Less than for reading, for drawing takes longer.
pub const MAX_PAGE_WORK: u64 = 64 << 20;

/// Pictures of these pages, ascending, at a resolution in pixels per inch, with the appearances of annotations and therefore of
/// seals.
///
/// # Errors
/// [`Error::Malformed`]: not a PDF, or one that the interpreter gives up; [`Error::Unsupported`]: an encrypted one, and what
/// else is not handled; [`Error::Unusable`]: pages that are not there, a resolution out of range; [`Error::TooLarge`]: more
/// of something than is looked at.
pub fn pdf(
    bytes: impl AsRef<[u8]> + Send + Sync + 'static,
    pages: &Pages,
    resolution: f64,
    fallback: &Fallback,
) -> Result<Vec<Png>, Error> {
    let pdf = pdf_reader::open(bytes)?;
    let settings =
        InterpreterSettings { font_resolver: fallback.resolver(), ..InterpreterSettings::default() };
    pdf_reader::guarded(|| {
        let cache = RenderCache::new();
        let chosen = pages.of(pdf.pages().len())?;
        let mut all: u64 = 0;
        let mut pictures = Vec::new();
        for page in chosen.filter_map(|index| pdf.pages().get(index)) {
            let (width, height) = pixels(pdf_reader::size(page)?.0, resolution)?;
            all += u64::from(width) * u64::from(height);
            if all > MAX_ALL_PIXELS {
                return Err(Error::TooLarge("pixels of pictures"));
            }
            if pdf_reader::check(page)? > MAX_PAGE_WORK {
                return Err(Error::TooLarge("work that drawing a page of a PDF is"));
            }
            pictures.push(draw(page, (width, height), &cache, &settings)?);
        }
        Ok(pictures)
    })
}

fn draw<'a>(
    page: &'a Page<'a>,
    (width, height): (u16, u16),
    cache: &RenderCache<'a>,
    settings: &InterpreterSettings,
) -> Result<Png, Error> {
    let (points_wide, points_high) = page.render_dimensions();
    let scale = Affine::scale_non_uniform(
        f64::from(width) / f64::from(points_wide),
        f64::from(height) / f64::from(points_high),
    );
    let mut context = RenderContext::new(width, height);
    let shown = scale * page.initial_transform(true).to_kurbo();
    render_into(page, cache, settings, &RenderSettings::default(), &mut context, shown);
    context.flush();
    let mut picture = Pixmap::new(width, height);
    let paper = RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..RasterizerSettings::default() };
    context.render_with(&mut picture, &mut Resources::default(), paper);
    Png::new(width.into(), height.into(), picture.data_as_u8_slice())
}
