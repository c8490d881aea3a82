//! Changes of enterprises, and appeals.

use serde_json::json;

use super::{
    super::office::{Browser, PICTURE},
    support::*,
};
use crate::testing::World;

async fn pass(world: &World, asked: &serde_json::Value, reviewers: &[[u8; 32]]) {
    for device in reviewers {
        assert_eq!(review(world, *device, &approval(asked), &json!({ "pass": true })).await.0, 204);
    }
}

async fn papers(world: &World, who: &Browser) -> serde_json::Value {
    json!({ "licence": who.attach(world, PICTURE).await, "letter": who.attach(world, PICTURE).await })
}

#[tokio::test]
async fn c_33_a_name_and_a_legal_representative_are_changed() {
    let world = World::new().await;
    staff(&world).await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    let (path, changes) = (format!("/v1/enterprises/{id}"), format!("/v1/enterprises/{id}/changes"));
    let mut body = papers(&world, &administrator).await;
    administrator.refused(&world, &changes, &body, 400, "bad_request").await;
    body["name"] = "云中示例建设集团".into();
    person.refused(&world, &changes, &body, 404, "not_found").await;
    let mut theirs = papers(&world, &person).await;
    theirs["name"] = "云中示例建设集团".into();
    person.refused(&world, &changes, &theirs, 403, "role_missing").await;
    let asked = administrator.done(&world, &changes, &body).await;
    administrator.refused(&world, &changes, &body, 409, "conflict").await;
    assert_eq!(person.see(&world, &path).await["name"], firm(0).name, "not before it is passed");
    pass(&world, &asked, &REVIEWERS[..1]).await;
    assert_eq!(person.see(&world, &path).await["name"], "云中示例建设集团");
    assert!(is_told(&world, &administrator, "enterprise-changed").await);
    // Another legal representative decides from then on, and the old one does not.
    let mut body = papers(&world, &administrator).await;
    body["legal_name"] = "新法人".into();
    body["legal_document"] = "id-card".into();
    body["legal_number"] = citizen(50).into();
    administrator.refused(&world, &changes, &body, 400, "bad_request").await;
    body["legal_phone"] = phone(50).into();
    let asked = administrator.done(&world, &changes, &body).await;
    pass(&world, &asked, &REVIEWERS[1..]).await;
    let legal = verified(&world, &phone(50), "新法人", &citizen(50)).await;
    assert_eq!(legal.see(&world, &path).await["manages"], true);
    let (old, _) = super::super::office::log_in(&world, LEGAL).await;
    assert_eq!(old.get(&world, &path).await.0, 404);
}

#[tokio::test]
async fn o_08_what_a_reviewer_returns_stays_as_it_was() {
    let world = World::new().await;
    staff(&world).await;
    let (administrator, id) = claimed(&world).await;
    let mut body = papers(&world, &administrator).await;
    body["name"] = "云中示例建设集团".into();
    let changes = format!("/v1/enterprises/{id}/changes");
    let asked = administrator.done(&world, &changes, &body).await;
    let path = format!("/v1/operator/approvals/{}", approval(&asked));
    let (_, seen) = super::super::get(&world, &path, Some(REVIEWERS[0])).await;
    assert_eq!((&seen["kind"], &seen["new_name"]), (&json!("rename"), &json!("云中示例建设集团")));
    assert_eq!(seen["files"], json!([body["licence"], body["letter"]]));
    let decision = format!("/v1/approvals/{}/decision", approval(&asked));
    administrator.refused(&world, &decision, &json!({ "pass": true }), 403, "role_missing").await;
    let back = json!({ "pass": false, "ground": "incomplete", "words": "执照不清晰" });
    assert_eq!(review(&world, OTHERS[0], &approval(&asked), &back).await.0, 403);
    assert_eq!(review(&world, REVIEWERS[0], &approval(&asked), &back).await.0, 204);
    assert_eq!(administrator.see(&world, &format!("/v1/enterprises/{id}")).await["name"], firm(0).name);
    administrator.done(&world, &changes, &body).await;
}

#[tokio::test]
async fn c_35_a_cancelled_enterprise_is_appealed_for() {
    let world = World::new().await;
    staff(&world).await;
    let (administrator, id) = claimed(&world).await;
    let other = verified(&world, &phone(3), "申诉人", &citizen(13)).await;
    let mut body = papers(&world, &other).await;
    body["uscc"] = firm(0).uscc.into();
    other.refused(&world, "/v1/enterprise-appeals", &body, 409, "conflict").await;
    let mut cancel = signing(&world, CLAIMANT).await;
    cancel["understood"] = true.into();
    administrator.done(&world, &format!("/v1/enterprises/{id}/cancel"), &cancel).await;
    let asked = other.done(&world, "/v1/enterprise-appeals", &body).await;
    other.refused(&world, "/v1/enterprise-appeals", &body, 409, "conflict").await;
    pass(&world, &asked, &REVIEWERS).await;
    let restored = other.see(&world, &format!("/v1/enterprises/{id}")).await;
    assert_eq!((&restored["state"], &restored["members"]), (&json!("active"), &json!(1)));
    assert_eq!(restored["administrators"][0]["name"], "申诉人");
    assert_eq!(
        administrator.get(&world, &format!("/v1/enterprises/{id}")).await.0,
        404,
        "memberships are not restored"
    );
    let mut unknown = papers(&world, &other).await;
    unknown["uscc"] = firm(1).uscc.into();
    other.refused(&world, "/v1/enterprise-appeals", &unknown, 404, "not_found").await;
}

#[tokio::test]
async fn two_reviewers_decide_on_an_appeal_for_an_enterprise() {
    let world = World::new().await;
    staff(&world).await;
    let (administrator, id) = claimed(&world).await;
    let mut cancel = signing(&world, CLAIMANT).await;
    cancel["understood"] = true.into();
    administrator.done(&world, &format!("/v1/enterprises/{id}/cancel"), &cancel).await;
    let mut body = papers(&world, &administrator).await;
    body["uscc"] = firm(0).uscc.into();
    let asked = administrator.done(&world, "/v1/enterprise-appeals", &body).await;
    pass(&world, &asked, &REVIEWERS[..1]).await;
    assert_eq!(review(&world, REVIEWERS[0], &approval(&asked), &json!({ "pass": true })).await.0, 409);
    let back = json!({ "pass": false, "ground": "wrong", "words": "申诉书未盖章" });
    assert_eq!(review(&world, REVIEWERS[1], &approval(&asked), &back).await.0, 204);
    assert_eq!(newest(&world, &administrator).await["state"], "returned");
    assert_eq!(administrator.get(&world, &format!("/v1/enterprises/{id}")).await.0, 404);
    // It may be filed again.
    administrator.done(&world, "/v1/enterprise-appeals", &body).await;
}
