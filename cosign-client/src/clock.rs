//! The only place that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall clock, unix milliseconds; 0 for a clock before 1970.
#[must_use]
pub fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).ok().and_then(|age| u64::try_from(age.as_millis()).ok()).unwrap_or(0)
}

/// Monotonic clock, for deadlines and durations.
#[must_use]
pub fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    Instant::now()
}
