//! Accounts as users see them.

mod appeals;
mod devices;
mod elsewhere;
mod identities;
mod passwords;
mod settings;

use axum::http::StatusCode;
use cosign_core::DeviceId;
use serde_json::json;

use super::{
    DEVICE, enrol, get,
    office::{Browser, cancelling, code, kept, log_in, log_in_on, with_code},
    post, problem,
};
use crate::testing::World;

const PHONE: &str = "13800138000";
const PASSWORD: &str = "Correct-horse7";

#[tokio::test]
async fn a_01_whoever_has_the_phone_registers_and_logs_in() {
    let world = World::new().await;
    let (browser, first) = log_in(&world, PHONE).await;
    assert_eq!(first["registered"], true);
    let (status, account) = browser.get(&world, "/v1/account").await;
    assert_eq!((status, &account["phone"]), (StatusCode::OK, &json!("+86138****8000")));
    assert_eq!((&account["state"], &account["has_password"]), (&json!("active"), &json!(false)));
    // The same number, however it is written, is the same account.
    let (other, second) = log_in(&world, "+8613800138000").await;
    assert_eq!((&second["registered"], &second["account_id"]), (&json!(false), &first["account_id"]));
    let (_, sessions) = browser.get(&world, "/v1/sessions").await;
    let this: Vec<_> =
        sessions["sessions"].as_array().unwrap().iter().map(|one| one["this"].clone()).collect();
    assert_eq!(this, [json!(false), json!(true)]);
    // Each ends the other's, and its own.
    let path = format!("/v1/sessions/{}/end", second["session_id"].as_str().unwrap());
    browser.done(&world, &path, &json!({})).await;
    assert_eq!(problem(other.get(&world, "/v1/account").await), (401, "not_logged_in".to_owned()));
    browser.refused(&world, &path, &json!({}), 404, "not_found").await;
    browser.done(&world, "/v1/session/end", &json!({})).await;
    assert_eq!(problem(browser.get(&world, "/v1/account").await).0, 401);
}

#[tokio::test]
async fn codes_are_good_once_for_one_thing_and_a_while() {
    let world = World::new().await;
    let invalid = (403, "code_invalid".to_owned());
    let try_code =
        async |code: &(String, String)| problem(post(&world, "/v1/sessions", None, &with_code(code)).await);
    // For something else.
    assert_eq!(try_code(&code(&world, PHONE, "password").await).await, invalid);
    // Used.
    let used = code(&world, PHONE, "login").await;
    assert_eq!(post(&world, "/v1/sessions", None, &with_code(&used)).await.0, StatusCode::CREATED);
    assert_eq!(try_code(&used).await, invalid);
    // Too late.
    let late = code(&world, PHONE, "login").await;
    world.clock.advance(300_000);
    assert_eq!(try_code(&late).await, invalid);
    // Replaced by a newer one.
    let old = code(&world, PHONE, "login").await;
    let new = code(&world, PHONE, "login").await;
    assert_eq!(try_code(&old).await, invalid);
    // Guessed at.
    let wrong = if new.1 == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(try_code(&(new.0.clone(), wrong.to_owned())).await, invalid);
    }
    assert_eq!(try_code(&new).await, invalid);
    assert_eq!(try_code(&("0".repeat(32), "123456".to_owned())).await, invalid);
    assert_eq!(try_code(&("x".to_owned(), "123456".to_owned())).await, invalid);
}

#[tokio::test]
async fn texts_are_limited_per_phone() {
    let world = World::new().await;
    let ask = async |phone: &str| {
        post(&world, "/v1/sms-codes", None, &json!({ "phone": phone, "purpose": "login" })).await
    };
    assert_eq!(ask(PHONE).await.0, StatusCode::CREATED);
    let (status, refused) = ask(PHONE).await;
    assert_eq!((status.as_u16(), &refused["retry_after_s"]), (429, &json!(60)));
    assert_eq!(ask("13900139000").await.0, StatusCode::CREATED);
    for _ in 1..10 {
        world.clock.advance(60_000);
        assert_eq!(ask(PHONE).await.0, StatusCode::CREATED);
    }
    world.clock.advance(60_000);
    let (status, refused) = ask(PHONE).await;
    assert_eq!((status.as_u16(), &refused["retry_after_s"]), (429, &json!(86_400 - 600)));
    world.clock.advance(86_400_000 - 600_000);
    assert_eq!(ask(PHONE).await.0, StatusCode::CREATED);
    for wrong in ["", "1380013800", "+", "phone"] {
        assert_eq!(problem(ask(wrong).await), (400, "bad_request".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn a_21_nobody_logs_in_without_consent() {
    let world = World::new().await;
    let missing = (403, "consent_missing".to_owned());
    let good = code(&world, PHONE, "login").await;
    let mut body = with_code(&good);
    body["agreement"] = "0".into();
    assert_eq!(problem(post(&world, "/v1/sessions", None, &body).await), missing);
    body.as_object_mut().unwrap().remove("agreement");
    assert_eq!(problem(post(&world, "/v1/sessions", None, &body).await), missing);
    // Whoever has agreed before need not again.
    log_in(&world, PHONE).await;
    let mut body = with_code(&code(&world, PHONE, "login").await);
    body.as_object_mut().unwrap().remove("agreement");
    assert_eq!(post(&world, "/v1/sessions", None, &body).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_05_a_password_logs_in_on_a_known_device() {
    let world = World::new().await;
    let (browser, first) = log_in(&world, PHONE).await;
    let (other, _) = log_in(&world, PHONE).await;
    let with_password = |password: &str| {
        let terminal = first["terminal_token"].clone();
        json!({ "phone": PHONE, "password": password, "device": "browser", "terminal_token": terminal })
    };
    let wrong = (403, "password_invalid".to_owned());
    assert_eq!(problem(post(&world, "/v1/sessions", None, &with_password(PASSWORD)).await), wrong);
    let (code_id, text) = code(&world, PHONE, "password").await;
    let mut body = json!({ "code_id": code_id, "code": text, "password": "simple" });
    browser.refused(&world, "/v1/account/password", &body, 400, "bad_request").await;
    body["password"] = PASSWORD.into();
    browser.done(&world, "/v1/account/password", &body).await;
    assert_eq!(problem(other.get(&world, "/v1/account").await).0, 401);
    assert_eq!(browser.get(&world, "/v1/account").await.1["has_password"], true);
    assert_eq!(post(&world, "/v1/sessions", None, &with_password(PASSWORD)).await.0, StatusCode::CREATED);
    // Guessing is slowed down, for whoever knows it too.
    for _ in 0..5 {
        assert_eq!(problem(post(&world, "/v1/sessions", None, &with_password("Wrong-horse7")).await), wrong);
    }
    let (status, slow) = post(&world, "/v1/sessions", None, &with_password(PASSWORD)).await;
    assert_eq!((status.as_u16(), &slow["retry_after_s"]), (429, &json!(900)));
    world.clock.advance(900_000);
    assert_eq!(post(&world, "/v1/sessions", None, &with_password(PASSWORD)).await.0, StatusCode::CREATED);
    // A phone without an account looks the same.
    let nobody = json!({ "phone": "13900139000", "password": PASSWORD, "device": "browser" });
    assert_eq!(problem(post(&world, "/v1/sessions", None, &nobody).await), wrong);
}

#[tokio::test]
async fn logins_end_by_themselves() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    // Used now and then, it lasts as long as one may.
    for _ in 0..23 {
        world.clock.advance(29 * 60_000);
        assert_eq!(browser.get(&world, "/v1/account").await.0, StatusCode::OK);
    }
    world.clock.advance(29 * 60_000);
    assert_eq!(browser.get(&world, "/v1/account").await.0, StatusCode::OK);
    world.clock.advance(24 * 60_000);
    assert_eq!(problem(browser.get(&world, "/v1/account").await).0, 401);
    let (idle, _) = log_in(&world, PHONE).await;
    world.clock.advance(30 * 60_000);
    assert_eq!(problem(idle.get(&world, "/v1/account").await).0, 401);
    world.office.work().await.unwrap();
    let (browser, _) = log_in(&world, PHONE).await;
    let (_, sessions) = browser.get(&world, "/v1/sessions").await;
    let states: Vec<_> =
        sessions["sessions"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, [json!("active"), json!("expired"), json!("expired")]);
    for token in ["", "x", &"0".repeat(64)] {
        assert_eq!(
            problem(Browser { token: token.to_owned(), device: None }.get(&world, "/v1/account").await).0,
            401
        );
    }
}

#[tokio::test]
async fn a_cancelled_account_is_erased_after_its_time() {
    let world = World::new().await;
    let (browser, first) = log_in(&world, PHONE).await;
    let right = cancelling(&world, PHONE).await;
    let mut wrong = right.clone();
    wrong["code"] = if right["code"] == "000000" { "000001" } else { "000000" }.into();
    browser.refused(&world, "/v1/account/cancel", &wrong, 403, "code_invalid").await;
    browser.done(&world, "/v1/account/cancel", &right).await;
    assert_eq!(problem(browser.get(&world, "/v1/account").await).0, 401);
    // The phone makes a new account.
    let (_, second) = log_in(&world, PHONE).await;
    assert_eq!(second["registered"], true);
    assert_ne!(second["account_id"], first["account_id"]);
    let old = first["account_id"].as_str().unwrap().parse().unwrap();
    let phone = async || {
        let found = world.office.find::<crate::domain::office::account::Account>(old).await.unwrap();
        found.entity.phone.is_some()
    };
    assert!(phone().await);
    world.clock.advance(30 * 86_400_000);
    world.office.work().await.unwrap();
    assert!(!phone().await);
}

#[tokio::test]
async fn a_text_that_did_not_leave_is_sent_again_until_it_is_too_late() {
    let world = World::new().await;
    world.sms.fail(2);
    let (status, _) =
        post(&world, "/v1/sms-codes", None, &json!({ "phone": PHONE, "purpose": "login" })).await;
    assert_eq!(status, StatusCode::CREATED);
    for expected in [0, 0, 1, 1] {
        world.office.work().await.unwrap();
        assert_eq!(kept(&world, PHONE).len(), expected);
        world.clock.advance(10_000);
    }
    // A number that is never reached.
    let (status, _) =
        post(&world, "/v1/sms-codes", None, &json!({ "phone": "13900130000", "purpose": "login" })).await;
    assert_eq!(status, StatusCode::CREATED);
    for _ in 0..40 {
        world.office.work().await.unwrap();
        world.clock.advance(10_000);
    }
    assert_eq!(world.office.work().await.unwrap(), 0, "nothing waits any more");
    assert!(kept(&world, "13900130000").is_empty());
}

#[tokio::test]
async fn nothing_personal_is_stored_in_the_clear() {
    let world = World::on_file().await;
    log_in(&world, PHONE).await;
    let file = world.file();
    world.database.close().await;
    let mut stored = Vec::new();
    for name in [file.clone(), file.with_extension("db-wal")] {
        stored.extend(std::fs::read(name).unwrap_or_default());
    }
    let holds = |text: &str| stored.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("sms-code"), "the search finds what is there");
    assert!(!holds(PHONE) && !holds("138****8000"));
}

#[tokio::test]
async fn a_02_one_account_for_one_phone() {
    let world = World::new().await;
    let first = with_code(&code(&world, PHONE, "login").await);
    let (one, two) =
        tokio::join!(post(&world, "/v1/sessions", None, &first), post(&world, "/v1/sessions", None, &first));
    let created = [one.0, two.0].into_iter().filter(|status| *status == StatusCode::CREATED).count();
    assert_eq!(created, 1, "a code is good once: {one:?} {two:?}");
    assert_eq!(get(&world, "/v1/account", None).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_sandbox_gives_its_texts_to_whoever_asks() {
    let world = World::new().await;
    let (_, text) = code(&world, PHONE, "login").await;
    let (status, kept) = get(&world, "/v1/sandbox/texts?phone=%2B8613800138000", None).await;
    assert_eq!((status, &kept["texts"][0]["text"]), (StatusCode::OK, &json!(text)));
    assert_eq!(get(&world, "/v1/sandbox/texts?phone=13900139000", None).await.1, json!({ "texts": [] }));
    assert_eq!(get(&world, "/v1/sandbox/texts?phone=x", None).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_login_of_a_phone_is_good_on_its_own_connection_alone() {
    let world = World::new().await;
    enrol(&world).await;
    let (phone, _) = log_in_on(&world, PHONE, Some(DEVICE)).await;
    phone.see(&world, "/v1/account").await;
    assert_eq!(world.office.user(&phone.token).await.unwrap().device(), Ok(DeviceId::from_bytes(DEVICE)));
    for other in [None, Some([8; 32])] {
        let stolen = Browser { token: phone.token.clone(), device: other };
        assert_eq!(problem(stolen.get(&world, "/v1/account").await), (401, "not_logged_in".to_owned()));
    }
    // A device that is not enrolled is a browser.
    let (browser, _) = log_in_on(&world, PHONE, Some([8; 32])).await;
    assert!(world.office.user(&browser.token).await.unwrap().device().is_err());
}
