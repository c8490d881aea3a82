//! Op 0A: what a PIN derives in oblivious mode, with the server's help (SPEC.md, section 11.3).
//!
//! ```text
//! client                                       server
//! S random, E = H(key_id, S)
//! alpha for each PIN and salt         -->      counts an attempt for each, in session E; durable
//!                                     <--      beta = k_o*alpha
//! rwd, mask, K_auth
//! a request in session S, with a tag  -->      right: what was counted in E is given back
//! ```
//! So each attempt is one that the server counted, and only who drew `S` gets back what the right PIN cost. The steps for
//! a key in oblivious mode:
//!
//! * **Sign, decrypt, split**: [`unlock`], then as in base mode. The first request of the key takes the session `S`.
//! * **Refresh, new PIN**: [`unlock_and_renew`], or [`renew`] if the key is unlocked already or arriving, then
//!   [`crate::refresh::start_evaluated`].
//! * **Confirm a refresh after a restart**: [`unlock`] of the newer record, [`crate::refresh::confirm_unlocked`].
//!
//! An evaluation whose request never came stays counted until a refresh. One at a time for each key: a second one takes
//! the place of the first, which then stays counted too.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use sm_primitives::rand_core::TryCryptoRng;

use crate::{
    error::{ApiMisuse, Code, Error, Progress},
    hash,
    ids::{KeyId, Op, PinMode, SessionId, Suite},
    local::LocalRecord,
    oprf::{Blinded, Rwd, blind},
    pin::{Derivation, DeviceKey, Mask, Pin, Stretched, public_bytes},
    share::{ClientKey, Reserved},
    wire::{self, Answer, CLIENT_DEADLINE_MS, Fields, RequestHeader},
};

const POINT: usize = 64;

/// One PIN with one salt, stretched and blinded. Used once, wiped on drop.
pub(crate) struct Attempt<'p> {
    key_id: KeyId,
    derivation: Derivation,
    stretched: Stretched,
    alpha: [u8; POINT],
    blinded: Blinded<'p>,
}

impl<'p> Attempt<'p> {
    /// Runs PBKDF2, so that nothing slow is left for the time in which the server waits for the tag.
    pub(crate) fn new(
        pin: &'p Pin,
        key_id: KeyId,
        derivation: Derivation,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        // Without a PIN there is nothing to guess.
        if pin.is_empty() {
            return Err(Error::ApiMisuse(ApiMisuse::PinFormat));
        }
        let stretched = derivation.stretch(pin)?;
        let (alpha, blinded) = blind(pin, key_id, &derivation.salt, rng)?;
        Ok(Self { key_id, derivation, stretched, alpha, blinded })
    }

    pub(crate) const fn alpha(&self) -> &[u8; POINT] {
        &self.alpha
    }

    pub(crate) const fn derivation(&self) -> Derivation {
        self.derivation
    }

    /// Takes `beta`, the next field.
    pub(crate) fn finish(
        self,
        fields: &mut Fields<'_>,
        device_key: &DeviceKey,
    ) -> Result<(Mask, Rwd), Error> {
        let beta = fields.take().ok_or(Error::InvalidMessage(Code::Length))?;
        let rwd = self.blinded.finish(beta)?;
        Ok((self.stretched.mask(&rwd, device_key, &self.key_id)?, rwd))
    }
}

/// A new PIN of a key in oblivious mode, to be used in a refresh. Wiped on drop.
pub struct EvaluatedPin {
    pub(crate) key_id: KeyId,
    /// Of R1.
    pub(crate) session: SessionId,
    pub(crate) derivation: Derivation,
    pub(crate) mask: Mask,
    pub(crate) rwd: Rwd,
}

impl EvaluatedPin {
    fn new(
        attempt: Attempt<'_>,
        session: SessionId,
        fields: &mut Fields<'_>,
        device_key: &DeviceKey,
    ) -> Result<Self, Error> {
        let (key_id, derivation) = (attempt.key_id, attempt.derivation);
        let (mask, rwd) = attempt.finish(fields, device_key)?;
        Ok(Self { key_id, session, derivation, mask, rwd })
    }
}

impl fmt::Debug for EvaluatedPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvaluatedPin").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// What an evaluation gave. **A wrong PIN gives another key, not an error.**
#[derive(Debug)]
pub struct Evaluated<T> {
    /// What was asked for.
    pub outcome: T,
    /// Wrong PINs since the last success without this evaluation, 0..=9: to be shown to the user.
    pub failures: u8,
}

type Finish<'a, T> = Box<dyn FnOnce(&mut Fields<'_>) -> Result<T, Error> + Send + 'a>;

/// The blinded PINs were sent; waits for the server's part. Holds the blinding and the PINs; wiped on drop.
#[must_use = "dropping this leaves the attempt counted"]
pub struct AwaitingEvaluation<'a, T> {
    suite: Suite,
    sid: SessionId,
    count: u16,
    finish: Finish<'a, T>,
    frame: Vec<u8>,
    deadline_ms: u64,
}

impl<T> fmt::Debug for AwaitingEvaluation<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingEvaluation").field("sid", &self.sid).finish_non_exhaustive()
    }
}

/// Takes the PIN mask off a record in oblivious mode: the frame of op 0A. **A wrong PIN gives another key, not an error**:
/// the server tells in the key's first request, which is to follow at once.
///
/// Runs PBKDF2. Timing: depends on the iterations and the PIN's length only.
///
/// # Errors
/// [`Error::InvalidRecord`] if the record was changed or belongs to another device, [`Error::ApiMisuse`] in base mode and
/// for an empty PIN, [`Error::RandomFailed`].
pub fn unlock<'a>(
    record: &'a LocalRecord,
    pin: &'a Pin,
    device_key: &'a DeviceKey,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<AwaitingEvaluation<'a, ClientKey>, Error> {
    let (session, attempt) = (draw(rng)?, old(record, pin, device_key, rng)?);
    let alphas = attempt.alpha().to_vec();
    let finish = Box::new(move |fields: &mut Fields<'_>| {
        let (mask, _rwd) = attempt.finish(fields, device_key)?;
        Ok(record.unmask(mask, Reserved::new(session)))
    });
    Ok(AwaitingEvaluation::start(Name::of(record), &session, &alphas, finish, now_ms))
}

/// Asks for a new PIN of a key that is unlocked, or that has arrived: the frame of op 0A. The PIN may be the old one; the
/// salt is new either way.
///
/// Runs PBKDF2. Timing: depends on the iterations and the PIN's length only.
///
/// # Errors
/// [`Error::ApiMisuse`] for fewer than 100,000 iterations, in base mode and for an empty PIN, [`Error::RandomFailed`].
pub fn renew<'a>(
    key: &ClientKey,
    new_pin: &'a Pin,
    device_key: &'a DeviceKey,
    iterations: u32,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<AwaitingEvaluation<'a, EvaluatedPin>, Error> {
    if key.mode != PinMode::Oblivious {
        return Err(Error::ApiMisuse(ApiMisuse::PinMode));
    }
    let (session, attempt) = (draw(rng)?, new(key.key_id, new_pin, iterations, rng)?);
    let alphas = attempt.alpha().to_vec();
    let finish =
        Box::new(move |fields: &mut Fields<'_>| EvaluatedPin::new(attempt, session, fields, device_key));
    let name = Name { key_id: key.key_id, suite: key.suite, epoch: key.epoch };
    Ok(AwaitingEvaluation::start(name, &session, &alphas, finish, now_ms))
}

/// [`unlock`] and [`renew`] in one frame: the key is good for a refresh with that new PIN.
///
/// # Errors
/// As for both.
pub fn unlock_and_renew<'a>(
    record: &'a LocalRecord,
    pin: &'a Pin,
    new_pin: &'a Pin,
    device_key: &'a DeviceKey,
    iterations: u32,
    now_ms: u64,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<AwaitingEvaluation<'a, (ClientKey, EvaluatedPin)>, Error> {
    let (session, first) = (draw(rng)?, old(record, pin, device_key, rng)?);
    let second = new(record.key_id(), new_pin, iterations, rng)?;
    let alphas = [*first.alpha(), *second.alpha()].concat();
    let finish = Box::new(move |fields: &mut Fields<'_>| {
        let (mask, _rwd) = first.finish(fields, device_key)?;
        let new_pin = EvaluatedPin::new(second, session, fields, device_key)?;
        Ok((record.unmask(mask, Reserved::default()), new_pin))
    });
    Ok(AwaitingEvaluation::start(Name::of(record), &session, &alphas, finish, now_ms))
}

fn draw(rng: &mut (impl TryCryptoRng + ?Sized)) -> Result<SessionId, Error> {
    Ok(SessionId::from_bytes(public_bytes(rng)?))
}

fn old<'p>(
    record: &LocalRecord,
    pin: &'p Pin,
    device_key: &DeviceKey,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Attempt<'p>, Error> {
    record.authenticate(device_key)?;
    Attempt::new(pin, record.key_id(), record.oblivious()?, rng)
}

fn new<'p>(
    key_id: KeyId,
    pin: &'p Pin,
    iterations: u32,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<Attempt<'p>, Error> {
    Attempt::new(pin, key_id, Derivation::fresh(PinMode::Oblivious, iterations, rng)?, rng)
}

/// What the frame says of the key.
struct Name {
    key_id: KeyId,
    suite: Suite,
    epoch: u32,
}

impl Name {
    const fn of(record: &LocalRecord) -> Self {
        Self { key_id: record.key_id(), suite: record.suite(), epoch: record.epoch() }
    }
}

impl<'a, T> AwaitingEvaluation<'a, T> {
    /// `session` is that of the request which follows.
    fn start(name: Name, session: &SessionId, alphas: &[u8], finish: Finish<'a, T>, now_ms: u64) -> Self {
        let Name { key_id, suite, epoch } = name;
        let sid = hash::evaluation_session(&key_id, session);
        // One or two.
        let count = if alphas.len() == POINT { 1 } else { 2 };
        let tag = [0; 32];
        let header = RequestHeader { suite, op: Op::Evaluate, key_id, epoch, sid, ts_ms: now_ms, tag, count };
        let deadline_ms = now_ms.saturating_add(CLIENT_DEADLINE_MS);
        Self { suite, sid, count, finish, frame: header.frame(alphas), deadline_ms }
    }

    /// The frame, for sending it, and the identical bytes again before the deadline: those are not counted again.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// When this state must be dropped, unix milliseconds.
    #[must_use]
    pub const fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// As [`crate::sign::AwaitingSignatures::finish`]. Where the server has answered, the attempt stays counted.
    pub fn finish(self, answer: &[u8]) -> Result<Progress<Self, Evaluated<T>>, Error> {
        match wire::read_answer(answer, self.suite, &self.sid, self.count, POINT)? {
            Answer::Items { failures, body } => {
                let outcome = (self.finish)(&mut Fields(body))?;
                Ok(Progress::Done(Evaluated { outcome, failures }))
            }
            Answer::Busy => Ok(Progress::Busy(self)),
        }
    }
}
