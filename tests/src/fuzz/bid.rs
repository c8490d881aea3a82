//! Sealed bids.

use std::io::Cursor;

use envelope::{
    bid::{BodyKey, Header, Lock, Share, Structure},
    fuzzing,
    io::bid::{Bid, Salvage, check_structure},
};

use crate::bid_kit::{key, writer::Plan};

/// Everything before the chunks; what is accepted is written to the same bytes again.
pub(super) fn header(data: &[u8]) -> bool {
    fuzzing::bid_header(data);
    let Ok((header, rest)) = Header::from_bytes(data) else { return false };
    if let Ok((_, again)) = header.rewrap(header.slots().slots().to_vec()) {
        assert_eq!(again, data[..data.len() - rest.len()], "there is one encoding");
    }
    true
}

/// A whole bid as it comes, or a body that is sealed here; the first byte says which.
pub(super) fn body(data: &[u8]) -> bool {
    match data.split_first() {
        Some((b'r', bid)) => open(bid),
        Some((b's', body)) => open(&Plan::signed().seal_body(body).bytes()),
        _ => false,
    }
}

/// Opens a bid by all ways, with the keys of the kit.
fn open(bytes: &[u8]) -> bool {
    let structure = |piece: usize| {
        let mut structure = Structure::default();
        let pushed = bytes.chunks(piece).try_for_each(|piece| structure.push(piece));
        pushed.and_then(|()| structure.finish()).map(|whole| (whole.chunks, whole.body_len, whole.signature))
    };
    let whole = structure(usize::MAX);
    assert_eq!(whole, structure(7), "the cut into pieces matters");
    assert_eq!(whole.is_ok(), check_structure(&mut Cursor::new(bytes)).is_ok(), "seeking matters");
    let Ok((header, _)) = Header::from_bytes(bytes) else { return false };
    if let Some(key) = body_key(&header) {
        let salvage = Salvage::search(Cursor::new(bytes), &header, key).unwrap();
        assert!(salvage.ranges().iter().all(|range| range.start < range.end));
    }
    let Ok(bid) = Bid::open(Cursor::new(bytes)) else {
        assert!(whole.is_err(), "what is whole opens");
        return false;
    };
    let body_len = bid.body_len();
    let Some(key) = body_key(&header) else { return false };
    let Ok(mut open) = bid.unlock(key) else { return false };
    let content_len = open.index().content_len();
    assert!(content_len < body_len, "the index is behind the files");
    let mut read = 0;
    let copied = open.copy(0..content_len, |at, piece| {
        assert_eq!(at, read, "in order");
        read += piece.len() as u64;
        Ok(())
    });
    copied.is_ok() && whole.is_ok()
}

fn body_key(header: &Header) -> Option<BodyKey> {
    let keys = ["platform", "bidder"].map(key);
    let slots = header.slots().slots().iter().take(8);
    let unwrap =
        slots.flat_map(|slot| keys.iter().filter_map(|key| slot.unwrap(header.manifest(), key).ok()));
    let shares: Vec<Share> = unwrap.collect();
    let lock = header.slots().lock().and_then(|lock| Lock::open(&key("opening"), lock).ok());
    BodyKey::derive(header.manifest(), &shares, lock.as_ref().map(|lock| &lock.secret)).ok()
}
