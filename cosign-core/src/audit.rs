//! The audit log: a Merkle tree of records whose head is signed, and what that proves to somebody without the server.
//!
//! The layout is that of RFC 6962 and RFC 9162 with SM3: `leaf = SM3(00 || record)`, `node = SM3(01 || left || right)`,
//! the root of the empty tree is SM3 of nothing. Record number `seq` (from 1) is the leaf with index `seq - 1`.
//!
//! | module | what |
//! |---|---|
//! | `record` | what a leaf says, as bytes that have one form only |
//! | `lock` | time locks that a record says were released or refused |
//! | `tree` | leaf and node hashes, complete subtrees, the frontier that a log appends to |
//! | `proof` | inclusion and consistency proofs: making them from stored nodes, checking them |
//! | `head` | tree heads signed with SM2 |
//! | `export` | the file that a witness gets |
//! | `verify` | checks such a file |
//!
//! A record names keys, sessions, digests and first halves of signatures. It never holds a tag, a share, `s2` or `T2`,
//! which would let a thief of the phone test PINs.

mod export;
mod head;
mod lock;
mod proof;
mod record;
#[cfg(test)]
mod tests;
mod tree;
mod verify;

pub use export::{EXPORT_MAGIC, Item, ItemHeader, ItemKind, Malformed};
pub use head::{HEAD_LEN, HeadError, SignedTreeHead, TreeHead};
pub use lock::LockItem;
pub use proof::{ConsistencyProof, InclusionProof, ProofError};
pub use record::{Act, Event, MAX_RECORD, Record, SignatureItem};
pub use tree::{EMPTY_ROOT, Frontier, Hash, Node, leaf_hash, node_hash};
pub use verify::{Coverage, Invalid, Verified, Verifier};
