//! Certificates and seals of the office.

mod applications;
mod bought;
mod devices;
mod fees;
mod forms;
mod life;
mod logins;
mod media;
mod rights;
mod seals;
mod seals_bought;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use cosign_core::{ClientKey, Purpose, sm_primitives::sm2::PrivateKey};
use serde_json::{Value, json};

use super::{
    ca::{csr_of, with_custodians},
    office::{Browser, PICTURE, citizen, code, face, log_in, log_in_on, verified, verified_at},
    posting, problem, request, send,
};
use crate::{
    domain::{
        ca::Options,
        office::{Rules, person::Level, rules::Levels},
        operators::Role,
    },
    testing::{Phone, World, name},
};

pub(super) const OWNER: &str = "13800138000";
const OTHER: &str = "13900139000";
const REVIEWER: u8 = 40;
const SECOND: u8 = 41;

/// A device that reviews.
async fn reviewer(world: &World, device: u8, called: &str) -> Phone {
    let phone = Phone::enrolled(world, device).await;
    world.grants.grant(&phone.device.id, name(called), Role::Reviewer).await.unwrap();
    phone
}

/// A user who is verified, with a device that has a signing key.
pub(super) struct Owner {
    pub(super) browser: Browser,
    citizen: String,
    pub(super) phone: Phone,
    number: u8,
    pub(super) key: ClientKey,
    mobile: String,
}

impl Owner {
    pub(super) async fn new(world: &World, mobile: &str, number: u8, called: &str) -> Self {
        let citizen = citizen(number.into());
        let browser = verified(world, mobile, called, &citizen).await;
        let phone = Phone::enrolled(world, number).await;
        let (_, key) = phone.key(world, Purpose::Sign).await;
        Self { browser, citizen, phone, number, key, mobile: mobile.to_owned() }
    }

    /// Asks with the device of the user.
    async fn with_device(&self, world: &World, path: &str, body: &Value) -> (StatusCode, Value) {
        let asked = posting(path, Some([self.number; 32]))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.browser.token));
        send(world, asked.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn see_with_device(&self, world: &World, path: &str) -> Value {
        let asked = request(Method::GET, path, Some([self.number; 32]))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.browser.token));
        send(world, asked.body(Body::empty()).unwrap()).await.1
    }

    /// Applies.
    async fn applied(&self, world: &World, body: Value) -> Value {
        let mut body = body;
        body["agreement"] = "1".into();
        self.browser.done(world, "/v1/applications", &body).await
    }

    /// Confirms the form and authorises it. Where the application stands then.
    async fn authorised(&self, world: &World, application: &Value) -> Value {
        let path = path_of(application);
        self.browser.done(world, &format!("{path}/confirm"), &json!({})).await;
        let (code_id, text) = code(world, &self.mobile, "apply").await;
        let body = json!({ "code_id": code_id, "code": text });
        self.browser.done(world, &format!("{path}/authorise"), &body).await
    }

    /// The name of the user has changed; the certificates say another one.
    async fn changes(&self, world: &World) {
        let (code_id, text) = code(world, &self.mobile, "person").await;
        let body = json!({ "code_id": code_id, "code": text });
        self.browser.done(world, "/v1/person/change", &body).await;
    }

    /// The user is verified again, under another name.
    async fn is_now(&self, world: &World, called: &str) {
        let body = json!({
            "method": "digits", "document": "id-card", "name": called, "number": self.citizen, "agreement": "1",
            "attachment_ids": [self.browser.attach(world, PICTURE).await, self.browser.attach(world, PICTURE).await],
        });
        let person = self.browser.done(world, "/v1/person", &body).await;
        let words = person["words"].as_str().unwrap();
        let (status, _) = self.browser.post_bytes(world, "/v1/person/face", &face(words)).await;
        assert_eq!(status, StatusCode::OK);
    }

    async fn csr(&self, world: &World) -> String {
        csr_of(world, &self.phone, &self.key, "whoever").await
    }

    /// Installs what is approved.
    async fn install(&self, world: &World, application: &Value) -> (StatusCode, Value) {
        let protection = PrivateKey::generate(&mut world.rng()).unwrap();
        let csr = self.csr(world).await;
        let body = json!({ "csr": csr, "protection_key": protection.public_key().to_spki_pem() });
        self.with_device(world, &format!("{}/install", path_of(application)), &body).await
    }

    /// Applies, has it passed if it must be, and installs. The certificate.
    pub(super) async fn certified(&self, world: &World, body: Value) -> Value {
        let application = self.applied(world, body).await;
        let authorised = self.authorised(world, &application).await;
        if authorised["state"] == "review" {
            let passed = review(world, REVIEWER, &application, true, "").await;
            assert_eq!(passed.1["state"], "approved", "{passed:?}");
        }
        let (status, installed) = self.install(world, &application).await;
        assert_eq!(status, StatusCode::OK, "{installed}");
        self.holding(world, installed["holding_id"].as_str().unwrap()).await
    }

    async fn holding(&self, world: &World, id: &str) -> Value {
        self.browser.see(world, &format!("/v1/holdings/{id}")).await
    }

    /// How often the user was told this.
    async fn told(&self, world: &World, notice: &str) -> usize {
        let found = self.browser.see(world, "/v1/messages").await;
        found["messages"].as_array().unwrap().iter().filter(|one| one["notice"] == notice).count()
    }
}

fn path_of(application: &Value) -> String {
    format!("/v1/applications/{}", application["application_id"].as_str().unwrap())
}

async fn review(
    world: &World,
    device: u8,
    application: &Value,
    passed: bool,
    opinion: &str,
) -> (StatusCode, Value) {
    let id = application["application_id"].as_str().unwrap();
    let body = json!({ "passed": passed, "opinion": opinion });
    let path = format!("/v1/operator/applications/{id}/review");
    super::post(world, &path, Some([device; 32]), &body).await
}

/// An authority, a reviewer, and a user.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) owner: Owner,
}

impl Scene {
    pub(super) async fn new() -> Self {
        Self::with(Rules::default(), Options::default()).await
    }

    pub(super) async fn with(rules: Rules, options: Options) -> Self {
        let world = World::with_rules(rules).await;
        with_custodians(&world, options).await;
        reviewer(&world, REVIEWER, "Rea").await;
        let owner = Owner::new(&world, OWNER, 9, "张三").await;
        Self { world, owner }
    }

    pub(super) async fn certified(&self) -> Value {
        self.owner.certified(&self.world, national()).await
    }
}

fn national() -> Value {
    json!({ "business": "new", "authority": "demo" })
}

fn on_platform(platform: &str) -> Value {
    json!({ "business": "new", "authority": "demo", "platform": platform })
}

fn about(business: &str, holding: &Value) -> Value {
    json!({ "business": business, "holding_id": holding["holding_id"] })
}
