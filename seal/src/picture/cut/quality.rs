//! How good a seal is that was cut out.

use super::group::Found;
use super::ink::Separated;
use super::plane::Plane;
use super::shape::Shape;
use super::{HALF, Wanted};

/// Fewest pixels of the longer side.
const LEAST_SIDE: f64 = 150.0;
/// Widest soft edge of ink, in parts of the longer side, and in pixels.
const SOFTEST: f64 = 0.011;
const SOFTEST_PIXELS: f64 = 2.6;
/// The colour that ink must have, in 255ths.
const FAINTEST: u8 = 80;
/// Most of the ground that may be stained.
const STAINED: f64 = 0.03;
/// Most of the seal that print may cover.
const COVERED: f64 = 0.12;
/// The part of the outline that must be there.
const COMPLETE: f64 = 0.88;
/// How much the sides may be out of the proportion that is wanted.
const DISTORTED: f64 = 0.12;

/// Something that makes a seal worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QualityReason {
    /// It has few pixels: take the photo nearer.
    TooSmall,
    /// The edges of ink are soft.
    Blurred,
    /// There is little ink.
    Faint,
    /// It goes beyond the border of the photo.
    CutOff,
    /// There are others beside it; this is the one with most ink.
    SeveralSeals,
    /// The ground is stained with the colour of the ink.
    Unclean,
    /// Print covers much of it.
    Covered,
    /// The line around it has gaps.
    Incomplete,
    /// It is neither round nor oval nor rectangular.
    Irregular,
    /// Its sides have another proportion than is wanted: it was photographed from aside, or has another size.
    Distorted,
}

impl QualityReason {
    /// A stable name in lower case with hyphens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooSmall => "too-small",
            Self::Blurred => "blurred",
            Self::Faint => "faint",
            Self::CutOff => "cut-off",
            Self::SeveralSeals => "several-seals",
            Self::Unclean => "unclean",
            Self::Covered => "covered",
            Self::Incomplete => "incomplete",
            Self::Irregular => "irregular",
            Self::Distorted => "distorted",
        }
    }

    /// What it takes from the score.
    const fn weight(self) -> u8 {
        match self {
            Self::CutOff => 50,
            Self::TooSmall | Self::Irregular => 30,
            Self::Blurred | Self::Faint | Self::Incomplete => 25,
            Self::SeveralSeals | Self::Unclean | Self::Covered | Self::Distorted => 15,
        }
    }
}

/// How good a seal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quality {
    /// From 0 to 100; 100 without any reason. A person should look at one below 60.
    pub score: u8,
    /// What was found, in the order of [`QualityReason`].
    pub reasons: Vec<QualityReason>,
}

pub(super) fn judge(ink: &Separated, found: &Found, seal: &Plane, shape: &Shape, wanted: &Wanted) -> Quality {
    let (width, height) = (2.0 * shape.half.0, 2.0 * shape.half.1);
    let side = width.max(height);
    let soft = softness(seal);
    let proportion = (width / height) / (wanted.size.width / wanted.size.height);
    let all = [
        (side < LEAST_SIDE, QualityReason::TooSmall),
        (soft > SOFTEST_PIXELS && soft > SOFTEST * side, QualityReason::Blurred),
        (ink.full < FAINTEST, QualityReason::Faint),
        (found.at_border, QualityReason::CutOff),
        (found.several, QualityReason::SeveralSeals),
        (stained(ink, found, seal) > STAINED, QualityReason::Unclean),
        (share(&ink.dark.crop(found.area)) > COVERED, QualityReason::Covered),
        (shape.completeness(seal) < COMPLETE, QualityReason::Incomplete),
        (shape.irregular, QualityReason::Irregular),
        ((proportion - 1.0).abs() > DISTORTED, QualityReason::Distorted),
    ];
    let reasons: Vec<_> = all.into_iter().filter_map(|(is, reason)| is.then_some(reason)).collect();
    let score = reasons.iter().fold(100u8, |score, reason| score.saturating_sub(reason.weight()));
    Quality { score, reasons }
}

/// The mean width of the edges of ink, in pixels.
fn softness(seal: &Plane) -> f64 {
    let soft = seal.values().iter().filter(|value| (32..224).contains(*value)).count();
    let mut edge = 0usize;
    for y in 0..seal.height() {
        for x in 0..seal.width() {
            let on = seal.at(x, y) >= HALF;
            edge += usize::from(on != (seal.at(x + 1, y) >= HALF))
                + usize::from(on != (seal.at(x, y + 1) >= HALF));
        }
    }
    // A slanted edge of one pixel crosses 1.27 borders of pixels on average.
    soft as f64 / (edge as f64 / 1.27).max(1.0)
}

/// The part of the ground, away from ink, that has colour.
fn stained(ink: &Separated, found: &Found, seal: &Plane) -> f64 {
    let near = seal.grown((seal.width().min(seal.height()) / 60).max(3), HALF);
    let (colour, dark) = (ink.colour.crop(found.area), ink.dark.crop(found.area));
    let ground = near.values().iter().zip(colour.values()).zip(dark.values());
    let (mut stained, mut all) = (0usize, 1usize);
    for ((_, colour), _) in ground.filter(|((near, _), dark)| **near == 0 && **dark == 0) {
        all += 1;
        stained += usize::from(u32::from(*colour) * 6 > u32::from(ink.full));
    }
    stained as f64 / all as f64
}

fn share(plane: &Plane) -> f64 {
    plane.values().iter().filter(|value| **value > 0).count() as f64 / plane.values().len() as f64
}
