//! Encodings, byte by byte, and as strict readers of other people take them.

use der::{Decode as _, Encode as _};
use pki::csr::SubjectAttribute;
use pki::extension::{GeneralName, SubjectIdKind};
use pki::issue::{
    Edition, Identifier, KeyRole, ListBuilder, NameBuilder, Order, Profile, ProfileKind, Subject,
};
use x509_cert::{Certificate as Strict, crl::CertificateList};

use crate::support::{World, now, placed, public, serial, sign, subject, time, year};

/// Identifier, whether critical, value in hex.
fn extensions(
    kind: ProfileKind,
    role: KeyRole,
    subject: &Subject,
    placed: Profile,
) -> Vec<(String, bool, String)> {
    let world = World::new(false);
    let order = Order::new(&placed, subject, public("leaf"), serial(3), year()).with_role(role);
    assert_eq!(placed.kind(), kind);
    let unsigned = if kind.is_ca() { world.root.issue(&order) } else { world.ca.issue(&order) };
    let key = if kind.is_ca() { &world.root_key } else { &world.ca_key };
    let certificate = pki::Certificate::from_der(&sign(unsigned.unwrap(), key)).unwrap();
    let all = certificate.extensions().all.iter();
    all.map(|extension| (extension.id.to_string(), extension.critical, hex::encode(&extension.value)))
        .collect()
}

fn assert_has(found: &[(String, bool, String)], id: &str, critical: bool, value: &str) {
    let value = value.replace(' ', "");
    assert!(found.contains(&(id.into(), critical, value.clone())), "{id} {value} is not in {found:?}");
}

#[test]
fn extensions_byte_by_byte() {
    let person = || subject("person");
    let plain = |kind| Profile::new(kind);
    let found = extensions(ProfileKind::Personal, KeyRole::Signing, &person(), plain(ProfileKind::Personal));
    let ids: Vec<&str> = found.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(ids, ["2.5.29.14", "2.5.29.35", "2.5.29.19", "2.5.29.15"], "nothing else");
    assert_has(&found, "2.5.29.19", true, "30 00");
    assert_has(&found, "2.5.29.15", true, "03 02 06 c0");
    let found =
        extensions(ProfileKind::Personal, KeyRole::Encryption, &person(), plain(ProfileKind::Personal));
    assert_has(&found, "2.5.29.15", true, "03 02 03 38");

    let sub = ProfileKind::SubordinateCa { path_len: Some(0) };
    let found = extensions(sub, KeyRole::Signing, &person(), plain(sub));
    assert_has(&found, "2.5.29.19", true, "30 06 01 01 ff 02 01 00");
    assert_has(&found, "2.5.29.15", true, "03 02 01 06");

    for (kind, critical, value) in [
        (ProfileKind::TimeStamping, true, "30 0a 06 08 2b 06 01 05 05 07 03 08"),
        (ProfileKind::OcspSigner, false, "30 0a 06 08 2b 06 01 05 05 07 03 09"),
    ] {
        let found = extensions(kind, KeyRole::Signing, &person(), plain(kind));
        assert_has(&found, "2.5.29.37", critical, value);
    }
}

#[test]
fn places_and_identifiers_byte_by_byte() {
    let kind = ProfileKind::SealMaker;
    let profile = Profile::new(kind)
        .with_policy(pki::ObjectIdentifier::new_unwrap("1.2.3"), Some("a:b"))
        .and_then(|profile| profile.with_crl("a:c"))
        .and_then(|profile| profile.with_freshest_crl("a:d"))
        .and_then(|profile| profile.with_ocsp("a:e"))
        .and_then(|profile| profile.with_ca_issuers("a:f"))
        .unwrap();
    let id = |kind, edition, value| Identifier::new(kind, edition, value).unwrap();
    let subject = subject("maker")
        .with_id(id(SubjectIdKind::Passport, Edition::Of2012, "E1"))
        .with_id(id(SubjectIdKind::Passport, Edition::Of2023, "E2"))
        .with_id(id(SubjectIdKind::Taxation, Edition::Of2012, "T"))
        .with_alt_name(GeneralName::Dns("h".into()));
    let found = extensions(kind, KeyRole::Signing, &subject, profile);
    for (id, value) in [
        ("2.5.29.32", "30 19 30 17 06 02 2a 03 30 11 30 0f 06 08 2b 06 01 05 05 07 02 01 16 03 61 3a 62"),
        ("2.5.29.31", "30 0b 30 09 a0 07 a0 05 86 03 61 3a 63"),
        ("2.5.29.46", "30 0b 30 09 a0 07 a0 05 86 03 61 3a 64"),
        (
            "1.3.6.1.5.5.7.1.1",
            "30 22 30 0f 06 08 2b 06 01 05 05 07 30 01 86 03 61 3a 65 30 0f 06 08 2b 06 01 05 05 07 30 02 86 03 61 3a 66",
        ),
        ("2.5.29.17", "30 03 82 01 68"),
        ("1.2.156.10260.4.1.1", "a2 04 13 02 45 31"),
        ("1.2.156.10260.4.1.1.2", "13 02 45 32"),
        ("1.2.156.10260.4.1.5", "13 01 54"),
    ] {
        assert_has(&found, id, false, value);
    }
}

#[test]
fn names_byte_by_byte() {
    let name = NameBuilder::new()
        .with(SubjectAttribute::Country, "CN")
        .with(SubjectAttribute::Organization, "甲")
        .with(SubjectAttribute::SerialNumber, "7")
        .with(SubjectAttribute::Email, "a@b")
        .build()
        .unwrap();
    let expected =
        "303b 310b 3009 0603550406 1302434e 310c 300a 060355040a 0c03e794b2 310a 3008 0603550405 130137
        3112 3010 06092a864886f70d010901 1603614062";
    let expected: String = expected.split_whitespace().collect();
    assert_eq!(hex::encode(name.as_der()), expected);
}

#[test]
fn a_strict_reader_writes_the_same_again() {
    let world = World::new(true);
    let kind = ProfileKind::TlsServer;
    let id =
        Identifier::new(SubjectIdKind::UnifiedSocialCredit, Edition::Of2023, "91350100M000100Y43").unwrap();
    let subject = subject("all").with_id(id).with_alt_name(GeneralName::Ip(vec![1; 16]));
    let profile = placed(kind);
    let leaf = world.issue(&Order::new(&profile, &subject, public("leaf"), serial(3), year()));
    for certificate in [world.root.certificate(), world.ca.certificate(), &leaf] {
        let strict = Strict::from_der(certificate.as_der()).unwrap();
        assert_eq!(strict.to_der().unwrap(), certificate.as_der());
    }
    let mut list = ListBuilder::new(&world.ca, 1, now(), time("2026-07-01T00:00:00Z")).unwrap();
    let entry = pki::crl::Entry {
        serial: leaf.serial().to_vec(),
        date: now(),
        reason: pki::crl::RevocationReason::CaCompromise,
        invalidity: Some(now()),
        has_unknown_critical: false,
    };
    list.push(&entry).unwrap();
    let der = sign(list.build(), &world.ca_key);
    assert_eq!(
        CertificateList::<x509_cert::certificate::Raw>::from_der(&der).unwrap().to_der().unwrap(),
        der
    );
}
