//! PDFs for the interpreter of `hayro`, within limits.
//!
//! That interpreter decodes whole streams into memory, draws forms that draw forms, and has no limit of its own for either. So a
//! document is measured before it is given one: how long its streams become, and page by page how much there is to draw.

mod inflate;
mod pen;
mod work;

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use hayro_interpret::hayro_syntax::object::Object;
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::hayro_syntax::{LoadPdfError, Pdf, PdfData};

pub(crate) use work::check;
pub use work::{MAX_PICTURE, MAX_WORK};

use crate::composite;
use crate::error::Error;
use crate::geometry::{POINTS_PER_MM, Size};

/// Longest PDF, in bytes.
pub const MAX_BYTES: usize = 512 << 20;
/// Most pages.
pub const MAX_PAGES: usize = 50_000;
/// Most bytes that one compressed stream becomes.
pub const MAX_STREAM: u64 = 256 << 20;
/// Most bytes that the compressed streams of a document become together.
pub const MAX_STREAMS: u64 = 2 << 30;
/// Longest stream in old or several filters, in bytes of the file: how long it becomes is not known beforehand.
pub const MAX_UNMEASURED: usize = 1 << 20;
/// Longest side of a page, in millimetres: twice what PDF allows without a unit of the user's.
pub const MAX_SIDE: f64 = 10_160.0;

/// A document that is safe to interpret, page by page after [`check`].
pub(crate) fn open(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Pdf, Error> {
    let data = bytes.as_ref();
    if data.len() > MAX_BYTES {
        return Err(Error::TooLarge("bytes of a PDF"));
    }
    // Its streams could not be measured, and nobody can seal it without the password anyway.
    if encrypted(data) {
        return Err(Error::Unsupported("an encrypted PDF"));
    }
    inflate::measure(data, MAX_STREAM, MAX_STREAMS)?;
    guarded(|| {
        let pdf = Pdf::new(PdfData::from(Arc::new(bytes))).map_err(|error| match error {
            LoadPdfError::Decryption(_) => Error::Unsupported("an encrypted PDF"),
            LoadPdfError::Invalid => Error::Malformed("a PDF"),
        })?;
        if pdf.pages().is_empty() {
            return Err(Error::Malformed("a PDF has pages"));
        }
        if pdf.pages().len() > MAX_PAGES {
            return Err(Error::TooLarge("pages of a PDF"));
        }
        for object in pdf.objects() {
            if let Object::Stream(stream) = object {
                inflate::filters(&stream)?;
                if inflate::is_font(&stream)
                    && let Ok(font) = stream.decoded_data()
                {
                    composite::check(&font)?;
                }
            }
        }
        Ok(pdf)
    })
}

/// A trailer or a cross-reference stream, neither of which is ever compressed away, names the encryption.
fn encrypted(data: &[u8]) -> bool {
    const NAME: &[u8] = b"/Encrypt";
    data.windows(NAME.len() + 1).any(|at| {
        at.split_last().is_some_and(|(next, name)| {
            name == NAME && (next.is_ascii_whitespace() || next.is_ascii_digit() || *next == b'<')
        })
    })
}

/// Runs the interpreter. It is large and reads what anybody may have written; should it panic, that is an error of the document
/// and not the end of a service.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Error::Malformed("a PDF that can be interpreted")))
}

/// The size of a page as it is shown, and how many millimetres a unit of its coordinates is.
pub(crate) fn size(page: &Page<'_>) -> Result<(Size, f64), Error> {
    let unit = page.raw().get::<f64>("UserUnit").filter(|unit| unit.is_finite() && *unit > 0.0);
    let scale = unit.unwrap_or(1.0) / POINTS_PER_MM;
    let (width, height) = page.render_dimensions();
    let size = Size { width: f64::from(width) * scale, height: f64::from(height) * scale };
    let sensible = |side: f64| side > 0.0 && side <= MAX_SIDE;
    if !sensible(size.width) || !sensible(size.height) {
        return Err(Error::Unsupported("a page of no sensible size"));
    }
    Ok((size, scale))
}
