//! Pages: their sizes as they are shown, and the way from millimetres on them to the units of the file.
//!
//! Source: ISO 32000-2:2020, 7.7.3.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

use crate::error::Error;
use crate::geometry::{POINTS_PER_MM, Rect, Size};

use super::document::Document;
use super::object::{Dictionary, Object, Reference};

/// Most pages of a document.
pub const MAX_PAGES: usize = 100_000;

/// Deepest tree of pages.
const MAX_TREE: usize = 64;

/// What a page measures if it does not say so: US letter, as readers take it.
const LETTER: [f64; 4] = [0.0, 0.0, 612.0, 792.0];

/// A page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Page {
    /// The object.
    pub id: Reference,
    /// The part of user space that is shown: left, bottom, right, top.
    pub shown: [f64; 4],
    /// By how much it is turned clockwise when it is shown: 0, 90, 180 or 270 degrees.
    pub rotate: u16,
    /// Points that a unit of user space has.
    pub user_unit: f64,
}

impl Page {
    /// Its size as it is shown.
    #[must_use]
    pub fn size(&self) -> Size {
        let (width, height) = self.turned();
        Size { width: width / self.units_per_mm(), height: height / self.units_per_mm() }
    }

    /// Units of user space in a millimetre.
    #[must_use]
    pub fn units_per_mm(&self) -> f64 {
        POINTS_PER_MM / self.user_unit
    }

    /// The matrix from points of the shown page, in millimetres from the top left and downwards, to user space: `[a b c d e
    /// f]` as PDF writes it.
    #[must_use]
    pub fn to_user_space(&self) -> [f64; 6] {
        let [left, bottom, right, top] = self.shown;
        let unit = self.units_per_mm();
        match self.rotate {
            90 => [0.0, unit, unit, 0.0, left, bottom],
            180 => [-unit, 0.0, 0.0, unit, right, bottom],
            270 => [0.0, -unit, -unit, 0.0, right, top],
            _ => [unit, 0.0, 0.0, -unit, left, top],
        }
    }

    /// A rectangle of the shown page in user space: left, bottom, right, top.
    #[must_use]
    pub fn rect_to_user_space(&self, rect: Rect) -> [f64; 4] {
        let [a, b, c, d, e, f] = self.to_user_space();
        let point = |x: f64, y: f64| (a * x + c * y + e, b * x + d * y + f);
        let (one, other) = (point(rect.x, rect.y), point(rect.x + rect.width, rect.y + rect.height));
        [one.0.min(other.0), one.1.min(other.1), one.0.max(other.0), one.1.max(other.1)]
    }

    /// A rectangle of user space on the shown page.
    #[must_use]
    pub fn rect_from_user_space(&self, [left, bottom, right, top]: [f64; 4]) -> Rect {
        let [a, b, c, d, e, f] = self.to_user_space();
        let determinant = a * d - b * c;
        let point = |x: f64, y: f64| {
            let (x, y) = (x - e, y - f);
            ((d * x - c * y) / determinant, (a * y - b * x) / determinant)
        };
        let (one, other) = (point(left, bottom), point(right, top));
        Rect {
            x: one.0.min(other.0),
            y: one.1.min(other.1),
            width: (one.0 - other.0).abs(),
            height: (one.1 - other.1).abs(),
        }
    }

    /// Width and height in units of user space, as it is shown.
    fn turned(&self) -> (f64, f64) {
        let [left, bottom, right, top] = self.shown;
        if self.rotate.is_multiple_of(180) {
            (right - left, top - bottom)
        } else {
            (top - bottom, right - left)
        }
    }
}

/// What nodes of the tree hand down.
#[derive(Clone, Default)]
struct Inherited {
    media_box: Option<[f64; 4]>,
    crop_box: Option<[f64; 4]>,
    rotate: Option<f64>,
}

impl<R: Read + Seek> Document<R> {
    /// The pages in order.
    ///
    /// # Errors
    /// As [`Document::pages_at`].
    pub fn pages(&mut self) -> Result<Vec<Page>, Error> {
        self.pages_at(self.newest())
    }

    /// The pages as they were in a revision.
    ///
    /// # Errors
    /// As [`Document::object`]; also [`Error::TooLarge`]: more than [`MAX_PAGES`]; [`Error::Malformed`]: a tree that is none.
    pub fn pages_at(&mut self, revision: usize) -> Result<Vec<Page>, Error> {
        let (_, catalog) = self.catalog_at(revision)?;
        let root = catalog.reference("Pages").ok_or(Error::Malformed("there are no pages"))?;
        let mut pages: Vec<Page> = Vec::new();
        let mut nodes = HashSet::new();
        let mut known: HashMap<u32, Page> = HashMap::new();
        let mut open = vec![(root, 0, Inherited::default())];
        while let Some((id, depth, inherited)) = open.pop() {
            if let Some(page) = known.get(&id.number) {
                pages.push(*page);
            } else {
                let Object::Dictionary(node) = self.object_at(revision, id)? else {
                    return Err(Error::Malformed("a page is not there"));
                };
                let inherited = self.inherit(revision, &node, &inherited)?;
                let kids = self.get_at(revision, &node, "Kids")?;
                if let Some(kids) = kids.as_array().filter(|_| node.name("Type") != Some(b"Page")) {
                    if !nodes.insert(id.number) || depth >= MAX_TREE {
                        return Err(Error::Malformed("pages go in a circle"));
                    }
                    for kid in kids.iter().rev() {
                        let kid = kid.as_reference().ok_or(Error::Malformed("a page is not there"))?;
                        open.push((kid, depth + 1, inherited.clone()));
                    }
                } else if !node.is_type("Page") {
                    return Err(Error::Malformed("a page is not there"));
                } else {
                    let page = self.page(revision, id, &node, &inherited)?;
                    known.insert(id.number, page);
                    pages.push(page);
                }
            }
            if pages.len() > MAX_PAGES || open.len() > 4 * MAX_PAGES {
                return Err(Error::TooLarge("pages"));
            }
        }
        if pages.is_empty() {
            return Err(Error::Malformed("there are no pages"));
        }
        Ok(pages)
    }

    /// The value of a name in a page, or else in the nodes above it; [`Object::Null`] if there is none.
    ///
    /// # Errors
    /// As [`Document::object`].
    pub fn inherited(&mut self, revision: usize, page: &Dictionary, key: &str) -> Result<Object, Error> {
        let mut node = page.clone();
        for _ in 0..MAX_TREE {
            let value = self.get_at(revision, &node, key)?;
            if value != Object::Null {
                return Ok(value);
            }
            match self.get_at(revision, &node, "Parent")? {
                Object::Dictionary(parent) => node = parent,
                _ => return Ok(Object::Null),
            }
        }
        Err(Error::Malformed("pages go in a circle"))
    }

    fn inherit(&mut self, revision: usize, node: &Dictionary, above: &Inherited) -> Result<Inherited, Error> {
        Ok(Inherited {
            media_box: self.rectangle(revision, node, "MediaBox")?.or(above.media_box),
            crop_box: self.rectangle(revision, node, "CropBox")?.or(above.crop_box),
            rotate: self.get_at(revision, node, "Rotate")?.as_number().or(above.rotate),
        })
    }

    fn page(
        &mut self,
        revision: usize,
        id: Reference,
        node: &Dictionary,
        inherited: &Inherited,
    ) -> Result<Page, Error> {
        let media = inherited.media_box.unwrap_or(LETTER);
        let crop = inherited.crop_box.unwrap_or(media);
        let cut =
            [crop[0].max(media[0]), crop[1].max(media[1]), crop[2].min(media[2]), crop[3].min(media[3])];
        let shown = if cut[0] < cut[2] && cut[1] < cut[3] { cut } else { media };
        let user_unit = self.get_at(revision, node, "UserUnit")?.as_number().unwrap_or(1.0);
        if !(1e-3..=1e6).contains(&user_unit) {
            return Err(Error::Malformed("the unit of a page"));
        }
        // Other angles are against the standard, and readers do not turn by them.
        let turned = inherited.rotate.unwrap_or(0.0).rem_euclid(360.0);
        let rotate = [90_u16, 180, 270].into_iter().find(|angle| f64::from(*angle) == turned).unwrap_or(0);
        Ok(Page { id, shown, rotate, user_unit })
    }

    /// Four numbers in order; `None` if they are not there.
    pub(super) fn rectangle(
        &mut self,
        revision: usize,
        dictionary: &Dictionary,
        key: &str,
    ) -> Result<Option<[f64; 4]>, Error> {
        let array = self.get_at(revision, dictionary, key)?;
        let Some([x1, y1, x2, y2]) = array.as_array() else { return Ok(None) };
        let mut numbers = [0.0; 4];
        for (number, object) in numbers.iter_mut().zip([x1, y1, x2, y2]) {
            let Some(value) = self.resolve_at(revision, object)?.as_number() else { return Ok(None) };
            *number = value;
        }
        let [x1, y1, x2, y2] = numbers;
        let sorted = [x1.min(x2), y1.min(y2), x1.max(x2), y1.max(y2)];
        let sensible = sorted.iter().all(|number| number.abs() < 1e7);
        let extended = sorted[0] < sorted[2] && sorted[1] < sorted[3];
        Ok((sensible && (extended || key == "Rect")).then_some(sorted))
    }
}
