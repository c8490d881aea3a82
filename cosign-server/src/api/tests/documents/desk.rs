//! A platform with documents, and a person with a certificate, a seal and a phone.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use cosign_core::Digest;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::super::{
    certificates::{OWNER, Owner, Scene},
    clients::{act, client, fetch, hand_in, read},
    office::{Browser, log_in_on},
    problem, respond,
};
use crate::{
    domain::{
        ca::{CertEvent, Options, Reason, Serial},
        clients::ApiClient,
        office::{Id, Rules},
    },
    testing::World,
};

pub(super) struct Desk {
    pub(super) scene: Scene,
    pub(super) client: ApiClient,
    pub(super) user: Browser,
    pub(super) account: String,
    pub(super) certificate: Value,
    pub(super) seal: String,
}

pub(super) struct Neighbour {
    pub(super) user: Browser,
    pub(super) certificate: Value,
}

impl Desk {
    pub(super) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// The authority has these terms.
    pub(super) async fn with(options: Options) -> Self {
        let scene = Scene::with(Rules::default(), options).await;
        let holding = scene.certified().await;
        let (user, done) = log_in_on(&scene.world, OWNER, Some([9; 32])).await;
        let account = done["account_id"].as_str().unwrap().to_owned();
        let seals = user.see(&scene.world, "/v1/seals").await;
        let seal = seals["seals"][0]["seal_id"].as_str().unwrap().to_owned();
        let client = client(&scene.world).await;
        let certificate = json!({ "authority": "demo", "serial": holding["serial"] });
        Self { scene, client, user, account, certificate, seal }
    }

    pub(super) fn world(&self) -> &World {
        &self.scene.world
    }

    /// The name of a request.
    pub(super) fn once() -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        format!("request-{}", COUNT.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) async fn try_platform(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        act(self.world(), &self.client, path, &Self::once(), body).await
    }

    /// The platform does something, which must work.
    pub(super) async fn platform(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_platform(path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    pub(super) async fn refused(&self, path: &str, body: &Value, status: u16, code: &str) {
        let answer = self.try_platform(path, body).await;
        let text = answer.1.to_string();
        assert_eq!(problem(answer), (status, code.to_owned()), "{path}: {text}");
    }

    /// The platform reads something.
    pub(super) async fn see(&self, path: &str) -> Value {
        let (status, answer) = read(self.world(), &self.client, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    pub(super) async fn refused_get(&self, path: &str) -> (u16, String) {
        problem(read(self.world(), &self.client, path).await)
    }

    /// The platform fetches bytes.
    pub(super) async fn fetch(&self, path: &str) -> Vec<u8> {
        let (status, bytes) = fetch(self.world(), &self.client, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {}", String::from_utf8_lossy(&bytes));
        bytes
    }

    /// The platform hands in a document.
    pub(super) async fn keep(&self, name: &str, bytes: &[u8]) -> String {
        let name: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let target = format!("/v1/client/documents?name={name}");
        let (status, kept) = hand_in(self.world(), &self.client, &target, &Self::once(), bytes).await;
        assert_eq!((status, &kept["state"]), (StatusCode::CREATED, &json!("kept")), "{kept}");
        kept["document_id"].as_str().unwrap().to_owned()
    }

    /// What the phone makes of digests, in hexadecimal.
    pub(super) async fn signatures(&self, digests: &Value) -> Vec<String> {
        let mut signatures = Vec::new();
        for digest in digests.as_array().unwrap() {
            let bytes: [u8; 32] = hex::decode(digest.as_str().unwrap()).unwrap().try_into().unwrap();
            let owner = &self.scene.owner;
            let signed = owner.phone.sign(self.world(), &owner.key, Digest::reduce(&bytes)).await.unwrap();
            signatures.push(hex::encode(signed.to_bytes()));
        }
        signatures
    }

    /// A code is shown and scanned, and the certificate chosen: the scan as the phone sees it.
    pub(super) async fn chosen(&self, kind: &str, document: Option<&str>) -> Value {
        let body = json!({ "kind": kind, "nonce": "n", "document_id": document });
        let code = self.platform("/v1/client/scans", &body).await;
        self.user.done(self.world(), "/v1/scans", &json!({ "code": code["code"] })).await;
        let id = code["scan_id"].as_str().unwrap();
        self.user.done(self.world(), &format!("/v1/scans/{id}/choose"), &self.certificate).await
    }

    /// The phone signs what is to be signed.
    pub(super) async fn sign(&self, scan: &Value) -> Value {
        let signatures = self.signatures(&scan["to_sign"]).await;
        let path = format!("/v1/scans/{}/sign", scan["scan_id"].as_str().unwrap());
        self.user.done(self.world(), &path, &json!({ "signatures": signatures })).await
    }

    /// The user waits to seal a document: the id of the scan.
    pub(super) async fn confirmed(&self, document: &str) -> String {
        let scan = self.sign(&self.chosen("seal", Some(document)).await).await;
        assert_eq!((&scan["state"], &scan["document_id"]), (&json!("confirmed"), &json!(document)));
        scan["scan_id"].as_str().unwrap().to_owned()
    }

    pub(super) async fn phone(&self, scan: &str) -> Value {
        self.user.see(self.world(), &format!("/v1/scans/{scan}")).await
    }

    /// The platform says where the seal goes.
    pub(super) async fn place(&self, scan: &str, places: Value) -> Value {
        let body = json!({ "name": "盖章", "seal_id": self.seal, "places": places });
        self.platform(&format!("/v1/client/scans/{scan}/sealings"), &body).await
    }

    pub(super) async fn refused_place(&self, scan: &str, places: Value, status: u16) {
        let body = json!({ "name": "盖章", "seal_id": self.seal, "places": places });
        let code = if status == 400 { "bad_request" } else { "conflict" };
        self.refused(&format!("/v1/client/scans/{scan}/sealings"), &body, status, code).await;
    }

    /// And the phone signs it.
    pub(super) async fn seal(&self, scan: &str, places: Value) {
        self.place(scan, places).await;
        let waiting = self.phone(scan).await;
        assert_eq!(waiting["to_sign"].as_array().unwrap().len(), 1, "{waiting}");
        assert_eq!(self.sign(&waiting).await["to_sign"], json!([]));
    }

    pub(super) async fn end(&self, scan: &str, end: &str) -> Value {
        self.platform(&format!("/v1/client/scans/{scan}/end"), &json!({ "end": end })).await
    }

    /// A document is sealed from the code to the end.
    pub(super) async fn sealed(&self, document: &str, places: Value) {
        let scan = self.confirmed(document).await;
        self.seal(&scan, places).await;
        assert_eq!(self.end(&scan, "finish").await["state"], "succeeded");
    }

    pub(super) async fn report(&self, document: &str) -> Value {
        self.see(&format!("/v1/client/documents/{document}/report")).await
    }

    /// Page and centre of every place of the last seal, in millimetres.
    pub(super) async fn places(&self, document: &str) -> Vec<(i64, i64, i64)> {
        let report = self.report(document).await;
        assert_eq!(report["verdict"], "valid", "{report}");
        let last = report["seals"].as_array().unwrap().last().unwrap().clone();
        let number = |place: &Value, name: &str| place[name].as_i64().unwrap();
        let centre = |place: &Value| {
            let x = number(place, "x") + number(place, "width") / 2;
            let y = number(place, "y") + number(place, "height") / 2;
            (number(place, "page"), (x + 5) / 10, (y + 5) / 10)
        };
        last["places"].as_array().unwrap().iter().map(centre).collect()
    }

    /// What verification says to the user.
    pub(super) async fn judge(&self, bytes: &[u8]) -> (StatusCode, Value) {
        self.user.post_bytes(self.world(), super::VERIFY, bytes).await
    }

    /// The document of a scan on the phone.
    pub(super) async fn phone_sees(&self, scan: &str) -> Vec<u8> {
        self.user_fetches(&format!("/v1/scans/{scan}/document")).await
    }

    pub(super) async fn user_fetches(&self, path: &str) -> Vec<u8> {
        let asked = self.user.asks(Method::GET, path).body(Body::empty()).unwrap();
        let response = respond(self.world(), asked).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    /// The certificate is revoked by its authority.
    pub(super) async fn revoke(&self) {
        let serial = Serial::from_hex(self.certificate["serial"].as_str().unwrap()).unwrap();
        let authority = "demo".to_owned().try_into().unwrap();
        let what = CertEvent::Revoke(Reason::Superseded);
        self.world().authorities.change(&authority, &serial, what, None).await.unwrap();
    }

    /// Somebody else, with a phone and a certificate of the same authority.
    pub(super) async fn neighbour(&self) -> Neighbour {
        const PHONE: &str = "13900139000";
        let owner = Owner::new(self.world(), PHONE, 8, "李四").await;
        let holding = owner.certified(self.world(), json!({ "business": "new", "authority": "demo" })).await;
        let (user, _) = log_in_on(self.world(), PHONE, Some([8; 32])).await;
        let certificate = json!({ "authority": "demo", "serial": holding["serial"] });
        Neighbour { user, certificate }
    }

    /// How many files are kept that go with something.
    pub(super) async fn kept_files(&self, owner: &str) -> u64 {
        use crate::domain::office::ports::Entities as _;
        let owner: Id = owner.parse().unwrap();
        self.world().database.attachments_of(owner, 0).await.unwrap()
    }
}
