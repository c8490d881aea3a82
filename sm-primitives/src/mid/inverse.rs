//! One inversion for many points.

use alloc::vec::Vec;

use subtle::ConditionallySelectable;
use zeroize::Zeroizing;

use super::{
    field::FieldElement,
    jacobian::Jacobian,
    point::{Affine, Projective},
};

/// Replaces every element by its inverse, 0 by 0, with one inversion and 3 multiplications an element
/// (Montgomery's trick).
///
/// Constant time. A zero takes part as a one, by a mask, so it neither spoils the others nor shows in the timing.
pub(super) fn invert_all(elements: &mut [FieldElement]) {
    let mut prefixes = Zeroizing::new(Vec::with_capacity(elements.len()));
    let mut product = Zeroizing::new(FieldElement::ONE);
    for element in elements.iter() {
        prefixes.push(*product);
        *product = *product * one_for_zero(element);
    }
    *product = product.invert();
    for (element, prefix) in elements.iter_mut().zip(prefixes.iter()).rev() {
        let inverse = *product * *prefix;
        *product = *product * one_for_zero(element);
        *element = FieldElement::conditional_select(&inverse, element, element.is_zero());
    }
}

fn one_for_zero(element: &FieldElement) -> FieldElement {
    FieldElement::conditional_select(element, &FieldElement::ONE, element.is_zero())
}

/// The affine form of `point`, (0, 0) for the identity. Constant time.
pub(super) fn to_affine(point: &Projective) -> Affine {
    let inverse = Zeroizing::new(point.z.invert());
    Affine { x: point.x * *inverse, y: point.y * *inverse }
}

/// The affine forms of `points`, (0, 0) for the identity, with one inversion. Constant time.
pub(super) fn to_affine_all(points: &[Projective]) -> Vec<Affine> {
    let mut inverses = Zeroizing::new(points.iter().map(|p| p.z).collect::<Vec<_>>());
    invert_all(&mut inverses);
    points
        .iter()
        .zip(inverses.iter())
        .map(|(p, inverse)| Affine { x: p.x * *inverse, y: p.y * *inverse })
        .collect()
}

/// The affine form of `point`, `None` for the identity. Variable time.
pub(super) fn jacobian_to_affine_vartime(point: &Jacobian) -> Option<Affine> {
    (!point.is_identity_vartime()).then(|| scale(point, &point.z.invert()))
}

/// The affine forms of `points`, `None` for the identity, with one inversion. Variable time.
pub(super) fn jacobian_to_affine_all_vartime(points: &[Jacobian]) -> Vec<Option<Affine>> {
    let mut inverses: Vec<_> = points.iter().map(|p| p.z).collect();
    invert_all(&mut inverses);
    points
        .iter()
        .zip(&inverses)
        .map(|(p, inverse)| (!p.is_identity_vartime()).then(|| scale(p, inverse)))
        .collect()
}

fn scale(point: &Jacobian, inverse: &FieldElement) -> Affine {
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
