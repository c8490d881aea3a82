//! The server's role in key generation and activation.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

use sm_primitives::{
    Scalar, SecretScalar, Zeroizing,
    point::PublicPoint,
    rand_core::TryCryptoRng,
    sm2::{DistId, PublicKey, dsa},
};
use subtle::ConstantTimeEq;

use super::{MAX_REQUEST, Opening, is_proven, joint_key, prove};
use crate::{
    csr,
    digest::Digest,
    error::Code,
    gate::Gate,
    ids::{DeviceId, KeyId, Op, PinMode, Purpose, RefreshId, SessionId, Suite},
    oprf::OprfKey,
    pin::AuthKey,
    proof::{Context, Proof, Role},
    server::{KeyRecord, PENDING_TTL_MS, Status, refuse},
    share::ServerShare,
    wire::{self, Fields, SHORT_HEADER},
};

/// How long the server keeps its half of an unopened key generation, milliseconds.
pub const KEYGEN_TTL_MS: u64 = 60_000;

const KEYGEN_FRAME: usize = 69;
/// The same with `alpha`.
const KEYGEN_OBLIVIOUS_FRAME: usize = KEYGEN_FRAME + 64;
pub(super) const OPEN_FRAME: usize = 324;
/// Offset of the certification request in op 12.
const REQUEST: usize = 40;
/// Bytes before the body: the four of the start, key id, sid.
const BODY: usize = 16 + SHORT_HEADER;

/// Whom a key id was issued to, and for what: key generation fixes it for the life of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The one device that may use it.
    pub device: DeviceId,
    /// How the key will sign.
    pub suite: Suite,
    /// What the key will be for.
    pub purpose: Purpose,
    /// How its PIN will be turned into its mask.
    pub mode: PinMode,
    /// Where its shares come from.
    pub origin: Origin,
}

/// Where the first shares of a key id come from. Fixed when the id is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Key generation: a new key.
    Generated,
    /// A split of this share: the same key.
    Split(KeyId),
    /// Key recovery: the decryption key with this public key.
    Recovered(PublicKey),
}

/// K1: a commitment.
#[derive(Debug)]
pub struct KeygenStart {
    suite: Suite,
    key_id: KeyId,
    sid: SessionId,
    purpose: Purpose,
    commitment: [u8; 32],
    /// The blinded PIN, in oblivious mode.
    alpha: Option<PublicPoint>,
}

impl KeygenStart {
    pub(crate) fn read(
        suite: Suite,
        op: Op,
        key_id: KeyId,
        sid: SessionId,
        frame: &[u8],
    ) -> Result<Self, Code> {
        let oblivious = op == Op::KeygenOblivious;
        if frame.len() != if oblivious { KEYGEN_OBLIVIOUS_FRAME } else { KEYGEN_FRAME } {
            return Err(Code::Length);
        }
        let mut fields = Fields(frame.get(BODY..).unwrap_or_default());
        let &[purpose] = fields.take().ok_or(Code::Length)?;
        let purpose = Purpose::from_byte(purpose).ok_or(Code::Version)?;
        let commitment = *fields.take().ok_or(Code::Length)?;
        let alpha = match fields.take() {
            Some(point) => Some(PublicPoint::from_bytes(point).ok_or(Code::Point)?),
            None => None,
        };
        Ok(Self { suite, key_id, sid, purpose, commitment, alpha })
    }

    /// The operation: 10, in oblivious mode 14.
    #[must_use]
    pub const fn op(&self) -> Op {
        if self.alpha.is_some() { Op::KeygenOblivious } else { Op::Keygen }
    }

    /// The key id, issued before.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The session, which the opening repeats.
    #[must_use]
    pub const fn sid(&self) -> SessionId {
        self.sid
    }

    /// How the key will sign.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// What the key will be for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Draws the server's half and answers with K2. `issued` is whom the key id was issued to, for what;
    /// `None` if it is unknown or used up. The caller has made its use durable.
    ///
    /// Timing: independent of the share.
    ///
    /// # Errors
    /// The error frame to answer with.
    pub fn respond(
        self,
        issued: Option<Issued>,
        device: &DeviceId,
        now_ms: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<(Vec<u8>, PendingKeygen), Vec<u8>> {
        let refuse = |code| refuse(self.suite, &self.sid, code);
        let Self { suite, purpose, .. } = self;
        let mode = if self.alpha.is_some() { PinMode::Oblivious } else { PinMode::Base };
        if issued != Some(Issued { device: *device, suite, purpose, mode, origin: Origin::Generated }) {
            return Err(refuse(Code::Key));
        }
        let context = Context::new(self.suite, &self.key_id, self.purpose, &self.sid);
        let share = SecretScalar::random(rng).map_err(|_| refuse(Code::Internal))?;
        let witness = share.invert();
        let point = PublicPoint::mul_base(&witness);
        let proof = prove(&context, Role::Server, &witness, &point, rng);
        let proof = proof.map_err(|_| refuse(Code::Internal))?;
        let mut frame = wire::short_answer(self.suite, &self.sid);
        frame.extend(point.to_bytes());
        frame.extend(proof.commitment.to_bytes());
        frame.extend(proof.answer.to_bytes());
        let mut oprf = None;
        if let Some(alpha) = &self.alpha {
            let key = OprfKey::random(rng).map_err(|_| refuse(Code::Internal))?;
            // Counted as no attempt: there is no record yet that it could test, and the key id is used up.
            frame.extend(key.evaluate(alpha).to_bytes());
            oprf = Some(Arc::new(key));
        }
        let pending = PendingKeygen {
            suite: self.suite,
            key_id: self.key_id,
            sid: self.sid,
            device: *device,
            purpose: self.purpose,
            commitment: self.commitment,
            share: Box::new(share),
            oprf,
            created_ms: now_ms,
        };
        Ok((frame, pending))
    }
}

/// The server's half of a key generation that is not opened yet. In memory only; wiped on drop.
pub struct PendingKeygen {
    pub(crate) suite: Suite,
    pub(crate) key_id: KeyId,
    pub(crate) sid: SessionId,
    pub(crate) device: DeviceId,
    pub(crate) purpose: Purpose,
    pub(crate) commitment: [u8; 32],
    /// In a place of its own: when what surrounds it moves, out of a table for one, no copy stays behind.
    pub(crate) share: Box<SecretScalar>,
    pub(crate) oprf: Option<Arc<OprfKey>>,
    pub(crate) created_ms: u64,
}

impl PendingKeygen {
    /// Whether it can still be opened.
    #[must_use]
    pub const fn is_expired(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.created_ms) > KEYGEN_TTL_MS
    }

    /// Whether an opening by this device in this session is for it. Another's attempt leaves it in its table.
    #[must_use]
    pub fn is_for(&self, open: &KeygenOpen, device: &DeviceId) -> bool {
        let session = self.key_id == open.key_id && self.sid == open.sid;
        session && self.suite == open.suite && self.device == *device
    }
}

impl fmt::Debug for PendingKeygen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingKeygen").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// K3: the opening of a commitment.
pub struct KeygenOpen {
    suite: Suite,
    key_id: KeyId,
    sid: SessionId,
    /// Holds `K_auth`.
    body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for KeygenOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeygenOpen").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl KeygenOpen {
    pub(crate) fn read(suite: Suite, key_id: KeyId, sid: SessionId, frame: &[u8]) -> Result<Self, Code> {
        match frame.get(BODY..) {
            Some(body) if frame.len() == OPEN_FRAME => {
                Ok(Self { suite, key_id, sid, body: Zeroizing::new(body.to_vec()) })
            }
            _ => Err(Code::Length),
        }
    }

    /// The suite of the frame.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The key id.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The session.
    #[must_use]
    pub const fn sid(&self) -> SessionId {
        self.sid
    }

    /// Checks the opening against the half that was taken out of the table for `(key_id, sid)`, whatever comes of it.
    ///
    /// The record is pending; storing it must fail if the public key is known, and the answer is then
    /// [`refuse`]`(suite, sid, E_PROOF)`. Timing: independent of the share.
    ///
    /// # Errors
    /// The error frame to answer with; the key id is used up.
    pub fn respond(
        self,
        pending: Option<PendingKeygen>,
        device: &DeviceId,
        now_ms: u64,
    ) -> Result<(Vec<u8>, KeyRecord), Vec<u8>> {
        let pending = pending.filter(|pending| pending.is_for(&self, device) && !pending.is_expired(now_ms));
        let record = match pending {
            Some(pending) => self.check(pending, now_ms),
            None => Err(Code::Key),
        };
        let record = record.map_err(|code| refuse(self.suite, &self.sid, code))?;
        Ok((wire::short_answer(self.suite, &self.sid), record))
    }

    fn check(&self, pending: PendingKeygen, now_ms: u64) -> Result<KeyRecord, Code> {
        let mut fields = Fields(&self.body);
        let point = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;
        let commitment = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;
        let answer: &[u8; 32] = fields.take().ok_or(Code::Length)?;
        let salt = *fields.take().ok_or(Code::Length)?;
        let auth = AuthKey::from_bytes(fields.take().ok_or(Code::Length)?);
        let claimed = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;

        let answer = Scalar::from_bytes(answer).ok_or(Code::Proof)?;
        let opening = Opening { point, proof: Proof { commitment, answer }, salt };
        let context = Context::new(pending.suite, &self.key_id, pending.purpose, &self.sid);
        let opened = opening.commitment(&context).ct_eq(&pending.commitment);
        if !bool::from(opened)
            || !is_proven(&context, Role::Client, &point, &opening.proof)
            || point == PublicPoint::generator()
        {
            return Err(Code::Proof);
        }
        let witness = pending.share.invert();
        let joint = joint_key(&witness, &point).filter(|joint| *joint.as_point() == claimed);
        let public_key = joint.ok_or(Code::Proof)?;
        Ok(KeyRecord {
            key_id: self.key_id,
            device: pending.device,
            suite: pending.suite,
            purpose: pending.purpose,
            status: Status::Pending,
            epoch: 1,
            rid: RefreshId::KEYGEN,
            public_key,
            created_ms: now_ms,
            gate: Gate::default(),
            decrypts: 0,
            pending_sign: None,
            parent: None,
            seat: false,
            // Computed again, not moved out of its place, which would keep a copy.
            share: Arc::new(ServerShare::new(witness.invert(), auth)),
            oprf: pending.oprf,
            pending: None,
        })
    }
}

/// Op 12: the certification request that the pending key signed.
#[derive(Debug)]
pub struct Activate {
    suite: Suite,
    key_id: KeyId,
    sid: SessionId,
    request: Vec<u8>,
}

impl Activate {
    pub(crate) fn read(suite: Suite, key_id: KeyId, sid: SessionId, frame: &[u8]) -> Result<Self, Code> {
        let length = Fields(frame.get(BODY..).unwrap_or_default()).u32().ok_or(Code::Length)?;
        match (usize::try_from(length), frame.get(REQUEST..)) {
            (Ok(length @ 1..=MAX_REQUEST), Some(request)) if request.len() == length => {
                Ok(Self { suite, key_id, sid, request: request.to_vec() })
            }
            _ => Err(Code::Length),
        }
    }

    /// The suite of the frame.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The key id.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The session.
    #[must_use]
    pub const fn sid(&self) -> SessionId {
        self.sid
    }

    /// The certification request, PKCS#10 DER.
    #[must_use]
    pub fn request(&self) -> &[u8] {
        &self.request
    }

    /// Checks the request and makes the key active; the caller makes that durable before it answers.
    ///
    /// # Errors
    /// The error frame to answer with; nothing has changed.
    pub fn respond(
        &self,
        record: Option<&mut KeyRecord>,
        device: &DeviceId,
        now_ms: u64,
        id: &DistId,
    ) -> Result<Vec<u8>, Vec<u8>> {
        self.check(record, device, now_ms, id).map_err(|code| refuse(self.suite, &self.sid, code))?;
        Ok(wire::short_answer(self.suite, &self.sid))
    }

    fn check(
        &self,
        record: Option<&mut KeyRecord>,
        device: &DeviceId,
        now_ms: u64,
        id: &DistId,
    ) -> Result<(), Code> {
        let record = record.filter(|record| record.device == *device && record.suite == self.suite);
        let record = record.filter(|record| record.status == Status::Pending);
        let record = record.filter(|record| now_ms.saturating_sub(record.created_ms) <= PENDING_TTL_MS);
        let record = record.ok_or(Code::Key)?;
        let request =
            csr::Request::read(&self.request).filter(|request| request.public_key == record.public_key);
        let request = request.ok_or(Code::Proof)?;
        let digest = Digest::reduce(&id.digest(&request.public_key, request.info));
        let verified = dsa::verify_digest(&request.public_key, digest.as_bytes(), &request.signature).is_ok();
        if record.pending_sign != Some(digest) || !verified {
            return Err(Code::Proof);
        }
        record.status = Status::Active;
        Ok(())
    }
}
