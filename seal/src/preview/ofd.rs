//! Pages of OFD documents, with the seals on them. Characters that are turned one by one (CharDirection) are drawn upright.

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::sync::Arc;

use super::scene::{
    Clip, Color, Content, Glyph, Item, Matrix, Paint, Path, Picture, Rule, Scene, Segment, Stroke, Text, draw,
};
use super::{Fallback, MAX_ALL_PIXELS, Png, pixels};
use crate::error::Error;
use crate::geometry::{Rect, Size, Stamp};
use crate::ofd::{self, Common, Document, Object, verify_structure};
use crate::place::Pages;
use crate::ses::{PictureData, SealedData};

/// Longest font in a document, in bytes.
const MAX_FONT: u64 = 64 << 20;
/// Longest picture in a document, in bytes.
const MAX_PICTURE: u64 = crate::picture::MAX_BYTES as u64;
/// Most fonts and pictures that are kept at a time.
const MAX_KEPT: usize = 64;

/// Pictures of these pages, ascending, at a resolution in pixels per inch, with the seals on them, whether they hold or not.
///
/// # Errors
/// As [`Document::open`] and [`Document::content`]; [`Error::Unusable`]: pages that are not there, a resolution out of range;
/// [`Error::TooLarge`].
pub fn ofd(
    source: impl Read + Seek,
    pages: &Pages,
    resolution: f64,
    fallback: &Fallback,
) -> Result<Vec<Png>, Error> {
    let mut document = Document::open(source)?;
    let seals = seals(&mut document)?;
    let chosen = pages.of(document.page_list().len())?;
    let mut kept = Kept::default();
    let mut all: u64 = 0;
    let mut pictures = Vec::new();
    for page in chosen {
        let content = document.content(page)?;
        let size = Size { width: content.area.width, height: content.area.height };
        let (width, height) = pixels(size, resolution)?;
        all += u64::from(width) * u64::from(height);
        if all > MAX_ALL_PIXELS {
            return Err(Error::TooLarge("pixels of pictures"));
        }
        let body = document.page_list().get(page).map_or(0, |page| page.body);
        let fonts = document.resources(body)?;
        let mut items = Vec::new();
        for object in content.layers.iter().flat_map(|layer| &layer.objects) {
            items.extend(item(&mut document, &mut kept, &fonts, object)?);
        }
        for (stamp, picture) in seals.iter().filter(|(stamp, _)| stamp.page == page) {
            items.push(seal(stamp, picture.clone()));
        }
        pictures.push(draw(&Scene { size, items }, resolution, fallback)?);
    }
    Ok(pictures)
}

/// The stamps of all seals whose picture can be drawn.
fn seals<R: Read + Seek>(document: &mut Document<R>) -> Result<Vec<(Stamp, Picture)>, Error> {
    let mut found = Vec::new();
    for one in verify_structure(document)?.signatures {
        let Some(signature) = one.signature else { continue };
        let Ok(data) = SealedData::parse(&signature.value) else { continue };
        let Ok(picture) = decode(data.seal().picture()) else { continue };
        found.extend(signature.stamps.iter().map(|stamp| (*stamp, picture.clone())));
    }
    Ok(found)
}

fn decode(picture: &PictureData) -> Result<Picture, Error> {
    let pixels = crate::picture::Picture::decode(&picture.data, picture.size())?;
    Picture::new(pixels.width(), pixels.height(), pixels.rgba())
}

/// A stamp: its whole picture, of which a part shows.
fn seal(stamp: &Stamp, picture: Picture) -> Item {
    let Rect { x, y, width, height } = stamp.area;
    let clips = stamp.clip.map(|_| Clip {
        transform: Matrix::IDENTITY,
        path: rectangle(stamp.visible()),
        rule: Rule::NonZero,
    });
    Item {
        transform: Matrix([width, 0.0, 0.0, height, x, y]),
        clips: clips.into_iter().collect(),
        opacity: 1.0,
        content: Content::Picture(picture),
    }
}

/// Fonts and pictures that were read; `None`: cannot be drawn.
#[derive(Default)]
struct Kept {
    fonts: HashMap<String, Option<Arc<[u8]>>>,
    pictures: HashMap<String, Option<Picture>>,
}

fn item<R: Read + Seek>(
    document: &mut Document<R>,
    kept: &mut Kept,
    resources: &ofd::Resources,
    object: &Object,
) -> Result<Option<Item>, Error> {
    let common = object.common();
    let content = match object {
        Object::Path(path) => Content::Path(path_of(path)),
        Object::Text(text) => {
            let file = resources.fonts.get(&text.font).and_then(|font| font.file.clone());
            let font = match file {
                Some(file) => kept.font(document, &file)?,
                None => None,
            };
            Content::Text(text_of(text, font))
        }
        Object::Image(image) => match &image.file {
            Some(file) => match kept.picture(document, file)? {
                Some(picture) => Content::Picture(picture),
                None => return Ok(None),
            },
            None => return Ok(None),
        },
    };
    Ok(Some(item_of(common, content)))
}

fn item_of(common: &Common, content: Content) -> Item {
    let boundary =
        Clip { transform: matrix(&common.frame), path: rectangle(common.boundary), rule: Rule::NonZero };
    let clips = common.clips.iter().map(|(transform, path)| Clip {
        transform: matrix(transform),
        path: segments(path),
        rule: Rule::NonZero,
    });
    Item {
        transform: matrix(&common.matrix),
        clips: clips.chain([boundary]).take(super::scene::MAX_CLIPS).collect(),
        opacity: f64::from(common.alpha) / 255.0,
        content,
    }
}

impl Kept {
    fn font<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        file: &str,
    ) -> Result<Option<Arc<[u8]>>, Error> {
        if self.fonts.len() >= MAX_KEPT {
            self.fonts.clear();
        }
        if let Some(font) = self.fonts.get(file) {
            return Ok(font.clone());
        }
        let font = readable(document.package().read(file, MAX_FONT))?.map(Arc::from);
        self.fonts.insert(file.to_owned(), font.clone());
        Ok(font)
    }

    fn picture<R: Read + Seek>(
        &mut self,
        document: &mut Document<R>,
        file: &str,
    ) -> Result<Option<Picture>, Error> {
        if self.pictures.len() >= MAX_KEPT {
            self.pictures.clear();
        }
        if let Some(picture) = self.pictures.get(file) {
            return Ok(picture.clone());
        }
        let size = Size { width: 1.0, height: 1.0 };
        let bytes = readable(document.package().read(file, MAX_PICTURE))?;
        let pixels = bytes.and_then(|bytes| crate::picture::Picture::decode(&bytes, size).ok());
        let picture =
            pixels.and_then(|pixels| Picture::new(pixels.width(), pixels.height(), pixels.rgba()).ok());
        self.pictures.insert(file.to_owned(), picture.clone());
        Ok(picture)
    }
}

/// What is missing or broken is not drawn; only a failing disk ends everything.
fn readable<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error @ Error::Io(_)) => Err(error),
        Err(_) => Ok(None),
    }
}

fn path_of(path: &ofd::PathObject) -> Path {
    let rule = if path.even_odd { Rule::EvenOdd } else { Rule::NonZero };
    let stroke = path.drawing.stroke.map(|color| Stroke {
        // Dashes are drawn in pairs of a line and a gap.
        dashes: if path.dashes.len().is_multiple_of(2) { path.dashes.clone() } else { path.dashes.repeat(2) },
        ..Stroke::solid(paint(color), path.drawing.line_width)
    });
    Path {
        segments: segments(&path.segments),
        fill: path.drawing.fill.map(|color| (paint(color), rule)),
        stroke,
    }
}

fn text_of(text: &ofd::Text, font: Option<Arc<[u8]>>) -> Text {
    let glyphs = text.runs.iter().flat_map(|run| {
        run.glyphs.iter().enumerate().map(|(index, glyph)| {
            let map = run.maps.iter().find(|map| (map.first..map.first + map.characters).contains(&index));
            let id = map.and_then(|map| map.glyphs.get(index - map.first).copied());
            Glyph { x: glyph.x, y: glyph.y, id, character: Some(glyph.char) }
        })
    });
    Text {
        font,
        size: text.size,
        stretch: text.horizontal_scale,
        fill: text.drawing.fill.map(paint),
        stroke: text.drawing.stroke.map(|color| Stroke::solid(paint(color), text.drawing.line_width)),
        glyphs: glyphs.collect(),
    }
}

const fn paint(color: ofd::Color) -> Paint {
    let [red, green, blue] = color.rgb;
    Paint::Solid(Color([red, green, blue, color.alpha]))
}

const fn matrix(matrix: &ofd::Matrix) -> Matrix {
    Matrix(matrix.numbers)
}

fn rectangle(rect: Rect) -> Vec<Segment> {
    let (right, bottom) = (rect.x + rect.width, rect.y + rect.height);
    Vec::from([
        Segment::Move(rect.x, rect.y),
        Segment::Line(right, rect.y),
        Segment::Line(right, bottom),
        Segment::Line(rect.x, bottom),
        Segment::Close,
    ])
}

fn segments(path: &[ofd::Segment]) -> Vec<Segment> {
    path.iter()
        .map(|segment| match *segment {
            ofd::Segment::Move([x, y]) => Segment::Move(x, y),
            ofd::Segment::Line([x, y]) => Segment::Line(x, y),
            ofd::Segment::Quadratic(numbers) => Segment::Quadratic(numbers),
            ofd::Segment::Cubic(numbers) => Segment::Cubic(numbers),
            ofd::Segment::Arc { radii, angle, large, sweep, end } => {
                Segment::Arc { radii: radii.into(), rotation: angle, large, clockwise: sweep, to: end.into() }
            }
            ofd::Segment::Close => Segment::Close,
        })
        .collect()
}
