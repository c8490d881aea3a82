//! Signature schemes of the same family that are known to be weak. They share the product's equation
//! `t*B = b1*QA + b2*QB + (k2 + r)*G`, `r = e + x(b1*QA + b2*QB + K2)`, and differ in the factors.

use cosign_tests::random::Seeded;
use sm_primitives::{PublicPoint, Scalar, sm2::Signature};

use crate::{
    algebra::{hash, random, signature, small, sum, times_g, verifies},
    parties::{Item, Shares, binding_factors},
};

/// What makes the factors of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Lin's scheme with the server's multiplier fixed to 1: one point over G, no factor.
    Lin,
    /// One point over B, no factor.
    Unbound,
    /// One point over B, one hashed factor.
    OneFactor,
    /// The product's two factors, cut to 6 bits each.
    ShortFactors,
    /// The product's two factors.
    Dual,
}

impl Scheme {
    pub(crate) fn factors(
        self,
        keys: &Shares,
        index: usize,
        item: &Item,
        k2: &PublicPoint,
    ) -> (Scalar, Scalar) {
        let context = hash(&[b"session", &item.to_bytes()]);
        match self {
            Self::Lin | Self::Unbound => (Scalar::ONE, Scalar::ZERO),
            // As in the transcripts of others.
            Self::OneFactor => {
                let parts: [&[u8]; 6] = [
                    b"B'",
                    b"sid",
                    &keys.public.as_point().to_bytes(),
                    &item.digest.to_bytes(),
                    &item.qa.to_bytes(),
                    &k2.to_bytes(),
                ];
                let rho = hash(&parts);
                (small(u128::from_be_bytes(rho[..16].try_into().unwrap())), Scalar::ZERO)
            }
            Self::ShortFactors => {
                let [b1, b2] = [0, 1].map(|byte| {
                    let bits = hash(&[&context, &k2.to_bytes()])[byte] & 63;
                    small(u128::from(bits.max(1)))
                });
                (b1, b2)
            }
            Self::Dual => binding_factors(&context, index, k2),
        }
    }

    const fn is_over_g(self) -> bool {
        matches!(self, Self::Lin)
    }
}

/// A client of a weak scheme. It follows its scheme: single-use nonces, and every signature is verified.
pub(crate) struct Client {
    pub(crate) scheme: Scheme,
    pub(crate) keys: Shares,
    pub(crate) items: Vec<Item>,
    nonces: Vec<[Scalar; 2]>,
}

impl Client {
    /// Sends the points of one item for each digest.
    pub(crate) fn start(scheme: Scheme, keys: Shares, digests: &[Scalar], rng: &mut Seeded) -> Self {
        let nonces = digests.iter().map(|_| [random(rng), random(rng)]).collect();
        Self::with_nonces(scheme, keys, digests, nonces)
    }

    pub(crate) fn with_nonces(
        scheme: Scheme,
        keys: Shares,
        digests: &[Scalar],
        nonces: Vec<[Scalar; 2]>,
    ) -> Self {
        let over = if scheme.is_over_g() { PublicPoint::generator() } else { keys.base };
        let items = digests.iter().zip(&nonces).map(|(&digest, nonces)| {
            let [qa, qb] = nonces.map(|nonce| over.mul_vartime(&nonce).unwrap());
            Item { digest, qa, qb }
        });
        Self { scheme, keys, items: items.collect(), nonces }
    }

    /// One second point for two items that follow each other: cheaper, and broken.
    pub(crate) fn with_shared_second_points(mut self) -> Self {
        for pair in 0..self.items.len() / 2 {
            self.nonces[2 * pair + 1][1] = self.nonces[2 * pair][1];
            self.items[2 * pair + 1].qb = self.items[2 * pair].qb;
        }
        self
    }

    pub(crate) fn factors(&self, index: usize, k2: &PublicPoint) -> (Scalar, Scalar) {
        self.scheme.factors(&self.keys, index, &self.items[index], k2)
    }

    /// Takes the server's answers; all signatures or none.
    pub(crate) fn finish(&self, answers: &[(PublicPoint, Scalar)]) -> Option<Vec<Signature>> {
        let signed = answers.iter().enumerate().map(|(index, (k2, s2))| {
            let Item { digest, qa, qb } = self.items[index];
            let [na, nb] = self.nonces[index];
            let (b1, b2) = self.factors(index, k2);
            let r = digest + sum(&[(b1, qa), (b2, qb), (Scalar::ONE, *k2)])?.x_scalar();
            // In Lin's scheme the share is on the client's nonce as well, because its point is over G.
            let v = (b1 * na + b2 * nb)
                * if self.scheme.is_over_g() { self.keys.client * self.keys.server } else { Scalar::ONE };
            let made = signature(r, v + self.keys.client * *s2)?;
            verifies(&self.keys.public, digest, &made).then_some(made)
        });
        signed.collect()
    }
}

/// A server of a weak scheme: the answer to one item with this nonce, and `r`, which it logs.
pub(crate) fn respond(
    scheme: Scheme,
    keys: &Shares,
    index: usize,
    item: &Item,
    nonce: Scalar,
) -> (PublicPoint, Scalar, Scalar) {
    let k2 = times_g(nonce);
    let (b1, b2) = scheme.factors(keys, index, item, &k2);
    let total = sum(&[(b1, item.qa), (b2, item.qb), (Scalar::ONE, k2)]).unwrap();
    let r = item.digest + total.x_scalar();
    (k2, keys.server * (nonce + r), r)
}
