//! The pieces that the body is sealed in, and their key.

use alloc::vec::Vec;
use core::fmt;

use sm_primitives::{Zeroizing, sm3, sm4::gcm};

use super::{
    InvalidBid, LockSecret,
    manifest::Manifest,
    sharing::{Share, combine},
};
use crate::error::{ApiMisuse, Error};

/// Length of a chunk's head in bytes.
pub const HEAD_LEN: usize = 24;
/// Length of a chunk's tag in bytes.
pub const TAG_LEN: usize = gcm::TAG_LEN;
/// What a chunk has more than its plaintext.
pub const OVERHEAD: usize = HEAD_LEN + TAG_LEN;
/// Most chunks of a bid.
pub const MAX_CHUNKS: u64 = 1 << 32;
/// Longest body in bytes.
pub const MAX_BODY_LEN: u64 = 1 << 48;

const LAST: u32 = 1;
const KEY_LABEL: &[u8; 16] = b"COSIGN-BID-BODY1";

/// What stands before the ciphertext of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkHead {
    pub(crate) id: [u8; 8],
    pub(crate) index: u64,
    pub(crate) len: u32,
    pub(crate) flags: u32,
}

impl ChunkHead {
    pub(crate) fn new(manifest: &Manifest, index: u64, len: u32, last: bool) -> Self {
        Self { id: manifest.chunk_id(), index, len, flags: if last { LAST } else { 0 } }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEAD_LEN] {
        let mut bytes = [0; HEAD_LEN];
        let parts =
            [&self.id[..], &self.index.to_be_bytes(), &self.len.to_be_bytes(), &self.flags.to_be_bytes()];
        for (byte, value) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *byte = *value;
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; HEAD_LEN]) -> Self {
        let (id, rest) = bytes.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let (index, rest) = rest.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let (len, flags) = rest.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
        let flags = flags.first_chunk().copied().unwrap_or_default();
        Self {
            id: *id,
            index: u64::from_be_bytes(*index),
            len: u32::from_be_bytes(*len),
            flags: u32::from_be_bytes(flags),
        }
    }

    pub(crate) const fn is_last(&self) -> bool {
        self.flags & LAST != 0
    }

    /// Checks what can be seen without a key: that this is the head of the chunk at `place`.
    pub(crate) fn check(&self, manifest: &Manifest, place: u64) -> Result<(), InvalidBid> {
        let full = manifest.terms().chunk_size.bytes();
        if self.id != manifest.chunk_id() {
            return Err(InvalidBid::ChunkForeign(place));
        }
        if self.index != place {
            return Err(InvalidBid::ChunkOrder { place, found: self.index });
        }
        if self.flags & !LAST != 0 {
            return Err(InvalidBid::ChunkFlags(place));
        }
        if self.len > full || self.len == 0 || (self.len < full && !self.is_last()) {
            return Err(InvalidBid::ChunkLength(place));
        }
        if place >= MAX_CHUNKS || place.saturating_mul(u64::from(full)) >= MAX_BODY_LEN {
            return Err(InvalidBid::TooManyChunks);
        }
        Ok(())
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        let parts = self.flags.to_be_bytes().into_iter().chain(self.index.to_be_bytes());
        nonce.iter_mut().zip(parts).for_each(|(byte, value)| *byte = value);
        nonce
    }
}

/// The key of one bid's body. Wiped on drop; never copied or printed. Can be used by many threads.
pub struct BodyKey {
    gcm: gcm::Gcm,
    manifest: Manifest,
}

impl BodyKey {
    /// The key of the bid, from as many of its shares as the policy asks for (more do no harm), and the secret of its
    /// lock if it has one. Timing: independent of the secrets.
    ///
    /// # Errors
    /// [`Error::MoreShares`]; [`ApiMisuse::BidLock`] if the lock's secret is missing, or there is no lock;
    /// [`InvalidBid::LockCommitment`]; [`InvalidBid::ShareMismatch`] if the shares are those of another bid.
    pub fn derive(manifest: &Manifest, shares: &[Share], lock: Option<&LockSecret>) -> Result<Self, Error> {
        let mut chosen: Vec<&Share> = Vec::new();
        let threshold = usize::from(manifest.policy().threshold());
        for share in shares {
            if chosen.len() < threshold && chosen.iter().all(|other| other.number() != share.number()) {
                chosen.push(share);
            }
        }
        let missing = u8::try_from(threshold - chosen.len()).unwrap_or(u8::MAX);
        if missing > 0 {
            return Err(Error::MoreShares(missing));
        }
        let secret = combine(&chosen).filter(|secret| manifest.fits_secret(secret));
        let secret =
            secret.ok_or(InvalidBid::ShareMismatch(chosen.first().map_or(0, |share| share.number())))?;
        match (manifest.opening(), lock) {
            (Some(_), Some(lock)) => manifest.check_lock_secret(lock)?,
            (None, None) => {}
            _ => return Err(ApiMisuse::BidLock.into()),
        }
        Ok(Self::from_secrets(manifest, &secret.expose_bytes(), lock))
    }

    pub(super) fn from_secrets(manifest: &Manifest, secret: &[u8; 32], lock: Option<&LockSecret>) -> Self {
        let mut ikm = Zeroizing::new(Vec::with_capacity(64));
        ikm.extend_from_slice(secret);
        ikm.extend_from_slice(lock.map_or(&[][..], |lock| lock.expose_bytes()));
        let mut key = Zeroizing::new([0; 16]);
        // Cannot fail: 16 bytes are less than HKDF can give.
        let derived = sm3::hkdf(&ikm, manifest.digest(), KEY_LABEL, key.as_mut_slice());
        debug_assert!(derived.is_ok());
        Self { gcm: gcm::Gcm::new(&key), manifest: manifest.clone() }
    }

    /// The manifest that the key belongs to.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Seals chunk `index` in place: `chunk` is room for the head, the plaintext, room for the tag.
    ///
    /// A chunk is sealed once: the nonce is its index.
    ///
    /// # Errors
    /// [`ApiMisuse::BidTooLarge`] if the plaintext has no length that a chunk at this place can have.
    pub(crate) fn seal_chunk(&self, index: u64, last: bool, chunk: &mut [u8]) -> Result<(), Error> {
        let too_large = || Error::from(ApiMisuse::BidTooLarge);
        let (head, rest) = chunk.split_first_chunk_mut::<HEAD_LEN>().ok_or_else(too_large)?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or_else(too_large)?;
        let len = u32::try_from(text.len()).map_err(|_| too_large())?;
        let parsed = ChunkHead::new(&self.manifest, index, len, last);
        parsed.check(&self.manifest, index).map_err(|_| too_large())?;
        *head = parsed.to_bytes();
        *tag = self.gcm.seal_in_place(&parsed.nonce(), head, text).map_err(|_| too_large())?;
        Ok(())
    }

    /// Opens in place the chunk that is to stand at `place`: head, ciphertext, tag. The plaintext is all but the first
    /// [`HEAD_LEN`] and the last [`TAG_LEN`] bytes.
    ///
    /// Timing: depends on lengths and success.
    ///
    /// # Errors
    /// What the head shows, or [`InvalidBid::ChunkTag`].
    pub(crate) fn open_chunk(&self, place: u64, last: bool, chunk: &mut [u8]) -> Result<(), InvalidBid> {
        let short = InvalidBid::ChunkTruncated(place);
        let (head, rest) = chunk.split_first_chunk_mut::<HEAD_LEN>().ok_or(short)?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(short)?;
        let parsed = ChunkHead::from_bytes(head);
        parsed.check(&self.manifest, place)?;
        if parsed.len as usize != text.len() || parsed.is_last() != last {
            return Err(InvalidBid::ChunkLength(place));
        }
        self.gcm.open_in_place(&parsed.nonce(), head, text, tag).map_err(|_| InvalidBid::ChunkTag(place))
    }

    /// Opens in place a chunk as if its head were this one, which is written into it: whether that is so. Otherwise the
    /// text is gone.
    #[cfg(feature = "std")]
    pub(crate) fn open_as(&self, head: &ChunkHead, chunk: &mut [u8]) -> bool {
        let parts = chunk.split_first_chunk_mut::<HEAD_LEN>();
        let parts = parts.and_then(|(first, rest)| Some((first, rest.split_last_chunk_mut::<TAG_LEN>()?)));
        let Some((first, (text, tag))) = parts else { return false };
        *first = head.to_bytes();
        self.gcm.open_in_place(&head.nonce(), first, text, tag).is_ok()
    }
}

impl fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyKey(..)")
    }
}
