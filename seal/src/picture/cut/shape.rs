//! How a seal lies, and what its outline is.

use core::f64::consts::{FRAC_PI_2, FRAC_PI_4, TAU};

use super::HALF;
use super::plane::Plane;

/// A convex outline that fills more of the rectangle around it than this is a rectangle; an ellipse fills 0.785.
const RECTANGLE: f64 = 0.88;
/// A rectangle fills at least this of the one around it.
const FULL: f64 = 0.93;
/// An ellipse whose axes differ by less is a circle, which has no upright.
const CIRCLE: f64 = 0.06;
/// How far the outline of an ellipse may be off, on average, in radii.
const OFF: f64 = 0.03;
/// How much too large the hull of a round outline is on average, in pixels: it takes the outermost of them.
const OUTER: f64 = 0.2;
/// How deep the line around a seal is looked for, in parts of the half sides.
const DEPTH: f64 = 0.12;
/// Places of the outline at which the line is looked for.
const PLACES: u32 = 240;

/// A rectangle around a seal, turned.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// In pixels.
    pub(super) centre: (f64, f64),
    /// Half of the sides, in pixels.
    pub(super) half: (f64, f64),
    /// By which it is turned clockwise, from -45 to 45 degrees.
    pub(super) angle: f64,
    pub(super) rectangle: bool,
    /// The outline is that of no seal.
    pub(super) irregular: bool,
}

impl Shape {
    /// `None`: there is no ink.
    pub(super) fn of(seal: &Plane) -> Option<Self> {
        let hull = hull(seal);
        let mut shape = Self::around(&hull, None)?;
        let area = |shape: &Self| 4.0 * shape.half.0 * shape.half.1;
        for (from, to) in hull.iter().zip(hull.iter().cycle().skip(1)) {
            // The smallest rectangle has a side along one of the hull.
            let angle = (to.1 - from.1).atan2(to.0 - from.0);
            let angle = (angle + FRAC_PI_4).rem_euclid(FRAC_PI_2) - FRAC_PI_4;
            if let Some(other) = Self::around(&hull, Some(angle)).filter(|other| area(other) < area(&shape)) {
                shape = other;
            }
        }
        let fullness = hull_area(&hull) / area(&shape);
        shape.rectangle = fullness > RECTANGLE;
        if shape.rectangle {
            shape.irregular = fullness < FULL;
            return Some(shape);
        }
        // An ellipse by all of its outline: a speck or some print at one end must not move it.
        let ellipse = Moments::of(&hull).ellipse();
        if ellipse.off_ellipse(&hull) <= OFF {
            return Some(ellipse);
        }
        shape.irregular = true;
        Some(shape)
    }

    /// The rectangle around points at an angle.
    fn around(hull: &[(f64, f64)], angle: Option<f64>) -> Option<Self> {
        let angle = angle.unwrap_or(0.0);
        let (sin, cos) = angle.sin_cos();
        let range = |of: &dyn Fn(&(f64, f64)) -> f64| {
            let all = hull.iter().map(of);
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
        };
        let (left, right) = range(&|p| p.0 * cos + p.1 * sin);
        let (top, bottom) = range(&|p| p.1 * cos - p.0 * sin);
        let (x, y) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        let half = ((right - left) / 2.0, (bottom - top) / 2.0);
        let centre = (x * cos - y * sin, x * sin + y * cos);
        (half.0 > 0.0 && half.1 > 0.0).then_some(Self {
            centre,
            half,
            angle,
            rectangle: false,
            irregular: false,
        })
    }

    /// From parts of the half sides to a place in the plane.
    pub(super) fn place(&self, u: f64, v: f64) -> (f64, f64) {
        let (sin, cos) = self.angle.sin_cos();
        let (x, y) = (u * self.half.0, v * self.half.1);
        (self.centre.0 + x * cos - y * sin, self.centre.1 + x * sin + y * cos)
    }

    fn off_ellipse(&self, hull: &[(f64, f64)]) -> f64 {
        let (sin, cos) = self.angle.sin_cos();
        // By the length of the sides of the hull: where ink is missing, it has long ones, whose middles lie inside.
        let (mut off, mut length) = (0.0, 0.0);
        for (from, to) in hull.iter().zip(hull.iter().cycle().skip(1)) {
            let side = (to.0 - from.0).hypot(to.1 - from.1);
            let (x, y) =
                (f64::midpoint(from.0, to.0) - self.centre.0, f64::midpoint(from.1, to.1) - self.centre.1);
            let radius = ((x * cos + y * sin) / self.half.0).hypot((y * cos - x * sin) / self.half.1);
            off += side * (radius - 1.0).abs();
            length += side;
        }
        off / length
    }

    /// The part of the outline that has a line, from 0 to 1.
    pub(super) fn completeness(&self, seal: &Plane) -> f64 {
        let inked = |u: f64, v: f64| {
            let (x, y) = self.place(u, v);
            let place =
                |x: f64| if x >= 0.0 { crate::picture::number::whole(x) as usize } else { usize::MAX };
            seal.at(place(x), place(y)) >= HALF
        };
        let deep = || (0..=24).map(|step| 1.02 - DEPTH * f64::from(step) / 24.0);
        let has_line = |place: u32| {
            let part = f64::from(place) / f64::from(PLACES);
            if self.rectangle {
                // Four sides, one after the other.
                let (side, along) = (place % 4, (part * 2.0 - 1.0) * 0.94);
                deep().any(|depth| match side {
                    0 => inked(along, -depth),
                    1 => inked(along, depth),
                    2 => inked(-depth, along),
                    _ => inked(depth, along),
                })
            } else {
                let (sin, cos) = (part * TAU).sin_cos();
                deep().any(|depth| inked(cos * depth, sin * depth))
            }
        };
        f64::from((0..PLACES).fold(0u32, |count, place| count + u32::from(has_line(place))))
            / f64::from(PLACES)
    }
}

/// The convex hull of all ink, by the middles of the outer sides of its pixels. Source: the monotone chain of Andrew.
fn hull(seal: &Plane) -> Vec<(f64, f64)> {
    let mut corners = Vec::new();
    let mut columns = vec![(f64::INFINITY, 0.0); seal.width()];
    for (y, row) in seal.rows().enumerate() {
        let first = row.iter().position(|value| *value >= HALF);
        let last = row.iter().rposition(|value| *value >= HALF);
        if let (Some(from), Some(to)) = (first, last) {
            let (y, first, last) = (y as f64, from as f64, to as f64 + 1.0);
            corners.extend([(first, y + 0.5), (last, y + 0.5)]);
            for x in (from..=to).filter(|x| row[*x] >= HALF) {
                let (top, bottom) = &mut columns[x];
                *top = top.min(y);
                *bottom = y + 1.0;
            }
        }
    }
    for (x, (top, bottom)) in columns.into_iter().enumerate().filter(|(_, (top, _))| top.is_finite()) {
        corners.extend([(x as f64 + 0.5, top), (x as f64 + 0.5, bottom)]);
    }
    // By rows, as the chain needs it.
    corners.sort_unstable_by(|a: &(f64, f64), b| a.1.total_cmp(&b.1).then(a.0.total_cmp(&b.0)));
    let chain = |points: &mut dyn Iterator<Item = (f64, f64)>| {
        let mut chain: Vec<(f64, f64)> = Vec::new();
        for p in points {
            while let [.., a, b] = chain.as_slice()
                && (b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0) <= 0.0
            {
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut hull = chain(&mut corners.iter().copied());
    hull.extend(chain(&mut corners.iter().rev().copied()));
    hull
}

fn hull_area(hull: &[(f64, f64)]) -> f64 {
    let sides = hull.iter().zip(hull.iter().cycle().skip(1));
    (sides.map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>() / 2.0).abs()
}

/// The moments of the area inside of a convex outline.
struct Moments {
    centre: (f64, f64),
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Moments {
    fn of(hull: &[(f64, f64)]) -> Self {
        // Around a point inside, for precision.
        let (x0, y0) = hull.first().copied().unwrap_or_default();
        let (mut area, mut x, mut y, mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (a, b) in hull.iter().zip(hull.iter().cycle().skip(1)) {
            let ((ax, ay), (bx, by)) = ((a.0 - x0, a.1 - y0), (b.0 - x0, b.1 - y0));
            let cross = ax * by - bx * ay;
            area += cross / 2.0;
            x += cross * (ax + bx) / 6.0;
            y += cross * (ay + by) / 6.0;
            xx += cross * (ax * ax + ax * bx + bx * bx) / 12.0;
            yy += cross * (ay * ay + ay * by + by * by) / 12.0;
            xy += cross * (ax * by + 2.0 * ax * ay + 2.0 * bx * by + bx * ay) / 24.0;
        }
        let (x, y) = (x / area, y / area);
        Self { centre: (x0 + x, y0 + y), xx: xx / area - x * x, xy: xy / area - x * y, yy: yy / area - y * y }
    }

    /// The ellipse with these moments; a circle is not turned.
    fn ellipse(&self) -> Shape {
        let half = |angle: f64| {
            let (sin, cos) = angle.sin_cos();
            let along =
                |sin: f64, cos: f64| self.xx * cos * cos + 2.0 * self.xy * sin * cos + self.yy * sin * sin;
            // The variance of an ellipse along an axis is a quarter of the square of that half axis.
            (2.0 * along(sin, cos).sqrt() - OUTER, 2.0 * along(cos, -sin).sqrt() - OUTER)
        };
        let axis = (2.0 * self.xy).atan2(self.xx - self.yy) / 2.0;
        let axis = (axis + FRAC_PI_4).rem_euclid(FRAC_PI_2) - FRAC_PI_4;
        let (a, b) = half(axis);
        let angle = if (a - b).abs() < CIRCLE * a.max(b) { 0.0 } else { axis };
        Shape { centre: self.centre, half: half(angle), angle, rectangle: false, irregular: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(inside: impl Fn(f64, f64) -> bool) -> Plane {
        let mut plane = Plane::new(200, 200, 0);
        for (at, value) in plane.values_mut().iter_mut().enumerate() {
            let (x, y) = ((at % 200) as f64 - 99.5, (at / 200) as f64 - 99.5);
            *value = if inside(x, y) { 255 } else { 0 };
        }
        plane
    }

    #[test]
    fn a_turned_square_is_measured() {
        let (sin, cos) = 0.3f64.sin_cos();
        let frame = |x: f64, y: f64| {
            let far = (x * cos + y * sin).abs().max((y * cos - x * sin).abs());
            (50.0..60.0).contains(&far)
        };
        let whole = drawn(frame);
        let shape = Shape::of(&whole).unwrap();
        assert!(shape.rectangle && !shape.irregular && shape.completeness(&whole) > 0.99, "{shape:?}");
        assert!((shape.angle - 0.3).abs() < 0.01, "{shape:?}");
        assert!((shape.half.0 - 60.0).abs() < 1.0 && (shape.half.1 - 60.0).abs() < 1.0, "{shape:?}");
        let part = drawn(|x, y| frame(x, y) && (y > 0.0 || x.abs() > 45.0));
        assert!(shape.completeness(&part) < 0.9);
    }

    #[test]
    fn circles_and_ovals_are_told_from_others() {
        let ring = |x: f64, y: f64| (50.0..60.0).contains(&x.hypot(y));
        let whole = drawn(ring);
        let circle = Shape::of(&whole).unwrap();
        assert!(!circle.rectangle && !circle.irregular && circle.completeness(&whole) > 0.99, "{circle:?}");
        assert_eq!(circle.angle, 0.0);
        for radius in [40.3, 55.7, 61.2, 80.0, 90.4] {
            let shape = Shape::of(&drawn(|x, y| x.hypot(y) < radius)).unwrap();
            assert!((shape.half.0 - radius).abs() < 0.2 && (shape.half.1 - radius).abs() < 0.2, "{shape:?}");
        }
        let (sin, cos) = (-0.4f64).sin_cos();
        let oval = |x: f64, y: f64| {
            (0.85..1.0).contains(&((x * cos + y * sin) / 80.0).hypot((y * cos - x * sin) / 60.0))
        };
        let oval = Shape::of(&drawn(oval)).unwrap();
        assert!(!oval.rectangle && !oval.irregular && (oval.angle + 0.4).abs() < 0.03, "{oval:?}");
        let part = drawn(|x, y| ring(x, y) && y < 20.0);
        let gap = Shape::of(&part).unwrap();
        assert!(gap.irregular && gap.completeness(&part) < 0.85, "{gap:?}");
    }

    #[test]
    fn nothing_has_no_shape() {
        assert!(Shape::of(&drawn(|_, _| false)).is_none());
    }
}
