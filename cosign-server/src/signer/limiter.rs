//! How many operations are under way at once: as many as need not wait long.
//!
//! A queue that is always there makes nobody's answer come sooner. So once everybody waits, fewer are let in, and the others
//! are told at once to come again. That everybody waits shows in the shortest wait of a while, from the arrival of an
//! operation until it is computed: when many come at once, or the disk stalls, the longest wait grows and the shortest does
//! not. What an operation waits for the disk afterwards is not counted, because fewer of them would not make it faster: their
//! commits go together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The shortest wait of a window that is not yet a standing queue, nanoseconds.
const PATIENCE_NS: u64 = 8_000_000;
/// For so long the shortest wait is looked for, nanoseconds.
const WINDOW_NS: u64 = 100_000_000;
/// So many are let in whatever they wait: fewer would not fill the stages that they go through.
const FEWEST: usize = 64;

/// Counts what is under way.
pub(super) struct Limiter {
    most: usize,
    state: Mutex<State>,
}

struct State {
    limit: usize,
    under_way: usize,
    /// The most that were under way in this window, and the shortest wait.
    peak: usize,
    shortest_ns: Option<u64>,
    ends_ns: u64,
}

/// The right to be under way; given back on drop.
pub(super) struct Pass(Arc<Limiter>);

impl Limiter {
    /// At most `most` at once, however short they wait.
    pub(super) fn new(most: usize) -> Self {
        let state = State { limit: most, under_way: 0, peak: 0, shortest_ns: None, ends_ns: 0 };
        Self { most, state: Mutex::new(state) }
    }

    fn state(&self, now_ns: u64) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ns >= state.ends_ns {
            state.adapt(self.most);
            state.ends_ns = now_ns.saturating_add(WINDOW_NS);
        }
        state
    }

    /// Lets an operation in that arrives now; `None` when it must come again.
    pub(super) fn enter(self: &Arc<Self>, now_ns: u64) -> Option<Pass> {
        let mut state = self.state(now_ns);
        if state.under_way >= state.limit {
            return None;
        }
        state.under_way += 1;
        state.peak = state.peak.max(state.under_way);
        Some(Pass(Arc::clone(self)))
    }

    /// An operation is computed that arrived at `arrived_ns`.
    pub(super) fn computed(&self, arrived_ns: u64, now_ns: u64) {
        let waited_ns = now_ns.saturating_sub(arrived_ns);
        let mut state = self.state(now_ns);
        state.shortest_ns = Some(state.shortest_ns.map_or(waited_ns, |shortest| shortest.min(waited_ns)));
    }
}

impl State {
    /// Ends a window: fewer in proportion if everybody waited, else a few more.
    fn adapt(&mut self, most: usize) {
        match self.shortest_ns.take() {
            Some(shortest_ns) if shortest_ns > PATIENCE_NS => {
                let peak = u64::try_from(self.peak).unwrap_or(u64::MAX);
                let fitting = peak.saturating_mul(PATIENCE_NS) / shortest_ns;
                let fitting = usize::try_from(fitting).unwrap_or(usize::MAX).max(FEWEST);
                self.limit = self.limit.min(fitting);
            }
            _ => self.limit = self.limit.saturating_add(self.limit / 8 + 1).min(most),
        }
        self.peak = self.under_way;
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
    use super::*;

    const MOST: usize = 1024;

    /// A server that computes one operation each `cost_ns`, in their order, and is asked by as many as are let in, for so
    /// many windows from `*now_ns` on. How many are under way at the end.
    fn overload(limiter: &Arc<Limiter>, cost_ns: u64, windows: u64, now_ns: &mut u64) -> usize {
        let mut queue = std::collections::VecDeque::new();
        let end_ns = *now_ns + windows * WINDOW_NS;
        while *now_ns < end_ns {
            while let Some(pass) = limiter.enter(*now_ns) {
                queue.push_back((pass, *now_ns));
            }
            *now_ns += cost_ns;
            let (_pass, arrived_ns) = queue.pop_front().unwrap();
            limiter.computed(arrived_ns, *now_ns);
        }
        queue.len()
    }

    #[test]
    fn a_queue_that_stays_is_cut_to_what_is_computed_in_time() {
        let limiter = Arc::new(Limiter::new(MOST));
        let mut now_ns = 0;
        // Ten thousand a second: the first window is full, and then the wait is what it may be.
        let left = overload(&limiter, 100_000, 30, &mut now_ns);
        assert!((70..=100).contains(&left), "{left}");
        // Forty times slower: not fewer than the fewest.
        assert_eq!(overload(&limiter, 4_000_000, 30, &mut now_ns), FEWEST - 1);
    }

    #[test]
    fn a_short_overload_is_forgotten_soon() {
        let limiter = Arc::new(Limiter::new(MOST));
        let mut now_ns = 0;
        overload(&limiter, 100_000, 10, &mut now_ns);
        for _ in 0..30 {
            now_ns += WINDOW_NS;
            drop(limiter.enter(now_ns).unwrap());
            limiter.computed(now_ns, now_ns + 1);
        }
        let passes: Vec<_> = (0..MOST).map(|_| limiter.enter(now_ns).unwrap()).collect();
        assert!(limiter.enter(now_ns).is_none(), "however short they wait");
        drop(passes);
        assert!(limiter.enter(now_ns).is_some());
    }

    #[test]
    fn a_stall_is_no_overload() {
        let limiter = Arc::new(Limiter::new(MOST));
        let passes: Vec<_> = (0..500).map(|_| limiter.enter(1).unwrap()).collect();
        // All but one of them wait for most of the window.
        limiter.computed(1, 1_000_000);
        for _ in 1..500 {
            limiter.computed(1, WINDOW_NS - 1);
        }
        let more: Vec<_> = (500..MOST).map(|_| limiter.enter(2 * WINDOW_NS)).collect();
        assert!(more.iter().all(Option::is_some));
        drop(passes);
    }
}
