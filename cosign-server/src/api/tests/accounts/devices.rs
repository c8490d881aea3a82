//! Devices on which a user logs in.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{PASSWORD, PHONE, passwords::set_password};
use crate::{
    api::tests::{
        DEVICE, enrol,
        office::{Browser, log_in, log_in_on},
        post, problem,
    },
    testing::World,
};

async fn terminals(world: &World, browser: &Browser) -> Vec<Value> {
    browser.see(world, "/v1/terminals").await["terminals"].as_array().unwrap().clone()
}

fn unbind(terminal: &Value) -> String {
    format!("/v1/terminals/{}/unbind", terminal["terminal_id"].as_str().unwrap())
}

#[tokio::test]
async fn a_22_logging_out_ends_the_session() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let (other, _) = log_in(&world, PHONE).await;
    browser.done(&world, "/v1/session/end", &json!({})).await;
    browser.refused(&world, "/v1/session/end", &json!({}), 401, "not_logged_in").await;
    other.see(&world, "/v1/account").await;
}

#[tokio::test]
async fn a_23_the_devices_of_an_account() {
    let world = World::new().await;
    let (browser, first) = log_in(&world, PHONE).await;
    let used_ms = world.now_ms();
    // The same browser again is the same device.
    let body = json!({ "device": "browser", "terminal_token": first["terminal_token"] });
    let again = super::super::office::code(&world, PHONE, "login").await;
    let mut with = super::with_code(&again);
    with.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let (_, done) = post(&world, "/v1/sessions", None, &with).await;
    assert_eq!(done["terminal_token"], Value::Null);
    log_in(&world, PHONE).await;
    let devices = terminals(&world, &browser).await;
    assert_eq!(devices.len(), 2);
    assert_eq!((&devices[1]["this"], &devices[0]["this"]), (&json!(true), &json!(false)));
    assert!(devices[1]["used_at_ms"].as_u64().unwrap() > used_ms);
    assert_eq!((&devices[0]["device"], &devices[0]["state"]), (&json!("browser"), &json!("known")));
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(terminals(&world, &other).await.len(), 1);
    // Beyond the limit, the one that was not used for longest gives way.
    for _ in 0..5 {
        world.clock.advance(86_400_000);
        for _ in 0..4 {
            log_in(&world, PHONE).await;
        }
    }
    let (browser, _) = log_in(&world, PHONE).await;
    let devices = terminals(&world, &browser).await;
    assert_eq!(devices.iter().filter(|one| one["state"] == "known").count(), 20);
    assert_eq!(devices.last().unwrap()["state"], "unbound");
}

#[tokio::test]
async fn an_unbound_device_proves_the_phone_again() {
    let world = World::new().await;
    let (browser, first) = log_in(&world, PHONE).await;
    assert_eq!(set_password(&world, &browser, PASSWORD).await.0, StatusCode::NO_CONTENT);
    let with_password = json!({
        "phone": PHONE, "password": PASSWORD, "device": "browser", "terminal_token": first["terminal_token"],
    });
    // A password alone does nothing on a device that is new to the account.
    let mut elsewhere = with_password.clone();
    let needed = (403, "phone_needed".to_owned());
    for token in [Value::Null, "0".repeat(64).into()] {
        elsewhere["terminal_token"] = token;
        assert_eq!(problem(post(&world, "/v1/sessions", None, &elsewhere).await), needed);
    }
    assert_eq!(post(&world, "/v1/sessions", None, &with_password).await.0, StatusCode::CREATED);
    let (owner, _) = log_in(&world, PHONE).await;
    let devices = terminals(&world, &owner).await;
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, &unbind(&devices[1]), &json!({}), 404, "not_found").await;
    owner.done(&world, &unbind(&devices[1]), &json!({})).await;
    assert_eq!(problem(browser.get(&world, "/v1/account").await).0, 401);
    owner.see(&world, "/v1/account").await;
    owner.refused(&world, &unbind(&devices[1]), &json!({}), 404, "not_found").await;
    assert_eq!(problem(post(&world, "/v1/sessions", None, &with_password).await), needed);
}

#[tokio::test]
async fn a_15_the_own_key_of_a_device_logs_in() {
    let world = World::new().await;
    enrol(&world).await;
    let (phone, _) = log_in_on(&world, PHONE, Some(DEVICE)).await;
    let by_key = json!({ "phone": PHONE, "by_key": true, "device": "phone" });
    let invalid = (403, "password_invalid".to_owned());
    assert_eq!(problem(post(&world, "/v1/sessions", Some(DEVICE), &by_key).await), invalid);
    phone.done(&world, "/v1/terminal/key", &json!({ "by_key": true })).await;
    let (status, done) = post(&world, "/v1/sessions", Some(DEVICE), &by_key).await;
    assert_eq!(status, StatusCode::CREATED, "{done}");
    // Over another connection, for another account.
    assert_eq!(problem(post(&world, "/v1/sessions", None, &by_key).await), invalid);
    let mut other = by_key.clone();
    other["phone"] = "13900139000".into();
    assert_eq!(problem(post(&world, "/v1/sessions", Some(DEVICE), &other).await), invalid);
    log_in(&world, "13900139000").await;
    assert_eq!(problem(post(&world, "/v1/sessions", Some(DEVICE), &other).await), invalid);
}

#[tokio::test]
async fn a_16_logging_in_by_the_key_is_the_choice_of_the_user() {
    let world = World::new().await;
    enrol(&world).await;
    let (browser, _) = log_in(&world, PHONE).await;
    browser.refused(&world, "/v1/terminal/key", &json!({ "by_key": true }), 409, "conflict").await;
    let (phone, _) = log_in_on(&world, PHONE, Some(DEVICE)).await;
    let skipped = json!({ "by_key": false, "quiet": true });
    phone.done(&world, "/v1/terminal/key", &skipped).await;
    let devices = terminals(&world, &phone).await;
    let day_ms = 86_400_000;
    assert_eq!(devices[0]["quiet_until_ms"], world.now_ms() + 15 * day_ms);
    phone.done(&world, "/v1/terminal/key", &json!({ "by_key": true })).await;
    let devices = terminals(&world, &phone).await;
    assert_eq!((&devices[0]["by_key"], &devices[0]["quiet_until_ms"]), (&json!(true), &Value::Null));
    phone.done(&world, "/v1/terminal/key", &json!({ "by_key": false })).await;
    let by_key = json!({ "phone": PHONE, "by_key": true, "device": "phone" });
    assert_eq!(problem(post(&world, "/v1/sessions", Some(DEVICE), &by_key).await).0, 403);
}

#[tokio::test]
async fn k_05_another_device_is_told_of() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    assert_eq!(browser.see(&world, "/v1/messages").await["messages"], json!([]));
    log_in(&world, PHONE).await;
    let told = browser.see(&world, "/v1/messages").await;
    assert_eq!(told["messages"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&told["messages"][0]["notice"], &told["messages"][0]["about"]["kind"]),
        (&json!("new-device"), &json!("terminal"))
    );
}
