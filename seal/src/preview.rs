//! Pictures of pages, for people to see what they seal.
//!
//! White paper, no transparency, and always the same bytes for the same page on the same kind of machine.

mod fallback;
mod ofd;
mod pdf;
mod png;
pub mod scene;

pub use fallback::Fallback;
pub use ofd::ofd;
pub use pdf::{MAX_PAGE_WORK, pdf};
pub use png::Png;

use crate::error::Error;
use crate::geometry::Size;

/// Most pixels of one picture.
pub const MAX_PIXELS: u64 = 40_000_000;
/// Most pixels of the pictures of one call together.
pub const MAX_ALL_PIXELS: u64 = 1_000_000_000;
/// Longest side of a picture, in pixels.
pub const MAX_SIDE: u32 = 16_000;
/// Resolutions, in pixels per inch.
pub const RESOLUTIONS: core::ops::RangeInclusive<f64> = 10.0..=1_200.0;

/// How many pixels a page is wide and high.
fn pixels(size: Size, resolution: f64) -> Result<(u16, u16), Error> {
    if !RESOLUTIONS.contains(&resolution) {
        return Err(Error::Unusable("a resolution between 10 and 1200 pixels per inch"));
    }
    let side = |length: f64| {
        let pixels = (length / 25.4 * resolution).round().max(1.0);
        if pixels > f64::from(MAX_SIDE) {
            return Err(Error::TooLarge("pixels of a picture"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and MAX_SIDE")]
        Ok(pixels as u16)
    };
    let (width, height) = (side(size.width)?, side(size.height)?);
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::TooLarge("pixels of a picture"));
    }
    Ok((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_bounded() {
        let a4 = Size { width: 210.0, height: 297.0 };
        assert_eq!(pixels(a4, 72.0), Ok((595, 842)));
        assert_eq!(pixels(a4, 10.0), Ok((83, 117)));
        assert_eq!(pixels(a4, 600.0), Ok((4961, 7016)));
        assert_eq!(pixels(Size { width: 0.01, height: 10.0 }, 25.4), Ok((1, 10)));
        let large = Err(Error::TooLarge("pixels of a picture"));
        assert_eq!(pixels(a4, 1_200.0), large);
        assert_eq!(pixels(Size { width: 16_001.0, height: 1.0 }, 25.4), large);
        assert_eq!(pixels(Size { width: f64::INFINITY, height: 1.0 }, 25.4), large);
        for resolution in [0.0, 9.9, 1_201.0, -72.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(pixels(a4, resolution), Err(Error::Unusable(_))));
        }
    }
}
