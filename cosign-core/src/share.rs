//! The two shares of a key, unlocked.

use alloc::vec::Vec;
use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use once_cell::race::OnceBox;
use sm_primitives::{
    SecretScalar, Zeroizing,
    batch::Multiplier,
    ct,
    point::PublicPoint,
    rand_core::TryCryptoRng,
    sm2::{PreparedKey, PublicKey},
};

use crate::{
    error::Error,
    hash,
    ids::{KeyId, Op, PinMode, Purpose, SessionId, Suite},
    pin::{AuthKey, public_bytes},
    wire::RequestHeader,
};

/// `B = P + G`; `None` if it is the identity, which no honest key generation gives.
pub(crate) fn base(public_key: &PublicKey) -> Option<PublicPoint> {
    public_key.as_point().add(&PublicPoint::generator())
}

/// The session whose request gives back what the evaluation was counted as. It is taken once.
#[derive(Default)]
pub(crate) struct Reserved(Option<(SessionId, AtomicBool)>);

impl Reserved {
    pub(crate) const fn new(sid: SessionId) -> Self {
        Self(Some((sid, AtomicBool::new(false))))
    }

    fn take(&self) -> Option<SessionId> {
        let (sid, taken) = self.0.as_ref()?;
        (!taken.swap(true, Ordering::Relaxed)).then_some(*sid)
    }
}

/// The client's share `dA` of one key in one epoch, unlocked by a PIN that nobody has checked yet. Wiped on drop.
pub struct ClientKey {
    pub(crate) key_id: KeyId,
    pub(crate) suite: Suite,
    pub(crate) purpose: Purpose,
    pub(crate) mode: PinMode,
    pub(crate) epoch: u32,
    pub(crate) public_key: PublicKey,
    /// `B`, whose multiples every request takes.
    pub(crate) base: Multiplier,
    /// The public key for verifying many signatures; made at the first use.
    pub(crate) verifier: OnceBox<PreparedKey>,
    pub(crate) share: SecretScalar,
    pub(crate) auth: AuthKey,
    /// In oblivious mode, if the evaluation that unlocked it is open.
    pub(crate) first: Reserved,
}

impl ClientKey {
    /// The key.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// How it signs.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// How its PIN is turned into its mask.
    #[must_use]
    pub const fn pin_mode(&self) -> PinMode {
        self.mode
    }

    /// The epoch of the share.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The joint public key `P`.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// A session for a request under the tag of this PIN: the reserved one, after it a new one.
    pub(crate) fn session(&self, rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<SessionId, Error> {
        match self.first.take() {
            Some(sid) => Ok(sid),
            None => Ok(SessionId::from_bytes(public_bytes(rng)?)),
        }
    }

    /// What the hashes of a request cover beside its items.
    pub(crate) const fn request<'a>(&'a self, sid: &'a SessionId, count: u16) -> hash::Request<'a> {
        hash::Request {
            suite: self.suite,
            key_id: &self.key_id,
            epoch: self.epoch,
            public_key: &self.public_key,
            sid,
            count,
        }
    }

    /// The frame of a request under the tag of this PIN, and its hash.
    pub(crate) fn tagged_frame(
        &self,
        op: Op,
        sid: &SessionId,
        ts_ms: u64,
        count: u16,
        items: &[u8],
    ) -> (Vec<u8>, [u8; 32]) {
        let h_req = self.request(sid, count).hash(op, items);
        let mut tag = self.auth.tag(&h_req, ts_ms);
        // Leaves with the frame.
        ct::into_public(&mut tag);
        (self.header(op, sid, ts_ms, count, tag).frame(items), h_req)
    }

    pub(crate) const fn header(
        &self,
        op: Op,
        sid: &SessionId,
        ts_ms: u64,
        count: u16,
        tag: [u8; 32],
    ) -> RequestHeader {
        let Self { suite, key_id, epoch, .. } = *self;
        RequestHeader { suite, op, key_id, epoch, sid: *sid, ts_ms, tag, count }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey")
            .field("key_id", &self.key_id)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// The server's half of one key in one epoch: `dB`, `dB^-1` and `K_auth`. Wiped on drop.
pub struct ServerShare {
    pub(crate) share: SecretScalar,
    /// Kept on its own, so that a fault in one of the two shows in every answer.
    pub(crate) inverse: SecretScalar,
    pub(crate) auth: AuthKey,
}

impl ServerShare {
    /// Length of the secret encoding in bytes.
    pub const LEN: usize = 96;

    pub(crate) fn new(share: SecretScalar, auth: AuthKey) -> Self {
        Self { inverse: share.invert(), share, auth }
    }

    /// The share of the same key that goes with `dA * t`, under another MAC key, and the point `t * PB`, by which the
    /// client checks its own. `None` after a fault: what does not fit together must not take the place of what does.
    pub(crate) fn rescale(&self, t: &SecretScalar, auth: &[u8; 32]) -> Option<(Self, PublicPoint)> {
        let rescaled = Self::new(self.share.mul(&t.invert()), AuthKey::from_bytes(auth));
        // PB = dB^-1 * G.
        let point = PublicPoint::mul_base(&self.inverse.mul(t));
        rescaled.fits(&point).then_some((rescaled, point))
    }

    /// Whether `dB * point = G`.
    pub(crate) fn fits(&self, point: &PublicPoint) -> bool {
        point.mul(&self.share) == PublicPoint::generator()
    }

    /// `dB || dB^-1 || K_auth`, to be sealed at once.
    #[must_use]
    pub fn expose_bytes(&self) -> Zeroizing<[u8; Self::LEN]> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        bytes[..32].copy_from_slice(&self.share.expose_bytes()[..]);
        bytes[32..64].copy_from_slice(&self.inverse.expose_bytes()[..]);
        bytes[64..].copy_from_slice(self.auth.expose_bytes());
        bytes
    }

    /// Reads what [`Self::expose_bytes`] gave; `None` unless both scalars are in range and `dB * dB^-1 = 1`.
    ///
    /// Timing: independent of the secrets where they are accepted.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let (share, rest) = bytes.split_first_chunk()?;
        let (inverse, rest) = rest.split_first_chunk()?;
        let (auth, _) = rest.split_first_chunk()?;
        let (share, inverse) = (SecretScalar::from_bytes(share)?, SecretScalar::from_bytes(inverse)?);
        let matches = ct::into_public_choice(share.invert().ct_eq(&inverse));
        matches.then(|| Self { share, inverse, auth: AuthKey::from_bytes(auth) })
    }
}

impl fmt::Debug for ServerShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerShare(..)")
    }
}
