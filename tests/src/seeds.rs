//! The first inputs of every fuzz target, made from the vectors and from sessions with fixed randomness.

use cosign_core::{
    KeyId, LogId, Op,
    audit::{Act, Event, Frontier, InclusionProof, Item, Record, SignatureItem, TreeHead},
    framing,
    server::PendingRefresh,
};
use envelope::{Recipient, Sm2Recipient, simple};
use sm_primitives::sm2::{PrivateKey, PublicKey};

use crate::{
    frames,
    fuzz::{AT, SIGN_D, fixture},
    model::DEVICE,
    random::Seeded,
    vectors::{Leaves, load},
};

mod bids;
mod messages;
mod pki;
mod scripts;
mod seals;
mod shares;

pub(crate) use shares::enveloped_key;

/// A target, the name of a file in its corpus, and its contents.
pub type Seed = (&'static str, String, Vec<u8>);

/// All of them, the same every time.
#[must_use]
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    scripts::server(&mut seeds);
    scripts::client(&mut seeds);
    requests(&mut seeds);
    records(&mut seeds);
    encodings(&mut seeds);
    keys(&mut seeds);
    envelopes(&mut seeds);
    bids::bids(&mut seeds);
    messages::messages(&mut seeds);
    pki::all(&mut seeds);
    seals::all(&mut seeds);
    shares::shares(&mut seeds);
    shares::enveloped_keys(&mut seeds);
    exports(&mut seeds);
    signed_request(&mut seeds);
    seeds
}

fn add(seeds: &mut Vec<Seed>, target: &'static str, name: &str, data: impl Into<Vec<u8>>) {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    seeds.push((target, name.to_lowercase(), data.into()));
}

/// The example of the documentation, and what is not quite it.
fn signed_request(seeds: &mut Vec<Seed>) {
    let document = include_str!("../../docs/webhooks.md");
    let line = |start: &str| document.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
    let (input, signature) = (line("Signature-Input: "), line("Signature: "));
    let body = "{\"url\":\"https://platform.example.com/hook\"}";
    let reads = input.replace(" \"content-digest\" \"idempotency-key\"", "");
    let nonce = input.replace(";keyid", ";nonce=\"n\";keyid");
    for (name, input) in [("acting", input), ("reading", &reads), ("nonce", &nonce)] {
        add(seeds, "http_signature", name, format!("{input}\n{signature}\n{body}"));
    }
}

/// An input that begins with what it is.
fn add_kind(seeds: &mut Vec<Seed>, target: &'static str, kind: u8, name: &str, data: &[u8]) {
    add(seeds, target, &format!("{}-{name}", char::from(kind)), [&[kind], data].concat());
}

fn requests(seeds: &mut Vec<Seed>) {
    let fixture = fixture();
    for (name, key) in [("sign", &fixture.d[0]), ("encryption", &fixture.d[1]), ("f2", &fixture.f2[0])] {
        add(seeds, "certification_request", name, &key.request[..]);
    }
}

fn records(seeds: &mut Vec<Seed>) {
    let record = fixture().key(SIGN_D).record.to_bytes();
    add_kind(seeds, "records", b'l', "own", &record[..]);
    let mut changed = record.clone();
    changed[187] ^= 1;
    add_kind(seeds, "records", b'l', "tag-changed", &changed[..]);

    let mut server = fixture().server();
    let key_id = fixture().key_id(SIGN_D);
    let share = server.keys[&key_id].share.expose_bytes();
    let frame = frames::request(&fixture().facts(SIGN_D), 3, [1; 16], AT, &[0x33; 64]);
    server.handle(&frame, &DEVICE, AT, &mut Seeded::new(1));
    let pending = server.keys[&key_id].pending.as_ref().map(PendingRefresh::expose_bytes).unwrap();
    add_kind(seeds, "records", b's', "share", &share[..]);
    add_kind(seeds, "records", b's', "pending", &pending);
    for (name, text) in [
        ("key-id", "00112233445566778899aabbccddeeff"),
        ("pin", "258013"),
        ("pin-with-letter", "25801a"),
        ("empty", ""),
    ] {
        add_kind(seeds, "records", b'i', name, text.as_bytes());
    }
    let device = "0123456789abcdefABCDEF0123456789".repeat(2);
    add_kind(seeds, "records", b'i', "device-id", device.as_bytes());

    let frame = load("suite-d/keygen").bytes("/sign/K1_K2/request");
    let mut stream = vec![3];
    framing::encode(1, framing::Kind::Protocol, &frame, &mut stream).unwrap();
    framing::encode(u64::MAX, framing::Kind::Refused, b"busy", &mut stream).unwrap();
    add_kind(seeds, "records", b'f', "two-frames", &stream);
    add_kind(seeds, "records", b'f', "too-long", &[9, 0, 0x10, 0, 1, 0, 0]);
    add_kind(seeds, "records", b'f', "unknown-kind", &[1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
}

fn encodings(seeds: &mut Vec<Seed>) {
    for vector in &load("tongsuo-sm2-sign").list("")[..4] {
        let name = format!("tongsuo-{}", vector["tcId"]);
        add_kind(seeds, "sm2", b's', &name, &vector.bytes("/sig_der"));
        let pad = |text: &str| hex::decode(format!("{text:0>64}")).unwrap();
        let raw = [pad(vector.text("/r")), pad(vector.text("/s"))].concat();
        add_kind(seeds, "sm2", b's', &format!("{name}-raw"), &raw);
    }
    for file in ["tongsuo-sm2-encrypt", "gmssl-sm2-encrypt"] {
        let tests = load(file);
        let short = tests.list("").iter().filter(|vector| vector.text("/msg").len() < 100).take(3);
        for vector in short {
            let name = format!("{file}-{}", vector["tcId"]);
            add_kind(seeds, "sm2", b'c', &name, &vector.bytes("/ct_der"));
            add_kind(seeds, "sm2", b'c', &format!("{name}-raw"), &vector.bytes("/c1c3c2"));
        }
    }
    let point = fixture().facts(SIGN_D).public_key;
    add_kind(seeds, "sm2", b'p', "raw", &point);
    add_kind(seeds, "sm2", b'p', "sec1", &[&[4][..], &point].concat());
    add_kind(seeds, "sm2", b'p', "compressed-even", &[&[2][..], &point[..32]].concat());
    add_kind(seeds, "sm2", b'p', "compressed-odd", &[&[3][..], &point[..32]].concat());
    add_kind(seeds, "sm2", b'p', "identity", &[0]);
}

const EC_PUBLIC_KEY: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SM2_CURVE: [u8; 10] = [0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d];
const SM2_WITH_SM3: [u8; 10] = [0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75];

/// DER with a length below 2^16.
fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let [high, low] = u16::try_from(contents.len()).unwrap().to_be_bytes();
    let length: &[u8] = match contents.len() {
        0..0x80 => &[low],
        0x80..0x100 => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, &contents].concat()
}

fn some_key() -> (PrivateKey, PublicKey) {
    let private = PrivateKey::from_bytes(&[0x42; 32]).unwrap();
    let public = *private.public_key();
    (private, public)
}

fn keys(seeds: &mut Vec<Seed>) {
    let (private, public) = some_key();
    add_kind(seeds, "sm2", b'u', "spki", &public.to_spki_der());
    add_kind(seeds, "sm2", b'u', "spki-pem", public.to_spki_pem().as_bytes());
    let compressed = [&[0, 2][..], &public.as_point().x_bytes()].concat();
    let algorithm = tlv(0x30, &[&EC_PUBLIC_KEY, &SM2_CURVE]);
    let spki = tlv(0x30, &[&algorithm, &tlv(3, &[&compressed])]);
    add_kind(seeds, "sm2", b'u', "spki-compressed", &spki);

    add_kind(seeds, "sm2", b'k', "pkcs8", &private.to_pkcs8_der());
    add_kind(seeds, "sm2", b'k', "pkcs8-pem", private.to_pkcs8_pem().as_bytes());
    let scalar = tlv(4, &[&[0x42; 32]]);
    let point = tlv(3, &[&[0], &public.as_point().to_sec1()]);
    let sec1 = tlv(0x30, &[&[2, 1, 1], &scalar, &tlv(0xa0, &[&SM2_CURVE]), &tlv(0xa1, &[&point])]);
    add_kind(seeds, "sm2", b'k', "sec1-pem", pem("EC PRIVATE KEY", &sec1).as_bytes());
    add_kind(seeds, "sm2", b'k', "sec1", &sec1);
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in der.chunks(3) {
        let bits =
            [0, 1, 2].iter().fold(0, |bits, &i| bits << 8 | usize::from(group.get(i).copied().unwrap_or(0)));
        for digit in 0..4 {
            let symbol = ALPHABET[bits >> (18 - 6 * digit) & 63];
            text.push(if digit <= group.len() { char::from(symbol) } else { '=' });
        }
    }
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// Body of keyUsage: keyEncipherment and dataEncipherment.
pub const ENCRYPTION: [u8; 2] = [4, 0x30];
/// Body of keyUsage: digitalSignature and nonRepudiation.
pub const SIGNING: [u8; 2] = [6, 0xc0];

/// A certificate whose signature says nothing; readers of recipients' certificates do not verify it. `usage`: the body of
/// keyUsage.
#[must_use]
pub fn certificate(key: &PublicKey, usage: [u8; 2]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&SM2_WITH_SM3]);
    let name = tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[&[6, 3, 0x55, 4, 3], &tlv(0x0c, &[b"recipient"])])])]);
    let time = tlv(0x17, &[b"260101000000Z"]);
    let key_id = tlv(0x30, &[&[6, 3, 0x55, 0x1d, 0x0e], &tlv(4, &[&tlv(4, &[&[7; 20]])])]);
    let usage = tlv(0x30, &[&[6, 3, 0x55, 0x1d, 0x0f], &tlv(4, &[&tlv(3, &[&usage])])]);
    let extensions = tlv(0xa3, &[&tlv(0x30, &[&key_id, &usage])]);
    let version = tlv(0xa0, &[&[2, 1, 2]]);
    let validity = tlv(0x30, &[&time, &time]);
    let body = tlv(
        0x30,
        &[&version, &[2, 1, 5], &algorithm, &name, &validity, &name, &key.to_spki_der(), &extensions],
    );
    let signature = tlv(3, &[&[0], &tlv(0x30, &[&[2, 1, 1], &[2, 1, 1]])]);
    tlv(0x30, &[&body, &algorithm, &signature])
}

fn envelopes(seeds: &mut Vec<Seed>) {
    let (_, key) = some_key();
    let certificate = certificate(&key, ENCRYPTION);
    add(seeds, "envelope_certificate", "der", &certificate[..]);
    add(seeds, "envelope_certificate", "pem", pem("CERTIFICATE", &certificate));

    let by_key = Sm2Recipient::from_public_key(&key);
    let by_certificate = Sm2Recipient::from_certificate(&certificate).unwrap();
    for (name, recipients, len) in [
        ("one-recipient", &[&by_key as &dyn Recipient][..], 40),
        ("two-recipients", &[&by_key, &by_certificate], 5),
        ("empty", &[&by_certificate], 0),
    ] {
        // The targets open under the content key of zeros.
        let mut draws = Seeded::after(&[0; 16], 16);
        let message = simple::seal(recipients, &vec![0x5a; len], &mut draws).unwrap();
        add(seeds, "envelope_text", name, pem("PKCS7", &message));
        add(seeds, "cms_encrypted", name, message);
    }
}

/// A log of two records, the second about a key: all of it, its end, and the records of the key.
fn exports(seeds: &mut Vec<Seed>) {
    let (log_key, key) = (some_key().0, KeyId::from_bytes([7; 16]));
    let event = Event::administration(1000, Act::INIT, "0.1.0");
    let signed = Event {
        items: vec![SignatureItem { digest: [1; 32], r: [2; 32] }],
        public_key: Some([3; 64]),
        ..Event::administration(2000, Act::operation(Op::Sign), "").about(key, Some(DEVICE))
    };
    let (first, second) = (Record { seq: 1, event }, Record { seq: 2, event: signed });
    let mut start = Frontier::new();
    start.append(first.leaf());
    let mut tree = start.clone();
    tree.append(second.leaf());
    let log_id = LogId::of(log_key.public_key());
    let mut draws = Seeded::new(17);
    let mut head =
        |tree: &Frontier| Item::Head(TreeHead::of(log_id, tree, 2000).sign(&log_key, &mut draws).unwrap());
    let (early, late) = (head(&start), head(&tree));
    let proof = Item::Inclusion(InclusionProof::new(1, 2, vec![first.leaf()]).unwrap());
    let (begin, from) = (Item::LogKey(*log_key.public_key()), Item::Start(start));
    let (first, second) = (Item::Record(first), Item::Record(second));
    for (name, items) in [
        (
            "whole",
            &[begin.clone(), Item::Start(Frontier::new()), first, early, second.clone(), late.clone()][..],
        ),
        ("end", &[begin.clone(), from, second.clone(), late.clone()]),
        ("of-a-key", &[begin, late, second, proof]),
    ] {
        let bytes: Vec<u8> = items.iter().flat_map(Item::encode).collect();
        add(seeds, "audit_export", name, bytes);
    }
}
