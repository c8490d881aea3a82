//! Tables of multiples of points.

use subtle::{Choice, ConditionallySelectable};

use super::{
    field::FieldElement,
    point::{Affine, Projective},
    recode::{DIGITS, ENTRIES},
};
use crate::low::limbs::{self, WORDS};

/// Row i holds 1, 3, 5, .. 31 times 2^(5 i) G. For secret scalars: always read a row in full.
pub(super) static BASE: [[Affine; ENTRIES]; DIGITS] = decode(include_bytes!("table/base.bin"));

/// Points of [`BASE_ODD`].
const BASE_ODD_LEN: usize = 64;

/// 1, 3, 5, .. 127 times G. For public scalars.
pub(super) static BASE_ODD: [Affine; BASE_ODD_LEN] =
    decode::<BASE_ODD_LEN, 1>(include_bytes!("table/base_odd.bin"))[0];

/// Reads a table file: the x and y of every point in order, each the 32 little-endian bytes of its Montgomery form.
/// A file that is too short does not compile.
const fn decode<const COLUMNS: usize, const ROWS: usize>(bytes: &[u8]) -> [[Affine; COLUMNS]; ROWS] {
    let mut table = [[Affine { x: FieldElement::ZERO, y: FieldElement::ZERO }; COLUMNS]; ROWS];
    let mut i = 0;
    while i < ROWS * COLUMNS {
        table[i / COLUMNS][i % COLUMNS] =
            Affine { x: element(bytes, 64 * i), y: element(bytes, 64 * i + 32) };
        i += 1;
    }
    table
}

const fn element(bytes: &[u8], offset: usize) -> FieldElement {
    let mut out = [0; WORDS];
    let mut i = 0;
    while i < 32 {
        let per_word = 32 / WORDS;
        out[i / per_word] |= (bytes[offset + i] as limbs::Word) << (8 * (i % per_word));
        i += 1;
    }
    FieldElement(out)
}

/// The entry that `digit` names: entry `index`, negated if asked. Reads the whole row, whatever the digit.
pub(super) fn choose_affine(row: &[Affine; ENTRIES], (index, negative): (u8, Choice)) -> Affine {
    let mut out = Affine::default();
    for (i, entry) in (0..).zip(row) {
        limbs::scan_step(&mut out.x.0, &entry.x.0, i, index);
        limbs::scan_step(&mut out.y.0, &entry.y.0, i, index);
    }
    out.y = FieldElement::conditional_select(&out.y, &-out.y, negative);
    out
}

/// As [`choose_affine`] for a table in projective coordinates.
pub(super) fn choose_projective(
    table: &[Projective; ENTRIES],
    (index, negative): (u8, Choice),
) -> Projective {
    let mut out = Projective::default();
    for (i, entry) in (0..).zip(table) {
        limbs::scan_step(&mut out.x.0, &entry.x.0, i, index);
        limbs::scan_step(&mut out.y.0, &entry.y.0, i, index);
        limbs::scan_step(&mut out.z.0, &entry.z.0, i, index);
    }
    out.y = FieldElement::conditional_select(&out.y, &-out.y, negative);
    out
}

/// 1, 3, 5, .. 31 times `q`.
pub(super) fn odd_multiples(q: &Affine) -> [Projective; ENTRIES] {
    let first = Projective::from(*q);
    let twice = first.double();
    let mut table = [first; ENTRIES];
    for i in 1..ENTRIES {
        table[i] = table[i - 1].add(&twice);
    }
    table
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{env, fs, path::Path, vec::Vec};

    use super::*;
    use crate::mid::{inverse::to_affine_all, recode::WINDOW};

    fn file(points: &[Projective]) -> Vec<u8> {
        to_affine_all(points)
            .iter()
            .flat_map(|point| [point.x, point.y])
            .flat_map(|element| {
                let mut bytes = limbs::to_be_bytes(&element.0);
                bytes.reverse();
                bytes
            })
            .collect()
    }

    /// The files are what this computes. To write them anew, for instance after a change of the window, run the test
    /// with `SM_WRITE_TABLES=1`.
    #[test]
    fn files_are_up_to_date() {
        let mut row = Projective::from(Affine::GENERATOR);
        let mut base = Vec::new();
        for _ in 0..DIGITS {
            let twice = row.double();
            let mut multiple = row;
            for _ in 0..ENTRIES {
                base.push(multiple);
                multiple = multiple.add(&twice);
            }
            for _ in 0..WINDOW {
                row = row.double();
            }
        }
        let mut multiple = Projective::from(Affine::GENERATOR);
        let twice = multiple.double();
        let mut odd = Vec::new();
        for _ in 0..BASE_ODD_LEN {
            odd.push(multiple);
            multiple = multiple.add(&twice);
        }

        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mid/table");
        for (name, points) in [("base.bin", base), ("base_odd.bin", odd)] {
            if env::var_os("SM_WRITE_TABLES").is_some() {
                fs::write(folder.join(name), file(&points)).unwrap();
            }
            assert!(fs::read(folder.join(name)).unwrap() == file(&points), "{name} is not up to date");
        }
    }

    /// What is compiled in is what the files say, read through the chooser.
    #[test]
    fn choosing_reads_the_named_entry() {
        for index in 0..16 {
            for negative in [0, 1] {
                let chosen = choose_affine(&BASE[3], (index, Choice::from(negative)));
                let entry = BASE[3][usize::from(index)];
                let entry = if negative == 1 { entry.neg() } else { entry };
                assert_eq!(chosen.x.to_bytes(), entry.x.to_bytes());
                assert_eq!(chosen.y.to_bytes(), entry.y.to_bytes());
            }
        }
    }
}
