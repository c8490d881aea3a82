//! Enterprises as holders of certificates and seals, and what their members do with these.

mod cancelled;
mod certificates;
mod collected;
mod firsts;
mod letters;
mod orders;
mod sealing;
mod seals;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use cosign_core::{ClientKey, Purpose, sm_primitives::sm2::PrivateKey};
use serde_json::{Value, json};

use super::{
    ca::{Scene, csr_of},
    clients::client,
    enterprises::support::{LEGAL, account, claimed_by_legal, drafted, firm, member, phone, signing},
    office::{Browser, citizen, code, log_in_on, verified},
    post, posting, problem,
    scans::Stage,
    send,
};
use crate::{
    domain::{ca::Options, operators::Role},
    testing::{Phone, World, name},
};

const DAY_MS: u64 = 86_400_000;
/// The device of a reviewer.
const REVIEWER: [u8; 32] = [40; 32];
/// The phone with the certificate of the enterprise.
const DEVICE: [u8; 32] = [9; 32];

/// An enterprise whose legal representative administers it and has its certificate on a phone.
struct Company {
    stage: Stage,
    id: String,
    holding: String,
}

impl Company {
    async fn new() -> Self {
        let (stage, id) = founded().await;
        let mut company = Self { stage, id, holding: String::new() };
        company.holding = company.installed(&company.approved(None).await).await;
        let holding = company.see(&format!("/v1/holdings/{}", company.holding)).await;
        company.stage.certificate =
            json!({ "authority": "demo", "serial": holding["serial"], "enterprise_id": company.id });
        company
    }

    fn world(&self) -> &World {
        self.stage.world()
    }

    async fn see(&self, path: &str) -> Value {
        self.stage.user.see(self.world(), path).await
    }

    async fn done(&self, path: &str, body: &Value) -> Value {
        self.stage.user.done(self.world(), path, body).await
    }

    async fn refused(&self, path: &str, body: &Value, status: u16, code: &str) {
        self.stage.user.refused(self.world(), path, body, status, code).await;
    }

    /// What the legal representative applies for is authorised, and passed if it must be. Its path.
    async fn approved(&self, platform: Option<&str>) -> String {
        let body = wanted(&self.id, platform);
        let application = self.done("/v1/applications", &body).await;
        let path = at(&application);
        let state = authorised(self.world(), &self.stage.user, LEGAL, &path).await;
        if state == "review" {
            let (status, passed) = review(self.world(), &path, true).await;
            assert_eq!((status, &passed["state"]), (StatusCode::OK, &json!("approved")));
        }
        path
    }

    /// Installs what is approved on the phone.
    async fn installed(&self, application: &str) -> String {
        let scene = &self.stage.scene;
        let done = install(self.world(), &self.stage.user, (&scene.phone, &scene.key), application).await;
        assert_eq!(done.0, StatusCode::OK, "{}", done.1);
        done.1["holding_id"].as_str().unwrap().to_owned()
    }

    /// A member, and the account.
    async fn member(&self, which: u32) -> (Browser, String) {
        let person = member(self.world(), &self.stage.user, &self.id, which).await;
        let account = account(self.world(), &person).await;
        (person, account)
    }

    /// The same, with the phone of the enterprise in hand.
    async fn colleague(&self, which: u32) -> (Browser, String) {
        let (_, account) = self.member(which).await;
        (log_in_on(self.world(), &phone(which), Some(DEVICE)).await.0, account)
    }

    /// The seals of the enterprise, as its legal representative sees them.
    async fn seals(&self) -> Vec<Value> {
        let found = self.see(&format!("/v1/seals?enterprise_id={}", self.id)).await;
        found["seals"].as_array().unwrap().clone()
    }

    /// The id of its first seal of a kind.
    async fn seal(&self, kind: &str) -> String {
        let seals = self.seals().await;
        let found = seals.iter().find(|seal| seal["kind"] == kind).unwrap();
        found["seal_id"].as_str().unwrap().to_owned()
    }

    /// Whoever claims another enterprise of the register, which they represent.
    async fn rival(&self) -> (Browser, String) {
        const PHONE: &str = "13900139021";
        let (world, firm) = (self.world(), firm(1));
        verified(world, PHONE, &firm.legal_name, &firm.legal_number).await;
        let (user, _) = log_in_on(world, PHONE, Some(DEVICE)).await;
        let claim = drafted(world, &user, &firm).await;
        let claim = user.done(world, &format!("{claim}/sign"), &signing(world, PHONE).await).await;
        (user, claim["enterprise_id"].as_str().unwrap().to_owned())
    }

    /// A seal of the enterprise that is good at once.
    async fn drawn(&self, kind: &str, manager: Option<&str>) -> Value {
        let mut body = self.new_seal(kind, json!({ "template": {} }));
        let code = signing(self.world(), LEGAL).await;
        (body["code_id"], body["code"]) = (code["code_id"].clone(), code["code"].clone());
        body["manager_id"] = json!(manager);
        self.done("/v1/seals", &body).await
    }

    fn new_seal(&self, kind: &str, picture: Value) -> Value {
        json!({ "holding_id": self.holding, "kind": kind, "name": "测试印章", "picture": picture })
    }

    /// A path below that of the enterprise.
    fn at(&self, rest: &str) -> String {
        format!("/v1/enterprises/{}/{rest}", self.id)
    }

    /// Lets members use seals from now on for some days.
    async fn authorised(&self, seals: &[&str], members: &[&str], days: u64) -> Vec<String> {
        let now_ms = self.world().now_ms();
        let body = json!({
            "seal_ids": seals, "account_ids": members, "from_ms": now_ms, "until_ms": now_ms + days * DAY_MS,
        });
        let given = self.done(&self.at("seal-grants"), &body).await;
        given["grant_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    /// Logs the legal representative in again, after some time.
    async fn again(&mut self) {
        self.stage.user = log_in_on(self.world(), LEGAL, Some(DEVICE)).await.0;
    }
}

/// An authority, a reviewer, and an enterprise that its legal representative administers, without a certificate.
async fn founded() -> (Stage, String) {
    let scene = Scene::new(Options::default()).await;
    let world = &scene.world;
    let reviewer = Phone::enrolled(world, REVIEWER[0]).await;
    world.grants.grant(&reviewer.device.id, name("Ria"), Role::Reviewer).await.unwrap();
    let (_, id) = claimed_by_legal(world, 0).await;
    let (user, done) = log_in_on(world, LEGAL, Some(DEVICE)).await;
    let account = done["account_id"].as_str().unwrap().to_owned();
    let client = client(world).await;
    (Stage { scene, client, user, account, certificate: Value::Null }, id)
}

fn wanted(enterprise: &str, platform: Option<&str>) -> Value {
    json!({
        "business": "new", "authority": "demo", "platform": platform, "enterprise_id": enterprise, "agreement": "1",
        "dual": true,
    })
}

fn at(application: &Value) -> String {
    format!("/v1/applications/{}", application["application_id"].as_str().unwrap())
}

/// Confirms the form of an application and authorises it. Where it stands then.
async fn authorised(world: &World, who: &Browser, mobile: &str, path: &str) -> Value {
    who.done(world, &format!("{path}/confirm"), &json!({})).await;
    let (code_id, text) = code(world, mobile, "apply").await;
    let body = json!({ "code_id": code_id, "code": text });
    who.done(world, &format!("{path}/authorise"), &body).await["state"].clone()
}

async fn review(world: &World, path: &str, passed: bool) -> (StatusCode, Value) {
    let path = path.replace("/v1/applications", "/v1/operator/applications");
    let body = json!({ "passed": passed, "opinion": "looked at" });
    post(world, &format!("{path}/review"), Some(REVIEWER), &body).await
}

/// Installs on a phone with a key.
async fn install(
    world: &World,
    who: &Browser,
    (phone, key): (&Phone, &ClientKey),
    application: &str,
) -> (StatusCode, Value) {
    let protection = PrivateKey::generate(&mut world.rng()).unwrap();
    let csr = csr_of(world, phone, key, "whoever").await;
    let body = json!({ "csr": csr, "protection_key": protection.public_key().to_spki_pem() });
    let asked = posting(&format!("{application}/install"), Some(*phone.device.id.as_bytes()))
        .header(header::AUTHORIZATION, format!("Bearer {}", who.token));
    send(world, asked.body(Body::from(body.to_string())).unwrap()).await
}

/// A phone with a key, which is not that of the enterprise.
async fn phone_with_key(world: &World, number: u8) -> (Phone, ClientKey) {
    let phone = Phone::enrolled(world, number).await;
    let (_, key) = phone.key(world, Purpose::Sign).await;
    (phone, key)
}
