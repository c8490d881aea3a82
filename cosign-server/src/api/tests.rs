//! The routes without sockets.

mod accounts;
mod audit;
mod authorisation;
mod ca;
mod certificates;
mod clients;
mod conditional;
mod description;
mod documents;
mod enterprises;
mod firms;
mod frames;
mod help;
mod language;
mod messages;
mod modes;
mod office;
mod opening;
mod operators;
mod pages;
mod people;
mod profiles;
mod scans;
mod shares;
mod shop;

use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use cosign_core::{DeviceId, Op, Purpose};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::testing::{Phone, World, caller, digest, name};

const DEVICE: [u8; 32] = [9; 32];

fn request(method: Method, path: &str, device: Option<[u8; 32]>) -> http::request::Builder {
    Request::builder().method(method).uri(path).extension(caller(device.map(DeviceId::from_bytes)))
}

async fn send(world: &World, request: Request<Body>) -> (StatusCode, Value) {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = respond(world, request).await;
    let status = response.status();
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap();
    if status.is_client_error() || status.is_server_error() {
        assert_eq!(kind, "application/problem+json");
        assert_eq!(body["status"], status.as_u16());
        assert_eq!(body["type"], format!("urn:cosign:problem:{}", body["code"].as_str().unwrap()));
    } else {
        assert_eq!(kind, "application/json");
    }
    description::check(&method, &path, status, &body);
    (status, body)
}

async fn respond(world: &World, request: Request<Body>) -> Response<Body> {
    world.router.clone().oneshot(request).await.unwrap()
}

async fn get(world: &World, path: &str, device: Option<[u8; 32]>) -> (StatusCode, Value) {
    send(world, request(Method::GET, path, device).body(Body::empty()).unwrap()).await
}

fn posting(path: &str, device: Option<[u8; 32]>) -> http::request::Builder {
    request(Method::POST, path, device).header(header::CONTENT_TYPE, "application/json")
}

async fn post(world: &World, path: &str, device: Option<[u8; 32]>, body: &Value) -> (StatusCode, Value) {
    send(world, posting(path, device).body(Body::from(body.to_string())).unwrap()).await
}

async fn post_once(world: &World, path: &str, once: &str, body: &Value) -> (StatusCode, Value) {
    let request = posting(path, Some(DEVICE)).header("idempotency-key", once);
    send(world, request.body(Body::from(body.to_string())).unwrap()).await
}

async fn code(world: &World, uses: u32) -> String {
    world.operator.new_code(uses, 60_000).await.unwrap().expose().to_owned()
}

async fn enrol(world: &World) {
    let body = json!({ "enrolment_code": code(world, 1).await, "name": "phone" });
    assert_eq!(post(world, "/v1/devices", Some(DEVICE), &body).await.0, StatusCode::CREATED);
}

fn problem(answer: (StatusCode, Value)) -> (u16, String) {
    (answer.0.as_u16(), answer.1["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn health_version_server_and_metrics() {
    let world = World::new().await;
    assert_eq!(get(&world, "/livez", None).await, (StatusCode::OK, json!({ "status": "ok" })));
    assert_eq!(get(&world, "/readyz", None).await, (StatusCode::OK, json!({ "status": "ok" })));
    assert_eq!(get(&world, "/version", None).await.1["version"], env!("CARGO_PKG_VERSION"));
    let (_, server) = get(&world, "/v1/server", None).await;
    assert_eq!(server["time_ms"], world.now_ms());
    assert_eq!(server["suites"], json!(["D", "F2"]));
    assert_eq!((&server["max_batch"], &server["pbkdf2_iterations_min"]), (&json!(256), &json!(100_000)));
    let text = world.metrics().await;
    assert!(text.contains("cosign_http_requests_total{route=\"/readyz\",status=\"200\"} 1"), "{text}");
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    let world = World::new().await;
    world.signer.drain().await;
    assert_eq!(problem(get(&world, "/readyz", None).await), (503, "unavailable".to_owned()));
    let world = World::new().await;
    world.database.close().await;
    assert_eq!(problem(get(&world, "/readyz", None).await), (503, "unavailable".to_owned()));
    assert_eq!(get(&world, "/livez", None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn enrolment() {
    let world = World::new().await;
    let good = code(&world, 1).await;
    let body = json!({ "enrolment_code": good, "name": "phone" });
    assert_eq!(
        problem(post(&world, "/v1/devices", None, &body).await),
        (401, "no_client_certificate".to_owned())
    );
    assert_eq!(problem(get(&world, "/v1/device", Some(DEVICE)).await), (403, "not_enrolled".to_owned()));
    let (status, device) = post(&world, "/v1/devices", Some(DEVICE), &body).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((&device["device_id"], &device["name"]), (&json!(hex::encode(DEVICE)), &json!("phone")));
    // A device that is enrolled already is given back; the code is used up for others.
    assert_eq!(post(&world, "/v1/devices", Some(DEVICE), &body).await.1, device);
    assert_eq!(get(&world, "/v1/device", Some(DEVICE)).await, (StatusCode::OK, device));
    let invalid = (403, "enrolment_code_invalid".to_owned());
    assert_eq!(problem(post(&world, "/v1/devices", Some([8; 32]), &body).await), invalid);
    let unknown = json!({ "enrolment_code": "AAAAA-AAAAA-AAAAA-AAAAA", "name": "phone" });
    assert_eq!(problem(post(&world, "/v1/devices", Some([8; 32]), &unknown).await), invalid);
    let late = json!({ "enrolment_code": code(&world, 1).await, "name": "phone" });
    world.clock.advance(60_000);
    assert_eq!(problem(post(&world, "/v1/devices", Some([8; 32]), &late).await), invalid);
}

#[tokio::test]
async fn wrong_codes_are_slowed_down_per_source() {
    let world = World::new().await;
    let wrong = json!({ "enrolment_code": "AAAAA-AAAAA-AAAAA-AAAAA", "name": "phone" });
    // A new certificate costs nothing, so the source is what counts.
    for id in 0..10 {
        let answer = post(&world, "/v1/devices", Some([id; 32]), &wrong).await;
        assert_eq!(problem(answer), (403, "enrolment_code_invalid".to_owned()));
    }
    let good = json!({ "enrolment_code": code(&world, 1).await, "name": "phone" });
    let (status, body) = post(&world, "/v1/devices", Some([77; 32]), &good).await;
    assert_eq!((status.as_u16(), &body["code"]), (429, &json!("too_many_requests")));
    assert!(body["retry_after_s"].as_u64().unwrap() <= 600);
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be() {
    let world = World::new().await;
    enrol(&world).await;
    let bad = (400, "bad_request".to_owned());
    for body in [
        json!({}),
        json!({ "purpose": "sign" }),
        json!({ "purpose": "other", "label": "x" }),
        json!({ "purpose": "sign", "label": "x", "suite": "F1" }),
        json!({ "purpose": "sign", "label": "x", "pin_mode": "none" }),
        json!({ "purpose": "sign", "label": "" }),
        json!({ "purpose": "sign", "label": "x".repeat(129) }),
        json!({ "purpose": "sign", "label": "a\nb" }),
        json!({ "purpose": "sign", "label": "x", "key_id": "mine" }),
        json!([]),
    ] {
        assert_eq!(problem(post(&world, "/v1/keys", Some(DEVICE), &body).await), bad, "{body}");
    }
    let raw = |kind: &'static str, body: Body| {
        request(Method::POST, "/v1/keys", Some(DEVICE)).header(header::CONTENT_TYPE, kind).body(body).unwrap()
    };
    assert_eq!(problem(send(&world, raw("application/json", Body::from("{"))).await), bad);
    assert_eq!(
        problem(send(&world, raw("text/plain", Body::from("{}"))).await),
        (415, "unsupported_media_type".to_owned())
    );
    assert_eq!(
        problem(send(&world, raw("application/json", Body::from(vec![b' '; 16 * 1024 + 1]))).await),
        (413, "payload_too_large".to_owned())
    );
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist() {
    let world = World::new().await;
    enrol(&world).await;
    let missing = (404, "not_found".to_owned());
    assert_eq!(problem(get(&world, "/v2/keys", Some(DEVICE)).await), missing);
    assert_eq!(problem(get(&world, "/v1/keys/nonsense", Some(DEVICE)).await), missing);
    assert_eq!(problem(get(&world, &format!("/v1/keys/{}", "0".repeat(32)), Some(DEVICE)).await), missing);
    let wrong = (405, "method_not_allowed".to_owned());
    assert_eq!(problem(post(&world, "/livez", None, &json!({})).await), wrong);
    assert_eq!(problem(get(&world, "/v1/devices", None).await), wrong);
}

#[tokio::test]
async fn issuing_needs_an_enrolled_device_and_is_bounded() {
    let world = World::new().await;
    let body = json!({ "purpose": "encrypt", "label": "mail" });
    assert_eq!(
        problem(post(&world, "/v1/keys", Some(DEVICE), &body).await),
        (403, "not_enrolled".to_owned())
    );
    enrol(&world).await;
    let (status, issued) = post(&world, "/v1/keys", Some(DEVICE), &body).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((&issued["purpose"], &issued["label"]), (&json!("encrypt"), &json!("mail")));
    assert_eq!(issued["expires_at_ms"], world.now_ms() + 3_600_000);
    for _ in 1..16 {
        assert_eq!(post(&world, "/v1/keys", Some(DEVICE), &body).await.0, StatusCode::CREATED);
    }
    assert_eq!(problem(post(&world, "/v1/keys", Some(DEVICE), &body).await), (409, "conflict".to_owned()));
    world.clock.advance(3_600_000);
    assert_eq!(post(&world, "/v1/keys", Some(DEVICE), &body).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn the_same_request_acts_once() {
    let world = World::new().await;
    enrol(&world).await;
    let body = json!({ "purpose": "sign", "label": "contracts" });
    let first = post_once(&world, "/v1/keys", "name-1", &body).await;
    assert_eq!(first.0, StatusCode::CREATED);
    assert_eq!(post_once(&world, "/v1/keys", "name-1", &body).await, first);
    assert_ne!(post_once(&world, "/v1/keys", "name-2", &body).await.1["key_id"], first.1["key_id"]);
    let other = json!({ "purpose": "encrypt", "label": "contracts" });
    let mismatch = (422, "idempotency_mismatch".to_owned());
    assert_eq!(problem(post_once(&world, "/v1/keys", "name-1", &other).await), mismatch);
    for wrong in ["", "two words", &"x".repeat(129)] {
        assert_eq!(problem(post_once(&world, "/v1/keys", wrong, &body).await).1, "bad_request", "{wrong}");
    }
    // The same request at the same time.
    let (one, two) = tokio::join!(
        post_once(&world, "/v1/keys", "name-3", &body),
        post_once(&world, "/v1/keys", "name-3", &body)
    );
    assert_eq!(one, two);
    let world = world.restart().await;
    assert_eq!(post_once(&world, "/v1/keys", "name-1", &body).await, first);
    world.clock.advance(86_400_000);
    assert_ne!(post_once(&world, "/v1/keys", "name-1", &body).await.1["key_id"], first.1["key_id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_listed_shown_and_frozen_by_their_owner_only() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, DEVICE[0]).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    world
        .devices
        .enrol(caller(Some(DeviceId::from_bytes([8; 32]))), &code(&world, 1).await, name("b"), None)
        .await
        .unwrap();
    let path = format!("/v1/keys/{}", record.key_id());
    let (status, shown) = get(&world, &path, Some(DEVICE)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&shown["status"], &shown["purpose"], &shown["epoch"]),
        (&json!("active"), &json!("sign"), &json!(1))
    );
    assert_eq!(shown["public_key"], key.public_key().to_spki_pem());
    let fresh = json!({
        "failures": 0, "total": 0, "locked": false, "retry_s": 0, "remaining": 10, "refresh_required": false
    });
    assert_eq!(shown["pin"], fresh);
    assert_eq!(get(&world, "/v1/keys", Some(DEVICE)).await.1, json!({ "keys": [shown], "next": null }));
    assert_eq!(get(&world, "/v1/keys", Some([8; 32])).await.1, json!({ "keys": [], "next": null }));
    assert_eq!(problem(get(&world, &path, Some([8; 32])).await).0, 404);

    let freeze = format!("{path}/freeze");
    assert_eq!(problem(post(&world, &freeze, Some([8; 32]), &json!({})).await).0, 404);
    for _ in 0..2 {
        let (status, frozen) = post_once(&world, &freeze, "once", &json!({})).await;
        assert_eq!((status, &frozen["status"]), (StatusCode::OK, &json!("suspended")));
    }
    let answer = phone.ask(&world, &phone.start(&world, &key, &[digest(1)]).0).await;
    assert_eq!(crate::testing::status(&answer), Some(cosign_core::Code::Key));
    let (pending, _) = phone.pending_key(&world, Purpose::Sign).await;
    let freeze = format!("/v1/keys/{}/freeze", pending.key_id());
    assert_eq!(problem(post(&world, &freeze, Some(DEVICE), &json!({})).await), (409, "conflict".to_owned()));
}

/// No source gets more than its share of what everybody may fetch, and no other one waits for that.
#[tokio::test]
async fn what_is_public_has_a_rate() {
    let world = World::new().await;
    let ask = async |path: &str, source: [u8; 4]| {
        let caller = crate::domain::device::Caller { device: None, source: source.into() };
        let request = Request::post(path).extension(caller).body(Body::empty()).unwrap();
        respond(&world, request).await
    };
    for _ in 0..crate::testing::PUBLIC {
        assert_eq!(ask("/tsa/none", [192, 0, 2, 9]).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    for path in ["/tsa/none", "/ocsp/none"] {
        let refused = ask(path, [192, 0, 2, 9]).await;
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[header::RETRY_AFTER], "60");
        assert_eq!(ask(path, [192, 0, 2, 10]).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    assert_eq!(ask("/livez", [192, 0, 2, 9]).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    world.clock.advance(60_000);
    assert_eq!(ask("/tsa/none", [192, 0, 2, 9]).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_travel_over_http() {
    let world = World::new().await;
    let phone = Phone::enrolled(&world, DEVICE[0]).await;
    let (record, key) = phone.key(&world, Purpose::Sign).await;
    let (frame, awaiting) = phone.start(&world, &key, &[digest(1), digest(2)]);
    let path = |operation: &str| format!("/v1/keys/{}/{operation}", record.key_id());
    let posting = |path: &str, kind: &'static str, frame: Vec<u8>| {
        request(Method::POST, path, Some(DEVICE))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(frame))
            .unwrap()
    };
    const FRAME: &str = "application/vnd.cosign.frame";

    let bad = (400, "bad_request".to_owned());
    assert_eq!(problem(send(&world, posting(&path("decrypt"), FRAME, frame.clone())).await), bad);
    let elsewhere = format!("/v1/keys/{}/sign", "0".repeat(32));
    assert_eq!(problem(send(&world, posting(&elsewhere, FRAME, frame.clone())).await), bad);
    assert_eq!(problem(send(&world, posting(&path("other"), FRAME, frame.clone())).await).0, 404);
    assert_eq!(problem(send(&world, posting(&path("sign"), "application/json", frame.clone())).await).0, 415);
    assert_eq!(problem(send(&world, posting(&path("sign"), FRAME, vec![0; 65_537])).await).0, 413);
    let anonymous = request(Method::POST, &path("sign"), None)
        .header(header::CONTENT_TYPE, FRAME)
        .body(Body::from(frame.clone()))
        .unwrap();
    assert_eq!(problem(send(&world, anonymous).await), (401, "no_client_certificate".to_owned()));

    let response = respond(&world, posting(&path("sign"), FRAME, frame.clone())).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_TYPE], FRAME);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    assert!(
        matches!(awaiting.finish(&answer), Ok(cosign_core::Progress::Done(signed)) if signed.signatures.len() == 2)
    );

    // A refusal of the protocol is an answer like any other.
    let short = vec![1, 1, Op::Sign.byte(), 0];
    let response = respond(&world, posting(&path("sign"), FRAME, short)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(crate::testing::status(&answer), Some(cosign_core::Code::Length));
}
