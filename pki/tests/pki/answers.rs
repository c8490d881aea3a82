//! OCSP requests and answers: of GmSSL, and made here with every defect.

use std::slice::from_ref;

use envelope::cms::Time;
use pki::algorithm::HashAlgorithm;
use pki::crl::RevocationReason;
use pki::ocsp::{
    BasicResponse, CertId, CertStatus, OcspDefect, OcspRequest, OcspResponse, ResponseStatus, TOLERANCE,
};
use pki::validate::{Code, Report, Revocation, Status, Terms, Validator};
use pki::{Certificate, Error};

use crate::issuer::{Party, SM2_WITH_SM3, Template, extension, name, oid, seq, sign, tlv};
use crate::support::{sample, time};

const JUNE: &str = "2026-06-01T00:00:00Z";

#[test]
fn answers_of_gmssl() {
    let Some(request) = sample("ocsp/gmssl_req.der") else { return };
    let certificate = Certificate::parse(&sample("gmt0010/gmssl/sign.pem").unwrap()).unwrap();
    let issuer = Certificate::parse(&sample("gmt0010/gmssl/root.pem").unwrap()).unwrap();
    let request = OcspRequest::from_der(&request).unwrap();
    let [id] = request.ids() else { panic!("one certificate") };
    assert_eq!(id, &CertId::new(HashAlgorithm::Sm3, &certificate, &issuer));
    assert!(id.names(&certificate, &issuer) && id.is_of(&issuer) && !id.is_of(&certificate));
    assert_eq!((request.nonce(), request.is_signed()), (None, false));
    assert_eq!(OcspRequest::write(request.ids(), None), sample("ocsp/gmssl_req.der").unwrap());

    let at = time("2026-11-21T21:50:30Z");
    let revoked =
        CertStatus::Revoked { date: time("2026-06-10T00:00:00Z"), reason: RevocationReason::KeyCompromise };
    for (file, status, codes) in [("good", CertStatus::Good, &[][..]), ("revoked", revoked, &[Code::Revoked])]
    {
        let answer = OcspResponse::parse(&sample(&format!("ocsp/gmssl_{file}.der")).unwrap()).unwrap();
        assert_eq!(answer.status, ResponseStatus::Successful);
        let basic = answer.basic.unwrap();
        assert_eq!(basic.check(&certificate, &issuer, None, at, TOLERANCE), Ok(status), "{file}");
        let other = Certificate::parse(&sample("gmt0010/gmssl/enc.pem").unwrap()).unwrap();
        assert_eq!(basic.check(&other, &issuer, None, at, 0), Err(OcspDefect::OtherCertificate));
        let validator = Validator::new().with_anchor(issuer.clone()).with_answer(basic);
        for at in [at, time("2026-11-26T00:00:00Z")] {
            let terms = Terms::at(at).with_revocation(Revocation::Require);
            let report = validator.validate(&certificate, &[], terms);
            assert_eq!(report.reasons.iter().map(|reason| reason.code).collect::<Vec<_>>(), codes, "{file}");
        }
    }
}

/// An issuer and a certificate of it.
struct World {
    root: Party,
    issuer: Certificate,
    certificate: Certificate,
}

/// What goes into an answer.
struct Answer {
    responder: Vec<u8>,
    produced: Time,
    hash: HashAlgorithm,
    status: Vec<u8>,
    dates: (Time, Option<Time>),
    extensions: Vec<Vec<u8>>,
    single_extensions: Vec<Vec<u8>>,
    certificates: Vec<Vec<u8>>,
}

fn generalized(time: Time) -> Vec<u8> {
    let digits: String = time.to_string().chars().filter(char::is_ascii_digit).collect();
    tlv(0x18, &[digits.as_bytes(), b"Z"])
}

impl Answer {
    fn new() -> Self {
        Self {
            responder: tlv(0xa1, &[&name("Root")]),
            produced: time(JUNE),
            hash: HashAlgorithm::Sm3,
            status: vec![0x80, 0],
            dates: (time("2026-05-31T00:00:00Z"), Some(time("2026-06-02T00:00:00Z"))),
            extensions: vec![],
            single_extensions: vec![],
            certificates: vec![],
        }
    }

    fn der(&self, world: &World, signer: &Party) -> Vec<u8> {
        let algorithm = seq(&[&oid(SM2_WITH_SM3)]);
        let list = |tag: u8, list: &[Vec<u8>]| {
            if list.is_empty() { vec![] } else { tlv(tag, &[&seq(&[&list.concat()])]) }
        };
        let next = self.dates.1.map_or_else(Vec::new, |next| tlv(0xa0, &[&generalized(next)]));
        let id = CertId::new(self.hash, &world.certificate, &world.issuer);
        let single = seq(&[
            id.as_der(),
            &self.status,
            &generalized(self.dates.0),
            &next,
            &list(0xa1, &self.single_extensions),
        ]);
        let tbs = seq(&[
            &self.responder,
            &generalized(self.produced),
            &seq(&[&single]),
            &list(0xa1, &self.extensions),
        ]);
        // Certificates stand beside the three fields of everything that is signed.
        let signed = sign(&signer.key, &tbs, &algorithm);
        let body = &signed[signed.len() - signed_body_len(&signed)..];
        let basic = seq(&[body, &list(0xa0, &self.certificates)]);
        let bytes = seq(&[&oid("1.3.6.1.5.5.7.48.1.1"), &tlv(4, &[&basic])]);
        seq(&[&[0x0a, 1, 0], &tlv(0xa0, &[&bytes])])
    }

    fn basic(&self, world: &World, signer: &Party) -> BasicResponse {
        OcspResponse::from_der(&self.der(world, signer)).unwrap().basic.unwrap()
    }
}

fn signed_body_len(signed: &[u8]) -> usize {
    let head = match signed[1] {
        0x81 => 3,
        0x82 => 4,
        _ => 2,
    };
    signed.len() - head
}

impl World {
    fn new() -> Self {
        let root = Party::new("Root");
        let issuer = Template::ca(1).issue(&root, &root);
        let certificate = Template::signer(3).issue(&Party::new("signer"), &root);
        Self { root, issuer, certificate }
    }

    fn check(&self, answer: &Answer, signer: &Party) -> Result<CertStatus, OcspDefect> {
        answer.basic(self, signer).check(&self.certificate, &self.issuer, None, time(JUNE), 60)
    }

    fn judge(&self, answer: &Answer, at: &str) -> Report {
        let validator =
            Validator::new().with_anchor(self.issuer.clone()).with_answer(answer.basic(self, &self.root));
        validator.validate(&self.certificate, &[], Terms::at(time(at)).with_revocation(Revocation::Require))
    }
}

#[test]
fn hashes_of_every_kind_name_a_certificate() {
    let world = World::new();
    for hash in [HashAlgorithm::Sm3, HashAlgorithm::Sha1, HashAlgorithm::Sha256] {
        let answer = Answer { hash, ..Answer::new() };
        assert_eq!(world.check(&answer, &world.root), Ok(CertStatus::Good), "{hash}");
        let id = CertId::new(hash, &world.certificate, &world.issuer);
        let request = OcspRequest::from_der(&OcspRequest::write(from_ref(&id), Some(b"nonce"))).unwrap();
        assert_eq!((request.ids(), request.nonce()), (&[id][..], Some(b"nonce".to_vec())));
    }
    let other = World::new();
    let answer = Answer::new().basic(&other, &world.root);
    let found = answer.check(&world.certificate, &world.issuer, None, time(JUNE), 0);
    assert_eq!(found, Err(OcspDefect::OtherCertificate), "same serial number, another key of the issuer");
}

#[test]
fn who_may_answer() {
    let world = World::new();
    let by_key = |party: &Party, hash: HashAlgorithm| {
        let key = party.key.public_key().as_point().to_sec1();
        tlv(0xa2, &[&tlv(4, &[&hash.digest(&key)])])
    };
    for hash in [HashAlgorithm::Sha1, HashAlgorithm::Sm3] {
        let answer = Answer { responder: by_key(&world.root, hash), ..Answer::new() };
        assert_eq!(world.check(&answer, &world.root), Ok(CertStatus::Good));
    }
    let stranger = Party::new("Root");
    let wrong = Err(OcspDefect::Signature(pki::algorithm::Defect::Wrong));
    assert_eq!(world.check(&Answer::new(), &stranger), wrong);

    let delegate = Party::new("Responder");
    let ocsp = "1.3.6.1.5.5.7.3.9";
    let by = |template: Template, issuer: &Party| Answer {
        responder: tlv(0xa1, &[&name("Responder")]),
        certificates: vec![template.der(&delegate, issuer)],
        ..Answer::new()
    };
    let appointed = || Template::signer(9).purposes(false, &[ocsp]);
    assert_eq!(world.check(&by(appointed(), &world.root), &delegate), Ok(CertStatus::Good));
    assert_eq!(world.check(&by(appointed(), &world.root), &stranger), wrong);
    let not = Err(OcspDefect::Responder);
    assert_eq!(world.check(&by(Template::signer(9), &world.root), &delegate), not, "for nothing of the kind");
    assert_eq!(world.check(&by(appointed(), &stranger), &delegate), not, "not by the issuer");
    assert_eq!(world.check(&by(appointed(), &delegate), &delegate), not, "by itself");
    let renamed = world.root.again("Other");
    assert_eq!(world.check(&by(appointed(), &renamed), &delegate), not, "by the same key under another name");
    assert_eq!(world.check(&by(appointed().with("1.2.3.4", true, &[5, 0]), &world.root), &delegate), not);
    assert_eq!(world.check(&Answer { certificates: vec![], ..by(appointed(), &world.root) }, &delegate), not);
    let expired = appointed().valid("2026-01-01T00:00:00Z", "2026-05-31T00:00:00Z");
    assert_eq!(world.check(&by(expired, &world.root), &delegate), Err(OcspDefect::ResponderExpired));
    let named_otherwise = Answer { responder: tlv(0xa1, &[&name("Other")]), ..by(appointed(), &world.root) };
    assert_eq!(world.check(&named_otherwise, &delegate), not);
}

#[test]
fn moment_and_nonce() {
    let world = World::new();
    let check = |answer: Answer, at: &str, tolerance| {
        answer.basic(&world, &world.root).check(&world.certificate, &world.issuer, None, time(at), tolerance)
    };
    let dates =
        |this: &str, next: Option<&str>| Answer { dates: (time(this), next.map(time)), ..Answer::new() };
    let good = Ok(CertStatus::Good);
    assert_eq!(check(dates(JUNE, Some(JUNE)), JUNE, 0), good);
    assert_eq!(check(dates("2026-06-01T00:01:00Z", None), JUNE, 60), good);
    assert_eq!(check(dates("2026-06-01T00:01:01Z", None), JUNE, 60), Err(OcspDefect::NotYet));
    let late = Answer { produced: time("2026-06-01T00:01:01Z"), ..Answer::new() };
    assert_eq!(check(late, JUNE, 60), Err(OcspDefect::NotYet));
    let dated = || dates("2026-05-01T00:00:00Z", Some("2026-05-31T23:59:00Z"));
    assert_eq!(check(dated(), JUNE, 60), good);
    assert_eq!(check(dated(), JUNE, 59), Err(OcspDefect::Stale));
    assert_eq!(check(dates("2026-05-25T00:00:00Z", None), JUNE, 0), good, "undated: seven days");
    assert_eq!(check(dates("2026-05-24T23:59:59Z", None), JUNE, 0), Err(OcspDefect::Stale));

    let nonce = |value: &[u8]| Answer {
        extensions: vec![extension("1.3.6.1.5.5.7.48.1.2", false, value)],
        ..Answer::new()
    };
    let ask = |answer: &Answer, asked: Option<&[u8]>| {
        answer.basic(&world, &world.root).check(&world.certificate, &world.issuer, asked, time(JUNE), 0)
    };
    assert_eq!(ask(&nonce(&tlv(4, &[b"abc"])), Some(b"abc")), good);
    assert_eq!(ask(&nonce(b"abc"), Some(b"abc")), good, "without the inner OCTET STRING");
    assert_eq!(ask(&nonce(&tlv(4, &[b"abc"])), None), good);
    assert_eq!(ask(&nonce(&tlv(4, &[b"abd"])), Some(b"abc")), Err(OcspDefect::Nonce));
    assert_eq!(ask(&Answer::new(), Some(b"abc")), Err(OcspDefect::Nonce));
    let critical = vec![extension("1.2.3.4", true, &[5, 0])];
    let unknown = Err(OcspDefect::UnknownCriticalExtension);
    assert_eq!(ask(&Answer { extensions: critical.clone(), ..Answer::new() }, None), unknown);
    assert_eq!(ask(&Answer { single_extensions: critical, ..Answer::new() }, None), unknown);
}

#[test]
fn what_answers_do_to_verdicts() {
    let world = World::new();
    let codes = |answer: &Answer, at: &str| {
        let report = world.judge(answer, at);
        (report.statuses[0], report.reasons.iter().map(|reason| reason.code).collect::<Vec<_>>())
    };
    assert_eq!(codes(&Answer::new(), JUNE), (Status::Good, vec![]));
    let stale = "2026-06-03T00:00:00Z";
    assert_eq!(codes(&Answer::new(), stale), (Status::Stale, vec![Code::StaleOcsp]));
    assert_eq!(
        codes(&Answer { status: vec![0x82, 0], ..Answer::new() }, JUNE),
        (Status::Unknown, vec![Code::UnknownStatus])
    );
    let revoked = Answer {
        status: tlv(0xa1, &[&generalized(time(JUNE)), &tlv(0xa0, &[&[0x0a, 1, 4]])]),
        ..Answer::new()
    };
    assert_eq!(codes(&revoked, stale).1, [Code::Revoked], "for good, even if the answer is old");
    assert_eq!(codes(&revoked, "2026-05-31T23:59:59Z").1, []);
    let critical = Answer { single_extensions: vec![extension("1.2.3.4", true, &[5, 0])], ..Answer::new() };
    assert_eq!(codes(&critical, JUNE), (Status::Missing, vec![Code::NoStatus]));
    let forged = Answer::new().basic(&world, &Party::new("Root"));
    let validator = Validator::new().with_anchor(world.issuer.clone()).with_answer(forged);
    let report = validator.validate(&world.certificate, &[], Terms::at(time(JUNE)));
    assert!(report.is_valid() && report.statuses[0] == Status::Missing);
    assert_eq!(report.notes.iter().map(|note| note.code).collect::<Vec<_>>(), [Code::UnusedEvidence]);
}

#[test]
fn frames() {
    let try_later = OcspResponse::from_der(&[0x30, 3, 0x0a, 1, 3]).unwrap();
    assert_eq!((try_later.status, try_later.basic.is_none()), (ResponseStatus::TryLater, true));
    for broken in [&[0x30, 3, 0x0a, 1, 0][..], &[0x30, 3, 0x0a, 1, 4], &[0x30, 0], &[]] {
        assert!(OcspResponse::from_der(broken).is_err(), "{broken:?}");
    }
    let other = seq(&[&[0x0a, 1, 0], &tlv(0xa0, &[&seq(&[&oid("1.2.3"), &tlv(4, &[])])])]);
    assert!(matches!(OcspResponse::from_der(&other), Err(Error::UnsupportedAlgorithm(_))));
    let world = World::new();
    let good = Answer::new().der(&world, &world.root);
    for len in 0..good.len() {
        assert!(OcspResponse::from_der(&good[..len]).is_err(), "{len}");
    }
    assert!(OcspRequest::from_der(&OcspRequest::write(&[], None)).is_err());
}
