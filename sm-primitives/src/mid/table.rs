//! Tables of multiples of points.

use subtle::{Choice, ConditionallySelectable};

use super::{field::FieldElement, point::Affine};
use crate::low::{
    Arithmetic, PARTS,
    limbs::{self, Limbs, WORDS},
};

/// Bits of a digit of a secret scalar, for [`BASE`] and for points that are met once.
pub(super) const WINDOW: usize = 5;
/// Number of digits: 52 * 5 = 260 bits hold any scalar.
pub(super) const DIGITS: usize = 52;
/// Table entries a digit chooses from: the odd multiples 1, 3, .. 31.
pub(super) const ENTRIES: usize = 1 << (WINDOW - 1);

/// Row i holds 1, 3, 5, .. 31 times 2^(5 i) G. For secret scalars: always read a row in full.
pub(super) static BASE: [[Affine; ENTRIES]; DIGITS] = decode(include_bytes!("table/base.bin"));

/// Points of [`BASE_ODD`].
const BASE_ODD_LEN: usize = 256;

/// 1, 3, 5, .. 511 times G. For public scalars.
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
    FieldElement::from_limbs(out)
}

/// The search of a row for the entry that a digit names: entry `index`, negated if asked. Reads the whole row, whatever
/// the digit, in [`PARTS`] parts: loads have time while a multiplication has none.
pub(super) struct Search<'a, A, const E: usize> {
    row: &'a [Affine; E],
    index: u8,
    negative: Choice,
    found: [Limbs; 2],
    arithmetic: A,
}

impl<'a, A: Arithmetic, const E: usize> Search<'a, A, E> {
    #[inline(always)]
    pub(super) fn new(row: &'a [Affine; E], (index, negative): (u8, Choice), arithmetic: A) -> Self {
        Self { row, index, negative, found: [Limbs::default(); 2], arithmetic }
    }

    /// Searches part number `part`.
    #[inline(always)]
    pub(super) fn part(&mut self, part: usize) {
        self.arithmetic.scan(self.row, Affine::numbers, part, self.index, &mut self.found);
    }

    /// The entry, once all parts are searched.
    #[inline(always)]
    pub(super) fn finish(self) -> Affine<A> {
        let [x, y] = self.found.map(|limbs| FieldElement::from_limbs(limbs).on(self.arithmetic));
        Affine { x, y: FieldElement::conditional_select(&y, &-y, self.negative) }
    }
}

/// The entry of a row that a digit names.
pub(super) fn choose<A: Arithmetic, const E: usize>(
    row: &[Affine; E],
    digit: (u8, Choice),
    arithmetic: A,
) -> Affine<A> {
    let mut search = Search::new(row, digit, arithmetic);
    for part in 0..PARTS {
        search.part(part);
    }
    search.finish()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::{env, fs, path::Path, vec::Vec};

    use super::*;
    use crate::{
        low::Portable,
        mid::{inverse::to_affine_all, point::Projective},
    };

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
            let twice = row.add(&row);
            let mut multiple = row;
            for _ in 0..ENTRIES {
                base.push(multiple);
                multiple = multiple.add(&twice);
            }
            for _ in 0..WINDOW {
                row = row.add(&row);
            }
        }
        let mut multiple = Projective::from(Affine::GENERATOR);
        let twice = multiple.add(&multiple);
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
                let chosen = choose(&BASE[3], (index, Choice::from(negative)), Portable);
                let entry = BASE[3][usize::from(index)];
                let entry = if negative == 1 { entry.neg() } else { entry };
                assert_eq!(chosen.x.to_bytes(), entry.x.to_bytes());
                assert_eq!(chosen.y.to_bytes(), entry.y.to_bytes());
            }
        }
    }
}
