//! A seal brought upright and to its size.

use super::plane::Plane;
use super::shape::Shape;
use crate::picture::number::{byte, whole};

/// Most samples along each side of a pixel that is made.
const MAX_SAMPLES: u32 = 16;

/// The coverage inside of the rectangle of a shape, as so many pixels: means where they become fewer, values in proportion
/// where they become more.
pub(super) fn turn(seal: &Plane, shape: &Shape, width: u32, height: u32) -> Plane {
    let mut turned = Plane::new(width as usize, height as usize, 0);
    let samples =
        |half: f64, pixels: u32| whole((2.0 * half / f64::from(pixels)).ceil()).clamp(1, MAX_SAMPLES);
    let (across, down) = (samples(shape.half.0, width), samples(shape.half.1, height));
    let mut values = turned.values_mut().iter_mut();
    let part = |pixel: u32, sample: u32, samples: u32, pixels: u32| {
        let at = f64::from(pixel) + (f64::from(sample) + 0.5) / f64::from(samples);
        2.0 * at / f64::from(pixels) - 1.0
    };
    for y in 0..height {
        for (x, value) in (0..width).zip(values.by_ref()) {
            let mut sum = 0.0;
            for row in 0..down {
                for column in 0..across {
                    let place = shape.place(part(x, column, across, width), part(y, row, down, height));
                    sum += between(seal, place);
                }
            }
            *value = byte(sum / f64::from(across * down));
        }
    }
    turned
}

/// In proportion to the four pixels around.
fn between(seal: &Plane, (x, y): (f64, f64)) -> f64 {
    // One further, so that the row and the column before the first are 0.
    let (x, y) = (x + 0.5, y + 0.5);
    if x < 0.0 || y < 0.0 {
        return 0.0;
    }
    let (column, row) = (whole(x) as usize, whole(y) as usize);
    let at = |x: usize, y: usize| match (x.checked_sub(1), y.checked_sub(1)) {
        (Some(x), Some(y)) => f64::from(seal.at(x, y)),
        _ => 0.0,
    };
    let (right, down) = (x.fract(), y.fract());
    let above = at(column, row) * (1.0 - right) + at(column + 1, row) * right;
    let below = at(column, row + 1) * (1.0 - right) + at(column + 1, row + 1) * right;
    above * (1.0 - down) + below * down
}
