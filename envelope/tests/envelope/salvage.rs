//! Chunks that were moved, and what is saved of broken bids.

use std::{
    io::{Cursor, Read, Seek},
    ops::Range,
};

use envelope::{
    bid::{BodyKey, Header, InvalidBid, OVERHEAD},
    io::bid::Salvage,
};

use crate::bid::{CHUNK, error, open, pattern, platform, sealed, shares};

fn salvage(bytes: &[u8]) -> Salvage<Cursor<&[u8]>> {
    let mut input = Cursor::new(bytes);
    let header = Salvage::header(&mut input).unwrap();
    let key = BodyKey::derive(header.manifest(), &shares(&header, &["platform"]), None).unwrap();
    Salvage::search(input, &header, key).unwrap()
}

fn saved<R: Read + Seek>(salvage: &mut Salvage<R>) -> Vec<String> {
    let entries = salvage.index().map(|index| index.entries().to_vec()).unwrap_or_default();
    entries.iter().filter(|entry| salvage.has(entry)).map(|entry| entry.name().to_owned()).collect()
}

#[test]
fn what_is_whole_is_saved() {
    let text = pattern(6 * CHUNK);
    let files: [(&str, &[u8]); 3] =
        [("a", &text[..2 * CHUNK]), ("b", &text[2 * CHUNK..4 * CHUNK]), ("c", &text[4 * CHUNK..])];
    let bytes = sealed(platform(), &files);
    let start = usize::try_from(Header::from_bytes(&bytes).unwrap().0.len()).unwrap();
    let stride = CHUNK + OVERHEAD;
    let chunk = |i: usize| start + i * stride..start + (i + 1) * stride;

    let mut right = salvage(&bytes);
    assert_eq!((saved(&mut right).len(), right.lost()), (3, vec![]));

    let mut changed = bytes.clone();
    changed[chunk(2).start + 1000] ^= 1;
    let mut broken = salvage(&changed);
    assert_eq!(saved(&mut broken), ["a", "c"]);
    let third = 2 * CHUNK as u64..3 * CHUNK as u64;
    assert_eq!(broken.lost(), std::slice::from_ref(&third));
    let entry = broken.index().unwrap().find("c").unwrap().clone();
    let mut read = Vec::new();
    broken
        .copy(entry.offset()..entry.end(), |_, piece| {
            read.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
    assert_eq!(read, files[2].1);

    let mut head = bytes.clone();
    head[chunk(0).start + 15] ^= 1;
    assert_eq!(saved(&mut salvage(&head)).len(), 3, "a head that was changed");

    let swapped = [
        &bytes[..start],
        &bytes[chunk(3)],
        &bytes[chunk(1)],
        &bytes[chunk(2)],
        &bytes[chunk(0)],
        &bytes[chunk(4).start..],
    ]
    .concat();
    assert_eq!(saved(&mut salvage(&swapped)).len(), 3, "chunks that were moved");
    let added = [&bytes[..chunk(1).start], &[0x55; 777], &bytes[chunk(1).start..]].concat();
    assert_eq!(saved(&mut salvage(&added)).len(), 3, "bytes that were added");
    let lost = [&bytes[..chunk(1).start + 500], &bytes[chunk(1).start + 600..]].concat();
    assert_eq!(saved(&mut salvage(&lost)), ["b", "c"], "bytes that were lost");

    let mut cut = salvage(&bytes[..chunk(3).start + 5]);
    assert!(cut.index().is_none());
    let front = 0..3 * CHUNK as u64;
    assert_eq!(cut.ranges(), std::slice::from_ref(&front));
    let mut read = Vec::new();
    cut.copy(0..u64::MAX, |_, piece| {
        read.extend_from_slice(piece);
        Ok(())
    })
    .unwrap();
    assert_eq!(read, text[..3 * CHUNK]);
}

#[test]
fn a_file_full_of_heads_ends_the_search() {
    let bytes = sealed(platform(), &[("a", &pattern(2 * CHUNK))]);
    let start = usize::try_from(Header::from_bytes(&bytes).unwrap().0.len()).unwrap();
    let head = &bytes[start..start + 24];
    let hostile = [&bytes[..start], &head.repeat(20_000)].concat();
    assert!(salvage(&hostile).ranges().is_empty());
}

/// A bid, and where its chunks of full length stand.
struct Standing {
    bytes: Vec<u8>,
    start: usize,
}

impl Standing {
    fn new(chunks: usize) -> Self {
        let bytes = sealed(platform(), &[("a", &pattern(chunks * CHUNK))]);
        let start = usize::try_from(Header::from_bytes(&bytes).unwrap().0.len()).unwrap();
        Self { bytes, start }
    }

    fn chunk(&self, index: usize) -> Range<usize> {
        let stride = CHUNK + OVERHEAD;
        self.start + index * stride..self.start + (index + 1) * stride
    }

    /// Puts the chunk `from` at the place `to`, under the head that belongs there.
    fn moved(&self, into: &mut [u8], from: usize, to: usize) {
        let (from, to) = (self.chunk(from), self.chunk(to));
        into[to.start + 24..to.end].copy_from_slice(&self.bytes[from.start + 24..from.end]);
    }

    fn defect(bytes: &[u8]) -> InvalidBid {
        match error(open(bytes, &["platform"])) {
            envelope::Error::InvalidBid(defect) => defect,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_chunk_under_the_head_of_another_says_where_it_belongs() {
    let bid = Standing::new(8);
    for (a, b) in [(0, 1), (2, 7), (6, 3)] {
        let mut swapped = bid.bytes.clone();
        bid.moved(&mut swapped, a, b);
        bid.moved(&mut swapped, b, a);
        let (first, second) = (a.min(b) as u64, a.max(b) as u64);
        let defect = Standing::defect(&swapped);
        assert_eq!(defect, InvalidBid::ChunkMoved { place: first, belongs: second });
        assert_eq!(defect.to_string(), format!("what stands as chunk {first} belongs at place {second}"));
        assert_eq!(defect.chunk(), Some(first));
        assert_eq!(saved(&mut salvage(&swapped)), ["a"]);
    }
    // A changed chunk belongs nowhere, whatever its head.
    let mut changed = bid.bytes.clone();
    bid.moved(&mut changed, 5, 4);
    changed[bid.chunk(4).start + 100] ^= 1;
    assert_eq!(Standing::defect(&changed), InvalidBid::ChunkTag(4));
    // One that stands twice is found once, and one is lost.
    let mut twice = bid.bytes.clone();
    bid.moved(&mut twice, 5, 4);
    assert_eq!(Standing::defect(&twice), InvalidBid::ChunkMoved { place: 4, belongs: 5 });
    assert_eq!(salvage(&twice).lost(), std::slice::from_ref(&(4 * CHUNK as u64..5 * CHUNK as u64)));
}

#[test]
fn an_end_that_was_moved_is_named() {
    let bid = Standing::new(3);
    // Cut behind the second chunk, which was made the last.
    let mut cut = bid.bytes[..bid.chunk(1).end].to_vec();
    cut[bid.chunk(1).start + 23] = 1;
    cut.extend_from_slice(&bid.bytes[bid.bytes.len() - 12..]);
    assert_eq!(Standing::defect(&cut), InvalidBid::ChunkEnd(1));
    assert_eq!(salvage(&cut).ranges(), std::slice::from_ref(&(0..2 * CHUNK as u64)));
    // And with another one in its place.
    bid.moved(&mut cut, 0, 1);
    assert_eq!(Standing::defect(&cut), InvalidBid::ChunkMoved { place: 1, belongs: 0 });
}
