//! Who may not.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applications_and_certificates_are_their_owners_alone() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let Scene { world, owner } = scene;
    let application = owner.applied(&world, on_platform("hubei")).await;
    let (other, _) = log_in(&world, OTHER).await;
    let nobody = Browser { token: String::new(), device: None };
    let (one, two) =
        (path_of(&application), format!("/v1/holdings/{}", holding["holding_id"].as_str().unwrap()));
    let seen = ["", "/form"].map(|rest| format!("{one}{rest}"));
    let seen =
        seen.into_iter().chain(["", "/certificate.cer", "/consequences"].map(|rest| format!("{two}{rest}")));
    for path in seen {
        assert_eq!(problem(other.get(&world, &path).await), (404, "not_found".to_owned()), "{path}");
        assert_eq!(problem(nobody.get(&world, &path).await).0, 401, "{path}");
    }
    let (code_id, text) = code(&world, OTHER, "apply").await;
    for (act, body) in [
        ("confirm", json!({})),
        ("authorise", json!({ "code_id": code_id, "code": text })),
        ("attach", json!({ "attachment_ids": ["00"] })),
        ("withdraw", json!({})),
    ] {
        let path = format!("{one}/{act}");
        other.refused(&world, &path, &body, 404, "not_found").await;
        nobody.refused(&world, &path, &body, 401, "not_logged_in").await;
    }
    for path in ["/v1/applications", "/v1/holdings"] {
        assert_eq!(problem(nobody.get(&world, path).await).0, 401);
    }
    // Another user with the same device gets nothing of it.
    let csr = owner.csr(&world).await;
    let asked = posting(&format!("{one}/install"), Some([owner.number; 32]))
        .header(header::AUTHORIZATION, format!("Bearer {}", other.token));
    let body = Body::from(json!({ "csr": csr }).to_string());
    assert_eq!(problem(send(&world, asked.body(body).unwrap()).await), (404, "not_found".to_owned()));
    // Reviewers review, auditors see, others neither.
    let id = application["application_id"].as_str().unwrap();
    let auditor = Phone::enrolled(&world, 50).await;
    world.grants.grant(&auditor.device.id, name("Aud"), Role::Auditor).await.unwrap();
    for path in ["/v1/operator/applications".to_owned(), format!("/v1/operator/applications/{id}")] {
        for (device, status) in [(REVIEWER, 200), (50, 200), (owner.number, 403)] {
            let answer = super::super::get(&world, &path, Some([device; 32])).await;
            assert_eq!(answer.0.as_u16(), status, "{path}");
        }
    }
    for device in [50, owner.number] {
        assert_eq!(problem(review(&world, device, &application, true, "").await).0, 403);
    }
    let wrong = super::super::get(&world, "/v1/operator/applications?state=x", Some([REVIEWER; 32])).await;
    assert_eq!(problem(wrong), (400, "bad_request".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_installs_what_they_reviewed() {
    let Scene { world, mut owner } = Scene::new().await;
    let application = owner.applied(&world, national()).await;
    owner.authorised(&world, &application).await;
    review(&world, REVIEWER, &application, true, "").await;
    owner.phone = Phone::of(&world, REVIEWER).await;
    owner.key = owner.phone.key(&world, Purpose::Sign).await.1;
    owner.number = REVIEWER;
    assert_eq!(problem(owner.install(&world, &application).await), (409, "conflict".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_acts_once() {
    let Scene { world, owner } = Scene::new().await;
    let body = json!({ "business": "new", "authority": "demo", "agreement": "1" });
    let ask = async || {
        let asked = owner.browser.asks(Method::POST, "/v1/applications");
        let asked = asked.header(header::CONTENT_TYPE, "application/json").header("idempotency-key", "a");
        send(&world, asked.body(Body::from(body.to_string())).unwrap()).await
    };
    let (one, two) = tokio::join!(ask(), ask());
    assert_eq!(one.0, StatusCode::CREATED, "{one:?}");
    assert_eq!(one, two);
    let application = one.1;
    owner.authorised(&world, &application).await;
    review(&world, REVIEWER, &application, true, "").await;
    let csr = owner.csr(&world).await;
    let install = async || {
        let asked = posting(&format!("{}/install", path_of(&application)), Some([owner.number; 32]))
            .header(header::AUTHORIZATION, format!("Bearer {}", owner.browser.token))
            .header("idempotency-key", "b");
        send(&world, asked.body(Body::from(json!({ "csr": csr }).to_string())).unwrap()).await
    };
    let (one, two) = tokio::join!(install(), install());
    assert_eq!(one.0, StatusCode::OK, "{one:?}");
    assert_eq!(one, two);
    let list = owner.browser.see(&world, "/v1/holdings").await;
    assert_eq!(list["holdings"].as_array().unwrap().len(), 1);
}
