//! Which of the ink is the seal.

use super::ink::Separated;
use super::plane::{Area, Plane};

/// Cells along the longer side: what is near is told in cells.
const CELLS: usize = 512;
/// The share of a cell that must be ink.
const INKED: usize = 10;
/// Ink this many cells apart, twice, is one piece.
const NEAR: usize = 2;
/// Pieces with less than this share of the largest, in thousandths, are specks.
const SPECK: usize = 4;
/// Most pieces that are looked at, the largest first.
const MAX_PIECES: usize = 200;
/// How much longer than wide seals are at most.
const LONGEST: usize = 3;
/// A part of the line of a seal is at most this part of its side away.
const BESIDE: usize = 4;
/// Another piece with this share of the ink of the seal, in tenths, is another seal.
const OTHER: usize = 3;

/// A seal on a photo.
pub(super) struct Found {
    /// Around it, in pixels, with a little paper.
    pub(super) area: Area,
    /// There is another one.
    pub(super) several: bool,
    /// Its ink reaches the border of the photo.
    pub(super) at_border: bool,
    cell: usize,
    /// The cells on and beside its ink.
    cells: Plane,
}

impl Found {
    /// Whether what is in a pixel of the photo belongs to it.
    pub(super) fn belongs(&self, x: usize, y: usize) -> bool {
        self.cells.at(x / self.cell, y / self.cell) > 0
    }
}

struct Piece {
    area: Area,
    ink: usize,
    labels: Vec<usize>,
}

impl Piece {
    fn whole(&self) -> Self {
        Self { area: self.area, ink: self.ink, labels: self.labels.clone() }
    }

    fn is_long(&self) -> bool {
        let (width, height) = (self.area.width(), self.area.height());
        width.max(height) > LONGEST * width.min(height)
    }

    /// Whether it is a part of the line around a seal, where that has gaps: thin, beside it and not beyond its ends.
    fn is_line_of(&self, seal: &Self) -> bool {
        let (own, all) = (&self.area, &seal.area);
        let far = |low: usize, high: usize, all_low: usize, all_high: usize| {
            low.saturating_sub(all_high).max(all_low.saturating_sub(high))
        };
        let across = far(own.left, own.right, all.left, all.right);
        let down = far(own.top, own.bottom, all.top, all.bottom);
        let within_columns = own.left >= all.left && own.right <= all.right && down * BESIDE <= all.height();
        let within_rows = own.top >= all.top && own.bottom <= all.bottom && across * BESIDE <= all.width();
        self.is_long() && (within_columns || within_rows)
    }
}

/// The largest piece of ink that has the sides of a seal.
pub(super) fn find(ink: &Separated) -> Option<Found> {
    let (width, height) = (ink.colour.width(), ink.colour.height());
    let cell = width.max(height).div_ceil(CELLS).max(1);
    let (columns, rows) = (width.div_ceil(cell), height.div_ceil(cell));
    let mut counts = vec![0usize; columns * rows];
    for (y, (colours, darks)) in ink.colour.rows().zip(ink.dark.rows()).enumerate() {
        for (x, (colour, dark)) in colours.iter().zip(darks).enumerate() {
            counts[y / cell * columns + x / cell] += usize::from(*dark == 0 && ink.is_ink(*colour));
        }
    }
    let mut inked = Plane::new(columns, rows, 0);
    for (cell_value, count) in inked.values_mut().iter_mut().zip(&counts) {
        *cell_value = if *count * INKED > cell * cell { 255 } else { 0 };
    }
    let near = inked.grown(NEAR, 255);
    let (labels, mut pieces) = pieces(&near, &inked, &counts);
    pieces.sort_by_key(|piece| core::cmp::Reverse(piece.ink));
    let largest = pieces.first()?.ink;
    pieces.retain(|piece| piece.ink * 1000 >= largest * SPECK);
    pieces.truncate(MAX_PIECES);
    let (lines, mut pieces): (Vec<_>, Vec<_>) = joined(pieces).into_iter().partition(Piece::is_long);
    pieces.sort_by_key(|piece| core::cmp::Reverse(piece.ink));
    let mut seal = pieces.first()?.whole();
    for part in lines.iter().filter(|line| pieces.first().is_some_and(|seal| line.is_line_of(seal))) {
        seal.area = seal.area.join(&part.area);
        seal.labels.extend(&part.labels);
    }
    let several = pieces.iter().skip(1).any(|piece| piece.ink * 10 >= seal.ink * OTHER);

    let mut cells = Plane::new(columns, rows, 0);
    for (cell_value, label) in cells.values_mut().iter_mut().zip(&labels) {
        *cell_value = if seal.labels.contains(label) { 255 } else { 0 };
    }
    let area = Area {
        left: (seal.area.left * cell).saturating_sub(NEAR * cell),
        top: (seal.area.top * cell).saturating_sub(NEAR * cell),
        right: ((seal.area.right + NEAR) * cell).min(width),
        bottom: ((seal.area.bottom + NEAR) * cell).min(height),
    };
    let mut found = Found { area, several, at_border: false, cell, cells };
    let on =
        |x: usize, y: usize| found.belongs(x, y) && ink.dark.at(x, y) == 0 && ink.is_ink(ink.colour.at(x, y));
    let side = (0..width).filter(|x| on(*x, 0) || on(*x, height - 1)).count()
        + (0..height).filter(|y| on(0, *y) || on(width - 1, *y)).count();
    found.at_border = side > 2;
    Some(found)
}

/// A label for every cell (0: none), and the pieces.
fn pieces(near: &Plane, inked: &Plane, counts: &[usize]) -> (Vec<usize>, Vec<Piece>) {
    let (columns, rows) = (near.width(), near.height());
    let mut labels = vec![0usize; columns * rows];
    let mut pieces = Vec::new();
    for start in 0..labels.len() {
        if labels[start] != 0 || near.values()[start] == 0 {
            continue;
        }
        let label = pieces.len() + 1;
        let mut piece = Piece {
            area: Area { left: usize::MAX, top: usize::MAX, right: 0, bottom: 0 },
            ink: 0,
            labels: vec![label],
        };
        labels[start] = label;
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            let (x, y) = (at % columns, at / columns);
            if inked.values()[at] > 0 {
                piece.ink += counts[at];
                piece.area = piece.area.join(&Area { left: x, top: y, right: x + 1, bottom: y + 1 });
            }
            let beside = [
                at.checked_sub(1).filter(|_| x > 0),
                Some(at + 1).filter(|_| x + 1 < columns),
                at.checked_sub(columns),
                Some(at + columns).filter(|_| y + 1 < rows),
            ];
            for next in beside.into_iter().flatten() {
                if labels[next] == 0 && near.values()[next] > 0 {
                    labels[next] = label;
                    open.push(next);
                }
            }
        }
        pieces.push(piece);
    }
    (labels, pieces)
}

/// Pieces whose areas meet are one: what lies inside of an outline belongs to it.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut done: Vec<Piece> = Vec::new();
    for mut piece in pieces {
        while let Some(at) = done.iter().position(|other| other.area.meets(&piece.area)) {
            let other = done.swap_remove(at);
            piece.area = piece.area.join(&other.area);
            piece.ink += other.ink;
            piece.labels.extend(other.labels);
        }
        done.push(piece);
    }
    done
}
