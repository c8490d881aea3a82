//! Certificates of every profile.

use getrandom::SysRng;
use pki::csr::SubjectAttribute;
use pki::extension::{GeneralName, SubjectIdKind, Usage};
use pki::issue::{
    Edition, Identifier, KeyIdMethod, KeyRole, NameBuilder, Order, Profile, ProfileKind, SerialNumber,
    Subject,
};
use pki::validate::Purpose;
use pki::{Certificate, Time};
use proptest::prelude::*;

use crate::support::{
    ALGORITHM, OpenSsl, World, certificates, contains, name, now, placed, public, serial, subject, time, year,
};

const SIGNING: [Usage; 2] = [Usage::DigitalSignature, Usage::NonRepudiation];
const ENCRYPTION: [Usage; 3] = [Usage::KeyEncipherment, Usage::DataEncipherment, Usage::KeyAgreement];

fn usages(certificate: &Certificate) -> Vec<Usage> {
    certificate.extensions().key_usage.unwrap().iter().collect()
}

#[test]
fn end_entities_of_every_profile_are_valid_for_what_they_are_for() {
    let world = World::new(false);
    let host = || subject("server").with_alt_name(GeneralName::Dns("example.com".into()));
    for (kind, subject, purpose) in [
        (ProfileKind::Personal, subject("person"), Purpose::DigitalSignature),
        (ProfileKind::Enterprise, subject("organisation"), Purpose::DocumentSigning),
        (ProfileKind::SealMaker, subject("seal maker"), Purpose::SealMaker),
        (ProfileKind::TlsServer, host(), Purpose::TlsServer),
        (ProfileKind::TimeStamping, subject("TSA"), Purpose::TimeStamping),
        (ProfileKind::OcspSigner, subject("OCSP"), Purpose::OcspSigning),
    ] {
        let profile = placed(kind);
        let certificate = world.issue(&Order::new(&profile, &subject, public("leaf"), serial(3), year()));
        let report = world.judge(&certificate, purpose);
        assert!(report.is_valid(), "{kind:?}: {report:?}");
        assert_eq!(usages(&certificate), SIGNING);
        assert!(!world.judge(&certificate, Purpose::Encryption).is_valid());
        assert!(!world.judge(&certificate, Purpose::CertificateSigning).is_valid());

        let extensions = certificate.extensions();
        assert!(extensions.malformed.is_empty() && extensions.duplicates.is_empty());
        for (id, critical) in
            [("2.5.29.15", true), ("2.5.29.19", true), ("2.5.29.14", false), ("2.5.29.35", false)]
        {
            let id = pki::ObjectIdentifier::new_unwrap(id);
            assert_eq!(extensions.find(&id).unwrap().critical, critical, "{id}");
        }
        assert_eq!(extensions.crl_points.len(), 2);
        assert_eq!(extensions.authority_info.len(), 2);
        assert_eq!(extensions.policies.as_ref().unwrap()[0].statements, ["http://example.com/cps"]);
        assert_eq!(extensions.policies.as_ref().unwrap()[1].id.to_string(), "1.2.3.4");
        let no_check = extensions.find(&pki::ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5"));
        assert_eq!(
            no_check.map(|no_check| no_check.value.as_slice()),
            match kind {
                ProfileKind::OcspSigner => Some(&[5, 0][..]),
                _ => None,
            }
        );
        let above = world.ca.certificate().extensions().subject_key_id.clone();
        assert_eq!(extensions.authority_key_id.as_ref().unwrap().key_id, above);
        assert_eq!(certificate.issuer().as_der(), world.ca.certificate().subject().as_der());

        if kind.has_encryption() {
            let order = Order::new(&profile, &subject, public("leaf"), serial(3), year());
            let certificate = world.issue(&order.with_role(KeyRole::Encryption));
            assert!(world.judge(&certificate, Purpose::Encryption).is_valid());
            assert_eq!(usages(&certificate), ENCRYPTION);
        }
    }
}

#[test]
fn openssl_reads_what_is_issued() {
    let Some(openssl) = OpenSsl::new() else { return };
    let world = World::new(false);
    let subject = subject("Example 人")
        .with_alt_name(GeneralName::Dns("example.com".into()))
        .with_alt_name(GeneralName::Ip(vec![10, 0, 0, 1]))
        .with_alt_name(GeneralName::Email("a@example.com".into()))
        .with_alt_name(GeneralName::Directory(name("another")));
    let profile = placed(ProfileKind::TlsServer);
    let certificate = world.issue(&Order::new(&profile, &subject, public("leaf"), serial(3), year()));
    let text = openssl.text("x509", certificate.as_der());
    for part in [
        "Signature Algorithm: SM2-with-SM3",
        "Not After : Dec 31 23:59:59 2026 GMT",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Key Usage: critical\n                Digital Signature, Non Repudiation",
        "TLS Web Server Authentication",
        "DNS:example.com, IP Address:10.0.0.1, email:a@example.com, DirName:/C=CN",
        "Policy: 1.2.156.112570.1.1\n                  CPS: http://example.com/cps",
        "X509v3 Freshest CRL",
        "URI:http://example.com/delta.crl",
        "OCSP - URI:http://ocsp.example.com/",
        "CA Issuers - URI:http://example.com/sub.cer",
        "51:51:51:51:51:51:51:51:51:51:51:51:51:51:51:03",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    for (kind, parts) in [
        (
            ProfileKind::TimeStamping,
            ["X509v3 Extended Key Usage: critical\n                Time Stamping", "C = CN"],
        ),
        (ProfileKind::OcspSigner, ["OCSP Signing", "OCSP No Check"]),
    ] {
        let profile = Profile::new(kind);
        let text = openssl.text(
            "x509",
            world.issue(&Order::new(&profile, &subject, public("leaf"), serial(3), year())).as_der(),
        );
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    let text = openssl.text("x509", world.root.certificate().as_der());
    assert!(text.contains("CA:TRUE, pathlen:1") && text.contains("Certificate Sign, CRL Sign"), "{text}");
    assert!(text.contains("Not After : Dec 31 23:59:59 2059 GMT"), "{text}");
}

#[test]
fn the_style_of_the_ca_is_taken_over() {
    for null in [false, true] {
        let world = World::new(null);
        let profile = Profile::new(ProfileKind::Personal);
        let leaf = world.issue(&Order::new(&profile, &subject("person"), public("leaf"), serial(3), year()));
        for certificate in [world.root.certificate(), world.ca.certificate(), &leaf] {
            let der = certificate.as_der();
            let [own, other] = [ALGORITHM[usize::from(null)], ALGORITHM[usize::from(!null)]];
            // Inside what is signed, and beside the signature.
            assert_eq!(der.windows(own.len()).filter(|window| *window == own).count(), 2);
            assert!(!contains(der, other));
        }
        assert!(world.judge(&leaf, Purpose::DigitalSignature).is_valid());
    }
}

#[test]
fn key_identifiers() {
    let world = World::new(false);
    for (method, len) in [(KeyIdMethod::Sha1, 20), (KeyIdMethod::Sm3, 32)] {
        let profile = Profile::new(ProfileKind::Personal).with_key_id(method);
        let leaf = world.issue(&Order::new(&profile, &subject("person"), public("leaf"), serial(3), year()));
        let own = leaf.extensions().subject_key_id.clone().unwrap();
        assert_eq!(own.len(), len);
        let hash = match method {
            KeyIdMethod::Sm3 => pki::algorithm::HashAlgorithm::Sm3,
            _ => pki::algorithm::HashAlgorithm::Sha1,
        };
        assert_eq!(own, hash.digest(leaf.key_octets()));
    }
}

#[test]
fn two_certificates_of_one_subject() {
    let world = World::new(false);
    let profile = Profile::new(ProfileKind::Enterprise);
    let keys = [public("signing"), public("encryption")];
    let subject = subject("organisation");
    let batch = world.ca.pair(&profile, &subject, keys, [serial(3), serial(4)], year()).unwrap();
    assert_eq!(batch.digests().len(), 2);
    let [signing, encryption] = &certificates(batch, &world.ca_key)[..] else { panic!("not two") };
    assert!(world.judge(signing, Purpose::DigitalSignature).is_valid());
    assert!(world.judge(encryption, Purpose::Encryption).is_valid());
    assert_eq!(signing.subject().as_der(), encryption.subject().as_der());
    assert_eq!(signing.validity(), encryption.validity());
    assert_ne!(signing.serial(), encryption.serial());
    assert_eq!([signing.key().sm2(), encryption.key().sm2()], [Some(&keys[0]), Some(&keys[1])]);
}

#[test]
fn identifiers_of_subjects_are_read_as_they_were_given() {
    let world = World::new(false);
    let card = ("11010519491231002X", SubjectIdKind::ResidentId);
    let code = ("91350100M000100Y43", SubjectIdKind::UnifiedSocialCredit);
    let of = |edition, value: &str, kind| Identifier::new(kind, edition, value).unwrap();
    for (profile, edition, given, read_as, id) in [
        (ProfileKind::Personal, Edition::Of2012, card, card.1, "1.2.156.10260.4.1.1"),
        (ProfileKind::Personal, Edition::Of2023, card, card.1, "1.2.156.10260.4.1.1.1"),
        (
            ProfileKind::Personal,
            Edition::Of2012,
            ("E12345678", SubjectIdKind::Passport),
            SubjectIdKind::Passport,
            "1.2.156.10260.4.1.1",
        ),
        (
            ProfileKind::Personal,
            Edition::Of2023,
            ("E12345678", SubjectIdKind::Passport),
            SubjectIdKind::Passport,
            "1.2.156.10260.4.1.1.2",
        ),
        (
            ProfileKind::Personal,
            Edition::Of2012,
            ("军字第1", SubjectIdKind::MilitaryId),
            SubjectIdKind::MilitaryId,
            "1.2.156.10260.4.1.1",
        ),
        (
            ProfileKind::Personal,
            Edition::Of2023,
            ("123", SubjectIdKind::SocialInsurance),
            SubjectIdKind::SocialInsurance,
            "1.2.156.10260.4.1.2",
        ),
        (
            ProfileKind::Enterprise,
            Edition::Of2012,
            code,
            SubjectIdKind::OrganizationCode,
            "1.2.156.10260.4.1.4",
        ),
        (ProfileKind::Enterprise, Edition::Of2023, code, code.1, "1.2.156.10260.4.4"),
        (
            ProfileKind::SealMaker,
            Edition::Of2012,
            ("1-2", SubjectIdKind::OrganizationCode),
            SubjectIdKind::OrganizationCode,
            "1.2.156.10260.4.1.4",
        ),
        (
            ProfileKind::Enterprise,
            Edition::Of2012,
            ("3", SubjectIdKind::BusinessRegistration),
            SubjectIdKind::BusinessRegistration,
            "1.2.156.10260.4.1.3",
        ),
        (
            ProfileKind::Enterprise,
            Edition::Of2012,
            ("4", SubjectIdKind::Taxation),
            SubjectIdKind::Taxation,
            "1.2.156.10260.4.1.5",
        ),
    ] {
        let profile = Profile::new(profile);
        let subject = subject("one").with_id(of(edition, given.0, given.1));
        let leaf = world.issue(&Order::new(&profile, &subject, public("leaf"), serial(3), year()));
        let [read] = leaf.extensions().subject_ids.as_slice() else { panic!("not one") };
        assert_eq!((read.value.as_str(), read.kind, read.id.to_string().as_str()), (given.0, read_as, id));
    }
}

#[test]
fn many_at_once() {
    let world = World::new(false);
    let profile = Profile::new(ProfileKind::Personal);
    let subjects: Vec<Subject> = (0..600).map(|i| subject(&format!("person {i}"))).collect();
    let serials: Vec<SerialNumber> = (0..600).map(|_| SerialNumber::random(&mut SysRng).unwrap()).collect();
    let orders: Vec<Order<'_>> = subjects
        .iter()
        .zip(&serials)
        .map(|(subject, serial)| Order::new(&profile, subject, public("leaf"), serial.clone(), year()))
        .collect();
    let all = certificates(world.ca.issue_all(&orders).unwrap(), &world.ca_key);
    assert_eq!(all.len(), 600);
    for (certificate, (subject, serial)) in all.iter().zip(subjects.iter().zip(&serials)) {
        assert_eq!(certificate.subject(), subject.name());
        assert_eq!(certificate.serial(), serial.as_bytes());
        certificate.verify_signature(world.ca.certificate().key()).unwrap();
    }
    assert!(world.ca.issue_all(&[]).unwrap().assemble(&[]).unwrap().is_empty());
}

#[test]
fn years_from_2050_on_have_four_digits() {
    let world = World::new(false);
    let profile = Profile::new(ProfileKind::SubordinateCa { path_len: Some(0) });
    for (to, tag) in [("2049-12-31T23:59:59Z", 0x17), ("2050-01-01T00:00:00Z", 0x18)] {
        let validity = pki::certificate::Validity { not_before: now(), not_after: time(to) };
        let subject = subject("CA");
        let order = Order::new(&profile, &subject, public("leaf"), serial(3), validity);
        let unsigned = world.root.issue(&order).unwrap();
        let der = time(to).to_der();
        assert_eq!(der[0], tag);
        assert!(contains(unsigned.tbs(), &der));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_issued_reads_as_it_was_ordered(
        cn in "[a-zA-Z0-9 \u{4e00}-\u{9fa5}]{1,64}",
        o in "\\PC{1,64}",
        number in "[A-Za-z0-9 '()+,./:=?-]{1,64}",
        octets in proptest::collection::vec(any::<u8>(), 16..=20),
        from in 1_735_689_600_u64..2_000_000_000,
        len in 0_u64..80_000_000,
    ) {
        let world = World::new(false);
        let mut octets = octets;
        octets[0] = octets[0] & 0x7f | 1;
        let serial = SerialNumber::from_bytes(&octets).unwrap();
        let name = NameBuilder::new()
            .with(SubjectAttribute::Organization, &o)
            .with(SubjectAttribute::CommonName, &cn)
            .with(SubjectAttribute::SerialNumber, &number)
            .build()
            .unwrap();
        let moment = |seconds| Time::from_unix(seconds).unwrap();
        let validity = pki::certificate::Validity { not_before: moment(from), not_after: moment(from + len) };
        let (profile, subject) = (Profile::new(ProfileKind::Personal), Subject::new(name.clone()));
        let order = Order::new(&profile, &subject, public("leaf"), serial, validity);
        let read = world.issue(&order);
        prop_assert_eq!(read.subject().as_der(), name.as_der());
        prop_assert_eq!(read.subject().values(&pki::ObjectIdentifier::new_unwrap("2.5.4.3")), vec![cn]);
        prop_assert_eq!(read.subject().values(&pki::ObjectIdentifier::new_unwrap("2.5.4.10")), vec![o]);
        prop_assert_eq!(read.serial(), octets.as_slice());
        prop_assert_eq!(read.validity(), validity);
        prop_assert_eq!(read.key().sm2(), Some(&public("leaf")));
        prop_assert_eq!(read.version(), 3);
    }
}
