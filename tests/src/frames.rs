//! Request frames built from the written layout, without the code under test: what a hostile client can send.

use sm3::{Digest, Sm3};

use crate::naive;

/// The facts of a key that go into its requests.
#[derive(Clone, Debug)]
pub struct Facts {
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

/// A whole frame of op 01, 02, 03 or 05 around `items`, with the right length field, hash and tag.
#[must_use]
pub fn request(facts: &Facts, op: u8, sid: [u8; 16], ts_ms: u64, items: &[u8]) -> Vec<u8> {
    let (label, item_len) = match op {
        1 => ("req", 160),
        2 => ("dec", 64),
        3 => ("ref", 64),
        _ => ("ref3", 144),
    };
    let count = u16::try_from(items.len() / item_len).unwrap_or(u16::MAX).to_be_bytes();
    let h_req = Sm3::new()
        .chain_update(tag(label))
        .chain_update([1, 1])
        .chain_update(facts.key_id)
        .chain_update(facts.epoch.to_be_bytes())
        .chain_update(facts.public_key)
        .chain_update(sid)
        .chain_update(count)
        .chain_update(items)
        .finalize();
    let pin_tag = match op {
        5 => [0; 32],
        _ => naive::hmac(&facts.auth, &[b"SM2-COSIGN-D-V1/pintag\0", &h_req, &ts_ms.to_be_bytes()]),
    };
    let header =
        [&[1, 1, op, 0][..], &facts.key_id, &facts.epoch.to_be_bytes(), &sid, &ts_ms.to_be_bytes(), &pin_tag];
    [&header.concat()[..], &count, items].concat()
}

/// The item of op 05 around `rid || A || z` (112 bytes), with the right MAC.
#[must_use]
pub fn confirmation(auth: &[u8; 32], rid_and_proof: &[u8]) -> Vec<u8> {
    let mac = naive::hmac(auth, &[b"SM2-COSIGN-D-V1/refresh-ok\0", rid_and_proof]);
    [rid_and_proof, &mac].concat()
}

/// The two frames of a key generation for `opening` = `PA || A_A || z_A || salt || K_auth || P` (288 bytes): op 10 with
/// the commitment that it opens, and op 11.
#[must_use]
pub fn key_generation(key_id: [u8; 16], purpose: u8, sid: [u8; 16], opening: &[u8]) -> [Vec<u8>; 2] {
    let commitment = Sm3::new()
        .chain_update(tag("kgcom"))
        .chain_update([1, 1])
        .chain_update(key_id)
        .chain_update([purpose])
        .chain_update(sid)
        .chain_update(opening.get(..192).unwrap_or(opening))
        .finalize();
    let start = [&[1, 1, 0x10, 0][..], &key_id, &sid, &[purpose], &commitment].concat();
    let open = [&[1, 1, 0x11, 0][..], &key_id, &sid, opening].concat();
    [start, open]
}

/// Op 12 around a certification request.
#[must_use]
pub fn activation(key_id: [u8; 16], sid: [u8; 16], request: &[u8]) -> Vec<u8> {
    let len = u32::try_from(request.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[1, 1, 0x12, 0][..], &key_id, &sid, &len, request].concat()
}

/// What an answer says by its layout alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status byte, 00 for success.
    pub status: u8,
    /// Session.
    pub sid: [u8; 16],
    /// Everything after the session: number of items and items, or length and detail.
    pub rest: Vec<u8>,
}

/// Reads an answer, insisting on its layout.
#[must_use]
pub fn answer(frame: &[u8]) -> Answer {
    assert!(frame.len() >= 20, "an answer of {} bytes", frame.len());
    assert_eq!(frame[..2], [1, 1], "version and suite");
    let (status, rest) = (frame[2], &frame[20..]);
    if status == 0 {
        assert!(frame[3] <= 9, "failures since the last success");
    } else {
        assert!(status <= 0x0f, "status {status:02x} is not a server's");
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
    Answer { status, sid: frame[4..20].try_into().unwrap(), rest: rest.to_vec() }
}
