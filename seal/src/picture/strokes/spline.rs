//! A smooth curve through samples.

use crate::error::Error;
use crate::picture::drawing::{MAX_SEGMENTS, Point};

/// Distance of the steps of a curve, in millimetres.
const STEP: f64 = 0.25;
/// Most steps from one sample to the next.
const MAX_STEPS: u32 = 24;
/// Samples closer than this are one, in millimetres.
const SAME: f64 = 0.03;

/// Points in millimetres with the width of the ink there, close enough to be joined by straight lines. Catmull-Rom splines
/// with centripetal parameters: they go through all samples and make no loops between them.
pub(super) fn smooth(samples: &[(Point, f64)]) -> Result<Vec<(Point, f64)>, Error> {
    let mut apart: Vec<(Point, f64)> = Vec::with_capacity(samples.len());
    for (point, width) in samples {
        match apart.last_mut() {
            Some((last, widest)) if distance(*last, *point) < SAME => *widest = widest.max(*width),
            _ => apart.push((*point, *width)),
        }
    }
    let mut curve: Vec<(Point, f64)> = apart.first().copied().into_iter().collect();
    for (at, pair) in apart.windows(2).enumerate() {
        let [(from, from_width), (to, to_width)] = [pair[0], pair[1]];
        let before =
            at.checked_sub(1).and_then(|before| apart.get(before)).map_or(beyond(to, from), |(p, _)| *p);
        let after = apart.get(at + 2).map_or(beyond(from, to), |(p, _)| *p);
        let steps = super::super::number::whole((distance(from, to) / STEP).ceil()).clamp(1, MAX_STEPS);
        for step in 1..=steps {
            let part = f64::from(step) / f64::from(steps);
            let width = from_width + (to_width - from_width) * part;
            curve.push((between([before, from, to, after], part), width));
        }
        if curve.len() > MAX_SEGMENTS {
            return Err(Error::TooLarge("ink of a signature"));
        }
    }
    Ok(curve)
}

fn distance(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// As far behind `to` as `from` lies before it.
fn beyond(from: Point, to: Point) -> Point {
    Point::new(2.0 * to.x - from.x, 2.0 * to.y - from.y)
}

/// Part of the way from the second point to the third. Source: the pyramid of Barry and Goldman.
fn between(p: [Point; 4], part: f64) -> Point {
    let knot = |a: Point, b: Point| distance(a, b).max(SAME / 2.0).sqrt();
    let t1 = knot(p[0], p[1]);
    let t2 = t1 + knot(p[1], p[2]);
    let t3 = t2 + knot(p[2], p[3]);
    let t = t1 + (t2 - t1) * part;
    let mix = |a: Point, b: Point, from: f64, to: f64| {
        let part = (t - from) / (to - from);
        Point::new(a.x + (b.x - a.x) * part, a.y + (b.y - a.y) * part)
    };
    let (a, b, c) = (mix(p[0], p[1], 0.0, t1), mix(p[1], p[2], t1, t2), mix(p[2], p[3], t2, t3));
    mix(mix(a, b, 0.0, t2), mix(b, c, t1, t3), t1, t2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_through_its_samples_and_stays_near_them() {
        let corners =
            [(0.0, 0.0), (10.0, 0.0), (10.0, 0.5), (0.0, 5.0)].map(|(x, y)| (Point::new(x, y), 1.0));
        let curve = smooth(&corners).unwrap();
        for (corner, _) in corners {
            assert!(curve.iter().any(|(p, _)| distance(*p, corner) < 1e-9));
        }
        assert!(curve.iter().all(|(p, _)| (-0.5..11.0).contains(&p.x) && (-0.8..5.5).contains(&p.y)));
        assert!(curve.windows(2).all(|pair| distance(pair[0].0, pair[1].0) < 1.0));
    }

    #[test]
    fn straight_samples_give_a_straight_line_and_equal_ones_a_point() {
        let line: Vec<_> = (0..5).map(|n| (Point::new(f64::from(n), 2.0 * f64::from(n)), 1.0)).collect();
        assert!(smooth(&line).unwrap().iter().all(|(p, _)| (p.y - 2.0 * p.x).abs() < 1e-9));
        let dot = smooth(&[(Point::new(1.0, 1.0), 0.5), (Point::new(1.0, 1.01), 0.7)]).unwrap();
        assert_eq!(dot, [(Point::new(1.0, 1.0), 0.7)]);
    }
}
