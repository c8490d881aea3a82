//! What the kit breaks.

use sm_primitives::{PublicPoint, SecretScalar};

use super::{
    Case, NOT_BEFORE, key,
    signature::{DECRYPTION, Parts, SIGNING, bare, certificate},
    writer::{Pieces, Plan, SecretBytes, evaluate, int, seq, statement, tlv, trailer},
};

/// Bids that are right.
#[must_use]
pub fn whole() -> Vec<Case> {
    let mut empty = Plan::both();
    (empty.content, empty.index) = (vec![], vec![]);
    // The body ends with a chunk.
    let mut full = Plan::both();
    full.content.resize(2 * 65_536 - full.index().len(), 1);
    full.index[1].2 = full.content.len() as u64 - 100_001;
    full.index[2].1 = full.content.len() as u64 - 1;
    vec![
        ("right-both", Plan::both().seal().bytes()),
        ("right-signed", Plan::signed().seal().bytes()),
        ("right-empty", empty.seal().bytes()),
        ("right-full", full.seal().bytes()),
    ]
}

/// Bids that are not.
#[must_use]
pub fn broken() -> Vec<Case> {
    let mut cases = Vec::new();
    headers(&mut cases);
    manifests(&mut cases);
    policies(&mut cases);
    slots(&mut cases);
    chunks(&mut cases);
    ends(&mut cases);
    secrets(&mut cases);
    indexes(&mut cases);
    cases
}

/// The right bid, its pieces changed.
fn pieces(change: impl FnOnce(&mut Pieces)) -> Vec<u8> {
    let mut pieces = Plan::both().seal();
    change(&mut pieces);
    pieces.bytes()
}

/// The right bid, changed before it is sealed.
fn plan(change: impl FnOnce(&mut Plan)) -> Vec<u8> {
    let mut plan = Plan::both();
    change(&mut plan);
    plan.seal().bytes()
}

fn headers(cases: &mut Vec<Case>) {
    let right = Plan::both().seal();
    let bytes = right.bytes();
    let cut = |len: usize| bytes[..len].to_vec();
    let changed = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        bytes
    };
    cases.extend([
        ("empty", vec![]),
        ("bad-magic", changed(0, b'P')),
        ("sent-as-text", [&bytes[..4], &bytes[5..]].concat()),
        ("unknown-version", pieces(|p| p.version = 2)),
        ("manifest-length-zero", pieces(|p| p.lengths = Some((0, 1)))),
        ("manifest-length-over", pieces(|p| p.lengths = Some((65_537, 1)))),
        ("slots-length-zero", pieces(|p| p.lengths = Some((1, 0)))),
        ("slots-length-over", pieces(|p| p.lengths = Some((1, (1 << 20) + 1)))),
        ("cut-in-magic", cut(5)),
        ("cut-in-preamble", cut(13)),
        ("cut-in-manifest", cut(100)),
        ("cut-in-slots", cut(right.header().len() - 1)),
    ]);
}

fn manifests(cases: &mut Vec<Case>) {
    cases.extend([
        ("manifest-not-der", pieces(|p| p.manifest[0] = 0x31)),
        (
            "manifest-length-not-shortest",
            pieces(|p| {
                let body = p.manifest[4..].to_vec();
                p.manifest = [&[0x30, 0x83, 0, p.manifest[2], p.manifest[3]], &body[..]].concat();
            }),
        ),
        ("manifest-with-more-behind", pieces(|p| p.manifest.push(0))),
        (
            "manifest-field-added",
            pieces(|p| {
                p.manifest = tlv(0x30, &[&p.manifest[4..], &tlv(0x83, b"x")].concat());
            }),
        ),
        (
            "manifest-edited",
            pieces(|p| {
                let at = p.manifest.windows(6).position(|six| six == "公司".as_bytes()).unwrap();
                p.manifest[at..at + 6].copy_from_slice("商店".as_bytes());
            }),
        ),
        ("manifest-version", plan(|p| p.version = 2)),
        ("file-id-short", plan(|p| p.file_id.truncate(15))),
        (
            "chunk-size-small",
            pieces(|p| {
                let at = p.manifest.windows(3).position(|three| three == [2, 1, 16]).unwrap();
                p.manifest[at + 2] = 15;
            }),
        ),
        (
            "chunk-size-large",
            pieces(|p| {
                let at = p.manifest.windows(3).position(|three| three == [2, 1, 16]).unwrap();
                p.manifest[at + 2] = 25;
            }),
        ),
        ("project-too-long", plan(|p| p.names[0] = "x".repeat(257))),
        ("bidder-with-newline", plan(|p| p.names[2] = "a\nb".into())),
        ("sealed-at-beyond", plan(|p| p.sealed_at = 1 << 63)),
        ("metadata-unsorted", plan(|p| p.metadata.reverse())),
        ("metadata-twice", plan(|p| p.metadata[1] = p.metadata[0].clone())),
        (
            "metadata-too-many",
            plan(|p| {
                p.metadata = (0..65).map(|i| (format!("{i:02}"), String::new())).collect();
            }),
        ),
        ("metadata-key-empty", plan(|p| p.metadata[0].0.clear())),
        ("metadata-value-too-long", plan(|p| p.metadata[0].1 = "x".repeat(1025))),
        ("signer-short", plan(|p| p.signer = Some(vec![1; 19]))),
        ("opening-commitment-short", plan(|p| p.opening.as_mut().unwrap().2.truncate(31))),
    ]);
}

fn policies(cases: &mut Vec<Case>) {
    let mut off_curve = Plan::both().commitments[1].clone();
    off_curve[63] ^= 1;
    cases.extend([
        ("threshold-zero", plan(|p| p.threshold = 0)),
        ("threshold-over", plan(|p| p.threshold = 3)),
        ("threshold-lowered", plan(|p| p.threshold = 1)),
        ("model-unknown", plan(|p| p.model = 4)),
        ("model-contradicted", plan(|p| p.model = 0)),
        ("role-twice", plan(|p| (p.model, p.roles[1]) = (3, "platform".into()))),
        ("role-empty", plan(|p| (p.model, p.roles[1]) = (3, String::new()))),
        ("roles-none", plan(|p| (p.model, p.roles) = (3, vec![]))),
        (
            "shares-too-many",
            plan(|p| {
                (p.model, p.roles) = (3, (0..17).map(|i| format!("role {i}")).collect());
            }),
        ),
        ("commitments-too-few", plan(|p| p.commitments.truncate(1))),
        ("commitments-too-many", plan(|p| p.commitments.push(p.commitments[0].clone()))),
        ("commitment-off-curve", plan(|p| p.commitments[1] = off_curve)),
        ("commitment-short", plan(|p| p.commitments[1].truncate(63))),
    ]);
}

fn slots(cases: &mut Vec<Case>) {
    cases.extend([
        ("slots-not-der", pieces(|p| p.slots[0] = 0x31)),
        ("slots-with-more-behind", pieces(|p| p.slots.push(0))),
        ("slots-none", plan(|p| p.slots.clear())),
        (
            "slots-too-many",
            plan(|p| {
                let slot = p.slots[0].clone();
                p.slots = vec![slot; 1025];
            }),
        ),
        ("slot-share-zero", plan(|p| p.slots[0].0 = 0)),
        ("slot-share-beyond", plan(|p| p.slots[0].0 = 3)),
        ("slot-share-huge", plan(|p| p.slots[0].0 = 258)),
        ("slot-share-too-short", plan(|p| p.slots[1].2.truncate(31))),
        ("lock-too-short", plan(|p| p.lock.as_mut().unwrap().truncate(71))),
        ("lock-removed", plan(|p| p.lock = None)),
        ("lock-added", {
            let mut plan = Plan::signed();
            plan.lock = Plan::both().lock;
            plan.seal().bytes()
        }),
    ]);
}

fn chunks(cases: &mut Vec<Case>) {
    let right = Plan::both().seal();
    let header = right.header().len();
    let chunk = right.chunks[0].len();
    let cut = |len: usize| right.bytes()[..len].to_vec();
    // Writes a field of the head of chunk `i`, and repairs nothing.
    let head = |i: usize, at: usize, value: &[u8]| {
        pieces(|p| p.chunks[i][at..at + value.len()].copy_from_slice(value))
    };
    cases.extend([
        ("cut-before-chunks", cut(header)),
        ("cut-in-head", cut(header + chunk + 10)),
        ("cut-in-chunk", cut(header + chunk + 1000)),
        ("cut-between-chunks", cut(header + 2 * chunk)),
        ("cut-in-last-tag", cut(right.bytes().len() - 13)),
        ("no-chunks", pieces(|p| p.chunks.clear())),
        ("chunks-reordered", pieces(|p| p.chunks.swap(0, 1))),
        ("chunk-twice", pieces(|p| p.chunks.insert(1, p.chunks[0].clone()))),
        ("chunk-missing", pieces(|p| drop(p.chunks.remove(1)))),
        ("last-chunk-missing", pieces(|p| drop(p.chunks.pop()))),
        (
            "chunk-foreign",
            pieces(|p| {
                let mut other = Plan::both();
                other.file_id = vec![1; 16];
                p.chunks[1] = other.seal().chunks[1].clone();
            }),
        ),
        (
            "chunk-foreign-repaired",
            pieces(|p| {
                let mut other = Plan::both();
                other.file_id = vec![1; 16];
                let id = p.chunks[1][..8].to_vec();
                p.chunks[1] = other.seal().chunks[1].clone();
                p.chunks[1][..8].copy_from_slice(&id);
            }),
        ),
        (
            "chunks-swapped-repaired",
            pieces(|p| {
                p.chunks.swap(0, 1);
                p.chunks[0][15] = 0;
                p.chunks[1][15] = 1;
            }),
        ),
        ("chunk-length-over", head(0, 16, &65_537u32.to_be_bytes())),
        ("chunk-length-short", head(0, 16, &65_535u32.to_be_bytes())),
        ("chunk-length-zero", head(2, 16, &[0; 4])),
        ("chunk-length-huge", head(2, 16, &[0xff; 4])),
        ("chunk-flags-unknown", head(1, 20, &[0, 0, 0, 2])),
        ("chunk-index-huge", head(1, 8, &[0xff; 8])),
        ("last-flag-early", head(0, 20, &[0, 0, 0, 1])),
        ("last-flag-early-and-cut", {
            // Who knows no key shortens the bid at a chunk.
            let mut short = right.clone();
            short.chunks.truncate(2);
            short.chunks[1][23] = 1;
            short.bytes()
        }),
        ("last-flag-missing", head(2, 20, &[0; 4])),
        ("ciphertext-changed", pieces(|p| p.chunks[1][500] ^= 1)),
        ("tag-changed", pieces(|p| *p.chunks[2].last_mut().unwrap() ^= 1)),
        ("chunk-of-no-text-at-the-end", {
            let mut pieces = right.clone();
            let last = pieces.chunks.pop().unwrap();
            let mut full = Plan::both();
            full.content.truncate(131_072);
            pieces.chunks.push(Plan::both().chunk(2, 1, &[]));
            drop(last);
            pieces.bytes()
        }),
    ]);
}

fn ends(cases: &mut Vec<Case>) {
    let signed = Plan::signed().seal();
    let resigned = |change: fn(&mut Plan)| {
        let mut plan = Plan::signed();
        change(&mut plan);
        plan.seal().bytes()
    };
    let with_trailer = |trailer: Vec<u8>| {
        let mut pieces = signed.clone();
        pieces.trailer = trailer;
        pieces.bytes()
    };
    cases.extend([
        ("no-trailer", pieces(|p| p.trailer.clear())),
        ("trailer-cut", pieces(|p| p.trailer.truncate(11))),
        ("end-magic-changed", pieces(|p| *p.trailer.last_mut().unwrap() ^= 1)),
        ("trailing-byte", pieces(|p| p.trailer.push(0))),
        ("trailing-second-trailer", pieces(|p| p.trailer = [trailer(b""), trailer(b"")].concat())),
        ("trailing-chunk", pieces(|p| p.chunks.push(Plan::both().chunk(3, 1, b"more")))),
        ("trailing-much", pieces(|p| p.trailer.extend([0; 70_000]))),
        ("signature-length-over", pieces(|p| p.trailer = trailer(&[1; 65_537]))),
        (
            "signature-length-wrong",
            with_trailer({
                let mut end = signed.trailer.clone();
                let at = end.len() - 9;
                end[at] += 1;
                end
            }),
        ),
        ("signature-stripped", with_trailer(trailer(b""))),
        ("signature-added", pieces(|p| p.trailer = trailer(&Parts::new().sign(b"anything")))),
        (
            "signature-of-other-signer",
            resigned(|p| {
                p.signer = Some(super::writer::key_id(key("platform").public_key()));
            }),
        ),
        ("signature-of-other-content", {
            // Who can open the bid makes another body for it.
            let mut pieces = signed.clone();
            let mut other = Plan::signed();
            other.content = b"two offer".to_vec();
            pieces.chunks = other.seal().chunks;
            pieces.bytes()
        }),
        ("signature-of-other-bid", {
            let mut other = Plan::signed();
            other.names[2] = "else".into();
            with_trailer(trailer(&Parts::new().sign(&statement(&other.manifest(), &other.seal().chunks))))
        }),
    ]);
    signatures(cases, &signed, with_trailer);
}

/// What stands in the place of the signature and is not the one that the format wants, or not by whom it wants it.
fn signatures(cases: &mut Vec<Case>, signed: &Pieces, with_trailer: impl Fn(Vec<u8>) -> Vec<u8>) {
    let statement = statement(&signed.manifest, &signed.chunks);
    let parts = |change: fn(&mut Parts)| {
        let mut parts = Parts::new();
        change(&mut parts);
        with_trailer(trailer(&parts.sign(&statement)))
    };
    let mut attached = Parts::new();
    attached.content = Some(statement.clone());
    cases.extend([
        ("signature-bare", with_trailer(trailer(&bare(&statement)))),
        ("signature-with-content", with_trailer(trailer(&attached.sign(&statement)))),
        ("signature-of-nobody", parts(|p| p.signers.clear())),
        ("signature-of-two", parts(|p| p.signers.push("platform"))),
        ("signature-of-other-attributes", parts(|p| p.covered = Some(b"else".to_vec()))),
        ("signature-without-certificate", parts(|p| p.certificates = Some(vec![]))),
        ("signature-with-other-certificate", {
            // The same key and name: but this is not the one that it was made under.
            parts(|p| {
                let mut other = certificate("signer", key("signer").public_key(), SIGNING);
                *other.last_mut().unwrap() ^= 1;
                p.certificates = Some(vec![other]);
            })
        }),
        ("signature-with-certificate-for-decryption", parts(|p| p.usage = DECRYPTION)),
    ]);
}

fn secrets(cases: &mut Vec<Case>) {
    let point =
        |a: u8| PublicPoint::mul_base(&SecretScalar::from_bytes(&[a; 32]).unwrap()).to_bytes().to_vec();
    let lock = |change: fn(&mut Vec<u8>)| {
        plan(|p| {
            change(p.lock.as_mut().unwrap());
        })
    };
    cases.extend([
        ("commitment-wrong", plan(|p| p.commitments[1] = point(7))),
        ("commitment-of-secret-wrong", plan(|p| p.commitments[0] = point(7))),
        (
            "shares-swapped",
            plan(|p| {
                let first = p.slots[0].2.clone();
                p.slots[0].2 = std::mem::replace(&mut p.slots[1].2, first);
            }),
        ),
        (
            "share-of-other-bid",
            plan(|p| {
                let other: Vec<SecretBytes> = vec![[1; 32], [2; 32]];
                p.slots[1].2 = evaluate(&other, 2).to_vec();
            }),
        ),
        ("share-zero", plan(|p| p.slots[0].2 = vec![0; 32])),
        ("share-out-of-range", plan(|p| p.slots[0].2 = vec![0xff; 32])),
        ("slot-for-stranger", plan(|p| p.slots[0].1 = *key("stranger").public_key())),
        ("lock-without-label", lock(|lock| lock[0] ^= 1)),
        ("lock-of-other-time", lock(|lock| lock[16..24].copy_from_slice(&(NOT_BEFORE - 1).to_be_bytes()))),
        ("lock-of-other-file", lock(|lock| lock[24] ^= 1)),
        ("lock-of-other-secret", lock(|lock| lock[71] ^= 1)),
        ("lock-commitment-wrong", plan(|p| p.opening.as_mut().unwrap().2 = vec![0; 32])),
    ]);
}

fn indexes(cases: &mut Vec<Case>) {
    let name = |name: &[u8]| plan(|p| p.index[1].0 = name.to_vec());
    let body = |index: Vec<u8>, len: u32| {
        let plan = Plan::both();
        plan.seal_body(&[&plan.content[..], &index, &len.to_be_bytes()].concat()).bytes()
    };
    let right = seq(&[seq(&[tlv(0x0c, b"a"), int(0), int(150_000)])]);
    let right_len = u32::try_from(right.len()).unwrap();
    let entry = |i: u32| seq(&[tlv(0x0c, i.to_string().as_bytes()), int(0), int(0)]);
    let many = tlv(0x30, &(0..100_001).map(entry).collect::<Vec<_>>().concat());
    let many_len = u32::try_from(many.len()).unwrap();
    cases.extend([
        ("name-parent", name(b"../a")),
        ("name-parent-inside", name(b"a/../../b")),
        ("name-absolute", name(b"/etc/passwd")),
        ("name-dot", name(b"./a")),
        ("name-empty", name(b"")),
        ("name-empty-part", name(b"a//b")),
        ("name-backslash", name(b"a\\..\\b")),
        ("name-drive", name(b"C:/a")),
        ("name-control", name(b"a\0b")),
        ("name-not-utf8", name(b"\xff\xfe")),
        ("name-too-long", name(&b"abc/".repeat(300)[..1199])),
        ("name-twice", plan(|p| p.index[1].0 = p.index[0].0.clone())),
        ("name-is-folder", plan(|p| p.index[1].0 = "投标文件".into())),
        ("file-overlaps", plan(|p| p.index[1].1 = 99_999)),
        ("file-behind-gap", plan(|p| (p.index[1].1, p.index[1].2) = (100_001, 49_998))),
        ("file-beyond-body", plan(|p| p.index[2].2 = 2)),
        ("file-size-huge", plan(|p| p.index[2].2 = (1 << 63) - 1)),
        ("file-none-for-bytes", plan(|p| drop(p.index.pop()))),
        ("index-not-der", body([&[0x31], &right[1..]].concat(), right_len)),
        ("index-entry-short", body(seq(&[seq(&[tlv(0x0c, b"a"), int(0)])]), right_len - 4)),
        (
            "index-number-negative",
            body(seq(&[seq(&[tlv(0x0c, b"a"), tlv(2, &[0xff]), int(150_000)])]), right_len),
        ),
        ("index-length-short", body(right.clone(), right_len - 1)),
        ("index-length-beyond-body", body(right.clone(), 1_000_000)),
        ("index-too-large", body(right, (16 << 20) + 1)),
        ("index-too-many-files", body(many, many_len)),
        ("body-too-short", Plan::both().seal_body(b"abc").bytes()),
    ]);
}
