//! From the code to the end: who asks, who answers, what ends it.

use serde_json::json;

use super::{
    super::{
        clients::act,
        office::{Browser, citizen, log_in, log_in_on, verified_at},
        problem,
    },
    DEVICE, NAME, Stage,
};
use crate::{
    domain::{
        ca::CertEvent,
        office::{catalogue::Service, person::Level},
    },
    testing::Phone,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_01_the_code_decides_what_is_asked() {
    let stage = Stage::new().await;
    for kind in ["login", "seal", "encrypt", "apply"] {
        let code = stage.ask(kind, json!({})).await;
        assert!(code["code"].as_str().unwrap().starts_with(&format!("cosign:1:cosign:{kind}:")));
        assert_eq!(stage.scan(&code).await["kind"], kind);
    }
    for (text, status, kind) in [
        ("https://example.com", 400, "bad_request"),
        ("cosign:1:other:login:0123456789abcdef0123456789abcdef", 409, "conflict"),
        ("cosign:1:cosign:login:0123456789abcdef0123456789abcdef", 404, "not_found"),
    ] {
        stage.user.refused(stage.world(), "/v1/scans", &json!({ "code": text }), status, kind).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_two_families_of_codes() {
    let stage = Stage::new().await;
    let own = stage.ask("login", json!({})).await;
    let mutual = json!({ "kind": "login", "nonce": "n", "mutual": true });
    stage.refused_platform("/v1/client/scans", &mutual, 409, "conflict").await;
    stage.catalogued("M1100000001").await;
    let mutual = stage.platform("/v1/client/scans", &mutual).await;
    assert!(mutual["code"].as_str().unwrap().contains("app.html?"));
    for code in [&own, &mutual] {
        assert_eq!(stage.scan(code).await["scan_id"], code["scan_id"]);
        let body = json!({ "code": code["code"] });
        stage.user.refused(stage.world(), "/v1/scans", &body, 404, "not_found").await;
    }
    // The id of a code of the own form is no token.
    let own = stage.ask("login", json!({})).await;
    let forged = format!("cosign:1:cosign:login:{}", own["scan_id"].as_str().unwrap());
    stage.user.refused(stage.world(), "/v1/scans", &json!({ "code": forged }), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_03_who_asks_is_shown() {
    let stage = Stage::new().await;
    let code = stage.ask("login", json!({ "title": "登录测试平台" })).await;
    let scan = stage.scan(&code).await;
    assert_eq!(scan["system"], json!({ "code": stage.client.id.to_string(), "name": "platform" }));
    assert_eq!((&scan["title"], &scan["nonce"]), (&json!("登录测试平台"), &json!("n-1")));
    let long = json!({ "kind": "login", "nonce": "n", "title": "长".repeat(201) });
    stage.refused_platform("/v1/client/scans", &long, 400, "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_04_an_identity_and_a_certificate_are_chosen() {
    let stage = Stage::new().await;
    let code = stage.ask("login", json!({ "authorities": ["demo"], "identity": "person" })).await;
    let scan = stage.scan(&code).await;
    let offered = scan["certificates"].as_array().unwrap().clone();
    let usable: Vec<_> = offered.iter().filter(|one| one["usable"] == true).collect();
    assert_eq!((usable.len(), &usable[0]["identity"]), (1, &json!("person")));
    let other = offered.iter().find(|one| one["usable"] == false).unwrap();
    assert_eq!(other["obstacle"], "not-for-signing");
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    let refused = json!({ "authority": "demo", "serial": other["serial"] });
    stage.user.refused(stage.world(), &choose, &refused, 409, "conflict").await;
    let unknown = json!({ "authority": "demo", "serial": "77" });
    stage.user.refused(stage.world(), &choose, &unknown, 404, "not_found").await;
    assert_eq!(stage.choose(scan["scan_id"].as_str().unwrap()).await["state"], "identity-chosen");
    // What the platform does not take is shown with the reason.
    for terms in [json!({ "authorities": ["other"] }), json!({ "identity": "enterprise" })] {
        let scan = stage.scan(&stage.ask("login", terms).await).await;
        assert!(scan["certificates"].as_array().unwrap().iter().all(|one| one["usable"] == false));
        let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
        stage.user.refused(stage.world(), &choose, &stage.certificate, 409, "conflict").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_05_confirmed_by_a_signature_with_the_key() {
    let stage = Stage::new().await;
    let (id, scan) = stage.chosen("login", json!({})).await;
    let sign = format!("/v1/scans/{id}/sign");
    let good = stage.signatures(&scan["to_sign"]).await;
    let other = stage.signatures(&json!(["07".repeat(32)])).await;
    for wrong in [vec![], other, vec![good[0].clone(), good[0].clone()], vec!["00".repeat(64)]] {
        let body = json!({ "signatures": wrong });
        stage.user.refused(stage.world(), &sign, &body, 400, "bad_request").await;
    }
    // What was revoked meanwhile signs nothing.
    let held = json!({ "serial": stage.certificate["serial"] });
    stage.scene.change(&held, CertEvent::Freeze).await.unwrap();
    let body = json!({ "signatures": good });
    stage.user.refused(stage.world(), &sign, &body, 409, "conflict").await;
    stage.scene.change(&held, CertEvent::Unfreeze).await.unwrap();
    assert_eq!(stage.user.done(stage.world(), &sign, &body).await["state"], "succeeded");
    stage.user.refused(stage.world(), &sign, &body, 409, "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_06_refused_on_the_phone() {
    let stage = Stage::new().await;
    let (id, _) = stage.chosen("login", json!({})).await;
    assert_eq!(stage.step(&id, "refuse").await["state"], "refused");
    let seen = stage.seen(&id).await;
    assert_eq!(
        (&seen["state"], &seen["account_id"], &seen["certificate"]),
        (&json!("refused"), &json!(null), &json!(null))
    );
    assert_eq!(stage.told("scan.changed").await.last().unwrap()["state"], "refused");
    let again = format!("/v1/scans/{id}/refuse");
    stage.user.refused(stage.world(), &again, &json!({}), 409, "conflict").await;
    let unknown = format!("/v1/scans/{id}/dance");
    stage.user.refused(stage.world(), &unknown, &json!({}), 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_07_the_result_is_shown_on_both_sides() {
    let stage = Stage::new().await;
    let (id, done) = stage.whole("login", json!({})).await;
    assert_eq!((&done["state"], &done["kind"]), (&json!("succeeded"), &json!("login")));
    let seen = stage.seen(&id).await;
    assert_eq!((&seen["state"], &seen["account_id"]), (&json!("succeeded"), &json!(stage.account)));
    assert!(seen["certificate_pem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_19_every_step_is_told_to_the_page() {
    let stage = Stage::new().await;
    let (id, _) = stage.whole("login", json!({})).await;
    let told = stage.told("scan.changed").await;
    let states: Vec<_> = told.iter().map(|told| told["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["scanned", "identity-chosen", "succeeded"]);
    assert!(told.iter().all(|told| told["scan_id"] == id.as_str() && told["nonce"] == "n-1"));
    // Before the user has confirmed, nobody is named.
    assert!(told[..2].iter().all(|told| told["certificate"].is_null()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_20_who_leaves_the_waiting_page_aborts() {
    let stage = Stage::new().await;
    let (id, _) = stage.whole("seal", json!({})).await;
    assert_eq!(stage.seen(&id).await["state"], "confirmed");
    for _ in 0..4 {
        stage.world().clock.advance(20_000);
        stage.world().office.work().await.unwrap();
        assert_eq!(stage.step(&id, "heartbeat").await["state"], "confirmed");
    }
    stage.world().clock.advance(31_000);
    stage.world().office.work().await.unwrap();
    let seen = stage.seen(&id).await;
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("aborted"), &json!("link-lost")));
    assert_eq!(stage.told("scan.changed").await.last().unwrap()["state"], "aborted");
    // By hand too, and nothing was used up.
    let (id, _) = stage.whole("seal", json!({})).await;
    assert_eq!(stage.step(&id, "abort").await["state"], "aborted");
    let report = stage.user.see(stage.world(), "/v1/scan-report").await;
    assert_eq!(report["records"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_22_each_use_counts_once() {
    let stage = Stage::new().await;
    let platform = stage.catalogued("M1100000001").await;
    // Nothing was bought.
    let scan = stage.scan(&stage.ask("login", json!({})).await).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    stage.user.refused(stage.world(), &choose, &stage.certificate, 409, "conflict").await;
    let (account, office) = (stage.account.parse().unwrap(), &stage.world().office);
    office.assume_bought(account, platform, Service::Ca, 2).await;
    let (id, scan) = stage.chosen("login", json!({})).await;
    let signatures = json!({ "signatures": stage.signatures(&scan["to_sign"]).await });
    let sign = format!("/v1/scans/{id}/sign");
    stage.user.done(stage.world(), &sign, &signatures).await;
    stage.user.refused(stage.world(), &sign, &signatures, 409, "conflict").await;
    // Who leaves pays nothing.
    let (id, _) = stage.chosen("login", json!({})).await;
    stage.step(&id, "abort").await;
    stage.whole("login", json!({})).await;
    // Both are used up now; what is sealed takes a seal besides.
    let scan = stage.scan(&stage.ask("login", json!({})).await).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    stage.user.refused(stage.world(), &choose, &stage.certificate, 409, "conflict").await;
    let report = stage.user.see(stage.world(), "/v1/scan-report").await;
    assert_eq!(report["records"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_25_a_code_expires_is_good_once_and_belongs_to_who_scanned_it() {
    let stage = Stage::new().await;
    let world = stage.world();
    let code = stage.ask("login", json!({})).await;
    let scan = stage.scan(&code).await;
    let body = json!({ "code": code["code"] });
    stage.user.refused(world, "/v1/scans", &body, 404, "not_found").await;
    // Another user, with another phone, and the same user in a browser.
    Phone::enrolled(world, 8).await;
    let (other, _) = log_in_on(world, "13900139000", Some([8; 32])).await;
    let path = format!("/v1/scans/{}", scan["scan_id"].as_str().unwrap());
    assert_eq!(problem(other.get(world, &path).await), (404, "not_found".to_owned()));
    let (browser, _) = log_in(world, super::PHONE).await;
    assert_eq!(problem(browser.get(world, &path).await), (401, "no_client_certificate".to_owned()));
    let stranger = Browser { token: "0".repeat(64), device: Some(DEVICE) };
    assert_eq!(problem(stranger.get(world, &path).await), (401, "not_logged_in".to_owned()));
    // Nobody who is not verified.
    let fresh = stage.ask("login", json!({})).await;
    let body = json!({ "code": fresh["code"] });
    other.refused(world, "/v1/scans", &body, 403, "not_verified").await;
    verified_at(world, "13900139000", NAME, &citizen(2), Level::Data).await;
    other.done(world, "/v1/scans", &body).await;
    // Time.
    let late = stage.ask("login", json!({})).await;
    world.clock.advance(120_000);
    stage.user.refused(world, "/v1/scans", &json!({ "code": late["code"] }), 409, "conflict").await;
    world.office.work().await.unwrap();
    assert_eq!(stage.seen(late["scan_id"].as_str().unwrap()).await["state"], "expired");
    // A code that is passed on is of no use without the page.
    let shown = stage.ask("login", json!({ "number": true })).await;
    let number = shown["number"].as_u64().unwrap();
    let wrong = json!({ "code": shown["code"], "number": if number == 10 { 11 } else { 10 } });
    let failed = stage.user.post(world, "/v1/scans", &wrong).await;
    assert_eq!(failed.0.as_u16(), 404);
    let seen = stage.seen(shown["scan_id"].as_str().unwrap()).await;
    assert_eq!((&seen["state"], &seen["reason"]), (&json!("failed"), &json!("wrong-number")));
    let shown = stage.ask("login", json!({ "number": true })).await;
    let right = json!({ "code": shown["code"], "number": shown["number"] });
    assert_eq!(stage.user.done(world, "/v1/scans", &right).await["state"], "scanned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m_08_requests_of_platforms_are_authenticated() {
    use super::super::clients::{new_client, read};
    use crate::domain::clients::Scope;
    let stage = Stage::new().await;
    let (world, ask) = (stage.world(), json!({ "kind": "login", "nonce": "n" }));
    let poor = world.clients.add(new_client(&[Scope::EventsRead])).await.unwrap();
    let missing = (403, "scope_missing".to_owned());
    for path in ["/v1/client/scans", "/v1/client/tasks", "/v1/client/verifications"] {
        assert_eq!(problem(act(world, &poor, path, "a", &ask).await), missing, "{path}");
    }
    // Another platform sees nothing of it.
    let code = stage.ask("login", json!({})).await;
    let rich = world.clients.add(new_client(&[Scope::ScansWrite])).await.unwrap();
    let path = format!("/v1/client/scans/{}", code["scan_id"].as_str().unwrap());
    let none = (404, "not_found".to_owned());
    assert_eq!(problem(read(world, &rich, &path).await), none);
    let end = json!({ "end": "abort" });
    assert_eq!(problem(act(world, &rich, &format!("{path}/end"), "b", &end).await), none);
    // A platform of the catalogue has its code and its name.
    stage.catalogued("M1100000001").await;
    let scan = stage.scan(&stage.ask("apply", json!({})).await).await;
    assert_eq!(scan["system"], json!({ "code": "M1100000001", "name": "测试交易平台" }));
    // The same request again gives the same code.
    let first = act(world, &rich, "/v1/client/scans", "c", &ask).await;
    assert_eq!(act(world, &rich, "/v1/client/scans", "c", &ask).await, first);
}
