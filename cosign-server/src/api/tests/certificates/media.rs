//! Certificates on media.

use super::{
    super::{office::PICTURE, shop::text},
    bought::Market,
    *,
};

fn on_medium() -> Value {
    let mut body = on_platform("P1");
    body["business"] = "medium".into();
    body
}

/// Another one, as far as the approval.
async fn again(market: &Market, form: &Value) -> Value {
    let Market { world, owner, .. } = market;
    let application = owner.applied(world, on_medium()).await;
    let path = path_of(&application);
    owner.browser.done(world, &format!("{path}/confirm"), form).await;
    let (code_id, code) = code(world, OWNER, "apply").await;
    let with_code = json!({ "code_id": code_id, "code": code });
    let unpaid = owner.browser.done(world, &format!("{path}/authorise"), &with_code).await;
    market.pays(&unpaid).await;
    review(world, REVIEWER, &application, true, "").await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_06_a_persons_certificate_on_a_medium() {
    let market = Market::open(Rules::default()).await;
    let Market { world, owner, shop } = &market;
    market.fee("ca", &shop.ca, "medium", 8_000).await;
    let application = owner.applied(world, on_medium()).await;
    assert_eq!((&application["fee"], &application["state"]), (&json!(8_000), &json!("draft")));
    // The form is stamped and scanned.
    let path = path_of(&application);
    owner.browser.refused(world, &format!("{path}/confirm"), &json!({}), 400, "bad_request").await;
    let form = json!({ "form_attachment_id": owner.browser.attach(world, PICTURE).await });
    owner.browser.done(world, &format!("{path}/confirm"), &form).await;
    let (code_id, code) = code(world, OWNER, "apply").await;
    let with_code = json!({ "code_id": code_id, "code": code });
    let unpaid = owner.browser.done(world, &format!("{path}/authorise"), &with_code).await;
    assert_eq!(unpaid["state"], "unpaid");
    assert_eq!(market.pays(&unpaid).await["state"], "review");
    // The authority makes it after the review; no device installs it.
    let made = json!({ "serial": "1a2b3c", "not_after_ms": world.now_ms() + 365 * 86_400_000 });
    let record = format!("/v1/operator/applications/{}/medium", text(&application, "application_id"));
    let recorded =
        async |device: u8, body: &Value| super::super::post(world, &record, Some([device; 32]), body).await;
    assert_eq!(problem(recorded(REVIEWER, &made).await), (409, "conflict".to_owned()));
    assert_eq!(review(world, REVIEWER, &application, true, "").await.1["state"], "approved");
    assert_eq!(problem(owner.install(world, &application).await), (409, "conflict".to_owned()));
    assert_eq!(problem(recorded(1, &made).await), (403, "role_missing".to_owned()));
    owner.browser.refused(world, &record, &made, 401, "no_client_certificate").await;
    let ended = json!({ "serial": "1a2b3c", "not_after_ms": world.now_ms() });
    assert_eq!(problem(recorded(REVIEWER, &ended).await).0, 400);
    let wrong = json!({ "serial": "xyz", "not_after_ms": made["not_after_ms"] });
    assert_eq!(problem(recorded(REVIEWER, &wrong).await).0, 400);
    let (status, medium) = recorded(REVIEWER, &made).await;
    assert_eq!((status, &medium["state"]), (StatusCode::CREATED, &json!("valid")), "{medium}");
    assert_eq!(problem(recorded(REVIEWER, &made).await).0, 409);
    // It is in the list of its holder, with its order, and its key is nowhere here.
    let list = owner.browser.see(world, "/v1/media").await;
    assert_eq!(
        (&list["media"][0]["serial"], &list["media"][0]["platform"]),
        (&json!("1a2b3c"), &json!("P1"))
    );
    assert_eq!(owner.browser.see(world, "/v1/holdings").await["holdings"], json!([]));
    assert_eq!(market.order(&unpaid).await["state"], "done");
    assert_eq!(owner.told(world, "certificate-installed").await, 1);
    let (other, _) = log_in(world, OTHER).await;
    assert_eq!(other.see(world, "/v1/media").await["media"], json!([]));
    // The same number is no second certificate; the end comes by itself.
    let again = again(&market, &form).await;
    let second = format!("/v1/operator/applications/{}/medium", text(&again, "application_id"));
    assert_eq!(problem(super::super::post(world, &second, Some([REVIEWER; 32]), &made).await).0, 409);
    world.clock.advance(366 * 86_400_000);
    world.office.work().await.unwrap();
    let (browser, _) = log_in(world, OWNER).await;
    assert_eq!(browser.see(world, "/v1/media").await["media"][0]["state"], "expired");
}
