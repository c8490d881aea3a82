//! A signature written by hand on a screen, as ink.
//!
//! ```
//! use seal::geometry::Size;
//! use seal::picture::Colour;
//! use seal::picture::strokes::{Pen, Sample, draw};
//!
//! let stroke: Vec<Sample> = (0..50).map(|n| Sample::at(f64::from(n), (f64::from(n) / 5.0).sin() * 8.0)).collect();
//! let pen = Pen { width: 0.9, colour: Colour::BLACK, fit: Size { width: 40.0, height: 20.0 }, margin: 1.0 };
//! let picture = draw(&[stroke], &pen)?.render(300.0)?;
//! assert_eq!(picture.size().width, 40.0);
//! # Ok::<(), seal::Error>(())
//! ```

mod ink;
mod spline;

use super::MAX_MILLIMETRES;
use super::drawing::{Colour, Drawing, Outline, Point};
use crate::error::Error;
use crate::geometry::Size;

/// Most strokes of a signature.
pub const MAX_STROKES: usize = 500;
/// Most samples of all strokes together.
pub const MAX_SAMPLES: usize = 20_000;
/// How far samples may lie from the origin, in their unit.
pub const MAX_COORDINATE: f64 = 1e6;

/// Where the pen was, in any unit of length; `y` grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
    /// From 0 to 1, if the screen feels it.
    pub pressure: Option<f64>,
    /// In any unit, from any moment, if it is known. It tells the width of the ink where no pressure does.
    pub time: Option<f64>,
}

impl Sample {
    /// A place by itself.
    #[must_use]
    pub const fn at(x: f64, y: f64) -> Self {
        Self { x, y, pressure: None, time: None }
    }
}

/// How ink looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pen {
    /// Of the widest stroke, in millimetres.
    pub width: f64,
    /// Of the ink.
    pub colour: Colour,
    /// The room, in millimetres: the signature is made as large as fits, and the drawing no larger than that.
    pub fit: Size,
    /// Around the ink, in millimetres.
    pub margin: f64,
}

/// Ink along strokes: smooth, wider where the pen pressed or was slow.
///
/// # Errors
/// [`Error::TooLarge`]: more than [`MAX_STROKES`], [`MAX_SAMPLES`] or [`MAX_COORDINATE`], or more ink than a drawing takes;
/// [`Error::Unusable`]: no samples, something that is no number, a pen without width, no room.
pub fn draw(strokes: &[Vec<Sample>], pen: &Pen) -> Result<Drawing, Error> {
    check(strokes, pen)?;
    let samples = || strokes.iter().flatten();
    let bounds = |of: fn(&Sample) -> f64| {
        samples().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let ((left, right), (top, bottom)) = (bounds(|sample| sample.x), bounds(|sample| sample.y));
    // Ink goes half of its width beyond the samples.
    let border = pen.margin + pen.width / 2.0;
    let room = |side: f64| side - 2.0 * border;
    if !(room(pen.fit.width) > 0.0 && room(pen.fit.height) > 0.0) {
        return Err(Error::Unusable("there is no room for the signature"));
    }
    let scale = (room(pen.fit.width) / (right - left)).min(room(pen.fit.height) / (bottom - top));
    // A signature of one place is a dot of any scale.
    let scale = if scale.is_finite() { scale } else { 0.0 };
    let place =
        |sample: &Sample| Point::new(border + (sample.x - left) * scale, border + (sample.y - top) * scale);

    let pace = ink::pace(strokes);
    let mut outline = Outline::default();
    for stroke in strokes {
        let widths = ink::widths(stroke, pace, pen.width);
        let points: Vec<_> = stroke.iter().map(place).zip(widths).collect();
        ink::lay(&spline::smooth(&points)?, &mut outline)?;
    }
    let side = |low: f64, high: f64| (high - low) * scale + 2.0 * border;
    Drawing::new(Size { width: side(left, right), height: side(top, bottom) }, pen.colour, vec![outline])
}

fn check(strokes: &[Vec<Sample>], pen: &Pen) -> Result<(), Error> {
    let samples = strokes.iter().map(Vec::len).sum::<usize>();
    if strokes.len() > MAX_STROKES || samples > MAX_SAMPLES {
        return Err(Error::TooLarge("strokes of a signature"));
    }
    if samples == 0 {
        return Err(Error::Unusable("a signature needs a stroke"));
    }
    for sample in strokes.iter().flatten() {
        let numbers = [sample.x, sample.y, sample.pressure.unwrap_or(0.0), sample.time.unwrap_or(0.0)];
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(Error::Unusable("a sample of a stroke is no number"));
        }
        if sample.x.abs() > MAX_COORDINATE || sample.y.abs() > MAX_COORDINATE {
            return Err(Error::TooLarge("places of a stroke"));
        }
    }
    let positive = |length: f64| length > 0.0 && length <= MAX_MILLIMETRES;
    let margin = (0.0..=MAX_MILLIMETRES).contains(&pen.margin);
    if positive(pen.width) && margin && positive(pen.fit.width) && positive(pen.fit.height) {
        Ok(())
    } else {
        Err(Error::Unusable("a pen has a width, a margin and room"))
    }
}
