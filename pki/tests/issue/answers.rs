//! Answers of OCSP.

use pki::algorithm::HashAlgorithm;
use pki::crl::RevocationReason;
use pki::issue::{AnswerTimes, Issuer, Order, Profile, ProfileKind, Responder, Unsigned, refusal};
use pki::ocsp::{
    BasicResponse, CertId, CertStatus, OcspDefect, OcspRequest, OcspResponse, ResponseStatus, TOLERANCE,
};
use pki::{Certificate, Error};
use sm_primitives::sm2::PrivateKey;

use crate::refused::unusable;
use crate::support::{
    ALGORITHM, OpenSsl, World, contains, key, now, public, serial, sign, subject, time, year,
};

const HASHES: [HashAlgorithm; 3] = [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sm3];

fn times() -> AnswerTimes {
    AnswerTimes { produced_at: now(), this_update: now(), next_update: Some(time("2026-06-08T00:00:00Z")) }
}

const REVOKED: fn() -> CertStatus =
    || CertStatus::Revoked { date: time("2026-05-01T00:00:00Z"), reason: RevocationReason::KeyCompromise };

fn basic(unsigned: Unsigned, key: &PrivateKey) -> BasicResponse {
    let read = OcspResponse::from_der(&sign(unsigned, key)).unwrap();
    assert_eq!(read.status, ResponseStatus::Successful);
    read.basic.unwrap()
}

fn delegate(issuer: &Issuer, world: &World) -> Certificate {
    let profile = Profile::new(ProfileKind::OcspSigner);
    let subject = subject("OCSP");
    let unsigned = issuer.issue(&Order::new(&profile, &subject, public("ocsp"), serial(9), year())).unwrap();
    let key = if issuer.key() == world.ca.key() { &world.ca_key } else { &world.root_key };
    Certificate::from_der(&sign(unsigned, key)).unwrap()
}

struct Parties {
    world: World,
    leaf: Certificate,
    responders: [(Responder, PrivateKey); 2],
}

impl Parties {
    fn new(null: bool) -> Self {
        let world = World::new(null);
        let profile = Profile::new(ProfileKind::Personal);
        let leaf = world.issue(&Order::new(&profile, &subject("one"), public("leaf"), serial(3), year()));
        let delegated = Responder::delegated(&world.ca, delegate(&world.ca, &world)).unwrap();
        let responders = [(Responder::of_ca(&world.ca), key("ca")), (delegated, key("ocsp"))];
        Self { world, leaf, responders }
    }

    fn ca(&self) -> &Certificate {
        self.world.ca.certificate()
    }

    fn request(&self, hash: HashAlgorithm, nonce: Option<&[u8]>) -> OcspRequest {
        let der = OcspRequest::write(&[CertId::new(hash, &self.leaf, self.ca())], nonce);
        Responder::read(&der).unwrap()
    }
}

#[test]
fn answers_with_every_hash_status_and_responder() {
    let parties = Parties::new(false);
    for hash in HASHES {
        for (responder, key) in &parties.responders {
            for status in [CertStatus::Good, REVOKED(), CertStatus::Unknown] {
                for nonce in [None, Some(&[7; 32][..])] {
                    let request = parties.request(hash, nonce);
                    let unsigned = responder.answer(&request, times(), |serial| {
                        assert_eq!(serial, parties.leaf.serial());
                        Ok(status)
                    });
                    let basic = basic(unsigned.unwrap(), key);
                    let check = |nonce: Option<&[u8]>| {
                        basic.check(&parties.leaf, parties.ca(), nonce, now(), TOLERANCE)
                    };
                    assert_eq!(check(nonce), Ok(status));
                    assert_eq!(basic.nonce().as_deref(), nonce);
                    assert_eq!(check(Some(&[8; 32])), Err(OcspDefect::Nonce));
                    assert_eq!(basic.singles()[0].id, request.ids()[0]);
                    assert_eq!(
                        basic.certificates().len(),
                        usize::from(key.public_key() != parties.world.ca.key())
                    );
                }
            }
        }
    }
}

#[test]
fn answers_signed_before_they_are_asked_for() {
    let parties = Parties::new(true);
    for hash in HASHES {
        let (responder, key) = &parties.responders[1];
        let request = parties.request(hash, None);
        let (wanted, serial) = responder.signed_before(&request).unwrap();
        assert_eq!((wanted, serial), (hash, parties.leaf.serial()));
        let unsigned = responder.sign_before(wanted, serial, &REVOKED(), times()).unwrap();
        assert!(contains(unsigned.tbs(), request.ids()[0].as_der()));
        let basic = basic(unsigned, key);
        assert_eq!(basic.check(&parties.leaf, parties.ca(), None, now(), 0), Ok(REVOKED()));
        let late = time("2026-06-08T00:00:01Z");
        assert_eq!(basic.check(&parties.leaf, parties.ca(), None, late, 0), Err(OcspDefect::Stale));
        assert_eq!(basic.produced_at(), now());
        // With NULL, as the CA has it.
        assert_eq!(basic.algorithm(), parties.ca().algorithm());

        assert_eq!(responder.signed_before(&parties.request(hash, Some(&[1]))), None);
        let other = CertId::new(hash, parties.ca(), parties.world.root.certificate());
        let own = CertId::new(hash, &parties.leaf, parties.ca());
        for ids in [&[other.clone()][..], &[own, other]] {
            let request = Responder::read(&OcspRequest::write(ids, None)).unwrap();
            assert_eq!(responder.signed_before(&request), None);
        }
    }
    assert!(contains(
        &sign(
            parties.responders[0]
                .0
                .sign_before(HashAlgorithm::Sm3, &[1], &CertStatus::Good, times())
                .unwrap(),
            &key("ca")
        ),
        ALGORITHM[1]
    ));
}

#[test]
fn certificates_of_other_cas_are_unknown_and_alone_unauthorized() {
    let parties = Parties::new(false);
    let (responder, key) = &parties.responders[0];
    let root = parties.world.root.certificate();
    let other = CertId::new(HashAlgorithm::Sm3, parties.ca(), root);
    let ask = |ids: &[CertId]| {
        let request = Responder::read(&OcspRequest::write(ids, None)).unwrap();
        responder.answer(&request, times(), |_| Ok(CertStatus::Good))
    };
    assert_eq!(ask(std::slice::from_ref(&other)).err(), Some(ResponseStatus::Unauthorized));
    let own = CertId::new(HashAlgorithm::Sha1, &parties.leaf, parties.ca());
    let both = basic(ask(&[other, own]).unwrap(), key);
    assert_eq!(
        both.singles().iter().map(|single| single.status).collect::<Vec<_>>(),
        [CertStatus::Unknown, CertStatus::Good]
    );
}

#[test]
fn refusals() {
    let parties = Parties::new(false);
    let (responder, _) = &parties.responders[0];
    for why in [
        ResponseStatus::MalformedRequest,
        ResponseStatus::InternalError,
        ResponseStatus::TryLater,
        ResponseStatus::SignatureRequired,
        ResponseStatus::Unauthorized,
    ] {
        let read = OcspResponse::from_der(&refusal(why)).unwrap();
        assert!(read.status == why && read.basic.is_none());
    }
    let never = OcspResponse::from_der(&refusal(ResponseStatus::Successful)).unwrap();
    assert_eq!(never.status, ResponseStatus::InternalError);
    assert_eq!(refusal(ResponseStatus::Unauthorized), [0x30, 3, 0x0a, 1, 6]);

    let malformed = Some(ResponseStatus::MalformedRequest);
    assert_eq!(Responder::read(b"0").err(), malformed);
    let id = CertId::new(HashAlgorithm::Sm3, &parties.leaf, parties.ca());
    for (len, refused) in [(0, true), (1, false), (128, false), (129, true)] {
        let request = OcspRequest::write(std::slice::from_ref(&id), Some(&vec![1; len]));
        assert_eq!(Responder::read(&request).err(), malformed.filter(|_| refused), "{len}");
    }
    // An extension that is critical and not the nonce.
    let request = OcspRequest::write(std::slice::from_ref(&id), Some(&[1]));
    let mut critical = request.clone();
    let at = request.windows(9).position(|window| window == b"\x2b\x06\x01\x05\x05\x07\x30\x01\x02").unwrap();
    critical[at + 8] = 9;
    assert!(Responder::read(&critical).is_ok());
    // OID, then a BOOLEAN in place of the start of the value: built whole.
    let tlv = envelope::der::element;
    let extension = tlv(0x30, &[&tlv(6, &[&[0x2a, 3]]), &[1, 1, 0xff], &[4, 0]]);
    let list = tlv(0x30, &[&tlv(0x30, &[id.as_der()])]);
    let whole = tlv(0x30, &[&tlv(0x30, &[&list, &tlv(0xa2, &[&tlv(0x30, &[&extension])])])]);
    assert_eq!(Responder::read(&whole).err(), malformed);

    let request = parties.request(HashAlgorithm::Sm3, None);
    let later = responder.answer(&request, times(), |_| Err(ResponseStatus::TryLater));
    assert_eq!(later.err(), Some(ResponseStatus::TryLater));
}

#[test]
fn what_is_not_answered() {
    let parties = Parties::new(false);
    let (responder, _) = &parties.responders[1];
    let sign_before =
        |status, times| responder.sign_before(HashAlgorithm::Sm3, &[1], &status, times).map(drop);
    assert_eq!(sign_before(CertStatus::Good, times()), Ok(()));
    for wrong in [
        AnswerTimes { this_update: time("2026-06-01T12:00:01Z"), ..times() },
        AnswerTimes { next_update: Some(now()), ..times() },
    ] {
        unusable(sign_before(CertStatus::Good, wrong), "times");
    }
    for produced_at in ["2025-12-31T23:59:59Z", "2027-01-01T00:00:00Z"] {
        let wrong = AnswerTimes { produced_at: time(produced_at), ..times() };
        unusable(sign_before(CertStatus::Good, wrong), "validity");
        let request = parties.request(HashAlgorithm::Sm3, None);
        let answer = responder.answer(&request, wrong, |_| Ok(CertStatus::Good));
        assert_eq!(answer.err(), Some(ResponseStatus::InternalError));
    }
    let removed = CertStatus::Revoked { date: now(), reason: RevocationReason::RemoveFromCrl };
    unusable(sign_before(removed, times()), "does not revoke");
}

#[test]
fn who_may_not_answer() {
    let world = World::new(false);
    let of_root = delegate(&world.root, &world);
    unusable(Responder::delegated(&world.ca, of_root).map(drop), "another CA");
    let profile = Profile::new(ProfileKind::Personal);
    let leaf = world.issue(&Order::new(&profile, &subject("one"), public("leaf"), serial(3), year()));
    unusable(Responder::delegated(&world.ca, leaf).map(drop), "extKeyUsage");
    let mut der = delegate(&world.ca, &world).as_der().to_vec();
    let at = der.windows(3).position(|window| window == b"OCS").unwrap();
    der[at] = b'o';
    let altered = Certificate::from_der(&der).unwrap();
    assert_eq!(Responder::delegated(&world.ca, altered).err(), Some(Error::InvalidSignature));
    assert!(Responder::delegated(&world.ca, delegate(&world.ca, &world)).is_ok());
}

#[test]
fn openssl_reads_answers_and_asks() {
    let Some(openssl) = OpenSsl::new() else { return };
    let parties = Parties::new(false);
    let (responder, key) = &parties.responders[1];
    openssl.write("ca.der", parties.ca().as_der());
    openssl.write("leaf.der", parties.leaf.as_der());
    openssl.run("x509 -inform DER -in ca.der -out ca.pem");
    openssl.run("x509 -inform DER -in leaf.der -out leaf.pem");
    openssl.run("ocsp -issuer ca.pem -cert leaf.pem -reqout request.der");
    let request = Responder::read(&openssl.read("request.der")).unwrap();
    assert_eq!(request.ids()[0].hash(), Some(HashAlgorithm::Sha1));
    let unsigned = responder.answer(&request, times(), |_| Ok(REVOKED())).unwrap();
    openssl.write("answer.der", &sign(unsigned, key));
    let text = openssl.run("ocsp -respin answer.der -noverify -resp_text");
    for part in [
        "OCSP Response Status: successful",
        "Cert Status: revoked",
        "Revocation Reason: keyCompromise (0x1)",
        "Produced At: Jun  1 12:00:00 2026 GMT",
        "Next Update: Jun  8 00:00:00 2026 GMT",
        "OCSP Nonce",
        "OCSP No Check",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}
