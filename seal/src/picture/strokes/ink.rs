//! How wide ink is along a stroke, and its outline.

use super::Sample;
use crate::error::Error;
use crate::picture::drawing::{MAX_SEGMENTS, Outline, Point};

/// Ink is never narrower than this part of the width of the pen.
const THINNEST: f64 = 0.3;
/// How much of the width goes at the usual speed, and how much more at each multiple of it.
const BY_SPEED: f64 = 0.22;
/// A pen that lands and leaves touches with less than its width.
const LANDING: f64 = 0.8;
const LEAVING: f64 = 0.45;
/// Cosine of the turn from which ink has a corner.
const CORNER: f64 = 0.75;

/// The usual speed of a signature, by which fast and slow are told; 0 if nothing moves.
pub(super) fn pace(strokes: &[Vec<Sample>]) -> f64 {
    let mut speeds: Vec<f64> =
        strokes.iter().flat_map(|stroke| speeds(stroke)).filter(|speed| *speed > 0.0).collect();
    speeds.sort_unstable_by(f64::total_cmp);
    speeds.get(speeds.len() / 2).copied().unwrap_or_default()
}

/// From each sample to the next. Without times, screens give samples at equal times.
fn speeds(stroke: &[Sample]) -> Vec<f64> {
    let timed = stroke.windows(2).all(|pair| pair[0].time < pair[1].time && pair[0].time.is_some());
    let time = |sample: &Sample| sample.time.unwrap_or_default();
    let speed = |pair: &[Sample]| {
        let elapsed = if timed { time(&pair[1]) - time(&pair[0]) } else { 1.0 };
        (pair[1].x - pair[0].x).hypot(pair[1].y - pair[0].y) / elapsed
    };
    stroke.windows(2).map(speed).collect()
}

/// The width of the ink at every sample.
pub(super) fn widths(stroke: &[Sample], pace: f64, width: f64) -> Vec<f64> {
    let mut parts: Vec<f64> = if stroke.iter().all(|sample| sample.pressure.is_some()) {
        let pressed = stroke.iter().filter_map(|sample| sample.pressure);
        pressed.map(|pressure| THINNEST + (1.0 - THINNEST) * pressure.clamp(0.0, 1.0)).collect()
    } else {
        let speeds = speeds(stroke);
        let at = |sample: usize| {
            let around =
                speeds.get(sample.saturating_sub(1)..(sample + 1).min(speeds.len())).unwrap_or_default();
            let fastest = around.iter().copied().fold(0.0, f64::max);
            let times = if pace > 0.0 { fastest / pace } else { 0.0 };
            (1.0 - BY_SPEED * times).clamp(THINNEST, 1.0)
        };
        (0..stroke.len()).map(at).collect()
    };
    // Ink does not follow at once: twice the mean with the neighbours.
    for _ in 0..2 {
        let before = parts.clone();
        for (part, around) in parts.iter_mut().skip(1).zip(before.windows(3)) {
            *part = (around[0] + 2.0 * around[1] + around[2]) / 4.0;
        }
    }
    if let [first, .., last] = parts.as_mut_slice() {
        *first *= LANDING;
        *last *= LEAVING;
    }
    parts.iter().map(|part| part * width).collect()
}

/// Adds the outline of a curve with these widths: quadrilaterals and discs, all turned the same way, so that where they
/// overlap there is ink once.
pub(super) fn lay(curve: &[(Point, f64)], outline: &mut Outline) -> Result<(), Error> {
    let disc = |outline: &mut Outline, (at, width): (Point, f64)| {
        outline.ellipse(at, width / 2.0, width / 2.0, false);
    };
    let directions: Vec<Point> = curve.windows(2).map(|pair| direction(pair[0].0, pair[1].0)).collect();
    // At a corner each side keeps its own direction, and a disc fills what lies between.
    let corner = |at: usize| match at.checked_sub(1).and_then(|before| directions.get(before..=at)) {
        Some([a, b]) => a.x * b.x + a.y * b.y < CORNER,
        _ => true,
    };
    let across = |at: usize, side: usize| {
        let own = directions[side];
        let other = if corner(at) { own } else { directions[at + at - 1 - side] };
        let (x, y) = (own.x + other.x, own.y + other.y);
        let length = x.hypot(y);
        Point::new(-y / length, x / length)
    };
    for (at, place) in curve.iter().enumerate() {
        if corner(at) {
            disc(outline, *place);
        }
    }
    for (at, pair) in curve.windows(2).enumerate() {
        let edge = |(point, width): (Point, f64), across: Point, side: f64| {
            Point::new(point.x + across.x * width / 2.0 * side, point.y + across.y * width / 2.0 * side)
        };
        let (from, to) = (across(at, at), across(at + 1, at));
        let mut corners = [
            edge(pair[0], from, -1.0),
            edge(pair[1], to, -1.0),
            edge(pair[1], to, 1.0),
            edge(pair[0], from, 1.0),
        ];
        let area: f64 = (0..4)
            .map(|n| corners[n].x * corners[(n + 1) % 4].y - corners[(n + 1) % 4].x * corners[n].y)
            .sum();
        if area < 0.0 {
            corners.reverse();
        }
        outline.polygon(corners);
        if outline.segments().len() > MAX_SEGMENTS {
            return Err(Error::TooLarge("ink of a signature"));
        }
    }
    Ok(())
}

fn direction(from: Point, to: Point) -> Point {
    let (x, y) = (to.x - from.x, to.y - from.y);
    let length = x.hypot(y);
    if length > 0.0 { Point::new(x / length, y / length) } else { Point::new(1.0, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_and_pressed_ink_is_wider() {
        let places = [0.0, 1.0, 2.0, 3.0, 7.0, 11.0, 15.0];
        let by_place: Vec<Sample> = places.iter().map(|x| Sample::at(*x, 0.0)).collect();
        let widths_of = |stroke: &Vec<Sample>| widths(stroke, pace(std::slice::from_ref(stroke)), 1.0);
        let wide = widths_of(&by_place);
        assert!(wide[1] > wide[5] + 0.1, "{wide:?}");
        // Where time tells that the long ways took long, all was equally fast.
        let timed: Vec<Sample> = by_place.iter().map(|s| Sample { time: Some(s.x), ..*s }).collect();
        let even = widths_of(&timed);
        assert!((even[1] - even[5]).abs() < 1e-9, "{even:?}");
        let pressed: Vec<Sample> =
            by_place.iter().map(|s| Sample { pressure: Some(s.x / 15.0), ..*s }).collect();
        let rising = widths_of(&pressed);
        assert!(rising[5] > rising[1] + 0.3, "{rising:?}");
        assert!(wide.iter().chain(&even).chain(&rising).all(|width| *width > 0.0 && *width <= 1.0));
    }
}
