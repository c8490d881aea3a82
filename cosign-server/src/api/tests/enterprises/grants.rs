//! The use of an enterprise's certificate.

use serde_json::{Value, json};

use super::{
    super::{
        office::{Browser, log_in},
        operators::staffed,
        shop::platform,
    },
    support::*,
};
use crate::testing::World;

const DAY_MS: u64 = 86_400_000;

/// An administrator, an enterprise, a member and a platform.
async fn start() -> (World, Browser, String, Browser, String) {
    let world = staffed().await;
    let platform = platform(&world).await;
    let (administrator, id) = claimed(&world).await;
    let person = member(&world, &administrator, &id, 1).await;
    (world, administrator, id, person, platform)
}

async fn wanted(world: &World, who: &Browser, platform: &str) -> Value {
    json!({
        "account_id": account(world, who).await, "platform_id": platform,
        "from_ms": world.now_ms(), "until_ms": world.now_ms() + 30 * DAY_MS,
    })
}

async fn legal(world: &World) -> Browser {
    log_in(world, LEGAL).await.0
}

/// A grant that the legal representative gave: its path.
async fn given(world: &World, id: &str, person: &Browser, platform: &str) -> String {
    let legal = legal(world).await;
    // Only members are asked for; the legal representative need not be one.
    let mut body = wanted(world, person, platform).await;
    let code = signing(world, LEGAL).await;
    body["code_id"] = code["code_id"].clone();
    body["code"] = code["code"].clone();
    body["until_ms"] = (world.now_ms() + DAY_MS).into();
    let made = legal.done(world, &format!("/v1/enterprises/{id}/grants"), &body).await;
    assert_eq!(made["approval_id"], json!(null));
    format!("/v1/grants/{}", made["grant_id"].as_str().unwrap())
}

#[tokio::test]
async fn f_07_a_member_asks_and_the_legal_representative_decides() {
    let (world, administrator, id, person, platform) = start().await;
    let grants = format!("/v1/enterprises/{id}/grants");
    let body = wanted(&world, &person, &platform).await;
    let asked = person.done(&world, &grants, &body).await;
    let approval = format!("/v1/approvals/{}", approval(&asked));
    let used = format!("/v1/grants/{}/use", asked["grant_id"].as_str().unwrap());
    assert_eq!(person.get(&world, &used).await.0, 409, "not before it is passed");
    let legal = legal(&world).await;
    decide(&world, &legal, &approval, LEGAL).await;
    let usable = person.see(&world, "/v1/grants").await;
    assert_eq!(
        (&usable["grants"][0]["state"], &usable["grants"][0]["platform_id"]),
        (&json!("active"), &json!(platform))
    );
    assert!(is_told(&world, &person, "granted").await);
    person.see(&world, &used).await;
    // For somebody else a member asks nothing, a stranger asks nothing, and nobody outside gets anything.
    let theirs = wanted(&world, &administrator, &platform).await;
    person.refused(&world, &grants, &theirs, 403, "role_missing").await;
    let stranger = verified(&world, &phone(7), "路人", &citizen(7)).await;
    stranger.refused(&world, &grants, &body, 404, "not_found").await;
    let outside = wanted(&world, &stranger, &platform).await;
    administrator.refused(&world, &grants, &outside, 404, "not_found").await;
}

#[tokio::test]
async fn f_08_a_link_to_the_request_is_handed_to_the_legal_representative() {
    let (world, administrator, id, person, platform) = start().await;
    let body = wanted(&world, &person, &platform).await;
    let asked = person.done(&world, &format!("/v1/enterprises/{id}/grants"), &body).await;
    let share = format!("/v1/approvals/{}/link", approval(&asked));
    administrator.refused(&world, &share, &json!({}), 404, "not_found").await;
    let link = person.done(&world, &share, &json!({})).await["link"].as_str().unwrap().to_owned();
    let legal = legal(&world).await;
    let path = format!("/v1/approval-links/{link}");
    assert_eq!(legal.see(&world, &path).await["kind"], "certificate");
    let stranger = verified(&world, &phone(7), "路人", &citizen(7)).await;
    assert_eq!(stranger.get(&world, &path).await.0, 404);
    // Without the link it is found in the inbox.
    let inbox = legal.see(&world, &format!("/v1/enterprises/{id}/approvals?kind=certificate")).await;
    assert_eq!(inbox["approvals"][0]["approval_id"], asked["approval_id"]);
}

#[tokio::test]
async fn f_09_an_administrator_asks_for_a_member() {
    let (world, administrator, id, person, platform) = start().await;
    let grants = format!("/v1/enterprises/{id}/grants");
    let body = wanted(&world, &person, &platform).await;
    let asked = administrator.done(&world, &grants, &body).await;
    let listed = administrator.see(&world, &grants).await;
    assert_eq!(
        (&listed["grants"][0]["state"], &listed["grants"][0]["name"]),
        (&json!("asked"), &json!("成员1"))
    );
    assert_eq!(person.see(&world, "/v1/grants").await["grants"], json!([]));
    decide(&world, &legal(&world).await, &format!("/v1/approvals/{}", approval(&asked)), LEGAL).await;
    assert_eq!(administrator.see(&world, &grants).await["grants"][0]["state"], "active");
    assert_eq!(person.get(&world, &grants).await.0, 403, "the list is for those who manage it");
    let mut nowhere = body.clone();
    nowhere["platform_id"] = "0".repeat(32).into();
    administrator.refused(&world, &grants, &nowhere, 404, "not_found").await;
    for (from_ms, until_ms) in [(2, 1), (1, 2), (world.now_ms(), world.now_ms() + 3000 * DAY_MS)] {
        let mut wrong = body.clone();
        (wrong["from_ms"], wrong["until_ms"]) = (from_ms.into(), until_ms.into());
        administrator.refused(&world, &grants, &wrong, 400, "bad_request").await;
    }
}

#[tokio::test]
async fn f_10_the_legal_representative_grants_at_once_and_signs() {
    let (world, _, id, person, platform) = start().await;
    let legal = legal(&world).await;
    let body = wanted(&world, &person, &platform).await;
    legal.refused(&world, &format!("/v1/enterprises/{id}/grants"), &body, 403, "code_invalid").await;
    let grant = given(&world, &id, &person, &platform).await;
    let may = person.see(&world, &format!("{grant}/use")).await;
    assert_eq!(may["account_id"], account(&world, &person).await);
}

#[tokio::test]
async fn f_11_only_the_legal_representative_passes_and_signs() {
    let (world, administrator, id, person, platform) = start().await;
    let body = wanted(&world, &person, &platform).await;
    let asked = person.done(&world, &format!("/v1/enterprises/{id}/grants"), &body).await;
    let path = format!("/v1/approvals/{}", approval(&asked));
    assert_eq!(administrator.see(&world, &path).await["next"], "legal-representative");
    let decision = format!("{path}/decision");
    let mut signed = signing(&world, CLAIMANT).await;
    signed["pass"] = true.into();
    administrator.refused(&world, &decision, &signed, 403, "role_missing").await;
    person.refused(&world, &decision, &signed, 403, "role_missing").await;
    let legal = legal(&world).await;
    legal.refused(&world, &decision, &json!({ "pass": true }), 403, "code_invalid").await;
    let back = json!({ "pass": false, "ground": "unwanted", "words": "不同意" });
    legal.done(&world, &decision, &back).await;
    let grants = administrator.see(&world, &format!("/v1/enterprises/{id}/grants")).await;
    assert_eq!(grants["grants"][0]["state"], "refused");
}

#[tokio::test]
async fn f_13_a_grant_is_taken_back_and_ends_by_itself_and_with_the_membership() {
    let (world, administrator, id, person, platform) = start().await;
    let grant = given(&world, &id, &person, &platform).await;
    let (used, withdraw) = (format!("{grant}/use"), format!("{grant}/withdraw"));
    person.refused(&world, &withdraw, &json!({}), 403, "role_missing").await;
    administrator.done(&world, &withdraw, &json!({})).await;
    administrator.refused(&world, &withdraw, &json!({}), 409, "conflict").await;
    assert_eq!(person.get(&world, &used).await.0, 409);
    assert!(is_told(&world, &person, "grant-withdrawn").await);
    // By time, to the millisecond.
    let grant = given(&world, &id, &person, &platform).await;
    let (person, _) = log_in(&world, &phone(1)).await;
    person.see(&world, &format!("{grant}/use")).await;
    world.clock.advance(DAY_MS);
    let (person, _) = log_in(&world, &phone(1)).await;
    assert_eq!(person.get(&world, &format!("{grant}/use")).await.0, 409);
    world.office.work().await.unwrap();
    assert_eq!(person.see(&world, "/v1/grants").await["grants"], json!([]));
    // With the membership.
    let grant = given(&world, &id, &person, &platform).await;
    let (administrator, _) = log_in(&world, CLAIMANT).await;
    let (person, _) = log_in(&world, &phone(1)).await;
    let member = account(&world, &person).await;
    administrator.done(&world, &format!("/v1/enterprises/{id}/members/{member}/remove"), &json!({})).await;
    assert_eq!(person.get(&world, &format!("{grant}/use")).await.0, 404);
    assert_eq!(person.see(&world, "/v1/grants").await["grants"], json!([]));
    let listed = administrator.see(&world, &format!("/v1/enterprises/{id}/grants")).await;
    assert_eq!(
        listed["grants"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect::<Vec<_>>(),
        ["withdrawn", "expired", "withdrawn"]
    );
}
