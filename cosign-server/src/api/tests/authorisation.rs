//! Every operation of the API refuses whoever has not what its description demands. What the description lists is what there
//! is (`description.rs`), so an operation without a check fails here.

use axum::{
    body::Body,
    http::{Method, StatusCode, header, request::Builder},
};
use serde_json::{Value, json};

use super::{
    DEVICE,
    description::{DESCRIPTION, operations},
    enrol,
    office::log_in,
    problem, request, respond,
};
use crate::testing::World;

/// What everybody may do.
const PUBLIC: &[&str] = &[
    "/ca/{file}",
    "/livez",
    "/metrics",
    "/ocsp/{authority}",
    "/ocsp/{authority}/{request}",
    "/readyz",
    "/tsa/{authority}",
    "/v1/institutions",
    "/v1/openapi.json",
    "/v1/packages",
    "/v1/payments/{channel}/notify",
    "/v1/platforms",
    "/v1/platforms/{platform}",
    "/v1/about",
    "/v1/appeals",
    "/v1/articles",
    "/v1/articles/{article}",
    "/v1/captchas",
    "/v1/elsewhere",
    "/v1/environment",
    "/v1/environment/read",
    "/v1/password",
    "/v1/problems",
    "/v1/providers/identity/{case}",
    "/v1/sandbox/identity/{case}",
    "/v1/regions",
    "/v1/regions/nearest",
    "/v1/sandbox/deposits",
    "/v1/sandbox/mails",
    "/v1/sandbox/payments/{number}",
    "/v1/sandbox/statement",
    "/v1/sandbox/texts",
    "/v1/server",
    "/v1/sessions",
    "/v1/sms-codes",
    "/v1/templates",
    "/version",
];

/// By whom an operation may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Everybody,
    Device,
    Operator,
    User,
    Client,
}

fn by(method: &str, path: &str) -> By {
    let operation = &DESCRIPTION["paths"][path][method];
    let demanded = operation["security"].as_array().or(DESCRIPTION["security"].as_array()).unwrap();
    let demanded = demanded[0].as_object().unwrap().keys().next().map(String::as_str);
    match demanded {
        None => By::Everybody,
        Some("device") if path.starts_with("/v1/operator") => By::Operator,
        Some("device") => By::Device,
        Some("user") => By::User,
        Some("client") => By::Client,
        Some(other) => panic!("{other}"),
    }
}

/// A request that is well-formed as far as that is known before anybody looks who sends it.
fn asked(method: &str, path: &str, device: Option<[u8; 32]>) -> Builder {
    let bodies = DESCRIPTION["paths"][path][method]["requestBody"]["content"].as_object();
    let media =
        bodies.and_then(|bodies| bodies.keys().next_back()).map_or("application/json", String::as_str);
    let parts = path.split('/').map(|part| match part {
        "{operation}" => "sign",
        part if part.starts_with('{') => "00112233445566778899aabbccddeeff",
        part => part,
    });
    let path = parts.collect::<Vec<_>>().join("/");
    request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &path, device)
        .header(header::CONTENT_TYPE, media)
}

async fn refused(world: &World, asked: Builder) -> (u16, String) {
    use http_body_util::BodyExt as _;
    let response = respond(world, asked.body(Body::from("{}")).unwrap()).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(json!({ "code": "" }));
    if status.is_client_error() { problem((status, body)) } else { (status.as_u16(), String::new()) }
}

#[tokio::test]
async fn what_everybody_may_do_is_listed() {
    let open: Vec<_> = operations().filter(|(method, path)| by(method, path) == By::Everybody).collect();
    for (method, path) in &open {
        assert!(PUBLIC.contains(path), "{method} {path} is open to everybody");
    }
    assert!(PUBLIC.iter().all(|path| open.iter().any(|(_, open)| open == path)));
}

#[tokio::test]
async fn nobody_does_what_takes_somebody() {
    let world = World::new().await;
    for (method, path) in operations() {
        let code = match by(method, path) {
            By::Everybody => continue,
            // It looks at the enrolment code first.
            By::Device if path == "/v1/devices" => continue,
            By::Device | By::Operator => "no_client_certificate",
            By::User => "not_logged_in",
            By::Client => "signature_invalid",
        };
        let given = refused(&world, asked(method, path, None)).await;
        assert_eq!(given, (StatusCode::UNAUTHORIZED.as_u16(), code.to_owned()), "{method} {path}");
    }
}

#[tokio::test]
async fn a_stranger_with_a_certificate_is_no_device_and_no_user() {
    let world = World::new().await;
    for (method, path) in operations() {
        let expected = match by(method, path) {
            By::Everybody => continue,
            // This is where it becomes one.
            By::Device if path == "/v1/devices" => continue,
            // The signer says no by a frame.
            By::Device if path.ends_with("{operation}") || path == "/v1/frames" => continue,
            By::Device | By::Operator => (403, "not_enrolled"),
            By::User => (401, "not_logged_in"),
            By::Client => (401, "signature_invalid"),
        };
        let (status, code) = refused(&world, asked(method, path, Some(DEVICE))).await;
        assert_eq!((status, &*code), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn neither_a_device_nor_a_user_is_an_operator_or_a_client() {
    let world = World::new().await;
    enrol(&world).await;
    let (browser, _) = log_in(&world, "13800138000").await;
    for (method, path) in operations() {
        let expected = match by(method, path) {
            By::Operator => (403, "role_missing"),
            By::Client => (401, "signature_invalid"),
            By::Everybody | By::Device | By::User => continue,
        };
        let asked = asked(method, path, Some(DEVICE))
            .header(header::AUTHORIZATION, format!("Bearer {}", browser.token));
        let (status, code) = refused(&world, asked).await;
        assert_eq!((status, &*code), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_token_of_another_kind_is_none() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, "13800138000").await;
    let (method, path) = operations().find(|(method, path)| by(method, path) == By::User).unwrap();
    for token in [String::new(), "0".repeat(64), browser.token.to_uppercase(), format!("{}0", browser.token)]
    {
        let asked = asked(method, path, None).header(header::AUTHORIZATION, format!("Bearer {token}"));
        assert_eq!(refused(&world, asked).await, (401, "not_logged_in".to_owned()), "{token}");
    }
    let asked = asked(method, path, None).header(header::AUTHORIZATION, format!("Basic {}", browser.token));
    assert_eq!(refused(&world, asked).await.0, 401);
}
