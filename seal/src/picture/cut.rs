//! A seal cut out of a photo or a scan of a stamped sheet.
//!
//! Ink is told from paper and from print by its colour, relative to the paper around it, so that neither light nor shadow
//! counts. Where print covers ink, the ink is continued from what is beside it. Square, oblong and oval seals are turned
//! upright, by less than half of a right angle; a round one stays as it was stamped. Everything is linear in the pixels, and
//! the same photo always gives the same seal.

mod fill;
mod group;
mod ink;
mod plane;
mod quality;
mod shape;
mod turn;

pub use quality::{Quality, QualityReason};

use super::drawing::Colour;
use super::number::whole;
use super::{MAX_PIXELS, Picture, read};
use crate::error::Error;
use crate::geometry::Size;

/// The ink that is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ink {
    /// Red, as of nearly all seals.
    #[default]
    Red,
    /// Blue.
    Blue,
    /// Purple.
    Purple,
}

impl Ink {
    /// The colour that the seal gets.
    #[must_use]
    pub const fn colour(self) -> Colour {
        match self {
            Self::Red => Colour::RED,
            Self::Blue => Colour::BLUE,
            Self::Purple => Colour::PURPLE,
        }
    }
}

/// What is to be made of a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// The ink of the seal.
    pub ink: Ink,
    /// What the seal measures, in millimetres.
    pub size: Size,
    /// Pixels to an inch of the picture that is made.
    pub dpi: f64,
}

/// A seal that was cut out.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// Pure ink on a transparent ground.
    pub picture: Picture,
    /// How good it is.
    pub quality: Quality,
}

/// Finds the seal on a photo (PNG, JPEG, GIF, BMP) and cuts it out.
///
/// # Errors
/// [`Error::Unusable`]: no seal of this ink on the photo, or sizes that are none. Others as [`Picture::decode`].
pub fn cut(photo: &[u8], wanted: &Wanted) -> Result<Cut, Error> {
    super::check_size(wanted.size)?;
    let pixels = |length: f64| whole((length / 25.4 * wanted.dpi).round()).max(1);
    let (width, height) = (pixels(wanted.size.width), pixels(wanted.size.height));
    if wanted.dpi.is_nan() || wanted.dpi <= 0.0 {
        return Err(Error::Unusable("a resolution must be positive"));
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::TooLarge("pixels"));
    }
    let photo = read::read(photo)?;
    let ink = ink::separate(&photo, wanted.ink).ok_or(NO_SEAL)?;
    drop(photo);
    let found = group::find(&ink).ok_or(NO_SEAL)?;
    let hidden = fill::hidden(&ink.dark.crop(found.area));
    let seen = ink.coverage(&found);
    // Where ink was only made up below print, it may reach too far.
    let shape = shape::Shape::of(&fill::without(seen.clone(), &hidden)).ok_or(NO_SEAL)?;
    let seal = fill::fill(seen, hidden);
    if shape.irregular && shape.completeness(&seal) < LEAST_COMPLETE {
        return Err(NO_SEAL);
    }
    let quality = quality::judge(&ink, &found, &seal, &shape, wanted);
    let alpha = turn::turn(&seal, &shape, width, height);
    let Colour { red, green, blue } = wanted.ink.colour();
    let rgba = alpha.values().iter().flat_map(|alpha| [red, green, blue, *alpha]).collect();
    Ok(Cut { picture: Picture::new(wanted.size, width, height, rgba)?, quality })
}

const NO_SEAL: Error = Error::Unusable("there is no seal on the photo");

/// What has no shape and less of an outline than this is no seal.
const LEAST_COMPLETE: f64 = 0.5;

/// From where on a value counts as ink, in all planes of coverage.
const HALF: u8 = 128;
