use std::{collections::BTreeMap, vec::Vec};

use super::{mth, path, subproof};
use crate::audit::{
    ConsistencyProof, EMPTY_ROOT, Frontier, Hash, InclusionProof, Node, ProofError, leaf_hash,
};

const MOST: usize = 40;

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|index| Vec::from([u8::try_from(index).unwrap(); 5])).collect()
}

/// A log that stores what appending gives, as a server does.
fn log(leaves: &[Vec<u8>]) -> (Frontier, BTreeMap<Node, Hash>) {
    let (mut tree, mut nodes) = (Frontier::new(), BTreeMap::new());
    for leaf in leaves {
        let completed = tree.append(leaf_hash(leaf));
        for (level, hash) in (0u32..).zip(completed) {
            let node = Node { level, index: (tree.size() >> level) - 1 };
            assert_eq!(node.completed_by(), tree.size());
            assert_eq!(nodes.insert(node, hash), None);
        }
    }
    (tree, nodes)
}

#[test]
fn roots_are_those_of_the_definition() {
    assert_eq!(EMPTY_ROOT, mth(&[]));
    assert_eq!(Frontier::new().root(), EMPTY_ROOT);
    for count in 0..=MOST {
        let leaves = leaves(count);
        let (tree, nodes) = log(&leaves);
        assert_eq!(tree.root(), mth(&leaves), "{count}");
        for (node, hash) in &nodes {
            let end = usize::try_from(node.completed_by()).unwrap();
            assert_eq!(*hash, mth(&leaves[end - (1 << node.level)..end]), "{node:?}");
        }
        let mut peaks: Vec<Hash> = Frontier::nodes(tree.size()).iter().map(|node| nodes[node]).collect();
        assert_eq!(Frontier::from_peaks(tree.size(), peaks.clone()), Some(tree.clone()));
        peaks.push([0; 32]);
        assert_eq!(Frontier::from_peaks(tree.size(), peaks), None);
    }
    assert_eq!(Frontier::from_peaks(1 << 63, Vec::from([[0; 32]])), None);
}

#[test]
fn every_leaf_has_its_inclusion_proof() {
    let leaves = leaves(MOST);
    let (_, nodes) = log(&leaves);
    for size in 1..=MOST {
        let root = mth(&leaves[..size]);
        for index in 0..size {
            let (i, n) = (index as u64, size as u64);
            let mut asked = Vec::new();
            let node = |node| {
                asked.push(node);
                nodes.get(&node).copied()
            };
            let proof = InclusionProof::make(i, n, node).unwrap();
            assert_eq!((proof.index(), proof.size()), (i, n));
            assert_eq!(asked, InclusionProof::nodes(i, n));
            assert_eq!(proof.path(), path(index, &leaves[..size]), "{index} of {size}");
            let leaf = leaf_hash(&leaves[index]);
            assert_eq!(proof.verify(&leaf, &root), Ok(()));
            assert_eq!(proof.verify(&root, &leaf), if size == 1 { Ok(()) } else { Err(ProofError) });

            let refused = |index, size, path: &[Hash]| {
                let proof = InclusionProof::new(index, size, path.to_vec());
                proof.is_none_or(|proof| proof.verify(&leaf, &root).is_err())
            };
            for at in 0..proof.path().len() {
                let mut changed = proof.path().to_vec();
                changed[at][0] ^= 1;
                assert!(refused(i, n, &changed), "{index} of {size}: hash {at}");
                changed.remove(at);
                assert!(refused(i, n, &changed), "{index} of {size}: without hash {at}");
            }
            assert!(refused(i, n, &[proof.path(), &[[0; 32]]].concat()));
            for other in (0..size as u64).filter(|other| *other != i) {
                assert!(refused(other, n, proof.path()), "{index} of {size} as {other}");
            }
            assert!(asked.iter().all(|node| node.completed_by() <= n) && asked.len() <= 12, "{asked:?}");
        }
        assert_eq!(InclusionProof::make(size as u64, size as u64, |_| Some([0; 32])), None);
        assert_eq!(InclusionProof::nodes(size as u64, size as u64), []);
    }
    assert_eq!(InclusionProof::make(0, 2, |_| None), None);
}

#[test]
fn every_tree_is_consistent_with_its_beginnings_only() {
    let leaves = leaves(MOST);
    let (_, nodes) = log(&leaves);
    for second in 1..=MOST {
        let second_root = mth(&leaves[..second]);
        for first in 1..=second {
            let first_root = mth(&leaves[..first]);
            let (m, n) = (first as u64, second as u64);
            let mut asked = Vec::new();
            let node = |node| {
                asked.push(node);
                nodes.get(&node).copied()
            };
            let proof = ConsistencyProof::make(m, n, node).unwrap();
            assert_eq!((proof.first(), proof.second()), (m, n));
            assert_eq!(asked, ConsistencyProof::nodes(m, n));
            assert_eq!(proof.path(), subproof(first, &leaves[..second], true), "{first} of {second}");
            assert_eq!(proof.verify(&first_root, &second_root), Ok(()), "{first} of {second}");

            let refused = |path: &[Hash], first_root: &Hash, second_root: &Hash| {
                let proof = ConsistencyProof::new(m, n, path.to_vec()).unwrap();
                proof.verify(first_root, second_root).is_err()
            };
            assert!(refused(proof.path(), &[0; 32], &second_root));
            assert!(refused(proof.path(), &first_root, &[0; 32]));
            for at in 0..proof.path().len() {
                let mut changed = proof.path().to_vec();
                changed[at][31] ^= 1;
                assert!(refused(&changed, &first_root, &second_root), "{first} of {second}: hash {at}");
                changed.remove(at);
                assert!(refused(&changed, &first_root, &second_root), "{first} of {second}: without {at}");
            }
            let longer = [proof.path(), &[[0; 32]]].concat();
            assert!(refused(&longer, &first_root, &second_root), "{first} of {second}: one hash more");
            assert!(asked.iter().all(|node| node.completed_by() <= n) && asked.len() <= 12, "{asked:?}");
        }
    }
    for (first, second) in [(0, 5), (6, 5), (0, 0)] {
        assert_eq!(ConsistencyProof::make(first, second, |_| Some([0; 32])), None);
        assert_eq!(ConsistencyProof::nodes(first, second), []);
        assert_eq!(ConsistencyProof::new(first, second, Vec::new()), None);
    }
}

#[test]
fn proofs_of_absurd_sizes_are_refused_and_nothing_more() {
    for size in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, (1 << 63) + 1] {
        for length in [0, 1, 63, 64, 65, 200] {
            let path = Vec::from_iter([[0; 32]].into_iter().cycle().take(length));
            for index in [0, 1, size / 2, size - 1] {
                let proof = InclusionProof::new(index, size, path.clone()).unwrap();
                assert_eq!(proof.verify(&[1; 32], &[2; 32]), Err(ProofError));
            }
            for first in [1, 2, size / 2, size - 1, size] {
                let proof = ConsistencyProof::new(first, size, path.clone()).unwrap();
                assert_eq!(proof.verify(&[1; 32], &[2; 32]), Err(ProofError));
            }
        }
    }
}
