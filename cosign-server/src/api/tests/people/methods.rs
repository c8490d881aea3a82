//! The ways to be verified.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    api::tests::{
        get,
        office::{Browser, CARD, PICTURE, citizen, code, face, kept, log_in, verified},
        post, problem,
    },
    testing::World,
};

const PHONE: &str = "13800138000";

fn saying(method: &str, name: &str) -> Value {
    json!({
        "method": method, "document": "id-card", "name": name, "number": citizen(1), "agreement": "1",
    })
}

fn seen(person: &Value) -> (&str, &str) {
    let word = |name: &str| person[name].as_str().unwrap_or("");
    (word("state"), if person["state"] == "failed" { word("finding") } else { word("level") })
}

async fn claimed(world: &World, browser: &Browser, body: &Value) -> Value {
    browser.done(world, "/v1/person", body).await
}

#[tokio::test]
async fn b_02_cfca_type_check_on_the_page_of_the_provider() {
    page("cfca").await;
}

#[tokio::test]
async fn b_03_alipay_check_on_its_page() {
    page("alipay").await;
}

async fn page(method: &str) {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let waits = claimed(&world, &browser, &saying(method, "张三")).await;
    assert_eq!((seen(&waits), &waits["sandbox"]), (("checking", ""), &json!(true)));
    let page = waits["page"].as_str().unwrap().to_owned();
    let case = page.rsplit('/').next().unwrap();
    // Nothing happened there yet, whoever says so.
    assert_eq!(seen(&browser.done(&world, "/v1/person/ask", &json!({})).await), ("checking", ""));
    let news = format!("/v1/providers/identity/{case}");
    let told = async || {
        let nobody = Browser { token: String::new(), device: None };
        nobody.post(&world, &news, &json!({})).await.0
    };
    assert_eq!(told().await, StatusCode::NO_CONTENT);
    assert_eq!(seen(&browser.see(&world, "/v1/person").await), ("checking", ""));
    browser.done(&world, &page, &json!({ "passed": true })).await;
    assert_eq!(seen(&browser.see(&world, "/v1/person").await), ("verified", "face"));
    // The case is closed.
    assert_eq!(told().await, StatusCode::NOT_FOUND);
    browser.refused(&world, &page, &json!({ "passed": false }), 404, "not_found").await;
    assert_eq!(seen(&browser.see(&world, "/v1/person").await), ("verified", "face"));
    // Whoever is somebody else does not pass, whatever button is pressed.
    let (other, _) = log_in(&world, "13900139000").await;
    let page = claimed(&world, &other, &saying(method, "李异")).await["page"].as_str().unwrap().to_owned();
    other.done(&world, &page, &json!({ "passed": true })).await;
    assert_eq!(seen(&other.see(&world, "/v1/person").await), ("failed", "face-refused"));
    // Whoever leaves the page fails after a while.
    claimed(&world, &other, &saying(method, "李四")).await;
    world.clock.advance(30 * 60_000 - 1);
    world.office.work().await.unwrap();
    let (other, _) = log_in(&world, "13900139000").await;
    world.office.work().await.unwrap();
    assert_eq!(seen(&other.see(&world, "/v1/person").await), ("failed", "lapsed"));
    let unknown = format!("/v1/sandbox/identity/{}", "0".repeat(32));
    other.refused(&world, &unknown, &json!({ "passed": true }), 404, "not_found").await;
}

#[tokio::test]
async fn b_04_bank_card_four_factors() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let mut body = saying("bank-card", "张三");
    browser.refused(&world, "/v1/person", &body, 400, "bad_request").await;
    body["card"] = "4111111111111112".into();
    body["phone"] = PHONE.into();
    assert_eq!(seen(&claimed(&world, &browser, &body).await), ("failed", "card-refused"));
    body["card"] = CARD.into();
    body["phone"] = "13800138001".into();
    assert_eq!(seen(&claimed(&world, &browser, &body).await), ("failed", "differs"));
    body["phone"] = PHONE.into();
    assert_eq!(seen(&claimed(&world, &browser, &body).await), ("verified", "possession"));
}

#[tokio::test]
async fn b_05_failure_blocks_nothing_and_another_way_may_be_taken() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let failed = claimed(&world, &browser, &saying("data", "查无")).await;
    assert_eq!((seen(&failed), &failed["next"]), (("failed", "unknown"), &json!(["verify"])));
    assert_eq!(seen(&claimed(&world, &browser, &saying("data", "李异")).await), ("failed", "differs"));
    // A provider that does not answer decides nothing.
    world.identity.fail(1);
    browser.refused(&world, "/v1/person", &saying("data", "张三"), 503, "unavailable").await;
    assert_eq!(seen(&browser.see(&world, "/v1/person").await), ("failed", "differs"));
    assert_eq!(seen(&claimed(&world, &browser, &saying("cfca", "张三")).await), ("checking", ""));
    assert_eq!(seen(&claimed(&world, &browser, &saying("data", "张三")).await), ("verified", "data"));
    // What is shown need not be shown again, but better.
    browser.refused(&world, "/v1/person", &saying("data", "张三"), 409, "conflict").await;
    assert_eq!(seen(&claimed(&world, &browser, &saying("digits", "张三")).await), ("checking", ""));
    // Not without end.
    let (other, _) = log_in(&world, "13900139000").await;
    for _ in 0..10 {
        claimed(&world, &other, &saying("data", "查无")).await;
    }
    other.refused(&world, "/v1/person", &saying("data", "李四"), 429, "too_many_requests").await;
    world.clock.advance(86_400_000);
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(seen(&claimed(&world, &other, &saying("data", "李四")).await), ("verified", "data"));
}

#[tokio::test]
async fn b_07_liveness_with_digits_read_aloud() {
    let words = camera("digits").await;
    assert!(words.len() == 4 && words.bytes().all(|byte| byte.is_ascii_digit()), "{words}");
}

#[tokio::test]
async fn b_08_liveness_with_actions() {
    let words = camera("actions").await;
    let known = ["blink", "nod", "open-mouth", "turn-head"];
    assert!(words.split(' ').count() == 2 && words.split(' ').all(|word| known.contains(&word)), "{words}");
}

async fn camera(method: &str) -> String {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let show = async |bytes: &[u8]| browser.post_bytes(&world, "/v1/person/face", bytes).await;
    assert_eq!(problem(show(PICTURE).await), (409, "conflict".to_owned()));
    let words =
        claimed(&world, &browser, &saying(method, "张三")).await["words"].as_str().unwrap().to_owned();
    assert_eq!(problem(show(b"%PDF-").await), (400, "bad_request".to_owned()));
    assert_eq!(seen(&show(PICTURE).await.1), ("failed", "face-refused"));
    // Another attempt has another challenge.
    assert_eq!(problem(show(&face(&words)).await), (409, "conflict".to_owned()));
    let again =
        claimed(&world, &browser, &saying(method, "张三")).await["words"].as_str().unwrap().to_owned();
    let (status, person) = show(&face(&again)).await;
    assert_eq!((status, seen(&person)), (StatusCode::OK, ("verified", "face")));
    again
}

#[tokio::test]
async fn b_09_name_number_phone_and_code() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let mut body = saying("carrier", "张三");
    body["attachment_ids"] =
        json!([browser.attach(&world, PICTURE).await, browser.attach(&world, PICTURE).await]);
    let with = |mut body: Value, (id, code): (String, String)| {
        body["code_id"] = id.into();
        body["code"] = code.into();
        body
    };
    browser.refused(&world, "/v1/person", &body, 400, "bad_request").await;
    // A code for something else, a wrong one, one of a phone that the carrier gave to somebody else.
    let for_login = with(body.clone(), code(&world, PHONE, "login").await);
    browser.refused(&world, "/v1/person", &for_login, 403, "code_invalid").await;
    let (id, good) = code(&world, PHONE, "person").await;
    let wrong = if good == "000000" { "000001" } else { "000000" };
    let guessed = with(body.clone(), (id.clone(), wrong.to_owned()));
    browser.refused(&world, "/v1/person", &guessed, 403, "code_invalid").await;
    let other = with(body.clone(), code(&world, "13800138001", "person").await);
    assert_eq!(seen(&claimed(&world, &browser, &other).await), ("failed", "differs"));
    let done = claimed(&world, &browser, &with(body.clone(), (id, good))).await;
    assert_eq!(seen(&done), ("verified", "possession"));
    // Both sides of the card, and one's own pictures.
    let (another, _) = log_in(&world, "13900139000").await;
    let fresh = with(body.clone(), code(&world, "13900139000", "person").await);
    another.refused(&world, "/v1/person", &fresh, 404, "not_found").await;
    let mut bare = fresh;
    bare["attachment_ids"] = json!([]);
    another.refused(&world, "/v1/person", &bare, 400, "bad_request").await;
}

#[tokio::test]
async fn b_10_name_and_number() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let mut body = saying("data", "张三");
    for (field, wrong) in [
        ("number", "110105194912310021"),
        ("number", ""),
        ("name", ""),
        ("method", "hearsay"),
        ("document", "library-card"),
    ] {
        let mut body = body.clone();
        body[field] = wrong.into();
        browser.refused(&world, "/v1/person", &body, 400, "bad_request").await;
    }
    let done = claimed(&world, &browser, &body).await;
    assert_eq!(seen(&done), ("verified", "data"));
    assert_eq!(
        (&done["name"], &done["number"]),
        (&json!("*三"), &json!(format!("1****{}", &citizen(1)[17..])))
    );
    body["number"] = citizen(2).into();
    browser.refused(&world, "/v1/person", &body, 409, "conflict").await;
    assert!(kept(&world, PHONE).iter().all(|text| !text.contains("张三")));
}

#[tokio::test]
async fn b_14_nothing_is_taken_without_consent() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let mut body = saying("data", "张三");
    body["agreement"] = "0".into();
    browser.refused(&world, "/v1/person", &body, 403, "consent_missing").await;
    body.as_object_mut().unwrap().remove("agreement");
    browser.refused(&world, "/v1/person", &body, 400, "bad_request").await;
    assert_eq!(browser.see(&world, "/v1/person").await["state"], "unverified");
}

#[tokio::test]
async fn b_15_what_comes_next() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    assert_eq!(browser.see(&world, "/v1/person").await["next"], json!(["verify"]));
    let waits = claimed(&world, &browser, &saying("digits", "张三")).await;
    assert_eq!(waits["next"], json!(["wait"]));
    let done = verified(&world, "13900139000", "李四", &citizen(2)).await;
    let next = json!(["apply-certificate", "claim-enterprise", "join-enterprise"]);
    assert_eq!(done.see(&world, "/v1/person").await["next"], next);
    // Who asks twice by the same name is verified once.
    assert_eq!(problem(get(&world, "/v1/person", None).await), (401, "not_logged_in".to_owned()));
    assert_eq!(problem(post(&world, "/v1/person", None, &saying("data", "张三")).await).0, 401);
}

#[tokio::test]
async fn b_17_changed_data_are_verified_again_before_anything_else() {
    let world = World::new().await;
    let browser = verified(&world, PHONE, "张三", &citizen(1)).await;
    let change = async |phone: &str, purpose: &str| {
        let (code_id, code) = code(&world, phone, purpose).await;
        browser.post(&world, "/v1/person/change", &json!({ "code_id": code_id, "code": code })).await
    };
    assert_eq!(problem(change(PHONE, "login").await), (403, "code_invalid".to_owned()));
    assert_eq!(problem(change("13900139000", "person").await), (403, "code_invalid".to_owned()));
    assert_eq!(change(PHONE, "person").await.1["state"], "stale");
    assert_eq!(problem(change(PHONE, "person").await), (409, "conflict".to_owned()));
    // The account does not pass on to somebody else.
    let mut body = saying("data", "张四");
    browser.refused(&world, "/v1/person", &body, 400, "bad_request").await;
    body["attachment_ids"] =
        json!([browser.attach(&world, PICTURE).await, browser.attach(&world, PICTURE).await]);
    let mut other = body.clone();
    other["name"] = "李四".into();
    other["number"] = citizen(2).into();
    browser.refused(&world, "/v1/person", &other, 409, "conflict").await;
    let renamed = claimed(&world, &browser, &body).await;
    assert_eq!((seen(&renamed), &renamed["name"]), (("verified", "data"), &json!("*四")));
}

#[tokio::test]
async fn a_25_the_profile_shows_name_and_phone_masked() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let profile = browser.see(&world, "/v1/account").await;
    assert_eq!((&profile["person"], &profile["name"]), (&json!("unverified"), &Value::Null));
    claimed(&world, &browser, &saying("data", "张三")).await;
    let profile = browser.see(&world, "/v1/account").await;
    assert_eq!((&profile["person"], &profile["name"]), (&json!("verified"), &json!("*三")));
    assert_eq!(profile["phone"], "+86138****8000");
    assert_eq!(get(&world, "/v1/account", None).await.0, StatusCode::UNAUTHORIZED);
}
