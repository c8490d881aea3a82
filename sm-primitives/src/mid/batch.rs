//! The batch engine: many multiplications side by side, in the lanes of vectors.
//!
//! Item i of a batch is lane i mod L of vector i / L. Scalars are recoded into odd signed digits, of which none is zero, so
//! that no sum meets the identity and every lane does the same. Fixed points are multiplied by sums of table entries,
//! [`fixed`]; other points by doubling and adding, [`ladder`].
//!
//! Additions are incomplete: they need points with different x. Where the digits do not exclude that, which an honest
//! batch meets with a probability of about 2^-127, a denominator is zero; it is found before anything is divided, and
//! the items that it touches are done again with complete formulas. That an item needed this becomes public.

mod fixed;
mod ladder;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use subtle::Choice;
use zeroize::Zeroizing;

use super::{field::FieldElement, inverse, point::Affine};
use crate::{
    ct,
    low::lanes::{self, Buffer, Element, Lanes, to_words},
};

pub(super) use fixed::{Base, Table, Tables, mul_table, verify_prepared};
pub(super) use ladder::{mul_points, nonce_sums, verify};

/// A vector of field elements that are the same in all lanes.
fn splat<const L: usize, const N: usize>(v: &FieldElement) -> Element<L, N> {
    Element(lanes::to_lane(&v.0).map(|limb| [limb; L]))
}

/// The field elements in the lanes of `a`.
fn elements<const L: usize, const N: usize>(
    cpu: impl Lanes<L, N>,
    a: &Element<L, N>,
) -> Zeroizing<[FieldElement; L]> {
    let mut words = Zeroizing::new(Element::default());
    cpu.mul(&mut words, a, &Element(to_words::<N>().map(|limb| [limb; L])));
    Zeroizing::new(core::array::from_fn(|lane| FieldElement::from_limbs(words.get(lane))))
}

/// The points in the lanes of `p`.
fn points<const L: usize, const N: usize>(
    cpu: impl Lanes<L, N>,
    p: &lanes::Affine<L, N>,
) -> Zeroizing<[Affine; L]> {
    let (x, y) = (elements(cpu, &p.x), elements(cpu, &p.y));
    Zeroizing::new(core::array::from_fn(|lane| Affine { x: x[lane], y: y[lane] }))
}

/// Loads points, one for each lane, negated where the choice says so. All of them are read.
fn load<const L: usize, const N: usize>(
    cpu: impl Lanes<L, N>,
    points: [&Affine; L],
    negative: [bool; L],
) -> lanes::Affine<L, N> {
    let words = core::array::from_fn(|word| {
        points.map(|p| if word < 4 { p.x.0[word] } else { p.y.0[word - 4] }.cast_signed())
    });
    cpu.spread(&words, &negative.map(|negative| -i64::from(negative)))
}

/// 1/a in every lane, and which lanes are zero: their inverse is zero.
fn invert<const L: usize, const N: usize>(
    cpu: impl Lanes<L, N>,
    a: &Element<L, N>,
) -> (Element<L, N>, [bool; L]) {
    let mut lanes = elements(cpu, a);
    let zero = core::array::from_fn(|lane| is_zero(lanes[lane].is_zero()));
    inverse::invert_all(lanes.as_mut_slice());
    let mut out = Element::default();
    for (lane, inverse) in lanes.iter().enumerate() {
        out.set(lane, &inverse.0);
    }
    (out, zero)
}

/// Makes public whether a denominator is zero, see the head of this module.
fn is_zero(denominator: Choice) -> bool {
    ct::into_public_choice(denominator)
}

/// Replaces all elements by their inverses, with one inversion, and tells which lanes of which are zero: what stands
/// there afterwards is not defined.
fn invert_all<const L: usize, const N: usize>(
    cpu: impl Lanes<L, N>,
    all: &mut [Element<L, N>],
) -> Vec<[bool; L]> {
    let one = splat(&FieldElement::ONE);
    let mut zeros = Vec::with_capacity(all.len());
    let mut before = Buffer::new(all.len());
    let mut product = Zeroizing::new(one);
    for (element, before) in all.iter_mut().zip(before.iter_mut()) {
        let values = elements(cpu, element);
        let zero: [bool; L] = core::array::from_fn(|lane| is_zero(values[lane].is_zero()));
        for lane in (0..L).filter(|lane| zero[*lane]) {
            element.set(lane, &FieldElement::ONE.0);
        }
        zeros.push(zero);
        *before = *product;
        cpu.mul(&mut product, before, element);
    }
    let mut rest = Zeroizing::new(invert(cpu, &product).0);
    for (element, before) in all.iter_mut().zip(before.iter()).rev() {
        let (own, inverse) = (*element, *rest);
        cpu.mul(element, before, &inverse);
        cpu.mul(&mut rest, &own, &inverse);
    }
    zeros
}

/// Adds up columns of points: `points` are rows of `vectors`, an even number, and their number is a power of two. The
/// first row becomes the sum of all. Tells for which lanes that failed, as two points had the same x.
fn add_up<const L: usize, const N: usize>(
    cpu: impl Lanes<L, N>,
    points: &mut [lanes::Affine<L, N>],
    vectors: usize,
) -> [bool; L] {
    let one = splat(&FieldElement::ONE);
    let mut failed = [false; L];
    let mut products = Buffer::new(points.len() / 4 + 1);
    let mut step = vectors;
    while step < points.len() {
        let products = &mut products[..=points.len() / (2 * step) * vectors / 2];
        products[0] = [one; 2];
        cpu.open_sums(points, vectors, step, products);
        let last = products[products.len() - 1];
        let mut product = Zeroizing::new(one);
        cpu.mul(&mut product, &last[0], &last[1]);
        let (inverse, zero) = invert(cpu, &product);
        let inverse = Zeroizing::new(inverse);
        let mut inverses = Zeroizing::new([one; 2]);
        cpu.mul(&mut inverses[0], &inverse, &last[1]);
        cpu.mul(&mut inverses[1], &inverse, &last[0]);
        cpu.close_sums(points, vectors, step, products, &mut inverses);
        failed = core::array::from_fn(|lane| failed[lane] | zero[lane]);
        step *= 2;
    }
    failed
}

/// Pieces of at most `most` items, all about as long.
fn even_chunks<T>(items: &[T], most: usize) -> core::slice::Chunks<'_, T> {
    let pieces = items.len().div_ceil(most).max(1);
    items.chunks(items.len().div_ceil(pieces).max(1))
}

/// `vectors`, or one more: kernels work on two at a time.
fn even(vectors: usize) -> usize {
    vectors.next_multiple_of(2)
}

/// The items of one vector, the first one again where there are too few.
fn fill<T, const L: usize>(items: &[T]) -> [&T; L] {
    core::array::from_fn(|lane| items.get(lane).unwrap_or(&items[0]))
}

/// The items of two vectors, likewise.
fn fill_two<T, const L: usize>(items: &[T]) -> [[&T; L]; 2] {
    [0, L].map(|first| core::array::from_fn(|lane| items.get(first + lane).unwrap_or(&items[0])))
}
