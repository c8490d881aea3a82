//! Time stamps: of Tongsuo, and made here with every defect.

use pki::algorithm::HashAlgorithm;
use pki::tsp::{Imprint, PkiStatus, TimeStampRequest, TimeStampResponse, TimeStampToken, TspDefect};
use pki::validate::{Code, Revocation, Validator};
use pki::{Certificate, Error};
use sm_primitives::sm2::{DistId, dsa};
use sm_primitives::sm3;

use crate::issuer::{Party, Template, name, oid, seq, tlv};
use crate::support::{sample, time};

#[test]
fn a_stamp_of_tongsuo() {
    let Some(response) = sample("tsa/tongsuo_sm2.tsr") else { return };
    let request = TimeStampRequest::from_der(&sample("tsa/openssl_sm3.tsq").unwrap()).unwrap();
    let authority = Certificate::parse(&sample("tsa/tsa.pem").unwrap()).unwrap();
    let response = TimeStampResponse::from_der(&response).unwrap();
    assert_eq!(response.status, PkiStatus::Granted);
    let token = response.token.unwrap();
    assert_eq!(token.as_der(), sample("tsa/tongsuo_sm2_token.der").unwrap());
    assert_eq!(token.check_request(&request), Ok(()));
    assert_eq!(token.check_content(&sample("tsa/plain.txt").unwrap()), Ok(()));
    assert_eq!(token.check_content(b"other"), Err(TspDefect::Imprint));
    let info = token.info();
    assert_eq!((info.time, info.imprint.hash()), (time("2026-11-21T22:01:47Z"), HashAlgorithm::Sm3));
    assert_eq!(info.accuracy.unwrap().seconds, 1);
    assert!(info.ordering && info.authority.is_some());
    assert_eq!(token.verify_signature(&[]).unwrap(), authority);

    let trusting = Validator::new().with_anchor(authority);
    let verified = token.verify(&trusting, &[], Revocation::IfKnown).unwrap();
    assert!(verified.report.is_valid(), "{:?}", verified.report);
    let report = token.verify(&Validator::new(), &[], Revocation::IfKnown).unwrap().report;
    assert!(report.has(Code::UnknownIssuer), "the certificate that comes along is not trusted");
}

/// Attributes that bind the certificate.
type Bindings = Vec<(&'static str, Vec<u8>)>;

/// What goes into a token.
struct Stamp {
    authority: Party,
    certificate: Vec<u8>,
    type_id: &'static str,
    content_type: &'static str,
    bindings: Bindings,
    extensions: Vec<u8>,
    with_certificate: bool,
    signers: usize,
    hash: &'static str,
}

const V1: &str = "1.2.840.113549.1.9.16.2.12";
const V2: &str = "1.2.840.113549.1.9.16.2.47";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
const SM3: &str = "1.2.156.10197.1.401";

fn stamping() -> Template {
    Template::signer(7).purposes(true, &["1.3.6.1.5.5.7.3.8"])
}

/// SigningCertificate or its second version, with one certificate.
fn naming(parts: &[&[u8]]) -> Vec<u8> {
    seq(&[&seq(&[&seq(parts)])])
}

fn sm3_binding(certificate: &[u8]) -> (&'static str, Vec<u8>) {
    (V2, naming(&[&seq(&[&oid(SM3)]), &tlv(4, &[&sm3::digest(certificate)])]))
}

impl Stamp {
    fn new(template: Template) -> Self {
        let authority = Party::new("TSA");
        let certificate = template.der(&authority, &authority);
        Self {
            authority,
            bindings: vec![sm3_binding(&certificate)],
            certificate,
            type_id: "1.2.156.10197.6.1.4.2.2",
            content_type: TST_INFO,
            extensions: vec![],
            with_certificate: true,
            signers: 1,
            hash: SM3,
        }
    }

    fn info(&self) -> Vec<u8> {
        let digest = match self.hash {
            SM3 => HashAlgorithm::Sm3.digest(b"content"),
            _ => HashAlgorithm::Sha256.digest(b"content"),
        };
        let imprint = seq(&[&seq(&[&oid(self.hash), &[5, 0]]), &tlv(4, &[&digest])]);
        let (time, nonce) = (tlv(0x18, &[b"20260601000000.25Z"]), tlv(2, &[&[0x11]]));
        seq(&[&[2, 1, 1], &oid("1.2.3.4"), &imprint, &[2, 1, 9], &time, &nonce, &self.extensions])
    }

    fn der(&self) -> Vec<u8> {
        let info = self.info();
        let attribute = |id: &str, value: &[u8]| seq(&[&oid(id), &tlv(0x31, &[value])]);
        let mut attributes = vec![
            attribute("1.2.840.113549.1.9.3", &oid(self.content_type)),
            attribute("1.2.840.113549.1.9.4", &tlv(4, &[&sm3::digest(&info)])),
        ];
        attributes.extend(self.bindings.iter().map(|(id, value)| attribute(id, value)));
        attributes.sort();
        let set = tlv(0x31, &[&attributes.concat()]);
        let digest = DistId::default().digest(self.authority.key.public_key(), &set);
        let signature = dsa::sign_digest(&self.authority.key, &digest, &mut getrandom::SysRng).unwrap();
        let mut implicit = set;
        implicit[0] = 0xa0;
        let signer = seq(&[
            &[2, 1, 1],
            &seq(&[&name("TSA"), &[2, 1, 7]]),
            &seq(&[&oid(SM3)]),
            &implicit,
            &seq(&[&oid("1.2.156.10197.1.301.1")]),
            &tlv(4, &[&signature.to_der()]),
        ]);
        let certificates = if self.with_certificate { tlv(0xa0, &[&self.certificate]) } else { vec![] };
        let signed = seq(&[
            &[2, 1, 3],
            &tlv(0x31, &[&seq(&[&oid(SM3)])]),
            &seq(&[&oid(self.content_type), &tlv(0xa0, &[&tlv(4, &[&info])])]),
            &certificates,
            &tlv(0x31, &[&signer.repeat(self.signers)]),
        ]);
        seq(&[&oid(self.type_id), &tlv(0xa0, &[&signed])])
    }

    fn check(&self) -> Result<(), TspDefect> {
        let token = TimeStampToken::from_der(&self.der()).unwrap();
        token.verify_signature(&[]).map(|certificate| assert_eq!(certificate.as_der(), self.certificate))
    }
}

#[test]
fn types_and_hashes_of_both_worlds() {
    for type_id in ["1.2.156.10197.6.1.4.2.2", "1.2.840.113549.1.7.2"] {
        for hash in [SM3, "2.16.840.1.101.3.4.2.1"] {
            let stamp = Stamp { type_id, hash, ..Stamp::new(stamping()) };
            assert_eq!(stamp.check(), Ok(()), "{type_id} {hash}");
            let token = TimeStampToken::from_der(&stamp.der()).unwrap();
            assert_eq!(token.check_content(b"content"), Ok(()));
            assert_eq!((token.info().time, token.info().micros), (time("2026-06-01T00:00:00Z"), 250_000));
        }
    }
    let stamp = Stamp { type_id: "1.2.156.10197.6.1.4.2.1", ..Stamp::new(stamping()) };
    assert!(TimeStampToken::from_der(&stamp.der()).is_err());
}

#[test]
fn the_binding_of_the_certificate() {
    let stamp = || Stamp::new(stamping());
    let bound = |by: &dyn Fn(&Stamp) -> Bindings| {
        let stamp = stamp();
        Stamp { bindings: by(&stamp), ..stamp }.check()
    };
    let sha = |hash: HashAlgorithm, bytes: &[u8]| tlv(4, &[&hash.digest(bytes)]);
    let issuer = |cn: &str, serial: u8| seq(&[&seq(&[&tlv(0xa4, &[&name(cn)])]), &[2, 1, serial]]);
    let v1 = |s: &Stamp| (V1, naming(&[&sha(HashAlgorithm::Sha1, &s.certificate)]));
    assert_eq!(bound(&|s| vec![v1(s)]), Ok(()));
    assert_eq!(
        bound(&|s| vec![(V2, naming(&[&sha(HashAlgorithm::Sha256, &s.certificate)]))]),
        Ok(()),
        "by default"
    );
    assert_eq!(bound(&|s| vec![v1(s), sm3_binding(&s.certificate)]), Ok(()));
    assert_eq!(
        bound(&|s| vec![(V1, naming(&[&sha(HashAlgorithm::Sha1, &s.certificate), &issuer("TSA", 7)]))]),
        Ok(())
    );
    let wrong = Err(TspDefect::CertificateBinding);
    assert_eq!(bound(&|_| vec![]), wrong);
    assert_eq!(bound(&|_| vec![sm3_binding(b"other")]), wrong);
    assert_eq!(bound(&|s| vec![v1(s), sm3_binding(b"other")]), wrong);
    assert_eq!(bound(&|_| vec![(V1, naming(&[&sha(HashAlgorithm::Sha1, b"other")]))]), wrong);
    let other_name =
        |_: &Stamp| vec![(V1, naming(&[&sha(HashAlgorithm::Sha1, b"other"), &issuer("TSA", 7)]))];
    assert_eq!(bound(&other_name), wrong, "the hash counts, not the name beside it");
    assert_eq!(bound(&|_| vec![(V2, seq(&[]))]), wrong);
}

#[test]
fn who_may_stamp() {
    let purpose = |template: Template| Stamp::new(template).check();
    assert!(matches!(purpose(Template::signer(7)), Err(TspDefect::Purpose(_))));
    let not_critical = Template::signer(7).purposes(false, &["1.3.6.1.5.5.7.3.8"]);
    assert!(matches!(purpose(not_critical), Err(TspDefect::Purpose(_))));
    let none = Stamp { with_certificate: false, ..Stamp::new(stamping()) };
    assert_eq!(none.check(), Err(TspDefect::NoCertificate));
    let token = TimeStampToken::from_der(&none.der()).unwrap();
    assert!(token.verify_signature(&[Certificate::from_der(&none.certificate).unwrap()]).is_ok());
    assert_eq!(Stamp { signers: 0, ..Stamp::new(stamping()) }.check(), Err(TspDefect::SignatureCount));
    assert_eq!(Stamp { signers: 2, ..Stamp::new(stamping()) }.check(), Err(TspDefect::SignatureCount));
    let data = Stamp { content_type: "1.2.840.113549.1.7.1", ..Stamp::new(stamping()) };
    assert_eq!(data.check(), Err(TspDefect::ContentType));
    let critical = tlv(0xa1, &[&crate::issuer::extension("1.2.3.5", true, &[5, 0])]);
    let stamp = Stamp { extensions: critical, ..Stamp::new(stamping()) };
    assert_eq!(stamp.check(), Err(TspDefect::UnknownCriticalExtension));
    let good = Stamp::new(stamping());
    let mut changed = good.der();
    let at = changed.windows(14).position(|window| window == b"20260601000000").unwrap();
    changed[at + 3] = b'5';
    let token = TimeStampToken::from_der(&changed).unwrap();
    assert!(matches!(token.verify_signature(&[]), Err(TspDefect::Signature(_))));
}

#[test]
fn the_authority_is_judged_at_the_moment_of_the_stamp() {
    for (dates, codes) in [
        (("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z"), &[][..]),
        (("2026-06-01T00:00:01Z", "2026-07-01T00:00:00Z"), &[Code::NotYetValid]),
        (("2026-01-01T00:00:00Z", "2026-05-31T00:00:00Z"), &[Code::Expired]),
    ] {
        let stamp = Stamp::new(stamping().valid(dates.0, dates.1));
        let validator = Validator::new().with_anchor(Certificate::from_der(&stamp.certificate).unwrap());
        let token = TimeStampToken::from_der(&stamp.der()).unwrap();
        let report = token.verify(&validator, &[], Revocation::IfKnown).unwrap().report;
        assert_eq!(report.reasons.iter().map(|reason| reason.code).collect::<Vec<_>>(), codes);
    }
}

#[test]
fn requests() {
    let imprint = Imprint::of(HashAlgorithm::Sm3, b"content").unwrap();
    for nonce in [
        None,
        Some([0; 8]),
        Some([0xff; 8]),
        Some([0, 0x80, 0, 0, 0, 0, 0, 0]),
        Some([0, 1, 0, 0, 0, 0, 0, 0]),
    ] {
        let request = TimeStampRequest::new(imprint.clone(), nonce);
        assert_eq!(TimeStampRequest::from_der(&request.to_der()), Ok(request));
    }
    let token = TimeStampToken::from_der(&Stamp::new(stamping()).der()).unwrap();
    let request =
        TimeStampRequest { nonce: Some(vec![0x11]), ..TimeStampRequest::new(imprint.clone(), None) };
    assert_eq!(token.check_request(&request), Ok(()));
    assert_eq!(
        token.check_request(&TimeStampRequest { nonce: None, ..request.clone() }),
        Ok(()),
        "none was asked for"
    );
    let other = TimeStampRequest { nonce: Some(vec![0x12]), ..request.clone() };
    assert_eq!(token.check_request(&other), Err(TspDefect::Nonce));
    let other = TimeStampRequest { policy: Some("1.2.3.5".parse().unwrap()), ..request.clone() };
    assert_eq!(token.check_request(&other), Err(TspDefect::Policy));
    let other = TimeStampRequest { imprint: Imprint::of(HashAlgorithm::Sm3, b"x").unwrap(), ..request };
    assert_eq!(token.check_request(&other), Err(TspDefect::Imprint));
    assert!(matches!(Imprint::of(HashAlgorithm::Sha1, b""), Err(Error::UnsupportedAlgorithm(_))));
    assert!(Imprint::from_digest(HashAlgorithm::Sm3, vec![0; 31]).is_err());
}

#[test]
fn responses_without_a_stamp() {
    let failure = [3, 5, 0, 0x20, 0, 0, 0x40];
    let rejected = seq(&[&seq(&[&[2, 1, 2], &seq(&[&tlv(0x0c, &[b"no"])]), &failure])]);
    let response = TimeStampResponse::from_der(&rejected).unwrap();
    assert_eq!((response.status, response.token.is_none()), (PkiStatus::Rejection, true));
    assert_eq!(
        (response.texts, response.failures),
        (vec!["no".to_owned()], vec!["badRequest", "systemFailure"])
    );
    let token = Stamp::new(stamping()).der();
    assert!(TimeStampResponse::from_der(&seq(&[&seq(&[&[2, 1, 0]])])).is_err(), "granted, and nothing there");
    assert!(TimeStampResponse::from_der(&seq(&[&seq(&[&[2, 1, 2]]), &token])).is_err());
    let granted = seq(&[&seq(&[&[2, 1, 1]]), &token]);
    assert_eq!(TimeStampResponse::from_der(&granted).unwrap().status, PkiStatus::GrantedWithMods);
    for len in 0..granted.len() {
        assert!(TimeStampResponse::from_der(&granted[..len]).is_err(), "{len}");
    }
}
