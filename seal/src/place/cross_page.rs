//! Seals cut in strips over the edges of pages (骑缝章).

use crate::error::Error;
use crate::geometry::{Rect, Size, Stamp};
use crate::place::Pages;

/// An edge of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// Strips side by side at the left edge.
    Left,
    /// Strips side by side at the right edge.
    Right,
    /// Strips one above the other at the top.
    Top,
    /// Strips one above the other at the bottom.
    Bottom,
}

/// One seal over the edge of several pages: every page has a strip of it, and laid like a fan they show it whole.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossPage {
    /// Which edge.
    pub edge: Edge,
    /// On these pages.
    pub pages: Pages,
    /// Where along the edge the centre of the seal is, in parts of its length: 0 to 1, from the top or from the left.
    pub along: f64,
    /// Most pages that share one seal, from 2: after so many another one begins. One more if a page would be alone.
    /// `None`: all pages share one.
    pub group: Option<usize>,
    /// Millimetres between strip and edge, from 0.
    pub margin: f64,
    /// Narrowest strip in millimetres. A group of so many pages that strips would be narrower is cut into several.
    pub narrowest: f64,
}

impl CrossPage {
    /// Along the middle of an edge of all pages, up to the edge, with strips of at least 1 mm.
    #[must_use]
    pub const fn new(edge: Edge) -> Self {
        Self { edge, pages: Pages::All, along: 0.5, group: None, margin: 0.0, narrowest: 1.0 }
    }

    /// The strips, ascending by page. Groups are as even as they can be, so that none has one page left over.
    pub(super) fn stamps(&self, sizes: &[Size], seal: Size) -> Result<Vec<Stamp>, Error> {
        let pages: Vec<usize> = self.pages.of(sizes.len())?.collect();
        if pages.len() < 2 {
            return Err(Error::Unusable("a seal over the edges needs two pages"));
        }
        let sideways = matches!(self.edge, Edge::Left | Edge::Right);
        let length = if sideways { seal.width } else { seal.height };
        let limits = [self.along, self.margin, self.narrowest];
        if limits.iter().any(|limit| !(0.0..=1e6).contains(limit)) || self.along > 1.0 {
            return Err(Error::Unusable("a place along the edge, a margin or a strip of no sensible size"));
        }
        let widest_group = self.group.unwrap_or(usize::MAX);
        let fitting = (2..=pages.len()).rev().find(|n| length / *n as f64 >= self.narrowest);
        let most = widest_group.min(fitting.ok_or(Error::Unusable("the seal is narrower than two strips"))?);
        if most < 2 {
            return Err(Error::Unusable("a group has two pages at least"));
        }
        // A page that would be alone joins another group.
        let groups = pages.len().div_ceil(most).min(pages.len() / 2);
        let (each, longer) = (pages.len() / groups, pages.len() % groups);
        let mut rest = pages.as_slice();
        let mut stamps = Vec::with_capacity(pages.len());
        for group in 0..groups {
            let (these, others) = rest.split_at(each + usize::from(group < longer));
            rest = others;
            for (index, page) in these.iter().enumerate() {
                let size = sizes.get(*page).ok_or(Error::Unusable("there is no such page"))?;
                stamps.push(self.strip(*page, *size, seal, index, these.len()));
            }
        }
        Ok(stamps)
    }

    /// Strip `index` of `count`. The seal reads whole if the pages lie one upon the other, the first on top, each moved by a
    /// strip: at the right edge the first page therefore shows the left strip, at the left edge the right one.
    fn strip(&self, page: usize, size: Size, seal: Size, index: usize, count: usize) -> Stamp {
        let sideways = matches!(self.edge, Edge::Left | Edge::Right);
        let (length, along) = if sideways {
            (seal.width, self.along * size.height)
        } else {
            (seal.height, self.along * size.width)
        };
        let strip = length / count as f64;
        let from_start = matches!(self.edge, Edge::Right | Edge::Bottom);
        let nth = if from_start { index } else { count - 1 - index } as f64;
        let offset = nth * strip;
        let start = match self.edge {
            Edge::Right => size.width - self.margin - strip - offset,
            Edge::Bottom => size.height - self.margin - strip - offset,
            Edge::Left | Edge::Top => self.margin - offset,
        };
        let (area, clip) = if sideways {
            (
                Rect { x: start, y: along - seal.height / 2.0, width: seal.width, height: seal.height },
                Rect { x: offset, y: 0.0, width: strip, height: seal.height },
            )
        } else {
            (
                Rect { x: along - seal.width / 2.0, y: start, width: seal.width, height: seal.height },
                Rect { x: 0.0, y: offset, width: seal.width, height: strip },
            )
        };
        Stamp { page, area, clip: Some(clip) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A4: Size = Size { width: 210.0, height: 297.0 };
    const ROUND: Size = Size { width: 40.0, height: 42.0 };

    fn strips(across: &CrossPage, pages: usize) -> Result<Vec<Stamp>, Error> {
        across.stamps(&vec![A4; pages], ROUND)
    }

    #[test]
    fn strips_lie_at_the_edge_and_make_the_whole_seal() {
        for edge in [Edge::Left, Edge::Right, Edge::Top, Edge::Bottom] {
            let stamps = strips(&CrossPage { margin: 2.0, ..CrossPage::new(edge) }, 5).unwrap();
            assert_eq!(stamps.len(), 5);
            let mut covered = 0.0;
            for (page, stamp) in stamps.iter().enumerate() {
                assert_eq!(stamp.page, page);
                let seen = stamp.visible();
                let (near, thick, whole) = match edge {
                    Edge::Left => (seen.x, seen.width, ROUND.width),
                    Edge::Right => (A4.width - seen.x - seen.width, seen.width, ROUND.width),
                    Edge::Top => (seen.y, seen.height, ROUND.height),
                    Edge::Bottom => (A4.height - seen.y - seen.height, seen.height, ROUND.height),
                };
                assert!((near - 2.0).abs() < 1e-9 && (thick - whole / 5.0).abs() < 1e-9, "{edge:?} {seen:?}");
                let clip = stamp.clip.unwrap();
                let nth = if matches!(edge, Edge::Right | Edge::Bottom) { page } else { 4 - page };
                let offset = if whole == ROUND.width { clip.x } else { clip.y };
                assert!((offset - nth as f64 * whole / 5.0).abs() < 1e-9);
                covered += thick / whole;
            }
            assert!((covered - 1.0_f64).abs() < 1e-9);
        }
    }

    #[test]
    fn groups_are_even_and_have_two_pages_at_least() {
        let across = CrossPage { group: Some(3), ..CrossPage::new(Edge::Right) };
        let widths = |pages| -> Vec<f64> {
            strips(&across, pages).unwrap().iter().map(|stamp| stamp.clip.unwrap().width.round()).collect()
        };
        assert_eq!(widths(7), [13.0, 13.0, 13.0, 20.0, 20.0, 20.0, 20.0]);
        assert_eq!(widths(4), [20.0; 4]);
        let pairs = CrossPage { group: Some(2), ..CrossPage::new(Edge::Right) };
        assert_eq!(strips(&pairs, 5).unwrap().iter().filter(|strip| strip.clip.unwrap().x == 0.0).count(), 2);
        // 100 pages in strips of at least 1 mm are three groups.
        let many = strips(&CrossPage::new(Edge::Right), 100).unwrap();
        assert!(many.iter().all(|stamp| stamp.clip.unwrap().width > 1.1));
        assert_eq!(many.iter().filter(|stamp| stamp.clip.unwrap().x == 0.0).count(), 3);
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let right = CrossPage::new(Edge::Right);
        assert!(strips(&right, 1).is_err());
        assert!(strips(&CrossPage { pages: Pages::Even, ..right.clone() }, 3).is_err());
        assert!(strips(&CrossPage { group: Some(1), ..right.clone() }, 4).is_err());
        assert!(strips(&CrossPage { narrowest: 30.0, ..right.clone() }, 4).is_err());
        for along in [-0.1, 1.1, f64::NAN] {
            assert!(strips(&CrossPage { along, ..right.clone() }, 4).is_err());
        }
        assert!(strips(&CrossPage { margin: f64::INFINITY, ..right }, 4).is_err());
    }
}
