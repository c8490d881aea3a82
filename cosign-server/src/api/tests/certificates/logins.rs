//! Certificates for logging in.

use cosign_core::{Digest, sm_primitives::sm2::DistId};

use super::*;
use crate::testing::WRONG_PIN;

fn for_login() -> Value {
    on_platform("cosign")
}

async fn challenge(world: &World, device: u8) -> Value {
    let (status, challenge) =
        super::super::post(world, "/v1/login-challenges", Some([device; 32]), &json!({})).await;
    assert_eq!(status, StatusCode::CREATED, "{challenge}");
    challenge
}

impl Owner {
    /// A login with the certificate, after this was signed.
    async fn shown(&self, world: &World, challenge: &Value, key: &ClientKey) -> Value {
        let text = challenge["text"].as_str().unwrap().as_bytes();
        let digest = Digest::reduce(&DistId::default().digest(key.public_key(), text));
        let signature = self.phone.sign(world, key, digest).await.unwrap();
        let certificate = json!({
            "challenge_id": challenge["challenge_id"], "number": self.citizen,
            "signature": hex::encode(signature.to_bytes()),
        });
        json!({ "certificate": certificate, "device": "phone" })
    }
}

async fn log_in_with(world: &World, device: Option<u8>, body: &Value) -> (StatusCode, Value) {
    super::super::post(world, "/v1/sessions", device.map(|device| [device; 32]), body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_01_a_certificate_is_there_at_once_after_the_face() {
    let rules =
        Rules { levels: Levels { certificate: Level::Possession, ..Levels::default() }, ..Rules::default() };
    let Scene { world, owner } = Scene::with(rules, Options::default()).await;
    // Whoever showed less is not believed, whatever other certificates take.
    let less = verified_at(&world, OTHER, "李四", &citizen(77), Level::Possession).await;
    let mut body = for_login();
    body["agreement"] = "1".into();
    less.refused(&world, "/v1/applications", &body, 403, "not_verified").await;
    // The form is confirmed and authorised; nobody reviews it.
    let application = owner.applied(&world, for_login()).await;
    let form = owner.browser.see(&world, &format!("{}/form", path_of(&application))).await;
    assert!(form.to_string().contains("张三"), "{form}");
    assert_eq!(owner.authorised(&world, &application).await["state"], "approved");
    let (status, installed) = owner.install(&world, &application).await;
    assert_eq!(status, StatusCode::OK, "{installed}");
    let holding = owner.holding(&world, installed["holding_id"].as_str().unwrap()).await;
    assert_eq!((&holding["login"], &holding["state"]), (&json!(true), &json!("valid")));
    assert_eq!(holding["device_id"], hex::encode([owner.number; 32]));
    // It is no first certificate: that is reviewed still.
    let first = owner.applied(&world, national()).await;
    assert_eq!(owner.authorised(&world, &first).await["state"], "review");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_02_a_certificate_for_logging_in_and_nothing_else() {
    let Scene { world, owner } = Scene::new().await;
    let holding = owner.certified(&world, for_login()).await;
    let days = (holding["not_after_ms"].as_u64().unwrap() - world.now_ms()) / 86_400_000;
    assert_eq!(days.div_ceil(365), 5, "{days}");
    // One of them; it decrypts nothing, bears no seal, and none comes with it.
    let mut again = for_login();
    again["agreement"] = "1".into();
    owner.browser.refused(&world, "/v1/applications", &again, 409, "conflict").await;
    again["dual"] = true.into();
    owner.browser.refused(&world, "/v1/applications", &again, 409, "conflict").await;
    assert_eq!(owner.browser.see(&world, "/v1/seals").await["seals"], json!([]));
    let seal = json!({
        "holding_id": holding["holding_id"], "kind": "personal-seal", "name": "名章", "picture": { "template": {} },
    });
    owner.browser.refused(&world, "/v1/seals", &seal, 409, "conflict").await;
    // Beside it there are the others.
    let other = owner.certified(&world, national()).await;
    assert_eq!(other["login"], false);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_08_the_pin_of_a_certificate_logs_in() {
    let Scene { world, mut owner } = Scene::new().await;
    let (record, key) = owner.phone.key(&world, Purpose::Sign).await;
    owner.key = key;
    owner.certified(&world, national()).await;
    let invalid = (403, "password_invalid".to_owned());
    // A certificate for business logs nobody in.
    let asked = challenge(&world, owner.number).await;
    let shown = owner.shown(&world, &asked, &owner.key).await;
    assert_eq!(problem(log_in_with(&world, Some(owner.number), &shown).await), invalid);
    let holding = owner.certified(&world, for_login()).await;
    // The wrong PIN signs nothing.
    let asked = challenge(&world, owner.number).await;
    assert_eq!(challenge(&world, owner.number).await, asked, "the same one while it is good");
    let guessed = owner.phone.unlock(&record, WRONG_PIN);
    let text = asked["text"].as_str().unwrap().as_bytes();
    let digest = Digest::reduce(&DistId::default().digest(guessed.public_key(), text));
    assert!(owner.phone.sign(&world, &guessed, digest).await.is_err());
    let shown = owner.shown(&world, &asked, &owner.key).await;
    // Not without the device, not from another one.
    assert_eq!(problem(log_in_with(&world, None, &shown).await).1, "no_client_certificate");
    Phone::enrolled(&world, 12).await;
    assert_eq!(problem(log_in_with(&world, Some(12), &shown).await), (403, "code_invalid".to_owned()));
    let (status, done) = log_in_with(&world, Some(owner.number), &shown).await;
    assert_eq!((status, &done["registered"]), (StatusCode::CREATED, &json!(false)), "{done}");
    // Once.
    assert_eq!(
        problem(log_in_with(&world, Some(owner.number), &shown).await),
        (403, "code_invalid".to_owned())
    );
    // Another's number, another signature, too late.
    let asked = challenge(&world, owner.number).await;
    let mut other = owner.shown(&world, &asked, &owner.key).await;
    other["certificate"]["number"] = citizen(78).into();
    assert_eq!(problem(log_in_with(&world, Some(owner.number), &other).await), invalid);
    let asked = challenge(&world, owner.number).await;
    let mut other = owner.shown(&world, &asked, &owner.key).await;
    other["certificate"]["signature"] = "11".repeat(64).into();
    assert_eq!(problem(log_in_with(&world, Some(owner.number), &other).await), invalid);
    let asked = challenge(&world, owner.number).await;
    let late = owner.shown(&world, &asked, &owner.key).await;
    world.clock.advance(121_000);
    assert_eq!(
        problem(log_in_with(&world, Some(owner.number), &late).await),
        (403, "code_invalid".to_owned())
    );
    // Nor once it is suspended.
    let asked = challenge(&world, owner.number).await;
    let shown = owner.shown(&world, &asked, &owner.key).await;
    let freeze = format!("/v1/operator/holdings/{}/freeze", holding["holding_id"].as_str().unwrap());
    assert_eq!(super::super::post(&world, &freeze, Some([REVIEWER; 32]), &json!({})).await.0, StatusCode::OK);
    assert_eq!(problem(log_in_with(&world, Some(owner.number), &shown).await), invalid);
}
