//! What an authority gives to everybody.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use envelope::der::{SEQUENCE, element};
use pki::{
    Certificate, ObjectIdentifier, RevocationList,
    algorithm::HashAlgorithm,
    ocsp::{CertId, CertStatus, OcspRequest, OcspResponse, ResponseStatus},
};

use super::{POLICY, Scene, authority, base64, fetch, id};
use crate::{
    api::tests::{request, respond},
    domain::ca::{CertEvent, Certificate as StoredCertificate, Options, Reason, Serial, ports::Which},
    testing::World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_kept_until_something_changes_or_they_are_due() {
    let scene = Scene::new(Options { crl_interval_s: 600, ..Options::default() }).await;
    let (certificates, ..) = scene.pair().await;
    let (_, headers, first) = fetch(&scene.world, Method::GET, "/ca/demo.crl", None).await;
    assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=750, no-transform, must-revalidate");
    scene.world.clock.advance(599_000);
    scene.world.authorities.maintain().await;
    assert_eq!(fetch(&scene.world, Method::GET, "/ca/demo.crl", None).await.2, first);
    scene.world.clock.advance(1000);
    scene.world.authorities.maintain().await;
    let second = scene.list("demo.crl").await;
    assert_ne!(second.as_der(), &first[..]);
    assert!(second.number_hex() > RevocationList::from_der(&first).unwrap().number_hex());
    scene.change(&certificates[0], CertEvent::Freeze).await.unwrap();
    assert_eq!(scene.list("demo.crl").await.len(), 2);
    // What the caller has is not sent again.
    let (_, headers, _) = fetch(&scene.world, Method::GET, "/ca/demo.crl", None).await;
    let again =
        request(Method::GET, "/ca/demo.crl", None).header(header::IF_NONE_MATCH, &headers[header::ETAG]);
    let again = respond(&scene.world, again.body(Body::empty()).unwrap()).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    for path in ["/ca/none.crl", "/ca/demo.txt", "/ca/DEMO.crl", "/ca/.crl"] {
        assert_eq!(fetch(&scene.world, Method::GET, path, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let (_, headers, der) = fetch(&scene.world, Method::GET, "/ca/demo.cer", None).await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/pkix-cert");
    assert_eq!(Certificate::from_der(&der).unwrap(), *scene.authority.certificate().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ocsp_answers_are_kept_without_nonce_and_fresh_with_one() {
    let scene = Scene::new(Options::default()).await;
    let (certificates, ..) = scene.pair().await;
    let (headers, _, first) = scene.ocsp(&certificates[0], None).await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/ocsp-response");
    assert!(headers.contains_key(header::EXPIRES) && headers.contains_key(header::ETAG));
    scene.world.clock.advance(60_000);
    assert_eq!(scene.ocsp(&certificates[0], None).await.2, first);
    scene.world.clock.advance(1_800_000);
    assert_ne!(scene.ocsp(&certificates[0], None).await.2, first, "half of its time is over");
    let (headers, status, der) = scene.ocsp(&certificates[0], Some(&[7; 16])).await;
    assert_eq!((status, &headers[header::CACHE_CONTROL]), (CertStatus::Good, &"no-store".parse().unwrap()));
    assert!(der.windows(16).any(|bytes| bytes == [7; 16]));

    // The same with GET; and what is no request has an answer too.
    let certificate =
        Certificate::parse(certificates[0]["certificate"].as_str().unwrap().as_bytes()).unwrap();
    let asked = CertId::new(HashAlgorithm::Sm3, &certificate, scene.authority.certificate().unwrap());
    let encoded = base64(&OcspRequest::write(&[asked], None))
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    let (status, headers, der) =
        fetch(&scene.world, Method::GET, &format!("/ocsp/demo/{encoded}"), None).await;
    assert_eq!(
        (status, &headers[header::CONTENT_TYPE]),
        (StatusCode::OK, &"application/ocsp-response".parse().unwrap())
    );
    let found = OcspResponse::from_der(&der).unwrap();
    assert_eq!(found.basic.unwrap().singles()[0].status, CertStatus::Good);
    let malformed = Some(("application/ocsp-request", b"?".to_vec()));
    let (_, headers, der) = fetch(&scene.world, Method::POST, "/ocsp/demo", malformed).await;
    assert_eq!(
        (&der[..], &headers[header::CACHE_CONTROL]),
        (&[0x30, 3, 0x0a, 1, 1][..], &"no-store".parse().unwrap())
    );
    let long = Some(("application/ocsp-request", vec![0; 16 * 1024 + 1]));
    assert_eq!(fetch(&scene.world, Method::POST, "/ocsp/demo", long).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let other = Some(("text/plain", Vec::new()));
    assert_eq!(
        fetch(&scene.world, Method::POST, "/ocsp/demo", other).await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    // About another authority's certificates nothing is said.
    let staff = scene.world.authorities.authority(&id("staff")).await.unwrap();
    let asked = CertId::new(HashAlgorithm::Sm3, &certificate, staff.certificate().unwrap());
    let body = Some(("application/ocsp-request", OcspRequest::write(&[asked], None)));
    assert_eq!(&fetch(&scene.world, Method::POST, "/ocsp/demo", body).await.2[..], [0x30, 3, 0x0a, 1, 6]);
}

/// The serial number of a certificate that an authority has issued to itself.
async fn own(world: &World, name: &str) -> Serial {
    let all = world.authorities.certificates(Which::default()).await.unwrap().items;
    let named = |row: &&StoredCertificate| {
        Certificate::from_der(&row.der).unwrap().subject().to_string().contains(name)
    };
    all.iter().find(named).unwrap().serial.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ocsp_answers_are_signed_by_whom_the_authority_has_appointed() {
    let scene = Scene::new(Options::default()).await;
    let (certificates, ..) = scene.pair().await;
    let authority = scene.authority.certificate().unwrap();
    let signer = async || {
        let (_, _, der) = scene.ocsp(&certificates[0], Some(&[7; 16])).await;
        let answer = OcspResponse::from_der(&der).unwrap().basic.unwrap();
        answer.verify_signature(authority).unwrap().clone()
    };
    let appointed = signer().await;
    assert_ne!(appointed, *authority);
    assert!(appointed.subject().to_string().contains("demo status"), "{}", appointed.subject());
    // A revoked one answers nothing more.
    let revoke = CertEvent::Revoke(Reason::KeyCompromise);
    let serial = own(&scene.world, "demo status").await;
    scene.world.authorities.change(&id("demo"), &serial, revoke, None).await.unwrap();
    assert_eq!(signer().await, *authority);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_is_stamped_under_the_policy() {
    let world = World::new().await;
    let stamping =
        authority(&world, "demo", Options { policy: Some(POLICY.into()), ..Options::default() }).await;
    let imprint = pki::tsp::Imprint::of(HashAlgorithm::Sm3, b"document").unwrap();
    let asked = pki::tsp::TimeStampRequest::new(imprint, Some([5; 8]));
    let body = Some(("application/timestamp-query", asked.to_der()));
    let (status, headers, der) = fetch(&world, Method::POST, "/tsa/demo", body.clone()).await;
    assert_eq!(
        (status, &headers[header::CONTENT_TYPE]),
        (StatusCode::OK, &"application/timestamp-reply".parse().unwrap())
    );
    let response = pki::tsp::TimeStampResponse::from_der(&der).unwrap();
    let token = response.token.unwrap();
    assert_eq!(token.info().policy, ObjectIdentifier::new(POLICY).unwrap());
    assert_eq!(token.info().time.as_unix(), world.now_ms() / 1000);
    let own = own(&world, "demo time stamps").await;
    drop(stamping);
    authority(&world, "other", Options::default()).await;
    assert_eq!(fetch(&world, Method::POST, "/tsa/other", body.clone()).await.0, StatusCode::NOT_FOUND);
    // A revoked stamp key stamps nothing more.
    let revoke = CertEvent::Revoke(Reason::KeyCompromise);
    world.authorities.change(&id("demo"), &own, revoke, None).await.unwrap();
    assert_eq!(fetch(&world, Method::POST, "/tsa/demo", body).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_ocsp_request_must_have_understood_is_not_passed_over() {
    let world = World::new().await;
    let demo = authority(&world, "demo", Options::default()).await;
    let own = demo.certificate().unwrap();
    let asked = CertId::new(HashAlgorithm::Sha1, own, own);
    let with = |critical: &[u8]| {
        let sequence = |parts: &[&[u8]]| element(SEQUENCE, parts);
        let one = sequence(&[&sequence(&[asked.as_der()])]);
        // 1.2.3, which nobody knows.
        let extension = sequence(&[&[6, 2, 0x2a, 3], critical, &[4, 0]]);
        sequence(&[&sequence(&[&one, &element(0xa2, &[&sequence(&[&extension])])])])
    };
    let answered = async |request: Vec<u8>| {
        let body = Some(("application/ocsp-request", request));
        OcspResponse::from_der(&fetch(&world, Method::POST, "/ocsp/demo", body).await.2).unwrap().status
    };
    assert_eq!(answered(with(&[])).await, ResponseStatus::Successful);
    assert_eq!(answered(with(&[1, 1, 0xff])).await, ResponseStatus::MalformedRequest);
    let nonce = |len: usize| OcspRequest::write(std::slice::from_ref(&asked), Some(&vec![7; len]));
    assert_eq!(answered(nonce(128)).await, ResponseStatus::Successful);
    assert_eq!(answered(nonce(129)).await, ResponseStatus::MalformedRequest);
}
