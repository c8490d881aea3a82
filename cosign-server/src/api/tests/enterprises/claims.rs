//! Claiming an enterprise.

use serde_json::json;

use super::{
    super::office::{PICTURE, code, log_in},
    support::*,
};
use crate::testing::World;

async fn claimant(world: &World) -> super::super::office::Browser {
    verified(world, CLAIMANT, "管理员甲", NUMBER).await
}

#[tokio::test]
async fn c_01_search_by_five_characters_finds_ten_at_most() {
    let world = World::new().await;
    let user = claimant(&world).await;
    let search = async |text: &str| user.see(&world, &format!("/v1/enterprise-search?text={text}")).await;
    let one = search("云中示例建设").await;
    assert_eq!(one["enterprises"], json!([{ "name": firm(0).name, "uscc": firm(0).uscc }]));
    assert_eq!((&one["has_more"], &one["sandbox"]), (&json!(false), &json!(true)));
    let many = search("工程有限公司").await;
    assert_eq!((many["enterprises"].as_array().unwrap().len(), &many["has_more"]), (4, &json!(false)));
    let all = search("示例建设工").await;
    assert_eq!(all["enterprises"].as_array().unwrap().len(), 4);
    for (text, status) in [("云中示例", 400), ("", 400), (&"示".repeat(60)[..], 400), ("没有这家公司", 200)]
    {
        let (given, _) = user.get(&world, &format!("/v1/enterprise-search?text={text}")).await;
        assert_eq!(given, status, "{text}");
    }
    let (stranger, _) = log_in(&world, LEGAL).await;
    let (status, _) = stranger.get(&world, "/v1/enterprise-search?text=云中示例建设").await;
    assert_eq!(status, 403, "only for verified people");
}

#[tokio::test]
async fn c_02_exact_look_up_by_name_and_code() {
    let world = World::new().await;
    let user = claimant(&world).await;
    let firm = firm(3);
    let path = |name: &str, uscc: &str| format!("/v1/enterprise-standing?name={name}&uscc={uscc}");
    let found = user.see(&world, &path(&firm.name, &firm.uscc.to_lowercase())).await;
    assert_eq!((&found["next"], &found["administrators"]), (&json!("claim"), &json!([])));
    for (name, uscc, status) in [
        ("别的公司", &firm.uscc[..], 404),
        (&firm.name, "91350100M000100Y43", 404),
        (&firm.name, "91350100M000100Y44", 400),
    ] {
        assert_eq!(user.get(&world, &path(name, uscc)).await.0, status, "{name} {uscc}");
    }
}

#[tokio::test]
async fn c_03_claim_what_nobody_has_and_join_what_has_members() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    let other = verified(&world, &phone(1), "路人乙", &citizen(1)).await;
    let firm = firm(0);
    let path = format!("/v1/enterprise-standing?name={}&uscc={}", firm.name, firm.uscc);
    let found = other.see(&world, &path).await;
    assert_eq!((&found["next"], &found["enterprise_id"]), (&json!("join"), &json!(id)));
    assert_eq!(found["administrators"], json!(["***甲"]), "a hint, no name");
    other.refused(&world, "/v1/claims", &form(&world, &other, &firm).await, 409, "conflict").await;
    let cancel = format!("/v1/enterprises/{id}/cancel");
    let mut body = signing(&world, CLAIMANT).await;
    body["understood"] = true.into();
    administrator.done(&world, &cancel, &body).await;
    assert_eq!(other.see(&world, &path).await["next"], "appeal");
}

#[tokio::test]
async fn c_04_a_letter_and_two_reviewers() {
    let world = World::new().await;
    staff(&world).await;
    let user = claimant(&world).await;
    let claim = drafted(&world, &user, &firm(4)).await;
    let handed = user.done(&world, &format!("{claim}/submit"), &json!({})).await;
    assert_eq!((&handed["state"], &handed["way"]), (&json!("review"), &json!("letter")));
    user.refused(&world, &format!("{claim}/submit"), &json!({}), 409, "conflict").await;
    let id = approval(&newest(&world, &user).await);
    let pass = json!({ "pass": true, "words": "给予通过" });
    assert_eq!(review(&world, REVIEWERS[0], &id, &pass).await.0, 204);
    assert_eq!(user.see(&world, &claim).await["state"], "review");
    assert_eq!(review(&world, REVIEWERS[1], &id, &pass).await.0, 204);
    let done = user.see(&world, &claim).await;
    assert_eq!(done["state"], "accepted");
    let enterprise = format!("/v1/enterprises/{}", done["enterprise_id"].as_str().unwrap());
    assert_eq!(user.see(&world, &enterprise).await["name"], firm(4).name);
    assert!(is_told(&world, &user, "enterprise-founded").await);
}

#[tokio::test]
async fn c_06_everything_in_the_form_is_needed_and_checked() {
    let world = World::new().await;
    let user = claimant(&world).await;
    let good = form(&world, &user, &firm(5)).await;
    for (field, wrong) in [
        ("kind", "club"),
        ("uscc", "91350100M000100Y44"),
        ("name", ""),
        ("legal_document", "library-card"),
        ("legal_phone", "12"),
        ("legal_name", ""),
        ("legal_number", ""),
    ] {
        let mut body = good.clone();
        body[field] = wrong.into();
        user.refused(&world, "/v1/claims", &body, 400, "bad_request").await;
        body.as_object_mut().unwrap().remove(field);
        user.refused(&world, "/v1/claims", &body, 400, "bad_request").await;
    }
    // Files of others are none.
    let (other, _) = log_in(&world, LEGAL).await;
    let mut body = good.clone();
    body["licence"] = other.attach(&world, PICTURE).await.into();
    user.refused(&world, "/v1/claims", &body, 404, "not_found").await;
    let mut body = good.clone();
    body["letter"] = vec![good["licence"].clone(); 9].into();
    user.refused(&world, "/v1/claims", &body, 400, "bad_request").await;
    // Who is not verified claims nothing.
    let theirs = form(&world, &other, &firm(5)).await;
    other.refused(&world, "/v1/claims", &theirs, 403, "not_verified").await;
    let claim = user.done(&world, "/v1/claims", &good).await;
    assert_eq!((&claim["registered"], &claim["letter_pages"]), (&json!(true), &json!(1)));
}

#[tokio::test]
async fn c_07_the_letter_is_filled_in_and_goes_with_the_claim() {
    let world = World::new().await;
    let user = claimant(&world).await;
    let mut body = form(&world, &user, &firm(6)).await;
    body["letter"] = json!([]);
    let claim = user.done(&world, "/v1/claims", &body).await;
    let claim = format!("/v1/claims/{}", claim["claim_id"].as_str().unwrap());
    let letter = user.text(&world, &format!("{claim}/letter")).await;
    for part in [&firm(6).name[..], &firm(6).uscc, "管理员甲", &firm(6).legal_name] {
        assert!(letter.contains(part), "{letter}");
    }
    user.refused(&world, &format!("{claim}/submit"), &json!({}), 400, "bad_request").await;
    let page = user.attach(&world, PICTURE).await;
    body["letter"] = json!([page, page]);
    assert_eq!(user.done(&world, &format!("{claim}/form"), &body).await["letter_pages"], 2);
    user.done(&world, &format!("{claim}/submit"), &json!({})).await;
    user.refused(&world, &format!("{claim}/form"), &body, 409, "conflict").await;
}

#[tokio::test]
async fn c_11_the_legal_representative_signs_the_letter() {
    let world = World::new().await;
    let (legal, id) = claimed_by_legal(&world, 1).await;
    let enterprise = legal.see(&world, &format!("/v1/enterprises/{id}")).await;
    assert_eq!((&enterprise["state"], &enterprise["members"]), (&json!("active"), &json!(1)));
    assert_eq!(enterprise["administrators"][0]["name"], firm(1).legal_name);
    // Somebody else does not sign, nor with another code.
    let other = claimant(&world).await;
    let claim = drafted(&world, &other, &firm(2)).await;
    let sign = format!("{claim}/sign");
    other.refused(&world, &sign, &signing(&world, CLAIMANT).await, 403, "role_missing").await;
    other.refused(&world, &sign, &signing(&world, LEGAL).await, 403, "code_invalid").await;
    legal.refused(&world, &sign, &signing(&world, LEGAL).await, 404, "not_found").await;
}

#[tokio::test]
async fn c_12_the_legal_representative_signs_from_afar_by_a_link() {
    let world = World::new().await;
    let user = claimant(&world).await;
    let firm = firm(0);
    let claim = drafted(&world, &user, &firm).await;
    user.done(&world, &format!("{claim}/ask-legal"), &json!({})).await;
    let id = approval(&newest(&world, &user).await);
    let share = format!("/v1/approvals/{id}/link");
    let link = user.done(&world, &share, &json!({})).await["link"].as_str().unwrap().to_owned();
    let linked = format!("/v1/approval-links/{link}");
    // Whoever is not the legal representative sees nothing behind it.
    let stranger = verified(&world, &phone(2), "路人乙", &citizen(2)).await;
    assert_eq!(stranger.get(&world, &linked).await.0, 404);
    stranger.refused(&world, &share, &json!({}), 404, "not_found").await;
    let legal = verified(&world, LEGAL, &firm.legal_name, &firm.legal_number).await;
    assert_eq!(legal.see(&world, &linked).await["approval_id"], id);
    // A new link replaces the old one.
    let newer = user.done(&world, &share, &json!({})).await["link"].as_str().unwrap().to_owned();
    assert_eq!(legal.get(&world, &linked).await.0, 404);
    assert_eq!(
        legal.see(&world, &format!("/v1/approval-links/{newer}")).await["next"],
        "legal-representative"
    );
    let decision = format!("/v1/approvals/{id}/decision");
    legal.refused(&world, &decision, &json!({ "pass": true }), 403, "code_invalid").await;
    let mut body = signing(&world, CLAIMANT).await;
    body["pass"] = true.into();
    user.refused(&world, &decision, &body, 404, "not_found").await;
    stranger.refused(&world, &decision, &body, 404, "not_found").await;
    legal.refused(&world, &decision, &body, 403, "code_invalid").await;
    decide(&world, &legal, &format!("/v1/approvals/{id}"), LEGAL).await;
    assert_eq!(user.see(&world, &claim).await["state"], "accepted");
    assert_eq!(legal.get(&world, &format!("/v1/approval-links/{newer}")).await.0, 404, "it is used up");
}

#[tokio::test]
async fn c_16_a_claim_that_waits_is_left_and_gone_on_with() {
    let world = World::new().await;
    let user = claimant(&world).await;
    let claim = drafted(&world, &user, &firm(7)).await;
    user.done(&world, "/v1/session/end", &json!({})).await;
    world.clock.advance(3 * 86_400_000);
    let (user, _) = log_in(&world, CLAIMANT).await;
    let found = user.see(&world, "/v1/claims").await;
    assert_eq!(found["claims"][0]["state"], "draft");
    let asked = user.done(&world, &format!("{claim}/ask-legal"), &json!({})).await;
    assert_eq!(asked["state"], "review");
    // Taken back, it can be gone on with.
    let id = approval(&newest(&world, &user).await);
    user.done(&world, &format!("/v1/approvals/{id}/withdraw"), &json!({})).await;
    assert_eq!(user.see(&world, &claim).await["state"], "draft");
    user.done(&world, &format!("{claim}/submit"), &json!({})).await;
}

#[tokio::test]
async fn c_18_the_first_claimant_administers_it() {
    let world = World::new().await;
    staff(&world).await;
    let late = verified(&world, &phone(3), "路人丙", &citizen(3)).await;
    let claim = drafted(&world, &late, &firm(0)).await;
    late.done(&world, &format!("{claim}/submit"), &json!({})).await;
    let waiting = approval(&newest(&world, &late).await);
    let (administrator, id) = claimed(&world).await;
    let enterprise = administrator.see(&world, &format!("/v1/enterprises/{id}")).await;
    assert_eq!((&enterprise["manages"], &enterprise["members"]), (&json!(true), &json!(1)));
    assert_eq!(enterprise["administrators"][0]["name"], "管理员甲");
    let own = administrator.see(&world, "/v1/enterprises").await;
    assert_eq!(own["enterprises"][0]["administrator"], true);
    // Whoever was later is told, and nobody can pass it any more.
    assert_eq!(late.see(&world, &claim).await["state"], "superseded");
    assert!(is_told(&world, &late, "claim-superseded").await);
    let pass = json!({ "pass": true });
    assert_eq!(review(&world, REVIEWERS[0], &waiting, &pass).await, (409, "conflict".to_owned()));
    assert_eq!(late.get(&world, &format!("/v1/enterprises/{id}")).await.0, 404);
}

#[tokio::test]
async fn c_10_the_legal_representatives_phone_a_letter_and_a_review() {
    let world = World::new().await;
    staff(&world).await;
    let user = claimant(&world).await;
    let enter = async |claim: &str, phone: &str, purpose: &str| {
        let (code_id, text) = code(&world, phone, purpose).await;
        (format!("{claim}/phone"), json!({ "code_id": code_id, "code": text }))
    };
    let mut body = form(&world, &user, &firm(8)).await;
    body["legal_phone"] = EVEN.into();
    let claim = user.done(&world, "/v1/claims", &body).await;
    let claim = format!("/v1/claims/{}", claim["claim_id"].as_str().unwrap());
    // A code to another phone, or for something else.
    for (phone, purpose) in [(CLAIMANT, "legal"), (EVEN, "sign"), (EVEN, "login")] {
        let (path, body) = enter(&claim, phone, purpose).await;
        user.refused(&world, &path, &body, 403, "code_invalid").await;
    }
    let (path, entered) = enter(&claim, EVEN, "legal").await;
    let shown = user.done(&world, &path, &entered).await;
    assert_eq!((&shown["state"], &shown["way"]), (&json!("review"), &json!("phone")));
    let id = approval(&newest(&world, &user).await);
    assert_eq!(review(&world, REVIEWERS[0], &id, &json!({ "pass": true })).await.0, 204);
    assert_eq!(user.see(&world, &claim).await["state"], "accepted");
    // A phone that the carrier knows under another name.
    let odd = drafted(&world, &user, &firm(9)).await;
    let (path, entered) = enter(&odd, LEGAL, "legal").await;
    user.refused(&world, &path, &entered, 409, "conflict").await;
    assert_eq!(user.see(&world, &odd).await["state"], "draft");
}

#[tokio::test]
async fn c_17_records_of_claims_and_joins() {
    let world = World::new().await;
    let (administrator, id) = claimed(&world).await;
    world.clock.advance(1);
    let claim = drafted(&world, &administrator, &firm(3)).await;
    administrator.done(&world, &format!("{claim}/withdraw"), &json!({})).await;
    administrator.refused(&world, &format!("{claim}/submit"), &json!({}), 409, "conflict").await;
    let found = administrator.see(&world, "/v1/claims").await;
    let states: Vec<_> = found["claims"].as_array().unwrap().iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states, [json!("withdrawn"), json!("accepted")]);
    let person = member(&world, &administrator, &id, 1).await;
    let joined = person.see(&world, "/v1/approvals").await;
    assert_eq!(
        (&joined["approvals"][0]["kind"], &joined["approvals"][0]["state"]),
        (&json!("join"), &json!("passed"))
    );
    assert_eq!(person.see(&world, "/v1/claims").await["claims"], json!([]));
    assert_eq!(person.get(&world, &claim).await.0, 404);
}

#[tokio::test]
async fn c_05_a_licence_is_read_and_what_the_claimant_corrects_counts() {
    let world = World::new().await;
    let user = claimant(&world).await;
    let firm = firm(5);
    let read = json!({ "ocr": {
        "name": firm.name, "uscc": "91999999MA0000005O", "legal-name": firm.legal_name,
        "valid-until": "long-term", "number": "none of a licence",
    } });
    let licence = user.attach(&world, &[PICTURE, read.to_string().as_bytes()].concat()).await;
    let wanted = |file: &str| json!({ "attachment_id": file, "side": "licence" });
    let seen = user.done(&world, "/v1/readings", &wanted(&licence)).await;
    let fields: Vec<_> = seen["fields"].as_array().unwrap().iter().map(|one| one["field"].clone()).collect();
    assert_eq!(fields, ["name", "uscc", "legal-name", "valid-until"]);
    assert_eq!(seen["sure"], true);
    // As it was read, it is refused; corrected, the register says the same.
    let mut body = form(&world, &user, &firm).await;
    body["licence"] = licence.into();
    for one in seen["fields"].as_array().unwrap() {
        match one["field"].as_str().unwrap() {
            "name" => body["name"] = one["text"].clone(),
            "uscc" => body["uscc"] = one["text"].clone(),
            "legal-name" => body["legal_name"] = one["text"].clone(),
            _ => body["licence_long_term"] = (one["text"] == "long-term").into(),
        }
    }
    user.refused(&world, "/v1/claims", &body, 400, "bad_request").await;
    body["uscc"] = firm.uscc.clone().into();
    let claim = user.done(&world, "/v1/claims", &body).await;
    assert_eq!((&claim["registered"], &claim["uscc"]), (&json!(true), &json!(firm.uscc)));
    // A picture that is not sharp gives nothing, and is filled in by hand.
    let blurred = user.attach(&world, PICTURE).await;
    let blank = user.done(&world, "/v1/readings", &wanted(&blurred)).await;
    assert_eq!(
        (&blank["fields"], &blank["confidence"], &blank["sure"]),
        (&json!([]), &json!(0), &json!(false))
    );
    let (other, _) = log_in(&world, LEGAL).await;
    other.refused(&world, "/v1/readings", &wanted(&blurred), 404, "not_found").await;
}
