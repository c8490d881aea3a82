//! Slows down whoever keeps failing, or keeps asking, in bounded memory.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::Mutex,
};

/// What counts as one source: an address, or with IPv6 the network of 64 bits that one host may have.
#[must_use]
pub fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

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

    /// Counts an attempt as if it failed: at most `limit` are let through.
    ///
    /// # Errors
    /// Seconds that the subject must wait.
    pub fn admit(&self, subject: &S, now_ms: u64) -> Result<(), u32> {
        if let Some(wait_s) = self.wait_s(subject, now_ms) {
            return Err(wait_s);
        }
        self.failed(subject, now_ms);
        Ok(())
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
    fn so_many_are_let_through() {
        let throttle = Throttle::new(2, 60_000, 8);
        assert_eq!([0, 1, 2].map(|now_ms| throttle.admit(&1, now_ms)), [Ok(()), Ok(()), Err(60)]);
        assert_eq!(throttle.admit(&2, 2), Ok(()));
        assert_eq!(throttle.admit(&1, 59_999), Err(1));
        assert_eq!(throttle.admit(&1, 60_000), Ok(()));
    }

    #[test]
    fn a_host_of_ipv6_is_one_source() {
        let source = |text: &str| network(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), source("2001:db8:1:2::1"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
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
