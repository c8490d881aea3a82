//! Seals drawn from a few words, with the proportions that seals have in China.
//!
//! Sources: the rules of the State Council on seals (国发〔1999〕25号: round, a star in the middle, the name around it from
//! left to right, 宋体), and of the tax administration on invoice seals (公告 2011年第7号: oval, 40 by 30 mm, line 1 mm).

mod curve;
mod text;

use super::drawing::{Colour, Drawing, Outline, Point};
use super::font::Font;
use crate::error::Error;
use crate::geometry::Size;
use curve::Curve;
use text::{Along, Line};

/// Most characters of one text of a seal.
pub const MAX_TEXT: usize = 60;
/// Shortest side of a seal, in millimetres.
const MIN_SIDE: f64 = 5.0;
/// Longest side of a seal, in millimetres.
const MAX_SIDE: f64 = 200.0;

/// The outline of a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A circle (an ellipse, if its sides differ) with text along it: company, contract and finance seals.
    Round,
    /// An ellipse with text along it that leaves room for a number in the middle: invoice seals.
    Oval,
    /// A square with the name of a person in columns from right to left: seals of legal representatives.
    Square,
    /// A rectangle with a name in one line: personal seals.
    Strip,
}

/// What stands in the middle of a round or oval seal.
#[derive(Clone, Debug, PartialEq)]
pub enum Centre {
    /// Nothing.
    Empty,
    /// A five-pointed star of this diameter, in millimetres.
    Star(f64),
    /// Text in one line: the number of a taxpayer.
    Text(String),
}

/// What a seal shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    shape: Shape,
    size: Size,
    line_width: f64,
    colour: Colour,
    text: String,
    centre: Centre,
    line: String,
    code: String,
}

impl Template {
    const fn new(shape: Shape, size: (f64, f64), line_width: f64, text: String, centre: Centre) -> Self {
        let size = Size { width: size.0, height: size.1 };
        Self {
            shape,
            size,
            line_width,
            colour: Colour::RED,
            text,
            centre,
            line: String::new(),
            code: String::new(),
        }
    }

    /// The seal of a company or an institution: 42 mm, a line of 1.2 mm, a star of 14 mm, the name around it.
    #[must_use]
    pub fn round(name: impl Into<String>) -> Self {
        Self::new(Shape::Round, (42.0, 42.0), 1.2, name.into(), Centre::Star(14.0))
    }

    /// The seal for invoices: 40 by 30 mm, a line of 1 mm, the name along it; see [`Centre::Text`] and [`Self::line`].
    #[must_use]
    pub fn oval(name: impl Into<String>) -> Self {
        Self::new(Shape::Oval, (40.0, 30.0), 1.0, name.into(), Centre::Empty)
    }

    /// The seal of a legal representative: 20 mm, the name in columns from right to left. 印 or 之印 fills what is left.
    #[must_use]
    pub fn square(name: impl Into<String>) -> Self {
        Self::new(Shape::Square, (20.0, 20.0), 1.0, name.into(), Centre::Empty)
    }

    /// The seal of a person: 18 by 8 mm, the name in one line from left to right.
    #[must_use]
    pub fn strip(name: impl Into<String>) -> Self {
        Self::new(Shape::Strip, (18.0, 8.0), 0.6, name.into(), Centre::Empty)
    }

    /// With these sides, in millimetres.
    #[must_use]
    pub const fn size(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// With a line of this width around it, in millimetres.
    #[must_use]
    pub const fn line_width(mut self, line_width: f64) -> Self {
        self.line_width = line_width;
        self
    }

    /// In this colour.
    #[must_use]
    pub const fn colour(mut self, colour: Colour) -> Self {
        self.colour = colour;
        self
    }

    /// With this in the middle. Round and oval seals only.
    #[must_use]
    pub fn centre(mut self, centre: Centre) -> Self {
        self.centre = centre;
        self
    }

    /// With a line of text below the middle, such as 合同专用章. Round and oval seals only.
    #[must_use]
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.line = line.into();
        self
    }

    /// With the code under which the seal is on record along the lower edge: 13 digits. Round and oval seals only.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Draws it.
    ///
    /// # Errors
    /// [`Error::MissingGlyph`]: the font lacks a character. [`Error::Unusable`]: text that is empty or does not fit, sides
    /// that no seal has, a line too wide for them, something that seals of this shape do not show. [`Error::TooLarge`]:
    /// more than [`MAX_TEXT`] characters. [`Error::Malformed`]: the font is damaged.
    pub fn draw(&self, font: &Font) -> Result<Drawing, Error> {
        self.check()?;
        let middle = Point::new(self.size.width / 2.0, self.size.height / 2.0);
        let mut border = Outline::default();
        let (a, b) = (middle.x - self.line_width, middle.y - self.line_width);
        match self.shape {
            Shape::Round | Shape::Oval => {
                border.ellipse(middle, middle.x, middle.y, false);
                border.ellipse(middle, a, b, true);
            }
            Shape::Square | Shape::Strip => {
                border.rectangle(middle, self.size.width, self.size.height, false);
                border.rectangle(middle, 2.0 * a, 2.0 * b, true);
            }
        }
        let mut paths = vec![border];
        match self.shape {
            Shape::Round | Shape::Oval => self.around(font, middle, (a, b), &mut paths)?,
            Shape::Square => self.columns(font, middle, (a, b), &mut paths)?,
            Shape::Strip => {
                let line = Line { middle, width: 1.8 * a, height: 1.62 * b, widest: 1.1 };
                paths.extend(line.set(font, &self.text)?);
            }
        }
        Drawing::new(self.size, self.colour, paths)
    }

    fn check(&self) -> Result<(), Error> {
        let (width, height) = (self.size.width, self.size.height);
        let fits = |side: f64| (MIN_SIDE..=MAX_SIDE).contains(&side);
        if !(fits(width) && fits(height)) {
            return Err(Error::Unusable("a seal has sides of 5 to 200 mm"));
        }
        if !(self.line_width > 0.0 && self.line_width <= width.min(height) / 8.0) {
            return Err(Error::Unusable("the line of a seal has a width, at most an eighth of its sides"));
        }
        if self.text.trim().is_empty() {
            return Err(Error::Unusable("a seal needs a name"));
        }
        let ring = matches!(self.shape, Shape::Round | Shape::Oval);
        let more = !self.line.is_empty() || !self.code.is_empty() || self.centre != Centre::Empty;
        if more && !ring {
            return Err(Error::Unusable("a name seal shows a name only"));
        }
        let centre = match &self.centre {
            Centre::Text(text) => text.as_str(),
            Centre::Empty => "",
            Centre::Star(diameter) if *diameter > 0.0 && *diameter <= width.min(height) / 2.0 => "",
            Centre::Star(_) => {
                return Err(Error::Unusable("a star has a diameter, at most half of the sides"));
            }
        };
        if [self.text.as_str(), &self.line, &self.code, centre]
            .iter()
            .any(|text| text.chars().count() > MAX_TEXT)
        {
            return Err(Error::TooLarge("characters of a seal"));
        }
        Ok(())
    }

    /// All inside of a line that is an ellipse of half axes `a` and `b` within.
    fn around(
        &self,
        font: &Font,
        middle: Point,
        (a, b): (f64, f64),
        paths: &mut Vec<Outline>,
    ) -> Result<(), Error> {
        let oval = self.shape == Shape::Oval;
        let narrow = a.min(b);
        let ring = Along {
            curve: |inset| Curve::new(middle, a, b, inset),
            gap: narrow * if oval { 0.045 } else { 0.05 },
            tallest: narrow * if oval { 0.29 } else { 0.30 },
            widest: if oval { 0.78 } else { 0.92 },
            share: match (oval, self.line.is_empty()) {
                (true, _) => 0.62,
                (false, true) => 0.72,
                (false, false) => 0.65,
            },
        };
        paths.extend(ring.set(font, self.text.trim())?);
        match &self.centre {
            Centre::Empty => {}
            Centre::Star(diameter) => paths.push(star(middle, diameter / 2.0)),
            Centre::Text(text) => {
                let line = Line { middle, width: 1.32 * a, height: 0.27 * b, widest: 0.9 };
                paths.extend(line.set(font, text)?);
            }
        }
        if !self.line.is_empty() {
            let (down, width, height) = if oval { (0.54, 0.95, 0.33) } else { (0.53, 0.98, 0.22) };
            let middle = Point::new(middle.x, middle.y + down * b);
            paths.extend(
                Line { middle, width: width * a, height: height * b, widest: 0.82 }.set(font, &self.line)?,
            );
        }
        if !self.code.is_empty() {
            let height = narrow * 0.08;
            paths.extend(text::code(font, &self.code, height, |inset| Curve::new(middle, a, b, inset))?);
        }
        Ok(())
    }

    /// A name in columns inside of a rectangle of half sides `a` and `b`.
    fn columns(
        &self,
        font: &Font,
        middle: Point,
        (a, b): (f64, f64),
        paths: &mut Vec<Outline>,
    ) -> Result<(), Error> {
        let mut name: Vec<char> = self.text.trim().chars().collect();
        let (columns, rows, fill) = match name.len() {
            2 => (2, 2, "之印"),
            3 => (2, 2, "印"),
            4 => (2, 2, ""),
            5 => (2, 3, "印"),
            6 => (2, 3, ""),
            7 => (3, 3, "之印"),
            8 => (3, 3, "印"),
            9 => (3, 3, ""),
            _ => return Err(Error::Unusable("a square seal takes a name of 2 to 9 characters")),
        };
        name.extend(fill.chars());
        // Room between line and name, as wide as half of the line.
        let (a, b) = (a - self.line_width / 2.0, b - self.line_width / 2.0);
        let (width, height) = (2.0 * a / f64::from(columns), 2.0 * b / f64::from(rows));
        let mut cells = (0..columns).flat_map(|column| (0..rows).map(move |row| (column, row)));
        for character in name {
            let Some((column, row)) = cells.next() else { break };
            let x = middle.x + a - (f64::from(column) + 0.5) * width;
            let y = middle.y - b + (f64::from(row) + 0.5) * height;
            let glyph = font.glyph(character)?;
            paths.push(glyph.outline.map(|p| Point::new(x + p.x * width, y + p.y * height)));
        }
        Ok(())
    }
}

/// A five-pointed star, one point up, in a circle.
fn star(middle: Point, radius: f64) -> Outline {
    // Where the edges of a pentagram meet: the square of the golden ratio further in.
    const INNER: f64 = 0.381_966_011_250_105;
    let corners = (0..10).map(|corner| {
        let radius = if corner % 2 == 0 { radius } else { radius * INNER };
        let (sin, cos) = (f64::from(corner) * core::f64::consts::PI / 5.0).sin_cos();
        Point::new(middle.x + radius * sin, middle.y - radius * cos)
    });
    let mut star = Outline::default();
    star.polygon(corners);
    star
}
