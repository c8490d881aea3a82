//! What operators decide on for enterprises.

use axum::{body::Body, http::Method};
use serde_json::{Value, json};

use super::{
    super::{
        get,
        office::{Browser, PICTURE},
        problem, request, respond,
    },
    support::*,
};
use crate::{
    domain::office::{Rules, approval::Judge},
    testing::World,
};

/// A claim by letter that waits: who claims, its path, and the approval.
async fn waiting(world: &World, which: usize) -> (Browser, String, String) {
    let user = verified(world, CLAIMANT, "管理员甲", NUMBER).await;
    let claim = drafted(world, &user, &firm(which)).await;
    user.done(world, &format!("{claim}/submit"), &json!({})).await;
    let id = approval(&newest(world, &user).await);
    (user, claim, id)
}

fn passed() -> Value {
    json!({ "pass": true })
}

#[tokio::test]
async fn o_01_the_first_reviewer_passes_or_returns_a_claim() {
    let world = World::new().await;
    staff(&world).await;
    let (user, claim, id) = waiting(&world, 0).await;
    let queue = get(&world, "/v1/operator/approvals", Some(REVIEWERS[0])).await.1;
    assert_eq!(
        (&queue["approvals"][0]["approval_id"], &queue["approvals"][0]["kind"]),
        (&json!(id), &json!("claim"))
    );
    let back = json!({ "pass": false, "ground": "incomplete", "words": "缺少营业执照副本" });
    // Who is no reviewer decides nothing; an auditor sees it.
    for device in OTHERS {
        assert_eq!(review(&world, device, &id, &back).await, (403, "role_missing".to_owned()));
    }
    let path = format!("/v1/operator/approvals/{id}");
    assert_eq!(get(&world, &path, Some(OTHERS[1])).await.0, 200);
    assert_eq!(problem(get(&world, &path, Some(OTHERS[0])).await).0, 403);
    assert_eq!(problem(get(&world, &path, None).await).0, 401);
    assert_eq!(review(&world, REVIEWERS[0], &id, &back).await.0, 204);
    assert_eq!(user.see(&world, &claim).await["state"], "draft");
    assert!(is_told(&world, &user, "approval-returned").await);
    // Corrected and handed in again, it is looked at anew.
    world.clock.advance(1);
    user.done(&world, &format!("{claim}/submit"), &json!({})).await;
    assert_ne!(approval(&newest(&world, &user).await), id);
}

#[tokio::test]
async fn o_02_the_second_reviewer_is_another_one() {
    let world = World::new().await;
    staff(&world).await;
    let (user, claim, id) = waiting(&world, 0).await;
    assert_eq!(review(&world, REVIEWERS[0], &id, &passed()).await.0, 204);
    assert_eq!(review(&world, REVIEWERS[0], &id, &passed()).await, (409, "conflict".to_owned()));
    assert_eq!(user.see(&world, &claim).await["state"], "review");
    assert_eq!(review(&world, REVIEWERS[1], &id, &passed()).await.0, 204);
    assert_eq!(user.see(&world, &claim).await["state"], "accepted");
    assert_eq!(review(&world, REVIEWERS[1], &id, &passed()).await, (409, "conflict".to_owned()));
}

#[tokio::test]
async fn o_05_opinions_are_kept_with_time_and_shown_to_the_applicant() {
    let world = World::new().await;
    staff(&world).await;
    let (user, _, id) = waiting(&world, 0).await;
    let at_ms = world.now_ms();
    let words = json!({ "pass": true, "words": "给予通过" });
    assert_eq!(review(&world, REVIEWERS[0], &id, &words).await.0, 204);
    let opinion = newest(&world, &user).await["opinions"][0].clone();
    assert_eq!((&opinion["words"], &opinion["passed"]), (&json!("给予通过"), &json!(true)));
    assert_eq!((&opinion["at_ms"], &opinion["judge"]), (&json!(at_ms), &json!("reviewer")));
    for wrong in [
        json!({ "pass": false }),
        json!({ "pass": false, "ground": "wrong" }),
        json!({ "pass": false, "ground": "other", "words": " " }),
        json!({ "pass": false, "ground": "other", "words": "字".repeat(501) }),
        json!({ "pass": false, "ground": "mood", "words": "无" }),
        json!({ "pass": true, "ground": "wrong" }),
    ] {
        assert_eq!(
            review(&world, REVIEWERS[1], &id, &wrong).await,
            (400, "bad_request".to_owned()),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn c_14_what_the_register_does_not_confirm_is_looked_at() {
    let world = World::new().await;
    staff(&world).await;
    let mut firm = firm(9);
    firm.name = "海角示例没有登记的公司".to_owned();
    let legal = verified(&world, LEGAL, &firm.legal_name, &firm.legal_number).await;
    let claim = drafted(&world, &legal, &firm).await;
    assert_eq!(legal.see(&world, &claim).await["registered"], false);
    let signed = legal.done(&world, &format!("{claim}/sign"), &signing(&world, LEGAL).await).await;
    assert_eq!(signed["state"], "review", "a signature alone is not enough then");
    let id = approval(&newest(&world, &legal).await);
    assert_eq!(review(&world, REVIEWERS[0], &id, &passed()).await.0, 204);
    assert_eq!(legal.see(&world, &claim).await["state"], "accepted");
}

#[tokio::test]
async fn o_03_the_administrator_first_and_then_a_reviewer() {
    let world = World::with_rules(Rules {
        join_chain: vec![Judge::Reviewer, Judge::Administrator],
        ..Rules::default()
    })
    .await;
    staff(&world).await;
    let (administrator, id) = claimed(&world).await;
    let person = verified(&world, &phone(1), "成员乙", &citizen(11)).await;
    let asked =
        person.done(&world, &format!("/v1/enterprises/{id}/join"), &json!({ "reason": "入职" })).await;
    let approval = approval(&asked);
    assert_eq!(review(&world, REVIEWERS[0], &approval, &passed()).await, (403, "role_missing".to_owned()));
    let decision = format!("/v1/approvals/{approval}/decision");
    administrator.done(&world, &decision, &passed()).await;
    administrator.refused(&world, &decision, &passed(), 403, "role_missing").await;
    assert_eq!(person.see(&world, "/v1/enterprises").await["enterprises"][0]["state"], "requested");
    assert_eq!(review(&world, REVIEWERS[0], &approval, &passed()).await.0, 204);
    assert_eq!(person.see(&world, "/v1/enterprises").await["enterprises"][0]["state"], "active");
}

#[tokio::test]
async fn o_07_reviewers_see_the_licence_and_the_letter() {
    let world = World::new().await;
    staff(&world).await;
    let (user, _, id) = waiting(&world, 0).await;
    let path = format!("/v1/operator/approvals/{id}");
    let (status, claim) = get(&world, &format!("{path}/claim"), Some(REVIEWERS[0])).await;
    assert_eq!(
        (status.as_u16(), &claim["name"], &claim["registered"]),
        (200, &json!(firm(0).name), &json!(true))
    );
    assert_eq!(claim["legal_phone"], "+86139****9001");
    let fetch = async |file: &str, device: [u8; 32]| {
        let asked = request(Method::GET, &format!("{path}/files/{file}"), Some(device));
        respond(&world, asked.body(Body::empty()).unwrap()).await.status().as_u16()
    };
    for file in [&claim["licence"], &claim["letter"][0]] {
        assert_eq!(fetch(file.as_str().unwrap(), REVIEWERS[0]).await, 200);
        assert_eq!(fetch(file.as_str().unwrap(), OTHERS[0]).await, 403);
    }
    // No other file of the claimant.
    let other = user.attach(&world, PICTURE).await;
    assert_eq!(fetch(&other, REVIEWERS[0]).await, 404);
    assert_eq!(problem(get(&world, &format!("{path}/claim"), Some(OTHERS[0])).await).0, 403);
}
