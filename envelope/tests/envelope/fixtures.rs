//! Frozen bytes: what we write does not change by accident.

use std::io::Write;
use std::process::{Command, Stdio};

use envelope::cms::{Compat, Decoded, Header, HeaderDecoder, Sealer};
use envelope::{RecipientInfo, Sm2Identity, Sm2Recipient, simple};
use sm_primitives::SecretScalar;
use sm_primitives::sm2::hazmat;

use crate::support::{CertificateParts, Prepared, ScriptRng, TestRng, key, key_bytes, public_key, recipient};

const CONTENT_KEY: [u8; 16] = *b"a key of a test.";
const IV: [u8; 16] = *b"initial vector..";

/// An entry for `recipient` made with a nonce that is no secret.
fn fixed(recipient: &Sm2Recipient, nonce: &str) -> Prepared {
    let nonce = SecretScalar::from_bytes(&key_bytes(nonce)).unwrap();
    let ciphertext = hazmat::encrypt_with_nonce(recipient.public_key(), &CONTENT_KEY, nonce).unwrap();
    Prepared(RecipientInfo::new(recipient.id().clone(), ciphertext))
}

fn script() -> ScriptRng {
    ScriptRng([CONTENT_KEY, IV].concat())
}

#[test]
fn one_recipient_by_key() {
    let message = simple::seal(&[&fixed(&recipient("alice"), "nonce 1")], b"frozen", &mut script()).unwrap();
    assert_eq!(hex::encode(&message), ONE_BY_KEY);
    let alice = key("alice");
    assert_eq!(*simple::open(&[&Sm2Identity::new(&alice)], &message).unwrap(), b"frozen");
}

#[test]
fn two_recipients_of_both_kinds() {
    let bob = public_key("bob");
    let by_name = Sm2Recipient::from_certificate(&CertificateParts::new(&bob).build()).unwrap();
    let entries = [fixed(&recipient("alice"), "nonce 1"), fixed(&by_name, "nonce 2")];
    let message = simple::seal(&[&entries[0], &entries[1]], &[7; 16], &mut script()).unwrap();
    assert_eq!(hex::encode(&message), TWO_OF_BOTH_KINDS);
    let reversed = simple::seal(&[&entries[1], &entries[0]], &[7; 16], &mut script()).unwrap();
    assert_eq!(reversed, message, "DER order, not the caller's");
}

/// Lengths at which heads grow, to the longest plaintext: all without its content.
#[test]
fn headers_of_long_messages() {
    const GIB: u64 = 1 << 30;
    let lengths =
        [0, 15, 16, 100, 127, 240, 65_279, 4 * GIB - 400, 4 * GIB - 1, 4 * GIB, 5 * GIB, 1 << 40, 1 << 62];
    for len in lengths {
        let mut header = Vec::new();
        Sealer::start(&[&recipient("alice")], len, &mut TestRng::new("long"), &mut header).unwrap();
        let mut rest = &header[..];
        let Decoded::Header(read) = HeaderDecoder::new(Compat::STRICT).push(&mut rest).unwrap() else {
            panic!("the header is whole");
        };
        assert!(rest.is_empty());
        assert!(read.quirks().is_empty(), "shortest lengths everywhere");
        let ciphertext_len = (len / 16 + 1) * 16;
        assert_eq!(read.ciphertext_len(), Some(ciphertext_len));
        // The outermost length spans the rest of the header and the content.
        let octets = usize::from(header[1] & 0x7f);
        let (head_len, outer_len) = match header[1] {
            short @ 0..=0x7f => (2, u64::from(short)),
            _ => {
                (2 + octets, header[2..2 + octets].iter().fold(0, |len, &octet| len << 8 | u64::from(octet)))
            }
        };
        assert_eq!(outer_len, (header.len() - head_len) as u64 + ciphertext_len, "{len}");
    }
}

/// The structure as OpenSSL sees it.
#[test]
fn structure_by_openssl() {
    let message = hex::decode(TWO_OF_BOTH_KINDS).unwrap();
    let Some(listing) = asn1parse(&message) else {
        println!("skipped: openssl is not installed");
        return;
    };
    let shape: Vec<String> = listing
        .lines()
        .map(|line| {
            // "   21:d=3  hl=2 l=   1 prim: INTEGER           :02"
            let (_, line) = line.split_once(":d=").unwrap();
            let (depth, line) = line.split_once("  hl=").unwrap();
            let (_, line) = line.split_once("s: ").or_else(|| line.split_once("m: ")).unwrap();
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            let line = line.split("[HEX DUMP]").next().unwrap().trim_end();
            format!("{depth} {line}")
        })
        .collect();
    assert_eq!(
        shape,
        [
            "0 SEQUENCE",
            "1 OBJECT :1.2.156.10197.6.1.4.2.3",
            "1 cont [ 0 ]",
            "2 SEQUENCE",
            "3 INTEGER :02",
            "3 SET",
            "4 SEQUENCE",
            "5 INTEGER :02",
            "5 cont [ 0 ]",
            "5 SEQUENCE",
            "6 OBJECT :1.2.156.10197.1.301.3",
            "5 OCTET STRING",
            "4 SEQUENCE",
            "5 INTEGER :01",
            "5 SEQUENCE",
            "6 SEQUENCE",
            "7 SET",
            "8 SEQUENCE",
            "9 OBJECT :commonName",
            "9 UTF8STRING :Test CA",
            "6 INTEGER :1234",
            "5 SEQUENCE",
            "6 OBJECT :1.2.156.10197.1.301.3",
            "5 OCTET STRING",
            "3 SEQUENCE",
            "4 OBJECT :1.2.156.10197.6.1.4.2.1",
            "4 SEQUENCE",
            "5 OBJECT :sm4-cbc",
            "5 OCTET STRING :initial vector..",
            "4 cont [ 0 ]",
        ]
    );
}

/// `openssl asn1parse`, or `None` where there is no OpenSSL.
fn asn1parse(message: &[u8]) -> Option<String> {
    let mut child = Command::new("openssl")
        .args(["asn1parse", "-inform", "DER"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take().unwrap().write_all(message).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl reads the message");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn frozen_messages_still_open() {
    let bob = key("bob");
    let message = hex::decode(TWO_OF_BOTH_KINDS).unwrap();
    assert_eq!(*simple::open(&[&Sm2Identity::new(&bob)], &message).unwrap(), [7; 16]);
    assert_eq!(Header::from_bytes(&message).unwrap().0.recipients().len(), 2);
}

const ONE_BY_KEY: &str = "\
    3081fc060a2a811ccf550601040203a081ed3081ea0201023181a63081a302010280149a9bae470a20083c06c69c56d6\
    21aa308d913163300b06092a811ccf5501822d03047b30790221009f37275a8d2d7033e52c59781f0a16c0864ab5c88f\
    d8f1b80ab832703419cef602204993b7eb1e503eec183942a8a4a1c3e7fe62578e12053c6a788e8c74cb47f02c042093\
    19dd5b90b5a8f92b4e850b091aa7a0ffc315ecbd11de16f112d51ccc17584d0410c3800f26e8c91642f24ac6219b16c4\
    6a303c060a2a811ccf550601040201301c06082a811ccf550168020410696e697469616c20766563746f722e2e80102e\
    c7d6331bbc3454542545754dd9c3dd";

const TWO_OF_BOTH_KINDS: &str = "\
    308201b9060a2a811ccf550601040203a08201a9308201a5020102318201503081a302010280149a9bae470a20083c06\
    c69c56d621aa308d913163300b06092a811ccf5501822d03047b30790221009f37275a8d2d7033e52c59781f0a16c086\
    4ab5c88fd8f1b80ab832703419cef602204993b7eb1e503eec183942a8a4a1c3e7fe62578e12053c6a788e8c74cb47f0\
    2c04209319dd5b90b5a8f92b4e850b091aa7a0ffc315ecbd11de16f112d51ccc17584d0410c3800f26e8c91642f24ac6\
    219b16c46a3081a7020101301830123110300e06035504030c075465737420434102021234300b06092a811ccf550182\
    2d03047b3079022001ebb31aad1853a974324a5ea992a5500a58a102aaf928019bc0d6a0ecbce355022100b5a15c28aa\
    db74c7727fcc68ec6f40737201a3c79023d42b8c4e6bcd7d6e65c504205c0173e0fa648eb273cb642433e8bf70158267\
    3e683d121473494fbffef421730410425232401978110ee1183528dc8df779304c060a2a811ccf550601040201301c06\
    082a811ccf550168020410696e697469616c20766563746f722e2e8020a57d1d1f735098301fc0da9baa9f38c30ccbe0\
    361615fd932e3b1a5804f403af";
