//! Where a chunk belongs that does not open at its place.
//!
//! Whoever can write the file can move chunks and repair their heads, which says nothing but that a tag is wrong. The tag of
//! the right head still fits, so the right place is found by trying. It costs the hash of the chunk for each place, and
//! nobody does it for a chunk that opens.

use alloc::vec;

use zeroize::Zeroizing;

use super::{
    InvalidBid, OVERHEAD,
    chunk::{BodyKey, ChunkHead, MAX_CHUNKS},
};

/// Bytes that are hashed for one chunk at most: the nearest 256 places at the usual size.
const MOST: u64 = 256 << 20;

/// The head that a chunk was sealed with, found by trying the places around.
pub(crate) struct Search {
    /// Bytes that may still be hashed.
    left: u64,
}

impl Search {
    /// For so many chunks that are found nowhere.
    pub(crate) const fn new(chunks: u64) -> Self {
        Self { left: MOST.saturating_mul(chunks) }
    }

    /// The head under which this chunk, which does not open as the one at `place`, opens: that of the same place with the
    /// other flag first, then those of the nearest places. Only the last chunk is shorter than `full` bytes of text.
    ///
    /// Timing: depends on the place that is found.
    pub(crate) fn head_of(
        &mut self,
        key: &BodyKey,
        place: u64,
        last: bool,
        chunk: &[u8],
    ) -> Option<ChunkHead> {
        let full = u64::from(key.manifest().terms().chunk_size.bytes());
        let len = chunk.len().checked_sub(OVERHEAD)?;
        let is_short = (len as u64) < full;
        let len = u32::try_from(len).ok()?;
        let other_end = (!is_short).then_some((place, !last));
        let around = (1..MAX_CHUNKS).flat_map(|distance| {
            let places = [place.checked_sub(distance), place.checked_add(distance)];
            places.into_iter().flatten().map(|place| (place, is_short))
        });
        let mut tried = Zeroizing::new(vec![0; chunk.len()]);
        // A short one costs what a small one does, so that there is an end to the tries as well.
        let cost = (chunk.len() as u64).max(1 << 16);
        let mut most = MOST;
        for (index, last) in other_end.into_iter().chain(around) {
            most = most.checked_sub(cost)?;
            self.left = self.left.checked_sub(cost)?;
            let head = ChunkHead::new(key.manifest(), index, len, last);
            tried.copy_from_slice(chunk);
            if key.open_as(&head, &mut tried) {
                return Some(head);
            }
        }
        None
    }
}

/// What is wrong with a chunk that stands at `place` and was sealed with this head.
pub(crate) const fn defect(place: u64, head: &ChunkHead) -> InvalidBid {
    if head.index == place {
        InvalidBid::ChunkEnd(place)
    } else {
        InvalidBid::ChunkMoved { place, belongs: head.index }
    }
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use sm_primitives::sm2::PrivateKey;

    use super::*;
    use crate::{
        bid::{ChunkSize, Draft, Policy, Terms},
        sm2::Sm2Recipient,
    };

    /// A chunk of this place.
    fn sealed(index: u64) -> (BodyKey, Vec<u8>) {
        let holder = PrivateKey::generate(&mut SysRng).expect("random");
        let chunk_size = ChunkSize::from_exponent(16).expect("a size");
        let draft = Draft {
            terms: Terms { chunk_size, ..Terms::default() },
            policy: Policy::platform(),
            holders: vec![(1, Sm2Recipient::from_public_key(holder.public_key()))],
            opening: None,
            signer: None,
        };
        let (_, _, key) = draft.begin(&mut SysRng).expect("right terms");
        let mut chunk = vec![7; (1 << 16) + OVERHEAD];
        key.seal_chunk(index, false, &mut chunk).expect("a right length");
        (key, chunk)
    }

    #[test]
    fn what_is_near_by_is_found() {
        let (key, chunk) = sealed(4000);
        let len = chunk.len() as u64;
        let found =
            |search: &mut Search, place| search.head_of(&key, place, false, &chunk).map(|head| head.index);
        assert_eq!(found(&mut Search::new(1), 0), Some(4000));
        assert_eq!(found(&mut Search::new(1), 6000), Some(4000));
        // Not for more than was asked for, all chunks together.
        let mut search = Search { left: 20 * len };
        assert_eq!(found(&mut search, 4003), Some(4000));
        assert_eq!(search.left, 14 * len);
        assert_eq!(found(&mut search, 4008), None);
        assert_eq!(found(&mut search, 4001), None);
    }

    #[test]
    fn what_is_far_away_is_not() {
        let (key, chunk) = sealed(5000);
        let mut search = Search::new(2);
        assert!(search.head_of(&key, 0, false, &chunk).is_none());
        assert!(search.left >= MOST, "the second half is for another chunk");
    }
}
