//! Files of pictures that anybody may have made.

use std::io::Cursor;

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbaImage};

use crate::error::Error;

/// Most bytes of a file of a picture.
pub const MAX_BYTES: usize = 32 << 20;
/// Most pixels of a picture: a photo of 16 megapixels.
pub const MAX_PIXELS: u64 = 16 << 20;
/// Most pixels of a side.
pub const MAX_SIDE: u32 = 16_384;
/// Most bytes that the decoder of a picture may allocate: [`MAX_PIXELS`] of eight bytes, twice.
pub const MAX_DECODER_MEMORY: u64 = 256 << 20;

/// The pixels of a file.
pub(super) fn read(bytes: &[u8]) -> Result<RgbaImage, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge("bytes of a picture"));
    }
    let format = image::guess_format(bytes).map_err(|_| UNKNOWN)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Gif | ImageFormat::Bmp) {
        return Err(UNKNOWN);
    }
    if format == ImageFormat::Jpeg && !jpeg_ends(bytes) {
        return Err(Error::Malformed("a JPEG picture that is cut short"));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(why)?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::TooLarge("pixels"));
    }
    let orientation = decoder.orientation().map_err(why)?;
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(why)?;
    pixels.apply_orientation(orientation);
    Ok(pixels.into_rgba8())
}

/// Whether the end of a JPEG picture is there: decoders make something up for what lacks.
fn jpeg_ends(bytes: &[u8]) -> bool {
    const END: u8 = 0xD9;
    const SCAN: u8 = 0xDA;
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        rest = match *rest {
            [0xFF, END, ..] => return true,
            // A fill byte, a stuffed 0xFF, a restart: inside of a scan, where no lengths stand.
            [0xFF, 0xFF, ..] => rest.get(1..),
            [0xFF, 0x00 | 0x01 | 0xD0..=0xD7, ..] => rest.get(2..),
            [0xFF, marker, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                let after = rest.get(2 + length..);
                if marker == SCAN { after.map(after_scan) } else { after }
            }
            [_, ..] => rest.get(1..),
            [] => None,
        }
        .unwrap_or_default();
        if rest.is_empty() {
            return false;
        }
    }
}

/// From the next marker that ends a scan.
fn after_scan(data: &[u8]) -> &[u8] {
    let end =
        data.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF));
    end.and_then(|end| data.get(end..)).unwrap_or_default()
}

const UNKNOWN: Error = Error::Unsupported("a picture that is neither PNG nor JPEG, GIF or BMP");

fn why(error: ImageError) -> Error {
    match error {
        ImageError::Limits(_) => Error::TooLarge("pixels"),
        ImageError::Unsupported(_) => Error::Unsupported("a kind of picture that is rarely used"),
        _ => Error::Malformed("a picture"),
    }
}
