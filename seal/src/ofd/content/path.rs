//! Outlines in their short form.

use super::super::matrix::number;

/// A part of an outline. Points are in the coordinates of the object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segment {
    /// Goes to a point without a line.
    Move([f64; 2]),
    /// A line.
    Line([f64; 2]),
    /// A quadratic Bézier curve: control point, end.
    Quadratic([f64; 4]),
    /// A cubic Bézier curve: two control points, end.
    Cubic([f64; 6]),
    /// A part of an ellipse, as in SVG: both radii, the turn of its axis in degrees, whether the long way is taken, whether
    /// clockwise, the end.
    Arc {
        /// Along both axes.
        radii: [f64; 2],
        /// In degrees, clockwise.
        angle: f64,
        /// The longer one of two arcs.
        large: bool,
        /// Clockwise.
        sweep: bool,
        /// Where it ends.
        end: [f64; 2],
    },
    /// Back to where the outline began.
    Close,
}

/// Reads `AbbreviatedData`, up to the first thing that is none. Source: GB/T 33190-2016, table 35.
pub(super) fn parse(data: &str) -> Vec<Segment> {
    let mut words = data.split_whitespace();
    let mut segments = Vec::new();
    while let Some(word) = words.next() {
        let segment = match word {
            "S" | "M" => take(&mut words).map(Segment::Move),
            "L" => take(&mut words).map(Segment::Line),
            "Q" => take(&mut words).map(Segment::Quadratic),
            "B" => take(&mut words).map(Segment::Cubic),
            "A" => take(&mut words).map(|[x, y, angle, large, sweep, end_x, end_y]| Segment::Arc {
                radii: [x, y],
                angle,
                large: large != 0.0,
                sweep: sweep != 0.0,
                end: [end_x, end_y],
            }),
            "C" => Some(Segment::Close),
            _ => None,
        };
        let Some(segment) = segment else { break };
        if segment != Segment::Close || segments.last() != Some(&Segment::Close) {
            segments.push(segment);
        }
    }
    segments
}

fn take<'a, const N: usize>(words: &mut impl Iterator<Item = &'a str>) -> Option<[f64; N]> {
    let numbers: Vec<f64> = words.take(N).map(number).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines_are_read_up_to_what_is_none() {
        let data = "M 1 2 L 3 4\nQ 1 1 2 2 B 1 1 2 2 3 3 A 5 6 90 1 0 7 8 C X L 9 9";
        let arc = Segment::Arc { radii: [5.0, 6.0], angle: 90.0, large: true, sweep: false, end: [7.0, 8.0] };
        let all = [
            Segment::Move([1.0, 2.0]),
            Segment::Line([3.0, 4.0]),
            Segment::Quadratic([1.0, 1.0, 2.0, 2.0]),
            Segment::Cubic([1.0, 1.0, 2.0, 2.0, 3.0, 3.0]),
            arc,
            Segment::Close,
        ];
        assert_eq!(parse(data), all);
        assert_eq!(parse("S 1 2 L 3"), [Segment::Move([1.0, 2.0])]);
        assert_eq!(parse("M 1 x L 3 4"), []);
        assert_eq!(parse("C C C"), [Segment::Close]);
    }
}
