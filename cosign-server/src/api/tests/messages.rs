//! Messages, what a user did, files.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};

use serde_json::json;

use super::{
    office::{Browser, PICTURE, log_in},
    problem, request, respond, send,
};
use crate::testing::World;

const PHONE: &str = "13800138000";

async fn events(browser: &Browser, world: &World, query: &str) -> Vec<String> {
    let found = browser.see(world, &format!("/v1/operations{query}")).await;
    let found = found["operations"].as_array().unwrap().clone();
    found
        .iter()
        .map(|one| format!("{} {}", one["kind"].as_str().unwrap(), one["event"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn l_01_operation_log_by_kind_and_time() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let (other, _) = log_in(&world, "13900139000").await;
    let all = ["session log-in", "account register"];
    assert_eq!(events(&browser, &world, "").await, all);
    assert_eq!(events(&other, &world, "").await, all);
    assert_eq!(events(&browser, &world, "?kind=account").await, ["account register"]);
    let now_ms = world.now_ms();
    world.clock.advance(70_000);
    let end = format!("/v1/sessions/{}/end", log_in(&world, PHONE).await.1["session_id"].as_str().unwrap());
    browser.done(&world, &end, &json!({})).await;
    let since = ["session end", "session log-in"];
    assert_eq!(events(&browser, &world, &format!("?from_ms={}", now_ms + 1)).await, since);
    assert_eq!(events(&browser, &world, &format!("?to_ms={}", now_ms + 1)).await, all);
    // A page at a time.
    let first = browser.see(&world, "/v1/operations?limit=3").await;
    let next = first["next"].as_str().unwrap();
    assert_eq!(events(&browser, &world, &format!("?limit=3&after={next}")).await, ["account register"]);
}

#[tokio::test]
async fn files_are_their_owners_alone_and_encrypted() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let (other, _) = log_in(&world, "13900139000").await;
    let id = browser.attach(&world, PICTURE).await;
    let path = format!("/v1/attachments/{id}");
    let asked = |browser: &Browser| {
        let asked = request(Method::GET, &path, None)
            .header(header::AUTHORIZATION, format!("Bearer {}", browser.token));
        asked.body(Body::empty()).unwrap()
    };
    use http_body_util::BodyExt as _;
    let response = respond(&world, asked(&browser)).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "image/png");
    assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), PICTURE);
    assert_eq!(problem(send(&world, asked(&other)).await), (404, "not_found".to_owned()));
    // Anything else is refused.
    let attach = async |bytes: &[u8], media: &str| {
        let asked = request(Method::POST, "/v1/attachments", None)
            .header(header::AUTHORIZATION, format!("Bearer {}", browser.token))
            .header(header::CONTENT_TYPE, media);
        send(&world, asked.body(Body::from(bytes.to_vec())).unwrap()).await
    };
    assert_eq!(attach(b"<svg/>", "application/octet-stream").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(attach(PICTURE, "image/png").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut long = PICTURE.to_vec();
    long.resize(4 * 1024 * 1024 + 1, 0);
    assert_eq!(attach(&long, "application/octet-stream").await.0, StatusCode::PAYLOAD_TOO_LARGE);
    for file in std::fs::read_dir(world.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(7).any(|bytes| bytes == b"picture"));
    }
}
