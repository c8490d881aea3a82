//! Schnorr proofs of knowledge, made non-interactive by SM3.

use sm_primitives::{Scalar, SecretScalar, point::PublicPoint, rand_core::TryCryptoRng};

use crate::{
    error::Error,
    hash,
    ids::{KeyId, Purpose, SessionId, Suite},
    wire::VERSION,
};

/// What a proof of key generation or import is bound to: `VER || SUITE || key_id || purpose || sid`.
#[derive(Clone, Copy)]
pub(crate) struct Context([u8; 35]);

impl Context {
    pub(crate) fn new(suite: Suite, key_id: &KeyId, purpose: Purpose, sid: &SessionId) -> Self {
        let mut bytes = [0; 35];
        bytes[..2].copy_from_slice(&[VERSION, suite.byte()]);
        bytes[2..18].copy_from_slice(key_id.as_bytes());
        bytes[18] = purpose.byte();
        bytes[19..].copy_from_slice(sid.as_bytes());
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Challenge of the proof that `role` knows the discrete logarithm of `point`.
    pub(crate) fn challenge(&self, role: Role, point: &PublicPoint, commitment: &PublicPoint) -> Scalar {
        hash::challenge(&[&self.0, &[role as u8], &point.to_bytes(), &commitment.to_bytes()])
    }
}

/// Who proves; a proof of one role is none of the other.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Client = b'A' as isize,
    Server = b'B' as isize,
    /// The client that splits a recovered key.
    Importer = b'I' as isize,
}

/// A proof `(A, z)` with `z * base = A + c * X`.
#[derive(Clone, Copy)]
pub(crate) struct Proof {
    pub(crate) commitment: PublicPoint,
    pub(crate) answer: Scalar,
}

impl Proof {
    /// Proves knowledge of `secret`. `commit` makes `v * base`, `challenge` hashes the commitment.
    pub(crate) fn make(
        secret: &SecretScalar,
        commit: impl Fn(&SecretScalar) -> PublicPoint,
        challenge: impl Fn(&PublicPoint) -> Scalar,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        // z = 0 or c = 0 happens with probability 2^-255 each: a new v, twice at most before the source is to blame.
        for _ in 0..3 {
            let v = SecretScalar::random(rng)?;
            let commitment = commit(&v);
            let answer = secret.mul_public(&challenge(&commitment)).and_then(|cx| v.add(&cx));
            if let Some(answer) = answer {
                return Ok(Self { commitment, answer: answer.declassify() });
            }
        }
        Err(Error::RandomFailed)
    }

    /// Checks `z * base = A + c * X`. Timing: variable, all inputs are public.
    pub(crate) fn verify(&self, base: &PublicPoint, challenge: &Scalar, point: &PublicPoint) -> bool {
        let left = base.mul_vartime(&self.answer);
        let right = match point.mul_vartime(challenge) {
            Some(cx) => self.commitment.add(&cx),
            None => Some(self.commitment),
        };
        left.is_some() && left == right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An equation of two identities is no proof.
    #[test]
    fn an_empty_equation_proves_nothing() {
        let point = PublicPoint::generator();
        let minus = (Scalar::ZERO - Scalar::ONE).to_bytes();
        let opposite = SecretScalar::from_bytes(&minus).map(|minus| point.mul(&minus));
        let proof = opposite.map(|commitment| Proof { commitment, answer: Scalar::ZERO });
        assert_eq!(proof.map(|proof| proof.verify(&point, &Scalar::ONE, &point)), Some(false));
    }

    #[test]
    fn a_proof_holds_for_its_challenge_only() {
        let secret = SecretScalar::from_wide(&[9; 48]);
        let point = PublicPoint::mul_base(&secret);
        for challenge in [Scalar::ONE, Scalar::from_u128(77)] {
            let proof = Proof::make(&secret, PublicPoint::mul_base, |_| challenge, &mut getrandom::SysRng);
            let proof = proof.unwrap_or_else(|error| panic!("{error}"));
            assert!(proof.verify(&PublicPoint::generator(), &challenge, &point));
            assert!(!proof.verify(&PublicPoint::generator(), &Scalar::ZERO, &point));
            assert!(!proof.verify(&point, &challenge, &point));
        }
    }
}
