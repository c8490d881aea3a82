//! Seals of an enterprise: who makes them, of what, and who looks after them.

use super::*;
use crate::api::tests::office::PICTURE;

fn strokes() -> Value {
    let stroke: Vec<_> = (0..40).map(|n| [f64::from(n), f64::from(n % 7)]).collect();
    json!([stroke])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_24_who_manages_the_enterprise_makes_its_seals() {
    let company = Company::new().await;
    let world = company.world();
    let (person, member) = company.member(1).await;
    let mut body = company.new_seal("finance", json!({ "template": {} }));
    body["manager_id"] = json!(member);
    let stranger = verified(world, &phone(8), "路人", &citizen(8)).await;
    let seal = company.seal("company").await;
    let replace = json!({ "picture": { "template": {} }, "reason": "另一样式" });
    for (who, status, code) in [(&person, 403, "role_missing"), (&stranger, 404, "not_found")] {
        who.refused(world, "/v1/seals", &body, status, code).await;
        let preview =
            json!({ "holding_id": company.holding, "kind": "finance", "picture": { "template": {} } });
        who.refused(world, "/v1/seals/preview", &preview, status, code).await;
    }
    // What nobody lets them use they do not see.
    for who in [&person, &stranger] {
        for (step, body) in [("replace", &replace), ("cancel", &json!({})), ("delete", &json!({}))] {
            let answer = problem(who.post(world, &format!("/v1/seals/{seal}/{step}"), body).await);
            assert!([403, 404].contains(&answer.0), "{step} {answer:?}");
        }
        for path in ["", "/picture", "/data"] {
            let answer = problem(who.get(world, &format!("/v1/seals/{seal}{path}")).await);
            assert_eq!(answer, (404, "not_found".to_owned()), "{path}");
        }
    }
    let list = format!("/v1/seals?enterprise_id={}", company.id);
    assert_eq!(person.see(world, &list).await["seals"], json!([]));
    assert_eq!(problem(stranger.get(world, &list).await), (404, "not_found".to_owned()));
    // An administrator does, like the legal representative.
    company.done(&company.at("administrators"), &json!({ "account_id": member })).await;
    let code = signing(world, &phone(1)).await;
    (body["code_id"], body["code"]) = (code["code_id"].clone(), code["code"].clone());
    let made = person.done(world, "/v1/seals", &body).await;
    assert_eq!((&made["state"], &made["holder_id"]), (&json!("valid"), &json!(company.id)));
    // Personal seals are a person's.
    let mut personal = company.new_seal("personal-seal", json!({ "template": {} }));
    let code = signing(world, LEGAL).await;
    (personal["code_id"], personal["code"]) = (code["code_id"].clone(), code["code"].clone());
    company.refused("/v1/seals", &personal, 400, "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_12_an_organisation_seal_is_drawn_and_good_at_once() {
    let company = Company::new().await;
    let (_, member) = company.member(1).await;
    let mut body = company.new_seal("finance", json!({ "template": { "code": "42" } }));
    body["manager_id"] = json!(member);
    // It is signed with a code, and has somebody who looks after it, who is a member.
    company.refused("/v1/seals", &body, 403, "code_invalid").await;
    for manager in [Value::Null, json!(account_of(&company, 8).await)] {
        let mut wrong = body.clone();
        let code = signing(company.world(), LEGAL).await;
        (wrong["code_id"], wrong["code"]) = (code["code_id"].clone(), code["code"].clone());
        wrong["manager_id"] = manager.clone();
        let (status, code) = if manager.is_null() { (400, "bad_request") } else { (404, "not_found") };
        company.refused("/v1/seals", &wrong, status, code).await;
    }
    let made = company.drawn("finance", Some(&member)).await;
    assert_eq!((&made["state"], &made["made_of"]), (&json!("valid"), &json!("template")));
    assert_eq!((&made["kind"], &made["manager"]), (&json!("finance"), &json!(member)));
    let data = format!("/v1/seals/{}/data", made["seal_id"].as_str().unwrap());
    assert_eq!(company.status(&data).await, 200);
    // Without a certificate in force there is none.
    let freeze = format!("/v1/operator/holdings/{}/freeze", company.holding);
    let (status, _) = post(company.world(), &freeze, Some(REVIEWER), &json!({})).await;
    assert_eq!(status, StatusCode::OK);
    let code = signing(company.world(), LEGAL).await;
    (body["code_id"], body["code"]) = (code["code_id"].clone(), code["code"].clone());
    company.refused("/v1/seals", &body, 409, "conflict").await;
    assert_eq!(company.status(&data).await, 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_13_the_seal_of_the_legal_representative() {
    let company = Company::new().await;
    let first = company.seal("legal-seal").await;
    company.done(&format!("/v1/seals/{first}/delete"), &json!({})).await;
    let body = company.new_seal("legal-seal", json!({ "template": {} }));
    company.refused("/v1/seals", &body, 403, "code_invalid").await;
    // Nobody has to look after it.
    let made = company.drawn("legal-seal", None).await;
    assert_eq!((&made["state"], &made["manager"]), (&json!("valid"), &Value::Null));
    assert_eq!((&made["width"], &made["kind"]), (&made["height"], &json!("legal-seal")));
    let (_, member) = company.member(1).await;
    assert_eq!(company.drawn("legal-seal", Some(&member)).await["manager"], json!(member));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_04_a_seal_is_made_from_a_stamped_form() {
    let company = Company::new().await;
    let world = company.world();
    let form = |kind: &str| {
        format!("/v1/holdings/{}/seal-form?kind={kind}&name=%E8%B4%A2%E5%8A%A1", company.holding)
    };
    let text = company.stage.user.text(world, &form("finance")).await;
    assert!(text.contains(&firm(0).name) && text.contains("财务专用章"), "{text}");
    let photo = company.stage.user.attach(world, &firsts::photo()).await;
    let picture = json!({ "photo": { "attachment_id": photo, "whole": true } });
    for kind in ["company", "legal-signature", "legal-seal", "custom-signature"] {
        assert_eq!(problem(company.stage.user.get(world, &form(kind)).await).0, 400, "{kind}");
        company.refused("/v1/seals", &company.new_seal(kind, picture.clone()), 400, "bad_request").await;
    }
    // It takes no code: the seal maker looks at it.
    let (person, member) = company.member(1).await;
    let mut body = company.new_seal("finance", picture);
    body["manager_id"] = json!(member);
    person.refused(world, "/v1/seals", &body, 403, "role_missing").await;
    assert_eq!(problem(person.get(world, &form("finance")).await).0, 403);
    let made = company.done("/v1/seals", &body).await;
    assert_eq!((&made["state"], &made["made_of"]), (&json!("review"), &json!("photo")));
    let review = format!("/v1/operator/seals/{}/review", made["seal_id"].as_str().unwrap());
    let (status, passed) = post(world, &review, Some(REVIEWER), &json!({ "passed": true })).await;
    assert_eq!((status, &passed["state"]), (StatusCode::OK, &json!("valid")));
    // Not from a file of somebody else.
    let foreign = person.attach(world, PICTURE).await;
    body["picture"] = json!({ "photo": { "attachment_id": foreign } });
    company.refused("/v1/seals", &body, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_05_a_custom_signature_is_drawn_with_a_chosen_pen() {
    let company = Company::new().await;
    let world = company.world();
    let drawn = |width: u32, colour: &str| json!({ "handwriting": { "strokes": strokes(), "pen_width": width, "pen_colour": colour } });
    for wrong in [drawn(0, "blue"), drawn(31, "blue"), drawn(9, "green"), json!({ "template": {} })] {
        let body = company.new_seal("custom-signature", wrong);
        company.refused("/v1/seals", &body, 400, "bad_request").await;
    }
    let mut pictures = Vec::new();
    for picture in [drawn(5, "blue"), drawn(20, "black")] {
        let mut body = company.new_seal("custom-signature", picture);
        company.refused("/v1/seals", &body, 403, "code_invalid").await;
        let code = signing(world, LEGAL).await;
        (body["code_id"], body["code"]) = (code["code_id"].clone(), code["code"].clone());
        let made = company.done("/v1/seals", &body).await;
        assert_eq!((&made["state"], &made["made_of"]), (&json!("valid"), &json!("handwriting")));
        assert_eq!(company.seal("custom-signature").await, made["seal_id"].as_str().unwrap());
        pictures
            .push(company.bytes(&format!("/v1/seals/{}/picture", made["seal_id"].as_str().unwrap())).await);
        world.clock.advance(1);
    }
    assert_ne!(pictures[0], pictures[1]);
    let (person, _) = company.member(1).await;
    let body = company.new_seal("custom-signature", drawn(5, "blue"));
    person.refused(world, "/v1/seals", &body, 403, "role_missing").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_25_a_seal_names_the_member_who_looks_after_it() {
    let company = Company::new().await;
    let world = company.world();
    let seal = company.seal("company").await;
    let path = format!("/v1/seals/{seal}");
    assert_eq!(company.see(&path).await["manager"], json!(company.stage.account));
    let (person, member) = company.member(1).await;
    let appoint = format!("{path}/manager");
    let body = json!({ "account_id": member });
    person.refused(world, &appoint, &body, 403, "role_missing").await;
    let stranger = verified(world, &phone(8), "路人", &citizen(8)).await;
    stranger.refused(world, &appoint, &body, 404, "not_found").await;
    let outside = json!({ "account_id": account(world, &stranger).await });
    company.refused(&appoint, &outside, 404, "not_found").await;
    assert_eq!(company.done(&appoint, &body).await["manager"], json!(member));
    // Who looks after it sees it.
    assert_eq!(person.see(world, &path).await["seal_id"], json!(seal));
    person.refused(world, &format!("{path}/cancel"), &json!({}), 403, "role_missing").await;
    // Whoever leaves looks after nothing.
    company.done(&company.at(&format!("members/{member}/remove")), &json!({})).await;
    assert_eq!(company.see(&path).await["manager"], Value::Null);
    assert_eq!(problem(person.get(world, &path).await), (404, "not_found".to_owned()));
    // What is cancelled has nobody.
    company.done(&format!("{path}/cancel"), &json!({})).await;
    let own = json!({ "account_id": company.stage.account });
    company.refused(&appoint, &own, 409, "conflict").await;
}

/// The account of somebody who is no member.
async fn account_of(company: &Company, which: u32) -> String {
    let stranger = verified(company.world(), &phone(which), "路人", &citizen(which)).await;
    account(company.world(), &stranger).await
}
