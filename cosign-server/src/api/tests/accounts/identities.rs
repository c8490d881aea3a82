//! As whom a user acts.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    api::tests::{
        enterprises::support::{CLAIMANT, account, claimed, claimed_by_legal, member, phone},
        office::{Browser, code, log_in, with_code},
        post, problem,
    },
    domain::office::Rules,
    testing::World,
};

const CHOOSE: &str = "/v1/session/identity";

async fn chosen(world: &World, browser: &Browser, enterprise: &Value) {
    browser.done(world, CHOOSE, &json!({ "enterprise_id": enterprise })).await;
}

async fn identities(world: &World, browser: &Browser) -> Value {
    browser.see(world, "/v1/identities").await
}

#[tokio::test]
async fn a_19_whoever_belongs_to_enterprises_says_as_whom_they_act() {
    let rules = Rules { identity_at_login: true, ..Rules::default() };
    let world = World::with_rules(rules).await;
    // Who belongs to none is asked nothing.
    let (stranger, done) = log_in(&world, "13600136000").await;
    assert_eq!(done["must_choose_identity"], false);
    stranger.see(&world, "/v1/messages").await;
    // Whoever has just claimed one chooses at once.
    let (legal, enterprise) = claimed_by_legal(&world, 1).await;
    let needed = (403, "identity_needed".to_owned());
    assert_eq!(problem(legal.get(&world, "/v1/messages").await), needed);
    chosen(&world, &legal, &json!(enterprise)).await;
    let seen = identities(&world, &legal).await;
    assert_eq!((&seen["acts_as"], &seen["must_choose"]), (&json!("enterprise"), &json!(false)));
    assert_eq!(seen["enterprises"][0]["roles"], json!(["administrator", "legal-representative"]));
    let person = member(&world, &legal, &enterprise, 1).await;
    assert_eq!(problem(person.get(&world, "/v1/messages").await), needed);
    assert_eq!(identities(&world, &person).await["enterprises"][0]["roles"], json!(["employee"]));
    // At the next login too, before anything but the account itself.
    let (status, again) =
        post(&world, "/v1/sessions", None, &with_code(&code(&world, &phone(1), "login").await)).await;
    assert_eq!((status, &again["must_choose_identity"]), (StatusCode::CREATED, &json!(true)));
    let again = Browser { token: again["token"].as_str().unwrap().to_owned(), device: None };
    for path in ["/v1/messages", "/v1/approvals", "/v1/enterprises", "/v1/person", "/v1/orders"] {
        assert_eq!(problem(again.get(&world, path).await), needed, "{path}");
    }
    for path in ["/v1/account", "/v1/sessions", "/v1/identities"] {
        assert_eq!(again.get(&world, path).await.0, StatusCode::OK, "{path}");
    }
    chosen(&world, &again, &Value::Null).await;
    assert_eq!(identities(&world, &again).await["acts_as"], "person");
    again.see(&world, "/v1/messages").await;
    // Each login has its own.
    assert_eq!(identities(&world, &person).await["acts_as"], Value::Null);
}

#[tokio::test]
async fn a_20_an_identity_is_switched_without_another_login() {
    let world = World::new().await;
    let (administrator, enterprise) = claimed(&world).await;
    let person = member(&world, &administrator, &enterprise, 1).await;
    // Where it is not demanded, nobody has to choose.
    assert_eq!(identities(&world, &person).await["acts_as"], Value::Null);
    let (stranger, _) = log_in(&world, "13600136000").await;
    let body = json!({ "enterprise_id": enterprise });
    stranger.refused(&world, CHOOSE, &body, 404, "not_found").await;
    let none = json!({ "enterprise_id": "0".repeat(32) });
    person.refused(&world, CHOOSE, &none, 404, "not_found").await;
    assert_eq!(problem(post(&world, CHOOSE, None, &body).await).0, 401);
    chosen(&world, &person, &json!(enterprise)).await;
    let seen = identities(&world, &person).await;
    assert_eq!((&seen["acts_as"], &seen["enterprises"][0]["chosen"]), (&json!("enterprise"), &json!(true)));
    // What is a person's own is done as oneself.
    let apply = json!({ "business": "new", "authority": "demo", "agreement": "1" });
    person.refused(&world, "/v1/applications", &apply, 409, "conflict").await;
    chosen(&world, &person, &Value::Null).await;
    let (status, answer) = person.post(&world, "/v1/applications", &apply).await;
    assert_ne!(answer["code"], "conflict", "{status} {answer}");
    assert_eq!(identities(&world, &person).await["acts_as"], "person");
    // Whoever is removed does not act for it any more, nor chooses it.
    chosen(&world, &person, &json!(enterprise)).await;
    let id = account(&world, &person).await;
    let remove = format!("/v1/enterprises/{enterprise}/members/{id}/remove");
    administrator.done(&world, &remove, &json!({})).await;
    let seen = identities(&world, &person).await;
    assert_eq!((&seen["acts_as"], &seen["enterprises"]), (&Value::Null, &json!([])));
    person.refused(&world, CHOOSE, &body, 404, "not_found").await;
    // Nor does anybody act for one that is cancelled.
    chosen(&world, &administrator, &json!(enterprise)).await;
    let mut cancel = crate::api::tests::enterprises::support::signing(&world, CLAIMANT).await;
    cancel["understood"] = true.into();
    administrator.done(&world, &format!("/v1/enterprises/{enterprise}/cancel"), &cancel).await;
    assert_eq!(identities(&world, &administrator).await["acts_as"], Value::Null);
}
