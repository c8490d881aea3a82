//! Certificates and the devices that hold their keys.

use super::*;
use crate::testing::{WRONG_PIN, digest};

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
