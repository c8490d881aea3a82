//! Multiples of fixed points: one table entry for each digit, added up in a tree.
//!
//! The digits d_i of a scalar, 32 of them, are odd and below 2^8 in absolute value. In a tree over neighbours each node is
//! a sum v 2^(8 i) with an odd v, and a node is never equal or opposite to its neighbour as an integer: the lower one is
//! smaller than the place value of the upper one. Modulo n, only the two halves of the whole sum k' can be: for 0 < k' < n
//! their sum is no multiple of n, and their difference is one for a single k' close to n.

use alloc::{boxed::Box, vec, vec::Vec};

use once_cell::race::OnceBox;
use subtle::ConditionallySelectable;
use zeroize::Zeroizing;

use super::{add_up, even, even_chunks, fill, load, points};
use crate::{
    low::lanes::{self, Buffer, COORDINATE, Columns, Lanes, limb_bytes, place, to_lane},
    mid::{
        comb::{Comb, Digits, ENTRIES, ROWS},
        field::FieldElement,
        jacobian::Jacobian,
        mul_vartime::x_is_mod_n,
        ops::Claim,
        point::Affine,
        scalar::ScalarElement,
    },
};

/// Vectors that one batch of sums is made of: enough to share the inversions, few enough for the second-level cache.
const VECTORS: usize = 16;
/// Vectors of one lookup.
const GROUP: usize = 8;

/// The digits of a comb for lookups that read everything, in `N` limbs.
pub(in crate::mid) struct Table<const N: usize>(Box<[Columns]>);

impl<const N: usize> Table<N> {
    /// From a comb, 288 KB.
    pub(in crate::mid) fn new(comb: &Comb) -> Self {
        let mut rows = vec![Columns([[[0; 16]; GROUP]; 2 * COORDINATE]); ROWS];
        for (columns, row) in rows.iter_mut().zip(comb.rows()) {
            for (entry, point) in row.iter().enumerate() {
                for (first, coordinate) in [(0, point.x), (COORDINATE, point.y)] {
                    let limbs = to_lane::<N>(&coordinate.0).map(i64::to_le_bytes);
                    let bytes = limbs.iter().flat_map(|limb| &limb[..limb_bytes(N)]);
                    for (column, byte) in columns.0[first..].iter_mut().zip(bytes) {
                        column[entry / 16][entry % 16] = *byte;
                    }
                }
            }
        }
        Self(rows.into_boxed_slice())
    }
}

/// The tables of one point, each made when it is first asked for.
pub(in crate::mid) struct Tables {
    nine: OnceBox<Table<9>>,
    five: OnceBox<Table<5>>,
}

impl Tables {
    pub(in crate::mid) const fn new() -> Self {
        Self { nine: OnceBox::new(), five: OnceBox::new() }
    }
}

/// Finds the table that some kernels look up in.
pub(in crate::mid) trait Base: Sized {
    /// That of `q`, to which `tables` belong.
    fn of<'t>(tables: &'t Tables, q: &Affine) -> &'t Self;

    /// That of G.
    fn base() -> &'static Self;
}

impl Base for Table<9> {
    fn of<'t>(tables: &'t Tables, q: &Affine) -> &'t Self {
        tables.nine.get_or_init(|| Box::new(Self::new(&Comb::new(q))))
    }

    fn base() -> &'static Self {
        static BASE: OnceBox<Table<9>> = OnceBox::new();
        BASE.get_or_init(|| Box::new(Self::new(Comb::base())))
    }
}

impl Base for Table<5> {
    fn of<'t>(tables: &'t Tables, q: &Affine) -> &'t Self {
        tables.five.get_or_init(|| Box::new(Self::new(&Comb::new(q))))
    }

    fn base() -> &'static Self {
        static BASE: OnceBox<Table<5>> = OnceBox::new();
        BASE.get_or_init(|| Box::new(Self::new(Comb::base())))
    }
}

/// [k_i]Q for k_i != 0 and the Q of `table`; `None` where the caller has to do it again. Constant time.
pub(in crate::mid) fn mul_table<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    table: &Table<N>,
    ks: &[&ScalarElement],
) -> Vec<Option<Affine>> {
    let mut out = Vec::with_capacity(ks.len());
    let mut sums = Buffer::new(ROWS * ks.len().min(VECTORS * L).div_ceil(GROUP * L) * GROUP);
    for ks in even_chunks(ks, VECTORS * L) {
        let vectors = ks.len().div_ceil(GROUP * L) * GROUP;
        multiply(cpu, table, ks, &mut sums[..ROWS * vectors], vectors, &mut out);
    }
    out
}

fn multiply<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    table: &Table<N>,
    ks: &[&ScalarElement],
    sums: &mut [lanes::Affine<L, N>],
    vectors: usize,
    out: &mut Vec<Option<Affine>>,
) {
    let digits: Vec<_> = ks.iter().map(|k| Digits::new(k)).collect();
    let mut lookup = Zeroizing::new([[[0_u8; 8]; L]; 2]);
    for (i, (columns, sums)) in table.0.iter().zip(sums.chunks_mut(vectors)).enumerate() {
        for (group, sums) in digits.chunks(GROUP * L).zip(sums.as_chunks_mut().0) {
            for (item, digits) in group.iter().enumerate() {
                let at = place(item / L, item % L);
                let (index, negative) = digits.masked_digit(i);
                lookup[0].as_flattened_mut()[at] = index;
                lookup[1].as_flattened_mut()[at] = negative;
            }
            cpu.look_up(columns, &lookup[0], &lookup[1], sums);
        }
    }
    // Lanes without an item have the digits of another one, or all first entries: they fail with that one, or not at all.
    let failed = add_up(cpu, sums, vectors);
    for (digits, sum) in digits.chunks(L).zip(sums.iter()) {
        let mut results = points(cpu, sum);
        for (lane, (digits, point)) in digits.iter().zip(results.iter_mut()).enumerate() {
            point.y = FieldElement::conditional_select(&point.y, &-point.y, digits.negated);
            out.push((!failed[lane]).then_some(*point));
        }
    }
}

/// Whether each claim, with g and k not 0 and the one Q of `comb`, holds; `None` where the caller has to see for itself.
/// Variable time.
pub(in crate::mid) fn verify_prepared<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    comb: &Comb,
    claims: &[Claim],
) -> Vec<Option<bool>> {
    let mut out = Vec::with_capacity(claims.len());
    let mut sums = Buffer::new(2 * ROWS * even(claims.len().min(VECTORS / 2 * L).div_ceil(L)));
    for claims in even_chunks(claims, VECTORS / 2 * L) {
        let vectors = even(claims.len().div_ceil(L));
        let sums = &mut sums[..2 * ROWS * vectors];
        let (of_g, of_q) = sums.split_at_mut(ROWS * vectors);
        let scalars = |scalar: fn(&Claim) -> &ScalarElement| claims.iter().map(scalar).collect::<Vec<_>>();
        entries(cpu, Comb::base(), &scalars(|claim| &claim.g), of_g);
        entries(cpu, comb, &scalars(|claim| &claim.k), of_q);
        let failed = add_up(cpu, sums, vectors);
        for (claims, sum) in claims.chunks(L).zip(sums.iter()) {
            let results = points(cpu, sum);
            for (lane, (claim, point)) in claims.iter().zip(results.iter()).enumerate() {
                out.push((!failed[lane]).then(|| x_is_mod_n(&Jacobian::from(*point), &claim.v)));
            }
        }
    }
    out
}

/// The entries that add up to [k_i]Q, in one row for each digit. Variable time.
pub(super) fn entries<const L: usize, const N: usize, K: Lanes<L, N>>(
    cpu: K,
    comb: &Comb,
    ks: &[&ScalarElement],
    out: &mut [lanes::Affine<L, N>],
) {
    let digits: Vec<_> = ks.iter().map(|k| Digits::new(k)).collect();
    // A vector too many repeats the last one.
    let mut vectors: Vec<[_; L]> = digits.chunks(L).map(fill).collect();
    vectors.extend(vectors.last().copied().filter(|_| !vectors.len().is_multiple_of(2)));
    for (i, (row, out)) in comb.rows().iter().zip(out.chunks_mut(vectors.len().max(1))).enumerate() {
        for (digits, out) in vectors.iter().zip(out) {
            let chosen = digits.map(|digits| digits.masked_digit(i));
            let negative =
                core::array::from_fn(|lane| (chosen[lane].1 != 0) ^ bool::from(digits[lane].negated));
            *out = load(cpu, chosen.map(|(index, _)| &row[usize::from(index) % ENTRIES]), negative);
        }
    }
}
