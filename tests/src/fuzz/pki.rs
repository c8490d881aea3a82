//! The readers of `pki`. What is signed or encrypted is also made here around any contents, so that changes of an input
//! reach behind the checks.

mod judge;
mod keys;

use envelope::{cms::Time, der::element};
use pki::{
    Certificate, Error, Name, RevocationList, SubjectKey,
    algorithm::HashAlgorithm,
    csr::{Request, Response},
    ocsp::{BasicResponse, CertId, OcspDefect, OcspRequest, OcspResponse, ResponderId},
    tsp::{TimeStampRequest, TimeStampResponse, TimeStampToken, TspDefect, TstInfo},
    validate::{Purpose, Revocation, Terms, Validator},
};

use crate::{
    issuer::{self, Template, key},
    seeds,
};

pub use judge::codes;
pub(super) use judge::script;
pub(super) use keys::key_file;
pub(crate) use keys::{cfca, pkcs8};

/// 2026-06-01.
pub const JUNE: u64 = 1_780_272_000;
/// Serial number of the authority's certificate in what is made here.
const SERIAL: &[u8] = &[7];

fn june() -> Time {
    Time::from_unix(JUNE).unwrap()
}

fn always() -> (Time, Time) {
    (Time::from_unix(JUNE - 86_400 * 30).unwrap(), Time::from_unix(JUNE + 86_400 * 30).unwrap())
}

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    seeds::pem(label, der).into_bytes()
}

/// A certificate or a bundle: read again it is the same, and no field keeps anything from being shown or judged.
pub(super) fn certificate(data: &[u8]) -> bool {
    let Ok(certificates) = Certificate::all(data) else { return false };
    assert!(!certificates.is_empty());
    assert!(certificates.len() > 1 || data.first() != Some(&0x30) || holds(data, certificates[0].as_der()));
    for certificate in certificates.iter().take(8) {
        one(certificate, &certificates);
    }
    let bundle: Vec<u8> =
        certificates.iter().flat_map(|certificate| pem("CERTIFICATE", certificate.as_der())).collect();
    assert_eq!(Certificate::all(&bundle).unwrap(), certificates);
    assert_eq!(Certificate::parse(data).unwrap(), certificates[0]);
    true
}

fn holds(data: &[u8], part: &[u8]) -> bool {
    data.windows(part.len()).any(|window| window == part)
}

fn one(certificate: &Certificate, all: &[Certificate]) {
    let der = certificate.as_der();
    assert_eq!(Certificate::from_der(der).as_ref(), Ok(certificate));
    assert!(Certificate::from_der(&der[..der.len() - 1]).is_err());
    assert!(holds(der, certificate.tbs()) && holds(certificate.tbs(), certificate.spki()));
    assert!((1..=3).contains(&certificate.version()));
    assert!(certificate.version() == 3 || certificate.extensions().all.is_empty());
    assert!(!certificate.serial().is_empty() && !certificate.serial_hex().is_empty());
    assert_eq!(SubjectKey::from_spki_der(certificate.spki()).as_ref(), Ok(certificate.key()));
    assert!(holds(certificate.spki(), certificate.key_octets()));
    for name in [certificate.subject(), certificate.issuer()] {
        assert_eq!(Name::from_der(name.as_der()).as_ref(), Ok(name));
        assert!(name.is_within(name) && name.is_empty() == (name.as_der() == [0x30, 0]));
        let _ = (name.to_string(), name.short());
    }
    assert_eq!(certificate.is_self_issued(), certificate.issuer() == certificate.subject());
    let _ = format!("{certificate:?} {} {}", certificate.algorithm(), certificate.key());
    let extensions = certificate.extensions();
    let _ = format!("{extensions:?}");
    for extension in &extensions.all {
        assert_eq!(extensions.find(&extension.id).unwrap().id, extension.id);
    }
    let names = extensions.subject_alt_names.iter().map(ToString::to_string);
    let _ = names.chain(extensions.authority_info.iter().map(|(_, place)| place.to_string())).count();
    // Trusted itself, it is complete; what comes along is not trusted.
    let terms = Terms::at(certificate.validity().not_after);
    let trusting = Validator::new().with_anchor(certificate.clone());
    let report = trusting.validate(certificate, all, terms);
    assert!(report.complete && report.anchor() == Some(certificate));
    for purpose in Purpose::ALL {
        assert_eq!(purpose.permits(certificate).is_err(), purpose.permits(certificate).is_err());
        let report = Validator::new().validate(certificate, all, terms.for_purpose(purpose));
        assert!(!report.complete && !report.is_valid());
    }
}

/// A revocation list: every entry is found by its number, and read again it is the same.
pub(super) fn crl(data: &[u8]) -> bool {
    let Ok(list) = RevocationList::parse(data) else { return false };
    let der = list.as_der();
    let again = RevocationList::parse(&pem("X509 CRL", der)).unwrap();
    assert_eq!(again.as_der(), der);
    assert!(RevocationList::from_der(&der[..der.len() - 1]).is_err());
    let entries: Vec<_> = list.entries().collect();
    assert_eq!((entries.len(), entries.is_empty()), (list.len(), list.is_empty()));
    for entry in &entries {
        let found = list.find(&entry.serial).unwrap();
        let zeros =
            |serial: &[u8]| serial.iter().skip_while(|octet| **octet == 0).copied().collect::<Vec<_>>();
        assert_eq!(zeros(&found.serial), zeros(&entry.serial));
        assert_eq!(list.find(&[&[0][..], &entry.serial].concat()), Some(found), "zeros in front");
    }
    assert!(!list.adds_to(&again), "to itself");
    assert!(
        !list.is_current(Time::from_unix(list.this_update().as_unix().saturating_sub(1)).unwrap())
            || list.this_update().as_unix() == 0
    );
    assert_eq!(list.is_delta(), list.base_number_hex().is_some());
    let _ = (list.number_hex(), list.issuer().to_string(), list.algorithm().to_string());
    let _ = (format!("{list:?}"), list.verify_signature(&SubjectKey::Sm2(*key(0).public_key())).is_ok());
    true
}

/// The authority of what is made here, and its certificate: a CA that may also answer and stamp.
fn authority(purposes: &[u8]) -> Certificate {
    let template = Template::new(SERIAL.to_vec(), 0, 0, always());
    let template = if purposes.is_empty() {
        template.ca(None).usage(0xc6)
    } else {
        template.usage(0xc0).purposes(purposes)
    };
    Certificate::from_der(&template.der()).unwrap()
}

/// An OCSP request (`q`), an answer (`a`), or ResponseData that is signed here (`s`).
pub(super) fn ocsp(data: &[u8]) -> bool {
    match data.split_first() {
        Some((b'q', request)) => ocsp_request(request),
        Some((b'a', answer)) => ocsp_answer(answer).is_some(),
        Some((b's', data)) => ocsp_signed(data),
        _ => false,
    }
}

fn ocsp_request(data: &[u8]) -> bool {
    let Ok(request) = OcspRequest::from_der(data) else { return false };
    let nonce = request.nonce();
    let written = OcspRequest::write(request.ids(), nonce.as_deref());
    let again = OcspRequest::from_der(&written).unwrap();
    assert_eq!((again.ids(), again.nonce()), (request.ids(), nonce));
    assert!(!again.is_signed());
    let issuer = authority(&[]);
    for id in request.ids() {
        let named = id.names(&issuer, &issuer);
        assert!(!named || id.is_of(&issuer) && id.serial() == issuer.serial());
        assert!(id.hash().is_some() || !named);
    }
    true
}

fn ocsp_answer(data: &[u8]) -> Option<BasicResponse> {
    let response = OcspResponse::parse(data).ok()?;
    let _ = response.status.to_string();
    let basic = response.basic?;
    let issuer = authority(&[]);
    let verified = basic.verify_signature(&issuer).is_ok();
    for tolerance in [0, u64::MAX] {
        let checked = basic.check(&issuer, &issuer, basic.nonce().as_deref(), june(), tolerance);
        assert!(checked.is_err() || verified && basic.find(&issuer, &issuer).is_some());
    }
    for single in basic.singles() {
        assert!(single.due() >= single.this_update || single.next_update.is_some());
        assert!(!single.is_current(june(), 0) || single.this_update <= june() && june() <= single.due());
    }
    let _ = (format!("{basic:?}"), basic.produced_at(), basic.algorithm().to_string());
    assert!(basic.certificates().len() <= 16);
    Some(basic)
}

/// The contents of ResponseData, signed by the issuer: then only who is named and what is critical can be wrong.
fn ocsp_signed(contents: &[u8]) -> bool {
    let Some(basic) = ocsp_answer(&issuer::answer(0, &element(0x30, &[contents]), &[])) else { return false };
    let issuer = authority(&[]);
    let verified = basic.verify_signature(&issuer);
    match verified {
        Ok(signer) => assert!(*signer == issuer && basic.responder().names(&issuer)),
        Err(OcspDefect::UnknownCriticalExtension) => {}
        Err(why) => assert!(why == OcspDefect::Responder && !basic.responder().names(&issuer)),
    }
    if let ResponderId::Key(hash) = basic.responder() {
        assert!(verified.is_err() || [20, 32].contains(&hash.len()));
    }
    basic.check(&issuer, &issuer, None, june(), 0).is_ok()
}

/// A time-stamp request (`q`), a response (`r`), a token (`t`), or the contents of a TSTInfo that are signed here (`s`).
pub(super) fn tsp(data: &[u8]) -> bool {
    match data.split_first() {
        Some((b'q', request)) => tsp_request(request),
        Some((b'r', response)) => {
            let Ok(response) = TimeStampResponse::from_der(response) else { return false };
            let _ = format!("{response:?} {}", response.status);
            assert_eq!(response.token.is_some(), response.status.is_granted());
            response.token.is_some_and(|token| tsp_token(&token).is_ok())
        }
        Some((b't', token)) => TimeStampToken::from_der(token).is_ok_and(|token| tsp_token(&token).is_ok()),
        Some((b's', info)) => tsp_signed(info),
        _ => false,
    }
}

fn tsp_request(data: &[u8]) -> bool {
    let Ok(mut request) = TimeStampRequest::from_der(data) else { return false };
    request.extensions.clear();
    assert_eq!(TimeStampRequest::from_der(&request.to_der()).as_ref(), Ok(&request));
    assert_eq!(request.imprint.digest().len(), request.imprint.hash().len());
    true
}

fn tsp_token(token: &TimeStampToken) -> Result<Certificate, TspDefect> {
    let again = TimeStampToken::from_der(&pem("PKCS7", token.as_der())).unwrap();
    assert_eq!((again.as_der(), again.info()), (token.as_der(), token.info()));
    let info = token.info();
    assert!(info.micros < 1_000_000 && info.imprint.digest().len() == info.imprint.hash().len());
    assert!(info.accuracy.is_none_or(|accuracy| accuracy.millis < 1000 && accuracy.micros < 1000));
    let own = TimeStampRequest {
        imprint: info.imprint.clone(),
        policy: Some(info.policy),
        nonce: info.nonce.clone(),
        wants_certificate: true,
        extensions: Vec::new(),
    };
    assert_eq!(token.check_request(&own), Ok(()));
    let other = TimeStampRequest { nonce: Some(vec![0x55; 9]), ..own };
    assert!(info.nonce == other.nonce || token.check_request(&other) == Err(TspDefect::Nonce));
    assert_eq!(token.check_content(b"content").is_ok(), info.imprint.is_of(b"content"));
    // Nobody is trusted here.
    let verified = token.verify(&Validator::new(), &[], Revocation::IfKnown);
    let certificate = token.verify_signature(&[]);
    assert_eq!(verified.as_ref().map(|verified| &verified.certificate), certificate.as_ref());
    assert!(verified.is_ok_and(|verified| !verified.report.is_valid()) || certificate.is_err());
    certificate
}

/// The contents of a TSTInfo in a token of the authority: it holds but for a critical extension.
fn tsp_signed(contents: &[u8]) -> bool {
    let info = element(0x30, &[contents]);
    let authority = authority(issuer::TIME_STAMPING);
    let token = TimeStampToken::from_der(&issuer::token(0, &info, authority.as_der(), SERIAL));
    let read = TstInfo::from_der(&info);
    assert_eq!(
        token.as_ref().map(TimeStampToken::info).map_err(|why| *why),
        read.as_ref().map_err(|why| *why)
    );
    let (Ok(token), Ok(info)) = (token, read) else { return false };
    let verified = tsp_token(&token);
    if info.extensions.iter().any(|extension| extension.critical) {
        assert_eq!(verified, Err(TspDefect::UnknownCriticalExtension));
        return false;
    }
    assert_eq!(verified.as_ref(), Ok(&authority));
    let trusting = Validator::new().with_anchor(authority);
    let report = token.verify(&trusting, &[], Revocation::Ignore).unwrap().report;
    let (from, to) = always();
    assert_eq!(report.is_valid(), from <= info.time && info.time <= to, "{report:?}");
    report.is_valid()
}

/// A certification request (`r`), the contents of a CertificationRequestInfo that are signed here (`s`), or a response to
/// one (`c`).
pub(super) fn request(data: &[u8]) -> bool {
    match data.split_first() {
        Some((b'r', request)) => Request::read(request).is_ok_and(|request| request_verifies(&request)),
        Some((b's', contents)) => {
            let Ok(request) = Request::read(&issuer::signed(1, &element(0x30, &[contents]))) else {
                return false;
            };
            let own = *request.key() == SubjectKey::Sm2(*key(1).public_key());
            assert_eq!(request_verifies(&request), own);
            own
        }
        Some((b'c', response)) => response_opens(response),
        _ => false,
    }
}

fn request_verifies(request: &Request) -> bool {
    let _ = (format!("{request:?} {}", request.algorithm()), envelope::name::display(request.subject()));
    let attributes = request.attributes();
    let ids = attributes.extensions.iter().map(|extension| &extension.id);
    assert_eq!(ids.clone().collect::<std::collections::BTreeSet<_>>().len(), ids.count());
    match request.verify() {
        Ok(()) => true,
        Err(why) => {
            assert!(matches!(why, Error::InvalidSignature | Error::UnsupportedAlgorithm(_)));
            false
        }
    }
}

/// What is read is written, and that has one form.
fn response_opens(data: &[u8]) -> bool {
    let Ok(response) = Response::read(data) else { return false };
    let der = response.to_der().unwrap();
    let again = Response::read(&der).unwrap();
    assert_eq!(again.to_der().as_ref(), Ok(&der));
    assert_eq!(again.encrypted_key, response.encrypted_key);
    assert_eq!(again.sign_certificates.len(), response.sign_certificates.len());
    let opened = response.open(key(2));
    if let Ok(opened) = &opened {
        let same = again.open(key(2)).unwrap().expose_bytes() == opened.expose_bytes();
        assert!(same && !response.encryption_certificates.is_empty());
    }
    opened.is_ok()
}

/// What names a certificate of the issuer in an answer, by each hash.
pub(crate) fn ids(certificate: &Certificate, issuer: &Certificate) -> Vec<CertId> {
    [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sm3]
        .map(|hash| CertId::new(hash, certificate, issuer))
        .to_vec()
}
