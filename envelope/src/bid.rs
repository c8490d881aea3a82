//! Sealed bids: files for several holders of shares, who open them together, not before a time if so wanted.
//!
//! `FORMAT.md` of this crate specifies the container byte by byte and says what it protects from whom. This module needs
//! no operating system; [`io::bid`](crate::io) reads and writes files and pipes with it.
//!
//! A new bid begins with a [`Draft`]. To open one, unwrap as many shares as its [`Policy`] asks for ([`Slot::unwrap`], or
//! two-party decryption of [`Slot::ciphertext`] and [`Manifest::share`]), have the lock released if there is one, and
//! derive the [`BodyKey`]. A server that keeps locks needs [`Lock::open`] only. [`Structure`] checks an upload without any
//! key.
//!
//! **Invariant:** a share or a lock's secret is used only after the manifest's commitments have confirmed it.
//! **Invariant:** no length from a file makes this module allocate before its limit was checked.

mod chunk;
mod draft;
mod error;
mod fields;
mod header;
mod index;
mod lock;
mod manifest;
#[cfg(feature = "std")]
mod misplaced;
mod policy;
mod sharing;
mod signature;
mod slots;
mod structure;
mod trailer;

/// For [`io::bid`](crate::io).
#[cfg(feature = "std")]
pub(crate) mod internal {
    pub(crate) use super::{
        chunk::ChunkHead,
        index::IndexWriter,
        misplaced::{Search, defect},
        trailer::{ChunkTree, TRAILER_LEN, check_presence, chunk_digest, signature_len, trailer},
    };
}

pub use chunk::{BodyKey, HEAD_LEN, MAX_BODY_LEN, MAX_CHUNKS, OVERHEAD, TAG_LEN};
pub use draft::Draft;
pub use error::InvalidBid;
pub use header::{Header, HeaderDecoder, MAGIC};
pub use index::{Entry, Index, MAX_FILE_NAME_LEN, MAX_FILES, MAX_INDEX_LEN, is_file_name};
pub use lock::{Lock, LockCommitment, LockSecret, Opening};
pub use manifest::{
    ChunkSize, FileId, MAX_KEY_LEN, MAX_METADATA, MAX_NAME_LEN, MAX_VALUE_LEN, Manifest, Terms, VERSION,
};
pub use policy::{BIDDER, MAX_ROLE_LEN, MAX_SHARES, Model, PLATFORM, Policy};
pub use sharing::Share;
pub use signature::Signatory;
pub use slots::{MAX_SLOTS, Slot, Slots};
pub use structure::{Structure, Whole};
pub use trailer::{END_MAGIC, MAX_SIGNATURE_LEN, Statement};

/// Longest manifest in bytes: 64 KiB.
pub const MAX_MANIFEST_LEN: usize = 64 * 1024;
/// Longest slots in bytes: 1 MiB.
pub const MAX_SLOTS_LEN: usize = 1 << 20;
