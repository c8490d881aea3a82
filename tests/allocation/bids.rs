//! Sealed bids. The bounds are those of `envelope/FORMAT.md`, "Limits".

use std::io::Cursor;

use cosign_tests::bid_kit::{
    broken, key,
    signature::Parts,
    writer::{Plan, int, seq, tlv, utf8},
};
use envelope::{
    bid::{BodyKey, Header, HeaderDecoder, Share, Structure},
    io::bid::{Bid, Salvage, check_structure},
};
use sm_primitives::sm2::pke;

use crate::{KIB, MIB, count::alone, within};

const HEADER: usize = 4 * MIB;
const STRUCTURE: usize = HEADER + 256 * KIB;
const INDEX: usize = 40 * MIB;

/// What chunks under way take, three stages of them.
const fn pipeline(chunk: usize) -> usize {
    3 * if chunk > 8 * MIB { chunk } else { 8 * MIB } + MIB
}

/// Every reader of the outside of a bid.
fn outside(name: &str, bytes: &[u8], bound: usize, accepted: bool) {
    within(&format!("{name}, header"), bound, accepted, || Header::from_bytes(bytes));
    within(&format!("{name}, header in pieces"), bound, accepted, || {
        let mut decoder = HeaderDecoder::default();
        for mut piece in bytes.chunks(100) {
            if let Some(header) = decoder.push(&mut piece)? {
                return Ok(header);
            }
        }
        Err(envelope::bid::InvalidBid::HeaderTruncated)
    });
    if !accepted {
        let bound = bound + STRUCTURE - HEADER;
        within(&format!("{name}, structure"), bound, false, || {
            let mut structure = Structure::default();
            bytes.chunks(1000).try_for_each(|piece| structure.push(piece))?;
            structure.finish()
        });
        within(&format!("{name}, structure of a file"), bound, false, || {
            check_structure(&mut Cursor::new(bytes))
        });
        within(&format!("{name}, file"), bound, false, || Bid::open(Cursor::new(bytes)));
        within(&format!("{name}, salvage"), bound, false, || Salvage::header(&mut Cursor::new(bytes)));
    }
}

fn preamble(manifest: u32, slots: u32) -> Vec<u8> {
    [&b"\x89BID\r\n\x1a\n\0\0\0\x01"[..], &manifest.to_be_bytes(), &slots.to_be_bytes()].concat()
}

#[test]
fn announced_lengths_cost_nothing() {
    let _alone = alone();
    for (name, manifest, slots) in [
        ("as much as there can be", 65_536, 1 << 20),
        ("more", 65_537, (1 << 20) + 1),
        ("gigabytes", u32::MAX, u32::MAX),
    ] {
        outside(name, &preamble(manifest, slots), 4 * KIB, false);
        outside(name, &[preamble(manifest, slots), vec![0x30; 1000]].concat(), 8 * KIB, false);
    }
    // Lengths in DER that contradict the one around them.
    let mut pieces = Plan::both().seal();
    for announced in [&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff][..], &[0x30, 0x80], &[0x30, 0x88, 0xff]] {
        pieces.manifest = [announced, &[0; 100]].concat();
        outside("manifest", &pieces.bytes(), 8 * KIB, false);
    }
}

#[test]
fn headers_as_long_as_they_may_be() {
    let _alone = alone();
    let with_slots = |slots: Vec<u8>| {
        let mut pieces = Plan::signed().seal();
        pieces.slots = seq(&[slots]);
        pieces.header()
    };
    let wrapped =
        pke::encrypt(key("platform").public_key(), &[7; 32], &mut cosign_tests::random::Seeded::new(1));
    let wrapped = wrapped.unwrap().to_der().unwrap();
    let issuer = seq(&[tlv(0x31, &seq(&[tlv(6, &[0x55, 4, 3]), utf8(&"x".repeat(830))]))]);
    let slot = seq(&[int(1), seq(&[issuer, int(5)]), wrapped.clone()]);
    let full = with_slots(tlv(0x30, &slot.repeat(1024)));
    assert!(full.len() > 9 * MIB / 10);
    outside("1024 slots", &full, HEADER, true);
    let small = seq(&[int(1), tlv(0x80, &[1]), wrapped]);
    outside("thousands of slots", &with_slots(tlv(0x30, &small.repeat(6000))), HEADER, false);
    outside("empty slots", &with_slots(tlv(0x30, &[0x30, 0].repeat(500_000))), HEADER, false);
    outside("nested slots", &with_slots(deep(100_000)), HEADER, false);

    let manifest = |change: fn(&mut Plan)| {
        let mut plan = Plan::both();
        change(&mut plan);
        plan.seal().header()
    };
    let metadata =
        |p: &mut Plan| p.metadata = (0..8000).map(|i| (format!("{i:04}"), String::new())).collect();
    outside("metadata", &manifest(metadata), HEADER, false);
    let roles = |p: &mut Plan| (p.model, p.roles) = (3, (0..9000).map(|i| i.to_string()).collect());
    outside("roles", &manifest(roles), HEADER, false);
    let points = |p: &mut Plan| p.commitments = vec![p.commitments[0].clone(); 900];
    outside("commitments", &manifest(points), HEADER, false);
}

/// SEQUENCEs in each other.
fn deep(levels: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for level in 0..levels {
        let inside = (levels - level - 1) * 5;
        out.extend([0x30, 0x83]);
        out.extend_from_slice(&u32::try_from(inside).unwrap().to_be_bytes()[1..]);
    }
    out
}

/// Behind the header: heads, lengths and trailers that say anything.
#[test]
fn what_follows_the_header() {
    let _alone = alone();
    let signed = Plan::signed().seal();
    let behind = |chunks: &[u8]| [signed.header(), chunks.to_vec()].concat();
    let salt = &signed.chunks[0][..8];
    let head = |index: u64, len: u32, flags: u32| {
        [salt, &index.to_be_bytes(), &len.to_be_bytes(), &flags.to_be_bytes()].concat()
    };
    let end = b"\x89END\r\n\x1a\n";
    let mut cases = vec![
        ("a chunk of gigabytes", behind(&head(0, u32::MAX, 1))),
        ("a chunk far away", behind(&head(u64::MAX, 16, 1))),
        ("a chunk that is not there", behind(&head(0, 1 << 16, 0))),
        ("a signature of gigabytes", behind(&[&[0xff; 4][..], end].concat())),
        ("much behind the end", [signed.bytes(), vec![0; 4 * MIB]].concat()),
    ];
    let long = [&Parts::new().sign(b"x")[..], &vec![0; 3 * MIB]].concat();
    let len = u32::try_from(long.len()).unwrap().to_be_bytes();
    cases.push(("a signature too long", behind(&[&signed.chunks[0], &long[..], &len, end].concat())));
    for (name, bytes) in cases {
        within(name, STRUCTURE, false, || {
            let mut structure = Structure::default();
            structure.push(&bytes)?;
            structure.finish()
        });
        within(name, STRUCTURE, false, || check_structure(&mut Cursor::new(&bytes)));
        within(name, STRUCTURE, false, || Bid::open(Cursor::new(&bytes)));
    }
}

fn body_key(header: &Header) -> BodyKey {
    let shares: Vec<Share> = header
        .slots()
        .slots()
        .iter()
        .filter_map(|slot| slot.unwrap(header.manifest(), &key("platform")).ok())
        .collect();
    BodyKey::derive(header.manifest(), &shares, None).unwrap()
}

/// Reads all of a bid of the platform.
fn read(bytes: &[u8]) -> Result<usize, envelope::io::Error> {
    let bid = Bid::open(Cursor::new(bytes))?;
    let key = body_key(bid.header());
    let mut open = bid.unlock(key)?;
    open.copy(0..u64::MAX, |_, _| Ok(()))?;
    Ok(open.index().entries().len())
}

#[test]
fn lists_of_files() {
    let _alone = alone();
    let with_index = |index: &[u8], len: u32| {
        let plan = Plan { chunk_size: 20, ..Plan::signed() };
        plan.seal_body(&[index, &len.to_be_bytes()].concat()).bytes()
    };
    let list = |names: &mut dyn Iterator<Item = String>| {
        let entries: Vec<u8> = names.flat_map(|name| seq(&[utf8(&name), int(0), int(0)])).collect();
        let list = match u32::try_from(entries.len()).unwrap().to_be_bytes() {
            [0, a, b, c] => [&[0x30, 0x83, a, b, c][..], &entries].concat(),
            bytes => [&[0x30, 0x84][..], &bytes, &entries].concat(),
        };
        with_index(&list, u32::try_from(list.len()).unwrap())
    };
    let bound = INDEX + pipeline(MIB) + HEADER;
    let full = list(&mut (0..100_000).map(|i| format!("{i:0155}")));
    assert!(full.len() > 15 * MIB);
    within("100000 files", bound, true, || read(&full));
    let deep = list(&mut (0..2000).map(|i| format!("{}{i}", "a/".repeat(500))));
    within("files in deep folders", bound, true, || read(&deep));
    let tiny = list(&mut (0..1_000_000).map(|_| String::new()));
    within("a million files without names", bound, false, || read(&tiny));
    within("a list of gigabytes", pipeline(MIB) + HEADER, false, || read(&with_index(b"0", u32::MAX)));
    within("a list longer than the body", pipeline(MIB) + HEADER, false, || {
        read(&with_index(b"0", 16 << 20))
    });
}

#[test]
fn chunks_as_large_as_they_may_be() {
    let _alone = alone();
    let mut plan = Plan { chunk_size: 24, ..Plan::signed() };
    plan.content = vec![7; 80 * MIB];
    plan.index[0].2 = plan.content.len() as u64;
    let bytes = plan.seal().bytes();
    let bound = pipeline(16 * MIB) + STRUCTURE;
    within("80 MiB", bound, true, || read(&bytes));
    within("80 MiB, verified", bound, true, || Bid::open(Cursor::new(&bytes))?.verify(|_| Ok(())));
    let header = Header::from_bytes(&bytes).unwrap().0;
    let mut broken = bytes.clone();
    *broken.last_mut().unwrap() ^= 1;
    broken[40 * MIB] ^= 1;
    within("80 MiB, salvaged", 3 * 16 * MIB + STRUCTURE, true, || {
        let mut salvage = Salvage::search(Cursor::new(&broken), &header, body_key(&header))?;
        salvage.copy(0..u64::MAX, |_, _| Ok(()))?;
        Ok::<_, envelope::io::Error>(salvage)
    });
}

/// Every broken bid of the kit, by every way.
#[test]
fn broken_bids() {
    let _alone = alone();
    for (name, bytes) in broken() {
        let bound = INDEX + pipeline(1 << 16) + HEADER;
        let (_, peak) = crate::count::peak(|| {
            let _ = check_structure(&mut Cursor::new(&bytes));
            let Ok(mut bid) = Bid::open(Cursor::new(&bytes)) else { return };
            let _ = bid.verify(|_| Ok(()));
            let shares = bid.header().slots().slots().iter();
            let keys = ["platform", "bidder"].map(key);
            let shares: Vec<Share> = shares
                .flat_map(|slot| keys.iter().filter_map(|key| slot.unwrap(bid.header().manifest(), key).ok()))
                .collect();
            let lock = bid.header().slots().lock();
            let lock = lock.and_then(|lock| envelope::bid::Lock::open(&key("opening"), lock).ok());
            let secret = lock.as_ref().map(|lock| &lock.secret);
            let Ok(key) = BodyKey::derive(bid.header().manifest(), &shares, secret) else { return };
            let _ = bid.unlock(key).and_then(|mut open| open.copy(0..u64::MAX, |_, _| Ok(())));
        });
        assert!(peak <= bound, "{name}: {peak}");
    }
}
