//! Certificates and the devices that hold their keys.

use cosign_core::{
    MIN_ITERATIONS, Pin, Progress,
    refresh::{self, Confirmation},
    sm_primitives::sm2::dsa,
};

use super::*;
use crate::testing::{PIN, WRONG_PIN, digest, row};

const NEW_PIN: &str = "161803";

/// Changes the PIN of a key; the key as it is unlocked from then on.
async fn change_pin(world: &World, phone: &Phone, key: &ClientKey) -> ClientKey {
    let (pin, device_key) = (Pin::new(NEW_PIN).unwrap(), phone.device_key());
    let mut rng = world.rng();
    let (frame, awaiting) =
        refresh::start(key, &pin, device_key, MIN_ITERATIONS, world.now_ms(), &mut rng).unwrap();
    let Progress::Done(share) = awaiting.finish(&phone.ask(world, &frame).await, device_key).unwrap() else {
        panic!("busy")
    };
    let (frame, awaiting) =
        refresh::confirm(&share.record, &pin, device_key, world.now_ms(), &mut rng).unwrap();
    let confirmed = awaiting.finish(&phone.ask(world, &frame).await).unwrap();
    assert!(matches!(confirmed, Progress::Done(Confirmation::Active { failures: 0 })));
    phone.unlock(&share.record, NEW_PIN)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_17_the_pin_is_set_before_the_first_certificate_is_there() {
    for wrong in ["12345", "abcdef", "12 456", &"1".repeat(33)] {
        assert!(Pin::new(wrong).is_err(), "{wrong}");
    }
    let Scene { world, mut owner } = Scene::new().await;
    let application = owner.applied(&world, national()).await;
    owner.authorised(&world, &application).await;
    review(&world, REVIEWER, &application, true, "").await;
    // The PIN is set with the key; what asks for the certificate is signed with it already.
    let (record, key) = owner.phone.key(&world, Purpose::Sign).await;
    let guessed = owner.phone.unlock(&record, WRONG_PIN);
    assert!(owner.phone.sign(&world, &guessed, digest(1)).await.is_err());
    let install = format!("{}/install", path_of(&application));
    let unsigned = owner.with_device(&world, &install, &json!({ "csr": "MAA=" })).await;
    assert_eq!(problem(unsigned).0, 400);
    owner.key = owner.phone.unlock(&record, PIN);
    let (status, installed) = owner.install(&world, &application).await;
    assert_eq!(status, StatusCode::OK, "{installed}");
    owner.phone.sign(&world, &key, digest(2)).await.unwrap();
    assert!(owner.phone.sign(&world, &guessed, digest(3)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_20_a_changed_pin_is_told_and_logged() {
    let Scene { world, mut owner } = Scene::new().await;
    let (record, key) = owner.phone.key(&world, Purpose::Sign).await;
    owner.key = key;
    let holding = owner.certified(&world, national()).await;
    let id = holding["holding_id"].as_str().unwrap();
    // Whoever does not know it changes nothing.
    let guessed = owner.phone.unlock(&record, WRONG_PIN);
    let pin = Pin::new(NEW_PIN).unwrap();
    let started = refresh::start(
        &guessed,
        &pin,
        owner.phone.device_key(),
        MIN_ITERATIONS,
        world.now_ms(),
        &mut world.rng(),
    );
    let (frame, awaiting) = started.unwrap();
    assert!(awaiting.finish(&owner.phone.ask(&world, &frame).await, owner.phone.device_key()).is_err());
    owner.holding(&world, id).await;
    assert_eq!(owner.told(&world, "pin-changed").await, 0);
    let changed = change_pin(&world, &owner.phone, &owner.key).await;
    assert!(owner.phone.sign(&world, &owner.key, digest(1)).await.is_err(), "the old share is gone");
    owner.phone.sign(&world, &changed, digest(2)).await.unwrap();
    assert!(owner.phone.sign(&world, &owner.phone.unlock(&record, PIN), digest(3)).await.is_err());
    // The account learns of it once, by message, by text and in its log, and nobody learns the PIN.
    for _ in 0..2 {
        assert_eq!(owner.holding(&world, id).await["state"], "valid");
    }
    assert_eq!(owner.told(&world, "pin-changed").await, 1);
    world.office.work().await.unwrap();
    let texts = super::super::office::kept(&world, OWNER);
    assert_eq!(texts.iter().filter(|text| *text == "pin-changed").count(), 1);
    // It goes on with a renewal as with every other certificate of this key.
    owner.key = changed;
    let second = owner.certified(&world, on_platform("two")).await;
    owner.holding(&world, second["holding_id"].as_str().unwrap()).await;
    assert_eq!(owner.told(&world, "pin-changed").await, 1, "what is installed later begins where it stands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_35_the_key_is_split_between_device_and_server() {
    let Scene { world, owner } = Scene::new().await;
    let holding = owner.certified(&world, national()).await;
    assert_eq!(
        (&holding["split"], &holding["device_id"]),
        (&json!(true), &json!(hex::encode([owner.number; 32])))
    );
    // The certified key is that of both shares: neither the share here nor that of the device signs alone.
    let key_id = holding["key_id"].as_str().unwrap().parse().unwrap();
    let stored = row(&world, &key_id).await;
    assert_eq!(stored.public_key, owner.key.public_key().as_point().to_bytes());
    assert!(!stored.share.is_empty());
    let signature = owner.phone.sign(&world, &owner.key, digest(1)).await.unwrap();
    dsa::verify_digest(owner.key.public_key(), digest(1).as_bytes(), &signature).unwrap();
    let freeze = format!("/v1/operator/holdings/{}/freeze", holding["holding_id"].as_str().unwrap());
    super::super::post(&world, &freeze, Some([REVIEWER; 32]), &json!({})).await;
    assert!(
        owner.phone.sign(&world, &owner.key, digest(2)).await.is_err(),
        "without the server there is none"
    );
    let second = Phone::enrolled(&world, 11).await;
    assert!(second.sign(&world, &owner.key, digest(3)).await.is_err(), "nor without the device");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_18_every_signature_asks_for_the_pin() {
    let Scene { world, mut owner } = Scene::new().await;
    let (record, key) = owner.phone.key(&world, Purpose::Sign).await;
    owner.key = key;
    owner.certified(&world, national()).await;
    owner.phone.sign(&world, &owner.key, digest(1)).await.unwrap();
    let guessed = owner.phone.unlock(&record, WRONG_PIN);
    assert!(owner.phone.sign(&world, &guessed, digest(2)).await.is_err());
    owner.phone.sign(&world, &owner.key, digest(3)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_19_who_forgot_the_pin_gets_another_key_by_a_reissue() {
    let Scene { world, mut owner } = Scene::new().await;
    let old = owner.certified(&world, national()).await;
    let forgotten = std::mem::replace(&mut owner.key, owner.phone.key(&world, Purpose::Sign).await.1);
    // It is the phone that shows who asks: an SMS code.
    let new = owner.certified(&world, about("reissue", &old)).await;
    assert_eq!((&new["state"], &new["device_id"]), (&json!("valid"), &old["device_id"]));
    assert_ne!(new["key_id"], old["key_id"]);
    assert!(owner.phone.sign(&world, &forgotten, digest(1)).await.is_err());
    owner.phone.sign(&world, &owner.key, digest(2)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d_36_the_key_is_in_one_device() {
    let Scene { world, owner } = Scene::new().await;
    let old = owner.certified(&world, national()).await;
    let second = Phone::enrolled(&world, 11).await;
    assert!(second.sign(&world, &owner.key, digest(1)).await.is_err(), "another device has nothing of it");
    // Nor does a renewal or a change bring it there: only a reissue, for another key.
    let application = owner.applied(&world, about("reissue", &old)).await;
    owner.authorised(&world, &application).await;
    let same = owner.install(&world, &application).await;
    assert_eq!(problem(same), (409, "conflict".to_owned()));
    owner.phone.sign(&world, &owner.key, digest(2)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_24_an_unbound_device_signs_nothing_any_more() {
    let Scene { world, owner } = Scene::new().await;
    let holding = owner.certified(&world, national()).await;
    let (phone, _) = log_in_on(&world, OWNER, Some([owner.number; 32])).await;
    let devices = owner.browser.see(&world, "/v1/terminals").await;
    let unbind = |at: usize| {
        format!("/v1/terminals/{}/unbind", devices["terminals"][at]["terminal_id"].as_str().unwrap())
    };
    let (other, _) = log_in(&world, OTHER).await;
    other.refused(&world, &unbind(0), &json!({}), 404, "not_found").await;
    let state =
        async || owner.holding(&world, holding["holding_id"].as_str().unwrap()).await["state"].clone();
    owner.phone.sign(&world, &owner.key, digest(1)).await.unwrap();
    assert_eq!(state().await, "valid");
    // The server has no share for it from then on; its login is over.
    owner.browser.done(&world, &unbind(0), &json!({})).await;
    assert_eq!(state().await, "frozen");
    assert!(owner.phone.sign(&world, &owner.key, digest(2)).await.is_err());
    assert_eq!(problem(phone.get(&world, "/v1/account").await).0, 401);
    assert_eq!(owner.told(&world, "certificate-frozen").await, 1);
    owner.browser.refused(&world, &unbind(0), &json!({}), 404, "not_found").await;
    // Who logs in there again has the certificate no more than before: that takes an operator.
    log_in_on(&world, OWNER, Some([owner.number; 32])).await;
    assert!(owner.phone.sign(&world, &owner.key, digest(3)).await.is_err());
    let unfreeze = format!("/v1/operator/holdings/{}/unfreeze", holding["holding_id"].as_str().unwrap());
    assert_eq!(
        super::super::post(&world, &unfreeze, Some([REVIEWER; 32]), &json!({})).await.0,
        StatusCode::OK
    );
    owner.phone.sign(&world, &owner.key, digest(4)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_gives_way_to_others_keeps_its_certificates() {
    let Scene { world, owner } =
        Scene::with(Rules { terminals: 2, ..Rules::default() }, Options::default()).await;
    log_in_on(&world, OWNER, Some([owner.number; 32])).await;
    owner.certified(&world, national()).await;
    let mut browser = None;
    for _ in 0..3 {
        world.clock.advance(1_000);
        browser = Some(log_in(&world, OWNER).await.0);
    }
    let devices = browser.unwrap().see(&world, "/v1/terminals").await;
    let bound = devices["terminals"].as_array().unwrap().iter().filter(|one| one["state"] == "known");
    assert_eq!(bound.count(), 2);
    owner.phone.sign(&world, &owner.key, digest(1)).await.unwrap();
}
