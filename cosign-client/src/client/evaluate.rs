//! The server's part in a PIN of a key in oblivious mode (op 0A).
//!
//! The server counts each evaluation as an attempt, and gives it back when the request that follows has the right tag. So
//! nothing is evaluated that is not used at once, and one at a time ([`Store::evaluation_lock`]).
//!
//! [`Store::evaluation_lock`]: crate::Store::evaluation_lock

use cosign_core::{
    ClientKey, LocalRecord, PinMode,
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
    let waiting = start(clock::now_ms()).map_err(local)?;
    let evaluated = retry.until_done(
        link,
        waiting,
        |waiting| waiting.frame(),
        |waiting, answer| waiting.finish(answer),
    )?;
    Ok(evaluated.outcome)
}

#[cfg(test)]
mod tests;
