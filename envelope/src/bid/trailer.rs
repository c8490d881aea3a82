//! What a signature over a bid says, and where it stands.

use alloc::vec::Vec;

use sm_primitives::sm3::{self, Sm3};

use super::{
    InvalidBid,
    fields::{number, sequence, text},
    manifest::Manifest,
};
use crate::{
    der::{OCTET_STRING, element},
    error::{ApiMisuse, Error},
};

/// Last bytes of every bid.
pub const END_MAGIC: [u8; 8] = *b"\x89END\r\n\x1a\n";
/// Longest signature in bytes.
pub const MAX_SIGNATURE_LEN: usize = 64 * 1024;
/// Length of a trailer without signature.
pub(crate) const TRAILER_LEN: usize = 12;

const LABEL: &str = "COSIGN-BID-SIGN1";
/// Bytes of a chunk that are hashed on their own.
const PIECE_LEN: usize = 16 * 1024;

/// What is signed of a bid: everything but the slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    manifest: [u8; 32],
    chunks: u64,
    root: [u8; 32],
}

impl Statement {
    /// The statement in DER: the content of the SignedData.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        sequence(&[
            text(LABEL),
            element(OCTET_STRING, &[&self.manifest]),
            number(self.chunks),
            element(OCTET_STRING, &[&self.root]),
        ])
    }
}

/// The digest of a whole chunk: SM3(01 || the digests SM3(00 || piece) of its pieces of 16 KiB).
#[must_use]
pub(crate) fn chunk_digest(chunk: &[u8]) -> [u8; 32] {
    let pieces: Vec<&[u8]> = chunk.chunks(PIECE_LEN).collect();
    let digests = Sm3::new().chain(&[0]).finalize_all(&pieces);
    Sm3::new().chain(&[1]).chain(digests.as_flattened()).finalize()
}

/// The tree over the digests of chunks, as they come: it keeps the roots of the complete subtrees, at most 64.
///
/// Source: RFC 9162, 2.1.1, with other prefixes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkTree {
    chunks: u64,
    /// Of falling sizes, the powers of two that make up `chunks`.
    roots: Vec<[u8; 32]>,
}

impl ChunkTree {
    pub(crate) fn push(&mut self, digest: [u8; 32]) {
        let mut root = digest;
        for _ in 0..self.chunks.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                root = node(&left, &root);
            }
        }
        self.roots.push(root);
        self.chunks += 1;
    }

    /// The statement about these chunks.
    pub(crate) fn statement(&self, manifest: &Manifest) -> Statement {
        let root = self.roots.iter().rev().copied().reduce(|right, left| node(&left, &right));
        // There is no bid without chunks.
        Statement {
            manifest: *manifest.digest(),
            chunks: self.chunks,
            root: root.unwrap_or_else(|| sm3::digest(&[])),
        }
    }
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sm3::new().chain(&[2]).chain(left).chain(right).finalize()
}

/// The end of a bid with this signature, which is empty if there is none.
pub(crate) fn trailer(manifest: &Manifest, signature: &[u8]) -> Result<Vec<u8>, Error> {
    if signature.is_empty() == manifest.signer().is_some() || signature.len() > MAX_SIGNATURE_LEN {
        return Err(ApiMisuse::BidSignature.into());
    }
    let len = u32::try_from(signature.len()).map_err(|_| ApiMisuse::BidSignature)?;
    Ok([signature, &len.to_be_bytes(), &END_MAGIC].concat())
}

/// The length of the signature, from the last 12 bytes of a bid.
pub(crate) fn signature_len(end: &[u8; TRAILER_LEN]) -> Result<usize, InvalidBid> {
    let (len, magic) = end.split_first_chunk::<4>().ok_or(InvalidBid::Trailer)?;
    let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| InvalidBid::Trailer)?;
    if magic == END_MAGIC && len <= MAX_SIGNATURE_LEN { Ok(len) } else { Err(InvalidBid::Trailer) }
}

/// Whether there may be a signature of this length.
pub(crate) fn check_presence(manifest: &Manifest, signature_len: usize) -> Result<(), InvalidBid> {
    match (manifest.signer(), signature_len) {
        (Some(_), 0) => Err(InvalidBid::SignatureMissing),
        (None, 1..) => Err(InvalidBid::SignatureUnexpected),
        _ => Ok(()),
    }
}

/// The signature in everything that follows the last chunk.
pub(crate) fn parse<'a>(manifest: &Manifest, bytes: &'a [u8]) -> Result<&'a [u8], InvalidBid> {
    let (signature, end) = bytes.split_last_chunk::<TRAILER_LEN>().ok_or(InvalidBid::Trailer)?;
    let len = signature_len(end)?;
    if signature.len() > len {
        return Err(InvalidBid::TrailingData);
    }
    if signature.len() < len {
        return Err(InvalidBid::Trailer);
    }
    check_presence(manifest, len)?;
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9162, 2.1.1, as it stands there.
    fn root(digests: &[[u8; 32]]) -> [u8; 32] {
        match digests {
            [only] => *only,
            _ => {
                let k = digests.len().next_power_of_two() / 2;
                node(&root(&digests[..k]), &root(&digests[k..]))
            }
        }
    }

    #[test]
    fn the_tree_is_that_of_the_standard() {
        let digests: Vec<_> = (0..40u8).map(|i| [i; 32]).collect();
        let mut tree = ChunkTree::default();
        for count in 1..=40 {
            tree.push(digests[count - 1]);
            let ours = tree.roots.iter().rev().copied().reduce(|right, left| node(&left, &right));
            assert_eq!(ours, Some(root(&digests[..count])), "{count}");
        }
    }

    #[test]
    fn the_digest_of_a_chunk_is_as_written() {
        let chunk: Vec<u8> = (0..40_000u32).map(|i| i.to_le_bytes()[0]).collect();
        let pieces = [&chunk[..16384], &chunk[16384..32768], &chunk[32768..]];
        let digests = pieces.map(|piece| sm3::digest(&[&[0], piece].concat()));
        assert_eq!(chunk_digest(&chunk), sm3::digest(&[&[1][..], digests.as_flattened()].concat()));
    }
}
