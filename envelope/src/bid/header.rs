//! What stands before the chunks.

use alloc::vec::Vec;

use super::{
    InvalidBid, MAX_MANIFEST_LEN, MAX_SLOTS_LEN,
    manifest::{Manifest, VERSION},
    slots::Slots,
};
use crate::error::Error;

/// First bytes of every bid.
pub const MAGIC: [u8; 8] = *b"\x89BID\r\n\x1a\n";

/// Magic, version, lengths of manifest and slots: 20 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preamble {
    manifest_len: u32,
    slots_len: u32,
}

impl Preamble {
    pub(super) const LEN: usize = 20;

    /// Reads the preamble as far as it is there; `None` if it is right so far and not complete.
    fn read(bytes: &[u8]) -> Result<Option<Self>, InvalidBid> {
        if !bytes.iter().zip(&MAGIC).all(|(byte, magic)| byte == magic) {
            return Err(InvalidBid::Magic);
        }
        let word = |at: usize| bytes.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word));
        let Some(version) = word(8) else { return Ok(None) };
        if version != VERSION {
            return Err(InvalidBid::Version(version));
        }
        let (Some(manifest_len), Some(slots_len)) = (word(12), word(16)) else { return Ok(None) };
        if manifest_len == 0 || manifest_len as usize > MAX_MANIFEST_LEN {
            return Err(InvalidBid::ManifestLength(manifest_len));
        }
        if slots_len == 0 || slots_len as usize > MAX_SLOTS_LEN {
            return Err(InvalidBid::SlotsLength(slots_len));
        }
        Ok(Some(Self { manifest_len, slots_len }))
    }

    /// Length of the header.
    const fn total(self) -> usize {
        Self::LEN + self.manifest_len as usize + self.slots_len as usize
    }
}

/// Manifest and slots, and their length in the file.
#[derive(Clone, Debug)]
pub struct Header {
    manifest: Manifest,
    slots: Slots,
    len: u64,
}

impl Header {
    pub(super) fn new(manifest: Manifest, slots: Slots) -> Result<(Self, Vec<u8>), Error> {
        let slot_bytes = slots.to_bytes()?;
        let len32 = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
        let bytes = [
            &MAGIC[..],
            &VERSION.to_be_bytes(),
            &len32(manifest.as_bytes().len()),
            &len32(slot_bytes.len()),
            manifest.as_bytes(),
            &slot_bytes,
        ]
        .concat();
        Ok((Self { manifest, slots, len: bytes.len() as u64 }, bytes))
    }

    /// Reads the header at the start of `bytes`, and what follows it.
    ///
    /// # Errors
    /// The [`InvalidBid`] that names what is wrong; [`InvalidBid::HeaderTruncated`] if there is less than a header.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, &[u8]), InvalidBid> {
        let mut decoder = HeaderDecoder::default();
        let mut rest = bytes;
        match decoder.push(&mut rest)? {
            Some(header) => Ok((header, rest)),
            None => Err(InvalidBid::HeaderTruncated),
        }
    }

    /// The same bid with other slots, and the bytes of its new header. Everything behind the header stays as it is.
    ///
    /// # Errors
    /// As [`Slots::new`].
    pub fn rewrap(&self, slots: Vec<super::Slot>) -> Result<(Self, Vec<u8>), Error> {
        let slots = Slots::new(&self.manifest, slots, self.slots.lock().cloned())?;
        Self::new(self.manifest.clone(), slots)
    }

    /// The immutable part.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The part that may change.
    #[must_use]
    pub const fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Length of the header in bytes: the place of the first chunk.
    #[expect(clippy::len_without_is_empty, reason = "a header is never empty")]
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }
}

/// Reads a header from pieces of any length. Holds at most the bytes of the header.
#[derive(Debug, Default)]
pub struct HeaderDecoder {
    held: Vec<u8>,
    preamble: Option<Preamble>,
}

impl HeaderDecoder {
    /// Bytes of the header that are surely still to come, at least 1 before the header is complete.
    #[must_use]
    pub fn wants(&self) -> usize {
        let total = self.preamble.map_or(Preamble::LEN, Preamble::total);
        total.saturating_sub(self.held.len())
    }

    /// Takes from the front of `bytes` what belongs to the header, and gives the header once it is complete.
    ///
    /// # Errors
    /// The [`InvalidBid`] that names what is wrong, as early as it shows.
    pub fn push(&mut self, bytes: &mut &[u8]) -> Result<Option<Header>, InvalidBid> {
        loop {
            let take = self.wants().min(bytes.len());
            let (now, later) = bytes.split_at_checked(take).unwrap_or((bytes, &[]));
            self.held.extend_from_slice(now);
            *bytes = later;
            match self.preamble {
                None => {
                    self.preamble = Preamble::read(&self.held)?;
                    if self.preamble.is_none() {
                        return Ok(None);
                    }
                }
                Some(preamble) if self.held.len() == preamble.total() => return self.complete(preamble),
                Some(_) => return Ok(None),
            }
        }
    }

    fn complete(&self, preamble: Preamble) -> Result<Option<Header>, InvalidBid> {
        let rest = self.held.get(Preamble::LEN..).unwrap_or_default();
        let parts = rest.split_at_checked(preamble.manifest_len as usize);
        let (manifest, slots) = parts.ok_or(InvalidBid::HeaderTruncated)?;
        let manifest = Manifest::from_bytes(manifest)?;
        let slots = Slots::from_bytes(slots, &manifest)?;
        Ok(Some(Header { manifest, slots, len: self.held.len() as u64 }))
    }
}
