//! Suite F2, "commit first": the client commits to its nonce points before the server's are known to it, and opens the
//! commitment after. One client nonce and one 128-bit factor for each item; two round trips; the server keeps its
//! nonces in memory between them.

use alloc::vec::Vec;

use sm_primitives::{
    Scalar, SecretScalar, batch, ct, point::PublicPoint, rand_core::TryCryptoRng, sm2::Signature,
};

use super::{PartialSignature, Respond, complete, draw_nonces, read_s2, server_part};
use crate::{
    decrypt::read_points,
    digest::Digest,
    error::{Code, Error},
    hash,
    ids::{Op, SessionId},
    nonce::{self, ClientBinding, Which},
    pin::random_bytes,
    share::{ClientKey, ServerShare},
    wire::{self, Fields},
};

/// Bytes of one item of the answer to the commitment: `K2`.
pub(super) const POINT_ITEM: usize = 64;
/// Bytes of one item of the answer to the opening: `s2`.
pub(super) const SCALAR_ITEM: usize = 32;

/// The commitment was sent.
pub(super) struct Committed {
    nonces: Vec<SecretScalar>,
    /// The items and the salt: what was committed to.
    opening: Vec<u8>,
    h_req: [u8; 32],
    ts_ms: u64,
}

/// The opening was sent.
pub(super) struct Revealed {
    nonces: Vec<SecretScalar>,
    h_req: [u8; 32],
    /// `K2` of all items.
    points: Vec<PublicPoint>,
    /// What the answer to the commitment said.
    pub(super) failures: u8,
}

/// Draws the nonces and commits to the items: the request frame and what waits for its answer.
pub(super) fn start(
    key: &ClientKey,
    binding: &ClientBinding<'_>,
    digests: &[Digest],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, Committed), Error> {
    let wanted: Vec<_> = (0..).zip(digests).map(|(index, digest)| (index, digest, Which::Only)).collect();
    let (nonces, points) = draw_nonces(key, binding, &wanted, rng)?;
    let count = wire::batch_len(digests.len())?;
    let mut opening = Vec::with_capacity(wire::body_len(Op::Reveal, count));
    for (digest, point) in digests.iter().zip(&points) {
        opening.extend(digest.as_bytes());
        opening.extend(point.to_bytes());
    }
    let request = key.request(binding.sid, count);
    let h_req = request.hash(Op::Reveal, &opening);
    opening.extend(&random_bytes::<32>(rng)?[..]);
    let mut commitment = request.commitment(&opening);
    // Hides the items and the salt, which leave with the opening.
    ct::into_public(&mut commitment);
    let (frame, _) = key.tagged_frame(Op::Commit, binding.sid, binding.ts_ms, count, &commitment);
    Ok((frame, Committed { nonces, opening, h_req, ts_ms: binding.ts_ms }))
}

impl Committed {
    /// Takes the server's points: the frame that opens the commitment and what waits for its answer.
    pub(super) fn reveal(
        self,
        key: &ClientKey,
        sid: &SessionId,
        body: &[u8],
        failures: u8,
    ) -> Result<(Vec<u8>, Revealed), Error> {
        let points = read_points(body).ok_or(Error::InvalidMessage(Code::RespPoint))?;
        let count = wire::batch_len(self.nonces.len())?;
        // No tag: the commitment was under one, and nobody else can open it.
        let Self { nonces, mut opening, h_req, ts_ms } = self;
        ct::into_public_bytes(&mut opening);
        let frame = key.header(Op::Reveal, sid, ts_ms, count, [0; 32]).frame(&opening);
        Ok((frame, Revealed { nonces, h_req, points, failures }))
    }
}

impl Revealed {
    /// The signatures of the items in the body of an answer.
    pub(super) fn finish(
        self,
        key: &ClientKey,
        digests: &[Digest],
        body: &[u8],
    ) -> Result<Vec<Signature>, Error> {
        let scalars = body.chunks_exact(SCALAR_ITEM).map(|bytes| read_s2(&mut Fields(bytes)));
        let parts = self.points.iter().zip(scalars);
        let answers = parts.map(|(point, s2)| Ok(PartialSignature { point: *point, s2: s2? }));
        let answers = answers.collect::<Result<Vec<_>, Error>>()?;
        let factors = hash::committed_factors(&self.h_req, &self.points);
        let vs = bound(&self.nonces, &factors);
        let signatures = vs.and_then(|vs| complete(key, digests, &vs, &answers));
        signatures.ok_or(Error::PeerMisbehaved(Code::Verify))
    }
}

/// `v = rho*n` of all items; `None` if a factor is zero.
fn bound(nonces: &[SecretScalar], factors: &[u128]) -> Option<Vec<SecretScalar>> {
    // Never grows, so that no copy of a secret stays behind.
    let mut vs = Vec::with_capacity(nonces.len());
    for (nonce, &rho) in nonces.iter().zip(factors) {
        vs.push(nonce.mul_public(&Scalar::from_u128(rho))?);
    }
    Some(vs)
}

/// The server's nonces of one session, between commitment and opening. In memory only: neither `Clone` nor an
/// encoding, wiped on drop.
pub(crate) struct OpenNonces {
    nonces: Vec<SecretScalar>,
    points: Vec<PublicPoint>,
}

impl OpenNonces {
    /// Draws the nonces of `count` items, hedged with the hash of the commitment's request.
    ///
    /// Timing: independent of the nonces.
    pub(crate) fn draw(
        h_req: &[u8; 32],
        count: u16,
        nonce_key: &[u8; 32],
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Self, Code> {
        let nonces = nonce::server(nonce_key, h_req, 0..count, 0, rng).map_err(|_| Code::Internal)?;
        let points = batch::mul_base(&nonces);
        Ok(Self { nonces, points })
    }

    /// The answer to the commitment.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.points.iter().flat_map(PublicPoint::to_bytes).collect()
    }

    /// The answer to the opening, whose items were committed to. Uses the nonces up.
    ///
    /// Timing: independent of the share and the nonces. `E_INTERNAL` if the self-check finds a fault, or a value is
    /// zero that is so with probability 2^-127: there is no other nonce to take. Then nothing may leave.
    pub(crate) fn respond(
        self,
        share: &ServerShare,
        h_req: &[u8; 32],
        items: &[Item],
    ) -> Result<Respond, Code> {
        let factors = hash::committed_factors(h_req, &self.points);
        self.respond_with(share, &factors, items)
    }

    fn respond_with(self, share: &ServerShare, factors: &[u128], items: &[Item]) -> Result<Respond, Code> {
        let Self { nonces, points } = self;
        if nonces.len() != items.len() {
            return Err(Code::Internal);
        }
        let sums: Vec<_> = items
            .iter()
            .zip(&points)
            .zip(factors)
            .map(|((item, k2), &b1)| batch::NonceSum { b1, qa: item.point, b2: 0, qb: item.point, k2: *k2 })
            .collect();
        let totals = batch::nonce_sums_vartime(&sums);
        let mut out = Respond {
            body: Vec::with_capacity(items.len() * SCALAR_ITEM),
            log: Vec::with_capacity(items.len()),
        };
        for (((item, nonce), &rho), total) in items.iter().zip(&nonces).zip(factors).zip(totals) {
            let part = server_part(share, &item.digest, nonce, total.filter(|_| rho != 0))?;
            let part = part.ok_or(Code::Internal)?;
            out.body.extend(part.s2.to_bytes());
            out.log.push((item.digest, part.r.to_bytes()));
        }
        Ok(out)
    }
}

/// One item of an opened commitment as the server decoded it.
pub(crate) struct Item {
    pub(crate) digest: Digest,
    pub(crate) point: PublicPoint,
}

impl Item {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Code> {
        let mut fields = Fields(bytes);
        let digest = fields.take().and_then(Digest::from_bytes).ok_or(Code::Digest)?;
        let point = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;
        Ok(Self { digest, point })
    }
}

/// Factors that no hash gives within the life of the universe.
#[cfg(test)]
mod tests {
    use getrandom::SysRng;

    use super::*;
    use crate::pin::AuthKey;

    #[test]
    fn a_factor_of_zero_signs_nothing() {
        let share =
            ServerShare::new(SecretScalar::random(&mut SysRng).unwrap(), AuthKey::from_bytes(&[0; 32]));
        let digest = Digest::reduce(&[1; 32]);
        for (rho, signs) in [(0, false), (1, true)] {
            let nonces = OpenNonces::draw(&[1; 32], 1, &[2; 32], &mut SysRng).unwrap();
            let item = Item { digest, point: PublicPoint::generator() };
            assert_eq!(nonces.respond_with(&share, &[rho], &[item]).is_ok(), signs);
            let nonce = [SecretScalar::random(&mut SysRng).unwrap()];
            assert_eq!(bound(&nonce, &[rho]).is_some(), signs);
        }
    }

    #[test]
    fn nonces_answer_as_many_items_as_they_were_drawn_for() {
        let share =
            ServerShare::new(SecretScalar::random(&mut SysRng).unwrap(), AuthKey::from_bytes(&[0; 32]));
        for count in [1, 3] {
            let nonces = OpenNonces::draw(&[1; 32], count, &[2; 32], &mut SysRng).unwrap();
            let items =
                [1, 2].map(|e| Item { digest: Digest::reduce(&[e; 32]), point: PublicPoint::generator() });
            assert_eq!(nonces.respond(&share, &[1; 32], &items).err(), Some(Code::Internal));
        }
    }
}
