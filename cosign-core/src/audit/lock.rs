//! Time locks of sealed bids in records of [`Act::RELEASE`] (SPEC.md, section 22.3).
//!
//! A lock stands where another record has a signature: `e` is the commitment of the lock, `r` is
//! `fileId 16 | notBefore 8 | 00 * 8`. So a log with releases has the format of one without.

use super::record::{Act, Event, SignatureItem};

/// A time lock as a record lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockItem {
    /// SM3 commitment of the lock, as the manifest of the bid has it.
    pub commitment: [u8; 32],
    /// The bid.
    pub file_id: [u8; 16],
    /// When it may be released, unix seconds.
    pub not_before: u64,
}

impl LockItem {
    /// Whether the time has come at `now_ms`, unix milliseconds.
    #[must_use]
    pub const fn is_due(&self, now_ms: u64) -> bool {
        now_ms / 1000 >= self.not_before
    }

    /// Reads what stands in place of a signature; `None` if it is not a lock.
    #[must_use]
    pub fn read(item: &SignatureItem) -> Option<Self> {
        let (&file_id, rest) = item.r.split_first_chunk()?;
        let (&not_before, zeros) = rest.split_first_chunk()?;
        let not_before = u64::from_be_bytes(not_before);
        (zeros == [0; 8]).then_some(Self { commitment: item.digest, file_id, not_before })
    }
}

impl From<LockItem> for SignatureItem {
    fn from(lock: LockItem) -> Self {
        let mut r = [0; 32];
        let (file_id, rest) = r.split_at_mut(16);
        file_id.copy_from_slice(&lock.file_id);
        let (not_before, _) = rest.split_at_mut(8);
        not_before.copy_from_slice(&lock.not_before.to_be_bytes());
        Self { digest: lock.commitment, r }
    }
}

impl Event {
    /// The locks that a record of [`Act::RELEASE`] lists; none in other records and of what is not a lock.
    pub fn locks(&self) -> impl Iterator<Item = LockItem> {
        let items = if self.act == Act::RELEASE { self.items.as_slice() } else { &[] };
        items.iter().filter_map(LockItem::read)
    }

    /// Whether it says that a lock was released before its time, or that something was released that is not a lock.
    #[must_use]
    pub fn releases_early(&self) -> bool {
        let early = |item: &SignatureItem| LockItem::read(item).is_none_or(|lock| !lock.is_due(self.at_ms));
        self.act == Act::RELEASE && self.result == 0 && self.items.iter().any(early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(at_ms: u64, result: u8) -> Event {
        let lock = LockItem { commitment: [1; 32], file_id: [2; 16], not_before: 1000 };
        let event = Event::administration(at_ms, Act::RELEASE, "");
        Event { items: [lock.into()].into(), result, ..event }
    }

    #[test]
    fn a_lock_is_read_back_whole() {
        let lock = LockItem { commitment: [1; 32], file_id: [2; 16], not_before: 0x0102_0304_0506_0708 };
        let item = SignatureItem::from(lock);
        assert_eq!((item.digest, &item.r[16..24]), ([1; 32], &[1, 2, 3, 4, 5, 6, 7, 8][..]));
        assert_eq!(LockItem::read(&item), Some(lock));
        for index in 24..32 {
            let mut other = item;
            other.r[index] = 1;
            assert_eq!(LockItem::read(&other), None, "{index}");
        }
    }

    #[test]
    fn a_release_is_early_until_the_second_that_it_waits_for() {
        assert!(release(999_999, 0).releases_early());
        assert!(!release(1_000_000, 0).releases_early());
        assert!(!release(999_999, 8).releases_early(), "it was refused");
        let mut none = release(1_000_000, 0);
        none.items[0].r[31] = 1;
        assert!(none.releases_early(), "not a lock");
        let signing = Event { act: Act::from_byte(1), ..release(0, 0) };
        assert!(!signing.releases_early());
        assert_eq!((signing.locks().count(), release(0, 0).locks().count()), (0, 1));
        let never = LockItem { commitment: [0; 32], file_id: [0; 16], not_before: u64::MAX };
        assert!(!never.is_due(u64::MAX));
    }
}
