//! The pictures.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use crate::error::Error;

/// A picture in the format PNG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Png {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Png {
    /// From opaque pixels of red, green, blue and 255, row by row from the top left corner.
    pub(super) fn new(width: u32, height: u32, rgba: &[u8]) -> Result<Self, Error> {
        let (pixels, _) = rgba.as_chunks::<4>();
        let rgb: Vec<u8> = pixels.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect();
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
            .write_image(&rgb, width, height, ExtendedColorType::Rgb8)
            .map_err(|_| Error::Unusable("a picture of no pixels"))?;
        Ok(Self { width, height, bytes })
    }
}
