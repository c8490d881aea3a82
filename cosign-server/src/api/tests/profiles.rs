//! The profiles of `packaging/profiles`: what the server does by each that it does not do by the defaults.

use axum::http::StatusCode;
use serde_json::json;

use super::{
    enterprises::support::*,
    office::{Browser, code, kept, log_in, with_code},
    operators, post, problem,
    shop::platform,
};
use crate::{domain::office::Rules, testing::World};

macro_rules! profile {
    ($name:literal) => {
        rules(include_str!(concat!("../../../../packaging/profiles/", $name, ".toml")))
    };
}

fn rules(profile: &str) -> Rules {
    let rules = toml::from_str(profile).unwrap();
    assert_ne!(rules, Rules::default());
    rules
}

async fn staffed(rules: Rules) -> World {
    let world = World::with_rules(rules).await;
    staff(&world).await;
    world
}

/// Somebody who claimed an enterprise by a letter that so many reviewers passed.
async fn claimed_by_letter(world: &World, reviewers: &[[u8; 32]]) -> (Browser, String) {
    let user = verified(world, CLAIMANT, "管理员甲", NUMBER).await;
    let claim = drafted(world, &user, &firm(0)).await;
    user.refused(world, &format!("{claim}/ask-legal"), &json!({}), 501, "not_offered").await;
    user.done(world, &format!("{claim}/submit"), &json!({})).await;
    let id = approval(&newest(world, &user).await);
    for reviewer in reviewers {
        assert_eq!(user.see(world, &claim).await["state"], "review");
        assert_eq!(review(world, *reviewer, &id, &json!({ "pass": true })).await.0, 204);
    }
    let claim = user.see(world, &claim).await;
    assert_eq!(claim["state"], "accepted");
    (user, claim["enterprise_id"].as_str().unwrap().to_owned())
}

/// That an enterprise is claimed by its legal representative, not by a letter.
async fn letters_are_not_enough(world: &World) {
    let user = verified(world, EVEN, "管理员乙", &citizen(7)).await;
    let claim = drafted(world, &user, &firm(3)).await;
    user.refused(world, &format!("{claim}/submit"), &json!({}), 501, "not_offered").await;
}

#[tokio::test]
async fn biaozhengtong_has_two_reviewers_and_the_authority_lets_people_in() {
    let world = staffed(profile!("biaozhengtong")).await;
    let (administrator, id) = claimed_by_letter(&world, &REVIEWERS).await;
    let person = verified(&world, &phone(1), "成员乙", &citizen(11)).await;
    let join = format!("/v1/enterprises/{id}/join");
    let asked = approval(&person.done(&world, &join, &json!({ "reason": "入职" })).await);
    let passed = json!({ "pass": true });
    // Who lets somebody in signs the letter with a certificate of the enterprise.
    administrator
        .refused(&world, &format!("/v1/approvals/{asked}/decision"), &passed, 400, "bad_request")
        .await;
    // After that the authority decides, not before.
    assert_eq!(review(&world, REVIEWERS[0], &asked, &passed).await.1, "role_missing");
    assert_eq!(person.see(&world, "/v1/enterprises").await["enterprises"][0]["state"], "requested");
}

#[tokio::test]
async fn by_xinshoushu_the_legal_representative_signs_and_administrators_grant() {
    let world = World::with_rules(profile!("xinshoushu")).await;
    operators::staff(&world).await;
    letters_are_not_enough(&world).await;
    let platform = platform(&world).await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let wanted = json!({
        "account_id": account(&world, &person).await, "platform_id": platform,
        "from_ms": world.now_ms(), "until_ms": world.now_ms() + 86_400_000,
    });
    let asked = person.done(&world, &format!("/v1/enterprises/{id}/grants"), &wanted).await;
    let path = format!("/v1/approvals/{}", approval(&asked));
    decide(&world, &administrator, &path, CLAIMANT).await;
    let used = format!("/v1/grants/{}/use", asked["grant_id"].as_str().unwrap());
    person.see(&world, &used).await;
}

#[tokio::test]
async fn by_yizhengtong_one_reviewer_is_enough_and_leaving_is_applied_for() {
    let world = staffed(profile!("yizhengtong")).await;
    let (administrator, id) = claimed_by_letter(&world, &REVIEWERS[..1]).await;
    let person = member(&world, &administrator, &id, 1).await;
    let leave = format!("/v1/enterprises/{id}/leave");
    let asked = approval(&person.done(&world, &leave, &json!({})).await);
    let state = person.see(&world, "/v1/enterprises").await["enterprises"][0]["state"].clone();
    assert_eq!(state, "active", "until that is passed");
    let decision = format!("/v1/approvals/{asked}/decision");
    administrator.done(&world, &decision, &json!({ "pass": true })).await;
    person.refused(&world, &leave, &json!({}), 404, "not_found").await;
    // Nobody is asked about another administrator.
    let second = member(&world, &administrator, &id, 2).await;
    let transfer = format!("/v1/enterprises/{id}/transfer");
    let body = json!({ "account_id": account(&world, &second).await });
    administrator.done(&world, &transfer, &body).await;
    assert_eq!(administrator.see(&world, &format!("/v1/enterprises/{id}")).await["manages"], false);
}

#[tokio::test]
async fn wangzhengtong_wants_a_picture_the_code_and_the_password() {
    let world = World::with_rules(profile!("wangzhengtong")).await;
    let bare = json!({ "phone": CLAIMANT, "purpose": "login" });
    let refused = problem(post(&world, "/v1/sms-codes", None, &bare).await);
    assert_eq!(refused, (403, "code_invalid".to_owned()));
    let with_picture = async |purpose: &str| {
        world.clock.advance(61_000);
        let drawn = post(&world, "/v1/captchas", None, &json!({})).await.1;
        let mut body = json!({ "phone": CLAIMANT, "purpose": purpose });
        body["captcha_id"] = drawn["captcha_id"].clone();
        body["captcha"] = drawn["digits"].clone();
        let made = post(&world, "/v1/sms-codes", None, &body).await.1;
        world.office.work().await.unwrap();
        (made["code_id"].as_str().unwrap().to_owned(), kept(&world, CLAIMANT)[0].clone())
    };
    let mut login = with_code(&with_picture("login").await);
    let (status, first) = post(&world, "/v1/sessions", None, &login).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    let user = Browser { token: first["token"].as_str().unwrap().to_owned(), device: None };
    let (code_id, text) = with_picture("password").await;
    let body = json!({ "code_id": code_id, "code": text, "password": "abcdefg1!" });
    assert_eq!(user.post(&world, "/v1/account/password", &body).await.0, StatusCode::NO_CONTENT);
    login = with_code(&with_picture("login").await);
    let refused = problem(post(&world, "/v1/sessions", None, &login).await);
    assert_eq!(refused, (403, "password_invalid".to_owned()));
    login = with_code(&with_picture("login").await);
    login["password"] = "abcdefg1!".into();
    assert_eq!(post(&world, "/v1/sessions", None, &login).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn by_shuxinqian_the_legal_representative_consents() {
    let world = World::with_rules(profile!("shuxinqian")).await;
    letters_are_not_enough(&world).await;
    let (user, _) = log_in(&world, &phone(9)).await;
    for (password, status) in [("abcdefg1!", 400), ("Abcdefg1", 204)] {
        let (code_id, text) = code(&world, &phone(9), "password").await;
        let body = json!({ "code_id": code_id, "code": text, "password": password });
        let (got, answer) = user.post(&world, "/v1/account/password", &body).await;
        assert_eq!(got.as_u16(), status, "{answer}");
    }
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let body = json!({ "account_id": account(&world, &person).await });
    let asked = administrator.done(&world, &format!("/v1/enterprises/{id}/transfer"), &body).await;
    let path = format!("/v1/approvals/{}", approval(&asked));
    let (legal, _) = log_in(&world, LEGAL).await;
    decide(&world, &legal, &path, LEGAL).await;
    assert_eq!(administrator.see(&world, &format!("/v1/enterprises/{id}")).await["manages"], false);
}
