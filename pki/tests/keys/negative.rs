//! Requests that are wrong in one place.

use pki::{Error, SubjectKey, csr::Request};
use sm_primitives::sm2::{DistId, PrivateKey, dsa};

use crate::support::{key, oid, replaced, tlv};

const SM2_WITH_SM3: &str = "1.2.156.10197.1.501";
const CHALLENGE: &str = "1.2.840.113549.1.9.7";
const TEMPORARY: &str = "1.2.840.113549.1.9.63";
const EXTENSIONS: &str = "1.2.840.113549.1.9.14";

struct Parts {
    key: PrivateKey,
    version: Vec<u8>,
    subject: Vec<u8>,
    spki: Vec<u8>,
    attributes: Vec<u8>,
    algorithm: Vec<u8>,
    after: Vec<u8>,
    id: DistId,
}

fn parts(change: impl FnOnce(&mut Parts)) -> Vec<u8> {
    let key = key("negative");
    let subject = tlv(0x30, &[&oid("2.5.4.3"), &tlv(0x0c, &[b"x"])]);
    let mut parts = Parts {
        version: vec![2, 1, 0],
        subject: tlv(0x30, &[&tlv(0x31, &[&subject])]),
        spki: key.public_key().to_spki_der(),
        attributes: vec![0xa0, 0],
        algorithm: tlv(0x30, &[&oid(SM2_WITH_SM3)]),
        after: Vec::new(),
        id: DistId::default(),
        key,
    };
    change(&mut parts);
    let Parts { key, version, subject, spki, attributes, algorithm, after, id } = parts;
    let info = tlv(0x30, &[&version, &subject, &spki, &attributes]);
    let signature = dsa::sign(&key, &id, &info, &mut getrandom::SysRng).unwrap();
    tlv(0x30, &[&info, &algorithm, &tlv(3, &[&[0], &signature.to_der()]), &after])
}

fn attributes(list: &[Vec<u8>]) -> Vec<u8> {
    tlv(0xa0, &[&list.concat()])
}

fn attribute(id: &str, values: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &[&oid(id), &tlv(0x31, values)])
}

fn with(list: &[Vec<u8>]) -> Result<Request, Error> {
    Request::read(&parts(|parts| parts.attributes = attributes(list)))
}

#[test]
fn what_is_accepted() {
    for (name, change) in [
        ("plain", (|_| {}) as fn(&mut Parts)),
        ("NULL parameters", |parts| {
            parts.algorithm = tlv(0x30, &[&oid(SM2_WITH_SM3), &[5, 0]]);
        }),
        ("no attributes", |parts| parts.attributes.clear()),
        ("an empty subject", |parts| parts.subject = vec![0x30, 0]),
        ("an unknown attribute", |parts| {
            parts.attributes = attributes(&[attribute("1.2.999.1", &[&[5, 0], &[5, 0]])]);
        }),
        ("BER", |parts| parts.attributes = vec![0xa0, 0x80, 0, 0]),
    ] {
        let request = Request::read(&parts(change)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(request.verify(), Ok(()), "{name}");
    }
}

#[test]
fn what_is_malformed() {
    let malformed = |bytes: &[u8]| matches!(Request::read(bytes), Err(Error::Malformed(_)));
    for (name, change) in [
        ("version", (|parts| parts.version = vec![2, 1, 1]) as fn(&mut Parts)),
        ("parameters", |parts| parts.algorithm = tlv(0x30, &[&oid(SM2_WITH_SM3), &[4, 0]])),
        ("more", |parts| parts.after = vec![5, 0]),
        ("subject", |parts| parts.subject = tlv(0x30, &[&[0x30, 0]])),
        ("subject attribute", |parts| {
            parts.subject = tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[&oid("2.5.4.3")])])]);
        }),
        ("point", |parts| *parts.spki.last_mut().unwrap() ^= 1),
        ("key", |parts| parts.spki = tlv(0x30, &[&tlv(0x30, &[&oid("1.2.3")])])),
        ("after the attributes", |parts| parts.attributes.extend([5, 0])),
    ] {
        assert!(malformed(&parts(change)), "{name}");
    }
    let der = parts(|_| {});
    assert!(malformed(&[&der[..], &[0]].concat()) && malformed(&der[..der.len() - 1]));
    assert!(malformed(b"") && malformed(b"no request") && malformed(&[0x30, 0]));
}

#[test]
fn attributes_that_are_malformed() {
    let printable = tlv(0x13, &[b"111111"]);
    let challenge = attribute(CHALLENGE, &[&printable]);
    assert_eq!(
        with(std::slice::from_ref(&challenge)).unwrap().attributes().challenge.as_deref(),
        Some("111111")
    );
    let twice = Error::Malformed("attribute that stands twice in a certification request");
    assert_eq!(with(&[challenge.clone(), challenge.clone()]).err(), Some(twice));
    let national = attribute("1.2.156.10197.6.1.4.1.10.3", &[&printable]);
    assert_eq!(with(&[challenge, national]).err(), Some(twice), "under its other number");
    assert!(with(&[attribute(CHALLENGE, &[&printable, &printable])]).is_err(), "two values");
    assert!(with(&[attribute(CHALLENGE, &[])]).is_err(), "no value");
    assert!(with(&[attribute(CHALLENGE, &[&[2, 1, 1]])]).is_err(), "a number");
    assert!(with(&[attribute(CHALLENGE, &[&[0x13, 1, 0xff]])]).is_err(), "not text");
    let trailing = tlv(0x30, &[&oid(CHALLENGE), &tlv(0x31, &[&printable]), &[5, 0]]);
    assert!(with(&[trailing]).is_err(), "after the SET");
    let bare = tlv(0x30, &[&oid(CHALLENGE), &printable]);
    assert!(with(&[bare]).unwrap().attributes().bare);
    assert!(with(&[tlv(0x30, &[&oid(CHALLENGE), &printable, &printable])]).is_err(), "bare and two");

    let extension = |critical: &[u8]| tlv(0x30, &[&oid("2.5.29.15"), critical, &tlv(4, &[&[5, 0]])]);
    let list = |extensions: &[&[u8]]| with(&[attribute(EXTENSIONS, &[&tlv(0x30, extensions)])]);
    for (critical, expected) in
        [(&[][..], false), (&[1, 1, 0], false), (&[1, 1, 0xff], true), (&[1, 1, 1], true)]
    {
        let read = list(&[&extension(critical)]).unwrap();
        assert_eq!(read.attributes().extensions[0].critical, expected);
    }
    assert!(list(&[&extension(&[1, 0])]).is_err() && list(&[&extension(&[1, 2, 0, 0])]).is_err());
    let again = Error::Malformed("extension that a certification request asks for twice");
    assert_eq!(list(&[&extension(&[]), &extension(&[1, 1, 0xff])]).err(), Some(again));
}

#[test]
fn temporary_keys() {
    let point = key("temporary").public_key().as_point().to_sec1();
    let (x, y) = point[1..].split_at(32);
    let head = [0, 0xb4, 0, 0, 0, 1, 0, 0];
    let zeros = [0; 32];
    let blob = |parts: [&[u8]; 4]| [&head[..], parts[0], parts[1], parts[2], parts[3]].concat();
    let wrapped = |version: u8, blob: &[u8]| tlv(0x30, &[&[2, 1, version], &tlv(4, &[blob])]);
    let read = |value: &[u8]| {
        let read = with(&[attribute(TEMPORARY, &[&tlv(4, &[value])])]);
        read.map(|request| request.attributes().temporary_key.clone())
    };
    let good = Ok(Some(SubjectKey::Sm2(*key("temporary").public_key())));
    let behind = blob([x, &zeros, y, &zeros]);
    assert_eq!(read(&wrapped(1, &behind)), good);
    assert_eq!(read(&behind), good, "as gmsm writes it");
    assert_eq!(read(&wrapped(1, &blob([&zeros, x, &zeros, y]))), good, "zeros before");
    let malformed = Err(Error::Malformed("temporary key of a certification request"));
    assert_eq!(read(&wrapped(2, &behind)), malformed);
    assert_eq!(read(&wrapped(1, &behind[..135])), malformed);
    assert_eq!(read(&wrapped(1, &[&behind[..], &[0]].concat())), malformed);
    assert_eq!(read(&wrapped(1, &blob([x, &zeros, x, &zeros]))), malformed, "not on the curve");
    assert_eq!(read(&wrapped(1, &blob([x, x, y, y]))), malformed, "no zeros");
    assert_eq!(read(&wrapped(1, &replaced(&behind, &head, &[0; 8]))), malformed, "another head");
    assert_eq!(read(&[wrapped(1, &behind), vec![5, 0]].concat()), malformed);
    let rsa = wrapped(1, &tlv(0x30, &[&[2, 1, 5], &[2, 1, 3]]));
    assert!(matches!(read(&rsa), Ok(Some(SubjectKey::Other { .. }))));
    assert_eq!(read(&wrapped(1, &tlv(0x30, &[&[2, 1, 5]]))), malformed);
}

#[test]
fn signatures_that_do_not_hold() {
    let verdict = |change: fn(&mut Parts)| Request::read(&parts(change)).unwrap().verify();
    assert_eq!(
        verdict(|parts| parts.spki = key("another").public_key().to_spki_der()),
        Err(Error::InvalidSignature)
    );
    assert_eq!(verdict(|parts| parts.id = DistId::new(b"").unwrap()), Err(Error::InvalidSignature));
    assert_eq!(
        verdict(|parts| parts.algorithm = tlv(0x30, &[&oid("1.2.840.10045.4.3.2")])),
        Err(Error::InvalidSignature),
        "ECDSA by a key of SM2"
    );
    assert_eq!(
        verdict(|parts| parts.algorithm = tlv(0x30, &[&oid("1.2.840.10045.4.1")])),
        Err(Error::UnsupportedAlgorithm("signature of a certification request"))
    );
    let der = parts(|_| {});
    // R of the signature, which is not minimal any more.
    let at = der.len() - 40;
    let mut changed = der.clone();
    changed[at] ^= 1;
    assert_eq!(Request::read(&changed).unwrap().verify(), Err(Error::InvalidSignature));
}

#[test]
fn other_keys_and_algorithms_are_named() {
    let spki = |id: &str| tlv(0x30, &[&tlv(0x30, &[&oid(id), &[5, 0]]), &[3, 2, 0, 1]]);
    let der = |id: &str| {
        let spki = spki(id);
        parts(move |parts| parts.spki = spki)
    };
    for (id, name) in [
        ("1.2.840.113549.1.1.1", "RSA"),
        ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
        ("1.3.101.112", "Ed25519"),
        ("1.2.999.5", "1.2.999.5"),
    ] {
        let request = Request::read(&der(id)).unwrap();
        assert_eq!((request.key().sm2(), request.key().to_string()), (None, name.into()));
        assert_eq!(request.verify(), Err(Error::UnsupportedAlgorithm("key of a certification request")));
    }
}
