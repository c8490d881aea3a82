//! One inversion for many points.

use alloc::vec::Vec;

use subtle::ConditionallySelectable;
use zeroize::Zeroizing;

use super::{
    field::FieldElement,
    jacobian::Jacobian,
    point::{Affine, Projective},
};
use crate::low::Arithmetic;

/// Replaces every element by its inverse, 0 by 0, with one inversion and 3 multiplications an element
/// (Montgomery's trick).
///
/// Constant time. A zero takes part as a one, by a mask, so it neither spoils the others nor shows in the timing.
pub(super) fn invert_all<A: Arithmetic>(elements: &mut [FieldElement<A>]) {
    invert_all_by(elements, FieldElement::invert);
}

/// As [`invert_all`] where `invert` inverts one element.
fn invert_all_by<A: Arithmetic>(
    elements: &mut [FieldElement<A>],
    invert: impl FnOnce(&FieldElement<A>) -> FieldElement<A>,
) {
    let Some(first) = elements.first() else { return };
    let mut prefixes = Zeroizing::new(Vec::with_capacity(elements.len()));
    let mut product = Zeroizing::new(first.one());
    for element in elements.iter() {
        prefixes.push(*product);
        *product = *product * one_for_zero(element);
    }
    *product = invert(&product);
    for (element, prefix) in elements.iter_mut().zip(prefixes.iter()).rev() {
        let inverse = *product * *prefix;
        *product = *product * one_for_zero(element);
        *element = FieldElement::conditional_select(&inverse, element, element.is_zero());
    }
}

fn one_for_zero<A: Arithmetic>(element: &FieldElement<A>) -> FieldElement<A> {
    FieldElement::conditional_select(element, &element.one(), element.is_zero())
}

/// The affine form of `point`, (0, 0) for the identity. Constant time.
pub(super) fn to_affine<A: Arithmetic>(point: &Projective<A>) -> Affine<A> {
    let inverse = Zeroizing::new(point.z.invert());
    Affine { x: point.x * *inverse, y: point.y * *inverse }
}

/// The affine forms of `points`, (0, 0) for the identity, with one inversion. Constant time.
pub(super) fn to_affine_all<A: Arithmetic>(points: &[Projective<A>]) -> Vec<Affine<A>> {
    let mut inverses = Zeroizing::new(points.iter().map(|p| p.z).collect::<Vec<_>>());
    invert_all(&mut inverses);
    points
        .iter()
        .zip(inverses.iter())
        .map(|(p, inverse)| Affine { x: p.x * *inverse, y: p.y * *inverse })
        .collect()
}

/// The affine form of `point`, `None` for the identity. Variable time.
pub(super) fn jacobian_to_affine_vartime<A: Arithmetic>(point: &Jacobian<A>) -> Option<Affine<A>> {
    (!point.is_identity_vartime()).then(|| scale(point, &point.z.invert_vartime()))
}

/// The affine forms of `points`, `None` for the identity, with one inversion. Variable time.
pub(super) fn jacobian_to_affine_all_vartime<A: Arithmetic>(
    points: &[Jacobian<A>],
) -> Vec<Option<Affine<A>>> {
    let mut inverses: Vec<_> = points.iter().map(|p| p.z).collect();
    invert_all_by(&mut inverses, FieldElement::invert_vartime);
    points
        .iter()
        .zip(&inverses)
        .map(|(p, inverse)| (!p.is_identity_vartime()).then(|| scale(p, inverse)))
        .collect()
}

/// 1, 3, 5, .. times each of `qs`, with one inversion. Variable time.
pub(super) fn odd_multiples_vartime<A: Arithmetic, const N: usize, const K: usize>(
    qs: [Affine<A>; K],
) -> [[Affine<A>; N]; K] {
    let multiples = qs.map(|q| Jacobian::odd_multiples::<N>(&q));
    // The last Z of each: none is 0, as none of the multiples is the identity.
    let mut inverses = multiples.map(|multiples| multiples[N - 1].0.z);
    invert_all_by(&mut inverses, FieldElement::invert_vartime);
    let mut out = qs.map(|q| [q; N]);
    for ((multiples, out), inverse) in multiples.iter().zip(&mut out).zip(&mut inverses) {
        for ((multiple, factor), out) in multiples.iter().zip(out).skip(1).rev() {
            *out = scale(multiple, inverse);
            *inverse = *inverse * *factor;
        }
    }
    out
}

fn scale<A: Arithmetic>(point: &Jacobian<A>, inverse: &FieldElement<A>) -> Affine<A> {
    let squared = inverse.square();
    Affine { x: point.x * squared, y: point.y * squared * *inverse }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Also with zeros anywhere, and of no elements.
        #[test]
        fn all_as_one_by_one(numbers in prop::collection::vec(prop_oneof![Just([0; 32]), any::<[u8; 32]>()], 0..6)) {
            let mut elements: Vec<_> = numbers.iter().map(|bytes| FieldElement::from_bytes(bytes).0).collect();
            let expected: Vec<_> = elements.iter().map(|e| e.invert().to_bytes()).collect();
            invert_all(&mut elements);
            prop_assert_eq!(elements.iter().map(|e| e.to_bytes()).collect::<Vec<_>>(), expected);
        }
    }
}
