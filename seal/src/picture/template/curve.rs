//! The line inside of an ellipse at the same distance from it everywhere.

use core::f64::consts::TAU;

use crate::picture::drawing::Point;

/// Enough for steps of a few hundredths of a millimetre.
const STEPS: u32 = 2048;

/// Parallel to an ellipse, measured by its own length, clockwise from the top.
pub(super) struct Curve {
    middle: Point,
    half_axes: (f64, f64),
    inset: f64,
    /// The length up to each step.
    lengths: Vec<f64>,
}

/// A place on a curve.
pub(super) struct Place {
    pub(super) point: Point,
    /// A vector of length 1 away from the middle.
    pub(super) out: Point,
}

impl Curve {
    pub(super) fn new(middle: Point, a: f64, b: f64, inset: f64) -> Self {
        let mut curve = Self { middle, half_axes: (a, b), inset, lengths: vec![0.0] };
        let (mut length, mut last) = (0.0, curve.turned(0.0).point);
        for step in 1..=STEPS {
            let next = curve.turned(TAU * f64::from(step) / f64::from(STEPS)).point;
            length += (next.x - last.x).hypot(next.y - last.y);
            curve.lengths.push(length);
            last = next;
        }
        curve
    }

    pub(super) fn length(&self) -> f64 {
        self.lengths.last().copied().unwrap_or_default()
    }

    /// The place this far from the top.
    pub(super) fn at(&self, length: f64) -> Place {
        let length = length.rem_euclid(self.length());
        let next = self.lengths.partition_point(|reached| *reached <= length).min(self.lengths.len() - 1);
        let (from, to) = (self.lengths[next - 1], self.lengths[next]);
        let part = if to > from { (length - from) / (to - from) } else { 0.0 };
        let steps = u32::try_from(next - 1).map_or(0.0, f64::from) + part;
        self.turned(TAU * steps / f64::from(STEPS))
    }

    /// The place whose parameter is an angle from the top.
    fn turned(&self, angle: f64) -> Place {
        let (sin, cos) = angle.sin_cos();
        let (a, b) = self.half_axes;
        let (x, y) = (b * sin, -a * cos);
        let length = x.hypot(y);
        let out = Point::new(x / length, y / length);
        let x = self.middle.x + a * sin - self.inset * out.x;
        let y = self.middle.y - b * cos - self.inset * out.y;
        Place { point: Point::new(x, y), out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_measured_from_the_top_clockwise() {
        let circle = Curve::new(Point::new(5.0, 5.0), 4.0, 4.0, 1.0);
        assert!((circle.length() - TAU * 3.0).abs() < 1e-4);
        for (part, x, y) in [(0.0, 0.0, -1.0), (0.25, 1.0, 0.0), (0.5, 0.0, 1.0), (-0.25, -1.0, 0.0)] {
            let place = circle.at(part * circle.length());
            assert!((place.out.x - x).abs() < 1e-6 && (place.out.y - y).abs() < 1e-6);
            assert!(
                (place.point.x - 5.0 - 3.0 * x).abs() < 1e-6 && (place.point.y - 5.0 - 3.0 * y).abs() < 1e-6
            );
        }
    }

    #[test]
    fn an_ellipse_is_left_at_right_angles() {
        let (outer, inner) = (
            Curve::new(Point::new(0.0, 0.0), 20.0, 15.0, 0.0),
            Curve::new(Point::new(0.0, 0.0), 20.0, 15.0, 2.0),
        );
        // A parallel of a convex curve is shorter by a turn of the distance.
        assert!((outer.length() - inner.length() - TAU * 2.0).abs() < 1e-3);
        let place = inner.at(inner.length() / 4.0);
        assert!((place.point.x - 18.0).abs() < 1e-6 && place.point.y.abs() < 1e-6);
    }
}
