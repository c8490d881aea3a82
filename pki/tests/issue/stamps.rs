//! Time stamps.

use getrandom::SysRng;
use pki::algorithm::HashAlgorithm;
use pki::issue::{Failure, Order, Profile, ProfileKind, StampAuthority, UnsignedStamp, rejection};
use pki::tsp::{Accuracy, Imprint, PkiStatus, TimeStampRequest, TimeStampResponse};
use pki::validate::Revocation;
use pki::{Certificate, Error, ObjectIdentifier};
use sm_primitives::sm2::dsa;

use crate::refused::unusable;
use crate::support::{OpenSsl, World, contains, key, now, public, serial, subject, time, year};

const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.4");
const OTHER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.5");
const GM_SIGNED: &[u8] = b"\x06\x0a\x2a\x81\x1c\xcf\x55\x06\x01\x04\x02\x02";
const RFC_SIGNED: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";

fn certificate(world: &World) -> Certificate {
    let profile = Profile::new(ProfileKind::TimeStamping);
    world.issue(&Order::new(&profile, &subject("TSA"), public("tsa"), serial(5), year()))
}

fn authority(world: &World) -> StampAuthority {
    StampAuthority::new(certificate(world), POLICY).unwrap()
}

fn request(hash: HashAlgorithm) -> TimeStampRequest {
    TimeStampRequest::new(Imprint::of(hash, b"content").unwrap(), Some([0x81; 8]))
}

fn respond(unsigned: UnsignedStamp) -> Vec<u8> {
    let signature = dsa::sign_digest(&key("tsa"), unsigned.digest(), &mut SysRng).unwrap();
    unsigned.assemble(&signature).unwrap()
}

#[test]
fn stamps_are_what_was_asked_for() {
    let world = World::new(false);
    let own = certificate(&world);
    let accuracy = Accuracy { seconds: 0, millis: 500, micros: 1 };
    for rfc in [false, true] {
        for hash in [HashAlgorithm::Sm3, HashAlgorithm::Sha256] {
            for (wants_certificate, policy) in [(true, None), (false, Some(OTHER))] {
                let authority = StampAuthority::new(own.clone(), POLICY)
                    .unwrap()
                    .with_policy(OTHER)
                    .with_accuracy(accuracy)
                    .unwrap();
                let authority =
                    authority.with_ordering().with_name().with_chain(world.ca.certificate().clone());
                let authority = if rfc { authority.with_rfc_identifiers() } else { authority };
                let request = TimeStampRequest { wants_certificate, policy, ..request(hash) };
                let request = StampAuthority::read(&request.to_der()).unwrap();
                let der = respond(authority.stamp(&request, &serial(77), now(), 250_000).unwrap());
                assert_eq!((contains(&der, GM_SIGNED), contains(&der, RFC_SIGNED)), (!rfc, rfc));

                let response = TimeStampResponse::from_der(&der).unwrap();
                assert_eq!(response.status, PkiStatus::Granted);
                let token = response.token.unwrap();
                assert_eq!(token.check_request(&request), Ok(()));
                assert_eq!(token.check_content(b"content"), Ok(()));
                let info = token.info();
                assert_eq!((info.time, info.micros, info.accuracy), (now(), 250_000, Some(accuracy)));
                assert_eq!((info.policy, info.ordering), (policy.unwrap_or(POLICY), true));
                assert_eq!(info.serial, serial(77).as_bytes());
                assert!(info.authority.is_some());
                let others = if wants_certificate { vec![] } else { vec![own.clone()] };
                assert_eq!(token.certificates().len(), if wants_certificate { 2 } else { 0 });
                let verified = token.verify(&world.validator(), &others, Revocation::IfKnown).unwrap();
                assert!(verified.report.is_valid(), "{:?}", verified.report);
                assert_eq!(verified.certificate, own);
            }
        }
    }
}

#[test]
fn a_plain_stamp_says_no_more_than_it_must() {
    let world = World::new(false);
    let request = TimeStampRequest { nonce: None, ..request(HashAlgorithm::Sm3) };
    let der = respond(authority(&world).stamp(&request, &serial(1), now(), 0).unwrap());
    let token = TimeStampResponse::from_der(&der).unwrap().token.unwrap();
    let info = token.info();
    assert!(info.accuracy.is_none() && info.nonce.is_none() && info.authority.is_none() && !info.ordering);
    assert!(contains(&der, b"\x18\x0f20260601120000Z"));
    assert_eq!(token.certificates().len(), 1);
}

#[test]
fn rejections_say_why() {
    let world = World::new(false);
    let authority = authority(&world);
    let stamp =
        |request: &TimeStampRequest, at, micros| authority.stamp(request, &serial(1), at, micros).err();
    let plain = request(HashAlgorithm::Sm3);
    assert_eq!(stamp(&plain, now(), 999_999), None);
    let policy = TimeStampRequest { policy: Some(OTHER), ..plain.clone() };
    assert_eq!(stamp(&policy, now(), 0), Some(Failure::UnacceptedPolicy));
    let extension = pki::extension::Extension { id: OTHER, critical: false, value: vec![] };
    let extended = TimeStampRequest { extensions: vec![extension], ..plain.clone() };
    assert_eq!(stamp(&extended, now(), 0), Some(Failure::UnacceptedExtension));
    for (len, failure) in [(128, None), (129, Some(Failure::BadRequest))] {
        let long = TimeStampRequest { nonce: Some(vec![1; len]), ..plain.clone() };
        assert_eq!(stamp(&long, now(), 0), failure);
    }
    assert_eq!(stamp(&plain, now(), 1_000_000), Some(Failure::TimeNotAvailable));
    for outside in ["2025-12-31T23:59:59Z", "2027-01-01T00:00:00Z"] {
        assert_eq!(stamp(&plain, time(outside), 0), Some(Failure::TimeNotAvailable));
    }
    assert_eq!(StampAuthority::read(b"0").err(), Some(Failure::BadDataFormat));
    // SHA-1.
    let imprint = b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";
    let old = envelope::der::element(0x30, &[&[2, 1, 1], imprint, &[0; 20]]);
    assert_eq!(StampAuthority::read(&old).err(), Some(Failure::BadAlg));

    for (failure, name) in [
        (Failure::BadAlg, "badAlg"),
        (Failure::BadRequest, "badRequest"),
        (Failure::BadDataFormat, "badDataFormat"),
        (Failure::TimeNotAvailable, "timeNotAvailable"),
        (Failure::UnacceptedPolicy, "unacceptedPolicy"),
        (Failure::UnacceptedExtension, "unacceptedExtension"),
        (Failure::AddInfoNotAvailable, "addInfoNotAvailable"),
        (Failure::SystemFailure, "systemFailure"),
    ] {
        for text in ["", "为什么"] {
            let response = TimeStampResponse::from_der(&rejection(failure, text)).unwrap();
            assert_eq!((response.status, response.failures), (PkiStatus::Rejection, vec![name]));
            assert_eq!(response.texts.concat(), text);
            assert!(response.token.is_none());
        }
    }
}

#[test]
fn who_may_not_stamp() {
    let world = World::new(false);
    let profile = Profile::new(ProfileKind::Personal);
    let leaf = world.issue(&Order::new(&profile, &subject("one"), public("leaf"), serial(3), year()));
    unusable(StampAuthority::new(leaf, POLICY).map(drop), "extKeyUsage");
    let of = |seconds, millis, micros| authority(&world).with_accuracy(Accuracy { seconds, millis, micros });
    for wrong in [of(0, 0, 0), of(1, 1000, 0), of(1, 0, 1000)] {
        unusable(wrong.map(drop), "accuracy");
    }
    let unsigned = authority(&world).stamp(&request(HashAlgorithm::Sm3), &serial(1), now(), 0).unwrap();
    let wrong = dsa::sign_digest(&key("another"), unsigned.digest(), &mut SysRng).unwrap();
    assert_eq!(unsigned.assemble(&wrong), Err(Error::InvalidSignature));
}

#[test]
fn openssl_asks_and_reads() {
    let Some(openssl) = OpenSsl::new() else { return };
    let world = World::new(false);
    openssl.write("content", b"content");
    for hash in ["sm3", "sha256"] {
        openssl.run(&format!("ts -query -data content -{hash} -cert -out request.der"));
        let request = StampAuthority::read(&openssl.read("request.der")).unwrap();
        let authority = authority(&world).with_name().with_rfc_identifiers();
        let der = respond(authority.stamp(&request, &serial(7), now(), 5000).unwrap());
        openssl.write("response.der", &der);
        let text = openssl.run("ts -reply -in response.der -text");
        for part in
            ["Status: Granted.", "Policy OID: 1.2.3.4", "Jun  1 12:00:00.005 2026 GMT", "TSA: DirName:/C=CN"]
        {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        let token = TimeStampResponse::from_der(&der).unwrap().token.unwrap();
        assert_eq!(token.check_request(&request), Ok(()));
    }
    openssl.write("response.der", &rejection(Failure::UnacceptedPolicy, "no"));
    let text = openssl.run("ts -reply -in response.der -text");
    assert!(
        text.contains("Rejected.") && text.contains("unacceptedPolicy")
            || text.contains("policy is not supported"),
        "{text}"
    );
}
