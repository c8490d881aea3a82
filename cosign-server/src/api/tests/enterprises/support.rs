//! Enterprises for tests.

use axum::body::Body;
use cosign_core::DeviceId;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

pub(in crate::api::tests) use super::super::office::{citizen, verified};
use super::super::{
    office::{Browser, PICTURE, code},
    posting, respond,
};
use crate::{
    app::SandboxRegistry,
    domain::operators::Role,
    testing::{World, caller, name},
};

/// An enterprise of the sandbox's register.
pub(in crate::api::tests) struct Firm {
    pub(in crate::api::tests) name: String,
    pub(in crate::api::tests) uscc: String,
    pub(in crate::api::tests) legal_name: String,
    pub(in crate::api::tests) legal_number: String,
}

pub(in crate::api::tests) fn firm(which: usize) -> Firm {
    let registry = SandboxRegistry::default();
    let (name, uscc, legal_name, legal_number) = registry.entry(which);
    Firm {
        name: name.to_owned(),
        uscc: uscc.to_owned(),
        legal_name: legal_name.to_owned(),
        legal_number: legal_number.to_owned(),
    }
}

/// The phone of legal representatives.
pub(in crate::api::tests) const LEGAL: &str = "13900139001";

/// A phone that the carrier of the sandbox knows under every name.
pub(in crate::api::tests) const EVEN: &str = "13900139008";

/// The phone of who claims.
pub(in crate::api::tests) const CLAIMANT: &str = "13900139002";

pub(in crate::api::tests) const NUMBER: &str = "11010519491231002X";

/// What a claim of an enterprise says.
pub(in crate::api::tests) async fn form(world: &World, browser: &Browser, firm: &Firm) -> Value {
    json!({
        "kind": "company", "name": firm.name, "uscc": firm.uscc, "legal_name": firm.legal_name,
        "legal_document": "id-card", "legal_number": firm.legal_number, "legal_phone": LEGAL,
        "licence_long_term": true, "licence": browser.attach(world, PICTURE).await,
        "letter": [browser.attach(world, PICTURE).await],
    })
}

/// Begins a claim and gives its path.
pub(in crate::api::tests) async fn drafted(world: &World, browser: &Browser, firm: &Firm) -> String {
    let form = form(world, browser, firm).await;
    let claim = browser.done(world, "/v1/claims", &form).await;
    format!("/v1/claims/{}", claim["claim_id"].as_str().unwrap())
}

/// A code to one's own phone, to sign with.
pub(in crate::api::tests) async fn signing(world: &World, phone: &str) -> Value {
    let (code_id, text) = code(world, phone, "sign").await;
    json!({ "code_id": code_id, "code": text })
}

/// The enterprise `which` of the register, claimed by its legal representative, who administers it.
pub(in crate::api::tests) async fn claimed_by_legal(world: &World, which: usize) -> (Browser, String) {
    let firm = firm(which);
    let legal = verified(world, LEGAL, &firm.legal_name, &firm.legal_number).await;
    let claim = drafted(world, &legal, &firm).await;
    let claim = legal.done(world, &format!("{claim}/sign"), &signing(world, LEGAL).await).await;
    assert_eq!(claim["state"], "accepted");
    (legal, claim["enterprise_id"].as_str().unwrap().to_owned())
}

/// An administrator who does not represent the enterprise, and its id. The legal representative has the phone [`LEGAL`].
pub(in crate::api::tests) async fn claimed(world: &World) -> (Browser, String) {
    let firm = firm(0);
    let legal = verified(world, LEGAL, &firm.legal_name, &firm.legal_number).await;
    let administrator = verified(world, CLAIMANT, "管理员甲", NUMBER).await;
    let claim = drafted(world, &administrator, &firm).await;
    administrator.done(world, &format!("{claim}/ask-legal"), &json!({})).await;
    let asked = administrator.see(world, "/v1/approvals").await;
    let approval = format!("/v1/approvals/{}", asked["approvals"][0]["approval_id"].as_str().unwrap());
    decide(world, &legal, &approval, LEGAL).await;
    let claim = administrator.see(world, &claim).await;
    assert_eq!(claim["state"], "accepted");
    (administrator, claim["enterprise_id"].as_str().unwrap().to_owned())
}

/// Passes something, signed with a code.
pub(in crate::api::tests) async fn decide(world: &World, who: &Browser, approval: &str, phone: &str) {
    let mut body = signing(world, phone).await;
    body["pass"] = true.into();
    who.done(world, &format!("{approval}/decision"), &body).await;
}

/// Devices of reviewers.
pub(in crate::api::tests) const REVIEWERS: [[u8; 32]; 2] = [[31; 32], [32; 32]];
/// Devices of an administrator of the server and an auditor.
pub(in crate::api::tests) const OTHERS: [[u8; 32]; 2] = [[33; 32], [34; 32]];

/// Two reviewers and others, once.
pub(in crate::api::tests) async fn staff(world: &World) {
    let roles = [Role::Reviewer, Role::Reviewer, Role::Administrator, Role::Auditor];
    for (device, role) in REVIEWERS.into_iter().chain(OTHERS).zip(roles) {
        let (code, id) = (super::super::code(world, 1).await, DeviceId::from_bytes(device));
        world.devices.enrol(caller(Some(id)), &code, name("device"), None).await.unwrap();
        world.grants.grant(&id, name(&format!("Operator {}", device[0])), role).await.unwrap();
    }
}

/// What comes of an operator's decision: the status, and the code of a problem.
pub(in crate::api::tests) async fn review(
    world: &World,
    device: [u8; 32],
    approval: &str,
    body: &Value,
) -> (u16, String) {
    let path = format!("/v1/operator/approvals/{approval}/decision");
    let asked = posting(&path, Some(device)).body(Body::from(body.to_string())).unwrap();
    let response = respond(world, asked).await;
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    (status, answer["code"].as_str().unwrap_or_default().to_owned())
}

/// The newest thing that somebody asked for.
pub(in crate::api::tests) async fn newest(world: &World, browser: &Browser) -> Value {
    browser.see(world, "/v1/approvals").await["approvals"][0].clone()
}

/// Its id.
pub(in crate::api::tests) fn approval(asked: &Value) -> String {
    asked["approval_id"].as_str().unwrap().to_owned()
}

/// The account of a user.
pub(in crate::api::tests) async fn account(world: &World, browser: &Browser) -> String {
    browser.see(world, "/v1/account").await["account_id"].as_str().unwrap().to_owned()
}

/// Somebody else who is a member of the enterprise that a user administers.
pub(in crate::api::tests) async fn member(
    world: &World,
    administrator: &Browser,
    enterprise: &str,
    which: u32,
) -> Browser {
    let person = verified(world, &phone(which), &format!("成员{which}"), &citizen(which)).await;
    let join = format!("/v1/enterprises/{enterprise}/join");
    let asked = person.done(world, &join, &json!({ "reason": "入职" })).await;
    let decision = format!("/v1/approvals/{}/decision", approval(&asked));
    administrator.done(world, &decision, &json!({ "pass": true })).await;
    person
}

/// A phone for each of many.
pub(in crate::api::tests) fn phone(which: u32) -> String {
    format!("137000{which:05}")
}

/// Whether a message to a user says so.
pub(in crate::api::tests) async fn is_told(world: &World, browser: &Browser, notice: &str) -> bool {
    let found = browser.see(world, "/v1/messages").await;
    found["messages"].as_array().unwrap().iter().any(|one| one["notice"] == notice)
}
