//! The file that a witness or the owner of a key gets.
//!
//! ```text
//! file = "cosign-audit-export-v1\n" | item*           item = kind 1 | length 4 | body
//! kind 1  the log's public key, SubjectPublicKeyInfo DER
//! kind 2  where a run of records starts: size 8 | hashes of the complete subtrees of that size, left to right
//! kind 3  a record
//! kind 4  a signed tree head: log id 32 | size 8 | time 8 | root 32 | signature 64
//! kind 5  inclusion proof of the record before it: index 8 | size 8 | hashes from the leaf to the root
//! ```
//! A run of records is `1 2 (3 | 4)* 4`: all records after `size`, each head right after the record that it covers last.
//! The records of one key are `1 4 (3 5)*`, every proof under that head. Integers are big-endian.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::sm2::PublicKey;

use super::{
    head::SignedTreeHead,
    proof::InclusionProof,
    record::{MAX_RECORD, Record},
    tree::{Frontier, Hash},
};
use crate::wire::Fields;

/// The first bytes of an export.
pub const EXPORT_MAGIC: &[u8; 23] = b"cosign-audit-export-v1\n";

/// Bytes that are not what they should be; holds what they should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bytes are not {}", self.0)
    }
}

impl core::error::Error for Malformed {}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// The log's public key.
    LogKey = 1,
    /// Where a run of records starts.
    Start = 2,
    /// A record.
    Record = 3,
    /// A signed tree head.
    Head = 4,
    /// Inclusion proof of the record before it.
    Inclusion = 5,
}

/// Kind and length: what comes before the body of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemHeader {
    /// What follows.
    pub kind: ItemKind,
    /// Bytes of the body, at most [`MAX_RECORD`].
    pub length: usize,
}

impl ItemHeader {
    /// Bytes of the header.
    pub const LEN: usize = 5;

    /// Reads a header.
    ///
    /// # Errors
    /// [`Malformed`] for an unknown kind and for a length that no item has.
    pub fn decode(bytes: &[u8; Self::LEN]) -> Result<Self, Malformed> {
        let [kind, length @ ..] = *bytes;
        let kind = match kind {
            1 => ItemKind::LogKey,
            2 => ItemKind::Start,
            3 => ItemKind::Record,
            4 => ItemKind::Head,
            5 => ItemKind::Inclusion,
            _ => return Err(Malformed("an item of an export")),
        };
        match usize::try_from(u32::from_be_bytes(length)) {
            Ok(length) if length <= MAX_RECORD => Ok(Self { kind, length }),
            _ => Err(Malformed("an item of an export")),
        }
    }
}

/// One item of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The log's public key.
    LogKey(PublicKey),
    /// Where a run of records starts.
    Start(Frontier),
    /// A record.
    Record(Record),
    /// A signed tree head.
    Head(SignedTreeHead),
    /// Inclusion proof of the record before it.
    Inclusion(InclusionProof),
}

impl Item {
    /// The item with its header.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::LogKey(key) => (ItemKind::LogKey, key.to_spki_der()),
            Self::Start(tree) => {
                (ItemKind::Start, [&tree.size().to_be_bytes(), tree.peaks().as_flattened()].concat())
            }
            Self::Record(record) => (ItemKind::Record, record.encode()),
            Self::Head(head) => (ItemKind::Head, head.encode()),
            Self::Inclusion(proof) => {
                let (index, size) = (proof.index().to_be_bytes(), proof.size().to_be_bytes());
                (ItemKind::Inclusion, [&index, &size, proof.path().as_flattened()].concat())
            }
        };
        let mut bytes = Vec::with_capacity(ItemHeader::LEN + body.len());
        bytes.push(kind as u8);
        bytes.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend(body);
        bytes
    }

    /// Reads the body of an item. Signatures and proofs are not verified.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(kind: ItemKind, body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(body);
        match kind {
            ItemKind::LogKey => {
                let key = PublicKey::from_spki_der(body).ok().filter(|key| key.to_spki_der() == body);
                key.map(Self::LogKey).ok_or(Malformed("the public key of a log"))
            }
            ItemKind::Start => {
                let tree = fields.u64().and_then(|size| Frontier::from_peaks(size, hashes(fields.0)?));
                tree.map(Self::Start).ok_or(Malformed("the start of a run of records"))
            }
            ItemKind::Record => Record::decode(body).map(Self::Record),
            ItemKind::Head => SignedTreeHead::decode(body).map(Self::Head),
            ItemKind::Inclusion => {
                let (index, size) = (fields.u64(), fields.u64());
                let proof = index
                    .zip(size)
                    .and_then(|(index, size)| InclusionProof::new(index, size, hashes(fields.0)?));
                proof.map(Self::Inclusion).ok_or(Malformed("an inclusion proof"))
            }
        }
    }
}

fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks();
    rest.is_empty().then(|| hashes.to_vec())
}
