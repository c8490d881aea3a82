//! What becomes of certificates.

use super::{super::office::cancelling, *};
use crate::{
    domain::{
        ca::{AuthorityId, CertEvent, CertState, Reason, Serial},
        key::Status,
    },
    testing::{digest, row},
};

const DAY_MS: u64 = 86_400_000;

impl Owner {
    /// Logs in again, after a while.
    async fn later(&mut self, world: &World, days: u64) {
        world.clock.advance(days * DAY_MS);
        world.authorities.expire().await.unwrap();
        world.office.work().await.unwrap();
        self.browser = log_in(world, &self.mobile).await.0;
    }

    async fn signs(&self, world: &World) -> bool {
        self.phone.sign(world, &self.key, digest(7)).await.is_ok()
    }

    async fn refused(&self, world: &World, body: Value, code: &str) {
        let mut body = body;
        body["agreement"] = "1".into();
        let (status, answer) = self.browser.post(world, "/v1/applications", &body).await;
        assert_eq!(problem((status, answer)).1, code);
    }
}

fn demo() -> AuthorityId {
    "demo".to_owned().try_into().unwrap()
}

fn serial(holding: &Value) -> Serial {
    Serial::from_hex(holding["serial"].as_str().unwrap()).unwrap()
}

async fn registered(world: &World, holding: &Value) -> CertState {
    world.authorities.certificate(&demo(), &serial(holding)).await.unwrap().state
}

async fn operator(world: &World, device: u8, holding: &Value, act: &str) -> (StatusCode, Value) {
    let id = holding["holding_id"].as_str().unwrap();
    let path = format!("/v1/operator/holdings/{id}/{act}");
    super::super::post(world, &path, Some([device; 32]), &json!({})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_21_certificates_are_listed_with_their_states() {
    let Scene { world, mut owner } = Scene::new().await;
    let first = owner.certified(&world, on_platform("one")).await;
    let second = owner.certified(&world, on_platform("two")).await;
    let waiting = owner.applied(&world, on_platform("three")).await;
    let states = async |owner: &Owner| {
        let list = owner.browser.see(&world, "/v1/holdings").await;
        let list = list["holdings"].as_array().unwrap().clone();
        list.iter().map(|one| (one["platform"].clone(), one["state"].clone())).collect::<Vec<_>>()
    };
    let all = |one: &str, two: &str| vec![(json!("two"), json!(two)), (json!("one"), json!(one))];
    assert_eq!(states(&owner).await, all("valid", "valid"));
    operator(&world, REVIEWER, &first, "freeze").await;
    assert_eq!(states(&owner).await, all("frozen", "valid"));
    // What waits is in the list of applications.
    let list = owner.browser.see(&world, "/v1/applications").await;
    assert_eq!(list["applications"][0]["application_id"], waiting["application_id"]);
    owner.later(&world, 366).await;
    assert_eq!(states(&owner).await, all("expired", "expired"));
    let (other, _) = log_in(&world, OTHER).await;
    assert_eq!(other.see(&world, "/v1/holdings").await["holdings"], json!([]));
    let path = format!("/v1/holdings/{}", second["holding_id"].as_str().unwrap());
    assert_eq!(problem(other.get(&world, &path).await).0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_22_what_expires_soon_is_marked_and_told_once() {
    let Scene { world, mut owner } = Scene::new().await;
    let holding = owner.certified(&world, national()).await;
    let id = holding["holding_id"].as_str().unwrap().to_owned();
    assert_eq!(holding["expiring"], false);
    owner.later(&world, 334).await;
    assert_eq!(owner.holding(&world, &id).await["expiring"], false);
    owner.later(&world, 2).await;
    assert_eq!(owner.holding(&world, &id).await["expiring"], true);
    owner.later(&world, 1).await;
    assert_eq!(owner.told(&world, "certificate-expiring").await, 1);
    owner.later(&world, 30).await;
    let ended = owner.holding(&world, &id).await;
    assert_eq!((&ended["state"], &ended["expiring"]), (&json!("expired"), &json!(false)));
    assert_eq!(owner.told(&world, "certificate-expired").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_23_a_certificate_in_detail() {
    let Scene { world, owner } = Scene::new().await;
    let mut asked = on_platform("hubei");
    asked["dual"] = true.into();
    let holding = owner.certified(&world, asked).await;
    for field in ["serial", "pair", "subject", "authority", "device_id", "key_id"] {
        assert!(holding[field].is_string(), "{field}: {holding}");
    }
    assert!(holding["not_before_ms"].as_u64() < holding["not_after_ms"].as_u64());
    let subject = holding["subject"].as_str().unwrap();
    assert!(subject.contains("CN=张三") && subject.contains("OU=hubei"), "{subject}");
    assert!(!subject.contains(&owner.citizen), "no number of a document is in it: {subject}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_24_the_certificate_is_exported() {
    use http_body_util::BodyExt as _;
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let Scene { world, owner } = scene;
    let path = format!("/v1/holdings/{}/certificate.cer", holding["holding_id"].as_str().unwrap());
    let asked = owner.browser.asks(Method::GET, &path).body(Body::empty()).unwrap();
    let response = super::super::respond(&world, asked).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/pkix-cert");
    let der = response.into_body().collect().await.unwrap().to_bytes();
    let certificate = pki::Certificate::from_der(&der).unwrap();
    assert_eq!(certificate.key().sm2(), Some(owner.key.public_key()));
    let (other, _) = log_in(&world, OTHER).await;
    assert_eq!(problem(other.get(&world, &path).await), (404, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_25_renew_and_the_old_one_is_superseded_after_the_new_one_works() {
    let Scene { world, mut owner } = Scene::new().await;
    let mut asked = on_platform("hubei");
    asked["dual"] = true.into();
    let old = owner.certified(&world, asked).await;
    owner.refused(&world, about("renew", &old), "conflict").await;
    owner.later(&world, 340).await;
    let application = owner.applied(&world, about("renew", &old)).await;
    owner.refused(&world, about("renew", &old), "conflict").await;
    assert_eq!(owner.authorised(&world, &application).await["state"], "approved");
    let id = old["holding_id"].as_str().unwrap();
    assert_eq!(owner.holding(&world, id).await["state"], "valid", "until the new one works");
    let (status, installed) = owner.install(&world, &application).await;
    assert_eq!(status, StatusCode::OK, "{installed}");
    let new = owner.holding(&world, installed["holding_id"].as_str().unwrap()).await;
    assert_eq!(owner.holding(&world, id).await["state"], "superseded");
    assert_eq!(registered(&world, &old).await, CertState::Superseded);
    assert_eq!((&new["replaces"], &new["platform"]), (&old["holding_id"], &json!("hubei")));
    // The keys stay, for signing and for opening what was encrypted to them.
    assert_eq!(new["key_id"], old["key_id"]);
    assert!(new["pair"].is_string() && installed["key_id"].is_null());
    assert!(new["not_after_ms"].as_u64().unwrap() > old["not_after_ms"].as_u64().unwrap() + 300 * DAY_MS);
    assert!(owner.signs(&world).await);
    owner.refused(&world, about("renew", &old), "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_27_apply_again_for_what_has_expired() {
    let Scene { world, mut owner } = Scene::new().await;
    let old = owner.certified(&world, on_platform("hubei")).await;
    owner.later(&world, 366).await;
    let new = owner.certified(&world, on_platform("hubei")).await;
    assert_eq!((&new["state"], &new["replaces"]), (&json!("valid"), &json!(null)));
    assert_eq!(owner.holding(&world, old["holding_id"].as_str().unwrap()).await["state"], "expired");
    // The old one could be renewed too, but there is one for the platform now.
    let application = owner.applied(&world, about("renew", &old)).await;
    owner.authorised(&world, &application).await;
    assert_eq!(problem(owner.install(&world, &application).await).0, 409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_28_change_after_the_data_of_the_person_changed() {
    let Scene { world, owner } = Scene::new().await;
    let old = owner.certified(&world, national()).await;
    owner.refused(&world, about("change", &old), "conflict").await;
    owner.changes(&world).await;
    let id = old["holding_id"].as_str().unwrap();
    assert_eq!(owner.holding(&world, id).await["state"], "needs-change");
    assert_eq!(registered(&world, &old).await, CertState::NeedsChange);
    assert_eq!(owner.told(&world, "certificate-needs-change").await, 1);
    // Not before the person is verified again.
    owner.refused(&world, about("change", &old), "not_verified").await;
    owner.refused(&world, about("renew", &old), "not_verified").await;
    owner.is_now(&world, "张四").await;
    assert_eq!(owner.holding(&world, id).await["state"], "needs-change");
    owner.refused(&world, about("renew", &old), "conflict").await;
    let new = owner.certified(&world, about("change", &old)).await;
    assert!(new["subject"].as_str().unwrap().contains("CN=张四"), "{new}");
    assert_eq!(owner.holding(&world, id).await["state"], "superseded");
    assert_eq!(registered(&world, &old).await, CertState::Superseded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_29_reissue_on_another_device() {
    let Scene { world, mut owner } = Scene::new().await;
    let mut asked = national();
    asked["dual"] = true.into();
    let old = owner.certified(&world, asked).await;
    let before = row(&world, &old["key_id"].as_str().unwrap().parse().unwrap()).await;
    // The new device sees that the key is elsewhere.
    let lost = std::mem::replace(&mut owner.phone, Phone::enrolled(&world, 11).await);
    let lost_key = std::mem::replace(&mut owner.key, owner.phone.key(&world, Purpose::Sign).await.1);
    owner.number = 11;
    let list = owner.see_with_device(&world, "/v1/holdings").await;
    assert_eq!(list["holdings"][0]["here"], false);
    let application = owner.applied(&world, about("reissue", &old)).await;
    let form = owner.browser.see(&world, &format!("{}/form", path_of(&application))).await;
    assert_eq!(form["warnings"], json!(["old-device-ends"]));
    // No review; the code authorises it.
    assert_eq!(owner.authorised(&world, &application).await["state"], "approved");
    let (status, installed) = owner.install(&world, &application).await;
    assert_eq!(status, StatusCode::OK, "{installed}");
    let new = owner.holding(&world, installed["holding_id"].as_str().unwrap()).await;
    assert_eq!(new["not_after_ms"], old["not_after_ms"]);
    assert_eq!(new["subject"], old["subject"]);
    assert_eq!(new["pair"], old["pair"], "the decryption key stays, and its certificate");
    // The key of the lost device is gone; the decryption key waits for its recovery.
    assert_eq!(before.status, Status::Active);
    let after = row(&world, &before.key_id).await;
    assert_eq!(after.status, Status::Revoked);
    assert!(lost.sign(&world, &lost_key, digest(7)).await.is_err());
    assert!(owner.signs(&world).await);
    assert!(installed["key_id"].is_string() && installed["enveloped_key"].is_null());
    assert_eq!(owner.holding(&world, old["holding_id"].as_str().unwrap()).await["state"], "superseded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_30_revoke_after_a_review() {
    let Scene { world, owner } = Scene::new().await;
    let holding = owner.certified(&world, national()).await;
    let mut end = about("revoke", &holding);
    end["reason"] = "whim".into();
    owner.refused(&world, end.clone(), "bad_request").await;
    end["reason"] = "cessationOfOperation".into();
    let application = owner.applied(&world, end).await;
    assert_eq!(owner.authorised(&world, &application).await["state"], "review");
    assert!(owner.signs(&world).await, "until it is passed");
    assert_eq!(review(&world, REVIEWER, &application, true, "").await.1["state"], "closed");
    let ended = owner.holding(&world, holding["holding_id"].as_str().unwrap()).await;
    assert_eq!(ended["state"], "revoked");
    let certificate = world.authorities.certificate(&demo(), &serial(&holding)).await.unwrap();
    assert_eq!(certificate.listed.unwrap().1, Reason::CessationOfOperation);
    assert!(!owner.signs(&world).await);
    for business in ["renew", "revoke", "reissue"] {
        owner.refused(&world, about(business, &holding), "conflict").await;
    }
    // Another's is not to be found.
    let stranger = Owner::new(&world, OTHER, 12, "李四").await;
    stranger.refused(&world, about("revoke", &holding), "not_found").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_32_a_frozen_certificate_is_listed_and_does_nothing() {
    let Scene { world, owner } = Scene::new().await;
    let holding = owner.certified(&world, national()).await;
    let id = holding["holding_id"].as_str().unwrap();
    assert_eq!(operator(&world, REVIEWER, &holding, "freeze").await.1["state"], "frozen");
    assert_eq!(owner.holding(&world, id).await["state"], "frozen");
    assert_eq!(registered(&world, &holding).await, CertState::Frozen);
    assert!(!owner.signs(&world).await);
    for business in ["renew", "change", "reissue"] {
        owner.refused(&world, about(business, &holding), "conflict").await;
    }
    // There is still one for this place.
    owner.refused(&world, national(), "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_33_certificates_of_several_authorities() {
    let Scene { world, owner } = Scene::new().await;
    super::super::ca::authority(&world, "other", Options::default()).await;
    let first = owner.certified(&world, national()).await;
    let second = owner.certified(&world, json!({ "business": "new", "authority": "other" })).await;
    assert_eq!((&first["authority"], &second["authority"]), (&json!("demo"), &json!("other")));
    owner.refused(&world, national(), "conflict").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_34_for_one_platform_or_for_all() {
    let Scene { world, owner } = Scene::new().await;
    let everywhere = owner.certified(&world, national()).await;
    let here = owner.certified(&world, on_platform("hubei")).await;
    assert_eq!((&everywhere["platform"], &here["platform"]), (&Value::Null, &json!("hubei")));
    assert_ne!(everywhere["subject"], here["subject"]);
    owner.refused(&world, on_platform("hubei"), "conflict").await;
    owner.refused(&world, on_platform("Hubei!"), "bad_request").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o_09_requests_are_reviewed_but_a_reissue_is_not() {
    let rules = Rules { review_first_only: false, ..Rules::default() };
    let Scene { world, mut owner } = Scene::with(rules, Options::default()).await;
    let stands = async |owner: &Owner, body: Value| {
        let application = owner.applied(&world, body).await;
        let state = owner.authorised(&world, &application).await["state"].clone();
        owner.browser.done(&world, &format!("{}/withdraw", path_of(&application)), &json!({})).await;
        state
    };
    assert_eq!(stands(&owner, national()).await, "review");
    let holding = owner.certified(&world, national()).await;
    assert_eq!(stands(&owner, about("revoke", &holding)).await, "review");
    assert_eq!(stands(&owner, about("reissue", &holding)).await, "approved");
    owner.later(&world, 340).await;
    assert_eq!(stands(&owner, about("renew", &holding)).await, "review");
    owner.changes(&world).await;
    owner.is_now(&world, "张四").await;
    assert_eq!(stands(&owner, about("change", &holding)).await, "review");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o_10_what_the_authority_does_is_taken_over() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let Scene { world, owner } = scene;
    let id = holding["holding_id"].as_str().unwrap();
    for (what, state) in [
        (CertEvent::Freeze, "frozen"),
        (CertEvent::Unfreeze, "valid"),
        (CertEvent::Revoke(Reason::KeyCompromise), "revoked"),
    ] {
        world.authorities.change(&demo(), &serial(&holding), what, None).await.unwrap();
        assert_eq!(owner.holding(&world, id).await["state"], state);
    }
    assert_eq!(owner.told(&world, "certificate-revoked").await, 1);
    // It is published.
    let certificate = world.authorities.certificate(&demo(), &serial(&holding)).await.unwrap();
    assert!(certificate.listed.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o_13_an_operator_freezes_and_unfreezes() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let Scene { world, owner } = scene;
    let state = |answer: (StatusCode, Value)| answer.1["state"].as_str().unwrap_or_default().to_owned();
    assert_eq!(state(operator(&world, REVIEWER, &holding, "unfreeze").await), "valid", "it is");
    assert_eq!(state(operator(&world, REVIEWER, &holding, "freeze").await), "frozen");
    assert_eq!(state(operator(&world, REVIEWER, &holding, "freeze").await), "frozen", "again");
    assert!(!owner.signs(&world).await);
    assert_eq!(state(operator(&world, REVIEWER, &holding, "unfreeze").await), "valid");
    assert!(owner.signs(&world).await);
    assert_eq!(owner.told(&world, "certificate-frozen").await, 1);
    assert_eq!(owner.told(&world, "certificate-unfrozen").await, 1);
    // Nobody else does.
    assert_eq!(problem(operator(&world, 9, &holding, "freeze").await), (403, "role_missing".to_owned()));
    let none = json!({ "holding_id": "0".repeat(32) });
    assert_eq!(problem(operator(&world, REVIEWER, &none, "freeze").await).0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_an_account_is_that_of_its_certificates() {
    let scene = Scene::new().await;
    let holding = scene.certified().await;
    let Scene { world, owner } = scene;
    owner.browser.done(&world, "/v1/account/cancel", &cancelling(&world, OWNER).await).await;
    assert_eq!(registered(&world, &holding).await, CertState::Revoked);
    assert!(!owner.signs(&world).await);
    world.clock.advance(31 * DAY_MS);
    world.office.work().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn n_07_certificates_end_before_the_account_where_that_is_demanded() {
    let rules = Rules { cancel_revokes: false, ..Rules::default() };
    let scene = Scene::with(rules, Options::default()).await;
    let holding = scene.certified().await;
    let Scene { world, owner } = scene;
    let preview = owner.browser.see(&world, "/v1/account/cancellation").await;
    let obstacle = json!({ "kind": "certificate", "id": holding["holding_id"] });
    assert_eq!((&preview["obstacles"], &preview["certificates"]), (&json!([obstacle]), &json!(1)));
    let body = cancelling(&world, OWNER).await;
    owner.browser.refused(&world, "/v1/account/cancel", &body, 409, "conflict").await;
    assert_eq!(registered(&world, &holding).await, CertState::Valid);
}
