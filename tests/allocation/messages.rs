//! Signed and encrypted messages. The bounds are those of the module `envelope::cms`.

use std::io::Cursor;

use cosign_tests::{
    bid_kit::{
        key,
        writer::{int, octets, seq, tlv, utf8},
    },
    random::Seeded,
    seeds::{SIGNING, certificate},
};
use envelope::{
    Certificate, Error, armor,
    cms::{Compat, Decoded, Dialect, Header, Signer},
    error::InvalidMessage,
    io::{read_header, scan},
    simple::{self, Placement},
};
use sm_primitives::sm2::{dsa, pke};

use crate::{KIB, MIB, count::alone, within};

/// A header, however long.
const HEADER: usize = 4 * MIB;
/// What follows the content of a signed message.
const SIGNATURES: usize = 12 * MIB;
/// What is noticed at once, and the buffers of reading a file.
const AT_ONCE: usize = 512 * KIB;

const ENVELOPED: [u8; 10] = [0x2a, 0x81, 0x1c, 0xcf, 0x55, 6, 1, 4, 2, 3];
const SIGNED: [u8; 10] = [0x2a, 0x81, 0x1c, 0xcf, 0x55, 6, 1, 4, 2, 2];
const DATA: [u8; 10] = [0x2a, 0x81, 0x1c, 0xcf, 0x55, 6, 1, 4, 2, 1];

/// Of a message with indefinite lengths: everything that stands around this.
fn message(kind: &[u8], fields: &[u8]) -> Vec<u8> {
    let around = [&[0x30, 0x80][..], &tlv(6, kind), &[0xa0, 0x80, 0x30, 0x80], fields];
    [&around.concat()[..], &[0; 6]].concat()
}

/// An element whose length may have three bytes.
fn large(tag: u8, body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    assert_eq!(len[0], 0);
    [&[tag, 0x83][..], &len[1..], body].concat()
}

/// The head of an element of a gigabyte, and a little of it.
fn gigabyte(tag: u8) -> Vec<u8> {
    [&[tag, 0x84, 0x40, 0, 0, 0][..], &[0x30; 100]].concat()
}

/// Fields of a signedData up to its content, which is not there.
fn signed(fields: &[&[u8]]) -> Vec<u8> {
    let sm3 = seq(&[tlv(6, &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x11])]);
    let before = [int(1), tlv(0x31, &sm3), seq(&[tlv(6, &DATA)])].concat();
    message(&SIGNED, &[&before[..], &fields.concat()].concat())
}

fn enveloped(recipients: &[u8]) -> Vec<u8> {
    let content = seq(&[
        tlv(6, &DATA),
        seq(&[tlv(6, &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x68, 2]), octets(&[0; 16])]),
        tlv(0x80, &[0; 16]),
    ]);
    message(&ENVELOPED, &[&int(2)[..], recipients, &content].concat())
}

/// All that can be read of a message without a key: header, and what follows the content.
fn outside(name: &str, bytes: &[u8], bound: usize, accepted: bool) {
    within(name, bound, accepted, || {
        let mut input = Cursor::new(bytes);
        Ok::<_, envelope::io::Error>(match read_header(Compat::STRICT, &mut input)? {
            Decoded::Plain(header) => scan(header.scan(), &mut input)?,
            Decoded::Header(header) => scan(header.scan(), &mut input)?,
            Decoded::NeedsMore(_) => return Err(Error::from(InvalidMessage::Truncated).into()),
        })
    });
}

#[test]
fn announced_lengths_cost_nothing() {
    let _alone = alone();
    let huge = [0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    outside("a message", &huge, AT_ONCE, false);
    outside("a type", &[&huge[..], &gigabyte(6)].concat(), AT_ONCE, false);
    outside("recipients", &enveloped(&gigabyte(0x31)), AT_ONCE, false);
    outside("algorithms", &message(&SIGNED, &[int(1), gigabyte(0x31)].concat()), AT_ONCE, false);
    for (name, tag) in [("certificates", 0xa0), ("lists", 0xa1), ("signers", 0x31)] {
        outside(name, &signed(&[&gigabyte(tag)]), AT_ONCE, false);
    }
    // One that contradicts the length around it.
    outside("inside out", &signed(&[&tlv(0xa0, &gigabyte(0x30))]), AT_ONCE, false);
    let content = [&int(1)[..], &tlv(0x31, &[]), &[0x30, 0x80], &tlv(6, &DATA)].concat();
    let content =
        [&content[..], &[0xa0, 0x80, 0x04, 0x88, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
    outside("content", &message(&SIGNED, &content), AT_ONCE, false);
    within("a certificate", AT_ONCE, false, || Certificate::parse(&huge));
    within("a certificate inside", AT_ONCE, false, || Certificate::parse(&seq(&[gigabyte(0x30)])));
}

#[test]
fn nested_elements() {
    let _alone = alone();
    let nest = |levels: usize| [0x30, 0x80].repeat(levels);
    outside("a message", &nest(500_000), AT_ONCE, false);
    outside("recipients", &enveloped(&[&[0x31, 0x80][..], &nest(500_000)].concat()), AT_ONCE, false);
    outside("recipients in one piece", &enveloped(&large(0x31, &nest(500_000))), HEADER, false);
    let closed = [nest(200_000), [0, 0].repeat(200_000)].concat();
    outside("recipients that end", &enveloped(&large(0x31, &closed)), HEADER, false);
    outside("certificates", &signed(&[&large(0xa0, &closed)]), SIGNATURES, false);
    outside("signers", &signed(&[&large(0x31, &closed)]), SIGNATURES, false);
    within("a certificate", HEADER, false, || Certificate::parse(&closed));
}

fn name(len: usize) -> Vec<u8> {
    seq(&[tlv(0x31, &seq(&[tlv(6, &[0x55, 4, 3]), utf8(&"x".repeat(len))]))])
}

#[test]
fn thousands_of_recipients() {
    let _alone = alone();
    outside("of another kind", &enveloped(&large(0x31, &[0xa1, 0].repeat(500_000))), HEADER, false);
    outside("of nothing", &enveloped(&large(0x31, &[0x30, 0].repeat(500_000))), HEADER, false);
    let wrapped = pke::encrypt(key("platform").public_key(), &[7; 16], &mut Seeded::new(1)).unwrap();
    let algorithm = seq(&[tlv(6, &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x82, 0x2d, 3])]);
    let recipient = |len: usize| {
        let wrapped = octets(&wrapped.to_der().unwrap());
        seq(&[int(1), seq(&[name(len), int(5)]), algorithm.clone(), wrapped])
    };
    let full = enveloped(&large(0x31, &recipient(800).repeat(1024)));
    assert!(full.len() > 9 * MIB / 10);
    within("1024 recipients", HEADER, true, || Header::from_bytes(&full).map(|(header, _)| header));
    let many = enveloped(&large(0x31, &recipient(1).repeat(5000)));
    within("5000 recipients", HEADER, false, || Header::from_bytes(&many).map(|(header, _)| header));
}

#[test]
fn everything_behind_the_content() {
    let _alone = alone();
    let nobody = tlv(0x31, &[]);
    for (name, tag) in [("certificates", 0xa0), ("lists", 0xa1)] {
        let many = [0x30, 0].repeat(500_000);
        outside(name, &signed(&[&large(tag, &many), &nobody]), SIGNATURES, false);
        let few = large(0x30, &[0; 4000]).repeat(250);
        outside(name, &signed(&[&large(tag, &few), &nobody]), SIGNATURES, true);
    }
    let foreign = [0xa1, 0].repeat(500_000);
    outside("of another kind", &signed(&[&large(0xa0, &foreign), &nobody]), SIGNATURES, true);

    let info = |attributes: &[u8]| {
        let sm3 = seq(&[tlv(6, &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x83, 0x11])]);
        let sm2 = seq(&[tlv(6, &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x82, 0x2d, 1])]);
        let id = seq(&[name(1), int(5)]);
        let parts = [int(1), id, sm3, large(0xa0, attributes), sm2, octets(&[0; 64])].concat();
        large(0x30, &parts)
    };
    let signers = |infos: &[u8]| signed(&[&large(0x31, infos)]);
    // In an order that has to be set right, as small as they come, and of the kinds that are kept.
    let last = seq(&[tlv(6, &[0x7f]), tlv(0x31, &[])]);
    let small = seq(&[tlv(6, &[]), tlv(0x31, &[])]);
    let unsorted = [&last[..], &small.repeat(170_000)].concat();
    outside("attributes", &signers(&info(&unsorted)), SIGNATURES, true);
    let named = tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x10, 2, 0x2f]);
    let named = seq(&[named, tlv(0x31, &[])]);
    outside("certificates by their hash", &signers(&info(&named.repeat(60_000))), SIGNATURES, true);
    outside("32 signers", &signers(&info(&small.repeat(5000)).repeat(32)), SIGNATURES, true);
    outside("33 signers", &signers(&info(&small).repeat(33)), SIGNATURES, false);
    outside("thousands of signers", &signers(&info(&small).repeat(9000)), SIGNATURES, false);
}

/// What is right is verified in as little.
#[test]
fn a_large_content() {
    let _alone = alone();
    let alice = key("signer");
    let signer = Signer::new(&certificate(alice.public_key(), SIGNING)).unwrap();
    let content = vec![7; 32 * MIB];
    let message =
        simple::sign::<Error>(vec![signer], Dialect::Standard, Placement::Attached, &content, |digests| {
            let sign = |e| dsa::sign_digest(&alice, e, &mut Seeded::new(1)).unwrap();
            Ok(digests.iter().map(sign).collect())
        });
    let message = message.unwrap();
    within("32 MiB", AT_ONCE, true, || {
        envelope::io::verify(Compat::STRICT, &mut Cursor::new(&message), std::io::sink(), &[])
    });
}

#[test]
fn texts() {
    let _alone = alone();
    for text in [vec![b'A'; 2 * MIB], [&b"-----BEGIN PKCS7-----\n"[..], &vec![b'A'; 2 * MIB]].concat()] {
        within("text", 4 * MIB, false, || armor::decode(&text));
    }
}
