//! Signing in suite D ("dual bound nonce"), one round trip for 1..=256 digests.
//!
//! ```text
//! client                                             server
//! na, nb; QA = na*B, QB = nb*B       -- e, QA, QB ->  k2; K2 = k2*G; b1 || b2 = SM3(bind || h_req || i || K2)
//!                                                     R = b1*QA + b2*QB + K2;  r = e + x(R)
//!                                    <-- K2, s2 ----  s2 = dB*(k2 + r)
//! v = b1*na + b2*nb;  R = v*B + K2
//! r = e + x(R);  t = v + dA*s2;  s = t - r;  verify (r, s)
//! ```

use alloc::{collections::BTreeSet, vec::Vec};
use core::fmt;

use sm_primitives::{
    Scalar, SecretScalar, batch,
    point::PublicPoint,
    rand_core::TryCryptoRng,
    sm2::{
        PreparedKey, PublicKey, Signature,
        dsa::many::{self, Claim},
    },
};

use crate::{
    digest::Digest,
    error::{Code, Error, Progress},
    hash,
    ids::{Op, SessionId},
    nonce::{self, ClientBinding, Which},
    pin::random_bytes,
    share::{ClientKey, ServerShare},
    wire::{self, Answer, CLIENT_DEADLINE_MS, Fields},
};

/// Bytes of one item of an answer: `K2 || s2`.
const ANSWER_ITEM: usize = 96;
/// A random source that repeats itself this often within one request is broken.
const MAX_REDRAWS: u8 = 8;

/// Signatures from which on it pays to prepare the key for verifying them.
const WORTH_PREPARING: usize = 40;

/// The two nonces of one item.
struct NoncePair {
    a: SecretScalar,
    b: SecretScalar,
}

/// A signing session whose request was sent. Owns the nonces; dropping it aborts the session.
#[must_use = "dropping this aborts the session"]
pub struct AwaitingSignatures<'k> {
    key: &'k ClientKey,
    sid: SessionId,
    h_req: [u8; 32],
    digests: Vec<Digest>,
    nonces: Vec<NoncePair>,
    frame: Vec<u8>,
    deadline_ms: u64,
}

impl fmt::Debug for AwaitingSignatures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingSignatures").field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// The signatures of one request, in the order of its digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// One ordinary SM2 signature for each digest; every one was verified.
    pub signatures: Vec<Signature>,
    /// Wrong PINs since the last success, 0..=9: to be shown to the user.
    pub failures: u8,
}

/// Starts a session: the request frame and the state that waits for its answer.
///
/// `counter` numbers the sessions of this process; each call takes the next value. Timing: independent of the share
/// and the nonces.
///
/// # Errors
/// [`Error::ApiMisuse`] unless there are 1..=256 digests, [`Error::RandomFailed`].
pub fn start<'k>(
    key: &'k ClientKey,
    digests: &[Digest],
    now_ms: u64,
    counter: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, AwaitingSignatures<'k>), Error> {
    let count = wire::batch_len(digests.len())?;
    let sid = SessionId::from_bytes(*random_bytes(rng)?);
    let binding = ClientBinding { share: &key.share, sid: &sid, ts_ms: now_ms, counter };
    let (nonces, points) = draw_nonces(key, &binding, digests, rng)?;

    let mut items = Vec::with_capacity(digests.len() * wire::item_len(Op::Sign));
    for (digest, pair) in digests.iter().zip(points.chunks_exact(2)) {
        items.extend(digest.as_bytes());
        pair.iter().for_each(|point| items.extend(point.to_bytes()));
    }
    let (frame, h_req) = key.tagged_frame(Op::Sign, &sid, now_ms, count, &items);
    let waiting = AwaitingSignatures {
        key,
        sid,
        h_req,
        digests: digests.to_vec(),
        nonces,
        frame: frame.clone(),
        deadline_ms: now_ms.saturating_add(CLIENT_DEADLINE_MS),
    };
    Ok((frame, waiting))
}

/// Draws the nonces of all items and their points `QA_0, QB_0, QA_1, ...`, all with different x.
///
/// Equal points would make the two nonces one, which a server with many open sessions can exploit; only a broken
/// random source gets here.
fn draw_nonces(
    key: &ClientKey,
    binding: &ClientBinding<'_>,
    digests: &[Digest],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<NoncePair>, Vec<PublicPoint>), Error> {
    let both = |(index, digest)| [(index, digest, Which::A), (index, digest, Which::B)];
    let wanted: Vec<_> = (0..).zip(digests).flat_map(both).collect();
    let mut scalars = nonce::client(binding, &wanted, rng)?;
    let mut points = batch::mul_each(&key.base, &scalars);
    let mut redraws = 0;
    while let Some(position) = first_repeated_x(&points) {
        redraws += 1;
        if redraws > MAX_REDRAWS {
            return Err(Error::RandomFailed);
        }
        let repeated = wanted.get(position..=position).ok_or(Error::RandomFailed)?;
        for fresh in nonce::client(binding, repeated, rng)? {
            if let (Some(point), Some(scalar)) = (points.get_mut(position), scalars.get_mut(position)) {
                *point = key.base.mul(&fresh);
                *scalar = fresh;
            }
        }
    }
    let mut scalars = scalars.into_iter();
    let mut nonces = Vec::with_capacity(digests.len());
    while let (Some(a), Some(b)) = (scalars.next(), scalars.next()) {
        nonces.push(NoncePair { a, b });
    }
    Ok((nonces, points))
}

/// Position of the first point whose x an earlier point has.
pub(crate) fn first_repeated_x(points: &[PublicPoint]) -> Option<usize> {
    let mut seen = BTreeSet::new();
    points.iter().position(|point| !seen.insert(point.x_bytes()))
}

impl AwaitingSignatures<'_> {
    /// The frame, for sending the identical bytes again before the deadline.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// When this state must be dropped, unix milliseconds.
    #[must_use]
    pub const fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// Takes the answer, consumes the nonces, and releases the signatures only if every one of them verifies.
    ///
    /// Timing: independent of the share and the nonces.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`] for an answer that does not parse or is of another session,
    /// [`Error::PeerMisbehaved`] for one that fails a check, [`Error::Refused`] for the server's refusal. Either way
    /// the session is over and nothing is released.
    pub fn finish(self, answer: &[u8]) -> Result<Progress<Self, Signed>, Error> {
        let count = wire::batch_len(self.digests.len())?;
        let (failures, body) = match wire::read_answer(answer, self.key.suite, &self.sid, count, ANSWER_ITEM)?
        {
            Answer::Items { failures, body } => (failures, body),
            Answer::Busy => return Ok(Progress::Busy(self)),
        };
        let answers =
            body.chunks_exact(ANSWER_ITEM).map(PartialSignature::read).collect::<Result<Vec<_>, _>>()?;
        let points: Vec<_> = answers.iter().map(|answer| answer.point).collect();
        let factors = hash::binding_factors(&self.h_req, 0, &points);
        let signatures = complete(self.key, &self.digests, &self.nonces, &factors, &answers);
        let signatures = signatures.ok_or(Error::PeerMisbehaved(Code::Verify))?;
        Ok(Progress::Done(Signed { signatures, failures }))
    }
}

/// The server's part of one signature: `K2` and `s2`.
struct PartialSignature {
    point: PublicPoint,
    s2: Scalar,
}

impl PartialSignature {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = Fields(bytes);
        let point = fields.take().and_then(PublicPoint::from_bytes);
        let point = point.ok_or(Error::InvalidMessage(Code::RespPoint))?;
        let s2 = fields.take().and_then(Scalar::from_bytes).filter(|s2| !s2.is_zero());
        Ok(Self { point, s2: s2.ok_or(Error::InvalidMessage(Code::RespRange))? })
    }
}

/// Completes and verifies all signatures; `None` if any check of any of them fails.
///
/// The types carry half of the checks: a product or sum that is zero (`b1 = 0`, `v = 0`, `t = 0`) is no
/// `SecretScalar`, an identity (`R = O`) is no `PublicPoint`, a zero `r` or `s` is no `Signature`.
fn complete(
    key: &ClientKey,
    digests: &[Digest],
    nonces: &[NoncePair],
    factors: &[(u128, u128)],
    answers: &[PartialSignature],
) -> Option<Vec<Signature>> {
    // Never grows, so that no copy of a secret stays behind.
    let mut vs = Vec::with_capacity(nonces.len());
    for (nonces, &(b1, b2)) in nonces.iter().zip(factors) {
        let a = nonces.a.mul_public(&Scalar::from_u128(b1))?;
        let b = nonces.b.mul_public(&Scalar::from_u128(b2))?;
        vs.push(a.add(&b)?);
    }
    let points = batch::mul_each(&key.base, &vs);
    let mut signatures = Vec::with_capacity(digests.len());
    for (((digest, answer), v), point) in digests.iter().zip(answers).zip(vs).zip(points) {
        let r = digest.scalar() + point.add(&answer.point)?.x_scalar();
        let t = v.add(&key.share.mul_public(&answer.s2)?)?.declassify();
        signatures.push(Signature::from_scalars(r, t - r)?);
    }
    // A separate path from the one above: catches a wrong answer, a wrong share and a fault alike.
    verify(&key.public_key, digests, &signatures).then_some(signatures)
}

/// Whether there is a signature for every digest and all of them verify.
fn verify(key: &PublicKey, digests: &[Digest], signatures: &[Signature]) -> bool {
    let pairs = digests.iter().map(|digest| *digest.as_bytes()).zip(signatures.iter().copied());
    let outcomes = if digests.len() < WORTH_PREPARING {
        let claims: Vec<_> = pairs.map(|(digest, signature)| Claim { key, digest, signature }).collect();
        many::verify_digests(&claims)
    } else {
        many::verify_digests_prepared(&PreparedKey::new(key), &pairs.collect::<Vec<_>>())
    };
    outcomes.len() == digests.len() && outcomes.iter().all(Result::is_ok)
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

/// What the server sends and what its audit log keeps of one item.
pub(crate) struct Respond {
    /// `K2 || s2` of all items.
    pub(crate) body: Vec<u8>,
    /// `(e, r)` of all items; `s2` is never kept.
    pub(crate) log: Vec<(Digest, [u8; 32])>,
}

/// The server's step for all items of a request.
///
/// Timing: independent of the share and the nonces. `E_INTERNAL` if the random source fails or the self-check finds
/// a fault; then nothing of the request may leave.
pub(crate) fn respond(
    share: &ServerShare,
    h_req: &[u8; 32],
    items: &[Item],
    nonce_key: &[u8; 32],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Respond, Code> {
    let count = u16::try_from(items.len()).map_err(|_| Code::Internal)?;
    let nonces = nonce::server(nonce_key, h_req, 0..count, 0, rng).map_err(|_| Code::Internal)?;
    let sums = sums(h_req, 0, items, &batch::mul_base(&nonces));
    let totals = batch::nonce_sums_vartime(&sums);

    let mut out =
        Respond { body: Vec::with_capacity(items.len() * ANSWER_ITEM), log: Vec::with_capacity(items.len()) };
    for (index, (((item, nonce), sum), total)) in (0..).zip(items.iter().zip(nonces).zip(&sums).zip(totals)) {
        let answer = match answer(share, item, nonce, sum, total)? {
            Some(answer) => answer,
            None => redraw(share, h_req, index, item, nonce_key, rng)?,
        };
        out.body.extend(answer.point.to_bytes());
        out.body.extend(answer.s2.to_bytes());
        out.log.push((item.digest, answer.r.to_bytes()));
    }
    Ok(out)
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

struct ServerAnswer {
    point: PublicPoint,
    r: Scalar,
    s2: Scalar,
}

/// `r` and `s2` of one item; `None` asks for another nonce (probability about 2^-127 for a hostile request).
fn answer(
    share: &ServerShare,
    item: &Item,
    nonce: SecretScalar,
    sum: &batch::NonceSum,
    total: Option<PublicPoint>,
) -> Result<Option<ServerAnswer>, Code> {
    let Some(total) = total.filter(|_| sum.b1 != 0 && sum.b2 != 0) else {
        return Ok(None);
    };
    let r = item.digest.scalar() + total.x_scalar();
    if r.is_zero() {
        return Ok(None);
    }
    let Some(masked) = nonce.add_public(&r) else {
        return Ok(None);
    };
    let s2 = share.share.mul(&masked).declassify();
    // s2 * dB^-1 - r = k2 with the inverse that was stored on its own: a fault in dB, r, k2 or the product stops here.
    let recovered = share.inverse.mul_public(&s2).and_then(|sum| sum.add_public(&-r));
    match recovered {
        Some(recovered) if bool::from(recovered.ct_eq(&nonce)) => {
            Ok(Some(ServerAnswer { point: sum.k2, r, s2 }))
        }
        _ => Err(Code::Internal),
    }
}

fn redraw(
    share: &ServerShare,
    h_req: &[u8; 32],
    index: u16,
    item: &Item,
    nonce_key: &[u8; 32],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<ServerAnswer, Code> {
    for retry in 1..=MAX_REDRAWS {
        let nonces =
            nonce::server(nonce_key, h_req, index..index + 1, retry, rng).map_err(|_| Code::Internal)?;
        let sums = sums(h_req, index, core::slice::from_ref(item), &batch::mul_base(&nonces));
        let totals = batch::nonce_sums_vartime(&sums);
        for ((nonce, sum), total) in nonces.into_iter().zip(&sums).zip(totals) {
            if let Some(answer) = answer(share, item, nonce, sum, total)? {
                return Ok(answer);
            }
        }
    }
    Err(Code::Internal)
}

/// Ways in for the vectors, which give nonces instead of the randomness behind them.
#[cfg(test)]
impl<'k> AwaitingSignatures<'k> {
    pub(crate) fn with_nonces(
        key: &'k ClientKey,
        sid: SessionId,
        h_req: [u8; 32],
        digests: Vec<Digest>,
        nonces: Vec<(SecretScalar, SecretScalar)>,
    ) -> Self {
        let nonces = nonces.into_iter().map(|(a, b)| NoncePair { a, b }).collect();
        Self { key, sid, h_req, digests, nonces, frame: Vec::new(), deadline_ms: 0 }
    }
}

/// [`complete`] with everything given.
#[cfg(test)]
pub(crate) fn complete_with(
    key: &ClientKey,
    digest: &Digest,
    (a, b): (SecretScalar, SecretScalar),
    factors: (u128, u128),
    (point, s2): (PublicPoint, Scalar),
) -> Option<Signature> {
    complete(key, &[*digest], &[NoncePair { a, b }], &[factors], &[PartialSignature { point, s2 }])?.pop()
}
