//! The audit log: a hash chain of records.
//!
//! `leaf = SM3(00 || record)`, and the record ends with the leaf before it, so changing, dropping or moving a record
//! breaks every leaf after it (layout of RFC 6962 with SM3). A record names keys, sessions, digests and first halves of
//! signatures; it never holds a tag, a share, `s2` or `T2`, which would let a thief of the phone test PINs.

use cosign_core::{
    DeviceId, KeyId, SessionId,
    sm_primitives::sm3::{self, Sm3},
};

/// What an event was about: a protocol operation by its wire byte, or an act of administration from 80 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act(u8);

impl Act {
    /// The server's data folder was made.
    pub const INIT: Self = Self(0x80);
    /// An enrolment code was made.
    pub const CODE: Self = Self(0x81);
    /// A device was enrolled.
    pub const ENROL: Self = Self(0x82);
    /// A key id was issued.
    pub const ISSUE: Self = Self(0x83);
    /// A key was suspended.
    pub const FREEZE: Self = Self(0x84);
    /// A suspended key was made active again.
    pub const UNFREEZE: Self = Self(0x85);
    /// A key was revoked and its share destroyed.
    pub const REVOKE: Self = Self(0x86);
    /// The PIN counters of a key were reset.
    pub const UNLOCK: Self = Self(0x87);

    /// A protocol operation.
    #[must_use]
    pub const fn operation(op: cosign_core::Op) -> Self {
        Self(op.byte())
    }

    /// Reads a stored byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// The stored byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// A stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::INIT => "init",
            Self::CODE => "enrolment-code",
            Self::ENROL => "enrol",
            Self::ISSUE => "issue",
            Self::FREEZE => "freeze",
            Self::UNFREEZE => "unfreeze",
            Self::REVOKE => "revoke",
            Self::UNLOCK => "unlock",
            Self(byte) => match cosign_core::Op::from_byte(byte) {
                Some(op) => op.as_str(),
                None => "unknown",
            },
        }
    }
}

/// One signature of a signing operation: its digest and its first half, both public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// `e`, reduced mod n.
    pub digest: [u8; 32],
    /// `r` of the signature.
    pub r: [u8; 32],
}

/// Note of the record of a confirmed refresh. The highest epoch among these is the oldest that a key may have.
pub const ACTIVATED: &str = "activated";

/// Something that happened, before it has a place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, unix milliseconds.
    pub at_ms: u64,
    /// What.
    pub act: Act,
    /// About which key.
    pub key_id: Option<KeyId>,
    /// By which device; `None` for the operator.
    pub device: Option<DeviceId>,
    /// Share epoch, 0 where there is none.
    pub epoch: u32,
    /// Session of a protocol operation.
    pub sid: Option<SessionId>,
    /// Hash of a protocol request (without its tag).
    pub h_req: Option<[u8; 32]>,
    /// Items of a protocol request.
    pub count: u16,
    /// Signatures made, in order.
    pub items: Vec<Item>,
    /// 0, or the code of the refusal.
    pub result: u8,
    /// A few words, at most 255 bytes: names and counters, never inputs or secrets.
    pub note: String,
}

impl Event {
    /// An act of administration.
    #[must_use]
    pub fn administration(at_ms: u64, act: Act, note: impl Into<String>) -> Self {
        Self {
            at_ms,
            act,
            key_id: None,
            device: None,
            epoch: 0,
            sid: None,
            h_req: None,
            count: 0,
            items: Vec::new(),
            result: 0,
            note: note.into(),
        }
    }

    /// The same event about a key.
    #[must_use]
    pub fn about(mut self, key_id: KeyId, device: Option<DeviceId>) -> Self {
        self.key_id = Some(key_id);
        self.device = device;
        self
    }

    /// SM3 over the digests, and over the `r` values.
    #[must_use]
    pub fn item_hashes(&self) -> ([u8; 32], [u8; 32]) {
        let (mut digests, mut halves) = (Sm3::new(), Sm3::new());
        for item in &self.items {
            digests.update(&item.digest);
            halves.update(&item.r);
        }
        (digests.finalize(), halves.finalize())
    }

    /// Gives the event its place: record number `seq`, after the record whose leaf is `prev`.
    #[must_use]
    pub fn leaf(&self, seq: u64, prev: &[u8; 32]) -> [u8; 32] {
        let (e_hash, r_hash) = self.item_hashes();
        let mut record = Vec::with_capacity(256);
        record.extend(b"\0cosign-audit-v1");
        record.extend(seq.to_be_bytes());
        record.extend(self.at_ms.to_be_bytes());
        record.push(self.act.byte());
        option(&mut record, self.key_id.as_ref().map(|id| &id.as_bytes()[..]));
        option(&mut record, self.device.as_ref().map(|id| &id.as_bytes()[..]));
        record.extend(self.epoch.to_be_bytes());
        option(&mut record, self.sid.as_ref().map(|id| &id.as_bytes()[..]));
        option(&mut record, self.h_req.as_ref().map(|hash| &hash[..]));
        record.extend(self.count.to_be_bytes());
        record.extend(e_hash);
        record.extend(r_hash);
        record.push(self.result);
        record.extend(u32::try_from(self.note.len()).unwrap_or(u32::MAX).to_be_bytes());
        record.extend(self.note.as_bytes());
        record.extend(prev);
        sm3::digest(&record)
    }
}

fn option(record: &mut Vec<u8>, field: Option<&[u8]>) {
    record.push(u8::from(field.is_some()));
    record.extend(field.unwrap_or_default());
}

/// The leaf before the first record.
pub const GENESIS: [u8; 32] = [0; 32];

/// The end of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of records.
    pub seq: u64,
    /// Leaf of the last one.
    pub leaf: [u8; 32],
}

impl Head {
    /// The empty log.
    pub const EMPTY: Self = Self { seq: 0, leaf: GENESIS };
}

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1.
    pub seq: u64,
    /// What happened.
    pub event: Event,
    /// SM3 over the digests as stored.
    pub e_hash: [u8; 32],
    /// SM3 over the `r` values as stored.
    pub r_hash: [u8; 32],
    /// Leaf of the record before it.
    pub prev: [u8; 32],
    /// Its own leaf.
    pub leaf: [u8; 32],
}

/// Where the chain breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Number of the first record that does not fit.
    pub seq: u64,
    /// Why it does not.
    pub why: &'static str,
}

impl Head {
    /// Moves over one record, checking everything the chain promises.
    ///
    /// # Errors
    /// [`Broken`] when a record is missing, was changed, or does not follow this head.
    pub fn advance(self, entry: &Entry) -> Result<Self, Broken> {
        let broken = |why| Broken { seq: entry.seq, why };
        if entry.seq != self.seq + 1 {
            return Err(Broken { seq: self.seq + 1, why: "the record is missing" });
        }
        if entry.prev != self.leaf {
            return Err(broken("the record does not follow the one before it"));
        }
        if entry.event.item_hashes() != (entry.e_hash, entry.r_hash) {
            return Err(broken("the signatures listed do not match their hashes"));
        }
        if entry.event.leaf(entry.seq, &entry.prev) != entry.leaf {
            return Err(broken("the record was changed"));
        }
        Ok(Self { seq: entry.seq, leaf: entry.leaf })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(head: Head, event: Event) -> Entry {
        let (e_hash, r_hash) = event.item_hashes();
        let leaf = event.leaf(head.seq + 1, &head.leaf);
        Entry { seq: head.seq + 1, event, e_hash, r_hash, prev: head.leaf, leaf }
    }

    fn event() -> Event {
        let mut event = Event::administration(7, Act::FREEZE, "x").about(KeyId::from_bytes([1; 16]), None);
        event.items = vec![Item { digest: [2; 32], r: [3; 32] }];
        event
    }

    #[test]
    fn a_chain_holds_and_every_change_breaks_it() {
        let first = entry(Head::EMPTY, event());
        let head = Head::EMPTY.advance(&first).unwrap();
        let second = entry(head, event());
        assert_eq!(head.advance(&second).unwrap().seq, 2);

        let changes: [fn(&mut Entry); 13] = [
            |entry| entry.seq += 1,
            |entry| entry.prev[0] ^= 1,
            |entry| entry.leaf[0] ^= 1,
            |entry| entry.event.at_ms += 1,
            |entry| entry.event.act = Act::REVOKE,
            |entry| entry.event.key_id = None,
            |entry| entry.event.device = Some(DeviceId::from_bytes([0; 32])),
            |entry| entry.event.epoch += 1,
            |entry| entry.event.sid = Some(SessionId::from_bytes([0; 16])),
            |entry| entry.event.h_req = Some([0; 32]),
            |entry| entry.event.items[0].r[0] ^= 1,
            |entry| entry.event.result = 3,
            |entry| entry.event.note.push('y'),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = second.clone();
            change(&mut changed);
            assert!(head.advance(&changed).is_err(), "change {index}");
        }
        assert_eq!(Head::EMPTY.advance(&second).unwrap_err().seq, 1);
    }
}
