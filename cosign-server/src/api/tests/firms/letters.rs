//! Letters that are signed in the app.

use base64ct::{Base64, Encoding as _};

use super::*;
use crate::api::tests::enterprises::support::{CLAIMANT, NUMBER};

const PASSWORD: &str = "Abcdefg1";

fn drawn(page: u32, x: u32) -> Value {
    let stroke: Vec<_> = (0..40).map(|n| [f64::from(n), f64::from(n % 7)]).collect();
    json!({ "strokes": [stroke], "page": page, "x": x, "y": 2500 })
}

fn with(mut body: Value, mark: Value) -> Value {
    body["mark"] = mark;
    body
}

/// A member asks to use the certificate. The paths of the approval.
async fn asked(company: &Company, person: &Browser, member: &str) -> String {
    let now_ms = company.world().now_ms();
    let body = json!({
        "account_id": member, "holding_id": company.holding, "from_ms": now_ms, "until_ms": now_ms + DAY_MS,
        "reason": "投标需要",
    });
    let asked = person.done(company.world(), &company.at("grants"), &body).await;
    format!("/v1/approvals/{}", asked["approval_id"].as_str().unwrap())
}

fn is_png(mark: &Value) -> bool {
    Base64::decode_vec(mark["picture"].as_str().unwrap()).unwrap().starts_with(b"\x89PNG")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_16_letters_are_signed_with_a_signature_on_the_page() {
    let company = Company::new().await;
    let world = company.world();
    let (person, member) = company.member(1).await;
    let path = asked(&company, &person, &member).await;
    let letter = format!("{path}/letter");
    let before = person.see(world, &letter).await;
    assert_eq!(before["signatures"], json!([]));
    let text = before["text"].as_str().unwrap();
    assert!(
        text.contains(&firm(0).name) && text.contains("成员1") && text.contains("企业证书授权书"),
        "{text}"
    );
    // With the password of the account, or with a code.
    let (code_id, text) = code(world, LEGAL, "password").await;
    let set = json!({ "code_id": code_id, "code": text, "password": PASSWORD });
    company.stage.user.post(world, "/v1/account/password", &set).await;
    let pass = json!({ "pass": true, "password": PASSWORD });
    let decision = format!("{path}/decision");
    company.refused(&decision, &json!({ "pass": true }), 403, "code_invalid").await;
    company
        .refused(&decision, &json!({ "pass": true, "password": "Wrong123" }), 403, "password_invalid")
        .await;
    for mark in [drawn(0, 100), drawn(9, 100), drawn(1, 1900), json!({ "page": 1, "x": 1, "y": 1 })] {
        company.refused(&decision, &with(pass.clone(), mark), 400, "bad_request").await;
    }
    let organisation = json!({ "seal_id": company.seal("company").await, "page": 1, "x": 1, "y": 1 });
    company.refused(&decision, &with(pass.clone(), organisation), 400, "bad_request").await;
    let both = with(json!({ "pass": true }), drawn(1, 100));
    company.refused(&decision, &both, 400, "bad_request").await;
    company.done(&decision, &with(pass, drawn(1, 1200))).await;
    let signed = person.see(world, &letter).await["signatures"][0].clone();
    assert_eq!(signed["name"], json!(firm(0).legal_name));
    assert_eq!((&signed["mark"]["page"], &signed["mark"]["x"]), (&json!(1), &json!(1200)));
    assert!(is_png(&signed["mark"]));
    // Nobody else reads it.
    let (other, _) = company.member(2).await;
    assert_eq!(problem(other.get(world, &letter).await), (404, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_16_a_grant_that_is_given_at_once_and_a_place_that_is_handed_over() {
    let company = Company::new().await;
    let world = company.world();
    let (person, member) = company.member(1).await;
    let now_ms = world.now_ms();
    let mut body = json!({
        "account_id": member, "holding_id": company.holding, "from_ms": now_ms, "until_ms": now_ms + DAY_MS,
    });
    let code = signing(world, LEGAL).await;
    (body["code_id"], body["code"]) = (code["code_id"].clone(), code["code"].clone());
    let seal = json!({ "seal_id": company.seal("legal-seal").await, "page": 1, "x": 10, "y": 10 });
    let given = company.done(&company.at("grants"), &with(body, seal)).await;
    let letter = format!("/v1/grants/{}/letter", given["grant_id"].as_str().unwrap());
    for who in [&person, &company.stage.user] {
        let seen = who.see(world, &letter).await;
        assert!(is_png(&seen["signatures"][0]["mark"]));
    }
    let (other, to) = company.member(2).await;
    assert_eq!(problem(other.get(world, &letter).await), (403, "role_missing".to_owned()));
    // The place of an administrator.
    company.done(&company.at("administrators"), &json!({ "account_id": member })).await;
    let asked = person.done(world, &company.at("transfer"), &json!({ "account_id": to })).await;
    let path = format!("/v1/approvals/{}", asked["approval_id"].as_str().unwrap());
    let code = signing(world, LEGAL).await;
    let pass = json!({ "pass": true, "code_id": code["code_id"], "code": code["code"] });
    company.done(&format!("{path}/decision"), &with(pass, drawn(1, 1200))).await;
    let letter = person.see(world, &format!("{path}/letter")).await;
    assert!(letter["text"].as_str().unwrap().contains("管理员变更授权书"));
    assert!(is_png(&letter["signatures"][0]["mark"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_16_the_letter_of_a_claim() {
    const PHONE: &str = "13900139021";
    let company = Company::new().await;
    let (world, firm) = (company.world(), firm(1));
    let legal = verified(world, PHONE, &firm.legal_name, &firm.legal_number).await;
    let claimant = verified(world, CLAIMANT, "管理员甲", NUMBER).await;
    let claim = drafted(world, &claimant, &firm).await;
    claimant.done(world, &format!("{claim}/ask-legal"), &json!({})).await;
    let asked = claimant.see(world, "/v1/approvals").await;
    let path = format!("/v1/approvals/{}", asked["approvals"][0]["approval_id"].as_str().unwrap());
    let code = signing(world, PHONE).await;
    let pass = json!({ "pass": true, "code_id": code["code_id"], "code": code["code"] });
    legal.done(world, &format!("{path}/decision"), &with(pass, drawn(2, 1200))).await;
    let letter = claimant.see(world, &format!("{path}/letter")).await;
    let text = letter["text"].as_str().unwrap();
    assert!(text.contains("企业授权书") && text.contains(&firm.name) && text.contains("管理员甲"), "{text}");
    assert_eq!(
        (&letter["signatures"][0]["name"], &letter["signatures"][0]["mark"]["page"]),
        (&json!(firm.legal_name), &json!(2))
    );
    let rest = problem(company.stage.user.get(world, &format!("{path}/letter")).await);
    assert_eq!(rest, (404, "not_found".to_owned()));
}
