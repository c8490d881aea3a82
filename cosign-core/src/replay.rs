//! The replay cache (SPEC.md, section 12): one frame, one computation, one answer.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use crate::ids::{KeyId, SessionId};

/// A request's time may be this far from the server's, milliseconds, inclusive.
pub(crate) const WINDOW_MS: u64 = 120_000;

type Session = (KeyId, SessionId);

/// What became of a frame.
enum State {
    /// Somebody computes the answer.
    InProgress,
    /// The answer, kept for the identical frame.
    Answered(Vec<u8>),
    /// Answered before a restart; the answer itself is gone.
    Forgotten,
}

struct Entry {
    fingerprint: [u8; 32],
    until_ms: u64,
    state: State,
}

/// Sessions of the last minutes, in memory, bounded in number and bytes.
///
/// An entry lives until nobody can send a frame of its session that passes the time check.
pub struct ReplayCache {
    entries: BTreeMap<Session, Entry>,
    expiry: BTreeSet<(u64, Session)>,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

/// What the cache knows about a frame.
pub(crate) enum Seen {
    /// Nothing; the frame may be computed.
    Never,
    /// The identical frame, with its answer.
    Answered(Vec<u8>),
    /// The identical frame, being computed.
    InProgress,
    /// Another frame of this session.
    Other,
}

impl ReplayCache {
    /// A cache of at most `max_entries` sessions and `max_bytes` bytes of answers.
    #[must_use]
    pub const fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self { entries: BTreeMap::new(), expiry: BTreeSet::new(), bytes: 0, max_entries, max_bytes }
    }

    /// Number of sessions kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no session is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts back a session that was answered before a restart. The identical frame is then computed anew, which is
    /// safe; any other frame of the session is a conflict.
    pub fn restore(&mut self, key_id: KeyId, sid: SessionId, fingerprint: [u8; 32], until_ms: u64) {
        self.insert((key_id, sid), Entry { fingerprint, until_ms, state: State::Forgotten });
    }

    /// Drops what has expired.
    pub fn purge(&mut self, now_ms: u64) {
        while let Some(&(until_ms, session)) = self.expiry.first() {
            if until_ms >= now_ms {
                break;
            }
            self.remove(session);
        }
    }

    /// Keeps the answer of a session that [`crate::server::Operation::admit`] opened. Call it once the operation is
    /// durable.
    pub fn complete(&mut self, key_id: KeyId, sid: SessionId, answer: &[u8]) {
        if let Some(entry) = self.entries.get_mut(&(key_id, sid)) {
            self.bytes += answer.len();
            entry.state = State::Answered(answer.to_vec());
        }
    }

    /// Forgets a session whose operation could not be made durable.
    pub fn abandon(&mut self, key_id: KeyId, sid: SessionId) {
        self.remove((key_id, sid));
    }

    pub(crate) fn seen(
        &mut self,
        key_id: KeyId,
        sid: SessionId,
        fingerprint: &[u8; 32],
        now_ms: u64,
    ) -> Seen {
        self.purge(now_ms);
        match self.entries.get(&(key_id, sid)) {
            None => Seen::Never,
            Some(entry) if entry.fingerprint != *fingerprint => Seen::Other,
            Some(entry) => match &entry.state {
                State::Answered(answer) => Seen::Answered(answer.clone()),
                State::InProgress => Seen::InProgress,
                State::Forgotten => Seen::Never,
            },
        }
    }

    /// Opens a session; `false` when the cache is full.
    pub(crate) fn begin(
        &mut self,
        key_id: KeyId,
        sid: SessionId,
        fingerprint: [u8; 32],
        until_ms: u64,
    ) -> bool {
        let known = self.entries.contains_key(&(key_id, sid));
        if !known && (self.entries.len() >= self.max_entries || self.bytes >= self.max_bytes) {
            return false;
        }
        self.insert((key_id, sid), Entry { fingerprint, until_ms, state: State::InProgress });
        true
    }

    fn insert(&mut self, session: Session, entry: Entry) {
        self.remove(session);
        self.expiry.insert((entry.until_ms, session));
        self.entries.insert(session, entry);
    }

    fn remove(&mut self, session: Session) {
        if let Some(entry) = self.entries.remove(&session) {
            self.expiry.remove(&(entry.until_ms, session));
            if let State::Answered(answer) = entry.state {
                self.bytes = self.bytes.saturating_sub(answer.len());
            }
        }
    }
}
