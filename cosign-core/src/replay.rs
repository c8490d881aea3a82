//! The replay cache (SPEC.md, section 12): one frame, one computation, one answer.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use crate::{
    ids::{KeyId, Op, SessionId},
    server::{Executed, OpenSessions},
};

/// A request's time may be this far from the server's, milliseconds, inclusive.
pub(crate) const WINDOW_MS: u64 = 120_000;

/// Which of the requests of a session: only signing with suite F2 has a second one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    First,
    Second,
}

impl Step {
    const fn of(op: Op) -> Self {
        match op {
            Op::Reveal => Self::Second,
            _ => Self::First,
        }
    }
}

type Session = (KeyId, SessionId, Step);

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
/// An entry lives until nobody can send a frame of its session that passes the time check. With them are kept the open
/// sessions of suite F2, whose nonces live for half a minute and are lost in a restart.
pub struct ReplayCache {
    pub(crate) open: OpenSessions,
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
    /// The identical frame, answered before a restart.
    Forgotten,
    /// Another frame of this session.
    Other,
}

impl ReplayCache {
    /// A cache of at most `max_entries` requests, `max_bytes` bytes of answers and `max_nonces` nonces of open
    /// sessions.
    #[must_use]
    pub const fn new(max_entries: usize, max_bytes: usize, max_nonces: usize) -> Self {
        let open = OpenSessions::new(max_nonces);
        Self { open, entries: BTreeMap::new(), expiry: BTreeSet::new(), bytes: 0, max_entries, max_bytes }
    }

    /// Number of open sessions: committed to, not opened yet.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Number of requests kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no request is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of the answers kept.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Sets how many requests and bytes of answers there is room for, when several caches share it. What is kept already
    /// stays.
    pub const fn limit(&mut self, max_entries: usize, max_bytes: usize) {
        self.max_entries = max_entries;
        self.max_bytes = max_bytes;
    }

    /// Puts back a session that was answered before a restart. The identical frame is then computed anew, which is
    /// safe; any other frame of the session is a conflict. A commitment is not computed anew: its session is over.
    pub fn restore(&mut self, key_id: KeyId, sid: SessionId, fingerprint: [u8; 32], until_ms: u64) {
        let session = (key_id, sid, Step::First);
        self.insert(session, Entry { fingerprint, until_ms, state: State::Forgotten });
    }

    /// Drops what has expired.
    pub fn purge(&mut self, now_ms: u64) {
        self.open.purge(now_ms);
        while let Some(&(until_ms, session)) = self.expiry.first() {
            if until_ms >= now_ms {
                break;
            }
            self.remove(session);
        }
    }

    /// Keeps what was computed for a request that [`crate::server::Operation::admit`] let pass, and gives the answer.
    /// Call it once the operation is durable.
    pub fn complete(&mut self, executed: Executed) -> Vec<u8> {
        let Executed { frame, audit, opened, .. } = executed;
        match opened {
            Some(session) => self.open.fill(session),
            // A commitment that failed after its room was kept.
            None if audit.op == Op::Commit => self.open.abandon(audit.key_id, audit.sid),
            None => {}
        }
        self.keep(audit.key_id, audit.sid, Step::of(audit.op), &frame);
        frame
    }

    /// Forgets a request whose operation could not be made durable. What an opening used up stays used up.
    pub fn abandon(&mut self, key_id: KeyId, sid: SessionId, op: Op) {
        if op == Op::Commit {
            self.open.abandon(key_id, sid);
        }
        self.remove((key_id, sid, Step::of(op)));
    }

    /// Keeps the answer of a request.
    pub(crate) fn keep(&mut self, key_id: KeyId, sid: SessionId, step: Step, answer: &[u8]) {
        if let Some(entry) = self.entries.get_mut(&(key_id, sid, step)) {
            self.bytes += answer.len();
            entry.state = State::Answered(answer.to_vec());
        }
    }

    pub(crate) fn seen(
        &mut self,
        key_id: KeyId,
        sid: SessionId,
        step: Step,
        fingerprint: &[u8; 32],
        now_ms: u64,
    ) -> Seen {
        self.purge(now_ms);
        match self.entries.get(&(key_id, sid, step)) {
            None => Seen::Never,
            Some(entry) if entry.fingerprint != *fingerprint => Seen::Other,
            Some(entry) => match &entry.state {
                State::Answered(answer) => Seen::Answered(answer.clone()),
                State::InProgress => Seen::InProgress,
                State::Forgotten => Seen::Forgotten,
            },
        }
    }

    /// Begins with a request; `false` when the cache is full.
    pub(crate) fn begin(
        &mut self,
        key_id: KeyId,
        sid: SessionId,
        step: Step,
        fingerprint: [u8; 32],
        until_ms: u64,
    ) -> bool {
        let known = self.entries.contains_key(&(key_id, sid, step));
        if !known && (self.entries.len() >= self.max_entries || self.bytes >= self.max_bytes) {
            return false;
        }
        self.insert((key_id, sid, step), Entry { fingerprint, until_ms, state: State::InProgress });
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
