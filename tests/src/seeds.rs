//! The first inputs of every fuzz target, made from the vectors and from sessions with fixed randomness.

use std::collections::BTreeSet;

use cosign_core::{
    KeyId, LogId, MIN_ITERATIONS, Op, Purpose, Suite,
    audit::{Act, Event, Frontier, InclusionProof, Item, Record, SignatureItem, TreeHead},
    decrypt, framing, keygen, refresh, sign,
};
use envelope::{Recipient, Sm2Recipient, simple};
use sm_primitives::sm2::{PrivateKey, PublicKey};

use crate::{
    fuzz::{AT, Fixture, KEYGEN_SID, OPENING_KEY, decrypt_ciphertexts, fixture, sign_digests},
    model::{DEVICE, Server},
    random::Seeded,
    vectors::{Leaves, load},
};

/// A target, the name of a file in its corpus, and its contents.
pub type Seed = (&'static str, String, Vec<u8>);

/// All of them, the same every time.
#[must_use]
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    frames(&mut seeds);
    sessions(&mut seeds);
    records(&mut seeds);
    encodings(&mut seeds);
    keys(&mut seeds);
    envelopes(&mut seeds);
    exports(&mut seeds);
    seeds
}

fn add(seeds: &mut Vec<Seed>, target: &'static str, name: &str, data: impl Into<Vec<u8>>) {
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    seeds.push((target, name.to_lowercase(), data.into()));
}

/// One hostile frame of the vectors for each operation and outcome, and honest ones.
fn frames(seeds: &mut Vec<Seed>) {
    let mut seen = BTreeSet::new();
    for case in load("suite-d/negative").list("/cases") {
        if case.text("/side") == "server" && case.text("/request").len() < 2000 {
            let frame = case.bytes("/request");
            let outcome = case.text("/expect");
            let op = frame.get(2).copied().unwrap_or(0);
            if seen.insert((op, outcome.to_owned())) {
                add(seeds, "server_frame", &format!("{op:02x}-{outcome}"), frame);
            }
        }
    }
    for name in ["sign_n1", "sign_n3", "decrypt_n2"] {
        let vector = load(&format!("suite-d/{name}"));
        add(seeds, "server_frame", name, vector.bytes("/request"));
        let items = vector.bytes("/request").split_off(82);
        let choice = u8::from(name.starts_with("decrypt"));
        add(seeds, "server_request", name, [&[choice], &items[..]].concat());
    }
    let keygen = load("suite-d/keygen");
    for step in ["K1_K2", "K3_K4", "K6_activate"] {
        add(seeds, "server_frame", step, keygen.bytes(&format!("/sign/{step}/request")));
    }
    for key in ["sign", "encryption"] {
        add(seeds, "certification_request", key, keygen.bytes(&format!("/{key}/K6_activate/csr_der")));
    }
    add(seeds, "server_request", "refresh", [&[2][..], &[0x33; 64]].concat());
    add(seeds, "server_request", "confirm", [&[3][..], &fixture().proof].concat());

    let frame = keygen.bytes("/sign/K1_K2/request");
    let mut stream = vec![3];
    framing::encode(1, framing::Kind::Protocol, &frame, &mut stream).unwrap();
    framing::encode(u64::MAX, framing::Kind::Refused, b"busy", &mut stream).unwrap();
    add(seeds, "framing", "two-frames", stream);
    add(seeds, "framing", "too-long", [&[9][..], &[0, 0x10, 0, 1, 0, 0]].concat());
    add(seeds, "framing", "unknown-kind", [&[1][..], &[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 3]].concat());
}

/// Right answers to the sessions that the client targets open.
fn sessions(seeds: &mut Vec<Seed>) {
    let Fixture { sign: sign_key, decrypt: decrypt_key, pin, device_key, .. } = fixture();
    let mut server = fixture().server();
    let mut rng = Seeded::new(1);
    let mut both = |target, header: usize, prefix: &[u8], answer: &[u8]| {
        add(seeds, target, "whole", [prefix, answer].concat());
        add(seeds, target, "body", [prefix, &answer[header..]].concat());
    };

    let (frame, _waiting) = sign::start(sign_key, &sign_digests(), AT, 1, &mut Seeded::new(11)).unwrap();
    both("client_sign", 22, &[], &server.handle(&frame, &DEVICE, AT, &mut rng));
    let (frame, _waiting) =
        decrypt::start(decrypt_key, decrypt_ciphertexts(), AT, &mut Seeded::new(12)).unwrap();
    both("client_decrypt", 22, &[], &server.handle(&frame, &DEVICE, AT, &mut rng));
    let mut draws = Seeded::new(14);
    let (frame, _waiting) =
        refresh::start(sign_key, pin, device_key, MIN_ITERATIONS, AT, &mut draws).unwrap();
    both("client_refresh", 22, &[], &server.handle(&frame, &DEVICE, AT, &mut rng));
    let key_id = KeyId::from_bytes(OPENING_KEY);
    let (frame, _waiting) = keygen::start(key_id, Suite::D, Purpose::Sign, &mut Seeded::new(13)).unwrap();
    both("client_keygen", 20, &[0], &server.handle(&frame, &DEVICE, AT, &mut rng));

    let sid = &frame[20..36];
    add(seeds, "client_keygen", "activated", [&[1, 1, 1, 0, 0], sid].concat());
    for (target, prefix) in
        [("client_sign", &[][..]), ("client_decrypt", &[]), ("client_refresh", &[]), ("client_keygen", &[0])]
    {
        for (name, code, detail) in [
            ("busy", 0x0c, &[][..]),
            ("pin", 0x0a, &[3, 0, 0, 0, 60]),
            ("time", 8, &[0; 8]),
            ("epoch", 4, &[0, 0, 0, 2]),
        ] {
            let len = [0, u8::try_from(detail.len()).unwrap()];
            add(seeds, target, name, [prefix, &[1, 1, code, 0], sid, &len, detail].concat());
        }
    }
    add(seeds, "server_opening", "right", opening());
}

/// The opening that a client sends whose session is the one of the targets.
fn opening() -> Vec<u8> {
    let Fixture { pin, device_key, .. } = fixture();
    let key_id = KeyId::from_bytes(OPENING_KEY);
    let mut draws = Seeded::after(&KEYGEN_SID, 15);
    let (k1, waiting) = keygen::start(key_id, Suite::D, Purpose::Sign, &mut draws).unwrap();
    let mut server: Server = fixture().server();
    let k2 = server.handle(&k1, &DEVICE, AT, &mut Seeded::new(1));
    let (k3, _waiting) = waiting.finish(&k2, pin, device_key, MIN_ITERATIONS, &mut draws).unwrap();
    k3[36..].to_vec()
}

fn records(seeds: &mut Vec<Seed>) {
    add(seeds, "local_record", "own", &fixture().record.to_bytes()[..]);
    let mut record = fixture().record.to_bytes();
    record[187] ^= 1;
    add(seeds, "local_record", "tag-changed", &record[..]);
    let [share, pending] = fixture().sealed_bytes();
    add(seeds, "server_share", "share", share);
    add(seeds, "server_share", "pending", pending);
    for (name, text) in [
        ("key-id", "00112233445566778899aabbccddeeff"),
        ("pin", "258013"),
        ("pin-with-letter", "25801a"),
        ("empty", ""),
    ] {
        add(seeds, "identifiers", name, text);
    }
    add(seeds, "identifiers", "device-id", "0123456789abcdefABCDEF0123456789".repeat(2));
}

fn encodings(seeds: &mut Vec<Seed>) {
    for vector in &load("tongsuo-sm2-sign").list("")[..4] {
        let name = format!("tongsuo-{}", vector["tcId"]);
        add(seeds, "signature", &name, vector.bytes("/sig_der"));
        let pad = |text: &str| hex::decode(format!("{text:0>64}")).unwrap();
        let raw = [pad(vector.text("/r")), pad(vector.text("/s"))].concat();
        add(seeds, "signature", &format!("{name}-raw"), raw);
    }
    for file in ["tongsuo-sm2-encrypt", "gmssl-sm2-encrypt"] {
        let tests = load(file);
        let short = tests.list("").iter().filter(|vector| vector.text("/msg").len() < 100).take(3);
        for vector in short {
            let name = format!("{file}-{}", vector["tcId"]);
            add(seeds, "ciphertext", &name, vector.bytes("/ct_der"));
            add(seeds, "ciphertext", &format!("{name}-raw"), vector.bytes("/c1c3c2"));
        }
    }
    let point = fixture().sign_facts.public_key;
    add(seeds, "point", "raw", point);
    add(seeds, "point", "sec1", [&[4][..], &point].concat());
    add(seeds, "point", "compressed-even", [&[2][..], &point[..32]].concat());
    add(seeds, "point", "compressed-odd", [&[3][..], &point[..32]].concat());
    add(seeds, "point", "identity", [0]);
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
    add(seeds, "public_key", "spki", public.to_spki_der());
    add(seeds, "public_key", "spki-pem", public.to_spki_pem());
    let compressed = [&[0, 2][..], &public.as_point().x_bytes()].concat();
    let algorithm = tlv(0x30, &[&EC_PUBLIC_KEY, &SM2_CURVE]);
    add(seeds, "public_key", "spki-compressed", tlv(0x30, &[&algorithm, &tlv(3, &[&compressed])]));

    add(seeds, "private_key", "pkcs8", &private.to_pkcs8_der()[..]);
    add(seeds, "private_key", "pkcs8-pem", private.to_pkcs8_pem().as_bytes());
    let scalar = tlv(4, &[&[0x42; 32]]);
    let point = tlv(3, &[&[0], &public.as_point().to_sec1()]);
    let sec1 = tlv(0x30, &[&[2, 1, 1], &scalar, &tlv(0xa0, &[&SM2_CURVE]), &tlv(0xa1, &[&point])]);
    add(seeds, "private_key", "sec1-pem", pem("EC PRIVATE KEY", &sec1));
    add(seeds, "private_key", "sec1", sec1);
}

fn pem(label: &str, der: &[u8]) -> String {
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

/// A certificate whose signature says nothing; readers of recipients' certificates do not verify it.
fn certificate(key: &PublicKey) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&SM2_WITH_SM3]);
    let name = tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[&[6, 3, 0x55, 4, 3], &tlv(0x0c, &[b"recipient"])])])]);
    let time = tlv(0x17, &[b"260101000000Z"]);
    let key_id = tlv(0x30, &[&[6, 3, 0x55, 0x1d, 0x0e], &tlv(4, &[&tlv(4, &[&[7; 20]])])]);
    let usage = tlv(0x30, &[&[6, 3, 0x55, 0x1d, 0x0f], &tlv(4, &[&[3, 2, 4, 0x30]])]);
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
    let certificate = certificate(&key);
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
        add(seeds, "envelope_header", name, &message[..]);
        add(seeds, "envelope_message", name, message);
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
