//! What is done for an enterprise.

use serde_json::json;

use super::{
    super::{
        ca::{Scene, csr_of},
        clients::client,
        enterprises::support::{LEGAL, account, claimed_by_legal, firm, member, phone, signing},
        office::{Browser, log_in, log_in_on},
        problem,
    },
    DEVICE, Stage,
};
use crate::domain::{
    ca::Options,
    office::{Rules, catalogue::Service},
};

impl Stage {
    /// The legal representative of an enterprise, who administers it, with its certificate on a phone.
    async fn of_firm() -> (Self, String) {
        Self::of_firm_under(Rules::default()).await
    }

    /// Under other rules of the office.
    pub(super) async fn of_firm_under(rules: Rules) -> (Self, String) {
        let scene = Scene::with_rules(rules, Options::default()).await;
        let (_, enterprise) = claimed_by_legal(&scene.world, 0).await;
        let csr = csr_of(&scene.world, &scene.phone, &scene.key, &firm(0).name).await;
        let body = json!({ "kind": "new", "dual": true, "csr": csr, "profile": "enterprise" });
        let certificates = scene.pair_with(body).await;
        let (user, done) = log_in_on(&scene.world, LEGAL, Some(DEVICE)).await;
        let account = done["account_id"].as_str().unwrap().to_owned();
        let client = client(&scene.world).await;
        let first = certificates.iter().find(|one| one["role"] == "sign").unwrap();
        let certificate =
            json!({ "authority": "demo", "serial": first["serial"], "enterprise_id": enterprise });
        (Self { scene, client, user, account, certificate }, enterprise)
    }

    /// A member of it, who has the same phone in hand, and may use the certificate on a platform.
    async fn colleague(&self, enterprise: &str) -> (Browser, String) {
        let world = self.world();
        let person = member(world, &self.user, enterprise, 1).await;
        let account = account(world, &person).await;
        let platform = self.catalogued("M1100000001").await;
        let owner = enterprise.parse().unwrap();
        world.office.assume_bought(owner, platform, Service::Ca, 100).await;
        let mut body = signing(world, LEGAL).await;
        body["account_id"] = account.clone().into();
        body["platform_id"] = platform.to_string().into();
        body["from_ms"] = world.now_ms().into();
        body["until_ms"] = (world.now_ms() + 86_400_000).into();
        self.user.done(world, &format!("/v1/enterprises/{enterprise}/grants"), &body).await;
        let (browser, _) = log_in_on(world, &phone(1), Some(DEVICE)).await;
        (browser, account)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_08_bound_by_scanning_if_the_platform_knows_the_enterprise() {
    let (mut stage, enterprise) = Stage::of_firm().await;
    let (name, uscc) = (firm(0).name, firm(0).uscc);
    let without = json!({ "kind": "bind", "nonce": "n" });
    stage.refused_platform("/v1/client/scans", &without, 400, "bad_request").await;
    let known = |name: &str, number: &str| json!({ "holder": { "name": name, "number": number } });
    for (name, number) in [("另一公司", uscc.as_str()), (name.as_str(), "91110000000000000X")] {
        let (id, scan) = stage.chosen("bind", known(name, number)).await;
        let body = json!({ "signatures": stage.signatures(&scan["to_sign"]).await });
        let sign = format!("/v1/scans/{id}/sign");
        stage.user.refused(stage.world(), &sign, &body, 409, "conflict").await;
    }
    let (id, _) = stage.whole("bind", known(&name, &uscc)).await;
    let seen = stage.seen(&id).await;
    assert_eq!((&seen["bound"], &seen["identity"]), (&json!(true), &json!("enterprise")));
    // A member who administers nothing does not bind it, and nobody acts for what they do not belong to.
    let (colleague, _) = stage.colleague(&enterprise).await;
    stage.user = colleague;
    let (id, scan) = stage.chosen("bind", known(&name, &uscc)).await;
    let body = json!({ "signatures": stage.signatures(&scan["to_sign"]).await });
    let sign = format!("/v1/scans/{id}/sign");
    stage.user.refused(stage.world(), &sign, &body, 403, "role_missing").await;
    let scan = stage.scan(&stage.ask("login", json!({})).await).await;
    let choose = format!("/v1/scans/{}/choose", scan["scan_id"].as_str().unwrap());
    let mut other = stage.certificate.clone();
    other["enterprise_id"] = "0".repeat(32).into();
    stage.user.refused(stage.world(), &choose, &other, 404, "not_found").await;
    // Nor as themselves with its certificate.
    other.as_object_mut().unwrap().remove("enterprise_id");
    stage.user.refused(stage.world(), &choose, &other, 409, "conflict").await;
    let tasks = json!({ "certificate": other, "task_ids": ["0".repeat(32)] });
    stage.user.refused(stage.world(), "/v1/task-signatures/start", &tasks, 409, "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_does_not_sign_for_the_enterprise_any_more() {
    let (mut stage, enterprise) = Stage::of_firm().await;
    let (colleague, account) = stage.colleague(&enterprise).await;
    let administrator = std::mem::replace(&mut stage.user, colleague);
    let (id, scan) = stage.chosen("login", json!({})).await;
    let body = json!({ "signatures": stage.signatures(&scan["to_sign"]).await });
    let remove = format!("/v1/enterprises/{enterprise}/members/{account}/remove");
    administrator.done(stage.world(), &remove, &json!({})).await;
    stage.user.refused(stage.world(), &format!("/v1/scans/{id}/sign"), &body, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_04_administrators_see_what_members_did_for_the_enterprise() {
    let (mut stage, enterprise) = Stage::of_firm().await;
    let report = |account: &str| format!("/v1/enterprises/{enterprise}/members/{account}/scan-report");
    let own = stage.account.clone();
    stage.whole("login", json!({})).await;
    let (colleague, account) = stage.colleague(&enterprise).await;
    let administrator = std::mem::replace(&mut stage.user, colleague);
    stage.whole("encrypt", json!({})).await;
    let members = administrator.see(stage.world(), &format!("/v1/enterprises/{enterprise}/members")).await;
    assert_eq!(members["members"].as_array().unwrap().len(), 2);
    for (of, operation) in [(&account, "encrypt"), (&own, "login")] {
        let found = administrator.see(stage.world(), &report(of)).await;
        let records = found["records"].as_array().unwrap();
        assert_eq!((records.len(), &records[0]["operation"]), (1, &json!(operation)));
        assert_eq!((&records[0]["account_id"], &records[0]["identity"]), (&json!(of), &json!("enterprise")));
    }
    let none = administrator.see(stage.world(), &format!("{}?operation=seal", report(&account))).await;
    assert_eq!(none["records"], json!([]));
    // Members do not see it, and strangers do not know of it.
    let refused = problem(stage.user.get(stage.world(), &report(&own)).await);
    assert_eq!(refused, (403, "role_missing".to_owned()));
    let (stranger, done) = log_in(stage.world(), "13600136000").await;
    let not_found = (404, "not_found".to_owned());
    assert_eq!(problem(stranger.get(stage.world(), &report(&own)).await), not_found);
    // Nor does an administrator see what somebody else did.
    let other = done["account_id"].as_str().unwrap();
    assert_eq!(problem(administrator.get(stage.world(), &report(other)).await), not_found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_06_claims_joins_and_applications_stay_to_be_seen() {
    let (stage, enterprise) = Stage::of_firm().await;
    let world = stage.world();
    let claims = stage.user.see(world, "/v1/claims").await;
    let claims = claims["claims"].as_array().unwrap();
    assert_eq!((claims.len(), &claims[0]["state"]), (1, &json!("accepted")));
    let (colleague, _) = stage.colleague(&enterprise).await;
    let joined = colleague.see(world, "/v1/approvals").await;
    assert_eq!(joined["approvals"].as_array().unwrap().len(), 1);
    assert!(colleague.see(world, "/v1/claims").await["claims"].as_array().unwrap().is_empty());
    let (status, requests) = super::super::get(world, "/v1/certificate-requests", Some(DEVICE)).await;
    assert_eq!(status.as_u16(), 200);
    assert_eq!(requests["requests"][0]["state"], "closed");
    let (stranger, _) = log_in(world, "13600136000").await;
    for (path, list) in [("/v1/claims", "claims"), ("/v1/approvals", "approvals")] {
        assert_eq!(stranger.see(world, path).await[list], json!([]));
    }
}
