//! What a leaf says.
//!
//! ```text
//! record = "cosign-audit-v1" | seq 8 | time 8 | act 1 | ?key id 16 | ?device 32 | epoch 4 | ?sid 16 | ?h_req 32
//!        | ?public key 64 | count 2 | result 1 | signatures 2 | (e 32 | r 32)* | note length 1 | note
//! ```
//! Integers are big-endian; `?` is a byte 00, or 01 and the field. A record has this one form: what decodes, encodes to
//! the same bytes.

use alloc::{string::String, vec::Vec};

use super::{export::Malformed, tree};
use crate::{
    error::Code,
    ids::{DeviceId, KeyId, Op, SessionId},
    wire::Fields,
};

const LABEL: &[u8; 15] = b"cosign-audit-v1";

/// No record is longer, in bytes.
pub const MAX_RECORD: usize = 32 * 1024;

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
    /// The number of shares of a key that its owner may give to others was set.
    pub const SEATS: Self = Self(0x88);
    /// An opening key was made, which bids may be time-locked to.
    pub const OPENING_KEY: Self = Self(0x89);
    /// An opening key was retired: no new bids are to be locked to it.
    pub const RETIRE: Self = Self(0x8a);
    /// Time locks of bids were released, or refused. Lists [`LockItem`](super::LockItem)s in place of signatures.
    pub const RELEASE: Self = Self(0x8b);
    /// A certification authority was made, or a further key of one.
    pub const AUTHORITY: Self = Self(0x90);
    /// A certification authority was retired: it issues nothing new.
    pub const AUTHORITY_RETIRED: Self = Self(0x91);
    /// A certificate was applied for, or the request was withdrawn.
    pub const CERTIFICATE_REQUEST: Self = Self(0x92);
    /// A reviewer passed or returned a request.
    pub const CERTIFICATE_REVIEW: Self = Self(0x93);
    /// A certificate was issued.
    pub const CERTIFY: Self = Self(0x94);
    /// A certificate was suspended, put in force again, superseded, or has expired.
    pub const CERTIFICATE_STATE: Self = Self(0x95);
    /// A certificate was revoked.
    pub const CERTIFICATE_REVOKED: Self = Self(0x96);
    /// A revocation list was signed.
    pub const REVOCATION_LIST: Self = Self(0x97);
    /// A decryption key was made by the key centre and escrowed.
    pub const ESCROW: Self = Self(0x98);
    /// The escrow of a decryption key was opened by its custodians.
    pub const ESCROW_OPENED: Self = Self(0x99);
    /// A client of the API was made known, or what it may do was changed.
    pub const CLIENT: Self = Self(0xb0);
    /// An operator was given a role, or lost one.
    pub const OPERATOR: Self = Self(0xa0);
    /// An act on keys was proposed by an administrator, or a proposal was decided.
    pub const PROPOSAL: Self = Self(0xa1);

    /// A protocol operation.
    #[must_use]
    pub const fn operation(op: Op) -> Self {
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
            Self::SEATS => "seats",
            Self::OPENING_KEY => "opening-key",
            Self::RETIRE => "retire",
            Self::RELEASE => "release",
            Self::AUTHORITY => "authority",
            Self::AUTHORITY_RETIRED => "authority-retired",
            Self::CERTIFICATE_REQUEST => "certificate-request",
            Self::CERTIFICATE_REVIEW => "certificate-review",
            Self::CERTIFY => "certify",
            Self::CERTIFICATE_STATE => "certificate-state",
            Self::CERTIFICATE_REVOKED => "certificate-revoked",
            Self::REVOCATION_LIST => "revocation-list",
            Self::ESCROW => "escrow",
            Self::ESCROW_OPENED => "escrow-opened",
            Self::CLIENT => "client",
            Self::OPERATOR => "operator",
            Self::PROPOSAL => "proposal",
            Self(byte) => match Op::from_byte(byte) {
                Some(op) => op.as_str(),
                None => "unknown",
            },
        }
    }
}

/// One signature of a signing operation: its digest and its first half, both public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureItem {
    /// `e`, reduced mod n.
    pub digest: [u8; 32],
    /// `r` of the signature.
    pub r: [u8; 32],
}

/// Something that happened, before it has a place in the log.
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
    /// Public key, X || Y, of the key that this event made.
    pub public_key: Option<[u8; 64]>,
    /// Items of a protocol request.
    pub count: u16,
    /// Signatures made, in order; at most 256.
    pub items: Vec<SignatureItem>,
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
            public_key: None,
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

    /// The record with this number, as the bytes that are hashed into the leaf. A note is cut after 255 bytes and a list of signatures after 65535.
    #[must_use]
    pub fn encode(&self, seq: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256 + 64 * self.items.len());
        bytes.extend(LABEL);
        bytes.extend(seq.to_be_bytes());
        bytes.extend(self.at_ms.to_be_bytes());
        bytes.push(self.act.byte());
        optional(&mut bytes, self.key_id.as_ref().map(KeyId::as_bytes));
        optional(&mut bytes, self.device.as_ref().map(DeviceId::as_bytes));
        bytes.extend(self.epoch.to_be_bytes());
        optional(&mut bytes, self.sid.as_ref().map(SessionId::as_bytes));
        optional(&mut bytes, self.h_req.as_ref());
        optional(&mut bytes, self.public_key.as_ref());
        bytes.extend(self.count.to_be_bytes());
        bytes.push(self.result);
        let count = u16::try_from(self.items.len()).unwrap_or(u16::MAX);
        bytes.extend(count.to_be_bytes());
        for item in self.items.iter().take(count.into()) {
            bytes.extend(item.digest);
            bytes.extend(item.r);
        }
        let note = self.note.get(..self.note.floor_char_boundary(255)).unwrap_or_default();
        bytes.push(u8::try_from(note.len()).unwrap_or_default());
        bytes.extend(note.as_bytes());
        bytes
    }

    /// `ok`, or the name of the refusal.
    #[must_use]
    pub const fn outcome(&self) -> &'static str {
        match Code::from_status(self.result) {
            Some(code) => code.name(),
            None if self.result == 0 => "ok",
            None => "unknown",
        }
    }
}

/// An event in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1; it is the leaf with index `seq - 1`.
    pub seq: u64,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// The bytes that are hashed into the leaf: [`Event::encode`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.event.encode(self.seq)
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(bytes);
        let record = Self::read(&mut fields).filter(|_| fields.0.is_empty() && bytes.len() <= MAX_RECORD);
        record.ok_or(Malformed("a record"))
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        if fields.take()? != LABEL {
            return None;
        }
        let seq = fields.u64().filter(|&seq| seq > 0)?;
        let at_ms = fields.u64()?;
        let act = Act::from_byte(byte(fields)?);
        let key_id = read_optional(fields)?.map(KeyId::from_bytes);
        let device = read_optional(fields)?.map(DeviceId::from_bytes);
        let epoch = fields.u32()?;
        let sid = read_optional(fields)?.map(SessionId::from_bytes);
        let (h_req, public_key) = (read_optional(fields)?, read_optional(fields)?);
        let (count, result) = (fields.u16()?, byte(fields)?);
        let signatures = fields.u16()?;
        let items: Option<_> = (0..signatures)
            .map(|_| Some(SignatureItem { digest: *fields.take()?, r: *fields.take()? }))
            .collect();
        let length = byte(fields)?;
        let (note, rest) = fields.0.split_at_checked(length.into())?;
        let note = core::str::from_utf8(note).ok()?.into();
        *fields = Fields(rest);
        let (items, event) = (items?, Event::administration(at_ms, act, String::new()));
        let event =
            Event { key_id, device, epoch, sid, h_req, public_key, count, items, result, note, ..event };
        Some(Self { seq, event })
    }

    /// Index of its leaf, from 0.
    #[must_use]
    pub const fn leaf_index(&self) -> u64 {
        self.seq.saturating_sub(1)
    }

    /// Its leaf.
    #[must_use]
    pub fn leaf(&self) -> tree::Hash {
        tree::leaf_hash(&self.encode())
    }
}

fn byte(fields: &mut Fields<'_>) -> Option<u8> {
    fields.take().map(|&[byte]| byte)
}

fn optional<const N: usize>(bytes: &mut Vec<u8>, field: Option<&[u8; N]>) {
    bytes.push(u8::from(field.is_some()));
    if let Some(field) = field {
        bytes.extend(field);
    }
}

/// The inner `None` is a field that is not there; the outer one is not a field.
fn read_optional<const N: usize>(fields: &mut Fields<'_>) -> Option<Option<[u8; N]>> {
    match byte(fields)? {
        0 => Some(None),
        1 => fields.take().map(|field| Some(*field)),
        _ => None,
    }
}
