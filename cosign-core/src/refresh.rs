//! Refresh (SPEC.md, section 10): new shares of the same key, a new salt and MAC key, at any time one usable epoch.
//!
//! ```text
//! client                                             server
//! R1: rA, K_auth'                               -->  rB;  t = H(key_id, epoch, rA, rB);  dB' = dB/t, pending
//!                                               <--  R2: rB, PB' = t*PB
//! dA' = dA*t, dA'*B = PB'; record beside the old one
//! R3: proof of dA', MAC under K_auth'           -->  checks both, activates, destroys dB
//!                                               <--  R4: ACK (delete the old record) or NAK (delete the new one)
//! ```
//! While two records exist the client sends nothing but R3. Only R3 activates.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use sm_primitives::{Scalar, SecretScalar, Zeroizing, ct, point::PublicPoint, rand_core::TryCryptoRng};

use crate::{
    error::{ApiMisuse, Code, Error, Progress},
    evaluate::EvaluatedPin,
    hash::{self, Dst, Label},
    ids::{KeyId, Op, PinMode, RefreshId, SessionId, Suite},
    local::{Facts, LocalRecord},
    oprf::Rwd,
    pin::{AuthKey, Derivation, DeviceKey, Mask, Pin, random_bytes},
    proof::Proof,
    share::{ClientKey, ServerShare},
    wire::{self, Answer, CLIENT_DEADLINE_MS, Fields},
};

/// How long a pending refresh waits for its confirmation, milliseconds.
pub const PENDING_REFRESH_TTL_MS: u64 = 24 * 3_600_000;

/// `rB || PB'`.
const SERVER_ITEM: usize = 96;

const ACK: u8 = 0;
const NAK: u8 = 1;

/// `t`, by which both shares are rescaled.
fn factor(key_id: &KeyId, epoch: u32, r_a: &[u8; 32], r_b: &[u8; 32]) -> SecretScalar {
    hash::to_scalar(Dst::REFRESH, &[key_id.as_bytes(), &epoch.to_be_bytes(), r_a, r_b])
}

fn refresh_id(h_req: &[u8; 32], r_b: &[u8; 32]) -> RefreshId {
    let hash = Dst::REFRESH_ID.hasher().chain(h_req).chain(r_b).finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    // Sent in R3, stored and logged in plain.
    ct::into_public(&mut id);
    RefreshId::from_bytes(id)
}

fn challenge(
    key_id: &KeyId,
    epoch: u32,
    rid: &RefreshId,
    point: &PublicPoint,
    commitment: &PublicPoint,
) -> Scalar {
    hash::challenge(&[
        b"R",
        key_id.as_bytes(),
        &epoch.to_be_bytes(),
        rid.as_bytes(),
        &point.to_bytes(),
        &commitment.to_bytes(),
    ])
}

fn confirmation_mac(auth: &AuthKey, rid: &RefreshId, proof: &Proof) -> [u8; 32] {
    let (commitment, answer) = (proof.commitment.to_bytes(), proof.answer.to_bytes());
    auth.mac(Label::REFRESH_OK, &[rid.as_bytes(), &commitment, &answer])
}

/// R1 was sent; waits for R2.
#[must_use = "dropping this aborts the refresh"]
pub struct AwaitingShare<'k> {
    key: &'k ClientKey,
    sid: SessionId,
    h_req: [u8; 32],
    r_a: Zeroizing<[u8; 32]>,
    derivation: Derivation,
    mask: Mask,
    /// In oblivious mode.
    rwd: Option<Rwd>,
    /// Holds `rA` and `K_auth'`.
    frame: Zeroizing<Vec<u8>>,
    deadline_ms: u64,
}

impl fmt::Debug for AwaitingShare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingShare").field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// Starts a refresh in base mode: the frame of R1. The PIN may stay or change; salt and MAC key are new either way.
///
/// The frame holds the new MAC key and is wiped on drop; the channel's copies are the caller's business.
///
/// # Errors
/// [`Error::ApiMisuse`] for fewer than 100,000 iterations and in oblivious mode, [`Error::RandomFailed`].
pub fn start<'k>(
    key: &'k ClientKey,
    new_pin: &Pin,
    device_key: &DeviceKey,
    iterations: u32,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Zeroizing<Vec<u8>>, AwaitingShare<'k>), Error> {
    let derivation = Derivation::fresh(key.mode, iterations, rng)?;
    let mask = derivation.mask(new_pin, device_key, &key.key_id)?;
    request(key, key.session(rng)?, derivation, mask, None, now_ms, rng)
}

/// Starts a refresh in oblivious mode: the frame of R1, in the session of the evaluation of the new PIN.
///
/// # Errors
/// [`Error::ApiMisuse`] in base mode and for a PIN that was evaluated for another key, [`Error::RandomFailed`].
pub fn start_evaluated<'k>(
    key: &'k ClientKey,
    new_pin: EvaluatedPin,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Zeroizing<Vec<u8>>, AwaitingShare<'k>), Error> {
    if key.mode != PinMode::Oblivious || key.key_id != new_pin.key_id {
        return Err(Error::ApiMisuse(ApiMisuse::PinMode));
    }
    let EvaluatedPin { session, derivation, mask, rwd, .. } = new_pin;
    request(key, session, derivation, mask, Some(rwd), now_ms, rng)
}

fn request<'k>(
    key: &'k ClientKey,
    sid: SessionId,
    derivation: Derivation,
    mask: Mask,
    rwd: Option<Rwd>,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Zeroizing<Vec<u8>>, AwaitingShare<'k>), Error> {
    let r_a = random_bytes::<32>(rng)?;
    let item = Zeroizing::new([&r_a[..], mask.auth.expose_bytes()].concat());
    let (frame, h_req) = key.tagged_frame(Op::Refresh, &sid, now_ms, 1, &item);
    let frame = Zeroizing::new(frame);
    let deadline_ms = now_ms.saturating_add(CLIENT_DEADLINE_MS);
    let waiting =
        AwaitingShare { key, sid, h_req, r_a, derivation, mask, rwd, frame: frame.clone(), deadline_ms };
    Ok((frame, waiting))
}

impl AwaitingShare<'_> {
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

    /// Takes R2 and makes the new share.
    ///
    /// # Errors
    /// As [`crate::sign::AwaitingSignatures::finish`]; the old record stays the only one.
    pub fn finish(self, answer: &[u8], device_key: &DeviceKey) -> Result<Progress<Self, NewShare>, Error> {
        let (failures, body) = match wire::read_answer(answer, self.key.suite, &self.sid, 1, SERVER_ITEM)? {
            Answer::Items { failures, body } => (failures, body),
            Answer::Busy => return Ok(Progress::Busy(self)),
        };
        let mut fields = Fields(body);
        let r_b = fields.take::<32>().ok_or(Error::InvalidMessage(Code::Length))?;
        let point =
            fields.take().and_then(PublicPoint::from_bytes).ok_or(Error::InvalidMessage(Code::RespPoint))?;

        let key = self.key;
        let share = key.share.mul(&factor(&key.key_id, key.epoch, &self.r_a, r_b));
        let verify = Error::PeerMisbehaved(Code::Verify);
        if key.base.point().mul(&share) != point {
            return Err(verify);
        }
        let facts = Facts {
            key_id: key.key_id,
            suite: key.suite,
            purpose: key.purpose,
            epoch: key.epoch.checked_add(1).ok_or(verify)?,
            rid: refresh_id(&self.h_req, r_b),
            public_key: key.public_key,
        };
        let record =
            LocalRecord::new(facts, self.derivation, &share, &self.mask, device_key).ok_or(verify)?;
        Ok(Progress::Done(NewShare { record, point, rwd: self.rwd, failures }))
    }
}

/// The new share, to be stored **beside** the old record, made durable and read back before it is confirmed.
pub struct NewShare {
    /// The record to store.
    pub record: LocalRecord,
    /// `PB'`, which no storage may hold.
    point: PublicPoint,
    /// In oblivious mode, for reading the record back. To be dropped once the confirmation is sent.
    rwd: Option<Rwd>,
    /// Wrong PINs since the last success, 0..=9: to be shown to the user.
    pub failures: u8,
}

impl fmt::Debug for NewShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewShare").field("record", &self.record).finish_non_exhaustive()
    }
}

impl NewShare {
    /// Confirms with the bytes read back from storage: the frame of R3.
    ///
    /// # Errors
    /// [`Error::InvalidRecord`] if the stored bytes do not give the new share back, [`Error::RandomFailed`].
    pub fn confirm(
        &self,
        read_back: &[u8],
        new_pin: &Pin,
        device_key: &DeviceKey,
        now_ms: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<(Vec<u8>, AwaitingActivation), Error> {
        let record = LocalRecord::from_bytes(read_back)?;
        let key = match &self.rwd {
            Some(rwd) => record.unlock_evaluated(new_pin, rwd, device_key)?,
            None => record.unlock(new_pin, device_key)?,
        };
        if key.base.point().mul(&key.share) != self.point {
            return Err(Error::InvalidRecord);
        }
        confirm_key(&key, record.refresh_id(), now_ms, rng)
    }
}

/// Confirms again, after a restart or a lost answer: a new frame of R3 from the newer of two stored records. In base
/// mode.
///
/// # Errors
/// [`Error::InvalidRecord`], [`Error::ApiMisuse`] in oblivious mode, [`Error::RandomFailed`].
pub fn confirm(
    record: &LocalRecord,
    new_pin: &Pin,
    device_key: &DeviceKey,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, AwaitingActivation), Error> {
    confirm_key(&record.unlock(new_pin, device_key)?, record.refresh_id(), now_ms, rng)
}

/// The same from the unlocked key of that record: in oblivious mode [`crate::evaluate::unlock`] gives it, in the session
/// of whose evaluation this is.
///
/// # Errors
/// [`Error::InvalidRecord`] if the key is not the record's, [`Error::RandomFailed`].
pub fn confirm_unlocked(
    record: &LocalRecord,
    key: &ClientKey,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, AwaitingActivation), Error> {
    if (record.key_id(), record.epoch()) != (key.key_id, key.epoch) {
        return Err(Error::InvalidRecord);
    }
    confirm_key(key, record.refresh_id(), now_ms, rng)
}

pub(crate) fn confirm_key(
    key: &ClientKey,
    rid: RefreshId,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, AwaitingActivation), Error> {
    let sid = key.session(rng)?;
    let point = key.base.point().mul(&key.share);
    let proof = Proof::make(
        &key.share,
        |v| key.base.point().mul(v),
        |commitment| challenge(&key.key_id, key.epoch, &rid, &point, commitment),
        rng,
    )?;
    let mut mac = confirmation_mac(&key.auth, &rid, &proof);
    // Leaves with the frame.
    ct::into_public(&mut mac);
    let item = [&rid.as_bytes()[..], &proof.commitment.to_bytes(), &proof.answer.to_bytes(), &mac].concat();
    let frame = key.header(Op::Confirm, &sid, now_ms, 1, [0; 32]).frame(&item);
    Ok((frame, AwaitingActivation { suite: key.suite, sid }))
}

/// R3 was sent; waits for ACK or NAK.
#[derive(Debug)]
#[must_use = "dropping this leaves both records in place"]
pub struct AwaitingActivation {
    suite: Suite,
    sid: SessionId,
}

/// What the server says of a confirmation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// The new share is active: delete the old record.
    Active {
        /// Wrong PINs since the last success, 0..=9.
        failures: u8,
    },
    /// The server knows no such refresh: delete the new record.
    Unknown,
}

impl AwaitingActivation {
    /// Takes the answer. On any error **both** records stay and a new confirmation is sent later.
    ///
    /// # Errors
    /// As [`crate::sign::AwaitingSignatures::finish`].
    pub fn finish(self, answer: &[u8]) -> Result<Progress<Self, Confirmation>, Error> {
        match wire::read_answer(answer, self.suite, &self.sid, 1, 1)? {
            Answer::Busy => Ok(Progress::Busy(self)),
            Answer::Items { failures, body: [ACK] } => Ok(Progress::Done(Confirmation::Active { failures })),
            Answer::Items { failures: 0, body: [NAK] } => Ok(Progress::Done(Confirmation::Unknown)),
            Answer::Items { body: [NAK], .. } => Err(Error::InvalidMessage(Code::Version)),
            Answer::Items { .. } => Err(Error::InvalidMessage(Code::RespRange)),
        }
    }
}

/// The body of an answer to R3.
pub(crate) const fn acknowledgement(active: bool) -> u8 {
    if active { ACK } else { NAK }
}

/// The server's half of a refresh that is not confirmed yet. Durable, with its secrets sealed.
pub struct PendingRefresh {
    pub(crate) epoch: u32,
    pub(crate) rid: RefreshId,
    pub(crate) h_req: [u8; 32],
    /// In a place of its own: when what surrounds it moves, no copy stays behind.
    pub(crate) r_b: Box<Zeroizing<[u8; 32]>>,
    pub(crate) point: PublicPoint,
    pub(crate) share: Arc<ServerShare>,
    pub(crate) created_ms: u64,
}

impl fmt::Debug for PendingRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRefresh")
            .field("epoch", &self.epoch)
            .field("rid", &self.rid)
            .finish_non_exhaustive()
    }
}

impl PendingRefresh {
    /// Length of the secret encoding in bytes.
    pub const LEN: usize = 4 + 16 + 32 + 32 + 64 + ServerShare::LEN + 8;

    /// All of it, to be sealed at once: it holds `rB`, `PB'` and the share.
    #[must_use]
    pub fn expose_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(
            [
                &self.epoch.to_be_bytes()[..],
                self.rid.as_bytes(),
                &self.h_req,
                &self.r_b[..],
                &self.point.to_bytes(),
                &self.share.expose_bytes()[..],
                &self.created_ms.to_be_bytes(),
            ]
            .concat(),
        )
    }

    /// Reads what [`Self::expose_bytes`] gave; `None` for anything that it cannot have given.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let pending = Self {
            epoch: fields.u32()?,
            rid: RefreshId::from_bytes(*fields.take()?),
            h_req: *fields.take()?,
            r_b: Box::new(Zeroizing::new(*fields.take()?)),
            point: PublicPoint::from_bytes(fields.take()?)?,
            share: Arc::new(ServerShare::from_bytes(fields.take()?)?),
            created_ms: fields.u64()?,
        };
        fields.0.is_empty().then_some(pending)
    }

    /// Whether the confirmation comes too late.
    #[must_use]
    pub const fn is_expired(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.created_ms) > PENDING_REFRESH_TTL_MS
    }

    /// The server's step of R1: rescales the share with fresh randomness.
    pub(crate) fn make(
        share: &ServerShare,
        request: &Request,
        now_ms: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Self, Code> {
        let r_b = random_bytes::<32>(rng).map_err(|_| Code::Internal)?;
        let t = factor(&request.key_id, request.epoch, &request.r_a, &r_b);
        let (renewed, point) = share.rescale(&t, &request.auth).ok_or(Code::Internal)?;
        Ok(Self {
            epoch: request.epoch.checked_add(1).ok_or(Code::Internal)?,
            rid: refresh_id(&request.h_req, &r_b),
            h_req: request.h_req,
            r_b: Box::new(r_b),
            point,
            share: Arc::new(renewed),
            created_ms: now_ms,
        })
    }

    /// `rB || PB'`.
    pub(crate) fn answer(&self) -> Vec<u8> {
        [&self.r_b[..], &self.point.to_bytes()].concat()
    }

    /// Catches a fault before the old share is destroyed.
    pub(crate) fn is_consistent(&self) -> bool {
        self.share.fits(&self.point)
    }

    /// Whether a confirmation proves knowledge of the client's new share.
    pub(crate) fn is_proven(&self, key_id: &KeyId, base: &PublicPoint, confirm: &Confirm) -> bool {
        let challenge = challenge(key_id, self.epoch, &self.rid, &self.point, &confirm.proof.commitment);
        confirm.proof.verify(base, &challenge, &self.point)
    }
}

/// R1 as the server read it.
pub(crate) struct Request {
    pub(crate) key_id: KeyId,
    pub(crate) epoch: u32,
    pub(crate) h_req: [u8; 32],
    pub(crate) r_a: Zeroizing<[u8; 32]>,
    pub(crate) auth: Zeroizing<[u8; 32]>,
}

/// R3 as the server read it.
pub(crate) struct Confirm {
    pub(crate) rid: RefreshId,
    pub(crate) proof: Proof,
    pub(crate) mac: [u8; 32],
}

impl Confirm {
    pub(crate) fn read(item: &[u8]) -> Result<Self, Code> {
        let mut fields = Fields(item);
        let rid = RefreshId::from_bytes(*fields.take().ok_or(Code::Length)?);
        let commitment = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;
        let answer =
            fields.take().and_then(Scalar::from_bytes).filter(|z| !z.is_zero()).ok_or(Code::Proof)?;
        let mac = *fields.take().ok_or(Code::Length)?;
        Ok(Self { rid, proof: Proof { commitment, answer }, mac })
    }

    /// Whether the MAC was made under this key. Timing: independent of the tag.
    pub(crate) fn is_authentic(&self, auth: &AuthKey) -> bool {
        let expected = confirmation_mac(auth, &self.rid, &self.proof);
        crate::pin::tags_equal(&expected, &self.mac)
    }
}

/// Ways in for the vectors, which give secrets instead of the randomness behind them.
#[cfg(test)]
impl<'k> AwaitingShare<'k> {
    pub(crate) fn with_secrets(
        key: &'k ClientKey,
        sid: SessionId,
        h_req: [u8; 32],
        r_a: Zeroizing<[u8; 32]>,
        derivation: Derivation,
        mask: Mask,
    ) -> Self {
        Self {
            key,
            sid,
            h_req,
            r_a,
            derivation,
            mask,
            rwd: None,
            frame: Zeroizing::default(),
            deadline_ms: 0,
        }
    }
}

#[cfg(test)]
impl AwaitingActivation {
    pub(crate) fn with_sid(sid: SessionId) -> Self {
        Self { suite: Suite::D, sid }
    }
}
