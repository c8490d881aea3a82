//! The inbox of an enterprise, and what an applicant sees.

use serde_json::{Value, json};

use super::{super::office::log_in, support::*};
use crate::testing::World;

fn ids(list: &Value) -> Vec<String> {
    list["approvals"].as_array().unwrap().iter().map(approval).collect()
}

#[tokio::test]
async fn f_01_the_inbox_by_kind_state_and_applicant() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let passed = approval(&newest(&world, &person).await);
    let other = verified(&world, &phone(2), "成员丙", &citizen(2)).await;
    let asked = other.done(&world, &format!("/v1/enterprises/{id}/join"), &json!({ "reason": "入职" })).await;
    let waiting = approval(&asked);
    let inbox = format!("/v1/enterprises/{id}/approvals");
    for (query, expected) in [
        ("", vec![&waiting, &passed]),
        ("?kind=join", vec![&waiting, &passed]),
        ("?kind=leave", vec![]),
        ("?state=pending", vec![&waiting]),
        ("?kind=join&state=passed", vec![&passed]),
        ("?state=returned", vec![]),
        ("?applicant=成员丙", vec![&waiting]),
        ("?applicant=成员", vec![]),
        ("?limit=1", vec![&waiting]),
    ] {
        let found = administrator.see(&world, &format!("{inbox}{query}")).await;
        assert_eq!(ids(&found).iter().collect::<Vec<_>>(), expected, "{query}");
    }
    assert_eq!(administrator.get(&world, &format!("{inbox}?state=odd")).await.0, 400);
    assert_eq!(person.get(&world, &inbox).await.0, 403);
    assert_eq!(other.get(&world, &inbox).await.0, 404);
}

#[tokio::test]
async fn f_02_the_detail_for_who_decides_and_who_asked() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = verified(&world, &phone(1), "成员乙", &citizen(1)).await;
    let asked =
        person.done(&world, &format!("/v1/enterprises/{id}/join"), &json!({ "reason": "入职" })).await;
    let path = format!("/v1/approvals/{}", approval(&asked));
    for browser in [&administrator, &person] {
        let seen = browser.see(&world, &path).await;
        assert_eq!((&seen["kind"], &seen["state"]), (&json!("join"), &json!("pending")));
        assert_eq!((&seen["place_id"], &seen["applicant_name"]), (&json!(id), &json!("成员乙")));
        assert_eq!((&seen["reason"], &seen["next"]), (&json!("入职"), &json!("administrator")));
        assert_eq!(seen["asked_at_ms"], world.now_ms());
    }
    let stranger = verified(&world, &phone(2), "路人", &citizen(2)).await;
    assert_eq!(stranger.get(&world, &path).await.0, 404);
    let member = member(&world, &administrator, &id, 3).await;
    assert_eq!(member.get(&world, &path).await.0, 404, "who manages nothing sees nothing of others");
}

#[tokio::test]
async fn f_03_passing_brings_about_what_was_asked_for_once() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = verified(&world, &phone(1), "成员乙", &citizen(1)).await;
    let asked =
        person.done(&world, &format!("/v1/enterprises/{id}/join"), &json!({ "reason": "入职" })).await;
    let decision = format!("/v1/approvals/{}/decision", approval(&asked));
    let body = json!({ "pass": true, "words": "同意" });
    let (one, two) = tokio::join!(
        administrator.post(&world, &decision, &body),
        administrator.post(&world, &decision, &body),
    );
    let mut statuses = [one.0.as_u16(), two.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    assert_eq!(administrator.see(&world, &format!("/v1/enterprises/{id}")).await["members"], 2);
    let seen = newest(&world, &person).await;
    assert_eq!((&seen["state"], &seen["opinions"][0]["words"]), (&json!("passed"), &json!("同意")));
    let notices = person.see(&world, "/v1/messages").await["messages"].as_array().unwrap().clone();
    assert_eq!(notices.iter().filter(|one| one["notice"] == "approval-passed").count(), 1);
}

#[tokio::test]
async fn f_04_returning_takes_a_ground_and_words() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = verified(&world, &phone(1), "成员乙", &citizen(1)).await;
    let asked =
        person.done(&world, &format!("/v1/enterprises/{id}/join"), &json!({ "reason": "入职" })).await;
    let decision = format!("/v1/approvals/{}/decision", approval(&asked));
    for wrong in [
        json!({ "pass": false }),
        json!({ "pass": false, "ground": "wrong" }),
        json!({ "pass": false, "words": "不符" }),
        json!({ "pass": false, "ground": "wrong", "words": "字".repeat(501) }),
        json!({ "pass": true, "ground": "wrong", "words": "不符" }),
    ] {
        administrator.refused(&world, &decision, &wrong, 400, "bad_request").await;
    }
    let body = json!({ "pass": false, "ground": "wrong", "words": "字".repeat(500) });
    administrator.done(&world, &decision, &body).await;
    let seen = newest(&world, &person).await;
    assert_eq!((&seen["state"], &seen["opinions"][0]["ground"]), (&json!("returned"), &json!("wrong")));
    assert_eq!(person.see(&world, "/v1/enterprises").await["enterprises"], json!([]));
}

#[tokio::test]
async fn f_14_the_applicant_follows_it_and_may_withdraw_it() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let person = verified(&world, &phone(1), "成员乙", &citizen(1)).await;
    let join = format!("/v1/enterprises/{id}/join");
    let asked = person.done(&world, &join, &json!({ "reason": "入职" })).await;
    let withdraw = format!("/v1/approvals/{}/withdraw", approval(&asked));
    administrator.refused(&world, &withdraw, &json!({}), 404, "not_found").await;
    person.done(&world, &withdraw, &json!({})).await;
    person.refused(&world, &withdraw, &json!({}), 409, "conflict").await;
    world.clock.advance(1);
    person.done(&world, &join, &json!({ "reason": "再次申请" })).await;
    let seen = person.see(&world, "/v1/approvals").await;
    let states: Vec<_> =
        seen["approvals"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, [json!("pending"), json!("void")]);
    let (other, _) = log_in(&world, &phone(2)).await;
    assert_eq!(other.see(&world, "/v1/approvals").await["approvals"], json!([]));
}

#[tokio::test]
async fn a_decision_that_comes_twice_takes_one_code() {
    let world = World::new().await;
    let firm = firm(0);
    let legal = verified(&world, LEGAL, &firm.legal_name, &firm.legal_number).await;
    let administrator = verified(&world, CLAIMANT, "管理员甲", NUMBER).await;
    let claim = drafted(&world, &administrator, &firm).await;
    administrator.done(&world, &format!("{claim}/ask-legal"), &json!({})).await;
    let path = format!("/v1/approvals/{}/decision", approval(&newest(&world, &administrator).await));
    let mut body = signing(&world, LEGAL).await;
    body["pass"] = true.into();
    for _ in 0..2 {
        assert_eq!(legal.done_once(&world, &path, "decision-1", &body).await.as_u16(), 204);
    }
    assert_eq!(legal.done_once(&world, &path, "decision-2", &body).await.as_u16(), 403, "the code is used");
    // What happened within one millisecond is listed in the order in which it happened.
    let found = administrator.see(&world, "/v1/messages").await;
    let notices: Vec<_> =
        found["messages"].as_array().unwrap().iter().map(|one| one["notice"].clone()).collect();
    let expected = [json!("enterprise-founded"), json!("approval-passed"), json!("person-verified")];
    assert_eq!(notices, expected);
}
