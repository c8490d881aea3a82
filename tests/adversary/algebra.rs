//! What every attacker computes with: integers mod n, points, systems of linear equations.

use std::collections::BTreeMap;

use cosign_tests::random::Seeded;
use sm_primitives::{
    PublicPoint, Scalar, SecretScalar,
    sm2::{PublicKey, Signature, dsa},
    sm3::Sm3,
};

pub(crate) fn random(rng: &mut Seeded) -> Scalar {
    SecretScalar::random(rng).unwrap().declassify()
}

pub(crate) fn small(value: u128) -> Scalar {
    Scalar::from_u128(value)
}

pub(crate) fn scalar(bytes: &[u8]) -> Scalar {
    Scalar::from_bytes(bytes.try_into().unwrap()).unwrap()
}

pub(crate) fn point(bytes: &[u8]) -> PublicPoint {
    PublicPoint::from_bytes(bytes.try_into().unwrap()).unwrap()
}

pub(crate) fn secret(value: Scalar) -> SecretScalar {
    SecretScalar::from_public(value).unwrap()
}

pub(crate) fn inverse(value: Scalar) -> Scalar {
    secret(value).invert().declassify()
}

pub(crate) fn times_g(value: Scalar) -> PublicPoint {
    PublicPoint::mul_base(&secret(value))
}

/// The sum of products; `None` if it is the identity.
pub(crate) fn sum(terms: &[(Scalar, PublicPoint)]) -> Option<PublicPoint> {
    terms.iter().filter_map(|(factor, point)| point.mul_vartime(factor)).fold(None, |sum, point| match sum {
        None => Some(point),
        Some(sum) => sum.add(&point),
    })
}

pub(crate) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sm3::new(), |hash, part| hash.chain(part)).finalize()
}

pub(crate) fn verifies(key: &PublicKey, digest: Scalar, signature: &Signature) -> bool {
    dsa::verify_digest(key, &digest.to_bytes(), signature).is_ok()
}

/// `(r, t - r)`, the signature that the two halves of the equation `t*B = R + r*G` make.
pub(crate) fn signature(r: Scalar, t: Scalar) -> Option<Signature> {
    Signature::from_scalars(r, t - r)
}

/// `t = r + s` of a signature.
pub(crate) fn t_of(signature: &Signature) -> Scalar {
    *signature.r() + *signature.s()
}

/// Names of unknowns, in order.
pub(crate) type Unknown = [u8; 64];

/// Linear equations mod n, kept in row echelon form.
#[derive(Default)]
pub(crate) struct System {
    /// By their first unknown, whose coefficient is 1.
    rows: BTreeMap<Unknown, Row>,
}

#[derive(Clone)]
struct Row {
    left: BTreeMap<Unknown, Scalar>,
    right: Scalar,
}

impl System {
    /// Adds `left = right`, where each unknown stands once.
    pub(crate) fn push(&mut self, left: &[(Unknown, Scalar)], right: Scalar) {
        let mut row = Row { left: left.iter().copied().collect(), right };
        row.left.retain(|_, factor| !factor.is_zero());
        while let Some((&unknown, &factor)) = row.left.first_key_value() {
            let Some(known) = self.rows.get(&unknown) else {
                let scale = inverse(factor);
                row.left.values_mut().for_each(|factor| *factor = *factor * scale);
                row.right = row.right * scale;
                self.rows.insert(unknown, row);
                return;
            };
            row.subtract(known, factor);
        }
    }

    /// The value of an unknown, if the equations fix it.
    pub(crate) fn solve(&self, unknown: &Unknown) -> Option<Scalar> {
        let mut row = self.rows.get(unknown)?.clone();
        // What is left of it are later unknowns.
        while let Some((&next, &factor)) = row.left.iter().nth(1) {
            row.subtract(self.rows.get(&next)?, factor);
        }
        Some(row.right)
    }
}

impl Row {
    fn subtract(&mut self, other: &Self, factor: Scalar) {
        for (unknown, value) in &other.left {
            let entry = self.left.entry(*unknown).or_insert(Scalar::ZERO);
            *entry = *entry - factor * *value;
        }
        self.left.retain(|_, factor| !factor.is_zero());
        self.right = self.right - factor * other.right;
    }
}

#[test]
fn equations_are_solved_exactly_when_they_fix_the_value() {
    let mut rng = Seeded::new(1);
    let values = [random(&mut rng), random(&mut rng), random(&mut rng)];
    let names: [Unknown; 3] = [[1; 64], [2; 64], [3; 64]];
    let mut system = System::default();
    for equation in 0..3 {
        assert_eq!(system.solve(&names[0]), None, "{equation} equations");
        let left = names.map(|name| (name, random(&mut rng)));
        let right =
            left.iter().zip(values).fold(Scalar::ZERO, |sum, ((_, factor), value)| sum + *factor * value);
        // The same equation again adds nothing.
        system.push(&left, right);
        system.push(&left, right);
    }
    for (name, value) in names.iter().zip(values) {
        assert_eq!(system.solve(name), Some(value));
    }
}
