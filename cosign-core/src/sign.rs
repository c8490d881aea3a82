//! Signing 1..=256 digests: in one round trip with a key of suite D, in two with one of suite F2 (SPEC.md, section 9).
//!
//! The caller drives both alike: it sends [`AwaitingSignatures::frame`], feeds the answer to
//! [`AwaitingSignatures::finish`], and goes on while that gives [`Progress::Next`].

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};
use core::fmt;

use once_cell::race::OnceBox;
use sm_primitives::{
    Scalar, SecretScalar, batch, ct,
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
    ids::{SessionId, Suite},
    nonce::{self, ClientBinding, Wanted},
    share::{ClientKey, ServerShare},
    wire::{self, Answer, CLIENT_DEADLINE_MS, Fields},
};

pub(crate) mod commit;
pub(crate) mod dual;

/// A random source that repeats itself this often within one request is broken.
const MAX_REDRAWS: u8 = 8;

/// Signatures from which on it pays to prepare the key for verifying them.
const WORTH_PREPARING: usize = 40;

/// A signing session that waits for an answer. Owns the nonces; dropping it aborts the session.
#[must_use = "dropping this aborts the session"]
pub struct AwaitingSignatures<'k> {
    key: &'k ClientKey,
    sid: SessionId,
    digests: Vec<Digest>,
    round: Round,
    frame: Vec<u8>,
    deadline_ms: u64,
}

/// Which answer is waited for, with the nonces.
enum Round {
    /// Suite D: the answer that completes the signatures.
    Dual(dual::Sent),
    /// Suite F2: the answer to the commitment.
    Committed(commit::Committed),
    /// Suite F2: the answer that completes the signatures.
    Revealed(commit::Revealed),
}

impl Round {
    const fn answer_item(&self) -> usize {
        match self {
            Self::Dual(_) => dual::ANSWER_ITEM,
            Self::Committed(_) => commit::POINT_ITEM,
            Self::Revealed(_) => commit::SCALAR_ITEM,
        }
    }
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
    wire::batch_len(digests.len())?;
    let sid = key.session(rng)?;
    let binding = ClientBinding { share: &key.share, sid: &sid, ts_ms: now_ms, counter };
    let (frame, round) = match key.suite {
        Suite::D => {
            let (frame, sent) = dual::start(key, &binding, digests, rng)?;
            (frame, Round::Dual(sent))
        }
        Suite::F2 => {
            let (frame, committed) = commit::start(key, &binding, digests, rng)?;
            (frame, Round::Committed(committed))
        }
    };
    let waiting = AwaitingSignatures {
        key,
        sid,
        digests: digests.to_vec(),
        round,
        frame: frame.clone(),
        deadline_ms: now_ms.saturating_add(CLIENT_DEADLINE_MS),
    };
    Ok((frame, waiting))
}

/// Draws the nonces that are wanted and their multiples of B, all with different x.
///
/// With equal points two nonces are one, which a server with many open sessions can exploit; only a broken random
/// source gets here.
fn draw_nonces(
    key: &ClientKey,
    binding: &ClientBinding<'_>,
    wanted: &[Wanted<'_>],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<SecretScalar>, Vec<PublicPoint>), Error> {
    let mut scalars = nonce::client(binding, wanted, rng)?;
    let mut points = key.base.mul_each(&scalars);
    separate(key.base.point(), &mut scalars, &mut points, |position| {
        let repeated = wanted.get(position..=position).ok_or(Error::RandomFailed)?;
        nonce::client(binding, repeated, rng)
    })?;
    Ok((scalars, points))
}

/// Draws again, by position, each nonce whose point has the x of an earlier one.
fn separate(
    base: &PublicPoint,
    scalars: &mut [SecretScalar],
    points: &mut [PublicPoint],
    mut fresh: impl FnMut(usize) -> Result<Vec<SecretScalar>, Error>,
) -> Result<(), Error> {
    let mut redraws = 0;
    while let Some(position) = first_repeated_x(points) {
        redraws += 1;
        if redraws > MAX_REDRAWS {
            return Err(Error::RandomFailed);
        }
        // Swapped, so that the old nonce is wiped with the list and no copy of the new one stays behind.
        let mut fresh = fresh(position)?;
        if let (Some(point), Some(scalar), Some(fresh)) =
            (points.get_mut(position), scalars.get_mut(position), fresh.first_mut())
        {
            core::mem::swap(scalar, fresh);
            *point = base.mul(scalar);
        }
    }
    Ok(())
}

/// Position of the first point whose x an earlier point has.
pub(crate) fn first_repeated_x(points: &[PublicPoint]) -> Option<usize> {
    let mut seen = BTreeSet::new();
    points.iter().position(|point| !seen.insert(point.x_bytes()))
}

impl AwaitingSignatures<'_> {
    /// The frame to send, and until the deadline the only one that may be sent again.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// When this state must be dropped, unix milliseconds.
    #[must_use]
    pub const fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// Takes the answer. The last one consumes the nonces, and releases the signatures only if every one of them
    /// verifies.
    ///
    /// Timing: independent of the share and the nonces.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`] for an answer that does not parse or is of another session,
    /// [`Error::PeerMisbehaved`] for one that fails a check, [`Error::Refused`] for the server's refusal. Either way
    /// the session is over and nothing is released.
    pub fn finish(self, answer: &[u8]) -> Result<Progress<Self, Signed>, Error> {
        let count = wire::batch_len(self.digests.len())?;
        let item = self.round.answer_item();
        let (failures, body) = match wire::read_answer(answer, self.key.suite, &self.sid, count, item)? {
            Answer::Items { failures, body } => (failures, body),
            Answer::Busy => return Ok(Progress::Busy(self)),
        };
        match self.round {
            Round::Dual(sent) => {
                let signatures = sent.finish(self.key, &self.digests, body)?;
                Ok(Progress::Done(Signed { signatures, failures }))
            }
            Round::Committed(committed) => {
                let (frame, revealed) = committed.reveal(self.key, &self.sid, body, failures)?;
                Ok(Progress::Next(Self { round: Round::Revealed(revealed), frame, ..self }))
            }
            // The PIN was judged with the commitment; this answer has no more to say of it.
            Round::Revealed(_) if failures != 0 => Err(Error::InvalidMessage(Code::Version)),
            Round::Revealed(revealed) => {
                let failures = revealed.failures;
                let signatures = revealed.finish(self.key, &self.digests, body)?;
                Ok(Progress::Done(Signed { signatures, failures }))
            }
        }
    }
}

/// The server's part of one signature: `K2` and `s2`.
struct PartialSignature {
    point: PublicPoint,
    s2: Scalar,
}

/// Reads `s2`, which is not zero.
fn read_s2(fields: &mut Fields<'_>) -> Result<Scalar, Error> {
    let s2 = fields.take().and_then(Scalar::from_bytes).filter(|s2| !s2.is_zero());
    s2.ok_or(Error::InvalidMessage(Code::RespRange))
}

/// Completes and verifies all signatures from the client's parts `v` of the nonces; `None` if any check of any of them
/// fails.
///
/// The types carry half of the checks: a sum that is zero (`t = 0`) is no `SecretScalar`, an identity (`R = O`) is no
/// `PublicPoint`, a zero `r` or `s` is no `Signature`.
fn complete(
    key: &ClientKey,
    digests: &[Digest],
    vs: &[SecretScalar],
    answers: &[PartialSignature],
) -> Option<Vec<Signature>> {
    let answered: Vec<_> = answers.iter().map(|answer| answer.point).collect();
    let sums = batch::add_each_vartime(&key.base.mul_each(vs), &answered);
    let mut signatures = Vec::with_capacity(digests.len());
    for (((digest, answer), v), sum) in digests.iter().zip(answers).zip(vs).zip(sums) {
        let r = digest.scalar() + sum?.x_scalar();
        let t = v.add(&key.share.mul_public(&answer.s2)?)?.declassify();
        signatures.push(Signature::from_scalars(r, t - r)?);
    }
    // A separate path from the one above: catches a wrong answer, a wrong share and a fault alike.
    verify(&key.public_key, &key.verifier, digests, &signatures).then_some(signatures)
}

/// Whether there is a signature for every digest and all of them verify.
fn verify(
    key: &PublicKey,
    prepared: &OnceBox<PreparedKey>,
    digests: &[Digest],
    signatures: &[Signature],
) -> bool {
    let pairs = digests.iter().map(|digest| *digest.as_bytes()).zip(signatures.iter().copied());
    let outcomes = if digests.len() < WORTH_PREPARING {
        let claims: Vec<_> = pairs.map(|(digest, signature)| Claim { key, digest, signature }).collect();
        many::verify_digests(&claims)
    } else {
        let prepared = prepared.get_or_init(|| Box::new(PreparedKey::new(key)));
        many::verify_digests_prepared(prepared, &pairs.collect::<Vec<_>>())
    };
    outcomes.len() == digests.len() && outcomes.iter().all(Result::is_ok)
}

/// What the server sends and what its audit log keeps of the items of one request.
pub(crate) struct Respond {
    /// The items of the answer.
    pub(crate) body: Vec<u8>,
    /// `(e, r)` of all items; `s2` is never kept.
    pub(crate) log: Vec<(Digest, [u8; 32])>,
}

/// The server's `r` and `s2` of one item.
struct ServerPart {
    r: Scalar,
    s2: Scalar,
}

/// `r = e + x(R)` and `s2 = dB*(k2 + r)`; `None` if a value is zero or `R` is the identity.
///
/// `E_INTERNAL` if the self-check finds a fault.
fn server_part(
    share: &ServerShare,
    digest: &Digest,
    nonce: &SecretScalar,
    total: Option<PublicPoint>,
) -> Result<Option<ServerPart>, Code> {
    let Some(total) = total else {
        return Ok(None);
    };
    let r = digest.scalar() + total.x_scalar();
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
        Some(recovered) if ct::into_public_choice(recovered.ct_eq(nonce)) => Ok(Some(ServerPart { r, s2 })),
        _ => Err(Code::Internal),
    }
}

#[cfg(test)]
mod tests;
