//! PKCS#12 put together by hand.

use pki::{Error, password::Effort, pkcs12::Pkcs12};

use crate::support::{key, oid, same, tlv};

const DATA: &str = "1.2.840.113549.1.7.1";
const BAG: &str = "1.2.840.113549.1.12.10.1";

/// A file without a MAC whose only safe holds these bags.
fn file(bags: &[Vec<u8>]) -> Vec<u8> {
    file_of(&[content(&tlv(0x30, &[&bags.concat()]))])
}

fn content(octets: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&oid(DATA), &tlv(0xa0, &[&tlv(4, &[octets])])])
}

fn file_of(contents: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &[&[2, 1, 3], &content(&tlv(0x30, &[&contents.concat()]))])
}

fn bag(kind: u8, value: &[u8], attributes: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&oid(&format!("{BAG}.{kind}")), &tlv(0xa0, &[value]), attributes])
}

fn key_bag(name: &str) -> Vec<u8> {
    bag(1, &key(name).to_pkcs8_der(), &[])
}

fn refusal(bytes: &[u8]) -> Option<Error> {
    Pkcs12::read(bytes).and_then(|file| file.open("1234")).err()
}

#[test]
fn bags_of_bags_have_a_limit() {
    let nested =
        |depth: usize| (0..depth).fold(key_bag("nested"), |inner, _| bag(6, &tlv(0x30, &[&inner]), &[]));
    for depth in 0..=4 {
        let contents = Pkcs12::read(&file(&[nested(depth)])).unwrap().open("").unwrap();
        assert!(same(&contents.keys[0].key, &key("nested")), "{depth}");
    }
    assert_eq!(refusal(&file(&[nested(5)])), Some(Error::Malformed("PKCS#12")));
}

#[test]
fn names_and_what_is_passed_over() {
    let name = |id: &str, value: &[u8]| tlv(0x30, &[&oid(id), &tlv(0x31, &[value])]);
    let names = tlv(
        0x31,
        &[
            &name("1.2.840.113549.1.9.20", &[0x1e, 4, 0x6d, 0x4b, 0x8b, 0xd5]),
            &name("1.2.840.113549.1.9.21", &[4, 2, 7, 8]),
            &name("1.2.999", &[5, 0]),
        ],
    );
    let other = [bag(4, &[5, 0], &[]), bag(5, &[5, 0], &[]), bag(9, &[5, 0], &[])];
    let sdsi = bag(3, &tlv(0x30, &[&oid("1.2.840.113549.1.9.22.2"), &[5, 0]]), &[]);
    let mut bags = vec![bag(1, &key("named").to_pkcs8_der(), &names), sdsi];
    bags.extend(other);
    let contents = Pkcs12::read(&file(&bags)).unwrap().open("").unwrap();
    let [key] = contents.keys.as_slice() else { panic!("one key") };
    assert_eq!(key.names.friendly_name.as_deref(), Some("测试"));
    assert_eq!(key.names.local_key_id.as_deref(), Some(&[7, 8][..]));
    assert!(contents.certificates.is_empty() && !contents.authenticated);
    let number = tlv(0x31, &[&name("1.2.840.113549.1.9.20", &[2, 1, 1])]);
    assert!(refusal(&file(&[bag(1, &key_bag("x"), &number)])).is_some());
}

#[test]
fn what_is_wrong_is_refused() {
    let good = file(&[key_bag("good")]);
    assert_eq!(refusal(&good), None);
    let safe = content(&tlv(0x30, &[]));
    let malformed = Some(Error::Malformed("PKCS#12"));
    for (name, bytes) in [
        ("version", tlv(0x30, &[&[2, 1, 4], &safe])),
        ("after", [&good[..], &[0]].concat()),
        ("no mac", tlv(0x30, &[&[2, 1, 3], &safe, &[5, 0]])),
        ("safe", tlv(0x30, &[&[2, 1, 3], &content(&[0x31, 0])])),
        ("bags", file_of(&[content(&[0x31, 0])])),
        ("two values", file(&[bag(1, &[&key("x").to_pkcs8_der()[..], &[5, 0]].concat(), &[])])),
        ("after a bag", file(&[bag(4, &[5, 0], &[0x31, 0, 5, 0])])),
    ] {
        assert_eq!(refusal(&bytes), malformed, "{name}");
    }
    let signed = tlv(0x30, &[&oid("1.2.840.113549.1.7.2"), &tlv(0xa0, &[&[0x30, 0]])]);
    assert_eq!(
        refusal(&tlv(0x30, &[&[2, 1, 3], &signed])),
        Some(Error::UnsupportedAlgorithm("integrity of PKCS#12 other than by password"))
    );
    let enveloped = tlv(0x30, &[&oid("1.2.840.113549.1.7.3"), &tlv(0xa0, &[&[0x30, 0]])]);
    assert_eq!(
        refusal(&file_of(&[enveloped])),
        Some(Error::UnsupportedAlgorithm("part of PKCS#12 for a recipient's key"))
    );
}

/// Many small derivations are as much work as a long one.
#[test]
fn the_work_of_a_whole_file_is_limited() {
    let mut parts = crate::pkcs8::Parts::new(&key("many").to_pkcs8_der(), "1234");
    let shrouded = |parts: &crate::pkcs8::Parts| bag(2, &parts.der(), &[]);
    let bags: Vec<_> = (0..10).map(|_| shrouded(&parts)).collect();
    let read = Pkcs12::read(&file(&bags)).unwrap();
    assert_eq!(read.open_within("1234", &mut Effort::new(10)).unwrap().keys.len(), 10);
    assert_eq!(read.open_within("1234", &mut Effort::new(9)).err(), Some(Error::TooMuchWork));
    parts.iterations = vec![2, 4, 0x7f, 0xff, 0xff, 0xff];
    let read = Pkcs12::read(&file(&[shrouded(&parts)])).unwrap();
    assert_eq!(read.open("1234").err(), Some(Error::TooMuchWork));
    // The MAC's derivation counts too.
    let digest = tlv(0x30, &[&tlv(0x30, &[&oid("1.2.156.10197.1.401")]), &tlv(4, &[&[0; 32]])]);
    let mac = |iterations: &[u8]| {
        let mac = tlv(0x30, &[&digest, &tlv(4, &[b"salt"]), iterations]);
        tlv(0x30, &[&[2, 1, 3], &content(&tlv(0x30, &[])), &mac])
    };
    assert_eq!(refusal(&mac(&[2, 4, 0x7f, 0xff, 0xff, 0xff])), Some(Error::TooMuchWork));
    assert_eq!(refusal(&mac(&[2, 1, 0])), Some(Error::Malformed("PKCS#12")));
    assert_eq!(refusal(&mac(&[])), Some(Error::Password));
}
