//! The PIN gate (SPEC.md, section 11.2): counts wrong PINs, makes the guesser wait, locks.

use crate::{
    error::{Code, Detail, Refusal},
    hash,
    ids::{KeyId, SessionId},
};

/// Wrong PINs in a row that lock a key.
const MAX_FAILS: u8 = 10;
/// Wrong PINs in all that lock a key, whatever succeeded in between.
const MAX_TOTAL: u8 = 30;
/// Wait after the 5th, 6th, 7th, 8th and 9th wrong PIN in a row, seconds.
const WAITS_S: [u32; 5] = [60, 300, 900, 3600, 86_400];
/// Failures before the first wait.
const FREE_FAILS: u8 = 5;

/// The counters of one key, shared by all epochs and operations. Plain data: the store keeps it durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Wrong PINs since the last success, 0..=10.
    pub fails: u8,
    /// Wrong PINs since the last refresh or unlock by the registration authority, 0..=30.
    pub total: u8,
    /// No PIN is looked at before this time, unix milliseconds.
    pub unlock_at_ms: u64,
    /// Set by the registration authority's unlock: only a refresh is let through until one was activated.
    pub refresh_required: bool,
    /// The last evaluation, if the request that it was made for has not come yet. Oblivious mode only.
    pub charge: Option<Charge>,
}

/// What an evaluation was counted as. It stays counted unless its own request shows the right PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The session of the evaluation, from which no other can tell the session of its request.
    pub session: SessionId,
    /// What of [`Gate::fails`] is its, 0..=2.
    pub fails: u8,
    /// What of [`Gate::total`] is its, 1..=2.
    pub total: u8,
}

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// The tag is right; `failures` were counted before.
    Open { failures: u8 },
    /// Locked for good.
    Locked,
    /// Too early, or wrong.
    Shut(Refusal),
}

impl Gate {
    /// Whether only the registration authority can open it again.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        self.fails >= MAX_FAILS || self.total >= MAX_TOTAL
    }

    /// Attempts before the lock.
    #[must_use]
    pub fn remaining(&self) -> u8 {
        MAX_FAILS.saturating_sub(self.fails).min(MAX_TOTAL.saturating_sub(self.total))
    }

    /// Seconds until the next PIN is looked at, rounded up; 0 if none is pending.
    #[must_use]
    pub fn wait_s(&self, now_ms: u64) -> u32 {
        let wait_ms = if self.fails < FREE_FAILS { 0 } else { self.unlock_at_ms.saturating_sub(now_ms) };
        u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(u32::MAX)
    }

    /// Opens a locked gate after identity proofing; the next operation must be a refresh.
    pub const fn unlock(&mut self) {
        *self = Self { fails: 0, total: 0, unlock_at_ms: 0, refresh_required: true, charge: None };
    }

    /// An activated refresh clears everything.
    pub(crate) const fn refreshed(&mut self) {
        *self = Self { fails: 0, total: 0, unlock_at_ms: 0, refresh_required: false, charge: None };
    }

    /// Why no attempt is allowed now, if so.
    pub(crate) fn closed(&self, now_ms: u64) -> Option<Passage> {
        if self.is_locked() {
            return Some(Passage::Locked);
        }
        match self.wait_s(now_ms) {
            0 => None,
            wait_s => Some(Passage::Shut(self.refusal(wait_s))),
        }
    }

    /// Judges one request. `tag_is_right` is not called while locked or waiting, so nothing is learnt then.
    ///
    /// The caller makes the changed gate durable before any answer leaves.
    pub(crate) fn pass(&mut self, now_ms: u64, tag_is_right: impl FnOnce() -> bool) -> Passage {
        if let Some(closed) = self.closed(now_ms) {
            return closed;
        }
        if tag_is_right() {
            return Passage::Open { failures: self.succeed() };
        }
        let retry_s = self.count(1, 1, now_ms);
        Passage::Shut(self.refusal(retry_s))
    }

    /// Counts an evaluation of `items` PINs, as far as there is room: the wrong PINs before it. An older one stays
    /// counted for good.
    ///
    /// The caller has asked [`Self::closed`], and makes the changed gate durable before any answer leaves.
    pub(crate) fn charge(&mut self, session: SessionId, items: u8, now_ms: u64) -> u8 {
        let failures = self.fails;
        let fails = items.min(MAX_FAILS.saturating_sub(self.fails));
        let total = items.min(MAX_TOTAL.saturating_sub(self.total));
        self.count(fails, total, now_ms);
        self.charge = Some(Charge { session, fails, total });
        failures
    }

    /// Takes out the charge of the evaluation that was made for the request of session `sid`, if there is one.
    pub(crate) fn take_charge(&mut self, key_id: &KeyId, sid: &SessionId) -> Option<Charge> {
        self.charge.take_if(|charge| charge.session == hash::evaluation_session(key_id, sid))
    }

    /// Judges the request whose attempt was counted as `charge`, which was taken out: neither lock nor wait stop it, a
    /// wrong tag is not counted again, a right one gives back what it was counted as.
    pub(crate) fn settle(
        &mut self,
        charge: Charge,
        now_ms: u64,
        tag_is_right: impl FnOnce() -> bool,
    ) -> Passage {
        if tag_is_right() {
            self.total = self.total.saturating_sub(charge.total);
            // The byte of the answer has room for 9.
            let failures = self.succeed().saturating_sub(charge.fails).min(MAX_FAILS - 1);
            return Passage::Open { failures };
        }
        let retry_s = if self.is_locked() { 0 } else { self.wait_s(now_ms) };
        Passage::Shut(self.refusal(retry_s))
    }

    /// Clears what is counted in a row, and gives it.
    fn succeed(&mut self) -> u8 {
        let failures = self.fails;
        self.fails = 0;
        self.unlock_at_ms = 0;
        if let Some(foreign) = &mut self.charge {
            foreign.fails = 0;
        }
        failures
    }

    /// Counts attempts and sets the wait that follows: its seconds.
    fn count(&mut self, fails: u8, total: u8, now_ms: u64) -> u32 {
        self.fails = self.fails.saturating_add(fails);
        self.total = self.total.saturating_add(total);
        let wait = self.fails.checked_sub(FREE_FAILS).and_then(|index| WAITS_S.get(usize::from(index)));
        let retry_s = if self.is_locked() { 0 } else { wait.copied().unwrap_or(0) };
        self.unlock_at_ms = if retry_s == 0 { 0 } else { now_ms.saturating_add(u64::from(retry_s) * 1000) };
        retry_s
    }

    fn refusal(&self, retry_s: u32) -> Refusal {
        Refusal { code: Code::Pin, detail: Detail::Pin { remaining: self.remaining(), retry_s } }
    }
}

#[cfg(test)]
mod tests;
