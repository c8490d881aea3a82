//! Certificates for requests.

use getrandom::SysRng;
use pki::csr::{AttributeForm, Builder, Extension, Request, Response, SubjectAttribute};
use pki::extension::GeneralName;
use pki::issue::{Applicant, Order, Profile, ProfileKind};
use pki::validate::Purpose;
use pki::{Certificate, Error};
use sm_primitives::sm2::{PrivateKey, dsa};

use crate::refused::unusable;
use crate::support::{World, key, name, public, serial, subject, year};

fn signed(builder: Builder, key: &PrivateKey) -> Request {
    let unsigned = builder.build().unwrap();
    let signature = dsa::sign_digest(key, &unsigned.digest(), &mut SysRng).unwrap();
    Request::read(&unsigned.assemble(&signature).unwrap()).unwrap()
}

fn builder() -> Builder {
    Builder::new(public("person")).subject(SubjectAttribute::CommonName, "whatever I like")
}

#[test]
fn only_the_key_of_a_request_is_taken() {
    let world = World::new(false);
    let alt = envelope::der::element(0x30, &[b"\x82\x01a"]);
    let extensions = [
        Extension { id: vec![0x55, 0x1d, 0x13], critical: true, value: vec![0x30, 3, 1, 1, 0xff] },
        Extension { id: vec![0x55, 0x1d, 0x11], critical: false, value: alt },
    ];
    let request = signed(extensions.into_iter().fold(builder(), Builder::extension), &key("person"));
    let applicant = Applicant::new(&request).unwrap();
    assert_eq!((applicant.key(), applicant.temporary_key()), (&public("person"), None));
    let (profile, subject) = (Profile::new(ProfileKind::Personal), subject("known"));
    let certificate = world.issue(&Order::new(&profile, &subject, *applicant.key(), serial(3), year()));
    assert!(world.judge(&certificate, Purpose::DigitalSignature).is_valid());
    assert!(!certificate.is_ca() && certificate.extensions().subject_alt_names.is_empty());
    assert_eq!(certificate.subject(), &name("known"));
    // What is asked for can be looked at.
    assert_eq!(applicant.requested_subject().short(), "whatever I like");
    assert_eq!(applicant.requested_alt_names(), [GeneralName::Dns("a".into())]);
}

#[test]
fn requests_without_proof_are_refused() {
    let request = signed(builder(), &key("person"));
    assert!(Applicant::new(&request).is_ok());
    let unsigned = builder().build().unwrap();
    let other = dsa::sign_digest(&key("another"), &unsigned.digest(), &mut SysRng).unwrap();
    let info = unsigned.info().to_vec();
    let algorithm = crate::support::ALGORITHM[0];
    let bits = envelope::der::element(3, &[&[0], &other.to_der()]);
    let forged = Request::read(&envelope::der::element(0x30, &[&info, algorithm, &bits])).unwrap();
    assert_eq!(Applicant::new(&forged).err(), Some(Error::InvalidSignature));
    let names = Extension { id: vec![0x55, 0x1d, 0x11], critical: false, value: vec![4, 0] };
    let request = signed(builder().extension(names), &key("person"));
    assert!(matches!(Applicant::new(&request), Err(Error::Malformed(_))));
}

#[test]
fn two_certificates_and_the_key_of_the_second_for_one_request() {
    let world = World::new(false);
    for form in [AttributeForm::Standard, AttributeForm::Cfca] {
        let request = builder().temporary_key(public("temporary")).form(form);
        let applicant = Applicant::new(&signed(request, &key("person"))).unwrap();
        let (profile, subject) = (Profile::new(ProfileKind::Enterprise), subject("organisation"));
        let by_centre = key("key centre");
        let deliver = |encryption: &PrivateKey| {
            let serials = [serial(3), serial(4)];
            world.ca.deliver(&applicant, (&profile, &subject), encryption, serials, year(), &mut SysRng)
        };
        let delivery = deliver(&by_centre).unwrap().with_chain(world.ca.certificate().clone());
        let sign = |digest: &[u8; 32]| dsa::sign_digest(&world.ca_key, digest, &mut SysRng).unwrap();
        let signatures: Vec<_> = delivery.digests().iter().map(sign).collect();
        let mut swapped = signatures.clone();
        swapped.reverse();
        assert_eq!(delivery.clone().assemble(&swapped).err(), Some(Error::InvalidSignature));
        let response = Response::read(&delivery.assemble(&signatures).unwrap().to_der().unwrap()).unwrap();

        let opened = response.open(&key("temporary")).unwrap();
        assert_eq!(opened.expose_bytes(), by_centre.expose_bytes());
        assert_eq!(response.open(&key("person")).err(), Some(Error::KeyMismatch));
        let read = |ders: &[Vec<u8>], key| {
            let all: Vec<_> = ders.iter().map(|der| Certificate::from_der(der).unwrap()).collect();
            assert!(all.len() == 2 && all.contains(world.ca.certificate()));
            all.into_iter().find(|certificate| certificate.key().sm2() == Some(&key)).unwrap()
        };
        let signing = read(&response.sign_certificates, public("person"));
        let encryption = read(&response.encryption_certificates, public("key centre"));
        assert!(world.judge(&signing, Purpose::DigitalSignature).is_valid());
        assert!(world.judge(&encryption, Purpose::Encryption).is_valid());

        unusable(deliver(&key("person")).map(drop), "one key");
    }
    let applicant = Applicant::new(&signed(builder(), &key("person"))).unwrap();
    let (profile, subject) = (Profile::new(ProfileKind::Personal), subject("one"));
    let serials = [serial(3), serial(4)];
    let without =
        world.ca.deliver(&applicant, (&profile, &subject), &key("centre"), serials, year(), &mut SysRng);
    unusable(without.map(drop), "temporary key");
}
