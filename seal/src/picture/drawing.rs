//! Drawings: outlines filled with one colour.

use tiny_skia::{FillRule, Mask, PathBuilder, Transform};

use super::number::{single, whole};
use super::{MAX_PIXELS, Picture, check_size};
use crate::error::Error;
use crate::geometry::Size;

/// Most segments of a drawing.
pub const MAX_SEGMENTS: usize = 400_000;

/// A colour of ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour {
    /// 0 to 255.
    pub red: u8,
    /// 0 to 255.
    pub green: u8,
    /// 0 to 255.
    pub blue: u8,
}

impl Colour {
    /// The red of Chinese seals.
    pub const RED: Self = Self { red: 0xE6, green: 0x1A, blue: 0x1A };
    /// Blue ink.
    pub const BLUE: Self = Self { red: 0x1F, green: 0x3F, blue: 0xB5 };
    /// Purple ink.
    pub const PURPLE: Self = Self { red: 0x7B, green: 0x1F, blue: 0xA2 };
    /// Black ink.
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0 };
}

/// A point in millimetres from the top left corner of a drawing; `y` grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Downwards.
    pub y: f64,
}

impl Point {
    /// A point.
    #[must_use]
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }
}

/// A step of an outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Segment {
    /// Begins a contour here.
    Move(Point),
    /// A straight line to there.
    Line(Point),
    /// A quadratic Bézier curve: control point, end.
    Quad(Point, Point),
    /// A cubic Bézier curve: two control points, end.
    Cubic(Point, Point, Point),
    /// Back to where the contour began.
    Close,
}

impl Segment {
    /// With all of its points moved.
    #[must_use]
    pub fn map(self, mut f: impl FnMut(Point) -> Point) -> Self {
        match self {
            Self::Move(p) => Self::Move(f(p)),
            Self::Line(p) => Self::Line(f(p)),
            Self::Quad(a, p) => Self::Quad(f(a), f(p)),
            Self::Cubic(a, b, p) => Self::Cubic(f(a), f(b), f(p)),
            Self::Close => Self::Close,
        }
    }
}

/// Closed contours that are filled together, by the rule of non-zero winding: a glyph, a ring, a star.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline(Vec<Segment>);

impl Outline {
    /// Its segments; every contour begins with [`Segment::Move`] and ends with [`Segment::Close`].
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub(super) const fn new(segments: Vec<Segment>) -> Self {
        Self(segments)
    }

    pub(super) fn map(&self, mut f: impl FnMut(Point) -> Point) -> Self {
        Self(self.0.iter().map(|segment| segment.map(&mut f)).collect())
    }

    pub(super) fn polygon(&mut self, corners: impl IntoIterator<Item = Point>) {
        let mut corners = corners.into_iter();
        if let Some(first) = corners.next() {
            self.0.push(Segment::Move(first));
            self.0.extend(corners.map(Segment::Line));
            self.0.push(Segment::Close);
        }
    }

    /// An ellipse around a centre, clockwise on the page, or the other way round to make a hole.
    pub(super) fn ellipse(&mut self, centre: Point, a: f64, b: f64, hole: bool) {
        // How far control points lie from the end of a quarter of a circle.
        const KAPPA: f64 = 0.552_284_749_830_793_6;
        let b = if hole { -b } else { b };
        let at = |x: f64, y: f64| Point::new(centre.x + x * a, centre.y + y * b);
        self.0.push(Segment::Move(at(1.0, 0.0)));
        for (x, y) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
            // The next quarter ends a right angle further.
            let (to_x, to_y) = (-y, x);
            let first = at(x + KAPPA * to_x, y + KAPPA * to_y);
            let second = at(to_x + KAPPA * x, to_y + KAPPA * y);
            self.0.push(Segment::Cubic(first, second, at(to_x, to_y)));
        }
        self.0.push(Segment::Close);
    }

    /// A rectangle around a centre, clockwise on the page, or the other way round to make a hole.
    pub(super) fn rectangle(&mut self, centre: Point, width: f64, height: f64, hole: bool) {
        let (x, y) = (width / 2.0, if hole { -height } else { height } / 2.0);
        let corners = [(-x, -y), (x, -y), (x, y), (-x, y)];
        self.polygon(corners.map(|(x, y)| Point::new(centre.x + x, centre.y + y)));
    }
}

/// Outlines filled with one colour on a transparent ground.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    size: Size,
    colour: Colour,
    paths: Vec<Outline>,
}

impl Drawing {
    pub(super) fn new(size: Size, colour: Colour, paths: Vec<Outline>) -> Result<Self, Error> {
        check_size(size)?;
        if paths.iter().map(|path| path.0.len()).sum::<usize>() > MAX_SEGMENTS {
            return Err(Error::TooLarge("segments of a drawing"));
        }
        Ok(Self { size, colour, paths })
    }

    /// In millimetres.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Of all outlines.
    #[must_use]
    pub const fn colour(&self) -> Colour {
        self.colour
    }

    /// The outlines, in millimetres, each to be filled.
    #[must_use]
    pub fn paths(&self) -> &[Outline] {
        &self.paths
    }

    /// As pixels with soft edges, `dpi` of them to an inch. The colour is the same in all of them; alpha is the ink.
    ///
    /// # Errors
    /// [`Error::Unusable`]: `dpi` is not positive; [`Error::TooLarge`]: more than [`MAX_PIXELS`].
    pub fn render(&self, dpi: f64) -> Result<Picture, Error> {
        if dpi.is_nan() || dpi <= 0.0 {
            return Err(Error::Unusable("a resolution must be positive"));
        }
        let pixels = |length: f64| whole((length / 25.4 * dpi).round()).max(1);
        let (width, height) = (pixels(self.size.width), pixels(self.size.height));
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(Error::TooLarge("pixels"));
        }
        let scale = (f64::from(width) / self.size.width, f64::from(height) / self.size.height);
        let mut ink = Mask::new(width, height).ok_or(Error::TooLarge("pixels"))?;
        for path in &self.paths {
            if let Some(path) = path.scaled(scale) {
                ink.fill_path(&path, FillRule::Winding, true, Transform::identity());
            }
        }
        let Colour { red, green, blue } = self.colour;
        let rgba = ink.data().iter().flat_map(|alpha| [red, green, blue, *alpha]).collect();
        Picture::new(self.size, width, height, rgba)
    }
}

impl Outline {
    fn scaled(&self, scale: (f64, f64)) -> Option<tiny_skia::Path> {
        let at = |p: &Point| (single(p.x * scale.0), single(p.y * scale.1));
        let mut path = PathBuilder::with_capacity(self.0.len(), self.0.len() * 2);
        for segment in &self.0 {
            match segment {
                Segment::Move(p) => {
                    let (x, y) = at(p);
                    path.move_to(x, y);
                }
                Segment::Line(p) => {
                    let (x, y) = at(p);
                    path.line_to(x, y);
                }
                Segment::Quad(a, p) => {
                    let ((ax, ay), (x, y)) = (at(a), at(p));
                    path.quad_to(ax, ay, x, y);
                }
                Segment::Cubic(a, b, p) => {
                    let ((ax, ay), (bx, by), (x, y)) = (at(a), at(b), at(p));
                    path.cubic_to(ax, ay, bx, by, x, y);
                }
                Segment::Close => path.close(),
            }
        }
        path.finish()
    }
}
