//! Checks an export item by item, in memory that does not grow with the log.

use core::fmt;

use sm_primitives::sm2::PublicKey;

use super::{
    export::Item,
    head::{HeadError, SignedTreeHead, TreeHead},
    record::Record,
    tree::{Frontier, Hash},
};

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is not the log whose key or earlier head is known.
    OtherLog,
    /// An item stands where it has no place.
    Order,
    /// This record is missing or not where it belongs.
    Missing {
        /// Its number.
        seq: u64,
    },
    /// The records are not those that the head was signed over.
    Root {
        /// Size of the head.
        size: u64,
    },
    /// A head is not signed by the log.
    Signature {
        /// Size of the head.
        size: u64,
    },
    /// A head is older than the one before it.
    Time {
        /// Size of the head.
        size: u64,
    },
    /// An inclusion proof does not lead to the root.
    Proof {
        /// Number of its record.
        seq: u64,
    },
    /// A record says that a time lock was released before its time.
    ReleasedEarly {
        /// Its number.
        seq: u64,
    },
    /// The last records are under no head.
    Unsigned,
    /// The earlier head has another root at its size: the log was forked or rewritten.
    Forked {
        /// Size of the earlier head.
        size: u64,
    },
    /// The log is shorter than the earlier head: its end was cut off, or an older state is shown.
    Shorter {
        /// Size of the log.
        size: u64,
        /// Size of the earlier head.
        earlier: u64,
    },
    /// Nothing here links the log to the earlier head.
    NotLinked {
        /// Size of the earlier head.
        earlier: u64,
    },
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherLog => f.write_str("this is another log than the one whose key or head was given"),
            Self::Order => f.write_str("an item stands where it has no place"),
            Self::Missing { seq } => write!(f, "record {seq} is missing or not in its place"),
            Self::Root { size } => {
                write!(f, "the records up to number {size} are not those that the tree head was signed over")
            }
            Self::Signature { size } => {
                write!(f, "the signature of the tree head of size {size} does not verify")
            }
            Self::Time { size } => write!(f, "the tree head of size {size} is older than the one before it"),
            Self::Proof { seq } => write!(f, "the inclusion proof of record {seq} does not lead to the root"),
            Self::ReleasedEarly { seq } => {
                write!(f, "record {seq} says that a time lock was released before its time")
            }
            Self::Unsigned => f.write_str("the last records are under no tree head"),
            Self::Forked { size } => {
                write!(
                    f,
                    "the earlier tree head has another root at size {size}: the log was forked or rewritten"
                )
            }
            Self::Shorter { size, earlier } => {
                write!(f, "the log has {size} records, fewer than the {earlier} of the earlier tree head")
            }
            Self::NotLinked { earlier } => {
                write!(f, "nothing here links the log to the earlier tree head of size {earlier}")
            }
        }
    }
}

impl core::error::Error for Invalid {}

/// Which records an export holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All from this number on.
    From(u64),
    /// A selection, each with a proof that the log holds it. That none was left out is not proven.
    Selected,
}

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The key of the log, from the export itself unless it was given.
    pub log_key: PublicKey,
    /// The last head.
    pub head: SignedTreeHead,
    /// Which records.
    pub coverage: Coverage,
    /// How many.
    pub records: u64,
}

/// Takes an export item by item. What it said of records holds only when [`Self::finish`] gave no error.
pub struct Verifier {
    trusted: Option<PublicKey>,
    earlier: Option<SignedTreeHead>,
    log_key: Option<PublicKey>,
    state: State,
    records: u64,
}

enum State {
    Start,
    Run { from: u64, tree: Frontier, head: Option<SignedTreeHead> },
    Selection { head: SignedTreeHead, unproven: Option<Record>, last: u64 },
}

impl Verifier {
    /// `trusted` is the log's key if it is known, `earlier` a head that was seen before.
    #[must_use]
    pub const fn new(trusted: Option<PublicKey>, earlier: Option<SignedTreeHead>) -> Self {
        Self { trusted, earlier, log_key: None, state: State::Start, records: 0 }
    }

    /// Takes the next item; gives the record that is now in its place.
    ///
    /// # Errors
    /// [`Invalid`]; the export is then worth nothing.
    pub fn take(&mut self, item: Item) -> Result<Option<Record>, Invalid> {
        let Some(key) = self.log_key else {
            return match item {
                Item::LogKey(key) => self.begin(key).map(|()| None),
                _ => Err(Invalid::Order),
            };
        };
        if let Item::Record(Record { seq, event }) = &item
            && event.releases_early()
        {
            return Err(Invalid::ReleasedEarly { seq: *seq });
        }
        match (&mut self.state, item) {
            (State::Start, Item::Start(tree)) => {
                meets(self.earlier.as_ref(), tree.size(), || tree.root())?;
                self.state = State::Run { from: tree.size(), tree, head: None };
                Ok(None)
            }
            (State::Start, Item::Head(head)) => {
                signed(&head, &key)?;
                meets(self.earlier.as_ref(), head.head().size, || head.head().root)?;
                self.state = State::Selection { head, unproven: None, last: 0 };
                Ok(None)
            }
            (State::Run { tree, .. }, Item::Record(record)) => {
                if record.seq != tree.size() + 1 {
                    return Err(Invalid::Missing { seq: tree.size() + 1 });
                }
                tree.append(record.leaf());
                meets(self.earlier.as_ref(), tree.size(), || tree.root())?;
                self.records += 1;
                Ok(Some(record))
            }
            (State::Run { tree, head: before, .. }, Item::Head(head)) => {
                signed(&head, &key)?;
                let TreeHead { size, at_ms, root, .. } = *head.head();
                if size != tree.size() || root != tree.root() {
                    return Err(Invalid::Root { size });
                }
                if before.is_some_and(|before| at_ms < before.head().at_ms) {
                    return Err(Invalid::Time { size });
                }
                *before = Some(head);
                Ok(None)
            }
            (State::Selection { unproven, last, .. }, Item::Record(record)) if unproven.is_none() => {
                if record.seq <= *last {
                    return Err(Invalid::Order);
                }
                *unproven = Some(record);
                Ok(None)
            }
            (State::Selection { head, unproven, last }, Item::Inclusion(proof)) => {
                let record = unproven.take().ok_or(Invalid::Order)?;
                let (seq, head) = (record.seq, head.head());
                let fits = proof.index() == record.leaf_index() && proof.size() == head.size;
                if !fits || proof.verify(&record.leaf(), &head.root).is_err() {
                    return Err(Invalid::Proof { seq });
                }
                *last = seq;
                self.records += 1;
                Ok(Some(record))
            }
            _ => Err(Invalid::Order),
        }
    }

    fn begin(&mut self, key: PublicKey) -> Result<(), Invalid> {
        if self.trusted.is_some_and(|trusted| trusted != key) {
            return Err(Invalid::OtherLog);
        }
        if let Some(earlier) = &self.earlier {
            signed(earlier, &key)?;
        }
        self.log_key = Some(key);
        Ok(())
    }

    /// The end of the export.
    ///
    /// # Errors
    /// [`Invalid`]; the export is then worth nothing.
    pub fn finish(self) -> Result<Verified, Invalid> {
        let (head, coverage, reaches_back_to) = match self.state {
            State::Run { from, tree, head: Some(head) } if head.head().size == tree.size() => {
                (head, Coverage::From(from + 1), from)
            }
            State::Selection { head, unproven: None, .. } => (head, Coverage::Selected, head.head().size),
            State::Start | State::Run { .. } | State::Selection { .. } => return Err(Invalid::Unsigned),
        };
        let size = head.head().size;
        match self.earlier.map(|earlier| earlier.head().size) {
            Some(earlier) if earlier > size => return Err(Invalid::Shorter { size, earlier }),
            Some(earlier) if earlier < reaches_back_to => return Err(Invalid::NotLinked { earlier }),
            _ => {}
        }
        let log_key = self.log_key.ok_or(Invalid::Unsigned)?;
        Ok(Verified { log_key, head, coverage, records: self.records })
    }
}

fn signed(head: &SignedTreeHead, key: &PublicKey) -> Result<(), Invalid> {
    head.verify(key).map_err(|error| match error {
        HeadError::OtherLog => Invalid::OtherLog,
        HeadError::Signature => Invalid::Signature { size: head.head().size },
    })
}

/// Where the log has the size of the earlier head, it has its root.
fn meets(earlier: Option<&SignedTreeHead>, size: u64, root: impl FnOnce() -> Hash) -> Result<(), Invalid> {
    match earlier.map(SignedTreeHead::head) {
        Some(earlier) if earlier.size == size && earlier.root != root() => Err(Invalid::Forked { size }),
        _ => Ok(()),
    }
}
