//! What a seal looks like in a document.

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::error::Error;
use crate::geometry::{POINTS_PER_MM, Rect, Size};

use super::object::{Dictionary, Object, Reference};
use super::update::Update;

/// Most pixels of a picture.
pub const MAX_PIXELS: usize = 1 << 24;

/// Most segments of all paths of a picture.
pub const MAX_SEGMENTS: usize = 1 << 20;

/// Largest length in millimetres.
const MAX_MM: f64 = 1e5;

/// A picture of pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue and opacity of each pixel, not multiplied with each other, row by row from the top left.
    pub rgba: Vec<u8>,
}

/// A step of a path: millimetres from the top left corner of the picture, to the right and downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segment {
    /// Begins at a point.
    Move(f64, f64),
    /// A line to a point.
    Line(f64, f64),
    /// A cubic Bézier curve: two control points and its end.
    Curve([f64; 6]),
    /// A line back to the beginning.
    Close,
}

/// What a path is painted with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Paint {
    /// Its inside: by the non-zero winding rule, or by the even-odd rule.
    Fill {
        /// By the even-odd rule.
        even_odd: bool,
    },
    /// Its line, so many millimetres wide.
    Stroke(f64),
}

/// A painted path.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// Its steps.
    pub segments: Vec<Segment>,
    /// Its paint.
    pub paint: Paint,
    /// Red, green and blue.
    pub color: [u8; 3],
}

/// A picture of a seal, encoded once for any number of documents. Clones share their memory.
#[derive(Clone, Debug)]
pub struct Appearance(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    size: Size,
    image: Option<Image>,
    content: Vec<u8>,
}

#[derive(Debug)]
struct Image {
    width: u32,
    height: u32,
    color: Vec<u8>,
    opacity: Option<Vec<u8>>,
}

impl Appearance {
    /// A picture of a size: pixels stretched over all of it, and paths above them.
    ///
    /// # Errors
    /// [`Error::Unusable`]: a size or a path that is none, pixels that are not as many as they should be;
    /// [`Error::TooLarge`]: more than [`MAX_PIXELS`] or [`MAX_SEGMENTS`].
    pub fn new(size: Size, raster: Option<&Raster>, paths: &[Path]) -> Result<Self, Error> {
        let sensible = |length: f64| length > 0.0 && length <= MAX_MM;
        if !sensible(size.width) || !sensible(size.height) {
            return Err(Error::Unusable("the seal has no size"));
        }
        let image = raster.map(Image::new).transpose()?;
        let mut content = Vec::new();
        let (width, height) = (size.width * POINTS_PER_MM, size.height * POINTS_PER_MM);
        if image.is_some() {
            writeln!(content, "q {} 0 0 {} 0 0 cm /Im Do Q", Number(width), Number(height))?;
        }
        if !paths.is_empty() {
            draw(&mut content, paths, height)?;
        }
        Ok(Self(Arc::new(Inner { size, image, content })))
    }

    /// Its size.
    #[must_use]
    pub fn size(&self) -> Size {
        self.0.size
    }

    /// Writes the picture as a form that others show.
    pub(super) fn write(&self, update: &mut Update) -> Result<Reference, Error> {
        let Inner { size, image, content } = &*self.0;
        let mut resources = Dictionary::new();
        if let Some(image) = image {
            resources.set("XObject", Dictionary::from([("Im", image.write(update)?.into())]).into());
        }
        let bounds = [0.0, 0.0, size.width * POINTS_PER_MM, size.height * POINTS_PER_MM];
        update.add_stream(form(bounds, resources), content)
    }

    /// Writes a form that shows a part of the picture, which `picture` is, upright on a page that is turned by `rotate`
    /// degrees. `clip` is in parts of the picture's size, from its top left corner.
    pub(super) fn write_part(
        &self,
        update: &mut Update,
        picture: Reference,
        clip: Rect,
        rotate: u16,
    ) -> Result<Reference, Error> {
        let Size { width, height } = self.0.size;
        let (width, height) = (width * POINTS_PER_MM, height * POINTS_PER_MM);
        let (left, top) = (clip.x * width, (1.0 - clip.y) * height);
        let bounds = [left, top - clip.height * height, left + clip.width * width, top];
        let resources = Dictionary::from([("XObject", Dictionary::from([("S", picture.into())]).into())]);
        let mut dictionary = form(bounds, resources);
        let matrix = match rotate {
            90 => [0, 1, -1, 0, 0, 0],
            180 => [-1, 0, 0, -1, 0, 0],
            270 => [0, -1, 1, 0, 0, 0],
            _ => [1, 0, 0, 1, 0, 0],
        };
        dictionary.set("Matrix", matrix.map(Object::Integer).to_vec().into());
        update.add_stream(dictionary, b"/S Do\n")
    }
}

impl Image {
    fn new(raster: &Raster) -> Result<Self, Error> {
        let pixels = u64::from(raster.width) * u64::from(raster.height);
        if pixels > MAX_PIXELS as u64 {
            return Err(Error::TooLarge("pixels of a picture"));
        }
        if pixels == 0 || raster.rgba.len() as u64 != pixels * 4 {
            return Err(Error::Unusable("a picture with a wrong number of pixels"));
        }
        let pixels = raster.rgba.chunks_exact(4);
        let color: Vec<u8> = pixels.clone().flat_map(|pixel| pixel.iter().take(3)).copied().collect();
        let opacity: Vec<u8> = pixels.filter_map(|pixel| pixel.last()).copied().collect();
        let opaque = opacity.iter().all(|opacity| *opacity == u8::MAX);
        let opacity = if opaque { None } else { Some(deflate(&opacity)?) };
        Ok(Self { width: raster.width, height: raster.height, color: deflate(&color)?, opacity })
    }

    fn write(&self, update: &mut Update) -> Result<Reference, Error> {
        let dictionary = |space: &str| {
            Dictionary::from([
                ("Type", Object::from_name("XObject")),
                ("Subtype", Object::from_name("Image")),
                ("Width", Object::Integer(self.width.into())),
                ("Height", Object::Integer(self.height.into())),
                ("ColorSpace", Object::from_name(space)),
                ("BitsPerComponent", Object::Integer(8)),
                ("Filter", Object::from_name("FlateDecode")),
            ])
        };
        let mut color = dictionary("DeviceRGB");
        if let Some(opacity) = &self.opacity {
            color.set("SMask", update.add_stream(dictionary("DeviceGray"), opacity)?.into());
        }
        update.add_stream(color, &self.color)
    }
}

/// A number that takes part in a picture, with as many digits as can be seen.
struct Number(f64);

impl core::fmt::Display for Number {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", rounded(self.0))
    }
}

/// To a ten-thousandth, which is less than can be seen; without a negative zero.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4 + 0.0
}

fn deflate(data: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data)?;
    Ok(encoder.finish()?)
}

fn form(bounds: [f64; 4], resources: Dictionary) -> Dictionary {
    Dictionary::from([
        ("Type", Object::from_name("XObject")),
        ("Subtype", Object::from_name("Form")),
        ("BBox", bounds.map(|number| Object::Real(rounded(number))).to_vec().into()),
        ("Resources", resources.into()),
    ])
}

fn draw(out: &mut Vec<u8>, paths: &[Path], height: f64) -> Result<(), Error> {
    if paths.iter().map(|path| path.segments.len()).sum::<usize>() > MAX_SEGMENTS {
        return Err(Error::TooLarge("segments of a picture"));
    }
    let scale = format!("{POINTS_PER_MM:.8}");
    writeln!(out, "q {scale} 0 0 -{scale} 0 {} cm", Number(height))?;
    for Path { segments, paint, color } in paths {
        let operator = match paint {
            Paint::Fill { even_odd: false } => "f",
            Paint::Fill { even_odd: true } => "f*",
            Paint::Stroke(_) => "S",
        };
        let [red, green, blue] = color.map(|part| Number(f64::from(part) / 255.0));
        let space = if operator == "S" { "RG" } else { "rg" };
        writeln!(out, "{red} {green} {blue} {space}")?;
        if let Paint::Stroke(width) = *paint {
            check(&[width])?;
            writeln!(out, "{} w", Number(width))?;
        }
        for segment in segments {
            step(out, segment)?;
        }
        writeln!(out, "{operator}")?;
    }
    out.extend_from_slice(b"Q\n");
    Ok(())
}

fn step(out: &mut Vec<u8>, segment: &Segment) -> Result<(), Error> {
    match *segment {
        Segment::Move(x, y) => {
            check(&[x, y])?;
            writeln!(out, "{} {} m", Number(x), Number(y))?;
        }
        Segment::Line(x, y) => {
            check(&[x, y])?;
            writeln!(out, "{} {} l", Number(x), Number(y))?;
        }
        Segment::Curve(points) => {
            check(&points)?;
            for number in points {
                write!(out, "{} ", Number(number))?;
            }
            out.extend_from_slice(b"c\n");
        }
        Segment::Close => out.extend_from_slice(b"h\n"),
    }
    Ok(())
}

fn check(lengths: &[f64]) -> Result<(), Error> {
    if lengths.iter().all(|length| length.abs() <= MAX_MM) {
        Ok(())
    } else {
        Err(Error::Unusable("a path that leads nowhere"))
    }
}
