//! How many operations are under way at once: as many as take no longer than three times what a few take.
//!
//! More than those wait for each other and make nobody's answer come sooner. So they are told at once to come again. Who comes when
//! a commit has just begun waits for that one and its own; what takes longer has waited for others (TCP Vegas compares so what a
//! packet takes; Brakmo, O'Malley and Peterson, 1994). A disk that takes its time makes what a few take longer too, so it is no
//! overload. As long as nobody is refused there is nothing to be found out, and the limit grows when it is nearly reached.
//!
//! What a few take is found out by letting only a few in, for a tenth of a second when somebody is refused, and now and then
//! as long as that goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// For so long it is looked at what operations take, nanoseconds.
const WINDOW_NS: u64 = 100_000_000;
/// A few: fewer would not fill the stages that they go through.
const FEW: usize = 64;
/// How many times as long as when a few are under way operations may take.
const TIMES: u64 = 3;
/// How many are let in at first.
const FIRST: usize = 4 * FEW;
/// So many of them say what they take.
const ENOUGH: u64 = 16;
/// Windows after which that is found out anew.
const KNOWN: u32 = 64;

/// Counts what is under way.
pub(super) struct Limiter {
    most: usize,
    state: Mutex<State>,
}

struct State {
    limit: usize,
    under_way: usize,
    /// The most that were under way in this window.
    peak: usize,
    ends_ns: u64,
    seen: Seen,
    /// What one takes when a few are under way, once that is known, nanoseconds, and windows since then.
    few_ns: Option<u64>,
    since: u32,
    /// When only a few were let in, as long as that lasts.
    probe_ns: Option<u64>,
}

/// What was seen in a window.
#[derive(Default)]
struct Seen {
    refused: bool,
    answered: u64,
    took_ns: u64,
}

/// The right to be under way; given back on drop.
pub(super) struct Pass(Arc<Limiter>);

impl Limiter {
    /// At most `most` at once, whatever they take.
    pub(super) fn new(most: usize) -> Self {
        let state = State {
            limit: FIRST.min(most),
            under_way: 0,
            peak: 0,
            ends_ns: 0,
            seen: Seen::default(),
            few_ns: None,
            since: 0,
            probe_ns: None,
        };
        Self { most, state: Mutex::new(state) }
    }

    fn state(&self, now_ns: u64) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ns >= state.ends_ns {
            state.adapt(self.most, now_ns);
            state.ends_ns = now_ns.saturating_add(WINDOW_NS);
        }
        state
    }

    /// Lets an operation in that arrives now; `None` when it must come again.
    pub(super) fn enter(self: &Arc<Self>, now_ns: u64) -> Option<Pass> {
        let mut state = self.state(now_ns);
        let limit = if state.probe_ns.is_some() { state.limit.min(FEW) } else { state.limit };
        if state.under_way >= limit {
            state.seen.refused = true;
            return None;
        }
        state.under_way += 1;
        state.peak = state.peak.max(state.under_way);
        Some(Pass(Arc::clone(self)))
    }

    /// An operation that arrived at `arrived_ns` is computed and on record.
    pub(super) fn answered(&self, arrived_ns: u64, now_ns: u64) {
        let mut state = self.state(now_ns);
        // What was let in before a probe has waited for more than a few.
        if state.probe_ns.is_none_or(|probe_ns| probe_ns <= arrived_ns) {
            state.seen.answered += 1;
            state.seen.took_ns = state.seen.took_ns.saturating_add(now_ns.saturating_sub(arrived_ns));
        }
    }
}

impl State {
    /// Ends a window.
    fn adapt(&mut self, most: usize, now_ns: u64) {
        let Seen { refused, answered, took_ns } = std::mem::take(&mut self.seen);
        let peak = std::mem::replace(&mut self.peak, self.under_way);
        self.since = self.since.saturating_add(1);
        let took_ns = took_ns.checked_div(answered);
        if self.probe_ns.is_some() {
            if answered >= ENOUGH {
                if self.few_ns.is_none() {
                    // Nothing has limited how many were under way.
                    self.limit = self.limit.min(FIRST);
                }
                (self.few_ns, self.since) = (took_ns, 0);
            }
            if answered >= ENOUGH || !refused {
                self.probe_ns = None;
            }
            return;
        }
        if !refused && self.since >= KNOWN {
            self.few_ns = None;
        }
        let may_take_ns =
            self.few_ns.filter(|_| self.since < KNOWN).map(|few_ns| few_ns.saturating_mul(TIMES));
        self.limit = match (may_take_ns, took_ns) {
            (Some(may_take_ns), Some(took_ns)) if refused && took_ns > may_take_ns => {
                let limit =
                    u64::try_from(self.limit).unwrap_or(u64::MAX).saturating_mul(may_take_ns) / took_ns;
                usize::try_from(limit).unwrap_or(usize::MAX).max(FEW).min(most)
            }
            (None, _) if refused => {
                self.probe_ns = Some(now_ns);
                self.limit
            }
            _ if peak < self.limit / 2 => self.limit,
            _ => self.limit.saturating_add(self.limit / 8 + 1).min(most),
        };
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.under_way = state.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const MOST: usize = 1024;
    const MS: u64 = 1_000_000;

    /// A server that computes one operation each `cost_ns`, in their order, and has it on record `disk_ns` later, and is
    /// asked by as many as are let in, for so many windows from `*now_ns` on. How many were under way in each, at least and at its end.
    fn overload(
        limiter: &Arc<Limiter>,
        (cost_ns, disk_ns): (u64, u64),
        windows: u64,
        now_ns: &mut u64,
    ) -> Vec<(usize, usize)> {
        let (mut waiting, mut written) = (VecDeque::new(), VecDeque::new());
        let mut under_way = Vec::new();
        for _ in 0..windows {
            let (end_ns, mut fewest) = (*now_ns + WINDOW_NS, usize::MAX);
            loop {
                while let Some(pass) = limiter.enter(*now_ns) {
                    waiting.push_back((pass, *now_ns));
                }
                fewest = fewest.min(waiting.len() + written.len());
                if *now_ns >= end_ns {
                    break;
                }
                *now_ns += cost_ns;
                written.extend(
                    waiting.pop_front().map(|(pass, arrived_ns)| (pass, arrived_ns, *now_ns + disk_ns)),
                );
                while let Some((pass, arrived_ns, _)) =
                    written.pop_front_if(|(_, _, due_ns)| *due_ns <= *now_ns)
                {
                    drop(pass);
                    limiter.answered(arrived_ns, *now_ns);
                }
            }
            under_way.push((fewest, waiting.len() + written.len()));
        }
        under_way
    }

    #[test]
    fn what_takes_long_is_cut_to_what_takes_three_times_as_long_as_a_few_and_stays_so() {
        let limiter = Arc::new(Limiter::new(MOST));
        // Ten thousand a second, on record 5 ms later: 64 take 6.4 ms, and 192 three times as long.
        let under_way = overload(&limiter, (MS / 10, 5 * MS), 1000, &mut 0);
        let settled = &under_way[16..];
        let probes = settled.iter().filter(|(fewest, _)| *fewest <= FEW).count();
        assert!((10..=20).contains(&probes), "{probes}");
        assert!(settled.iter().all(|(_, count)| *count <= FEW || (150..=240).contains(count)));
    }

    #[test]
    fn a_slow_disk_is_no_overload() {
        let limiter = Arc::new(Limiter::new(MOST));
        // 400 of them are on their way to the disk: 64 take 40 ms, and 1200 three times as long.
        let under_way = overload(&limiter, (MS / 10, 40 * MS), 60, &mut 0);
        assert!(under_way[20..].iter().all(|(fewest, _)| *fewest > 900), "{under_way:?}");
        // A slow processor is: 64 take 256 ms.
        let limiter = Arc::new(Limiter::new(MOST));
        let under_way = overload(&limiter, (4 * MS, MS), 200, &mut 0);
        assert!(under_way[190..].iter().all(|(_, count)| *count <= 250), "{under_way:?}");
    }

    #[test]
    fn a_short_overload_is_forgotten_soon() {
        let limiter = Arc::new(Limiter::new(MOST));
        let mut now_ns = 0;
        overload(&limiter, (MS / 10, 5 * MS), 10, &mut now_ns);
        // More and more are under way, and take a moment.
        let mut passes = Vec::new();
        for _ in 0..60 {
            now_ns += WINDOW_NS;
            passes.extend((0..MOST / 32).map_while(|_| limiter.enter(now_ns)));
            limiter.answered(now_ns, now_ns + 1);
        }
        assert_eq!(passes.len(), MOST);
        assert!(limiter.enter(now_ns).is_none(), "however short they take");
        drop(passes);
        assert!(limiter.enter(now_ns).is_some());
    }

    #[test]
    fn a_stall_is_no_overload() {
        let limiter = Arc::new(Limiter::new(MOST));
        let passes: Vec<_> = (0..FIRST).map(|_| limiter.enter(1).unwrap()).collect();
        // All but one of them take most of the window.
        limiter.answered(1, MS);
        for _ in 1..FIRST {
            limiter.answered(1, WINDOW_NS - 1);
        }
        assert!(limiter.enter(2 * WINDOW_NS).is_some(), "it has grown");
        drop(passes);
    }
}
