//! Members of enterprises.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use serde_json::json;

use super::{
    super::{
        office::{kept, log_in},
        send,
    },
    support::*,
};
use crate::testing::World;

#[tokio::test]
async fn c_19_join_by_knowing_the_administrator() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = verified(&world, &phone(1), "成员乙", &citizen(1)).await;
    let join = format!("/v1/enterprises/{id}/join");
    let known =
        |name: &str, digits: &str| json!({ "administrator_name": name, "administrator_digits": digits });
    for (name, digits) in [("管理员乙", "9002"), ("管理员甲", "9003"), ("", ""), ("甲", "9002")] {
        person.refused(&world, &join, &known(name, digits), 409, "conflict").await;
    }
    let asked = person.done(&world, &join, &known("管理员甲", "9002")).await;
    person.refused(&world, &join, &known("管理员甲", "9002"), 409, "conflict").await;
    let inbox = administrator.see(&world, &format!("/v1/enterprises/{id}/approvals?state=pending")).await;
    assert_eq!(inbox["approvals"][0]["approval_id"], asked["approval_id"]);
    assert!(is_told(&world, &administrator, "approval-asked").await);
    // Guessing ends after five wrong ones in a day.
    let guesser = verified(&world, &phone(2), "成员丙", &citizen(2)).await;
    for _ in 0..5 {
        guesser.refused(&world, &join, &known("管理员甲", "0000"), 409, "conflict").await;
    }
    guesser.refused(&world, &join, &known("管理员甲", "9002"), 429, "too_many_requests").await;
    world.clock.advance(86_400_000);
    let (guesser, _) = log_in(&world, &phone(2)).await;
    guesser.done(&world, &join, &known("管理员甲", "9002")).await;
    let (stranger, _) = log_in(&world, &phone(3)).await;
    stranger.refused(&world, &join, &known("管理员甲", "9002"), 403, "not_verified").await;
}

#[tokio::test]
async fn c_20_join_by_an_explanation_of_at_most_500_characters() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = verified(&world, &phone(1), "成员乙", &citizen(1)).await;
    let join = format!("/v1/enterprises/{id}/join");
    for wrong in [json!({}), json!({ "reason": "" }), json!({ "reason": "字".repeat(501) })] {
        person.refused(&world, &join, &wrong, 400, "bad_request").await;
    }
    let reason = "字".repeat(500);
    let asked = person.done(&world, &join, &json!({ "reason": reason })).await;
    let seen = administrator.see(&world, &format!("/v1/approvals/{}", approval(&asked))).await;
    assert_eq!((&seen["reason"], &seen["applicant_name"]), (&json!(reason), &json!("成员乙")));
    let nowhere = format!("/v1/enterprises/{}/join", "0".repeat(32));
    person.refused(&world, &nowhere, &json!({ "reason": "入职" }), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_many_times_at_once_is_one() {
    let world = std::sync::Arc::new(World::new().await);
    let (_, id) = claimed(&world).await;
    for which in 1..=4 {
        let person = verified(&world, &phone(which), &format!("成员{which}"), &citizen(which)).await;
        let mut at_once = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let asked = person
                .asks(Method::POST, &format!("/v1/enterprises/{id}/join"))
                .header(header::CONTENT_TYPE, "application/json")
                .header("idempotency-key", "join")
                .body(Body::from(json!({ "reason": "入职" }).to_string()));
            let world = std::sync::Arc::clone(&world);
            at_once.spawn(async move { send(&world, asked.unwrap()).await });
        }
        let answers = at_once.join_all().await;
        assert_eq!(answers[0].0, StatusCode::CREATED, "{answers:?}");
        assert!(answers.iter().all(|one| *one == answers[0]), "{answers:?}");
    }
}

#[tokio::test]
async fn c_24_the_administrator_passes_or_returns_a_request() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let own = person.see(&world, "/v1/enterprises").await;
    assert_eq!(
        (&own["enterprises"][0]["state"], &own["enterprises"][0]["administrator"]),
        (&json!("active"), &json!(false))
    );
    assert!(is_told(&world, &person, "approval-passed").await);
    let other = verified(&world, &phone(2), "成员丙", &citizen(2)).await;
    let join = format!("/v1/enterprises/{id}/join");
    let asked = other.done(&world, &join, &json!({ "reason": "入职" })).await;
    let decision = format!("/v1/approvals/{}/decision", approval(&asked));
    let back = json!({ "pass": false, "ground": "unwanted", "words": "不是本企业员工" });
    // A member who administers nothing, the applicant, and a stranger decide nothing.
    person.refused(&world, &decision, &back, 403, "role_missing").await;
    other.refused(&world, &decision, &back, 404, "not_found").await;
    let (stranger, _) = log_in(&world, &phone(3)).await;
    stranger.refused(&world, &decision, &back, 404, "not_found").await;
    administrator.done(&world, &decision, &back).await;
    administrator.refused(&world, &decision, &back, 409, "conflict").await;
    let seen = newest(&world, &other).await;
    assert_eq!(
        (&seen["state"], &seen["opinions"][0]["words"]),
        (&json!("returned"), &json!("不是本企业员工"))
    );
    // They may ask again; the legal representative decides as well.
    let asked = other.done(&world, &join, &json!({ "reason": "确为员工" })).await;
    let (legal, _) = log_in(&world, LEGAL).await;
    let decision = format!("/v1/approvals/{}/decision", approval(&asked));
    legal.done(&world, &decision, &json!({ "pass": true })).await;
    assert_eq!(administrator.see(&world, &format!("/v1/enterprises/{id}")).await["members"], 3);
}

#[tokio::test]
async fn c_25_members_with_name_phone_and_time_found_by_name() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let joined_ms = world.now_ms();
    let person = member(&world, &administrator, &id, 1).await;
    let members = format!("/v1/enterprises/{id}/members");
    let all = administrator.see(&world, &members).await;
    let names: Vec<_> = all["members"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!("成员1"), json!("管理员甲")]);
    assert_eq!(all["members"][0]["phone"], "+86137****0001");
    assert!(all["members"][0]["joined_at_ms"].as_u64().unwrap() >= joined_ms);
    let found = administrator.see(&world, &format!("{members}?name=管理")).await;
    assert_eq!(found["members"].as_array().unwrap().len(), 1);
    assert_eq!(administrator.see(&world, &format!("{members}?name=无人")).await["members"], json!([]));
    assert_eq!(person.get(&world, &members).await.0, 403, "only for those who manage it");
    let (stranger, _) = log_in(&world, &phone(9)).await;
    assert_eq!(stranger.get(&world, &members).await.0, 404);
}

#[tokio::test]
async fn c_26_several_administrators() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let path = format!("/v1/enterprises/{id}/administrators");
    let body = json!({ "account_id": account(&world, &person).await });
    person.refused(&world, &path, &body, 403, "role_missing").await;
    let outsider = verified(&world, &phone(2), "路人", &citizen(2)).await;
    let nobody = json!({ "account_id": account(&world, &outsider).await });
    administrator.refused(&world, &path, &nobody, 404, "not_found").await;
    let two = administrator.done(&world, &path, &body).await;
    let names: Vec<_> =
        two["administrators"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!("管理员甲"), json!("成员1")]);
    administrator.refused(&world, &path, &body, 409, "conflict").await;
    assert_eq!(person.see(&world, &format!("/v1/enterprises/{id}")).await["manages"], true);
}

#[tokio::test]
async fn c_27_a_person_is_added_directly_and_accepts() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let invite = format!("/v1/enterprises/{id}/invitations");
    let body = json!({ "name": "新员工", "phone": phone(5), "administrator": true });
    let made = administrator.done(&world, &invite, &body).await;
    administrator.refused(&world, &invite, &body, 409, "conflict").await;
    world.office.work().await.unwrap();
    assert_eq!(kept(&world, &phone(5)), ["invited"]);
    let accept = format!("/v1/invitations/{}/accept", made["invitation_id"].as_str().unwrap());
    let (person, _) = log_in(&world, &phone(5)).await;
    let seen = person.see(&world, "/v1/invitations").await;
    assert_eq!(seen["invitations"][0]["enterprise_name"], firm(0).name);
    person.refused(&world, &accept, &json!({}), 403, "not_verified").await;
    let other = verified(&world, &phone(6), "新员工", &citizen(6)).await;
    other.refused(&world, &accept, &json!({}), 404, "not_found").await;
    let person = verified(&world, &phone(5), "新员工", &citizen(5)).await;
    person.done(&world, &accept, &json!({})).await;
    person.refused(&world, &accept, &json!({}), 409, "conflict").await;
    let own = person.see(&world, "/v1/enterprises").await;
    assert_eq!(
        (&own["enterprises"][0]["state"], &own["enterprises"][0]["administrator"]),
        (&json!("active"), &json!(true))
    );
    // One that is taken back or waited too long cannot be accepted; only who manages it invites.
    let plain = member(&world, &administrator, &id, 1).await;
    let next = json!({ "name": "路人", "phone": phone(6) });
    plain.refused(&world, &invite, &next, 403, "role_missing").await;
    let made = administrator.done(&world, &invite, &next).await;
    let back = format!("/v1/invitations/{}/withdraw", made["invitation_id"].as_str().unwrap());
    plain.refused(&world, &back, &json!({}), 403, "role_missing").await;
    administrator.done(&world, &back, &json!({})).await;
    administrator.refused(&world, &back, &json!({}), 409, "conflict").await;
    assert_eq!(other.see(&world, "/v1/invitations").await["invitations"], json!([]));
}

#[tokio::test]
async fn c_28_a_member_is_removed() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let other = member(&world, &administrator, &id, 2).await;
    let remove = |who: &str| format!("/v1/enterprises/{id}/members/{who}/remove");
    let (own, theirs) = (account(&world, &administrator).await, account(&world, &person).await);
    other.refused(&world, &remove(&theirs), &json!({}), 403, "role_missing").await;
    administrator.refused(&world, &remove(&own), &json!({}), 409, "conflict").await;
    administrator.done(&world, &remove(&theirs), &json!({})).await;
    administrator.refused(&world, &remove(&theirs), &json!({}), 404, "not_found").await;
    assert_eq!(person.get(&world, &format!("/v1/enterprises/{id}")).await.0, 404);
    assert_eq!(person.see(&world, "/v1/enterprises").await["enterprises"][0]["state"], "removed");
    assert!(is_told(&world, &person, "member-removed").await);
    assert_eq!(administrator.see(&world, &format!("/v1/enterprises/{id}")).await["members"], 2);
}

#[tokio::test]
async fn c_30_a_member_leaves_but_not_the_only_administrator() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let leave = format!("/v1/enterprises/{id}/leave");
    administrator.refused(&world, &leave, &json!({}), 409, "conflict").await;
    assert_eq!(person.done(&world, &leave, &json!({})).await["approval_id"], json!(null));
    person.refused(&world, &leave, &json!({}), 404, "not_found").await;
    assert!(is_told(&world, &administrator, "member-left").await);
    // Nor is an account cancelled that is the only one to administer an enterprise.
    let body = super::super::office::cancelling(&world, CLAIMANT).await;
    administrator.refused(&world, "/v1/account/cancel", &body, 409, "conflict").await;
}

#[tokio::test]
async fn c_31_the_place_is_handed_over_when_the_legal_representative_signs() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let transfer = format!("/v1/enterprises/{id}/transfer");
    let body = json!({ "account_id": account(&world, &person).await });
    person.refused(&world, &transfer, &body, 403, "role_missing").await;
    let asked = administrator.done(&world, &transfer, &body).await;
    administrator.refused(&world, &transfer, &body, 409, "conflict").await;
    let path = format!("/v1/approvals/{}", approval(&asked));
    let decision = format!("{path}/decision");
    let mut signed = signing(&world, CLAIMANT).await;
    signed["pass"] = true.into();
    administrator.refused(&world, &decision, &signed, 403, "role_missing").await;
    person.refused(&world, &decision, &signed, 403, "role_missing").await;
    let (legal, _) = log_in(&world, LEGAL).await;
    legal.refused(&world, &decision, &json!({ "pass": true }), 403, "code_invalid").await;
    decide(&world, &legal, &path, LEGAL).await;
    let enterprise = person.see(&world, &format!("/v1/enterprises/{id}")).await;
    assert_eq!(enterprise["administrators"][0]["name"], "成员1");
    assert_eq!(administrator.see(&world, &format!("/v1/enterprises/{id}")).await["manages"], false);
    // Who was it is a member like others, and may leave.
    administrator.done(&world, &format!("/v1/enterprises/{id}/leave"), &json!({})).await;
}

#[tokio::test]
async fn c_32_what_is_known_of_an_enterprise_masked() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let path = format!("/v1/enterprises/{id}");
    let seen = person.see(&world, &path).await;
    assert_eq!((&seen["name"], &seen["uscc"]), (&json!(firm(0).name), &json!(firm(0).uscc)));
    assert_eq!(
        (&seen["legal"]["name"], &seen["legal"]["phone"]),
        (&json!(firm(0).legal_name), &json!("+86139****9001"))
    );
    let number = seen["legal"]["number"].as_str().unwrap();
    assert!(number.starts_with("1***") && !number.contains("19491231"), "{number}");
    assert_eq!((&seen["members"], &seen["manages"]), (&json!(2), &json!(false)));
    let (stranger, _) = log_in(&world, &phone(9)).await;
    assert_eq!(stranger.get(&world, &path).await.0, 404);
}

#[tokio::test]
async fn c_34_cancelling_an_enterprise_ends_all_that_hangs_on_it() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let asking = verified(&world, &phone(2), "成员丙", &citizen(2)).await;
    asking.done(&world, &format!("/v1/enterprises/{id}/join"), &json!({ "reason": "入职" })).await;
    let invited = json!({ "name": "新员工", "phone": phone(5) });
    administrator.done(&world, &format!("/v1/enterprises/{id}/invitations"), &invited).await;
    let cancel = format!("/v1/enterprises/{id}/cancel");
    let mut body = signing(&world, &phone(1)).await;
    body["understood"] = true.into();
    person.refused(&world, &cancel, &body, 403, "role_missing").await;
    let mut body = signing(&world, CLAIMANT).await;
    body["understood"] = false.into();
    administrator.refused(&world, &cancel, &body, 400, "bad_request").await;
    body["understood"] = true.into();
    administrator.done(&world, &cancel, &body).await;
    for browser in [&administrator, &person] {
        assert_eq!(browser.get(&world, &format!("/v1/enterprises/{id}")).await.0, 404);
        assert_eq!(browser.see(&world, "/v1/enterprises").await["enterprises"][0]["state"], "left");
        assert!(is_told(&world, browser, "enterprise-cancelled").await);
    }
    assert_eq!(newest(&world, &asking).await["state"], "void");
    let (person, _) = log_in(&world, &phone(5)).await;
    assert_eq!(person.see(&world, "/v1/invitations").await["invitations"], json!([]));
    // The account stays.
    assert_eq!(administrator.see(&world, "/v1/account").await["state"], "active");
}
