//! PIN change and refresh: R1, the new record beside the old one, R3, then one of the two goes.
//!
//! A cut at any point leaves the old record alone, both, or the new one alone. With both, nothing is sent but R3, which
//! takes the PIN of the new record: the server then says which of the two it holds the other half of.
//!
//! A share that came from another device or from recovery is refreshed in the same way ([`take_over`]). What came is
//! never stored, so its new record stands alone.

use std::sync::Arc;

use cosign_core::{
    ClientKey, KeyId, LocalRecord, Op, PinMode, Progress,
    evaluate::{self, EvaluatedPin},
    refresh::{self, AwaitingActivation, Confirmation, NewShare},
};
use getrandom::SysRng;

use super::{
    Channel, Client, Credentials, ITERATIONS, OpChannel, blocking,
    evaluate::{evaluate, unlock},
    session::{Exchange, Retry, local},
};
use crate::{
    clock,
    error::{Error, foreign},
    store::{KeyInfo, Store},
};

/// A refresh that the server confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The epoch of the shares now.
    pub epoch: u32,
    /// Wrong PINs since the last success before this one, to be shown to the owner.
    pub failures: u8,
}

impl Client {
    /// Changes the PIN of a key of the store, and renews both shares with it: `old` unlocks the key before, `new` after.
    /// The server checks the old PIN; without it there is no way to a new one.
    ///
    /// What is durable on both sides at any moment is one usable key. If this is cut off, or fails with
    /// [`Error::RefreshUnconfirmed`], [`Client::complete_refresh`] comes next.
    ///
    /// # Errors
    /// [`Error::WrongPin`] for the old PIN and other refusals: nothing has changed. [`Error::RefreshUnconfirmed`] from
    /// the moment when the server may have made the change, and for a key that has two records already.
    /// [`Error::RefreshUndone`] if the server took another refresh in between. [`Error::NoSuchKey`] and other errors of
    /// the store; network errors.
    pub async fn change_pin(
        &self,
        store: &Store,
        key_id: KeyId,
        old: Arc<Credentials>,
        new: Arc<Credentials>,
    ) -> Result<Renewed, Error> {
        let channel = self.channel(key_id);
        let links = channel.refresh();
        let store = store.clone();
        blocking(move || renew(&links, &store, key_id, [&old, &new], ITERATIONS)).await
    }

    /// Renews both shares of a key of the store; the PIN stays.
    ///
    /// # Errors
    /// As [`Client::change_pin`].
    pub async fn refresh(
        &self,
        store: &Store,
        key_id: KeyId,
        credentials: Arc<Credentials>,
    ) -> Result<Renewed, Error> {
        self.change_pin(store, key_id, Arc::clone(&credentials), credentials).await
    }

    /// Completes a refresh or an arrival that was cut off, with the PIN that was new in it. With one record of a key that
    /// has arrived there is nothing to do.
    ///
    /// # Errors
    /// [`Error::RefreshUnconfirmed`] or [`Error::ArrivalUnconfirmed`] with the cause while the records stay, a wrong PIN
    /// among them, which is counted; [`Error::RefreshUndone`] when only the old one is left, [`Error::ArrivalUndone`] when
    /// none is. Errors of the store.
    pub async fn complete_refresh(
        &self,
        store: &Store,
        key_id: KeyId,
        new: Arc<Credentials>,
    ) -> Result<Renewed, Error> {
        let links = self.channel(key_id).refresh();
        let store = store.clone();
        blocking(move || complete(&links, &store, key_id, &new)).await
    }

    /// The server says of a key only that it does not serve it; to its owner it says over the API whether a refresh is
    /// what is missing.
    pub(super) async fn explain(&self, key_id: KeyId, error: Error) -> Error {
        match error {
            Error::KeyRefused => match self.key(key_id).await {
                Ok(key) if key.status == "active" && key.pin.refresh_required => {
                    Error::RefreshRequired(key_id)
                }
                _ => Error::KeyRefused,
            },
            error => error,
        }
    }
}

/// The ways of the messages to the server.
pub(crate) struct Links<E> {
    /// Op 0A, in oblivious mode; may be sent again as it is.
    pub(crate) evaluate: E,
    /// R1; may be sent again as it is.
    pub(crate) first: E,
    /// R3, of which each one is new.
    pub(crate) confirm: E,
}

impl Channel {
    pub(super) fn refresh(&self) -> Links<OpChannel> {
        Links {
            evaluate: self.of(Op::Evaluate),
            first: self.of(Op::Refresh),
            confirm: self.once(Op::Confirm),
        }
    }
}

/// The whole of it.
fn renew(
    links: &Links<impl Exchange>,
    store: &Store,
    key_id: KeyId,
    [old, new]: [&Credentials; 2],
    iterations: u32,
) -> Result<Renewed, Error> {
    let record = store.key(key_id)?.into_record()?;
    let iterations = iterations.max(record.iterations());
    let lock = store.evaluation_lock(record.pin_mode())?;
    let (key, evaluated) = match record.pin_mode() {
        PinMode::Base => (unlock(&links.evaluate, &record, old)?, None),
        PinMode::Oblivious => {
            let (pins, device) = ([&old.pin, &new.pin], &new.device);
            let (key, pin) = evaluate(&links.evaluate, |now_ms| {
                evaluate::unlock_and_renew(&record, pins[0], pins[1], device, iterations, now_ms, &mut SysRng)
            })
            .map_err(foreign(key_id))?;
            (key, Some(pin))
        }
    };
    let share = new_share(&links.first, &key, new, iterations, evaluated)?;
    drop(lock);
    let stored = store.stage(record.refresh_id(), &share.record)?;
    confirm_stored(&links.confirm, store, &share, &stored, new, Place::Beside)
}

/// The refresh of a share that came from elsewhere: its first record is that of the new epoch.
pub(super) fn take_over(
    links: &Links<impl Exchange>,
    store: &Store,
    key: &ClientKey,
    info: &KeyInfo,
    new: &Credentials,
    iterations: u32,
) -> Result<Renewed, Error> {
    let lock = store.evaluation_lock(key.pin_mode())?;
    let evaluated = match key.pin_mode() {
        PinMode::Base => Ok(None),
        PinMode::Oblivious => evaluate(&links.evaluate, |now_ms| {
            evaluate::renew(key, &new.pin, &new.device, iterations, now_ms, &mut SysRng)
        })
        .map(Some),
    };
    let share = evaluated.and_then(|pin| new_share(&links.first, key, new, iterations, pin));
    let share = share.map_err(|error| match error {
        Error::KeyRefused => Error::ArrivalRefused(key.key_id()),
        error => error,
    })?;
    drop(lock);
    let stored = store.admit(&share.record, info)?;
    confirm_stored(&links.confirm, store, &share, &stored, new, Place::Alone)
}

/// R1 and R2. In oblivious mode the new PIN was evaluated before.
fn new_share(
    link: &impl Exchange,
    key: &ClientKey,
    new: &Credentials,
    iterations: u32,
    evaluated: Option<EvaluatedPin>,
) -> Result<NewShare, Error> {
    let (retry, now_ms) = (Retry::new(), clock::now_ms());
    let started = match evaluated {
        None => refresh::start(key, &new.pin, &new.device, iterations, now_ms, &mut SysRng),
        Some(pin) => refresh::start_evaluated(key, pin, now_ms, &mut SysRng),
    };
    let (_, waiting) = started.map_err(local)?;
    retry.until_done(
        link,
        waiting,
        |waiting| waiting.frame(),
        |waiting, answer| waiting.finish(answer, &new.device),
    )
}

/// R3 with what the disk gave back.
fn confirm_stored(
    link: &impl Exchange,
    store: &Store,
    share: &NewShare,
    stored: &[u8],
    new: &Credentials,
    place: Place,
) -> Result<Renewed, Error> {
    let r3 = || share.confirm(stored, &new.pin, &new.device, clock::now_ms(), &mut SysRng);
    let renewed = match ask(link, r3, true) {
        // Nothing was sent of what the disk gave back, so it can go.
        Err(Error::Misuse(cosign_core::Error::InvalidRecord)) => {
            place.remove(store, &share.record)?;
            let path = store.root().to_owned();
            return Err(Error::StoreDamaged { path, what: "a record was not read back as it was written" });
        }
        confirmation => settle(confirmation, store, &share.record, place)?,
    };
    Ok(Renewed { failures: renewed.failures.max(share.failures), ..renewed })
}

/// R3 with the record that is there, after a restart.
pub(super) fn complete(
    links: &Links<impl Exchange>,
    store: &Store,
    key_id: KeyId,
    new: &Credentials,
) -> Result<Renewed, Error> {
    let key = store.key(key_id)?;
    let (next, place) = match key.next() {
        Some(next) => (next, Place::Beside),
        None if key.is_arriving() => (key.record(), Place::Alone),
        None => return Ok(Renewed { epoch: key.record().epoch(), failures: 0 }),
    };
    let _lock = store.evaluation_lock(next.pin_mode())?;
    let confirmation = unlock(&links.evaluate, next, new).and_then(|key| {
        let r3 = || refresh::confirm_unlocked(next, &key, clock::now_ms(), &mut SysRng);
        // Each R3 with a wrong PIN is a wrong PIN: one whose answer was lost is not repeated unasked.
        ask(&links.confirm, r3, false)
    });
    match confirmation {
        Err(error @ Error::ForeignRecord(_)) => Err(error),
        confirmation => settle(confirmation, store, next, place),
    }
}

/// Where a record waits for its confirmation.
#[derive(Clone, Copy)]
enum Place {
    /// Beside that of the epoch before.
    Beside,
    /// Alone: the key arrives.
    Alone,
}

impl Place {
    fn keep(self, store: &Store, next: &LocalRecord) -> Result<(), Error> {
        match self {
            Self::Beside => store.promote(next.key_id(), next.refresh_id(), clock::now_ms()),
            Self::Alone => store.welcome(next.key_id(), next.refresh_id()),
        }
    }

    fn remove(self, store: &Store, next: &LocalRecord) -> Result<(), Error> {
        match self {
            Self::Beside => store.discard(next.key_id(), next.refresh_id()),
            Self::Alone => store.dismiss(next.key_id(), next.refresh_id()),
        }
    }
}

type Frame = Result<(Vec<u8>, AwaitingActivation), cosign_core::Error>;

/// Sends R3 until there is an answer, a new one each time.
fn ask(link: &impl Exchange, mut frame: impl FnMut() -> Frame, repeat: bool) -> Result<Confirmation, Error> {
    let retry = Retry::new();
    let mut outcome = Error::Busy;
    for pause in retry.pauses() {
        let (frame, waiting) = frame().map_err(local)?;
        match link.exchange(&frame, retry.deadline()) {
            Ok(answer) => match waiting.finish(&answer).map_err(local)? {
                Progress::Done(confirmation) => return Ok(confirmation),
                Progress::Next(_) | Progress::Busy(_) => outcome = Error::Busy,
            },
            Err(Error::NoAnswer) if repeat => outcome = Error::NoAnswer,
            Err(error) => return Err(error),
        }
        if retry.wait(pause).is_err() {
            break;
        }
    }
    Err(outcome)
}

/// One record goes if the server said which; on any error both stay.
fn settle(
    confirmation: Result<Confirmation, Error>,
    store: &Store,
    next: &LocalRecord,
    place: Place,
) -> Result<Renewed, Error> {
    let key_id = next.key_id();
    let unconfirmed = |cause| {
        let cause = Some(Box::new(cause));
        match place {
            Place::Beside => Error::RefreshUnconfirmed { key_id, cause },
            Place::Alone => Error::ArrivalUnconfirmed { key_id, cause },
        }
    };
    match confirmation.map_err(unconfirmed)? {
        Confirmation::Active { failures } => {
            place.keep(store, next).map_err(unconfirmed)?;
            Ok(Renewed { epoch: next.epoch(), failures })
        }
        Confirmation::Unknown => {
            place.remove(store, next).map_err(unconfirmed)?;
            Err(match place {
                Place::Beside => Error::RefreshUndone(key_id),
                Place::Alone => Error::ArrivalUndone(key_id),
            })
        }
    }
}

#[cfg(test)]
mod tests;
