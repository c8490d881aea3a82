//! Pictures of seals: drawn from words or strokes, cut out of photos.

use seal::{
    geometry::Size,
    picture::{
        Colour, Font, Picture, Template,
        cut::{self, Ink, Wanted},
        strokes::{self, Pen, Sample},
    },
};

use zeroize::Zeroizing;

use super::{Office, User, plan::Plan};
use crate::domain::{
    Error,
    office::{
        Id,
        attachment::Media,
        ports::{AttachmentRow, OfficeWrite},
        seal::{Face, InkColour, SealKind, Source},
    },
    ports::Write,
};

const DPI: f64 = 300.0;
/// Most characters of a code on a seal.
const MAX_CODE: usize = 32;

/// How the picture of a seal is made.
#[derive(Clone, Debug)]
pub enum Making {
    /// Drawn from the verified name of the holder.
    Template {
        /// Whether the name stands in one line, where the kind leaves the choice.
        in_line: bool,
        /// A number on it; empty for none.
        code: String,
    },
    /// Drawn by hand.
    Handwriting {
        /// Strokes of places, `y` downwards.
        strokes: Vec<Vec<(f64, f64)>>,
        /// With what.
        pen: Nib,
    },
    /// A photo that the user handed in.
    Photo {
        /// Which file.
        attachment: Id,
        /// Whether it is taken as it is, for the seal maker to cut it out.
        whole: bool,
    },
}

/// With what somebody draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nib {
    /// Of the widest stroke, in tenths of a millimetre: 1 to 30.
    pub width: u32,
    /// Of the ink.
    pub colour: InkColour,
}

impl Default for Nib {
    fn default() -> Self {
        Self { width: 9, colour: InkColour::Black }
    }
}

/// A picture that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The file, PNG.
    pub png: Vec<u8>,
    /// What it was made of.
    pub source: Source,
    /// Sides in tenths of a millimetre.
    pub size: (u32, u32),
    /// How good a cut-out is, from 0 to 100: a person should look at one below 60.
    pub score: Option<u8>,
}

fn size_of((width, height): (u32, u32)) -> Size {
    Size { width: f64::from(width) / 10.0, height: f64::from(height) / 10.0 }
}

fn refused(error: seal::Error) -> Error {
    match error {
        seal::Error::MissingGlyph(_) => Error::Conflict("the font lacks a character of the name"),
        seal::Error::Unusable(_) => Error::BadRequest("no picture of a seal can be made of it"),
        seal::Error::TooLarge(_) => Error::BadRequest("the picture is too large"),
        _ => Error::BadRequest("the picture cannot be read"),
    }
}

fn template(kind: SealKind, name: &str, in_line: bool, code: &str) -> Template {
    let template = match kind {
        SealKind::Company => Template::round(name),
        SealKind::Finance => Template::round(name).line("财务专用章"),
        SealKind::Contract => Template::round(name).line("合同专用章"),
        SealKind::Invoice => Template::oval(name).line("发票专用章"),
        SealKind::LegalSeal | SealKind::PersonalSeal if !in_line => Template::square(name),
        SealKind::LegalSeal | SealKind::PersonalSeal => Template::strip(name),
        SealKind::LegalSignature | SealKind::CustomSignature | SealKind::PersonalSignature => {
            Template::strip(name).colour(Colour::BLACK)
        }
    };
    if code.is_empty() { template } else { template.code(code) }
}

/// In hundredths of a millimetre and below nobody sees a difference.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sides of pictures are small and positive"
)]
fn tenths(size: Size) -> (u32, u32) {
    let tenth = |side: f64| (side * 10.0).round().clamp(1.0, 20_000.0) as u32;
    (tenth(size.width), tenth(size.height))
}

fn file(picture: &Picture, source: Source, score: Option<u8>) -> Result<Made, seal::Error> {
    Ok(Made { png: picture.to_png()?, source, size: tenths(picture.size()), score })
}

fn draw(kind: SealKind, name: &str, in_line: bool, code: &str) -> Result<Made, seal::Error> {
    let drawing = template(kind, name, in_line, code).draw(&Font::bundled())?;
    file(&drawing.render(DPI)?, Source::Template, None)
}

fn write(kind: SealKind, drawn: &[Vec<(f64, f64)>], nib: Nib) -> Result<Made, seal::Error> {
    let strokes: Vec<Vec<Sample>> =
        drawn.iter().map(|stroke| stroke.iter().map(|(x, y)| Sample::at(*x, *y)).collect()).collect();
    let colour = match nib.colour {
        InkColour::Black => Colour::BLACK,
        InkColour::Blue => Colour::BLUE,
        InkColour::Red => Colour::RED,
    };
    let pen = Pen { width: f64::from(nib.width) / 10.0, colour, fit: size_of(kind.size()), margin: 1.0 };
    file(&strokes::draw(&strokes, &pen)?.render(DPI)?, Source::Handwriting, None)
}

fn photographed(kind: SealKind, photo: &[u8], whole: bool) -> Result<Made, seal::Error> {
    let size = size_of(kind.size());
    if whole {
        return file(&Picture::decode(photo, size)?, Source::Photo, None);
    }
    let cut = cut::cut(photo, &Wanted { ink: Ink::Red, size, dpi: DPI })?;
    file(&cut.picture, Source::Photo, Some(cut.quality.score))
}

/// On a thread that may compute for long.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, seal::Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Internal)?.map_err(refused)
}

/// A picture of the name of a holder.
pub(super) async fn drawn(kind: SealKind, name: String, in_line: bool, code: String) -> Result<Made, Error> {
    if code.chars().count() > MAX_CODE || !code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Error::BadRequest("a code on a seal has at most 32 letters and digits"));
    }
    aside(move || draw(kind, &name, in_line, &code)).await
}

/// A photo as it was handed in, for the seal maker to cut the seal out.
pub(super) async fn uncut(kind: SealKind, photo: Zeroizing<Vec<u8>>) -> Result<Made, Error> {
    aside(move || photographed(kind, &photo, true)).await
}

/// A picture that the seal maker cleaned.
pub(super) async fn cleaned(kind: SealKind, png: Vec<u8>) -> Result<Made, Error> {
    if Media::of(&png)? != Media::Png {
        return Err(Error::BadRequest("the picture of a seal is a PNG file"));
    }
    aside(move || photographed(kind, &png, true)).await
}

impl Office {
    /// Makes the picture of a seal for a user, whose name it is.
    pub(super) async fn picture(
        &self,
        user: &User,
        kind: SealKind,
        making: &Making,
        name: String,
    ) -> Result<Made, Error> {
        match making.clone() {
            Making::Template { in_line, code } => drawn(kind, name, in_line, code).await,
            Making::Handwriting { .. } if !kind.is_signature() => {
                Err(Error::BadRequest("only signatures are drawn by hand"))
            }
            Making::Handwriting { pen, .. } if !(1..=30).contains(&pen.width) => {
                Err(Error::BadRequest("a pen is 0.1 to 3 millimetres wide"))
            }
            Making::Handwriting { strokes, pen } => aside(move || write(kind, &strokes, pen)).await,
            Making::Photo { attachment, whole } => {
                let owned = self.attachment(user, attachment).await?;
                let (_, photo) = self.read_attachment(owned.id()).await?;
                aside(move || photographed(kind, &photo, whole)).await
            }
        }
    }

    /// Keeps a picture of a seal for an account.
    pub(super) fn keep(&self, plan: &mut Plan<'_>, owner: Id, made: &Made) -> Result<Face, Error> {
        let picture = self.keep_file(plan, owner, &made.png)?;
        Ok(Face { picture, source: made.source, size: made.size })
    }

    /// Keeps a file for an account.
    pub(super) fn keep_file(&self, plan: &mut Plan<'_>, owner: Id, bytes: &[u8]) -> Result<Id, Error> {
        let id = plan.id()?;
        let sealed = self.ports.vault.seal_file(id, bytes)?;
        let row = AttachmentRow { id, owner, created_ms: plan.now_ms, sealed };
        plan.write(Write::Office(OfficeWrite::Attach(Box::new(row))));
        Ok(id)
    }
}
