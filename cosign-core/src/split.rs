//! A share of the same key for another device (SPEC.md, section 21): a new phone, or another person.
//!
//! ```text
//! new device                      device with the key                       server
//! protection key; invitation -->
//!                                 R: key_id', kind, rA, K_auth'        -->  rB;  t = H(.., rA, rB);  dB' = dB/t
//!                                                                      <--  rB, PB' = t*PB
//!                                 dA' = dA*t;  dA'*B = PB'
//!                             <-- dA', K_auth' sealed to the protection key
//! refresh of key_id' under the PIN of this device (section 10)         <->  key_id' becomes active
//! ```
//! What travelled is dead after that refresh: the device that gave the share away does not know the new one. A share
//! that is moved takes the place of the old one in the moment in which it becomes active.

use alloc::{string::String, vec::Vec};
use core::fmt;

use once_cell::race::OnceBox;
use sm_primitives::{
    SecretScalar, Zeroizing,
    batch::Multiplier,
    ct,
    point::PublicPoint,
    rand_core::TryCryptoRng,
    sm2::{Ciphertext, PrivateKey, PublicKey, pke},
};

use crate::{
    error::{ApiMisuse, Code, Error, Progress},
    hash::{self, Dst},
    ids::{DeviceId, KeyId, Op, PinMode, Purpose, SessionId, Suite},
    pin::{AuthKey, random_bytes},
    share::{self, ClientKey, Reserved},
    wire::{self, Answer, CLIENT_DEADLINE_MS, Fields, VERSION},
};

pub(crate) mod server;

/// `rB || PB'`.
const SERVER_ITEM: usize = 96;
/// What stands before the secrets in a package: version, suite, purpose, key id, `P`.
const PACKAGE_PUBLIC: usize = 3 + 16 + 64;

/// Ends a package in oblivious mode.
const OBLIVIOUS: u8 = PinMode::Oblivious.byte();

/// What becomes of the share that another one is split from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It stays: two people have a share of the key each.
    Share = 0,
    /// It is destroyed in the moment in which the new one becomes active: the key moves to another device.
    Move = 1,
}

impl Kind {
    /// Reads the wire byte: 00 or 01.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Share),
            1 => Some(Self::Move),
            _ => None,
        }
    }

    /// `share` or `move`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Move => "move",
        }
    }
}

/// `t`, by which both shares are rescaled.
fn factor(of: &KeyId, to: &KeyId, epoch: u32, r_a: &[u8; 32], r_b: &[u8; 32]) -> SecretScalar {
    hash::to_scalar(Dst::SPLIT, &[of.as_bytes(), to.as_bytes(), &epoch.to_be_bytes(), r_a, r_b])
}

/// What a device shows to get a share: whose, under which key id, and the key that protects it on the way. Not secret;
/// whoever gives a share away must know that it comes from the right device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    of: KeyId,
    key_id: KeyId,
    device: DeviceId,
    protection: PublicKey,
}

impl Invitation {
    /// Length in bytes: version, key id of the share that is asked for, of the new one, device, protection key.
    pub const LEN: usize = 1 + 16 + 16 + 32 + 64;

    /// The encoding, to be shown as a QR code or sent.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [VERSION; Self::LEN];
        bytes[1..17].copy_from_slice(self.of.as_bytes());
        bytes[17..33].copy_from_slice(self.key_id.as_bytes());
        bytes[33..65].copy_from_slice(self.device.as_bytes());
        bytes[65..].copy_from_slice(&self.protection.as_point().to_bytes());
        bytes
    }

    /// Reads what [`Self::to_bytes`] gives.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`] for another length or version, or a point off the curve.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let length = Error::InvalidMessage(Code::Length);
        let mut fields = Fields(bytes);
        let &[version] = fields.take().ok_or(length)?;
        if version != VERSION {
            return Err(Error::InvalidMessage(Code::Version));
        }
        let of = KeyId::from_bytes(*fields.take().ok_or(length)?);
        let key_id = KeyId::from_bytes(*fields.take().ok_or(length)?);
        let device = DeviceId::from_bytes(*fields.take().ok_or(length)?);
        let point = fields.take().ok_or(length)?;
        if !fields.0.is_empty() {
            return Err(length);
        }
        let point = PublicPoint::from_bytes(point).ok_or(Error::InvalidMessage(Code::Point))?;
        Ok(Self { of, key_id, device, protection: PublicKey::from(point) })
    }

    /// The share that is asked for.
    #[must_use]
    pub const fn of(&self) -> KeyId {
        self.of
    }

    /// The id of the new share.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The device that asks.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// Five groups of four hexadecimal digits, to be compared on both screens where no QR code is scanned: 80 bits,
    /// because somebody else may try many invitations of his own for one that looks the same.
    #[must_use]
    pub fn check_code(&self) -> String {
        let hash = Dst::INVITATION.hasher().chain(&self.to_bytes()).finalize();
        let (pairs, _) = hash[..10].as_chunks();
        let groups = pairs.iter().map(|[a, b]| alloc::format!("{a:02x}{b:02x}"));
        groups.collect::<Vec<_>>().join("-")
    }
}

/// The device that waits for a share. In memory only: the protection key is used once. Wiped on drop.
pub struct Receiver {
    invitation: Invitation,
    protection: PrivateKey,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("invitation", &self.invitation).finish_non_exhaustive()
    }
}

impl Receiver {
    /// Asks for a share of `of` under `key_id`, which the server issued to this device for that.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn new(
        of: KeyId,
        key_id: KeyId,
        device: DeviceId,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        let protection = PrivateKey::generate(rng)?;
        let invitation = Invitation { of, key_id, device, protection: *protection.public_key() };
        Ok(Self { invitation, protection })
    }

    /// What to show.
    #[must_use]
    pub const fn invitation(&self) -> &Invitation {
        &self.invitation
    }

    /// Opens the share that was sent. It is good for a refresh and nothing else.
    ///
    /// Timing: independent of the protection key and the share.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`] for what was not made for this invitation.
    pub fn open(&self, sealed: &[u8]) -> Result<ClientKey, Error> {
        let ciphertext = Ciphertext::from_c1c3c2(sealed)?;
        let mut package = pke::decrypt(&self.protection, &ciphertext)?;
        // The key may be known, its share not.
        if let Some(public) = package.get_mut(..PACKAGE_PUBLIC) {
            ct::into_public_bytes(public);
        }
        let length = Error::InvalidMessage(Code::Length);
        let mut fields = Fields(&package);
        let &[version, suite, purpose] = fields.take().ok_or(length)?;
        let known = Suite::from_byte(suite).zip(Purpose::from_byte(purpose)).filter(|_| version == VERSION);
        let (suite, purpose) = known.ok_or(Error::InvalidMessage(Code::Version))?;
        if fields.take() != Some(self.invitation.key_id.as_bytes()) {
            return Err(Error::InvalidMessage(Code::Key));
        }
        let point = fields.take().ok_or(length)?;
        let public_key = PublicPoint::from_bytes(point).map(PublicKey::from);
        let public_key = public_key.ok_or(Error::InvalidMessage(Code::Point))?;
        let share = SecretScalar::from_bytes(fields.take().ok_or(length)?);
        let share = share.ok_or(Error::InvalidMessage(Code::RespRange))?;
        let auth = AuthKey::from_bytes(fields.take().ok_or(length)?);
        let mode = match *fields.0 {
            [] => PinMode::Base,
            [OBLIVIOUS] => PinMode::Oblivious,
            _ => return Err(length),
        };
        let base = share::base(&public_key).ok_or(Error::InvalidMessage(Code::Point))?;
        Ok(ClientKey {
            key_id: self.invitation.key_id,
            suite,
            purpose,
            mode,
            epoch: 1,
            public_key,
            base: Multiplier::new(base),
            verifier: OnceBox::new(),
            share,
            auth,
            first: Reserved::default(),
        })
    }
}

/// The request was sent; waits for the server's half of the new share.
#[must_use = "dropping this gives no share away"]
pub struct AwaitingSplit<'k> {
    key: &'k ClientKey,
    to: Invitation,
    sid: SessionId,
    r_a: Zeroizing<[u8; 32]>,
    auth: AuthKey,
    frame: Zeroizing<Vec<u8>>,
    deadline_ms: u64,
}

impl fmt::Debug for AwaitingSplit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingSplit").field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// A share that is ready to travel.
#[derive(Debug)]
pub struct Handover {
    /// The share, sealed to the device that asked: raw SM2 ciphertext C1 || C3 || C2, 244 bytes, in
    /// oblivious mode 245.
    pub sealed: Vec<u8>,
    /// Wrong PINs since the last success, 0..=9: to be shown to the user.
    pub failures: u8,
}

/// Splits a share for the device that invited: the frame of op 08.
///
/// Timing: independent of the share.
///
/// # Errors
/// [`Error::ApiMisuse`] if the invitation is for another key, [`Error::RandomFailed`].
pub fn start<'k>(
    key: &'k ClientKey,
    to: &Invitation,
    kind: Kind,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<AwaitingSplit<'k>, Error> {
    if to.of != key.key_id {
        return Err(Error::ApiMisuse(ApiMisuse::Invitation));
    }
    let sid = key.session(rng)?;
    let r_a = random_bytes::<32>(rng)?;
    let auth = AuthKey::from_bytes(&*random_bytes::<32>(rng)?);
    let item = [&to.key_id.as_bytes()[..], &[kind as u8], &r_a[..], auth.expose_bytes()].concat();
    let item = Zeroizing::new(item);
    let (frame, _) = key.tagged_frame(Op::Split, &sid, now_ms, 1, &item);
    let deadline_ms = now_ms.saturating_add(CLIENT_DEADLINE_MS);
    Ok(AwaitingSplit { key, to: to.clone(), sid, r_a, auth, frame: Zeroizing::new(frame), deadline_ms })
}

impl AwaitingSplit<'_> {
    /// The frame, for sending it, and the identical bytes again before the deadline.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// When this state must be dropped, unix milliseconds.
    #[must_use]
    pub const fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// Takes the answer, checks that the new shares fit together, and seals the client's half.
    ///
    /// Timing: independent of the shares.
    ///
    /// # Errors
    /// As [`crate::sign::AwaitingSignatures::finish`], and [`Error::RandomFailed`]; no share has left then.
    pub fn finish(
        self,
        answer: &[u8],
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Progress<Self, Handover>, Error> {
        let (failures, body) = match wire::read_answer(answer, self.key.suite, &self.sid, 1, SERVER_ITEM)? {
            Answer::Items { failures, body } => (failures, body),
            Answer::Busy => return Ok(Progress::Busy(self)),
        };
        let mut fields = Fields(body);
        let r_b = fields.take::<32>().ok_or(Error::InvalidMessage(Code::Length))?;
        let point = fields.take().and_then(PublicPoint::from_bytes);
        let point = point.ok_or(Error::InvalidMessage(Code::RespPoint))?;

        let key = self.key;
        let t = factor(&key.key_id, &self.to.key_id, key.epoch, &self.r_a, r_b);
        let share = key.share.mul(&t);
        if key.base.point().mul(&share) != point {
            return Err(Error::PeerMisbehaved(Code::Verify));
        }
        let mode: &[u8] = match key.mode {
            PinMode::Base => &[],
            PinMode::Oblivious => &[OBLIVIOUS],
        };
        let package = Zeroizing::new(
            [
                &[VERSION, key.suite.byte(), key.purpose.byte()][..],
                self.to.key_id.as_bytes(),
                &key.public_key.as_point().to_bytes(),
                &share.expose_bytes()[..],
                self.auth.expose_bytes(),
                mode,
            ]
            .concat(),
        );
        let sealed = pke::encrypt(&self.to.protection, &package, rng)?.to_c1c3c2();
        Ok(Progress::Done(Handover { sealed, failures }))
    }
}
