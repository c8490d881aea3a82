//! One number for each pixel.

/// Rows of bytes, never without any.
#[derive(Clone, Debug)]
pub(super) struct Plane {
    width: usize,
    values: Vec<u8>,
}

/// A part of a plane: from (`left`, `top`), to below (`right`, `bottom`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) right: usize,
    pub(super) bottom: usize,
}

impl Area {
    pub(super) const fn width(&self) -> usize {
        self.right - self.left
    }

    pub(super) const fn height(&self) -> usize {
        self.bottom - self.top
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    pub(super) fn join(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }
}

impl Plane {
    pub(super) fn new(width: usize, height: usize, value: u8) -> Self {
        Self { width: width.max(1), values: vec![value; width.max(1) * height.max(1)] }
    }

    pub(super) const fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.values.len() / self.width
    }

    pub(super) fn values(&self) -> &[u8] {
        &self.values
    }

    pub(super) fn values_mut(&mut self) -> &mut [u8] {
        &mut self.values
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.values.chunks_exact(self.width)
    }

    /// 0 outside.
    pub(super) fn at(&self, x: usize, y: usize) -> u8 {
        let row = self.values.get(y.saturating_mul(self.width)..).unwrap_or_default();
        if x < self.width { row.get(x).copied().unwrap_or(0) } else { 0 }
    }

    /// The part inside of an area that lies inside of the plane.
    pub(super) fn crop(&self, area: Area) -> Self {
        let mut part = Self::new(area.width(), area.height(), 0);
        for (to, from) in part.values.chunks_exact_mut(part.width).zip(self.rows().skip(area.top)) {
            if let Some(from) = from.get(area.left..area.left + to.len()) {
                to.copy_from_slice(from);
            }
        }
        part
    }

    /// 255 where any value in the square of this radius is at least `from`, else 0.
    pub(super) fn grown(&self, radius: usize, from: u8) -> Self {
        let mut across = Self::new(self.width, self.height(), 0);
        for (to, row) in across.values.chunks_exact_mut(self.width).zip(self.rows()) {
            spread(row.iter().map(|value| *value >= from), radius, |x| to[x] = 255);
        }
        let mut grown = Self::new(self.width, self.height(), 0);
        for x in 0..self.width {
            let column = across.values.iter().skip(x).step_by(self.width).map(|value| *value > 0);
            spread(column, radius, |y| grown.values[y * self.width + x] = 255);
        }
        grown
    }
}

/// Calls `mark` for every place at most `radius` from one that is set.
fn spread(set: impl ExactSizeIterator<Item = bool>, radius: usize, mut mark: impl FnMut(usize)) {
    let (count, mut next) = (set.len(), 0);
    for (at, set) in set.enumerate() {
        if set {
            let end = (at + radius + 1).min(count);
            for place in next.max(at.saturating_sub(radius))..end {
                mark(place);
            }
            next = next.max(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_grow_by_squares() {
        let mut plane = Plane::new(9, 7, 0);
        plane.values_mut()[2 * 9 + 8] = 200;
        plane.values_mut()[3 * 9 + 2] = 199;
        let grown = plane.grown(2, 200);
        for (at, value) in grown.values().iter().enumerate() {
            let (x, y) = (at % 9, at / 9);
            assert_eq!(*value == 255, x >= 6 && y <= 4, "{x} {y}");
        }
    }

    #[test]
    fn parts_are_cut_out() {
        let mut plane = Plane::new(4, 3, 0);
        plane.values_mut().copy_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        let part = plane.crop(Area { left: 1, top: 1, right: 3, bottom: 3 });
        assert_eq!((part.width(), part.height(), part.values()), (2, 2, &[5, 6, 9, 10][..]));
        assert_eq!((plane.at(3, 2), plane.at(4, 0), plane.at(0, 3)), (11, 0, 0));
    }
}
