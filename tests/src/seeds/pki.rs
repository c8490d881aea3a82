//! What the readers of `pki` take, and scripts of judging.

use envelope::{cms::Time, der::element, enveloped_key};
use pki::{
    Certificate,
    algorithm::HashAlgorithm,
    csr::{AttributeForm, Builder, Extension, Response, SubjectAttribute},
    ocsp::OcspRequest,
    tsp::{Imprint, TimeStampRequest},
};
use sm_primitives::sm2::dsa;

use super::{Seed, add, add_kind, pem, tlv};
use crate::{
    fuzz::{self, JUNE},
    issuer::{self, List, Template, entry, extension, key, name},
    random::Seeded,
};

const CA_USAGE: u8 = 0x06;
const SIGNER_USAGE: u8 = 0xc0;

pub(super) fn all(seeds: &mut Vec<Seed>) {
    certificates(seeds);
    lists(seeds);
    ocsp(seeds);
    tsp(seeds);
    requests(seeds);
    key_files(seeds);
    scripts(seeds);
}

fn day(offset: i64) -> Time {
    Time::from_unix(JUNE.saturating_add_signed(offset * 86_400)).unwrap()
}

fn always() -> (Time, Time) {
    (day(-30), day(30))
}

/// What is in the element that comes first.
fn contents(der: &[u8]) -> &[u8] {
    let (head, len) = match der[1] {
        0x82 => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
        0x81 => (3, usize::from(der[2])),
        short => (2, usize::from(short)),
    };
    &der[head..head + len]
}

/// Everything that is decoded.
fn rich() -> Template {
    let directory = tlv(0xa4, &[&name(1)]);
    let point = tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[b"http://a"])])]);
    let dns = tlv(0x82, &[b"a.example"]);
    let any_policy = tlv(6, &[&[0x55, 0x1d, 0x20, 0]]);
    Template::new(vec![1], 0, 0, always())
        .ca(Some(3))
        .usage(CA_USAGE)
        .purposes(issuer::TIME_STAMPING)
        .with(14, false, &tlv(4, &[b"id"]))
        .with(35, false, &tlv(0x30, &[&tlv(0x80, &[b"id"]), &tlv(0xa1, &[&directory]), &[0x82, 1, 1]]))
        .with(17, false, &tlv(0x30, &[&dns, &tlv(0x87, &[&[1, 2, 3, 4]]), &tlv(0x81, &[b"a@b"])]))
        .with(30, true, &tlv(0x30, &[&tlv(0xa0, &[&tlv(0x30, &[&directory])])]))
        .with(31, false, &tlv(0x30, &[&tlv(0x30, &[&point])]))
        .with(32, false, &tlv(0x30, &[&tlv(0x30, &[&any_policy])]))
        .with(36, true, &tlv(0x30, &[&[0x80, 1, 0]]))
        .with(99, false, &[5, 0])
}

fn certificates(seeds: &mut Vec<Seed>) {
    let (plain, rich) = (Template::new(vec![0, 0x81], 2, 0, always()).der(), rich().der());
    let both = [pem("CERTIFICATE", &plain), pem("X509 CERTIFICATE", &rich)].concat();
    add(seeds, "pki_certificate", "bundle", both);
    let version = [&[0xa0, 7, 2, 5, 0][..], &[0xff; 4]].concat();
    add(seeds, "pki_certificate", "version-too-high", with_version(&plain, &version));
    let message = envelope::cms::certificates_only(&[&plain], envelope::cms::Dialect::Rfc).unwrap();
    add(seeds, "pki_certificate", "message", message);
    add(seeds, "pki_certificate", "plain", plain);
    add(seeds, "pki_certificate", "rich", rich);
}

/// A certificate without a version, with one.
fn with_version(der: &[u8], version: &[u8]) -> Vec<u8> {
    issuer::signed(0, &element(0x30, &[version, contents(contents(der))]))
}

fn lists(seeds: &mut Vec<Seed>) {
    let entries =
        [entry(&[3], day(-3), 1), entry(&[0, 0x81], day(-4), 6), tlv(0x30, &[&[2, 1, 9], &day(-9).to_der()])];
    let list = List {
        issuer: 0,
        signer: 0,
        this: day(0),
        next: Some(day(30)),
        entries: entries.concat(),
        extensions: extension(20, false, &[2, 1, 9]),
    };
    add(seeds, "pki_crl", "full", list.der());
    add(seeds, "pki_crl", "pem", pem("X509 CRL", &list.der()));
    let point = tlv(0x30, &[&tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[b"http://a"])])]), &[0x81, 1, 0xff]]);
    let extensions = [&list.extensions[..], &extension(27, true, &[2, 1, 8]), &extension(28, true, &point)];
    let delta = List { next: None, extensions: extensions.concat(), ..list.clone() };
    add(seeds, "pki_crl", "delta", delta.der());
    add(seeds, "pki_crl", "empty", List { entries: vec![], extensions: vec![], ..list }.der());
}

fn ocsp(seeds: &mut Vec<Seed>) {
    const NONCE: &[u8] = b"\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x02";
    let ca = Template::new(vec![7], 0, 0, always()).ca(None).usage(0xc6).der();
    let ca = Certificate::from_der(&ca).unwrap();
    let ids = fuzz::ids(&ca, &ca);
    add_kind(seeds, "pki_ocsp", b'q', "three", &OcspRequest::write(&ids, Some(&[7; 16])));
    let nonce = tlv(0x30, &[NONCE, &tlv(4, &[&tlv(4, &[&[7; 16]])])]);
    for (name, status) in [("good", vec![0x80, 0]), ("revoked", issuer::revoked(day(-2), 1))] {
        let single = issuer::single((0, 0), &[7], &status, day(0), Some(day(7)));
        let data = issuer::response_data(0, day(0), &single, &nonce);
        add_kind(seeds, "pki_ocsp", b'a', name, &issuer::answer(0, &data, ca.as_der()));
        add_kind(seeds, "pki_ocsp", b's', name, contents(&data));
    }
    add_kind(seeds, "pki_ocsp", b'a', "refused", &[0x30, 3, 0x0a, 1, 6]);
}

fn tsp(seeds: &mut Vec<Seed>) {
    let imprint = Imprint::of(HashAlgorithm::Sm3, b"content").unwrap();
    let request = TimeStampRequest::new(imprint, Some([0x91; 8]));
    add_kind(seeds, "pki_tsp", b'q', "nonce", &request.to_der());
    // Accuracy, ordering, nonce, authority.
    let authority = tlv(0xa0, &[&tlv(0xa4, &[&name(0)])]);
    let more = [&[0x30, 6, 2, 1, 1, 0x80, 1, 5, 1, 1, 0xff, 2, 1, 0x11][..], &authority].concat();
    let info = issuer::stamp_info(b"content", &more);
    let own =
        Template::new(vec![7], 0, 0, always()).usage(SIGNER_USAGE).purposes(issuer::TIME_STAMPING).der();
    let token = issuer::token(0, &info, &own, &[7]);
    add_kind(seeds, "pki_tsp", b't', "token", &token);
    let granted = tlv(0x30, &[&tlv(0x30, &[&[2, 1, 0], &tlv(0x30, &[&tlv(0x0c, &[b"here"])])]), &token]);
    add_kind(seeds, "pki_tsp", b'r', "granted", &granted);
    let refused = tlv(0x30, &[&tlv(0x30, &[&[2, 1, 2], &[3, 2, 5, 0x20]])]);
    add_kind(seeds, "pki_tsp", b'r', "refused", &refused);
    add_kind(seeds, "pki_tsp", b's', "info", contents(&info));
}

fn requests(seeds: &mut Vec<Seed>) {
    for (name, form) in [("standard", AttributeForm::Standard), ("cfca", AttributeForm::Cfca)] {
        let mut builder = Builder::new(*key(1).public_key())
            .subject(SubjectAttribute::Country, "CN")
            .subject(SubjectAttribute::CommonName, "测试单位")
            .challenge("111111")
            .temporary_key(*key(2).public_key())
            .form(form);
        if form == AttributeForm::Standard {
            let usage = Extension { id: vec![0x55, 0x1d, 15], critical: true, value: vec![3, 2, 6, 0xc0] };
            builder = builder.extension(usage);
        }
        let unsigned = builder.build().unwrap();
        let signature = dsa::sign_digest(key(1), &unsigned.digest(), &mut Seeded::new(5)).unwrap();
        add_kind(seeds, "pki_request", b's', name, contents(unsigned.info()));
        add_kind(seeds, "pki_request", b'r', name, &unsigned.assemble(&signature).unwrap());
    }
    let sealed = enveloped_key::seal(key(3), key(2).public_key(), &mut Seeded::new(6)).unwrap();
    let certificate = |of: u8| Template::new(vec![of], of, 0, always()).der();
    let response = Response {
        sign_certificates: vec![certificate(1)],
        encrypted_key: Some(sealed),
        encryption_certificates: vec![certificate(3)],
    };
    add_kind(seeds, "pki_request", b'c', "whole", &response.to_der().unwrap());
    let alone = Response { encrypted_key: None, encryption_certificates: vec![], ..response };
    add_kind(seeds, "pki_request", b'c', "alone", &alone.to_der().unwrap());
}

fn key_files(seeds: &mut Vec<Seed>) {
    let plain = key(3).to_pkcs8_der();
    let certificate = Template::new(vec![1], 3, 3, always()).usage(SIGNER_USAGE).der();
    add_kind(seeds, "pki_key_file", b'd', "pkcs8", &plain);
    add_kind(seeds, "pki_key_file", b'd', "encrypted", &fuzz::pkcs8(&plain));
    let text = pem("ENCRYPTED PRIVATE KEY", &fuzz::pkcs8(&plain));
    add_kind(seeds, "pki_key_file", b'd', "pem", text.as_bytes());
    add_kind(seeds, "pki_key_file", b'd', "cfca", &fuzz::cfca(&key(3).expose_bytes()[..]));
    add_kind(seeds, "pki_key_file", b'e', "key", &plain);
    add_kind(seeds, "pki_key_file", b'c', "key", &key(3).expose_bytes()[..]);
    // Bags: a key with its names, one under the password, a certificate, and all of that in a bag.
    let id = |last: u8| element(6, &[b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01", &[last]]);
    let pkcs9 = |last: &[u8]| element(6, &[b"\x2a\x86\x48\x86\xf7\x0d\x01\x09", last]);
    let bag = |kind: u8, value: &[u8], attributes: &[u8]| {
        element(0x30, &[&id(kind), &element(0xa0, &[value]), attributes])
    };
    let attribute = |id: &[u8], value: &[u8]| element(0x30, &[&pkcs9(id), &element(0x31, &[value])]);
    let local_id = attribute(&[21], &[4, 1, 7]);
    let names = element(0x31, &[&attribute(&[20], &[0x1e, 2, 0, 0x41]), &local_id]);
    let x509 = element(0x30, &[&pkcs9(&[22, 1]), &element(0xa0, &[&element(4, &[&certificate])])]);
    let bags = [
        bag(1, &plain, &names),
        bag(2, &fuzz::pkcs8(&plain), &[]),
        bag(3, &x509, &element(0x31, &[&local_id])),
    ]
    .concat();
    let nested = bag(6, &element(0x30, &[&bags]), &[]);
    add_kind(seeds, "pki_key_file", b'p', "bags", &bags);
    add_kind(seeds, "pki_key_file", b'p', "nested", &nested);
}

// Steps of scripts: what is added.
const ANCHOR: u8 = 0;
const INTERMEDIATE: u8 = 1;
const OTHER: u8 = 2;
const JUDGED: u8 = 3;
const DELEGATE: u8 = 4;
const LIST: u8 = 5;
const ANSWER: u8 = 6;

// Terms: purpose in the high half, revocation in the low one.
const REQUIRE: u8 = 1;
const STAMPING: u8 = 0x70;

/// The usual CA.
fn ca(role: u8, subject_issuer: u8, serial: u8) -> Vec<u8> {
    vec![role, subject_issuer, 0, serial, 0, 0, 0x05, CA_USAGE]
}

fn leaf(subject_issuer: u8, serial: u8) -> Vec<u8> {
    vec![JUDGED, subject_issuer, 0, serial, 0, 0, 0x04, SIGNER_USAGE]
}

/// A certificate with further extensions in DER behind the usual ones.
fn with(mut certificate: Vec<u8>, extensions: &[u8]) -> Vec<u8> {
    certificate[6] |= 0x20;
    certificate.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    certificate.extend(extensions);
    certificate
}

fn changed(mut step: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    step[at] = value;
    step
}

/// Root A, CA B, signer C.
fn chain() -> [Vec<u8>; 3] {
    [ca(ANCHOR, 0x00, 1), ca(INTERMEDIATE, 0x10, 2), leaf(0x21, 3)]
}

fn scripts(seeds: &mut Vec<Seed>) {
    let mut put = |name: &str, terms: [u8; 2], steps: &[Vec<u8>]| {
        add(seeds, "pki_judge", name, [&terms[..], &steps.concat()].concat());
    };
    let [root, sub, signer] = chain();
    let whole = |more: &[Vec<u8>]| [&chain()[..], more].concat();
    let good = [vec![LIST, 0, 0, 0, 0], vec![ANSWER, 0x10, 0, 3, 0, 0, 0]];
    put("valid", [0, REQUIRE], &whole(&good));
    put("nothing-known", [0, REQUIRE], &whole(&[]));
    put("expired", [40, 0], &whole(&[]));
    put("not-yet", [0xc0, 0], &whole(&[]));
    put("unknown-issuer", [0, 0], &[sub.clone(), signer.clone()]);
    put("bad-signature", [0, 0], &[root.clone(), sub.clone(), changed(signer.clone(), 2, 3)]);
    put("stamping", [0, STAMPING], &whole(&[]));
    put("not-a-ca", [0, 0], &[root.clone(), changed(sub.clone(), 6, 0x04), signer.clone()]);
    let confined = vec![ANCHOR, 0, 0, 1, 0, 0, 0x07, 0, CA_USAGE];
    let third = ca(INTERMEDIATE, 0x31, 5);
    put("path-too-long", [0, 0], &[confined, sub.clone(), third, leaf(0x23, 3)]);

    let subtree = element(0xa4, &[&name(4)]);
    let constraints = element(0x30, &[&element(0xa0, &[&element(0x30, &[&subtree])])]);
    let constraint = extension(30, true, &constraints);
    put("name-constraint", [0, 0], &[root.clone(), with(sub.clone(), &constraint), signer.clone()]);
    let uri = element(0x30, &[&element(0xa0, &[&element(0x30, &[&[0x86, 1, b'a']])])]);
    let by_uri = extension(17, false, &element(0x30, &[&[0x86, 1, b'b']]));
    let steps = [root.clone(), with(sub.clone(), &extension(30, true, &uri)), with(signer.clone(), &by_uri)];
    put("unsupported-constraint", [0, 0], &steps);
    let policy = with(sub.clone(), &extension(36, true, &[0x30, 3, 0x80, 1, 0]));
    put("policy-missing", [0, 0], &[root.clone(), policy, signer.clone()]);
    let more = |extension: &[u8]| [root.clone(), sub.clone(), with(signer.clone(), extension)];
    put("unknown-critical", [0, 0], &more(&extension(99, true, &[5, 0])));
    put("malformed", [0, 0], &more(&extension(31, true, &[5, 0])));
    put("unreadable", [0, 0], &more(&extension(31, false, &[5, 0])));
    put("duplicate", [0, 0], &more(&extension(15, true, &[3, 2, 0, 0x80])));

    let revoking = |day: u8, reason: u8| vec![LIST, 0x10, 0, 0, 0x20, 3, reason, day];
    put("revoked", [0, 0], &whole(&[revoking(0xf0, 1)]));
    put("revoked-later", [0, 0], &whole(&[revoking(5, 1)]));
    put("held", [0, 0], &whole(&[revoking(0xf0, 6), vec![LIST, 0x10, 1, 0, 0]]));
    let full = vec![LIST, 0x10, 0, 0, 0x21, 4, 3, 6, 0xf0];
    let delta = vec![LIST, 0x10, 1, 0, 0x23, 9, 4, 3, 8, 0xf8];
    put("delta", [2, 0], &whole(&[full, delta]));
    put("stale-list", [20, 0], &whole(&[vec![LIST, 0x10, 0, 0xe8, 0]]));
    put("stale-answer", [20, 0], &whole(&[vec![ANSWER, 0x10, 0, 3, 0, 0, 0xe8]]));
    put("unknown-status", [0, 0], &whole(&[vec![ANSWER, 0x10, 0, 3, 0x20, 0, 0]]));
    put("answered-revoked", [0, 0], &whole(&[vec![ANSWER, 0x10, 0, 3, 0x11, 0, 0, 0xf0]]));
    put("list-of-another", [0, 0], &whole(&[vec![LIST, 0x12, 0, 0, 0]]));
    // D answers for B.
    let delegate = vec![DELEGATE, 0x31, 0, 9, 0, 0, 0x14, 0x80];
    put("delegate", [0, 0], &whole(&[delegate, vec![ANSWER, 0x10, 0x20, 3, 0, 0, 0]]));

    // Both CAs vouch for each other, and there are many of them.
    let crossed = [ca(INTERMEDIATE, 0x01, 7), ca(OTHER, 0x01, 8)];
    put("crossed", [0, 0], &whole(&crossed));
    let many = |subject_issuer: u8| {
        let mut many = ca(INTERMEDIATE, subject_issuer, 10);
        many[6] |= 0x80;
        many.push(9);
        many
    };
    let mut lost = vec![many(0x11), many(0x33), many(0x13), leaf(0x21, 3)];
    lost.iter_mut().take(2).for_each(|step| step[2] = 0x10);
    put("too-many", [0, 0], &lost);
    let identified = |mut step: Vec<u8>| {
        step[6] |= 0x40;
        step.push(0);
        step
    };
    put("identified", [0, 0], &chain().map(identified));
    let raw = |role: u8, der: &[u8]| {
        [&[7, role][..], &u16::try_from(der.len()).unwrap().to_be_bytes(), der].concat()
    };
    let rsa = foreign_key();
    put("unsupported", [0, 0], &[raw(ANCHOR, &rsa), leaf(0x00, 3)]);
    put("raw", [0, 0], &[raw(ANCHOR, &rich().der()), raw(JUDGED, &rich().der())]);
}

/// A certificate of A with a key of RSA.
fn foreign_key() -> Vec<u8> {
    let own = key(0).public_key().to_spki_der();
    let template = Template::new(vec![1], 0, 0, always()).ca(None).usage(CA_USAGE);
    let der = template.der();
    let at = der.windows(own.len()).position(|window| window == own).unwrap();
    // The same length: another algorithm, and whatever stands there is its key.
    let mut changed = der;
    let curve = [6, 8, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 0x82, 0x2d];
    let curve_at = changed[at..].windows(curve.len()).position(|window| window == curve).unwrap() + at;
    changed[curve_at + 9] = 0x2c;
    changed
}
