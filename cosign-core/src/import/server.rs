//! The server's role in an import.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use sm_primitives::{Scalar, SecretScalar, Zeroizing, point::PublicPoint, rand_core::TryCryptoRng};

use crate::{
    error::Code,
    gate::Gate,
    ids::{DeviceId, KeyId, PinMode, Purpose, RefreshId, SessionId, Suite},
    keygen::{
        is_proven, joint_key,
        server::{Issued, Origin},
    },
    oprf::OprfKey,
    pin::AuthKey,
    proof::{Context, Proof, Role},
    server::{KeyRecord, Status, refuse},
    share::ServerShare,
    wire::{self, Fields},
};

/// `PA || A || z || dB || K_auth || P`.
pub(super) const BODY: usize = 288;
const HEADER: usize = 36;

/// Op 13: the server's half of a recovered key.
pub struct Import {
    suite: Suite,
    key_id: KeyId,
    sid: SessionId,
    /// Holds `dB` and `K_auth`.
    body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Import {
    pub(crate) fn read(suite: Suite, key_id: KeyId, sid: SessionId, frame: &[u8]) -> Result<Self, Code> {
        match frame.get(HEADER..) {
            Some(body) if body.len() == BODY => {
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

    /// The key id, issued before.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The session.
    #[must_use]
    pub const fn sid(&self) -> SessionId {
        self.sid
    }

    /// Checks both halves against the public key that `issued` names. `issued` is whom the key id was issued to, for
    /// what; `None` if it is unknown or used up.
    ///
    /// The record arrives with its first refresh. The caller stores it, with the key id used up, only if no other share
    /// of this public key is left; otherwise the answer is [`refuse`]`(suite, sid, E_KEY)`. Timing: independent of the
    /// share.
    ///
    /// # Errors
    /// The error frame to answer with.
    pub fn respond(
        self,
        issued: Option<Issued>,
        device: &DeviceId,
        now_ms: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<(Vec<u8>, KeyRecord), Vec<u8>> {
        let record = self.check(issued, device, now_ms, rng);
        let record = record.map_err(|code| refuse(self.suite, &self.sid, code))?;
        Ok((wire::short_answer(self.suite, &self.sid), record))
    }

    fn check(
        &self,
        issued: Option<Issued>,
        device: &DeviceId,
        now_ms: u64,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<KeyRecord, Code> {
        let issued = issued.filter(|issued| issued.device == *device).ok_or(Code::Key)?;
        let Issued { origin: Origin::Recovered(expected), suite, purpose: Purpose::Encrypt, mode, .. } =
            issued
        else {
            return Err(Code::Key);
        };
        if suite != self.suite {
            return Err(Code::Key);
        }
        let mut fields = Fields(&self.body);
        let point = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;
        let commitment = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;
        let answer: &[u8; 32] = fields.take().ok_or(Code::Length)?;
        let share: &[u8; 32] = fields.take().ok_or(Code::Length)?;
        let auth = AuthKey::from_bytes(fields.take().ok_or(Code::Length)?);
        let claimed = fields.take().and_then(PublicPoint::from_bytes).ok_or(Code::Point)?;

        let answer = Scalar::from_bytes(answer).ok_or(Code::Proof)?;
        let share = SecretScalar::from_bytes(share).ok_or(Code::Proof)?;
        let context = Context::new(self.suite, &self.key_id, Purpose::Encrypt, &self.sid);
        if !is_proven(&context, Role::Importer, &point, &Proof { commitment, answer }) {
            return Err(Code::Proof);
        }
        let share = ServerShare::new(share, auth);
        let joint = joint_key(&share.inverse, &point).filter(|joint| *joint.as_point() == claimed);
        let public_key = joint.filter(|joint| *joint == expected).ok_or(Code::Proof)?;
        let oprf = match mode {
            PinMode::Base => None,
            PinMode::Oblivious => Some(Arc::new(OprfKey::random(rng).map_err(|_| Code::Internal)?)),
        };
        Ok(KeyRecord {
            key_id: self.key_id,
            device: *device,
            suite: self.suite,
            purpose: Purpose::Encrypt,
            status: Status::Arriving,
            epoch: 1,
            rid: RefreshId::KEYGEN,
            public_key,
            created_ms: now_ms,
            gate: Gate::default(),
            decrypts: 0,
            pending_sign: None,
            parent: None,
            seat: false,
            share: Arc::new(share),
            oprf,
            pending: None,
        })
    }
}
