//! Leaf and node hashes, complete subtrees, and the frontier that a log appends to (RFC 9162 section 2.1.1).

use alloc::vec::Vec;
use core::ops::Range;

use sm_primitives::sm3::Sm3;

/// SM3 of a leaf or of a node.
pub type Hash = [u8; 32];

/// Root of the tree without leaves: SM3 of nothing.
pub const EMPTY_ROOT: Hash = [
    0x1a, 0xb2, 0x1d, 0x83, 0x55, 0xcf, 0xa1, 0x7f, 0x8e, 0x61, 0x19, 0x48, 0x31, 0xe8, 0x1a, 0x8f, 0x22,
    0xbe, 0xc8, 0xc7, 0x28, 0xfe, 0xfb, 0x74, 0x7e, 0xd0, 0x35, 0xeb, 0x50, 0x82, 0xaa, 0x2b,
];

/// `SM3(00 || record)`.
#[must_use]
pub fn leaf_hash(record: &[u8]) -> Hash {
    Sm3::new().chain(&[0]).chain(record).finalize()
}

/// `SM3(01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sm3::new().chain(&[1]).chain(left).chain(right).finalize()
}

/// A complete subtree: `2^level` leaves from leaf `index * 2^level` on. Its hash never changes once the last of them is
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// 0 for a leaf.
    pub level: u32,
    /// Counted from the left within its level.
    pub index: u64,
}

impl Node {
    /// Number of leaves up to the end of this subtree, which is the number of the record that completes it.
    #[must_use]
    pub const fn completed_by(self) -> u64 {
        (self.index + 1) << self.level
    }

    /// The complete subtrees of a range of leaves, left to right. As every range of a proof does, it starts where a subtree
    /// of its length may start.
    #[must_use]
    pub fn of_range(range: Range<u64>) -> Vec<Self> {
        let (mut start, mut nodes) = (range.start, Vec::new());
        while start < range.end {
            let level = (range.end - start).ilog2();
            nodes.push(Self { level, index: start >> level });
            start += 1 << level;
        }
        nodes
    }
}

/// The hash of a range of leaves from the hashes of its complete subtrees, left to right.
pub(super) fn fold(subtrees: &[Hash]) -> Hash {
    let Some((last, before)) = subtrees.split_last() else { return EMPTY_ROOT };
    before.iter().rev().fold(*last, |right, left| node_hash(left, &right))
}

/// Where a range of `size` > 1 leaves is split: the largest power of two below `size`.
pub(super) const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The complete subtrees that a tree of some size consists of: all that appending needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl Frontier {
    /// That of the empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// That of a tree of `size` leaves from the hashes of [`Self::nodes`]; `None` when their number is wrong, or for 2^63
    /// leaves and more.
    #[must_use]
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Option<Self> {
        let fits = size >> 63 == 0 && u32::try_from(peaks.len()) == Ok(size.count_ones());
        fits.then_some(Self { size, peaks })
    }

    /// The complete subtrees of a tree of `size` leaves, left to right.
    #[must_use]
    pub fn nodes(size: u64) -> Vec<Node> {
        Node::of_range(0..size)
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Hashes of the complete subtrees, left to right.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The root. O(log size) hashes.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }

    /// Appends a leaf. Gives its hash and those of the subtrees that it completes, from level 0 up: what a log stores so
    /// that it can make proofs. One hash on average, O(log size) at most.
    pub fn append(&mut self, leaf: Hash) -> Vec<Hash> {
        let completes = self.size.trailing_ones();
        let mut completed = Vec::with_capacity(1 + usize::try_from(completes).unwrap_or_default());
        let mut hash = leaf;
        completed.push(hash);
        for _ in 0..completes {
            // There is one peak for each bit of the size.
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            completed.push(hash);
        }
        self.peaks.push(hash);
        self.size += 1;
        completed
    }
}
