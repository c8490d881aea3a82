//! Codes of platforms, scanned by a phone: the page, the phone and what leaves it.

mod firm;
mod joining;
mod kinds;
mod mutual;
mod opening;
mod registration;
mod session;
mod tasks;

use axum::http::StatusCode;
use cosign_core::Digest;
use serde_json::{Value, json};

use super::{
    ca::Scene,
    clients::{act, client, read},
    office::{Browser, citizen, log_in_on, verified_at},
    operators::{ADA, post_as, staff},
};
use crate::{
    domain::{
        ca::Options,
        clients::ApiClient,
        office::{Id, person::Level},
    },
    testing::World,
};

const PHONE: &str = "13800138000";
const DEVICE: [u8; 32] = [9; 32];
const NAME: &str = "张三";

/// A platform, and a verified user with a phone that holds a pair of certificates.
pub(super) struct Stage {
    pub(super) scene: Scene,
    pub(super) client: ApiClient,
    pub(super) user: Browser,
    pub(super) account: String,
    pub(super) certificate: Value,
}

impl Stage {
    pub(super) async fn new() -> Self {
        let scene = Scene::new(Options::default()).await;
        let (certificates, ..) = scene.pair().await;
        verified_at(&scene.world, PHONE, NAME, &citizen(1), Level::Data).await;
        let (user, done) = log_in_on(&scene.world, PHONE, Some(DEVICE)).await;
        let account = done["account_id"].as_str().unwrap().to_owned();
        let client = client(&scene.world).await;
        let first = certificates.iter().find(|one| one["role"] == "sign").unwrap();
        let certificate = json!({ "authority": "demo", "serial": first["serial"] });
        Self { scene, client, user, account, certificate }
    }

    pub(super) fn world(&self) -> &World {
        &self.scene.world
    }

    /// The platform does something, which must work.
    pub(super) async fn platform(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_platform(path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    pub(super) async fn try_platform(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let once = format!("request-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        act(self.world(), &self.client, path, &once, body).await
    }

    pub(super) async fn refused_platform(&self, path: &str, body: &Value, status: u16, code: &str) {
        let (given, answer) = self.try_platform(path, body).await;
        let found = (given.as_u16(), answer["code"].as_str().unwrap_or_default());
        assert_eq!(found, (status, code), "{path}: {answer}");
    }

    pub(super) async fn ask(&self, kind: &str, mut body: Value) -> Value {
        body["kind"] = kind.into();
        body["nonce"] = "n-1".into();
        self.platform("/v1/client/scans", &body).await
    }

    /// What the platform sees.
    pub(super) async fn seen(&self, id: &str) -> Value {
        let (status, seen) = read(self.world(), &self.client, &format!("/v1/client/scans/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{seen}");
        seen
    }

    /// The phone scans the code.
    pub(super) async fn scan(&self, code: &Value) -> Value {
        self.user.done(self.world(), "/v1/scans", &json!({ "code": code["code"] })).await
    }

    pub(super) async fn choose(&self, id: &str) -> Value {
        self.user.done(self.world(), &format!("/v1/scans/{id}/choose"), &self.certificate).await
    }

    /// The platform asks, the phone scans and chooses.
    pub(super) async fn chosen(&self, kind: &str, body: Value) -> (String, Value) {
        let code = self.ask(kind, body).await;
        let id = code["scan_id"].as_str().unwrap().to_owned();
        self.scan(&code).await;
        let scan = self.choose(&id).await;
        (id, scan)
    }

    /// What the phone makes of digests, in hexadecimal.
    pub(super) async fn signatures(&self, digests: &Value) -> Vec<String> {
        let mut signatures = Vec::new();
        for digest in digests.as_array().unwrap() {
            let bytes: [u8; 32] = hex::decode(digest.as_str().unwrap()).unwrap().try_into().unwrap();
            let signed =
                self.scene.phone.sign(self.world(), &self.scene.key, Digest::reduce(&bytes)).await.unwrap();
            signatures.push(hex::encode(signed.to_bytes()));
        }
        signatures
    }

    /// The phone signs all that is to be signed.
    pub(super) async fn sign(&self, scan: &Value) -> Value {
        let signatures = self.signatures(&scan["to_sign"]).await;
        let path = format!("/v1/scans/{}/sign", scan["scan_id"].as_str().unwrap());
        self.user.done(self.world(), &path, &json!({ "signatures": signatures })).await
    }

    /// The whole way.
    pub(super) async fn whole(&self, kind: &str, body: Value) -> (String, Value) {
        let (id, scan) = self.chosen(kind, body).await;
        let done = self.sign(&scan).await;
        (id, done)
    }

    /// Events of a kind that the platform got: their data.
    pub(super) async fn told(&self, kind: &str) -> Vec<Value> {
        let (_, found) = read(self.world(), &self.client, "/v1/client/events?limit=1000").await;
        let events = found["events"].as_array().unwrap();
        events.iter().filter(|event| event["kind"] == kind).map(|event| event["data"].clone()).collect()
    }

    /// Verifies a signature as the platform does: by asking.
    pub(super) async fn verifies(&self, message: &str, signature: &str) -> bool {
        let body = json!({ "certificate": self.certificate, "message": message, "signature": signature });
        let answer = self.platform("/v1/client/verifications", &body).await;
        assert_eq!((&answer["code"], &answer["success"]), (&json!(200), &json!(true)));
        answer["data"]["verifySignatureResult"].as_bool().unwrap()
    }

    /// What the phone signs once it has opened something: computed as a phone does.
    pub(super) async fn agreement_digest(&self, id: &str, opened: &[String]) -> String {
        let scan =
            self.world().office.find::<crate::domain::office::scan::Scan>(id.parse().unwrap()).await.unwrap();
        hex::encode(scan.entity.to_sign(scan.id, opened).unwrap()[0].0)
    }

    /// Another certificate of the same phone, which is used from now on.
    pub(super) async fn second_certificate(&mut self) {
        use cosign_core::Purpose;
        let (_, key) = self.scene.phone.key(&self.scene.world, Purpose::Sign).await;
        self.scene.key = key;
        let csr = super::ca::csr_of(&self.scene.world, &self.scene.phone, &self.scene.key, "second").await;
        let certificates = self.scene.pair_with(json!({ "kind": "new", "dual": true, "csr": csr })).await;
        let first = certificates.iter().find(|one| one["role"] == "sign").unwrap();
        self.certificate = json!({ "authority": "demo", "serial": first["serial"] });
    }

    /// The platform stands in the catalogue under this code.
    pub(super) async fn catalogued(&self, code: &str) -> Id {
        staff(self.world()).await;
        let add = async |item: Value| {
            let (status, added) = post_as(self.world(), ADA, "/v1/operator/catalogue", None, &item).await;
            assert!(status.is_success(), "{added}");
            added["entry_id"].as_str().unwrap().to_owned()
        };
        let region = add(json!({ "kind": "region", "code": "650000", "name": "新疆", "place": null })).await;
        let rules = json!({
            "attachments": false, "review": false, "unique_certificate": true,
            "invoice_after_download": false, "mutual": true, "institutions": [],
        });
        let platform = add(json!({
            "kind": "platform", "region": region, "code": code, "name": "测试交易平台", "platform_kind": "tender",
            "systems": [], "client": self.client.id.to_string(), "rules": rules,
        }));
        platform.await.parse().unwrap()
    }

    pub(super) async fn step(&self, id: &str, step: &str) -> Value {
        self.user.done(self.world(), &format!("/v1/scans/{id}/{step}"), &json!({})).await
    }
}
