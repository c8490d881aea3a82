//! Issuing: certificates in batches, a long revocation list, answers and time stamps. Yardstick: signatures in batches alone.

use std::hint::black_box;

use envelope::cms::Time;
use getrandom::SysRng;
use pki::{
    Certificate, ObjectIdentifier,
    algorithm::HashAlgorithm,
    certificate::Validity,
    crl::{Entry, RevocationReason},
    csr::SubjectAttribute,
    issue::{
        AnswerTimes, Batch, Issuer, ListBuilder, NameBuilder, Order, Profile, ProfileKind, Responder,
        SerialNumber, StampAuthority, Subject, root,
    },
    ocsp::CertStatus,
    tsp::{Imprint, TimeStampRequest},
};
use sm_primitives::sm2::{
    PrivateKey, PublicKey,
    dsa::{self, many},
};

use super::{MANY, NOW};
use crate::Operation;

fn time(offset: i64) -> Time {
    Time::from_unix(NOW.saturating_add_signed(offset)).unwrap()
}

fn validity(days: i64) -> Validity {
    Validity { not_before: time(-86_400), not_after: time(days * 86_400) }
}

fn subject(cn: &str) -> Subject {
    let name = NameBuilder::new().with(SubjectAttribute::Country, "CN");
    let name = name.with(SubjectAttribute::Organization, "测试单位").with(SubjectAttribute::CommonName, cn);
    Subject::new(name.build().unwrap())
}

fn serial() -> SerialNumber {
    SerialNumber::random(&mut SysRng).unwrap()
}

struct Authority {
    issuer: Issuer,
    key: PrivateKey,
}

impl Authority {
    fn new() -> Self {
        let key = PrivateKey::generate(&mut SysRng).unwrap();
        let profile = Profile::new(ProfileKind::Root { path_len: None });
        let subject = subject("CA");
        let order = Order::new(&profile, &subject, *key.public_key(), serial(), validity(3650));
        let unsigned = root(&order, false).unwrap();
        let signature = dsa::sign_digest(&key, unsigned.digest(), &mut SysRng).unwrap();
        let certificate = Certificate::from_der(&unsigned.assemble(&signature).unwrap()).unwrap();
        Self { issuer: Issuer::new(certificate).unwrap(), key }
    }

    fn list(&self, entries: u32) -> Vec<u8> {
        let mut builder = ListBuilder::new(&self.issuer, 1, time(0), time(86_400)).unwrap();
        for number in 0..entries {
            let serial = [&[1; 12][..], &number.to_be_bytes()].concat();
            let (date, reason) = (time(-86_400), RevocationReason::Superseded);
            let entry = Entry { serial, date, reason, invalidity: None, has_unknown_critical: false };
            builder.push(&entry).unwrap();
        }
        let unsigned = builder.build();
        let signature = dsa::sign_digest(&self.key, unsigned.digest(), &mut SysRng).unwrap();
        unsigned.assemble(&signature).unwrap()
    }
}

fn profile() -> Profile {
    Profile::new(ProfileKind::Personal)
        .with_crl("http://example.com/ca.crl")
        .and_then(|profile| profile.with_ocsp("http://example.com/ocsp"))
        .unwrap()
}

fn public_key() -> PublicKey {
    *PrivateKey::generate(&mut SysRng).unwrap().public_key()
}

/// The operations.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::items("sign and verify 256 digests", MANY, || {
            let authority = Authority::new();
            let digests: Vec<[u8; 32]> =
                (0..MANY).map(|i| [u8::try_from(i % 256).unwrap_or(0); 32]).collect();
            let key = sm_primitives::sm2::PreparedKey::new(authority.key.public_key());
            move || {
                let signatures =
                    many::sign_digests(&authority.key, black_box(&digests), &mut SysRng).unwrap();
                let claims: Vec<_> = digests.iter().copied().zip(signatures).collect();
                assert!(many::verify_digests_prepared(&key, &claims).iter().all(Result::is_ok));
            }
        }),
        Operation::items("issue 256 certificates at once", MANY, || {
            let (authority, profile, key) = (Authority::new(), profile(), public_key());
            let subjects: Vec<Subject> = (0..MANY).map(|i| subject(&format!("person {i}"))).collect();
            move || {
                let order = |subject| Order::new(&profile, subject, key, serial(), validity(365));
                let orders: Vec<Order<'_>> = subjects.iter().map(order).collect();
                let batch = authority.issuer.issue_all(black_box(&orders)).unwrap();
                black_box(batch.sign(&authority.key, &mut SysRng).unwrap());
            }
        }),
        Operation::one("issue a certificate", || {
            let (authority, profile, key, subject) =
                (Authority::new(), profile(), public_key(), subject("person"));
            move || {
                let order = Order::new(&profile, &subject, key, serial(), validity(365));
                let batch = Batch::new(vec![authority.issuer.issue(&order).unwrap()]);
                black_box(batch.sign(&authority.key, &mut SysRng).unwrap());
            }
        }),
        Operation::items("write a revocation list of 1000000", 1_000_000, || {
            let authority = Authority::new();
            move || {
                black_box(authority.list(1_000_000));
            }
        }),
        Operation::items("sign 256 OCSP answers before they are asked for", MANY, || {
            let authority = Authority::new();
            let responder = Responder::of_ca(&authority.issuer);
            let times =
                AnswerTimes { produced_at: time(0), this_update: time(0), next_update: Some(time(86_400)) };
            let serials: Vec<SerialNumber> = (0..MANY).map(|_| serial()).collect();
            move || {
                let answer = |serial: &SerialNumber| {
                    let (hash, status) = (HashAlgorithm::Sm3, CertStatus::Good);
                    responder.sign_before(hash, serial.as_bytes(), &status, times).unwrap()
                };
                let batch = Batch::new(serials.iter().map(answer).collect());
                black_box(batch.sign(&authority.key, &mut SysRng).unwrap());
            }
        }),
        Operation::one("stamp", || {
            let (authority, key) = (Authority::new(), PrivateKey::generate(&mut SysRng).unwrap());
            let (profile, subject) = (Profile::new(ProfileKind::TimeStamping), subject("TSA"));
            let order = Order::new(&profile, &subject, *key.public_key(), serial(), validity(365));
            let mut issued =
                authority.issuer.issue_all(&[order]).unwrap().sign(&authority.key, &mut SysRng).unwrap();
            let certificate = Certificate::from_der(&issued.remove(0)).unwrap();
            let stamping = StampAuthority::new(certificate, ObjectIdentifier::new_unwrap("1.2.3.4")).unwrap();
            let imprint = Imprint::of(HashAlgorithm::Sm3, b"content").unwrap();
            let request = TimeStampRequest::new(imprint, Some([7; 8]));
            move || {
                let stamp = stamping.stamp(black_box(&request), &serial(), time(0), 0).unwrap();
                let signature = dsa::sign_digest(&key, stamp.digest(), &mut SysRng).unwrap();
                black_box(stamp.assemble(&signature).unwrap());
            }
        }),
    ]
}
