//! The audit log as the server keeps it: the leaves of a Merkle tree, and the tree heads that were signed over it.
//!
//! What a record says, the tree and the proofs are those of [`cosign_core::audit`]. A stored record carries the hashes of
//! the complete subtrees that end with it, so that appending is one insertion and a proof takes O(log size) rows.

use cosign_core::{
    KeyId, SessionId,
    audit::{Frontier, Hash, leaf_hash},
    sm_primitives::sm2::PublicKey,
};

pub use cosign_core::audit::{Act, Event, LockItem, Record, SignatureItem, SignedTreeHead};

/// Note of the record of a confirmed refresh. The highest epoch among these is the oldest that a key may have.
pub const ACTIVATED: &str = "activated";
/// Note of the record of a share that is revoked because it has arrived at another device.
pub const MOVED: &str = "moved";

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: u64,
    /// The record as it is hashed.
    pub record: Vec<u8>,
    /// Its leaf and the subtrees that it completes, from level 0 up.
    pub hashes: Vec<Hash>,
    /// What it can be found by: the key that it is about,
    pub key_id: Option<KeyId>,
    /// the session,
    pub sid: Option<SessionId>,
    /// and the epoch that it activated.
    pub activated: Option<u32>,
}

impl Entry {
    /// Appends an event to the tree.
    #[must_use]
    pub fn append(event: &Event, tree: &mut Frontier) -> Self {
        let entry = Self::of(tree.size() + 1, event);
        Self { hashes: tree.append(leaf_hash(&entry.record)), ..entry }
    }

    /// Without its hashes.
    fn of(seq: u64, event: &Event) -> Self {
        Self {
            seq,
            record: event.encode(seq),
            hashes: Vec::new(),
            key_id: event.key_id,
            sid: event.sid,
            activated: (event.note == ACTIVATED).then_some(event.epoch),
        }
    }
}

/// The audit key at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedAuditKey {
    /// X || Y.
    pub public_key: [u8; 64],
    /// The private key, sealed under a wrapping key.
    pub sealed: Vec<u8>,
}

/// A size and the root that the log had or has at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Number of records.
    pub size: u64,
    /// Root of their tree.
    pub root: Hash,
}

/// Where the log breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Number of the first record that does not fit.
    pub seq: u64,
    /// Why it does not.
    pub why: &'static str,
}

/// Goes over the whole log, checking everything that it promises.
pub struct Walk {
    tree: Frontier,
    log_key: PublicKey,
    newest: Option<SignedTreeHead>,
    expected: Option<Point>,
}

impl Walk {
    /// Starts at the first record. `expected` is what was noted earlier.
    #[must_use]
    pub const fn new(log_key: PublicKey, expected: Option<Point>) -> Self {
        Self { tree: Frontier::new(), log_key, newest: None, expected }
    }

    /// Number of records so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Moves over one record.
    ///
    /// # Errors
    /// [`Broken`] when a record is missing or was changed.
    pub fn record(&mut self, entry: &Entry) -> Result<(), Broken> {
        let broken = |why| Err(Broken { seq: entry.seq, why });
        if entry.seq != self.size() + 1 {
            return Err(Broken { seq: self.size() + 1, why: "the record is missing" });
        }
        let Ok(record) = Record::decode(&entry.record) else {
            return broken("the record cannot be read");
        };
        if record.seq != entry.seq {
            return broken("the record stands in another's place");
        }
        if record.event.releases_early() {
            return broken("it says that a time lock was released before its time");
        }
        let hashes = self.tree.append(leaf_hash(&entry.record));
        if hashes != entry.hashes {
            return broken("the record or its hashes were changed");
        }
        if (Entry { hashes, ..Entry::of(record.seq, &record.event) }) != *entry {
            return broken("the record is filed under another key, session or epoch");
        }
        match self.expected {
            Some(expected) if expected.size == self.size() && expected.root != self.tree.root() => {
                broken("the log is not the one that was noted")
            }
            _ => Ok(()),
        }
    }

    /// Checks a tree head of the present size.
    ///
    /// # Errors
    /// [`Broken`] when it is not of this log, or not of these records.
    pub fn head(&mut self, head: &SignedTreeHead) -> Result<(), Broken> {
        let broken = |why| Err(Broken { seq: head.head().size, why });
        if head.verify(&self.log_key).is_err() {
            return broken("the tree head is not signed by this log");
        }
        if head.head().size != self.size() || head.head().root != self.tree.root() {
            return broken("the records are not those that the tree head was signed over");
        }
        if self.newest.is_some_and(|newest| newest.head().at_ms > head.head().at_ms) {
            return broken("the tree head is older than the one before it");
        }
        self.newest = Some(*head);
        Ok(())
    }

    /// The end of the log. `head` is the next head, if one is left.
    ///
    /// # Errors
    /// [`Broken`] when the log ends before a head or before what was noted.
    pub fn finish(self, head: Option<&SignedTreeHead>) -> Result<Walked, Broken> {
        let size = self.size();
        let cut = |why| Err(Broken { seq: size + 1, why });
        if head.is_some() {
            return cut("the log is shorter than a signed tree head: its end was cut off");
        }
        if self.expected.is_some_and(|expected| expected.size > size) {
            return cut("the log is shorter than what was noted: its end was cut off");
        }
        let end = Point { size, root: self.tree.root() };
        Ok(Walked { end, log_key: self.log_key, newest: self.newest })
    }
}

/// A log that holds.
#[derive(Clone, Copy, Debug)]
pub struct Walked {
    /// Its end.
    pub end: Point,
    /// The key that its heads are signed with.
    pub log_key: PublicKey,
    /// The newest head.
    pub newest: Option<SignedTreeHead>,
}

#[cfg(test)]
mod tests {
    use cosign_core::{LogId, audit::TreeHead, sm_primitives::sm2::PrivateKey};

    use super::*;

    fn key() -> PrivateKey {
        PrivateKey::from_bytes(&[1; 32]).unwrap()
    }

    fn event() -> Event {
        let mut event =
            Event::administration(7, Act::FREEZE, ACTIVATED).about(KeyId::from_bytes([1; 16]), None);
        event.items = vec![SignatureItem { digest: [2; 32], r: [3; 32] }];
        event.epoch = 5;
        event
    }

    fn two() -> (Entry, Entry, Frontier) {
        let mut tree = Frontier::new();
        (Entry::append(&event(), &mut tree), Entry::append(&event(), &mut tree), tree)
    }

    fn after_one(first: &Entry) -> Walk {
        let mut walk = Walk::new(*key().public_key(), None);
        walk.record(first).unwrap();
        walk
    }

    #[test]
    fn a_log_that_released_early_is_broken() {
        for (not_before, early) in [(1, false), (2, true)] {
            let lock = LockItem { commitment: [1; 32], file_id: [2; 16], not_before };
            let event = Event::administration(1999, Act::RELEASE, "");
            let event = Event { items: vec![lock.into()], ..event };
            let entry = Entry::append(&event, &mut Frontier::new());
            let walked = Walk::new(*key().public_key(), None).record(&entry);
            assert_eq!(walked.is_err(), early, "{walked:?}");
        }
    }

    #[test]
    fn a_log_holds_and_every_change_breaks_it() {
        let (first, second, _) = two();
        assert_eq!((second.activated, second.hashes.len()), (Some(5), 2));
        after_one(&first).record(&second).unwrap();

        let changes: [fn(&mut Entry); 8] = [
            |entry| entry.seq += 1,
            |entry| entry.hashes[0][0] ^= 1,
            |entry| entry.hashes[1][0] ^= 1,
            |entry| entry.hashes.truncate(1),
            |entry| entry.record[40] ^= 1,
            |entry| entry.key_id = None,
            |entry| entry.sid = Some(SessionId::from_bytes([0; 16])),
            |entry| entry.activated = None,
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = second.clone();
            change(&mut changed);
            assert!(after_one(&first).record(&changed).is_err(), "change {index}");
        }
        assert!(after_one(&first).record(&first).is_err());
        let missing = Walk::new(*key().public_key(), None).record(&second).unwrap_err();
        assert_eq!((missing.seq, missing.why), (1, "the record is missing"));
    }

    #[test]
    fn a_head_fits_its_records_and_what_was_noted_is_there() {
        let (first, second, tree) = two();
        let log_id = LogId::of(key().public_key());
        let head =
            |tree: &Frontier, at_ms| TreeHead::of(log_id, tree, at_ms).sign(&key(), &mut getrandom::SysRng);
        let signed = head(&tree, 9).unwrap();
        assert!(after_one(&first).head(&signed).is_err(), "a head of more records");
        let mut walk = after_one(&first);
        walk.record(&second).unwrap();
        walk.head(&signed).unwrap();
        assert!(walk.head(&head(&tree, 8).unwrap()).is_err(), "an older head");
        assert!(walk.finish(Some(&signed)).is_err());

        let mut other = Frontier::new();
        other.append([0; 32]);
        other.append([0; 32]);
        let mut walk = after_one(&first);
        walk.record(&second).unwrap();
        assert!(walk.head(&head(&other, 9).unwrap()).is_err(), "a head of other records");
        let stranger = PrivateKey::from_bytes(&[2; 32]).unwrap();
        let forged = TreeHead::of(log_id, &tree, 9).sign(&stranger, &mut getrandom::SysRng).unwrap();
        assert!(walk.head(&forged).is_err(), "a head of another key");

        for (point, holds) in [
            (Point { size: 2, root: tree.root() }, true),
            (Point { size: 2, root: other.root() }, false),
            (Point { size: 3, root: tree.root() }, false),
        ] {
            let mut walk = Walk::new(*key().public_key(), Some(point));
            walk.record(&first).unwrap();
            let held = walk.record(&second).and_then(|()| walk.finish(None).map(drop));
            assert_eq!(held.is_ok(), holds, "{point:?}");
        }
    }
}
