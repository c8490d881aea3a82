//! The log against the definitions of RFC 9162 written as they stand there, over another implementation of SM3.

mod export;
mod record;
mod tree;

use std::{format, vec::Vec};

use sm_primitives::sm2::PrivateKey;

use super::{Act, Event, Hash, Record, SignatureItem};
use crate::ids::{DeviceId, KeyId, SessionId};

/// SM3 of another implementation.
fn sm3(parts: &[&[u8]]) -> Hash {
    use sm3::Digest as _;
    let mut hasher = sm3::Sm3::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// The largest power of two below `n`.
fn k(n: usize) -> usize {
    (0..).map(|level| 1 << level).take_while(|power| *power < n).last().unwrap()
}

/// `MTH(D[n])`.
fn mth(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => sm3(&[]),
        [only] => sm3(&[&[0], only]),
        _ => {
            let (left, right) = leaves.split_at(k(leaves.len()));
            sm3(&[&[1], &mth(left), &mth(right)])
        }
    }
}

/// `PATH(m, D[n])`.
fn path(m: usize, leaves: &[Vec<u8>]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = k(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut inner, sibling) =
        if m < k { (path(m, left), mth(right)) } else { (path(m - k, right), mth(left)) };
    inner.push(sibling);
    inner
}

/// `SUBPROOF(m, D[n], b)`.
fn subproof(m: usize, leaves: &[Vec<u8>], whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { Vec::from([mth(leaves)]) };
    }
    let k = k(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut inner, sibling) = if m <= k {
        (subproof(m, left, whole), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    inner.push(sibling);
    inner
}

fn log_key(byte: u8) -> PrivateKey {
    PrivateKey::from_bytes(&[byte; 32]).unwrap()
}

const KEY: KeyId = KeyId::from_bytes([1; 16]);

/// Records of every kind, those with an even number about [`KEY`].
fn records(count: u64) -> Vec<Record> {
    (1..=count)
        .map(|seq| {
            let mut event = Event::administration(1000 + seq, Act::FREEZE, format!("note {seq}"));
            if seq % 2 == 0 {
                event = event.about(KEY, Some(DeviceId::from_bytes([2; 32])));
                event.sid = Some(SessionId::from_bytes([3; 16]));
                event.h_req = Some([4; 32]);
                event.items = Vec::from([SignatureItem { digest: [5; 32], r: [6; 32] }]);
                event.count = 1;
            }
            if seq % 4 == 0 {
                event.public_key = Some([7; 64]);
            }
            Record { seq, event }
        })
        .collect()
}
