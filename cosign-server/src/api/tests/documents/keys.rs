//! Sealed with a key elsewhere: the platform offers that beside the phone.

use base64ct::{Base64, Encoding as _};
use cosign_core::{
    csr,
    sm_primitives::sm2::{DistId, PrivateKey, dsa},
};
use pki::Time;
use seal::ses::{Holders, PictureData, SealOrder};
use serde_json::json;

use super::*;
use crate::domain::{
    ca::{Profile, Role},
    services::Direct,
};

/// A key on a stick, with a certificate and a seal that somebody else made.
struct Stick {
    key: PrivateKey,
    certificate: String,
    seal: String,
}

impl Stick {
    async fn new(desk: &Desk) -> Self {
        let world = desk.world();
        let key = PrivateKey::generate(&mut world.rng()).unwrap();
        let maker = PrivateKey::generate(&mut world.rng()).unwrap();
        let certificate = Self::certified(desk, &key, "holder", Profile::Personal).await;
        let made_by = Self::certified(desk, &maker, "maker", Profile::SealMaker).await;
        let now = Time::from_unix(world.now_ms() / 1000).unwrap();
        let picture = desk.user_fetches(&format!("/v1/seals/{}/picture", desk.seal)).await;
        let order = SealOrder {
            vendor: "other",
            id: "1",
            kind: 2,
            name: "他处印章",
            holders: Holders::Certificates(vec![certificate.as_der().to_vec()]),
            created: now,
            validity: (now, certificate.validity().not_after),
            picture: PictureData::new(picture, 20, 20).unwrap(),
        };
        let unsigned = order.unsigned(&made_by).unwrap();
        let signature = dsa::sign_digest(&maker, unsigned.digest(), &mut world.rng()).unwrap();
        let seal = Base64::encode_string(unsigned.complete(&signature).unwrap().as_der());
        let certificate = pki::issue::certificate_pem(certificate.as_der());
        Self { key, certificate, seal }
    }

    async fn certified(desk: &Desk, key: &PrivateKey, called: &str, profile: Profile) -> pki::Certificate {
        let world = desk.world();
        let info = csr::info(called, key.public_key());
        let digest = DistId::default().digest(key.public_key(), &info);
        let signature = dsa::sign_digest(key, &digest, &mut world.rng()).unwrap();
        let issued = world.authorities.issue(Direct {
            authority: "demo".to_owned().try_into().unwrap(),
            csr: csr::assemble(&info, &signature),
            profile,
            role: Role::Sign,
            days: None,
        });
        pki::Certificate::from_der(&issued.await.unwrap().der).unwrap()
    }

    fn body(&self, desk: &Desk) -> Value {
        json!({
            "certificate": self.certificate, "seal": self.seal, "places": in_the_middle(),
            "sealed_at_ms": desk.world().now_ms(),
        })
    }

    fn sign(&self, desk: &Desk, digest: &Value) -> String {
        let digest = hex::decode(digest.as_str().unwrap()).unwrap().try_into().unwrap();
        hex::encode(dsa::sign_digest(&self.key, &digest, &mut desk.world().rng()).unwrap().to_bytes())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_09_by_phone_or_by_a_key_elsewhere() {
    let desk = Desk::new().await;
    let stick = Stick::new(&desk).await;
    let document = desk.keep("a.pdf", &pdf::tender(1)).await;
    let path = format!("/v1/client/documents/{document}");
    assert_eq!(desk.see(&path).await["document"]["means"], json!(["scan", "key"]));
    let (prepare, complete) = (format!("{path}/key-seals/prepare"), format!("{path}/key-seals"));
    let wanted = stick.body(&desk);
    let digest = desk.platform(&prepare, &wanted).await["digest"].clone();
    assert_eq!(desk.platform(&prepare, &wanted).await["digest"], digest, "nothing changes by asking");
    let mut signed = wanted.clone();
    desk.refused(&complete, &signed, 400, "bad_request").await;
    signed["signature"] = stick.sign(&desk, &json!("07".repeat(32))).into();
    desk.refused(&complete, &signed, 400, "bad_request").await;
    signed["signature"] = stick.sign(&desk, &digest).into();
    let done = desk.platform(&complete, &signed).await;
    assert_eq!((&done["state"], &done["history"][0]["kind"]), (&json!("kept"), &json!("sealed")));
    assert_eq!(done["history"][0]["by"], Value::Null);
    // The document is another one now, so the same signature is of no use.
    desk.refused(&complete, &signed, 400, "bad_request").await;
    // And then by phone.
    desk.sealed(&document, in_the_middle()).await;
    let report = desk.report(&document).await;
    assert_eq!(
        (&report["verdict"], report["seals"].as_array().unwrap().len()),
        (&json!("valid"), 2),
        "{report}"
    );
    assert_eq!(report["seals"][0]["seal_name"], "他处印章");
    // A phone removes no seal of another key.
    let mut early = stick.body(&desk);
    early["sealed_at_ms"] = json!(desk.world().now_ms() - 301_000);
    let mut foreign = stick.body(&desk);
    foreign["certificate"] = pem(&desk).await.into();
    let mut broken = stick.body(&desk);
    broken["seal"] = Base64::encode_string(b"no seal").into();
    for (wrong, status) in [(early, 400), (foreign, 409), (broken, 400)] {
        let code = if status == 400 { "bad_request" } else { "conflict" };
        desk.refused(&prepare, &wrong, status, code).await;
    }
    // Not while a session has it.
    desk.confirmed(&document).await;
    desk.refused(&prepare, &stick.body(&desk), 409, "conflict").await;
}

/// The certificate of the phone.
async fn pem(desk: &Desk) -> String {
    let serial = desk.certificate["serial"].as_str().unwrap();
    let authority = "demo".to_owned().try_into().unwrap();
    let serial = crate::domain::ca::Serial::from_hex(serial).unwrap();
    let found = desk.world().authorities.certificate(&authority, &serial).await.unwrap();
    pki::issue::certificate_pem(&found.der)
}
