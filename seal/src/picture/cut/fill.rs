//! Ink below print, continued from beside.

use super::plane::Plane;

/// Print is filled from its edge inwards, by at most this part of the shorter side of the seal.
const DEEPEST: usize = 40;

/// Print with its soft edges.
pub(super) fn hidden(dark: &Plane) -> Plane {
    dark.grown(1, 255)
}

/// The coverage that is seen for sure.
pub(super) fn without(mut seal: Plane, hidden: &Plane) -> Plane {
    for (value, hidden) in seal.values_mut().iter_mut().zip(hidden.values()) {
        *value &= !*hidden;
    }
    seal
}

/// The coverage of a seal, with that of hidden pixels taken from their neighbours, ring by ring. Every pixel is looked at
/// once.
pub(super) fn fill(mut seal: Plane, hidden: Plane) -> Plane {
    let (width, height) = (seal.width(), seal.height());
    let mut unknown = hidden;
    let rings = (width.min(height) / DEEPEST).max(3);
    let beside = |at: usize| {
        let (x, y) = (at % width, at / width);
        let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
        let (top, bottom) = (y.saturating_sub(1), (y + 1).min(height - 1));
        (top..=bottom).flat_map(move |y| (left..=right).map(move |x| y * width + x))
    };
    let mut ring: Vec<usize> = (0..width * height)
        .filter(|at| unknown.values()[*at] > 0 && beside(*at).any(|near| unknown.values()[near] == 0))
        .collect();
    let print: Vec<usize> = (0..width * height).filter(|at| unknown.values()[*at] > 0).collect();
    for _ in 0..rings {
        let mean = |at: &usize| {
            let known = beside(*at).filter(|near| unknown.values()[*near] == 0);
            let (sum, count) = known
                .fold((0u32, 0u32), |(sum, count), near| (sum + u32::from(seal.values()[near]), count + 1));
            u8::try_from((sum + count / 2) / count.max(1)).unwrap_or(u8::MAX)
        };
        let values: Vec<u8> = ring.iter().map(mean).collect();
        for (at, value) in ring.iter().zip(values) {
            seal.values_mut()[*at] = value;
            unknown.values_mut()[*at] = 0;
        }
        let mut next: Vec<usize> =
            ring.iter().flat_map(|at| beside(*at)).filter(|at| unknown.values()[*at] > 0).collect();
        next.sort_unstable();
        next.dedup();
        ring = next;
    }
    for at in print {
        // Means are softer than ink; what no ring has reached is paper.
        let value = seal.values()[at];
        let sharp = u8::try_from((u32::from(value) * 2).saturating_sub(128).min(255)).unwrap_or(u8::MAX);
        seal.values_mut()[at] = if unknown.values()[at] > 0 { 0 } else { sharp };
    }
    seal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_goes_on_below_print_and_paper_stays_paper() {
        let mut seal = Plane::new(60, 60, 0);
        let mut dark = Plane::new(60, 60, 0);
        for (at, value) in seal.values_mut().iter_mut().enumerate() {
            *value = if (20..30).contains(&(at % 60)) { 255 } else { 0 };
        }
        for (at, value) in dark.values_mut().iter_mut().enumerate() {
            *value = if (40..43).contains(&(at / 60)) { 255 } else { 0 };
        }
        for (at, value) in seal.values_mut().iter_mut().enumerate() {
            *value = if (40..43).contains(&(at / 60)) { 77 } else { *value };
        }
        let filled = fill(seal, hidden(&dark));
        for y in 38..46 {
            assert!(filled.at(25, y) == 255 && filled.at(22, y) > 128, "{y}");
            assert!(filled.at(10, y) == 0 && filled.at(32, y) < 128, "{y}");
        }
    }

    #[test]
    fn nothing_grows_deep_into_the_dark() {
        let mut dark = Plane::new(100, 100, 0);
        for (at, value) in dark.values_mut().iter_mut().enumerate() {
            *value = if at % 100 >= 50 { 255 } else { 0 };
        }
        let filled = fill(Plane::new(100, 100, 255), hidden(&dark));
        assert!(filled.at(50, 50) > 128 && filled.at(60, 50) == 0);
    }
}
