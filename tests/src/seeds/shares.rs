//! Shares and private keys that travel, sealed.

use sm_primitives::{
    PublicPoint,
    sm2::{PrivateKey, PublicKey, pke},
};

use super::{Seed, add_kind, tlv};
use crate::{
    fuzz::{SIGN_D, fixture, kept_key, protection_key, receiver},
    naive,
    random::Seeded,
};

/// An invitation, and shares that were made for it or not.
pub(super) fn shares(seeds: &mut Vec<Seed>) {
    let invitation = receiver().invitation().to_bytes();
    add_kind(seeds, "records", b'n', "right", &invitation);
    add_kind(seeds, "records", b'n', "short", &invitation[..128]);
    let public_key = fixture().facts(SIGN_D).public_key;
    let start = [&[1, 1, 1][..], &invitation[17..33]].concat();
    let package = [&start[..], &public_key, &[0x21; 32], &[0x42; 32]].concat();
    let point = PublicPoint::from_bytes(invitation[65..].try_into().unwrap()).unwrap();
    let sealed = pke::encrypt(&PublicKey::from(point), &package, &mut Seeded::new(43)).unwrap().to_c1c3c2();
    add_kind(seeds, "records", b'o', "right", &sealed);
    add_kind(seeds, "records", b'o', "short", &sealed[..243]);
    let opposite = PublicPoint::generator().neg().to_bytes();
    for (name, at, bytes) in [
        ("right", 0, &[1][..]),
        ("version", 0, &[2]),
        ("suite", 1, &[3]),
        ("purpose", 2, &[3]),
        ("key-id", 3, &[0]),
        ("point", 19, &[0]),
        ("no-base", 19, &opposite),
        ("zero", 83, &[0; 32]),
        ("order", 83, &naive::bytes(&naive::N)),
    ] {
        let mut changed = package.clone();
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        add_kind(seeds, "records", b'p', name, &changed);
    }
    add_kind(seeds, "records", b'p', "long", &[&package[..], &[0]].concat());
}

const SM4_ECB: [u8; 10] = [0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x68, 0x01];

/// A private key in an envelope, from its parts.
pub(crate) fn enveloped_key(wrapped: &[u8], key: &PublicKey, encrypted: &[u8]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&SM4_ECB, &[5, 0]]);
    let point = tlv(3, &[&[0], &key.as_point().to_sec1()]);
    tlv(0x30, &[&algorithm, wrapped, &point, &tlv(3, &[&[0], encrypted])])
}

/// A private key, sealed by the code under test and from its parts.
pub(super) fn enveloped_keys(seeds: &mut Vec<Seed>) {
    let (kept, protection) = (kept_key(), protection_key());
    let sealed = |to: &PrivateKey| {
        envelope::enveloped_key::seal(&kept, to.public_key(), &mut Seeded::new(41)).unwrap()
    };
    add_kind(seeds, "envelope_key", b'd', "right", &sealed(&protection));
    add_kind(seeds, "envelope_key", b'd', "of-another", &sealed(&kept));
    let d = kept.expose_bytes();
    for (name, len, contents) in [
        ("right", 16, &d[..]),
        ("behind-zeros", 16, &[&[0; 32], &d[..]].concat()),
        ("behind-ones", 16, &[&[1; 32], &d[..]].concat()),
        ("another", 16, &[1; 32]),
        ("order", 16, &naive::bytes(&naive::N)),
        ("short", 16, &d[1..]),
        ("short-wrapping-key", 15, &d[..]),
    ] {
        add_kind(seeds, "envelope_key", b's', name, &[&[len][..], &vec![7; len.into()], contents].concat());
    }
}
