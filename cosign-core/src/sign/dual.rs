//! Suite D ("dual bound nonce"), one round trip.
//!
//! ```text
//! client                                             server
//! na, nb; QA = na*B, QB = nb*B       -- e, QA, QB ->  k2; K2 = k2*G; b1 || b2 = SM3(bind || h_req || i || K2)
//!                                                     R = b1*QA + b2*QB + K2;  r = e + x(R)
//!                                    <-- K2, s2 ----  s2 = dB*(k2 + r)
//! v = b1*na + b2*nb;  R = v*B + K2
//! r = e + x(R);  t = v + dA*s2;  s = t - r;  verify (r, s)
//! ```

use alloc::vec::Vec;

use sm_primitives::{
    Scalar, SecretScalar, batch, point::PublicPoint, rand_core::TryCryptoRng, sm2::Signature,
};

use super::{
    MAX_REDRAWS, PartialSignature, Respond, ServerPart, complete, draw_nonces, read_s2, server_part,
};
use crate::{
    digest::Digest,
    error::{Code, Error},
    hash,
    ids::Op,
    nonce::{self, ClientBinding, Which},
    share::{ClientKey, ServerShare},
    wire::{self, Fields},
};

/// Bytes of one item of an answer: `K2 || s2`.
pub(super) const ANSWER_ITEM: usize = 96;

/// The request was sent.
pub(super) struct Sent {
    h_req: [u8; 32],
    /// Two of each item, where they were drawn: a secret that moves leaves a copy behind.
    nonces: Vec<SecretScalar>,
}

/// Draws the nonces: the request frame and what waits for its answer.
pub(super) fn start(
    key: &ClientKey,
    binding: &ClientBinding<'_>,
    digests: &[Digest],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, Sent), Error> {
    let both = |(index, digest)| [(index, digest, Which::A), (index, digest, Which::B)];
    let wanted: Vec<_> = (0..).zip(digests).flat_map(both).collect();
    let (nonces, points) = draw_nonces(key, binding, &wanted, rng)?;
    let mut items = Vec::with_capacity(digests.len() * wire::item_len(Op::Sign));
    for (digest, pair) in digests.iter().zip(points.chunks_exact(2)) {
        items.extend(digest.as_bytes());
        pair.iter().for_each(|point| items.extend(point.to_bytes()));
    }
    let count = wire::batch_len(digests.len())?;
    let (frame, h_req) = key.tagged_frame(Op::Sign, binding.sid, binding.ts_ms, count, &items);
    Ok((frame, Sent { h_req, nonces }))
}

impl Sent {
    /// The signatures of the items in the body of an answer.
    pub(super) fn finish(
        self,
        key: &ClientKey,
        digests: &[Digest],
        body: &[u8],
    ) -> Result<Vec<Signature>, Error> {
        let answers = body.chunks_exact(ANSWER_ITEM).map(read_answer).collect::<Result<Vec<_>, _>>()?;
        let points: Vec<_> = answers.iter().map(|answer| answer.point).collect();
        let factors = hash::binding_factors(&self.h_req, 0, &points);
        let vs = bound(&self.nonces, &factors);
        let signatures = vs.and_then(|vs| complete(key, digests, &vs, &answers));
        signatures.ok_or(Error::PeerMisbehaved(Code::Verify))
    }
}

fn read_answer(bytes: &[u8]) -> Result<PartialSignature, Error> {
    let mut fields = Fields(bytes);
    let point = fields.take().and_then(PublicPoint::from_bytes);
    let point = point.ok_or(Error::InvalidMessage(Code::RespPoint))?;
    Ok(PartialSignature { point, s2: read_s2(&mut fields)? })
}

/// `v = b1*na + b2*nb` of all items; `None` if a product or sum is zero.
fn bound(nonces: &[SecretScalar], factors: &[(u128, u128)]) -> Option<Vec<SecretScalar>> {
    // Never grows, so that no copy of a secret stays behind.
    let mut vs = Vec::with_capacity(factors.len());
    for ([a, b], &(b1, b2)) in nonces.as_chunks().0.iter().zip(factors) {
        let a = a.mul_public(&Scalar::from_u128(b1))?;
        let b = b.mul_public(&Scalar::from_u128(b2))?;
        vs.push(a.add(&b)?);
    }
    Some(vs)
}

/// One item of a request as the server decoded it.
pub(crate) struct Item {
    pub(crate) digest: Digest,
    pub(crate) qa: PublicPoint,
    pub(crate) qb: PublicPoint,
}

impl Item {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Code> {
        let mut fields = Fields(bytes);
        let digest = fields.take().and_then(Digest::from_bytes).ok_or(Code::Digest)?;
        let qa = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;
        let qb = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;
        Ok(Self { digest, qa, qb })
    }
}

/// A request that the server answers.
pub(crate) struct Asked<'a> {
    pub(crate) share: &'a ServerShare,
    pub(crate) h_req: &'a [u8; 32],
    pub(crate) items: &'a [Item],
}

/// The server's step for all items of some requests, which may be of different keys: their points are computed together.
///
/// Timing: independent of the shares and the nonces. `E_INTERNAL` for all of them if the random source fails, and for one if
/// the self-check finds a fault; then nothing of it may leave.
pub(crate) fn respond(
    requests: &[Asked<'_>],
    nonce_key: &[u8; 32],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Vec<Result<Respond, Code>> {
    let wanted: Vec<_> = requests.iter().flat_map(Asked::wanted).collect();
    let Ok(nonces) = nonce::server_for(nonce_key, &wanted, 0, rng) else {
        return requests.iter().map(|_| Err(Code::Internal)).collect();
    };
    let k2s = batch::mul_base(&nonces);
    let mut rest = k2s.as_slice();
    let mut all_sums = Vec::with_capacity(nonces.len());
    for asked in requests {
        let (own, after) = rest.split_at_checked(asked.items.len()).unwrap_or_default();
        all_sums.extend(sums(asked.h_req, 0, asked.items, own));
        rest = after;
    }
    let totals = batch::nonce_sums_vartime(&all_sums);
    let mut parts = nonces.iter().zip(&all_sums).zip(totals);
    let answer = |asked: &Asked<'_>| {
        // Taken whatever becomes of the request, so that the next one gets its own.
        let own: Vec<_> = parts.by_ref().take(asked.items.len()).collect();
        asked.answer(own, nonce_key, rng)
    };
    requests.iter().map(answer).collect()
}

impl Asked<'_> {
    fn wanted(&self) -> impl Iterator<Item = (&[u8; 32], u16)> {
        (0..).zip(self.items).map(|(index, _)| (self.h_req, index))
    }

    fn answer(
        &self,
        parts: Vec<((&SecretScalar, &batch::NonceSum), Option<PublicPoint>)>,
        nonce_key: &[u8; 32],
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Respond, Code> {
        let Self { share, h_req, items } = *self;
        let mut out = Respond {
            body: Vec::with_capacity(items.len() * ANSWER_ITEM),
            log: Vec::with_capacity(items.len()),
        };
        for (index, (item, ((nonce, sum), total))) in (0..).zip(items.iter().zip(parts)) {
            let (point, part) = match answer(share, item, nonce, sum, total)? {
                Some(part) => (sum.k2, part),
                None => redraw(share, h_req, index, item, nonce_key, rng)?,
            };
            out.body.extend(point.to_bytes());
            out.body.extend(part.s2.to_bytes());
            out.log.push((item.digest, part.r.to_bytes()));
        }
        Ok(out)
    }
}

/// The sums `R` of `items`, the first of which is item `first` of the request.
fn sums(h_req: &[u8; 32], first: u16, items: &[Item], k2s: &[PublicPoint]) -> Vec<batch::NonceSum> {
    let factors = hash::binding_factors(h_req, first, k2s);
    let sum = |((item, k2), (b1, b2)): ((&Item, &PublicPoint), _)| batch::NonceSum {
        b1,
        qa: item.qa,
        b2,
        qb: item.qb,
        k2: *k2,
    };
    items.iter().zip(k2s).zip(factors).map(sum).collect()
}

/// `r` and `s2` of one item; `None` asks for another nonce (probability about 2^-127 for a hostile request).
pub(super) fn answer(
    share: &ServerShare,
    item: &Item,
    nonce: &SecretScalar,
    sum: &batch::NonceSum,
    total: Option<PublicPoint>,
) -> Result<Option<ServerPart>, Code> {
    let total = total.filter(|_| sum.b1 != 0 && sum.b2 != 0);
    server_part(share, &item.digest, nonce, total)
}

pub(super) fn redraw(
    share: &ServerShare,
    h_req: &[u8; 32],
    index: u16,
    item: &Item,
    nonce_key: &[u8; 32],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(PublicPoint, ServerPart), Code> {
    for retry in 1..=MAX_REDRAWS {
        let nonces =
            nonce::server(nonce_key, h_req, index..index + 1, retry, rng).map_err(|_| Code::Internal)?;
        let sums = sums(h_req, index, core::slice::from_ref(item), &batch::mul_base(&nonces));
        let totals = batch::nonce_sums_vartime(&sums);
        for ((nonce, sum), total) in nonces.iter().zip(&sums).zip(totals) {
            if let Some(part) = answer(share, item, nonce, sum, total)? {
                return Ok((sum.k2, part));
            }
        }
    }
    Err(Code::Internal)
}

/// A way in for the vectors, which give nonces instead of the randomness behind them.
#[cfg(test)]
impl<'k> super::AwaitingSignatures<'k> {
    pub(crate) fn with_nonces(
        key: &'k ClientKey,
        sid: crate::SessionId,
        h_req: [u8; 32],
        digests: Vec<Digest>,
        nonces: Vec<(SecretScalar, SecretScalar)>,
    ) -> Self {
        let nonces = nonces.into_iter().flat_map(|(a, b)| [a, b]).collect();
        let round = super::Round::Dual(Sent { h_req, nonces });
        Self { key, sid, digests, round, frame: Vec::new(), deadline_ms: 0 }
    }
}

/// The client's last step with everything given.
#[cfg(test)]
pub(crate) fn complete_with(
    key: &ClientKey,
    digest: &Digest,
    (a, b): (SecretScalar, SecretScalar),
    factors: (u128, u128),
    (point, s2): (PublicPoint, Scalar),
) -> Option<Signature> {
    let vs = bound(&[a, b], &[factors])?;
    complete(key, &[*digest], &vs, &[PartialSignature { point, s2 }])?.pop()
}
