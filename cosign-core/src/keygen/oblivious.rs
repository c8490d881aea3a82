//! Key generation in oblivious mode: the server evaluates the new PIN in the first of the two round trips.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::{Zeroizing, rand_core::TryCryptoRng};

use super::{AwaitingConfirmation, AwaitingServerShare, SERVER_SHARE, commit};
use crate::{
    error::{Code, Error},
    evaluate::Attempt,
    ids::{KeyId, Op, PinMode, Purpose, Suite},
    pin::{Derivation, DeviceKey, Pin},
    wire::{self, Fields},
};

/// The commitment was sent with the blinded PIN; waits for the server's half and its part in the PIN.
#[must_use = "dropping this aborts the key generation"]
pub struct AwaitingEvaluatedShare<'p> {
    half: AwaitingServerShare,
    attempt: Attempt<'p>,
}

impl fmt::Debug for AwaitingEvaluatedShare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwaitingEvaluatedShare").field("half", &self.half).finish_non_exhaustive()
    }
}

/// As [`super::start`], for a key id that was issued for oblivious mode: the frame of op 14.
///
/// Runs PBKDF2 with `iterations` (at least 100,000) and a fresh salt. Timing: independent of the share, depends on the
/// PIN's length only.
///
/// # Errors
/// [`Error::ApiMisuse`] for fewer iterations or an empty PIN, [`Error::RandomFailed`].
pub fn start_oblivious<'p>(
    key_id: KeyId,
    suite: Suite,
    purpose: Purpose,
    pin: &'p Pin,
    iterations: u32,
    rng: &mut (impl TryCryptoRng + ?Sized),
) -> Result<(Vec<u8>, AwaitingEvaluatedShare<'p>), Error> {
    let (mut frame, half) = commit(Op::KeygenOblivious, key_id, suite, purpose, rng)?;
    let derivation = Derivation::fresh(PinMode::Oblivious, iterations, rng)?;
    let attempt = Attempt::new(pin, key_id, derivation, rng)?;
    frame.extend(attempt.alpha());
    Ok((frame, AwaitingEvaluatedShare { half, attempt }))
}

impl AwaitingEvaluatedShare<'_> {
    /// Checks the server's half, forms the joint key, masks the share under the PIN: the frame of op 11.
    ///
    /// # Errors
    /// As [`AwaitingServerShare::finish`].
    pub fn finish(
        self,
        answer: &[u8],
        device_key: &DeviceKey,
    ) -> Result<(Zeroizing<Vec<u8>>, AwaitingConfirmation), Error> {
        let Self { half, attempt } = self;
        let body = wire::read_short_answer(answer, half.suite, &half.sid, SERVER_SHARE + 64)?;
        let (share, beta) = body.split_at_checked(SERVER_SHARE).ok_or(Error::InvalidMessage(Code::Length))?;
        let public_key = half.check(share)?;
        let derivation = attempt.derivation();
        let (mask, _rwd) = attempt.finish(&mut Fields(beta), device_key)?;
        half.open(&public_key, derivation, mask, device_key)
    }
}
