//! Lengths on a page: millimetres, from the top left corner of the page as it is shown.

/// Points (1/72 inch, the unit of PDF) in a millimetre.
pub const POINTS_PER_MM: f64 = 72.0 / 25.4;

/// Width and height, in millimetres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// A rectangle, in millimetres; `x` grows to the right and `y` downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Rect {
    /// The rectangle of this size around a centre.
    #[must_use]
    pub fn around(x: f64, y: f64, size: Size) -> Self {
        Self { x: x - size.width / 2.0, y: y - size.height / 2.0, width: size.width, height: size.height }
    }

    /// Its centre.
    #[must_use]
    pub fn centre(&self) -> (f64, f64) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// What two rectangles have in common; `None` if nothing.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let width = (self.x + self.width).min(other.x + other.width) - x;
        let height = (self.y + self.height).min(other.y + other.height) - y;
        (width > 0.0 && height > 0.0).then_some(Self { x, y, width, height })
    }
}

/// One appearance of a seal in a document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stamp {
    /// The page, from 0.
    pub page: usize,
    /// Where the whole picture lies on the page, parts that `clip` takes away counted.
    pub area: Rect,
    /// The part of the picture that shows, from the top left corner of the picture; `None`: all of it.
    pub clip: Option<Rect>,
}

impl Stamp {
    /// Where something shows on the page.
    #[must_use]
    pub fn visible(&self) -> Rect {
        self.clip.map_or(self.area, |clip| Rect { x: self.area.x + clip.x, y: self.area.y + clip.y, ..clip })
    }
}
