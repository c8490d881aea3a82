//! Paths.

use hayro_interpret::kurbo::{Arc, PathEl, Point, SvgArc, Vec2};
use tiny_skia::{PathBuilder, PathSegment, Point as Pixel, Transform};

/// A piece of a path, from where the last one ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segment {
    /// Begins anew here.
    Move(f64, f64),
    /// A straight line to here.
    Line(f64, f64),
    /// A curve with one control point, which comes first.
    Quadratic([f64; 4]),
    /// A curve with two control points, which come first.
    Cubic([f64; 6]),
    /// A part of an ellipse.
    Arc {
        /// Halves of its axes.
        radii: (f64, f64),
        /// Degrees by which the axes are turned clockwise.
        rotation: f64,
        /// The longer way.
        large: bool,
        /// Clockwise.
        clockwise: bool,
        /// Where it ends.
        to: (f64, f64),
    },
    /// Back to where the path began.
    Close,
}

/// How far a curve for a part of an ellipse may be off, in parts of its radius.
const PRECISION: f64 = 1e-4;

/// How the renderer has numbers.
#[expect(clippy::cast_possible_truncation, reason = "seven digits are enough for pixels")]
pub(super) const fn single(value: f64) -> f32 {
    value as f32
}

/// A path as the renderer has it, and its length. `None`: nothing to draw, or numbers that are none.
pub(super) fn build(segments: &[Segment]) -> Option<(tiny_skia::Path, f64)> {
    let mut path = PathBuilder::new();
    let (mut at, mut start) = (Point::ZERO, Point::ZERO);
    let mut length = 0.0;
    for segment in segments {
        let points: &[f64] = match segment {
            Segment::Move(x, y) | Segment::Line(x, y) => &[*x, *y],
            Segment::Quadratic(points) => points,
            Segment::Cubic(points) => points,
            Segment::Arc { to, .. } => &[to.0, to.1],
            Segment::Close => &[start.x, start.y],
        };
        let before = at;
        for pair in points.as_chunks::<2>().0 {
            let next = Point::new(pair[0], pair[1]);
            length += if matches!(segment, Segment::Move(..)) { 0.0 } else { (next - at).length() };
            at = next;
        }
        match *segment {
            Segment::Move(x, y) => {
                start = at;
                path.move_to(single(x), single(y));
            }
            Segment::Line(x, y) => path.line_to(single(x), single(y)),
            Segment::Quadratic([a, b, x, y]) => path.quad_to(single(a), single(b), single(x), single(y)),
            Segment::Cubic([a, b, c, d, x, y]) => {
                path.cubic_to(single(a), single(b), single(c), single(d), single(x), single(y));
            }
            Segment::Arc { radii, rotation, large, clockwise, to: _ } => {
                let arc = SvgArc {
                    from: before,
                    to: at,
                    radii: Vec2::new(radii.0.abs(), radii.1.abs()),
                    x_rotation: rotation.to_radians(),
                    large_arc: large,
                    sweep: clockwise,
                };
                match Arc::from_svg_arc(&arc) {
                    Some(arc) => {
                        let radius = arc.radii.x.max(arc.radii.y);
                        length += radius * core::f64::consts::TAU;
                        for curve in arc.append_iter(PRECISION * radius) {
                            if let PathEl::CurveTo(a, b, to) = curve {
                                path.cubic_to(
                                    single(a.x),
                                    single(a.y),
                                    single(b.x),
                                    single(b.y),
                                    single(to.x),
                                    single(to.y),
                                );
                            }
                        }
                    }
                    // An ellipse of no width is a line.
                    None => path.line_to(single(at.x), single(at.y)),
                }
            }
            Segment::Close => path.close(),
        }
    }
    path.finish().map(|path| (path, length))
}

/// How far from the paper the renderer counts, in pixels; beyond, it takes long and counts wrongly.
const REACH: f32 = 30_000.0;

/// Whether nothing of a path is out of reach.
pub(super) fn within_reach(path: &tiny_skia::Path, on_paper: Transform) -> bool {
    let bounds = path.bounds().transform(on_paper);
    bounds.is_some_and(|at| {
        [at.left(), at.top(), at.right(), at.bottom()].iter().all(|side| side.abs() <= REACH)
    })
}

/// An area in pixels whose points out of reach are moved to where they still count. `None`: nothing to paint.
pub(super) fn moved_within_reach(path: &tiny_skia::Path, on_paper: Transform) -> Option<tiny_skia::Path> {
    let moved = |mut point: Pixel| {
        on_paper.map_point(&mut point);
        let side = |value: f32| if value.is_nan() { 0.0 } else { value.clamp(-REACH, REACH) };
        Pixel::from_xy(side(point.x), side(point.y))
    };
    let mut near = PathBuilder::new();
    for segment in path.segments() {
        match segment {
            PathSegment::MoveTo(to) => {
                let to = moved(to);
                near.move_to(to.x, to.y);
            }
            PathSegment::LineTo(to) => {
                let to = moved(to);
                near.line_to(to.x, to.y);
            }
            PathSegment::QuadTo(by, to) => {
                let (by, to) = (moved(by), moved(to));
                near.quad_to(by.x, by.y, to.x, to.y);
            }
            PathSegment::CubicTo(first, second, to) => {
                let (first, second, to) = (moved(first), moved(second), moved(to));
                near.cubic_to(first.x, first.y, second.x, second.y, to.x, to.y);
            }
            PathSegment::Close => near.close(),
        }
    }
    near.finish()
}
