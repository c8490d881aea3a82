//! Pictures of seals.
//!
//! | from | by |
//! |---|---|
//! | a file (PNG, JPEG, GIF, BMP) | [`Picture::decode`] |
//! | a name, as company, invoice and name seals are made | [`Template`] |
//! | the strokes of a hand | [`strokes`] |
//!
//! Templates and strokes give a [`Drawing`]: outlines in millimetres, to be embedded as they are or made a [`Picture`].
//!
//! ```
//! use seal::picture::{Font, Template};
//!
//! let seal = Template::round("云海市青松科技有限公司").line("合同专用章").code("1101080012345");
//! let drawing = seal.draw(&Font::bundled())?;
//! assert_eq!(drawing.size().width, 42.0);
//! let picture = drawing.render(300.0)?;
//! assert_eq!((picture.width(), picture.height()), (496, 496));
//! assert!(picture.to_png()?.starts_with(b"\x89PNG"));
//! # Ok::<(), seal::Error>(())
//! ```

mod drawing;
mod font;
mod number;
mod read;
pub mod strokes;
mod template;

pub use drawing::{Colour, Drawing, MAX_SEGMENTS, Outline, Point, Segment};
pub use font::{Font, MAX_FONT_BYTES};
pub use read::{MAX_BYTES, MAX_DECODER_MEMORY, MAX_PIXELS, MAX_SIDE};
pub use template::{Centre, MAX_TEXT, Shape, Template};

use std::io::Cursor;

use flate2::Crc;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::error::Error;
use crate::geometry::Size;
use crate::picture::number::whole;

/// Longest side of a picture, in millimetres: more than the largest sheets of paper.
pub const MAX_MILLIMETRES: f64 = 2000.0;

/// Pixels of red, green, blue and alpha, not premultiplied, with the size that they have on paper.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    size: Size,
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Picture {
    /// Reads a PNG, JPEG, GIF (its first frame) or BMP file, turned as its metadata say. `size`: in millimetres.
    ///
    /// # Errors
    /// [`Error::Unsupported`]: another format. [`Error::TooLarge`]: more than [`MAX_BYTES`], [`MAX_PIXELS`], [`MAX_SIDE`] or
    /// [`MAX_DECODER_MEMORY`]. [`Error::Malformed`]: damaged or cut short. [`Error::Unusable`]: no size that paper has.
    pub fn decode(bytes: &[u8], size: Size) -> Result<Self, Error> {
        check_size(size)?;
        let pixels = read::read(bytes)?;
        Self::new(size, pixels.width(), pixels.height(), pixels.into_raw())
    }

    /// Of pixels: row by row from the top, four bytes each.
    ///
    /// # Errors
    /// [`Error::Unusable`]: no pixels, not as many as `width` and `height` say, or no size that paper has;
    /// [`Error::TooLarge`]: more than [`MAX_PIXELS`].
    pub fn new(size: Size, width: u32, height: u32, rgba: Vec<u8>) -> Result<Self, Error> {
        check_size(size)?;
        let pixels = u64::from(width) * u64::from(height);
        if pixels > MAX_PIXELS {
            return Err(Error::TooLarge("pixels"));
        }
        if pixels == 0 || u64::try_from(rgba.len()) != Ok(pixels * 4) {
            return Err(Error::Unusable("the pixels are not as many as the picture says"));
        }
        Ok(Self { size, width, height, rgba })
    }

    /// On paper, in millimetres.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// In pixels.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// In pixels.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Red, green, blue and alpha of every pixel, not premultiplied, row by row from the top.
    #[must_use]
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// As a PNG file that says its resolution. The same picture gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Unusable`] if it cannot be encoded.
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        let mut png = Vec::new();
        PngEncoder::new_with_quality(Cursor::new(&mut png), CompressionType::Best, FilterType::Adaptive)
            .write_image(&self.rgba, self.width, self.height, ExtendedColorType::Rgba8)
            .map_err(|_| Error::Unusable("the picture cannot be encoded"))?;
        let resolution = self.resolution();
        if png.len() < END_OF_HEADER {
            return Err(Error::Unusable("the picture cannot be encoded"));
        }
        png.splice(END_OF_HEADER..END_OF_HEADER, resolution);
        Ok(png)
    }

    /// The chunk pHYs. Source: PNG (ISO/IEC 15948), 11.3.5.3.
    fn resolution(&self) -> Vec<u8> {
        let per_metre =
            |pixels: u32, length: f64| whole((f64::from(pixels) * 1000.0 / length).round()).to_be_bytes();
        let mut chunk = b"pHYs".to_vec();
        chunk.extend(per_metre(self.width, self.size.width));
        chunk.extend(per_metre(self.height, self.size.height));
        chunk.push(UNIT_METRE);
        let mut crc = Crc::new();
        crc.update(&chunk);
        chunk.extend(crc.sum().to_be_bytes());
        chunk.splice(0..0, PHYS_BYTES.to_be_bytes());
        chunk
    }
}

/// Signature, length, type, 13 bytes and check sum of the chunk IHDR.
const END_OF_HEADER: usize = 8 + 4 + 4 + 13 + 4;
const PHYS_BYTES: u32 = 9;
const UNIT_METRE: u8 = 1;

fn check_size(size: Size) -> Result<(), Error> {
    let fits = |length: f64| length > 0.0 && length <= MAX_MILLIMETRES;
    if fits(size.width) && fits(size.height) {
        Ok(())
    } else {
        Err(Error::Unusable("a picture needs a width and a height in millimetres"))
    }
}
