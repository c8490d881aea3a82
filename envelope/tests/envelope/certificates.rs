//! Certificates as addresses, and what happens when they change.

use envelope::cms::Header;
use envelope::error::{ApiMisuse, InvalidCertificate};
use envelope::{
    Certificate, Error, IssuerAndSerial, Recipient, RecipientId, Sm2Identity, Sm2Recipient, SubjectKeyId,
    simple,
};
use sm_primitives::sm3::Sm3;

use crate::support::{CertificateParts, TestRng, indefinite, key, name, pem, public_key, tlv};

/// keyUsage bits: keyEncipherment.
const ENCIPHER: &[u8] = &[5, 0b0010_0000];
/// digitalSignature and nonRepudiation.
const SIGN: &[u8] = &[6, 0b1100_0000];

#[test]
fn a_certificate_names_its_issuer_and_serial_number() {
    let alice = public_key("alice");
    let parts = CertificateParts { subject_key_id: Some(&[9; 16]), ..CertificateParts::new(&alice) };
    for null_parameters in [false, true] {
        let der = CertificateParts { null_parameters, ..CertificateParts { ..parts } }.build();
        let certificate = Certificate::parse(&der).unwrap();
        assert_eq!(certificate.public_key(), &alice);
        assert_eq!(certificate.subject_key_id().unwrap().as_bytes(), &[9; 16]);
        let RecipientId::IssuerAndSerial(id) = certificate.id() else { panic!("by certificate") };
        assert_eq!((id.issuer(), id.serial()), (&*name("Test CA"), &[0x12, 0x34][..]));
        assert_eq!(certificate.id().to_string(), "certificate 1234");

        let from_pem = Certificate::parse(pem("CERTIFICATE", &der).as_bytes()).unwrap();
        assert_eq!(from_pem.ids(), certificate.ids());
        let recipient = Sm2Recipient::from_certificate(&der).unwrap();
        assert_eq!((recipient.public_key(), recipient.id()), (&alice, &certificate.id()));
    }
}

#[test]
fn a_key_is_named_by_twenty_bytes_of_its_hash() {
    let alice = public_key("alice");
    let digest = Sm3::new().chain(&alice.as_point().to_sec1()).finalize();
    assert_eq!(SubjectKeyId::of(&alice).as_bytes(), &digest[..20]);
    assert_eq!(RecipientId::of_key(&alice).to_string(), format!("key {}", hex::encode(&digest[..20])));
    let der = CertificateParts::new(&alice).build();
    let recipient = Sm2Recipient::from_certificate_by_key(&der).unwrap();
    assert_eq!(recipient.id(), &RecipientId::of_key(&alice));
}

#[test]
fn key_usage_is_respected() {
    let alice = public_key("alice");
    let seal = |key_usage| {
        let der = CertificateParts { key_usage, ..CertificateParts::new(&alice) }.build();
        let recipients = [Sm2Recipient::from_certificate(&der), Sm2Recipient::from_certificate_by_key(&der)];
        let [by_name, by_key] = recipients.map(|recipient| recipient.map(drop));
        assert_eq!(by_name, by_key);
        by_name
    };
    let refused = Err(Error::from(InvalidCertificate::KeyUsage));
    assert_eq!(seal(None), Ok(()), "no restriction");
    assert_eq!(seal(Some(ENCIPHER)), Ok(()));
    assert_eq!(seal(Some(&[4, 0b0001_0000])), Ok(()), "dataEncipherment");
    assert_eq!(seal(Some(&[3, 0b0000_1000])), Ok(()), "keyAgreement");
    assert_eq!(seal(Some(SIGN)), refused);
    assert_eq!(seal(Some(&[1, 0b0000_0110])), refused, "keyCertSign and cRLSign");
    assert_eq!(seal(Some(&[0])), refused, "no bit at all");
}

#[test]
fn broken_certificates_are_refused() {
    let alice = public_key("alice");
    let der = CertificateParts::new(&alice).build();
    let defect = |bytes: &[u8]| Certificate::parse(bytes).err();
    let malformed = Some(Error::from(InvalidCertificate::Malformed));
    assert!(defect(&der).is_none());
    for end in 0..der.len() {
        assert_eq!(defect(&der[..end]), malformed, "cut at {end}");
    }
    assert_eq!(defect(&[&der[..], &[0]].concat()), malformed, "a byte more");
    assert_eq!(der[..2], [0x30, 0x81], "a head of 3 bytes");
    assert!(defect(&tlv(0x30, &[&der[3..]])).is_none());
    assert_eq!(defect(&indefinite(0x30, &[&der[3..]])), malformed, "BER is no certificate");
    assert_eq!(defect(b"-----BEGIN CERTIFICATE-----\n"), malformed);

    let twice =
        CertificateParts { key_usage: Some(&[ENCIPHER, &[0xff]].concat()), ..CertificateParts::new(&alice) };
    assert!(defect(&twice.build()).is_none(), "a second octet of keyUsage");
    let p256 = CertificateParts { curve: "1.2.840.10045.3.1.7", ..CertificateParts::new(&alice) }.build();
    assert_eq!(defect(&p256), Some(InvalidCertificate::NotSm2.into()));
    let empty_id = CertificateParts { subject_key_id: Some(&[]), ..CertificateParts::new(&alice) }.build();
    assert_eq!(defect(&empty_id), malformed);
    let no_serial = CertificateParts { serial: &[], ..CertificateParts::new(&alice) }.build();
    assert_eq!(defect(&no_serial), malformed);
}

#[test]
fn elements_that_do_not_belong_there() {
    let alice = public_key("alice");
    let certificate = |junk| {
        let parts = CertificateParts {
            key_usage: Some(ENCIPHER),
            subject_key_id: Some(&[9; 20]),
            junk,
            ..CertificateParts::new(&alice)
        };
        Certificate::parse(&parts.build()).err()
    };
    assert_eq!(certificate(""), None);
    for place in ["certificate", "tbs", "extensions", "extension", "key id", "key usage"] {
        assert_eq!(certificate(place), Some(InvalidCertificate::Malformed.into()), "{place}");
    }
}

#[test]
fn an_extension_given_twice_is_refused() {
    let alice = public_key("alice");
    let once = CertificateParts { key_usage: Some(ENCIPHER), ..CertificateParts::new(&alice) }.build();
    // Rebuild it with the extension doubled. Certificate and TBSCertificate have heads of 3 bytes.
    let extension = tlv(
        0x30,
        &[&crate::support::oid("2.5.29.15"), &[1, 1, 0xff], &tlv(0x04, &[&tlv(0x03, &[ENCIPHER])])],
    );
    let at = once.windows(extension.len()).position(|window| window == extension).unwrap();
    let extensions = tlv(0xa3, &[&tlv(0x30, &[&extension, &extension])]);
    let tbs_start = 6;
    let tbs = tlv(0x30, &[&once[tbs_start..at - 4], &extensions]);
    let twice = tlv(0x30, &[&tbs, &once[at + extension.len()..]]);
    assert_eq!(Certificate::parse(&twice).err(), Some(InvalidCertificate::Malformed.into()));
    let control = tlv(
        0x30,
        &[
            &tlv(0x30, &[&once[tbs_start..at - 4], &tlv(0xa3, &[&tlv(0x30, &[&extension])])]),
            &once[at + extension.len()..],
        ],
    );
    assert_eq!(control, once, "the surgery itself is right");
}

/// The promise of the key form: envelopes survive the renewal of the certificate.
#[test]
fn renewal_does_not_lock_anybody_out() {
    let key = key("alice");
    let alice = *key.public_key();
    let old = CertificateParts { serial: &[1], ..CertificateParts::new(&alice) }.build();
    let new = CertificateParts { serial: &[2], ..CertificateParts::new(&alice) }.build();
    let by_key = Sm2Recipient::from_certificate_by_key(&old).unwrap();
    let by_name = Sm2Recipient::from_certificate(&old).unwrap();
    let after_renewal = Sm2Identity::new(&key).with_certificate(&new).unwrap();
    let new_ids = Certificate::parse(&new).unwrap().ids();
    for (recipient, found) in [(&by_key, true), (&by_name, false)] {
        let message =
            simple::seal(&[recipient as &dyn Recipient], b"bid", &mut TestRng::new("renewal")).unwrap();
        assert_eq!(*simple::open(&[&after_renewal], &message).unwrap(), b"bid", "{}", recipient.id());
        // What two-party decryption looks up before it asks the server.
        assert_eq!(Header::from_bytes(&message).unwrap().0.find(&new_ids).is_some(), found);
    }
}

#[test]
fn an_identity_takes_only_its_own_certificate() {
    let (alice, bob) = (key("alice"), key("bob"));
    let der = CertificateParts::new(bob.public_key()).build();
    assert_eq!(
        Sm2Identity::new(&alice).with_certificate(&der).err(),
        Some(ApiMisuse::CertificateOfOtherKey.into())
    );
    assert!(format!("{:?}", Sm2Identity::new(&alice)).starts_with("Sm2Identity { ids: "));
}

#[test]
fn names_are_checked_when_made() {
    let misuse = Some(Error::from(ApiMisuse::RecipientId));
    assert_eq!(SubjectKeyId::new(&[]).err(), misuse);
    assert_eq!(SubjectKeyId::new(&[0; 65]).err(), misuse);
    for len in [1, 16, 20, 32, 64] {
        assert_eq!(SubjectKeyId::new(&vec![1; len]).unwrap().as_bytes().len(), len);
    }
    assert_eq!(IssuerAndSerial::new(&name("CA"), &[]).err(), misuse);
    assert_eq!(IssuerAndSerial::new(&[], &[1]).err(), misuse);
    assert_eq!(IssuerAndSerial::new(&[0x31, 0], &[1]).err(), misuse);
    assert_eq!(IssuerAndSerial::new(&[name("CA"), name("CA")].concat(), &[1]).err(), misuse);
    assert!(IssuerAndSerial::new(&name("CA"), &[1]).is_ok());
}

#[test]
fn key_identifiers_of_every_usual_length_round_trip() {
    let key = key("alice");
    for len in [1, 16, 20, 32, 64] {
        let id = RecipientId::SubjectKeyId(SubjectKeyId::new(&vec![7; len]).unwrap());
        let recipient = Sm2Recipient::new(*key.public_key(), id.clone());
        let message = simple::seal(&[&recipient], b"x", &mut TestRng::new("ski")).unwrap();
        let (header, _) = Header::from_bytes(&message).unwrap();
        assert!(header.quirks().is_empty());
        assert_eq!(header.recipients()[0].id(), &id);
        assert_eq!(*simple::open(&[&Sm2Identity::new(&key)], &message).unwrap(), b"x");
    }
}
