//! What is not issued: one case for each check.

use getrandom::SysRng;
use pki::certificate::Validity;
use pki::csr::SubjectAttribute;
use pki::extension::{GeneralName, SubjectIdKind};
use pki::issue::{
    Batch, Edition, Identifier, Issuer, KeyRole, NameBuilder, Order, Profile, ProfileKind, SerialNumber,
    Subject, root,
};
use pki::{Certificate, Error, Name, ObjectIdentifier};
use sm_primitives::sm2::dsa;

use crate::support::{World, key, now, public, serial, sign, subject, time, validity, year};

pub(crate) fn unusable<T>(result: Result<T, Error>, what: &str) {
    match result {
        Err(Error::Unusable(why)) => assert!(why.contains(what), "{why:?}, not {what:?}"),
        Err(error) => panic!("{error}, not {what:?}"),
        Ok(_) => panic!("was accepted: {what}"),
    }
}

#[test]
fn names() {
    let one = |attribute, value: &str| NameBuilder::new().with(attribute, value).build();
    unusable(NameBuilder::new().build(), "without attributes");
    unusable(one(SubjectAttribute::Country, "cn"), "capital");
    unusable(one(SubjectAttribute::Country, "CHN"), "attribute");
    unusable(one(SubjectAttribute::CommonName, ""), "attribute");
    unusable(one(SubjectAttribute::CommonName, &"长".repeat(65)), "attribute");
    unusable(one(SubjectAttribute::CommonName, "a\0b"), "attribute");
    unusable(one(SubjectAttribute::SerialNumber, "号"), "attribute");
    unusable(one(SubjectAttribute::Email, "人@example.com"), "attribute");
    let country = NameBuilder::new().with(SubjectAttribute::Country, "CN");
    unusable(country.with(SubjectAttribute::Country, "CN").build(), "once");
}

#[test]
fn serial_numbers() {
    for bad in [
        vec![1; 15],
        vec![1; 21],
        [&[0x80][..], &[1; 15]].concat(),
        [&[0, 1][..], &[1; 15]].concat(),
        vec![0; 16],
        vec![],
    ] {
        unusable(SerialNumber::from_bytes(&bad), "serial");
    }
    for good in [vec![1; 16], vec![0x7f; 20], [&[0, 0x80][..], &[1; 18]].concat()] {
        assert_eq!(SerialNumber::from_bytes(&good).unwrap().as_bytes(), good);
    }
    let serials: std::collections::HashSet<_> =
        (0..1000).map(|_| SerialNumber::random(&mut SysRng).unwrap()).collect();
    assert_eq!(serials.len(), 1000);
    assert!(serials.iter().all(|serial| SerialNumber::from_bytes(serial.as_bytes()).is_ok()));
}

#[test]
fn identifiers() {
    for (kind, edition, value, why) in [
        (SubjectIdKind::ResidentId, Edition::Of2012, "110105194912310021", "check digit"),
        (SubjectIdKind::UnifiedSocialCredit, Edition::Of2012, "91350100M000100Y44", "check digit"),
        (SubjectIdKind::Passport, Edition::Of2012, "护照", "characters"),
        (SubjectIdKind::Passport, Edition::Of2012, "", "length"),
        (SubjectIdKind::MilitaryId, Edition::Of2012, "a\0", "characters"),
        (SubjectIdKind::Taxation, Edition::Of2012, &"1".repeat(65), "length"),
        (SubjectIdKind::MilitaryId, Edition::Of2023, "1", "edition"),
        (SubjectIdKind::Taxation, Edition::Of2023, "1", "edition"),
        (SubjectIdKind::IdentityCode, Edition::Of2012, "1", "edition"),
    ] {
        unusable(Identifier::new(kind, edition, value), why);
    }
}

#[test]
fn places_and_policies() {
    let profile = || Profile::new(ProfileKind::Personal);
    unusable(profile().with_crl("no place"), "general name");
    unusable(profile().with_freshest_crl(""), "general name");
    unusable(profile().with_ocsp("人"), "general name");
    unusable(profile().with_ca_issuers("x"), "general name");
    let policy = ObjectIdentifier::new_unwrap("1.2.3.4");
    unusable(profile().with_policy(policy, Some("no place")), "general name");
    unusable(profile().with_policy(policy, None).unwrap().with_policy(policy, None), "twice");
}

/// Issues with one thing changed.
struct Case {
    kind: ProfileKind,
    subject: Subject,
    key: &'static str,
    validity: Validity,
    role: KeyRole,
}

impl Case {
    fn of(kind: ProfileKind) -> Self {
        Self { kind, subject: subject("one"), key: "leaf", validity: year(), role: KeyRole::Signing }
    }

    fn under(&self, issuer: &Issuer) -> Result<(), Error> {
        let profile = Profile::new(self.kind);
        let order = Order::new(&profile, &self.subject, public(self.key), serial(3), self.validity);
        issuer.issue(&order.with_role(self.role)).map(drop)
    }
}

#[test]
fn certificates() {
    let world = World::new(false);
    let personal = || Case::of(ProfileKind::Personal);
    assert_eq!(personal().under(&world.ca), Ok(()));
    let empty = Subject::new(Name::from_der(&[0x30, 0]).unwrap());
    unusable(Case { subject: empty, ..personal() }.under(&world.ca), "without a subject");
    for kind in
        [ProfileKind::TimeStamping, ProfileKind::OcspSigner, ProfileKind::SubordinateCa { path_len: None }]
    {
        unusable(Case { role: KeyRole::Encryption, ..Case::of(kind) }.under(&world.root), "only signs");
    }
    let reversed = Validity { not_before: year().not_after, not_after: year().not_before };
    unusable(Case { validity: reversed, ..personal() }.under(&world.ca), "ends before");
    for validity in [
        validity("2024-12-31T23:59:59Z", "2026-01-01T00:00:00Z"),
        validity("2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"),
    ] {
        unusable(Case { validity, ..personal() }.under(&world.ca), "within the validity");
    }
    let whole = world.ca.certificate().validity();
    assert_eq!(Case { validity: whole, ..personal() }.under(&world.ca), Ok(()));
    unusable(Case { key: "ca", ..personal() }.under(&world.ca), "own key");
    unusable(Case::of(ProfileKind::Root { path_len: None }).under(&world.root), "by itself");
    unusable(Case::of(ProfileKind::TlsServer).under(&world.ca), "host");
    let other = subject("one").with_alt_name(GeneralName::Email("a@example.com".into()));
    unusable(Case { subject: other, ..Case::of(ProfileKind::TlsServer) }.under(&world.ca), "host");
    let twice = GeneralName::Dns("a".into());
    let twice = subject("one").with_alt_name(twice.clone()).with_alt_name(twice);
    unusable(Case { subject: twice, ..personal() }.under(&world.ca), "twice");
}

#[test]
fn identifiers_that_do_not_belong() {
    let world = World::new(false);
    let id = |kind| Identifier::new(kind, Edition::Of2012, "123").unwrap();
    for (profile, kind) in [
        (ProfileKind::Personal, SubjectIdKind::Taxation),
        (ProfileKind::Enterprise, SubjectIdKind::Passport),
        (ProfileKind::TimeStamping, SubjectIdKind::Taxation),
    ] {
        let subject = subject("one").with_id(id(kind));
        unusable(Case { subject, ..Case::of(profile) }.under(&world.ca), "profile");
    }
    let subject = subject("one").with_id(id(SubjectIdKind::Passport)).with_id(id(SubjectIdKind::MilitaryId));
    unusable(Case { subject, ..Case::of(ProfileKind::Personal) }.under(&world.ca), "twice");
}

#[test]
fn cas_below_cas() {
    let world = World::new(false);
    let sub = |path_len| Case::of(ProfileKind::SubordinateCa { path_len });
    // The root permits one CA below the next, the CA none.
    assert_eq!(sub(Some(0)).under(&world.root), Ok(()));
    unusable(sub(Some(1)).under(&world.root), "pathLen");
    unusable(sub(None).under(&world.root), "pathLen");
    unusable(sub(Some(0)).under(&world.ca), "pathLen");
}

#[test]
fn roots() {
    let subject = subject("root");
    let personal = Profile::new(ProfileKind::Personal);
    let order = |profile| root(&Order::new(profile, &subject, public("root"), serial(1), year()), false);
    unusable(order(&personal), "only a root");
    let profile = Profile::new(ProfileKind::Root { path_len: None });
    let reversed = Validity { not_before: now(), not_after: time("2026-01-01T00:00:00Z") };
    unusable(
        root(&Order::new(&profile, &subject, public("root"), serial(1), reversed), false),
        "ends before",
    );
    assert!(order(&profile).is_ok());
}

#[test]
fn issuers() {
    let world = World::new(false);
    let profile = Profile::new(ProfileKind::Personal);
    let leaf = world.issue(&Order::new(&profile, &subject("one"), public("leaf"), serial(3), year()));
    unusable(Issuer::new(leaf), "not that of a CA");
    // An extension that is not known and critical: subjectInfoAccess in place of policies.
    let ca = Profile::new(ProfileKind::Root { path_len: None })
        .with_policy(ObjectIdentifier::new_unwrap("1.2.3.4"), None)
        .unwrap();
    let subject = subject("root");
    let unsigned = root(&Order::new(&ca, &subject, public("root"), serial(1), year()), false).unwrap();
    let der = sign(unsigned, &key("root"));
    let altered = |from: &[u8], to: &[u8]| {
        let at = der.windows(from.len()).position(|window| window == from).unwrap();
        let mut der = der.clone();
        der[at..at + from.len()].copy_from_slice(to);
        Issuer::new(Certificate::from_der(&der).unwrap())
    };
    assert!(altered(b"\x06\x03\x55\x1d\x20", b"\x06\x03\x55\x1d\x20").is_ok());
    unusable(altered(b"\x06\x03\x55\x1d\x20", b"\x06\x03\x55\x1d\x23"), "not that of a CA");
    unusable(
        altered(b"\x06\x03\x55\x1d\x13\x01\x01\xff", b"\x06\x03\x55\x1d\x7f\x01\x01\xff"),
        "not that of a CA",
    );
    // keyUsage: cRLSign alone.
    let lists_only = altered(b"\x03\x02\x01\x06", b"\x03\x02\x01\x02").unwrap();
    unusable(Case::of(ProfileKind::Personal).under(&lists_only), "may not issue");
}

#[test]
fn signatures_of_other_keys() {
    let world = World::new(false);
    let profile = Profile::new(ProfileKind::Personal);
    let one = subject("one");
    let order = |number| Order::new(&profile, &one, public("leaf"), serial(number), year());
    let unsigned = world.ca.issue(&order(3)).unwrap();
    let wrong = dsa::sign_digest(&key("root"), unsigned.digest(), &mut SysRng).unwrap();
    assert_eq!(unsigned.assemble(&wrong), Err(Error::InvalidSignature));

    let orders: Vec<_> = (0..40).map(order).collect();
    for count in [3, 40] {
        let batch = || world.ca.issue_all(&orders[..count]).unwrap();
        let sign = |digest: &[u8; 32]| dsa::sign_digest(&world.ca_key, digest, &mut SysRng).unwrap();
        let right: Vec<_> = batch().digests().iter().map(sign).collect();
        assert_eq!(batch().assemble(&right).unwrap().len(), count);
        assert_eq!(batch().assemble(&right[1..]), Err(Error::InvalidSignature));
        let mut swapped = right.clone();
        swapped.swap(0, 1);
        assert_eq!(batch().assemble(&swapped), Err(Error::InvalidSignature));
        assert_eq!(batch().sign(&world.root_key, &mut SysRng).err(), Some(Error::InvalidSignature));
    }
    // One of another issuer among them.
    let sub = Profile::new(ProfileKind::SubordinateCa { path_len: Some(0) });
    let other = world.root.issue(&Order::new(&sub, &one, public("leaf"), serial(9), year())).unwrap();
    let items = vec![world.ca.issue(&order(3)).unwrap(), other];
    assert_eq!(Batch::new(items).sign(&world.ca_key, &mut SysRng).err(), Some(Error::InvalidSignature));
}

#[test]
fn orders_that_do_not_go_together() {
    let world = World::new(false);
    let (profile, one) = (Profile::new(ProfileKind::Personal), subject("one"));
    let order = Order::new(&profile, &one, public("leaf"), serial(3), year());
    unusable(world.ca.issue_all(&[order.clone(), order]), "twice");
    let pair = |keys, serials| world.ca.pair(&profile, &one, keys, serials, year());
    let [a, b] = [public("a"), public("b")];
    unusable(pair([a, a], [serial(3), serial(4)]), "one key");
    unusable(pair([a, b], [serial(3), serial(3)]), "twice");
    let service = Profile::new(ProfileKind::TimeStamping);
    unusable(world.ca.pair(&service, &one, [a, b], [serial(3), serial(4)], year()), "only signs");
}
