//! Passwords, codes and pictures.

use axum::http::StatusCode;
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use super::{PASSWORD, PHONE};
use crate::{
    api::tests::{
        office::{Browser, code, log_in, with_code},
        post, problem,
    },
    domain::office::{Rules, rules::LoginPolicy, rules::PasswordRule},
    testing::World,
};

pub(super) async fn set_password(world: &World, browser: &Browser, password: &str) -> (StatusCode, Value) {
    let (code_id, text) = code(world, PHONE, "password").await;
    let body = json!({ "code_id": code_id, "code": text, "password": password });
    browser.post(world, "/v1/account/password", &body).await
}

#[tokio::test]
async fn a_03_digits_on_a_picture_before_the_code() {
    let world = World::with_rules(Rules { captcha: true, ..Rules::default() }).await;
    let ask = async |captcha: Value| {
        let mut body = json!({ "phone": PHONE, "purpose": "login" });
        body.as_object_mut().unwrap().extend(captcha.as_object().unwrap().clone());
        problem_or_done(post(&world, "/v1/sms-codes", None, &body).await)
    };
    let invalid = (403, "code_invalid".to_owned());
    assert_eq!(ask(json!({})).await, invalid);
    let new = async || {
        let (status, drawn) = post(&world, "/v1/captchas", None, &json!({})).await;
        assert_eq!(status, StatusCode::CREATED);
        let picture = Base64::decode_vec(drawn["picture"].as_str().unwrap()).unwrap();
        assert!(picture.starts_with(b"BM"));
        (drawn["captcha_id"].clone(), drawn["digits"].as_str().unwrap().to_owned())
    };
    let (id, digits) = new().await;
    let wrong = if digits == "0000" { "0001" } else { "0000" };
    assert_eq!(ask(json!({ "captcha_id": id, "captcha": wrong })).await, invalid);
    // One try for each picture, in two minutes.
    assert_eq!(ask(json!({ "captcha_id": id, "captcha": digits })).await, invalid);
    let (id, digits) = new().await;
    world.clock.advance(120_000);
    assert_eq!(ask(json!({ "captcha_id": id, "captcha": digits })).await, invalid);
    world.office.work().await.unwrap();
    let (id, digits) = new().await;
    assert_eq!(ask(json!({ "captcha_id": id, "captcha": digits })).await, (201, String::new()));
    assert_eq!(ask(json!({ "captcha_id": id, "captcha": digits })).await, invalid);
    assert_eq!(ask(json!({ "captcha_id": "0".repeat(32), "captcha": digits })).await, invalid);
}

fn problem_or_done(answer: (StatusCode, Value)) -> (u16, String) {
    let code = answer.1["code"].as_str().unwrap_or_default().to_owned();
    (answer.0.as_u16(), code)
}

#[tokio::test]
async fn a_04_a_password_is_set_by_either_rule() {
    for (rule, good, weak) in [
        (PasswordRule::ThreeOfFour, "abcdefg1!", "abcdefg1"),
        (PasswordRule::UpperLowerDigit, "Abcdefg1", "abcdefg1!"),
    ] {
        let world = World::with_rules(Rules { password_rule: rule, ..Rules::default() }).await;
        let (browser, _) = log_in(&world, PHONE).await;
        assert_eq!(browser.see(&world, "/v1/account").await["has_password"], false);
        for wrong in [weak, "Ab1!", "Abcdefghijklmnop1"] {
            let refused = problem(set_password(&world, &browser, wrong).await);
            assert_eq!(refused, (400, "bad_request".to_owned()));
        }
        assert_eq!(set_password(&world, &browser, good).await.0, StatusCode::NO_CONTENT);
        assert_eq!(browser.see(&world, "/v1/account").await["has_password"], true);
        // A code for something else, and somebody else's.
        let (other, _) = log_in(&world, "13900139000").await;
        assert_eq!(problem(set_password(&world, &other, good).await), (403, "code_invalid".to_owned()));
    }
}

#[tokio::test]
async fn a_06_code_and_password_where_both_are_demanded() {
    let world = World::with_rules(Rules { login_policy: LoginPolicy::AllOf, ..Rules::default() }).await;
    let (browser, first) = log_in(&world, PHONE).await;
    assert_eq!(set_password(&world, &browser, PASSWORD).await.0, StatusCode::NO_CONTENT);
    let wrong = (403, "password_invalid".to_owned());
    let mut with = with_code(&code(&world, PHONE, "login").await);
    assert_eq!(problem(post(&world, "/v1/sessions", None, &with).await), wrong);
    with = with_code(&code(&world, PHONE, "login").await);
    with["password"] = "Wrong-horse7".into();
    assert_eq!(problem(post(&world, "/v1/sessions", None, &with).await), wrong);
    let alone = json!({
        "phone": PHONE, "password": PASSWORD, "device": "browser", "terminal_token": first["terminal_token"],
    });
    assert_eq!(problem(post(&world, "/v1/sessions", None, &alone).await), (403, "phone_needed".to_owned()));
    with = with_code(&code(&world, PHONE, "login").await);
    with["password"] = PASSWORD.into();
    assert_eq!(post(&world, "/v1/sessions", None, &with).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_17_a_forgotten_password() {
    let world = World::new().await;
    let (browser, first) = log_in(&world, PHONE).await;
    let forgot = async |phone: &str, purpose: &str, password: &str| {
        let (code_id, text) = code(&world, phone, purpose).await;
        let body = json!({ "code_id": code_id, "code": text, "password": password });
        let nobody = Browser { token: String::new(), device: None };
        let answer = nobody.post(&world, "/v1/password", &body).await;
        problem_or_done(answer)
    };
    let invalid = (403, "code_invalid".to_owned());
    assert_eq!(forgot(PHONE, "login", PASSWORD).await, invalid);
    // A phone without an account looks the same.
    assert_eq!(forgot("13900139000", "password", PASSWORD).await, invalid);
    assert_eq!(forgot(PHONE, "password", "simple").await, (400, "bad_request".to_owned()));
    assert_eq!(forgot(PHONE, "password", PASSWORD).await.0, 204);
    // Whoever else knew the one before is out.
    assert_eq!(problem(browser.get(&world, "/v1/account").await).0, 401);
    let body = json!({
        "phone": PHONE, "password": PASSWORD, "device": "browser", "terminal_token": first["terminal_token"],
    });
    assert_eq!(post(&world, "/v1/sessions", None, &body).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_18_a_changed_password_ends_all_other_logins() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let (other, second) = log_in(&world, PHONE).await;
    assert_eq!(set_password(&world, &browser, PASSWORD).await.0, StatusCode::NO_CONTENT);
    assert_eq!(problem(other.get(&world, "/v1/account").await).0, 401);
    browser.see(&world, "/v1/account").await;
    assert_eq!(set_password(&world, &browser, "Another-horse7").await.0, StatusCode::NO_CONTENT);
    let with = |password: &str| {
        json!({
            "phone": PHONE, "password": password, "device": "browser", "terminal_token": second["terminal_token"],
        })
    };
    let old = post(&world, "/v1/sessions", None, &with(PASSWORD)).await;
    assert_eq!(problem(old), (403, "password_invalid".to_owned()));
    assert_eq!(post(&world, "/v1/sessions", None, &with("Another-horse7")).await.0, StatusCode::CREATED);
}
