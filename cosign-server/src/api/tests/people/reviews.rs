//! Documents other than identity cards, and whoever has a reviewer look.

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::{
    api::tests::{
        get,
        office::{Browser, PICTURE, log_in},
        operators::{ADA, AUD, PLAIN, REA, ROB, staffed},
        post, problem, request, respond,
    },
    testing::{NOW_MS, World},
};

const PHONE: &str = "13800138000";
const QUEUE: &str = "/v1/operator/person-reviews";

async fn passport(world: &World, browser: &Browser) -> Value {
    let mut pictures = Vec::new();
    for _ in 0..3 {
        pictures.push(browser.attach(world, PICTURE).await);
    }
    json!({
        "method": "review", "document": "passport", "name": "王五", "number": "E12345678", "agreement": "1",
        "expires_at_ms": NOW_MS + 86_400_000_000, "attachment_ids": pictures,
    })
}

async fn case(world: &World) -> String {
    let (status, waiting) = get(world, QUEUE, Some(REA)).await;
    assert_eq!(status, StatusCode::OK, "{waiting}");
    waiting["people"][0]["case_id"].as_str().unwrap().to_owned()
}

async fn decide(world: &World, by: [u8; 32], case: &str, body: &Value) -> StatusCode {
    let asked = crate::api::tests::posting(&format!("{QUEUE}/{case}"), Some(by));
    respond(world, asked.body(Body::from(body.to_string())).unwrap()).await.status()
}

#[tokio::test]
async fn b_11_other_documents_go_to_a_reviewer() {
    let world = staffed().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let body = passport(&world, &browser).await;
    for (field, wrong) in [
        ("method", json!("data")),
        ("document", json!("id-card")),
        ("number", json!("E1")),
        ("expires_at_ms", json!(NOW_MS)),
        ("expires_at_ms", Value::Null),
        ("attachment_ids", json!([body["attachment_ids"][0]])),
    ] {
        let mut body = body.clone();
        body[field] = wrong;
        browser.refused(&world, "/v1/person", &body, 400, "bad_request").await;
    }
    for document in
        ["passport", "home-return-permit", "taiwan-permit", "foreigner-residence", "overseas-passport"]
    {
        let mut body = body.clone();
        body["document"] = document.into();
        let waits = browser.done(&world, "/v1/person", &body).await;
        assert_eq!((&waits["state"], &waits["document"]), (&json!("review"), &json!(document)));
        let refused = json!({ "passed": false, "opinion": "看不清" });
        assert_eq!(decide(&world, REA, &case(&world).await, &refused).await, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn b_12_a_reviewer_decides_about_a_person() {
    let world = staffed().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let body = passport(&world, &browser).await;
    browser.done(&world, "/v1/person", &body).await;
    browser.refused(&world, "/v1/person", &body, 409, "conflict").await;
    let first = case(&world).await;
    assert_eq!(decide(&world, REA, &first, &json!({ "passed": false })).await, StatusCode::BAD_REQUEST);
    let refusal = json!({ "passed": false, "opinion": "看不清" });
    assert_eq!(decide(&world, REA, &first, &refusal).await, StatusCode::NO_CONTENT);
    assert_eq!(decide(&world, REA, &first, &refusal).await, StatusCode::NOT_FOUND);
    let failed = browser.see(&world, "/v1/person").await;
    assert_eq!((&failed["state"], &failed["finding"]), (&json!("failed"), &json!("refused")));
    assert_eq!(failed["opinion"], "看不清");
    world.clock.advance(1);
    browser.done(&world, "/v1/person", &body).await;
    // A decision about what was said before is none about this.
    assert_eq!(decide(&world, REA, &first, &json!({ "passed": true })).await, StatusCode::NOT_FOUND);
    let (second, pass) = (case(&world).await, json!({ "passed": true }));
    let (one, two) = tokio::join!(decide(&world, REA, &second, &pass), decide(&world, ROB, &second, &pass));
    let done = [one, two].into_iter().filter(|status| *status == StatusCode::NO_CONTENT).count();
    assert_eq!(done, 1, "{one} {two}");
    let passed = browser.see(&world, "/v1/person").await;
    assert_eq!((&passed["state"], &passed["level"]), (&json!("verified"), &json!("face")));
    let told = browser.see(&world, "/v1/messages").await;
    let notices: Vec<_> = told["messages"].as_array().unwrap().iter().map(|one| &one["notice"]).collect();
    assert_eq!(notices, ["person-verified", "person-failed"]);
}

#[tokio::test]
async fn b_13_the_case_can_be_seen_while_it_is_looked_at() {
    let world = staffed().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let body = passport(&world, &browser).await;
    browser.done(&world, "/v1/person", &body).await;
    let seen = browser.see(&world, "/v1/person").await;
    assert_eq!((&seen["state"], &seen["method"]), (&json!("review"), &json!("review")));
    assert_eq!((&seen["name"], &seen["number"]), (&json!("*五"), &json!("E****8")));
    assert_eq!(seen["until_ms"], seen["claimed_at_ms"].as_u64().unwrap() + 2 * 3_600_000);
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(other.see(&world, "/v1/person").await["state"], "unverified");
}

#[tokio::test]
async fn o_06_reviewers_alone_see_the_queue_and_its_pictures() {
    let world = staffed().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let body = passport(&world, &browser).await;
    browser.done(&world, "/v1/person", &body).await;
    let (_, list) = get(&world, QUEUE, Some(AUD)).await;
    let one = &list["people"][0];
    assert_eq!((&one["name"], &one["number"]), (&json!("*五"), &json!("E****8")));
    assert_eq!(one["until_ms"], one["waits_since_ms"].as_u64().unwrap() + 2 * 3_600_000);
    let case = one["case_id"].as_str().unwrap();
    let path = format!("{QUEUE}/{case}");
    let (_, whole) = get(&world, &path, Some(REA)).await;
    assert_eq!((&whole["name"], &whole["number"]), (&json!("王五"), &json!("E12345678")));
    let picture = format!("{path}/pictures/{}", body["attachment_ids"][2].as_str().unwrap());
    let fetch = async |path: &str, by: [u8; 32]| {
        let response =
            respond(&world, request(Method::GET, path, Some(by)).body(Body::empty()).unwrap()).await;
        let status = response.status();
        (status, response.into_body().collect().await.unwrap().to_bytes())
    };
    let (status, bytes) = fetch(&picture, REA).await;
    assert_eq!((status, &bytes[..]), (StatusCode::OK, PICTURE));
    // A picture of something else is none of the case.
    let other = format!("{path}/pictures/{}", browser.attach(&world, PICTURE).await);
    assert_eq!(fetch(&other, REA).await.0, StatusCode::NOT_FOUND);
    let missing = (403, "role_missing".to_owned());
    for by in [ADA, PLAIN] {
        assert_eq!(problem(get(&world, QUEUE, Some(by)).await), missing);
    }
    for by in [ADA, AUD, PLAIN] {
        assert_eq!(problem(get(&world, &path, Some(by)).await), missing);
        assert_eq!(fetch(&picture, by).await.0, StatusCode::FORBIDDEN);
        assert_eq!(problem(post(&world, &path, Some(by), &json!({ "passed": true })).await), missing);
    }
    assert_eq!(get(&world, QUEUE, None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(problem(browser.get(&world, QUEUE).await).0, 401);
}
