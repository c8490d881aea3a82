//! The server's part in a PIN of a key in oblivious mode (op 0A).
//!
//! The server counts each evaluation as an attempt, and gives it back when the request that follows has the right tag. So
//! nothing is evaluated that is not used at once, and one at a time ([`Store::evaluation_lock`]).
//!
//! [`Store::evaluation_lock`]: crate::Store::evaluation_lock

use cosign_core::{
    ClientKey, LocalRecord, PinMode, Progress,
    evaluate::{self, AwaitingEvaluation},
};
use getrandom::SysRng;

use super::{
    Credentials,
    session::{Exchange, Retry, SESSIONS, local},
};
use crate::{
    clock,
    error::{Error, foreign},
};

/// Takes the PIN mask off a record, in either mode. A wrong PIN gives another key.
pub(super) fn unlock(
    link: &impl Exchange,
    record: &LocalRecord,
    credentials: &Credentials,
) -> Result<ClientKey, Error> {
    let Credentials { pin, device } = credentials;
    let unlocked = match record.pin_mode() {
        PinMode::Base => record.unlock(pin, device).map_err(local),
        PinMode::Oblivious => {
            evaluate(link, |now_ms| evaluate::unlock(record, pin, device, now_ms, &mut SysRng))
        }
    };
    unlocked.map_err(foreign(record.key_id()))
}

/// Sends what `start` makes at a time, until it is answered. The wrong PINs before it are those that the request which
/// follows tells.
///
/// An evaluation that the server lost when it was restarted is replaced by a new one.
pub(super) fn evaluate<'a, T>(
    link: &impl Exchange,
    start: impl Fn(u64) -> Result<AwaitingEvaluation<'a, T>, cosign_core::Error>,
) -> Result<T, Error> {
    for _ in 1..SESSIONS {
        match evaluate_once(link, &start) {
            Err(Error::Refused(cosign_core::Code::Session)) => {}
            outcome => return outcome,
        }
    }
    evaluate_once(link, &start)
}

fn evaluate_once<'a, T>(
    link: &impl Exchange,
    start: impl Fn(u64) -> Result<AwaitingEvaluation<'a, T>, cosign_core::Error>,
) -> Result<T, Error> {
    let retry = Retry::new();
    let mut waiting = start(clock::now_ms()).map_err(local)?;
    for pause in retry.pauses() {
        let answer = link.exchange(waiting.frame(), retry.deadline())?;
        match waiting.finish(&answer).map_err(local)? {
            Progress::Done(evaluated) => return Ok(evaluated.outcome),
            // An evaluation has one round.
            Progress::Next(same) | Progress::Busy(same) => waiting = same,
        }
        retry.wait(pause)?;
    }
    Err(Error::Busy)
}

#[cfg(test)]
mod tests;
