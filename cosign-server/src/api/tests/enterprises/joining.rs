//! Joining with rights, without an administrator, and who is told.

use serde_json::{Value, json};

use super::{
    super::{
        office::{Browser, code, log_in},
        operators::staffed,
        post, problem,
        shop::platform,
    },
    support::*,
};
use crate::testing::World;

const DAY_MS: u64 = 86_400_000;

async fn newcomer(world: &World) -> Browser {
    verified(world, &phone(1), "成员1", &citizen(1)).await
}

fn join_at(enterprise: &str) -> String {
    format!("/v1/enterprises/{enterprise}/join")
}

fn decision(asked: &Value) -> String {
    format!("/v1/approvals/{}/decision", approval(asked))
}

/// The states of what a member may use, of whatever enterprise.
async fn usable(world: &World, person: &Browser) -> Vec<Value> {
    let found = person.see(world, "/v1/grants").await;
    found["grants"].as_array().unwrap().iter().map(|one| one["platform_id"].clone()).collect()
}

#[tokio::test]
async fn c_21_rights_are_asked_for_with_the_membership_and_may_be_narrowed() {
    let world = staffed().await;
    let first = platform(&world).await;
    let (administrator, enterprise) = claimed(&world).await;
    let person = newcomer(&world).await;
    let right = |platform: &str, days: u64| json!({ "platform_id": platform, "from_ms": world.now_ms(), "until_ms": world.now_ms() + days * DAY_MS });
    let with = |rights: Vec<Value>| json!({ "reason": "入职", "rights": rights });
    // A platform that there is, a period, not too many.
    let join = join_at(&enterprise);
    person.refused(&world, &join, &with(vec![right(&"0".repeat(32), 30)]), 404, "not_found").await;
    person.refused(&world, &join, &with(vec![right(&first, 0)]), 400, "bad_request").await;
    person.refused(&world, &join, &with(vec![right(&first, 30); 17]), 400, "bad_request").await;
    let asked = person.done(&world, &join, &with(vec![right(&first, 30), right(&first, 60)])).await;
    let path = format!("/v1/approvals/{}", approval(&asked));
    let seen = administrator.see(&world, &path).await;
    let rights = seen["rights"].as_array().unwrap();
    assert_eq!((rights.len(), &rights[0]["state"]), (2, &json!("asked")));
    assert_eq!((&rights[0]["thing_id"], &rights[0]["by_legal"]), (&json!(first), &json!(true)));
    assert!(usable(&world, &person).await.is_empty());
    // The administrator gives less than was asked for, and nothing else.
    let other = json!({ "pass": true, "grant_ids": ["0".repeat(32)] });
    administrator.refused(&world, &decision(&asked), &other, 400, "bad_request").await;
    let keep = rights[1]["grant_id"].clone();
    administrator.done(&world, &decision(&asked), &json!({ "pass": true, "grant_ids": [keep] })).await;
    assert_eq!(person.see(&world, "/v1/enterprises").await["enterprises"][0]["state"], "active");
    // The certificate itself is the legal representative's to give, who finds what waits.
    assert!(usable(&world, &person).await.is_empty());
    let waiting = person.see(&world, "/v1/approvals").await["approvals"][0].clone();
    assert_eq!((&waiting["kind"], &waiting["next"]), (&json!("certificate"), &json!("legal-representative")));
    let path = format!("/v1/approvals/{}", waiting["approval_id"].as_str().unwrap());
    let mut signed = signing(&world, CLAIMANT).await;
    signed["pass"] = true.into();
    administrator.refused(&world, &format!("{path}/decision"), &signed, 403, "role_missing").await;
    let (legal, _) = log_in(&world, LEGAL).await;
    decide(&world, &legal, &path, LEGAL).await;
    assert_eq!(usable(&world, &person).await, [json!(first)]);
    // Nothing is left of a request that is returned.
    let late = verified(&world, &phone(2), "成员2", &citizen(2)).await;
    let asked = late.done(&world, &join, &with(vec![right(&first, 30)])).await;
    let back = json!({ "pass": false, "ground": "unwanted", "words": "名额已满" });
    administrator.done(&world, &decision(&asked), &back).await;
    let seen = late.see(&world, &format!("/v1/approvals/{}", approval(&asked))).await;
    assert_eq!(seen["rights"][0]["state"], "refused");
}

#[tokio::test]
async fn c_22_the_legal_representatives_phone_joins_without_an_administrator() {
    let world = World::new().await;
    staff(&world).await;
    let (administrator, enterprise) = claimed(&world).await;
    let join = join_at(&enterprise);
    let entered = async |phone: &str, purpose: &str| {
        let (code_id, text) = code(&world, phone, purpose).await;
        json!({ "legal_code_id": code_id, "legal_code": text })
    };
    // Only for who is verified, who does not use up the code otherwise.
    let (stranger, _) = log_in(&world, "13600136000").await;
    let good = entered(LEGAL, "legal").await;
    stranger.refused(&world, &join, &good, 403, "not_verified").await;
    let person = newcomer(&world).await;
    for (phone, purpose) in [(CLAIMANT, "legal"), (LEGAL, "sign"), (&phone(1), "legal")] {
        let wrong = entered(phone, purpose).await;
        person.refused(&world, &join, &wrong, 403, "code_invalid").await;
    }
    let mut both = entered(LEGAL, "legal").await;
    both["reason"] = "入职".into();
    person.refused(&world, &join, &both, 400, "bad_request").await;
    let asked = person.done(&world, &join, &entered(LEGAL, "legal").await).await;
    // The administrator is told, and does not decide; a reviewer does.
    assert!(is_told(&world, &administrator, "approval-asked").await);
    administrator.refused(&world, &decision(&asked), &json!({ "pass": true }), 403, "role_missing").await;
    let id = approval(&asked);
    for other in OTHERS {
        assert_eq!(review(&world, other, &id, &json!({ "pass": true })).await.1, "role_missing");
    }
    assert_eq!(review(&world, REVIEWERS[0], &id, &json!({ "pass": true })).await.0, 204);
    let joined = person.see(&world, "/v1/enterprises").await["enterprises"][0].clone();
    assert_eq!((&joined["state"], &joined["administrator"]), (&json!("active"), &json!(false)));
}

#[tokio::test]
async fn k_03_administrators_are_told_of_what_is_asked_for() {
    let world = staffed().await;
    let platform = platform(&world).await;
    let (administrator, enterprise) = claimed(&world).await;
    let person = newcomer(&world).await;
    let told = async |browser: &Browser| {
        let found = browser.see(&world, "/v1/messages").await;
        let messages = found["messages"].as_array().unwrap().clone();
        messages.into_iter().filter(|one| one["notice"] == "approval-asked").collect::<Vec<_>>()
    };
    let asked = person.done(&world, &join_at(&enterprise), &json!({ "reason": "入职" })).await;
    let messages = told(&administrator).await;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["about"], json!({ "kind": "approval", "id": approval(&asked) }));
    // Nobody else is: neither who asked nor a stranger, nor somebody of another enterprise.
    let (legal, _) = log_in(&world, LEGAL).await;
    let stranger = verified(&world, &phone(5), "路人戊", &citizen(5)).await;
    for other in [&person, &legal, &stranger] {
        assert!(told(other).await.is_empty());
    }
    administrator.done(&world, &decision(&asked), &json!({ "pass": true })).await;
    // A second administrator is told too, and of the use of a certificate as well.
    let promoted = json!({ "account_id": account(&world, &person).await });
    administrator.done(&world, &format!("/v1/enterprises/{enterprise}/administrators"), &promoted).await;
    let clerk = member(&world, &administrator, &enterprise, 2).await;
    assert_eq!((told(&administrator).await.len(), told(&person).await.len()), (2, 1));
    let wanted = json!({
        "account_id": account(&world, &clerk).await, "platform_id": platform,
        "from_ms": world.now_ms(), "until_ms": world.now_ms() + DAY_MS,
    });
    clerk.done(&world, &format!("/v1/enterprises/{enterprise}/grants"), &wanted).await;
    assert_eq!((told(&administrator).await.len(), told(&person).await.len()), (3, 2));
    assert!(told(&clerk).await.is_empty());
    assert_eq!(problem(post(&world, &join_at(&enterprise), None, &json!({ "reason": "入职" })).await).0, 401);
}

#[tokio::test]
async fn c_36_several_enterprises_each_once_for_every_platform() {
    let world = staffed().await;
    let platform = platform(&world).await;
    let (administrator, first) = claimed(&world).await;
    // The same person administers one and works for another.
    world.clock.advance(1);
    let other = firm(2);
    let legal = verified(&world, "13900139004", &other.legal_name, &other.legal_number).await;
    let claim = drafted(&world, &legal, &other).await;
    let claimed = legal.done(&world, &format!("{claim}/sign"), &signing(&world, "13900139004").await).await;
    let second = claimed["enterprise_id"].as_str().unwrap().to_owned();
    let asked = administrator.done(&world, &join_at(&second), &json!({ "reason": "兼职" })).await;
    legal.done(&world, &decision(&asked), &json!({ "pass": true })).await;
    let list = async || {
        let found = administrator.see(&world, "/v1/enterprises-on-platforms").await;
        let each = found["enterprises"].as_array().unwrap().clone();
        each.into_iter()
            .map(|one| (one["enterprise_id"].clone(), one["platform_id"].clone(), one["roles"].clone()))
            .collect::<Vec<_>>()
    };
    let clerk = json!(["employee"]);
    assert_eq!(
        list().await,
        [(json!(second), Value::Null, clerk.clone()), (json!(first), Value::Null, json!(["administrator"])),]
    );
    // The use of a certificate on a platform is given: the enterprise is listed there.
    let mut wanted = json!({
        "account_id": account(&world, &administrator).await, "platform_id": platform,
        "from_ms": world.now_ms(), "until_ms": world.now_ms() + DAY_MS,
    });
    let code = signing(&world, "13900139004").await;
    wanted["code_id"] = code["code_id"].clone();
    wanted["code"] = code["code"].clone();
    legal.done(&world, &format!("/v1/enterprises/{second}/grants"), &wanted).await;
    assert_eq!(list().await[0], (json!(second), json!(platform), clerk));
    // Others see nothing of that.
    let (stranger, _) = log_in(&world, "13600136000").await;
    let none = stranger.see(&world, "/v1/enterprises-on-platforms").await;
    assert_eq!(none["enterprises"], json!([]));
}
