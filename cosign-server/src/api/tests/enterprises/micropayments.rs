//! A cent to the account of an enterprise, and what operators do when the register does not agree.

use serde_json::{Value, json};

use super::{
    super::{
        get,
        office::{Browser, log_in},
        post, problem,
    },
    support::*,
};
use crate::{
    domain::office::{Rules, micropayment::Micropayment},
    testing::World,
};

const ACCOUNT: &str = "6200000000001234";
const DAY_MS: u64 = 86_400_000;

fn to(account: &str) -> Value {
    json!({ "bank": "示例银行云中支行", "account": account })
}

fn at(claim: &str) -> String {
    format!("{claim}/micropayment")
}

/// Has a cent paid, and the bank do it.
async fn paid(world: &World, user: &Browser, claim: &str, account: &str) -> Value {
    let begun = user.done(world, &at(claim), &to(account)).await;
    assert_eq!((&begun["state"], &begun["sandbox"]), (&json!("ordered"), &json!(true)));
    world.office.work().await.unwrap();
    user.see(world, &at(claim)).await
}

/// What the remark in the newest entry of the statement says.
async fn remark(world: &World, account: &str) -> String {
    let (status, found) = get(world, &format!("/v1/sandbox/statement?account={account}"), None).await;
    assert_eq!(status.as_u16(), 200);
    let entry = &found["entries"][0];
    assert_eq!(entry["amount_fen"], 1);
    entry["remark"].as_str().unwrap().to_owned()
}

fn number(number: &str) -> Value {
    json!({ "number": number })
}

fn wrong(right: &str) -> Value {
    number(if right == "000000" { "000001" } else { "000000" })
}

async fn claimant(world: &World) -> Browser {
    verified(world, CLAIMANT, "管理员甲", NUMBER).await
}

#[tokio::test]
async fn c_13_a_cent_with_a_number_shows_who_reads_the_statement() {
    let world = World::new().await;
    let user = claimant(&world).await;
    let claim = drafted(&world, &user, &firm(4)).await;
    // An account, a letter, one's own claim.
    for (bank, account) in [("", ACCOUNT), ("示例银行", "1234567"), ("示例银行", "62000000x0001234")]
    {
        let body = json!({ "bank": bank, "account": account });
        user.refused(&world, &at(&claim), &body, 400, "bad_request").await;
    }
    let mut bare = form(&world, &user, &firm(5)).await;
    bare["letter"] = json!([]);
    let bare = user.done(&world, "/v1/claims", &bare).await;
    let bare = format!("/v1/claims/{}", bare["claim_id"].as_str().unwrap());
    user.refused(&world, &at(&bare), &to(ACCOUNT), 400, "bad_request").await;
    assert_eq!(problem(user.get(&world, &at(&claim)).await).0, 404, "none yet");
    let (other, _) = log_in(&world, LEGAL).await;
    other.refused(&world, &at(&claim), &to(ACCOUNT), 404, "not_found").await;
    assert_eq!(problem(post(&world, &at(&claim), None, &to(ACCOUNT)).await).0, 401);
    // The bank is asked again until it has done it, and does it once.
    world.bank.fail(1);
    user.done(&world, &at(&claim), &to("6200 0000-0000 1234")).await;
    world.office.work().await.unwrap();
    assert_eq!(user.see(&world, &at(&claim)).await["state"], "ordered");
    user.refused(&world, &format!("{}/enter", at(&claim)), &number("123456"), 409, "conflict").await;
    world.clock.advance(10_000);
    world.office.work().await.unwrap();
    let sent = user.see(&world, &at(&claim)).await;
    assert_eq!((&sent["state"], &sent["account"]), (&json!("sent"), &json!("6****4")));
    assert_eq!((&sent["bank"], world.bank.payments()), (&json!("示例银行云中支行"), 1));
    assert!(is_told(&world, &user, "micropayment-sent").await);
    assert_eq!(user.done(&world, &format!("{}/ask", at(&claim)), &json!({})).await["state"], "arrived");
    for path in [at(&claim), format!("{}/ask", at(&claim))] {
        assert_eq!(problem(other.get(&world, &at(&claim)).await).0, 404, "{path}");
    }
    let right = remark(&world, ACCOUNT).await;
    assert!(right.len() == 6 && right.bytes().all(|digit| digit.is_ascii_digit()));
    let enter = format!("{}/enter", at(&claim));
    other.refused(&world, &enter, &number(&right), 404, "not_found").await;
    user.refused(&world, &enter, &wrong(&right), 403, "code_invalid").await;
    assert_eq!(user.see(&world, &at(&claim)).await["tries_left"], 4);
    let done = user.done(&world, &enter, &number(&right)).await;
    // Nobody looks at it by default, for the register agrees.
    assert_eq!((&done["state"], &done["way"]), (&json!("accepted"), &json!("account")));
    let path = format!("/v1/enterprises/{}", done["enterprise_id"].as_str().unwrap());
    assert_eq!(user.see(&world, &path).await["manages"], true);
    user.refused(&world, &enter, &number(&right), 409, "conflict").await;
    let over = user.see(&world, &at(&claim)).await;
    assert_eq!(
        (&over["state"], &over["account"], &over["bank"]),
        (&json!("matched"), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn c_13_numbers_are_guessed_seldom_and_good_for_a_while() {
    let world = World::new().await;
    let user = claimant(&world).await;
    let claim = drafted(&world, &user, &firm(4)).await;
    let enter = format!("{}/enter", at(&claim));
    paid(&world, &user, &claim, ACCOUNT).await;
    let first = remark(&world, ACCOUNT).await;
    for left in (0..5).rev() {
        user.refused(&world, &enter, &wrong(&first), 403, "code_invalid").await;
        assert_eq!(user.see(&world, &at(&claim)).await["tries_left"], left);
    }
    assert_eq!(user.see(&world, &at(&claim)).await["state"], "exhausted");
    user.refused(&world, &enter, &number(&first), 409, "conflict").await;
    // An account that is none, at once or later; then the next one takes the place of what is under way.
    assert_eq!(paid(&world, &user, &claim, "6200000000000000").await["state"], "bounced");
    assert!(is_told(&world, &user, "micropayment-bounced").await);
    paid(&world, &user, &claim, "6200000000000001").await;
    assert_eq!(user.done(&world, &format!("{}/ask", at(&claim)), &json!({})).await["state"], "bounced");
    user.refused(&world, &at(&claim), &to(ACCOUNT), 429, "too_many_requests").await;
    world.clock.advance(DAY_MS);
    let user = log_in(&world, CLAIMANT).await.0;
    // One that arrives late.
    paid(&world, &user, &claim, "6200000000000002").await;
    for state in ["sent", "sent", "arrived"] {
        assert_eq!(user.done(&world, &format!("{}/ask", at(&claim)), &json!({})).await["state"], state);
    }
    let late = remark(&world, "6200000000000002").await;
    paid(&world, &user, &claim, ACCOUNT).await;
    let newest = remark(&world, ACCOUNT).await;
    if late != newest {
        user.refused(&world, &enter, &number(&late), 403, "code_invalid").await;
    }
    world.clock.advance(7 * DAY_MS);
    world.office.work().await.unwrap();
    let user = log_in(&world, CLAIMANT).await.0;
    assert_eq!(user.see(&world, &at(&claim)).await["state"], "expired");
    user.refused(&world, &enter, &number(&newest), 409, "conflict").await;
    // What was proven is not good for another name.
    paid(&world, &user, &claim, ACCOUNT).await;
    let right = remark(&world, ACCOUNT).await;
    let other = form(&world, &user, &firm(6)).await;
    user.done(&world, &format!("{claim}/form"), &other).await;
    user.refused(&world, &enter, &number(&right), 403, "code_invalid").await;
    assert_eq!(user.see(&world, &claim).await["state"], "draft");
    // The account is gone, and with it where the cents went.
    let owner = account(&world, &user).await.parse().unwrap();
    let list = async || {
        let page = crate::domain::page::Page::default();
        world.office.under::<Micropayment>(owner, &page).await.unwrap().items.len()
    };
    assert!(list().await > 0);
    let cancel = super::super::office::cancelling(&world, CLAIMANT).await;
    user.done(&world, "/v1/account/cancel", &cancel).await;
    world.clock.advance(31 * DAY_MS);
    world.office.work().await.unwrap();
    assert_eq!(list().await, 0);
}

#[tokio::test]
async fn c_15_what_the_register_does_not_confirm_is_looked_at_by_somebody() {
    let world = World::new().await;
    staff(&world).await;
    let user = claimant(&world).await;
    let mut stranger = firm(4);
    stranger.legal_name = "路人丙".to_owned();
    let claim = drafted(&world, &user, &stranger).await;
    assert_eq!(user.see(&world, &claim).await["registered"], false);
    // By the account: the right number is not enough then.
    paid(&world, &user, &claim, ACCOUNT).await;
    let enter = format!("{}/enter", at(&claim));
    let shown = user.done(&world, &enter, &number(&remark(&world, ACCOUNT).await)).await;
    assert_eq!((&shown["state"], &shown["way"]), (&json!("review"), &json!("account")));
    let id = approval(&newest(&world, &user).await);
    let path = format!("/v1/operator/approvals/{id}/claim");
    let (_, seen) = get(&world, &path, Some(REVIEWERS[0])).await;
    assert_eq!((&seen["way"], &seen["registered"]), (&json!("account"), &json!(false)));
    // Only reviewers decide, and say why when they are against it.
    for other in OTHERS {
        assert_eq!(review(&world, other, &id, &json!({ "pass": true })).await.1, "role_missing");
    }
    let back = json!({ "pass": false, "ground": "wrong", "words": "法定代表人与登记不符" });
    assert_eq!(review(&world, REVIEWERS[0], &id, &back).await.0, 204);
    let returned = user.see(&world, &claim).await;
    assert_eq!((&returned["state"], &returned["way"]), (&json!("draft"), &Value::Null));
    // Corrected, and by the other way: a letter alone, which two look at.
    let good = form(&world, &user, &firm(4)).await;
    assert_eq!(user.done(&world, &format!("{claim}/form"), &good).await["registered"], true);
    world.clock.advance(1);
    user.done(&world, &format!("{claim}/submit"), &json!({})).await;
    let id = approval(&newest(&world, &user).await);
    for reviewer in REVIEWERS {
        assert_eq!(review(&world, reviewer, &id, &json!({ "pass": true, "words": "属实" })).await.0, 204);
    }
    assert_eq!(user.see(&world, &claim).await["state"], "accepted");
}

#[tokio::test]
async fn what_the_rules_leave_out_is_not_offered() {
    let claim_ways = vec![crate::domain::office::claim::Way::Letter];
    let world = World::with_rules(Rules { claim_ways, ..Rules::default() }).await;
    let user = claimant(&world).await;
    let claim = drafted(&world, &user, &firm(4)).await;
    let (status, refused) = user.post(&world, &at(&claim), &to(ACCOUNT)).await;
    assert_eq!((status.as_u16(), &refused["code"]), (501, &json!("not_offered")));
}
