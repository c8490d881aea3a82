//! Certificates of an enterprise: applied for, reviewed, installed, used.

use super::*;
use crate::api::tests::enterprises::support::{decide, is_told, newest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_04_apply_for_an_enterprise_certificate() {
    let company = Company::new().await;
    let world = company.world();
    let holding = company.see(&format!("/v1/holdings/{}", company.holding)).await;
    assert_eq!((&holding["holder"], &holding["holder_id"]), (&json!("enterprise"), &json!(company.id)));
    let subject = holding["subject"].as_str().unwrap();
    let firm = firm(0);
    assert!(subject.contains(&firm.name) && subject.contains(&firm.uscc), "{subject}");
    // One for a platform.
    let again = wanted(&company.id, None);
    company.refused("/v1/applications", &again, 409, "conflict").await;
    let listed = company.see(&format!("/v1/holdings?enterprise_id={}", company.id)).await;
    assert_eq!(listed["holdings"].as_array().unwrap().len(), 1);
    // The form says whose it is to be.
    let other = company.done("/v1/applications", &wanted(&company.id, Some("hubei"))).await;
    let form = company.see(&format!("{}/form", at(&other))).await.to_string();
    assert!(form.contains(&firm.name) && form.contains(&firm.uscc), "{form}");
    // A member applies for nothing and sees no application, and a stranger knows of nothing.
    let (person, _) = company.member(1).await;
    let asked = wanted(&company.id, Some("hunan"));
    person.refused(world, "/v1/applications", &asked, 403, "role_missing").await;
    assert_eq!(problem(person.get(world, &at(&other)).await), (403, "role_missing".to_owned()));
    let list = format!("/v1/applications?enterprise_id={}", company.id);
    assert_eq!(problem(person.get(world, &list).await).0, 403);
    let stranger = verified(world, &phone(8), "路人", &citizen(8)).await;
    stranger.refused(world, "/v1/applications", &asked, 404, "not_found").await;
    assert_eq!(problem(stranger.get(world, &at(&other)).await), (404, "not_found".to_owned()));
    for step in ["confirm", "withdraw"] {
        stranger.refused(world, &format!("{}/{step}", at(&other)), &json!({}), 404, "not_found").await;
        person.refused(world, &format!("{}/{step}", at(&other)), &json!({}), 403, "role_missing").await;
    }
    let one = format!("/v1/holdings/{}", company.holding);
    assert_eq!(problem(person.get(world, &one).await).0, 403);
    assert_eq!(problem(stranger.get(world, &one).await).0, 404);
    assert_eq!(
        problem(stranger.get(world, &format!("/v1/holdings?enterprise_id={}", company.id)).await).0,
        404
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_04_membership_is_judged_at_review_and_at_installation() {
    let company = Company::new().await;
    let world = company.world();
    let (person, member) = company.member(1).await;
    company.done(&company.at("administrators"), &json!({ "account_id": member })).await;
    // Only the first one is reviewed.
    let application = person.done(world, "/v1/applications", &wanted(&company.id, Some("hubei"))).await;
    let path = at(&application);
    assert_eq!(authorised(world, &person, &phone(1), &path).await, "approved");
    // Another one who manages the enterprise sees it, does not install it, and may withdraw it.
    company.see(&path).await;
    let (other, key) = phone_with_key(world, 10).await;
    let (legal, _) = log_in_on(world, LEGAL, None).await;
    let refused = install(world, &legal, (&other, &key), &path).await;
    assert_eq!(problem(refused), (404, "not_found".to_owned()));
    // Who left installs nothing; what was under way is over.
    person.done(world, &company.at("leave"), &json!({})).await;
    let refused = install(world, &person, (&other, &key), &path).await;
    assert_eq!(problem(refused), (404, "not_found".to_owned()));
    assert_eq!(company.see(&path).await["state"], "withdrawn");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_04_a_reviewer_passes_nothing_of_who_does_not_manage_the_enterprise_any_more() {
    let (stage, enterprise) = founded().await;
    let world = stage.world();
    let person = member(world, &stage.user, &enterprise, 1).await;
    let id = account(world, &person).await;
    let hand_over = format!("/v1/enterprises/{enterprise}/transfer");
    stage.user.done(world, &hand_over, &json!({ "account_id": id })).await;
    let application = person.done(world, "/v1/applications", &wanted(&enterprise, None)).await;
    let path = at(&application);
    assert_eq!(authorised(world, &person, &phone(1), &path).await, "review");
    person.done(world, &hand_over, &json!({ "account_id": stage.account })).await;
    let asked = newest(world, &person).await;
    let approval = format!("/v1/approvals/{}", asked["approval_id"].as_str().unwrap());
    decide(world, &stage.user, &approval, LEGAL).await;
    assert_eq!(problem(review(world, &path, true).await), (409, "conflict".to_owned()));
    assert_eq!(review(world, &path, false).await.1["state"], "returned");
    stage.user.done(world, &format!("{path}/withdraw"), &json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_04_who_leaves_keeps_no_key_of_the_enterprise() {
    let company = Company::new().await;
    let world = company.world();
    let (person, member) = company.member(1).await;
    company.done(&company.at("administrators"), &json!({ "account_id": member })).await;
    let application = person.done(world, "/v1/applications", &wanted(&company.id, Some("hubei"))).await;
    let path = at(&application);
    authorised(world, &person, &phone(1), &path).await;
    let (other, key) = phone_with_key(world, 10).await;
    let (status, done) = install(world, &person, (&other, &key), &path).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    company.done(&company.at(&format!("members/{member}/remove")), &json!({})).await;
    let holding = format!("/v1/holdings/{}", done["holding_id"].as_str().unwrap());
    assert_eq!(company.see(&holding).await["state"], "revoked");
    assert_eq!(company.see(&format!("/v1/holdings/{}", company.holding)).await["state"], "valid");
    let digest = cosign_core::Digest::reduce(&[7; 32]);
    assert!(other.sign(world, &key, digest).await.is_err(), "its share is gone");
}

/// What a grant for a certificate that there is says.
async fn use_of(company: &Company, who: &str) -> Value {
    let now_ms = company.world().now_ms();
    json!({
        "account_id": who, "holding_id": company.holding, "from_ms": now_ms, "until_ms": now_ms + 30 * DAY_MS,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_06_a_member_asks_to_use_a_certificate_that_there_is() {
    let company = Company::new().await;
    let world = company.world();
    let (person, member) = company.member(1).await;
    // A member chooses one of them, and says who administers the enterprise, or why.
    let listed = person.see(world, &format!("/v1/holdings?enterprise_id={}", company.id)).await;
    assert_eq!(listed["holdings"][0]["holding_id"], json!(company.holding));
    let grants = company.at("grants");
    let bare = use_of(&company, &member).await;
    person.refused(world, &grants, &bare, 400, "bad_request").await;
    let mut wrong = bare.clone();
    (wrong["administrator_name"], wrong["administrator_digits"]) = (json!("张三"), json!("0000"));
    person.refused(world, &grants, &wrong, 409, "conflict").await;
    let mut known = wrong.clone();
    known["administrator_digits"] = json!(&LEGAL[LEGAL.len() - 4..]);
    let asked = person.done(world, &grants, &known).await;
    assert!(is_told(world, &company.stage.user, "approval-asked").await);
    let approval = format!("/v1/approvals/{}", asked["approval_id"].as_str().unwrap());
    decide(world, &company.stage.user, &approval, LEGAL).await;
    let grant = person.see(world, "/v1/grants").await["grants"][0].clone();
    assert_eq!((&grant["kind"], &grant["holding_id"]), (&json!("holding"), &json!(company.holding)));
    // Once, until the certificate ends at the latest, and for those of the enterprise alone.
    let mut why = bare.clone();
    why["reason"] = json!("投标需要");
    person.refused(world, &grants, &why, 409, "conflict").await;
    (why["from_ms"], why["until_ms"]) =
        ((world.now_ms() + 40 * DAY_MS).into(), (world.now_ms() + 400 * DAY_MS).into());
    person.refused(world, &grants, &why, 400, "bad_request").await;
    why["until_ms"] = (world.now_ms() + 50 * DAY_MS).into();
    why["holding_id"] = "0".repeat(32).into();
    person.refused(world, &grants, &why, 404, "not_found").await;
    why["holding_id"] = company.holding.clone().into();
    why["platform_id"] = "0".repeat(32).into();
    person.refused(world, &grants, &why, 400, "bad_request").await;
    // An explanation will do too.
    why.as_object_mut().unwrap().remove("platform_id");
    let asked = person.done(world, &grants, &why).await;
    assert!(asked["approval_id"].is_string());
    // Too many wrong guesses are not looked at.
    for body in [&mut wrong, &mut known] {
        body["from_ms"] = (world.now_ms() + 60 * DAY_MS).into();
        body["until_ms"] = (world.now_ms() + 61 * DAY_MS).into();
    }
    for _ in 0..4 {
        person.refused(world, &grants, &wrong, 409, "conflict").await;
    }
    person.refused(world, &grants, &known, 429, "too_many_requests").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_15_who_may_uses_the_certificate_of_the_enterprise() {
    let mut company = Company::new().await;
    let (person, member) = company.colleague(1).await;
    let legal = std::mem::replace(&mut company.stage.user, person);
    let stage = &company.stage;
    let world = stage.world();
    let code = stage.ask("login", json!({})).await;
    let scan = stage.scan(&code).await;
    let offered = |scan: &Value| {
        let all = scan["certificates"].as_array().unwrap();
        let one = all.iter().find(|one| one["serial"] == stage.certificate["serial"]).unwrap();
        (one["enterprise_id"].clone(), one["usable"].clone(), one["obstacle"].clone())
    };
    assert_eq!(offered(&scan), (json!(company.id), json!(false), json!("not-granted")));
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    stage.user.refused(world, &choose, &stage.certificate, 409, "conflict").await;
    // The legal representative gives it.
    let mut body = use_of(&company, &member).await;
    let code = signing(world, LEGAL).await;
    (body["code_id"], body["code"]) = (code["code_id"].clone(), code["code"].clone());
    let given = legal.done(world, &company.at("grants"), &body).await;
    for kind in ["login", "encrypt"] {
        stage.whole(kind, json!({})).await;
    }
    // It must be paid for too, by the enterprise.
    let platform = stage.catalogued("M1100000001").await;
    let scan = stage.scan(&stage.ask("login", json!({})).await).await;
    assert_eq!(offered(&scan), (json!(company.id), json!(false), json!("not-paid")));
    let owner = company.id.parse().unwrap();
    world.office.assume_bought(owner, platform, crate::domain::office::catalogue::Service::Ca, 2).await;
    let (_, done) = stage.whole("login", json!({})).await;
    assert_eq!(done["state"], "succeeded");
    // What is taken back is not signed with any more, though it was chosen.
    let (id, scan) = stage.chosen("login", json!({})).await;
    let signed = json!({ "signatures": stage.signatures(&scan["to_sign"]).await });
    let withdraw = format!("/v1/grants/{}/withdraw", given["grant_id"].as_str().unwrap());
    legal.done(world, &withdraw, &json!({})).await;
    stage.user.refused(world, &format!("/v1/scans/{id}/sign"), &signed, 409, "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_15_a_certificate_is_not_that_of_another_enterprise() {
    let company = Company::new().await;
    let world = company.world();
    let (rival, theirs) = company.rival().await;
    let list = format!("/v1/holdings?enterprise_id={}", company.id);
    assert_eq!(problem(rival.get(world, &list).await), (404, "not_found".to_owned()));
    let consequences = format!("/v1/holdings/{}/consequences", company.holding);
    assert_eq!(problem(rival.get(world, &consequences).await), (404, "not_found".to_owned()));
    // Even with the phone in hand it is not used for theirs, nor for the one that it is of.
    let code = company.stage.ask("login", json!({})).await;
    let scan = rival.done(world, "/v1/scans", &json!({ "code": code["code"] })).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    let mut chosen = company.stage.certificate.clone();
    rival.refused(world, &choose, &chosen, 404, "not_found").await;
    chosen["enterprise_id"] = theirs.into();
    rival.refused(world, &choose, &chosen, 409, "conflict").await;
    // Nor does anybody apply for another one's, or end it.
    rival.refused(world, "/v1/applications", &wanted(&company.id, Some("hubei")), 404, "not_found").await;
    let end = json!({ "business": "revoke", "holding_id": company.holding, "agreement": "1" });
    rival.refused(world, "/v1/applications", &end, 404, "not_found").await;
}
