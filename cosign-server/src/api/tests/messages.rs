//! Messages, what a user did, files.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};

use serde_json::json;

use super::{
    office::{Browser, PICTURE, citizen, kept, log_in},
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
    let all = ["session log-in", "terminal bind", "account register"];
    assert_eq!(events(&browser, &world, "").await, all);
    assert_eq!(events(&other, &world, "").await, all);
    assert_eq!(events(&browser, &world, "?kind=account").await, ["account register"]);
    let now_ms = world.now_ms();
    world.clock.advance(70_000);
    let end = format!("/v1/sessions/{}/end", log_in(&world, PHONE).await.1["session_id"].as_str().unwrap());
    browser.done(&world, &end, &json!({})).await;
    let since = ["session end", "message tell", "session log-in", "terminal bind"];
    assert_eq!(events(&browser, &world, &format!("?from_ms={}", now_ms + 1)).await, since);
    assert_eq!(events(&browser, &world, &format!("?to_ms={}", now_ms + 1)).await, all);
    // A page at a time.
    let first = browser.see(&world, "/v1/operations?limit=6").await;
    let next = first["next"].as_str().unwrap();
    assert_eq!(events(&browser, &world, &format!("?limit=6&after={next}")).await, ["account register"]);
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

async fn notices(browser: &Browser, world: &World, query: &str) -> Vec<String> {
    let found = browser.see(world, &format!("/v1/messages{query}")).await;
    let found = found["messages"].as_array().unwrap().clone();
    found.iter().map(|one| one["notice"].as_str().unwrap().to_owned()).collect()
}

async fn claimed(browser: &Browser, world: &World, name: &str) {
    let body = json!({
        "method": "data", "document": "id-card", "name": name, "number": citizen(1), "agreement": "1",
    });
    browser.done(world, "/v1/person", &body).await;
}

#[tokio::test]
async fn k_01_messages_by_kind_and_date() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    claimed(&browser, &world, "查无").await;
    world.clock.advance(1000);
    claimed(&browser, &world, "张三").await;
    let now_ms = world.now_ms();
    assert_eq!(notices(&browser, &world, "").await, ["person-verified", "person-failed"]);
    // The latest alone, and what comes after it.
    let first = browser.see(&world, "/v1/messages?limit=1").await;
    assert_eq!(first["messages"][0]["notice"], "person-verified");
    let next = format!("?limit=1&after={}", first["next"].as_str().unwrap());
    assert_eq!(notices(&browser, &world, &next).await, ["person-failed"]);
    assert_eq!(notices(&browser, &world, "?notice=person-failed").await, ["person-failed"]);
    assert_eq!(notices(&browser, &world, "?notice=person-failed&limit=1").await, ["person-failed"]);
    assert_eq!(notices(&browser, &world, &format!("?from_ms={now_ms}")).await, ["person-verified"]);
    assert_eq!(notices(&browser, &world, &format!("?to_ms={now_ms}")).await, ["person-failed"]);
    let read = format!("/v1/messages/{}/read", first["messages"][0]["message_id"].as_str().unwrap());
    browser.done(&world, &read, &json!({})).await;
    assert_eq!(notices(&browser, &world, "?unread=true").await, ["person-failed"]);
    assert_eq!(notices(&browser, &world, "?unread=false").await, ["person-verified"]);
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(notices(&other, &world, "").await, [""; 0]);
}

#[tokio::test]
async fn k_02_a_message_leads_to_what_it_is_about() {
    let world = World::new().await;
    let (browser, first) = log_in(&world, PHONE).await;
    claimed(&browser, &world, "张三").await;
    let list = browser.see(&world, "/v1/messages").await;
    let path = format!("/v1/messages/{}", list["messages"][0]["message_id"].as_str().unwrap());
    let one = browser.see(&world, &path).await;
    assert_eq!((&one["notice"], &one["sent_at_ms"]), (&json!("person-verified"), &json!(world.now_ms())));
    assert_eq!(one["about"], json!({ "kind": "person", "id": first["account_id"] }));
    assert_eq!(browser.see(&world, "/v1/person").await["state"], "verified");
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(problem(other.get(&world, &path).await).0, 404);
    other.refused(&world, &format!("{path}/read"), &json!({}), 404, "not_found").await;
}

#[tokio::test]
async fn k_04_results_come_by_message_and_by_text() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    claimed(&browser, &world, "查无").await;
    claimed(&browser, &world, "张三").await;
    world.office.work().await.unwrap();
    let texts = kept(&world, PHONE);
    assert!(texts.contains(&"person-failed".to_owned()) && texts.contains(&"person-verified".to_owned()));
    assert_eq!(notices(&browser, &world, "").await.len(), 2);
    assert!(kept(&world, "13900139000").is_empty());
}

#[tokio::test]
async fn l_02_one_entry_of_the_log() {
    let world = World::new().await;
    let (browser, first) = log_in(&world, PHONE).await;
    let (other, _) = log_in(&world, "13900139000").await;
    let all = browser.see(&world, "/v1/operations").await;
    for listed in all["operations"].as_array().unwrap() {
        let path = format!("/v1/operations/{}", listed["number"]);
        assert_eq!(browser.see(&world, &path).await, *listed);
        assert_eq!(problem(other.get(&world, &path).await).0, 404);
    }
    let registered = all["operations"].as_array().unwrap().last().unwrap();
    assert_eq!((&registered["id"], &registered["to"]), (&first["account_id"], &json!("active")));
    for wrong in ["0", "x", "999999", "18446744073709551615"] {
        assert_eq!(problem(browser.get(&world, &format!("/v1/operations/{wrong}")).await).0, 404, "{wrong}");
    }
}
