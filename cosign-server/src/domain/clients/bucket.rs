//! Requests a minute: a bucket of tokens for each client, in the memory of this process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::ClientId;

/// Buckets kept; the operator makes clients one by one, so there are never so many at once.
const MAX_BUCKETS: usize = 4096;
/// A bucket is full again after this time, whatever its size.
const MINUTE_NS: u64 = 60_000_000_000;

/// The tokens of all clients. A request takes one; a bucket holds those of one minute and fills up evenly.
#[derive(Default)]
pub struct Buckets(Mutex<HashMap<ClientId, Bucket>>);

#[derive(Clone, Copy)]
struct Bucket {
    /// Nanoseconds of filling that are spent: none when it is full, [`MINUTE_NS`] when it is empty.
    spent_ns: u64,
    at_ns: u64,
}

impl Bucket {
    const fn spent_at(&self, now_ns: u64) -> u64 {
        self.spent_ns.saturating_sub(now_ns.saturating_sub(self.at_ns))
    }
}

impl Buckets {
    /// Takes a token of a client that is allowed `rate` requests a minute.
    ///
    /// # Errors
    /// Seconds until there is one.
    pub fn take(&self, client: &ClientId, rate: u32, now_ns: u64) -> Result<(), u32> {
        let price_ns = MINUTE_NS / u64::from(rate.max(1));
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(client) {
            // A full bucket says nothing.
            buckets.retain(|_, bucket| bucket.spent_at(now_ns) > 0);
            if buckets.len() >= MAX_BUCKETS {
                return Err(1);
            }
        }
        let bucket = buckets.entry(*client).or_insert(Bucket { spent_ns: 0, at_ns: now_ns });
        let spent_ns = bucket.spent_at(now_ns).saturating_add(price_ns);
        if spent_ns > MINUTE_NS {
            let wait_s = (spent_ns - MINUTE_NS).div_ceil(1_000_000_000);
            return Err(u32::try_from(wait_s).unwrap_or(u32::MAX));
        }
        *bucket = Bucket { spent_ns, at_ns: now_ns };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn client(number: u64) -> ClientId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        ClientId::from_bytes(bytes)
    }

    #[test]
    fn a_minute_at_once_and_then_evenly() {
        let buckets = Buckets::default();
        for _ in 0..6 {
            assert_eq!(buckets.take(&client(1), 6, 0), Ok(()));
        }
        assert_eq!(buckets.take(&client(1), 6, 0), Err(10));
        assert_eq!(buckets.take(&client(2), 6, 0), Ok(()), "another client");
        assert_eq!(buckets.take(&client(1), 6, 9 * SECOND_NS), Err(1));
        assert_eq!(buckets.take(&client(1), 6, 10 * SECOND_NS), Ok(()));
        assert_eq!(buckets.take(&client(1), 6, 10 * SECOND_NS), Err(10));
        for _ in 0..6 {
            assert_eq!(buckets.take(&client(1), 6, 1000 * SECOND_NS), Ok(()), "never more than a minute");
        }
        assert_eq!(buckets.take(&client(1), 6, 1000 * SECOND_NS), Err(10));
    }

    #[test]
    fn memory_is_bounded() {
        let buckets = Buckets::default();
        for number in 0..10_000 {
            let _ = buckets.take(&client(number), 1, 0);
        }
        assert_eq!(buckets.0.lock().unwrap().len(), MAX_BUCKETS);
        assert_eq!(buckets.take(&client(20_000), 1, 0), Err(1));
        // When those are full again there is room.
        assert_eq!(buckets.take(&client(20_000), 1, MINUTE_NS), Ok(()));
        assert_eq!(buckets.0.lock().unwrap().len(), 1);
    }
}
