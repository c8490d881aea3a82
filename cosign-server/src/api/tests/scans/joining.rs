//! The letter that an administrator signs with the certificate of the enterprise when somebody joins.

use axum::http::StatusCode;
use cosign_core::sm_primitives::{
    point::PublicPoint,
    sm2::{DistId, PublicKey},
};
use serde_json::{Value, json};

use super::{
    super::enterprises::support::{REVIEWERS, approval, citizen, phone, review, staff, verified},
    Stage,
};
use crate::domain::office::{Rules, approval::Judge, proof::CertificateName};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c_23_an_administrator_signs_the_letter_and_a_reviewer_passes_it() {
    let join_chain = vec![Judge::Administrator, Judge::Reviewer];
    let rules = Rules { join_stamp: true, join_chain, ..Rules::default() };
    let (stage, enterprise) = Stage::of_firm_under(rules).await;
    let world = stage.world();
    staff(world).await;
    let person = verified(world, &phone(1), "成员1", &citizen(1)).await;
    let join = format!("/v1/enterprises/{enterprise}/join");
    let asked = approval(&person.done(world, &join, &json!({ "reason": "入职" })).await);
    let path = format!("/v1/approvals/{asked}");
    // Who asked and who decides read the letter; others do not.
    let shown = stage.user.see(world, &format!("{path}/letter")).await;
    let letter = shown["text"].as_str().unwrap();
    assert!(letter.contains("成员1") && letter.contains(&asked), "{letter}");
    assert_eq!(person.see(world, &format!("{path}/letter")).await, shown);
    let stranger = verified(world, &phone(2), "路人乙", &citizen(2)).await;
    assert_eq!(stranger.get(world, &format!("{path}/letter")).await.0, StatusCode::NOT_FOUND);
    // Passing takes the signature of the enterprise over this letter.
    let decide = format!("{path}/decision");
    stage.user.refused(world, &decide, &json!({ "pass": true }), 400, "bad_request").await;
    let certificate = json!({ "authority": "demo", "serial": stage.certificate["serial"] });
    let signed = async |text: &str| {
        let digest = stage.digest(text.as_bytes()).await;
        let signatures = stage.signatures(&json!([digest])).await;
        json!({ "pass": true, "certificate": certificate, "signature": signatures[0] })
    };
    stage.user.refused(world, &decide, &signed("另一份授权书").await, 400, "bad_request").await;
    let mut half = signed(letter).await;
    half.as_object_mut().unwrap().remove("signature");
    stage.user.refused(world, &decide, &half, 400, "bad_request").await;
    let good = signed(letter).await;
    person.refused(world, &decide, &good, 404, "not_found").await;
    stage.user.done(world, &decide, &good).await;
    // Then it goes to a reviewer, and is passed; the letter can be verified by whoever sees it.
    let waiting = person.see(world, &path).await;
    assert_eq!((&waiting["state"], &waiting["next"]), (&json!("review"), &json!("reviewer")));
    let stamp = &waiting["opinions"][0];
    assert_eq!((&stamp["certificate"], &stamp["signature"]), (&certificate, &good["signature"]));
    assert!(stage.client_verifies(&certificate, letter, stamp["signature"].as_str().unwrap()).await);
    assert_eq!(person.see(world, "/v1/enterprises").await["enterprises"][0]["state"], "requested");
    assert_eq!(review(world, REVIEWERS[0], &asked, &json!({ "pass": true })).await.0, 204);
    let joined = person.see(world, "/v1/enterprises").await["enterprises"][0].clone();
    assert_eq!((&joined["state"], &joined["administrator"]), (&json!("active"), &json!(false)));
}

impl Stage {
    /// What is signed of a message with the certificate of the phone.
    async fn digest(&self, message: &[u8]) -> String {
        let serial = self.certificate["serial"].as_str().unwrap().to_owned();
        let name = CertificateName { authority: "demo".to_owned(), serial };
        let certificate = self.world().office.certificate(&name).await.unwrap();
        let key = PublicKey::from(PublicPoint::from_bytes(&certificate.public_key).unwrap());
        hex::encode(DistId::default().digest(&key, message))
    }

    /// Whether a platform finds that a text was signed with a certificate.
    async fn client_verifies(&self, certificate: &Value, text: &str, signature: &str) -> bool {
        let body =
            json!({ "certificate": certificate, "message": hex::encode(text), "signature": signature });
        let answer = self.platform("/v1/client/verifications", &body).await;
        answer["data"]["verifySignatureResult"].as_bool().unwrap()
    }
}
