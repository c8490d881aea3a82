//! Ink told from paper and from print.

use image::RgbaImage;

use super::group::Found;
use super::plane::Plane;
use super::{HALF, Ink};
use crate::picture::number::{byte, whole};

/// Tiles along the longer side, each of which has a colour of paper.
const TILES: usize = 24;
/// The part of a tile that may be darker than its paper.
const BELOW_PAPER: f64 = 0.85;
/// How much of its colour paper may differ from that of the whole sheet; more is ink.
const SAME_PAPER: f64 = 0.12;
/// Paper in the deepest shadow, in parts of the usual.
const SHADOW: f64 = 0.4;
/// From where on a pixel may be ink: above the noise of cameras.
const NOISE: u8 = 38;
/// What differs less from grey, in parts of the light of the paper, has no sure colour.
const GREY: f64 = 0.1;
/// The smallest share of the pixels that a seal has, in millionths, and the fewest pixels.
const LEAST_SHARE: usize = 150;
const LEAST_PIXELS: usize = 150;
/// Print is darker than this part of what the ink lets through.
const PRINT: f64 = 0.4;
/// Its soft edges, if they have no colour, are darker than this part.
const SOFT: f64 = 0.7;

/// What was seen of ink.
pub(super) struct Separated {
    /// How much of the colour of the ink a pixel has, in 255ths of what no ink can exceed.
    pub(super) colour: Plane,
    /// 255 where print hides what is below, else 0.
    pub(super) dark: Plane,
    /// The colour of full ink.
    pub(super) full: u8,
}

impl Separated {
    /// Whether a value of `colour` is ink.
    pub(super) const fn is_ink(&self, colour: u8) -> bool {
        colour >= NOISE && colour as u32 * 255 >= self.full as u32 * (HALF as u32)
    }

    /// How much of each pixel ink covers, in the area of a seal; what does not belong to the seal is left out.
    pub(super) fn coverage(&self, found: &Found) -> Plane {
        let mut part = self.colour.crop(found.area);
        let (width, full) = (part.width(), f64::from(self.full));
        for (at, value) in part.values_mut().iter_mut().enumerate() {
            let (x, y) = (found.area.left + at % width, found.area.top + at / width);
            // The outermost values are noise of paper and unevenness of ink.
            let covered = (f64::from(*value) / full - 0.15) / 0.7;
            *value = if found.belongs(x, y) { byte(covered.clamp(0.0, 1.0) * 255.0) } else { 0 };
        }
        part
    }
}

/// `None`: there is no ink of this colour.
pub(super) fn separate(photo: &RgbaImage, ink: Ink) -> Option<Separated> {
    let (width, height) = (photo.width() as usize, photo.height() as usize);
    let paper = Paper::of(photo)?;
    let mut colour = Plane::new(width, height, 0);
    let mut through = Plane::new(width, height, 0);
    let mut histogram = [0usize; 256];
    for (row, pixels) in photo.rows().enumerate() {
        for (column, pixel) in pixels.enumerate() {
            let white = paper.at(column, row);
            let [r, g, b] =
                core::array::from_fn(|channel| (over_white(pixel.0, channel) / white[channel]).min(1.0));
            // What the ink lets through, and what it keeps back: their ratio is free of light, shadow and grey print.
            let (carrier, other) = match ink {
                Ink::Red => (r, f64::midpoint(g, b)),
                Ink::Blue => (b, f64::midpoint(r, g)),
                Ink::Purple => (f64::midpoint(r, b), g),
            };
            let value = if carrier - other < GREY { 0.0 } else { 1.0 - other / carrier };
            let value = byte(value * 255.0);
            let at = row * width + column;
            colour.values_mut()[at] = value;
            through.values_mut()[at] = byte(carrier * 255.0);
        }
    }
    // What full ink lets through, by pixels that are surely ink: dark ones have no sure colour.
    let mut carriers = [0usize; 256];
    for (value, carrier) in colour.values().iter().zip(through.values()) {
        if *value >= 2 * NOISE && *carrier > 64 {
            carriers[usize::from(*carrier)] += 1;
        }
    }
    let usual = percentile(&carriers, 0.5).unwrap_or(128.0);
    let (print, soft) = (byte(usual * PRINT), byte(usual * SOFT));
    let mut dark = Plane::new(width, height, 0);
    for ((dark, carrier), value) in dark.values_mut().iter_mut().zip(through.values()).zip(colour.values()) {
        if *carrier < print || (*carrier < soft && *value == 0) {
            *dark = 255;
        } else if *value >= NOISE {
            histogram[usize::from(*value)] += 1;
        }
    }
    let inked: usize = histogram.iter().sum();
    if inked < LEAST_PIXELS || inked.saturating_mul(1_000_000) < (width * height).saturating_mul(LEAST_SHARE)
    {
        return None;
    }
    let full = byte(percentile(&histogram, 0.75)?);
    Some(Separated { colour, dark, full })
}

fn over_white([r, g, b, a]: [u8; 4], channel: usize) -> f64 {
    let alpha = f64::from(a) / 255.0;
    f64::from([r, g, b][channel]) * alpha + 255.0 * (1.0 - alpha)
}

/// The value below which this part lies.
fn percentile(histogram: &[usize; 256], part: f64) -> Option<f64> {
    let all: usize = histogram.iter().sum();
    let mut left = whole(all as f64 * part) as usize;
    for (value, count) in (0u8..=255).zip(histogram) {
        if *count > left {
            return Some(f64::from(value));
        }
        left -= *count;
    }
    None
}

/// The colour of the paper everywhere, by tiles.
struct Paper {
    side: usize,
    columns: usize,
    rows: usize,
    tiles: Vec<[f64; 3]>,
}

impl Paper {
    fn of(photo: &RgbaImage) -> Option<Self> {
        let (width, height) = (photo.width() as usize, photo.height() as usize);
        let side = width.max(height).div_ceil(TILES).max(8);
        let (columns, rows) = (width.div_ceil(side), height.div_ceil(side));
        let mut histograms = vec![[[0usize; 256]; 3]; columns * rows];
        for (y, pixels) in photo.rows().enumerate() {
            for (x, pixel) in pixels.enumerate() {
                let tile = &mut histograms[y / side * columns + x / side];
                for (channel, histogram) in tile.iter_mut().enumerate() {
                    histogram[usize::from(byte(over_white(pixel.0, channel)))] += 1;
                }
            }
        }
        let bright =
            |tile: &[[usize; 256]; 3]| tile.map(|channel| percentile(&channel, BELOW_PAPER).unwrap_or(0.0));
        let tiles: Vec<_> = histograms.iter().map(bright).collect();
        let usual = core::array::from_fn(|channel| {
            let mut values: Vec<f64> = tiles.iter().map(|tile| tile[channel]).collect();
            values.sort_unstable_by(f64::total_cmp);
            values[values.len() / 2]
        });
        let known = tiles.into_iter().map(|tile| is_paper(tile, usual).then_some(tile)).collect();
        Some(Self { side, columns, rows, tiles: spread(known, columns)? })
    }

    /// Between the middles of tiles, in proportion.
    fn at(&self, x: usize, y: usize) -> [f64; 3] {
        let place = |at: usize, count: usize| {
            let at = ((at as f64 + 0.5) / self.side as f64 - 0.5).clamp(0.0, (count - 1) as f64);
            (whole(at) as usize, at.fract())
        };
        let ((x, right), (y, down)) = (place(x, self.columns), place(y, self.rows));
        let tile = |dx: usize, dy: usize| {
            self.tiles[(y + dy).min(self.rows - 1) * self.columns + (x + dx).min(self.columns - 1)]
        };
        let corners = [tile(0, 0), tile(1, 0), tile(0, 1), tile(1, 1)];
        core::array::from_fn(|channel| {
            let [a, b, c, d] = corners.map(|corner| corner[channel]);
            (a + (b - a) * right) * (1.0 - down) + (c + (d - c) * right) * down
        })
    }
}

fn is_paper(tile: [f64; 3], usual: [f64; 3]) -> bool {
    let brightest = |colour: [f64; 3]| colour.into_iter().fold(1.0, f64::max);
    let (light, usual_light) = (brightest(tile), brightest(usual));
    let same =
        tile.iter().zip(usual).all(|(one, other)| (one / light - other / usual_light).abs() <= SAME_PAPER);
    same && light >= SHADOW * usual_light && tile.iter().all(|channel| *channel >= 1.0)
}

/// What is unknown becomes the mean of its neighbours, from what is known outwards. `None` if nothing is known.
fn spread(mut tiles: Vec<Option<[f64; 3]>>, columns: usize) -> Option<Vec<[f64; 3]>> {
    for _ in 0..tiles.len() {
        if tiles.iter().all(Option::is_some) {
            break;
        }
        let before = tiles.clone();
        for (at, tile) in tiles.iter_mut().enumerate().filter(|(_, tile)| tile.is_none()) {
            let beside = [
                at.checked_sub(1).filter(|_| at % columns > 0),
                Some(at + 1).filter(|right| right % columns > 0),
                at.checked_sub(columns),
                Some(at + columns),
            ];
            let known: Vec<_> =
                beside.into_iter().flatten().filter_map(|at| before.get(at).copied().flatten()).collect();
            if !known.is_empty() {
                let sum = |channel: usize| known.iter().map(|tile| tile[channel]).sum::<f64>();
                *tile = Some(core::array::from_fn(|channel| sum(channel) / known.len() as f64));
            }
        }
    }
    tiles.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_paper_is_taken_from_beside() {
        let (dark, light) = ([100.0; 3], [200.0; 3]);
        let tiles = spread(vec![Some(dark), None, Some(light), None, None, None], 3);
        assert_eq!(
            tiles,
            Some(vec![dark, [150.0; 3], light, dark, [150.0; 3], light]).map(|mut tiles| {
                tiles[4] = [150.0; 3];
                tiles
            })
        );
        assert_eq!(spread(vec![None; 4], 2), None);
    }

    #[test]
    fn ink_and_deep_shadow_are_no_paper() {
        let white = [250.0, 248.0, 240.0];
        assert!(is_paper(white, white) && is_paper([125.0, 124.0, 120.0], white));
        assert!(!is_paper([240.0, 60.0, 60.0], white) && !is_paper([80.0, 79.0, 77.0], white));
    }
}
