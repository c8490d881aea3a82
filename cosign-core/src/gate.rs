//! The PIN gate (SPEC.md, section 11.2): counts wrong PINs, makes the guesser wait, locks.

use crate::error::{Code, Detail, Refusal};

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
        *self = Self { fails: 0, total: 0, unlock_at_ms: 0, refresh_required: true };
    }

    /// An activated refresh clears everything.
    pub(crate) const fn refreshed(&mut self) {
        *self = Self { fails: 0, total: 0, unlock_at_ms: 0, refresh_required: false };
    }

    /// Judges one request. `tag_is_right` is not called while locked or waiting, so nothing is learnt then.
    ///
    /// The caller makes the changed gate durable before any answer leaves.
    pub(crate) fn pass(&mut self, now_ms: u64, tag_is_right: impl FnOnce() -> bool) -> Passage {
        if self.is_locked() {
            return Passage::Locked;
        }
        let wait_s = self.wait_s(now_ms);
        if wait_s > 0 {
            return Passage::Shut(self.refusal(wait_s));
        }
        if tag_is_right() {
            let failures = self.fails;
            self.fails = 0;
            self.unlock_at_ms = 0;
            return Passage::Open { failures };
        }
        self.fails = self.fails.saturating_add(1);
        self.total = self.total.saturating_add(1);
        let wait = self.fails.checked_sub(FREE_FAILS).and_then(|index| WAITS_S.get(usize::from(index)));
        let retry_s = if self.is_locked() { 0 } else { wait.copied().unwrap_or(0) };
        self.unlock_at_ms = if retry_s == 0 { 0 } else { now_ms.saturating_add(u64::from(retry_s) * 1000) };
        Passage::Shut(self.refusal(retry_s))
    }

    fn refusal(&self, retry_s: u32) -> Refusal {
        Refusal { code: Code::Pin, detail: Detail::Pin { remaining: self.remaining(), retry_s } }
    }
}
