//! Certificates on media and seals from photos.

use super::*;
use crate::api::tests::office::PICTURE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_05_an_enterprises_certificate_on_a_medium() {
    let company = Company::new().await;
    let world = company.world();
    let mut body = wanted(&company.id, Some("hubei"));
    (body["business"], body["dual"]) = ("medium".into(), false.into());
    let (person, _) = company.member(1).await;
    person.refused(world, "/v1/applications", &body, 403, "role_missing").await;
    let application = company.done("/v1/applications", &body).await;
    let path = at(&application);
    // The form with the seal of the enterprise, and the code to the phone of who applies.
    company.refused(&format!("{path}/confirm"), &json!({}), 400, "bad_request").await;
    let form = json!({ "form_attachment_id": company.stage.user.attach(world, PICTURE).await });
    company.done(&format!("{path}/confirm"), &form).await;
    let (code_id, text) = code(world, LEGAL, "apply").await;
    let with_code = json!({ "code_id": code_id, "code": text });
    assert_eq!(company.done(&format!("{path}/authorise"), &with_code).await["state"], "review");
    let record = format!("{}/medium", path.replace("/v1/applications", "/v1/operator/applications"));
    let made = json!({ "serial": "0a0b0c", "not_after_ms": world.now_ms() + 365 * DAY_MS });
    assert_eq!(problem(post(world, &record, Some(REVIEWER), &made).await).0, 409, "nobody has passed it");
    assert_eq!(review(world, &path, true).await.1["state"], "approved");
    let (status, medium) = post(world, &record, Some(REVIEWER), &made).await;
    assert_eq!((status, &medium["holder"]), (StatusCode::CREATED, &json!("enterprise")), "{medium}");
    // It is in the list of the enterprise, for those who manage it, and its key is nowhere here.
    let list = format!("/v1/media?enterprise_id={}", company.id);
    assert_eq!(company.see(&list).await["media"][0]["serial"], medium["serial"]);
    assert_eq!(company.see("/v1/media").await["media"], json!([]));
    assert_eq!(problem(person.get(world, &list).await), (403, "role_missing".to_owned()));
    let (stranger, _) = company.rival().await;
    assert_eq!(problem(stranger.get(world, &list).await), (404, "not_found".to_owned()));
    let holdings = company.see(&format!("/v1/holdings?enterprise_id={}", company.id)).await;
    assert_eq!(holdings["holdings"].as_array().unwrap().len(), 1, "the one on the phone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e_08_seals_are_collected_from_photos_kind_by_kind() {
    let company = Company::new().await;
    let world = company.world();
    let (_, member) = company.member(1).await;
    let photo = async || {
        let photo = company.stage.user.attach(world, &firsts::photo()).await;
        json!({ "photo": { "attachment_id": photo, "whole": true } })
    };
    for kind in ["finance", "contract", "invoice"] {
        let mut body = company.new_seal(kind, photo().await);
        body["manager_id"] = json!(member);
        let made = company.done("/v1/seals", &body).await;
        assert_eq!((&made["state"], &made["kind"]), (&json!("review"), &json!(kind)));
        // Sent back, handed in again, passed.
        let id = made["seal_id"].as_str().unwrap().to_owned();
        let review = format!("/v1/operator/seals/{id}/review");
        let silent = post(world, &review, Some(REVIEWER), &json!({ "passed": false })).await;
        assert_eq!(problem(silent), (400, "bad_request".to_owned()));
        let unclear = json!({ "passed": false, "opinion": "照片不清楚" });
        assert_eq!(post(world, &review, Some(REVIEWER), &unclear).await.1["state"], "returned");
        let again = json!({ "picture": photo().await });
        let corrected = company.done(&format!("/v1/seals/{id}/correct"), &again).await;
        assert_eq!(corrected["state"], "review");
        company.refused(&format!("/v1/seals/{id}/correct"), &again, 409, "conflict").await;
        let passed = json!({ "passed": true });
        assert_eq!(post(world, &review, Some(REVIEWER), &passed).await.1["state"], "valid");
    }
    // What is no picture is none of a seal.
    let text = company.stage.user.attach(world, b"%PDF-1.7 no picture").await;
    let mut body = company.new_seal("finance", json!({ "photo": { "attachment_id": text } }));
    body["manager_id"] = json!(member);
    company.refused("/v1/seals", &body, 400, "bad_request").await;
}
