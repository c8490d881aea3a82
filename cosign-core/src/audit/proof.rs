//! Inclusion and consistency proofs (RFC 9162 sections 2.1.3 and 2.1.4): O(log size) stored nodes to make one, as many
//! hashes to check it.

use alloc::vec::Vec;
use core::{fmt, ops::Range};

use super::tree::{Hash, Node, fold, node_hash, split};

/// A proof that does not prove what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofError;

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proof does not lead to the root")
    }
}

impl core::error::Error for ProofError {}

/// That a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    index: u64,
    size: u64,
    path: Vec<Hash>,
}

impl InclusionProof {
    /// A proof as it was received; `None` for an index outside of the tree.
    #[must_use]
    pub fn new(index: u64, size: u64, path: Vec<Hash>) -> Option<Self> {
        (index < size).then_some(Self { index, size, path })
    }

    /// The nodes that [`Self::make`] asks for.
    #[must_use]
    pub fn nodes(index: u64, size: u64) -> Vec<Node> {
        ranges(index, size).into_iter().flat_map(Node::of_range).collect()
    }

    /// Makes a proof from stored nodes; `None` for an index outside of the tree, or without one of [`Self::nodes`].
    pub fn make(index: u64, size: u64, mut node: impl FnMut(Node) -> Option<Hash>) -> Option<Self> {
        let path =
            ranges(index, size).into_iter().map(|range| hash_of(range, &mut node)).collect::<Option<_>>();
        Self::new(index, size, path?)
    }

    /// Index of the leaf, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Number of leaves of the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Hashes of the siblings, from the leaf to the root.
    #[must_use]
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// Checks that `leaf` is in the tree with this root (RFC 9162 section 2.1.3.2).
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, leaf: &Hash, root: &Hash) -> Result<(), ProofError> {
        let (mut first, mut last, mut hash) = (self.index, self.size - 1, *leaf);
        for sibling in &self.path {
            if last == 0 {
                return Err(ProofError);
            }
            if first & 1 == 1 || first == last {
                hash = node_hash(sibling, &hash);
                // Not 64: `first` is odd or equal to `last`, which is not 0.
                let skipped = first.trailing_zeros();
                (first, last) = (first >> skipped, last >> skipped);
            } else {
                hash = node_hash(&hash, sibling);
            }
            (first, last) = (first >> 1, last >> 1);
        }
        if last == 0 && hash == *root { Ok(()) } else { Err(ProofError) }
    }
}

/// Siblings of a leaf from the leaf to the root, as ranges of leaves; none for a leaf outside of the tree.
fn ranges(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut start, mut end, mut siblings) = (0, if index < size { size } else { 0 }, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            siblings.push(middle..end);
            end = middle;
        } else {
            siblings.push(start..middle);
            start = middle;
        }
    }
    siblings.reverse();
    siblings
}

fn hash_of(range: Range<u64>, node: &mut impl FnMut(Node) -> Option<Hash>) -> Option<Hash> {
    let subtrees: Option<Vec<Hash>> = Node::of_range(range).into_iter().map(node).collect();
    Some(fold(&subtrees?))
}

/// That a tree begins with the leaves of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    first: u64,
    second: u64,
    path: Vec<Hash>,
}

impl ConsistencyProof {
    /// A proof as it was received; `None` unless 1 <= `first` <= `second`.
    #[must_use]
    pub fn new(first: u64, second: u64, path: Vec<Hash>) -> Option<Self> {
        (1..=second).contains(&first).then_some(Self { first, second, path })
    }

    /// The nodes that [`Self::make`] asks for.
    #[must_use]
    pub fn nodes(first: u64, second: u64) -> Vec<Node> {
        consistency_ranges(first, second).into_iter().flat_map(Node::of_range).collect()
    }

    /// Makes a proof from stored nodes; `None` unless 1 <= `first` <= `second`, or without one of [`Self::nodes`].
    pub fn make(first: u64, second: u64, mut node: impl FnMut(Node) -> Option<Hash>) -> Option<Self> {
        let ranges = consistency_ranges(first, second);
        let path = ranges.into_iter().map(|range| hash_of(range, &mut node)).collect::<Option<_>>();
        Self::new(first, second, path?)
    }

    /// Number of leaves of the earlier tree.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Number of leaves of the later tree.
    #[must_use]
    pub const fn second(&self) -> u64 {
        self.second
    }

    /// Its hashes, in the order of RFC 9162.
    #[must_use]
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// Checks that the tree with the second root begins with that of the first (RFC 9162 section 2.1.4.2).
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, first_root: &Hash, second_root: &Hash) -> Result<(), ProofError> {
        if self.first == self.second {
            return if self.path.is_empty() && first_root == second_root { Ok(()) } else { Err(ProofError) };
        }
        let (start, rest) = if self.first.is_power_of_two() {
            (first_root, &self.path[..])
        } else {
            self.path.split_first().ok_or(ProofError)?
        };
        let skipped = (self.first - 1).trailing_ones();
        let (mut first, mut last) = ((self.first - 1) >> skipped, (self.second - 1) >> skipped);
        let (mut first_hash, mut second_hash) = (*start, *start);
        for hash in rest {
            if last == 0 {
                return Err(ProofError);
            }
            if first & 1 == 1 || first == last {
                first_hash = node_hash(hash, &first_hash);
                second_hash = node_hash(hash, &second_hash);
                // Not 64: `first` is odd or equal to `last`, which is not 0.
                let skipped = first.trailing_zeros();
                (first, last) = (first >> skipped, last >> skipped);
            } else {
                second_hash = node_hash(&second_hash, hash);
            }
            (first, last) = (first >> 1, last >> 1);
        }
        let holds = last == 0 && first_hash == *first_root && second_hash == *second_root;
        if holds { Ok(()) } else { Err(ProofError) }
    }
}

/// `SUBPROOF` of RFC 9162 section 2.1.4.1 as ranges of leaves.
fn consistency_ranges(first: u64, second: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    if !(1..=second).contains(&first) {
        return ranges;
    }
    let (mut start, mut end) = (0, second);
    while end > first {
        let middle = start + split(end - start);
        if first <= middle {
            ranges.push(middle..end);
            end = middle;
        } else {
            ranges.push(start..middle);
            start = middle;
        }
    }
    // A subtree that is the whole earlier tree is known to whoever checks.
    if start > 0 {
        ranges.push(start..end);
    }
    ranges.reverse();
    ranges
}
