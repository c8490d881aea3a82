//! Request frames of both suites, built from the written layout without the code under test: what a hostile client can
//! send.

use sm3::{Digest, Sm3};

use crate::naive;

/// The facts of a key that go into its requests.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Suite: 1 is D, 2 is F2.
    pub suite: u8,
    /// Key id.
    pub key_id: [u8; 16],
    /// Share epoch.
    pub epoch: u32,
    /// `P`, `x || y`.
    pub public_key: [u8; 64],
    /// `K_auth`, by which the server tells a right PIN.
    pub auth: [u8; 32],
}

/// `"SM2-COSIGN-D-V1/" || label || 00`, padded to one block.
fn tag(label: &str) -> [u8; 64] {
    let text = format!("SM2-COSIGN-D-V1/{label}\0");
    let mut block = [0; 64];
    block[..text.len()].copy_from_slice(text.as_bytes());
    block
}

/// SM3 over a tag, the facts of a key, a session, a number of items and what follows: the hashes of a request.
fn bound(label: &str, facts: &Facts, sid: [u8; 16], count: u16, rest: &[u8]) -> [u8; 32] {
    let hash = Sm3::new()
        .chain_update(tag(label))
        .chain_update([1, facts.suite])
        .chain_update(facts.key_id)
        .chain_update(facts.epoch.to_be_bytes())
        .chain_update(facts.public_key)
        .chain_update(sid)
        .chain_update(count.to_be_bytes())
        .chain_update(rest);
    hash.finalize().into()
}

/// Bytes of an item of an operation; what is not made of items has one of the length of its body.
#[must_use]
pub const fn item_len(op: u8) -> usize {
    match op {
        1 => 160,
        2 | 3 | 0x0a => 64,
        6 => 32,
        7 => 96,
        8 => 81,
        _ => 144,
    }
}

/// A whole frame of op 01, 02, 03, 05 or 08 around `items`, with the right length field, hash and tag.
#[must_use]
pub fn request(facts: &Facts, op: u8, sid: [u8; 16], ts_ms: u64, items: &[u8]) -> Vec<u8> {
    let count = u16::try_from(items.len() / item_len(op)).unwrap_or(u16::MAX);
    counted(facts, op, sid, ts_ms, count, items)
}

/// A whole frame of op 01, 02, 03, 05, 06, 07, 08 or 0A that says how many items it has, with the right hash and tag.
#[must_use]
pub fn counted(facts: &Facts, op: u8, sid: [u8; 16], ts_ms: u64, count: u16, body: &[u8]) -> Vec<u8> {
    let label = match op {
        1 => "req",
        2 => "dec",
        3 => "ref",
        6 => "reqC",
        8 => "spl",
        _ => "ref3",
    };
    let pin_tag = match op {
        5 | 7 | 0x0a => [0; 32],
        _ => {
            let h_req = bound(label, facts, sid, count, body);
            naive::hmac(&facts.auth, &[b"SM2-COSIGN-D-V1/pintag\0", &h_req, &ts_ms.to_be_bytes()])
        }
    };
    let start = [1, facts.suite, op, 0];
    let epoch = facts.epoch.to_be_bytes();
    let header = [&start[..], &facts.key_id, &epoch, &sid, &ts_ms.to_be_bytes(), &pin_tag];
    [&header.concat()[..], &count.to_be_bytes(), body].concat()
}

/// Whether a frame of op 01, 02, 03, 06 or 08 is under the PIN tag of a key, in whatever epoch it names.
#[must_use]
pub fn is_tagged(facts: &Facts, frame: &[u8]) -> bool {
    let Some((header, body)) = frame.split_at_checked(82) else { return false };
    let facts = Facts { epoch: u32::from_be_bytes(header[20..24].try_into().unwrap()), ..facts.clone() };
    let sid = header[24..40].try_into().unwrap();
    let ts_ms = u64::from_be_bytes(header[40..48].try_into().unwrap());
    let count = u16::from_be_bytes([header[80], header[81]]);
    frame == counted(&facts, header[2], sid, ts_ms, count, body)
}

/// The session in which what a PIN derives is evaluated for a request in session `sid`.
#[must_use]
pub fn evaluation_session(key_id: &[u8; 16], sid: &[u8; 16]) -> [u8; 16] {
    let hash = Sm3::new().chain_update(tag("po-sid")).chain_update(key_id).chain_update(sid).finalize();
    hash[..16].try_into().unwrap()
}

/// The commitment of suite F2 to an `opening`: `count` items and a salt.
#[must_use]
pub fn commitment(facts: &Facts, sid: [u8; 16], count: u16, opening: &[u8]) -> [u8; 32] {
    bound("com", facts, sid, count, opening)
}

/// The item of op 05 around `rid || A || z` (112 bytes), with the right MAC.
#[must_use]
pub fn confirmation(auth: &[u8; 32], rid_and_proof: &[u8]) -> Vec<u8> {
    let mac = naive::hmac(auth, &[b"SM2-COSIGN-D-V1/refresh-ok\0", rid_and_proof]);
    [rid_and_proof, &mac].concat()
}

/// A Fiat-Shamir challenge before it is reduced: SM3 over its parts.
#[must_use]
pub fn challenge(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sm3::new().chain_update(tag("pok")), Sm3::chain_update).finalize().into()
}

/// What the proofs of a key generation are bound to.
#[must_use]
pub fn context(suite: u8, key_id: [u8; 16], purpose: u8, sid: [u8; 16]) -> Vec<u8> {
    [&[1, suite][..], &key_id, &[purpose], &sid].concat()
}

/// The two frames of a key generation for `opening` = `PA || A_A || z_A || salt || K_auth || P` (288 bytes): op 10 with
/// the commitment that it opens, and op 11.
#[must_use]
pub fn key_generation(
    suite: u8,
    key_id: [u8; 16],
    purpose: u8,
    sid: [u8; 16],
    opening: &[u8],
) -> [Vec<u8>; 2] {
    let commitment = Sm3::new()
        .chain_update(tag("kgcom"))
        .chain_update(context(suite, key_id, purpose, sid))
        .chain_update(opening.get(..192).unwrap_or(opening))
        .finalize();
    let start = [&[1, suite, 0x10, 0][..], &key_id, &sid, &[purpose], &commitment].concat();
    let open = [&[1, suite, 0x11, 0][..], &key_id, &sid, opening].concat();
    [start, open]
}

/// Op 14: op 10 with a blinded PIN.
#[must_use]
pub fn oblivious_key_generation(start: &[u8], alpha: &[u8; 64]) -> Vec<u8> {
    [&start[..2], &[0x14], &start[3..], alpha].concat()
}

/// Op 12 around a certification request.
#[must_use]
pub fn activation(suite: u8, key_id: [u8; 16], sid: [u8; 16], request: &[u8]) -> Vec<u8> {
    let len = u32::try_from(request.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[1, suite, 0x12, 0][..], &key_id, &sid, &len, request].concat()
}

/// Op 13 around `PA || A || z || dB || K_auth || P` (288 bytes).
#[must_use]
pub fn import(suite: u8, key_id: [u8; 16], sid: [u8; 16], body: &[u8]) -> Vec<u8> {
    [&[1, suite, 0x13, 0][..], &key_id, &sid, body].concat()
}

/// What an answer says by its layout alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Suite byte.
    pub suite: u8,
    /// Status byte, 00 for success.
    pub status: u8,
    /// Session.
    pub sid: [u8; 16],
    /// Everything after the session: number of items and items, or length and detail.
    pub rest: Vec<u8>,
}

/// Reads an answer of suite D, insisting on its layout.
#[must_use]
pub fn answer(frame: &[u8]) -> Answer {
    let answer = any_answer(frame);
    assert_eq!(answer.suite, 1, "suite");
    answer
}

/// Reads an answer of either suite, insisting on its layout.
#[must_use]
pub fn any_answer(frame: &[u8]) -> Answer {
    assert!(frame.len() >= 20, "an answer of {} bytes", frame.len());
    assert!(matches!(frame[..2], [1, 1 | 2]), "version and suite");
    let (status, rest) = (frame[2], &frame[20..]);
    if status == 0 {
        assert!(frame[3] <= 9, "failures since the last success");
    } else {
        assert!(status <= 0x10, "status {status:02x} is not a server's");
        assert_eq!(frame[3], 0);
        let expected = match status {
            0x04 => 4,
            0x08 => 8,
            0x0a => 5,
            _ => 0,
        };
        assert_eq!(rest.len(), 2 + expected, "detail of status {status:02x}");
        assert_eq!(usize::from(u16::from_be_bytes([rest[0], rest[1]])), expected);
    }
    Answer { suite: frame[1], status, sid: frame[4..20].try_into().unwrap(), rest: rest.to_vec() }
}
