//! Slows down whoever keeps failing, in bounded memory.

use std::{collections::HashMap, hash::Hash, sync::Mutex};

/// Counts failures per subject in a fixed window. Forgets the oldest windows when it is full.
pub struct Throttle<S> {
    limit: u32,
    window_ms: u64,
    capacity: usize,
    windows: Mutex<HashMap<S, Window>>,
}

#[derive(Clone, Copy)]
struct Window {
    opened_ms: u64,
    failures: u32,
}

impl<S: Eq + Hash + Clone> Throttle<S> {
    /// At most `limit` failures per `window_ms` and subject; remembers at most `capacity` subjects.
    #[must_use]
    pub fn new(limit: u32, window_ms: u64, capacity: usize) -> Self {
        Self { limit, window_ms, capacity: capacity.max(1), windows: Mutex::new(HashMap::new()) }
    }

    /// Seconds that the subject must wait; `None` when it may try now.
    pub fn wait_s(&self, subject: &S, now_ms: u64) -> Option<u32> {
        let windows = self.windows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let window = windows.get(subject)?;
        let end_ms = window.opened_ms.saturating_add(self.window_ms);
        (window.failures >= self.limit && now_ms < end_ms)
            .then(|| u32::try_from((end_ms - now_ms).div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// Counts a failure.
    pub fn failed(&self, subject: &S, now_ms: u64) {
        let mut windows = self.windows.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(window) = windows.get_mut(subject) {
            if window.opened_ms.saturating_add(self.window_ms) <= now_ms {
                *window = Window { opened_ms: now_ms, failures: 0 };
            }
            window.failures = window.failures.saturating_add(1);
            return;
        }
        if windows.len() >= self.capacity {
            windows.retain(|_, window| window.opened_ms.saturating_add(self.window_ms) > now_ms);
        }
        if windows.len() >= self.capacity {
            let mut opened: Vec<u64> = windows.values().map(|window| window.opened_ms).collect();
            let middle = opened.len() / 2;
            let (_, &mut median, _) = opened.select_nth_unstable(middle);
            windows.retain(|_, window| window.opened_ms > median);
        }
        windows.insert(subject.clone(), Window { opened_ms: now_ms, failures: 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_for_the_window_and_per_subject() {
        let throttle = Throttle::new(2, 1000, 8);
        assert_eq!(throttle.wait_s(&1, 0), None);
        throttle.failed(&1, 0);
        assert_eq!(throttle.wait_s(&1, 0), None);
        throttle.failed(&1, 10);
        assert_eq!(throttle.wait_s(&1, 10), Some(1));
        assert_eq!(throttle.wait_s(&2, 10), None);
        assert_eq!(throttle.wait_s(&1, 1000), None);
        throttle.failed(&1, 1000);
        assert_eq!(throttle.wait_s(&1, 1000), None);
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::new(1, u64::MAX, 16);
        for subject in 0..10_000u64 {
            throttle.failed(&subject, subject);
        }
        assert!(throttle.windows.lock().unwrap().len() <= 16);
        assert!(throttle.wait_s(&9_999, 10_000).is_some());
    }
}
