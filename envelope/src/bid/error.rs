//! Defects of a bid.

use core::fmt;

/// What is wrong with a bid. `FORMAT.md` says when each of them comes.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidBid {
    /// Not a bid.
    Magic,
    /// A format version that this crate does not read.
    Version(u32),
    /// The manifest has no bytes, or more than 64 KiB.
    ManifestLength(u32),
    /// The slots have no bytes, or more than 1 MiB.
    SlotsLength(u32),
    /// The file ends before the first chunk.
    HeaderTruncated,
    /// The manifest is not in DER, or a text or number in it is out of bounds.
    Manifest,
    /// The manifest has another version than the file.
    ManifestVersion,
    /// A chunk size outside 64 KiB to 16 MiB.
    ChunkSize,
    /// Metadata keys that are not sorted or come twice, or too many of them.
    Metadata,
    /// Model, threshold and roles do not go together.
    Policy,
    /// The commitments are not as many points as the threshold says.
    Commitments,
    /// The slots are not in DER.
    Slots,
    /// There is no slot.
    NoSlots,
    /// More than 1,024 slots.
    TooManySlots,
    /// A slot for a share that the policy does not have.
    SlotShare(u64),
    /// What a slot wraps (counted from 0) is not an SM2 ciphertext of 32 bytes.
    SlotCiphertext(u32),
    /// The lock is not an SM2 ciphertext of 72 bytes.
    LockCiphertext,
    /// The manifest has an opening time, but the lock is gone.
    LockMissing,
    /// There is a lock, but the manifest has no opening time.
    LockUnexpected,
    /// Share (from 1) does not fit the commitments.
    ShareMismatch(u8),
    /// What was wrapped to the opening key is not a lock.
    LockLabel,
    /// The lock belongs to another file.
    LockFile,
    /// The lock holds another time than the manifest.
    LockTime,
    /// The secret of the lock is not the one that the manifest committed to.
    LockCommitment,
    /// There is not one chunk.
    NoChunks,
    /// The file ends in this chunk, or before it.
    ChunkTruncated(u64),
    /// At this place is no chunk of this bid.
    ChunkForeign(u64),
    /// At this place is another chunk of this bid: repeated, moved, or one is missing.
    ChunkOrder {
        /// Where.
        place: u64,
        /// Which.
        found: u64,
    },
    /// The chunk has another length than its place demands.
    ChunkLength(u64),
    /// The chunk has flags that nobody knows.
    ChunkFlags(u64),
    /// The chunk was changed.
    ChunkTag(u64),
    /// Another chunk of this bid, under the head of the one that belongs here.
    ChunkMoved {
        /// Where.
        place: u64,
        /// Which.
        belongs: u64,
    },
    /// The chunk was made the last one and was not, or the other way: the bid was cut short, or something was added.
    ChunkEnd(u64),
    /// More chunks, or a longer body, than a bid can have.
    TooManyChunks,
    /// The end of the file is not that of a bid.
    Trailer,
    /// Bytes behind the last chunk that are no trailer.
    TrailingData,
    /// The manifest names a signer, but the signature is gone.
    SignatureMissing,
    /// There is a signature, but the manifest names no signer.
    SignatureUnexpected,
    /// The signature is by another key than the manifest names.
    SignatureSigner,
    /// The index is not in DER, or its length does not fit the body.
    Index,
    /// The index is longer than 16 MiB.
    IndexTooLarge,
    /// More than 100,000 files.
    TooManyFiles,
    /// File (from 0) has a name that none may have.
    IndexName(u32),
    /// The name of file (from 0) stands there before.
    IndexDuplicate(u32),
    /// File (from 0) is the folder of another, or the other way round.
    IndexConflict(u32),
    /// File (from 0) begins before the end of the one before it.
    IndexOverlap(u32),
    /// Bytes before file (from 0), or before the index, belong to no file.
    IndexGap(u32),
    /// File (from 0) ends behind the beginning of the index.
    IndexBeyondBody(u32),
}

impl InvalidBid {
    /// The place of the chunk that is broken, if it is one.
    #[must_use]
    pub const fn chunk(self) -> Option<u64> {
        match self {
            Self::ChunkTruncated(place)
            | Self::ChunkForeign(place)
            | Self::ChunkOrder { place, .. }
            | Self::ChunkLength(place)
            | Self::ChunkFlags(place)
            | Self::ChunkTag(place)
            | Self::ChunkMoved { place, .. }
            | Self::ChunkEnd(place) => Some(place),
            _ => None,
        }
    }
}

impl fmt::Display for InvalidBid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Magic => "not a sealed bid",
            Self::Version(version) => {
                return write!(f, "format version {version} is newer than this program; get a newer one");
            }
            Self::ManifestLength(len) => return write!(f, "the manifest cannot have {len} bytes"),
            Self::SlotsLength(len) => return write!(f, "the slots cannot have {len} bytes"),
            Self::HeaderTruncated => "the bid ends in its header; transfer it again",
            Self::Manifest => "the manifest is broken",
            Self::ManifestVersion => "the manifest has another version than the file",
            Self::ChunkSize => "the chunk size is not between 64 KiB and 16 MiB",
            Self::Metadata => "the metadata are not sorted, come twice or are too many",
            Self::Policy => "the policy contradicts itself",
            Self::Commitments => "the commitments to the shares are broken",
            Self::Slots => "the list of recipients is broken",
            Self::NoSlots => "the bid has no recipient",
            Self::TooManySlots => "the bid has more than 1024 recipients",
            Self::SlotShare(share) => return write!(f, "a recipient has share {share}, which there is not"),
            Self::SlotCiphertext(slot) => return write!(f, "the share of recipient {slot} is broken"),
            Self::LockCiphertext => "the time lock is broken",
            Self::LockMissing => "the time lock was removed; get the bid from its sender again",
            Self::LockUnexpected => "a time lock was added to a bid that has none",
            Self::ShareMismatch(share) => {
                return write!(f, "share {share} is not the one that was made for this bid");
            }
            Self::LockLabel => "what is sealed to the opening key is not a time lock",
            Self::LockFile => "the time lock belongs to another bid",
            Self::LockTime => "the time lock holds another time than the manifest",
            Self::LockCommitment => "the time lock does not hold the secret of this bid",
            Self::NoChunks => "the bid has no content",
            Self::ChunkTruncated(place) => return write!(f, "the bid is cut short at chunk {place}"),
            Self::ChunkForeign(place) => return write!(f, "chunk {place} is not a chunk of this bid"),
            Self::ChunkOrder { place, found } if found < place => {
                return write!(f, "chunk {found} stands again at the place of chunk {place}");
            }
            Self::ChunkOrder { place, found } => {
                return write!(f, "chunk {place} is missing: chunk {found} stands at its place");
            }
            Self::ChunkLength(place) => return write!(f, "chunk {place} has a wrong length"),
            Self::ChunkFlags(place) => return write!(f, "chunk {place} has unknown flags"),
            Self::ChunkTag(place) => return write!(f, "chunk {place} was changed"),
            Self::ChunkMoved { place, belongs } => {
                return write!(f, "what stands as chunk {place} belongs at place {belongs}");
            }
            Self::ChunkEnd(place) => {
                return write!(
                    f,
                    "the end of the bid was moved: chunk {place} was sealed as the last one or not"
                );
            }
            Self::TooManyChunks => "the content is longer than 2^48 bytes",
            Self::Trailer => "the end of the bid is broken or missing",
            Self::TrailingData => "there are bytes after the end of the bid",
            Self::SignatureMissing => "the signature was removed",
            Self::SignatureUnexpected => "a signature was added to a bid that names no signer",
            Self::SignatureSigner => "the signature is by another key than the manifest names",
            Self::Index => "the list of files is broken",
            Self::IndexTooLarge => "the list of files exceeds 16 MiB",
            Self::TooManyFiles => "the bid has more than 100000 files",
            Self::IndexName(file) => {
                return write!(f, "the name of file {file} is not a plain relative path");
            }
            Self::IndexDuplicate(file) => return write!(f, "the name of file {file} comes twice"),
            Self::IndexConflict(file) => return write!(f, "file {file} is also a folder"),
            Self::IndexOverlap(file) => return write!(f, "file {file} overlaps the one before it"),
            Self::IndexGap(file) => {
                return write!(f, "there are bytes before file {file} that belong to none");
            }
            Self::IndexBeyondBody(file) => return write!(f, "file {file} is longer than the content"),
        };
        f.write_str(text)
    }
}
