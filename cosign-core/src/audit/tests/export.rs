use std::{vec, vec::Vec};

use sm_primitives::sm2::{PrivateKey, PublicKey};

use super::{KEY, log_key, records};
use crate::{
    LogId,
    audit::{
        Act, Coverage, Frontier, Hash, InclusionProof, Invalid, Item, ItemHeader, ItemKind, LockItem,
        MAX_RECORD, Malformed, Node, Record, SignedTreeHead, TreeHead, Verified, Verifier,
    },
};

const COUNT: u64 = 7;

fn sign(key: &PrivateKey, tree: &Frontier, at_ms: u64) -> SignedTreeHead {
    TreeHead::of(LogId::of(key.public_key()), tree, at_ms).sign(key, &mut getrandom::SysRng).unwrap()
}

fn tree(records: &[Record]) -> Frontier {
    let mut tree = Frontier::new();
    records.iter().for_each(|record| drop(tree.append(record.leaf())));
    tree
}

fn head_of(records: &[Record]) -> SignedTreeHead {
    sign(&log_key(1), &tree(records), records.last().unwrap().event.at_ms)
}

/// All records after `from`, a head after every third and at the end.
fn run(records: &[Record], from: usize) -> Vec<Item> {
    let key = log_key(1);
    let mut items = vec![Item::LogKey(*key.public_key()), Item::Start(tree(&records[..from]))];
    for (index, record) in records.iter().enumerate().skip(from) {
        items.push(Item::Record(record.clone()));
        if record.seq % 3 == 0 || index + 1 == records.len() {
            items.push(Item::Head(head_of(&records[..=index])));
        }
    }
    items
}

/// The records about [`KEY`], each with its proof.
fn selection(records: &[Record]) -> Vec<Item> {
    let leaves: Vec<Hash> = records.iter().map(Record::leaf).collect();
    let node = |node: Node| {
        let end = usize::try_from(node.completed_by()).unwrap();
        let mut subtree = Frontier::new();
        leaves[end - (1 << node.level)..end].iter().for_each(|leaf| drop(subtree.append(*leaf)));
        Some(subtree.root())
    };
    let mut items = vec![Item::LogKey(*log_key(1).public_key()), Item::Head(head_of(records))];
    for record in records.iter().filter(|record| record.event.key_id == Some(KEY)) {
        let proof = InclusionProof::make(record.leaf_index(), records.len() as u64, node).unwrap();
        items.extend([Item::Record(record.clone()), Item::Inclusion(proof)]);
    }
    items
}

fn bytes(items: &[Item]) -> Vec<u8> {
    items.iter().flat_map(Item::encode).collect()
}

fn read(mut bytes: &[u8]) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk() {
        let header = ItemHeader::decode(header).ok()?;
        let (body, rest) = rest.split_at_checked(header.length)?;
        items.push(Item::decode(header.kind, body).ok()?);
        bytes = rest;
    }
    bytes.is_empty().then_some(items)
}

fn verify(
    items: impl IntoIterator<Item = Item>,
    trusted: Option<PublicKey>,
    earlier: Option<SignedTreeHead>,
) -> Result<(Verified, Vec<u64>), Invalid> {
    let mut verifier = Verifier::new(trusted, earlier);
    let mut taken = Vec::new();
    for item in items {
        taken.extend(verifier.take(item)?.map(|record| record.seq));
    }
    Ok((verifier.finish()?, taken))
}

fn refused(items: impl IntoIterator<Item = Item>) -> Invalid {
    verify(items, None, None).unwrap_err()
}

#[test]
fn a_release_before_its_time_is_refused_in_a_run_and_in_a_selection() {
    let at_ms = records(COUNT)[5].event.at_ms;
    for (not_before, early) in [(at_ms / 1000, false), (at_ms / 1000 + 1, true)] {
        let mut records = records(COUNT);
        let lock = LockItem { commitment: [1; 32], file_id: [2; 16], not_before };
        records[5].event.act = Act::RELEASE;
        records[5].event.items = vec![lock.into()];
        for items in [run(&records, 0), selection(&records)] {
            let outcome = verify(items, None, None).map(drop);
            assert_eq!(outcome, if early { Err(Invalid::ReleasedEarly { seq: 6 }) } else { Ok(()) });
        }
    }
}

#[test]
fn an_export_verifies_and_says_what_it_covers() {
    let records = records(COUNT);
    let key = *log_key(1).public_key();
    let head = head_of(&records);
    for from in 0..7 {
        let (verified, taken) = verify(run(&records, from), Some(key), None).unwrap();
        assert_eq!(verified.coverage, Coverage::From(from as u64 + 1));
        assert_eq!((verified.log_key, verified.records), (key, COUNT - from as u64));
        assert_eq!(verified.head.head(), head.head());
        assert_eq!(taken, Vec::from_iter(from as u64 + 1..=COUNT));
    }
    let (verified, taken) = verify(selection(&records), None, None).unwrap();
    assert_eq!((verified.coverage, verified.records, taken), (Coverage::Selected, 3, vec![2, 4, 6]));
    for items in [run(&records, 2), selection(&records)] {
        assert_eq!(read(&bytes(&items)), Some(items));
    }
}

#[test]
fn every_changed_deleted_or_added_byte_is_found() {
    let records = records(COUNT);
    let trusted = Some(*log_key(1).public_key());
    for items in [run(&records, 0), run(&records, 3), selection(&records)] {
        let bytes = bytes(&items);
        let holds = |bytes: &[u8]| read(bytes).is_some_and(|items| verify(items, trusted, None).is_ok());
        let found_untrusted =
            |bytes: &[u8]| read(bytes).is_none_or(|items| verify(items, None, None).is_err());
        assert!(holds(&bytes));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(found_untrusted(&changed), "byte {at} bit {bit}");
            }
            let mut shorter = bytes.clone();
            shorter.remove(at);
            assert!(found_untrusted(&shorter), "without byte {at}");
            let mut longer = bytes.clone();
            longer.insert(at, 0);
            assert!(found_untrusted(&longer), "a byte more at {at}");
        }
    }
}

#[test]
fn what_is_cut_off_is_an_older_state_at_most() {
    let records = records(COUNT);
    let bytes = bytes(&run(&records, 0));
    let later = head_of(&records);
    for cut in 0..bytes.len() {
        let Some(items) = read(&bytes[..cut]) else { continue };
        if let Ok((verified, _)) = verify(items.clone(), None, None) {
            assert!([3, 6].contains(&verified.head.head().size));
            let error = verify(items, None, Some(later)).unwrap_err();
            assert_eq!(error, Invalid::Shorter { size: verified.head.head().size, earlier: COUNT });
        }
    }
}

#[test]
fn deleted_repeated_swapped_and_foreign_items_are_found() {
    let records = records(COUNT);
    let items = run(&records, 0);
    for at in 0..items.len() {
        let mut changed = items.clone();
        let removed = changed.remove(at);
        // A head in the middle says nothing that those after it do not say.
        let spare = matches!(&removed, Item::Head(head) if head.head().size < COUNT);
        assert_eq!(verify(changed.clone(), None, None).is_ok(), spare, "without {removed:?}");
        changed.insert(at, removed.clone());
        changed.insert(at, removed.clone());
        assert_eq!(
            verify(changed, None, None).is_ok(),
            matches!(removed, Item::Head(_)),
            "twice {removed:?}"
        );
        if at + 1 < items.len() {
            let mut swapped = items.clone();
            swapped.swap(at, at + 1);
            assert!(verify(swapped, None, None).is_err(), "{at} swapped");
        }
    }
    assert_eq!(refused(items[..2].to_vec()), Invalid::Unsigned);
    assert_eq!(refused([]), Invalid::Unsigned);
    assert_eq!(refused([items[1].clone()]), Invalid::Order);

    let items = selection(&records);
    let mut swapped = items.clone();
    swapped.swap(3, 5);
    assert_eq!(refused(swapped), Invalid::Proof { seq: 2 });
    assert_eq!(refused(items[..3].to_vec()), Invalid::Unsigned);
    let twice = [&items[..4], &items[2..4]].concat();
    assert_eq!(refused(twice), Invalid::Order);
}

#[test]
fn no_item_is_longer_than_a_record() {
    let header = |kind, length: usize| {
        let [a, b, c, d] = u32::try_from(length).unwrap().to_be_bytes();
        ItemHeader::decode(&[kind, a, b, c, d])
    };
    let longest = ItemHeader { kind: ItemKind::Record, length: MAX_RECORD };
    assert_eq!(header(3, MAX_RECORD), Ok(longest));
    for (kind, length) in [(3, MAX_RECORD + 1), (3, u32::MAX as usize), (0, 0), (6, 0)] {
        assert_eq!(header(kind, length), Err(Malformed("an item of an export")), "{kind} {length}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let items = run(&records(COUNT), 3);
    let mut missing = items.clone();
    missing.remove(3);
    assert_eq!(refused(missing), Invalid::Missing { seq: 5 });
}

#[test]
fn each_selected_record_has_a_proof_under_the_head() {
    let items = selection(&records(COUNT));
    let unproven = [&items[..3], &items[4..]].concat();
    assert_eq!(refused(unproven), Invalid::Order);

    let Item::Inclusion(proof) = &items[3] else { panic!("a proof stands after its record") };
    let with = |proof: InclusionProof| {
        let mut items = items.clone();
        items[3] = Item::Inclusion(proof);
        verify(items, None, None).map(drop)
    };
    assert_eq!(with(proof.clone()), Ok(()));
    let mut path = proof.path().to_vec();
    // Its path is the same in a tree of one leaf more, so only the size tells.
    let other_size = InclusionProof::new(proof.index(), COUNT + 1, path.clone()).unwrap();
    assert_eq!(with(other_size), Err(Invalid::Proof { seq: 2 }));
    path[0][0] ^= 1;
    let changed = InclusionProof::new(proof.index(), COUNT, path).unwrap();
    assert_eq!(with(changed), Err(Invalid::Proof { seq: 2 }));
}

#[test]
fn an_edited_log_with_its_own_tree_has_no_signature() {
    let records = records(COUNT);
    let mut edited = records.clone();
    edited[3].event.note.clear();
    let mut items = run(&edited, 0);
    // The heads that were signed over the real records.
    for item in &mut items {
        if let Item::Head(head) = item {
            *head = head_of(&records[..usize::try_from(head.head().size).unwrap()]);
        }
    }
    assert_eq!(refused(items), Invalid::Root { size: 6 });

    let stranger = log_key(2);
    let mut items = run(&records, 6);
    let last = items.len() - 1;
    items[0] = Item::LogKey(*stranger.public_key());
    assert_eq!(refused(items.clone()), Invalid::OtherLog);
    items[last] = Item::Head(sign(&stranger, &tree(&records), 1));
    assert!(verify(items.clone(), None, None).is_ok(), "a log of its own, if nobody knows the key");
    let key = *log_key(1).public_key();
    assert_eq!(verify(items.clone(), Some(key), None).unwrap_err(), Invalid::OtherLog);
    assert_eq!(verify(items, None, Some(head_of(&records))).unwrap_err(), Invalid::OtherLog);
}

#[test]
fn a_fork_is_found_by_whoever_remembers_a_head() {
    let records = records(COUNT);
    let mut fork = records.clone();
    fork[4].event.note.push('!');
    let remembered: Vec<SignedTreeHead> = (1..=7).map(|size| head_of(&records[..size])).collect();
    for from in [0, 3] {
        for (size, earlier) in (1..).zip(&remembered) {
            let linked = size >= from;
            let honest = verify(run(&records, from), None, Some(*earlier));
            let forked = verify(run(&fork, from), None, Some(*earlier));
            if !linked {
                assert_eq!(honest.unwrap_err(), Invalid::NotLinked { earlier: size as u64 });
                assert!(forked.is_err());
            } else {
                assert!(honest.is_ok(), "{from} {size}");
                // The fork is the same log up to record 4.
                let expected = if size < 5 { None } else { Some(Invalid::Forked { size: size as u64 }) };
                assert_eq!(forked.err(), expected, "{from} {size}");
            }
        }
    }
    let selected = |earlier: usize| verify(selection(&fork), None, Some(remembered[earlier - 1])).map(|_| ());
    assert_eq!(selected(7), Err(Invalid::Forked { size: 7 }));
    assert_eq!(selected(6), Err(Invalid::NotLinked { earlier: 6 }));
    assert!(verify(selection(&records), None, Some(remembered[6])).is_ok());

    // Two heads of one size in one export.
    let mut items = run(&records, 0);
    items.push(Item::Head(head_of(&fork)));
    assert_eq!(refused(items), Invalid::Root { size: COUNT });
    let mut items = run(&records, 0);
    items.push(Item::Head(sign(&log_key(1), &tree(&records), 1)));
    assert_eq!(refused(items), Invalid::Time { size: COUNT });
}
