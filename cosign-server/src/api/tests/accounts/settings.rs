//! Settings, the environment, and how long a device may remember a password.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{PASSWORD, PHONE, passwords::set_password};
use crate::{
    api::tests::{
        DEVICE, enrol, get,
        office::{Browser, log_in, log_in_on},
        post, problem,
    },
    domain::office::{
        Rules,
        account::Entry,
        rules::{Environment, Network},
    },
    testing::World,
};

const HOUR_MS: u64 = 3_600_000;
const UNLOCK: &str = "/v1/terminal/unlock";

fn by(text: &str) -> Value {
    json!({ "by": text })
}

async fn on_phone(world: &World) -> Browser {
    enrol(world).await;
    log_in_on(world, PHONE, Some(DEVICE)).await.0
}

async fn unlocked(world: &World, browser: &Browser) -> Value {
    browser.see(world, "/v1/security").await["unlocked"].clone()
}

#[tokio::test]
async fn a_12_a_code_brings_a_client_into_an_intranet() {
    let environment = Environment {
        name: "示例内网".to_owned(),
        network: Network::Intranet,
        address: "https://sign.example:8443".to_owned(),
    };
    let rules = Rules { environment, scan_issuer: "city".to_owned(), ..Rules::default() };
    let world = World::with_rules(rules).await;
    let (_, shown) = get(&world, "/v1/environment", None).await;
    let code = shown["code"].as_str().unwrap();
    assert!(code.starts_with("cosign:1:city:environment:"), "{code}");
    // Whatever installation a client is at, it learns where that leads, and asks its user.
    let other = World::new().await;
    let (status, read) = post(&other, "/v1/environment/read", None, &json!({ "code": code })).await;
    assert_eq!((status, &read["network"]), (StatusCode::OK, &json!("intranet")));
    assert_eq!((&read["name"], &read["address"]), (&json!("示例内网"), &json!("https://sign.example:8443")));
    // Nothing else is one, and it is no code of a page.
    let page = format!("cosign:1:city:login:{}", "0".repeat(32));
    for wrong in ["", "cosign:1:city:environment:", "https://example.com", &page, &"x".repeat(5000)] {
        let read = post(&other, "/v1/environment/read", None, &json!({ "code": wrong })).await;
        assert_eq!(problem(read), (400, "bad_request".to_owned()), "{wrong}");
    }
    let phone = on_phone(&world).await;
    phone.refused(&world, "/v1/scans", &json!({ "code": code }), 400, "bad_request").await;
}

#[tokio::test]
async fn a_13_a_client_sees_in_which_environment_it_is() {
    let world = World::new().await;
    let (status, shown) = get(&world, "/v1/environment", None).await;
    assert_eq!((status, &shown["network"]), (StatusCode::OK, &json!("internet")));
    assert_eq!((&shown["name"], &shown["issuer"]), (&json!("cosign"), &json!("cosign")));
    assert_eq!(shown["mutual_page"], "https://localhost/app/app.html");
    assert_eq!(shown["entries"], json!(["own", "mutual"]));
    // No code leads to one that is reached nowhere.
    assert_eq!((&shown["address"], &shown["code"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_14_an_entry_is_chosen_and_kept() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    assert_eq!(browser.see(&world, "/v1/settings").await["entry"], Value::Null);
    browser.done(&world, "/v1/settings", &json!({ "entry": "mutual" })).await;
    browser.refused(&world, "/v1/settings", &json!({ "entry": "back-door" }), 400, "bad_request").await;
    let (again, _) = log_in(&world, PHONE).await;
    assert_eq!(again.see(&world, "/v1/settings").await["entry"], "mutual");
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(other.see(&world, "/v1/settings").await["entry"], Value::Null);
    assert_eq!(problem(post(&world, "/v1/settings", None, &json!({ "entry": "own" })).await).0, 401);
    // Where there is only one, the other is not chosen.
    let world = World::with_rules(Rules { entries: vec![Entry::Own], ..Rules::default() }).await;
    let (browser, _) = log_in(&world, PHONE).await;
    assert_eq!(browser.see(&world, "/v1/settings").await["entries"], json!(["own"]));
    let mutual = json!({ "entry": "mutual" });
    browser.refused(&world, "/v1/settings", &mutual, 501, "not_offered").await;
}

#[tokio::test]
async fn n_01_a_password_is_remembered_on_one_device_for_a_while() {
    let world = World::new().await;
    let phone = on_phone(&world).await;
    assert_eq!(unlocked(&world, &phone).await, Value::Null);
    phone.refused(&world, UNLOCK, &by("guessed"), 400, "bad_request").await;
    phone.done(&world, UNLOCK, &by("remembered")).await;
    assert_eq!(unlocked(&world, &phone).await, "remembered");
    // On this device alone; a browser has no key.
    let (browser, _) = log_in(&world, PHONE).await;
    assert_eq!(unlocked(&world, &browser).await, Value::Null);
    browser.refused(&world, UNLOCK, &by("remembered"), 409, "conflict").await;
    // The server ends it: in time, and when the user says so from another device.
    world.clock.advance(12 * HOUR_MS);
    let phone = log_in_on(&world, PHONE, Some(DEVICE)).await.0;
    assert_eq!(unlocked(&world, &phone).await, Value::Null);
    phone.done(&world, UNLOCK, &by("remembered")).await;
    let (browser, _) = log_in(&world, PHONE).await;
    let devices = browser.see(&world, "/v1/terminals").await;
    let of_phone =
        devices["terminals"].as_array().unwrap().iter().find(|one| one["unlocked"] == "remembered");
    let id = of_phone.unwrap()["terminal_id"].as_str().unwrap();
    let (other, _) = log_in(&world, "13900139000").await;
    other.refused(&world, &format!("/v1/terminals/{id}/lock"), &json!({}), 404, "not_found").await;
    browser.done(&world, &format!("/v1/terminals/{id}/lock"), &json!({})).await;
    assert_eq!(unlocked(&world, &phone).await, Value::Null);
    // Where it is not allowed, it is not.
    let world = World::with_rules(Rules { pin_remembered_h: 0, ..Rules::default() }).await;
    let phone = on_phone(&world).await;
    phone.refused(&world, UNLOCK, &by("remembered"), 501, "not_offered").await;
    phone.done(&world, UNLOCK, &by("biometrics")).await;
}

#[tokio::test]
async fn n_02_a_finger_or_a_face_gives_the_password() {
    let world = World::new().await;
    let phone = on_phone(&world).await;
    phone.done(&world, UNLOCK, &by("biometrics")).await;
    let security = phone.see(&world, "/v1/security").await;
    let until_ms = world.now_ms() + 720 * HOUR_MS;
    assert_eq!(
        (&security["unlocked"], &security["unlocked_until_ms"]),
        (&json!("biometrics"), &json!(until_ms))
    );
    world.clock.advance(719 * HOUR_MS);
    let phone = log_in_on(&world, PHONE, Some(DEVICE)).await.0;
    assert_eq!(unlocked(&world, &phone).await, "biometrics");
    // Unbound, it is over.
    let devices = phone.see(&world, "/v1/terminals").await;
    let this = devices["terminals"].as_array().unwrap().iter().find(|one| one["this"] == true).unwrap();
    let id = this["terminal_id"].as_str().unwrap();
    let (browser, _) = log_in(&world, PHONE).await;
    browser.done(&world, &format!("/v1/terminals/{id}/unbind"), &json!({})).await;
    let phone = log_in_on(&world, PHONE, Some(DEVICE)).await.0;
    assert_eq!(unlocked(&world, &phone).await, Value::Null);
    let world = World::with_rules(Rules { pin_biometrics_h: 0, ..Rules::default() }).await;
    let phone = on_phone(&world).await;
    phone.refused(&world, UNLOCK, &by("biometrics"), 501, "not_offered").await;
}

#[tokio::test]
async fn n_03_the_settings_of_a_user() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    log_in(&world, PHONE).await;
    browser.done(&world, "/v1/bindings", &json!({ "elsewhere": "wechat", "grant": "sandbox:u1" })).await;
    let settings = browser.see(&world, "/v1/settings").await;
    assert_eq!((&settings["devices"], &settings["bound"]), (&json!(2), &json!(["wechat"])));
    assert_eq!((&settings["agreed"], &settings["agreement"]), (&json!("1"), &json!("1")));
    assert_eq!(
        (&settings["version"], &settings["appeal_days"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!(30))
    );
    assert_eq!(settings["hotline"], Value::Null);
    let (other, _) = log_in(&world, "13900139000").await;
    assert_eq!(other.see(&world, "/v1/settings").await["bound"], json!([]));
    assert_eq!(problem(get(&world, "/v1/settings", None).await).0, 401);
}

#[tokio::test]
async fn n_04_how_safe_an_account_is() {
    let world = World::new().await;
    let (browser, _) = log_in(&world, PHONE).await;
    let before = browser.see(&world, "/v1/security").await;
    assert_eq!((&before["has_password"], &before["has_keys"]), (&json!(false), &json!(false)));
    assert_eq!(
        (&before["password_rule"], &before["login_policy"]),
        (&json!("three-of-four"), &json!("any-of"))
    );
    assert_eq!(
        (&before["devices"], &before["sessions"], &before["can_cancel"]),
        (&json!(1), &json!(1), &json!(true))
    );
    assert_eq!((&before["remembered_h"], &before["biometrics_h"]), (&json!(12), &json!(720)));
    let phone = on_phone(&world).await;
    phone.done(&world, "/v1/terminal/key", &json!({ "by_key": true })).await;
    set_password(&world, &phone, PASSWORD).await;
    let after = phone.see(&world, "/v1/security").await;
    assert_eq!(
        (&after["has_password"], &after["has_keys"], &after["by_key"]),
        (&json!(true), &json!(true), &json!(true))
    );
    // The password ended the other login; the device is still known.
    assert_eq!((&after["devices"], &after["sessions"]), (&json!(2), &json!(1)));
    assert_eq!(problem(get(&world, "/v1/security", None).await).0, 401);
}
