//! Distributed key generation (SPEC.md, section 8): two round trips, a commitment, a proof of knowledge of each half.
//!
//! ```text
//! client                                                   server
//! dA, PA = dA^-1*G, proof A           -- K1: commitment -->
//!                                     <-- K2: PB, proof B -- dB, PB = dB^-1*G
//! P = dA^-1*PB - G                    -- K3: opening, P -->  P' = dB^-1*PA - G,  P' = P
//!                                     <-- K4 --------------
//! ```
//! The key is then pending: it makes one signature, over a certification request, and that request activates it.

use alloc::vec::Vec;
use core::fmt;

use once_cell::race::OnceBox;
use sm_primitives::{
    Scalar, SecretScalar, Zeroizing, batch::Multiplier, ct, point::PublicPoint, rand_core::TryCryptoRng,
    sm2::PublicKey,
};

use crate::{
    error::{ApiMisuse, Code, Error},
    hash::Dst,
    ids::{KeyId, Op, PinMode, Purpose, RefreshId, SessionId, Suite},
    local::{Facts, LocalRecord},
    pin::{Derivation, DeviceKey, Mask, Pin, public_bytes, random_bytes},
    proof::{Context, Proof, Role},
    share::{self, ClientKey, Reserved},
    wire::{self, Fields},
};

mod oblivious;
pub(crate) mod server;

pub use oblivious::{AwaitingEvaluatedShare, start_oblivious};

/// Longest certification request of op 12, bytes.
pub const MAX_REQUEST: usize = 16_384;

/// `PB || A_B || z_B`.
const SERVER_SHARE: usize = 160;

/// What the commitment hides until the server's half is fixed.
pub(crate) struct Opening {
    pub(crate) point: PublicPoint,
    pub(crate) proof: Proof,
    pub(crate) salt: [u8; 32],
}

impl Opening {
    pub(crate) fn commitment(&self, context: &Context) -> [u8; 32] {
        Dst::KEYGEN_COMMITMENT
            .hasher()
            .chain(context.as_bytes())
            .chain(&self.point.to_bytes())
            .chain(&self.proof.commitment.to_bytes())
            .chain(&self.proof.answer.to_bytes())
            .chain(&self.salt)
            .finalize()
    }
}

/// Proves knowledge of `secret`, the discrete logarithm of `point`, in a role.
pub(crate) fn prove(
    context: &Context,
    role: Role,
    secret: &SecretScalar,
    point: &PublicPoint,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Proof, Error> {
    Proof::make(secret, PublicPoint::mul_base, |commitment| context.challenge(role, point, commitment), rng)
}

/// Checks a proof of [`prove`].
pub(crate) fn is_proven(context: &Context, role: Role, point: &PublicPoint, proof: &Proof) -> bool {
    let challenge = context.challenge(role, point, &proof.commitment);
    proof.verify(&PublicPoint::generator(), &challenge, point)
}

/// `P = secret * point - G`: the joint key, from one's own secret `d^-1` and the other's point.
pub(crate) fn joint_key(secret: &SecretScalar, point: &PublicPoint) -> Option<PublicKey> {
    point.mul(secret).sub(&PublicPoint::generator()).map(PublicKey::from)
}

/// The commitment was sent; waits for the server's half.
#[must_use = "dropping this aborts the key generation"]
pub struct AwaitingServerShare {
    key_id: KeyId,
    suite: Suite,
    purpose: Purpose,
    sid: SessionId,
    context: Context,
    share: SecretScalar,
    /// `dA^-1`.
    witness: SecretScalar,
    opening: Opening,
}

impl fmt::Debug for AwaitingServerShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingServerShare").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// Draws the client's half and commits to it: the frame of op 10. The server issued `key_id` before,
/// for this suite and purpose.
///
/// Timing: independent of the share.
///
/// # Errors
/// [`Error::RandomFailed`].
pub fn start(
    key_id: KeyId,
    suite: Suite,
    purpose: Purpose,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, AwaitingServerShare), Error> {
    commit(Op::Keygen, key_id, suite, purpose, rng)
}

fn commit(
    op: Op,
    key_id: KeyId,
    suite: Suite,
    purpose: Purpose,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, AwaitingServerShare), Error> {
    let sid = SessionId::from_bytes(public_bytes(rng)?);
    let context = Context::new(suite, &key_id, purpose, &sid);
    let share = SecretScalar::random(rng)?;
    let witness = share.invert();
    let point = PublicPoint::mul_base(&witness);
    let proof = prove(&context, Role::Client, &witness, &point, rng)?;
    let opening = Opening { point, proof, salt: *random_bytes(rng)? };

    let mut commitment = opening.commitment(&context);
    // Hides the salt, which leaves with the opening.
    ct::into_public(&mut commitment);
    let mut frame = wire::short_request(suite, op, &key_id, &sid);
    frame.push(purpose.byte());
    frame.extend(commitment);
    Ok((frame, AwaitingServerShare { key_id, suite, purpose, sid, context, share, witness, opening }))
}

impl AwaitingServerShare {
    /// Checks the server's half, forms the joint key, masks the share under the PIN: the frame of op 11.
    ///
    /// Runs PBKDF2 with `iterations` (at least 100,000) and a fresh salt. The frame holds the MAC key and is wiped on
    /// drop; the channel's copies are the caller's business.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`], [`Error::PeerMisbehaved`] if the server's half fails a check, [`Error::Refused`],
    /// [`Error::ApiMisuse`], [`Error::RandomFailed`].
    pub fn finish(
        self,
        answer: &[u8],
        pin: &Pin,
        device_key: &DeviceKey,
        iterations: u32,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<(Zeroizing<Vec<u8>>, AwaitingConfirmation), Error> {
        let body = wire::read_short_answer(answer, self.suite, &self.sid, SERVER_SHARE)?;
        let public_key = self.check(body)?;
        let derivation = Derivation::fresh(PinMode::Base, iterations, rng)?;
        let mask = derivation.mask(pin, device_key, &self.key_id)?;
        self.open(&public_key, derivation, mask, device_key)
    }

    /// The joint key, if the server's half passes its checks.
    fn check(&self, body: &[u8]) -> Result<PublicKey, Error> {
        let (point, proof) = read_server_share(body)?;
        let proven =
            point != PublicPoint::generator() && is_proven(&self.context, Role::Server, &point, &proof);
        let public_key = joint_key(&self.witness, &point).filter(|_| proven);
        public_key.ok_or(Error::PeerMisbehaved(Code::Verify))
    }

    /// Masks the share: the frame of op 11.
    fn open(
        self,
        public_key: &PublicKey,
        derivation: Derivation,
        mask: Mask,
        device_key: &DeviceKey,
    ) -> Result<(Zeroizing<Vec<u8>>, AwaitingConfirmation), Error> {
        let public_key = *public_key;
        let base = share::base(&public_key).ok_or(Error::PeerMisbehaved(Code::Verify))?;
        let facts = Facts {
            key_id: self.key_id,
            suite: self.suite,
            purpose: self.purpose,
            epoch: 1,
            rid: RefreshId::KEYGEN,
            public_key,
        };
        let record = LocalRecord::new(facts, derivation, &self.share, &mask, device_key);
        let record = record.ok_or(Error::PeerMisbehaved(Code::Verify))?;

        // Never grows, so that no copy of a secret stays behind.
        let mut frame = Zeroizing::new(Vec::with_capacity(server::OPEN_FRAME));
        frame.extend(wire::short_request(self.suite, Op::Open, &self.key_id, &self.sid));
        frame.extend(self.opening.point.to_bytes());
        frame.extend(self.opening.proof.commitment.to_bytes());
        frame.extend(self.opening.proof.answer.to_bytes());
        let mut salt = self.opening.salt;
        ct::into_public(&mut salt);
        frame.extend(salt);
        frame.extend(mask.auth.expose_bytes());
        frame.extend(public_key.as_point().to_bytes());
        let key = ClientKey {
            key_id: self.key_id,
            suite: self.suite,
            purpose: self.purpose,
            mode: derivation.mode,
            epoch: 1,
            public_key,
            base: Multiplier::new(base),
            verifier: OnceBox::new(),
            share: self.share,
            auth: mask.auth,
            first: Reserved::default(),
        };
        Ok((frame, AwaitingConfirmation { sid: self.sid, record, key }))
    }
}

fn read_server_share(body: &[u8]) -> Result<(PublicPoint, Proof), Error> {
    let point = Error::InvalidMessage(Code::RespPoint);
    let mut fields = Fields(body);
    let share = fields.take().and_then(PublicPoint::from_bytes).ok_or(point)?;
    let commitment = fields.take().and_then(PublicPoint::from_bytes).ok_or(point)?;
    let answer = fields.take().and_then(Scalar::from_bytes).filter(|z| !z.is_zero());
    let answer = answer.ok_or(Error::InvalidMessage(Code::RespRange))?;
    Ok((share, Proof { commitment, answer }))
}

/// The opening was sent; waits for the server's agreement.
#[must_use = "dropping this aborts the key generation"]
pub struct AwaitingConfirmation {
    sid: SessionId,
    record: LocalRecord,
    key: ClientKey,
}

impl fmt::Debug for AwaitingConfirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingConfirmation").field("record", &self.record).finish_non_exhaustive()
    }
}

impl AwaitingConfirmation {
    /// Takes the server's agreement: the record to store and the unlocked key.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`] or [`Error::Refused`]; the key id is then used up.
    pub fn finish(self, answer: &[u8]) -> Result<(LocalRecord, ClientKey), Error> {
        wire::read_short_answer(answer, self.key.suite, &self.sid, 0)?;
        Ok((self.record, self.key))
    }
}

/// The certification request was sent; waits for the key to become active.
#[derive(Debug)]
#[must_use = "dropping this forgets the activation"]
pub struct AwaitingActivation {
    suite: Suite,
    sid: SessionId,
}

/// Hands in the co-signed certification request (PKCS#10 DER, 1..=16384 bytes): the frame of op 12.
///
/// # Errors
/// [`Error::ApiMisuse`] for another length, [`Error::RandomFailed`].
pub fn activate(
    key: &ClientKey,
    request: &[u8],
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, AwaitingActivation), Error> {
    let misuse = Error::ApiMisuse(ApiMisuse::RequestLength);
    if request.is_empty() || request.len() > MAX_REQUEST {
        return Err(misuse);
    }
    let length = u32::try_from(request.len()).map_err(|_| misuse)?;
    let sid = SessionId::from_bytes(public_bytes(rng)?);
    let mut frame = wire::short_request(key.suite, Op::Activate, &key.key_id, &sid);
    frame.extend(length.to_be_bytes());
    frame.extend(request);
    Ok((frame, AwaitingActivation { suite: key.suite, sid }))
}

impl AwaitingActivation {
    /// Takes the answer: the key is active.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`] or [`Error::Refused`].
    pub fn finish(self, answer: &[u8]) -> Result<(), Error> {
        wire::read_short_answer(answer, self.suite, &self.sid, 0).map(drop)
    }
}

/// A way in for the vectors, which give the opening instead of the randomness behind it.
#[cfg(test)]
impl AwaitingServerShare {
    pub(crate) fn with_opening(
        key_id: KeyId,
        purpose: Purpose,
        sid: SessionId,
        share: SecretScalar,
        opening: Opening,
    ) -> Self {
        let suite = Suite::D;
        let context = Context::new(suite, &key_id, purpose, &sid);
        Self { key_id, suite, purpose, sid, context, witness: share.invert(), share, opening }
    }
}
