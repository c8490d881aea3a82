//! Tree heads: how long the log is and what is in it, signed by the log's key.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::{
    rand_core::TryCryptoRng,
    sm2::{DistId, PrivateKey, PublicKey, Signature, dsa},
};

use super::{
    export::Malformed,
    tree::{Frontier, Hash},
};
use crate::{error::Error, ids::LogId, wire::Fields};

const LABEL: &[u8] = b"cosign-tree-head-v1";
/// Bytes of a signed tree head: log id 32, size 8, time 8, root 32, signature 64.
pub const HEAD_LEN: usize = 144;

/// A tree head whose signature is not that of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// It is of another log.
    OtherLog,
    /// The signature does not verify.
    Signature,
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherLog => "the tree head is of another log",
            Self::Signature => "the signature of the tree head does not verify",
        })
    }
}

impl core::error::Error for HeadError {}

/// The state of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// Which log.
    pub log_id: LogId,
    /// Number of records.
    pub size: u64,
    /// When it had this size, unix milliseconds.
    pub at_ms: u64,
    /// Root of the tree of its records.
    pub root: Hash,
}

impl TreeHead {
    /// That of a tree.
    #[must_use]
    pub fn of(log_id: LogId, tree: &Frontier, at_ms: u64) -> Self {
        Self { log_id, size: tree.size(), at_ms, root: tree.root() }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LABEL.len() + HEAD_LEN);
        bytes.extend(self.log_id.as_bytes());
        bytes.extend(self.size.to_be_bytes());
        bytes.extend(self.at_ms.to_be_bytes());
        bytes.extend(self.root);
        bytes
    }

    fn message(&self) -> Vec<u8> {
        [LABEL, &self.encode()].concat()
    }

    /// Signs it: SM2 with the default id over `"cosign-tree-head-v1" | log id | size | time | root`. Timing: independent
    /// of the key.
    ///
    /// # Errors
    /// [`Error::RandomFailed`].
    pub fn sign(
        self,
        key: &PrivateKey,
        rng: &mut (impl TryCryptoRng + ?Sized),
    ) -> Result<SignedTreeHead, Error> {
        let signature = dsa::sign(key, &DistId::default(), &self.message(), rng);
        Ok(SignedTreeHead { head: self, signature: signature.map_err(|_| Error::RandomFailed)? })
    }
}

/// A tree head with a signature, verified or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedTreeHead {
    head: TreeHead,
    signature: Signature,
}

impl SignedTreeHead {
    /// A head and its signature as they were received.
    #[must_use]
    pub const fn new(head: TreeHead, signature: Signature) -> Self {
        Self { head, signature }
    }

    /// What is signed.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        &self.head
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Checks that the log with this key signed it.
    ///
    /// # Errors
    /// [`HeadError`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), HeadError> {
        if self.head.log_id != LogId::of(key) {
            return Err(HeadError::OtherLog);
        }
        dsa::verify(key, &DistId::default(), &self.head.message(), &self.signature)
            .map_err(|_| HeadError::Signature)
    }

    /// [`HEAD_LEN`] bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.head.encode();
        bytes.extend(self.signature.to_bytes());
        bytes
    }

    /// Reads what [`Self::encode`] wrote; its signature is not verified.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::read(bytes).ok_or(Malformed("a tree head"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let log_id = LogId::from_bytes(*fields.take()?);
        let (size, at_ms) = (fields.u64()?, fields.u64()?);
        let root = *fields.take()?;
        let signature = Signature::from_bytes(fields.take()?).ok()?;
        let head = TreeHead { log_id, size, at_ms, root };
        fields.0.is_empty().then_some(Self { head, signature })
    }
}
