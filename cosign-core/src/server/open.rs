//! Sessions of suite F2 between their two requests: the server's nonces, in memory, for half a minute, bounded.

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use crate::{
    ids::{KeyId, SessionId},
    sign::commit::OpenNonces,
};

/// How long the nonces of a commitment wait for its opening, milliseconds.
pub const OPEN_TTL_MS: u64 = 30_000;

/// Most open sessions of one key. Each was opened under a right PIN.
pub const MAX_OPEN: usize = 8;

/// A commitment and the nonces that answered it. Single use: it is taken out of its table by value, before anything
/// about the opening is checked.
pub(crate) struct OpenSession {
    pub(crate) key_id: KeyId,
    pub(crate) sid: SessionId,
    pub(crate) commitment: [u8; 32],
    pub(crate) nonces: OpenNonces,
}

impl fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSession").field("sid", &self.sid).finish_non_exhaustive()
    }
}

type Name = (KeyId, SessionId);

/// Room for a session, and the session once its nonces are drawn.
struct Slot {
    count: usize,
    until_ms: u64,
    session: Option<OpenSession>,
}

/// The open sessions of many keys.
pub(crate) struct OpenSessions {
    slots: BTreeMap<Name, Slot>,
    expiry: BTreeSet<(u64, Name)>,
    nonces: usize,
    max_nonces: usize,
}

impl OpenSessions {
    pub(crate) const fn new(max_nonces: usize) -> Self {
        Self { slots: BTreeMap::new(), expiry: BTreeSet::new(), nonces: 0, max_nonces }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Keeps room for `count` nonces of a session; `false` if there is none.
    pub(crate) fn reserve(&mut self, key_id: KeyId, sid: SessionId, count: u16, now_ms: u64) -> bool {
        let (first, last) = (SessionId::from_bytes([0; 16]), SessionId::from_bytes([0xff; 16]));
        let of_key = self.slots.range((key_id, first)..=(key_id, last)).count();
        let (name, count) = ((key_id, sid), usize::from(count));
        let known = self.slots.contains_key(&name);
        if known || of_key >= MAX_OPEN || self.nonces + count > self.max_nonces {
            return false;
        }
        let until_ms = now_ms.saturating_add(OPEN_TTL_MS);
        self.nonces += count;
        self.expiry.insert((until_ms, name));
        self.slots.insert(name, Slot { count, until_ms, session: None });
        true
    }

    /// Puts a session where room was kept for it. If that has expired meanwhile, the session is wiped.
    pub(crate) fn fill(&mut self, session: OpenSession) {
        if let Some(slot) = self.slots.get_mut(&(session.key_id, session.sid)) {
            slot.session = Some(session);
        }
    }

    /// Takes a session out; from then on it is used up. `None` if it is not there or has expired.
    pub(crate) fn take(&mut self, key_id: KeyId, sid: SessionId, now_ms: u64) -> Option<OpenSession> {
        self.purge(now_ms);
        self.remove((key_id, sid))
    }

    /// Wipes what has expired.
    pub(crate) fn purge(&mut self, now_ms: u64) {
        while let Some(&(until_ms, name)) = self.expiry.first() {
            if until_ms >= now_ms {
                break;
            }
            self.remove(name);
        }
    }

    fn remove(&mut self, name: Name) -> Option<OpenSession> {
        let slot = self.slots.remove(&name)?;
        self.expiry.remove(&(slot.until_ms, name));
        self.nonces -= slot.count;
        slot.session
    }

    /// Gives up a session that was not answered.
    pub(crate) fn abandon(&mut self, key_id: KeyId, sid: SessionId) {
        self.remove((key_id, sid));
    }
}
