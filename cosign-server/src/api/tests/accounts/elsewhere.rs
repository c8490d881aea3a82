//! Users whom a carrier or somebody else knows.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::PHONE;
use crate::{
    api::tests::{
        get,
        office::{code, log_in, with_code},
        post, problem,
    },
    testing::World,
};

const INVALID: (u16, &str) = (403, "code_invalid");

fn refused(answer: (StatusCode, Value)) -> (u16, String) {
    problem(answer)
}

#[tokio::test]
async fn a_07_the_carrier_knows_the_phone() {
    let world = World::new().await;
    let mut body = json!({ "carrier_token": format!("sandbox:{PHONE}"), "device": "phone" });
    assert_eq!(refused(post(&world, "/v1/sessions", None, &body).await).1, "consent_missing");
    body["agreement"] = "1".into();
    let (status, done) = post(&world, "/v1/sessions", None, &body).await;
    assert_eq!((status, &done["registered"]), (StatusCode::CREATED, &json!(true)));
    // The same account as with a code.
    assert_eq!(log_in(&world, PHONE).await.1["account_id"], done["account_id"]);
    for wrong in ["sandbox:", "sandbox:x", "13800138000", ""] {
        body["carrier_token"] = wrong.into();
        assert_eq!(
            refused(post(&world, "/v1/sessions", None, &body).await),
            (INVALID.0, INVALID.1.to_owned())
        );
    }
    let mut both = with_code(&code(&world, PHONE, "login").await);
    both["carrier_token"] = format!("sandbox:{PHONE}").into();
    assert_eq!(refused(post(&world, "/v1/sessions", None, &both).await).0, 400);
}

#[tokio::test]
async fn a_09_an_account_elsewhere_logs_in() {
    for elsewhere in ["wechat", "alipay"] {
        by(elsewhere).await;
    }
}

#[tokio::test]
async fn a_11_the_national_network_identity_logs_in() {
    by("national-id").await;
    // It knows no phone: who one is, is said with one.
    let world = World::new().await;
    let mut body = with_code(&code(&world, PHONE, "login").await);
    body["elsewhere"] = "national-id".into();
    body["grant"] = "sandbox:n1".into();
    let (_, done) = post(&world, "/v1/sessions", None, &body).await;
    let browser = super::Browser { token: done["token"].as_str().unwrap().to_owned(), device: None };
    assert_eq!(browser.see(&world, "/v1/person").await["state"], "unverified");
}

async fn by(elsewhere: &str) {
    let world = World::new().await;
    let (_, pages) = get(&world, "/v1/elsewhere", None).await;
    assert!(pages["pages"].as_array().unwrap().iter().any(|page| page["elsewhere"] == elsewhere));
    let grant =
        json!({ "elsewhere": elsewhere, "grant": "sandbox:u1", "device": "browser", "agreement": "1" });
    // Who is not known proves the phone, once.
    assert_eq!(refused(post(&world, "/v1/sessions", None, &grant).await), (403, "phone_needed".to_owned()));
    let with = |mut body: Value, extra: &Value| {
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let both = with(with_code(&code(&world, PHONE, "login").await), &grant);
    let (status, first) = post(&world, "/v1/sessions", None, &both).await;
    assert_eq!((status, &first["registered"]), (StatusCode::CREATED, &json!(true)));
    let known = with(grant.clone(), &json!({ "terminal_token": first["terminal_token"] }));
    let (status, second) = post(&world, "/v1/sessions", None, &known).await;
    assert_eq!((status, &second["account_id"]), (StatusCode::CREATED, &first["account_id"]));
    // A device that is new to the account.
    assert_eq!(refused(post(&world, "/v1/sessions", None, &grant).await), (403, "phone_needed".to_owned()));
    // Another phone does not take it over.
    let other = with(with_code(&code(&world, "13900139000", "login").await), &grant);
    assert_eq!(refused(post(&world, "/v1/sessions", None, &other).await), (409, "conflict".to_owned()));
    let mut wrong = known.clone();
    wrong["grant"] = "u1".into();
    assert_eq!(refused(post(&world, "/v1/sessions", None, &wrong).await), (403, "code_invalid".to_owned()));
    wrong["elsewhere"] = "post-office".into();
    assert_eq!(refused(post(&world, "/v1/sessions", None, &wrong).await).0, 400);
}

#[tokio::test]
async fn a_10_accounts_elsewhere_are_bound_and_unbound() {
    let world = World::new().await;
    let (browser, first) = log_in(&world, PHONE).await;
    let (other, _) = log_in(&world, "13900139000").await;
    let grant = json!({ "elsewhere": "wechat", "grant": "sandbox:u1" });
    let bound = browser.done(&world, "/v1/bindings", &grant).await;
    let unbind = format!("/v1/bindings/{}/unbind", bound["binding_id"].as_str().unwrap());
    other.refused(&world, "/v1/bindings", &grant, 409, "conflict").await;
    other.refused(&world, &unbind, &json!({}), 404, "not_found").await;
    let login = json!({
        "elsewhere": "wechat", "grant": "sandbox:u1", "device": "browser", "terminal_token": first["terminal_token"],
    });
    assert_eq!(post(&world, "/v1/sessions", None, &login).await.0, StatusCode::CREATED);
    // Another one of the same place takes its place.
    browser.done(&world, "/v1/bindings", &json!({ "elsewhere": "wechat", "grant": "sandbox:u2" })).await;
    browser.done(&world, "/v1/bindings", &json!({ "elsewhere": "alipay", "grant": "sandbox:u2" })).await;
    let seen = browser.see(&world, "/v1/bindings").await;
    let states: Vec<_> = seen["bindings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["elsewhere"].as_str().unwrap(), one["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states.len(), 3);
    assert!(states.contains(&"wechat unbound".to_owned()) && states.contains(&"alipay bound".to_owned()));
    browser.refused(&world, &unbind, &json!({}), 404, "not_found").await;
    assert_eq!(refused(post(&world, "/v1/sessions", None, &login).await), (403, "phone_needed".to_owned()));
    assert_eq!(other.see(&world, "/v1/bindings").await["bindings"], json!([]));
}
