//! Who may seal with what, from when until when.

use super::*;
use crate::api::tests::{
    clients::{fetch, read},
    enterprises::support::is_told,
};

/// A company with a finance seal besides, two members, and their accounts.
async fn start() -> (Company, [String; 2], [(Browser, String); 2]) {
    let company = Company::new().await;
    let own = company.stage.account.clone();
    let finance = company.drawn("finance", Some(&own)).await["seal_id"].as_str().unwrap().to_owned();
    let seals = [company.seal("company").await, finance];
    let members = [company.member(1).await, company.member(2).await];
    (company, seals, members)
}

/// From now on for some days.
fn period(world: &World, days: u64) -> (Value, Value) {
    (world.now_ms().into(), (world.now_ms() + days * DAY_MS).into())
}

fn authorisation(world: &World, seals: &[&str], members: &[&str], days: u64) -> Value {
    let (from_ms, until_ms) = period(world, days);
    json!({ "seal_ids": seals, "account_ids": members, "from_ms": from_ms, "until_ms": until_ms })
}

impl Company {
    /// Seals one document with what the platform named. Whoever is logged in does.
    async fn seals_document(&self, seal: &str) -> (String, Value) {
        let stage = &self.stage;
        let (id, _) = stage.whole("seal", json!({ "seal_id": seal })).await;
        let items = json!({ "items": [{ "name": "a.pdf", "form": "digest", "content": "05".repeat(32) }] });
        stage.platform(&format!("/v1/client/scans/{id}/items"), &items).await;
        let scan = stage.user.see(stage.world(), &format!("/v1/scans/{id}")).await;
        (id, scan)
    }

    /// Whoever is logged in does not choose the certificate to seal with.
    async fn refuses_to_seal(&self, seal: &str, status: u16) {
        let stage = &self.stage;
        let scan = stage.scan(&stage.ask("seal", json!({ "seal_id": seal })).await).await;
        let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
        let (given, answer) = stage.user.post(stage.world(), &choose, &stage.certificate).await;
        assert_eq!(given.as_u16(), status, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_26_a_member_is_authorised_for_seals_for_a_period() {
    let (mut company, [seal, finance], [(person, member), (_, other)]) = start().await;
    let path = company.at("seal-grants");
    let world = company.world();
    // Who manages the enterprise does, within the time of the certificate, for its own seals and members.
    let body = authorisation(world, &[&seal], &[&member], 10);
    person.refused(world, &path, &body, 403, "role_missing").await;
    let stranger = verified(world, &phone(8), "路人", &citizen(8)).await;
    stranger.refused(world, &path, &body, 404, "not_found").await;
    let outside = account(world, &stranger).await;
    let nothing = "0".repeat(32);
    let wrong = [
        authorisation(world, &[&seal], &[&member], 400),
        authorisation(world, &[&seal], &[&member], 0),
        authorisation(world, &[], &[&member], 10),
        authorisation(world, &[&seal], &[], 10),
    ];
    for wrong in &wrong {
        company.refused(&path, wrong, 400, "bad_request").await;
    }
    for wrong in
        [authorisation(world, &[&seal], &[&outside], 10), authorisation(world, &[&nothing], &[&member], 10)]
    {
        company.refused(&path, &wrong, 404, "not_found").await;
    }
    company.done(&path, &body).await;
    assert!(is_told(world, &person, "granted").await);
    company.refused(&path, &body, 409, "conflict").await;
    // The member sees it, and seals with it and no other.
    let list = format!("/v1/seals?enterprise_id={}", company.id);
    let seen = person.see(world, &list).await;
    assert_eq!((seen["seals"].as_array().unwrap().len(), &seen["seals"][0]["seal_id"]), (1, &json!(seal)));
    for rest in ["", "/picture"] {
        assert_eq!(person.asked_for(world, &format!("/v1/seals/{seal}{rest}")).await, 200);
        assert_eq!(person.asked_for(world, &format!("/v1/seals/{finance}{rest}")).await, 404);
    }
    assert_eq!(person.asked_for(world, &format!("/v1/seals/{seal}/data")).await, 200);
    company.stage.user = log_in_on(world, &phone(1), Some(DEVICE)).await.0;
    company.refuses_to_seal(&finance, 404).await;
    let (id, scan) = company.seals_document(&seal).await;
    company.stage.sign(&scan).await;
    let end = json!({ "end": "finish" });
    let ended = company.stage.platform(&format!("/v1/client/scans/{id}/end"), &end).await;
    assert_eq!(ended["state"], "succeeded");
    // For anything else the certificate is not theirs to use.
    let scan = company.stage.scan(&company.stage.ask("login", json!({})).await).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    company.stage.user.refused(company.world(), &choose, &company.stage.certificate, 409, "conflict").await;
    // Another member was not authorised.
    company.stage.user = log_in_on(company.world(), &phone(2), Some(DEVICE)).await.0;
    company.refuses_to_seal(&seal, 404).await;
    // The seal was used: it is not deleted any more.
    company.again().await;
    assert_eq!(company.see(&format!("/v1/seals/{seal}")).await["used"], true);
    company.refused(&format!("/v1/seals/{seal}/delete"), &json!({}), 409, "conflict").await;
    assert_ne!(member, other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_26_only_within_the_period() {
    let (mut company, [seal, _], [(_, member), _]) = start().await;
    let world = company.world();
    let (from_ms, until_ms) = (world.now_ms() + 2 * DAY_MS, world.now_ms() + 4 * DAY_MS);
    let body = json!({
        "seal_ids": [seal], "account_ids": [member], "from_ms": from_ms, "until_ms": until_ms,
    });
    company.done(&company.at("seal-grants"), &body).await;
    company.stage.user = log_in_on(company.world(), &phone(1), Some(DEVICE)).await.0;
    company.refuses_to_seal(&seal, 404).await;
    company.world().clock.advance(2 * DAY_MS);
    company.stage.user = log_in_on(company.world(), &phone(1), Some(DEVICE)).await.0;
    // It is chosen just before the end, and not signed with after it.
    let now_ms = company.world().now_ms();
    company.world().clock.advance(until_ms - now_ms - 90_000);
    company.stage.user = log_in_on(company.world(), &phone(1), Some(DEVICE)).await.0;
    let (id, scan) = company.stage.chosen("seal", json!({ "seal_id": seal })).await;
    let signed = json!({ "signatures": company.stage.signatures(&scan["to_sign"]).await });
    company.world().clock.advance(60_000);
    company
        .stage
        .user
        .refused(company.world(), &format!("/v1/scans/{id}/sign"), &signed, 404, "not_found")
        .await;
    company.refuses_to_seal(&seal, 404).await;
    company.world().office.work().await.unwrap();
    company.again().await;
    assert_eq!(company.see(&company.at("seal-grants")).await["grants"], json!([]));
    let all = company.see(&company.at("grants")).await;
    assert_eq!(all["grants"][0]["state"], "expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_27_several_members_and_seals_in_one_submission() {
    let (company, [seal, finance], [(_, one), (_, two)]) = start().await;
    let world = company.world();
    let path = company.at("seal-grants");
    // One that cannot be given is reason to give none.
    let mut wrong = authorisation(world, &[&seal, &finance], &[&one, &two], 10);
    wrong["seal_ids"] = json!([seal, "0".repeat(32)]);
    company.refused(&path, &wrong, 404, "not_found").await;
    assert_eq!(company.see(&path).await["grants"], json!([]));
    let given = company.authorised(&[&seal, &finance], &[&one, &two], 10).await;
    assert_eq!(given.len(), 4);
    assert_eq!(company.see(&path).await["grants"].as_array().unwrap().len(), 4);
    let many: Vec<_> = (0..51).map(|n| format!("{n:032x}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    company.refused(&path, &authorisation(world, &many, &[&one], 10), 400, "bad_request").await;
    company.refused(&path, &authorisation(world, &many[..20], &many[..20], 10), 400, "bad_request").await;
    // A request that names itself gives them once.
    let body = authorisation(world, &[&seal], &[&company.stage.account], 10).to_string();
    let send_it = async || {
        let asked = company.stage.user.asks(Method::POST, &path);
        let asked = asked.header(header::CONTENT_TYPE, "application/json").header("idempotency-key", "once");
        send(world, asked.body(Body::from(body.clone())).unwrap()).await
    };
    let first = send_it().await;
    assert_eq!(first.0, StatusCode::CREATED, "{}", first.1);
    assert_eq!(send_it().await, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_28_what_is_withdrawn_ends_at_once() {
    let (mut company, [seal, finance], [(person, one), (_, two)]) = start().await;
    company.authorised(&[&seal, &finance], &[&one, &two], 10).await;
    let withdraw = company.at("seal-grants/withdraw");
    let world = company.world();
    let body = json!({ "account_id": one, "seal_ids": [seal] });
    person.refused(world, &withdraw, &body, 403, "role_missing").await;
    let legal = log_in_on(world, LEGAL, Some(DEVICE)).await.0;
    let user = log_in_on(world, &phone(1), Some(DEVICE)).await.0;
    company.stage.user = user;
    // While a document waits to be signed.
    let (id, scan) = company.seals_document(&seal).await;
    let signed = json!({ "signatures": company.stage.signatures(&scan["to_sign"]).await });
    let world = company.world();
    legal.done(world, &withdraw, &body).await;
    company.stage.user.refused(world, &format!("/v1/scans/{id}/sign"), &signed, 404, "not_found").await;
    assert!(is_told(world, &company.stage.user, "grant-withdrawn").await);
    company.refuses_to_seal(&seal, 404).await;
    legal.refused(world, &withdraw, &body, 404, "not_found").await;
    // All that a person has, and of nobody else.
    legal.done(world, &withdraw, &json!({ "account_id": one })).await;
    let left = legal.see(world, &company.at("seal-grants")).await;
    let left = left["grants"].as_array().unwrap();
    assert!(left.len() == 2 && left.iter().all(|grant| grant["account_id"] == json!(two)));
    // A cancelled seal is nobody's, and neither is one of a revoked certificate.
    legal.done(world, &format!("/v1/seals/{seal}/cancel"), &json!({})).await;
    assert_eq!(legal.see(world, &company.at("seal-grants")).await["grants"].as_array().unwrap().len(), 1);
    let revoke = json!({ "business": "revoke", "holding_id": company.holding, "agreement": "1" });
    let application = legal.done(world, "/v1/applications", &revoke).await;
    authorised(world, &legal, LEGAL, &at(&application)).await;
    assert_eq!(review(world, &at(&application), true).await.1["state"], "closed");
    assert_eq!(legal.see(world, &company.at("seal-grants")).await["grants"], json!([]));
    let seals = legal.see(world, &format!("/v1/seals?enterprise_id={}", company.id)).await;
    assert!(seals["seals"].as_array().unwrap().iter().all(|seal| seal["state"] == "cancelled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_28_it_ends_with_the_membership() {
    let (company, [seal, _], [(person, one), _]) = start().await;
    let world = company.world();
    company.authorised(&[&seal], &[&one], 10).await;
    person.done(world, &company.at("leave"), &json!({})).await;
    assert_eq!(company.see(&company.at("seal-grants")).await["grants"], json!([]));
    assert_eq!(problem(person.get(world, &format!("/v1/seals/{seal}")).await), (404, "not_found".to_owned()));
    // Nor does it come back with another membership.
    let asked = person.done(world, &company.at("join"), &json!({ "reason": "再次入职" })).await;
    let decision = format!("/v1/approvals/{}/decision", asked["approval_id"].as_str().unwrap());
    company.done(&decision, &json!({ "pass": true })).await;
    assert_eq!(problem(person.get(world, &format!("/v1/seals/{seal}")).await), (404, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_29_who_is_authorised_for_what() {
    let (company, [seal, finance], [(person, one), (_, two)]) = start().await;
    let world = company.world();
    company.authorised(&[&seal], &[&one], 10).await;
    world.clock.advance(1);
    company.authorised(&[&finance], &[&one, &two], 20).await;
    let path = company.at("seal-grants");
    let all = company.see(&path).await;
    let all = all["grants"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|grant| grant["kind"] == "seal" && grant["state"] == "active"));
    assert_eq!((&all[2]["name"], &all[2]["seal_id"]), (&json!("成员1"), &json!(seal)));
    let of_one = company.see(&format!("{path}?seal_id={finance}")).await;
    assert_eq!(of_one["grants"].as_array().unwrap().len(), 2);
    let pages = company.see(&format!("{path}?limit=2")).await;
    assert_eq!(pages["grants"].as_array().unwrap().len(), 2);
    assert!(!pages["next"].is_null(), "{pages}");
    assert_eq!(problem(person.get(world, &path).await), (403, "role_missing".to_owned()));
    let stranger = verified(world, &phone(8), "路人", &citizen(8)).await;
    assert_eq!(problem(stranger.get(world, &path).await), (404, "not_found".to_owned()));
    let nothing = format!("{path}?seal_id={}", "0".repeat(32));
    assert_eq!(problem(company.stage.user.get(world, &nothing).await), (404, "not_found".to_owned()));
    // Everybody sees what is theirs.
    assert_eq!(person.see(world, "/v1/grants").await["grants"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_05_a_member_asks_for_seals_and_an_administrator_decides() {
    let (company, [seal, finance], [(person, _), (other, _)]) = start().await;
    let world = company.world();
    let path = company.at("seal-requests");
    let (from_ms, until_ms) = period(world, 10);
    let body = json!({
        "seal_ids": [seal, finance], "from_ms": from_ms, "until_ms": until_ms, "reason": "投标盖章",
    });
    let stranger = verified(world, &phone(8), "路人", &citizen(8)).await;
    stranger.refused(world, &path, &body, 404, "not_found").await;
    let mut wrong = body.clone();
    wrong["reason"] = "".into();
    person.refused(world, &path, &wrong, 400, "bad_request").await;
    let asked = person.done(world, &path, &body).await["asked"].clone();
    person.refused(world, &path, &body, 409, "conflict").await;
    assert_eq!(asked.as_array().unwrap().len(), 2);
    assert!(is_told(world, &company.stage.user, "approval-asked").await);
    let inbox = company.see(&company.at("approvals?kind=seal")).await;
    assert_eq!(inbox["approvals"].as_array().unwrap().len(), 2);
    let decision =
        |which: usize| format!("/v1/approvals/{}/decision", asked[which]["approval_id"].as_str().unwrap());
    let pass = json!({ "pass": true });
    // Not the member, not another one.
    for who in [&person, &other] {
        let answer = problem(who.post(world, &decision(0), &pass).await);
        assert_eq!(answer, (403, "role_missing".to_owned()));
    }
    let sees = async || person.see(world, "/v1/grants").await["grants"].as_array().unwrap().len();
    assert_eq!(sees().await, 0);
    company.done(&decision(0), &pass).await;
    let back = json!({ "pass": false, "ground": "unwanted", "words": "不需要" });
    company.done(&decision(1), &back).await;
    assert_eq!(sees().await, 1);
    // What is gone when it is decided on is not given; it can still be returned.
    let mut again = body.clone();
    again["seal_ids"] = json!([finance]);
    let asked = person.done(world, &path, &again).await["asked"].clone();
    company.done(&format!("/v1/seals/{finance}/cancel"), &json!({})).await;
    let decision = format!("/v1/approvals/{}/decision", asked[0]["approval_id"].as_str().unwrap());
    company.refused(&decision, &pass, 409, "conflict").await;
    company.done(&decision, &back).await;
    assert_eq!(sees().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_08_members_are_offered_the_seals_that_they_were_authorised_for() {
    let (mut company, [seal, finance], [(_, member), _]) = start().await;
    company.authorised(&[&seal], &[&member], 10).await;
    company.stage.user = log_in_on(company.world(), &phone(1), Some(DEVICE)).await.0;
    let stage = &company.stage;
    let (id, _) = stage.whole("seal", json!({})).await;
    let path = format!("/v1/client/scans/{id}");
    let (_, found) = read(stage.world(), &stage.client, &format!("{path}/seals")).await;
    let offered: Vec<_> =
        found["seals"].as_array().unwrap().iter().map(|one| one["seal_id"].clone()).collect();
    assert_eq!(offered, [json!(seal)]);
    let wanted = |seal: &str| json!({ "name": "a", "seal_id": seal, "digest": "07".repeat(32), "property_info": "a.pdf" });
    let sealings = format!("{path}/sealings");
    stage.refused_platform(&sealings, &wanted(&finance), 404, "not_found").await;
    stage.platform(&sealings, &wanted(&seal)).await;
    let scan = stage.user.see(stage.world(), &format!("/v1/scans/{id}")).await;
    stage.sign(&scan).await;
    let (_, der) = fetch(stage.world(), &stage.client, &format!("{path}/results/0/sealed")).await;
    ::seal::ses::SealedData::parse(&der).unwrap().verify_signature().unwrap();
}
